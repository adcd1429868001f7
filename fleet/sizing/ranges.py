"""The range of a plan: what it is with each of some draws of the catalogue.

Numbers of the catalogue that are used and have a range are drawn, all at once and the same for all
arms (`fleet.catalog.spread`); the plan is looked for with each draw as if it were the catalogue.
Where an arm cannot be with a number at an end of its range, the number is held.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fleet.catalog import Catalog
from fleet.catalog.rows import Row
from fleet.catalog.spread import Spread, spreads
from fleet.errors import InputError
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.memo import Memo
from fleet.scenario.load import Scenario
from fleet.sizing.answer import Answer, Drawn
from fleet.sizing.keys import Ladder
from fleet.study.uncertain.draws import Draw
from fleet.study.uncertain.sensitivity import draws_at, single

DRAWS = 32
"""A power of two, as a Sobol sequence is balanced with."""
_QUANTILES = (0.05, 0.5, 0.95)
_FIGURES = ("cost_usd_per_sensor_month", "power_w_per_sensor", "carbon_g_per_sensor_month")


class Ranges(NamedTuple):
    """What an answer is over draws of the catalogue.

    Attributes:
        draws: how many there are.
        impossible: with how many of them the arm cannot be.
        without: with how many there is no plant in the range that was asked for.
        values: by key, the 5th, 50th and 95th of a hundred draws, as text; None of one on which the
            arm does not depend. Those without a plant count as beyond the end of the range.
        figures: by name, likewise over the draws with a plant; empty without any.
    """

    draws: int
    impossible: int
    without: int
    values: dict[str, tuple[str, ...] | None]
    figures: dict[str, tuple[float, ...]]


class Drawing(NamedTuple):
    """Draws of the catalogue.

    Attributes:
        draws: in each of them all numbers are drawn.
        held: by name, numbers with a range that are not drawn, and why.
    """

    draws: Sequence[Draw] = ()
    held: Mapping[str, str] = MappingProxyType({})


def drawing(
    scenario: Scenario, cells: Sequence[tuple[str, ...]], arms: Sequence[str], many: int = DRAWS
) -> Drawing:
    """Return draws of what the catalogue says of some arms at some points.

    Args:
        scenario: of which.
        cells: overrides of each point.
        arms: which arms.
        many: how many draws, a power of two.

    Raises:
        InputError: an arm cannot be as it stands.
    """
    catalog, used, places = catalogue(scenario), set[Row](), dict[str, set[Row]]()
    for cell in cells:
        point = scenario.changed(*cell)
        for arm in arms:
            rows = set(compile_plan(point, catalog, arm).notes.assumptions)
            places.setdefault(arm, rows)
            used |= rows
    first = functools.partial(_why_not, scenario.changed(*cells[0]), catalog, Memo())
    numbers, held, seed = spreads(catalog, used), dict[str, str](), scenario.model.seed % 2**31
    made = _drawn(numbers, many, seed)
    if any(first(draw, arm) for draw in made for arm in arms):
        for number in numbers:
            ends = [single(number, end) for end in number.ends]
            using = [arm for arm in arms if number.row in places[arm]]
            why = next(filter(None, (first(end, arm) for end in ends for arm in using)), "")
            if why:
                held[number.name] = why
        made = _drawn([one for one in numbers if one.name not in held], many, seed)
    return Drawing(made, held)


def _drawn(numbers: Sequence[Spread], many: int, seed: int) -> list[Draw]:
    from scipy.stats import qmc  # takes a while

    if not numbers:
        return []
    return draws_at(numbers, qmc.Sobol(len(numbers), scramble=True, rng=seed).random(many))


def _why_not(point: Scenario, catalog: Catalog, memo: Memo, draw: Draw, arm: str) -> str:
    """Return why an arm cannot be with a draw, empty if it can."""
    try:
        compile_plan(point, catalog.changed(draw.rows), arm, memo=memo)
    except InputError as error:
        return str(error)
    return ""


def ranges(ladders: Sequence[Ladder], base: Answer, others: Sequence[Drawn | None]) -> Ranges:
    """Return what an answer is over draws.

    Args:
        ladders: the keys.
        base: the answer with the catalogue as it stands.
        others: with each draw, None where the arm cannot be with it.
    """
    there = [other for other in others if other is not None]
    good = [other for other in there if other.found.enough]
    return Ranges(
        len(others), len(others) - len(there), len(there) - len(good),
        {ladder.key: _values(k, ladder, base, there) for k, ladder in enumerate(ladders)},
        dict(_figures(good)),
    )  # fmt: skip


def _values(k: int, ladder: Ladder, base: Answer, there: Sequence[Drawn]) -> tuple[str, ...] | None:
    if not base.found.matters[k] or not there:
        return None
    end = len(ladder.texts)
    places = sorted(one.found.index[k] if one.found.enough else end for one in there)
    beyond = ("less" if ladder.most else "more") + f" than {ladder.texts[-1]}"
    return tuple(beyond if i == end else ladder.texts[i] for i in _quantiles(places))


def _figures(good: Sequence[Drawn]) -> Iterator[tuple[str, tuple[float, ...]]]:
    for name in _FIGURES:
        known = sorted(x for one in good if (x := one.figures[name]) is not None)
        if known:
            yield name, _quantiles(known)


def _quantiles(ordered: Sequence[Any]) -> tuple[Any, ...]:
    """Return those of some ordered values that stand nearest to the quantiles."""
    return tuple(ordered[math.floor(q * (len(ordered) - 1) + 0.5)] for q in _QUANTILES)


def data(one: Ranges | None) -> dict[str, Any] | None:
    """Return it as plain data."""
    if one is None:
        return None
    names = ("p5", "p50", "p95")
    return {
        **one._asdict(),
        "values": {
            key: None if each is None else dict(zip(names, each, strict=True))
            for key, each in one.values.items()
        },
        "figures": {
            key: dict(zip(names, each, strict=True)) for key, each in one.figures.items()
        },
    }  # fmt: skip
