"""What a plan is expected to bring, for `fleet check`, and what stands at its edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LITTLE = 0.01
"""Use of a first hop below which no more is told of it."""


def box_line(name: str, box: Mapping[str, Any]) -> str:
    """Return the boxes of an edge as a text."""
    each = " and ".join(f"{count} {server}" for server, count in box["servers_each"].items())
    many = "1 box" if box["boxes"] == 1 else f"{box['boxes']:,} boxes"
    sites = f"{box['sites']:,} site{'s' * (box['sites'] > 1)}"
    sensors = f"{sites}, {box['sensors']:,} sensors"
    return f"'{name}' is {many}, {box['where']} ({sensors}), with {each} each"


def answer_line(group: str, fact: Mapping[str, Any]) -> str:
    """Return what a group's DSPs answer of what they are asked, as a text."""
    skipped = 1 - fact["answered_fps"] / fact["captured_fps"]
    return (
        f"'{group}' answers {fact['answered_fps']:.4g} of {fact['captured_fps']:.4g} fps,"
        f" {skipped:.1%} skipped: {fact['why_skipped']}"
    )


AS_IT_BEGINS = (
    "all of this with all sensors there, at the frame rates and the demand of the start and the"
    " mean rates of links; these change on the way"
)
"""What holds of loads of an arm that changes."""


def load_lines(arm: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an arm is expected to bring as lines for people."""
    sends = [
        f"{name} {_number(fact['sent_fps'])}/s of {_number(fact['payload_bytes'])} B"
        for name, fact in facts["groups"].items()
    ]
    yield f"{arm}, sent by a sensor: {', '.join(sends)}"
    if facts["before_changes"]:
        yield f"{arm}: {AS_IT_BEGINS}"
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
    told = f"; the first data cap is spent after {after} s, from then on {slow} Mbit/s"
    if "cap_renews_s" in fact:
        told += f", until it starts anew after {_number(fact['cap_renews_s'])} s"
    return told


def _number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"
