"""The groups of an arm: their frames, their latency, and whose eyes they have."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.model.books import CAPTURED, FATE_0
from fleet.model.frames import RESULT
from fleet.results.latency import latency_of
from fleet.results.metric import part
from fleet.results.setups import setups_over_time
from fleet.running.run import Outcome


@part("groups")
def groups(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return captured frames, results, latency and eyes of each group of sensors.

    `eyes` are the networks whose sight stands for the group's models, also after rewrites, such as
    'nanodet behind h264-crf28'; none if nobody measured any, or none is asked for. `unseen` sensors
    have at least one model without.
    """
    plan, counts = outcome.plan, outcome.tally.sensors
    sensors, setups = setups_over_time(plan)
    sight, of = plan.sensors.setups.sight[setups], plan.sensors.group_of[sensors]
    return {
        name: {
            "sensors": int((plan.sensors.group_of == g).sum()),
            "captured": int(counts[plan.sensors.group_of == g, CAPTURED].sum()),
            "results": int(counts[plan.sensors.group_of == g, FATE_0 + RESULT].sum()),
            "latency_ms": latency_of(outcome, g),
            "eyes": sorted(
                {plan.eyes.networks[e].title for e in np.unique(sight[of == g]) if e >= 0}
            ),
            "unseen": len(np.unique(sensors[(of == g) & (sight < 0)])),
        }
        for g, name in enumerate(plan.sensors.group_names)
    }
