"""What a plan holds, in a few facts, before it is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.engine.run import default_window_ns
from fleet.plan.columns import EVENT_NAMES, KIND, Plan
from fleet.stages import capture

LIVE_FRAME_S = 0.02
"""Time of a core for a frame at which `eye-small` looks live, rendering included; `fleet bench`
measures it. `eye-large` and codecs take more."""


def plan_facts(plans: Mapping[str, Sequence[Plan]]) -> dict[str, Any]:
    """Return sensors, links, frames and events of the arms of a scenario."""
    first = next(iter(plans.values()))[0]
    clocks = first.clocks
    per_s = float((clocks[:, capture.DEN] / clocks[:, capture.NUM]).sum() * 1e9)
    events = Counter(EVENT_NAMES[k] for p in plans.values() for k in p[0].timetable[:, KIND])
    frames = per_s * first.end_ns / 1e9
    return {
        "arms": list(plans),
        "sensors": {
            name: int((first.group_of == g).sum()) for g, name in enumerate(first.group_names)
        },
        "links": {
            name: int((first.class_of == c).sum()) for c, name in enumerate(first.class_names)
        },
        "frames_per_s": round(per_s, 3),
        "frames_per_arm": round(frames),
        "eyes": {arm: eyes_named(p[0]) for arm, p in plans.items()},
        **(
            {"live_core_hours_per_arm": round(frames * LIVE_FRAME_S / 3600, 2)}
            if first.looks_live
            else {}
        ),
        "window_s": default_window_ns(first) / 1e9,
        "control_events": dict(events),
        "catalogue_values": len({r for p in plans.values() for r in p[0].assumptions}),
        "digests": {arm: p[0].digest() for arm, p in plans.items()},
    }


def eyes_named(plan: Plan) -> str:
    """Return whose sight stands for the models of an arm."""
    return " and ".join(dict.fromkeys(eye.title for eye in plan.eyes)) or "nobody"


def fact_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts as lines for people."""
    for name, fact in facts.items():
        shown = fact
        if isinstance(fact, Mapping):
            shown = ", ".join(f"{k} {_short(v)}" for k, v in fact.items()) or "none"
        elif isinstance(fact, list):
            shown = ", ".join(fact)
        yield f"  {name.replace('_', ' ')}: {_short(shown)}"


def _short(value: object) -> str:
    if isinstance(value, str) and len(value) == 64 and value.isalnum():
        return value[:16]
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
