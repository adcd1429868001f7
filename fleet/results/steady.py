"""Whether a run was steady: mean latency in its first and in its second half.

The seconds of each half make ten batches, and the mean of each batch is one value. The difference
of the halves' means is set against the scatter of the values around a straight line through all of
them, widened for values that follow each other (an autoregression of order one, its estimate
corrected for its bias). A queue that grows lies along the line; one that wanders about its mean
does not. Waits are skewed and remember for long, so the difference must be large: LEAST standard
errors, and a tenth of the mean. Of steady runs of M/M/1 at loads of 0.5 to 0.9 fewer than one in
twenty is told of.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fleet.arrays import Floats
from fleet.model.books import BIN_NS
from fleet.results.metric import part
from fleet.running.run import Outcome

BATCHES = 10
"""Of each half."""
LEAST = 5.0
LEAST_SHARE = 0.1


@part("steady")
def steadiness(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return the mean latency of each group's results in both halves, and whether they differ; ms.

    A group is left out if the run is shorter than twenty seconds, or a batch has no result.
    """
    plan, tally = outcome.plan, outcome.tally
    first, last = -(-plan.warm_up_ns // BIN_NS), plan.end_ns // BIN_NS
    out = {}
    for g, name in enumerate(plan.sensors.group_names):
        counts, sums = (
            batches(bins[g, first:last]) for bins in (tally.result_bins, tally.latency_bins)
        )
        if len(counts) and counts.all():
            halves = counts.reshape(2, -1).sum(axis=1), sums.reshape(2, -1).sum(axis=1)
            before, after = (halves[1] / halves[0] * 1e-6).tolist()
            out[name] = {
                "first_half_ms": before,
                "second_half_ms": after,
                "differs": differs(sums / counts),
            }
    return out


def batches(bins: Any) -> Floats:
    """Return the sums of twenty batches of as many bins each, the last ones; empty if too few."""
    size = len(bins) // (2 * BATCHES)
    used = bins[len(bins) - 2 * BATCHES * size :] if size else bins[:0]
    sums: Floats = used.reshape(2 * BATCHES, -1).sum(axis=1).astype(np.float64) if size else used
    return sums


def differs(values: Floats) -> bool:
    """Return whether the second half of some means lies beyond chance above or below the first."""
    n = len(values)
    place = np.arange(n) - (n - 1) / 2
    rest = values - values.mean() - place * (place @ values) / (place @ place)
    scatter = float(rest @ rest)
    difference = float(values[n // 2 :].mean() - values[: n // 2].mean())
    if abs(difference) < LEAST_SHARE * float(values.mean()):
        return False
    follow = float(rest[:-1] @ rest[1:]) / scatter if scatter > 0 else 0.0
    follow = min(0.95, max(0.0, follow + (1 + 4 * follow) / n))  # Kendall 1954: biased downwards
    variance = scatter / (n - 2) * 4 / n * (1 + follow) / (1 - follow)
    return abs(difference) > LEAST * math.sqrt(variance)
