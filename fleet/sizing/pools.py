"""What a pool of servers does with the frames that come to it: decoding, batches, waits.

Decoders are servers of constant times. Servers take batches (`fleet.sizing.waiting.batches`); with
all of them full the pool does servers · most / h(most) frames a second, and a frame waits as one
would for one of servers · most places that hold it for h(most): with batches of one that is M/D/c,
or M/G/c where service times vary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model.servers import EXPONENTIAL, NEAR_NORMAL
from fleet.plan.pipelines import Networks, Spread
from fleet.plan.plant import Pool
from fleet.sizing.waiting import (
    NO_WAIT,
    Batches,
    Source,
    Wait,
    batches,
    load_of,
    wait_for,
)


class Taken(NamedTuple):
    """What a pool takes for one of the networks that it runs.

    Attributes:
        share: of its frames.
        objects: mean objects of one at which a second network looks.
        service_s: time from the start of a batch to its results.
    """

    share: float
    objects: float
    service_s: float


@dataclass(frozen=True)
class Served:
    """A distinct pool: pools of an entry to which the same comes.

    Attributes:
        pool: the entry, whose times are those in the mean over networks and what is found.
        pools: which of the plan's they are.
        sensors: how many send to each.
        rate: frames a second that come to each.
        load: that over what its servers can do with full batches.
        servers: servers of the first kind that are paid for, in the mean.
        size: mean frames of a batch.
        taken: what it takes for each of its networks.
        waits: the laws of the waits for a batch.
        lost: share of the frames that the deadline or the queue loses.
        px: pixels a second that come to be decoded.
        decoding: load of the decoders, 0 without any.
        decoder_wait: the law of the wait for a decoder.
        decode_s: mean time that decoding a frame takes.
    """

    pool: Pool
    pools: Ints
    sensors: float
    rate: float
    load: float
    servers: float
    size: float
    taken: tuple[Taken, ...]
    waits: tuple[Wait, ...]
    lost: float
    px: float
    decoding: float
    decoder_wait: Wait
    decode_s: float

    @property
    def grows(self) -> bool:
        """Return whether more comes than it can do, or decode."""
        return max(self.load, self.decoding) >= 1.0

    @property
    def passed(self) -> float:
        """Return the share of what comes that becomes results."""
        return (1.0 - self.lost) / max(1.0, self.load, self.decoding)

    @property
    def wait_s(self) -> float:
        """Return the mean wait for a batch; s."""
        return math.fsum(wait.mean_s for wait in self.waits)


def serve(
    comes_for: Networks, pools: Ints, frames: Sequence[tuple[int, float, float]], periodic: bool
) -> Served:
    """Return what a pool does with some frames.

    Args:
        comes_for: its rules and servers, and what comes for which of its networks.
        pools: which of the plan's pools are alike.
        frames: (pixels to decode of one, sensors, frames a second of each).
        periodic: whether these come at regular times.
    """
    spread, pool = comes_for.spread, comes_for.mean
    rate = math.fsum(many * fps for _, many, fps in frames)
    counts = np.array([kind.count for kind in pool.kinds], dtype=np.float64)
    most = counts.copy()
    if pool.autoscaling is not None:
        most[0] = max(most[0], pool.autoscaling.most)
        counts[0] = _scaled(pool, counts, rate)
    load = rate / float(_fps(pool) @ most)
    hold_s = _mean_of_kinds(pool, counts, "hold_ns")
    servers = max(1, round(float(counts.sum())))
    made = batches(rate, servers, pool.max_batch, pool.wait_ns * 1e-9, hold_s)
    waits = (made.gather, made.turn, _full_wait(pool, frames, periodic, (hold_s, spread), servers))
    decoding, decoder_wait, decode_s = _decoding(pool, frames, periodic, counts)
    lost = _lost(pool, made, waits[2], rate, load)
    return Served(
        pool, pools, math.fsum(many for _, many, _ in frames), rate, load, float(counts[0]),
        made.size, _taken(comes_for, made.size, counts), waits, lost,
        math.fsum(px * many * fps for px, many, fps in frames), decoding, decoder_wait, decode_s,
    )  # fmt: skip


def _taken(comes_for: Networks, size: float, counts: Floats) -> tuple[Taken, ...]:
    """Return what a pool takes for each of its networks, in batches of so many frames."""
    sizes = np.arange(comes_for.pool.max_batch + 1)
    service_s = [
        float(np.interp(size, sizes, _mean_of_kinds(one, counts, "service_ns")))
        for one in comes_for.each
    ]
    return tuple(map(Taken, comes_for.shares, comes_for.objects, service_s))


def _fps(pool: Pool) -> Floats:
    """Return the frames a second of a server of each kind that has full batches."""
    times_ns = [max(1, int(kind.hold_ns[pool.max_batch])) for kind in pool.kinds]
    return pool.max_batch * 1e9 / np.array(times_ns, dtype=np.float64)


def _mean_of_kinds(pool: Pool, counts: Floats, name: str) -> Floats:
    """Return a time by batch size, the mean over servers by how many batches each kind takes; s."""
    times = np.array([getattr(kind, name) for kind in pool.kinds], dtype=np.float64) * 1e-9
    mean_s: Floats = np.average(times, axis=0, weights=counts * _fps(pool))
    return mean_s


def _scaled(pool: Pool, counts: Floats, rate: float) -> float:
    """Return the servers that an autoscaler settles at: for its target, within its bounds."""
    rule = pool.autoscaling
    assert rule is not None
    speed = _fps(pool)
    others = float(counts[1:] @ speed[1:])
    wanted = math.ceil(max(0.0, rate / (rule.target_ppm * 1e-6) - others) / speed[0])
    return float(min(max(wanted, rule.least), rule.most))


def _full_wait(
    pool: Pool, frames: Sequence[tuple[int, float, float]], periodic: bool,
    holds: tuple[Floats, Spread], servers: int,
) -> Wait:  # fmt: skip
    """Return the wait of a frame where more wait than the next batch takes.

    `holds` are the mean times by batch size, and how much those of full batches differ.
    """
    mean, spread = float(holds[0][-1]), holds[1]
    variation = {EXPONENTIAL: 1.0, NEAR_NORMAL: pool.variation}.get(pool.law, 0.0)
    longest = mean * (20.0 if pool.law == EXPONENTIAL else 1.0 + 4.0 * variation)
    longest += spread.longest_s
    variance = (variation * mean) ** 2 + spread.variance_s2
    sources = [Source(many, fps, mean, variance, longest, periodic) for _, many, fps in frames]
    return wait_for(sources, servers * pool.max_batch)


def _decoding(
    pool: Pool, frames: Sequence[tuple[int, float, float]], periodic: bool, counts: Floats
) -> tuple[float, Wait, float]:
    """Return (load of the decoders, the law of the wait for one, mean time of a frame in one)."""
    heads = counts * np.array([kind.decoders for kind in pool.kinds])
    if not heads.any():
        return 0.0, NO_WAIT, 0.0
    px_s = float(heads @ np.array([kind.decode_px_s for kind in pool.kinds]) / heads.sum())
    sources = [
        Source(many, fps, px / px_s, 0.0, px / px_s, periodic) for px, many, fps in frames if px
    ]
    servers, fps = max(1, round(float(heads.sum()))), math.fsum(m * f for _, m, f in frames)
    load = load_of(sources, servers)
    return load, wait_for(sources, servers), load * servers / fps if fps else 0.0


def _lost(pool: Pool, made: Batches, full: Wait, rate: float, load: float) -> float:
    """Return the share that waits longer than the deadline, or finds the queue full."""
    if load >= 1.0:
        return 0.0  # what is too much is lost anyhow
    longest = [pool.deadline_ns * 1e-9] if pool.deadline_ns else []
    longest.append(pool.queue_max / rate)
    lost = [full.above(max(0.0, most - made.gather.mean_s - made.turn.mean_s)) for most in longest]
    return max(lost)
