"""The rows of the catalogue's tables: how a CSV file is read and what is checked in it."""

from __future__ import annotations

import csv
import difflib
import functools
import io
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

import fleet.units as units
from fleet.catalog.ranges import MEASURED, outside
from fleet.errors import InputError

CONFIDENCES = ("measured", "vendor", "derived", "estimate")
KINDS = (
    "sensors", "cameras", "hosts", "codecs", "links", "network", "servers", "models", "protocols",
    "apps", "carbon", "prices", "eyes", "cuts", "distances",
)  # fmt: skip
WHOLE_UNITS = ("px", "px/s", "MAC", "count")
MONEY_UNITS = ("USD", "USD/h", "USD/GB", "USD/GB/month", "USD/kWh")
PLAIN_UNITS = (*WHOLE_UNITS, *MONEY_UNITS, "1", "MHz", "V", "mAP", "top-1", "gCO2e/kWh")
TEXT = "text"


@dataclass(frozen=True)
class Row:
    """One number of one item, with its unit, range, source and confidence."""

    item: str
    parameter: str
    value: str
    unit: str
    low: str
    high: str
    source: str
    year: str
    confidence: str

    @property
    def quantity(self) -> str:
        """Return the value as text for `fleet.units`: with its unit, unless that is a plain one."""
        return self.value if self.unit in (*PLAIN_UNITS, TEXT) else f"{self.value} {self.unit}"


Key = tuple[str, str, str]
"""Kind (the stem of the file), item, parameter."""

COLUMNS = tuple(f.name for f in fields(Row))
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_YEAR = re.compile(r"(19|20)[0-9]{2}")
# Parameters that no packaged item has, or that are named after what a user may add: models have a
# time for every server, sensors a size and speed for every mode, places a distance to others.
_FREE = re.compile(
    r".+_batch_(base|per_frame|hold)|(width|height|readout|frame_rate_max)_[a-z0-9]+"
    r"|[ip]_pixel_exponent|size_law|service_law|rtt_to_.+"
)


def read(
    kind: str, text: str, name: str, parameters: Collection[str] | None = None
) -> dict[Key, Row]:
    """Return the rows of a table.

    Args:
        kind: what the table is about; see `KINDS`.
        text: content of the CSV file.
        name: of the file, for error messages.
        parameters: the only ones allowed, since nothing reads any other; None allows all.

    Raises:
        InputError: the text is not such a table; says file and line.
    """
    return collect(kind, _lines(text, name), parameters)


def collect(
    kind: str, lines: Iterable[tuple[str, Row]], parameters: Collection[str] | None = None
) -> dict[Key, Row]:
    """Return checked rows of a kind by item and parameter, given each with its place.

    Raises:
        InputError: a row is not sound or stands twice; says its place.
    """
    rows: dict[Key, Row] = {}
    for place, row in lines:
        check(row, place)
        if parameters is not None and not _FREE.fullmatch(row.parameter):
            require(row.parameter, parameters, f"parameter of {kind}", f"{place} ")
        key = (kind, row.item, row.parameter)
        if key in rows:
            raise InputError(f"{place} {row.item} {row.parameter} stands twice; remove one")
        rows[key] = row
    return rows


def require(word: str, known: Collection[str], what: str, place: str = "") -> None:
    """Refuse a word that is not known.

    Raises:
        InputError: it is not; says what is, and what was perhaps meant: of many only the nearest.
    """
    if word not in known:
        close = difflib.get_close_matches(word, known, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        listed = f"known: {', '.join(known) or 'none'}"
        if len(known) > _MANY:
            near = difflib.get_close_matches(word, known, n=3, cutoff=0.0)
            listed = f"nearest are {', '.join(near)}; see 'fleet catalog'"
        raise InputError(f"{place}the catalogue has no {what} '{word}'{hint}; {listed}")


_MANY = 40
"""So many words are no help any more."""


def _lines(text: str, name: str) -> Iterator[tuple[str, Row]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(next(lines, ())) != COLUMNS:
            raise InputError(
                f"{name}:1 the columns must be {','.join(COLUMNS)} (columns are cut at commas)"
            )
        for values in lines:
            if values:
                place = f"{name}:{lines.line_num}"
                yield place, _row(values, place)
    except csv.Error as error:
        raise InputError(f"{name}:{lines.line_num} is not CSV: {error}; mend the quotes") from None


def _row(values: list[str], place: str) -> Row:
    if len(values) != len(COLUMNS):
        raise InputError(
            f"{place} has {len(values)} fields, not {len(COLUMNS)}; put text with commas in quotes"
        )
    return Row(*(value.strip() for value in values))


def check(row: Row, place: str) -> None:
    """Refuse a row that is not sound.

    Raises:
        InputError: it is not; says place, item and parameter.
    """
    where = f"{place} {row.item} {row.parameter}"
    for column in ("item", "parameter", "value", "unit", "source"):
        if not getattr(row, column):
            raise InputError(f"{where}: {column} is empty")
    if row.confidence not in CONFIDENCES:
        raise InputError(
            f"{where}: confidence '{row.confidence}' is not one of {', '.join(CONFIDENCES)}"
        )
    if not _YEAR.fullmatch(row.year):
        raise InputError(f"{where}: year '{row.year}' is not a year such as 2024")
    if row.unit == TEXT:
        _check_text(row, where)
    else:
        _check_number(row, where)


def _check_text(row: Row, where: str) -> None:
    if row.low or row.high:
        raise InputError(f"{where}: a text has no range; leave low and high empty")


def _check_number(row: Row, where: str) -> None:
    value = _number(row.value, where)
    low = _number(row.low, where) if row.low else value
    high = _number(row.high, where) if row.high else value
    if not low <= value <= high:
        raise InputError(
            f"{where}: low <= value <= high does not hold: {row.low} {row.value} {row.high}"
        )
    dimension = dimension_of(row.unit, where)
    unit = "" if row.unit in PLAIN_UNITS else f" {row.unit}"
    for text in dict.fromkeys(filter(None, (row.value, row.low, row.high))):
        try:
            number = units.parse(text + unit, dimension)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        problem = outside(number, row.parameter, dimension)
        if problem is not None:
            raise InputError(f"{where}: {text}{unit} {problem}")


def _number(text: str, where: str) -> Fraction:
    number = _fraction(text)
    if number is None:
        raise InputError(f"{where}: '{text}' is not a number, zero or more, such as 3.1 or 6.7e-5")
    return number


@functools.lru_cache(maxsize=4096)
def _fraction(text: str) -> Fraction | None:
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def dimension_of(unit: str, where: str) -> units.Dimension:
    """Return what is measured in a unit; plain numbers are fractions, whole ones counts.

    Raises:
        InputError: there is no such unit; says where it stands.
    """
    if unit in WHOLE_UNITS:
        return units.Dimension.COUNT
    if unit in PLAIN_UNITS:
        return units.Dimension.FRACTION
    dimension = _measured_in(unit)
    if dimension is None:
        raise InputError(
            f"{where}: unknown unit '{unit}'; write one such as ms, B, Mbit/s, mW, nJ/bit, fps"
            f" or %, or {', '.join(PLAIN_UNITS)} or {TEXT}"
        )
    return dimension


@functools.lru_cache(maxsize=256)
def _measured_in(unit: str) -> units.Dimension | None:
    """Return what is measured in a unit; a thousand rows share some twenty units."""
    return next((d for d in MEASURED if _measures(unit, d)), None)


def _measures(unit: str, dimension: units.Dimension) -> bool:
    """Return whether the unit is one of the dimension, finer than its canonical unit or not."""
    for number in ("1", "1e9"):
        try:
            units.parse(f"{number} {unit}", dimension)
        except InputError:
            continue
        return True
    return False
