"""Read and write physical quantities: what users write on one side, exact numbers on the other.

Each `Dimension` has one canonical unit. Text is read as an exact decimal, never as a binary float,
so that nothing is lost without an error that says so.
"""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from fleet.errors import InputError

LARGEST = 2**62
"""The largest canonical number, half of what a signed 64-bit integer can hold."""

_WRITTEN_OUT = 15
"""Digits from which on a frame rate is a fraction that was written out; floats have 15 to 17."""

_MAX_LENGTH, _MAX_EXPONENT, _MAX_BARE_BITS = 100, 99, 400


class Dimension(Enum):
    """What a quantity measures, with its canonical unit."""

    TIME = "time"  # ns
    DATA = "data"  # bit
    RATE = "rate"  # bit/s
    POWER = "power"  # uW
    ENERGY = "energy"  # nJ
    ENERGY_PER_BIT = "energy per bit"  # nJ/bit, a Fraction
    FRAME_RATE = "frame rate"  # frames per second, a Fraction
    PEOPLE = "people per hour"  # a Fraction
    FRACTION = "fraction"  # a Fraction
    COUNT = "count"


class _Spec(NamedTuple):
    noun: str
    canonical: str
    scales: dict[str, Fraction]
    usual: str
    advice: str
    whole: bool = True


_SI = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _scales(prefixes: dict[str, int | Fraction], bases: dict[str, int]) -> dict[str, Fraction]:
    return {p + b: Fraction(n) * m for b, m in bases.items() for p, n in prefixes.items()}


def _per(above: dict[str, Fraction], below: dict[str, Fraction]) -> dict[str, Fraction]:
    return {f"{a}/{b}": n / m for a, n in above.items() for b, m in below.items()}


_MICRO = Fraction(1, 10**6)
_CLOCK = _scales({"": 1}, {"s": 1, "min": 60, "h": 3600, "d": 86400})
_TIME = _scales({"": 1}, {"ns": 1, "us": 10**3, "ms": 10**6})
_TIME |= {unit: seconds * 10**9 for unit, seconds in _CLOCK.items()}
_DATA = _scales({**_SI, **_BINARY}, {"bit": 1, "b": 1, "B": 8})
_RATE = _per(_DATA, {"s": Fraction(1)}) | _scales({**_SI}, {"bps": 1, "Bps": 8})
_SMALL: dict[str, int | Fraction] = {"n": _MICRO / 1000, "u": _MICRO, "m": _MICRO * 1000}
_POWER = _scales({**_SMALL, "": 1, "k": 10**3, "M": 10**6}, {"W": 10**6})
_ENERGY = _scales({"p": _MICRO**2, **_SMALL, "": 1, "k": 10**3, "M": 10**6}, {"J": 10**9})
_ENERGY |= _scales({"m": _MICRO * 1000, "": 1, "k": 10**3, "M": 10**6}, {"Wh": 3600 * 10**9})
_FRAME_RATE = _scales({"": 1}, {"fps": 1})
_FRAME_RATE |= _per(_scales({"": 1}, {"frame": 1, "frames": 1}), _CLOCK)
_HOURLY = {unit: seconds / 3600 for unit, seconds in _CLOCK.items()}
_PEOPLE = _per({word: Fraction(1) for word in ("", "people", "visitors", "vehicles")}, _HOURLY)
_ENERGY_PER_BIT = _per(_ENERGY, _DATA)
_FRACTION = {"": Fraction(1), "%": Fraction(1, 100), "ppm": _MICRO}


_WITH_UNIT = "write a number with a unit, such as"
_SPECS = {
    Dimension.TIME: _Spec(
        "a time", "ns", _TIME, "in ns, us, ms, s, min, h or d", f"{_WITH_UNIT} '3.1 ms'"
    ),
    Dimension.DATA: _Spec(
        "data", "bit", _DATA, "in bit, kbit, B, kB, MB, MiB or GB", f"{_WITH_UNIT} '8 MiB'"
    ),
    Dimension.RATE: _Spec(
        "a rate", "bit/s", _RATE, "in bit/s, kbit/s, Mbit/s or MB/s", f"{_WITH_UNIT} '20 Mbit/s'"
    ),
    Dimension.POWER: _Spec("a power", "uW", _POWER, "in uW, mW, W or kW", f"{_WITH_UNIT} '280 mW'"),
    Dimension.ENERGY: _Spec(
        "an energy", "nJ", _ENERGY, "in nJ, uJ, mJ, J, kJ, Wh or kWh", f"{_WITH_UNIT} '4.9 mJ'"
    ),
    Dimension.ENERGY_PER_BIT: _Spec(
        "an energy per bit", "nJ/bit", _ENERGY_PER_BIT, "in nJ/bit, mJ/MB or kWh/GB",
        f"{_WITH_UNIT} '80 nJ/bit'", whole=False,
    ),
    Dimension.FRAME_RATE: _Spec(
        "a frame rate", "fps", _FRAME_RATE, "in fps, frame/min, frame/h or frame/d",
        f"{_WITH_UNIT} '30 fps'", whole=False,
    ),
    Dimension.PEOPLE: _Spec(
        "a number of people", "/h", _PEOPLE, "in /h, /min, people/h or vehicles/h",
        f"{_WITH_UNIT} '300 /h'", whole=False,
    ),
    Dimension.FRACTION: _Spec(
        "a fraction", "", _FRACTION, "without a unit, or in % or ppm",
        "write a number such as '0.25' or '0.1 %'", whole=False,
    ),
    Dimension.COUNT: _Spec(
        "a count", "", {"": Fraction(1)}, "without a unit", "write a whole number, such as '8'"
    ),
}  # fmt: skip

# The unit may not begin like a number, so that `1,000 ms` or `1.2.3 s` is refused as a number.
_QUANTITY = re.compile(
    r"([+-]?)((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?)\s*((?:[^\d\s.,_+-].*)?)",
    re.DOTALL,
)
_MUS = ("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}")
"""They look the same, and both mean micro."""
_NOT_FINITE = re.compile(r"[+-]?\.?(?:inf|infinity|nan)(?![a-z]).*", re.IGNORECASE | re.DOTALL)


def names(dimension: Dimension) -> list[str]:
    """Return all units of a dimension as they may be written, the micro sign among them."""
    plain = [name for name in _SPECS[dimension].scales if name]
    return plain + [f"{mu}{name[1:]}" for mu in _MUS for name in plain if name[0] == "u"]


def usual(dimension: Dimension) -> str:
    """Return in words in which units a dimension is usually written."""
    return _SPECS[dimension].usual


def parse(text: object, dimension: Dimension) -> int | Fraction:
    """Read one quantity into its canonical unit.

    Args:
        text: Text such as `3.1 ms`. Any other value is accepted so that it can be refused with a
            clear message; bare numbers are good only for fractions and counts.
        dimension: What the text must measure.

    Returns:
        An `int`, or a `Fraction` for an energy per bit, a frame rate or a fraction. Never negative.

    Raises:
        InputError: If the text is not such a quantity, is too large, or is finer than the
            canonical unit can hold.
    """
    spec = _SPECS[dimension]
    written, shown = _written(text, spec)
    number, unit = _split(written, shown, spec)
    return _canonical(number * _scale(unit, shown, spec), shown, spec)


def _written(value: object, spec: _Spec) -> tuple[str, str]:
    """Return the text to read and the same text as an error message shows it."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MAX_LENGTH:
            raise InputError(f"{text[:20] + '...'!r} is too long for {spec.noun}; {spec.advice}")
        return text, repr(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{_kind(value)} is not {spec.noun}; {spec.advice}")
    if isinstance(value, int) and value.bit_length() > _MAX_BARE_BITS:
        raise InputError(f"an integer this long is not {spec.noun}; {spec.advice}")
    # repr() of a float is the shortest decimal that means it: what the user most likely wrote.
    return repr(value), repr(value)


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"


def _split(text: str, shown: str, spec: _Spec) -> tuple[Fraction, str]:
    if not text:
        raise InputError(f"{shown} is empty; {spec.advice}")
    if _NOT_FINITE.fullmatch(text):
        raise InputError(f"{shown} is not a finite number; {spec.advice}")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise InputError(f"{shown} is not {spec.noun}; {spec.advice}")
    sign, number, exponent, unit = match.groups()
    if sign == "-":
        raise InputError(f"{shown} is negative; {spec.noun} is zero or more; {spec.advice}")
    # Without this bound, `1e999999999 s` would fill the memory with digits.
    if exponent and abs(int(exponent)) > _MAX_EXPONENT:
        raise InputError(f"{shown}: the exponent is beyond {_MAX_EXPONENT}; {spec.advice}")
    return Fraction(number), unit


def _scale(unit: str, shown: str, spec: _Spec) -> Fraction:
    plain = unit
    for mu in _MUS:
        plain = plain.replace(mu, "u")
    if plain in spec.scales:
        return spec.scales[plain]
    if not plain:
        raise InputError(f"{shown} has no unit; {spec.advice}")
    for other in _SPECS.values():
        if plain in other.scales:
            raise InputError(f"{shown} is {other.noun}, not {spec.noun}; {spec.advice}")
    raise InputError(f"{shown}: unknown unit {unit!r} ({_guess(plain, spec)})")


def _guess(unit: str, spec: _Spec) -> str:
    wanted = "".join(unit.split()).casefold()
    near = [repr(name) for name in spec.scales if name and name.casefold() == wanted]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"{spec.noun} is written {spec.usual}"


def _canonical(value: Fraction, shown: str, spec: _Spec) -> int | Fraction:
    unit = f" {spec.canonical}" if spec.canonical else ""
    if value > LARGEST:
        raise InputError(f"{shown} is too large; the largest is 2**62{unit}, about 4.6e18{unit}")
    if not spec.whole:
        return value
    if value.denominator != 1:
        raise InputError(f"{shown} is too fine; the finest step is 1{unit}, so round it to that")
    return value.numerator


def _whole(text: object, dimension: Dimension) -> int:
    return int(parse(text, dimension))


def time_ns(text: object) -> int:
    """Read a time such as `3.1 ms` in ns; raises `InputError`."""
    return _whole(text, Dimension.TIME)


def data_bit(text: object) -> int:
    """Read an amount of data such as `8 MiB` in bit; raises `InputError`."""
    return _whole(text, Dimension.DATA)


def rate_bps(text: object) -> int:
    """Read a rate such as `20 Mbit/s` in bit/s; raises `InputError`."""
    return _whole(text, Dimension.RATE)


def power_uw(text: object) -> int:
    """Read a power such as `280 mW` in uW; raises `InputError`."""
    return _whole(text, Dimension.POWER)


def energy_nj(text: object) -> int:
    """Read an energy and return nanojoules; see `parse` for errors."""
    return _whole(text, Dimension.ENERGY)


def energy_nj_per_bit(text: object) -> Fraction:
    """Read an energy per bit such as `0.008 kWh/GB` in nJ/bit, exactly; raises `InputError`."""
    return Fraction(parse(text, Dimension.ENERGY_PER_BIT))


def frame_rate(text: object) -> Fraction:
    """Read a frame rate such as `1 frame/min` in frames/s, exactly; raises `InputError`.

    One of 15 digits or more is a fraction that somebody has written out, such as 30000/1001 fps as
    `29.97002997002997 fps`: the simplest that has these digits, but for the last of a float.
    """
    rate = Fraction(parse(text, Dimension.FRAME_RATE))
    match = _QUANTITY.fullmatch(str(text).strip())
    assert match is not None  # it has been read
    digits = re.sub(r"[eE].*|\.", "", match[2]).lstrip("0")
    if len(digits) < _WRITTEN_OUT or not rate:
        return rate
    off = rate * max(Fraction(1, 2 * int(digits)), Fraction(1, 2**51))
    near = (rate.limit_denominator(10**power) for power in range(len(digits)))
    return next((one for one in near if abs(one - rate) <= off), rate)


def people_per_h(text: object) -> Fraction:
    """Read a number of people such as `300 /h` in people an hour, exactly; raises `InputError`."""
    return Fraction(parse(text, Dimension.PEOPLE))


def fraction(text: object) -> Fraction:
    """Read a fraction such as `0.1 %`, `5 ppm` or a bare `0.25`, exactly; raises `InputError`."""
    return Fraction(parse(text, Dimension.FRACTION))


def count(text: object) -> int:
    """Read a whole number without a unit, zero or more; raises `InputError`."""
    return _whole(text, Dimension.COUNT)


def _decimal(value: Fraction) -> str | None:
    """Write the value exactly, or return None when its decimals never end."""
    for places in range(value.denominator.bit_length()):
        if 10**places % value.denominator == 0:
            text = str(value.numerator * 10**places // value.denominator).rjust(places + 1, "0")
            return f"{text[:-places]}.{text[-places:]}" if places else text
    return None


def _round_significant(value: int, digits: int) -> int:
    step = int(10 ** max(0, len(str(abs(value))) - digits))
    return round(Fraction(value, step)) * step


def _format(value: int, scales: dict[str, Fraction], units: str, digits: int | None) -> str:
    """Write with the fewest digits in the largest unit of `units` (largest first) that fits."""
    size = abs(value if digits is None else _round_significant(value, digits))
    names = units.split()
    fitting = [name for name in names if scales[name] <= size] or names[-1:]
    exact = [(t, name) for name in fitting if (t := _decimal(size / scales[name])) is not None]
    text, unit = min(exact, key=lambda pair: len(pair[0].replace(".", "").strip("0")))
    return f"{'-' if value < 0 else ''}{text} {unit}"


def format_time_ns(value: int, digits: int | None = None) -> str:
    """Write a time in ns for people: exactly, or rounded to `digits` significant digits."""
    return _format(value, _TIME, "d h min s ms us ns", digits)


def format_data_bit(value: int, digits: int | None = None) -> str:
    """Write data in bit for people: exactly, or rounded to `digits` significant digits."""
    return _format(value, _DATA, "TiB TB GiB GB MiB MB KiB kB B bit", digits)


def format_rate_bps(value: int, digits: int | None = None) -> str:
    """Write a rate in bit/s for people: exactly, or rounded to `digits` significant digits."""
    return _format(value, _RATE, "Tbit/s Gbit/s Mbit/s kbit/s bit/s", digits)
