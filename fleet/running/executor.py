"""How the logical processes of a plan are run: here one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from fleet.arrays import Ints
from fleet.columns.process import LogicalProcess
from fleet.columns.region import Region
from fleet.columns.shard import Shard
from fleet.engine.tally import Tally
from fleet.engine.window import windows
from fleet.interrupt import check
from fleet.model.frames import Rows
from fleet.plan.partition import Partition
from fleet.plan.plan import Plan
from fleet.plan.share import share_of
from fleet.reference.life import Reference
from fleet.running.checkpoint import Checkpoints
from fleet.running.live_eyes import open_eyes

Progress = Callable[[int], None]
"""Takes the time up to which everything is done; ns."""


def no_progress(done_ns: int) -> None:
    """Tell nobody."""


class Spent(NamedTuple):
    """How a process has spent its time: seconds in kernels, of CPU in all, and of wall time."""

    kernels_s: float
    cpu_s: float
    wall_s: float


class Effort(NamedTuple):
    """What carrying a run out took.

    Attributes:
        spent: by process; empty if all ran in this one.
        restarts: how often actors were restarted after a crash.
        peak_transfer_bytes: most bytes under way between actors.
        advance_s: wall time, without setting up and counting together.
    """

    spent: dict[str, Spent]
    restarts: int
    peak_transfer_bytes: int
    advance_s: float = 0.0


NO_EFFORT = Effort({}, 0, 0)


class Executor(Protocol):
    """What a run needs of whoever carries it out."""

    shards: int

    def effort(self) -> Effort:
        """Return what it took up to now."""

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time; `progress` hears of every window that is done."""

    def tally(self) -> Tally:
        """Return the counts up to now, merged; they may count on if the run goes on.

        Frames under way count where they wait.
        """

    def in_flight(self) -> int:
        """Return the number of frames under way."""

    def under_way(self) -> Rows:
        """Return these frames, with the times that have come; shape (frames, WIDTH)."""

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""

    def amend(self, plan: Plan) -> None:
        """Go on with a plan that has further setups and other control events after now."""

    def sensor_state(self, sensor: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""

    def close(self) -> None:
        """Let go of processes and memory."""


def merged(plan: Plan, tallies: list[Tally]) -> Tally:
    """Return the sum of some tallies of a plan; one alone is its own sum and not copied."""
    if len(tallies) == 1:
        return tallies[0]
    total = Tally.empty(plan, keep=any(t.kept is not None for t in tallies))
    for tally in tallies:
        total.add(tally)
    return total


def shard_of(partition: Partition, sensor: int) -> tuple[int, int]:
    """Return (which shard has a sensor, its number there)."""
    for k, part in enumerate(partition.shards):
        at = int(np.searchsorted(part.ids, sensor))
        if at < len(part.ids) and part.ids[at] == sensor:
            return k, at
    raise IndexError(sensor)


def in_ports(plan: Plan, parts: Sequence[tuple[Ints, Ints]]) -> Ints:
    """Return the bits in each link's port, given (links, their bits) of all processes."""
    bits = np.zeros(len(plan.links.ids), dtype=np.int64)
    for ids, held in parts:
        bits[ids] += held
    return bits


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
    ) -> None:
        """Set up shards and regions at time zero, or at the last checkpoint.

        Args:
            plan: the plan.
            partition: who has what.
            window_ns: length of a window.
            keep: keep the finished frames.
            checkpoints: where to keep the state from time to time.
        """
        self.plan, self.partition, self.window_ns = plan, partition, window_ns
        self.shards, self.checkpoints = len(partition.shards), checkpoints
        self._shards = [
            Shard(*share_of(plan, part), open_eyes, keep=keep) for part in partition.shards
        ]
        self._regions = [Region(*share_of(plan, part), keep=keep) for part in partition.regions]
        self.now_ns = 0
        if checkpoints is not None and (last := checkpoints.latest(plan)) is not None:
            self.now_ns, states = last
            for name, process in self._all.items():
                process.load(states[name])

    @property
    def _all(self) -> dict[str, LogicalProcess]:
        processes: list[LogicalProcess] = [*self._shards, *self._regions]
        return {process.territory.name: process for process in processes}

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time."""
        cut_ns = self.plan.warm_up_ns
        for window in windows(self.now_ns, until_ns, self.window_ns, cut_ns):
            check()
            transfers = [shard.advance(window) for shard in self._shards]
            for r, region in enumerate(self._regions):
                region.advance(window, *(handed[r] for handed in transfers))
            self.now_ns = window.end_ns
            progress(window.end_ns)
            if self.checkpoints is not None and self.checkpoints.due():
                states = {name: process.save() for name, process in self._all.items()}
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

    def effort(self) -> Effort:
        """Return what it took: nothing beside this process."""
        return NO_EFFORT

    def amend(self, plan: Plan) -> None:
        """Go on with a plan that has further setups and other control events after now."""
        self.plan = plan
        for process, part in zip(self._all.values(), self.partition.territories, strict=True):
            process.amend(share_of(plan, part)[0])

    def sensor_state(self, sensor: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        shard, number = shard_of(self.partition, sensor)
        return self._shards[shard].sensor_state(number)

    def close(self) -> None:
        """Let go of the processes."""
        self._shards, self._regions = [], []


class ReferenceExecutor:
    """Runs the reference engine, which is one process."""

    def __init__(self, plan: Plan, window_ns: int, *, keep: bool = False) -> None:
        """Set up the fleet at time zero; `keep` keeps the finished frames."""
        self.shards = 1
        self.window_ns = window_ns
        self.now_ns = 0
        self._reference = Reference(plan, open_eyes, keep=keep)
        self.in_flight = self._reference.in_flight
        self.under_way = self._reference.under_way
        self.queued_bits = self._reference.queued_bits
        self.amend = self._reference.amend
        self.sensor_state = self._reference.sensor_state

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time."""
        cut_ns = self._reference.plan.warm_up_ns
        for window in windows(self.now_ns, until_ns, self.window_ns, cut_ns):
            self._reference.advance(window.end_ns)
            progress(window.end_ns)
        self.now_ns = until_ns

    def tally(self) -> Tally:
        """Return the counts up to now."""
        return self._reference.tally.with_under_way(self._reference.plan, self.under_way())

    def effort(self) -> Effort:
        """Return what it took: nothing beside this process."""
        return NO_EFFORT

    def close(self) -> None:
        """Let go of the fleet."""
