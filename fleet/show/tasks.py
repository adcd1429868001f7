"""The figure of how well the arms do their tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fleet.results.metrics import known as known_number
from fleet.results.record import Record
from fleet.show.style import COLOURS, MARKERS, Table, figure_of, one_legend

MEASURES = ("miscount_per_5_min", "time_to_alert_s", "map_error", "ap50")
_ROW_IN = 0.24

Groups = Mapping[str, Mapping[str, Any]]


def known(record: Record) -> bool:
    """Return whether there is anything to draw."""
    services = [arm["service"]["groups"] for arm in record.arms.values()]
    return any(g.get(m) for groups in services for g in groups.values() for m in MEASURES)


def tasks(record: Record) -> tuple[Figure, Table]:
    """Return each measure of each group and arm with its interval over sites, a panel a measure."""
    arms: dict[str, Groups] = {name: arm["service"]["groups"] for name, arm in record.arms.items()}
    panels = {m: rows for m in MEASURES if (rows := _groups(arms, m))}
    heights = [len(rows) + 1.6 for rows in panels.values()]
    figure = figure_of(0.5 + 0.1 * len(arms) + _ROW_IN * sum(heights))
    table: Table = [("group", "arm", "measure", "mean", "ci95_low", "ci95_high")]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (measure, rows) in zip(axes, panels.items(), strict=True):
        for i, (arm, groups) in enumerate(arms.items()):
            table += _points(panel, arm, i, len(arms), rows, groups, measure)
        panel.set_yticks(range(len(rows)), rows)
        panel.set_ylim(len(rows) - 0.5, -0.5)
        panel.set_xlim(left=0)
        panel.locator_params(axis="x", nbins=6)
        panel.set_title(_title(measure), loc="left", fontsize=7)
        panel.grid(axis="y", visible=False)
    axes[-1].set_xlabel("bars: 95 % interval over sites")
    one_legend(figure, axes, ncols=2)
    return figure, table


def _title(measure: str) -> str:
    metric = known_number(f"service.{measure}").metric
    return f"{metric.label} ({metric.of or metric.unit.name}; {metric.better} is better)"


def _groups(arms: Mapping[str, Groups], measure: str) -> list[str]:
    """Return the groups of which any arm knows a measure."""
    return list(
        dict.fromkeys(n for groups in arms.values() for n, g in groups.items() if g.get(measure))
    )


def _points(
    axes: Axes, arm: str, i: int, arms: int, rows: list[str], groups: Groups, measure: str
) -> Table:
    """Draw an arm's means and intervals; return them as rows of the table."""
    values = [(k, name, groups[name][measure]) for k, name in enumerate(rows) if name in groups]
    known = [(k, name, e["mean"], e["ci95"] or [np.nan] * 2) for k, name, e in values if e]
    if not known:
        return []
    mean = np.array([m for _, _, m, _ in known])
    low, high = (np.array([ci[end] for *_, ci in known]) for end in (0, 1))
    off = 0.3 * (i - (arms - 1) / 2) / max(1, arms - 1)
    axes.errorbar(
        mean, [k + off for k, *_ in known], xerr=np.abs([mean - low, high - mean]),
        fmt=MARKERS[i % 5], color=COLOURS[i % 9], markersize=3.5, elinewidth=0.8,
        label=arm,
    )  # fmt: skip
    return [
        (name, arm, measure, f"{m:.6g}", *("" if np.isnan(x) else f"{x:.6g}" for x in ci))
        for _, name, m, ci in known
    ]
