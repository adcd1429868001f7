"""What is plain: which shards can run in lanes, and when."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Bools, Floats
from fleet.columns.device import States
from fleet.columns.shard import Shard
from fleet.lanes.fold import due_ns
from fleet.lanes.records import MOST_OBJECTS, MOST_ROWS
from fleet.lanes.spell import ready_after
from fleet.model.capture import NEVER_NS, PERIODIC
from fleet.model.events import DEMAND, HOUR, LINK_RATE
from fleet.model.frames import (
    CAPTURE,
    COMPUTING,
    FATE,
    FRAME,
    IN_FLIGHT,
    IN_PORT,
    LEVELS,
    READY,
    SENSED,
    SENSOR,
    SETUP,
)
from fleet.model.scene import SECOND_NS
from fleet.plan.partition import END_PLACE, Territory
from fleet.plan.plan import Plan

_MOST_BYTES = 1 << 28
_LARGEST_DRAW = 40
"""An exponential draw is below this many means."""

HARMLESS = (HOUR, DEMAND)
"""Control events that change who walks past, and nothing of sensors, links and frames."""


def may_be_plain(plan: Plan, territory: Territory) -> bool:
    """Return whether a shard can be plain at all.

    All of the way of its sensors' frames is in it. No link loses segments, has a cap, is a radio
    cell or changes its rate; every sensor has a port of its own and a radio that never sleeps, if
    any; results are made on sensors or at regions, which serve who comes first. Nobody looks live,
    passes on what it has inferred, or is told another rung by a controller.
    """
    links, level = plan.links.table, plan.pools.level[plan.pools.of >= 0]
    return bool(
        (territory.leave == END_PLACE).all()
        and (territory.enter == 0).all()
        and (plan.links.of[0] >= 0).all()
        and not ((links.loss_ppb > 0) | (links.cap_bits > 0) | (links.air_bps > 0)).any()
        and not ((plan.timers.promotion_ns > 0) | (plan.timers.drx_wait_ns > 0)).any()
        and (level == LEVELS - 1).all()
        and not any(pool.tenants for pool in plan.pools.entries if pool is not None)
        and not plan.eyes.looks_live
        and not plan.feedback.is_there
        and (plan.sensors.setups.ask < 0).all()
        and not (plan.control.timetable.kind == LINK_RATE).any()
        and (_in_view(plan) < MOST_OBJECTS / 2).all()
        and len(plan.eyes.sights.rows) <= MOST_ROWS
    )


def is_plain(shard: Shard) -> bool:
    """Return whether a shard, which may be plain, is plain as it stands now.

    All sensors are there, capture periodically and publish all that they infer; what is under way
    was made by the setups and clocks that there are now.
    """
    now_ns, plan, states = shard.env.now, shard.plan, shard.devices.states
    down = shard.network.ports.down_until_ns[plan.links.of[0]]
    return bool(
        (states.clocks.kind == PERIODIC).all()
        and (states.clocks.next_ns < NEVER_NS).all()
        and (plan.sensors.setups.publish_every[states.setup_of] == 1).all()
        and (down <= now_ns).all()
        and all((p.down_until_ns <= now_ns).all() for p in shard.network.pools if p is not None)
        and _fit(plan, states)
        and _can_capture_again(shard)
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


def _can_capture_again(shard: Shard) -> bool:
    """Return whether the frames in sensors can be given back to their clocks.

    These are still the clocks and the models by which they were captured, no frame behind them was
    skipped as its DSP was taken, and who was in view is still known.
    """
    held, columns = shard.devices.held, shard.store.columns
    states, plan, crowd = shard.devices.states, shard.plan, shard.devices.crowd
    inside = held.slots[held.stages <= COMPUTING]
    s, frame, captured = (columns[c, inside] for c in (SENSOR, FRAME, CAPTURE))
    in_port = held.slots[held.stages == IN_PORT]
    own = plan.links.of[0, columns[SENSOR, in_port]]
    earliest = int(captured.min(initial=crowd.second * SECOND_NS)) // SECOND_NS
    return bool(
        (due_ns(states.clocks, s, frame) == captured).all()
        and (frame >= states.clocks.first[s]).all()
        and not (may_skip(plan, states)[s]).any()
        and (states.dsp.blind_until_ns[s] <= captured).all()
        and (shard.network.ports.down_until_ns[own] <= columns[READY, in_port]).all()
        and earliest >= crowd.second - len(crowd.view)
    )


def may_skip(plan: Plan, states: States) -> Bools:
    """Return which sensors' DSPs may still be taken when the next frame comes."""
    setups = plan.sensors.setups[states.setup_of]
    period = states.clocks.num // states.clocks.den
    taken: Bools = (setups.on_sensor == 1) & (setups.occupy_ns > period)
    return taken
