"""The plan: everything that a run needs and nothing else, in groups of read-only columns."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.model.events import HOUR
from fleet.model.frames import LEVELS
from fleet.model.radio import Timers
from fleet.plan.batteries import Batteries
from fleet.plan.groups import (
    Control,
    Eyes,
    Frozen,
    Links,
    Money,
    Notes,
    Pools,
    Scene,
    Sensors,
)
from fleet.plan.plant import Pool
from fleet.plan.stations import Stations
from fleet.plan.talking import Feedback

MOST_HOURS = 31 * 24
"""Of more hours nothing is told one by one."""


@dataclass(frozen=True)
class Plan:
    """A compiled arm of a scenario; the groups say what they hold (`fleet.plan.groups`).

    Attributes:
        scenario, scenario_digest, arm, seed, replication: of what it is the plan.
        end_ns, warm_up_ns: horizon, frames under way then are in flight; what is not counted.
    """

    scenario: str
    scenario_digest: str
    arm: str
    seed: int
    replication: int
    end_ns: int
    warm_up_ns: int
    sensors: Sensors
    scene: Scene
    links: Links
    pools: Pools
    eyes: Eyes
    money: Money
    control: Control
    feedback: Feedback
    batteries: Batteries
    stations: Stations
    notes: Notes

    @property
    def size(self) -> int:
        """Return the number of sensors."""
        return len(self.sensors.ids)

    @property
    def measured_ns(self) -> int:
        """Return the length of the span in which is counted; ns."""
        return self.end_ns - self.warm_up_ns

    @cached_property
    def marks_ns(self) -> tuple[int, ...]:
        """Return when another hour begins behind the warm-up, or another price or grid; ns.

        Hours themselves only as far as they can be told one by one (`MOST_HOURS`).
        """
        events = self.control.timetable
        hours = set(events.time_ns[events.kind == HOUR].tolist())
        # Of so many hours none is told, and where nothing changes by the hour none is needed.
        begins = hours if len(hours) <= MOST_HOURS else set()
        begins.update(at for steps in self.money.by_hour for at in steps.starts_ns)
        return tuple(sorted(at for at in begins if self.warm_up_ns < at < self.end_ns))

    @cached_property
    def cuts_ns(self) -> tuple[int, ...]:
        """Return where no window may lie across: the end of the warm-up, marks, and looks; ns."""
        if not self.is_watched:
            return (self.warm_up_ns, *self.marks_ns)
        periods = {one.every_ns for one in self.feedback.controllers}
        periods |= {one.every_ns for one in self.batteries.kinds}
        periods -= {0}  # clocks do not look
        looks = {at for every in periods for at in range(every, self.end_ns, every)}
        said = np.unique(self.feedback.planned.time_ns).tolist()
        return tuple(sorted({self.warm_up_ns, *self.marks_ns, *looks, *said}))

    @property
    def is_watched(self) -> bool:
        """Return whether anybody looks at sensors on the way: controllers, or at batteries."""
        return self.feedback.is_there or self.batteries.is_there

    @property
    def lookahead_ns(self) -> int:
        """Return how far a shard may run ahead; ns."""
        least = self.feedback.lookahead_ns
        return self.control.lookahead_ns if least is None else least

    def asked_period(self, sensor: int, now_ns: int, *, at_now: bool) -> tuple[int, int]:
        """Return the period num/den ns that a sensor is asked for, whatever its rung.

        Args:
            sensor: which.
            now_ns: when.
            at_now: whether what the timetable has at that very time has happened.
        """
        clock = self.sensors.clocks[sensor]
        period = int(clock.num), int(clock.den)
        for at_ns, num, den in self.control.rates.get(sensor, ()):
            if at_ns < now_ns + at_now:
                period = num, den
        return period

    @cached_property
    def index(self) -> dict[str, int]:
        """Return the index of each sensor name."""
        return {name: i for i, name in enumerate(self.sensors.names)}

    @cached_property
    def asks(self) -> NDArray[np.bool_]:
        """Return which sensors pass some frames on to servers; shape (sensors,)."""
        passes: NDArray[np.bool_] = self.sensors.setups.ask[self.sensors.setup_of] >= 0
        return passes

    @cached_property
    def on_sensor(self) -> Ints:
        """Return 1 for each sensor that infers itself, else 0; a rewrite does not change it."""
        return self.sensors.setups.on_sensor[self.sensors.setup_of]

    @cached_property
    def ends_at_site(self) -> NDArray[np.bool_]:
        """Return for each sensor whether its results are made and used at the site."""
        own = (self.on_sensor == 1) & ~self.asks
        ends: NDArray[np.bool_] = own & (self.sensors.to_site == 1)
        return ends

    @cached_property
    def has_edges(self) -> bool:
        """Return whether any frame is served before it is at its region."""
        return bool(((self.pools.of >= 0) & (self.pools.level < LEVELS - 1)).any())

    @cached_property
    def timers(self) -> Timers:
        """Return the timers of each sensor's radio."""
        return Timers(
            *(
                np.array([getattr(r, f) for r in self.links.radios], dtype=np.int64)[
                    self.links.radio_of
                ]
                for f in Timers._fields
            )
        )

    def pool(self, index: int) -> Pool:
        """Return the entry of a pool that has sensors."""
        pool = self.pools.entries[int(self.pools.entry[index])]
        assert pool is not None
        return pool

    def network_of(self, sensor: int) -> int:
        """Return for which of its pool's networks the frames of a sensor are that it serves."""
        tenants = self.pool(int(self.pools.of[sensor])).tenants
        return 0 if tenants is None else int(tenants.network[self.sensors.group_of[sensor]])

    @cached_property
    def server_rows(self) -> int:
        """Return the number of rows of the table of servers."""
        return int(self.pools.kinds.sum())

    def digest(self) -> str:
        """Return the SHA-256 of all fields, groups by their own digests."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        values = (
            (field.name, getattr(self, field.name))
            for field in fields(self)
            if field.name not in ("feedback", "batteries")
            or getattr(self, field.name).is_there  # plans without are as they were
        )
        known = {n: v.digest if isinstance(v, Frozen) else v for n, v in values}
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()
