"""Whose electricity a scenario uses: the grid that it names, or that of where it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.catalog import Reader
from fleet.catalog.places import nearest, places
from fleet.scenario.load import Scenario, did_you_mean

Floats = NDArray[np.float64]
WORLD = "world"
NEAR_KM = 50.0
"""Sites further from the city of a time zone are not taken to be in its country."""


class Grid(NamedTuple):
    """A grid.

    Attributes:
        name: item of `carbon`.
        why: what said so, for people.
        g_per_kwh: CO2-equivalent of its electricity.
    """

    name: str
    why: str
    g_per_kwh: float


def grid_of(scenario: Scenario, reader: Reader, lat: Floats, lon: Floats) -> Grid:
    """Return the grid of a scenario.

    What it names; else that of the country of its time zone; else that of the nearest city of a
    time zone, if the middle of its sites is near one; else the mean of the world.

    Args:
        scenario: what the user says.
        reader: the catalogue.
        lat: of each sensor, NaN where sites are made up.
        lon: the same.

    Raises:
        InputError: there is no grid of that name.
    """
    name, why = scenario.model.grid, "named by the scenario"
    if name is None:
        name, why = _by_place(scenario, lat, lon)
    elif not reader.has_parameter("carbon", name, "intensity"):
        known = reader.items("carbon")
        raise scenario.error(
            ("grid",),
            f"no grid '{name}'{did_you_mean(name, known)}; a country in three letters, such as"
            f" {', '.join(known[:3])}, or {WORLD}: see 'fleet catalog carbon'",
        )
    return Grid(name, why, float(reader.number("carbon", name, "intensity")))


def _by_place(scenario: Scenario, lat: Floats, lon: Floats) -> tuple[str, str]:
    zone = scenario.model.timezone
    if zone is not None and zone in places():
        place, why = places()[zone], f"by the time zone {zone}"
    else:
        known = ~np.isnan(lat)
        if not known.any():
            return WORLD, "for nothing says where the sensors are"
        place, away_km = nearest(float(lat[known].mean()), float(lon[known].mean()))
        if away_km > NEAR_KM:
            return WORLD, f"for the sites are {away_km:.0f} km from the nearest city known here"
        why = f"by the sites, {away_km:.0f} km from {place.city}"
    if not place.grid:
        return WORLD, f"for none is known of {place.country}, {why}"
    return place.grid, why
