"""When it is day, dusk and night before the sensors of a city: by the sun, or as the user says."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import numpy as np
from numpy.typing import NDArray

from fleet.plan.columns import Floats, Ints, Plan
from fleet.scenario.load import Scenario
from fleet.stages.scene import SECOND_NS
from fleet.stages.sight import LIGHTS

DAY, DUSK, NIGHT, RAIN = range(len(LIGHTS))
SUNSET_DEG = -0.833
"""The sun's upper edge is at the horizon, with refraction (NOAA, General Solar Position)."""
CIVIL_TWILIGHT_DEG = -6.0
NOWHERE = (45.0, 0.0)
"""Latitude and longitude of sites that are made up."""


def sun_elevation_deg(when: NDArray[np.floating], latitude: float, longitude: float) -> Floats:
    """Return how high the sun stands; degrees, good to about a degree.

    The series of "General Solar Position Calculations", NOAA Global Monitoring Division.

    Args:
        when: minutes since the year began, UTC; any shape.
        latitude: degrees north.
        longitude: degrees east.
    """
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
    north = np.radians(latitude)
    height = np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(
        hour_angle
    )
    degrees: Floats = np.degrees(np.arcsin(height))
    return degrees


def lights(scenario: Scenario, latitude: Floats, longitude: Floats) -> tuple[Ints, Ints]:
    """Return (seconds from which there is another light, the first 0; which light), by minutes.

    Args:
        scenario: what the user says.
        latitude: of the sensors; degrees north, NaN for sites made up.
        longitude: of the sensors; degrees east.
    """
    model = scenario.model
    if model.light != "sun":
        light = LIGHTS.index(model.light)
        light = RAIN if light == DAY and model.weather == "rain" else light
        return np.zeros(1, dtype=np.int64), np.array([light])
    place = NOWHERE
    if np.isfinite(latitude).any():
        place = float(np.nanmean(latitude)), float(np.nanmean(longitude))
    minutes = np.arange(-(-model.duration // (60 * SECOND_NS)), dtype=np.int64)
    height = sun_elevation_deg(minutes + _start_min(scenario, place[1]), *place)
    then = np.where(height > SUNSET_DEG, DAY, np.where(height > CIVIL_TWILIGHT_DEG, DUSK, NIGHT))
    if model.weather == "rain":
        then[then == DAY] = RAIN
    first = np.flatnonzero(np.diff(then, prepend=-1))
    return minutes[first] * 60, then[first]


def light_by_second(plan: Plan, first_second: int, seconds: int) -> Ints:
    """Return the light in each of some seconds of a run; shape (seconds,)."""
    when = np.arange(first_second, first_second + seconds)
    light: Ints = plan.light_then[np.searchsorted(plan.light_from_s, when, side="right") - 1]
    return light


def light_spans(plan: Plan) -> list[tuple[str, str]]:
    """Return (from when, which light) in words, by the time since the start of a run."""
    return [
        (f"from {at_s // 3600}:{at_s // 60 % 60:02d} h on", LIGHTS[light])
        for at_s, light in zip(plan.light_from_s.tolist(), plan.light_then.tolist(), strict=True)
    ]


def _start_min(scenario: Scenario, longitude: float) -> float:
    """Return when simulated time begins; minutes since the year began, UTC."""
    model = scenario.model
    if model.timezone is None:
        zone: dt.tzinfo = dt.timezone(dt.timedelta(hours=round(longitude / 15.0)))
    else:
        try:
            zone = zoneinfo.ZoneInfo(model.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise scenario.error(
                ("timezone",),
                f"no time zone '{model.timezone}'; take a name such as 'Europe/Helsinki'",
            ) from None
    start = model.start_time.replace(tzinfo=zone)
    begins = dt.datetime(start.year, 1, 1, tzinfo=dt.UTC)
    return (start - begins).total_seconds() / 60.0
