"""At which value does one number of the catalogue turn an answer over? Found by halving its range.

The search goes from the value that stands in the catalogue to an end of the range at which the
answer is another one. What is told is rounded to three digits towards that end, and was run there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.catalog.spread import Spread
from fleet.study.uncertain.findings import Flip

_STEPS = 9
_DIGITS = 3
Differences = Callable[[Sequence[tuple[Spread, float]]], Sequence[Sequence[float]]]
"""Takes numbers and values of them, each of which is run alone; gives the difference of the arms in
every finding at each."""


@dataclass
class Search:
    """A search under way.

    Attributes:
        finding: position of the finding.
        spread: the number that is searched.
        same: a value with which the answer is the same as in the catalogue.
        other: one with which it is another.
    """

    finding: int
    spread: Spread
    same: float
    other: float

    @property
    def is_over(self) -> bool:
        """Return whether there is no place between that rounds to another number."""
        return _rounded(self.same, self.above) == _rounded(self.other, self.above)

    @property
    def above(self) -> bool:
        """Return whether the answer turns above a value, not below."""
        return self.other > self.same


def search(searches: Sequence[Search], signs: Sequence[bool], run: Differences) -> list[list[Flip]]:
    """Return by finding what turns it over.

    Args:
        searches: where to search.
        signs: by finding, whether its difference is above zero as the catalogue stands.
        run: runs arms with single numbers changed.
    """
    for _ in range(_STEPS):
        open_ones = [one for one in searches if not one.is_over]
        middles = [one.spread.between(one.same, one.other) for one in open_ones]
        measured = run([(one.spread, x) for one, x in zip(open_ones, middles, strict=True)])
        for one, middle, differences in zip(open_ones, middles, measured, strict=True):
            if _turned(differences[one.finding], signs[one.finding]):
                one.other = middle
            else:
                one.same = middle
    return _verified(searches, signs, run)


def _verified(
    searches: Sequence[Search], signs: Sequence[bool], run: Differences
) -> list[list[Flip]]:
    """Return the flips that a run with the very number that is told shows."""
    told = []
    for one in searches:
        low, high = one.spread.ends
        told.append(min(max(_rounded(one.other, one.above), low), high))
    measured = run([(one.spread, x) for one, x in zip(searches, told, strict=True)])
    flips: list[list[Flip]] = [[] for _ in signs]
    for one, x, differences in zip(searches, told, measured, strict=True):
        difference = differences[one.finding]
        if _turned(difference, signs[one.finding]):
            flips[one.finding].append(Flip(one.spread, x, one.above, difference))
    return flips


def _turned(difference: float, above: bool) -> bool:
    return difference < 0 if above else difference > 0


def _rounded(x: float, up: bool) -> float:
    """Return a number rounded away to three digits."""
    if not x:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(x))) - _DIGITS + 1)
    steps = x / step
    whole = math.ceil(steps - 1e-9) if up else math.floor(steps + 1e-9)
    return float(f"{whole * step:.{_DIGITS}g}")
