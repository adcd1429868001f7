"""Which values a key takes in a study: `KEY=SPEC`, as `--vary` takes it.

A spec is a list of values with commas between. A value is a number with a unit or none, a word, or
a range of numbers: `1..8` whole numbers, `0.5..2+0.5` with a step, `1..64*2` with a factor. A unit
may stand once, at the end: `5,10,15 fps`, `10..100+30 Mbit/s`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

from fleet.errors import InputError

Vary: TypeAlias = "Mapping[str, str | Sequence[object]] | Sequence[str]"
"""What varies: by key a spec or a list of values, or texts of `KEY=SPEC`."""

MOST_VALUES = 10_000
"""So many values a key takes at most."""
_FORMS = (
    "write values with commas between, such as 1,2,4 or 5,10,15 fps or t4,l4; a range as 1..8,"
    " 0.5..2+0.5 (with a step) or 1..64*2 (with a factor)"
)
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_UNIT = r"([A-Za-z%/\u00b5\u03bc][^\s,;]*)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:([+*])({_NUMBER}))?\s*{_UNIT}")
_TIMES = re.compile(r"(?<=[0-9]) ?[x\u00d7] ?(?=[0-9])")  # as people write a factor
_VALUE = re.compile(rf"([-+]?{_NUMBER}(?:[eE][-+]?[0-9]{{1,2}})?)\s*{_UNIT}")
_WORD = re.compile(r"[^\s\[\]{}\"'#&*!|>%@`,;=]+(?: [^\s\[\]{}\"'#&*!|>%@`,;=]+)*")
_Item = tuple[str, str | None]  # a number and its unit, or a word and None


@dataclass(frozen=True)
class Varied:
    """A key and the values that it takes.

    Attributes:
        key: its path in the scenario; `*` stands for every key at a place.
        items: its values as numbers with a unit, empty if it has none, or as words with None.
        text: `KEY=SPEC`, as it was given.
    """

    key: str
    items: tuple[_Item, ...]
    text: str

    @cached_property
    def texts(self) -> list[str]:
        """Return the values as a scenario file writes them."""
        return [value if not unit else f"{value} {unit}" for value, unit in self.items]

    @property
    def unit(self) -> str | None:
        """Return the unit that all values have, empty for bare numbers; None: not all have one."""
        units = {unit for _, unit in self.items}
        return units.pop() if len(units) == 1 else None

    @property
    def column(self) -> str:
        """Return what the column of its values in tables is called."""
        return f"{self.key} ({self.unit})" if self.unit else self.key

    @cached_property
    def cells(self) -> list[int] | list[float] | list[str]:
        """Return the values as they stand in that column: numbers if all have the same unit."""
        if self.unit is None:
            return self.texts
        numbers = [number for number, _ in self.items]
        whole = all(re.fullmatch(r"[-+]?[0-9]{1,18}", number) for number in numbers)
        return [int(n) for n in numbers] if whole else [float(n) for n in numbers]


def read(vary: Vary) -> list[Varied]:
    """Return which keys vary and how, in order.

    Raises:
        InputError: nothing does, a text is not of the form, or a key stands twice.
    """
    varied = [parse(text) for text in texts_of(vary)]
    check_keys(varied)
    return varied


def check_keys(varied: Sequence[Varied]) -> None:
    """Refuse that nothing varies, or a key twice.

    Raises:
        InputError: so it is.
    """
    if not varied:
        raise InputError("--vary: say what varies, such as --vary cloud.servers=1..8")
    keys = [one.key for one in varied]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"--vary {key}: stands twice; write all its values in one list")


def texts_of(vary: Vary) -> Iterator[str]:
    """Yield what varies as the command line takes it."""
    if not isinstance(vary, Mapping):
        yield from [vary] if isinstance(vary, str) else vary
        return
    for key, values in vary.items():
        if isinstance(values, str):
            yield f"{key}={values}"
            continue
        try:
            shown = [v if isinstance(v, str) else json.dumps(v, allow_nan=False) for v in values]
        except (TypeError, ValueError):
            raise InputError(
                f"--vary {key}: {values!r} must be a text such as '1..8', or a list of numbers and"
                " texts"
            ) from None
        yield f"{key}={','.join(shown)}"


def parse(text: str) -> Varied:
    """Return what `KEY=SPEC` says.

    Raises:
        InputError: it is not of the form, says nothing, or says a value twice.
    """
    key, equals, spec = (part.strip() for part in text.partition("="))
    if not equals or not key or not spec:
        raise InputError(f"--vary {text}: write KEY=SPEC; {_FORMS}")
    parts = [_items(part.strip(), text) for part in spec.split(",")]
    items = [item for part in _with_unit(parts, text) for item in part]
    if len(items) > MOST_VALUES:
        raise InputError(f"--vary {text}: has {len(items):,} values, more than {MOST_VALUES:,}")
    varied = Varied(key, tuple(items), text)
    for value, count in Counter(varied.texts).items():
        if count > 1:
            raise InputError(f"--vary {text}: {value} stands twice; write it once")
    return varied


def parse_paired(key: str, values: Sequence[str], text: str) -> Varied:
    """Return a key with a value for each point, of which some may be the same.

    Args:
        key: its path.
        values: one a point, each a number with a unit or none, or a word.
        text: what was given, for errors.

    Raises:
        InputError: a value is none.
    """
    items = []
    for value in values:
        if ".." in value:
            raise InputError(f"--vary {text}: '{value}' is a range, where a point has one value")
        items += _items(value, text)
    return Varied(key, tuple(items), text)


def _items(part: str, text: str) -> list[_Item]:
    """Return the values of a part between commas."""
    meant = _TIMES.sub("*", part)
    if meant != part and _RANGE.fullmatch(meant):
        raise InputError(f"--vary {text}: '{part}' is no range; did you mean {meant}?")
    if match := _RANGE.fullmatch(part):
        low, high, sign, by, unit = match.groups()
        numbers = _numbers(Decimal(low), Decimal(high), sign, Decimal(by) if by else None, text)
        return [(f"{number.normalize():f}", unit or "") for number in numbers]
    if ".." not in part and (match := _VALUE.fullmatch(part)):
        return [(match[1], match[2] or "")]
    if ".." in part or not _WORD.fullmatch(part):
        what = f"'{part}' is neither a value nor a range" if part else "a value is empty"
        raise InputError(f"--vary {text}: {what}; {_FORMS}")
    return [(part, None)]


def _numbers(
    low: Decimal, high: Decimal, sign: str | None, by: Decimal | None, text: str
) -> list[Decimal]:
    """Return the numbers of a range, from the low end up to the high one."""
    whole = low == low.to_integral_value() and high == high.to_integral_value()
    if by is None and not whole:
        raise InputError(f"--vary {text}: a range of fractions needs a step, such as 0.5..2+0.5")
    if low > high:
        raise InputError(f"--vary {text}: the range {low}..{high} is empty; write {high}..{low}")
    by = Decimal(1) if by is None else by
    if sign == "*" and (by <= 1 or not low):
        raise InputError(f"--vary {text}: a factor is more than 1, and such a range begins above 0")
    if not by:
        raise InputError(f"--vary {text}: the step is 0; write one above 0")
    numbers = []
    while low <= high:
        numbers.append(low)
        if len(numbers) > MOST_VALUES:
            raise InputError(f"--vary {text}: has more than {MOST_VALUES:,} values; widen the step")
        low = low * by if sign == "*" else low + by
    return numbers


def _with_unit(parts: list[list[_Item]], text: str) -> list[list[_Item]]:
    """Return the values; a unit behind the last number is that of all, if no other has one."""
    units = [unit for ((_, unit), *_) in parts if unit is not None]
    if all(units) or not any(units):
        return parts
    if any(units[:-1]):
        raise InputError(
            f"--vary {text}: some numbers have a unit and others none; write it behind each, or"
            " once at the end"
        )
    return [[(n, None if unit is None else units[-1]) for n, unit in part] for part in parts]
