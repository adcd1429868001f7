"""Eyes that look while the simulation runs: what networks find on the frames that are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from fleet.arrays import Ints, Record
from fleet.eyes.eye import Eye, Moment
from fleet.model import capture
from fleet.model.capture import Clocks
from fleet.model.scene import SECOND_NS
from fleet.plan.plan import Plan


class Eyes(Protocol):
    """Networks that look at what they are asked to."""

    def look(self, moments: Sequence[Moment]) -> list[int]:
        """Return what is seen of each frame."""


OpenEyes = Callable[[tuple[Eye, ...]], Eyes]
"""Opens the networks of a plan; engines do not know how that is done."""


class Looker:
    """The eyes of the sensors in one process: a session for each network."""

    def __init__(self, plan: Plan, open_eyes: OpenEyes) -> None:
        """Open the networks of a plan."""
        self.plan, self.eyes = plan, open_eyes(plan.eyes.networks)

    def look(
        self, clocks: Clocks, setup_of: Ints, mine: Ints, until_ns: int, due: int,
        first_second: int, view: Ints, lights: Ints,
    ) -> Ints:  # fmt: skip
        """Return what is seen of the frames due, in the order in which they are captured.

        Args:
            clocks: of all sensors.
            setup_of: setup of each.
            mine: the sensors.
            until_ns: end of the span.
            due: frames due before it.
            first_second: second of `view[0]` and `lights[0]`.
            view: objects in view by second; shape (seconds, sensors here).
            lights: light by second; shape (seconds,).
        """
        plan = self.plan
        places, times_ns = np.empty((2, due), dtype=np.int64)
        capture.list_due(
            clocks,
            plan.sensors.capture_keys,
            plan.sensors.trace_ns,
            mine,
            until_ns,
            places,
            times_ns,
        )
        moments = []
        for place, at_ns in zip(places, times_ns, strict=True):
            s, second = mine[place], at_ns // SECOND_NS
            row = second - first_second
            moments.append(
                moment(
                    plan, int(s), int(setup_of[s]), clocks[s], int(at_ns),
                    int(view[row, place]), int(lights[row]),
                )
            )  # fmt: skip
        return np.array(self.eyes.look(moments), dtype=np.int64)

    def see(
        self, sensor: int, setup: int, clock: Record, at_ns: int, objects: int, light: int
    ) -> int:
        """Return what is seen of one frame."""
        return self.eyes.look([moment(self.plan, sensor, setup, clock, at_ns, objects, light)])[0]


def looker_of(plan: Plan, open_eyes: OpenEyes) -> Looker | None:
    """Return the eyes that look while the simulation runs; None if frames take rows of traces."""
    return Looker(plan, open_eyes) if plan.eyes.looks_live else None


def moment(
    plan: Plan, sensor: int, setup: int, clock: Record, at_ns: int, objects: int, light: int
) -> Moment:
    """Return what an eye is to look at: which frame of its second, by the sensor's own rate.

    The time is rounded down: the frame is the last that is due before the next nanosecond.
    """
    second, into_ns = divmod(at_ns, SECOND_NS)
    num, den = int(clock.num), int(clock.den)
    return Moment(
        eye=int(plan.sensors.setups.sight[setup]),
        light=light,
        key=int(plan.sensors.sight_keys[sensor]),
        second=second,
        objects=objects,
        frame=((into_ns + 1) * den - 1) // num if num else 0,
        rate_fps=max(1.0, SECOND_NS * den / num) if num else 1.0,
    )
