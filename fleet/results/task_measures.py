"""What was measured of the network before each sensor of a group, window by window.

Each sensor stands at one of the measured sites, the same in every arm. Its network may change with
a rewrite, its light with the sun, and the frames that it answers with the time: over the run they
are the sensor's own, over the windows they follow those of its group. Where a sensor publishes on
change no news is an answer, so frames that it kept to itself count too.

Between two measured frame rates lies a mixture, by the logarithm; below the lowest, one with what
no frames would give, by the rate; above the highest, it is as at that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints
from fleet.eyes import task_tables
from fleet.eyes.task_tables import SITES
from fleet.model.books import BIN_NS, FATE_0
from fleet.model.frames import RESULT, SKIP_NOT_PUBLISHED
from fleet.model.scene import SECOND_NS
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan
from fleet.plan.presence import absent_ns, share_there
from fleet.results.setups import setups_at
from fleet.running.run import Outcome

_FIELDS = ("times", "nobody", "ghosts_per_s", "within", "map_error", "ap")


@dataclass(frozen=True)
class Windows:
    """Some seconds of a run, all windows as long; `starts` in s."""

    starts: Ints
    length_s: int


@dataclass(frozen=True)
class TaskMeasures:
    """What was measured, by window and sensor; NaN where nobody did, or no site could tell.

    Attributes:
        known: whether anybody did.
        light: index of the light; 0 where it is not known.
        fps: frames a second that were answered.
        site: of each sensor; shape (sensors,).
        times, nobody, ghosts_per_s, within, map_error, ap: as in `fleet.eyes.task_tables`.
    """

    known: NDArray[np.bool_]
    light: Ints
    fps: Floats
    site: Ints
    times: Floats
    nobody: Floats
    ghosts_per_s: Floats
    within: Floats
    map_error: Floats
    ap: Floats


def task_measures(
    outcome: Outcome, group: int, sensors: Ints, windows: Windows, kind: int
) -> TaskMeasures:
    """Return what was measured of the networks before some sensors.

    Args:
        outcome: of the run.
        group: index of the group.
        sensors: some of its sensors, ascending.
        windows: when.
        kind: of the objects that it is about.
    """
    plan = outcome.plan
    eyes, fps = _eyes(outcome, sensors, windows), answered_fps(outcome, group, sensors, windows)
    outside = np.array([light_by_second(plan, s, 1)[0] for s in windows.starts.tolist()])
    site = (plan.sensors.sight_keys[sensors] % np.uint64(SITES)).astype(np.int64)
    known, light = np.zeros(eyes.shape, dtype=np.bool_), np.zeros(eyes.shape, dtype=np.int64)
    columns: dict[str, Floats] = {}
    for e in np.unique(eyes[eyes >= 0]).tolist():
        eye = plan.eyes.networks[e]
        table = task_tables.load(eye.view, eye.source, eye.name, kind)
        if table is None:
            continue
        w, s = np.nonzero(eyes == e)
        known[w, s] = True
        light[w, s] = table.lights[0 if eye.indoors else outside[w]]
        low, high, share = _between(table.fps, fps[w, s])
        for name in _FIELDS:
            values: Floats = getattr(table, name)[light[w, s], site[s]]
            if name in ("times", "nobody", "ghosts_per_s", "within"):  # by rate too
                rows = np.arange(len(w))
                part = share.reshape(-1, *[1] * (values.ndim - 2))
                values = (1.0 - part) * values[rows, low] + part * values[rows, high]
            whole = columns.setdefault(name, np.full((*eyes.shape, *values.shape[1:]), np.nan))
            whole[w, s] = values
    if not known.any():
        columns = dict.fromkeys(_FIELDS, np.full(eyes.shape, np.nan))
    return TaskMeasures(known, light, fps, site, **columns)


def _between(rates: Floats, fps: Floats) -> tuple[Ints, Ints, Floats]:
    """Return (index of the rate below, of the rate above, share of that above); shape of `fps`."""
    logs = np.interp(np.log(np.maximum(fps, rates[1])), np.log(rates[1:]), np.arange(1, len(rates)))
    at = np.where(fps < rates[1], fps / rates[1], logs)
    low = np.minimum(at.astype(np.int64), len(rates) - 2)
    return low, low + 1, at - low


def answered_fps(outcome: Outcome, group: int, sensors: Ints, windows: Windows) -> Floats:
    """Return the frames a second that sensors answer in each window; shape (windows, sensors).

    Those of a sensor that joins or leaves are over the time for which it is there.
    """
    plan, tally = outcome.plan, outcome.tally
    run_s = plan.measured_ns / SECOND_NS
    fates = tally.sensors[sensors, FATE_0:]
    silent = plan.sensors.setups.publish_change[plan.sensors.setup_of[sensors]] == 1
    answered = fates[:, RESULT] + silent * fates[:, SKIP_NOT_PUBLISHED]
    table, here = plan.control.timetable, np.flatnonzero(plan.sensors.group_of == group)
    starts_ns, length_ns = windows.starts * SECOND_NS, windows.length_s * SECOND_NS
    whole_ns = np.array([plan.warm_up_ns]), plan.measured_ns
    own = _over(answered / run_s, _there(plan, sensors, *whole_ns)[0])
    bins, per_s = tally.result_bins[group], SECOND_NS // BIN_NS
    usual = _over(bins.sum() / run_s, share_there(table, here, *whole_ns)[0])
    length = windows.length_s * per_s
    came = np.array([bins[k * per_s : k * per_s + length].sum() for k in windows.starts.tolist()])
    shares = share_there(table, here, starts_ns, length_ns)
    course = _over(_over(came / windows.length_s, shares), usual)
    fps: Floats = own * np.where(silent, 1.0, course[:, None])
    return fps


def _over(what: Any, share: Any) -> Floats:
    """Return numbers over others, 0 where these are."""
    what, share = np.broadcast_arrays(np.asarray(what, dtype=np.float64), share)
    over: Floats = np.divide(what, share, out=np.zeros(what.shape), where=share > 0)
    return over


def _eyes(outcome: Outcome, sensors: Ints, windows: Windows) -> Ints:
    """Return whose sight each sensor has as each window begins; shape (windows, sensors).

    None (-1) where two networks share the frames: what comes of their answers in turn was not
    measured. Where servers only go on with what the sensor saw, it is one. None for a sensor that
    is not there for the whole window, too.
    """
    starts_ns, length_ns = windows.starts * SECOND_NS, windows.length_s * SECOND_NS
    plan = outcome.plan
    setups, table = setups_at(outcome, sensors, starts_ns), plan.sensors.setups
    alone = (table.ask < 0) | (table.sight[table.ask] == table.sight)
    known = alone[setups] & (_there(plan, sensors, starts_ns, length_ns) == 1.0)
    return np.where(known, table.sight[setups], -1)


def _there(plan: Plan, sensors: Ints, starts_ns: Ints, length_ns: int) -> Floats:
    """Return the share of some spans for which sensors are there; shape (spans, sensors)."""
    away_ns = absent_ns(plan.control.timetable, sensors, starts_ns, starts_ns + length_ns)
    return 1.0 - away_ns / length_ns
