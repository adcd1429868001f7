"""What is plain: which shards can run in lanes, and when."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats
from fleet.columns.device import States
from fleet.columns.shard import Shard
from fleet.lanes.inside import can_capture_again
from fleet.lanes.records import MOST_OBJECTS, MOST_ROWS
from fleet.lanes.spell import ready_after
from fleet.model.events import DEMAND, HOUR
from fleet.model.frames import (
    CAPTURE,
    FATE,
    IN_FLIGHT,
    LEVELS,
    READY,
    SENSED,
    SENSOR,
    SETUP,
)
from fleet.plan.partition import END_PLACE, Territory
from fleet.plan.plan import Plan

_MOST_BYTES = 1 << 28
_LARGEST_DRAW = 40
"""An exponential draw is below this many means."""

HARMLESS = (HOUR, DEMAND)
"""Control events that change who walks past, and nothing of sensors, links and frames."""


def may_be_plain(plan: Plan, territory: Territory) -> bool:
    """Return whether a shard can be plain at all.

    All of the way of its sensors' frames is in it. No link is a radio cell; every sensor has a port
    of its own and a radio that never sleeps, if any; results are made on sensors or at regions,
    which serve who comes first. Nobody looks live, passes on what it has inferred, runs a second
    network on what the first finds, is told another rung by a controller, or lives on a battery.
    """
    level = plan.pools.level[plan.pools.of >= 0]
    return bool(
        (territory.leave == END_PLACE).all()
        and (territory.enter == 0).all()
        and (plan.links.of[0] >= 0).all()
        and not (plan.links.table.air_bps > 0).any()
        and not ((plan.timers.promotion_ns > 0) | (plan.timers.drx_wait_ns > 0)).any()
        and (level == LEVELS - 1).all()
        and not any(pool.tenants or pool.then for pool in plan.pools.entries if pool is not None)
        and not plan.eyes.looks_live
        and not plan.is_watched
        and (plan.sensors.setups.ask < 0).all()
        and (plan.sensors.setups.then < 0).all()
        and (_in_view(plan) < MOST_OBJECTS / 2).all()
        and len(plan.eyes.sights.rows) <= MOST_ROWS
    )


def is_plain(shard: Shard) -> bool:
    """Return whether a shard, which may be plain, is plain as it stands now.

    DSPs know exactly when frames come; what is under way was made by the setups and clocks, and is
    sent at the rates, that there are now.
    """
    now_ns, plan, states = shard.env.now, shard.plan, shard.devices.states
    down = shard.network.ports.down_until_ns[plan.links.of[0]]
    inexact = (states.dsp.tick_ns > 0) & (plan.on_sensor == 1)
    return bool(
        not inexact.any()
        and (shard.network.ports.spent_ns == 0).all()
        and (down <= now_ns).all()
        and all((p.down_until_ns <= now_ns).all() for p in shard.network.pools if p is not None)
        and _fit(plan, states)
        and can_capture_again(shard)
        and _as_now(shard)
    )


def _fit(plan: Plan, states: States) -> bool:
    """Return whether the bytes of any frame fit a record, by far."""
    setups = plan.sensors.setups[np.unique(states.setup_of)]
    per_object = setups.pixels_per_object + 2 * setups.metadata_per_object
    still = setups.pixels_base + 2 * setups.metadata_base + setups.metadata_envelope
    video = setups.i_bytes.max(axis=1) * _LARGEST_DRAW
    return bool((still + per_object * setups.metadata_most + video < _MOST_BYTES).all())


def _in_view(plan: Plan) -> Floats:
    """Return the mean number of objects in view of each sensor, at its most; shape (sensors,)."""
    scene, events = plan.scene, plan.control.timetable
    demands = events[events.kind == DEMAND]
    factor = float((demands.a / demands.b).max(initial=1.0))
    busiest = scene.demand.max(axis=1)[scene.profile_of] * scene.share * factor / 3600
    mean: Floats = busiest / (1.0 - scene.stay)
    return mean


def _as_now(shard: Shard) -> bool:
    """Return whether all frames under way were made by present setups, in the times these take."""
    columns, setups = shard.store.columns, shard.plan.sensors.setups
    flying = columns[:, columns[FATE] == IN_FLIGHT]
    k = shard.devices.states.setup_of[flying[SENSOR]]
    sensed, ready = flying[CAPTURE] + setups.sense_ns[k], flying[CAPTURE] + ready_after(setups)[k]
    timed = (flying[SENSED] == sensed) & ((flying[READY] == ready) | (flying[READY] < 0))
    made = (flying[SETUP] == k) | (flying[SETUP] < 0)
    return bool((timed & made).all())
