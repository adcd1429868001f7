"""Figures of a run: latency, bandwidth, power, the map; see `fleet.show.style` for their look.

All show means over replications; bands and bars are the 95 % intervals of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fleet import doors
from fleet.errors import InputError
from fleet.model.frames import STAGES
from fleet.results.record import Record
from fleet.show import by_hour
from fleet.show.labels import labelled
from fleet.show.lateness import column, latency_ccdf, latency_cdf
from fleet.show.maps import city_map
from fleet.show.over_time import bandwidth, timeline
from fleet.show.style import (
    COLOURS,
    HATCHES,
    MARKERS,
    Named,
    Table,
    axes_of,
    draw_each,
    figure_of,
)
from fleet.show.tasks import known, tasks

MOST_ARMS = 24
"""So many can be told apart in a figure; the time to draw one grows with them too."""


def draw_all(
    record: Record, folder: Path, told: Callable[[str, float], None] = lambda *_: None
) -> dict[str, Exception]:
    """Draw every figure of a record into a folder, made if need be.

    Args:
        record: what is drawn.
        folder: where.
        told: is called with the name of a figure that is begun and the share that is done.

    Returns:
        by name, why a figure could not be drawn; the others are there all the same.
    """
    if len(record.arms) > MOST_ARMS:
        return {"of so many arms": too_many(record)}
    return draw_each(figures(labelled(record)), folder, told=told)[1]


def too_many(record: Record) -> InputError:
    """Return why a record of so many arms has no figures."""
    many = f"{len(record.arms)} arms are more than {MOST_ARMS}; choose some of them with --arm"
    return InputError(many)


def figures(record: Record) -> Iterator[Named]:
    """Yield the name of every figure that a record has, and what draws it."""
    for name, draw in (
        ("latency_cdf", latency_cdf),
        ("latency_ccdf", latency_ccdf),
        ("latency_stages", latency_stages),
        ("bandwidth", bandwidth),
        ("timeline", timeline),
        ("power", power),
        ("boundaries", boundaries),
        ("by_hour", by_hour.by_hour),
        ("tasks", tasks),
    ):
        if name == "boundaries" and len(record.arms) < 2:
            continue
        if name == "by_hour" and not by_hour.known(record):
            continue
        if name == "tasks" and not known(record):
            continue
        yield name, partial(draw, record)
    for arm in record.arms:
        if np.isfinite(column(record.tables.of("sensors", arm), "lon")).any():
            yield f"map_{arm}", partial(city_map, record, arm)


def latency_stages(record: Record) -> tuple[Figure, Table]:
    """Return the mean time in each stage, stacked, by arm, and the median of the whole way."""
    figure, axes = axes_of(1.1 + 0.35 * len(record.arms))
    table: Table = [("arm", "stage", "mean_ms")]
    arms = list(record.arms)
    left = np.zeros(len(arms))
    for i, stage in enumerate(STAGES):
        ms = np.array([record.arms[arm]["stages_ms"][stage] or 0.0 for arm in arms])
        table += [(arm, stage, f"{x:.6g}") for arm, x in zip(arms, ms, strict=True)]
        if ms.any():
            _stack(axes, arms, ms, left, stage, i)
        left += ms
    medians = [record.arms[arm]["latency_ms"]["p50"] for arm in arms]
    table += [(arm, "median of all", f"{x:.6g}") for arm, x in zip(arms, medians, strict=True) if x]
    axes.plot(
        [np.nan if x is None else x for x in medians], arms, "D", color="white",
        markeredgecolor="#222222", markersize=4, markeredgewidth=0.8, label="median",
    )  # fmt: skip
    _bars(axes, record, "latency_ms.mean")
    axes.set_xlabel("mean latency of results (ms)")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=4)
    return figure, table


def _bars(axes: Axes, record: Record, metric: str, scale: float = 1.0) -> None:
    """Draw the interval of a metric over each arm's row, where it has one."""
    for arm, rows in record.summary["intervals"].items():
        if rows[metric]["ci95"] is not None:
            low, high = rows[metric]["ci95"]
            middle = (low + high) / 2 / scale
            axes.errorbar(
                middle, arm, xerr=(high - low) / 2 / scale, color="#222222", elinewidth=0.8,
                capsize=2,
            )  # fmt: skip


def _stack(
    axes: Axes, labels: list[str], values: np.ndarray, left: np.ndarray, name: str, i: int
) -> None:
    axes.barh(
        labels,
        values,
        left=left,
        label=name,
        height=0.6,
        color=COLOURS[i % 9],
        hatch=HATCHES[i % 9],
        edgecolor="white",
        linewidth=0.4,
    )


def power(record: Record) -> tuple[Figure, Table]:
    """Return the mean power of each component, stacked, by arm."""
    figure, axes = axes_of(1.0 + 0.35 * len(record.arms))
    table: Table = [("arm", "component", "mean_w")]
    arms = list(record.arms)
    parts = [p for p in next(iter(record.arms.values()))["power_w"] if p != "total"]
    left = np.zeros(len(arms))
    scale, unit = (1e3, "kW") if max(_totals(record)) >= 2e3 else (1.0, "W")
    for i, part in enumerate(parts):
        watts = np.array([record.arms[arm]["power_w"][part] for arm in arms])
        table += [(arm, part, f"{w:.6g}") for arm, w in zip(arms, watts, strict=True)]
        if watts.any():
            _stack(axes, arms, watts / scale, left / scale, part, i)
        left += watts
    _bars(axes, record, "power_w.total", scale)
    _totals_beside(axes, record, (left / scale).tolist())
    axes.set_xlabel(f"mean power of the fleet ({unit})")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=4)
    return figure, table


def _totals_beside(axes: Axes, record: Record, ends: Sequence[float]) -> None:
    """Write the total at the end of each bar, and make room for it."""
    for arm, end in zip(record.arms, ends, strict=True):
        ci95 = record.summary["intervals"][arm]["power_w.total"]["ci95"]
        beyond = end if ci95 is None else max(end, end * ci95[1] / (sum(ci95) / 2))
        axes.annotate(
            f"{end:,.3g}" if end < 1000 else f"{end:,.0f}", (beyond, arm), xytext=(3, 0),
            textcoords="offset points", va="center", fontsize=7,
        )  # fmt: skip
    axes.set_xlim(right=1.14 * max(ends, default=1.0) or 1.0)


def _totals(record: Record) -> list[float]:
    return [arm["power_w"]["total"] for arm in record.arms.values()]


def boundaries(record: Record) -> tuple[Figure, Table]:
    """Return how many times the other arms' power the baseline needs, by what is counted."""
    base = record.summary["comparison"]["baseline"]
    others = [arm for arm in record.arms if arm != base]
    scopes = list(next(iter(record.arms[base]["power_by_boundary_w"].values())))
    figure = figure_of(1.3 + 0.95 * len(others))
    panels = figure.subplots(len(others), 1, sharex=True, squeeze=False)[:, 0]
    table: Table = [("arm", "counted", "network_energy", "baseline_w", "arm_w", "ratio")]
    for axes, arm in zip(panels, others, strict=True):
        for i, (name, mine) in enumerate(record.arms[arm]["power_by_boundary_w"].items()):
            theirs = record.arms[base]["power_by_boundary_w"][name]
            ratios = [theirs[s] / mine[s] if mine[s] > 0 else np.nan for s in scopes]
            axes.plot(
                ratios, range(len(scopes)), MARKERS[i], color=COLOURS[i], markersize=4.5,
                label=f"network energy: {name}", fillstyle="none", markeredgewidth=1.0,
            )  # fmt: skip
            table += [
                (arm, s, name, f"{theirs[s]:.6g}", f"{mine[s]:.6g}", f"{r:.6g}")
                for s, r in zip(scopes, ratios, strict=True)
            ]
        axes.set_yticks(range(len(scopes)), scopes)
        axes.set_ylim(len(scopes) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.axvline(1, color="#444444", linewidth=0.8)
        axes.set_title(f"{base} over {arm}", loc="left")
    _draw_claim(record, list(panels))
    panels[-1].set_xlabel(f"power of {base} / power of the arm\n(more than 1: the arm saves)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1)
    return figure, table


def _draw_claim(record: Record, panels: Sequence[Axes]) -> None:
    claim = record.scenario.model.claim
    if claim is None:
        return
    for axes in panels:
        axes.axvline(
            claim.ratio, color="#444444", linestyle="--", linewidth=0.9,
            label=doors.terminal(claim.text),
        )  # fmt: skip
