"""The rule of a pool of servers: how its table is laid out, and how long a batch takes."""

from __future__ import annotations

from fleet.arrays import Ints, Table
from fleet.chance import exponential, spread
from fleet.kernel import inlined


class PoolTable(Table):
    """The rules of pools: one row a pool."""

    max_batch: Ints
    wait_ns: Ints
    queue: Ints  # frames that may wait
    deadline_ns: Ints  # 0 without one
    law: Ints  # how service times vary
    queue_lost: Ints  # fate of a frame that finds the queue full


CONSTANT, NEAR_NORMAL, EXPONENTIAL = range(3)  # laws
LARGEST_VARIATION = 0.25
"""Of a near normal service time: a draw is at most 3.47 deviations below its mean."""

KINDS = 8
"""Kinds of servers in a pool at most. A free time and a kind are kept as one number."""


@inlined
def second_ns(objects: int, most: int, base_ns: int, per_ns: int) -> int:
    """Return what a second network takes for some objects, in batches of so many at most; ns."""
    return (objects + most - 1) // most * base_ns + objects * per_ns


@inlined
def batch_ns(mean_ns: int, law: int, variation: float, key: int, frame: int) -> int:
    """Return how long a batch takes or holds, given the mean and its first frame; at least 1 ns."""
    if law == NEAR_NORMAL:
        return max(1, int(mean_ns * (1.0 + variation * spread(key, frame))))
    if law == EXPONENTIAL:
        return max(1, int(mean_ns * exponential(key, frame)))
    return mean_ns
