"""The clock table: how each sensor's capture times are found."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats, Keys
from fleet.chance import uniforms
from fleet.model import capture
from fleet.model.capture import Clocks
from fleet.plan.draft import Draft
from fleet.plan.limits import check_period
from fleet.plan.rates import period
from fleet.scenario.sensors import Capture


def clock_table(draft: Draft, phase: Floats) -> Clocks:
    """Return the clock table (`fleet.model.capture`).

    Args:
        draft: the sensors and their setups.
        phase: of each sensor, in [0, 1) periods.

    Raises:
        InputError: a rate is too fine.
    """
    scenario, roster = draft.scenario, draft.roster
    table = Clocks.zeros(len(roster))
    for mine, group, setup in draft.kinds():
        spec, rate = scenario.model.sensors[group], setup.duty.rate
        num, den = period(rate)
        lowered = not isinstance(spec.capture, Capture) and rate != spec.rate
        keys = ("arms",) if lowered else ("sensors", group, "rate")
        check_period(scenario, keys, (num, den))
        table.num[mine], table.den[mine] = num, den
        if isinstance(spec.capture, Capture):
            table.kind[mine] = capture.TRACE
            spans = [draft.times.spans.get(roster.names[s], (0, 0, 0)) for s in mine]
            table.first[mine], table.trace_end[mine], table.tick_ns[mine] = np.array(spans).T
        elif spec.capture == "poisson":
            table.kind[mine] = capture.POISSON
        else:
            table.anchor[mine] = capture.anchors_ns(phase[mine], num, den)
    return table


def phases(draft: Draft, keys: Keys, draw: int = 0) -> Floats:
    """Return each sensor's phase in [0, 1) periods; staggered: evenly over its group.

    Args:
        draft: the sensors.
        keys: of each.
        draw: which of its draws is taken where phases are random.
    """
    phase = np.zeros(len(draft.roster))
    for group, spec in draft.scenario.model.sensors.items():
        mine = draft.roster.of_group(group)
        if spec.phase == "random":
            phase[mine] = uniforms(keys[mine], draw)
        elif spec.phase == "staggered":
            phase[mine] = np.arange(len(mine)) / max(1, len(mine))
    return phase
