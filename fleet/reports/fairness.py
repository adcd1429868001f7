"""Fairness over sensors: how what each of them gets is spread, and who gets least."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fleet.arrays import Floats
from fleet.reports.charts import Spread, spreads
from fleet.reports.markup import Markup, join, tag
from fleet.reports.scale import Scale, linear, logarithmic
from fleet.reports.section import Section
from fleet.reports.tables import figure, table
from fleet.results.fairness import jain_index
from fleet.results.metric import number
from fleet.results.record import Record
from fleet.show.rows import EMPTY
from fleet.show.words import said

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_WORST = 10
NO_JAIN: Mapping[str, str] = {}
_MEASURES = {
    "jain": "Jain's index of the share answered",
    "answered_worst_tenth": "share answered, worst tenth",
    "latency_ms_worst_tenth": "mean latency, worst tenth",
}


@dataclass(frozen=True)
class Sensors:
    """The sensors of an arm, in the mean over its replications; a value each.

    Attributes:
        names, groups, sites: who they are.
        lon, lat: where, in degrees; NaN where that is not stated.
        due: frames that should have become results.
        results: frames that did.
        latency_ms: mean latency of these, NaN without any.
        slowest_ms: the longest in any replication.
        mbit_s: what each sent, with protocols.
    """

    names: list[str]
    groups: list[str]
    sites: list[str]
    lon: Floats
    lat: Floats
    due: Floats
    results: Floats
    latency_ms: Floats
    slowest_ms: Floats
    mbit_s: Floats

    @property
    def delivered(self) -> Floats:
        """Return the share of frames due that became results; NaN where none was due."""
        return _over(self.results, self.due)


def sensors(record: Record, arm: str) -> Sensors:
    """Return the sensors of an arm."""
    rows, many = record.tables.of("sensors", arm), len(record.numbers[arm])

    def every(name: str) -> Floats:
        values: Floats = rows[name].to_numpy().astype(np.float64).reshape(many, -1)
        return values

    one = len(rows) // many
    results = every("frames_result").sum(axis=0)
    due = every("captured") + every("captured_in_warm_up") - every("ended_in_warm_up")
    names, groups, sites = (rows[name].to_pylist()[:one] for name in ("sensor", "group", "site"))
    return Sensors(
        names, groups, sites, every("lon")[0], every("lat")[0],
        due=(due - every("frames_not_published")).sum(axis=0) / many,
        results=results / many,
        latency_ms=_over(every("latency_ns_sum").sum(axis=0) * 1e-6, results),
        slowest_ms=every("latency_ns_max").max(axis=0) * 1e-6,
        mbit_s=every("wire_bits").mean(axis=0) / record.summary["measured_s"] * 1e-6,
    )  # fmt: skip


def _over(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1e-300), np.nan)


def fairness(record: Record, fleet: dict[str, Sensors]) -> Section:
    """Return how latency, delivery and traffic are spread over the sensors of each arm."""
    first = (
        "A mean can hide sensors that get little. Thin line: from the least to the most of any"
        " sensor; thick: nine in ten of them; dot: the median. Jain's index of fairness (Jain, Chiu"
        " and Hawe, 1984) is 1 where all sensors get the same, and 1/n where one of n gets all. The"
        " worst tenth are the tenth of the sensors with the least, of each replication by itself."
    )
    told = ((arm, said(record, arm, "fairness.jain")) for arm in fleet)
    jain = {arm: text for arm, text in told if text != EMPTY}
    parts = [
        _measures(record),
        _figure("Mean latency of a sensor's results", "ms", fleet, lambda s: s.latency_ms),
        _figure(
            "Frames due of a sensor that became results",
            "%",
            fleet,
            lambda s: 100 * s.delivered,
            jain,
        ),
        _figure("Traffic that a sensor sends", "Mbit/s", fleet, lambda s: s.mbit_s),
    ]
    return Section(
        "fairness", "Fairness over sensors",
        join(tag("p", first), parts, _groups(record), _worst(fleet)),
    )  # fmt: skip


def _measures(record: Record) -> Markup:
    """Return how fair each arm is, over all sensors and within each group that is not all of it."""
    rows = []
    for arm, numbers in record.arms.items():
        groups = list(numbers["groups"])
        for name, place in [
            (arm, "fairness"),
            *((f"{arm}, {g}", f"fairness.by_group.{g}") for g in groups if len(groups) > 1),
        ]:
            rows.append((name, *(said(record, arm, f"{place}.{measure}") for measure in _MEASURES)))
    return table("Fairness of each arm, and of its groups", ["arm, group", *_MEASURES.values()],
                 rows)  # fmt: skip


def _figure(
    title: str,
    unit: str,
    fleet: dict[str, Sensors],
    of: Callable[[Sensors], Floats],
    said_jain: Mapping[str, str] = NO_JAIN,
) -> Markup:
    """Return how something is spread over the sensors of each arm.

    Args:
        title: what.
        unit: in which.
        fleet: the sensors by arm.
        of: what of them.
        said_jain: Jain's index by arm as it is told elsewhere; else it is that of the means.
    """
    rows, cells, every = [], [], []
    for i, (arm, one) in enumerate(fleet.items()):
        values = of(one)
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        q = np.quantile(values, _QUANTILES).tolist()
        every += q
        jain = said_jain.get(arm) or f"{jain_index(values):.4f}"
        name = f"{arm}, Jain {jain}" if arm in said_jain else arm
        rows.append(Spread(name, number(q[3]), i, q[0], q[1], q[3], q[5], q[6]))
        cells.append((arm, *(number(x) for x in q), jain, number(len(values))))
    if not rows:
        return tag("p", f"{title}: not known, as no sensor has any.")
    x = Scale(0.0, 100.0) if unit == "%" else _scale(every)
    label = f"{title}, {unit}. " + "; ".join(f"{r.name}: median {r.said}" for r in rows) + "."
    head = [
        "arm",
        "least",
        "5 %",
        "25 %",
        "median",
        "75 %",
        "95 %",
        "most",
        "Jain's index",
        "sensors",
    ]
    numbers = table(f"{title} ({unit}), over sensors", head, cells)
    return figure(f"{title} ({unit})", spreads(rows, x, label, unit), numbers=numbers)


def _scale(values: list[float]) -> Scale:
    """Return a logarithmic scale where most is far from least, else one from zero."""
    least = min(values)
    return logarithmic(values) if least > 0 and max(values) > 20 * least else linear(values)


def _groups(record: Record) -> Markup:
    rows = []
    for group in dict.fromkeys(g for arm in record.arms.values() for g in arm["groups"]):
        for arm, numbers in record.arms.items():
            if (one := numbers["groups"].get(group)) is not None:
                ms = one["latency_ms"]
                rows.append(
                    (f"{group}, {arm}", number(one["sensors"]), number(one["captured"]),
                     number(one["results"]), *(_ms(ms[q]) for q in ("mean", "p50", "p99", "max")))
                )  # fmt: skip
    head = ["group, arm", "sensors", "captured", "results", "mean, ms", "median, ms", "99 %, ms",
            "longest, ms"]  # fmt: skip
    return tag("details", tag("summary", "By group of sensors"), table("Groups", head, rows))


def _ms(x: float | None) -> str:
    return EMPTY if x is None else number(x)


def _worst(fleet: dict[str, Sensors]) -> Markup:
    head = ["sensor, arm", "due", "delivered", "mean latency, ms", "longest, ms"]
    rows = [row for arm, one in fleet.items() for row in _worst_of(arm, one)]
    text = f"The {_WORST} sensors of each arm to which least was delivered"
    return tag("details", tag("summary", text), table(text, head, rows))


def _worst_of(arm: str, one: Sensors) -> Iterator[tuple[str, ...]]:
    share = np.where(np.isnan(one.delivered), 2.0, one.delivered)
    late = np.where(np.isnan(one.latency_ms), np.inf, one.latency_ms)
    for k in np.lexsort((np.arange(len(share)), -late, share))[:_WORST].tolist():
        if share[k] <= 1:
            ms = "no results" if np.isinf(late[k]) else number(float(late[k]))
            yield (f"{one.names[k]}, {arm}", number(float(one.due[k])), f"{share[k]:.2%}", ms,
                   number(float(one.slowest_ms[k])))  # fmt: skip
