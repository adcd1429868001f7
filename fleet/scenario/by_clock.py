"""What goes by the clock: something from whole hours on, round the clock, by kind of day."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fleet.errors import InputError
from fleet.scenario.days import DAYS

T = TypeVar("T")
_CLOCK = re.compile(r"^([01][0-9]|2[0-3]):00$")
_HOURS_A_DAY = 24


def by_clock(
    stated: object, what: str, advice: str, read: Callable[[object, str], T]
) -> tuple[T, ...]:
    """Return what holds hour by hour: 24 of a weekday, then 24 of a weekend day.

    A mapping from clock hours holds each entry until the next hour that it names, round the clock:
    so nothing overlaps, and no hour is left without one.

    Args:
        stated: one entry, such a mapping, or a mapping from 'weekday' and 'weekend' to these.
        what: what is stated, for errors.
        advice: what to write instead, for errors.
        read: returns an entry, given it and where it stands.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(stated, Mapping) and set(stated) & set(DAYS):
        if set(stated) != set(DAYS):
            raise InputError(f"{what} by day needs both {' and '.join(DAYS)}, and nothing else")
        return tuple(
            one for day in DAYS for one in _day(stated[day], f"{day} ", what, advice, read)
        )
    return _day(stated, "", what, advice, read) * len(DAYS)


def _day(
    stated: object, place: str, what: str, advice: str, read: Callable[[object, str], T]
) -> tuple[T, ...]:
    if not isinstance(stated, Mapping):
        return (read(stated, place),) * _HOURS_A_DAY
    if not stated:
        raise InputError(f"{place}{what} names no hour; {advice}")
    known: dict[int, T] = {}
    for hour, one in stated.items():
        match = _CLOCK.match(str(hour))
        if match is None:
            raise InputError(f"{place}'{hour}' is not a whole hour of the clock; {advice}")
        known[int(match[1])] = read(one, f"{place}{hour} ")
    holds = max(known)  # what the last hour says holds past midnight
    day = []
    for hour in range(_HOURS_A_DAY):
        holds = hour if hour in known else holds
        day.append(known[holds])
    return tuple(day)


def hours_schema(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of what goes by the clock, given that of an entry."""
    day = {
        "anyOf": [
            one,
            {
                "type": "object",
                "propertyNames": {"pattern": _CLOCK.pattern},
                "additionalProperties": one,
                "minProperties": 1,
            },
        ]
    }
    by_day = {
        "type": "object",
        "properties": dict.fromkeys(DAYS, day),
        "required": list(DAYS),
        "additionalProperties": False,
    }
    return {"anyOf": [*day["anyOf"], by_day]}
