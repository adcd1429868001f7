"""Changes of frame rate and demand at sensors, and what these have again when a change is over."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from fleet.model.capture import NEVER_NS
from fleet.model.events import DEMAND, RATE
from fleet.plan.draft import Draft
from fleet.plan.limits import check_period, share_of
from fleet.plan.rates import lower, period
from fleet.plan.timetable import EventRow
from fleet.scenario.event import Event
from fleet.scenario.strict_yaml import Keys


class Change(NamedTuple):
    """What some sensors have from some moments on.

    Attributes:
        event: says what, and for how long.
        moments_ns: from when on; ns.
        sensors: which sensors.
    """

    event: Event
    moments_ns: Sequence[int]
    sensors: Sequence[int]


class _Value(NamedTuple):
    """A number that holds: from when on, as a fraction, and up to when; ns."""

    at_ns: int
    num: int
    den: int
    until_ns: int


def check_rates(draft: Draft, change: Change, keys: Keys) -> None:
    """Refuse frame rates that are too fine.

    Raises:
        InputError: one is.
    """
    if change.event.fps is None:
        return
    setups = [draft.setups[k] for k in np.unique(draft.setup_of[list(change.sensors)])]
    for rate in {lower(change.event.fps, setup.equipment.rate) for setup in setups}:
        check_period(draft.scenario, (*keys, "rate"), period(rate))


def rows(draft: Draft, changes: Iterable[Change]) -> list[EventRow]:
    """Return the rows of changes of frame rate and demand, and of their ends.

    As a change is over a sensor has what it has by the change that began last of those that go on,
    at one time the last in the order of the timetable; without any what it had at the start.

    Args:
        draft: whose setups say how fast the equipment of each sensor captures, and at most.
        changes: the changes.
    """
    values: dict[tuple[int, int], list[_Value]] = defaultdict(list)
    for change in changes:
        for kind, sensor, num, den in _new(draft, change):
            values[kind, sensor] += [
                _Value(at, num, den, at + change.event.lasts if change.event.lasts else NEVER_NS)
                for at in change.moments_ns
            ]
    out: list[EventRow] = []
    for (kind, sensor), mine in values.items():
        out += [(one.at_ns, kind, sensor, one.num, one.den) for one in mine]
        if any(one.until_ns < NEVER_NS for one in mine):
            at_first = period(draft.setup(sensor).duty.rate) if kind == RATE else (1, 1)
            out += [(at, kind, sensor, num, den) for at, num, den in _ends(mine, at_first)]
    return out


def _new(draft: Draft, change: Change) -> Iterator[tuple[int, int, int, int]]:
    """Yield (kind, sensor, numerator, denominator) of each number that a change gives."""
    event = change.event
    for sensor in change.sensors:
        if event.fps is not None:
            yield RATE, sensor, *period(lower(event.fps, draft.setup(sensor).equipment.rate))
        if event.demand is not None:
            yield DEMAND, sensor, *share_of(Fraction(event.demand))


def _ends(values: list[_Value], at_first: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield (when something is over, the number that holds then as a fraction)."""
    begun, going_on = iter(sorted(values)), list[tuple[int, int, int, int]]()  # the last on top
    following = next(begun, None)
    for end_ns in sorted({one.until_ns for one in values if one.until_ns < NEVER_NS}):
        while following is not None and following.at_ns <= end_ns:
            at, num, den, until = following
            heapq.heappush(going_on, (-at, -num, -den, until))
            following = next(begun, None)
        while going_on and going_on[0][-1] <= end_ns:
            heapq.heappop(going_on)
        holds = (-going_on[0][1], -going_on[0][2]) if going_on else at_first
        yield end_ns, *holds
