"""Rates: of frames, what equipment lowers them to; of links, what they are in the mean."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from fleet.arrays import Floats
from fleet.model.events import LINK_DOWN, LINK_RATE, Timetable
from fleet.model.link import LinkTable


def lower(rate: Fraction, most: Fraction | None) -> Fraction:
    """Return a frame rate, or the most that equipment captures if that is less."""
    return Fraction(rate) if most is None else min(Fraction(rate), most)


def period(rate: Fraction) -> tuple[int, int]:
    """Return (num, den): the period num/den ns of a frame rate, in lowest terms."""
    fraction = Fraction(1_000_000_000) / rate
    return fraction.numerator, fraction.denominator


def slower(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the longer of two periods num/den ns; 0 is no limit."""
    return one if one[0] * other[1] >= other[0] * one[1] else other


def mean_bps(
    links: LinkTable, events: Timetable, from_ns: int, until_ns: int, *, capped: bool = False
) -> Floats:
    """Return the mean rate of links in a span, whose events change some; bit/s, shape (links,).

    Outages are taken off of those whose rate changes, as parts of their curve that are 0.

    Args:
        links: the links.
        events: what changes them.
        from_ns: begin of the span.
        until_ns: its end.
        capped: whether their caps are spent, so that each has its throttled rate at most.
    """
    most = links.throttled_bps if capped else links.rate_bps.max(initial=1 << 62)
    most = np.broadcast_to(most, links.rate_bps.shape)
    mean = np.minimum(links.rate_bps, most).astype(np.float64)
    changes = dict(_by_link(events, LINK_RATE))
    down = dict(_by_link(events, LINK_DOWN)) if changes else {}
    for link, mine in changes.items():
        rates = np.minimum(np.append(links.rate_bps[link], mine.a), most[link])
        steps_ns = np.concatenate([[0], mine.time_ns, [max(until_ns, mine.time_ns[-1])]])
        bits = np.append(0.0, np.cumsum(np.diff(steps_ns) * rates.astype(np.float64)))
        outages = down.get(link, events[:0])
        spans = np.stack([np.append(from_ns, outages.time_ns), np.append(until_ns, outages.a)])
        begun, done = np.interp(np.clip(spans, from_ns, until_ns), steps_ns, bits)
        whole, *lost = done - begun
        sent = whole - sum(lost)
        mean[link] = max(1.0, sent / (until_ns - from_ns))  # something to divide by
    return mean


def _by_link(events: Timetable, kind: int) -> Iterator[tuple[int, Timetable]]:
    """Yield (link, its events of a kind in order) of all links that have any."""
    mine = events[events.kind == kind]
    if not len(mine):
        return
    order = np.argsort(mine.target, kind="stable")
    links, first = np.unique(mine.target[order], return_index=True)
    for link, rows in zip(links.tolist(), np.split(order, first[1:]), strict=True):
        yield link, mine[rows]
