"""Whether runs are long enough for the tail of their latencies: how long a busy queue remembers.

A queue that is asked for a share `r` of what it can do forgets how long it was in about
`1 / (m * (1 - sqrt(r)) ** 2)`, where it can serve `m` frames a second: the relaxation time of M/M/1
(Morse 1955, Stochastic properties of waiting lines, Oper. Res. 3, 255-261). A run of few such times
seldom sees the queue as long as it is now and then, so that high percentiles of it are too low in
the mean. No interval over replications knows that: more of them make it narrower around the wrong
value. The bias falls as one over the length of a run and half the interval as one over the root of
length times replications, so what is needed grows with the replications. How much is calibrated
by `scripts/count_coverage.py`: with fewer than MANY times for each replication, intervals of the
99th percentile of M/M/1 hold in less than 92.8 % of studies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fleet.results.metric import Numbers

MANY = 40
"""Relaxation times that a run has to hold for each replication."""
LEAST_OFFERED = 0.7
"""Of less than that a queue remembers for less than forty services, and waits are short."""


def relaxation_s(offered: float, possible_per_s: float) -> float:
    """Return how long a queue remembers; s.

    Args:
        offered: what comes over what can be done, less than one.
        possible_per_s: what can be done, in frames a second.
    """
    return 1 / (possible_per_s * (1 - math.sqrt(offered)) ** 2)


def slowest(runs: Sequence[Numbers]) -> dict[str, Any] | None:
    """Return which link or pool of an arm remembers for longest; None if none is busy.

    What is offered is taken in the mean over replications. Of links it is taken that all frames of
    the arm that leave its sensors are alike. A queue that grows is told of elsewhere.

    Args:
        runs: the numbers of the arm, by replication.
    """
    resources = []
    for name in dict.fromkeys(name for run in runs for name in run["load"]):
        loads = [run["load"][name] for run in runs if name in run["load"]]
        offered = math.fsum(load["busiest_offered"] for load in loads) / len(loads)
        fps = math.fsum(_possible_fps(run, name) for run in runs) / len(runs)
        grows = any(load["grows"] for load in loads)
        if LEAST_OFFERED <= offered < 1 and fps > 0 and not grows:
            remembers_s = relaxation_s(offered, fps)
            resources.append({"resource": name, "offered": offered, "relaxation_s": remembers_s})
    return max(resources, key=lambda one: one["relaxation_s"]) if resources else None


def _possible_fps(run: Numbers, name: str) -> float:
    """Return the frames a second that a link or pool can serve; 0 if it was not used."""
    load = run["load"].get(name)
    if load is None or not load["busiest_offered"]:
        return 0.0
    possible: float = load["rate"] / load["busiest_offered"]
    if load["servers"] is not None:
        return possible
    sent = run["frames"]["captured"] - sum(run["frames"]["skipped"].values())
    frame_mbit = sum(run["bytes"].values()) * 8e-6 / max(sent, 1)
    return possible / frame_mbit if frame_mbit else 0.0


def too_short(runs: Sequence[Numbers], measured_s: float) -> dict[str, Any] | None:
    """Return why runs are too short for the 99th percentile of latency; None if they are not.

    Args:
        runs: the numbers of an arm, by replication.
        measured_s: the time that each of them measures.

    Returns:
        resource, offered, relaxation_s; and needed_s, the time that so many replications take.
    """
    one = slowest(runs)
    if one is None:
        return None
    needed_s = MANY * len(runs) * one["relaxation_s"]
    return {**one, "needed_s": needed_s} if measured_s < needed_s else None
