"""What is plain: which parts of a plan run in lanes from time zero."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Bools
from fleet.lanes.records import MOST_ROWS
from fleet.model.capture import PERIODIC
from fleet.model.events import DEMAND, HOUR
from fleet.model.frames import LEVELS
from fleet.plan.partition import END_PLACE, Territory
from fleet.plan.plan import Plan


def is_plain(plan: Plan, territory: Territory) -> bool:
    """Return whether the whole of a shard is plain, so that it runs in lanes.

    Its sensors' frames end in it, and every sensor is plain (`plain_sensors`); its links lose
    nothing, have no cap and are no radio cells; its servers are at regions; nothing is forgotten
    after a warm-up; networks do not look live; and control changes who walks past, if anything.
    """
    links = plan.links.table
    kinds = plan.control.timetable[territory.concerns(plan.control.timetable)].kind
    return bool(
        (territory.leave == END_PLACE).all()
        and (territory.enter == 0).all()
        and plain_sensors(plan).all()
        and not ((links.loss_ppb > 0) | (links.cap_bits > 0) | (links.air_bps > 0)).any()
        and plan.warm_up_ns == 0
        and not plan.eyes.looks_live
        and len(plan.eyes.sights.rows) <= MOST_ROWS
        and np.isin(kinds, (HOUR, DEMAND)).all()
    )


def plain_sensors(plan: Plan) -> Bools:
    """Return which sensors are plain; shape (sensors,).

    A plain sensor captures periodically, publishes every inference, has a port of its own with a
    radio that never sleeps, if any, and its results are used or made behind that.
    """
    sensors, timers = plan.sensors, plan.timers
    setups = sensors.setups[sensors.setup_of]
    sleeps = np.any([ns > 0 for ns in timers], axis=0)
    served = plan.pools.of >= 0
    plain: Bools = (
        (sensors.clocks.kind == PERIODIC)
        & (setups.publish_every == 1)
        & (plan.links.of[0] >= 0)
        & ~plan.ends_at_site
        & ~sleeps
        & (~served | (plan.pools.level == LEVELS - 1))
    )
    return plain
