"""What many controllers see and how they decide, all that are alike at once, as arrays.

The rules are those of `fleet.model.ladder`, which the reference asks one controller after the
other. Products that could leave 64 bits are reckoned with Python's integers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Bools, Ints
from fleet.model.ladder import (
    CONSERVE,
    DEGRADE,
    MILLION,
    MOST_NS,
    OUTSIDE,
    PROBE,
    STEADY,
    Numbers,
    Outside,
)
from fleet.plan.talking import Controller

_LIMIT = 1 << 62
KEPT = 2
"""Whole numbers that a rule which is not a user's own remembers."""


class Sights(NamedTuple):
    """What controllers are told, one row each; those that are not seen are not read.

    Attributes:
        captured, results, latency_ns, sent_bits, dropped: since the last look; sums.
        expected: frames due between two looks.
        waiting, waiting_bits: now.
    """

    captured: Ints
    results: Ints
    latency_ns: Ints
    sent_bits: Ints
    dropped: Ints
    expected: Ints
    waiting: Ints
    waiting_bits: Ints


def scaled(number: Ints, times: int, over: Ints, most: int = _LIMIT) -> Ints:
    """Return number · times // over, at most so much, exactly; all at least 0."""
    large = number > _LIMIT // max(1, times)
    out: Ints = np.minimum(np.where(large, 0, number) * times // over, most)
    for k in np.flatnonzero(large).tolist():
        out[k] = min(int(number[k]) * times // int(over[k]), most)
    return out


def slower(num: Ints, den: Ints, other_num: Ints, other_den: Ints) -> tuple[Ints, Ints]:
    """Return the longer of two periods num/den each, the first if they are alike."""
    if max(num.max(), other_num.max()) > _LIMIT // max(den.max(), other_den.max()):
        rows = zip(num.tolist(), den.tolist(), other_num.tolist(), other_den.tolist(), strict=True)
        first: Bools = np.array([a * d >= c * b for a, b, c, d in rows], dtype=np.bool_)
    else:
        first = num * other_den >= other_num * den
    return np.where(first, num, other_num), np.where(first, den, other_den)


def wanted(
    one: Controller, seen: Sights, outside: Outside, bps: Ints, rung: Ints, kept: Ints
) -> tuple[Ints, Ints]:
    """Return (the rung that each controller wants, within the ladder; what it remembers).

    Args:
        one: how they are.
        seen: what they are told.
        outside: what the clock, the grid and the tariff say.
        bps: bits a second that are expected on each rung; shape (controllers, rungs).
        rung: said last.
        kept: what they remember; shape (controllers, KEPT).
    """
    if one.rule == "threshold":
        said, kept = _threshold(one, seen, rung, kept)
    elif one.rule == "awstream":
        said, kept = _awstream(one, seen, bps, rung, kept)
    elif one.rule == "back-pressure":
        said = seen.waiting // one.numbers.queue
    else:
        said = _stepped(one.numbers, int(getattr(outside, OUTSIDE[one.rule])), rung)
    return np.clip(said, 0, one.rungs - 1), kept


def _watched(one: Controller, seen: Sights) -> Ints:
    """Return what a threshold is of."""
    (read,) = one.reads
    if read == "latency_ns":
        return seen.latency_ns // np.maximum(1, seen.results)
    if read == "missing_ppm":
        missing = np.maximum(0, seen.expected - seen.results)
        return scaled(missing, MILLION, np.maximum(1, seen.expected))
    if read == "backlog_ns":
        return _backlog_ns(one, seen)
    number: Ints = getattr(seen, read)
    return number


def _backlog_ns(one: Controller, seen: Sights) -> Ints:
    return scaled(seen.waiting_bits, one.every_ns, np.maximum(1, seen.sent_bits), MOST_NS)


def _threshold(one: Controller, seen: Sights, rung: Ints, kept: Ints) -> tuple[Ints, Ints]:
    value, calm = _watched(one, seen), kept[:, 0]
    low = value <= one.numbers.low
    up = low & (calm + 1 >= one.numbers.calm)
    said = rung + (value > one.numbers.high) - up
    counted = np.where(low & ~up, calm + 1, 0)
    if one.reads == ("latency_ns",):  # nobody knows how late what does not come is
        silent = seen.results == 0
        said, counted = np.where(silent, rung, said), np.where(silent, calm, counted)
    return said, np.stack([counted, kept[:, 1]], axis=1)


def _stepped(numbers: Numbers, value: int, rung: Ints) -> Ints:
    at_least = sum(value > high for high in numbers.highs)
    at_most = sum(value > low for low in numbers.lows)
    said: Ints = np.minimum(np.maximum(rung, at_least), at_most)
    return said


def _awstream(
    one: Controller, seen: Sights, bps: Ints, rung: Ints, kept: Ints
) -> tuple[Ints, Ints]:
    backlog_ns, numbers = _backlog_ns(one, seen), one.numbers
    phase, count = kept.T
    part, whole = CONSERVE
    over = np.full(len(rung), one.every_ns * whole, dtype=np.int64)
    most = scaled(seen.sent_bits, 1_000_000_000 * part, over)
    fits = bps <= most[:, None]
    fitting = np.where(fits.any(axis=1), fits.argmax(axis=1), one.rungs - 1)
    congested, empty = backlog_ns > numbers.high, backlog_ns <= numbers.low
    cases = [
        congested & (phase == PROBE), congested, ~empty, (phase != STEADY) | (rung == 0),
        count < numbers.calm,
    ]  # fmt: skip
    said = np.select(cases, [rung + 1, np.maximum(fitting, rung), rung, rung, rung], rung - 1)
    phases = np.select(cases, [STEADY, DEGRADE, phase, STEADY, STEADY], PROBE)
    counts = np.select(cases, [0, 0, count, 0, count + 1], 0)
    return said, np.stack([phases, counts], axis=1)
