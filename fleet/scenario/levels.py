"""Levels that controllers go by, and rungs by the clock, as an adaptive arm states them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

import fleet.units as units
from fleet.errors import InputError
from fleet.scenario.by_clock import by_clock, hours_schema
from fleet.scenario.quantities import UNIT, SaidAs, form, interval_ns
from fleet.units import Dimension

MOST_RUNGS = 16
"""Rungs of a ladder, with the arm's own settings at its top."""


class Level(NamedTuple):
    """A level of what is watched.

    Attributes:
        of: a 'time' (ns), a 'share' (millionths), 'frames', 'carbon' (mg of CO2e a kWh) or a
            'price' (millionths of a US dollar a kWh).
        number: it.
    """

    of: str
    number: int


_MOST_FRAMES = 1_000_000_000
_LEAST_SHARE = Fraction(1, 1_000_000)
_A_KWH = re.compile(r"^\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)\s*(g|USD)/kWh\s*$")
_OF_A_KWH = {"g": ("carbon", 1000, "1 mg/kWh"), "USD": ("price", 10**6, "0.000001 USD/kWh")}
_MOST_OF_A_KWH = 1_000_000
_LIKE = "a time, a share in %, a number of frames, 'g/kWh' or 'USD/kWh'"


def _one(value: object) -> Level:
    """Read a level.

    Raises:
        InputError: it is none, or too large.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= _MOST_FRAMES:
            raise InputError(f"{value!r} frames are not 0 to {_MOST_FRAMES:,}")
        return Level("frames", value)
    text = str(value)
    match = _A_KWH.match(text)
    if match is not None:
        return _of_a_kwh(text, *match.groups())
    try:
        if "%" in text or "ppm" in text:
            share = units.fraction(text)
            if not 0 <= share <= 1:
                raise InputError(f"{value!r} is no share from 0 to 100 %")
            if 0 < share < _LEAST_SHARE:
                raise InputError(f"{value!r} is below 1 ppm and not 0")
            return Level("share", int(share * 1_000_000))
        return Level("time", interval_ns(value))
    except InputError as error:
        raise InputError(f"{error}; a level is {_LIKE}") from None


def _of_a_kwh(text: str, number: str, unit: str) -> Level:
    of, times, least = _OF_A_KWH[unit]
    if len(number) > _MOST_DIGITS or Fraction(number) > _MOST_OF_A_KWH:
        raise InputError(f"'{text[:40]}' is above {_MOST_OF_A_KWH:,} {unit}/kWh; lower it")
    exact = Fraction(number) * times
    if exact.denominator != 1:
        raise InputError(f"'{text}' is finer than {least}, which levels are told by; round it")
    return Level(of, int(exact))


_MOST_DIGITS = 40


def _levels(value: object) -> tuple[Level, ...]:
    """Read one level, or a list of such for the rungs of a ladder.

    Raises:
        InputError: it is neither.
    """
    if isinstance(value, list):
        if not 1 <= len(value) < MOST_RUNGS:
            raise InputError(f"{len(value)} levels are not 1 to {MOST_RUNGS - 1}")
        return tuple(map(_one, value))
    return (_one(value),)


_LEVEL: dict[str, Any] = {
    "type": ["string", "integer"],
    "pattern": rf"{form(Dimension.TIME)}|^\s*\+?[0-9.]+([eE][+-]?[0-9]{{1,2}})?\s*(%|ppm)\s*$"
    rf"|{_A_KWH.pattern}",
    "minimum": 0, "maximum": _MOST_FRAMES,
}  # fmt: skip
_LEVELS: dict[str, Any] = {
    "anyOf": [
        _LEVEL, {"type": "array", "items": _LEVEL, "minItems": 1, "maxItems": MOST_RUNGS - 1},
    ],
    "examples": ["200 ms", "5 %", 20, "300 g/kWh"],
    UNIT: "a time, a share in %, a number of frames, g/kWh or USD/kWh, or a list of such",
}  # fmt: skip
LevelsOf = Annotated[Any, BeforeValidator(_levels), SaidAs(_LEVELS)]
"""One level, or one for each rung below the arm's own settings; a tuple of `Level`."""


def check_steps(rule: str, high: Sequence[Level], low: Sequence[Level], rungs: int) -> None:
    """Refuse levels of carbon or price by which no ladder can be gone down and up.

    Args:
        rule: whose levels.
        high: above which each rung is taken, from the top down.
        low: at or below which it is left again.
        rungs: below the arm's own settings.

    Raises:
        InputError: they are not one for each rung, not of this rule, or upside down.
    """
    like = {"carbon": "300 g/kWh", "price": "0.25 USD/kWh"}[rule]
    for key, levels in (("high", high), ("low", low)):
        odd = next((one for one in levels if one.of != rule), None)
        if odd is not None:
            raise InputError(f"'{key}' of the rule '{rule}' is a {rule} level, such as {like}")
        if len(levels) != rungs:
            raise InputError(
                f"'{key}' has {len(levels)} of the {rungs} levels that the ladder needs, one for"
                " each rung below the arm's own settings; write a list of so many"
            )
        for k, (one, other) in enumerate(itertools.pairwise(levels), 1):
            if other.number < one.number:
                raise InputError(
                    f"'{key}' of rung {k + 1} lies below that of rung {k}, and a ladder goes from"
                    " the top down; let levels rise"
                )
    for k, (up, down) in enumerate(zip(low, high, strict=True), 1):
        if up.number > down.number:
            raise InputError(
                f"'low' of rung {k} lies above its 'high'; it is left at or below 'low'"
            )


_ADVICE = "write such as {'07:00': 1, '19:00': 0}, or one of these for each day"


def _rungs(stated: object) -> tuple[int, ...]:
    """Read rungs by the clock: 24 of a weekday, then 24 of a weekend day.

    Raises:
        InputError: they are none.
    """
    return by_clock(stated, "a clock", _ADVICE, _rung)


def _rung(stated: object, place: str) -> int:
    if isinstance(stated, bool) or not isinstance(stated, int) or not 0 <= stated < MOST_RUNGS:
        raise InputError(
            f"{place}{stated!r} is no rung, a whole number from 0 (the arm as it stands) to"
            f" {MOST_RUNGS - 1}; {_ADVICE}"
        )
    return stated


_HOURS = {
    **hours_schema({"type": "integer", "minimum": 0, "maximum": MOST_RUNGS - 1}),
    "examples": [{"07:00": 1, "19:00": 0}],
    UNIT: "rungs from clock hours on, or these by day",
}
RungsByHour = Annotated[tuple[int, ...], BeforeValidator(_rungs), SaidAs(_HOURS)]
"""Rungs by the hours of a weekday and of a weekend day; shape (48,)."""
