"""How long work waits at a station, in closed form: the law of a wait, and how laws add up.

A station has c servers. Work comes from sources; its variance V(t) is that of the service times
that come in a time t, so that

    P(W > x) = C(c, ρ c) · exp(-ρ · min_t (x + (1 - ρ) t)² / (2 V(t)))

with Erlang's C (Erlang 1917), the load ρ of a server, and times in those of the station as a whole.
The exponent is the maximum variance approximation (Choe and Shroff 1998, "A central-limit-theorem-
based approach for analyzing queue behavior in high-speed networks", IEEE/ACM Trans. Netw. 6). Where
V(t) is a line it gives what is known: all of M/M/c (Erlang 1917), the mean of M/G/1 (Pollaczek
1930, Khinchine 1932), and for M/G/c the mean of Lee and Longton (1959), in which M/D/c waits half
as long as M/M/c. Of periodic sources with random phases V(t) falls back to zero after each period:
a bridge, as in the heavy-traffic limit of N·D/D/1 (Hajek 1994, "Heavy traffic limits for
superpositions of periodic arrivals"; Roberts and Virtamo 1991).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats
from fleet.proof.theory import erlang_c

_STEPS, _RARE = 96, 1e-6
_FULL = 0.9999
"""A load above which a wait is told as that of this load, if it does not grow."""


class Source(NamedTuple):
    """Like sources of work at a station.

    Attributes:
        many: how many there are.
        rate: what each brings a second.
        mean_s: mean service time on one server.
        variance_s2: its variance.
        longest_s: the longest one.
        periodic: whether each comes at regular times, all with random phases; else at random.
    """

    many: float
    rate: float
    mean_s: float
    variance_s2: float
    longest_s: float
    periodic: bool


@dataclass(frozen=True)
class Wait:
    """The law of a wait.

    Attributes:
        times_s: ascending, from 0.
        beyond: probability that it is longer than each; a line between them.
    """

    times_s: Floats
    beyond: Floats

    @cached_property
    def mean_s(self) -> float:
        """Return its mean; s."""
        return float(np.trapezoid(self.beyond, self.times_s))

    @property
    def longest_s(self) -> float:
        """Return the time that it is hardly ever longer than; s."""
        return float(self.times_s[-1])

    def above(self, time_s: float) -> float:
        """Return the probability that it is longer."""
        return float(np.interp(time_s, self.times_s, self.beyond, right=0.0))

    def quantile_s(self, rank: float) -> float:
        """Return the time that a share of the waits is at most; s."""
        return float(np.interp(rank - 1.0, -self.beyond, self.times_s))

    def on(self, step_s: float, size: int) -> Floats:
        """Return the probability of each step of a grid from 0 on; shape (size,)."""
        edges = (np.arange(size + 1) - 0.5) * step_s
        over = np.interp(edges, self.times_s, self.beyond, left=1.0, right=0.0)
        chances: Floats = over[:-1] - over[1:]
        chances[-1] += over[-1]
        return chances


NO_WAIT = Wait(np.zeros(2), np.zeros(2))


def at_most(time_s: float, share: float = 1.0) -> Wait:
    """Return a wait that a share of the work has, anywhere up to a time alike."""
    if time_s <= 0 or share <= 0:
        return NO_WAIT
    return Wait(np.array([0.0, time_s]), np.array([share, 0.0]))


def load_of(sources: Sequence[Source], servers: float) -> float:
    """Return the work that comes over what servers can do."""
    return sum(s.many * s.rate * s.mean_s for s in sources) / servers


def wait_for(sources: Sequence[Source], servers: int) -> Wait:
    """Return the wait for one of some servers with one queue, first come first served.

    A load of 1 and more has no such law: that of 0.9999 is returned.

    Args:
        sources: what comes.
        servers: how many, all alike.
    """
    load = min(load_of(sources, servers), _FULL)
    if load <= 0 or _never_meet(sources, servers):
        return NO_WAIT
    busy = erlang_c(servers, load * servers)
    if busy <= _RARE:
        return NO_WAIT
    spans = _spans(sources, load)
    variance = _variance(sources, spans, servers)
    scale = max(s.mean_s for s in sources) / servers
    longest = scale
    while _beyond(np.array([longest]), spans, variance, load)[0] * busy > _RARE:
        longest *= 2.0
        if longest > 1e9 * scale:
            break
    times = np.concatenate([[0.0], longest * np.geomspace(1e-4, 1.0, _STEPS)])
    beyond = busy * _beyond(times, spans, variance, load)
    beyond[-1] = 0.0
    return Wait(times, beyond)


def _never_meet(sources: Sequence[Source], servers: int) -> bool:
    """Return whether no work ever finds all servers at work: each periodic source has its own."""
    alone = all(s.periodic and s.longest_s * s.rate < 1.0 for s in sources)
    return alone and sum(s.many for s in sources) <= servers + 1e-9


def _spans(sources: Sequence[Source], load: float) -> Floats:
    """Return the times at which the variance of what comes is looked at; s."""
    least = min(s.mean_s for s in sources) * 0.05
    most = max(max(1.0 / s.rate for s in sources), max(s.mean_s for s in sources) / (1.0 - load))
    inside = [np.linspace(0.02, 0.98, 49) / s.rate for s in sources if s.periodic]
    spans: Floats = np.unique(np.concatenate([np.geomspace(least, 50.0 * most, 160), *inside]))
    return spans


def _variance(sources: Sequence[Source], spans: Floats, servers: int) -> Floats:
    """Return the variance of the work that comes in each span, in times of the station; s².

    Of a periodic source of random phase the number in a span of u periods is the whole part of u,
    or one more with a probability of its fraction f: its variance is f (1 - f).
    """
    total = np.zeros(len(spans))
    for s in sources:
        turns = spans * s.rate
        part = turns % 1.0
        numbers = part * (1.0 - part) if s.periodic else turns
        total += s.many * (s.mean_s**2 * numbers + s.variance_s2 * turns)
    return np.maximum(total, 1e-30) / servers**2


def _beyond(times: Floats, spans: Floats, variance: Floats, load: float) -> Floats:
    """Return the probability, of work that waits, to wait longer than each time."""
    gap = times[:, None] + (1.0 - load) * spans
    exponent = (gap * gap / (2.0 * variance)).min(axis=1)
    beyond: Floats = np.exp(-load * exponent)
    return np.where(times > 0, beyond, 1.0)


class Batches(NamedTuple):
    """What batching makes of the frames that come to a pool.

    Attributes:
        size: mean frames of a batch.
        gather: the wait until a batch is full, or its oldest has waited.
        turn: the wait for a server that takes what is there.
    """

    size: float
    gather: Wait
    turn: Wait


def batches(rate: float, servers: int, most: int, wait_s: float, hold_s: Floats) -> Batches:
    """Return how frames gather to batches.

    While a server is free a batch is launched when `most` wait or the oldest has waited: after a
    first frame at a random moment `rate · wait` more come. When all servers are at work a batch is
    what has come since the last one began: its size b solves rate · h(b) = servers · b (Bailey
    1954, "On queueing processes with bulk service", in the mean). The larger holds. A frame then
    waits for the next server, anywhere in h(b) / servers alike.

    Args:
        rate: frames a second.
        servers: how many take batches.
        most: frames of a batch.
        wait_s: longest time that an incomplete batch waits.
        hold_s: h(b) for b = 0..most.
    """
    if most == 1:
        return Batches(1.0, NO_WAIT, NO_WAIT)
    idle = min(float(most), 1.0 + rate * wait_s)
    per_frame = float(hold_s[-1] - hold_s[0]) / most
    spare = servers - rate * per_frame
    full = min(float(most), rate * float(hold_s[0]) / spare) if spare > 0 else float(most)
    if full > idle:
        return Batches(full, NO_WAIT, at_most(_held_s(hold_s, full) / servers))
    fill_s = min(wait_s, (most - 1) / rate)
    busy = min(_FULL, rate * _held_s(hold_s, idle) / idle / servers)
    turn = at_most(_held_s(hold_s, idle) / servers, erlang_c(servers, busy * servers))
    first = 1.0 / idle  # the first of a batch waits for all of the time, the others for a part
    gather = Wait(
        np.array([0.0, fill_s * (1 - 1e-9), fill_s]), np.array([1.0, first, 0.0])
    ) if fill_s > 0 else NO_WAIT  # fmt: skip
    return Batches(idle, gather, turn)


def _held_s(hold_s: Floats, size: float) -> float:
    return float(np.interp(size, np.arange(len(hold_s)), hold_s))


Waves: TypeAlias = NDArray[np.complex128]
GRID = 1 << 13
"""Steps of the grid on which laws are added."""


class Sum:
    """Sums of waits and times, as laws on one grid.

    Args:
        longest_s: that no sum exceeds.
    """

    def __init__(self, longest_s: float) -> None:
        self.step_s = max(longest_s, 1e-9) / (GRID - 8)
        self._kept: dict[int, Waves] = {}

    def wave(self, wait: Wait) -> Waves:
        """Return the transform of a wait; that of a sum is the product of those of its parts."""
        transform = self._kept.get(id(wait))
        if transform is None:
            transform = np.fft.rfft(wait.on(self.step_s, GRID))
            self._kept[id(wait)] = transform
        return transform

    def wave_of(self, times_s: Floats, weights: Floats) -> Waves:
        """Return the transform of a time that takes some values with some weights."""
        place = np.minimum(times_s / self.step_s, GRID - 1.0)
        low = place.astype(np.int64)
        share, law = place - low, np.zeros(GRID + 1)
        weights = weights / weights.sum()
        np.add.at(law, low, weights * (1.0 - share))
        np.add.at(law, low + 1, weights * share)
        return np.fft.rfft(law[:GRID])

    def law(self, wave: Waves) -> Floats:
        """Return the probability of each step of the grid; shape (GRID,)."""
        chances: Floats = np.maximum(np.fft.irfft(wave, GRID), 0.0)
        total = math.fsum(chances)
        return chances / total if total else chances
