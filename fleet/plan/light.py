"""When it is day, dusk and night before the sensors of a city: by the sun, or as the user says."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints
from fleet.model.scene import SECOND_NS
from fleet.model.sight import LIGHTS
from fleet.plan.apps import indoors
from fleet.plan.draft import Draft
from fleet.plan.equipment import Setup
from fleet.plan.place import Place, zone_of
from fleet.plan.plan import Plan
from fleet.plan.video import Means
from fleet.scenario.load import Scenario

DAY, DUSK, NIGHT, RAIN = range(len(LIGHTS))
SUNSET_DEG = -0.833
"""The sun's upper edge is at the horizon, with refraction (NOAA, General Solar Position)."""
CIVIL_TWILIGHT_DEG = -6.0
MOST_APART_H = 3.5
"""No clock of a place is further from its sun's: the west of China is 3.4 h behind Beijing's."""


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
    minutes = np.arange(-(-model.duration // (60 * SECOND_NS)), dtype=np.int64)
    start_min = _start_min(scenario, place.lon)
    height = sun_elevation_deg(minutes + start_min, place.lat, place.lon)
    then = np.where(height > SUNSET_DEG, DAY, np.where(height > CIVIL_TWILIGHT_DEG, DUSK, NIGHT))
    if model.weather == "rain":
        then[then == DAY] = RAIN
    first = np.flatnonzero(np.diff(then, prepend=-1))
    return minutes[first] * 60, then[first]


def tell_light(draft: Draft) -> None:
    """Tell a reader which light there is, if it decides anything.

    Raises:
        InputError: it does, and nothing says where the sensors are.
    """
    model, place = draft.scenario.model, draft.place
    if not any(_by_light(draft, setup) for setup in draft.setups):
        return
    if model.light != "sun":
        draft.remarks.append(f"It is {model.light} throughout, as the scenario says.")
        return
    if place is None:
        zone = model.timezone
        why = f" (no city is known for the time zone '{zone}')" if zone else ""
        add = "a" if zone else "a 'timezone', a"
        raise draft.scenario.error(
            ("start",),
            "whether it is day then decides what is seen and sent, and nothing says where the"
            f" sensors are{why}: add {add} 'place: {{lat: 60.2, lon: 24.9}}', or 'light: day'",
        )
    spans = _spans(*lights(draft.scenario, place))
    told = ", ".join(f"{name} {when}" if when else name for when, name in spans)
    draft.remarks.append(f"It is {told}, by the sun at {place}.")
    apart_h = _clock_apart_h(draft.scenario, place.lon)
    if abs(apart_h) > MOST_APART_H:
        draft.remarks.append(
            f"The clock of {model.timezone} is {abs(apart_h):.1f} h"
            f" {'ahead of' if apart_h > 0 else 'behind'} the sun at {place}: see whether 'place',"
            " 'timezone' and 'start' belong together."
        )


def _by_light(draft: Draft, setup: Setup) -> bool:
    """Return whether light decides what is seen with a setup, or how large its frames are."""
    sizes = {kind: {setup.row[f"{kind}_{light}"] for light in LIGHTS} for kind in Means._fields}
    sees = setup.row["sight"] >= 0 and not indoors(draft.reader, setup.duty.app)
    return sees or any(len(of_kind) > 1 for of_kind in sizes.values())


def light_by_second(plan: Plan, first_second: int, seconds: int) -> Ints:
    """Return the light in each of some seconds of a run; shape (seconds,)."""
    when = np.arange(first_second, first_second + seconds)
    light: Ints = plan.scene.light_then[
        np.searchsorted(plan.scene.light_from_s, when, side="right") - 1
    ]
    return light


def light_spans(plan: Plan) -> dict[str, str]:
    """Return by time since the start of a run which light there is from then on, in words."""
    return {
        when or "at first": name
        for when, name in _spans(plan.scene.light_from_s, plan.scene.light_then)
    }


def _spans(from_s: Ints, light: Ints) -> list[tuple[str, str]]:
    """Return (from when, nothing for the start; which light) in words."""
    return [
        (f"from {at_s // 3600}:{at_s // 60 % 60:02d} h on" if at_s else "", LIGHTS[k])
        for at_s, k in zip(from_s.tolist(), light.tolist(), strict=True)
    ]


def _clock_apart_h(scenario: Scenario, longitude: float) -> float:
    """Return how far the clock of a scenario is ahead of the sun's; h."""
    zone = zone_of(scenario)
    if zone is None:
        return 0.0
    offset = scenario.model.start_time.replace(tzinfo=zone).utcoffset() or dt.timedelta()
    return (offset.total_seconds() / 3600 - longitude / 15 + 12) % 24 - 12


def _start_min(scenario: Scenario, longitude: float) -> float:
    """Return when simulated time begins; minutes since the year began, UTC."""
    zone = zone_of(scenario) or dt.timezone(dt.timedelta(hours=round(longitude / 15.0)))
    start = scenario.model.start_time.replace(tzinfo=zone)
    begins = dt.datetime(start.year, 1, 1, tzinfo=dt.UTC)
    return (start - begins).total_seconds() / 60.0
