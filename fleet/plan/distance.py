"""The time on the wire between two places of the catalogue."""

from __future__ import annotations

import difflib

from fleet.catalog import Reader
from fleet.catalog.round_trips import KIND, parameter
from fleet.scenario.distance import Distance
from fleet.scenario.load import Scenario, did_you_mean


def way_ns(scenario: Scenario, reader: Reader, link: str, ends: Distance) -> int:
    """Return the time of one way: half of the round trip, whose two ways are taken to be alike; ns.

    Args:
        scenario: for the places of errors.
        reader: the catalogue, which remembers the round trip that was used.
        link: name of the link in the scenario.
        ends: where it begins and ends.

    Raises:
        InputError: there is no such place, or no round trip between the two is known.
    """
    places = reader.items(KIND)
    if ends.begin not in places:
        raise scenario.error(("links", link, "distance", "from"), _unknown(ends.begin, places))
    if not reader.has_parameter(KIND, ends.begin, parameter(ends.to)):
        known = [to for to in places if reader.has_parameter(KIND, ends.begin, parameter(to))]
        problem = _unknown(ends.to, known)
        if ends.to in places:
            problem = (
                f"no round trip from '{ends.begin}' to '{ends.to}' is known; say 'propagation'"
                f" instead, or add a row '{parameter(ends.to)}' of '{ends.begin}' to distances in a"
                " catalogue of your own"
            )
        raise scenario.error(("links", link, "distance", "to"), problem)
    return reader.time_ns(KIND, ends.begin, parameter(ends.to)) // 2


def _unknown(place: str, known: list[str]) -> str:
    near = ", ".join(difflib.get_close_matches(place, known, n=3, cutoff=0.0))
    hint = did_you_mean(place, known) + (f"; nearest are {near}" if near else "")
    return f"no cloud region '{place}'{hint}; see 'fleet catalog {KIND}'"
