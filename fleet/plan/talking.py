"""The group of a plan that says who watches sensors and what they can be told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.model.ladder import Numbers
from fleet.plan.groups import Frozen
from fleet.plan.rates import slower


class Controller(NamedTuple):
    """The controllers of an arm, which are alike.

    Attributes:
        arm: whose.
        rule: by what they decide; 'own' for a function of the user's.
        at: where they are (`fleet.model.ladder`).
        every_ns: from one look to the next.
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

    @cached_property
    def is_there(self) -> bool:
        """Return whether anybody talks back to any of these sensors."""
        return bool((self.unit_of >= 0).any())

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
        nobody says anything.
        """
        mine = np.flatnonzero(self.unit_of >= 0)
        if not len(mine):
            return None
        every = np.array([one.every_ns for one in self.controllers], dtype=np.int64)
        of = self.controller_of[self.unit_of[mine]]
        return int((every[of] + self.delay_ns[mine]).min())
