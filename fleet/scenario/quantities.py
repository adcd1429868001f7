"""Words that scenario models are made of: quantities with units, names, moments."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

import fleet.units as units
from fleet.catalog.ranges import LONGEST
from fleet.errors import InputError


class Quantity(NamedTuple):
    """A kind of quantity that a scenario states.

    Attributes:
        parse: reads it.
        example: one, with its unit.
        least: the least that it may be; where that is nothing, it needs no unit.
        most: the most that it may be.
    """

    parse: Callable[[object], Any]
    example: str
    least: str
    most: str

    def read(self, value: object) -> Any:
        """Return the number that a value states, in its canonical unit.

        Raises:
            InputError: it states none, or one that is too small or too large.
        """
        least, most = self.parse(self.least), self.parse(self.most)
        nothing = value in (0, "0") and not isinstance(value, bool)
        number = 0 if nothing and not least else self.parse(value)
        if number < least:
            raise InputError(
                f"{value!r} must be more than zero, such as '{self.example}'"
                if not number
                else f"{value!r} is below {self.least}, the least that it may be"
            )
        if number > most:
            raise InputError(f"{value!r} is above {self.most}, the most that it may be")
        return number

    @property
    def schema(self) -> WithJsonSchema:
        """Return what the JSON Schema of scenarios says of it."""
        told = f"such as '{self.example}', from {self.least} to {self.most}"
        return WithJsonSchema({"type": "string", "examples": [self.example], "description": told})


LIFETIME = "36500 d"
"""The longest time of a run."""

_TIME = Quantity(units.time_ns, "10 s", "1 ns", LONGEST)
_OFFSET = _TIME._replace(least="0 ns")
_SPAN = _TIME._replace(most=LIFETIME)
_SPAN0 = _SPAN._replace(least="0 ns")
_EPOCH = _OFFSET._replace(most=f"{units.LARGEST} ns")
_DATA = Quantity(units.data_bit, "2 MB", "1 bit", "1000 TB")
_RATE = Quantity(units.rate_bps, "20 Mbit/s", "1 bit/s", "1000 Tbit/s")
_FPS = Quantity(units.frame_rate, "30 fps", "0.001 frame/d", "1000000 fps")
_SHARE = Quantity(units.fraction, "5 %", "1 ppm", "100000 %")
_SHARE0 = _SHARE._replace(least="0")


def interval_ns(value: object) -> int:
    """Read a time of something that happens, or none; ns.

    Raises:
        InputError: it is none, or too long.
    """
    return int(_OFFSET.read(value))


TimeNs = Annotated[int, BeforeValidator(_TIME.read), _TIME.schema]
SpanNs = Annotated[int, BeforeValidator(_SPAN.read), _SPAN.schema]
SpanOrNone = Annotated[int, BeforeValidator(_SPAN0.read), _SPAN0.schema]
OffsetNs = Annotated[int, BeforeValidator(_OFFSET.read), _OFFSET.schema]
EpochNs = Annotated[int, BeforeValidator(_EPOCH.read), _EPOCH.schema]
DataBit = Annotated[int, BeforeValidator(_DATA.read), _DATA.schema]
RateBps = Annotated[int, BeforeValidator(_RATE.read), _RATE.schema]
FrameRate = Annotated[Any, BeforeValidator(_FPS.read), _FPS.schema]
Share = Annotated[Any, BeforeValidator(_SHARE.read), _SHARE.schema]
ShareOrNone = Annotated[Any, BeforeValidator(_SHARE0.read), _SHARE0.schema]


_YEARS = (1900, 2200)
"""The years in which a run may begin; calendars end some centuries later."""


def _dated(text: str) -> str:
    try:
        year = dt.datetime.fromisoformat(text).year
    except ValueError as error:
        raise InputError(f"{text!r}: {error}; write a moment that there is") from None
    if not _YEARS[0] <= year <= _YEARS[1]:
        raise InputError(f"{text!r} is not in the years {_YEARS[0]} to {_YEARS[1]}")
    return text


NAME = r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"
_TARGET = r"^[A-Za-z0-9][A-Za-z0-9_.\-/]{0,127}$"
_START = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Target = Annotated[str, StringConstraints(pattern=_TARGET)]
Start = Annotated[str, StringConstraints(pattern=_START), AfterValidator(_dated)]
FORMS = {
    NAME: "a name: up to 64 letters, digits, '_', '.' and '-', such as 'shop-port'",
    _TARGET: "a name, or one of an instance, such as 'shop-port/site-12'",
    _START: "a local date and time, such as '2024-05-16T17:00'",
}
"""What a text of a certain form is, in words."""
Count = Annotated[int, Field(ge=1, le=10_000_000)]


def _moment(value: object) -> int | dt.time:
    if isinstance(value, str) and _CLOCK.match(value):
        try:
            return dt.time.fromisoformat(value)
        except ValueError:
            raise InputError(f"{value!r} is not a time of day; write such as '18:30'") from None
    return int(_SPAN0.read(value))


_CLOCK = re.compile(r"^\d{2}:\d{2}$")
_MOMENT = {
    "type": "string",
    "examples": ["5 min", "18:30"],
    "description": "a time or a clock time",
}
Moment = Annotated[int | dt.time, BeforeValidator(_moment), WithJsonSchema(_MOMENT)]
"""When something happens: ns from the start, or a time of day."""


class Model(BaseModel):
    """Base of every scenario model: frozen, strict, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
