"""The group of a plan that says which sensors live on batteries, and what the sun gives these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.plan.groups import Frozen


class Battery(NamedTuple):
    """Batteries that are alike; nJ.

    Attributes:
        name: in the scenario.
        every_ns: from one look to the next.
        capacity_nj, start_nj: what each holds at most, and at the start.
        off_nj, on_nj: at or below the first a sensor goes off, at or above the second it comes on.
    """

    name: str
    every_ns: int
    capacity_nj: int
    start_nj: int
    off_nj: int
    on_nj: int


@dataclass(frozen=True)
class Batteries(Frozen):
    """Which sensors live on batteries, and what the sun gives these.

    Attributes:
        kinds: the batteries of the scenario that some sensor has.
        of_setup: which of them sensors of each setup have, -1 for none; shape (setups,).
        kind_of: which each sensor has, -1 for none; shape (sensors,).
        boot_ns: how long each sensor boots when it is on again; shape (sensors,).
        sun_nj: what the panel of each kind gives from look to look, the end of the run being the
            last; shape (looks,) each.
        stored_nj: what of that its battery takes, were it never full; likewise.
    """

    kinds: tuple[Battery, ...]
    of_setup: Ints
    kind_of: Ints
    boot_ns: Ints
    sun_nj: tuple[Ints, ...]
    stored_nj: tuple[Ints, ...]

    @cached_property
    def is_there(self) -> bool:
        """Return whether any of these sensors lives on a battery."""
        return bool((self.kind_of >= 0).any())

    def column(self, field: str) -> Ints:
        """Return a number of the battery of each sensor that has one; shape (such sensors,)."""
        numbers = np.array([getattr(kind, field) for kind in self.kinds], dtype=np.int64)
        mine: Ints = numbers[self.kind_of[self.kind_of >= 0]]
        return mine
