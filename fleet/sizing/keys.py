"""Which keys of a scenario are to be found, and the values that they may take.

A key takes whole numbers or a rate, in ascending order. Its range is written as for studies
(`fleet.study.vary`): `cloud.servers=1..64`, `links.wan.rate=10..200+10 Mbit/s`. Without a range a
whole number goes from 1 as far as the scenario takes it, and a rate over numbers of two digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from fleet import units
from fleet.errors import InputError
from fleet.scenario.load import Scenario
from fleet.study.design import design
from fleet.study.vary import parse
from fleet.units import Dimension

Wanted: TypeAlias = "str | Sequence[str] | Mapping[str, str | None]"
"""Keys as texts of `KEY` or `KEY=RANGE`, or ranges by key, None for none."""
FIND, MOST = "--find", "--most"
MOST_WHOLE = 100_000
"""The largest whole number that is looked at without a range."""
_TRIED = {"": "1", "Mbit/s": "10 Mbit/s", "fps": "5 fps"}
_DECADES = {"Mbit/s": range(-1, 5), "fps": range(-2, 2)}
_NOT_THERE = ("unknown key", "holds no keys", "nothing below", "is missing")
_OTHERS = {"seed", "replications", "name"}


@dataclass(frozen=True)
class Ladder:
    """The values that a key takes.

    Attributes:
        key: its path in the scenario.
        texts: values as a scenario writes them, those that are enough last: ascending where the
            smallest is to be found, descending where the most are.
        places: paths of the keys that it stands for: several if it has a `*`.
        most: whether the most are to be found.
        given: whether the user said the range.
    """

    key: str
    texts: tuple[str, ...]
    places: tuple[str, ...]
    most: bool
    given: bool

    def overrides(self, index: int) -> list[str]:
        """Return what sets a value."""
        return [f"{place}={self.texts[index]}" for place in self.places]

    @property
    def top(self) -> int:
        """Return the place of the last value, which is enough if any is."""
        return len(self.texts) - 1

    def roomy(self, index: int) -> int:
        """Return the place of twice the value there, or of half of it where most are looked for."""
        if self.most:
            return self.top - (self.top - index) // 2
        return min(self.top, 2 * index + 1)

    @property
    def ends(self) -> str:
        """Return the range in words, from the smaller value."""
        ends = sorted((self.texts[0], self.texts[-1]), key=_number)
        return " to ".join(dict.fromkeys(ends))


def ladders(scenario: Scenario, wanted: Wanted, option: str = FIND) -> list[Ladder]:
    """Return the keys that are to be found.

    Args:
        scenario: of which.
        wanted: the keys.
        option: whether the smallest value or the most is to be found.

    Raises:
        InputError: a key is not there, is neither a whole number nor a rate, or a range is none.
    """
    keys = [_ladder(scenario, text, option) for text in _texts(wanted)]
    if not keys:
        raise InputError(f"{option}: say which key, such as {option} cloud.servers")
    places = [place for one in keys for place in one.places]
    for place in places:
        if places.count(place) > 1:
            raise InputError(f"{option}: '{place}' is asked for twice; ask for it once")
    return keys


def _texts(wanted: Wanted) -> Iterator[str]:
    if isinstance(wanted, Mapping):
        yield from (key if spec is None else f"{key}={spec}" for key, spec in wanted.items())
    else:
        yield from [wanted] if isinstance(wanted, str) else wanted


def _ladder(scenario: Scenario, text: str, option: str) -> Ladder:
    key, equals, spec = (part.strip() for part in text.partition("="))
    if not key or (equals and not spec):
        raise InputError(f"{option} {text}: write KEY or KEY=RANGE, such as cloud.servers=1..64")
    if key in _OTHERS:
        raise InputError(f"{option} {key}: is no part of a plant; name such as cloud.servers")
    if spec:
        texts = _said(f"{key}={spec}", option)
    else:
        unit = _unit_of(scenario, key, option)
        texts = _whole(scenario, key, option) if not unit else tuple(_rates(unit))
    if option == MOST:
        texts = texts[::-1]
    return Ladder(key, texts, _places(scenario, key, texts[0], option), option == MOST, bool(spec))


def _said(text: str, option: str) -> tuple[str, ...]:
    """Return the values of a range that the user said, ascending."""
    try:
        varied = parse(text)
    except InputError as error:
        raise InputError(str(error).replace("--vary", option, 1)) from None
    if any(unit is None for _, unit in varied.items):
        raise InputError(
            f"{option} {text}: must be whole numbers or rates, such as 1..64 or 10..200+10 Mbit/s"
        )
    return tuple(sorted(varied.texts, key=_number))


def _number(text: str) -> Fraction:
    """Return what orders values of one key."""
    for dimension in (Dimension.FRACTION, *Dimension):
        try:
            return Fraction(units.parse(text, dimension))
        except InputError:
            continue
    raise InputError(f"{text!r} is no quantity")


def _unit_of(scenario: Scenario, key: str, option: str) -> str:
    """Return the unit of a key: none for whole numbers.

    Raises:
        InputError: it is neither a whole number nor a rate, or is not there.
    """
    refused: list[InputError] = []
    for unit, text in _TRIED.items():
        try:
            _places(scenario, key, text, option)
        except InputError as error:
            refused.append(error)
        else:
            return unit
    if any(word in str(refused[0]) for word in _NOT_THERE):
        raise refused[0]
    raise InputError(
        f"{option} {key}: is neither a whole number nor a rate; name such as cloud.servers or"
        f" links.wan.rate, and compare values of others with --vary {key}=A,B"
    )


def _places(scenario: Scenario, key: str, text: str, option: str) -> tuple[str, ...]:
    """Return the paths that a key stands for, and check that they take a value."""
    try:
        point = design(scenario, [f"{key}={text}"]).points[0]
    except InputError as error:
        said = str(error).partition(": ")[2]  # behind what was varied
        raise InputError(f"{option} {key}: {said}") from None
    return tuple(override.rpartition("=")[0] for override in point.overrides)


def _whole(scenario: Scenario, key: str, option: str) -> tuple[str, ...]:
    """Return the whole numbers from 1 as far as a scenario takes them."""
    low, high = 1, MOST_WHOLE + 1
    while high - low > 1:
        middle = MOST_WHOLE if high > MOST_WHOLE else (low + high) // 2
        try:
            _places(scenario, key, str(middle), option)
            low = middle
        except InputError:
            high = middle
    return tuple(str(n) for n in range(1, low + 1))


def _rates(unit: str) -> Iterator[str]:
    """Yield the rates of two digits, ascending."""
    for decade in _DECADES[unit]:
        for digits in range(10, 100):
            yield f"{(Decimal(digits) * Decimal(10) ** (decade - 1)).normalize():f} {unit}"
