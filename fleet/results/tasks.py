"""How well an arm does its tasks: visitors counted, gaps on shelves reported, places mapped.

A frame tells what was found in it (`fleet.results.accuracy`); a task needs many. What a network
that sees so many frames a second makes of them was measured on rendered sites
(`fleet.lab.measures.tasks`), and each sensor stands at one of them
(`fleet.results.task_measures`).
Who comes into view, in what light, and how many frames became results is the run's own:

- **Visitors, vehicles.** Of everybody who came into view of a sensor in a window, how often it was
  counted is drawn, and who was counted though nobody was there; the miscount of the window is
  |counted - came|.
- **Gaps.** A gap may open at any time. Time to alert is from there to the result that confirms it:
  the frames that it takes, and the mean latency of a result.
- **Places.** The error of the map of where people are.

Where nothing ever came into view there is nothing to tell, and every measure is None.

Means are over windows, then sensors of a site, then sites. Intervals cover 95 % over sites
(Student's t, cut at what is possible), not over networks; sensors of one site are counted as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints, Keys
from fleet.chance import name_hash, uniform
from fleet.engine.crowd import newcomers
from fleet.eyes.task_names import DELAYS_S, TASKS, TIMES
from fleet.eyes.task_tables import SITES
from fleet.kernel import kernel
from fleet.model import scene
from fleet.model.books import VISITORS
from fleet.model.scene import SECOND_NS
from fleet.model.sight import LIGHTS, SUM_UNSEEN, SUM_WANTED
from fleet.plan.plan import Plan
from fleet.results.interval import interval95
from fleet.results.metric import (
    OBJECTS,
    SHARE,
    Better,
    Metric,
    Numbers,
    Over,
    S,
    Section,
    Unit,
    part,
)
from fleet.results.task_measures import TaskMeasures, Windows, task_measures
from fleet.running.run import Outcome

MEASURES = (
    "ap50", "miscount_per_5_min", "gaps_alerted_within_30_s", "time_to_alert_s", "map_error",
)  # fmt: skip
WINDOW_S = 300
MOST_SENSORS = 64
"""Of a group, evenly spaced, that are looked at."""
_KEY = np.uint64(name_hash("visitors counted"))
_INDICES = 1 << 32  # of draws, for one window
_DELAYS_S = np.array([0.0, *DELAYS_S])

Estimate = dict[str, Any]
"""A mean, its `ci95` and the values `by_site` of which it is the mean."""


def _why(measure: str) -> Callable[[Numbers], str]:
    """Return what says why a measure is not known."""

    def why(arm: Numbers) -> str:
        groups = arm["service"]["groups"].values()
        if not groups:
            if any(group.get("there", 1) < 1 for group in arm["groups"].values()):
                return "nobody measured what its networks see, or none was there all the time"
            return "nobody measured what its networks see"
        if any(measure in group for group in groups):
            return "nothing ever came into view"
        if measure == "miscount_per_5_min" and any("window_s" in group for group in groups):
            return "the run is shorter than five minutes"
        return "no group has this task"

    return why


def _metric(
    measure: str, unit: Unit, meaning: str, better: Better, label: str, of: str = ""
) -> Metric:
    return Metric(
        f"service.{measure}", unit, meaning, better, Section.TASKS, label, of, compared=Over.SITES,
        group=f"service.groups.{{}}.{measure}.mean", why=_why(measure),
    )  # fmt: skip


@part(
    "service",
    _metric(
        "miscount_per_5_min", OBJECTS, "Visitors or vehicles counted too many or too few",
        Better.LESS, "miscount of 5 minutes",
    ),
    _metric(
        "gaps_alerted_within_30_s", SHARE, "Gaps on shelves that are reported within 30 s",
        Better.MORE, "gaps alerted within 30 s", "of gaps",
    ),
    _metric(
        "time_to_alert_s", S, "Mean time from the opening of a gap to the result that confirms it",
        Better.LESS, "mean time to alert",
    ),
    _metric(
        "map_error", SHARE, "What a heat map shows too much or too little, of what was there",
        Better.LESS, "error of the heat map", "of people",
    ),
    _metric(
        "ap50", SHARE, "Average precision, at half of an overlap", Better.MORE,
        "average precision", "AP@0.5",
    ),
)  # fmt: skip
def tasks(outcome: Outcome) -> dict[str, Any]:
    """Return how well each group does its task, and the mean of each measure over their sensors.

    The mean is None, and a group is left out, where nobody measured what its network sees; and None
    where nothing ever came into view. Runs of less than a window have no miscount.
    """
    plan = outcome.plan
    groups = {
        name: about
        for g, name in enumerate(plan.sensors.group_names)
        if (about := _group(outcome, g))
    }
    return {**{measure: _over(groups, measure) for measure in MEASURES}, "groups": groups}


def _over(groups: dict[str, dict[str, Any]], measure: str) -> float | None:
    known = [(g["sensors"], g[measure]["mean"]) for g in groups.values() if g.get(measure)]
    total = sum(sensors for sensors, _ in known)
    return sum(sensors * mean for sensors, mean in known) / total if total else None


def _group(outcome: Outcome, group: int) -> dict[str, Any] | None:
    plan = outcome.plan
    sensors = np.flatnonzero(plan.sensors.group_of == group)
    first = -(-plan.warm_up_ns // SECOND_NS)
    seconds = plan.end_ns // SECOND_NS - first
    if not len(sensors) or seconds <= 0:
        return None
    many, task = len(sensors), plan.eyes.tasks[plan.sensors.setup_of[sensors[0]]]
    if not task:
        return None
    if many > MOST_SENSORS:
        sensors = sensors[np.linspace(0, many - 1, MOST_SENSORS).astype(np.int64)]
    length_s = min(WINDOW_S, seconds)
    windows = Windows(first + np.arange(seconds // length_s) * length_s, length_s)
    seen = task_measures(outcome, group, sensors, windows, TASKS[task])
    if not seen.known.any():
        return None
    values: dict[str, Floats] = {"ap50": seen.ap}
    totals: dict[str, Any] = {}
    latency_s = _latency_s(outcome, group)
    if task in ("visitors", "vehicles"):
        came, counted = _counts(plan, sensors, windows, seen)
        totals = _totals(came, counted, seen.known, windows)
        if length_s == WINDOW_S:
            values["miscount_per_5_min"] = np.abs(counted - came).astype(np.float64)
    elif task == "gaps":
        values |= _gaps(seen.within, latency_s)
    elif task == "places":
        values["map_error"] = np.where(seen.fps > 0, seen.map_error, 1.0)
    if _empty(outcome, group):
        values = {name: np.full_like(value, np.nan) for name, value in values.items()}
    lights = np.unique(seen.light[seen.known]).tolist()
    return {
        "task": task,
        "sensors": many,
        "covered": float(seen.known.mean()),
        **totals,
        **_measures(values, seen, seen.known, latency_s),
        "by_light": {
            LIGHTS[k]: _measures(values, seen, seen.known & (seen.light == k), latency_s)
            for k in lights
        },
    }


def _empty(outcome: Outcome, group: int) -> bool:
    """Return whether nobody came before any sensor of a group, or was there at the start."""
    tally, here = outcome.tally, outcome.plan.sensors.group_of == group
    on_frames = tally.sights[group][..., [SUM_WANTED, SUM_UNSEEN]]
    return not tally.sensors[here, VISITORS].any() and not on_frames.any()


def _measures(
    values: dict[str, Floats], seen: TaskMeasures, where: NDArray[np.bool_], latency_s: float
) -> dict[str, Any]:
    """Return the estimates of some windows and sensors, and the frames that were answered there."""
    return {
        "answered_fps": float(seen.fps[where].mean()),
        **{
            name: _estimate(value, seen.site, where, _possible(name, latency_s))
            for name, value in values.items()
        },
    }


def _possible(measure: str, latency_s: float) -> tuple[float, float]:
    """Return the least and the most that a measure can be."""
    if measure == "time_to_alert_s":
        return latency_s, latency_s + float(_DELAYS_S[-1])
    return 0.0, 1.0 if measure in ("ap50", "gaps_alerted_within_30_s") else np.inf


def _estimate(
    values: Floats, site: Ints, where: NDArray[np.bool_], possible: tuple[float, float]
) -> Estimate | None:
    """Return the mean over sites with its interval, cut at what is possible; None if unknown."""
    known = where & ~np.isnan(values)
    of = np.broadcast_to(site, values.shape)[known]
    sums = np.bincount(of, weights=values[known], minlength=SITES)
    many = np.bincount(of, minlength=SITES)
    by_site = [s / m if m else None for s, m in zip(sums.tolist(), many.tolist(), strict=True)]
    told = [x for x in by_site if x is not None]
    if not told:
        return None
    interval = interval95(told)
    return {
        "mean": sum(told) / len(told),
        "ci95": None
        if interval is None
        else [max(possible[0], interval[0]), min(possible[1], interval[1])],
        "by_site": by_site,
    }


def _latency_s(outcome: Outcome, group: int) -> float:
    """Return the mean latency of the results of a group; s, 0 without any."""
    results = int(outcome.tally.latency[group].sum())
    return int(outcome.tally.stages_ns[group].sum()) / results * 1e-9 if results else 0.0


def _gaps(within: Floats, latency_s: float) -> dict[str, Floats]:
    """Return how soon gaps are reported, by window and sensor.

    The mean time to alert takes a gap that is not confirmed within the longest delay as confirmed
    then: the restricted mean of survival analysis (Royston and Parmar, 2013), the area under the
    share that is not confirmed yet, straight between the delays.

    Args:
        within: shares that are confirmed within each of DELAYS_S; the last axis.
        latency_s: of a result.
    """
    shares = np.concatenate([np.zeros((*within.shape[:2], 1)), within], axis=2)
    open_s = np.trapezoid(1.0 - shares, _DELAYS_S, axis=2)
    in_time = max(0.0, _DELAYS_S[-1] - latency_s)
    k = min(int(np.searchsorted(_DELAYS_S, in_time, side="right")), len(_DELAYS_S) - 1)
    part = (in_time - _DELAYS_S[k - 1]) / (_DELAYS_S[k] - _DELAYS_S[k - 1])
    return {
        "gaps_alerted_within_30_s": (1.0 - part) * shares[:, :, k - 1] + part * shares[:, :, k],
        "time_to_alert_s": open_s + latency_s,
    }


def _counts(plan: Plan, sensors: Ints, windows: Windows, seen: TaskMeasures) -> tuple[Ints, Ints]:
    """Return who came and how many were counted; shapes (windows, sensors)."""
    came = newcomers(
        plan, sensors, np.append(windows.starts, windows.starts[-1] + windows.length_s)
    )
    nobody = np.nan_to_num(seen.nobody) * came
    nobody += np.nan_to_num(seen.ghosts_per_s) * windows.length_s
    none = scene.nobody(nobody.ravel()).reshape(came.shape)
    counted, shares = np.zeros_like(came), np.cumsum(np.nan_to_num(seen.times), axis=2)
    count(plan.sensors.sight_keys[sensors] ^ _KEY, came, shares, none, counted)
    return came, counted


def _totals(
    came: Ints, counted: Ints, known: NDArray[np.bool_], windows: Windows
) -> dict[str, Any]:
    """Return how many windows there were, and who came and was counted in their mean."""
    many = int(known.sum())
    return {
        "window_s": windows.length_s,
        "windows": many,
        "came_per_window": int(came[known].sum()) / many,
        "counted_per_window": int(counted[known].sum()) / many,
    }


@kernel
def count(keys: Keys, came: Ints, shares: Floats, none: Floats, counted: Ints) -> None:
    """Draw how many visitors are counted in each window.

    Args:
        keys: of the sensors; shape (sensors,).
        came: visitors; shape (windows, sensors).
        shares: of the visitors who are counted 0, 1, ... times or fewer; shape
            (windows, sensors, TIMES).
        none: e^-(mean number counted who are not there); shape (windows, sensors).
        counted: filled; shape (windows, sensors).
    """
    for w in range(came.shape[0]):
        for s in range(came.shape[1]):
            base = w * _INDICES
            total = scene.poisson(keys[s], base, none[w, s])
            for visitor in range(came[w, s]):
                draw, times = uniform(keys[s], base + _INDICES // 2 + visitor), 0
                while times < TIMES - 1 and draw >= shares[w, s, times]:
                    times += 1
                total += times
            counted[w, s] = total
