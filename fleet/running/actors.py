"""What runs in the processes of a cluster: a shard or a region, window by window.

A window is what actors exchange; inside they work in slices, so that the frames at hand stay in the
cache.
"""

from __future__ import annotations

import os
import time
from typing import Any

from fleet.columns.region import Region
from fleet.columns.shard import Shard
from fleet.engine.snapshot import State
from fleet.engine.tally import Tally
from fleet.engine.window import Window, windows
from fleet.lanes.shard import shard
from fleet.lanes.when import Lanes
from fleet.model.frames import Columns
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan
from fleet.running.executor import Spent
from fleet.running.live_eyes import open_eyes


class Actor:
    """A logical process in a process of its own."""

    process: Shard | Region

    def __init__(self, slice_ns: int, state: State | None) -> None:
        """Take up a state, if there is one."""
        self._slice_ns = slice_ns
        self._kernels_s = 0.0
        self._began = time.perf_counter(), time.process_time()
        if state is not None:
            self.process.load(state)

    def call(self, method: str, *args: Any) -> Any:
        """Return what a method of the process returns."""
        return getattr(self.process, method)(*args)

    def tally(self, now_ns: int) -> Tally:
        """Return the counts up to now."""
        self.process.close(now_ns)
        return self.process.counts()

    def pid(self) -> int:
        """Return the number of the operating system's process."""
        return os.getpid()

    def spent(self) -> Spent:
        """Return how the time since the start was spent."""
        wall_s, cpu_s = self._began
        return Spent(
            kernels_s=self._kernels_s,
            cpu_s=time.process_time() - cpu_s,
            wall_s=time.perf_counter() - wall_s,
        )


class ShardActor(Actor):
    """A shard in a process of its own."""

    def __init__(
        self, plan: Plan, territory: Territory, slice_ns: int, state: State | None, *, keep: bool,
        lanes: Lanes,
    ) -> None:  # fmt: skip
        """Set up a shard at time zero, or in a state."""
        self.process: Shard = shard(plan, territory, open_eyes, keep=keep, lanes=lanes)
        super().__init__(slice_ns, state)

    def advance(self, window: Window) -> tuple[list[list[Columns]], int]:
        """Run a window; return (what leaves, slice by slice, one table a region; its bytes)."""
        began = time.process_time()
        handed = [self.process.advance(part) for part in windows(*window, self._slice_ns)]
        self._kernels_s += time.process_time() - began
        return handed, sum(table.nbytes for tables in handed for table in tables)


class RegionActor(Actor):
    """A region in a process of its own."""

    def __init__(
        self, plan: Plan, territory: Territory, slice_ns: int, state: State | None, *, keep: bool
    ) -> None:
        """Set up a region at time zero, or in a state."""
        self.process: Region = Region(plan, territory, keep=keep)
        super().__init__(slice_ns, state)

    def advance(self, window: Window, place: int, *transfers: list[list[Columns]]) -> None:
        """Run a window; the region's tables have a place in those of each slice."""
        began = time.process_time()
        for k, part in enumerate(windows(*window, self._slice_ns)):
            self.process.advance(part, *(transfer[k][place] for transfer in transfers))
        self._kernels_s += time.process_time() - began
