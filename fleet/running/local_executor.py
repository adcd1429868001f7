"""Shards and regions one after the other, in this process."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.columns.process import LogicalProcess
from fleet.columns.region import Region
from fleet.engine.hours import Hours
from fleet.engine.onlookers import Onlookers, View
from fleet.engine.tally import Tally
from fleet.engine.told import Told
from fleet.engine.window import windows
from fleet.interrupt import check
from fleet.lanes.shard import shard
from fleet.lanes.when import Lanes
from fleet.model.events import Timetable
from fleet.model.frames import Rows
from fleet.plan.partition import Partition
from fleet.plan.plan import Plan
from fleet.plan.share import share_of
from fleet.running.checkpoint import FEEDBACK, HOURS, Checkpoints
from fleet.running.executor import (
    NO_EFFORT,
    Effort,
    Progress,
    in_ports,
    merged,
    no_progress,
    shard_of,
)
from fleet.running.live_eyes import open_eyes


class LocalExecutor:
    """Runs shards and regions in this process, window by window."""

    def __init__(
        self,
        plan: Plan,
        partition: Partition,
        window_ns: int,
        *,
        keep: bool = False,
        checkpoints: Checkpoints | None = None,
        lanes: Lanes = Lanes.worth,
    ) -> None:
        """Set up shards and regions at time zero, or at the last checkpoint.

        Args:
            plan: the plan.
            partition: who has what.
            window_ns: length of a window.
            keep: keep the finished frames.
            checkpoints: where to keep the state from time to time.
            lanes: when plain shards run in lanes.
        """
        self.plan, self.partition, self.window_ns = plan, partition, window_ns
        self.shards, self.checkpoints = len(partition.shards), checkpoints
        self._shards = [
            shard(*share_of(plan, part), open_eyes, keep=keep, lanes=lanes)
            for part in partition.shards
        ]
        self._regions = [Region(*share_of(plan, part), keep=keep) for part in partition.regions]
        self.now_ns, self.hours, self.watch = 0, Hours(), Onlookers(plan)
        if checkpoints is not None and (last := checkpoints.latest(plan)) is not None:
            self.now_ns, states = last
            self.hours.load(states[HOURS])
            for name, process in self._all.items():
                process.load(states[name])
            if FEEDBACK in states:
                self.watch.load(states[FEEDBACK])
        self._hear(self.watch.pending(self.now_ns))

    @property
    def _all(self) -> dict[str, LogicalProcess]:
        processes: list[LogicalProcess] = [*self._shards, *self._regions]
        return {process.territory.name: process for process in processes}

    def _hear(self, words: Timetable) -> None:
        for process in self._all.values() if len(words) else ():
            process.hear(words)

    def _looks(self) -> list[View]:
        looks = [process.look() for process in self._all.values()]
        return [one for one in looks if one is not None]

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time."""
        for window in windows(self.now_ns, until_ns, self.window_ns, self.plan.cuts_ns):
            check()
            self.watch.check(window)
            transfers = [shard.advance(window) for shard in self._shards]
            for r, region in enumerate(self._regions):
                region.advance(window, *(handed[r] for handed in transfers))
            self.now_ns = window.end_ns
            if self.hours.is_due(self.plan, self.now_ns):
                counted = [process.counted() for process in self._all.values()]
                self.hours.note(self.watch.as_it_went(self.now_ns), self.now_ns, counted)
            if self.watch.is_due(self.now_ns):
                self._hear(self.watch.hear(self.now_ns, self._looks()))
            progress(window.end_ns)
            if self.checkpoints is not None and self.checkpoints.due():
                states = {name: process.save() for name, process in self._all.items()}
                states[HOURS] = self.hours.save()
                if self.plan.is_watched:
                    states[FEEDBACK] = self.watch.save()
                self.checkpoints.keep(self.plan, self.now_ns, states)

    def tally(self) -> Tally:
        """Return the counts up to now, merged."""
        for process in self._all.values():
            process.close(self.now_ns)
        return merged(self.plan, [process.counts() for process in self._all.values()])

    def in_flight(self) -> int:
        """Return the number of frames under way."""
        return sum(process.in_flight() for process in self._all.values())

    def under_way(self) -> Rows:
        """Return these frames, with the times that have come; shape (frames, WIDTH)."""
        return np.concatenate([process.under_way() for process in self._all.values()])

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        return in_ports(self.plan, [process.queued_bits() for process in self._all.values()])

    def told(self) -> Told:
        """Return what controllers have said, and what became of batteries."""
        return self.watch.told()

    def effort(self) -> Effort:
        """Return what it took: nothing beside this process."""
        return NO_EFFORT

    def amend(self, plan: Plan) -> None:
        """Go on with a plan that has further setups and other control events after now."""
        self.plan = plan
        for process, part in zip(self._all.values(), self.partition.territories, strict=True):
            process.amend(share_of(plan, part)[0])
        self._hear(self.watch.amend(plan, self.now_ns))

    def forget(self) -> None:
        """Count from now on."""
        self.hours.forget()
        self.watch.forget(self._looks())
        for process in self._all.values():
            process.forget()

    def sensor_state(self, sensor: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        shard, number = shard_of(self.partition, sensor)
        return self._shards[shard].sensor_state(number)

    def close(self) -> None:
        """Let go of the processes."""
        self._shards, self._regions = [], []
