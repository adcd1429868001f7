"""What a plan holds, in a few facts, before it is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fleet.model import capture
from fleet.model.events import EVENT_NAMES
from fleet.plan import expected
from fleet.plan.light import light_spans
from fleet.plan.people import mean_in_view
from fleet.plan.plan import Plan
from fleet.running.choice import live_core_s
from fleet.running.run import default_window_ns
from fleet.study.expected import load_facts

LOAD = "expected_load"


def plan_facts(plans: Mapping[str, Sequence[Plan]]) -> dict[str, Any]:
    """Return sensors, links, frames and events of the arms of a scenario."""
    first = next(iter(plans.values()))[0]
    per_s = {
        arm: float(capture.frames_per_ns(p[0].sensors.clocks).sum() * 1e9)
        for arm, p in plans.items()
    }
    events = Counter(EVENT_NAMES[k] for p in plans.values() for k in p[0].control.timetable.kind)
    return {
        "arms": list(plans),
        "sensors": {
            name: int((first.sensors.group_of == g).sum())
            for g, name in enumerate(first.sensors.group_names)
        },
        "links": {
            name: int((first.links.class_of == c).sum())
            for c, name in enumerate(first.links.class_names)
        },
        "objects_in_view": {name: round(n, 3) for name, n in mean_in_view(first).items()},
        "light": light_spans(first),
        "frames_per_s": {arm: round(rate, 3) for arm, rate in per_s.items()},
        "frames": {arm: round(expected.frames(p[0])) for arm, p in plans.items()},
        "eyes": {arm: eyes_named(p[0]) for arm, p in plans.items()},
        "sight": {
            arm: sorted({stand_in.text for stand_in in p[0].eyes.stand_ins})
            for arm, p in plans.items()
        },
        **(
            {
                "live_core_hours": {
                    arm: round(live_core_s(p[0]) / 3600, 3) for arm, p in plans.items()
                }
            }
            if first.eyes.looks_live
            else {}
        ),
        "grid": grid_said(grid_facts(first)),
        "window_s": default_window_ns(first) / 1e9,
        "control_events": dict(events),
        "catalogue_values": len({r for p in plans.values() for r in p[0].notes.assumptions}),
        "remarks": remarks(plans),
        "digests": {arm: p[0].digest() for arm, p in plans.items()},
        LOAD: {arm: load_facts(p[0]) for arm, p in plans.items()},
    }


def grid_facts(plan: Plan) -> dict[str, Any]:
    """Return whose electricity a plan uses, and its intensity by the hour if it changes so.

    `co2e_g_per_kwh` is the mean over the time that is measured. `by_hour` has the least and the
    most of an hour in that time; it is None where the intensity is constant.
    """
    grid = plan.money.grid
    held = () if grid.by_hour is None else grid.by_hour.within(plan.warm_up_ns, plan.end_ns)
    return {
        "name": grid.name,
        "from": grid.why,
        "co2e_g_per_kwh": grid.g_per_kwh,
        "by_hour": {"least": min(held), "most": max(held)} if held else None,
    }


def grid_said(facts: Mapping[str, Any]) -> str:
    """Return in words what `grid_facts` tells."""
    mean, hours = f"{facts['co2e_g_per_kwh']:.4g} gCO2e/kWh", facts.get("by_hour")
    if hours is not None:
        mean = f"{hours['least']:.4g} to {hours['most']:.4g}, in the mean {mean}, each hour its own"
    return f"{facts['name']}, {mean} ({facts['from']})"


def remarks(made: Mapping[str, Sequence[Plan]]) -> list[str]:
    """Return what a reader should know of choices that were made for him, and in which arms."""
    arms_of: dict[str, list[str]] = {}
    for arm, each in made.items():
        for remark in each[0].notes.remarks:
            arms_of.setdefault(remark, []).append(arm)
    return [
        remark if len(arms) == len(made) else f"{', '.join(arms)}: {remark}"
        for remark, arms in arms_of.items()
    ]


def eyes_named(plan: Plan) -> str:
    """Return whose sight stands for the models of an arm."""
    return " and ".join(dict.fromkeys(eye.title for eye in plan.eyes.networks)) or "nobody"
