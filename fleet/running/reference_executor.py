"""The reference engine as an executor: one process, which is this one."""

from __future__ import annotations

from fleet.engine.battery import as_it_went
from fleet.engine.hours import Counted, Hours
from fleet.engine.tally import Tally
from fleet.engine.window import windows
from fleet.plan.plan import Plan
from fleet.reference.life import Reference
from fleet.running.executor import NO_EFFORT, Effort, Progress, no_progress
from fleet.running.live_eyes import open_eyes


class ReferenceExecutor:
    """Runs the reference engine, which is one process."""

    def __init__(self, plan: Plan, window_ns: int, *, keep: bool = False) -> None:
        """Set up the fleet at time zero; `keep` keeps the finished frames."""
        self.shards = 1
        self.window_ns = window_ns
        self.now_ns, self.hours = 0, Hours()
        self._reference = Reference(plan, open_eyes, keep=keep)
        self.in_flight = self._reference.in_flight
        self.under_way = self._reference.under_way
        self.queued_bits = self._reference.queued_bits
        self.amend = self._reference.amend
        self.sensor_state = self._reference.sensor_state
        self.told = self._reference.cells.told

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time."""
        plan = self._reference.plan
        for window in windows(self.now_ns, until_ns, self.window_ns, plan.cuts_ns):
            self._reference.advance(window.end_ns)
            if self.hours.is_due(plan, window.end_ns):
                switched = self.told().charged.switched
                as_it_was = as_it_went(plan, switched, window.end_ns)
                counted = [Counted.of(self._reference.tally)]
                self.hours.note(as_it_was, window.end_ns, counted)
            progress(window.end_ns)
        self.now_ns = until_ns

    def tally(self) -> Tally:
        """Return the counts up to now."""
        return self._reference.tally.with_under_way(self._reference.plan, self.under_way())

    def forget(self) -> None:
        """Count from now on."""
        self.hours.forget()
        self._reference.forget()

    def effort(self) -> Effort:
        """Return what it took: nothing beside this process."""
        return NO_EFFORT

    def close(self) -> None:
        """Let go of the fleet."""
