"""Special days: dates on which people come as on another kind of day, or so many times as many."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from fleet.errors import InputError
from fleet.scenario.quantities import FACTOR_PATTERN, UNIT, SaidAs, factor

DAYS = ("weekday", "weekend")
"""The kinds of days that demand knows."""
_LIKE = re.compile(rf"^({'|'.join(DAYS)})(?:\s+at\s+(.*))?$")


class SpecialDay(NamedTuple):
    """What a date is for demand.

    Attributes:
        like: the kind of day that it is like; None for that of its day of the week.
        factor: how many times as many people come.
    """

    like: str | None
    factor: Fraction


def special_day(stated: object) -> SpecialDay:
    """Return what a date is for demand.

    Args:
        stated: a kind of day, a factor, or both: `weekend`, `150 %`, `weekend at 150 %`.

    Raises:
        InputError: it is none of these.
    """
    match = _LIKE.match(stated.strip()) if isinstance(stated, str) else None
    like, times = (None, stated) if match is None else match.groups()
    try:
        return SpecialDay(like, Fraction(1) if like and times is None else factor(times))
    except InputError as error:
        raise InputError(
            f"{error}; write 'weekend' or 'weekday', how many people come such as '150 %', or both:"
            " 'weekend at 150 %'"
        ) from None


_ANY_FACTOR = FACTOR_PATTERN.partition("$")[0].removeprefix("^")
_SCHEMA = {
    "type": ["string", "number"],
    "pattern": rf"^\s*({'|'.join(DAYS)})(\s+at\s+{_ANY_FACTOR})?\s*$|{FACTOR_PATTERN}",
    "minimum": 0,
    "maximum": 1000,
    "examples": ["weekend", "150 %", "weekend at 150 %"],
    UNIT: "`weekday` or `weekend`, how many people in % of its own, or both",
}
Day = Annotated[SpecialDay, BeforeValidator(special_day), SaidAs(_SCHEMA)]
"""What a date is for demand."""
