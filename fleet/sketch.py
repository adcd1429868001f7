"""A histogram of integer nanoseconds in round steps: exact counts, exact merge, bounded error.

A value is counted where it falls when it is rounded up to a step of 1, 2 or 5 in its fourth digit,
such as 31.72 ms or 138.5 ms. So a quantile read from the counts is at most 0.1 % above the true
one, and all of its digits are known; so are shares of values up to a round number. The index is
integer arithmetic only, and merging is addition: the counts do not depend on how frames were split
over shards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fleet.kernel import inlined

RESOLUTION = 0.001
"""The largest step, as a share of the value."""
STEPS = "1, 2 or 5 in the fourth digit"
DECADE = 3500  # buckets of a power of ten: 1000 of step 1, 1500 of step 2, 1000 of step 5
BUCKETS = 16 * DECADE + 1001
COARSE_BUCKETS = (BUCKETS - 1) // 10 + 1
"""Buckets that hold ten others each, so that a value rounded up to one is at most 1 % too high."""


@inlined
def _part(value: int, by: int) -> int:
    """Return value // by, of numbers without signs: half the work of one that may have a sign."""
    return int(np.int64(np.uint64(value) // np.uint64(by)))


@inlined
def bucket_of(value_ns: int) -> int:
    """Return the bucket of a value in [0, 2**62) ns."""
    top, decades = max(0, value_ns - 1), 0
    while top >= 10_000:
        top = _part(top, 10)
        decades += 1
    if top >= 5000:
        top = 2500 + _part(top, 5)
    elif top >= 2000:
        top = 1000 + _part(top, 2)
    return decades * DECADE + top + min(1, value_ns)


def upper_ns(bucket: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest value that falls in each bucket; ns, int64."""
    decades = np.maximum((bucket - 1001) // DECADE, 0)
    top = bucket - decades * DECADE
    top = np.where(top > 3500, 5 * (top - 2500), np.where(top > 2000, 2 * (top - 1000), top))
    highest: NDArray[np.int64] = top * 10**decades
    return highest


@inlined
def coarse_of(bucket: int) -> int:
    """Return the coarse bucket that holds a bucket."""
    return _part(bucket + 9, 10)


def coarse_upper_ns(coarse: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest value that falls in each coarse bucket; ns, int64."""
    return upper_ns(10 * coarse)


def step_ns(value_ns: int) -> int:
    """Return the step to which a value is rounded up; ns."""
    bucket = np.array([bucket_of(value_ns)])
    return int((upper_ns(bucket) - upper_ns(np.maximum(bucket - 1, 0)))[0])


def quantiles_ns(
    counts: NDArray[np.int64], ranks: Sequence[float], longest_ns: int
) -> list[int | None]:
    """Return the values at some ranks (0..1) by the nearest-rank rule; ns, None if empty.

    Args:
        counts: by bucket.
        ranks: of the values.
        longest_ns: the exact maximum. It is its own quantile; where one rounded up would lie beyond
            it, it is rounded down.
    """
    total = int(counts.sum())
    if total == 0:
        return [None for _ in ranks]
    wanted = [max(1, int(np.ceil(rank * total))) for rank in ranks]
    bucket = np.searchsorted(np.cumsum(counts), wanted, side="left").astype(np.int64)
    up, down = upper_ns(bucket), upper_ns(np.maximum(bucket - 1, 0))
    rounded = np.where(up > longest_ns, down, up)
    return [
        longest_ns if rank == total else int(value)
        for rank, value in zip(wanted, rounded, strict=True)
    ]


def within(counts: NDArray[np.int64], limit_ns: int) -> int:
    """Return how many values are at most a limit that is a bucket's largest value; exact."""
    return int(counts[: bucket_of(limit_ns) + 1].sum())


def sum_of_slowest_ns(counts: NDArray[np.int64], share: float) -> float:
    """Return the sum of the largest share of the values, each in the middle of its bucket; ns."""
    bucket = np.flatnonzero(counts)[::-1].astype(np.int64)
    middle = (upper_ns(bucket) + upper_ns(np.maximum(bucket - 1, 0))) / 2
    before = np.cumsum(counts[bucket]) - counts[bucket]
    taken = np.clip(share * counts.sum() - before, 0, counts[bucket])
    return float(taken @ middle)
