"""How well each use is served: visitors counted, gaps reported, places mapped, objects found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fleet.reports.charts import Spread, spreads
from fleet.reports.look import legend
from fleet.reports.markup import Markup, join, tag
from fleet.reports.scale import Scale, linear
from fleet.reports.section import Section
from fleet.reports.tables import figure, table
from fleet.results.metric import SHARE, Metric, number
from fleet.results.metrics import known
from fleet.results.record import Record
from fleet.results.tasks import MEASURES

_NOBODY = (
    "Nobody measured what the networks of these arms see, so how well uses are served is not known;"
    " 'fleet catalog models' says which networks were measured."
)


def uses(record: Record) -> Section:
    """Return each measure of each group and arm with its interval."""
    groups = {arm: n["service"]["groups"] for arm, n in record.arms.items()}
    charts = [chart for measure in MEASURES if (chart := _measure(groups, measure)) is not None]
    seen = _seen(record)
    if not charts and seen is None:
        return Section("uses", "How well each use is served", tag("p", _NOBODY))
    text = (
        "What each use gets, by group of sensors and arm; a line is the 95 % interval over the"
        " sites (or scenes) in which the networks were measured."
    )
    return Section("uses", "How well each use is served", join(tag("p", text), charts, seen))


def _measure(groups: Mapping[str, Mapping[str, Any]], measure: str) -> Markup | None:
    metric = known(f"service.{measure}").metric
    rows, cells = [], []
    names = dict.fromkeys(name for of_arm in groups.values() for name in of_arm)
    for group in names:
        for i, (arm, of_arm) in enumerate(groups.items()):
            measured = of_arm.get(group, {}).get(measure)
            if measured:
                rows.append(_row(group, i, measured, metric))
                cells.append(_cells(f"{group}, {arm}", measured, metric))
    if not rows:
        return None
    title = f"{metric.meaning} ({_unit(metric)}; {metric.better} is better)"
    return _figure(title, rows, cells, _unit(metric), list(groups))


def _figure(
    title: str, rows: list[Spread], cells: list[tuple[str, ...]], unit: str, arms: list[str]
) -> Markup:
    ends = np.array([(r.low, r.middle, r.high) for r in rows]).ravel()
    x = Scale(0.0, 100.0) if unit.startswith("%") else linear(ends.tolist())
    label = f"{title}. " + "; ".join(f"{r.name}, {arms[r.look]}: {r.said}" for r in rows) + "."
    there = {row.look for row in rows}
    names = [arm if i in there else "" for i, arm in enumerate(arms)]
    head = ["group, arm", "mean", "95 % interval from", "to"]
    chart = spreads(rows, x, label, unit.partition(" ")[0])
    return figure(title, chart, legend(names, line=True), numbers=table(title, head, cells))


def _unit(metric: Metric) -> str:
    return f"% {metric.of}" if metric.unit == SHARE else metric.unit.name


def _row(name: str, look: int, measured: Mapping[str, Any], metric: Metric) -> Spread:
    by = metric.unit.factor
    low, high = measured["ci95"] or (np.nan, np.nan)
    said = number(by * measured["mean"])
    return Spread(name, said, look, by * low, np.nan, by * measured["mean"], np.nan, by * high)


def _cells(name: str, measured: Mapping[str, Any], metric: Metric) -> tuple[str, ...]:
    ends = measured["ci95"] or (None, None)
    return (name, *("–" if x is None else metric.unit.show(x) for x in (measured["mean"], *ends)))


def _seen(record: Record) -> Markup | None:
    """Return the recall and precision of each arm, over all and by group."""
    rows = []
    for arm, numbers in record.arms.items():
        accuracy = numbers["accuracy"]
        if accuracy.get("recall") is None:
            continue
        rows.append((arm, *_two(accuracy)))
        rows += [(f"{arm}, {group}", *_two(one)) for group, one in accuracy["by_group"].items()]
    if not rows:
        return None
    title = "What eyes see: objects found of those in view, and found rightly; 95 % over scenes"
    head = ["arm, group", "recall", "interval", "precision", "interval", "miscount of a frame"]
    return tag("details", tag("summary", "Recall and precision"), table(title, head, rows))


def _two(one: Mapping[str, Any]) -> Iterator[str]:
    for name in ("recall", "precision"):
        yield "–" if one[name] is None else SHARE.show(one[name])
        ends = (one.get("ci95") or {}).get(name)
        yield "–" if ends is None else f"{SHARE.show(ends[0])} to {SHARE.show(ends[1])}"
    yield "–" if one["miscount_per_frame"] is None else number(one["miscount_per_frame"])
