"""What stands at sensors as time goes on: rewrites change it."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.model.events import MODEL_WRITE, Timetable
from fleet.plan.plan import Plan


def writes(plan: Plan) -> Timetable:
    """Return the rows of the timetable that begin a model write before the end, by time."""
    table = plan.control.timetable
    begun: Timetable = table[(table.kind == MODEL_WRITE) & (table.time_ns < plan.end_ns)]
    return begun


def setups_at(plan: Plan, sensors: Ints, times_ns: Ints) -> Ints:
    """Return the setup of some sensors at some times; shape (times, sensors).

    Args:
        plan: the plan.
        sensors: indices, ascending.
        times_ns: a write that begins at such a time has begun.
    """
    setup_of = np.tile(plan.sensors.setup_of[sensors], (len(times_ns), 1))
    rows = writes(plan)
    for row in rows[np.isin(rows.target, sensors)]:
        setup_of[times_ns >= row.time_ns, np.searchsorted(sensors, row.target)] = row.b
    return setup_of


def setups_over_time(plan: Plan) -> tuple[Ints, Ints]:
    """Return (sensor, setup) of all sensors at the start and of all rewrites that begin.

    What a sensor passes frames on to is a setup of it, too.
    """
    table = writes(plan)
    sensors = np.concatenate([np.arange(plan.size), table.target])
    setups = np.concatenate([plan.sensors.setup_of, table.b])
    ask = plan.sensors.setups.ask[setups]
    return np.append(sensors, sensors[ask >= 0]), np.append(setups, ask[ask >= 0])
