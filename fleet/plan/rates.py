"""Rates: of frames, what equipment lowers them to; of links, what they are in the mean."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fleet.arrays import Floats
from fleet.model.events import LINK_RATE, Timetable
from fleet.model.link import LinkTable


def lower(rate: Fraction, most: Fraction | None) -> Fraction:
    """Return a frame rate, or the most that equipment captures if that is less."""
    return Fraction(rate) if most is None else min(Fraction(rate), most)


def period(rate: Fraction) -> tuple[int, int]:
    """Return (num, den): the period num/den ns of a frame rate, in lowest terms."""
    fraction = Fraction(1_000_000_000) / rate
    return fraction.numerator, fraction.denominator


def mean_bps(
    links: LinkTable, events: Timetable, from_ns: int, until_ns: int, *, capped: bool = False
) -> Floats:
    """Return the mean rate of links in a span, whose events change some; bit/s, shape (links,).

    Outages are not taken off.

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
    changes = events[events.kind == LINK_RATE]
    for link in np.unique(changes.target):
        mine = changes[changes.target == link]
        rates = np.minimum(np.append(links.rate_bps[link], mine.a), most[link])
        steps_ns = np.clip(np.concatenate([[0], mine.time_ns, [until_ns]]), from_ns, until_ns)
        mean[link] = np.diff(steps_ns) @ rates.astype(np.float64) / (until_ns - from_ns)
    return mean
