"""Controllers of adaptive arms: what they see, and how they decide on which rung sensors stand.

A controller looks every so often. It sees whole numbers, of what has come to it by then, and says a
rung of the ladder: 0 is the arm as it stands, the last the most that it can be lowered to. A rule
is a function of what is seen, of the rung that was said last, and of its own memory, which is some
whole numbers, and of what the clock, the grid and the tariff say; it draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

AT_REGION, AT_SITE = "region", "site"
_BOTH = (AT_REGION, AT_SITE)

READS_AT: dict[str, tuple[str, ...]] = {
    "results": (AT_REGION,),  # frames answered since the last look
    "expected": (AT_REGION,),  # frames that sensors capture between two looks, as they were told
    "latency_ns": (AT_REGION,),  # mean from capture to result of those answered, 0 of none
    "missing_ppm": (AT_REGION,),  # share of what was expected that was not answered
    "captured": (AT_SITE,),  # frames captured since the last look
    "sent_bits": (AT_SITE,),  # bits that have left the first port since then
    "waiting_bits": (AT_SITE,),  # bits of frames that are ready and not behind the first link
    "backlog_ns": (AT_SITE,),  # how long these take at the rate of what was sent
    "waiting": _BOTH,  # frames that wait: for servers at the region, for the first link at the site
    "dropped": _BOTH,  # frames lost since the last look: by servers, by the first port
    "period_ns": _BOTH,  # from one look to the next
    "rung_bps": _BOTH,  # bits a second that are expected of the sensors on each rung
    "clock_s": _BOTH,  # seconds since midnight by the local clock
    "weekday": _BOTH,  # 0 on Mondays, 6 on Sundays, by the local clock
    "grid_mg_per_kwh": _BOTH,  # CO2e of electricity in this hour
    "price_usd_per_gwh": _BOTH,  # price of electricity in this hour, millionths of USD/kWh
}
"""What controllers may read, and where they must be to see it."""
ALWAYS = ("rung", "rungs", "memory")
"""What every rule has: the rung said last, how many there are, and what it remembers."""


SIGNALS = {
    "latency": "latency_ns", "missing": "missing_ppm", "waiting": "waiting", "dropped": "dropped",
    "backlog": "backlog_ns",
}  # fmt: skip
"""What a threshold can be of, and what is read for it."""
OUTSIDE = {"carbon": "grid_mg_per_kwh", "price": "price_usd_per_gwh"}
"""Rules that go by what comes from outside of the fleet, and what they read."""


class Counts(NamedTuple):
    """What was counted for the sensors of a controller; those that are not seen are not read.

    Attributes:
        captured, results, latency_ns, sent_bits, dropped: since the last look.
        expected: frames due between two looks.
        waiting, waiting_bits: now.
    """

    captured: int = 0
    results: int = 0
    latency_ns: int = 0
    sent_bits: int = 0
    dropped: int = 0
    expected: int = 0
    waiting: int = 0
    waiting_bits: int = 0


class Outside(NamedTuple):
    """What holds outside of the fleet as a controller looks.

    Attributes:
        clock_s: seconds since midnight by the local clock.
        weekday: 0 on Mondays.
        grid_mg_per_kwh: CO2-equivalent of electricity.
        price_usd_per_gwh: price of it, which is millionths of US dollars a kWh.
    """

    clock_s: int = 0
    weekday: int = 0
    grid_mg_per_kwh: int = 0
    price_usd_per_gwh: int = 0


NOWHERE = Outside()


class Seen(NamedTuple):
    """What a rule is given: all of it; own rules are given what they declare."""

    results: int
    expected: int
    latency_ns: int
    missing_ppm: int
    captured: int
    sent_bits: int
    waiting_bits: int
    backlog_ns: int
    waiting: int
    dropped: int
    period_ns: int
    rung_bps: tuple[int, ...]
    clock_s: int
    weekday: int
    grid_mg_per_kwh: int
    price_usd_per_gwh: int
    rung: int
    rungs: int
    memory: tuple[int, ...]


def seen_of(
    counts: Counts,
    period_ns: int,
    rung_bps: tuple[int, ...],
    rung: int,
    memory: tuple[int, ...],
    outside: Outside = NOWHERE,
) -> Seen:
    """Return what a rule is given of what was counted.

    Args:
        counts: what was counted.
        period_ns: from one look to the next.
        rung_bps: bits a second that are expected on each rung.
        rung: said last.
        memory: of the rule.
        outside: what the clock, the grid and the tariff say.
    """
    missing = max(0, counts.expected - counts.results) * MILLION // max(1, counts.expected)
    return Seen(
        results=counts.results, expected=counts.expected,
        latency_ns=counts.latency_ns // max(1, counts.results), missing_ppm=missing,
        captured=counts.captured, sent_bits=counts.sent_bits, waiting_bits=counts.waiting_bits,
        backlog_ns=min(counts.waiting_bits * period_ns // max(1, counts.sent_bits), MOST_NS),
        waiting=counts.waiting, dropped=counts.dropped, period_ns=period_ns, rung_bps=rung_bps,
        **outside._asdict(), rung=rung, rungs=len(rung_bps), memory=memory,
    )  # fmt: skip


MILLION = 1_000_000
MOST_NS = 1 << 62
"""The longest backlog that is told: what a rule remembers of it are 64 bits."""
Answer = tuple[int, tuple[int, ...]]
"""The rung that a rule wants, which is kept within the ladder, and what it remembers."""
Decide = Callable[[Seen], Answer]


class Numbers(NamedTuple):
    """The numbers of a rule that is not a user's own.

    Attributes:
        high, low: levels of what is watched.
        calm: looks in a row at or below `low` before a rung up is taken.
        queue: frames that wait for each rung down.
        highs, lows: levels of each rung below the top, of a rule with one for each.
    """

    high: int = 0
    low: int = 0
    calm: int = 0
    queue: int = 1
    highs: tuple[int, ...] = ()
    lows: tuple[int, ...] = ()


def threshold(seen: Seen, read: str, numbers: Numbers) -> Answer:
    """Take a rung down while something is above a level, and one up after so many calm looks.

    Two levels with a dwell time, as a thermostat has: between them nothing changes. After either
    change the looks are counted anew.
    """
    value, calm = int(getattr(seen, read)), _first(seen.memory)
    if read == "latency_ns" and not seen.results:
        return seen.rung, seen.memory  # nobody knows how late what does not come is
    if value > numbers.high:
        return seen.rung + 1, (0,)
    if value > numbers.low:
        return seen.rung, (0,)
    if calm + 1 >= numbers.calm:
        return seen.rung - 1, (0,)
    return seen.rung, (calm + 1,)


def back_pressure(seen: Seen, numbers: Numbers) -> Answer:
    """Stand a rung lower for every so many frames that wait: it remembers nothing.

    The queue itself says how much less may come, as in back-pressure by queue lengths (Tassiulas
    and Ephremides, IEEE Trans. Automatic Control 37(12), 1992), here in equal steps.
    """
    return seen.waiting // numbers.queue, ()


def stepped(seen: Seen, read: str, numbers: Numbers) -> Answer:
    """Stand as low as a number demands that comes from outside: it remembers nothing.

    Each rung has a pair of levels, as a Schmitt trigger has: it is taken above the higher, and left
    at or below the lower.
    """
    value = int(getattr(seen, read))
    at_least = sum(value > high for high in numbers.highs)
    at_most = sum(value > low for low in numbers.lows)
    return min(max(seen.rung, at_least), at_most), ()


STEADY, DEGRADE, PROBE = range(3)
CONSERVE = 9, 10
"""What of the measured rate a lower rung may take: 0.9 in AWStream's own source (its client)."""


def awstream(seen: Seen, numbers: Numbers) -> Answer:
    """Follow what the sender's queue says, as AWStream does.

    Zhang, Jin, Ratnasamy, Wawrzynek and Lee, "AWStream: adaptive wide-area streaming analytics",
    SIGCOMM 2018, figure 6, and the numbers of its source: congestion (here a backlog above `high`)
    leads to the highest rung that takes at most 0.9 of the measured rate, and again as long as it
    lasts; an empty queue (at most `low`) makes it steady; after more than `calm` looks that are
    steady it probes; congestion while it probes takes that back, else it has advanced by a rung.
    AWStream probes with traffic beside its own; here the rung above is itself what is tried, and it
    begins at the top, so that there is no startup.
    """
    phase, count = (seen.memory or (STEADY, 0))[:2]
    congested, empty = seen.backlog_ns > numbers.high, seen.backlog_ns <= numbers.low
    if congested and phase == PROBE:
        return seen.rung + 1, (STEADY, 0)
    if congested:
        return max(fitting(seen), seen.rung), (DEGRADE, 0)
    if not empty:
        return seen.rung, (phase, count)
    if phase != STEADY or seen.rung == 0:
        return seen.rung, (STEADY, 0)
    if count < numbers.calm:
        return seen.rung, (STEADY, count + 1)
    return seen.rung - 1, (PROBE, 0)


def fitting(seen: Seen) -> int:
    """Return the highest rung that takes what is sent, less a reserve; the last if none does."""
    part, whole = CONSERVE
    most = seen.sent_bits * 1_000_000_000 * part // (seen.period_ns * whole)
    return next((k for k, bps in enumerate(seen.rung_bps) if bps <= most), seen.rungs - 1)


def _first(memory: tuple[int, ...]) -> int:
    return memory[0] if memory else 0
