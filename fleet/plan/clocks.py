"""The clock table: how each sensor's capture times are found."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from fleet.model import capture
from fleet.plan.capture_times import CaptureTimes
from fleet.plan.limits import check_period
from fleet.plan.placing import Placed
from fleet.plan.plan import Floats, Ints
from fleet.plan.timetable import period
from fleet.scenario.load import Scenario
from fleet.scenario.schema import Capture


def clock_table(
    scenario: Scenario, placed: Sequence[Placed], rates: Sequence[Fraction], phase: Floats,
    times: CaptureTimes,
) -> Ints:  # fmt: skip
    """Return the clock table (`fleet.model.capture`).

    Args:
        scenario: what the user says.
        placed: the sensors.
        rates: frames a second of each.
        phase: of each, in [0, 1) periods.
        times: what they take from files.

    Raises:
        InputError: a rate is too fine.
    """
    table = np.zeros((len(placed), capture.CLOCK_WIDTH), dtype=np.int64)
    for s, sensor in enumerate(placed):
        spec = scenario.model.sensors[sensor.group]
        num, den = period(rates[s])
        lowered = not isinstance(spec.capture, Capture) and rates[s] != spec.rate
        keys = ("arms",) if lowered else ("sensors", sensor.group, "rate")
        check_period(scenario, keys, (num, den))
        table[s, [capture.NUM, capture.DEN]] = num, den
        if isinstance(spec.capture, Capture):
            table[s, capture.KIND] = capture.TRACE
            taken = [capture.FIRST, capture.TRACE_END, capture.TICK_NS]
            table[s, taken] = times.spans.get(sensor.name, (0, 0, 0))
        elif spec.capture == "poisson":
            table[s, capture.KIND] = capture.POISSON
        else:
            table[s, capture.ANCHOR] = capture.anchor_ns(phase[s], num, den)
    return table
