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

_QUANTILES = ("p50", "p95", "p99", "p999", "max")


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
    p99 = "; ".join(f"{a}: 99 % within {_ms(record, a, 'p99')} ms" for a in record.arms)
    chart = plot(curves, x, y, f"{text} {p99}.", height=220, unit="ms")
    rows = [(arm, *(_ms(record, arm, q) for q in (*_QUANTILES, "mean"))) for arm in record.arms]
    head = ["arm", "median", "95 %", "99 %", "99.9 %", "longest", "mean"]
    return join(
        figure(text, chart, legend([str(arm) for arm in record.arms], line=True)),
        table("Latency of results from capture to consumer; ms", head, rows),
    )


def _ms(record: Record, arm: str, name: str) -> str:
    """Return a latency with its interval over replications, where it has one."""
    row = record.summary["intervals"][arm].get(f"latency_ms.{name}")
    value = record.arms[arm]["latency_ms"][name]
    if value is None:
        return EMPTY
    if row is None or row["ci95"] is None:
        return number(value)
    return f"{number(value)} ({number(row['ci95'][0])}–{number(row['ci95'][1])})"


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
    rows = [_bar(arm, numbers, used) for arm, numbers in record.arms.items()]
    text = "Mean latency of results by stage; at the right the mean of all."
    said = "; ".join(f"{row.name}: {row.said}" for row in rows)
    numbers = table("Mean time in each stage; ms", ["arm", *used], list(_cells(record, used)))
    return figure(text, bars(rows, f"{text} {said}."), legend(used), numbers=numbers)


def _bar(arm: str, numbers: dict[str, dict[str, float | None]], used: list[str]) -> Bar:
    mean = numbers["latency_ms"]["mean"]
    said = "no results" if mean is None else f"{number(mean)} ms"
    return Bar(arm, [numbers["stages_ms"][s] or 0.0 for s in used], said, range(len(used)))


def _cells(record: Record, used: list[str]) -> Iterator[list[str]]:
    for arm, numbers in record.arms.items():
        found = [numbers["stages_ms"][s] for s in used]
        yield [arm, *(EMPTY if x is None else number(x) for x in found)]


def comparison(record: Record) -> Section:
    """Return every row of the comparison that a terminal shows, with intervals and units."""
    parts = []
    for title, rows in sections(record.numbers):
        known = [(label, *cells, unit) for label, unit, cells in rows if set(cells) != {EMPTY}]
        if known:
            head = ["number", *record.arms, "unit"]
            parts.append(table(title, head, known, words=(len(head) - 1,)))
    many = record.summary["replications"]
    title = f"All numbers, mean of {many} replications" if many > 1 else "All numbers"
    return Section("numbers", title, join(parts))
