"""What a plan is expected to bring, as facts: loads of links and servers, what DSPs skip."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fleet.arrays import Ints
from fleet.model.events import CAP_RENEWED
from fleet.plan import expected
from fleet.plan.expected import Flows
from fleet.plan.plan import Plan
from fleet.plan.plant import Pool
from fleet.results.load import server_fps


def load_facts(plan: Plan) -> dict[str, Any]:
    """Return what the links, servers and sensors of a plan are expected to be asked for."""
    of = expected.flows(plan)
    return {
        "before_changes": expected.changes(plan),
        "links": _links(plan, of),
        "servers": _pools(_with_objects(plan, of), expected.pool_fps(plan, of), server_fps),
        "decoders": _pools(plan, expected.pool_px(plan, of), _decoder_px),
        "edge_boxes": boxes(plan),
        "groups": {
            name: _group(plan, of, np.flatnonzero(plan.sensors.group_of == g))
            for g, name in enumerate(plan.sensors.group_names)
            if (plan.sensors.group_of == g).any()
        },
    }


def _links(plan: Plan, of: Flows) -> dict[str, dict[str, float]]:
    offered = expected.link_bps(plan, of)
    rate, spent_s = expected.link_possible_bps(plan, offered)
    events = plan.control.timetable
    renewed = events[events.kind == CAP_RENEWED]
    out = {}
    for c, name in enumerate(plan.links.class_names):
        mine = plan.links.class_of == c
        use = offered[mine] / rate[mine]
        out[name] = {
            "count": int(mine.sum()),
            "offered_mbit_s": float(offered[mine].mean()) / 1e6,
            "possible_mbit_s": float(rate[mine].mean()) / 1e6,
            "busiest": float(use.max()),
        }
        first_s = float(spent_s[mine].min())
        if np.isfinite(first_s):
            slow_mbit_s = float(plan.links.table.throttled_bps[mine].mean()) / 1e6
            out[name] |= {"cap_spent_s": first_s, "throttled_mbit_s": slow_mbit_s}
            anew_ns = renewed.time_ns[mine[renewed.target]]
            later = anew_ns[anew_ns > first_s * 1e9]
            out[name] |= {"cap_renews_s": float(later.min()) * 1e-9} if len(later) else {}
    return out


def _decoder_px(pool: Pool) -> Any:
    return np.array([kind.decoders * kind.decode_px_s for kind in pool.kinds], dtype=np.float64)


def _pools(plan: Plan, offered: Any, speed: Any) -> dict[str, dict[str, float]]:
    """Return what comes to the pools of each region and edge, in frames or pixels a second.

    Autoscaled servers can be as many as their rule allows.
    """
    out = {}
    for entry, pool in enumerate(plan.pools.entries):
        mine = np.flatnonzero(plan.pools.entry == entry)
        if pool is None or not len(mine):
            continue
        counts = np.array([kind.count for kind in pool.kinds])
        if pool.autoscaling is not None:
            counts[0] = max(counts[0], pool.autoscaling.most)
        possible = float(speed(pool) @ counts)
        if possible and offered[mine].any():
            out[pool.name] = {
                "count": len(mine),
                "offered_per_s": float(offered[mine].mean()),
                "possible_per_s": possible,
                "busiest": float(offered[mine].max()) / possible,
            }
    return out


def _with_objects(plan: Plan, of: Flows) -> Plan:
    """Return a plan whose pools take for a batch what they take with what is found, in the mean."""
    entries = []
    for entry, pool in enumerate(plan.pools.entries):
        if pool is not None:
            mine = np.flatnonzero(np.isin(plan.pools.of, np.flatnonzero(plan.pools.entry == entry)))
            pool = expected.networks_of(plan, of, pool, mine).mean
        entries.append(pool)
    return replace(plan, pools=replace(plan.pools, entries=tuple(entries)))


def boxes(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return how many boxes stand at each edge, where, and what is in one of them."""
    out = {}
    for entry, pool in enumerate(plan.pools.entries):
        mine = np.flatnonzero(plan.pools.entry == entry)
        if pool is None or not pool.edge or not len(mine):
            continue
        served = np.isin(plan.pools.of, mine)
        sites = len({plan.sensors.site_of[s] for s in np.flatnonzero(served).tolist()})
        where = "one a site" if len(mine) == sites else "one a cell"
        out[pool.name] = {
            "boxes": len(mine),
            "where": "for all" if len(mine) == 1 else where,
            "sites": sites,
            "sensors": int(served.sum()),
            "servers_each": {kind.server: kind.count for kind in pool.kinds},
        }
    return out


def _group(plan: Plan, of: Flows, mine: Ints) -> dict[str, Any]:
    """Return what the sensors of a group bring; of their first hop, the one that is used most."""
    hops = [values[mine] for values in expected.first_hops(plan, of)]
    use, wait_s, wake_s = (float(values[np.argmax(hops[0])]) for values in hops)
    return {
        "captured_fps": float(of.fps[mine].mean()),
        "answered_fps": float(of.answered_fps[mine].mean()),
        "sent_fps": float(of.sent_fps[mine].mean()),
        "payload_bytes": float(of.payload_bytes[mine].mean()),
        "wire_bits": float(of.bits[mine].mean()),
        "first_hop_use": use,
        "first_hop_wait_ms": wait_s * 1e3 if np.isfinite(wait_s) else None,
        "radio_wait_ms": wake_s * 1e3,
        "why_skipped": _why(plan, of, int(mine[0])),
    }


def _why(plan: Plan, of: Flows, sensor: int) -> str:
    """Return why a DSP does not answer every frame, nothing if it does."""
    if of.answered_fps[sensor] > of.fps[sensor] * 0.999:
        return ""
    k = int(plan.sensors.setup_of[sensor])
    occupy_ns, compute_ns = (
        int(plan.sensors.setups.occupy_ns[k]),
        int(plan.sensors.setups.compute_ns[k]),
    )
    name, most = plan.sensors.setup_names[k], 1e9 / occupy_ns
    if plan.sensors.setups.then[k] >= 0:
        then, drawn = int(plan.sensors.setups.then[k]), of.drawn[of.kind[sensor]]
        each_ns = int(plan.sensors.setups.compute_ns[then])
        return (
            f"{name} takes {compute_ns / 1e6:.4g} ms a frame, and {each_ns / 1e6:.4g} ms more for"
            f" each of {drawn.mean_objects:.3g} objects in the mean"
        )
    if occupy_ns > compute_ns:
        return f"{name} is published for at most {most:.4g} fps"
    return f"{name} takes {compute_ns / 1e6:.4g} ms a frame, so {most:.4g} fps at most"
