"""A run second by second: what links carried, what waited, how frames ended, and what happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.arrays import Ints, Record
from fleet.engine.by_second import Ends
from fleet.model.books import BIN_NS
from fleet.model.events import (
    CAP_RENEWED,
    DEMAND,
    EVENT_NAMES,
    HOUR,
    LINK_DOWN,
    LINK_RATE,
    MODEL_WRITE,
    OF_LINKS,
    OF_POOLS,
    OF_POWER,
    RATE,
    RUNG,
    SENSOR_DOWN,
    SENSOR_LEAVES,
    SERVERS,
    SERVERS_DOWN,
    Timetable,
)
from fleet.model.frames import LOST_CAUSES, SKIP_CAUSES
from fleet.plan.plan import Plan
from fleet.running.run import Outcome
from fleet.scenario.city import HOURS
from fleet.scenario.days import DAYS
from fleet.sketch import COARSE_BUCKETS, coarse_upper_ns
from fleet.units import format_data_bit, format_rate_bps

_PASSING = (LINK_DOWN, SENSOR_DOWN, MODEL_WRITE, SENSOR_LEAVES, SERVERS_DOWN)
"""Events that are over after a time."""


class Series(NamedTuple):
    """A number over time, from its start on; a bin has `each_ns`."""

    kind: str
    name: str
    unit: str
    each_ns: int
    values: NDArray[Any]


def series_table(outcome: Outcome) -> pa.Table:
    """Return the time series in long form: start of the bin, kind, name, value, unit.

    They begin with the bin in which the warm-up ends. Kinds and what they are of:

    - `link`: bits that a class of links sent; `one link`: that one of them sent, if several sensors
      share it.
    - `results`, `sum of latencies` (ns), `skipped: CAUSE`, `lost: CAUSE`: of a group. A cause that
      met no frame of a group has no series.
    - `servers`: the most of a region whose number changes.
    - `queue of link`: frames in the port of one link; `queue of pool`: frames that wait for a batch
      or are decoded. Both as the bin begins.

    A bin is a second; the last four kinds have longer ones in runs of more than an hour
    (`fleet.engine.by_second`).
    """
    plan, parts = outcome.plan, []
    for series in (*_by_bin(outcome), *_fates(outcome), *_queues(outcome)):
        first = plan.warm_up_ns // series.each_ns
        values = series.values[first:]
        kind, name, unit = (
            pa.repeat(text, len(values)) for text in (series.kind, series.name, series.unit)
        )
        starts = np.arange(first, first + len(values)) * (series.each_ns / 1e9)
        columns = {"start_s": starts, "kind": kind, "name": name, "value": values, "unit": unit}
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def _by_bin(outcome: Outcome) -> Iterator[Series]:
    plan, tally = outcome.plan, outcome.tally
    stations = tally.seconds.stations
    own = tally.link_bins[len(tally.link_bins) - len(stations.links) :]
    for kind, names, bins, unit in (
        ("link", plan.links.class_names, tally.class_bins(), "bit"),
        ("results", plan.sensors.group_names, tally.result_bins, "frames"),
        ("sum of latencies", plan.sensors.group_names, tally.latency_bins, "ns"),
        ("servers", plan.links.region_names, tally.server_bins, "servers"),
        ("one link", [plan.links.names[i] for i in stations.links], own, "bit"),
    ):
        for name, values in zip(names, bins, strict=True):
            yield Series(kind, name, unit, BIN_NS, values)


def _fates(outcome: Outcome) -> Iterator[Series]:
    seconds, names = outcome.tally.seconds, outcome.plan.sensors.group_names
    ends, each_ns = seconds.ends(), seconds.each_s * BIN_NS
    for told, causes in (("skipped", SKIP_CAUSES), ("lost", LOST_CAUSES)):
        for fate, cause in causes.items():
            mine = ends.end == COARSE_BUCKETS + fate
            for group in np.unique(ends.group[mine]):
                here = mine & (ends.group == group)
                values = np.zeros(seconds.spans, dtype=np.int64)
                values[ends.span[here]] = ends.frames[here]
                yield Series(f"{told}: {cause}", names[group], "frames", each_ns, values)


def _queues(outcome: Outcome) -> Iterator[Series]:
    plan, seconds = outcome.plan, outcome.tally.seconds
    each_ns = seconds.each_s * BIN_NS
    names = [("queue of link", plan.links.names[i]) for i in seconds.stations.links]
    names += [("queue of pool", plan.pools.names[i]) for i in seconds.stations.pools]
    for (kind, name), values in zip(names, seconds.waiting(), strict=True):
        yield Series(kind, name, "frames", each_ns, values)


def latency_table(outcome: Outcome) -> pa.Table:
    """Return the latencies of results by the time of their completion.

    Columns: start of the second (of a longer span in runs of more than an hour), group, highest
    latency of the coarse bucket (`fleet.sketch`) in ns, results; only where there are any.
    """
    seconds = outcome.tally.seconds
    every = seconds.ends()
    ends = Ends(*(column[every.end < COARSE_BUCKETS] for column in every))
    groups = np.array(outcome.plan.sensors.group_names, dtype=object)
    return pa.table(
        {
            "start_s": ends.span * (seconds.each_s * BIN_NS / 1e9),
            "group": pa.array(groups[ends.group], pa.string()),
            "latency_ns_upper": coarse_upper_ns(ends.end),
            "results": ends.frames,
        }
    )


def event_table(outcome: Outcome) -> pa.Table:
    """Return the control events of a run: when, what, to whom, until when, and what it changed.

    `target` is the name of a link, a sensor or a pool, null for all; `until_s` is null for what
    stays. What happens to a link more than `MOST_TOLD` times, as to one that follows a file, or to
    a sensor whose controller says other rungs again and again, is told once.
    """
    plan = outcome.plan
    table = outcome.happened
    times = _times(table)
    table, times = table[times > 0], times[times > 0]
    rows = list(table)
    return pa.table(
        {
            "time_s": table.time_ns / 1e9,
            "kind": pa.array([EVENT_NAMES[row.kind] for row in rows], pa.string()),
            "target": pa.array([_target(plan, row) for row in rows], pa.string()),
            "until_s": pa.array(
                [row.a / 1e9 if row.kind in _PASSING else None for row in rows], pa.float64()
            ),
            "change": pa.array(
                [
                    _change(plan, row) if many == 1 else f"the first of {many:,} times"
                    for row, many in zip(rows, times.tolist(), strict=True)
                ],
                pa.string(),
            ),
        }
    )


MOST_TOLD = 100
"""How often something happens to a link, or a rung changes, that is told each time."""


def _times(table: Timetable) -> Ints:
    """Return for how many events each is told: itself, more that follow, or 0 for none."""
    times = np.ones(len(table), dtype=np.int64)
    for kind in (*OF_LINKS, *OF_POWER, RUNG):
        mine = np.flatnonzero(table.kind == kind)
        _, first, of, many = np.unique(
            table.target[mine], return_index=True, return_inverse=True, return_counts=True
        )
        often = many > MOST_TOLD
        times[mine[often[of]]] = 0
        times[mine[first[often]]] = many[often]
    return times


def _target(plan: Plan, row: Record) -> str | None:
    if row.target < 0:
        return None
    links = dict.fromkeys(OF_LINKS, plan.links.names)
    pools = dict.fromkeys(OF_POOLS, plan.pools.names)
    other = {**links, **pools}
    return other.get(int(row.kind), plan.sensors.names)[int(row.target)]


def _change(plan: Plan, row: Record) -> str | None:
    """Return what an event changed, in words."""
    kind, a, b = row.kind, row.a, row.b
    if kind == HOUR:
        times = f", {b / 1e6:.6g} times" if a >= HOURS else ""
        return f"people as at {a % 24}:00, {DAYS[a % HOURS // 24]}{times}"
    if kind == RATE:
        return f"{b * 1e9 / a:.6g} fps"
    if kind == SERVERS:
        return f"{a} servers"
    if kind == CAP_RENEWED:
        return format_data_bit(int(a), 4)
    if kind == LINK_RATE:
        return format_rate_bps(int(a), 4)
    if kind == RUNG:
        return f"rung {a}: {plan.sensors.setup_names[b]}"
    if kind == DEMAND:
        return f"{a / b:.6g} times the people"
    return plan.sensors.setup_names[b] if kind == MODEL_WRITE else None
