"""A region: the shared links on the way to it, its servers, and the way back."""

from __future__ import annotations

import numpy as np

from fleet.engine.control import Autoscaler, Environment, walk
from fleet.engine.network import Network
from fleet.engine.pools import Scaled
from fleet.engine.process import advance
from fleet.engine.snapshot import State, below, nest
from fleet.engine.tally import Tally
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.plan.columns import TARGET, A, Ints, Plan
from fleet.plan.partition import Part
from fleet.stages import frames
from fleet.stages.frames import CLOCK, DONE, LEVELS, NOBODY, Columns, Index, Store


class Region:
    """A logical process of shared links and servers."""

    def __init__(self, plan: Plan, part: Part, region: int, *, keep: bool = False) -> None:
        """Set up a region at time zero.

        Args:
            plan: the plan.
            part: which links are this region's.
            region: its index.
            keep: keep the finished frames, not just their counts.
        """
        self.plan, self.part, self.region = plan, part, region
        self.tally = Tally.empty(plan, keep=keep)
        self.store = Store()
        self.network = Network(plan, self.tally, self.store, part)
        self.env = Environment()
        self._walk()
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
        state: State = {"now_ns": np.asarray(self.env.now), "store": self.store.save()}
        state |= nest("tally", self.tally.save()) | nest("network", self.network.save())
        if self.scaling is not None:
            scaled, scaler = self.scaling
            state |= nest("scaled", scaled.save()) | {"scaler": scaler.save()}
        return state

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part."""
        self.store.load(state["store"])
        self.tally.load(below("tally", state))
        self.network.load(below("network", state))
        self.env = Environment(int(state["now_ns"]))
        self._walk()
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
        advance(self.env, window, self._flow)

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

    def amend(self, plan: Plan) -> None:
        """Take over a plan with other control events after now."""
        self.plan = self.network.plan = plan
        self._walk()

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        return self.network.queued_bits()

    def in_flight(self) -> int:
        """Return the number of frames on links, at servers and on their way back."""
        return self.network.in_flight()

    def _walk(self) -> None:
        mine = self.part.concerns(self.plan.timetable)
        plan = self.plan
        events = walk(self.env, plan.timetable[mine], self._apply, lambda: self.plan is plan)
        self.env.process(events)

    def _apply(self, event: Ints) -> None:
        """Apply a timetable row: links going down are all that concerns a region."""
        self.network.outage(int(event[TARGET]), self.env.now, int(event[A]))

    # Frames -----------------------------------------------------------------------------------

    def _flow(self, until_ns: int) -> Index:
        """Take every frame as far as it comes before a time; none leaves a region."""
        results = self.network.advance(until_ns)
        frames.copy_column(self.store.columns, results, CLOCK, DONE)
        self.network.answered = frames.join([self.network.answered, results])
        if self.scaling is not None:
            self.scaling[0].accrue(until_ns)
        self.network.answer(until_ns)
        self.store.sweep(lambda ended: self.tally.finish(self.plan, self.store.columns, ended))
        return NOBODY

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end: server time up to now."""
        self.network.close(now_ns)
        if self.scaling is not None:
            self.scaling[0].close(now_ns)
