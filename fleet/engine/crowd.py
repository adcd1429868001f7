"""The scene before the sensors of a shard, second by second."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats, Ints, Record
from fleet.engine.snapshot import State, fields, set_fields
from fleet.model import scene
from fleet.model.events import DEMAND, HOUR
from fleet.model.scene import SECOND_NS
from fleet.plan.plan import Plan

_FIELDS = ("factor", "none", "present", "second", "view", "hour")


def arrivals_per_s(plan: Plan, sensors: Ints, hour: int, factor: Floats) -> Floats:
    """Return the newcomers a second in front of some sensors; shape (len(sensors),), float64.

    Args:
        plan: the plan.
        sensors: their indices.
        hour: column of the demand table.
        factor: demand factor of each of them.
    """
    people: Floats = plan.scene.demand[plan.scene.profile_of[sensors], hour]
    return people * plan.scene.share[sensors] * factor / 3600.0


class Crowd:
    """Objects in view of some sensors; second n is stepped when time n s is passed."""

    def __init__(self, plan: Plan, sensors: Ints, visitors: Ints) -> None:
        """Draw who is in view at time zero.

        Args:
            plan: the plan.
            sensors: their indices.
            visitors: newcomers are added in place; shape (all sensors,).
        """
        self.plan, self.sensors, self.visitors = plan, sensors, visitors
        self.factor = np.ones(plan.size)
        self.none = np.ones(plan.size)
        self.present = np.zeros(len(sensors), dtype=np.int64)
        self.second = 0
        self.view = np.zeros((0, len(sensors)), dtype=np.int64)
        rate = self.set_hour(plan.scene.first_hour)
        mean = np.zeros(plan.size)
        mean[sensors] = rate / (1.0 - plan.scene.stay[sensors])
        scene.begin(plan.sensors.scene_keys, sensors, scene.nobody(mean), self.present)

    def apply(self, event: Record) -> None:
        """Apply a row of the timetable that changes who comes: of the kind HOUR or DEMAND."""
        if event.kind == HOUR:
            self.set_hour(event.a)
        else:
            self.set_factor(event.target, event.a / event.b)

    def set_hour(self, hour: int) -> Floats:
        """Take the arrival rates of an hour of the demand table; return them."""
        self.hour = hour
        return self._set_rates(self.sensors)

    def set_factor(self, sensor: int, factor: float) -> None:
        """Multiply the arrivals in front of a sensor."""
        self.factor[sensor] = factor
        self._set_rates(np.array([sensor]))

    def _set_rates(self, sensors: Ints) -> Floats:
        rate = arrivals_per_s(self.plan, sensors, self.hour, self.factor[sensors])
        self.none[sensors] = scene.nobody(rate)
        return rate

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        return fields(self, _FIELDS)

    def load(self, state: State) -> None:
        """Take a state up again."""
        set_fields(self, state, _FIELDS)

    def look(self, from_ns: int, until_ns: int) -> tuple[int, Ints]:
        """Return (first second, objects by second and sensor) covering from <= t < until."""
        first = from_ns // SECOND_NS
        last = -(-until_ns // SECOND_NS)
        held = self.view[max(0, len(self.view) - (self.second - first)) :]
        fresh = np.zeros((max(0, last - self.second), len(self.sensors)), dtype=np.int64)
        scene.advance(
            self.plan.sensors.scene_keys, self.sensors, self.second, self.present,
            self.plan.scene.stay, self.none, fresh, self.visitors,
        )  # fmt: skip
        self.second += len(fresh)
        self.view = np.concatenate([held, fresh])
        return first, self.view


def newcomers(plan: Plan, sensors: Ints, seconds: Ints) -> Ints:
    """Return who comes into view of some sensors, as in a run; shape (len(seconds) - 1, sensors).

    Args:
        plan: the plan.
        sensors: their indices.
        seconds: ascending; row k counts who comes from seconds[k] on, before seconds[k + 1].
    """
    visitors = np.zeros(plan.size, dtype=np.int64)
    crowd, came, now_ns = Crowd(plan, sensors, visitors), [], 0
    table = plan.control.timetable
    concerns = (table.kind == HOUR) | ((table.kind == DEMAND) & np.isin(table.target, sensors))
    events, due = table[concerns], 0
    for second in seconds.tolist():
        while due < len(events) and events[due].time_ns < second * SECOND_NS:
            event, due = events[due], due + 1
            crowd.look(now_ns, event.time_ns)
            now_ns = event.time_ns
            crowd.apply(event)
        crowd.look(now_ns, second * SECOND_NS)
        now_ns = second * SECOND_NS
        came.append(visitors[sensors])
    counted: Ints = np.array(came)
    return counted[1:] - counted[:-1]
