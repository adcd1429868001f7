"""What shards and regions are: a logical process, with SimPy for control and columns for frames.

A window is run from control event to control event, with frames in bulk between them.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, Record, as_table
from fleet.columns import frame_store
from fleet.columns.frame_store import Store
from fleet.columns.scaled import Scaled
from fleet.columns.ways import Network
from fleet.engine.control import Autoscaler, Environment, listen, resize, walk
from fleet.engine.hours import Counted
from fleet.engine.onlookers import View, view
from fleet.engine.snapshot import State, below, nest
from fleet.engine.tally import Tally
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.interrupt import check
from fleet.model.books import POOL_IDLE
from fleet.model.events import (
    CAP_RENEWED,
    LINK_RATE,
    OF_POWER,
    SENSOR_LEAVES,
    SENSOR_OFF,
    SENSOR_ON,
    SERVERS,
    SERVERS_DOWN,
    Timetable,
)
from fleet.model.frames import CLOCK, DONE, NO_FRAMES, SENSOR, Index, Rows
from fleet.model.link import Cap, Rate
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan

_RESIZED = "resized/"


class LogicalProcess:
    """A clock, a store of frames, the links and servers of a part, and what is counted."""

    def __init__(self, plan: Plan, territory: Territory, store: Store, *, keep: bool) -> None:
        """Set up everything at time zero.

        Args:
            plan: what of the plan is needed here.
            territory: what of that is its own.
            store: an empty one.
            keep: keep the finished frames, not just their counts.
        """
        self.plan, self.territory, self.store = plan, territory, store
        self.tally = Tally.empty(plan, keep=keep)
        self.network = Network(plan, self.tally, self.store, territory)
        self.warm_up = np.zeros_like(self.tally.servers)  # what servers spent in it
        self.words = Timetable.zeros(0)  # of controllers, which have not come yet
        self.resized: dict[int, Scaled] = {}  # by region, those that an event has changed
        self._start(0)
        for _, scaler in self.scaling.values():
            scaler.start()

    def _start(self, now_ns: int) -> None:
        """Begin the clock at a time."""
        self.env = Environment(now_ns)
        self._walk()
        self.scaling = {
            scaled.name: (scaled, Autoscaler(self.env, rule, scaled))
            for scaled, rule in self.network.scaled()
        }

    def _walk(self) -> None:
        mine = self.territory.concerns(self.plan.control.timetable)
        plan = self.plan
        events = walk(
            self.env, plan.control.timetable[mine], self._apply, lambda: self.plan is plan
        )
        self.env.process(events)

    def hear(self, words: Timetable) -> None:
        """Take what is said to sensors of the plan; each word counts when it has come.

        Controllers say rungs, which concern sensors; batteries who goes off or comes on, which
        concerns radios too, and these may be anywhere.

        Raises:
            RunError: one has come before now (lookahead broken).
        """
        ids = self.plan.sensors.ids
        words = words[np.isin(words.target, ids)]
        if not self.territory.captures:
            words = words[np.isin(words.kind, OF_POWER)]
        if not len(words):
            return
        if words.time_ns.min() < self.env.now:
            raise RunError(
                f"a controller's word comes at {words.time_ns.min()} ns, and {self.territory.name}"
                f" is at {self.env.now} ns"
            )
        words = words.copy()
        words.target = np.searchsorted(ids, words.target)
        rest = self.words[self.words.time_ns >= self.env.now]
        both = np.concatenate([rest, words])  # of one time as they were said
        self.words = mine = as_table(both[np.argsort(both["time_ns"], kind="stable")])
        self.env.process(listen(self.env, mine, self._apply, lambda: self.words is mine))

    def look(self) -> View | None:
        """Return what is seen here, None if nobody looks; only between windows."""
        return view(self.plan, self.tally, self._under_way)

    def _apply(self, event: Record) -> None:
        """Apply a row of the timetable, now: to a link, a region's servers, a radio."""
        target, a, b, now_ns = int(event.target), int(event.a), int(event.b), self.env.now
        if event.kind == SERVERS:
            self.resize(target, a)
        elif event.kind == SERVERS_DOWN:
            self._fail(target, a)
        elif event.kind in (SENSOR_LEAVES, SENSOR_OFF):
            self.network.end_tail(target, now_ns)
        elif event.kind == LINK_RATE:
            self.network.change_link(target, now_ns, Rate(a, b))
        elif event.kind == CAP_RENEWED:
            self.network.change_link(target, now_ns, Cap(a))
        elif event.kind != SENSOR_ON:
            self.network.outage(target, now_ns, a)

    def resize(self, region: int, servers: int) -> None:
        """Have another number of servers of its first kind in a region's pool, now."""
        if region not in self.resized:
            self.resized[region] = self.network.scaled_pool(region)
            self.resized[region].began(self.tally.since_ns)
        resize(self.resized[region], servers, self.env.now)

    def _fail(self, pool: int, until_ns: int) -> None:
        """Take a pool down from now until a time."""
        for scaled in self.changing:
            if scaled.region == pool:
                scaled.cut(self.env.now)
        self.network.fail(pool, self.env.now, until_ns)

    @property
    def changing(self) -> list[Scaled]:
        """Return the pools whose number of servers changes."""
        return [*(scaled for scaled, _ in self.scaling.values()), *self.resized.values()]

    def _sense(self, until_ns: int) -> Index:
        """Run what sensors are here up to a time; return the frames on the wire behind them."""
        return NO_FRAMES

    def _flow(self, until_ns: int) -> Index:
        """Take every frame as far as it comes before a time; return those that leave."""
        results, gone = self.network.advance(until_ns, self._sense(until_ns))
        frame_store.copy_column(self.store.columns, results, CLOCK, DONE)
        self.network.answered = frame_store.join([self.network.answered, results])
        for scaled in self.changing:
            scaled.accrue(until_ns)
        self.network.answer(until_ns)
        self.count_ended()
        return gone

    def count_ended(self) -> None:
        """Count the frames that have met their fate, and let others have their slots."""
        self.store.sweep(
            lambda ended: self.tally.finish(self.plan, self.store.columns, ended, self.env.now)
        )

    def _run(self, window: Window) -> Index:
        """Run a window and return the indices of the frames that left.

        Frames flow up to the next control event, then the events of that time happen, and so on:
        at one time control comes first. What was counted before the window that begins at the end
        of the warm-up is forgotten.

        Raises:
            RunError: the window does not start now.
        """
        env = self.env
        if window.start_ns != env.now:
            raise RunError(
                f"the process is at {env.now} ns, the window starts at {window.start_ns} ns"
            )
        if window.start_ns == self.plan.warm_up_ns > 0:
            self._forget(window.start_ns)
        out, reached_ns = [], window.start_ns
        while (at := env.peek()) < window.end_ns:
            check()
            if at > reached_ns:
                reached_ns = int(at)
                out.append(self._flow(reached_ns))
            while env.peek() == at:
                env.step()
        out.append(self._flow(window.end_ns))
        env.run(until=window.end_ns)
        return frame_store.join(out)

    def _forget(self, now_ns: int) -> None:
        """Forget what was counted up to now, as when the warm-up is over."""
        self.close(now_ns)
        self.warm_up += self.tally.servers
        self.warm_up[:, POOL_IDLE] = 0  # these are no sums
        self.tally.forget(now_ns)

    def save(self) -> State:
        """Return the state as arrays, for `load`; only between windows."""
        state: State = {"now_ns": np.asarray(self.env.now), "store": self.store.save()}
        state["warm_up"] = self.warm_up
        for name, (scaled, scaler) in self.scaling.items():
            state |= nest(f"scaled/{name}", {**scaled.save(), "scaler": scaler.save()})
        for region, scaled in self.resized.items():
            state |= nest(f"{_RESIZED}{region}", scaled.save())
        return state | nest("tally", self.tally.save()) | nest("network", self.network.save())

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part."""
        self.store.load(state["store"])
        self.warm_up[:] = state["warm_up"]
        self.tally.load(below("tally", state))
        self.network.load(below("network", state))
        self._start(int(state["now_ns"]))
        self.words = Timetable.zeros(0)
        for region in {int(key.split("/")[1]) for key in state if key.startswith(_RESIZED)}:
            self.resized[region] = self.network.scaled_pool(region)
            self.resized[region].load(below(f"{_RESIZED}{region}", state))
        for name, (scaled, scaler) in self.scaling.items():
            saved = below(f"scaled/{name}", state)
            scaled.load(saved)
            scaler.load(saved["scaler"])
            scaler.start()

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events after now."""
        self.plan = plan
        self.network.amend(plan)
        self.tally.amend(plan)
        self._walk()

    def forget(self) -> None:
        """Count from now on; only between windows."""
        self._forget(self.env.now)

    def in_flight(self) -> int:
        """Return the number of frames here."""
        return self.network.in_flight()

    def under_way(self) -> Rows:
        """Return the frames here, with the times that have come; shape (frames, WIDTH)."""
        rows = self._under_way()
        rows[:, SENSOR] = self.plan.sensors.ids[rows[:, SENSOR]]
        return rows

    def _under_way(self) -> Rows:
        return self.store.under_way(self.env.now)

    def counts(self) -> Tally:
        """Return what was counted up to now, with the frames that are under way; after `close`."""
        return self.tally.with_under_way(self.plan, self._under_way())

    def counted(self) -> Counted:
        """Return what of the counts up to now energy follows from; only between windows."""
        self.close(self.env.now)
        return self._counted()

    def _counted(self) -> Counted:
        return Counted.of(self.tally)

    def queued_bits(self) -> tuple[Ints, Ints]:
        """Return (links of the whole plan, the bits in the port of each)."""
        return self.plan.links.ids, self._queued_bits()

    def _queued_bits(self) -> Ints:
        return self.network.queued_bits()

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end."""
        self.network.close(now_ns)
        for scaled in self.changing:
            scaled.close(now_ns)
        self.tally.servers -= self.warm_up
