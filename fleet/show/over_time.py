"""Figures over time: what links carry, and the time line, with what happened shaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fleet import doors
from fleet.arrays import Floats
from fleet.results.record import Record
from fleet.show.links import distinct
from fleet.show.seconds import Bins, Course, bins_of, busiest, course, spans
from fleet.show.style import COLOURS, LINES, Table, figure_of, one_legend

_MOST_BINS, _MOST_SHADES = 150, 60
_FAR = 20.0
"""Lines whose means are so many times each other are drawn over their logarithm."""


class _Panel(NamedTuple):
    title: str
    unit: str
    values: Mapping[str, Floats]
    log: bool


def bandwidth(record: Record) -> tuple[Figure, Table]:
    """Return what each distinct link carries over time, a panel each and a line an arm.

    Links that carry the same share a panel; a point is the mean of a bin.
    """
    bins, courses = _courses(record)
    panels = []
    for names in distinct(record):
        values = {
            arm: one.mbit_s[names[0]] for arm, one in courses.items() if names[0] in one.mbit_s
        }
        means = [float(v.mean()) for v in values.values() if v.mean() > 0]
        log = len(means) > 1 and max(means) > _FAR * min(means)
        panels.append(_Panel(" = ".join(names), "Mbit/s", values, log))
    return _drawn(record, bins, panels, 1.05)


def timeline(record: Record) -> tuple[Figure, Table]:
    """Return latency, loss, queues and load over time, with what happened shaded."""
    bins, courses = _courses(record)
    link = busiest(courses)
    panels = [
        _Panel("99th percentile of latency", "ms", {a: c.p99_ms for a, c in courses.items()}, True),
        _Panel("skipped or lost", "%", {a: 100 * c.missing for a, c in courses.items()}, False),
        _Panel("frames that wait", "frames", {a: c.waiting for a, c in courses.items()}, False),
        _Panel(
            f"load of {link}", "Mbit/s",
            {a: c.mbit_s[link] for a, c in courses.items() if link in c.mbit_s}, False,
        ),
    ]  # fmt: skip
    return _drawn(record, bins, panels, 0.95)


def _courses(record: Record) -> tuple[Bins, dict[str, Course]]:
    bins = bins_of(record, _MOST_BINS)
    return bins, {arm: course(record, arm, bins) for arm in record.arms}


def _drawn(
    record: Record, bins: Bins, panels: Sequence[_Panel], height_in: float
) -> tuple[Figure, Table]:
    figure = figure_of(0.75 + height_in * len(panels) + 0.09 * len(record.arms))
    drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    table: Table = [("panel", "arm", "start_s", "value", "unit")]
    looks = {arm: i for i, arm in enumerate(record.arms)}
    full = max(1, int((record.summary["simulated_s"] - bins.first_s) / bins.each_s + 1e-9))
    bins = Bins(bins.first_s, bins.each_s, min(bins.many, full))  # half a bin has half of all
    for axes, panel in zip(drawn, panels, strict=True):
        table += _lines(axes, panel, bins, looks)
        _shade(axes, record)
        axes.set_title(f"{panel.title} ({panel.unit})", loc="left", fontsize=7)
    drawn[-1].set_xlabel(_axis(bins))
    one_legend(figure, drawn, ncols=3)
    return figure, table


def _lines(
    axes: Axes, panel: _Panel, bins: Bins, looks: Mapping[str, int]
) -> Iterator[tuple[str, ...]]:
    for arm, values in panel.values.items():
        i, shown = looks[arm], values[: bins.many]
        axes.plot(
            bins.start_s, shown, label=doors.terminal(arm), color=COLOURS[i % 9],
            linestyle=LINES[i % 4], linewidth=0.9,
        )  # fmt: skip
        for start_s, x in zip(bins.start_s, shown, strict=True):
            if not np.isnan(x):
                yield panel.title, arm, f"{start_s:g}", f"{x:.6g}", panel.unit
    if panel.log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(_marked))
    axes.set_xlim(bins.first_s, bins.end_s)


def _shade(axes: Axes, record: Record) -> None:
    """Shade what happened to links or to all; a moment is a stroke."""
    for span in [one for one in spans(record) if one.tall][:_MOST_SHADES]:
        if span.high_s > span.low_s:
            axes.axvspan(span.low_s, span.high_s, color="#888888", alpha=0.22, linewidth=0)
        else:
            axes.axvline(span.low_s, color="#888888", linewidth=0.6, alpha=0.7)


def _axis(bins: Bins) -> str:
    each = "" if bins.each_s == 1 else f", means of {bins.each_s:g} s"
    return f"simulated time (s){each}; shaded: events"


def _marked(x: float, _: int | None = None) -> str:
    """Return a tick's number as short as it is exact, with thousands marked."""
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:g}"
