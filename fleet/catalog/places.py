"""Where the time zones are: a city, its country and its grid (`places.csv`).

Written by `scripts/derive_places.py` out of the zone tables of the time zone database.
"""

from __future__ import annotations

import csv
import functools
import io
import math
from importlib import resources
from typing import NamedTuple

EARTH_KM = 6371.0


class Place(NamedTuple):
    """The main city of a time zone.

    Attributes:
        zone: name of the time zone.
        country: in three letters.
        grid: item of `carbon`; empty if there is none of its country.
        city: its name.
        lat, lon: degrees north and east.
    """

    zone: str
    country: str
    grid: str
    city: str
    lat: float
    lon: float


COLUMNS = Place._fields


@functools.cache
def places() -> dict[str, Place]:
    """Return the places by time zone; names that zones had before are there too."""
    text = resources.files(__package__).joinpath("places.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {
        row["zone"]: Place(
            row["zone"], row["country"], row["grid"], row["city"],
            float(row["lat"]), float(row["lon"]),
        )
        for row in rows
    }  # fmt: skip


def nearest(lat: float, lon: float) -> tuple[Place, float]:
    """Return the place that is nearest to a point, and how far it is; km."""
    near = min(places().values(), key=lambda place: (_km(place, lat, lon), place.zone))
    return near, _km(near, lat, lon)


def _km(place: Place, lat: float, lon: float) -> float:
    """Return the length of a great circle, by the haversine formula."""
    a, b = math.radians(place.lat), math.radians(lat)
    north, east = b - a, math.radians(lon - place.lon)
    half = math.sin(north / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
