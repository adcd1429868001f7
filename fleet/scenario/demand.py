"""How many people pass the sites of a group, by the hour, as a scenario states it."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator

import fleet.units as units
from fleet.errors import InputError
from fleet.scenario.by_clock import by_clock, hours_schema
from fleet.scenario.city import MOST_PER_H
from fleet.scenario.quantities import UNIT, SaidAs, form
from fleet.units import Dimension

_ADVICE = "write such as '300 /h', {'07:00': 900 /h, '19:00': 50 /h}, or one of these for each day"


def hours_of(stated: object) -> tuple[Fraction, ...]:
    """Return people an hour by hour: 24 of a weekday, then 24 of a weekend day.

    A mapping from clock hours holds each number until the next hour that it names, round the clock.

    Args:
        stated: one quantity, such a mapping, or a mapping from 'weekday' and 'weekend' to these.

    Raises:
        InputError: it is none of these.
    """
    return by_clock(stated, "demand", _ADVICE, _people)


def _people(stated: object, place: str) -> Fraction:
    try:
        people = units.people_per_h(stated)
    except InputError as error:
        raise InputError(f"{place}{error}") from None
    if people > MOST_PER_H:
        raise InputError(f"{place}{stated!r} is above {MOST_PER_H:,.0f} an hour; lower it")
    return people


_SCHEMA = {
    **hours_schema({"type": "string", "pattern": form(Dimension.PEOPLE)}),
    "examples": ["300 /h", {"07:00": "900 /h", "19:00": "50 /h"}],
    UNIT: f"{units.usual(Dimension.PEOPLE)}, or such from clock hours on, or these by day",
}
PeoplePerHour = Annotated[tuple[Fraction, ...], BeforeValidator(hours_of), SaidAs(_SCHEMA)]
"""People an hour who pass a site, by the hours of a weekday and of a weekend day; shape (48,)."""
