"""Who walks past the sensors: people an hour at each site, and what of them a sensor sees."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.chance import exp_minus
from fleet.model.scene import MAX_MEAN
from fleet.plan import timetable
from fleet.plan.draft import Draft
from fleet.plan.placing import city_demand
from fleet.plan.plan import Floats, Ints, Plan
from fleet.scenario.city import HOURS, Demand
from fleet.scenario.load import did_you_mean


def scene_columns(draft: Draft) -> dict[str, Any]:
    """Return the columns of a plan that say who walks past its sensors.

    Raises:
        InputError: an app is not known, or too many would be in view.
    """
    table = city_demand(draft.scenario)
    demand, profile_of = _profiles(draft, table)
    stay, share = _apps(draft)
    _check_crowds(draft, demand, profile_of, stay, share)
    _tell_empty(draft, demand, profile_of)
    return {
        "stay": stay,
        "share": share,
        "profile_of": profile_of,
        "demand": demand,
        "first_hour": timetable.hour_column(draft.scenario.model.start_time),
    }


def _profiles(draft: Draft, table: Demand | None) -> tuple[Floats, Ints]:
    """Return (people an hour by profile and hour, profile of each sensor).

    The counters of the city's table come first, then what groups say themselves. Where nobody says
    anything nobody comes.
    """
    rows = [np.zeros(HOURS)] if table is None else list(table.people_per_h)
    own: dict[str, int] = {}
    for group, spec in draft.scenario.model.sensors.items():
        if spec.demand is not None:
            own[group] = len(rows)
            rows.append(np.array([float(people) for people in spec.demand]))
    profile_of = [
        own[s.group] if s.group in own else table.profile(s.site.footfall_rank) if table else 0
        for s in draft.placed
    ]
    return np.array(rows), np.array(profile_of, dtype=np.int64)


def _apps(draft: Draft) -> tuple[Floats, Floats]:
    """Return (probability to stay a second, share of the footfall) of each sensor."""
    apps = {}
    for group, spec in draft.scenario.model.sensors.items():
        known = draft.reader.items("apps")
        if spec.app not in known:
            raise draft.scenario.error(
                ("sensors", group, "app"),
                f"no app '{spec.app}'{did_you_mean(spec.app, known)}; known: {', '.join(known)}",
            )
        dwell_s = draft.reader.time_ns("apps", spec.app, "dwell") / 1e9
        share = float(draft.reader.number("apps", spec.app, "share"))
        apps[group] = (exp_minus(1.0 / dwell_s), share)
    both = np.array([apps[s.group] for s in draft.placed])
    return both[:, 0].copy(), both[:, 1].copy()


def _check_crowds(
    draft: Draft, demand: Floats, profile_of: Ints, stay: Floats, share: Floats
) -> None:
    """Refuse more objects in view than a Poisson draw can take, at the busiest hour and factor."""
    factor = max([1.0, *(float(e.demand) for e in draft.scenario.model.events if e.demand)])
    mean = demand.max(axis=1)[profile_of] * share * factor / 3600 / (1 - stay)
    crowded = int(np.argmax(mean))
    if mean[crowded] > MAX_MEAN:
        group = draft.placed[crowded].group
        raise draft.scenario.error(
            ("sensors", group, "app"),
            f"'{draft.scenario.model.sensors[group].app}' would see {mean[crowded]:,.0f} objects at"
            f" once, more than {MAX_MEAN:g}; lower the demand, or its share or dwell in the"
            " catalogue",
        )


def _tell_empty(draft: Draft, demand: Floats, profile_of: Ints) -> None:
    """Say in which groups nobody ever comes into view."""
    most = demand.max(axis=1)[profile_of]
    groups = {s.group for s, people in zip(draft.placed, most, strict=True) if people > 0}
    empty = [group for group in draft.scenario.model.sensors if group not in groups]
    if empty:
        where = f"before {', '.join(empty)}" if groups else "anywhere"
        draft.remarks.append(
            f"Nobody ever is {where}: there is nothing to find, messages are empty, video is as of"
            " an empty scene. Say who comes, such as 'demand: 300 /h' of a group, or 'city:"
            " {demand: ...}'."
        )


def mean_in_view(plan: Plan) -> dict[str, float]:
    """Return by group the mean number of objects in view of a sensor at the start of a run."""
    people = plan.demand[plan.profile_of, plan.first_hour]
    mean = people * plan.share / 3600.0 / (1.0 - plan.stay)
    return {name: float(mean[plan.group_of == g].mean()) for g, name in enumerate(plan.group_names)}
