"""How many people pass the sites of a group, by the hour, as a scenario states it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator

import fleet.units as units
from fleet.errors import InputError
from fleet.scenario.city import HOURS, MOST_PER_H
from fleet.scenario.days import DAYS
from fleet.scenario.quantities import UNIT, SaidAs, form
from fleet.units import Dimension

_CLOCK = re.compile(r"^([01][0-9]|2[0-3]):00$")
_ADVICE = "write such as '300 /h', {'07:00': 900 /h, '19:00': 50 /h}, or one of these for each day"


def hours_of(stated: object) -> tuple[Fraction, ...]:
    """Return people an hour by hour: 24 of a weekday, then 24 of a weekend day.

    A mapping from clock hours holds each number until the next hour that it names, round the clock.

    Args:
        stated: one quantity, such a mapping, or a mapping from 'weekday' and 'weekend' to these.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(stated, Mapping) and set(stated) & set(DAYS):
        if set(stated) != set(DAYS):
            raise InputError(f"demand by day needs both {' and '.join(DAYS)}, and nothing else")
        return tuple(n for day in DAYS for n in _day(stated[day], f"{day} "))
    return _day(stated, "") * (HOURS // 24)


def _day(stated: object, place: str) -> tuple[Fraction, ...]:
    if not isinstance(stated, Mapping):
        return (_people(stated, place),) * 24
    if not stated:
        raise InputError(f"{place}demand names no hour; {_ADVICE}")
    known: dict[int, Fraction] = {}
    for hour, people in stated.items():
        match = _CLOCK.match(str(hour))
        if match is None:
            raise InputError(f"{place}'{hour}' is not a whole hour of the clock; {_ADVICE}")
        known[int(match[1])] = _people(people, f"{place}{hour} ")
    holds = max(known)  # what the last hour says holds past midnight
    day = []
    for hour in range(24):
        holds = hour if hour in known else holds
        day.append(known[holds])
    return tuple(day)


def _people(stated: object, place: str) -> Fraction:
    try:
        people = units.people_per_h(stated)
    except InputError as error:
        raise InputError(f"{place}{error}") from None
    if people > MOST_PER_H:
        raise InputError(f"{place}{stated!r} is above {MOST_PER_H:,.0f} an hour; lower it")
    return people


_PEOPLE = {"type": "string", "pattern": form(Dimension.PEOPLE)}
_HOURS = {
    "anyOf": [
        _PEOPLE,
        {
            "type": "object",
            "propertyNames": {"pattern": _CLOCK.pattern},
            "additionalProperties": _PEOPLE,
            "minProperties": 1,
        },
    ]
}
_SCHEMA = {
    "anyOf": [
        *_HOURS["anyOf"],
        {
            "type": "object",
            "properties": dict.fromkeys(DAYS, _HOURS),
            "required": list(DAYS),
            "additionalProperties": False,
        },
    ],
    "examples": ["300 /h", {"07:00": "900 /h", "19:00": "50 /h"}],
    UNIT: f"{units.usual(Dimension.PEOPLE)}, or such from clock hours on, or these by day",
}
PeoplePerHour = Annotated[tuple[Fraction, ...], BeforeValidator(hours_of), SaidAs(_SCHEMA)]
"""People an hour who pass a site, by the hours of a weekday and of a weekend day; shape (48,)."""
