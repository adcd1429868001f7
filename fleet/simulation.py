"""A run that a script steps through: look at sensors, have something happen, count, go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import fleet.units as units
from fleet.engine.tally import SENSOR_COLUMNS
from fleet.errors import InputError
from fleet.model.books import CAPTURED, CAPTURED_BEFORE, ENDED_BEFORE, FATE_0
from fleet.model.frames import FATE_NAMES
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.draft import Deployment
from fleet.plan.memo import Memo
from fleet.plan.placing import Placement
from fleet.plan.plan import Plan
from fleet.plan.presence import absent_ns, comings
from fleet.results.metrics import summarise
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import Outcome, start
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.schema import AUTO


@dataclass(frozen=True)
class SensorState:
    """A sensor at one moment.

    Attributes:
        name: its name.
        now_ns: the moment.
        setup: device and model or codec.
        there: whether it is there: it has joined and has not left.
        up: whether it captures.
        blind: whether its model memory is being written.
        busy: whether its DSP infers.
        next_capture_ns: when its next frame is due.
    """

    name: str
    now_ns: int
    setup: str
    there: bool
    up: bool
    blind: bool
    busy: bool
    next_capture_ns: int


class SensorHandle:
    """A sensor of a simulation, addressed by name."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        """Remember which sensor this is."""
        self._simulation = simulation
        self.name = name

    def __repr__(self) -> str:
        return f"<sensor {self.name}>"

    @property
    def state(self) -> SensorState:
        """Return its state now."""
        return self._simulation._state(self.name)

    @property
    def counters(self) -> dict[str, int]:
        """Return its counts so far: frames by fate, bytes, times in ns.

        Those of the warm-up go when the run goes on behind it, all when a window begins.
        """
        return self._simulation._counters(self.name)

    def deploy(self, model: str) -> None:
        """Write a model into the sensor, from now on over its downlink.

        Raises:
            InputError: the model is not known or does not fit, or the sensor does not infer.
        """
        self._simulation.deploy(self.name, model)


class Simulation:
    """One arm of a scenario, run step by step.

    Use it as a context manager, or call `close`.

    Args:
        scenario: what `fleet.load` gave.
        arm: which arm.
        placement: chooses an arm's equipment for each sensor; `arm` is then just a name.
        replication: number of the independent repetition, from 0.
        options: how to run; the default is in this process.
    """

    def __init__(
        self,
        scenario: Scenario,
        arm: str,
        *,
        placement: Placement | None = None,
        replication: int = 0,
        options: Options | None = None,
    ) -> None:
        if scenario.model.warm_up == AUTO:
            raise scenario.error(("warm_up",), "'auto' is found by fleet.run; give a time here")
        self._scenario, self._arm, self._placement = scenario, arm, placement
        self._replication = replication
        self._catalog = catalogue(scenario)
        self._deployments: list[Deployment] = []
        self._events: list[dict[str, Any]] = []
        self._since_ns: int | None = None
        self._memo = Memo()
        self._options = options or Options(executor=ExecutorKind.local)
        self.plan = self._compile()
        self._executor, self._window_ns = start(self.plan, self._options)
        self.now_ns = 0

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of processes and memory."""
        self._executor.close()

    def run(self, until: str | int) -> None:
        """Run up to a time, which is not simulated itself.

        Args:
            until: such as '90 s', or ns; later than now and at most the scenario's duration.

        Raises:
            InputError: the time is not after now or is after the end.
        """
        until_ns = until if isinstance(until, int) else units.time_ns(until)
        if not self.now_ns < until_ns <= self.plan.end_ns:
            raise InputError(
                f"cannot run until {units.format_time_ns(until_ns)}: it is now"
                f" {units.format_time_ns(self.now_ns)} and the scenario ends at"
                f" {units.format_time_ns(self.plan.end_ns)}"
            )
        self._executor.advance(until_ns)
        self.now_ns = until_ns

    @property
    def sensors(self) -> tuple[str, ...]:
        """Return the names of all sensors, sorted."""
        return tuple(self.plan.sensors.names)

    def sensor(self, name: str) -> SensorHandle:
        """Return a sensor by name.

        Raises:
            InputError: there is none of that name.
        """
        self._index(name)
        return SensorHandle(self, name)

    def deploy(self, name: str, model: str) -> None:
        """Write a model into a sensor, from now on over its downlink."""
        if not self.plan.on_sensor[self._index(name)]:
            raise InputError(f"sensor '{name}' does not infer in arm '{self._arm}'; no model fits")
        self._deployments.append(Deployment(self.now_ns, name, model))
        self._amend(self._deployments)

    def event(self, **event: Any) -> None:
        """Have something happen now, which is said as in `events:` of a scenario, without `at`.

        What follows is what would follow if it stood there with this time, to the bit::

            sim.event(outage="fibre", lasts="30 s")          # cut a link
            sim.event(link="fibre", rate="5 Mbit/s")         # or make it slower
            sim.event(profile="camera", rate="5 fps")        # or demand="150 %"
            sim.event(resize="cloud", servers=4)             # servers of a region
            sim.event(crash="camera-3", lasts="1 min")
            sim.event(failure="cabinet", lasts="1 h")        # of what fails together
            sim.event(rewrite="camera", model="eye-small")   # of a group
            sim.event(leave="camera-3")                      # and join, if it is there again
            sim.event(ladder="camera", rung=1)               # of arms with `rule: clock`

        Args:
            event: keys of an event and their values.

        Raises:
            InputError: it is no event, what it names is not there, or who is there is to join or
                who is not to leave.
        """
        if {"at", "mtbf", "mttr"} & set(event):
            raise InputError("an event of a simulation happens now; leave out at, mtbf and mttr")
        self._events.append({"at": f"{self.now_ns} ns", **event})
        self._amend(self._events)

    def begin_window(self) -> None:
        """Count from now on: `summary` and `counters` are then of what comes after.

        It may be called again and again, and gives what a `warm_up` that ends now would give.

        Raises:
            InputError: the warm-up is not over.
        """
        if 0 < self.now_ns <= self.plan.warm_up_ns:
            raise InputError("the warm-up is not over, and its end begins a window of itself")
        if self.now_ns > 0:
            self._executor.forget()
            self._since_ns = self.now_ns

    def summary(self) -> dict[str, Any]:
        """Return the numbers up to now, as the `arms` part of `summary.json`.

        They are those since the last `begin_window`, the end of the warm-up, or the start.

        Raises:
            InputError: nothing has been run yet, or the warm-up only, or nothing in this window.
        """
        if self.now_ns == self._since_ns:
            raise InputError("nothing has been run in this window yet; call run(until=...) first")
        if self.now_ns == 0:
            raise InputError("nothing has been run yet; call run(until=...) first")
        if self.now_ns <= self.plan.warm_up_ns:
            until = units.format_time_ns(self.plan.warm_up_ns)
            raise InputError(
                f"the warm-up lasts until {until} and nothing is counted before; run further first"
            )
        outcome = Outcome(
            plan=replace(
                self.plan, end_ns=self.now_ns, warm_up_ns=self._since_ns or self.plan.warm_up_ns
            ),
            tally=self._executor.tally(),
            in_flight=self._executor.in_flight(),
            queued_bits=self._executor.queued_bits(),
            shards=self._executor.shards,
            window_ns=self._window_ns,
            wall_s=0.0,
            hours=self._executor.hours,
            told=self._executor.told(),
        )
        return summarise(outcome)

    def _amend(self, asked: list[Any]) -> None:
        """Go on with what was asked last; what cannot be is taken back."""
        try:
            plan = self._compile()
            self._check_eyes(plan)
            if asked is self._events:
                self._check_presence(plan, asked[-1])
        except InputError:
            asked.pop()
            raise
        self.plan = plan
        self._executor.amend(plan)

    def _check_eyes(self, plan: Plan) -> None:
        """Refuse other networks where two look at one frame, of which some are under way."""
        if plan.asks.any() and plan.eyes.networks != self.plan.eyes.networks:
            raise InputError(
                "another network looks from now on, and what two see of one frame cannot change"
                " while frames are under way; state it in the scenario's 'events'"
            )

    def _check_presence(self, plan: Plan, event: dict[str, Any]) -> None:
        """Refuse that somebody joins who is there, or leaves who is not."""
        joins = "join" in event
        if not joins and "leave" not in event:
            return
        before, after = (comings(p.control.timetable) for p in (self.plan, plan))
        odd = {sensor for at_ns, sensor, _ in before ^ after if at_ns < self.now_ns}
        if odd:
            why = "has not left, so it cannot join" if joins else "is not there, so it cannot leave"
            more = f", like {len(odd) - 1:,} more," if len(odd) > 1 else ""
            raise InputError(f"sensor '{plan.sensors.names[min(odd)]}'{more} {why}; name others")
        if before == after:
            who = f"everybody of '{event['join']}'" if joins else f"nobody of '{event['leave']}'"
            raise InputError(f"{who} is there, so nobody can {'join' if joins else 'leave'}")

    def _compile(self) -> Plan:
        scenario = self._scenario
        if self._events:
            _, *said = self._events[-1].items()
            asks = f"event({', '.join(f'{key}={value!r}' for key, value in said)})"
            scenario = scenario.happening(self._events, asks)
        return compile_plan(
            scenario,
            self._catalog,
            self._arm,
            replication=self._replication,
            placement=self._placement,
            deployments=self._deployments,
            memo=self._memo,
        )

    def _index(self, name: str) -> int:
        index = self.plan.index.get(name)
        if index is None:
            hint = did_you_mean(name, self.plan.sensors.names)
            raise InputError(f"no sensor '{name}'{hint}; see Simulation.sensors")
        return index

    def _state(self, name: str) -> SensorState:
        index, at_ns = self._index(name), min(self.now_ns, self.plan.end_ns - 1)
        state = self._executor.sensor_state(index)
        table, one = self.plan.control.timetable, np.array([index])
        there = not absent_ns(table, one, np.array([at_ns]), np.array([at_ns + 1])).any()
        return SensorState(
            name=name,
            now_ns=self.now_ns,
            setup=self.plan.sensors.setup_names[state["setup"]],
            there=there,
            up=there and not state["off"] and state["down_until_ns"] <= self.now_ns,
            blind=state["blind_until_ns"] > self.now_ns,
            busy=state["busy_until_ns"] > self.now_ns,
            next_capture_ns=state["next_capture_ns"],
        )

    def _counters(self, name: str) -> dict[str, int]:
        row = self._executor.tally().sensors[self._index(name)]
        fates = {f"frames_{n}": int(row[FATE_0 + f]) for f, n in FATE_NAMES.items() if f}
        ended = sum(fates.values()) + int(row[ENDED_BEFORE])
        return {
            **{column: int(row[c]) for c, column in enumerate(SENSOR_COLUMNS)},
            **fates,
            "frames_in_flight": int(row[[CAPTURED, CAPTURED_BEFORE]].sum()) - ended,
        }
