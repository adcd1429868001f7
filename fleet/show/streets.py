"""Streets beneath a map: tables that come with the package, used where the sites lie in them.

They are derived from OpenStreetMap (ODbL 1.0), see `streets/ATTRIBUTION.md`; who shows them shows
`CREDIT`.
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats

CREDIT = (
    "Streets on the map: © OpenStreetMap contributors, ODbL 1.0"
    " (https://www.openstreetmap.org/copyright), of 2019."
)
_TABLES = ("helsinki.csv",)
_MOST_OUTSIDE = 0.02
"""Share of the sites that may lie outside of a table that is used for them."""


class Street(NamedTuple):
    """A street: `main` or `street`, and its points, longitude and latitude; shape (points, 2)."""

    kind: str
    points: Floats


def streets(lon: Floats, lat: Floats) -> list[Street]:
    """Return the streets around some places; none if no table is of there.

    Args:
        lon: of the places, degrees; shape (places,).
        lat: likewise.
    """
    for name in _TABLES:
        listed = _read(name)
        points = np.concatenate([street.points for street in listed])
        (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
        inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        if len(inside) and np.mean(~inside) <= _MOST_OUTSIDE:
            return listed
    return []


def _read(name: str) -> list[Street]:
    text = resources.files("fleet.show").joinpath("streets", name).read_text("utf-8")
    return [
        Street(row["kind"], np.array([p.split(",") for p in row["line"].split()], np.float64))
        for row in csv.DictReader(text.splitlines())
    ]
