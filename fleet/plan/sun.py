"""When it is day, dusk and night in a place: by the sun, or as the user says."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints
from fleet.model.scene import SECOND_NS
from fleet.model.sight import LIGHTS
from fleet.plan.local_time import begins
from fleet.plan.place import Place
from fleet.scenario.load import Scenario

DAY, DUSK, NIGHT, RAIN = range(len(LIGHTS))
SUNSET_DEG = -0.833
"""The sun's upper edge is at the horizon, with refraction (NOAA, General Solar Position)."""
CIVIL_TWILIGHT_DEG = -6.0
_SPANS_MIN = (64, 16, 4, 1)
"""How closely it is looked when light changes: at spans of so many minutes."""
_MOST_TURN_DEG = 0.26
"""More than the sun turns in a minute."""


def sun_elevation_deg(when: NDArray[np.floating], latitude: float, longitude: float) -> Floats:
    """Return how high the sun stands; degrees, good to about a degree.

    The series of "General Solar Position Calculations", NOAA Global Monitoring Division.

    Args:
        when: minutes since the year began, UTC; any shape.
        latitude: degrees north.
        longitude: degrees east.
    """
    declination, hour_angle = _angles(when, longitude)
    north = np.radians(latitude)
    height = np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(
        hour_angle
    )
    degrees: Floats = np.degrees(np.arcsin(height))
    return degrees


def sun_direction(
    when: NDArray[np.floating], latitude: float, longitude: float
) -> tuple[Floats, Floats, Floats]:
    """Return where the sun stands as a vector of length 1: eastwards, northwards, upwards.

    The arguments and their source are those of `sun_elevation_deg`.
    """
    declination, hour_angle = _angles(when, longitude)
    north = np.radians(latitude)
    sideways = np.cos(declination) * np.cos(hour_angle)
    return (
        -np.cos(declination) * np.sin(hour_angle),
        np.cos(north) * np.sin(declination) - np.sin(north) * sideways,
        np.sin(north) * np.sin(declination) + np.cos(north) * sideways,
    )


def _angles(when: NDArray[np.floating], longitude: float) -> tuple[Floats, Floats]:
    """Return (declination of the sun, its hour angle); radians."""
    year = 2.0 * np.pi / 365.0 * (when / 1440.0 - 0.5)
    late_min = 229.18 * (
        0.000075 + 0.001868 * np.cos(year) - 0.032077 * np.sin(year)
        - 0.014615 * np.cos(2 * year) - 0.040849 * np.sin(2 * year)
    )  # fmt: skip
    declination = (
        0.006918 - 0.399912 * np.cos(year) + 0.070257 * np.sin(year)
        - 0.006758 * np.cos(2 * year) + 0.000907 * np.sin(2 * year)
        - 0.002697 * np.cos(3 * year) + 0.00148 * np.sin(3 * year)
    )  # fmt: skip
    hour_angle = np.radians((when + late_min + 4.0 * longitude) / 4.0 - 180.0)
    return declination, hour_angle


def lights(scenario: Scenario, place: Place | None) -> tuple[Ints, Ints]:
    """Return (seconds from which there is another light, the first 0; which light), by minutes.

    Args:
        scenario: what the user says.
        place: where it is; None if nobody knows: then it is day.
    """
    model = scenario.model
    if model.light != "sun" or place is None:
        light = DAY if model.light == "sun" else LIGHTS.index(model.light)
        light = RAIN if light == DAY and model.weather == "rain" else light
        return np.zeros(1, dtype=np.int64), np.array([light])
    minutes = -(-model.duration // (60 * SECOND_NS))
    at, then = _by_sun(minutes, start_min(scenario, place.lon), place)
    if model.weather == "rain":
        then[then == DAY] = RAIN
    first = np.flatnonzero(np.diff(then, prepend=-1))
    return at[first] * 60, then[first]


def _by_sun(minutes: int, start_min: float, place: Place) -> tuple[Ints, Ints]:
    """Return (some minutes from 0 on, which light is then): it changes in no others.

    Of a span of minutes only those are looked at in which the sun, which turns by a quarter of a
    degree a minute, can come to where the light changes. So a century takes a second or two.
    """
    at, looked = np.arange(0, minutes, _SPANS_MIN[0], dtype=np.int64), []
    for span, finer in pairwise((*_SPANS_MIN, 0)):
        height = sun_elevation_deg(at + start_min, place.lat, place.lon)
        light = np.where(
            height > SUNSET_DEG, DAY, np.where(height > CIVIL_TWILIGHT_DEG, DUSK, NIGHT)
        )
        looked.append((at, light))
        if finer:
            edge = np.minimum(abs(height - SUNSET_DEG), abs(height - CIVIL_TWILIGHT_DEG))
            near = at[edge <= _MOST_TURN_DEG * span]
            at = (near[:, None] + np.arange(finer, span, finer)).reshape(-1)
            at = np.sort(np.concatenate([near, at]))
            at = at[at < minutes]
    at, light = (np.concatenate(column) for column in zip(*looked, strict=True))
    at, first = np.unique(at, return_index=True)
    return at, light[first]


def start_min(scenario: Scenario, longitude: float) -> float:
    """Return when simulated time begins; minutes since the year began, UTC."""
    by_the_sun = dt.timezone(dt.timedelta(hours=round(longitude / 15.0)))
    start, year = begins(scenario, by_the_sun), scenario.model.start_time.year
    return (start - dt.datetime(year, 1, 1, tzinfo=dt.UTC)).total_seconds() / 60.0
