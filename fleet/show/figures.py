"""Figures of a run: latency, bandwidth, power, the map; see `fleet.show.style` for their look.

All show means over replications; bands and bars are the 95 % intervals of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fleet import doors
from fleet.errors import InputError
from fleet.interrupt import check
from fleet.model.books import BIN_NS
from fleet.model.frames import STAGES
from fleet.results.record import Record
from fleet.show.lateness import Numbers, column, latency_cdf
from fleet.show.style import (
    COLOURS,
    HATCHES,
    LINES,
    MARKERS,
    STYLE,
    WIDTH_IN,
    Table,
    axes_of,
    one_legend,
    save,
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
    failed: dict[str, Exception] = {}
    if len(record.arms) > MOST_ARMS:
        many = f"{len(record.arms)} arms are more than {MOST_ARMS}; choose some of them with --arm"
        return {"of so many arms": InputError(many)}
    with matplotlib.rc_context(STYLE):
        figures = list(_figures(record))
        for k, (name, draw) in enumerate(figures):
            check()
            told(name, k / len(figures))
            try:
                folder.mkdir(exist_ok=True)
                save(*draw(), folder / name)
            except Exception as error:  # whatever it is, there are numbers, and other figures
                failed[name] = error
    return failed


def _figures(record: Record) -> Iterator[tuple[str, Callable[[], tuple[Figure, Table]]]]:
    """Yield the name of every figure that a record has, and what draws it."""
    for name, draw in (
        ("latency_cdf", latency_cdf),
        ("latency_stages", latency_stages),
        ("bandwidth", bandwidth),
        ("power", power),
        ("boundaries", boundaries),
        ("tasks", tasks),
    ):
        if name == "boundaries" and len(record.arms) < 2:
            continue
        if name == "tasks" and not known(record):
            continue
        yield name, partial(draw, record)
    city = record.scenario.model.city
    credit = "" if city is None else city.attribution
    for arm in record.arms:
        sensors = record.tables.of("sensors", arm)
        if np.isfinite(column(sensors, "lon")).any():
            title = f"{record.summary['scenario']['name']}, {arm}"
            yield f"map_{arm}", partial(city_map, title, sensors, credit, len(record.numbers[arm]))


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
    figure.legend(loc="outside lower center", ncols=4, handlelength=1.2, columnspacing=1.0)
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


def bandwidth(record: Record) -> tuple[Figure, Table]:
    """Return what each class of links carries over time, one panel an arm."""
    series = {arm: _links(record, arm) for arm in record.arms}
    names = list(dict.fromkeys(name for of_arm in series.values() for name in of_arm))
    figure = Figure(figsize=(WIDTH_IN, 0.7 + 1.25 * len(series)))
    panels = figure.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
    table: Table = [("arm", "link", "start_s", "mbit_s")]
    for axes, (arm, of_arm) in zip(panels, series.items(), strict=True):
        for name, (start_s, bits) in of_arm.items():
            rate, i = bits * 1e3 / BIN_NS, names.index(name)
            axes.plot(
                start_s, rate, label=name, color=COLOURS[i % 9], linestyle=LINES[i % 4],
                linewidth=0.9,
            )  # fmt: skip
            table += [(arm, name, f"{t:g}", f"{r:.6g}") for t, r in zip(start_s, rate, strict=True)]
        axes.set_title(arm, loc="left")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(_marked))
        axes.set_ylabel("Mbit/s")
    panels[-1].set_xlabel("simulated time (s)")
    one_legend(figure, panels, ncols=3, columnspacing=1.0)
    return figure, table


def _links(record: Record, arm: str) -> dict[str, tuple[Numbers, Numbers]]:
    """Return by class of links (start of each time bin in s, mean bits that they sent in it)."""
    rows = record.tables.of("series", arm)
    rows = rows.filter(pc.equal(rows["kind"], "link"))
    names, starts, bits = rows["name"].to_pylist(), column(rows, "start_s"), column(rows, "value")
    of, many = np.array(names), len(record.numbers[arm])
    return {
        name: (starts[of == name].reshape(many, -1)[0], bits[of == name].reshape(many, -1).mean(0))
        for name in dict.fromkeys(names)
    }


def _marked(x: float, _: int | None = None) -> str:
    """Return a tick's number as short as it is exact, with thousands marked."""
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:g}"


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
    axes.set_xlabel(f"mean power of the fleet ({unit})")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=4, handlelength=1.2, columnspacing=1.0)
    return figure, table


def _totals(record: Record) -> list[float]:
    return [arm["power_w"]["total"] for arm in record.arms.values()]


def boundaries(record: Record) -> tuple[Figure, Table]:
    """Return how many times the other arms' power the baseline needs, by what is counted."""
    base = record.summary["comparison"]["baseline"]
    others = [arm for arm in record.arms if arm != base]
    scopes = list(next(iter(record.arms[base]["power_by_boundary_w"].values())))
    figure = Figure(figsize=(WIDTH_IN, 1.3 + 0.95 * len(others)))
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


def city_map(title: str, sensors: pa.Table, credit: str, replications: int) -> tuple[Figure, Table]:
    """Return the sensors on the map, coloured by the mean latency of their results.

    `sensors` has those of each replication after each other, at the same places.
    """

    def every(name: str) -> Numbers:
        return column(sensors, name).reshape(replications, -1)

    lon, lat = every("lon")[0], every("lat")[0]
    results, latency_ns = every("frames_result").sum(axis=0), every("latency_ns_sum").sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ms = np.where(results > 0, latency_ns / results * 1e-6, np.nan)
    figure, axes = axes_of(3.6)
    blind = ~np.isfinite(ms)
    axes.scatter(
        lon[blind], lat[blind], s=6, marker="x", color="#999999", linewidths=0.6,
        label="no results",
    )  # fmt: skip
    dots = axes.scatter(lon[~blind], lat[~blind], c=ms[~blind], s=5, cmap="viridis", linewidths=0)
    if blind.any():
        axes.legend(loc="upper right")
    axes.set_title(f"{title}: {len(ms):,} sensors", loc="left")
    axes.set_aspect(1 / np.cos(np.radians(np.nanmean(lat))))
    axes.set_xlabel("longitude (° E)")
    axes.set_ylabel("latitude (° N)")
    axes.ticklabel_format(useOffset=False)
    axes.locator_params(axis="x", nbins=4)
    figure.colorbar(dots, ax=axes, label="mean latency of results (ms)", shrink=0.8)
    if credit:
        figure.supxlabel(doors.terminal(credit), fontsize=6, color="#666666")
    due = every("captured").sum(axis=0) - every("frames_not_published").sum(axis=0)
    table: Table = [("sensor", "lon", "lat", "due", "results", "mean_latency_ms")]
    table += [
        (who, f"{x:.6f}", f"{y:.6f}", int(d), int(r), f"{m:.6g}")
        for who, x, y, d, r, m in zip(
            sensors["sensor"].to_pylist()[: len(lon)], lon, lat, due, results, ms, strict=True
        )
    ]
    return figure, table
