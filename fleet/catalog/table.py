"""The catalogue: long CSV tables in which every number has a source, and one loader."""

from __future__ import annotations

import csv
import difflib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from fractions import Fraction
from importlib import resources
from pathlib import Path

from fleet import units
from fleet.errors import InputError

CONFIDENCES = ("measured", "vendor", "derived", "estimate")
KINDS = (
    "sensors", "cameras", "codecs", "links", "network", "servers", "models", "protocols", "apps",
)  # fmt: skip
PLAIN_UNITS = ("px", "MAC", "count", "1", "MHz", "mAP")
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


Key = tuple[str, str, str]
"""Kind (the stem of the file), item, parameter."""


class Catalog:
    """Rows by kind, item and parameter; read-only."""

    def __init__(self, rows: dict[Key, Row]) -> None:
        """Take checked rows."""
        self._rows = rows

    @staticmethod
    def load(extra: Sequence[Path] = ()) -> Catalog:
        """Read the packaged tables, then a user's own, whose rows replace or add.

        Args:
            extra: CSV files named like the packaged ones: `links.csv` holds links.

        Raises:
            InputError: a file is not such a table; names file and line.
        """
        rows: dict[Key, Row] = {}
        for kind in KINDS:
            text = resources.files(__package__).joinpath(f"{kind}.csv").read_text("utf-8")
            rows |= _read(kind, text, f"{kind}.csv")
        for path in extra:
            if path.stem not in KINDS:
                raise InputError(
                    f"{path}: a catalogue file is named after its kind: {', '.join(KINDS)}"
                )
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{path}: cannot be read: {error}") from None
            rows |= _read(path.stem, text, str(path))
        return Catalog(rows)

    def kinds(self) -> list[str]:
        """Return the kinds of items."""
        return list(KINDS)

    def items(self, kind: str) -> list[str]:
        """Return the items of a kind, in the order of the tables.

        Raises:
            InputError: there is no such kind.
        """
        _known(kind, KINDS, "kind")
        return list(dict.fromkeys(item for k, item, _ in self._rows if k == kind))

    def rows(self, kind: str, item: str) -> list[Row]:
        """Return the rows of an item.

        Raises:
            InputError: there is no such kind or item.
        """
        _known(item, self.items(kind), f"item in {kind}")
        return [row for (k, i, _), row in self._rows.items() if (k, i) == (kind, item)]

    def row(self, kind: str, item: str, parameter: str) -> Row:
        """Return one row.

        Raises:
            InputError: there is no such kind, item or parameter.
        """
        found = self._rows.get((kind, item, parameter))
        if found is None:
            known = [row.parameter for row in self.rows(kind, item)]
            _known(parameter, known, f"parameter of {kind} '{item}'")
            raise AssertionError("an unknown parameter is refused above")
        return found

    def has(self, kind: str, item: str, parameter: str) -> bool:
        """Return whether there is such a row."""
        return (kind, item, parameter) in self._rows

    def digest(self) -> str:
        """Return the SHA-256 of all rows."""
        sha = hashlib.sha256()
        for key in sorted(self._rows):
            sha.update(repr((key[0], *astuple(self._rows[key]))).encode())
        return sha.hexdigest()

    def reader(self) -> Reader:
        """Return a view with numbers in canonical units that remembers which rows were used."""
        return Reader(self)


def _known(word: str, known: Iterable[str], what: str) -> None:
    known = list(known)
    if word not in known:
        close = difflib.get_close_matches(word, known, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        raise InputError(f"the catalogue has no {what} '{word}'{hint}; known: {', '.join(known)}")


class Reader:
    """Typed access to a catalogue; `used` holds the rows that were asked for, in order."""

    def __init__(self, catalog: Catalog) -> None:
        """Start with nothing used."""
        self._catalog = catalog
        self._used: dict[Key, Row] = {}

    @property
    def used(self) -> list[Row]:
        """Return the rows that were asked for."""
        return list(self._used.values())

    def items(self, kind: str) -> list[str]:
        """Return the items of a kind."""
        return self._catalog.items(kind)

    def has_parameter(self, kind: str, item: str, parameter: str) -> bool:
        """Return whether there is such a row."""
        return self._catalog.has(kind, item, parameter)

    def _text(self, kind: str, item: str, parameter: str) -> str:
        row = self._catalog.row(kind, item, parameter)
        self._used[kind, item, parameter] = row
        return row.value if row.unit in (*PLAIN_UNITS, TEXT) else f"{row.value} {row.unit}"

    def text(self, kind: str, item: str, parameter: str) -> str:
        """Return a word."""
        return self._text(kind, item, parameter)

    def number(self, kind: str, item: str, parameter: str) -> Fraction:
        """Return a plain number, exact."""
        return Fraction(self._text(kind, item, parameter))

    def count(self, kind: str, item: str, parameter: str) -> int:
        """Return a whole number."""
        return int(self._text(kind, item, parameter))

    def time_ns(self, kind: str, item: str, parameter: str) -> int:
        """Return a time; ns."""
        return units.time_ns(self._text(kind, item, parameter))

    def data_bit(self, kind: str, item: str, parameter: str) -> int:
        """Return an amount of data; bit."""
        return units.data_bit(self._text(kind, item, parameter))

    def rate_bps(self, kind: str, item: str, parameter: str) -> int:
        """Return a data rate; bit/s."""
        return units.rate_bps(self._text(kind, item, parameter))

    def power_uw(self, kind: str, item: str, parameter: str) -> int:
        """Return a power; µW."""
        return units.power_uw(self._text(kind, item, parameter))

    def energy_nj_per_bit(self, kind: str, item: str, parameter: str) -> Fraction:
        """Return an energy per bit; nJ/bit, exact."""
        return units.energy_nj_per_bit(self._text(kind, item, parameter))

    def frame_rate(self, kind: str, item: str, parameter: str) -> Fraction:
        """Return a frame rate; frames per second, exact."""
        return units.frame_rate(self._text(kind, item, parameter))


_COLUMNS = tuple(f.name for f in fields(Row))
_PARSERS: tuple[Callable[[object], object], ...] = (
    units.time_ns, units.data_bit, units.rate_bps, units.power_uw, units.energy_nj,
    units.energy_nj_per_bit, units.frame_rate,
)  # fmt: skip


def _read(kind: str, text: str, name: str) -> dict[Key, Row]:
    lines = csv.reader(text.splitlines(), strict=True)
    if tuple(next(lines, ())) != _COLUMNS:
        raise InputError(f"{name}:1 the columns must be {','.join(_COLUMNS)}")
    rows: dict[Key, Row] = {}
    for values in lines:
        place = f"{name}:{lines.line_num}"
        if len(values) != len(_COLUMNS):
            raise InputError(f"{place} has {len(values)} fields, not {len(_COLUMNS)}")
        row = Row(*(value.strip() for value in values))
        _check(row, place)
        key = (kind, row.item, row.parameter)
        if key in rows:
            raise InputError(f"{place} {row.item} {row.parameter} stands twice; remove one")
        rows[key] = row
    return rows


def _check(row: Row, place: str) -> None:
    where = f"{place} {row.item} {row.parameter}"
    if not (row.item and row.parameter and row.source):
        raise InputError(f"{where}: item, parameter and source must not be empty")
    if row.confidence not in CONFIDENCES:
        raise InputError(
            f"{where}: confidence '{row.confidence}' is not one of {', '.join(CONFIDENCES)}"
        )
    if not row.year.isdigit():
        raise InputError(f"{where}: year '{row.year}' is not a year")
    if row.unit == TEXT:
        return
    value, low, high = (_number(text, where) for text in (row.value, row.low, row.high))
    if value is None or (low is not None and low > value) or (high is not None and high < value):
        raise InputError(f"{where}: {row.value!r} must be a number with low <= value <= high")
    if row.unit not in PLAIN_UNITS and not any(_parses(p, row) for p in _PARSERS):
        raise InputError(f"{where}: '{row.value} {row.unit}' is not a quantity; mend the unit")


def _number(text: str, where: str) -> Fraction | None:
    if not text:
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{where}: '{text}' is not a number") from None


def _parses(parse: Callable[[object], object], row: Row) -> bool:
    try:
        parse(f"{row.value} {row.unit}")
    except InputError:
        return False
    return True
