"""Words that scenario models are made of: quantities with units, names, moments."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any

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
from fleet.errors import InputError


def _quantity(parse: Callable[[object], Any], example: str, *, positive: bool = True) -> Any:
    """Return pydantic metadata for a string with a unit."""

    def read(value: object) -> Any:
        nothing = value in (0, "0") and not isinstance(value, bool)
        number = 0 if nothing and not positive else parse(value)  # nothing needs no unit
        if positive and number <= 0:
            raise InputError(f"{value!r} must be more than zero, such as '{example}'")
        return number

    schema = {"type": "string", "examples": [example], "description": f"such as '{example}'"}
    return BeforeValidator(read), WithJsonSchema(schema)


_time, _time_schema = _quantity(units.time_ns, "10 s")
_time0, _time0_schema = _quantity(units.time_ns, "10 s", positive=False)
_data, _data_schema = _quantity(units.data_bit, "2 MB")
_rate, _rate_schema = _quantity(units.rate_bps, "20 Mbit/s")
_fps, _fps_schema = _quantity(units.frame_rate, "30 fps")
_share, _share_schema = _quantity(units.fraction, "5 %")
_share0, _share0_schema = _quantity(units.fraction, "5 %", positive=False)

TimeNs = Annotated[int, _time, _time_schema]
OffsetNs = Annotated[int, _time0, _time0_schema]
DataBit = Annotated[int, _data, _data_schema]
RateBps = Annotated[int, _rate, _rate_schema]
FrameRate = Annotated[Any, _fps, _fps_schema]
Share = Annotated[Any, _share, _share_schema]
ShareOrNone = Annotated[Any, _share0, _share0_schema]


def _dated(text: str) -> str:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r}: {error}; write a moment that there is") from None
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
    return units.time_ns(value)


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
