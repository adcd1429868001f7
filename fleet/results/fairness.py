"""Fairness over sensors: how evenly what was asked is answered, and what the worst tenth gets.

The share x of a sensor's frames due (`fleet.results.latency`) that became results is its rate of
answers over the rate that it asked for. Jain's index of n sensors is

    J = (Σ x)² / (n Σ x²)

1 where all have the same share, k / n where k of n have one and the others nothing, and the same
for any multiple of the shares (Jain, Chiu and Hawe 1984, "A quantitative measure of fairness and
discrimination for resource allocation in shared computer systems", DEC-TR-301). Nobody is answered
anything: all have the same, 1. Sensors of which no frame was due are left out.

The worst tenth are the tenth of the sensors with the least share, and those whose results are
latest in their mean; where a tenth is no whole number of sensors, a part of one counts. Who has no
results has no latency: that stands in the shares.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model.books import CAPTURED, CAPTURED_BEFORE, ENDED_BEFORE, FATE_0, LATENCY_SUM_NS
from fleet.model.frames import RESULT, SKIP_NOT_PUBLISHED
from fleet.results.metric import MS, SHARE, Better, Metric, Section, part
from fleet.running.run import Outcome

_LARGEST = 1 << 63
_OF_GROUP = "fairness.by_group.{}."
_NOT_DUE = "no frame was due: a publishing rule held back every one"


@part(
    "fairness",
    Metric(
        "fairness.jain", SHARE, "Jain's index of the share of a sensor's frames due that became"
        " results, over sensors: 100 % where all have the same", Better.MORE, Section.FAIRNESS,
        "share answered, Jain's index", "alike", group=f"{_OF_GROUP}jain", why=_NOT_DUE,
    ),
    Metric(
        "fairness.answered_worst_tenth", SHARE, "Frames due that became results, in the mean of the"
        " tenth of the sensors with the least share", Better.MORE, Section.FAIRNESS,
        "share answered, worst tenth", "of due", group=f"{_OF_GROUP}answered_worst_tenth",
        why=_NOT_DUE,
    ),
    Metric(
        "fairness.latency_ms_worst_tenth", MS, "Mean latency of a sensor's results, in the mean of"
        " the tenth of the sensors with the longest", Better.LESS, Section.FAIRNESS,
        "mean latency, worst tenth", group=f"{_OF_GROUP}latency_ms_worst_tenth",
    ),
)  # fmt: skip
def fairness(outcome: Outcome) -> dict[str, Any]:
    """Return how fair an arm is over all its sensors, and over those of each group.

    None where no frame was due, or there is no result.
    """
    plan, counts = outcome.plan, outcome.tally.sensors
    names = plan.sensors.group_names
    of = plan.sensors.group_of
    return {
        **_fairness(counts),
        "by_group": {name: _fairness(counts[of == g]) for g, name in enumerate(names)},
    }


def _fairness(counts: Ints) -> dict[str, float | None]:
    """Return how fair a book of sensors is; shape (sensors, SENSOR_WIDTH)."""
    results, due = counts[:, FATE_0 + RESULT], due_frames(counts)
    asked, answered = due > 0, results > 0
    late_ms = counts[answered, LATENCY_SUM_NS] / results[answered] / 1e6
    return {
        "jain": jain_of_shares(results[asked], due[asked]),
        "answered_worst_tenth": worst_tenth(results[asked] / due[asked]),
        "latency_ms_worst_tenth": worst_tenth(-late_ms, sign=-1),
    }


def due_frames(counts: Ints) -> Ints:
    """Return the frames due of each sensor of a book; shape (sensors,)."""
    due: Ints = counts[:, CAPTURED] + counts[:, CAPTURED_BEFORE] - counts[:, ENDED_BEFORE]
    return due - counts[:, FATE_0 + SKIP_NOT_PUBLISHED]


def jain_of_shares(parts: Ints, wholes: Ints) -> float | None:
    """Return Jain's index of parts over wholes, which are at least 1; None of nothing.

    It is exact, but for the last division, where all shares have a common denominator below 2^63;
    elsewhere sums of doubles, each rounded once.
    """
    if not len(parts):
        return None
    divisor = np.gcd(parts, wholes)
    pairs, many = np.unique(
        np.stack([parts // divisor, wholes // divisor]), axis=1, return_counts=True
    )
    common = 1
    for whole in np.unique(pairs[1]).tolist():
        common = math.lcm(common, whole)
        if common >= _LARGEST:
            return jain_index(parts / wholes)
    shares = [top * (common // bottom) for top, bottom in pairs.T.tolist()]
    n = many.tolist()
    total = sum(k * x for k, x in zip(n, shares, strict=True))
    squares = len(parts) * sum(k * x * x for k, x in zip(n, shares, strict=True))
    return total * total / squares if squares else 1.0


def jain_index(values: Floats) -> float:
    """Return Jain's index of some numbers that are not negative; at least one."""
    most = float(values.max())
    if most == 0:
        return 1.0
    scaled = values / most  # whose squares are not too large or too small
    total, squares = math.fsum(scaled), len(values) * math.fsum(scaled**2)
    return min(1.0, max(1 / len(values), total * total / squares))


def worst_tenth(values: Floats, *, sign: int = 1) -> float | None:
    """Return the mean of the lowest tenth of some numbers, times a sign; None of nothing."""
    n = len(values)
    if not n:
        return None
    lowest = np.sort(values)[: n // 10 + 1]
    whole, rest = math.fsum(lowest[: n // 10]), n % 10
    return sign * (10 * whole + (rest * float(lowest[-1]) if rest else 0.0)) / n
