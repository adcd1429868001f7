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
    eyes, fps = _eyes(plan, sensors, windows), answered_fps(outcome, group, sensors, windows)
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
    """Return the frames a second that sensors answer in each window; shape (windows, sensors)."""
    plan, tally = outcome.plan, outcome.tally
    run_s = plan.measured_ns / SECOND_NS
    fates = tally.sensors[sensors, FATE_0:]
    silent = plan.sensors.setups.publish_change[plan.sensors.setup_of[sensors]] == 1
    own = (fates[:, RESULT] + silent * fates[:, SKIP_NOT_PUBLISHED]) / run_s
    bins, per_s = tally.result_bins[group], SECOND_NS // BIN_NS
    usual = bins.sum() / run_s
    length = windows.length_s * per_s
    there = np.array([bins[k * per_s : k * per_s + length].sum() for k in windows.starts.tolist()])
    course = there / windows.length_s / usual if usual else np.zeros(len(there))
    fps: Floats = own * np.where(silent, 1.0, course[:, None])
    return fps


def _eyes(plan: Plan, sensors: Ints, windows: Windows) -> Ints:
    """Return whose sight each sensor has as each window begins; shape (windows, sensors).

    None (-1) where two networks share the frames: what comes of their answers in turn was not
    measured.
    """
    setups = setups_at(plan, sensors, windows.starts * SECOND_NS)
    table = plan.sensors.setups
    return np.where(table.ask[setups] >= 0, -1, table.sight[setups])
