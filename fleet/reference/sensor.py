"""A sensor of the reference engine: its clock, its DSP and its radio."""

from __future__ import annotations

from typing import Any

import numpy as np
import simpy

from fleet.arrays import Ints
from fleet.chance import mix64, uniform
from fleet.engine.looker import Looker
from fleet.engine.tally import Tally
from fleet.model import asking, camera, capture, scene, sight
from fleet.model import books as count
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan
from fleet.reference.frame import Frame
from fleet.reference.links import Link, Radio
from fleet.reference.reports import Reports


class Sensor:
    """A sensor: its clock, its DSP and its radio."""

    def __init__(self, plan: Plan, index: int, tally: Tally, looker: Looker | None) -> None:
        """Set up a sensor at time zero; `looker` are its eyes if they look live."""
        self.looker = looker
        self.plan, self.index = plan, index
        self.tally, self.counts = tally, tally.sensors[index]
        self.radio = Radio(plan, index, tally)
        self.setup = int(plan.sensors.setup_of[index])
        self.clocks = plan.sensors.clocks[index : index + 1].copy()
        self.clock = self.clocks[0]
        capture.begin(
            self.clocks, plan.sensors.capture_keys[index : index + 1], plan.sensors.trace_ns
        )
        self.present = 0
        self.demand_factor = 1.0
        self.clock_changes = 0
        self.captured_ns: int | None = None  # last frame since the periods of the clock began
        self.asked = int(self.clock.num), int(self.clock.den)  # period, whatever the rung
        self.least = 0, 1  # period of the rung
        self.down_until_ns = 0
        self.blind_until_ns = 0
        self.busy_until_ns = 0
        self.inferences = 0
        turn = float(plan.sensors.turn[index])
        self.published, self.passed_on = (Reports(turn, self.tick_ns) for _ in range(2))
        self.begin_reports(0)
        self.last_ready_ns = 0  # when the last frame left it that was inferred
        self.is_away = self.is_off = False
        self.gave = self.radio.gave
        self.inside: set[simpy.Process] = set()

    def lose(self, now_ns: int) -> None:
        """Lose the frames that are in it: whatever computes them is free."""
        self.busy_until_ns = self.last_ready_ns = now_ns
        for process in self.inside:
            process.interrupt()

    def ask_rate(self, num: int, den: int, now_ns: int) -> None:
        """Be asked for a frame every num/den ns from now on, and give what the rung allows."""
        self.asked = num, den
        self.change_rate(*self.slowed(*self.least), now_ns)

    def stand_on(self, rung: int, now_ns: int) -> None:
        """Have the settings of a rung from now on."""
        of = self.plan.feedback
        self.setup, self.least = of.setup(self.index, rung), of.period(self.index, rung)
        num, den = self.slowed(*self.least)
        if self.clock.kind != capture.PERIODIC or self.clock.next_ns >= capture.NEVER_NS:
            self.change_rate(num, den, now_ns)
            return
        self.clock_changes += 1
        if (num, den) != (self.clock.num, self.clock.den):
            self.go_on(num, den, now_ns)

    def go_on(self, num: int, den: int, now_ns: int) -> None:
        """Have the next frame due a period num/den after the last, or at once if that is over."""
        clock, whole_ns = self.clock, num // den
        frame, due_ns = int(clock.next_frame), int(clock.next_ns)
        clock.num, clock.den = num, den
        if self.captured_ns is None:
            due_ns = min(due_ns, now_ns + whole_ns)
        elif self.captured_ns + whole_ns < now_ns:
            due_ns, self.captured_ns = now_ns, None
        if self.captured_ns is None:
            clock.anchor, clock.first, clock.next_ns = due_ns, frame, due_ns
        else:
            clock.anchor, clock.first = self.captured_ns, frame - 1
            clock.next_ns = self.captured_ns + whole_ns

    def slowed(self, num: int, den: int) -> tuple[int, int]:
        """Return the period num/den, or the one asked for if that is longer."""
        return (num, den) if num * self.asked[1] > self.asked[0] * den else self.asked

    def change_rate(self, num: int, den: int, now_ns: int) -> None:
        """Capture every num/den ns from now on, or when it joins."""
        sensors = self.plan.sensors
        key, phase = sensors.capture_keys[self.index], sensors.phase[self.index]
        if (num, den) != (self.clock.num, self.clock.den):
            self.captured_ns = None
        capture.change_rate(self.clocks, 0, key, phase, num, den, now_ns, sensors.trace_ns)
        self.clock_changes += 1

    def leave(self, now_ns: int, first: Link) -> None:
        """Be there no more; what is in it is lost, what its first link has taken is not."""
        self.is_away = True
        self.lose(now_ns)
        capture.stop(self.clocks, 0, now_ns)
        self.clock_changes += 1
        self._put_to_sleep(now_ns, first)

    def go_off(self, now_ns: int, first: Link) -> None:
        """Have no power from now on: lose what is in it, but not what its link has taken."""
        self.is_off = True
        self.lose(now_ns)
        self._put_to_sleep(now_ns, first)

    def come_on(self, until_ns: int) -> None:
        """Have power again, and boot until a time."""
        self.is_off = False
        self.down_until_ns = max(self.down_until_ns, until_ns)

    def _put_to_sleep(self, now_ns: int, first: Link) -> None:
        """Have its radio asleep, its tail ended unless frames are still to be sent."""
        self.radio.used_ns = None
        if not first.holds(self.index):
            self.radio.end_tail(now_ns)

    def join(self, now_ns: int) -> None:
        """Be there and capture from now on."""
        sensors = self.plan.sensors
        key, phase = sensors.capture_keys[self.index], sensors.phase[self.index]
        self.captured_ns, self.is_away = None, False
        capture.start(self.clocks, 0, key, phase, now_ns, sensors.trace_ns)
        self.clock_changes += 1
        self.begin_reports(now_ns)

    def begin_reports(self, now_ns: int) -> None:
        """Have what is published and passed on once in a time begin in its turn from now on."""
        self.published.begin(now_ns, self.publish_interval_ns)
        self.passed_on.begin(now_ns, self.ask_interval_ns)

    def __getattr__(self, name: str) -> Any:
        """Return a column of the setup that stands here now: an int or a float, as its column."""
        return getattr(self.plan.sensors.setups, name)[self.setup].item()

    def sees(self, frame: int, now_ns: int) -> int:
        """Return the row of the traces that a frame of now takes, or what is found live."""
        plan, second = self.plan, scene.second_of(now_ns)
        light = int(light_by_second(plan, second, 1)[0])
        if self.looker is not None:
            return self.looker.see(self.index, self.setup, self.clock, now_ns, self.present, light)
        return sight.picked(
            plan.eyes.sights,
            self.sight,
            light,
            self.present,
            plan.sensors.sight_keys[self.index],
            second,
            frame,
        )

    def finds(self, objects: int, row: int) -> int:
        """Return how many objects the model reports of those in view."""
        return sight.found(self.plan.eyes.sights.rows, row, objects)

    @property
    def tick_ns(self) -> int:
        """Return by how much a frame may seem early: the tick of the clock of a trace."""
        return int(self.clock.tick_ns)

    def publishes(self, now_ns: int, objects: int) -> bool:
        """Return whether the inference that starts now and finds some objects is sent."""
        self.inferences += 1
        objects = min(objects, self.metadata_most)
        if self.publish_every < 0:
            return False
        if self.publish_every:
            return self.published.is_one_of(self.publish_every, self.inferences)
        return self.published.is_due(
            now_ns, objects, self.publish_interval_ns, on_change=bool(self.publish_change)
        )

    def passes_on(self, frame: Frame, now_ns: int) -> bool:
        """Return whether servers are to look at a frame that is inferred; set its setup and sight.

        They see the same frame of the clip from which their trace was made.
        """
        if self.ask < 0 or not self._asks(frame, now_ns):
            return False
        frame.setup, frame.sight = self.ask, self._at_servers(frame)
        return True

    def _at_servers(self, frame: Frame) -> int:
        """Return the row of what servers would see of a frame."""
        if frame.sight < 0:
            return frame.sight
        start, other = self.plan.eyes.sights.start, self.plan.sensors.setups.sight[self.ask]
        return frame.sight + int(start[other].min() - start[self.sight].min())

    def encode_ns(self, frame: Frame) -> int:
        """Return for how long a frame that is passed on is encoded, 0 if it is not.

        Crops take as much less than the picture as they have less pixels.
        """
        if frame.setup == self.setup:
            return 0
        picture_ns = int(self.plan.sensors.setups.compute_ns[frame.setup])
        return picture_ns * sent_ppm(self.plan, frame.sight) // 1_000_000

    def _asks(self, frame: Frame, now_ns: int) -> bool:
        if sent_ppm(self.plan, self._at_servers(frame)) == 0:
            return False  # there is no crop to pass on
        rule, number, rows = self.ask_rule, self.ask_number, self.plan.eyes.sights.rows
        found = min(self.finds(frame.objects, frame.sight), self.metadata_most)
        if rule == asking.EVERY:
            return self.passed_on.is_one_of(number, self.inferences)
        if rule == asking.FOUND:
            return bool(found >= number)
        if rule == asking.RANDOM:
            key = np.uint64(mix64(self.plan.sensors.size_keys[self.index]))
            return bool(uniform(key, frame.number) * 1e6 < number)
        if rule == asking.UNSURE:
            return bool(rows[frame.sight, sight.SURE_PPM] < number)
        if rule == asking.ORACLE:
            return _errors(rows[self._at_servers(frame)]) < _errors(rows[frame.sight])
        return self.passed_on.is_due(
            now_ns, found, self.ask_interval_ns, on_change=rule == asking.ON_CHANGE
        )

    def fill(self, frame: Frame) -> None:
        """Set the bytes and bits of what is sent of a frame, by the setup that it has."""
        setups, k = self.plan.sensors.setups, frame.setup
        key, sights = self.plan.sensors.size_keys[self.index], self.plan.eyes.sights
        frame.payload_bytes = camera.payload_bytes(
            setups, sights, k, key, frame.number, frame.objects, frame.sight
        )
        frame.wire_bits = camera.wire_bits(
            frame.payload_bytes, setups.per_message[k], setups.segment[k], setups.per_segment[k]
        )

    def message_bytes(self, setup: int, objects: int) -> int:
        """Return how many of the bytes that a setup sends are metadata."""
        return camera.message_part(self.plan.sensors.setups, setup, objects)

    def looks_again(self, frame: Frame) -> tuple[int, int, int]:
        """Return what its DSP runs on the objects of a frame: its row, how often, how long."""
        if self.then < 0:
            return -1, 0, 0
        times = min(self.finds(frame.objects, frame.sight), self.then_most)
        return self.then, times, times * int(self.plan.sensors.setups.compute_ns[self.then])

    def measured_ns(self, begin_ns: int, spent_ns: int) -> int:
        """Return how much of what was begun at a time lies behind the warm-up."""
        return max(0, min(spent_ns, begin_ns + spent_ns - self.tally.since_ns))

    def spend(self, setup: int, begin_ns: int, spent_ns: int, times: int = 1) -> None:
        """Count what a setup has spent on a frame, in all the times that it has run."""
        if times == 0:
            return
        measured_ns = self.measured_ns(begin_ns, spent_ns)
        self.gave.computing_fj += spent_ns * int(self.plan.sensors.setups.compute_uw[setup])
        self.counts[count.COMPUTE_NS] += measured_ns
        self.tally.computing_ns[setup] += measured_ns
        self.tally.computed[setup] += times

    def state(self) -> dict[str, int]:
        """Return how it stands; times in ns."""
        return {
            "down_until_ns": self.down_until_ns,
            "off": int(self.is_off),
            "blind_until_ns": self.blind_until_ns,
            "busy_until_ns": self.busy_until_ns,
            "inferences": self.inferences,
            "next_capture_ns": int(self.clock.next_ns),
            "setup": self.setup,
        }

    def leaves(self, frame: Frame) -> None:
        """Count what of a frame leaves the sensor."""
        found = self.finds(frame.objects, frame.sight)
        message = camera.metadata_part(frame.payload_bytes, self.message_bytes(frame.setup, found))
        counts = (count.SENT_FRAMES, count.SENT_PAYLOAD, count.SENT_BITS)
        self.counts[list(counts)] += (1, frame.payload_bytes, frame.wire_bits)
        self.counts[count.SENT_METADATA] += message
        self.counts[count.SENT_PIXEL_FRAMES] += frame.payload_bytes > message


def sent_ppm(plan: Plan, row: int) -> int:
    """Return how much of its picture is sent of a frame that takes a row, in millionths.

    All of it where no eye was measured, or looks live, or none of the plan's traces is of crops.
    """
    rows = plan.eyes.sights.rows
    is_told = 0 <= row < len(rows) and rows.shape[1] > sight.AREA_PPM
    return int(rows[row, sight.AREA_PPM]) if is_told else 1_000_000


def _errors(row: Ints) -> int:
    """Return how many objects are missed and how many invented, by the row of a trace."""
    return int(row[sight.WANTED] - row[sight.RIGHT] + row[sight.WRONG])
