"""What is sent again over links that lose segments: means in closed form, of loss in bursts too."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Record
from fleet.model.link import LinkTable

_PPB = 1e-9


class Again(NamedTuple):
    """What happens to a frame in the mean.

    Attributes:
        lost: probability that a segment fails for good.
        sent: segments sent, those that are sent again among them.
        rounds: of sending again.
    """

    lost: float
    sent: float
    rounds: float


def in_bursts(row: Record, segments: int) -> Again:
    """Return what happens to a frame on a link that loses in bursts.

    The link at the times of the rounds is a Markov chain: `retry_ns` later it stands as it did with
    probability e^(-retry (1/gap + 1/burst)) more than in the long run (Gilbert 1960, Elliott 1963).
    Given how often it was bad, segments are lost independently, so it is enough to follow that.

    Args:
        row: of the link table.
        segments: of the frame.
    """
    good, bad = float(row.good_ppb) * _PPB, float(row.bad_ppb) * _PPB
    share = float(row.burst_ns) / (float(row.gap_ns) + float(row.burst_ns))
    rate = 1.0 / float(row.gap_ns) + 1.0 / float(row.burst_ns)
    kept = math.exp(-rate * float(row.retry_ns))
    retries = int(row.retries)
    is_good: Floats = np.zeros(retries + 2)  # by how often it was bad
    is_bad = is_good.copy()
    is_good[0], is_bad[1] = 1.0 - share, share
    sent, rounds, lost = 1.0, 0.0, 0.0
    times = np.arange(retries + 2)
    for k in range(retries + 1):
        chances = is_good + is_bad
        fails = bad**times * good ** np.maximum(k + 1 - times, 0)
        missing = float(chances @ fails)
        lost = float(chances @ -np.expm1(segments * np.log1p(-np.minimum(fails, 1.0 - 1e-16))))
        if k < retries:
            sent, rounds = sent + missing, rounds + lost
            turns = (1.0 - kept) * (1.0 - share), (1.0 - kept) * share
            to_good = is_good * (kept + turns[0]) + is_bad * turns[0]
            to_bad = is_bad * (kept + turns[1]) + is_good * turns[1]
            is_good, is_bad = to_good, np.append(0.0, to_bad[:-1])
    return Again(lost, segments * sent, rounds)


def sendings(links: LinkTable) -> Floats:
    """Return how often links send a segment in the mean; shape (links,)."""
    mean: Floats = np.asarray(1.0 / (1.0 - links.loss_ppb * _PPB), dtype=np.float64)
    rows = np.flatnonzero(links.burst_ns > 0)
    kinds: dict[tuple[int, ...], float] = {}
    for link in rows.tolist():
        row = links[link]
        kind = tuple(
            int(row[name])
            for name in ("good_ppb", "bad_ppb", "gap_ns", "burst_ns", "retry_ns", "retries")
        )
        if kind not in kinds:
            kinds[kind] = in_bursts(row, 1).sent
        mean[link] = kinds[kind]
    return mean
