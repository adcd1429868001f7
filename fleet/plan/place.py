"""Where a scenario is: what it states, the middle of its sites, or the city of its time zone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.catalog.places import EARTH_KM, places
from fleet.plan.local_time import zone_of
from fleet.plan.roster import Roster
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Place as Stated


class Place(NamedTuple):
    """A point on the map.

    Attributes:
        lat, lon: degrees north and east.
        why: what said so, for people.
    """

    lat: float
    lon: float
    why: str

    def __str__(self) -> str:
        """Return it for people, such as '60.17° N, 24.94° E (the middle of the sites)'."""
        north, east = "N" if self.lat >= 0 else "S", "E" if self.lon >= 0 else "W"
        return f"{abs(self.lat):.2f}° {north}, {abs(self.lon):.2f}° {east} ({self.why})"


def place_of(
    scenario: Scenario, lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> Place | None:
    """Return where a scenario is; None if nothing says so.

    Args:
        scenario: what the user says.
        lat: of its sensors; degrees north, NaN where sites are made up.
        lon: of its sensors; degrees east.

    Raises:
        InputError: there is no such time zone.
    """
    stated, zone = scenario.model.place, scenario.model.timezone
    zone_of(scenario)
    if stated is not None:
        return Place(float(stated.lat), float(stated.lon), "the scenario's place")
    if np.isfinite(lat).any():
        return Place(float(np.nanmean(lat)), float(np.nanmean(lon)), "the middle of the sites")
    if zone in places():
        city = places()[zone]
        return Place(city.lat, city.lon, f"{city.city}, for the time zone {zone}")
    return None


def away_km(roster: Roster, place: Stated) -> NDArray[np.float64]:
    """Return how far each sensor is from a place, on a great circle; km, NaN for sites made up."""
    lat, lon = np.radians(roster.lat), np.radians(roster.lon)
    here = np.radians(place.lat), np.radians(place.lon)
    half = (
        np.sin((lat - here[0]) / 2) ** 2
        + np.cos(lat) * np.cos(here[0]) * np.sin((lon - here[1]) / 2) ** 2
    )
    away: NDArray[np.float64] = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return away
