"""Where sensors can stand, and how many people walk past: two small CSV tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.errors import InputError

MAX_ROWS = 2_000_000
HOURS = 48
"""Columns of a demand table: 24 hours of a weekday, then 24 of a weekend day."""
MOST_PER_H = 1e7
"""The most people an hour that anybody may state."""


@dataclass(frozen=True)
class Site:
    """A place for sensors.

    Attributes:
        id: unique name.
        kind: such as shop or crossing.
        subtype: finer kind, may be empty.
        size: large or small for shops, may be empty.
        lon: degrees east.
        lat: degrees north.
        cell: the access cell whose links it may share.
        footfall_rank: 0 (quietest) to 1 (busiest) among the sites of its kind.
    """

    id: str
    kind: str
    subtype: str
    size: str
    lon: float
    lat: float
    cell: str
    footfall_rank: float


@dataclass(frozen=True)
class Demand:
    """People per hour at some counters, the quietest first; shape (counters, HOURS)."""

    counters: tuple[str, ...]
    people_per_h: NDArray[np.float64]

    def profiles(self, footfall_rank: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the counters for ranks in 0..1: busy sites take busy counters."""
        counter = (footfall_rank * len(self.counters)).astype(np.int64)
        return np.minimum(counter, len(self.counters) - 1)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file:line, row) of a CSV file that has at least some columns.

    Raises:
        InputError: the file is not such a table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a mark first
            reader = csv.DictReader(file, strict=True)
            _check_header(path, reader.fieldnames or (), columns)
            for number, row in enumerate(reader):
                place = f"{path}:{reader.line_num}"
                if number >= MAX_ROWS:
                    raise InputError(f"{place} has more than {MAX_ROWS} rows; use fewer")
                if None in row or None in row.values():
                    raise InputError(f"{place} has not {len(reader.fieldnames or ())} fields")
                yield place, row
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None


def _check_header(path: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse a header that lacks a column, has one twice, or is not cut at commas."""
    other = next((sign for sign in ";\t|" if len(names) == 1 and sign in names[0]), None)
    if other is not None:
        raise InputError(
            f"{path}:1 is cut at {other!r}, not at commas; save it as CSV with commas and points"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}:1 has column {', '.join(twice)} more than once; keep one")
    missing = [c for c in columns if c not in names]
    if missing:
        raise InputError(
            f"{path}:1 has no column {', '.join(missing)}; it has {', '.join(names) or 'none'}"
        )


def read_sites(path: Path) -> list[Site]:
    """Read a sites table.

    Raises:
        InputError: a column is missing, a number is not one, or an id stands twice.
    """
    sites: dict[str, Site] = {}
    seen: dict[str, str] = {}
    columns = ("id", "kind", "subtype", "size", "lon", "lat", "cell", "footfall_rank")
    for place, row in read_rows(path, columns):
        if not row["id"] or not row["cell"]:
            raise InputError(f"{place} id and cell must not be empty")
        _check_once(seen, row["id"], place, f"id '{row['id']}'")
        sites[row["id"]] = Site(
            row["id"], row["kind"], row["subtype"], row["size"],
            number(row["lon"], -180, 180, f"{place} lon"),
            number(row["lat"], -90, 90, f"{place} lat"),
            row["cell"], number(row["footfall_rank"], 0, 1, f"{place} footfall_rank"),
        )  # fmt: skip
    return list(sites.values())


def read_demand(path: Path) -> Demand:
    """Read a demand table: one row for each counter, kind of day and hour.

    Raises:
        InputError: a column, an hour or a counter's rows are missing, an hour stands twice, or a
            number is not one.
    """
    people: dict[str, NDArray[np.float64]] = {}
    seen: dict[tuple[str, int], str] = {}
    for place, row in read_rows(path, ("counter", "day", "hour", "mean_per_h")):
        if row["day"] not in ("weekday", "weekend"):
            raise InputError(f"{place} day '{row['day']}' is neither weekday nor weekend")
        hour = _hour(row["hour"], place) + 24 * (row["day"] == "weekend")
        told = f"counter '{row['counter']}' {row['day']} hour {row['hour']}"
        _check_once(seen, (row["counter"], hour), place, told)
        mean = number(row["mean_per_h"], 0, MOST_PER_H, f"{place} mean_per_h")
        people.setdefault(row["counter"], np.full(HOURS, np.nan))[hour] = mean
    for counter, hours in people.items():
        missing = np.flatnonzero(np.isnan(hours))
        if len(missing):
            raise InputError(
                f"{path}: counter '{counter}' has {HOURS - len(missing)} of {HOURS} hours; it lacks"
                f" {_hours_named(missing)}"
            )
    if not people:
        raise InputError(f"{path}: has no counter")
    order = sorted(people, key=lambda c: (float(people[c].sum()), c))
    return Demand(tuple(order), np.array([people[c] for c in order]))


def _check_once(seen: dict[Any, str], key: object, place: str, told: str) -> None:
    """Remember where a key stands; refuse one that stands twice."""
    if key in seen:
        raise InputError(
            f"{place} {told} stands twice, first in line {seen[key].rpartition(':')[2]}; keep one"
        )
    seen[key] = place


def _hour(text: str, place: str) -> int:
    hour = number(text, 0, 23, f"{place} hour")
    if hour != int(hour):
        raise InputError(f"{place} hour {text} is not a whole hour from 0 to 23")
    return int(hour)


def _hours_named(columns: NDArray[np.int64]) -> str:
    """Return columns of a demand table in words, such as 'weekday 3, 4 and weekend 0'."""
    days = {
        day: [str(c % 24) for c in columns if c // 24 == k]
        for k, day in enumerate(("weekday", "weekend"))
    }
    return " and ".join(f"{day} {', '.join(hours)}" for day, hours in days.items() if hours)


def number(text: str, least: float, most: float, place: str) -> float:
    """Return a finite number between bounds.

    Raises:
        InputError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{place} '{text}' is not a number") from None
    if not math.isfinite(value) or not least <= value <= most:
        raise InputError(f"{place} {text} is not between {least:g} and {most:g}")
    return value
