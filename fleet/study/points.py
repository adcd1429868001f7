"""Which points a study has: all of a grid, some that are drawn in its space, or a list.

Points of a Latin hypercube are drawn so that each of as many equal slices of every key's values has
one (McKay et al. 1979, Technometrics 21, 239-245); those of a scrambled Sobol sequence fill the
space more evenly, and are as many as a power of two (Owen 1998, J. Complexity 14, 466-489).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fleet.arrays import Floats
from fleet.errors import InputError
from fleet.study.vary import Varied, parse, parse_paired

GRID, LATIN, SOBOL, LIST = "grid", "latin-hypercube", "sobol", "list"
DRAWN = (LATIN, SOBOL)
_DIGITS = 3
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_RANGE = re.compile(rf"([^=]+)={_NUMBER}\.\.{_NUMBER}\s*([A-Za-z%/\u00b5\u03bc][^\s,;]*)?")


class Drawing(NamedTuple):
    """How the points of a study come of what varies.

    Attributes:
        kind: a grid of all values, a Latin hypercube, a Sobol sequence, or a list: the k-th values
            of all keys together.
        points: how many are drawn; None of a grid and a list.
        seed: of what is drawn.
    """

    kind: str = GRID
    points: int | None = None
    seed: int = 0

    @property
    def is_grid(self) -> bool:
        """Return whether every value of a key meets every value of the others."""
        return self.kind == GRID


def size_of(varied: Sequence[Varied], drawing: Drawing) -> int:
    """Return how many points there are, before any condition."""
    if drawing.is_grid:
        return math.prod(len(one.items) for one in varied)
    return len(varied[0].items)


def positions(varied: Sequence[Varied], drawing: Drawing) -> Iterator[tuple[int, ...]]:
    """Yield of each point which of its values every key has."""
    if drawing.is_grid:
        yield from itertools.product(*(range(len(one.items)) for one in varied))
    else:
        yield from ((k,) * len(varied) for k in range(len(varied[0].items)))


def drawn(texts: Sequence[str], drawing: Drawing) -> list[Varied]:
    """Return what varies with the values of every point.

    Args:
        texts: `KEY=SPEC` each. A range without a step is of all numbers between, whole ones if its
            ends are and have no unit; of values with commas between, and of ranges with a step,
            each is as likely.
        drawing: which points.

    Raises:
        InputError: a text is not of the form, or there is a Sobol sequence of another size.
    """
    assert drawing.points is not None
    if drawing.kind == SOBOL and drawing.points & (drawing.points - 1):
        below = 2 ** (drawing.points.bit_length() - 1)
        raise InputError(
            f"points: {drawing.points} is no power of two, as a Sobol sequence is balanced with;"
            f" take {below} or {2 * below}"
        )
    places = _places(drawing, len(texts))
    return [
        parse_paired(text.partition("=")[0].strip(), _values(text, places[:, k].tolist()), text)
        for k, text in enumerate(texts)
    ]


def _places(drawing: Drawing, keys: int) -> Floats:
    """Return the points in [0, 1); shape (points, keys)."""
    from scipy.stats import qmc  # takes a while

    sampler: Any
    if drawing.kind == LATIN:
        sampler = qmc.LatinHypercube(keys, rng=drawing.seed)
    else:
        sampler = qmc.Sobol(keys, scramble=True, rng=drawing.seed)
    points: Floats = sampler.random(drawing.points)
    return points


def _values(text: str, places: Sequence[float]) -> list[str]:
    """Return the value at each place in what a key may be."""
    match = _RANGE.fullmatch(text)
    if match is None:
        values = parse(text).texts
        return [values[int(u * len(values))] for u in places]
    low, high, unit = float(match[2]), float(match[3]), match[4] or ""
    if low >= high:
        raise InputError(f"--vary {text}: the range is empty; write its lower end first")
    if not unit and "." not in match[2] + match[3]:
        return [str(int(low + u * (high - low + 1))) for u in places]
    digits = max(0, _DIGITS - math.floor(math.log10(high - low)))
    return [f"{low + u * (high - low):.{digits}f} {unit}".strip() for u in places]
