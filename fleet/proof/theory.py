"""Closed forms of queueing theory that the selftest holds the engines against.

Rates are per unit of time and times in that unit; the unit is the caller's. Loads are in erlang.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """The first two moments of a service time."""

    mean: float
    square: float


def whole_exponential(mean: float, least: int, shift: float) -> Moments:
    """Return the moments of max(least, floor(X + shift)) for an exponential X.

    The sums over P(N > k) and (2 k + 1) P(N > k) are geometric. `shift` is in [0, 1].
    """
    q = math.exp(-1.0 / mean)
    head = math.exp(-(least + 1.0 - shift) / mean)
    first = head / (1.0 - q)
    second = head * ((2 * least + 1) / (1.0 - q) + 2.0 * q / (1.0 - q) ** 2)
    return Moments(least + first, least**2 + second)


def four_lanes(mean: float, variation: float) -> Moments:
    """Return the moments of floor(mean (1 + variation z) + 1/2) for `fleet.chance.spread` z.

    z is the standardised sum of four uniform 16-bit numbers; every sum is enumerated with its
    number of ways, by inclusion and exclusion (de Moivre 1756, problem III).
    """
    side = 1 << 16
    total = np.arange(4 * (side - 1) + 1)
    ways = np.zeros(len(total))
    for j in range(4):
        rest = np.maximum(total - j * side + 3, 0).astype(np.float64)
        ways += (-1) ** j * math.comb(4, j) * rest * (rest - 1) * (rest - 2) / 6
    share = ways / side**4
    z = (total - 131070.0) / 37837.22736067741
    size = np.floor(mean * (1.0 + variation * z) + 0.5)
    return Moments(float(share @ size), float(share @ size**2))


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that M/G/c/c blocks (Erlang 1917), by its recursion."""
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = load * blocked / (c + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Return the share of arrivals that wait in M/M/c (Erlang 1917)."""
    blocked = erlang_b(servers, load)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def mmc_wait(servers: int, rate: float, service: float) -> float:
    """Return the mean wait in M/M/c (Erlang 1917)."""
    load = rate * service
    return erlang_c(servers, load) * service / (servers - load)


def mmc_tail(servers: int, rate: float, service: float, time: float) -> float:
    """Return P(wait > time) in M/M/c, first come first served (Erlang 1917)."""
    load = rate * service
    return erlang_c(servers, load) * math.exp(-(servers - load) * time / service)


class Lossy(NamedTuple):
    """A station that loses arrivals: the share lost, and the mean wait of those accepted."""

    lost: float
    wait: float


def mmck(servers: int, places: int, rate: float, service: float) -> Lossy:
    """Return what M/M/c/K does, K places in all: a birth-and-death process (Kleinrock 1975)."""
    load = rate * service
    weights = [1.0]
    for n in range(1, places + 1):
        weights.append(weights[-1] * load / min(n, servers))
    total = sum(weights)
    lost = weights[-1] / total
    waiting = sum(w * (n - servers) for n, w in enumerate(weights) if n > servers) / total
    return Lossy(lost, waiting / (rate * (1.0 - lost)))


def pollaczek_khinchine(rate: float, service: Moments) -> float:
    """Return the mean wait in M/G/1 (Pollaczek 1930, Khinchine 1932)."""
    return rate * service.square / (2.0 * (1.0 - rate * service.mean))


def cobham(rates: Sequence[float], service: Moments) -> list[float]:
    """Return the mean waits in M/G/1 with priorities, the highest first, without preemption.

    W_k = W_0 / ((1 - s_(k-1)) (1 - s_k)), W_0 = rate E[S²] / 2, s_k the load of the k highest
    (Cobham 1954, Priority assignment in waiting line problems, Operations Research 2, 70-76).
    """
    rest = sum(rates) * service.square / 2
    loads = [0.0, *(rate * service.mean for rate in accumulate(rates))]
    return [rest / ((1 - above) * (1 - load)) for above, load in pairwise(loads)]


def md1_tail(load: float, time: float) -> float:
    """Return P(wait > time) in M/D/1, time in services (Erlang 1909).

    The series alternates: use it for a few services.
    """
    within = 0.0
    for k in range(math.floor(time) + 1):
        x = load * (k - time)
        within += x**k / math.factorial(k) * math.exp(-x)
    return 1.0 - (1.0 - load) * within


def mdc_wait(servers: int, rate: float, service: float) -> float:
    """Return the mean wait in M/D/c (Crommelin 1932).

    service · Σ_i [P(N_i >= i c) - P(N_i > i c) / ρ] with N_i Poisson with mean i c ρ; summed from
    the left end of the Poisson law's upper tail, until terms no longer count.
    """
    share = rate * service / servers
    wait, i = 0.0, 1
    while True:
        mean = i * servers * share
        term = math.exp(-mean + i * servers * math.log(mean) - math.lgamma(i * servers + 1))
        at, above, j = term, 0.0, i * servers
        while term > 1e-18 * at:
            j += 1
            term *= mean / j
            above += term
        wait += (at + above) - above / share
        if at < 1e-12:
            return service * wait
        i += 1


def md1k_lost(load: float, places: int) -> float:
    """Return the share of arrivals that M/D/1/K loses (Brun and Garcia 2000).

    1 - b_{K-1} / (1 + ρ b_{K-1}),  b_n = Σ_{k=0}^{n} (-1)^k (n - k)^k e^{(n-k) ρ} ρ^k / k!
    """
    n = places - 1
    b = sum(
        (-load * (n - k)) ** k * math.exp((n - k) * load) / math.factorial(k) for k in range(n + 1)
    )
    return 1.0 - b / (1.0 + load * b)


def impatient_lost(rate: float, service: float, patience: float) -> float:
    """Return the share lost in M/M/1 when nobody waits longer than a constant (Barrer 1957)."""
    load = rate * service
    left = math.exp(-(1.0 - load) * patience / service)
    return (1.0 - load) * load * left / (1.0 - load**2 * left)


class Bulk(NamedTuple):
    """M/M[1,b]/1: the share of time that the server is idle, the mean wait, the mean batch."""

    idle: float
    wait: float
    batch: float


def bulk_service(rate: float, service: float, most: int) -> Bulk:
    """Return what a server of batches of 1 to `most` does, whose time does not depend on the size.

    With n waiting while it works, P_n = P_0 r^n, and r in (0, 1) solves λ (1 - r) = μ r (1 - r^b)
    (Bailey 1954; Neuts 1967, the general bulk service rule with least size 1).
    """
    low, high = 0.0, 1.0 - 1e-12
    for _ in range(200):
        r = (low + high) / 2
        too_much = service * rate * (1.0 - r) - r * (1.0 - r**most) > 0
        low, high = (r, high) if too_much else (low, r)
    busy = 1.0 / (1.0 / (rate * service) + 1.0 / (1.0 - r))  # P_0
    idle = busy / (rate * service)
    return Bulk(idle, busy * r / (1.0 - r) ** 2 / rate, rate * service / (1.0 - idle))


def tandem_tail(leave_first: float, leave_second: float, time: float) -> float:
    """Return P(time in both queues > time) of M/M/1 → M/M/1 (Reich 1957).

    The times in the two are independent and exponential with rates μ - λ, which must differ.
    """
    a, b = leave_first, leave_second
    return (b * math.exp(-a * time) - a * math.exp(-b * time)) / (b - a)


def periodic_tail(others: int, period: float, time: float) -> float:
    """Return P(wait > time) at a queue of periodic sources with random phases, in services.

    What a frame meets is the work of the other N - 1 sources at a random moment (Roberts and
    Virtamo 1991, "The superposition of periodic cell arrival streams in an ATM multiplexer"):

        Σ_{x < n <= N-1} C(N-1, n) ((n-x)/T)^n (1-(n-x)/T)^{N-1-n} (T-N+1+x) / (T-n+x)
    """
    tail = 0.0
    for n in range(math.floor(time) + 1, others + 1):
        p = (n - time) / period
        tail += (
            math.comb(others, n)
            * p**n
            * (1.0 - p) ** (others - n)
            * (period - others + time)
            / (period - n + time)
        )
    return tail


def periodic_wait(others: int, period: float) -> float:
    """Return the mean wait of the same: the integral of `periodic_tail`, in services.

    Between whole numbers it is a polynomial, which Gauss and Legendre's rule integrates exactly.
    """
    nodes, weights = np.polynomial.legendre.leggauss(others // 2 + 2)
    at = [((float(x) + 1) / 2, float(w) / 2) for x, w in zip(nodes, weights, strict=True)]
    return sum(w * periodic_tail(others, period, n + x) for n in range(others) for x, w in at)


class Resent(NamedTuple):
    """What loss does to a frame: the share lost, segments sent, and rounds of one that arrives."""

    lost: float
    segments: float
    rounds: float


def resent(segments: int, loss: float, retries: int) -> Resent:
    """Return the effect of segments that are sent again at most `retries` times.

    Each segment's number of sendings is geometric, cut off (Bertsekas and Gallager 1992, section
    2.4: selective repeat). A frame stops at its first segment that is given up; a round resends
    all that is missing, so a frame takes the most rounds of its segments.
    """
    given_up = loss ** (retries + 1)
    through = 1.0 - given_up
    tried = (1.0 - through**segments) / given_up if given_up else segments
    again = sum(loss**j for j in range(1, retries + 1))
    rounds = sum(1.0 - ((1.0 - loss ** (j + 1)) / through) ** segments for j in range(retries))
    return Resent(1.0 - through**segments, segments + tried * again, rounds)


class Radio(NamedTuple):
    """Shares of messages that wake an idle or a dozing radio, and the mean wait of a message."""

    promoted: float
    dozing: float
    wait: float


def radio(rate: float, doze: float, tail: float, promotion: float, cycle: float) -> Radio:
    """Return what Poisson messages meet at a radio whose timers start anew at each hand-over.

    A hand-over renews the process. The next message comes after an exponential time X: with
    P(X > tail) it waits for the promotion, with P(doze < X <= tail) uniformly in a cycle, else not
    at all; those that come while it waits are handed over with it, Poisson many, uniform in the
    wait w: rate · E[w] of them wait rate · E[w²] / 2 in all (renewal reward: Ross 1996, 3.6).
    """
    idle = math.exp(-rate * tail)
    dozes = math.exp(-rate * doze) - idle
    messages = 1.0 + rate * (idle * promotion + dozes * cycle / 2)
    waits = idle * (promotion + rate * promotion**2 / 2) + dozes * (cycle / 2 + rate * cycle**2 / 6)
    return Radio(idle / messages, dozes / messages, waits / messages)


def burst_steps(place: int, size: int, servers: int, most: int) -> tuple[int, int]:
    """Return (full batches before it on its server, size of its batch) of a frame of a burst.

    Batch j of a burst is taken by server j modulo `servers`; only the last may not be full.
    """
    batch = place // most
    return batch // servers, min(most, size - batch * most)
