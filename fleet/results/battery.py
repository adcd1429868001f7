"""What became of the batteries of an arm: who went off when, what is left, and where energy went.

All of it is since time zero: a warm-up forgets nothing of a battery.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fleet.arrays import Bools, Floats, Ints
from fleet.engine.battery import CHARGE, GAVE, LEAST, SHORT, SPILLED, STORED, SUN, WIDTH, off_ns
from fleet.model.events import SENSOR_OFF
from fleet.results.metric import SENSORS, SHARE, WH, Better, Metric, S, Section, Unit, part
from fleet.running.run import Outcome

NJ_PER_WH = 3.6e12


def _metric(name: str, unit: Unit, meaning: str, label: str, **more: Any) -> Metric:
    return Metric(
        f"battery.{name}", unit, meaning, more.pop("better", Better.NEITHER), Section.BATTERIES,
        label, shown_if="battery.sensors",
        why=more.pop("why", "no sensor lives on a battery"), **more,
    )  # fmt: skip


@part(
    "battery",
    _metric(
        "went_off", SENSORS, "Sensors whose battery came to its cut-off at least once",
        "sensors that went off", better=Better.LESS,
    ),
    _metric(
        "first_off_s", S, "When the first of them did, from the start", "first goes off after",
        better=Better.MORE, objective=False, why="none went off",
    ),
    _metric(
        "time_on", SHARE, "Share of the time for which sensors on batteries are on, in the mean",
        "time on", better=Better.MORE,
    ),
    _metric(
        "time_on_worst", SHARE, "The same of the sensor that is on for the least of it",
        "time on, worst sensor", better=Better.MORE,
    ),
    _metric(
        "charge_end", SHARE, "Charge at the end over capacity, in the mean", "charge at the end",
        better=Better.MORE,
    ),
    _metric(
        "charge_least", SHARE, "Least charge over capacity, of the battery that came to least",
        "least charge", better=Better.MORE,
    ),
    _metric("drawn_wh", WH, "Energy that sensors drew from batteries", "drawn by sensors"),
    _metric("sun_wh", WH, "Energy that panels gave", "from panels"),
    _metric(
        "spilled_wh", WH, "Energy that batteries could have stored, had they not been full",
        "spilled, as batteries are full",
    ),
)  # fmt: skip
def battery(outcome: Outcome) -> dict[str, Any]:
    """Return what became of batteries; `sensors` live on them.

    `stored_wh` is what of `sun_wh` they would have taken, and `short_wh` what was drawn from empty
    ones between two looks, so that charge at the start + stored - spilled - drawn + short is that
    at the end.
    """
    plan, table = outcome.plan, outcome.told.charged.table
    mine = plan.batteries.kind_of >= 0
    if not plan.batteries.is_there:
        return {"sensors": 0}
    rows, capacity = table[mine], plan.batteries.column("capacity_nj")
    on = 1 - _off_ns(outcome)[mine] / plan.end_ns
    first_s = _first_off_s(outcome)
    wh = rows.sum(axis=0, dtype=np.float64) / NJ_PER_WH
    return {
        "sensors": int(mine.sum()),
        "went_off": int(np.isfinite(first_s).sum()),
        "first_off_s": float(first_s.min()) if np.isfinite(first_s).any() else None,
        "time_on": float(on.mean()),
        "time_on_worst": float(on.min()),
        "charge_end": float((rows[:, CHARGE] / capacity).mean()),
        "charge_least": float((rows[:, LEAST] / capacity).min()),
        "start_wh": float(plan.batteries.column("start_nj").sum(dtype=np.float64)) / NJ_PER_WH,
        "end_wh": float(wh[CHARGE]),
        "drawn_wh": float(wh[GAVE]),
        "sun_wh": float(wh[SUN]),
        "stored_wh": float(wh[STORED]),
        "spilled_wh": float(wh[SPILLED]),
        "short_wh": float(wh[SHORT]),
    }


def _off_ns(outcome: Outcome) -> Ints:
    """Return how long each sensor was off; ns, shape (sensors,)."""
    return off_ns(outcome.told.charged.switched, outcome.plan.size, outcome.plan.end_ns)


def _first_off_s(outcome: Outcome) -> Floats:
    """Return when each sensor went off first, infinite if it never did; s, shape (sensors,)."""
    first_s = np.full(outcome.plan.size, np.inf)
    switched = outcome.told.charged.switched
    off = switched[switched.kind == SENSOR_OFF]
    np.minimum.at(first_s, off.target, off.time_ns / 1e9)
    return first_s


def by_sensor(outcome: Outcome) -> dict[str, pa.Array]:
    """Return the columns of the table of sensors about batteries, null where there is none."""
    plan, size = outcome.plan, outcome.plan.size
    mine = plan.batteries.kind_of >= 0
    capacity, off_s, first_s = np.ones(size), np.zeros(size), np.full(size, np.inf)
    table = np.zeros((size, WIDTH), dtype=np.int64)
    if plan.batteries.is_there:
        table, off_s = outcome.told.charged.table, _off_ns(outcome) / 1e9
        first_s = _first_off_s(outcome)
        capacity[mine] = plan.batteries.column("capacity_nj")
    columns = {
        "battery_charge_end": table[:, CHARGE] / capacity,
        "battery_charge_least": table[:, LEAST] / capacity,
        "battery_drawn_wh": table[:, GAVE] / NJ_PER_WH,
        "battery_sun_wh": table[:, SUN] / NJ_PER_WH,
        "off_s": off_s,
    }
    known = {name: _known(values, mine) for name, values in columns.items()}
    return known | {"first_off_s": _known(first_s, mine & np.isfinite(first_s))}


def _known(values: Floats, known: Bools) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~known)
