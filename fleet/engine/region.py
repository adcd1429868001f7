"""A region: the shared links on the way to it, its servers, and the way back."""

from __future__ import annotations

from fleet.engine.control import Autoscaler
from fleet.engine.pools import Scaled
from fleet.engine.process import LogicalProcess
from fleet.engine.snapshot import State, below, nest
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.plan.columns import TARGET, A, Ints, Plan
from fleet.plan.partition import Part
from fleet.stages import frames
from fleet.stages.frames import CLOCK, DONE, LEVELS, NOBODY, Columns, Index, Store


class Region(LogicalProcess):
    """The logical process of shared links and servers."""

    def __init__(self, plan: Plan, part: Part, region: int, *, keep: bool = False) -> None:
        """Set up a region at time zero.

        Args:
            plan: the plan.
            part: which links are this region's.
            region: its index.
            keep: keep the finished frames, not just their counts.
        """
        super().__init__(plan, part, Store(), keep=keep)
        self.region = region
        self.scaling = self._scaling()
        if self.scaling is not None:
            self.scaling[1].start()

    def _scaling(self) -> tuple[Scaled, Autoscaler] | None:
        """Return the region's servers as their autoscaler sees them, and that, if it has one."""
        pools = self.network.pools[LEVELS - 1]
        pool = self.plan.pools[self.region]
        if pools is None or pool is None or pool.autoscaling is None:
            return None
        scaled = Scaled(pools, int(pools.row_of[self.region]))
        return scaled, Autoscaler(self.env, pool.autoscaling, scaled)

    def save(self) -> State:
        """Return the state as arrays, for `load`; only between windows."""
        state = super().save()
        if self.scaling is not None:
            scaled, scaler = self.scaling
            state |= nest("scaled", scaled.save()) | {"scaler": scaler.save()}
        return state

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part."""
        super().load(state)
        self.scaling = self._scaling()
        if self.scaling is not None:
            scaled, scaler = self.scaling
            scaled.load(below("scaled", state))
            scaler.load(state["scaler"])
            scaler.start()

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
                f"a frame reached region '{self.plan.region_names[self.region]}' at"
                f" {first_ns} ns, before its window at {window.start_ns} ns"
            )
        self.network.put(self.store.adopt(handed))

    def _apply(self, event: Ints) -> None:
        """Apply a timetable row: links going down are all that concerns a region."""
        self.network.outage(int(event[TARGET]), self.env.now, int(event[A]))

    def _flow(self, until_ns: int) -> Index:
        """Take every frame as far as it comes before a time; none leaves a region."""
        results = self.network.advance(until_ns)
        frames.copy_column(self.store.columns, results, CLOCK, DONE)
        self.network.answered = frames.join([self.network.answered, results])
        if self.scaling is not None:
            self.scaling[0].accrue(until_ns)
        self._conclude(until_ns)
        return NOBODY

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end: server time up to now."""
        super().close(now_ns)
        if self.scaling is not None:
            self.scaling[0].close(now_ns)
