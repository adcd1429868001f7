"""The catalogue: long CSV tables in which every number has a source, and one loader."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import fleet.units as units
from fleet.catalog.round_trips import KIND as DISTANCES
from fleet.catalog.round_trips import rows as distances
from fleet.catalog.rows import COLUMNS, KINDS, TEXT, Key, Row, collect, read, require
from fleet.errors import InputError

T = TypeVar("T")
Lines = Iterable[tuple[str, Row]]


@functools.cache
def _packaged() -> dict[Key, Row]:
    """Return the rows of the packaged tables, read once: checking them takes a while."""
    rows: dict[Key, Row] = {}
    for kind in KINDS:
        if kind == DISTANCES:  # whose table is a square of numbers, with one source for all
            rows |= distances()
            continue
        text = resources.files(__package__).joinpath(f"{kind}.csv").read_text("utf-8")
        rows |= read(kind, text, f"{kind}.csv")
    return rows


class Catalog:
    """Rows by kind, item and parameter; read-only."""

    def __init__(self, rows: dict[Key, Row]) -> None:
        """Take checked rows."""
        self._rows = dict(rows)

    @staticmethod
    def load(extra: Sequence[Path] = (), own: Mapping[str, Lines] | None = None) -> Catalog:
        """Read the packaged tables, then a user's own, whose rows replace or add.

        Args:
            extra: CSV files named like the packaged ones: `links.csv` holds links.
            own: further rows by kind, each with the place where it was written.

        Raises:
            InputError: a file is not such a table; names file and line.
        """
        if not extra and not own:
            return _whole()
        rows = dict(_packaged())
        # A user's misspelt parameter would leave the packaged value in force without a word.
        known = {kind: list(dict.fromkeys(p for k, _, p in rows if k == kind)) for kind in KINDS}
        for path in extra:
            text = _user_text(path)
            kind = path.stem.lower()
            rows |= read(kind, text, str(path), known[kind])
        for kind, lines in (own or {}).items():
            rows |= collect(kind, lines, known[kind])
        return Catalog(rows)

    @cached_property
    def _by_item(self) -> dict[str, dict[str, list[Row]]]:
        """Return the rows by kind and item, in the order of the tables."""
        rows: dict[str, dict[str, list[Row]]] = {}
        for (kind, item, _), row in self._rows.items():
            rows.setdefault(kind, {}).setdefault(item, []).append(row)
        return rows

    def kinds(self) -> list[str]:
        """Return the kinds of items."""
        return list(KINDS)

    def items(self, kind: str) -> list[str]:
        """Return the items of a kind, in the order of the tables.

        Raises:
            InputError: there is no such kind.
        """
        require(kind, KINDS, "kind")
        return list(self._by_item.get(kind, ()))

    def rows(self, kind: str, item: str) -> list[Row]:
        """Return the rows of an item.

        Raises:
            InputError: there is no such kind or item.
        """
        require(item, self.items(kind), f"item in {kind}")
        return list(self._by_item[kind][item])

    def kinds_of(self, item: str) -> list[str]:
        """Return the kinds that have an item of a name.

        Raises:
            InputError: none has; says what was perhaps meant.
        """
        kinds = [kind for kind in KINDS if item in self.items(kind)]
        if not kinds:
            require(item, [i for kind in KINDS for i in self.items(kind)], "item")
        return kinds

    def row(self, kind: str, item: str, parameter: str) -> Row:
        """Return one row.

        Raises:
            InputError: there is no such kind, item or parameter.
        """
        held = self._rows.get((kind, item, parameter))
        if held is None:
            known = [row.parameter for row in self.rows(kind, item)]
            require(parameter, known, f"parameter of {kind} '{item}'")
            raise AssertionError("an unknown parameter is refused above")
        return held

    def has(self, kind: str, item: str, parameter: str | None = None) -> bool:
        """Return whether there is such an item, or such a parameter of it."""
        if parameter is None:
            return item in self._by_item.get(kind, {})
        return (kind, item, parameter) in self._rows

    def holds_the_same(self, other: Catalog) -> bool:
        """Return whether another catalogue has the same rows in the same order."""
        mine, theirs = self._rows, other._rows
        return self is other or (mine == theirs and list(mine) == list(theirs))

    def all_rows(self) -> Mapping[Key, Row]:
        """Return all rows by kind, item and parameter."""
        return MappingProxyType(self._rows)

    def changed(self, rows: Mapping[Key, Row]) -> Catalog:
        """Return a catalogue in which some rows stand in place of those that were there."""
        return Catalog({**self._rows, **rows})

    def digest(self) -> str:
        """Return the SHA-256 of all rows, whatever their order."""
        sha = hashlib.sha256()
        for key in sorted(self._rows):
            row = self._rows[key]
            sha.update(repr((key[0], *(getattr(row, name) for name in COLUMNS))).encode())
        return sha.hexdigest()

    def reader(self) -> Reader:
        """Return a view with numbers in canonical units that remembers which rows were used."""
        return Reader(self)


@functools.cache
def _whole() -> Catalog:
    """Return the packaged tables as a catalogue."""
    return Catalog(_packaged())


def _user_text(path: Path) -> str:
    if path.stem.lower() not in KINDS:
        raise InputError(f"{path}: a catalogue file is named after its kind: {', '.join(KINDS)}")
    try:
        return path.read_text("utf-8-sig")  # spreadsheets write a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


class Reader:
    """Typed access to a catalogue; `used` holds the rows that were asked for, by key and in order.

    Every getter raises `InputError` if there is no such row or it measures something else.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Start with nothing used."""
        self._catalog = catalog
        self.used: dict[Key, Row] = {}

    def items(self, kind: str) -> list[str]:
        """Return the items of a kind."""
        return self._catalog.items(kind)

    def has_parameter(self, kind: str, item: str, parameter: str) -> bool:
        """Return whether there is such a row."""
        return self._catalog.has(kind, item, parameter)

    def text(self, kind: str, item: str, parameter: str) -> str:
        """Return a word."""
        row = self._use(kind, item, parameter)
        if row.unit != TEXT:
            raise InputError(f"catalogue {kind} {item} {parameter}: must be a text, not a number")
        return row.value

    def number(self, kind: str, item: str, parameter: str) -> Fraction:
        """Return a plain number or a fraction, exact."""
        return self._read(units.fraction, kind, item, parameter)

    def count(self, kind: str, item: str, parameter: str) -> int:
        """Return a whole number."""
        return self._read(units.count, kind, item, parameter)

    def time_ns(self, kind: str, item: str, parameter: str) -> int:
        """Return a time; ns."""
        return self._read(units.time_ns, kind, item, parameter)

    def data_bit(self, kind: str, item: str, parameter: str) -> int:
        """Return an amount of data; bit."""
        return self._read(units.data_bit, kind, item, parameter)

    def rate_bps(self, kind: str, item: str, parameter: str) -> int:
        """Return a data rate; bit/s."""
        return self._read(units.rate_bps, kind, item, parameter)

    def power_uw(self, kind: str, item: str, parameter: str) -> int:
        """Return a power; µW."""
        return self._read(units.power_uw, kind, item, parameter)

    def energy_nj_per_bit(self, kind: str, item: str, parameter: str) -> Fraction:
        """Return an energy per bit; nJ/bit, exact."""
        return self._read(units.energy_nj_per_bit, kind, item, parameter)

    def frame_rate(self, kind: str, item: str, parameter: str) -> Fraction:
        """Return a frame rate; frames per second, exact."""
        return self._read(units.frame_rate, kind, item, parameter)

    def _use(self, kind: str, item: str, parameter: str) -> Row:
        row = self._catalog.row(kind, item, parameter)
        self.used[kind, item, parameter] = row
        return row

    def _read(self, parse: Callable[[object], T], kind: str, item: str, parameter: str) -> T:
        row = self._use(kind, item, parameter)
        try:
            return parse(row.quantity)
        except InputError as error:
            raise InputError(f"catalogue {kind} {item} {parameter}: {error}") from None
