"""The calendar of a run: which hours of the demand table its dates have, and when events happen."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.model.scene import SECOND_NS
from fleet.plan.local_time import Clock, clock_of
from fleet.scenario.city import HOURS
from fleet.scenario.days import DAYS, SpecialDay
from fleet.scenario.event import Event
from fleet.scenario.load import Scenario

_DAY = dt.timedelta(days=1)
_DAY_NS = 86_400 * SECOND_NS


class Calendar(NamedTuple):
    """What days the dates of a run are for demand.

    Attributes:
        clock: the local clock.
        special: days that are not as their day of the week, of those that the run comes to.
        factors: by how much the hours of the demand table are multiplied in each of its blocks of
            `HOURS` columns, the first by 1.
    """

    clock: Clock
    special: dict[dt.date, SpecialDay]
    factors: tuple[Fraction, ...]

    def column(self, moment: dt.datetime) -> int:
        """Return the column of a demand table for a moment of the local clock.

        In each block that is 0..23 on weekdays, 24..47 on weekend days.
        """
        kind, block = int(moment.weekday() >= 5), 0
        special = self.special.get(moment.date())
        if special is not None:
            kind = kind if special.like is None else DAYS.index(special.like)
            block = self.factors.index(special.factor)
        return moment.hour + 24 * kind + HOURS * block

    def factor_ppm(self, column: int) -> int:
        """Return by how much a column of the demand table is multiplied, 0 in the first block."""
        return int(self.factors[column // HOURS] * 1_000_000) if column >= HOURS else 0

    def blocks(self, people_per_h: Floats) -> Floats:
        """Return a demand table of `HOURS` columns with a block for each factor."""
        if len(self.factors) == 1:
            return people_per_h
        return np.concatenate([people_per_h * float(times) for times in self.factors], axis=1)


def calendar_of(scenario: Scenario) -> Calendar:
    """Return the calendar of a run.

    Raises:
        InputError: there is no such time zone, or the start is not one moment of its clocks.
    """
    model, clock = scenario.model, clock_of(scenario)
    last = clock.latest(model.duration) - dt.timedelta(microseconds=1)
    within = (clock.says[0].date(), last.date())
    special = {day: one for day, one in model.special_days.items() if within[0] <= day <= within[1]}
    factors = {one.factor for one in special.values()} - {Fraction(1)}
    return Calendar(clock, special, (Fraction(1), *sorted(factors)))


def moments_ns(scenario: Scenario, event: Event) -> list[int]:
    """Return when an event with `at` happens, the first time and again before the end; ns.

    A time of day is when the local clock first says it, or goes on as it leaves it out. Every so
    many whole days it is so on each of them.

    Raises:
        InputError: there is no such time zone, or the start is not one moment of its clocks.
    """
    at, every, end_ns = event.at, event.every, scenario.model.duration
    if at is None:
        return []
    if isinstance(at, dt.time):
        clock = clock_of(scenario)
        day, first_ns = _first(clock, at)
        if every is not None and every % _DAY_NS == 0:
            return _daily(clock, day, every // _DAY_NS, end_ns)
    else:
        first_ns = at
    if every is None:
        return [first_ns]
    return list(range(first_ns, max(end_ns, first_ns + 1), every))


def _first(clock: Clock, time: dt.time) -> tuple[dt.datetime, int]:
    """Return (moment, when it is) of a time of day as it comes first in a run; ns."""
    day = dt.datetime.combine(clock.says[0], time)
    while (at_ns := clock.when(day)) is None:  # today it was before the run
        day += _DAY
    return day, at_ns


def _daily(clock: Clock, first: dt.datetime, days: int, end_ns: int) -> list[int]:
    """Return when it is a moment, and the same time of day after so many days, before an end."""
    times: list[int] = []
    moment: dt.datetime = first
    while (at_ns := clock.when(moment)) is not None and (at_ns < end_ns or not times):
        times.append(at_ns)
        moment += days * _DAY
    return times
