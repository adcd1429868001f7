"""What controllers say: words on their way down to sensors, and all that were said in a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, as_table
from fleet.engine.battery import Charged
from fleet.engine.snapshot import State, below, nest
from fleet.model.events import RUNG, Timetable

Word = tuple[int, int, int, int, int, int]
"""When it comes, when it was said, its turn of what was said to that sensor then, the sensor, the
rung, and the setup of that."""


class Told(NamedTuple):
    """What controllers have said in a run.

    Attributes:
        words: RUNG events at sensors, by when they come: those that have, and those on their way.
        said_ns: when each was said; shape (words,).
        charged: what became of batteries, which say who goes off and comes on.
    """

    words: Timetable
    said_ns: Ints
    charged: Charged = Charged.nothing()

    @staticmethod
    def of(words: Sequence[Word]) -> Told:
        """Return some words in order of when they come and when they were said."""
        said = np.array([word[1] for word in sorted(words)], dtype=np.int64)
        return Told(events_of(words), said)

    def save(self) -> State:
        """Return them as arrays, for `loaded`."""
        charged = nest("charged", self.charged.save())
        return {"words": self.words, "said_ns": self.said_ns, **charged}

    @staticmethod
    def loaded(state: State) -> Told:
        """Return what `save` gave."""
        charged = Charged.loaded(below("charged", state))
        return Told(as_table(state["words"]), state["said_ns"], charged)

    @staticmethod
    def nothing() -> Told:
        """Return that nobody has said anything."""
        return Told.of([])


def events_of(words: Sequence[Word]) -> Timetable:
    """Return words as events, in order of when they come and when they were said."""
    rows = [
        (comes, RUNG, sensor, rung, setup) for comes, _, _, sensor, rung, setup in sorted(words)
    ]
    return Timetable.of(rows) if rows else Timetable.zeros(0)
