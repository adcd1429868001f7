"""Numbers by the hour as a scenario states them: 24 of them, or a CSV file.

They are the intensity of a grid and the price of electricity. Hours are those of the local clock.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, model_validator

from fleet.errors import InputError
from fleet.scenario.city import number, read_rows
from fleet.scenario.quantities import UNIT, Model, SaidAs, given, says

HOURS, MONTHS = 24, 12
MOST = 1e6
"""The highest intensity or price that anybody may state."""
HOUR = dt.timedelta(hours=1)
_TIMES = "2024-05-16T17:00"
_LISTED = 8


def _day(stated: object) -> tuple[float, ...]:
    """Return 24 numbers.

    Raises:
        InputError: it is no list of so many, or holds something that is none.
    """
    if not isinstance(stated, list) or len(stated) != HOURS:
        what = f"{len(stated)} numbers" if isinstance(stated, list) else repr(stated)[:60]
        raise InputError(
            f"{what}: write a list of {HOURS} numbers, one for each hour of the day from 0:00 on,"
            " or name a CSV file with 'file'"
        )
    for hour, value in enumerate(stated):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{value!r} of hour {hour} is not a number; write a plain number")
    return tuple(number(str(v), 0, MOST, f"hour {hour}:") for hour, v in enumerate(stated))


_DAY = {
    "type": "array",
    "items": {"type": "number", "minimum": 0, "maximum": MOST},
    "minItems": HOURS,
    "maxItems": HOURS,
    UNIT: f"{HOURS} numbers",
}
Day = Annotated[tuple[float, ...], BeforeValidator(_day), SaidAs(_DAY)]
"""A number for each hour of the day; shape (24,)."""


class _ByHour(Model):
    """Numbers by the hour: 24 of them, or a CSV file."""

    @property
    @abstractmethod
    def day(self) -> tuple[float, ...] | None:
        """Return the numbers, None if a file has them."""

    @model_validator(mode="after")
    def _one(self) -> _ByHour:
        column = next(iter(type(self).model_fields))
        if (self.day is None) == (self.__dict__["file"] is None):
            raise InputError(f"give either '{column}' ({HOURS} numbers) or 'file' (a CSV file)")
        return self


_OR_FILE = "`file` is given"
_FILE = "CSV file with a number for each hour"


class OwnGrid(_ByHour):
    """A grid's own intensity by the hour of the local clock."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("g_per_kwh"), given("file")]})

    g_per_kwh: Annotated[
        Day | None,
        says(
            "CO₂e of a kWh in each hour of the day; g", [100] * 12 + [500] * 12, "`file` is given"
        ),
    ] = None
    file: Annotated[str | None, says(_FILE, "grid.csv", "`g_per_kwh` is given")] = None

    @property
    def day(self) -> tuple[float, ...] | None:
        """Return the numbers, None if a file has them."""
        return self.g_per_kwh


class Tariff(_ByHour):
    """The price of electricity by the hour of the local clock."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("usd_per_kwh"), given("file")]})

    usd_per_kwh: Annotated[
        Day | None,
        says(
            "price of a kWh in each hour of the day; US dollars",
            [0.12] * 7 + [0.3] * 15 + [0.12] * 2,
            _OR_FILE,
        ),
    ] = None
    file: Annotated[str | None, says(_FILE, "tariff.csv", "`usd_per_kwh` is given")] = None

    @property
    def day(self) -> tuple[float, ...] | None:
        """Return the numbers, None if a file has them."""
        return self.usd_per_kwh


@dataclass(frozen=True)
class Table:
    """Numbers by the hour of the local clock, by the month too, or hour after hour.

    Attributes:
        by_month: by month from January and hour from 0:00, all months alike where a file has none;
            empty if they are hour after hour.
        first: when the first of `series` begins: on the local clock, or with its offset from UTC.
        series: numbers, hour after hour.
    """

    by_month: tuple[tuple[float, ...], ...] = ()
    first: dt.datetime = dt.datetime.min
    series: tuple[float, ...] = ()

    def check_covers(self, path: Path, start: dt.datetime, end: dt.datetime) -> None:
        """Refuse hour after hour that does not hold all of a run.

        Args:
            path: of the file, for the error.
            start: when the run begins.
            end: when it ends.

        Raises:
            InputError: it does not.
        """
        after = self.first + len(self.series) * HOUR
        if not self.by_month and not (self.first <= start and end <= after):
            raise InputError(
                f"{path}: holds {_at(self.first)} to {_at(after)}, and the run is from"
                f" {_at(start)} to {_at(end)}; add the hours that are missing, or move 'start'"
            )

    def at(self, moment: dt.datetime) -> float:
        """Return the number of the hour in which a moment is."""
        if self.by_month:
            return self.by_month[moment.month - 1][moment.hour]
        return self.series[(moment - self.first) // HOUR]


def read(path: Path, column: str) -> Table:
    """Read a table of numbers by the hour.

    It has a column `hour` and a row for each of 24; or `month` too and 288 rows; or a column `time`
    with the begin of each hour, one after the other: of the local clock as if nobody changed it, or
    all with their offsets from UTC.

    Args:
        path: a CSV file.
        column: of the numbers.

    Raises:
        InputError: it is no such table: hours are missing, stand twice or run backwards, or a
            number is none, or below zero.
    """
    rows = list(read_rows(path, (column,)))
    if not rows:
        raise InputError(f"{path}: has no row; write one for each hour")
    names = rows[0][1]
    if "time" in names:
        return _series(path, rows, column)
    if "hour" in names:
        return _by_clock(path, rows, column)
    raise InputError(
        f"{path}:1 has no column time or hour; write 'hour' from 0 to 23, with 'month' from 1 to"
        f" 12 if you like, or 'time' such as {_TIMES}"
    )


Rows = Sequence[tuple[str, Mapping[str, str]]]


def _by_clock(path: Path, rows: Rows, column: str) -> Table:
    by_month = "month" in rows[0][1]
    held: dict[tuple[int, int], float] = {}
    seen: dict[tuple[int, int], str] = {}
    for place, row in rows:
        month = _whole(row["month"], 1, MONTHS, f"{place} month") if by_month else 1
        hour = _whole(row["hour"], 0, HOURS - 1, f"{place} hour")
        key = month, hour
        if key in seen:
            told = f"month {month} hour {hour}" if by_month else f"hour {hour}"
            line = seen[key].rpartition(":")[2]
            raise InputError(f"{place} {told} stands twice, first in line {line}; keep one")
        seen[key], held[key] = place, number(row[column], 0, MOST, f"{place} {column}")
    months = range(1, MONTHS + 1) if by_month else (1,)
    missing = [(m, h) for m in months for h in range(HOURS) if (m, h) not in held]
    if missing:
        said = [f"month {m} hour {h}" if by_month else f"{h}" for m, h in missing[:_LISTED]]
        more = ", ..." if len(missing) > _LISTED else ""
        what = "it lacks" if by_month else "it lacks hour"
        held_of = f"{len(held)} of {len(months) * HOURS}"
        raise InputError(f"{path}: has {held_of} hours; {what} {', '.join(said)}{more}")
    table = [tuple(held[m, h] for h in range(HOURS)) for m in months]
    return Table(by_month=tuple(table if by_month else table * MONTHS))


def _series(path: Path, rows: Rows, column: str) -> Table:
    times = [_moment(row["time"], place) for place, row in rows]
    for at, (place, _) in zip(times, rows, strict=True):
        if (at.tzinfo is None) != (times[0].tzinfo is None):
            raise InputError(
                f"{place} time {_at(at)}: either all times have an offset from UTC or none; the"
                f" first is {_at(times[0])}"
            )
    values = tuple(number(row[column], 0, MOST, f"{place} {column}") for place, row in rows)
    for (before, after), (place, _) in zip(pairwise(times), rows[1:], strict=True):
        if after <= before:
            what = "stands twice" if after == before else f"comes behind {_at(before)}"
            raise InputError(f"{place} time {_at(after)} {what}; hours go on, one after the other")
        if after - before != HOUR:
            raise InputError(
                f"{place} time {_at(after)} follows on {_at(before)}; add the hours from"
                f" {_at(before + HOUR)} on, which are missing"
            )
    return Table(first=times[0], series=values)


def _whole(text: str, least: int, most: int, place: str) -> int:
    value = number(text, least, most, place)
    if value != int(value):
        raise InputError(f"{place} {text} is not a whole number from {least} to {most}")
    return int(value)


def _moment(text: str, place: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"{place} time '{text}' is no moment; write such as {_TIMES}") from None
    if moment.minute or moment.second or moment.microsecond:
        raise InputError(
            f"{place} time '{text}' is not the begin of an hour; write one row an hour"
        )
    return moment


def _at(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="minutes")
