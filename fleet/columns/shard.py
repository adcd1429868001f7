"""A shard: some of the sensors, and the links that only they use."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, Record
from fleet.columns.devices import Devices
from fleet.columns.frame_store import Store
from fleet.columns.process import LogicalProcess
from fleet.engine.looker import OpenEyes
from fleet.engine.snapshot import State, below, nest
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.model.events import (
    CAP_RENEWED,
    DEMAND,
    HOUR,
    LINK_DOWN,
    MODEL_WRITE,
    OF_LINKS,
    OF_POOLS,
    RATE,
    RUNG,
    SENSOR_DOWN,
    SENSOR_JOINS,
    SENSOR_LEAVES,
    SENSOR_OFF,
    SENSOR_ON,
)
from fleet.model.frames import CLOCK, DONE, LEVEL_COLUMN, SENSOR, Columns, Index
from fleet.model.link import Cap, Rate
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan


class Shard(LogicalProcess):
    """The logical process of some sensors."""

    def __init__(
        self, plan: Plan, territory: Territory, open_eyes: OpenEyes, *, keep: bool = False
    ) -> None:
        """Set up sensors at time zero.

        Args:
            plan: what of the plan is needed here.
            territory: which sensors, links and pools of that are this shard's.
            open_eyes: opens the networks that look live.
            keep: keep the finished frames, not just their counts.
        """
        super().__init__(plan, territory, Store(handed=_handed(plan, territory)), keep=keep)
        self.devices = Devices(plan, territory.sensors, self.network, open_eyes)

    def advance(self, window: Window) -> list[Columns]:
        """Run a window; return the frames that leave, one table for each region with a process.

        Raises:
            RunError: a frame would leave before the window (lookahead broken).
        """
        # In order of slots, which is by sensor: then the last counts find each sensor's at hand.
        index = np.sort(self._run(window))
        clocks = self.store.column(index, CLOCK)
        if len(index) and int(clocks.min()) < window.start_ns:
            raise RunError(f"a frame leaves a shard before its window at {window.start_ns} ns")
        regions = self.territory.regions
        if len(regions) == 1:
            return [self._hand_over(index)]
        region = self.plan.links.region_of[self.store.column(index, SENSOR)]
        return [self._hand_over(index[region == r]) for r in regions]

    def _hand_over(self, index: Index) -> Columns:
        """Return some frames, which are no more here, as their region numbers its sensors."""
        handed = self.store.give_up(index)
        handed[SENSOR] = self.territory.handed_as[handed[SENSOR]]
        return handed

    def save(self) -> State:
        """Return the state as arrays, for `load`; only between windows."""
        return super().save() | nest("devices", self.devices.save())

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part."""
        super().load(state)
        self.devices.load(below("devices", state))

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events after now."""
        self.devices.amend(plan)
        super().amend(plan)

    def in_flight(self) -> int:
        """Return the number of frames in the sensors and on the links of this shard."""
        return self.devices.in_flight() + super().in_flight()

    def _queued_bits(self) -> Ints:
        bits: Ints = super()._queued_bits() + self.devices.queued_bits()
        return bits

    def _sense(self, until_ns: int) -> Index:
        """Run the sensors up to a time; return the frames on the wire behind them."""
        return self.devices.advance(until_ns)

    def _apply(self, event: Record) -> None:
        """Apply a row of the timetable, now."""
        kind, target, a, b = (int(value) for value in event.tolist()[1:])
        now_ns, devices = self.env.now, self.devices
        if kind in (*OF_LINKS, *OF_POOLS):
            self._apply_to_station(event)
        elif kind in (HOUR, DEMAND):
            devices.crowd.apply(event)
        elif kind == RATE:
            devices.ask_rate(target, (a, b), now_ns)
        elif kind == RUNG:
            devices.change_rung(target, a, now_ns)
        elif kind == SENSOR_DOWN:
            devices.crash(target, now_ns, a)
        elif kind == SENSOR_LEAVES:
            devices.leave(target, now_ns)
        elif kind == SENSOR_JOINS:
            devices.join(target, now_ns)
        elif kind == SENSOR_OFF:
            devices.go_off(target, now_ns)
        elif kind == SENSOR_ON:
            devices.come_on(target, a)
        elif kind == MODEL_WRITE:
            devices.write_model(target, a, b)

    def _apply_to_station(self, event: Record) -> None:
        kind, target, a, b = (int(value) for value in event.tolist()[1:])
        if kind in OF_POOLS or self.plan.links.level_of[target] > 0:
            super()._apply(event)
        elif kind == LINK_DOWN:
            self.devices.outage(target, self.env.now, a)
        else:
            to = Cap(a) if kind == CAP_RENEWED else Rate(a, b)
            self.devices.change_link(target, self.env.now, to)

    def sensor_state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        return {"now_ns": self.env.now, **self.devices.state(target)}


def _handed(plan: Plan, territory: Territory) -> int:
    """Return how many columns of a frame a shard fills before it hands the frame over."""
    if plan.has_edges:
        return DONE
    levels_passed = (int(territory.leave.max()) + 1) // 2
    return LEVEL_COLUMN[levels_passed - 1] + 1
