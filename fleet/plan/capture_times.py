"""Capture times from files: whose they are, which lie in the run, and what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from fleet.arrays import Ints
from fleet.errors import InputError
from fleet.plan.roster import Roster
from fleet.plan.table_file import TIME_UNITS_NS, exact, read_columns, unit_of
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Capture, TraceCapture

_LIKE_A_DATE_NS = 3 * 365 * 86_400 * 10**9
"""Times that begin later than this count from somewhere else than the start of a run."""
_COUNT = "count from the start of the run, or from elsewhere with 'offset'"
_SHOWN = 3


@dataclass(frozen=True)
class CaptureTimes:
    """The capture times of all sensors that take them from files.

    Attributes:
        times_ns: of one sensor after another, ascending; before the end of the run.
        spans: by name of the sensor, where its times begin and end, and their tick in ns.
        rates: by group, the mean frames a second of a sensor; the period is in whole ns.
        remarks: what does not fit, but is no error.
    """

    times_ns: Ints
    spans: Mapping[str, tuple[int, int, int]]
    rates: Mapping[str, Fraction]
    remarks: tuple[str, ...]


def read(scenario: Scenario, roster: Roster) -> CaptureTimes:
    """Return the capture times of all sensors that take them from files.

    Raises:
        InputError: a file cannot be read, or nothing in it fits the run.
    """
    parts: list[Ints] = [np.empty(0, dtype=np.int64)]
    spans, rates, remarks = {}, {}, []
    begins = 0
    for group, spec in scenario.model.sensors.items():
        if not isinstance(spec.capture, Capture):
            continue
        names = [roster.names[s] for s in roster.of_group(group)]
        table = _Table(scenario, spec.capture.trace, ("sensors", group, "capture", "trace"))
        remarks += table.fit(names)
        before = begins
        for owner, times in table.times.items():
            parts.append(times)
            for name in [owner] if table.owned else names:
                spans[name] = (begins, begins + len(times), table.tick_ns)
            begins += len(times)
        frames = (begins - before) * (1 if table.owned else len(names))
        gap_ns = max(1, len(names) * scenario.model.duration // frames)
        rates[group] = Fraction(10**9, gap_ns)
    return CaptureTimes(np.concatenate(parts), spans, rates, tuple(remarks))


class _Table:
    """A file of capture times, read for the sensors of a group."""

    def __init__(self, scenario: Scenario, trace: TraceCapture, keys: tuple[str, ...]) -> None:
        """Read a file.

        Raises:
            InputError: it cannot be read, or holds something that is no time.
        """
        try:
            unit_ns = unit_of(trace.column, TIME_UNITS_NS)
        except InputError as error:
            raise scenario.error((*keys, "column"), str(error)) from None
        self.scenario, self.trace, self.keys = scenario, trace, keys
        self.path = scenario.file(trace.file, *keys, "file")
        self.owned = trace.sensor is not None
        columns = [trace.column] + ([trace.sensor] if trace.sensor else [])
        table = read_columns(self.path, columns, _COUNT)
        self.values = table[trace.column]
        stated = [
            _time_ns(self.path, trace, row, value, unit_ns) for row, value in enumerate(self.values)
        ]
        self.tick_ns = tick_ns([at + trace.offset for at in stated], unit_ns)
        owners = [str(v) for v in table[trace.sensor]] if trace.sensor else [""] * len(stated)
        self.rows: dict[str, list[tuple[int, int]]] = {}
        for row, (owner, at) in enumerate(zip(owners, stated, strict=True)):
            self.rows.setdefault(owner, []).append((at, row))
        self.times: dict[str, Ints] = {}

    def fit(self, names: Sequence[str]) -> list[str]:
        """Keep what lies in the run, of the sensors that there are; return what did not fit.

        Raises:
            InputError: nothing does, or a time stands twice for one sensor.
        """
        strangers = [owner for owner in self.rows if owner not in names] if self.owned else []
        if len(strangers) == len(self.rows):
            raise self.scenario.error(
                (*self.keys, "sensor"),
                f"none of the {len(self.values):,} rows of '{self.trace.file}' is of a sensor of"
                f" this group: '{self.trace.sensor}' has {_some(strangers)}, the group has"
                f" {_some(names)}; use these names",
            )
        ours = {owner: rows for owner, rows in self.rows.items() if owner not in strangers}
        self.times = {owner: self._in_run(owner, rows) for owner, rows in ours.items()}
        kept = sum(len(times) for times in self.times.values())
        if kept == 0:
            raise self.scenario.error((*self.keys, "column"), self._nothing(ours))
        return self._remarks(names, strangers, kept, sum(len(rows) for rows in ours.values()))

    def _in_run(self, owner: str, rows: list[tuple[int, int]]) -> Ints:
        rows.sort()
        for (at, first), (then, second) in pairwise(rows):
            if at == then:
                of = f" of sensor '{owner}'" if self.owned else ""
                raise InputError(
                    f"{self.path}: {self.trace.column} {self.values[second]}{of} stands twice, in"
                    f" rows {first + 1} and {second + 1}; remove one"
                )
        end_ns = self.scenario.model.duration
        return np.array([at for at, _ in rows if 0 <= at < end_ns], dtype=np.int64)

    def _nothing(self, ours: Mapping[str, list[tuple[int, int]]]) -> str:
        at, row = min(rows[0] for rows in ours.values())
        seconds, first = at / 1e9, self.values[row]
        advice = f"'{self.trace.column}' must count from the start of the run"
        if at + self.trace.offset > _LIKE_A_DATE_NS:
            advice += (
                f"; these look like Unix times, so say 'offset: {int(seconds)} s', or what the"
                " column says when the run starts"
            )
        else:
            advice += "; say in 'offset' what the column says then, or run longer"
        total = sum(len(rows) for rows in ours.values())
        return (
            f"none of the {total:,} rows of '{self.trace.file}' lies in the run of"
            f" {self.scenario.model.duration / 1e9:g} s: the first, {first}, is"
            f" {abs(seconds):,.1f} s {'before' if at < 0 else 'after'} the start; {advice}"
        )

    def _remarks(
        self, names: Sequence[str], strangers: Sequence[str], kept: int, total: int
    ) -> list[str]:
        group, file = self.keys[1], self.trace.file
        out = []
        if strangers:
            out.append(
                f"{file}: {len(strangers):,} of {len(self.rows):,} names fit no sensor of {group}"
                f" ({_some(strangers)}); their rows are not used."
            )
        if kept < total:
            out.append(f"{file}: {kept:,} of {total:,} rows of {group} lie in the run.")
        without = [name for name in names if self.owned and not len(self.times.get(name, ()))]
        if without:
            out.append(
                f"{file}: {len(without):,} of {len(names):,} sensors of {group} capture nothing in"
                f" the run ({_some(without)})."
            )
        return out


COARSEST_NS = 1_000_000
"""No clock is taken to be coarser."""


def tick_ns(times_ns: Sequence[int], unit_ns: int) -> int:
    """Return how finely a clock reported times: a unit of their last decimal place; ns.

    It is at most the unit of their column, and a millisecond: whole seconds are exact rather than
    known to a second.
    """
    tick = min(unit_ns, COARSEST_NS)
    while tick > 1 and any(at % tick for at in times_ns):
        tick //= 10
    return tick


def _some(names: Sequence[str]) -> str:
    """Return some names, and whether there are more."""
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more


def _time_ns(path: Path, trace: TraceCapture, row: int, value: object, unit_ns: int) -> int:
    """Return a time from the start of a run, as exact as it is written, to the nearest ns."""
    at = exact(value, unit_ns)
    if at is None:
        shown = "empty or not a number" if value is None else repr(str(value))
        raise InputError(
            f"{path}: {trace.column} in row {row + 1} is {shown}; times are numbers that {_COUNT}"
        )
    if at < 0 and not trace.offset:
        raise InputError(
            f"{path}: {trace.column} in row {row + 1} is {value}; times count from the start and"
            " are not negative"
        )
    return int(at.to_integral_value()) - trace.offset
