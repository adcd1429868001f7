"""Who looks at sensors on the way of a run: controllers, and batteries at what was drawn from them.

Both look when a period is over, at points to which all processes have come, and what they say is
control events at sensors. So executors ask them together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import as_table
from fleet.engine import battery, feedback
from fleet.engine.battery import Cells, Given
from fleet.engine.feedback import Look, Watch
from fleet.engine.snapshot import State, below, nest
from fleet.engine.tally import Tally
from fleet.engine.told import Told
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.model.events import Timetable
from fleet.model.frames import Rows
from fleet.plan.plan import Plan

_CELLS = "batteries"


class View(NamedTuple):
    """What one process shows: to controllers, and of batteries; None to whom is not there."""

    look: Look | None
    given: Given | None


def view(plan: Plan, tally: Tally, under_way: Callable[[], Rows]) -> View | None:
    """Return what a process shows to whoever looks, None if nobody does.

    Args:
        plan: what of the plan is needed there.
        tally: its counts.
        under_way: gives its frames under way.
    """
    if not plan.is_watched:
        return None
    watched, fed = plan.feedback.is_there, plan.batteries.is_there
    return View(
        feedback.look(plan, tally.sensors, under_way()) if watched else None,
        battery.look(plan, tally.gave, tally.sensors) if fed else None,
    )


class Onlookers:
    """The controllers and the batteries of a run, as an executor asks them after a window."""

    def __init__(self, plan: Plan) -> None:
        """Begin at time zero."""
        self._watch, self._cells = Watch(plan), Cells(plan)

    @property
    def plan(self) -> Plan:
        """Return the plan."""
        return self._watch.plan

    def amend(self, plan: Plan, now_ns: int) -> Timetable:
        """Go on with a plan that has other events after now; return what is said just now."""
        self._cells.plan = plan
        return self._watch.amend(plan, now_ns)

    def is_due(self, now_ns: int) -> bool:
        """Return whether anybody looks now, or what is counted is about to be forgotten."""
        return self._watch.is_due(now_ns) or self._cells.is_due(now_ns)

    def check(self, window: Window) -> None:
        """Refuse a window in which a word could come that nobody has said yet.

        Raises:
            RunError: it is longer than what is certain, or a look lies in it.
        """
        self._watch.check(window)
        if self.plan.batteries.is_there and self._cells.crosses(*window):
            raise RunError(
                f"batteries are looked at within the window from {window.start_ns} to"
                f" {window.end_ns} ns"
            )

    def hear(self, now_ns: int, views: Sequence[View]) -> Timetable:
        """Have everybody look who does so now; return what is said, as events of the whole plan.

        Raises:
            InputError: a rule of the user's own goes wrong.
            RunError: a word would come before what has happened (lookahead broken).
        """
        words = self._watch.hear(now_ns, [one.look for one in views if one.look is not None])
        given = [one.given for one in views if one.given is not None]
        return _joined(words, self._cells.hear(now_ns, given))

    def forget(self, views: Sequence[View]) -> None:
        """Know that what has been counted up to now is about to be forgotten."""
        self._watch.forget([one.look for one in views if one.look is not None])

    def pending(self, now_ns: int) -> Timetable:
        """Return what was said and has not come before a time, as events of the whole plan."""
        return _joined(self._watch.pending(now_ns), self._cells.pending(now_ns))

    def told(self) -> Told:
        """Return what was said up to now, and what became of batteries."""
        return self._watch.told()._replace(charged=self._cells.charged())

    def as_it_went(self, now_ns: int) -> Plan:
        """Return the plan with who was off when up to now, for an account."""
        return battery.as_it_went(self.plan, self._cells.charged().switched, now_ns)

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        return self._watch.save() | nest(_CELLS, self._cells.save())

    def load(self, state: State) -> None:
        """Take a state up again, in place of what is here."""
        self._watch.load(state)
        self._cells.load(below(_CELLS, state))


def _joined(words: Timetable, switched: Timetable) -> Timetable:
    """Return events of both in order of time; at one time words were said before."""
    if not len(switched):
        return words
    both = np.concatenate([words, switched])
    joined: Timetable = as_table(both[np.argsort(both["time_ns"], kind="stable")])
    return joined
