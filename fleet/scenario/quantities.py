"""Words that scenario models are made of: quantities with units, names, moments, what keys mean."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

import fleet.units as units
from fleet.catalog.ranges import LONGEST
from fleet.errors import InputError
from fleet.units import Dimension


@dataclass(frozen=True, eq=False)
class SaidAs:
    """What the JSON Schema says of a value, instead of what its type would.

    Unlike pydantic's own `WithJsonSchema` it gives a copy each time: pydantic 2.10 writes defaults
    of fields into what it gets.
    """

    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: Any, made: Callable[[Any], Any]) -> Any:
        """Return the JSON Schema of the value."""
        return copy.deepcopy(self.schema)


class Quantity(NamedTuple):
    """A kind of quantity that a scenario states.

    Attributes:
        dimension: what it measures.
        parse: reads it.
        example: one, with its unit.
        least: the least that it may be; where that is nothing, it needs no unit.
        most: the most that it may be.
    """

    dimension: Dimension
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
    def schema(self) -> SaidAs:
        """Return what the JSON Schema of scenarios says of it."""
        told: dict[str, Any] = {
            "type": "string", "pattern": self.pattern, "examples": [self.example],
            UNIT: units.usual(self.dimension), RANGE: f"{self.least} to {self.most}",
        }  # fmt: skip
        if self.dimension is Dimension.FRACTION:  # of which a bare number is one, too
            least, most = (float(self.parse(text)) for text in (self.least, self.most))
            told |= {"type": ["string", "number"], "minimum": least, "maximum": most}
        elif not self.parse(self.least):
            told |= {"type": ["string", "number"], "minimum": 0, "maximum": 0}
        return SaidAs(told)

    @property
    def pattern(self) -> str:
        """Return the form of it as a text: a number, not 0 if it may not be, and a unit."""
        if self.dimension is Dimension.FRACTION and self.parse(self.most) <= 1:
            return _PARTS
        nothing = not self.parse(self.least)
        number = _NUMBER if nothing else rf"(?=[0-9.]*[1-9]){_NUMBER}"
        return form(self.dimension, number) + ("|^0$" if nothing else "")


UNIT, RANGE, OTHERWISE, LISTED = "x-unit", "x-range", "x-otherwise", "x-catalogue"
"""What else the JSON Schema says of a key: units, least and most, what holds if it is left out, and
which kinds of the catalogue have the names."""

_NUMBER = r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?"


def form(dimension: Dimension, number: str = _NUMBER) -> str:
    """Return the form of a quantity as a text, as a regular expression.

    Args:
        dimension: what it measures.
        number: the form of its number.
    """
    unit = f"({'|'.join(map(re.escape, units.names(dimension)))})"
    optional = "?" if dimension is Dimension.FRACTION else ""
    return rf"^\s*\+?{number}\s*{unit}{optional}\s*$"


_PARTS = (
    r"^\s*\+?(0*(100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+)\s*%|0*(1(\.0*)?|0(\.[0-9]*)?|\.[0-9]+)"
    rf"|[0-9.]+[eE][+-]?[0-9]{{1,2}}\s*%?|{_NUMBER}\s*ppm)\s*$"
)
"""The form of a share of up to 100 %."""


def says(meaning: str, example: object, otherwise: str = "") -> Any:
    """Return what a key means, for the JSON Schema and the page of all keys.

    Args:
        meaning: in words, without a stop.
        example: a value as a scenario states it.
        otherwise: what holds if it is left out, where no default of the model says so.
    """
    more: Any = {OTHERWISE: otherwise} if otherwise else None
    return Field(description=meaning, examples=[example], json_schema_extra=more)


class Listed(NamedTuple):
    """That a name is one of those that kinds of the catalogue have."""

    kinds: tuple[str, ...]

    def __get_pydantic_json_schema__(self, core: Any, made: Callable[[Any], Any]) -> Any:
        """Return the JSON Schema of the name, with what is said here."""
        return made(core) | {LISTED: list(self.kinds)}


def given(*names: str) -> dict[str, Any]:
    """Return the JSON Schema of a mapping in which some keys are given; null is as if left out."""
    return {"required": list(names), "properties": {name: {"not": _NOTHING} for name in names}}


def left_out(*names: str) -> dict[str, Any]:
    """Return the JSON Schema of a mapping in which some keys are not given."""
    return {"properties": dict.fromkeys(names, _NOTHING)}


_NOTHING = {"type": "null"}


NONE_OF_IT: dict[str, Any] = {
    "anyOf": [{"const": 0}, {"type": "string", "pattern": r"^[\s0.+]*\s*(%|ppm)?\s*$"}]
}
"""The JSON Schema of a share that is none."""


LIFETIME = "36500 d"
"""The longest time of a run."""

_TIME = Quantity(Dimension.TIME, units.time_ns, "10 s", "1 ns", LONGEST)
_OFFSET = _TIME._replace(least="0 ns")
_PERIOD = _TIME._replace(least="1 ms")
_SPAN = _TIME._replace(most=LIFETIME)
_SPAN0 = _SPAN._replace(least="0 ns")
OFFSET_PATTERN = _OFFSET.pattern
"""The form of a time, for texts in which there is one."""
_EPOCH = _OFFSET._replace(most=f"{units.LARGEST} ns")
_DATA = Quantity(Dimension.DATA, units.data_bit, "2 MB", "1 bit", "1000 TB")
_RATE = Quantity(Dimension.RATE, units.rate_bps, "20 Mbit/s", "1 bit/s", "1000 Tbit/s")
_POWER = Quantity(Dimension.POWER, units.power_uw, "10 W", "1 mW", "1 kW")
_ENERGY = Quantity(Dimension.ENERGY, units.energy_nj, "50 Wh", "1 mJ", "100 kWh")
_FPS = Quantity(Dimension.FRAME_RATE, units.frame_rate, "30 fps", "0.001 frame/d", "1000000 fps")
_SHARE = Quantity(Dimension.FRACTION, units.fraction, "5 %", "1 ppm", "100000 %")
_SHARE0 = _SHARE._replace(least="0")
_PART0 = _SHARE0._replace(most="100 %")
_PART = _PART0._replace(least="0.1 %")
_LOSS = _PART0._replace(most="50 %")


def _pace(value: object) -> Any:
    """Read a rate of frames, an exact fraction, or of bits, a whole number, by its unit."""
    is_bits = isinstance(value, str) and re.match(form(Dimension.RATE), value)
    return (_RATE if is_bits else _FPS).read(value)


def interval_ns(value: object) -> int:
    """Read a time of something that happens, or none; ns.

    Raises:
        InputError: it is none, or too long.
    """
    return int(_OFFSET.read(value))


def factor(value: object) -> Fraction:
    """Read by how much something is multiplied, exactly.

    Raises:
        InputError: it is no such number, or too large.
    """
    return Fraction(_SHARE0.read(value))


FACTOR_PATTERN = _SHARE0.pattern
"""The form of it as a text."""

TimeNs = Annotated[int, BeforeValidator(_TIME.read), _TIME.schema]
PeriodNs = Annotated[int, BeforeValidator(_PERIOD.read), _PERIOD.schema]
SpanNs = Annotated[int, BeforeValidator(_SPAN.read), _SPAN.schema]
SpanOrNone = Annotated[int, BeforeValidator(_SPAN0.read), _SPAN0.schema]
OffsetNs = Annotated[int, BeforeValidator(_OFFSET.read), _OFFSET.schema]
EpochNs = Annotated[int, BeforeValidator(_EPOCH.read), _EPOCH.schema]
DataBit = Annotated[int, BeforeValidator(_DATA.read), _DATA.schema]
RateBps = Annotated[int, BeforeValidator(_RATE.read), _RATE.schema]
PowerUw = Annotated[int, BeforeValidator(_POWER.read), _POWER.schema]
EnergyNj = Annotated[int, BeforeValidator(_ENERGY.read), _ENERGY.schema]
FrameRate = Annotated[Any, BeforeValidator(_FPS.read), _FPS.schema]
_PACES: dict[str, Any] = {
    "type": "string",
    "pattern": f"{_FPS.pattern}|{_RATE.pattern}",
    "examples": [_FPS.example, _RATE.example],
    UNIT: f"{units.usual(Dimension.FRAME_RATE)}, or {units.usual(Dimension.RATE)}",
}
Pace = Annotated[Any, BeforeValidator(_pace), SaidAs(_PACES)]
"""A rate of frames or of bits: an exact fraction or a whole number."""
FPS_FORM, BPS_FORM = ({"pattern": one.pattern} for one in (_FPS, _RATE))
"""The JSON Schemas of the two."""
Share = Annotated[Any, BeforeValidator(_SHARE.read), _SHARE.schema]
Part = Annotated[Any, BeforeValidator(_PART.read), _PART.schema]
PartOrNone = Annotated[Any, BeforeValidator(_PART0.read), _PART0.schema]
Loss = Annotated[Any, BeforeValidator(_LOSS.read), _LOSS.schema]
LossOrAll = Annotated[Any, BeforeValidator(_PART0.read), _PART0.schema]


_YEARS = (1900, 2200)
"""The years in which a run may begin; calendars end some centuries later."""


def _dated(text: str, what: str = "moment") -> str:
    try:
        year = dt.datetime.fromisoformat(text).year
    except ValueError as error:
        raise InputError(f"{text!r}: {error}; write a {what} that there is") from None
    if not _YEARS[0] <= year <= _YEARS[1]:
        raise InputError(f"{text!r} is not in the years {_YEARS[0]} to {_YEARS[1]}")
    return text


def _date(text: str) -> str:
    return _dated(text, "date")


NAME = r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"
_TARGET = r"^[A-Za-z0-9][A-Za-z0-9_.\-/]{0,127}$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_START = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2}(:\d{2})?)?$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Target = Annotated[str, StringConstraints(pattern=_TARGET)]
App = Annotated[Name, Listed(("apps",))]
Camera = Annotated[Name, Listed(("cameras",))]
Codec = Annotated[Name, Listed(("codecs",))]
Device = Annotated[Name, Listed(("sensors", "cameras"))]
Grid = Annotated[Name, Listed(("carbon",))]
Host = Annotated[Name, Listed(("hosts",))]
Mode = Annotated[Name, Listed(("modes",))]
Network = Annotated[Name, Listed(("models",))]
PriceBook = Annotated[Name, Listed(("prices",))]
Protocol = Annotated[Name, Listed(("protocols",))]
Region = Annotated[Name, Listed(("distances",))]
Server = Annotated[Name, Listed(("servers",))]
Technology = Annotated[Name, Listed(("links",))]
Date = Annotated[str, StringConstraints(pattern=_DATE), AfterValidator(_date)]
Start = Annotated[str, StringConstraints(pattern=_START), AfterValidator(_dated)]
_OBJECTIVE = {
    "type": "string",
    "pattern": r"^([A-Za-z0-9_.\-]+:\s+)?\w[\w.\- ]*\s*(<=|>=|<|>)\s*\+?"
    rf"{_NUMBER}(\s*[^\s0-9].*)?$",
    "examples": ["latency_ms.p99 < 200 ms", "lost < 1 %"],
}
Objective = Annotated[str, SaidAs(_OBJECTIVE)]
"""What is demanded; `fleet.study.slo` reads it."""
LAYER = r"^[!-~]{1,120}$"
Layer = Annotated[str, StringConstraints(pattern=LAYER)]
FUNCTION = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
FORMS = {
    FUNCTION: "the name of a function: up to 64 letters, digits and '_', such as 'follow'",
    NAME: "a name: up to 64 letters, digits, '_', '.' and '-', such as 'shop-port'",
    _TARGET: "a name, or one of an instance, such as 'shop-port/site-12'",
    LAYER: "the name of a layer of a network: up to 120 signs, no blanks, such as 'merge.sum'",
    _DATE: "a date, such as '2024-12-06'",
    _START: "a local date and time, such as '2024-05-16T17:00'",
}
"""What a text of a certain form is, in words."""
MOST_COUNT = 10_000_000
Count = Annotated[int, Field(ge=1, le=MOST_COUNT)]


def _moment(value: object) -> int | dt.time:
    if isinstance(value, str) and _CLOCK.match(value):
        try:
            return dt.time.fromisoformat(value)
        except ValueError:
            raise InputError(f"{value!r} is not a time of day; write such as '18:30'") from None
    return int(_SPAN0.read(value))


_CLOCK = re.compile(r"^\d{2}:\d{2}$")
_MOMENT = {
    "type": ["string", "number"],
    "pattern": f"{_SPAN0.pattern}|^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "minimum": 0,
    "maximum": 0,
    "examples": ["5 min", "18:30"],
    UNIT: f"{units.usual(Dimension.TIME)}, or HH:MM",
}
Moment = Annotated[int | dt.time, BeforeValidator(_moment), SaidAs(_MOMENT)]
"""When something happens: ns from the start, or a time of day."""


class Model(BaseModel):
    """Base of every scenario model: frozen, strict, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
