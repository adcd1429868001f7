"""A shard: some of the sensors, and the links that only they use."""

from __future__ import annotations

import numpy as np

from fleet.engine.control import Environment, walk
from fleet.engine.devices import Devices
from fleet.engine.network import Network
from fleet.engine.process import advance
from fleet.engine.snapshot import State, below, nest
from fleet.engine.tally import Tally
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.plan.columns import (
    DEMAND,
    HOUR,
    KIND,
    LINK_DOWN,
    MODEL_WRITE,
    RATE,
    SENSOR_DOWN,
    TARGET,
    A,
    B,
    Ints,
    Plan,
)
from fleet.plan.partition import Part
from fleet.stages.frames import CLOCK, DONE, LEVEL_COLUMN, SENSOR, Columns, Index, Store


class Shard:
    """A logical process of sensors: a SimPy clock for control, columns for frames."""

    def __init__(self, plan: Plan, part: Part, *, keep: bool = False) -> None:
        """Set up sensors at time zero.

        Args:
            plan: the plan.
            part: which sensors and links are this shard's.
            keep: keep the finished frames, not just their counts.
        """
        self.plan, self.part = plan, part
        self.tally = Tally.empty(plan, keep=keep)
        self.store = Store(handed=_handed(plan, part))
        self.network = Network(plan, self.tally, self.store, part)
        self.devices = Devices(plan, part.sensors, self.network)
        self.env = Environment()
        self._walk()

    def advance(self, window: Window) -> list[Columns]:
        """Run a window; return the frames that leave, one table for each region.

        Raises:
            RunError: a frame would leave before the window (lookahead broken).
        """
        # In order of slots, which is by sensor: then the last counts find each sensor's at hand.
        index = np.sort(advance(self.env, window, self._flow))
        clocks = self.store.column(index, CLOCK)
        if len(index) and int(clocks.min()) < window.start_ns:
            raise RunError(f"a frame leaves a shard before its window at {window.start_ns} ns")
        regions = len(self.plan.region_names)
        if regions == 1:
            return [self.store.give_up(index)]
        region = self.plan.region_of[self.store.column(index, SENSOR)]
        return [self.store.give_up(index[region == r]) for r in range(regions)]

    def save(self) -> State:
        """Return the state as arrays, for `load`; only between windows."""
        state: State = {"now_ns": np.asarray(self.env.now), "store": self.store.save()}
        state |= nest("tally", self.tally.save()) | nest("network", self.network.save())
        return state | nest("devices", self.devices.save())

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part."""
        self.store.load(state["store"])
        self.tally.load(below("tally", state))
        self.network.load(below("network", state))
        self.devices.load(below("devices", state))
        self.env = Environment(int(state["now_ns"]))
        self._walk()

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events after now."""
        self.plan = self.network.plan = plan
        self.devices.amend(plan)
        self._walk()

    def in_flight(self) -> int:
        """Return the number of frames in the sensors and on the links of this shard."""
        return self.devices.in_flight() + self.network.in_flight()

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        bits: Ints = self.network.queued_bits() + self.devices.queued_bits()
        return bits

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end."""
        self.network.close(now_ns)

    def _walk(self) -> None:
        mine = self.part.concerns(self.plan.timetable)
        plan = self.plan
        events = walk(self.env, plan.timetable[mine], self._apply, lambda: self.plan is plan)
        self.env.process(events)

    def _flow(self, until_ns: int) -> Index:
        """Take every frame as far as it comes before a time; return those that leave."""
        gone = self.network.advance(until_ns, self.devices.advance(until_ns))
        self.network.answer(until_ns)
        self.store.sweep(lambda ended: self.tally.finish(self.plan, self.store.columns, ended))
        return gone

    def _apply(self, event: Ints) -> None:
        """Apply a row of the timetable, now."""
        kind, target, a, b = (int(event[c]) for c in (KIND, TARGET, A, B))
        now_ns, devices = self.env.now, self.devices
        if kind == HOUR:
            devices.crowd.set_hour(a)
        elif kind == DEMAND:
            devices.crowd.set_factor(target, a / b)
        elif kind == RATE:
            devices.change_rate(target, a, b, now_ns)
        elif kind == LINK_DOWN:
            (devices if self.plan.level_of[target] == 0 else self.network).outage(target, now_ns, a)
        elif kind == SENSOR_DOWN:
            devices.crash(target, now_ns, a)
        elif kind == MODEL_WRITE:
            devices.write_model(target, a, b)

    def sensor_state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        return {"now_ns": self.env.now, **self.devices.state(target)}


def _handed(plan: Plan, part: Part) -> int:
    """Return how many columns of a frame a shard fills before it hands the frame over."""
    if plan.has_edges:
        return DONE
    levels_passed = (int(part.leave[part.sensors].max()) + 1) // 2
    return LEVEL_COLUMN[levels_passed - 1] + 1
