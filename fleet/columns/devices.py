"""The sensors of a shard: what is in them, and what control does to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.arrays import Ints
from fleet.columns import device, hop
from fleet.columns.device import EMPTY, Held, Sensors, Span, States
from fleet.columns.ways import Network
from fleet.engine.crowd import Crowd
from fleet.engine.looker import OpenEyes, looker_of
from fleet.engine.snapshot import State, below, nest
from fleet.model import capture, frames
from fleet.model.books import VISITORS
from fleet.model.dsp import Dsps
from fleet.model.frames import (
    COMPUTING,
    DONE,
    FATE,
    IN_PORT,
    NO_FRAMES,
    READY,
    SENSED,
    SENSING,
    SENSOR,
    Index,
)
from fleet.model.link import Cap, Rate
from fleet.model.radio import NEVER_NS, Radios
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan


class Devices:
    """Some sensors, each with its scene, its clock, its DSP or encoder, its radio and its port."""

    def __init__(self, plan: Plan, mine: Ints, network: Network, open_eyes: OpenEyes) -> None:
        """Set up sensors at time zero.

        Args:
            plan: the plan.
            mine: their indices.
            network: where they send to; their ports are among its links.
            open_eyes: opens the networks that look live.
        """
        self.plan, self.mine, self.network, self.open_eyes = plan, mine, network, open_eyes
        self.crowd = Crowd(plan, mine, network.tally.sensors[:, VISITORS])
        self.states = States(
            setup_of=plan.sensors.setup_of.copy(),
            clocks=plan.sensors.clocks.copy(),
            dsp=Dsps.zeros(plan.size),
            down_until_ns=np.zeros(plan.size, dtype=np.int64),
            radio_used_ns=np.full(plan.size, NEVER_NS, dtype=np.int64),
            asked=Dsps.zeros(plan.size),
            off=np.zeros(plan.size, dtype=np.int64),
        )
        self.about = _about(plan, mine, self.states)
        self.states.dsp.tick_ns = self.states.asked.tick_ns = plan.sensors.clocks.tick_ns
        self.states.dsp.turn = self.states.asked.turn = plan.sensors.turn
        self._begin_reports(slice(None), 0)
        self.looker = looker_of(plan, self.open_eyes)
        self.rung_of = np.zeros(plan.size, dtype=np.int64)
        self.held = EMPTY
        self.flowed_ns = 0
        capture.begin(self.states.clocks, plan.sensors.capture_keys, plan.sensors.trace_ns)

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups."""
        self.plan = self.crowd.plan = plan
        self.looker = looker_of(plan, self.open_eyes)
        self.about = _about(plan, self.mine, self.states)

    def advance(self, until_ns: int) -> Index:
        """Run the sensors up to a time; return the frames that are on the wire behind them."""
        plan, states, network = self.plan, self.states, self.network
        first_second, view = self.crowd.look(self.flowed_ns, until_ns)
        self.flowed_ns = until_ns
        due = capture.count(
            states.clocks, plan.sensors.capture_keys, plan.sensors.trace_ns, self.mine, until_ns
        )
        fresh, tally = network.store.take(due), network.tally
        lights, live = light_by_second(plan, first_second, len(view)), NO_FRAMES
        if self.looker is not None:
            live = self.looker.look(
                states.clocks, states.setup_of, self.mine, until_ns, due, first_second, view, lights
            )
        books = tally.sensor_books()
        span = Span(until_ns, first_second, view, lights, live)
        moved, self.held = device.advance(
            network.store.columns, fresh, self.held, span, self.about, network.hops[0],
            books,
        )  # fmt: skip
        tally.computing_ns += books.computing_ns
        tally.computed += books.computed
        return moved

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        flowed = {"flowed_ns": np.asarray(self.flowed_ns), "rung_of": self.rung_of}
        parts = {"states": self.states._asdict(), "held": self.held._asdict()}
        parts["crowd"] = self.crowd.save()
        return flowed | {k: v for name, part in parts.items() for k, v in nest(name, part).items()}

    def load(self, state: State) -> None:
        """Take a state up again."""
        self.flowed_ns, self.rung_of = int(state["flowed_ns"]), state["rung_of"].copy()
        states: dict[str, Any] = {k: v.copy() for k, v in below("states", state).items()}
        self.states = States(**states)
        self.about = _about(self.plan, self.mine, self.states)
        self.held = Held(**{k: v.copy() for k, v in below("held", state).items()})
        self.crowd.load(below("crowd", state))

    def in_flight(self) -> int:
        """Return the number of frames here."""
        return len(self.held.slots)

    def _in_ports(self) -> Index:
        found: Index = self.held.slots[self.held.stages == IN_PORT]
        return found

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        bits = np.zeros(len(self.plan.links.table), dtype=np.int64)
        hop.queued(self.network.store.columns, self._in_ports(), self.network.hops[0], bits)
        return bits

    # Control ----------------------------------------------------------------------------------

    def ask_rate(self, target: int, period: tuple[int, int], now_ns: int) -> None:
        """Ask a sensor for another frame rate from now on; it gives what its rung allows."""
        self.change_rate(target, *self._given(target, period), now_ns)

    def _given(self, target: int, period: tuple[int, int]) -> tuple[int, int]:
        """Return what a sensor gives of a period that is asked for."""
        return self.plan.feedback.given(target, int(self.rung_of[target]), period)

    def change_rung(self, target: int, rung: int, now_ns: int) -> None:
        """Have a sensor stand on another rung of its ladder from now on."""
        self.rung_of[target] = rung
        self.states.setup_of[target] = self.plan.feedback.setup(target, rung)
        asked = self.plan.asked_period(target, now_ns, at_now=True)
        num, den = self._given(target, asked)
        clocks = self.states.clocks
        if clocks.kind[target] == capture.PERIODIC and clocks.next_ns[target] < capture.NEVER_NS:
            capture.pace(clocks, target, num, den, now_ns)
        else:
            self.change_rate(target, num, den, now_ns)

    def change_rate(self, target: int, num: int, den: int, now_ns: int) -> None:
        """Let a sensor capture every num/den ns from now on."""
        key, phase = self.plan.sensors.capture_keys[target], self.plan.sensors.phase[target]
        capture.change_rate(
            self.states.clocks, target, key, phase, num, den, now_ns, self.plan.sensors.trace_ns
        )

    def leave(self, target: int, now_ns: int) -> None:
        """Have a sensor be there no more: what is in it is lost, it captures nothing."""
        self.crash(target, now_ns, now_ns)
        capture.stop(self.states.clocks, target, now_ns)
        self._put_to_sleep(target, now_ns)

    def _put_to_sleep(self, target: int, now_ns: int) -> None:
        """End the tail of a radio, which is idle when it is used again."""
        self.states.radio_used_ns[target] = NEVER_NS
        self.network.end_tail(target, now_ns, self._in_ports())

    def go_off(self, target: int, now_ns: int) -> None:
        """Have a sensor without power: what is in it is lost, and its frames are skipped."""
        self._lose(target, now_ns)
        self.states.off[target] = 1
        self._put_to_sleep(target, now_ns)

    def come_on(self, target: int, until_ns: int) -> None:
        """Have a sensor with power again; it boots until a time."""
        self.states.off[target] = 0
        self._down_until(target, until_ns)

    def _down_until(self, target: int, until_ns: int) -> None:
        down_ns = self.states.down_until_ns
        down_ns[target] = max(int(down_ns[target]), until_ns)

    def join(self, target: int, now_ns: int) -> None:
        """Have a sensor be there and capture."""
        sensors = self.plan.sensors
        key, phase = sensors.capture_keys[target], sensors.phase[target]
        capture.start(self.states.clocks, target, key, phase, now_ns, sensors.trace_ns)
        self._begin_reports(slice(target, target + 1), now_ns)

    def _begin_reports(self, which: slice, now_ns: int) -> None:
        """Have what some publish and pass on once in a time begin in its turn from now on."""
        states, sensors = self.states, self.plan.sensors
        rules, turn = sensors.setups[states.setup_of[which]], sensors.turn[which]
        first_ns = (turn * rules.publish_interval_ns).astype(np.int64)
        states.dsp.next_publish_ns[which] = now_ns + first_ns
        first_ns = (turn * rules.ask_interval_ns).astype(np.int64)
        states.asked.next_publish_ns[which] = now_ns + first_ns

    def write_model(self, target: int, until_ns: int, setup_row: int) -> None:
        """Give a sensor another setup; it infers nothing until a time."""
        self.states.dsp.blind_until_ns[target] = until_ns
        self.states.setup_of[target] = setup_row

    def outage(self, link: int, now_ns: int, until_ns: int) -> None:
        """Take a sensor's own port down: what is in it departs later by the length of that."""
        hop.outage(
            self.network.store.columns, self._in_ports(), self.network.hops[0], link, now_ns,
            until_ns,
        )  # fmt: skip

    def change_link(self, link: int, now_ns: int, to: Rate | Cap) -> None:
        """Let a sensor's own port have another rate or a new cap from now on."""
        network = self.network
        hop.change(
            network.store.columns, self._in_ports(), network.changing(0), link, now_ns, to,
            network.tally.books(),
        )  # fmt: skip

    def crash(self, target: int, now_ns: int, until_ns: int) -> None:
        """Lose what is in a sensor and skip its frames until it is back."""
        self._down_until(target, until_ns)
        self._lose(target, now_ns)

    def _lose(self, target: int, now_ns: int) -> None:
        """Lose what is in a sensor; whatever computes it is free."""
        self.states.dsp.free_ns[target] = self.states.asked.free_ns[target] = now_ns
        columns, (slots, stages) = self.network.store.columns, self.held
        inside = (columns[SENSOR][slots] == target) & (stages <= COMPUTING)
        for at, column in ((SENSING, SENSED), (COMPUTING, READY)):
            columns[column, slots[inside & (stages == at)]] = -1
        columns[DONE, slots[inside]] = now_ns
        columns[FATE, slots[inside]] = frames.LOST_SENSOR_CRASH
        self.held = Held(slots[~inside], stages[~inside])

    def state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        states = self.states
        return {
            "down_until_ns": int(states.down_until_ns[target]),
            "off": int(states.off[target]),
            "blind_until_ns": int(states.dsp.blind_until_ns[target]),
            "busy_until_ns": int(states.dsp.free_ns[target]),
            "inferences": int(states.dsp.inferences[target]),
            "next_capture_ns": int(states.clocks.next_ns[target]),
            "setup": int(states.setup_of[target]),
        }


def _about(plan: Plan, mine: Ints, states: States) -> Sensors:
    return Sensors(
        mine=mine,
        capture_keys=plan.sensors.capture_keys,
        size_keys=plan.sensors.size_keys,
        sight_keys=plan.sensors.sight_keys,
        to_site=plan.sensors.to_site,
        radios=Radios(plan.sensors.radio_keys, plan.timers, states.radio_used_ns, plan.end_ns),
        trace_ns=plan.sensors.trace_ns,
        setups=plan.sensors.setups,
        sights=plan.eyes.sights,
        states=states,
    )
