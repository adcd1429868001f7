"""How sure it is that a plant keeps objectives, from independent replications.

For each objective the margin is how far a replication lies on the right side of the bound. P(meets)
is the probability that the mean margin of further replications is above zero: Student's t, one-
sided; several objectives by the union bound (Bonferroni 1936). Where none of N frames was lost a
share below p has the probability 1 - (1 - p)^N: with 95 % that is the rule of three.

That no queue grows is demanded beside: a queue grows by what comes less what can be done. This is
measured of all that comes in a run, and does not depend on how long it is; a queue's length does.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from fleet.results.interval import chance, interval95
from fleet.results.metric import Metric, Unit
from fleet.results.metrics import find
from fleet.study.slo import Objective

Values = Mapping[str, tuple[float | None, str]]
"""The numbers of a replication by name, with their units (`fleet.study.task.Answer`)."""
SURE = 0.95
LOOKS = (5, 10, 20)
"""Numbers of replications at which it is asked whether a plant is sure to be enough, or not."""
PILOT = 2
"""Replications after which a plant is given up that misses by far."""
FAR = 0.5
"""By far: this share of the bound."""
_OFFERED = ".busiest_offered"
_SURE_AT_A_LOOK = 1.0 - (1.0 - SURE) / len(LOOKS)
"""So much at each look makes 95 % over all (Bonferroni)."""
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Verdict(Enum):
    """Whether a plant is enough."""

    MEETS = "meets"
    MISSES = "misses"
    UNDECIDED = "undecided"


class Standing(NamedTuple):
    """How a plant stands to an objective.

    Attributes:
        text: the objective; of a queue that may not grow, that in words.
        name: of its number.
        sign, bound: what is demanded of it, in its own unit.
        mean: over replications, None if it is not known in one of them.
        ci95: the interval of the mean, None if all are the same, or there is one.
        unit: of the number.
        chance: that it is kept.
        kept: in how many replications it was.
    """

    text: str
    name: str
    sign: str
    bound: float
    mean: float | None
    ci95: tuple[float, float] | None
    unit: Unit
    chance: float
    kept: int

    @property
    def short_of(self) -> float:
        """Return how far the mean is on the wrong side, as a share of the bound."""
        if self.mean is None:
            return math.inf
        over = self.mean - self.bound
        return (over if self.sign.startswith("<") else -over) / max(abs(self.bound), 1e-12)

    @property
    def grows(self) -> bool:
        """Return whether it is about a queue that may not grow."""
        return self.name.endswith(_OFFERED) and self.text.startswith("no queue")


class Judged(NamedTuple):
    """How a plant stands.

    Attributes:
        verdict: whether it is enough.
        meets: P(meets): the probability that it keeps all objectives.
        standings: to each of them.
        runs: replications.
    """

    verdict: Verdict
    meets: float
    standings: list[Standing]
    runs: int


def judge(objectives: Sequence[Objective], arm: str, runs: Sequence[Values]) -> Judged:
    """Return how a plant stands after some replications.

    Args:
        objectives: what is demanded.
        arm: which one it is.
        runs: the numbers of its replications.
    """
    mine = [o for o in objectives if o.arm in (None, arm)]
    standings = [_standing(o.text, o.number.text, o.sign, float(o.bound), runs) for o in mine]
    grown = [
        _standing(f"no queue of {_resource(name)} grows", name, "<", 1.0, runs)
        for name in runs[0]
        if name.endswith(_OFFERED)
    ]
    standings += [one for one in grown if one.mean is not None and one.mean > FAR]
    meets = max(0.0, 1.0 - math.fsum(1.0 - one.chance for one in standings))
    return Judged(_verdict(standings, meets, len(runs)), meets, standings, len(runs))


def _resource(name: str) -> str:
    return name.removeprefix("load.").removesuffix(_OFFERED)


def _verdict(standings: Sequence[Standing], meets: float, runs: int) -> Verdict:
    if any(one.kept == 0 and (one.grows or one.short_of > FAR) for one in standings):
        return Verdict.MISSES
    if runs < LOOKS[0]:
        return Verdict.UNDECIDED
    if meets >= _SURE_AT_A_LOOK:
        return Verdict.MEETS
    if any(one.chance <= 1.0 - _SURE_AT_A_LOOK for one in standings):
        return Verdict.MISSES
    return Verdict.UNDECIDED


def _standing(text: str, name: str, sign: str, bound: float, runs: Sequence[Values]) -> Standing:
    values = [run[name][0] if name in run else None for run in runs]
    known = [value for value in values if value is not None]
    number = find(name)
    assert number is not None
    unit = number.metric.unit
    if len(known) < len(runs):
        return Standing(text, name, sign, bound, None, None, unit, 0.0, 0)
    kept = sum(bool(_COMPARE[sign](value, bound)) for value in known)
    mean = math.fsum(known) / len(known)
    likely = _chance(sign, bound, known)
    if number.metric.out_of and not any(known) and sign.startswith("<"):
        frames = frames_of(number.metric, runs)
        likely = 1.0 - (1.0 - min(bound, 1.0)) ** frames
    ends = interval95(known) if min(known) < max(known) else None
    return Standing(text, name, sign, bound, mean, ends, unit, likely, kept)


def frames_of(metric: Metric, runs: Sequence[Values]) -> float:
    """Return of how many frames in all a share is in some replications."""
    return math.fsum(
        sign * (run[name][0] or 0.0) for run in runs for name, sign in metric.out_of if name in run
    )


def _chance(sign: str, bound: float, values: Sequence[float]) -> float:
    """Return the probability that the mean of further values is on the right side of a bound."""
    n, mean = len(values), math.fsum(values) / len(values)
    if n < 2 or min(values) == max(values):
        return float(_COMPARE[sign](mean, bound))
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)
    t = (bound - mean) / spread if sign.startswith("<") else (mean - bound) / spread
    outside = chance(t, n - 1) / 2
    return 1.0 - outside if t > 0 else outside


def as_data(one: Judged) -> dict[str, Any]:
    """Return it as plain data."""
    return {
        "verdict": one.verdict.value,
        "p_meets": one.meets,
        "replications": one.runs,
        "objectives": [
            {
                "objective": s.text, "number": s.name, "bound": s.bound, "unit": s.unit.name,
                "mean": s.mean, "ci95": s.ci95, "p_meets": s.chance, "kept": s.kept,
            }
            for s in one.standings
        ],
    }  # fmt: skip
