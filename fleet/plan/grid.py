"""Whose electricity a scenario uses: the grid that it names or states, or that of where it is."""

from __future__ import annotations

import zoneinfo
from typing import NamedTuple

from fleet.catalog import Reader
from fleet.catalog.hours import ZONES, by_hour, year_mean
from fleet.catalog.places import nearest, places
from fleet.plan.hours import Steps, own_steps, steps
from fleet.plan.local_time import Clock, begins
from fleet.plan.place import Place as Where
from fleet.scenario.by_hour import OwnGrid
from fleet.scenario.load import Scenario, did_you_mean

WORLD, OWN = "world", "own"
NEAR_KM = 50.0
"""Sites further from the city of a time zone are not taken to be in its country."""


class Grid(NamedTuple):
    """A grid.

    Attributes:
        name: item of `carbon`, or `OWN`.
        why: what said so, for people.
        g_per_kwh: CO2-equivalent of its electricity, in the mean over the time that is measured.
        by_hour: the same as it changes by the hour; None if it does not.
    """

    name: str
    why: str
    g_per_kwh: float
    by_hour: Steps | None = None


def grid_of(scenario: Scenario, reader: Reader, where: Where | None) -> Grid:
    """Return the grid of a scenario.

    What it names; else that of the nearest city of a time zone, if the scenario's place is near
    one; else that of the country of its time zone; else that of the city nearest to its sites, if
    there is one near; else the mean of the world.

    Args:
        scenario: what the user says.
        reader: the catalogue.
        where: where it is (`fleet.plan.place`); None if nobody knows.

    Raises:
        InputError: there is no grid of that name, or what is stated by the hour cannot be used.
    """
    name, why = scenario.model.grid, "named by the scenario"
    if isinstance(name, OwnGrid):
        own = own_steps(scenario, name, ("grid",), "g_per_kwh")
        said = f"by the hour, from {name.file}" if name.file else "by the hour, in the scenario"
        return Grid(OWN, said, _mean(scenario, own), own)
    if name is None:
        name, why = _by_place(scenario, where)
    elif not reader.has_parameter("carbon", name, "intensity"):
        known = reader.items("carbon")
        raise scenario.error(
            ("grid",),
            f"no grid '{name}'{did_you_mean(name, known)}; a country in three letters, such as"
            f" {', '.join(known[:3])}, or {WORLD}: see 'fleet catalog carbon'",
        )
    g_per_kwh = float(reader.number("carbon", name, "intensity"))
    if name not in ZONES:
        return Grid(name, why, g_per_kwh)
    hours = _table_steps(scenario, name, g_per_kwh / year_mean(name))
    return Grid(name, f"{why}, by hour and month", _mean(scenario, hours), hours)


def _table_steps(scenario: Scenario, grid: str, times: float) -> Steps:
    """Return how a grid of the catalogue goes with the clock, so many times what its table has."""
    model, table = scenario.model, by_hour()[grid]
    utc = Clock((0,), (begins(scenario, zoneinfo.ZoneInfo(ZONES[grid])),))
    return steps(utc, model.duration, lambda at: table[at.month - 1][at.hour] * times)


def _mean(scenario: Scenario, hours: Steps) -> float:
    return hours.mean(scenario.model.warm_up_ns, scenario.model.duration)


def _by_place(scenario: Scenario, where: Where | None) -> tuple[str, str]:
    """Return (grid, why): that of the time zone's country, else of the nearest city's."""
    zone, stated = scenario.model.timezone, scenario.model.place is not None
    place, away_km = (None, 0.0) if where is None else nearest(where.lat, where.lon)
    if zone in places() and not (stated and away_km <= NEAR_KM):
        place, why = places()[zone], f"by the time zone {zone}"
    elif where is None or place is None:
        return WORLD, "for nothing says where the sensors are"
    elif away_km > NEAR_KM:
        return WORLD, f"for {where} is {away_km:.0f} km from the nearest city known here"
    else:
        why = f"by {where.why}, {away_km:.0f} km from {place.city}"
    if not place.grid:
        return WORLD, f"for none is known of {place.country}, {why}"
    return place.grid, why
