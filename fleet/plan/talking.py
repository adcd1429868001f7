"""The group of a plan that says who watches sensors and what they can be told."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, Table
from fleet.model.ladder import OUTSIDE, Numbers
from fleet.plan.groups import Frozen
from fleet.plan.rates import slower


class Controller(NamedTuple):
    """The controllers of an arm, which are alike.

    Attributes:
        arm: whose.
        rule: by what they decide; 'own' for a function of the user's.
        at: where they are (`fleet.model.ladder`).
        every_ns: from one look to the next; 0 if they say what is planned and look at nothing.
        rungs: of the ladder.
        reads: what they read.
        numbers: of the rule.
        text, file, function: of a rule of the user's own; else empty.
    """

    arm: str
    rule: str
    at: str
    every_ns: int
    rungs: int
    reads: tuple[str, ...]
    numbers: Numbers
    text: str
    file: str
    function: str


class Planned(Table):
    """Rungs that are said at times known before the run, in order: a row for each sensor."""

    time_ns: Ints  # when it is said; of 0 it holds from the start
    sensor: Ints
    rung: Ints


class LocalClock(NamedTuple):
    """The local clock of a run: spans in which it goes on evenly.

    Attributes:
        starts_ns: when each begins, the first at 0.
        says_ns: what the clock says then, since midnight before the start of the run.
        weekday: of the day that began at that midnight, 0 on Mondays.
    """

    starts_ns: tuple[int, ...] = (0,)
    says_ns: tuple[int, ...] = (0,)
    weekday: int = 0

    def at(self, now_ns: int) -> tuple[int, int]:
        """Return (seconds since midnight, day of the week) at a time."""
        k = bisect_right(self.starts_ns, now_ns) - 1
        days, ns = divmod(self.says_ns[k] + now_ns - self.starts_ns[k], DAY_NS)
        return ns // 1_000_000_000, (self.weekday + days) % 7


DAY_NS = 86_400 * 1_000_000_000


@dataclass(frozen=True)
class Feedback(Frozen):
    """Who watches sensors and talks back to them, and what can be said. *Unit*: one controller.

    Attributes:
        controllers: those of each arm.
        controller_of: of which kind each unit is; shape (units,).
        unit_names: whose sensors each has.
        unit_of: unit of each sensor, -1 for none.
        ladder_of: row of each sensor in the tables of rungs, -1 for none.
        setups: setup of each rung, 0 beyond the last; shape (ladders, rungs).
        num, den: the least period num/den ns of each rung, 0/1 for none; same shape.
        sent_ns, wire_ns: how long a word is sent down each level of a sensor's path, and how long
            it is on the wire there; 0 where no link is; shape (LEVELS, sensors).
        bps: bits a second that are expected of each unit on each rung, 0 where nobody reads them;
            shape (units, rungs).
        planned: what clocks and events say, of which everybody is told by itself.
        clock: what the clock on the wall says, for rules that read it.
    """

    controllers: tuple[Controller, ...]
    controller_of: Ints
    unit_names: tuple[str, ...]
    unit_of: Ints
    ladder_of: Ints
    setups: Ints
    num: Ints
    den: Ints
    sent_ns: Ints
    wire_ns: Ints
    bps: Ints
    planned: Planned
    clock: LocalClock

    @cached_property
    def is_there(self) -> bool:
        """Return whether anybody talks back to any of these sensors."""
        return bool((self.unit_of >= 0).any())

    @property
    def reads_money(self) -> bool:
        """Return whether some controller reads how clean the grid is, or the price."""
        return any(set(one.reads) & set(OUTSIDE.values()) for one in self.controllers)

    @cached_property
    def members(self) -> tuple[Ints, ...]:
        """Return the sensors of each unit, in order."""
        order = np.argsort(self.unit_of, kind="stable")
        first = np.searchsorted(self.unit_of[order], np.arange(len(self.unit_names) + 1))
        return tuple(order[a:b] for a, b in pairwise(first.tolist()))

    def period(self, sensor: int, rung: int) -> tuple[int, int]:
        """Return the least period num/den ns of a sensor on a rung; 0/1 for none."""
        row = self.ladder_of[sensor]
        return int(self.num[row, rung]), int(self.den[row, rung])

    def given(self, sensor: int, rung: int, asked: tuple[int, int]) -> tuple[int, int]:
        """Return the period num/den ns of a sensor on a rung: the longer of that and `asked`."""
        return asked if self.ladder_of[sensor] < 0 else slower(asked, self.period(sensor, rung))

    def setup(self, sensor: int, rung: int) -> int:
        """Return the setup of a sensor on a rung."""
        return int(self.setups[self.ladder_of[sensor], rung])

    @cached_property
    def delay_ns(self) -> Ints:
        """Return how long a word takes to each sensor at least, more than 0; shape (sensors,)."""
        delay: Ints = np.maximum(1, (self.sent_ns + self.wire_ns).sum(axis=0))
        return delay

    @cached_property
    def lookahead_ns(self) -> int | None:
        """Return for how long nothing that is seen from now on can matter to a sensor, the least.

        A word that is said at the next look comes a period and its way down from now. None if
        nobody looks.
        """
        mine = np.flatnonzero(self.unit_of >= 0)
        every = np.array([one.every_ns for one in self.controllers], dtype=np.int64)
        of = self.controller_of[self.unit_of[mine]]
        looks = every[of] > 0
        if not looks.any():
            return None
        return int((every[of] + self.delay_ns[mine])[looks].min())

    def crossed(self, start_ns: int, end_ns: int) -> bool:
        """Return whether something is said at a time within a span, its ends not among them."""
        first, last = np.searchsorted(self.planned.time_ns, [start_ns + 1, end_ns])
        every = (one.every_ns for one in self.controllers if one.every_ns)
        looks = any((end_ns - 1) // period > start_ns // period for period in every)
        return looks or bool(first < last)
