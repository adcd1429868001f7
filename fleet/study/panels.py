"""How a study is laid out where it is drawn: lines over a key in panels of another, maps of two."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from fleet.study.averages import arms_of, is_grid, is_number, places, varied

_MOST = 4
LOST = 30.0
"""A value so many times smaller than another one is seen over logarithms only."""


class Panels(NamedTuple):
    """Lines over the last key that has numbers.

    Attributes:
        along: that key.
        other: the other one, of which each panel has a value; None: there is none.
        values: of the panels, evenly chosen if there are many; one None without another key.
    """

    along: str
    other: str | None
    values: list[Any]


class Map(NamedTuple):
    """A map over two keys.

    Attributes:
        other: the third key, None if there is none.
        value: its value here.
        up: the key upwards.
        across: the key to the right.
        rows: a row for each point of it.
    """

    other: str | None
    value: Any
    up: str
    across: str
    rows: list[dict[str, Any]]

    @property
    def upwards(self) -> list[Any]:
        """Return the values of the key upwards, from below."""
        return list(dict.fromkeys(row[self.up] for row in self.rows))

    @property
    def to_the_right(self) -> list[Any]:
        """Return the values of the key to the right."""
        return list(dict.fromkeys(row[self.across] for row in self.rows))


def has_lines(table: pa.Table) -> bool:
    """Return whether a study is a grid of one or two keys, of which one has numbers."""
    keys = varied(table)
    return len(keys) <= 2 and is_grid(table) and any(is_number(table, key) for key in keys)


def has_map(table: pa.Table) -> bool:
    """Return whether a study is a grid of two or three keys in several arms, one of them best."""
    return len(varied(table)) in (2, 3) and is_grid(table) and len(arms_of(table)) > 1


def maps(table: pa.Table) -> list[Map]:
    """Return the maps of a study that has some: of three keys one for each value of the first."""
    *more, up, across = varied(table)
    rows, other = places(table), more[0] if more else None
    if other is None:
        return [Map(None, None, up, across, rows)]
    values = dict.fromkeys(row[other] for row in rows)
    return [Map(other, v, up, across, [row for row in rows if row[other] == v]) for v in values]


def panels(table: pa.Table) -> Panels:
    """Return along what the lines of a study go that has lines."""
    keys = varied(table)
    along = next(key for key in reversed(keys) if is_number(table, key))
    other = next((key for key in keys if key != along), None)
    if other is None:
        return Panels(along, None, [None])
    values = list(dict.fromkeys(row[other] for row in places(table)))
    return Panels(along, other, values[:: max(1, -(-len(values) // _MOST))])
