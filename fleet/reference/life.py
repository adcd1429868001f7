"""The model in plain SimPy, one process per frame: slow, short, and the specification.

Read `Reference.frame` first: it is the life of a frame. The columns engine must give every frame
the same times and fate, to the nanosecond. Control (`fleet.engine.control`), chance, the sizes of
frames and the final counting are shared with it; queues, servers, outages and crashes are written
here (and in `fleet.reference.links`) once more, as SimPy processes.

At one time: control first, then the scene, then frames, then the stations, which look at all
arrivals of that time in order of (sensor, frame).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from fleet.arrays import Floats, Ints, Record
from fleet.engine.control import FRAME, SCENE, Autoscaler, Environment, Process, pause, walk
from fleet.engine.crowd import arrivals_per_s
from fleet.engine.looker import OpenEyes, looker_of
from fleet.engine.tally import Tally
from fleet.interrupt import check
from fleet.model import books as count
from fleet.model import capture, events, frames, scene
from fleet.model.frames import IN_FLIGHT, LEVELS, Rows
from fleet.plan.plan import Plan
from fleet.reference.cells import Cells
from fleet.reference.frame import Frame, as_rows
from fleet.reference.links import Link, first_link
from fleet.reference.sensor import Sensor
from fleet.reference.servers import DOWN, ServerPool
from fleet.reference.steering import Steering

Step = Generator[simpy.Event, Any, int]
"""A part of a frame's life; returns its fate, IN_FLIGHT if it goes on."""


class Reference:
    """A whole plan in one SimPy environment."""

    def __init__(self, plan: Plan, open_eyes: OpenEyes, *, keep: bool = False) -> None:
        """Set up the fleet at time zero.

        Args:
            plan: the plan.
            open_eyes: opens the networks that look live.
            keep: keep the finished frames.
        """
        self.plan, self.env, self.open_eyes = plan, Environment(), open_eyes
        self.tally = Tally.empty(plan, keep=keep)
        looker = looker_of(plan, self.open_eyes)
        self.sensors = [Sensor(plan, s, self.tally, looker) for s in range(plan.size)]
        self.links = [
            Link(self.env, plan, i, int(plan.links.level_of[i]), self.tally)
            for i in range(len(plan.links.table))
        ]
        self.pools = {
            int(p): ServerPool(self.env, plan, int(p), self.tally)
            for p in np.unique(plan.pools.of[plan.pools.of >= 0])
        }
        self.hour = plan.scene.first_hour
        self.flying: dict[tuple[int, int], Frame] = {}
        self.ended: list[Frame] = []
        self.begin_scene()
        self._walk()
        for pool in self.pools.values():
            if pool.pool.autoscaling is not None:
                Autoscaler(self.env, pool.pool.autoscaling, pool).start()
        self.env.process(self.watch())
        for sensor in self.sensors:
            self.env.process(self.captures(sensor, 0))
        self.steering, self.cells = Steering(self), Cells(self)

    # The life of a frame ----------------------------------------------------------------------

    def frame(self, sensor: Sensor, frame: Frame) -> Process:
        """Live: be sensed and computed, cross the links, meet servers there, become a result."""
        who = frame.sensor, frame.number
        frame.capture_ns, frame.fate, self.flying[who] = self.env.now, IN_FLIGHT, frame
        sensor.counts[count.CAPTURED] += 1
        self.steering.captured(frame.sensor)
        fate = yield from self.in_sensor(sensor, frame)
        if fate == IN_FLIGHT:
            fate = yield from self.on_the_way(sensor, frame)
        frame.done_ns, frame.fate = self.env.now, fate
        self.ended.append(self.flying.pop(who))
        self.steering.ended(frame)

    def in_sensor(self, sensor: Sensor, frame: Frame) -> Step:
        """Be sensed, then inferred or encoded; a crash interrupts."""
        process = self.env.active_process
        if sensor.is_off or self.env.now < sensor.down_until_ns:
            return frames.SKIP_NO_POWER if sensor.is_off else frames.SKIP_SENSOR_DOWN
        assert process is not None
        sensor.inside.add(process)
        try:
            fate = yield from self.sense(sensor, frame)
            if fate == IN_FLIGHT:
                fate = yield from self.compute(sensor, frame)
        except simpy.Interrupt:
            return frames.LOST_SENSOR_CRASH
        finally:
            sensor.inside.discard(process)
        return fate

    def sense(self, sensor: Sensor, frame: Frame) -> Step:
        """Have the pixels read out; the DSP may not be free to take them."""
        env = self.env
        yield pause(env, sensor.sense_ns, FRAME)
        frame.sensed_ns = env.now
        sensor.gave.sensing_ns += sensor.read_ns
        sensor.counts[count.SENSE_NS] += sensor.measured_ns(frame.capture_ns, sensor.read_ns)
        if sensor.on_sensor and env.now < sensor.blind_until_ns:
            return frames.SKIP_MODEL_WRITE
        if sensor.on_sensor and env.now < sensor.busy_until_ns - sensor.tick_ns:
            return frames.SKIP_DSP_BUSY
        return IN_FLIGHT

    def compute(self, sensor: Sensor, frame: Frame) -> Step:
        """Be inferred on the DSP, or be encoded; a result may end here."""
        env = self.env
        first_ns, wait_ns, fetch_ns, sent = sensor.compute_ns, 0, 0, True
        frame.setup = sensor.setup
        second, times, second_ns = sensor.looks_again(frame)
        if sensor.on_sensor:
            wait_ns = max(0, sensor.busy_until_ns - env.now)  # less than the clock's tick
            sensor.busy_until_ns = env.now + wait_ns + max(sensor.occupy_ns, first_ns + second_ns)
            found = sensor.finds(frame.objects, frame.sight)
            fetch_ns, sent = sensor.fetch_ns, sensor.publishes(env.now, found)
            if sensor.passes_on(frame, env.now):
                sent = True
        if sent:
            sensor.fill(frame)
        began, encode_ns = sensor.setup, sensor.encode_ns(frame)
        ready_ns = env.now + wait_ns + first_ns + second_ns + fetch_ns + encode_ns
        if sensor.ask >= 0:  # nothing leaves it before what it has inferred before
            ready_ns = sensor.last_ready_ns = max(ready_ns, sensor.last_ready_ns)
        yield pause(env, ready_ns - env.now, FRAME)
        frame.ready_ns = env.now
        inferred_ns = env.now - encode_ns - fetch_ns
        sensor.spend(began, inferred_ns - second_ns - first_ns, first_ns)
        sensor.spend(second, inferred_ns - second_ns, second_ns, times)
        if frame.setup != began:  # passed on, though it may take no time
            sensor.spend(frame.setup, env.now - encode_ns, encode_ns)
        if not sent:
            return frames.SKIP_NOT_PUBLISHED
        at_site = self.answers(frame) and self.plan.sensors.to_site[sensor.index]
        return frames.RESULT if at_site else IN_FLIGHT

    def answers(self, frame: Frame) -> bool:
        """Return whether a frame was answered by its sensor, and needs no servers."""
        return bool(self.plan.sensors.setups.on_sensor[frame.setup])

    def on_the_way(self, sensor: Sensor, frame: Frame) -> Step:
        """Leave the sensor, cross the links up to the region, be inferred behind one of them."""
        env, plan, s = self.env, self.plan, sensor.index
        sensor.leaves(frame)
        own = self.links[plan.links.of[0][s]] if plan.links.of[0][s] >= 0 else None
        yield pause(env, sensor.radio.wait_ns(frame.number, env.now, own), FRAME)
        served = None if self.answers(frame) else plan.pools.level[s]
        first = True
        for level in range(LEVELS):
            link = plan.links.of[level][s]
            if link >= 0:
                fate = yield from self.over(self.links[link], sensor, frame, first)
                first = False
                if fate != IN_FLIGHT:
                    return fate
            frame.behind(level, env.now)
            if level == served:
                fate = yield from self.at_servers(self.pools[int(plan.pools.of[s])], frame)
                if fate != IN_FLIGHT:
                    return fate
                if plan.sensors.to_site[s] or level == LEVELS - 1:
                    yield pause(env, plan.pools.return_ns[s], FRAME)
                    break
                frame.payload_bytes, frame.wire_bits = (
                    int(plan.pools.result_bytes[s]),
                    int(plan.pools.result_bits[s]),
                )
        return frames.RESULT

    def over(self, link: Link, sensor: Sensor, frame: Frame, first: bool) -> Step:
        """Cross a link: its queue, its port and its wire."""
        sent = yield link.enter(frame)
        if not sent:
            return frames.LEVEL_LOST[0 if link.by_radio(frame) else link.level]
        if first:
            bits, service_ns = sent
            sensor.radio.sent(bits, service_ns, self.env.now)
            self.steering.sent(frame.sensor, bits)
        _, rounds, good = link.sent_again(frame)
        if not good:
            return frames.LOST_LINK
        wait_ns = rounds * link.kind.retry_ns + link.kind.propagation_ns
        yield pause(self.env, wait_ns, FRAME)
        return IN_FLIGHT

    def at_servers(self, pool: ServerPool, frame: Frame) -> Step:
        """Be decoded, wait for a batch, be inferred."""
        pool.counts[0, count.ARRIVED] += 1
        if self.env.now < pool.down_until_ns:
            return frames.LOST_SERVER_DOWN
        if pool.decoders.needed(frame.sensor):
            decoded = yield pool.decoders.enter(frame)
            if decoded is not True:
                return frames.LOST_SERVER_DOWN if decoded is DOWN else frames.LOST_DECODE_QUEUE
        frame.decoded_ns = self.env.now
        inferred = yield pool.enter(frame)
        if inferred is DOWN:
            return frames.LOST_SERVER_DOWN
        if inferred is None:
            return frames.LOST_DEADLINE
        if not inferred:
            return frames.LOST_EDGE_QUEUE if pool.pool.edge else frames.LOST_CLOUD_QUEUE
        return IN_FLIGHT

    def captures(self, sensor: Sensor, changes: int) -> Process:
        """Capture frames until the clock is changed again; each change starts a new process."""
        plan, clock = self.plan, sensor.clock
        key = plan.sensors.capture_keys[sensor.index]
        while True:
            if sensor.clock_changes == changes:
                yield pause(self.env, clock.next_ns - self.env.now, FRAME)
            if sensor.clock_changes != changes:
                return
            check()
            number, sensor.captured_ns = int(clock.next_frame), self.env.now
            seen = sensor.sees(number, self.env.now)
            frame = Frame(sensor.index, number, sensor.present, seen)
            self.env.process(self.frame(sensor, frame))
            clock.next_frame += 1
            clock.next_ns = capture.due_ns(
                sensor.clocks, 0, key, plan.sensors.trace_ns, self.env.now
            )

    def begin_scene(self) -> None:
        """Draw who is in view of each sensor at time zero."""
        plan = self.plan
        mean = self.newcomers_per_s() / (1.0 - plan.scene.stay)
        present = np.zeros(plan.size, dtype=np.int64)
        scene.begin(plan.sensors.scene_keys, np.arange(plan.size), scene.nobody(mean), present)
        for sensor in self.sensors:
            sensor.present = int(present[sensor.index])

    def watch(self) -> Process:
        """Step every sensor's scene once a second."""
        plan, second = self.plan, 0
        while True:
            none = scene.nobody(self.newcomers_per_s())
            for s, sensor in enumerate(self.sensors):
                sensor.present, came = scene.step(
                    plan.sensors.scene_keys[s], second, sensor.present, plan.scene.stay[s], none[s]
                )
                sensor.counts[count.VISITORS] += came
            second += 1
            yield pause(self.env, scene.SECOND_NS, SCENE)

    def newcomers_per_s(self) -> Floats:
        """Return the arrival rate in front of each sensor now."""
        factor = np.array([sensor.demand_factor for sensor in self.sensors])
        return arrivals_per_s(self.plan, np.arange(self.plan.size), self.hour, factor)

    # Control ----------------------------------------------------------------------------------

    def _walk(self) -> None:
        plan = self.plan
        walking = walk(self.env, plan.control.timetable, self._apply, lambda: self.plan is plan)
        self.env.process(walking)

    def _apply(self, event: Record) -> None:
        kind, target, a, b = (int(value) for value in event.tolist()[1:])
        if kind == events.HOUR:
            self.hour = a
        elif kind in events.OF_LINKS:
            self.links[target].apply(kind, a, b)
        elif kind in events.OF_POOLS:
            if target in self.pools:
                self.pools[target].apply(kind, a)
        else:
            self._apply_to_sensor(target, kind, a, b)

    def _apply_to_sensor(self, target: int, kind: int, a: int, b: int) -> None:
        sensor = self.sensors[target]
        now_ns = self.env.now
        if kind == events.DEMAND:
            sensor.demand_factor = a / b
        elif kind == events.RATE:
            sensor.ask_rate(a, b, now_ns)
            self.env.process(self.captures(sensor, sensor.clock_changes))
        elif kind == events.SENSOR_LEAVES:
            sensor.leave(now_ns, first_link(self.plan, self.links, target))
        elif kind == events.SENSOR_JOINS:
            sensor.join(now_ns)
            self.env.process(self.captures(sensor, sensor.clock_changes))
        elif kind == events.MODEL_WRITE:
            sensor.blind_until_ns, sensor.setup = a, b
        elif kind == events.SENSOR_DOWN:
            sensor.down_until_ns = max(sensor.down_until_ns, a)
            sensor.lose(now_ns)

    # What an engine offers --------------------------------------------------------------------

    def advance(self, until_ns: int) -> None:
        """Run up to a time and count the frames that have met their fate.

        It stops at the end of the warm-up, and the next call forgets what was counted in it.
        """
        if self.env.now == self.plan.warm_up_ns > 0:
            self.forget()
        self.env.run(until=int(until_ns))
        for pool in self.pools.values():
            pool.close(int(until_ns))
        rows = as_rows(self.ended)
        self.tally.finish(self.plan, np.ascontiguousarray(rows.T), np.arange(len(rows)))
        self.ended = []

    def forget(self) -> None:
        """Count from now on."""
        for pool in self.pools.values():
            pool.forget()
        self.tally.forget(self.env.now)

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events after now."""
        self.plan, looker = plan, looker_of(plan, self.open_eyes)
        self.tally.amend(plan)
        for sensor in self.sensors:
            sensor.plan, sensor.looker = plan, looker
        self._walk()
        self.steering.amend()

    def in_flight(self) -> int:
        """Return the number of frames that have not met their fate."""
        counts = self.tally.sensors
        captured = int(counts[:, [count.CAPTURED, count.CAPTURED_BEFORE]].sum())
        ended = counts[:, count.ENDED_BEFORE].sum() + counts[:, count.FATE_0 + 1 :].sum()
        return captured - int(ended)

    def under_way(self) -> Rows:
        """Return these frames, with the times that have come; shape (frames, WIDTH)."""
        return as_rows(self.flying.values())

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        return np.array([link.queued_bits() for link in self.links], dtype=np.int64)

    def sensor_state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        return {"now_ns": self.env.now, **self.sensors[target].state()}
