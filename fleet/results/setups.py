"""What stands at sensors as time goes on: rewrites change it, and controllers."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.model.events import MODEL_WRITE, RUNG, Timetable
from fleet.running.run import Outcome


def changes(outcome: Outcome) -> Timetable:
    """Return the events that change a setup before the end, by time: their `b` is the new one."""
    table = outcome.happened
    begun: Timetable = table[np.isin(table.kind, (MODEL_WRITE, RUNG))]
    return begun


def setups_at(outcome: Outcome, sensors: Ints, times_ns: Ints) -> Ints:
    """Return the setup of some sensors at some times; shape (times, sensors).

    Args:
        outcome: of a run.
        sensors: indices, ascending.
        times_ns: a write that begins at such a time has begun.
    """
    setup_of = np.tile(outcome.plan.sensors.setup_of[sensors], (len(times_ns), 1))
    rows = changes(outcome)
    for row in rows[np.isin(rows.target, sensors)]:
        setup_of[times_ns >= row.time_ns, np.searchsorted(sensors, row.target)] = row.b
    return setup_of


def setups_over_time(outcome: Outcome) -> tuple[Ints, Ints]:
    """Return (sensor, setup) of all sensors at the start, and of all that change that later.

    What a sensor passes frames on to is a setup of it, too.
    """
    plan, table = outcome.plan, changes(outcome)
    sensors = np.concatenate([np.arange(plan.size), table.target])
    setups = np.concatenate([plan.sensors.setup_of, table.b])
    ask = plan.sensors.setups.ask[setups]
    return np.append(sensors, sensors[ask >= 0]), np.append(setups, ask[ask >= 0])
