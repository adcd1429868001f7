"""The groups of an arm: their frames, their latency, and whose eyes they have."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.model.books import CAPTURED, FATE_0
from fleet.model.frames import RESULT
from fleet.plan.presence import share_there
from fleet.results.latency import latency_of
from fleet.results.metric import part
from fleet.results.setups import setups_over_time
from fleet.running.run import Outcome


@part("groups")
def groups(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return captured frames, results, latency and eyes of each group of sensors.

    `eyes` are the networks whose sight stands for the group's models, also after rewrites, such as
    'nanodet behind h264-crf28'; none if nobody measured any, or none is asked for. `unseen` sensors
    have at least one model without. `there` is the share of the measured time for which its sensors
    are there, in their mean: less than 1 where some join or leave.
    """
    plan, counts = outcome.plan, outcome.tally.sensors
    sensors, setups = setups_over_time(outcome)
    sight, of = plan.sensors.setups.sight[setups], plan.sensors.group_of[sensors]
    span = np.array([plan.warm_up_ns]), plan.measured_ns
    out = {}
    for g, name in enumerate(plan.sensors.group_names):
        mine = np.flatnonzero(plan.sensors.group_of == g)
        out[name] = {
            "sensors": len(mine),
            "there": float(share_there(plan.control.timetable, mine, *span)[0]),
            "captured": int(counts[mine, CAPTURED].sum()),
            "results": int(counts[mine, FATE_0 + RESULT].sum()),
            "latency_ms": latency_of(outcome, g),
            "eyes": sorted(
                {plan.eyes.networks[e].title for e in np.unique(sight[of == g]) if e >= 0}
            ),
            "unseen": len(np.unique(sensors[(of == g) & (sight < 0)])),
        }
    return out
