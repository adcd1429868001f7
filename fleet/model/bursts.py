"""Losses in bursts: a link is good or bad, in turn, and loses segments with a probability of each.

Gilbert, "Capacity of a burst-noise channel" (Bell System Technical Journal 39, 1960), with two
states of which the good one loses nothing; Elliott, "Estimates of error rates for codes on
burst-noise channels" (same, 42, 1963), with losses in both. Here the chain goes by time and not by
symbols: what is bad stays bad while nobody sends. Both states last exponentially, `gap` and `burst`
in the mean, from a start at which they stand as they do in the long run.

Such a chain can be read at any time without its history. Let points come as a Poisson process of
rate 1/gap + 1/burst, and at each the state be drawn anew, bad with probability burst/(gap + burst),
whatever it was: it then turns bad at the rate 1/gap and good at the rate 1/burst (uniformisation;
Ross, "Introduction to Probability Models", 6.7). So the state at a time is what was drawn at the
last point before it. Points are drawn cell by cell of time, each from its own key, and looked for
backwards.
"""

from __future__ import annotations

import numpy as np

from fleet.chance import Stream, exponential, ln, mix64, stream_salt, uniform
from fleet.kernel import inlined, kernel
from fleet.model.link import SEGMENT_BITS, LinkTable, resent

_CERTAIN = 1_000_000_000
"""A loss in 10⁻⁹ that is sure."""


def burst_salt(seed: int, replication: int) -> np.uint64:
    """Return what links of a run have in common for bursts, besides their own keys."""
    return np.uint64(stream_salt(seed, replication, Stream.BURST))


@kernel
def is_bad(key: int | np.uint64, time_ns: int, gap_ns: int, burst_ns: int) -> bool:
    """Return whether a link is bad at a time, 0 or later.

    Args:
        key: the link's key for bursts.
        time_ns: the time.
        gap_ns: how long it is good in the mean.
        burst_ns: how long it is bad in the mean.
    """
    share = burst_ns / (float(gap_ns) + float(burst_ns))
    cell_ns = max(1, int(gap_ns * share))  # in which there is one point in the mean
    cell, within = time_ns // cell_ns, time_ns % cell_ns
    while cell >= 0:
        own = mix64(np.uint64(key) ^ mix64(np.uint64(cell)))
        last, draw, at_ns = -1, 0, exponential(own, 0) * cell_ns
        while at_ns <= within:
            last = draw
            draw += 2
            at_ns += exponential(own, draw) * cell_ns
        if last >= 0:
            return bool(uniform(own, last + 1) < share)
        cell -= 1
        within = cell_ns - 1
    return bool(uniform(key, 0) < share)


@inlined
def _lost(own: np.uint64, first: int, many: int, loss_ppb: int) -> tuple[int, int]:
    """Return (how many of so many segments are lost, the draw behind those that it took).

    How many go well before the next loss is geometric, as in `fleet.model.link.resent`.
    """
    if loss_ppb == 0:
        return 0, first
    if loss_ppb >= _CERTAIN:
        return many, first
    scale = 1.0 / ln(1.0 - loss_ppb * 1e-9)
    lost, at, draw = 0, 0, first
    while True:
        at += min(many, int(ln(1.0 - uniform(own, draw)) * scale)) + 1
        draw += 1
        if at > many:
            return lost, draw
        lost += 1


@kernel
def resent_in_bursts(
    links: LinkTable, link: int, salt: int | np.uint64, key: int | np.uint64, frame: int,
    bits: int, time_ns: int,
) -> tuple[int, int, bool]:  # fmt: skip
    """Return (bits sent again, rounds that took, whether the frame came through).

    All segments are sent, then those that were lost again, each `retry_ns` later, as the link then
    stands, up to `retries` times.

    Args:
        links: the link table.
        link: the link, which loses in bursts.
        salt: of all links of the run, for bursts.
        key: the sensor's loss key for this level of its path.
        frame: frame number.
        bits: of the frame.
        time_ns: when its segments are sent first.
    """
    segments = (bits + SEGMENT_BITS - 1) // SEGMENT_BITS
    piece = (bits + segments - 1) // segments
    own = mix64(np.uint64(key) ^ mix64(frame))
    of_link = mix64(np.uint64(links.burst_key[link]) ^ np.uint64(salt))
    missing, extra, draw, rounds = segments, 0, 0, 0
    while True:
        at_ns = time_ns + rounds * links.retry_ns[link]
        bad = is_bad(of_link, at_ns, links.gap_ns[link], links.burst_ns[link])
        loss_ppb = links.bad_ppb[link] if bad else links.good_ppb[link]
        missing, draw = _lost(own, draw, missing, loss_ppb)
        if missing == 0:
            return extra * piece, rounds, True
        if rounds == links.retries[link]:
            return extra * piece, rounds, False
        rounds += 1
        extra += missing


@inlined
def sent_again(
    links: LinkTable, link: int, salt: int | np.uint64, key: int | np.uint64, frame: int,
    bits: int, time_ns: int,
) -> tuple[int, int, bool]:  # fmt: skip
    """Return what `resent` or `resent_in_bursts` does for a link that loses, in its way."""
    if links.burst_ns[link] > 0:
        return resent_in_bursts(links, link, salt, key, frame, bits, time_ns)
    return resent(key, frame, bits, links.loss_ppb[link], links.retries[link])
