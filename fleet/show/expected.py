"""What a plan is expected to bring, for `fleet check`, and what stands at its edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fleet.plan import expected
from fleet.plan.columns import Ints, Plan, Pool
from fleet.plan.expected import Flows
from fleet.results.load import server_fps
from fleet.stages import uplink

LITTLE = 0.01
"""Use of a first hop below which no more is told of it."""


def load_facts(plan: Plan) -> dict[str, Any]:
    """Return what the links, servers and sensors of a plan are expected to be asked for."""
    of = expected.flows(plan)
    return {
        "before_changes": expected.changes(plan),
        "links": _links(plan, of),
        "servers": _pools(plan, expected.pool_fps(plan, of), server_fps),
        "decoders": _pools(plan, expected.pool_px(plan, of), _decoder_px),
        "edge_boxes": boxes(plan),
        "groups": {
            name: _group(plan, of, np.flatnonzero(plan.group_of == g))
            for g, name in enumerate(plan.group_names)
            if (plan.group_of == g).any()
        },
    }


def _links(plan: Plan, of: Flows) -> dict[str, dict[str, float]]:
    offered = expected.link_bps(plan, of)
    rate, spent_s = expected.link_possible_bps(plan, offered)
    out = {}
    for c, name in enumerate(plan.class_names):
        mine = plan.class_of == c
        use = offered[mine] / rate[mine]
        out[name] = {
            "count": int(mine.sum()),
            "offered_mbit_s": float(offered[mine].mean()) / 1e6,
            "possible_mbit_s": float(rate[mine].mean()) / 1e6,
            "busiest": float(use.max()),
        }
        first_s = float(spent_s[mine].min())
        if np.isfinite(first_s):
            slow_mbit_s = float(plan.links[mine, uplink.THROTTLED_BPS].mean()) / 1e6
            out[name] |= {"cap_spent_s": first_s, "throttled_mbit_s": slow_mbit_s}
    return out


def _decoder_px(pool: Pool) -> Any:
    return np.array([kind.decoders * kind.decode_px_s for kind in pool.kinds], dtype=np.float64)


def _pools(plan: Plan, offered: Any, speed: Any) -> dict[str, dict[str, float]]:
    """Return what comes to the pools of each region and edge, in frames or pixels a second.

    Autoscaled servers can be as many as their rule allows.
    """
    out = {}
    for entry, pool in enumerate(plan.pools):
        mine = np.flatnonzero(plan.pool_entry == entry)
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


def boxes(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return how many boxes stand at each edge, where, and what is in one of them."""
    out = {}
    for entry, pool in enumerate(plan.pools):
        mine = np.flatnonzero(plan.pool_entry == entry)
        if pool is None or not pool.edge or not len(mine):
            continue
        served = np.isin(plan.pool_of, mine)
        sites = len({plan.site_of[s] for s in np.flatnonzero(served)})
        where = "one a site" if len(mine) == sites else "one a cell"
        out[pool.name] = {
            "boxes": len(mine),
            "where": "for all" if len(mine) == 1 else where,
            "sites": sites,
            "sensors": int(served.sum()),
            "servers_each": {kind.server: kind.count for kind in pool.kinds},
        }
    return out


def box_line(name: str, box: Mapping[str, Any]) -> str:
    """Return the boxes of an edge as a text."""
    each = " and ".join(f"{count} {server}" for server, count in box["servers_each"].items())
    many = "1 box" if box["boxes"] == 1 else f"{box['boxes']:,} boxes"
    sites = f"{box['sites']:,} site{'s' * (box['sites'] > 1)}"
    sensors = f"{sites}, {box['sensors']:,} sensors"
    return f"'{name}' is {many}, {box['where']} ({sensors}), with {each} each"


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
    k = int(plan.setup_of[sensor])
    occupy_ns, compute_ns = int(plan.setups.occupy_ns[k]), int(plan.setups.compute_ns[k])
    name, most = plan.setup_names[k], 1e9 / occupy_ns
    if occupy_ns > compute_ns:
        return f"{name} is published for at most {most:.4g} fps"
    return f"{name} takes {compute_ns / 1e6:.4g} ms a frame, so {most:.4g} fps at most"


def answer_line(group: str, fact: Mapping[str, Any]) -> str:
    """Return what a group's DSPs answer of what they are asked, as a text."""
    skipped = 1 - fact["answered_fps"] / fact["captured_fps"]
    return (
        f"'{group}' answers {fact['answered_fps']:.4g} of {fact['captured_fps']:.4g} fps,"
        f" {skipped:.1%} skipped: {fact['why_skipped']}"
    )


def load_lines(arm: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an arm is expected to bring as lines for people."""
    sends = [
        f"{name} {_number(fact['sent_fps'])}/s of {_number(fact['payload_bytes'])} B"
        for name, fact in facts["groups"].items()
    ]
    yield f"{arm}, sent by a sensor: {', '.join(sends)}"
    if facts["before_changes"]:
        yield f"{arm}: all of this as it begins; events change rates or demand later"
    for name, fact in facts["groups"].items():
        if fact["why_skipped"]:
            yield f"{arm}, DSP: {answer_line(name, fact)}"
    for name, fact in facts["links"].items():
        yield f"{arm}, {name}: {_use(fact, 'mbit_s', 'Mbit/s', 1)}{_spent(fact)}"
    for kind, unit, scale in (("servers", "frames/s", 1), ("decoders", "Mpx/s", 1e6)):
        for name, fact in facts[kind].items():
            yield f"{arm}, {kind} of {name}: {_use(fact, 'per_s', unit, scale)}"
    for name, box in facts["edge_boxes"].items():
        yield f"{arm}, edge: {box_line(name, box)}"
    yield from _first_hops(arm, facts["groups"])


def _first_hops(arm: str, groups: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is told of first hops; those that are hardly used in one line."""
    idle = 0
    for name, fact in groups.items():
        wait_ms, wake_ms = fact["first_hop_wait_ms"], fact["radio_wait_ms"]
        if fact["first_hop_use"] < LITTLE and not wake_ms:
            idle += 1
            continue
        wait = "waits without end" if wait_ms is None else f"waits {_number(wait_ms)} ms at random"
        wake = f", radio wakes for {_number(wake_ms)} ms" if wake_ms else ""
        yield f"{arm}, first hop of '{name}': {fact['first_hop_use']:.1%} used, {wait}{wake}"
    if idle:
        which = "first hops" if idle == len(groups) else "other first hops"
        yield f"{arm}, {which}: less than {LITTLE:.0%} used"


def _use(fact: Mapping[str, Any], ending: str, unit: str, scale: float) -> str:
    """Return what comes over what is possible."""
    offered, possible = fact[f"offered_{ending}"], fact[f"possible_{ending}"]
    text = f"{_number(offered / scale)} of {_number(possible / scale)} {unit}"
    text += f", {offered / possible:.1%}"
    if fact["count"] == 1:
        return text
    return f"{text} (mean of {fact['count']:,}; the busiest {fact['busiest']:.1%})"


def _spent(fact: Mapping[str, Any]) -> str:
    """Return when the first data cap is spent, nothing if none is."""
    if "cap_spent_s" not in fact:
        return ""
    after, slow = _number(fact["cap_spent_s"]), _number(fact["throttled_mbit_s"])
    return f"; the first data cap is spent after {after} s, from then on {slow} Mbit/s"


def _number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"
