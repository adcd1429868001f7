"""What a number of an arm is: its name, its unit, what is better, and where it is told.

A metric is a row beside the formula that computes it, and a formula is a part of an arm's numbers.
Whoever tells of metrics (table, comparison, objectives, files, glossary) selects from all of them
(`fleet.results.metrics`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

import fleet.units as units
from fleet.errors import InputError
from fleet.running.run import Outcome
from fleet.units import Dimension

Numbers = Mapping[str, Any]
"""The numbers of an arm in a replication, as in `summary.json`."""
T = TypeVar("T")


class Unit(NamedTuple):
    """In what a number of the summary is.

    Attributes:
        name: as it is printed; of shares, which are printed in %, 'share'.
        dimension: in which people may write it, too; None: only in this unit.
        per: canonical units of the dimension in this one.
    """

    name: str
    dimension: Dimension | None = None
    per: int | Fraction = 1

    def read(self, text: str) -> Fraction:
        """Return a number that people wrote with a unit of the dimension, or bare in this one.

        Raises:
            InputError: it is neither.
        """
        if self == SHARE:
            return units.fraction(text)
        bare = text.removesuffix(self.name).strip()
        if bare[-1:].isdigit() or bare[-1:] == ".":
            return units.fraction(bare)
        if self.dimension is None:
            raise InputError(f"{text!r} is not in {self.name}; write such as '5 {self.name}'")
        return Fraction(units.parse(text, self.dimension)) / self.per

    def show(self, x: float) -> str:
        """Return a number in four digits, with the unit."""
        return f"{number(100 * x)} %" if self == SHARE else f"{number(x)} {self.name}"

    def show_difference(self, x: float) -> str:
        """Return a signed difference in four digits, without the unit."""
        return f"{100 * x if self == SHARE else x:+.4g}"

    @property
    def printed(self) -> str:
        """Return how it is printed."""
        return "%" if self == SHARE else self.name

    @property
    def factor(self) -> float:
        """Return by what numbers are multiplied where they stand beside it as printed."""
        return 100.0 if self == SHARE else 1.0

    @property
    def of_differences(self) -> str:
        """Return the unit of differences."""
        return "% points" if self == SHARE else self.name


SHARE = Unit("share", Dimension.FRACTION)
MS, S = Unit("ms", Dimension.TIME, 10**6), Unit("s", Dimension.TIME, 10**9)
W, MJ = Unit("W", Dimension.POWER, 10**6), Unit("mJ", Dimension.ENERGY, 10**6)
MBIT_S, BYTES = Unit("Mbit/s", Dimension.RATE, 10**6), Unit("B", Dimension.DATA, 8)
FRAMES, OBJECTS, REWRITES = Unit("frames"), Unit("objects"), Unit("rewrites")
KG_YEAR, USD = Unit("kg/year"), Unit("USD")
SENSORS, WH = Unit("sensors"), Unit("Wh", Dimension.ENERGY, 3600 * 10**9)


class Better(StrEnum):
    """What is better of two values, all else alike."""

    LESS = "less"
    MORE = "more"
    NEITHER = "neither"


class Over(StrEnum):
    """Over what arms are compared pair by pair, and the interval of their difference is.

    Over scenes: `ci95` and `without_scene` stand beside the number (`fleet.results.scenes`). Over
    sites: the groups of `service` have it with what it is `by_site`.
    """

    REPLICATIONS = "replications"
    SCENES = "scenes"
    SITES = "sites"


class Scope(StrEnum):
    """Of what a value is: of a whole arm, or of one group, class of links, or pool of it.

    The pools of an edge, one for each site or cell, have one name.
    """

    ARM = "arm"
    LINK = "link"
    POOL = "pool"
    GROUP = "group"


class Section(StrEnum):
    """The sections of the table, in their order."""

    BANDWIDTH = "Bandwidth by link, mean"
    BUSIEST_SECOND = "Bandwidth, busiest second"
    LATENCY = "Latency of results"
    STAGES = "Mean latency by stage"
    POWER = "Power by component"
    COST = "Cost of a sensor and month"
    BATTERIES = "Batteries"
    EYES = "What eyes see, ± over scenes"
    TASKS = "How well tasks are done"
    REWRITES = "Model rewrites"
    ADAPTING = "Rungs of adaptive arms"
    FRAMES = "Frames by fate"
    FAIRNESS = "Fairness over sensors"
    BUSIEST = "Busiest resources"


@dataclass(frozen=True)
class Metric:
    """A number of an arm.

    Attributes:
        key: its name, and its dotted path in the numbers of an arm if it has a value for a whole
            one.
        unit: in which it is.
        meaning: what it is, in a few words.
        better: what is better.
        section, label: where it stands in the table, and how it is called there; None: it does not.
            That of a metric of classes of links has a row for each.
        of: what the table says instead of the unit, such as of what a share is.
        shown_if: path of a number; the row is shown only where that is not zero in every arm.
        apart_from: path of a number; the row is shown only where it says something else.
        compared: over what arms are compared in it; None: they are not.
        objective: whether a scenario may demand it.
        whole: whether a whole arm has it.
        link, pool, group: paths of its values of one, with {} for the name; empty: there are none.
        stepped: whether it is known to steps only (`fleet.sketch`).
        out_of: of how many frames it is a share: names of numbers, and whether they are added (1)
            or taken off (-1); zero of them says that it is below a bound
            (`fleet.results.interval.most_of_none`). Empty: it is none of frames.
        why: why it is None, if it is: text, or a function of the numbers of an arm.
        read: how it is read from the numbers of an arm if not by its path.
    """

    key: str
    unit: Unit
    meaning: str
    better: Better = Better.NEITHER
    section: Section | None = None
    label: str = ""
    of: str = ""
    shown_if: str = ""
    apart_from: str = ""
    compared: Over | None = Over.REPLICATIONS
    objective: bool = True
    whole: bool = True
    link: str = ""
    pool: str = ""
    group: str = ""
    stepped: bool = False
    out_of: tuple[tuple[str, int], ...] = ()
    why: str | Callable[[Numbers], str] = "no results"
    read: Callable[[Numbers], float | None] | None = None

    def path(self, scope: Scope) -> str:
        """Return the path of its values in a scope, with {} for the name; empty for none."""
        if scope is Scope.ARM:
            return self.key if self.whole else ""
        path: str = getattr(self, scope.value)
        return path

    def frames(self, read: Callable[[str], float | None]) -> float:
        """Return of how many frames it is a share, given what reads a number by its name."""
        return math.fsum(sign * (read(name) or 0.0) for name, sign in self.out_of)

    def why_unknown(self, arm: Numbers) -> str:
        """Return why it is None."""
        if not value(arm, "frames.captured"):
            return "no frames were captured"
        return self.why if isinstance(self.why, str) else self.why(arm)

    def show(self, x: float) -> str:
        """Return a value as it stands in the table; of shares none is rounded to zero."""
        if self.unit != SHARE:
            return number(x)
        return f"{x:.1%}" if abs(x) >= 5e-4 or not x else f"{rounded(100 * x, 1)}%"


@dataclass(frozen=True)
class Part(Generic[T]):
    """A formula, the place of what it gives in the numbers of an arm, and the metrics in that.

    Attributes:
        key: name of the place; None: it gives several numbers by name, which stand side by side.
        formula: what computes it.
        metrics: those that others may select.
    """

    key: str | None
    formula: Callable[[Outcome], T]
    metrics: tuple[Metric, ...]

    def __call__(self, outcome: Outcome) -> T:
        """Compute it."""
        return self.formula(outcome)


def part(key: str | None, *metrics: Metric) -> Callable[[Callable[[Outcome], T]], Part[T]]:
    """Make a formula a part of the numbers of an arm, with its metrics."""
    return lambda formula: Part(key, formula, metrics)


def at(arm: Numbers, path: str) -> Any:
    """Return what stands at a dotted path in the numbers of an arm, None if nothing does.

    Names of links may hold dots. The numbers may stand side by side, each by its whole path.
    """
    node: Any = arm
    while path and isinstance(node, Mapping):
        key = max((k for k in node if f"{path}.".startswith(f"{k}.")), key=len, default=None)
        if key is None:
            return None
        node, path = node[key], path[len(key) + 1 :]
    return None if path else node


def value(arm: Numbers, path: str) -> float | None:
    """Return the number at a dotted path; a mapping counts as its sum.

    None where it is unknown, or there is no such number.
    """
    return total(at(arm, path))


def inside(arm: Numbers, keys: Sequence[str]) -> Any:
    """Return what stands below some keys in the numbers of an arm, None if nothing does."""
    node: Any = arm
    for key in keys:
        if not isinstance(node, Mapping) or key not in node:
            return None
        node = node[key]
    return node


def total(node: Any) -> float | None:
    """Return what stands somewhere as a number; a mapping counts as its sum, None is not known."""
    if node is None:
        return None
    return float(sum(node.values()) if isinstance(node, Mapping) else node)


def rounded(x: float, digits: int) -> str:
    """Return a number of which so many digits are known, written in full."""
    return number(float(f"{x:.{digits}g}"))


def number(x: float) -> str:
    """Return a number with four significant digits and thousands marked; small ones in full."""
    if x == 0:
        return "0"
    if 1e-7 <= abs(x) < 1e-3:
        return f"{Decimal(f'{x:.4g}'):f}"
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.4g}"
