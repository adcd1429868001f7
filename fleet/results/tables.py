"""The tables of a run: sensors, series, histograms of latency, events, and every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fleet.arrays import Ints
from fleet.engine.tally import SENSOR_COLUMNS
from fleet.interrupt import check
from fleet.model import sight
from fleet.model.books import FATE_0
from fleet.model.frames import COLUMNS, FATE, FATE_NAMES, SENSOR, SETUP, SIGHT
from fleet.results.battery import by_sensor
from fleet.results.series import event_table, latency_table, series_table
from fleet.results.setups import setups_at
from fleet.running.run import Outcome
from fleet.sketch import upper_ns


class Tables(NamedTuple):
    """The tables of a record, of all arms and replications: `arm` and `replication` say whose."""

    sensors: pa.Table
    series: pa.Table
    histograms: pa.Table
    latencies: pa.Table
    events: pa.Table

    def of(self, name: str, arm: str, replication: int | None = None) -> pa.Table:
        """Return the rows of a table of an arm, without the columns that say whose they are.

        Those of one replication, or of all in their order.
        """
        import pyarrow.compute as pc  # takes longer than a small run

        table: pa.Table = getattr(self, name)
        mine = pc.equal(table["arm"].cast(pa.string()), arm)
        if replication is not None:
            mine = pc.and_(mine, pc.equal(table["replication"], replication))
        return table.filter(mine).drop_columns(["arm", "replication"])


def tables(outcomes: Mapping[str, Sequence[Outcome]]) -> Tables:
    """Return the tables of all outcomes, given by arm and replication."""
    made = []
    for make in (sensor_table, series_table, histogram_table, latency_table, event_table):
        check()
        parts = [
            _tagged(make(outcome), arm, replication)
            for arm, runs in outcomes.items()
            for replication, outcome in enumerate(runs)
        ]
        made.append(pa.concat_tables(parts).unify_dictionaries())
    return Tables(*made)


def _tagged(table: pa.Table, arm: str, replication: int) -> pa.Table:
    n = table.num_rows
    table = table.add_column(0, "replication", pa.array(np.full(n, replication, dtype=np.int32)))
    arms = pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), pa.array([arm], pa.string()))
    return table.add_column(0, "arm", arms)


def sensor_table(outcome: Outcome) -> pa.Table:
    """Return one row a sensor: where it is, what stands there first and last, and its counts."""
    plan, counts = outcome.plan, outcome.tally.sensors
    (last,) = setups_at(outcome, np.arange(plan.size), np.array([plan.end_ns]))
    columns: dict[str, Any] = {
        "sensor": list(plan.sensors.names),
        "group": [plan.sensors.group_names[g] for g in plan.sensors.group_of],
        "site": list(plan.sensors.site_of),
        "lon": plan.sensors.lon,
        "lat": plan.sensors.lat,
        "setup": [plan.sensors.setup_names[k] for k in plan.sensors.setup_of],
        "setup_at_end": [plan.sensors.setup_names[k] for k in last],
        "region": [plan.links.region_names[r] for r in plan.links.region_of],
    }
    columns |= {name: counts[:, c] for c, name in enumerate(SENSOR_COLUMNS)}
    columns |= {
        f"frames_{name}": counts[:, FATE_0 + fate] for fate, name in FATE_NAMES.items() if fate
    }
    return pa.table(columns | by_sensor(outcome))


def histogram_table(outcome: Outcome) -> pa.Table:
    """Return the latency histograms: group, highest latency of the bucket in ns, results."""
    plan, latency = outcome.plan, outcome.tally.latency
    group, bucket = np.nonzero(latency)
    return pa.table(
        {
            "group": pa.array([plan.sensors.group_names[g] for g in group], pa.string()),
            "latency_ns_upper": upper_ns(bucket.astype(np.int64)),
            "results": latency[group, bucket],
        }
    )


def frame_table(outcome: Outcome) -> pa.Table:
    """Return every frame: names, times in ns (-1: not reached), what was seen and fate.

    `setup` is what inferred or encoded the frame at its sensor, null if nothing did.
    """
    rows = outcome.frames()
    ran = pa.array(rows[:, SETUP], mask=rows[:, SETUP] < 0)
    columns: dict[str, Any] = {
        "sensor": pa.array(outcome.plan.sensors.names)
        .take(pa.array(rows[:, SENSOR]))
        .dictionary_encode(),
        "setup": pa.array(outcome.plan.sensors.setup_names).take(ran).dictionary_encode(),
    }
    columns |= {
        name: rows[:, c]
        for c, name in enumerate(COLUMNS)
        if name not in ("sensor", "setup", "sight", "clock_ns", "fate")
    }
    columns |= _seen(outcome, rows[:, SIGHT])
    fates = pa.array([FATE_NAMES[f] for f in range(len(FATE_NAMES))])
    columns["fate"] = fates.take(pa.array(rows[:, FATE])).dictionary_encode()
    return pa.table(columns)


def _seen(outcome: Outcome, sights: Ints) -> dict[str, Ints]:
    """Return the objects to be found, found, and found wrongly on frames; -1: nobody looked."""
    rows, nobody = outcome.plan.eyes.sights.rows, (-1, -1, -1, -1)
    kinds, kind = np.unique(sights, return_inverse=True)
    seen = [nobody if row < 0 else sight.numbers(rows, row) for row in kinds]
    _, *columns = np.array(seen, dtype=np.int64).reshape(-1, 4)[kind].T
    return dict(zip(("objects_wanted", "objects_right", "objects_wrong"), columns, strict=True))
