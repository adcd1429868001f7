"""How late results are: the share that is later than any time, percentiles, and where time goes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleet.arrays import Floats
from fleet.model.frames import STAGES
from fleet.reports.charts import Bar, Line, bars, plot
from fleet.reports.look import legend
from fleet.reports.markup import Markup, join
from fleet.reports.scale import Scale, logarithmic
from fleet.reports.section import Section
from fleet.reports.tables import figure, table
from fleet.results.metric import number
from fleet.results.record import Record
from fleet.show.rows import EMPTY, sections
from fleet.show.words import ends, said

_NUMBERS = ("p50", "p95", "p99", "p999", "max", "mean")


def latency(record: Record) -> Section:
    """Return the tail of the latency of each arm, its percentiles and its stages."""
    return Section("latency", "Latency", join(_tail(record), _stages(record)))


def _tail(record: Record) -> Markup:
    curves = [
        Line(i, arm, *_later(record, arm))
        for i, arm in enumerate(record.arms)
        if record.arms[arm]["frames"]["results"]
    ]
    if not curves:
        return join("No arm has results, so there is no latency.")
    rarest = min(float(np.nanmin(line.y)) for line in curves)
    x = logarithmic(np.concatenate([line.x for line in curves]).tolist())
    y = Scale(max(10.0 ** np.floor(np.log10(rarest)), 1e-4), 100.0, log=True)
    text = (
        "Results that are later than a time, in per cent of all, both on logarithmic scales: the"
        " further left and down, the better."
    )
    p99 = "; ".join(f"{a}: 99 % within {said(record, a, 'latency_ms.p99')}" for a in record.arms)
    chart = plot(curves, x, y, f"{text} {p99}.", height=220, unit="ms")
    rows = [
        (arm, *(said(record, arm, f"latency_ms.{name}", unit=False) for name in _NUMBERS))
        for arm in record.arms
    ]
    head = ["arm", "median", "95 %", "99 %", "99.9 %", "longest", "mean"]
    return join(
        figure(text, chart, legend([str(arm) for arm in record.arms], line=True)),
        table("Latency of results from capture to consumer; ms", head, rows),
    )


def _later(record: Record, arm: str) -> tuple[Floats, Floats]:
    """Return (ms, per cent of results later than that) as steps, of all replications together.

    Steps that lower the curve by less than half a per cent of itself are joined.
    """
    rows = record.tables.of("histograms", arm)
    upper, counts = rows["latency_ns_upper"].to_numpy(), rows["results"].to_numpy()
    at, of = np.unique(upper, return_inverse=True)
    by_class = np.bincount(of, weights=counts)
    left = by_class.sum() - np.cumsum(by_class)
    ms = np.minimum(at * 1e-6, record.arms[arm]["latency_ms"]["max"])
    share = np.where(left > 0, 100 * left / by_class.sum(), np.nan)  # a logarithm knows no zero
    keep = [0]
    for k in range(1, len(share)):
        if not share[k] > share[keep[-1]] * 0.995:
            keep.append(k)
    before = np.concatenate([[100.0], share[keep][:-1]])
    return np.repeat(ms[keep], 2), np.column_stack((before, share[keep])).ravel()


def _stages(record: Record) -> Markup:
    used = [s for s in STAGES if any(arm["stages_ms"][s] for arm in record.arms.values())]
    rows = [_bar(record, arm, used) for arm in record.arms]
    text = "Mean latency of results by stage; at the right the mean of all."
    told = "; ".join(f"{row.name}: {row.said}" for row in rows)
    numbers = table("Mean time in each stage; ms", ["arm", *used], list(_cells(record, used)))
    return figure(text, bars(rows, f"{text} {told}."), legend(used), numbers=numbers)


def _bar(record: Record, arm: str, used: list[str]) -> Bar:
    stages = record.arms[arm]["stages_ms"]
    mean = said(record, arm, "latency_ms.mean")
    ci95 = ends(record, arm, "latency_ms.mean")
    return Bar(arm, [stages[s] or 0.0 for s in used], mean, range(len(used)), *ci95)


def _cells(record: Record, used: list[str]) -> Iterator[list[str]]:
    for arm, numbers in record.arms.items():
        stages_ms = [numbers["stages_ms"][s] for s in used]
        yield [arm, *(EMPTY if x is None else number(x) for x in stages_ms)]


def comparison(record: Record) -> Section:
    """Return every row of the comparison that a terminal shows, with intervals and units."""
    parts = []
    for title, rows in sections(record.numbers, looked=record.looked):
        known = [(label, *cells, unit) for label, unit, cells in rows if set(cells) != {EMPTY}]
        if known:
            head = ["number", *record.arms, "unit"]
            parts.append(table(title, head, known, words=(len(head) - 1,)))
    many = record.summary["replications"]
    title = f"All numbers, mean of {many} replications" if many > 1 else "All numbers"
    return Section("numbers", title, join(parts))
