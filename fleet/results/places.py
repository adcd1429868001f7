"""Which network sees before each sensor of a group as a window begins, in what light, how often.

An arm that answers between two of the measured frame rates has a mixture of what was measured at
them, by its place between them on a logarithmic scale; beyond the ends, the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet.engine.run import Outcome
from fleet.eyes import measured
from fleet.eyes.eye import Eye
from fleet.eyes.measured import Measured
from fleet.eyes.tasks import DELAYS_S, TIMES
from fleet.plan.columns import KIND, MODEL_WRITE, TARGET, TIME_NS, B, Floats, Ints, Plan
from fleet.plan.light import light_by_second
from fleet.stages.scene import SECOND_NS
from fleet.stages.setup import SIGHT
from fleet.stages.sight import ANSWERED


@dataclass(frozen=True)
class Place:
    """A network in its place, in one light, at the frame rate at which it answered.

    Attributes:
        light: index of the light in which it was measured.
        weight: share of a group's windows that it has.
        fps: results a second of a sensor of the group in this light, of whatever network.
        times, nobody_per_s, within, map_error, ap: as in `fleet.eyes.measured`, by site.
    """

    light: int
    weight: float
    fps: float
    times: Floats
    nobody_per_s: Floats
    within: Floats
    map_error: Floats
    ap: Floats


def places(outcome: Outcome, group: int, sensors: Ints, starts: Ints) -> tuple[list[Place], Ints]:
    """Return (the places of a group, which one each sensor has in each window).

    Args:
        outcome: of the run.
        group: index of the group.
        sensors: some of its sensors.
        starts: second in which each window begins.

    Returns:
        The places; the index of one by window and sensor, -1 where nobody measured it.
    """
    plan = outcome.plan
    eyes = _eyes(plan, sensors, starts)
    outside = np.array([light_by_second(plan, int(s), 1)[0] for s in starts])
    at = np.full(eyes.shape, -1, dtype=np.int64)
    found: list[Place] = []
    for e in np.unique(eyes[eyes >= 0]).tolist():
        table = measured.load(*plan.eyes[e][:3])
        if table is None:
            continue
        lights = _measured_in(table, plan.eyes[e], outside)
        for light in np.unique(lights).tolist():
            mine = (eyes == e) & (lights == light)[:, None]
            if mine.any():
                at[mine] = len(found)
                fps = _answered_fps(outcome, group, table, plan.eyes[e], light)
                found.append(_place(table, light, float(mine.mean()), fps))
    return found, at


def _eyes(plan: Plan, sensors: Ints, starts: Ints) -> Ints:
    """Return whose sight each sensor has as each window begins; shape (windows, sensors)."""
    setups, rows = plan.setup_of[sensors], []
    table = plan.timetable
    rewrites = table[(table[:, KIND] == MODEL_WRITE) & np.isin(table[:, TARGET], sensors)]
    for start in starts.tolist():
        due = rewrites[rewrites[:, TIME_NS] <= start * SECOND_NS]
        now = setups.copy()
        now[np.searchsorted(sensors, due[:, TARGET])] = due[:, B]
        rows.append(now)
    sight: Ints = plan.setup_tables[0][np.array(rows), SIGHT]
    return sight


def _measured_in(table: Measured, eye: Eye, outside: Ints) -> Ints:
    """Return the light that stands for each light outside."""
    lights: Ints = table.lights[np.zeros_like(outside) if eye.indoors else outside]
    return lights


def _answered_fps(outcome: Outcome, group: int, table: Measured, eye: Eye, light: int) -> float:
    """Return the results a second of a sensor of a group, while a light stood for that outside."""
    plan = outcome.plan
    outside = light_by_second(plan, 0, -(-plan.end_ns // SECOND_NS))
    seconds = int((_measured_in(table, eye, outside) == light).sum())
    answered = int(outcome.tally.sights[group, light, ANSWERED])
    return answered / (seconds * int((plan.group_of == group).sum()))


def _place(table: Measured, light: int, weight: float, fps: float) -> Place:
    if fps == 0.0:  # nothing counted, nothing reported, an empty map
        sites, nothing = table.sites, np.zeros(table.sites)
        times = np.tile(np.eye(TIMES)[0], (sites, 1))
        within = np.zeros((sites, len(DELAYS_S)))
        return Place(light, weight, fps, times, nothing, within, nothing + 1.0, nothing)
    place = np.interp(np.log(fps), np.log(table.fps), np.arange(len(table.fps)))
    low, share = int(place), place - int(place)
    high = min(low + 1, len(table.fps) - 1)

    def between(values: Floats) -> Floats:
        mixed: Floats = (1.0 - share) * values[light, :, low] + share * values[light, :, high]
        return _filled(mixed)

    return Place(
        light, weight, fps, between(table.times), between(table.nobody_per_s),
        between(table.within), between(table.map_error), _filled(table.ap[light]),
    )  # fmt: skip


def _filled(by_site: Floats) -> Floats:
    """Return values by site, the mean of the others where a site could not tell."""
    known = ~np.isnan(by_site)
    if not known.any():
        return by_site
    mean = np.nanmean(by_site, axis=0, keepdims=True)
    return np.where(known, by_site, mean)
