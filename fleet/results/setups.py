"""What stands at sensors as time goes on: rewrites change it."""

from __future__ import annotations

import numpy as np

from fleet.plan.plan import KIND, MODEL_WRITE, TARGET, TIME_NS, B, Ints, Plan


def writes(plan: Plan) -> Ints:
    """Return the rows of the timetable that begin a model write before the end, by time."""
    table = plan.timetable
    found: Ints = table[(table[:, KIND] == MODEL_WRITE) & (table[:, TIME_NS] < plan.end_ns)]
    return found


def setups_at(plan: Plan, sensors: Ints, times_ns: Ints) -> Ints:
    """Return the setup of some sensors at some times; shape (times, sensors).

    Args:
        plan: the plan.
        sensors: indices, ascending.
        times_ns: a write that begins at such a time has begun.
    """
    found = np.tile(plan.setup_of[sensors], (len(times_ns), 1))
    rows = writes(plan)
    for row in rows[np.isin(rows[:, TARGET], sensors)]:
        found[times_ns >= row[TIME_NS], np.searchsorted(sensors, row[TARGET])] = row[B]
    return found


def setups_over_time(plan: Plan) -> tuple[Ints, Ints]:
    """Return (sensor, setup) of all sensors at the start and of all rewrites that begin."""
    table = writes(plan)
    sensors = np.concatenate([np.arange(plan.size), table[:, TARGET]])
    return sensors, np.concatenate([plan.setup_of, table[:, B]])
