"""Which light there is before the sensors of a plan, and what a reader is told of it."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.model.sight import LIGHTS
from fleet.plan.apps import indoors
from fleet.plan.draft import Draft
from fleet.plan.equipment import Setup
from fleet.plan.local_time import begins, zone_of
from fleet.plan.plan import Plan
from fleet.plan.video import Means
from fleet.scenario.load import Scenario

MOST_APART_H = 3.5
"""No clock of a place is further from its sun's: the west of China is 3.4 h behind Beijing's."""
_MOST_SPANS = 100
"""So many changes of light are told one by one."""


def tell_light(draft: Draft) -> None:
    """Tell a reader which light there is, if it decides anything.

    Raises:
        InputError: it does, and nothing says where the sensors are.
    """
    model, place = draft.scenario.model, draft.place
    if not any(_by_light(draft, setup) for setup in draft.setups):
        return
    if model.light != "sun":
        draft.remarks.append(f"It is {model.light} throughout, as the scenario says.")
        return
    if place is None:
        zone = model.timezone
        why = f" (no city is known for the time zone '{zone}')" if zone else ""
        add = "a" if zone else "a 'timezone', a"
        raise draft.scenario.error(
            ("start",),
            "whether it is day then decides what is seen and sent, and nothing says where the"
            f" sensors are{why}: add {add} 'place: {{lat: 60.2, lon: 24.9}}', or 'light: day'",
        )
    spans = _spans(*draft.lights)
    told = ", ".join(f"{name} {when}" if when else name for when, name in spans[:_MOST_SPANS])
    told += " and so forth" if len(spans) > _MOST_SPANS else ""
    draft.remarks.append(f"It is {told}, by the sun at {place}.")
    apart_h = _clock_apart_h(draft.scenario, place.lon)
    if abs(apart_h) > MOST_APART_H:
        draft.remarks.append(
            f"The clock of {model.timezone} is {abs(apart_h):.1f} h"
            f" {'ahead of' if apart_h > 0 else 'behind'} the sun at {place}: see whether 'place',"
            " 'timezone' and 'start' belong together."
        )


def _by_light(draft: Draft, setup: Setup) -> bool:
    """Return whether light decides what is seen with a setup, or how large its frames are."""
    sizes = {kind: {setup.row[f"{kind}_{light}"] for light in LIGHTS} for kind in Means._fields}
    sees = setup.row["sight"] >= 0 and not indoors(draft.reader, setup.duty.app)
    return sees or any(len(of_kind) > 1 for of_kind in sizes.values())


def light_by_second(plan: Plan, first_second: int, seconds: int) -> Ints:
    """Return the light in each of some seconds of a run; shape (seconds,)."""
    when = np.arange(first_second, first_second + seconds)
    light: Ints = plan.scene.light_then[
        np.searchsorted(plan.scene.light_from_s, when, side="right") - 1
    ]
    return light


def light_spans(plan: Plan) -> dict[str, str]:
    """Return by time since the start of a run which light there is from then on, in words."""
    return {
        when or "at first": name
        for when, name in _spans(
            plan.scene.light_from_s[:_MOST_SPANS], plan.scene.light_then[:_MOST_SPANS]
        )
    }


def _spans(from_s: Ints, light: Ints) -> list[tuple[str, str]]:
    """Return (from when, nothing for the start; which light) in words."""
    return [
        (f"from {at_s // 3600}:{at_s // 60 % 60:02d} h on" if at_s else "", LIGHTS[k])
        for at_s, k in zip(from_s.tolist(), light.tolist(), strict=True)
    ]


def _clock_apart_h(scenario: Scenario, longitude: float) -> float:
    """Return how far the clock of a scenario is ahead of the sun's; h."""
    zone = zone_of(scenario)
    if zone is None:
        return 0.0
    ahead = scenario.model.start_time - begins(scenario, zone).replace(tzinfo=None)
    return (ahead.total_seconds() / 3600 - longitude / 15 + 12) % 24 - 12
