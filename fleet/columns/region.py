"""A region: shared links on the way to it, its servers, and the way back."""

from __future__ import annotations

from fleet.columns.frame_store import Store
from fleet.columns.process import LogicalProcess
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.model.frames import CLOCK, Columns
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan


class Region(LogicalProcess):
    """The logical process of the links and servers that several shards share."""

    def __init__(self, plan: Plan, territory: Territory, *, keep: bool = False) -> None:
        """Set up a region at time zero.

        Args:
            plan: what of the plan is needed here.
            territory: which links and pools of that are this region's.
            keep: keep the finished frames, not just their counts.
        """
        super().__init__(plan, territory, Store(), keep=keep)

    def advance(self, window: Window, *transfers: Columns) -> None:
        """Run a window, given the frames that the shards sent in it, one table a shard.

        Raises:
            RunError: a shard handed over a frame from before the window (lookahead broken).
        """
        for handed in transfers:
            self._receive(handed, window)
        self._run(window)

    def _receive(self, handed: Columns, window: Window) -> None:
        if not handed.shape[1]:
            return
        first_ns = handed[CLOCK].min()
        if first_ns < window.start_ns:
            raise RunError(
                f"a frame reached {self.territory.name} at {first_ns} ns, before its window at"
                f" {window.start_ns} ns"
            )
        self.network.put(self.store.adopt(handed))
