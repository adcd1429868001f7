"""A shard: some of the sensors, and the links that only they use."""

from __future__ import annotations

import numpy as np

from fleet.engine.control import Environment, walk
from fleet.engine.crowd import Crowd
from fleet.engine.network import Network
from fleet.engine.process import advance
from fleet.engine.tally import CAPTURED, PROMOTION_NS, Tally, book_computed, book_sensed, book_sent
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
from fleet.stages import capture, frames, radio, sensor
from fleet.stages.frames import (
    CLOCK,
    DONE,
    FATE,
    NOBODY,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    Index,
    Rows,
    Store,
)


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
        self.store = Store()
        self.network = Network(plan, self.tally, self.store, part)
        self.crowd = Crowd(plan, part.sensors, self.tally)
        self.setup_of = plan.setup_of.copy()
        self.clocks = plan.clocks.copy()
        self.dsp = np.zeros((plan.size, sensor.DSP_WIDTH), dtype=np.int64)
        self.down_until_ns = np.zeros(plan.size, dtype=np.int64)
        self.radio_used_ns = np.full(plan.size, radio.NEVER_NS, dtype=np.int64)
        self.sensing, self.computing = NOBODY, NOBODY
        self.flowed_ns = 0
        capture.begin(self.clocks, plan.capture_keys, plan.trace_ns)
        self.env = Environment()
        self._walk()

    def advance(self, window: Window) -> Rows:
        """Run a window; return the frames that leave for their regions.

        Raises:
            RunError: a frame would leave before the window (lookahead broken).
        """
        rows = self.store.give_up(advance(self.env, window, self._flow))
        if len(rows) and int(rows[:, CLOCK].min()) < window.start_ns:
            raise RunError(f"a frame leaves a shard before its window at {window.start_ns} ns")
        return rows

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events after now."""
        self.plan = self.network.plan = self.crowd.plan = plan
        self._walk()

    def in_flight(self) -> int:
        """Return the number of frames in the sensors and on the links of this shard."""
        return len(self.sensing) + len(self.computing) + self.network.in_flight()

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end."""
        self.network.close(now_ns)

    def _walk(self) -> None:
        mine = self.part.concerns(self.plan.timetable)
        plan = self.plan
        events = walk(self.env, plan.timetable[mine], self._apply, lambda: self.plan is plan)
        self.env.process(events)

    # Frames -----------------------------------------------------------------------------------

    def _flow(self, until_ns: int) -> Index:
        """Take every frame as far as it comes before a time; return those that leave."""
        self._capture(until_ns)
        self._compute(until_ns)
        self._send(until_ns)
        self.flowed_ns = until_ns
        gone = self.network.advance(until_ns)
        self.network.answer(until_ns)
        return gone

    def _capture(self, until_ns: int) -> None:
        plan, mine = self.plan, self.part.sensors
        first_second, view = self.crowd.look(self.flowed_ns, until_ns)
        due = capture.count(self.clocks, plan.capture_keys, plan.trace_ns, mine, until_ns)
        fresh = self.store.take(due)
        capture.capture(
            self.clocks, plan.capture_keys, plan.trace_ns, mine, until_ns, first_second, view,
            self.down_until_ns, self.setup_of, plan.setups.sense_ns,
            self.tally.sensors[:, CAPTURED], self.store.rows, fresh,
        )  # fmt: skip
        self.sensing = frames.join([self.sensing, self._alive(fresh)])

    def _compute(self, until_ns: int) -> None:
        plan, rows = self.plan, self.store.rows
        sensed, self.sensing = frames.before(rows, self.sensing, SENSED, until_ns)
        book_sensed(rows, sensed, self.tally.sensors, self.setup_of, plan.setups.read_ns)
        sensor.compute(rows, sensed, self.setup_of, plan.setups, plan.size_keys, self.dsp)
        self.computing = frames.join([self.computing, self._alive(sensed)])

    def _send(self, until_ns: int) -> None:
        plan, rows = self.plan, self.store.rows
        ready, self.computing = frames.before(rows, self.computing, READY, until_ns)
        book_computed(rows, ready, self.tally.sensors, self.setup_of, plan.setups.fetch_ns)
        sensor.leave(rows, ready)
        ready = self._alive(ready)
        at_site = plan.ends_at_site[self.store.column(ready, SENSOR)]
        local, away = frames.split(ready, at_site)
        rows[local, DONE], rows[local, FATE] = rows[local, READY], RESULT
        self._end(local)
        book_sent(rows, away, self.tally.sensors, self.setup_of, plan.setups)
        radio.wake(
            rows, away, plan.timers, plan.radio_keys, self.radio_used_ns,
            self.tally.sensors[:, PROMOTION_NS],
        )  # fmt: skip
        self.network.put(away)

    def _alive(self, index: Index) -> Index:
        """Count the frames that have met their fate and return the others."""
        ended, alive = frames.fated(self.store.rows, index)
        self._end(ended)
        return alive

    def _end(self, index: Index) -> None:
        self.tally.finish(self.plan, self.store.rows, index)
        self.store.free(index)

    # Control ----------------------------------------------------------------------------------

    def _apply(self, event: Ints) -> None:
        kind, target, a, b = (int(event[c]) for c in (KIND, TARGET, A, B))
        if kind == HOUR:
            self.crowd.set_hour(a)
        elif kind == DEMAND:
            self.crowd.set_factor(target, a / b)
        elif kind == RATE:
            key, phase = self.plan.capture_keys[target], self.plan.phase[target]
            capture.change_rate(self.clocks[target], key, phase, a, b, self.env.now)
        elif kind == LINK_DOWN:
            self.network.outage(target, self.env.now, a)
        elif kind == SENSOR_DOWN:
            self._crash(target, self.env.now, a)
        elif kind == MODEL_WRITE:
            self.dsp[target, sensor.BLIND_UNTIL_NS] = a
            self.setup_of[target] = b

    def _crash(self, target: int, now_ns: int, until_ns: int) -> None:
        """Lose what is in a sensor and skip its frames until it is back."""
        self.down_until_ns[target] = until_ns
        self.dsp[target, sensor.FREE_NS] = now_ns
        rows = self.store.rows
        for name, column in (("sensing", SENSED), ("computing", READY)):
            inside = getattr(self, name)
            lost, kept = frames.split(inside, self.store.column(inside, SENSOR) == target)
            rows[lost, column], rows[lost, DONE] = -1, now_ns
            rows[lost, FATE] = frames.LOST_SENSOR_CRASH
            self._end(lost)
            setattr(self, name, kept)

    # What a user may ask ----------------------------------------------------------------------

    def sensor_state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        return {
            "now_ns": self.env.now,
            "down_until_ns": int(self.down_until_ns[target]),
            "blind_until_ns": int(self.dsp[target, sensor.BLIND_UNTIL_NS]),
            "busy_until_ns": int(self.dsp[target, sensor.FREE_NS]),
            "inferences": int(self.dsp[target, sensor.INFERENCES]),
            "next_capture_ns": int(self.clocks[target, capture.NEXT_NS]),
            "setup": int(self.setup_of[target]),
        }
