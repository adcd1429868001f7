"""How well an arm serves its uses: visitors counted, gaps on shelves reported, places mapped.

A frame tells what was found in it (`fleet.results.accuracy`); a use needs many. What a network that
sees so many frames a second makes of them was measured on rendered sites (`fleet.eyes.tasks`), and
here each sensor stands at one of these, the same in every arm. Who comes into view, in what light,
and how many frames became results is the run's own:

- **Visitors.** Of everybody who came into view of a sensor in a window, how often it was counted is
  drawn; the error of the window is |counted - came|, and their mean over windows is the MAE.
- **Gaps.** A gap may open at any time. Time to alert is from there to the result that confirms it:
  the frames that it takes, and the mean latency of a result.
- **Places.** The error of the map, by the shares of the lights in the frames that were answered.

Intervals cover 95 % over sites (Student's t), not over networks; sensors of one site are counted as
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fleet.chance import name_hash, uniform
from fleet.engine.crowd import newcomers
from fleet.engine.run import Outcome
from fleet.eyes.tasks import DELAYS_S, TIMES
from fleet.kernel import kernel
from fleet.plan.columns import Floats, Ints, Keys, Plan
from fleet.results.interval import interval95
from fleet.results.places import Place, places
from fleet.stages import scene
from fleet.stages.scene import SECOND_NS
from fleet.stages.sight import LIGHTS

MEASURES = (
    "ap50", "visitor_mae_per_5_min", "gaps_alerted_within_30_s", "time_to_alert_s", "map_error",
)  # fmt: skip
WINDOW_S = 300
MOST_SENSORS = 64
"""Of a group, evenly spaced, that are looked at."""
_KEY = np.uint64(name_hash("visitors counted"))
_INDICES = 1 << 32  # of draws, for one window

Estimate = dict[str, Any]
"""A mean and its `ci95`."""


def service(outcome: Outcome) -> dict[str, Any]:
    """Return how each group serves its use, and the mean of each measure over their sensors.

    The mean is None, and a group is left out, where nobody measured what its network sees. Runs of
    less than a window have no MAE.
    """
    plan = outcome.plan
    sensors = {name: int((plan.group_of == g).sum()) for g, name in enumerate(plan.group_names)}
    groups = {
        name: found
        for g, name in enumerate(plan.group_names)
        if sensors[name] and (found := _group(outcome, g))
    }
    return {
        **{measure: _over_groups(groups, sensors, measure) for measure in MEASURES},
        "groups": groups,
    }


def _over_groups(
    groups: dict[str, dict[str, Any]], sensors: dict[str, int], measure: str
) -> float | None:
    found = {name: group[measure]["mean"] for name, group in groups.items() if group.get(measure)}
    total = sum(sensors[name] for name in found)
    return sum(sensors[name] * x for name, x in found.items()) / total if total else None


def _group(outcome: Outcome, group: int) -> dict[str, Any] | None:
    plan = outcome.plan
    sensors = np.flatnonzero(plan.group_of == group)
    task = plan.tasks[plan.setup_of[sensors[0]]]
    if len(sensors) > MOST_SENSORS:
        sensors = sensors[np.linspace(0, len(sensors) - 1, MOST_SENSORS).astype(np.int64)]
    starts, window_s = _windows(plan)
    found, at = places(outcome, group, sensors, starts)
    if not task or not found:
        return None
    visits = _Visits(plan, sensors, starts, window_s, found, at) if task == "visitors" else None
    latency_s = _latency_s(outcome, group)
    by_light = {
        LIGHTS[light]: {
            "answered_fps": next(place.fps for place in found if place.light == light),
            **_measures(task, [p for p in found if p.light == light], latency_s, visits, light),
        }
        for light in sorted({place.light for place in found})
    }
    return {
        "task": task,
        "sites": len(found[0].ap),
        **_measures(task, found, latency_s, visits, None),
        **(visits.totals() if visits else {}),
        "by_light": by_light,
    }


def _measures(
    task: str, found: Sequence[Place], latency_s: float, visits: _Visits | None, light: int | None
) -> dict[str, Any]:
    """Return the measures of a task, over some places; of visitors in one light, or in all."""
    out: dict[str, Any] = {"ap50": _estimate(_mean(found, [p.ap for p in found]))}
    if visits:
        out["visitor_mae_per_5_min"] = visits.mae(light)
    elif task == "gaps":
        out |= _gaps(_mean(found, [p.within for p in found]), latency_s)
    elif task == "places":
        out["map_error"] = _estimate(_mean(found, [p.map_error for p in found]))
    return out


def _latency_s(outcome: Outcome, group: int) -> float:
    """Return the mean latency of the results of a group; s, 0 without any."""
    results = int(outcome.tally.latency[group].sum())
    return int(outcome.tally.stages_ns[group].sum()) / results * 1e-9 if results else 0.0


def _windows(plan: Plan) -> tuple[Ints, int]:
    """Return (the second in which each whole window begins, its length); one in a short run."""
    seconds = max(1, plan.end_ns // SECOND_NS)
    window_s = min(WINDOW_S, seconds)
    return np.arange(seconds // window_s) * window_s, window_s


def _mean(found: Sequence[Place], values: Sequence[Floats]) -> Floats:
    """Return the mean of a measure over places by their weights; by site first."""
    weights = np.array([place.weight for place in found])
    mean: Floats = np.average(np.stack(values), axis=0, weights=weights)
    return mean


def _estimate(by_site: Floats) -> Estimate | None:
    """Return the mean over sites with its interval; None if no site could tell."""
    known = by_site[~np.isnan(by_site)].tolist()
    if not known:
        return None
    interval = interval95(known)
    return {
        "mean": sum(known) / len(known),
        "ci95": None if interval is None else list(interval),
    }


def _gaps(within: Floats, latency_s: float) -> dict[str, Any]:
    """Return how soon gaps are reported, from the shares within each of DELAYS_S by site.

    The mean time to alert takes a gap that is not reported within the longest delay as reported
    then: the restricted mean of survival analysis (Royston and Parmar, 2013), the area under the
    share that is not reported yet, straight between the delays.
    """
    delays, shares = np.array([0.0, *DELAYS_S]), np.insert(within, 0, 0.0, axis=1)
    open_s = np.trapezoid(1.0 - shares, delays, axis=1)
    half = _first(shares.mean(axis=0), delays, 0.5)
    return {
        "gaps_alerted_within_30_s": _estimate(within[:, -1]),
        "time_to_alert_s": _estimate(open_s + latency_s),
        "time_to_alert_s_p50": None if half is None else half + latency_s,
    }


def _first(shares: Floats, delays: Floats, level: float) -> float | None:
    """Return the first delay at which shares, straight between delays, reach a level, if ever."""
    if shares[-1] < level:
        return None
    k = int(np.argmax(shares >= level))
    part = (level - shares[k - 1]) / (shares[k] - shares[k - 1])
    return float(delays[k - 1] + part * (delays[k] - delays[k - 1]))


class _Visits:
    """Visitors who came before some sensors of a group and were counted, window by window."""

    def __init__(
        self, plan: Plan, sensors: Ints, starts: Ints, window_s: int, found: Sequence[Place],
        at: Ints,
    ) -> None:  # fmt: skip
        self.window_s = window_s
        self.came = newcomers(plan, sensors, np.append(starts, starts[-1] + window_s))
        sites = len(found[0].ap)
        self.site = np.broadcast_to(
            (plan.sight_keys[sensors] % np.uint64(sites)).astype(np.int64), at.shape
        )
        shares, nobody = np.full((*at.shape, TIMES), np.nan), np.zeros(at.shape)
        for k, place in enumerate(found):
            mine = at == k
            shares[mine] = place.times[self.site[mine]]
            nobody[mine] = place.nobody_per_s[self.site[mine]] * window_s
        self.known = ~np.isnan(shares).any(axis=2)
        self.light = np.array([place.light for place in found])[at]
        self.counted = np.zeros_like(self.came)
        none = scene.nobody(nobody.ravel()).reshape(at.shape)
        keys = plan.sight_keys[sensors] ^ _KEY
        count(keys, self.came, np.cumsum(shares, axis=2), none, self.counted)

    def mae(self, light: int | None) -> Estimate | None:
        """Return the mean error of windows of five minutes, of one light or of all."""
        if self.window_s != WINDOW_S:
            return None
        mine = self.known if light is None else self.known & (self.light == light)
        where, errors = self.site[mine], np.abs(self.counted - self.came)[mine]
        sums, many = np.bincount(where, weights=errors), np.bincount(where)
        return _estimate(sums[many > 0] / many[many > 0])

    def totals(self) -> dict[str, Any]:
        """Return how many windows there were, and who came and was counted in their mean."""
        many = int(self.known.sum())
        return {
            "window_s": self.window_s,
            "windows": many,
            "visitors_per_window": int(self.came[self.known].sum()) / many if many else None,
            "counted_per_window": int(self.counted[self.known].sum()) / many if many else None,
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
