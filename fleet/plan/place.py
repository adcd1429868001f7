"""Where a scenario is: what it states, the middle of its sites, or the city of its time zone."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.catalog.places import places
from fleet.scenario.load import Scenario, did_you_mean


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


def zone_of(scenario: Scenario) -> zoneinfo.ZoneInfo | None:
    """Return the time zone that a scenario names, None if it names none.

    Raises:
        InputError: there is no such time zone, or its clocks leave out the start.
    """
    name, start = scenario.model.timezone, scenario.model.start_time
    if name is None:
        return None
    try:
        zone = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, list(places()))
        raise scenario.error(
            ("timezone",), f"no time zone '{name}'{hint}; take a name such as 'Europe/Helsinki'"
        ) from None
    there = start.replace(tzinfo=zone).astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None)
    if there != start:
        raise scenario.error(
            ("start",),
            f"{start:%Y-%m-%dT%H:%M} is skipped by the clocks of {name}, which go on at"
            f" {there:%H:%M}; choose another time",
        )
    return zone
