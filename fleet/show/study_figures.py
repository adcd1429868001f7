"""Figures of a study from its table: a metric over a key, who wins where, and Pareto fronts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes

from fleet import doors
from fleet.results.metric import Better
from fleet.results.metrics import known
from fleet.show.regimes import choice, regimes
from fleet.show.style import (
    COLOURS,
    LINES,
    MARKERS,
    Drawn,
    Named,
    Table,
    axes_of,
    draw_each,
    figure_of,
    one_legend,
)
from fleet.show.sweep import plain
from fleet.study.averages import (
    Average,
    arms_of,
    averages,
    bend,
    front,
    places,
    scaled,
    varied,
)
from fleet.study.panels import LOST, has_lines, has_map, panels
from fleet.study.taking import can_be_taken

_AXIS_WIDTH = 38
"""Where what stands along an axis is broken."""


def draw(table: pa.Table, metrics: Sequence[str], folder: Path) -> dict[str, Exception]:
    """Draw the figures of a study into a folder, made if need be.

    Args:
        table: of the study.
        metrics: names of the numbers that are drawn.
        folder: where.

    Returns:
        by name, why a figure could not be drawn; the others are there all the same.
    """
    return draw_each(figures(table, metrics), folder)[1]


def figures(table: pa.Table, metrics: Sequence[str]) -> Iterator[Named]:
    """Yield the name of every figure that a study has, and what draws it.

    Curves are of the one or two keys of a grid, maps of two or three; fronts are of any design.
    """
    lines, maps = has_lines(table), has_map(table)
    for metric in metrics:
        if lines:
            yield f"curve_{metric}", partial(curve, table, metric)
        has_winners = known(metric).metric.better is not Better.NEITHER
        if maps and has_winners:
            yield f"regimes_{metric}", partial(regimes, table, metric)
        if maps and can_be_taken(table, metric):
            yield f"choice_{metric}", partial(choice, table, metric)
    good = [m for m in metrics if known(m).metric.better is not Better.NEITHER]
    for one, other in itertools.combinations(good, 2):
        yield f"pareto_{one}_{other}", partial(pareto, table, one, other)


def _label(metric: str) -> str:
    """Return what a number is, in words and its unit, as it stands along an axis."""
    one = known(metric)
    of = f", {one.name}" if one.name else ""
    said = f"{one.metric.meaning}{of} ({one.metric.unit.printed})"
    return "\n".join(wrap(doors.terminal(said), _AXIS_WIDTH))


def curve(table: pa.Table, metric: str) -> Drawn:
    """Return a metric over a key, a line an arm with its 95 % band, and where it bends most.

    The last key that has numbers is along; another one has a panel for each of up to four values.
    """
    keys = varied(table)
    along, other, values = panels(table)
    means, rows = scaled(metric, averages(table, metric)), places(table)
    arms = arms_of(table)
    figure = figure_of(0.9 + 1.5 * len(values))
    drawn = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    out: Table = [(*keys, "arm", "mean", "low", "high", "is_knee")]
    for axes, value in zip(drawn, values, strict=True):
        here = [row for row in rows if other is None or row[other] == value]
        before, means_here = len(out), list[float]()
        here.sort(key=lambda row: row[along])
        for k, arm in enumerate(arms):
            points = [(row, means[at]) for row in here if (at := (row["point"], arm)) in means]
            means_here += [one.mean for _, one in points]
            line = _line(axes, [(row[along], one) for row, one in points], arm, k)
            cells = ([row[key] for key in keys] for row, _ in points)
            out += [(*cell, *rest) for cell, rest in zip(cells, line, strict=True)]
        _mark_knees(axes, along, [out[0], *out[before:]])
        if other:
            axes.set_title(f"{other}: {plain(value)}", loc="left")
        _scale(axes, means_here)
    drawn[-1].set_xlabel(along)
    figure.supylabel(_label(metric), fontsize=8)
    one_legend(figure, drawn, ncols=3)
    return figure, out


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """Begin at zero, or take logarithms where the least would be lost beside the largest."""
    if values and min(values) > 0 and max(values) > LOST * min(values):
        axes.set_yscale("log")
    else:
        low, high = axes.get_ylim()
        low = min(0.0, low)
        axes.set_ylim(low, high + 0.03 * (high - low))  # a marker at the top is whole


def _line(axes: Axes, points: Sequence[tuple[Any, Average]], arm: str, k: int) -> Table:
    """Draw the line of an arm with its band and knee; return a row for each point."""
    if not points:
        return []
    x, means = [x for x, _ in points], [one.mean for _, one in points]
    colour = COLOURS[k % 9]
    axes.plot(
        x, means, color=colour, linestyle=LINES[k % 4], marker=MARKERS[k % 5], markersize=3,
        label=doors.terminal(arm),
    )  # fmt: skip
    ends = [one.ci95 or (one.mean, one.mean) for _, one in points]
    low, high = zip(*ends, strict=True)
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    at = bend(x, means, max(b - a for a, b in ends))
    return [
        (arm, f"{one.mean:.6g}", f"{a:.6g}", f"{b:.6g}", int(i == at))
        for i, ((_, one), (a, b)) in enumerate(zip(points, ends, strict=True))
    ]


def _mark_knees(axes: Axes, along: str, out: Table) -> None:
    """Mark the knees that rows of a panel tell of, after all lines."""
    header, *rows = out
    x, mean, is_knee = (header.index(name) for name in (along, "mean", "is_knee"))
    for row in rows:
        if row[is_knee]:
            axes.plot(
                row[x], float(row[mean]), "o", markersize=8, fillstyle="none", color="#222222",
                markeredgewidth=0.9, label="knee",
            )  # fmt: skip


def _halves(means: Sequence[Average]) -> list[list[float]]:
    """Return how far intervals reach below and above their means."""
    ends = [one.ci95 or (one.mean, one.mean) for one in means]
    return [
        [one.mean - low for one, (low, _) in zip(means, ends, strict=True)],
        [high - one.mean for one, (_, high) in zip(means, ends, strict=True)],
    ]


def pareto(table: pa.Table, one: str, other: str) -> Drawn:
    """Return every point in every arm by two metrics, and the front that none beats in both."""
    pairs = [scaled(metric, averages(table, metric)) for metric in (one, other)]
    keys = [key for key in pairs[0] if key in pairs[1]]
    arms, rows = arms_of(table), {str(row["point"]): row for row in places(table)}
    figure, axes = axes_of(2.7)
    for k, arm in enumerate(arms):
        mine = [key for key in keys if key[1] == arm]
        x, y = ([pair[key].mean for key in mine] for pair in pairs)
        xerr, yerr = (_halves([pair[key] for key in mine]) for pair in pairs)
        axes.errorbar(
            x, y, xerr=xerr, yerr=yerr, linestyle="", marker=MARKERS[k % 5], markersize=3.5,
            color=COLOURS[k % 9], elinewidth=0.6, label=doors.terminal(arm),
        )  # fmt: skip
    signs = tuple(1 if known(m).metric.better is Better.LESS else -1 for m in (one, other))
    points = [(pairs[0][key].mean, pairs[1][key].mean) for key in keys]
    best = front(points, (signs[0], signs[1]))
    if len(best) > 1:
        axes.plot(
            *zip(*(points[k] for k in best), strict=True), color="#222222", linewidth=0.8,
            zorder=1, drawstyle="steps-post", label="front",
        )  # fmt: skip
    axes.set_xlabel(_label(one))
    axes.set_ylabel(_label(other))
    one_legend(figure, [axes], ncols=4)
    names = varied(table)
    out: Table = [(*names, "arm", one, other, "on_front")]
    out += [
        (*(rows[point][name] for name in names), arm, f"{x:.6g}", f"{y:.6g}", int(k in best))
        for k, ((point, arm), (x, y)) in enumerate(zip(keys, points, strict=True))
    ]
    return figure, out
