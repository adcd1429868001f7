"""Who walks past the sensors: people an hour at each site, and what of them a sensor sees."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.chance import exp_minus
from fleet.model.scene import MAX_MEAN
from fleet.plan.calendar import calendar_of
from fleet.plan.draft import Draft
from fleet.plan.groups import Scene
from fleet.plan.plan import Plan
from fleet.scenario.city import HOURS, Demand, read_demand
from fleet.scenario.load import Scenario, did_you_mean


def scene(draft: Draft) -> Scene:
    """Return who walks past the sensors of a plan, and in which light.

    Raises:
        InputError: an app is not known, or too many would be in view.
    """
    calendar = calendar_of(draft.scenario)
    demand, profile_of = _profiles(draft, city_demand(draft.scenario))
    demand = calendar.blocks(demand)
    stay, share = _apps(draft)
    _check_crowds(draft, demand, profile_of, stay, share)
    _tell_empty(draft, demand, profile_of)
    if draft.scenario.model.days and not calendar.special:
        draft.remarks.append("The run comes to none of the dates of 'days'.")
    light_from_s, light_then = draft.lights
    return Scene(
        stay=stay,
        share=share,
        profile_of=profile_of,
        demand=demand,
        first_hour=calendar.column(calendar.clock.says[0]),
        light_from_s=light_from_s,
        light_then=light_then,
    )


def city_demand(scenario: Scenario) -> Demand | None:
    """Return the demand table of a scenario, None if it has none."""
    city = scenario.model.city
    if city is None or city.demand is None:
        return None
    return read_demand(scenario.file(city.demand, "city", "demand"))


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
    roster = draft.roster
    profile_of = np.zeros(len(roster), dtype=np.int64)
    if table is not None:
        profile_of = table.profiles(roster.footfall_rank)
    for group, row in own.items():
        profile_of[roster.of_group(group)] = row
    return np.array(rows), profile_of


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
    both = np.array(list(apps.values()))[draft.roster.group_of]
    return both[:, 0].copy(), both[:, 1].copy()


def _check_crowds(
    draft: Draft, demand: Floats, profile_of: Ints, stay: Floats, share: Floats
) -> None:
    """Refuse more objects in view than a Poisson draw can take, at the busiest hour and factor."""
    factor = max([1.0, *(float(e.demand) for e in draft.scenario.model.events if e.demand)])
    mean = demand.max(axis=1)[profile_of] * share * factor / 3600 / (1 - stay)
    crowded = int(np.argmax(mean))
    if mean[crowded] > MAX_MEAN:
        group = draft.roster.group(crowded)
        raise draft.scenario.error(
            ("sensors", group, "app"),
            f"'{draft.scenario.model.sensors[group].app}' would see {mean[crowded]:,.0f} objects at"
            f" once, more than {MAX_MEAN:g}; lower the demand, or its share or dwell in the"
            " catalogue",
        )


def _tell_empty(draft: Draft, demand: Floats, profile_of: Ints) -> None:
    """Say in which groups nobody ever comes into view."""
    most = demand.max(axis=1)[profile_of]
    groups = {draft.roster.groups[g] for g in np.unique(draft.roster.group_of[most > 0])}
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
    people = plan.scene.demand[plan.scene.profile_of, plan.scene.first_hour]
    mean = people * plan.scene.share / 3600.0 / (1.0 - plan.scene.stay)
    return {
        name: float(mean[plan.sensors.group_of == g].mean())
        for g, name in enumerate(plan.sensors.group_names)
    }
