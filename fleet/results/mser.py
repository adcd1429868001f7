"""How much of a run is warm-up: MSER-5, which cuts where the rest tells most of its own mean.

Batches of five seconds have means `z`. Cutting the first `d` of `m` of them leaves an estimate of
the steady mean whose squared standard error is about `sum((z - mean(z)) ** 2) / (m - d) ** 2` over
the rest; `d` is where that is least (White, Cobb and Spratt 2000, A comparison of five steady-state
truncation heuristics for simulation, Winter Simulation Conf., 755-760). If it lies in the second
half, the run is too short to tell (Hoad, Robinson and Davies 2010, Automating warm-up length
estimation, J. Oper. Res. Soc. 61, 1389-1403).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.model.books import BIN_NS
from fleet.results.metric import MBIT_S
from fleet.running.run import Outcome

BATCH_S = 5
LEAST_BATCHES = 10


class WarmUp(NamedTuple):
    """What is cut of a series.

    Attributes:
        seconds: so many, at most half of it.
        past_half: the least lies in the second half, so that it is not known.
    """

    seconds: int
    past_half: bool


def mser5(series: Floats) -> WarmUp:
    """Return what is warm-up of a series by the second; shape (seconds,)."""
    m = len(series) // BATCH_S
    z = series[: m * BATCH_S].reshape(m, BATCH_S).mean(axis=1)
    errors = [float(((z[d:] - z[d:].mean()) ** 2).sum()) / (m - d) ** 2 for d in range(m - 1)]
    # The last few batches are alike by chance: the usual guard (White and others 2000).
    best = int(np.argmin(errors[: max(1, m - BATCH_S)]))
    half = m // 2
    return WarmUp(BATCH_S * min(best, half), best > half)


def series(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Floats]]:
    """Yield what an arm does second by second, in the mean over some replications.

    That is the mean latency of each group, and the traffic of each class of links. A group that has
    a second without any result is left out.
    """
    plan = outcomes[0].plan
    last = plan.end_ns // BIN_NS
    tallies = [outcome.tally for outcome in outcomes]
    counts = np.sum([tally.result_bins[:, :last] for tally in tallies], axis=0)
    sums = np.sum([tally.latency_bins[:, :last] for tally in tallies], axis=0)
    bits = np.sum([tally.class_bins()[:, :last] for tally in tallies], axis=0)
    for name, number, total in zip(plan.sensors.group_names, counts, sums, strict=True):
        started = int(np.argmax(number > 0))
        if (number[started:] > 0).all() and number.any():
            ms = total[started:] / number[started:] * 1e-6
            yield f"groups.{name}.latency_ms.mean", np.concatenate([np.full(started, ms[0]), ms])
    for name, each in zip(plan.links.class_names, bits, strict=True):
        if each.any():
            yield f"bandwidth_mbit_s.{name}.mean", each / MBIT_S.per / len(outcomes)
