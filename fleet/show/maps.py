"""The figure of a city: its sensors over streets, coloured by how late their results are."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from fleet import doors
from fleet.results.record import Record
from fleet.show.lateness import Numbers, column
from fleet.show.streets import CREDIT, streets
from fleet.show.style import Table, axes_of

_METERS = 111_195.0
"""In a degree of latitude, of a sphere of 6371 km."""
_RULERS_M = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
_MARGIN = 0.04


def city_map(record: Record, arm: str) -> tuple[Figure, Table]:
    """Return the sensors of an arm on the map, coloured by the mean latency of their results."""
    sensors, many = record.tables.of("sensors", arm), len(record.numbers[arm])

    def every(name: str) -> Numbers:
        return column(sensors, name).reshape(many, -1)

    lon, lat = every("lon")[0], every("lat")[0]
    results, latency_ns = every("frames_result").sum(axis=0), every("latency_ns_sum").sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ms = np.where(results > 0, latency_ns / results * 1e-6, np.nan)
    figure, axes = axes_of(3.5)
    credit = _streets(axes, lon, lat)
    blind = ~np.isfinite(ms)
    axes.scatter(
        lon[blind], lat[blind], s=6, marker="x", color="#999999", linewidths=0.6,
        label="no results",
    )  # fmt: skip
    dots = axes.scatter(
        lon[~blind], lat[~blind], c=ms[~blind], s=5, cmap="viridis", linewidths=0, zorder=2
    )
    if blind.any():
        axes.legend(loc="upper right")
    name = record.summary["scenario"]["name"]
    axes.set_title(doors.terminal(f"{name}, {arm}: {len(ms):,} sensors"), loc="left", wrap=True)
    _frame(axes, lon, lat)
    figure.colorbar(
        dots, ax=axes, label="mean latency of results (ms)", shrink=0.8, location="bottom", pad=0.02
    )
    city = record.scenario.model.city
    credits_ = [credit, "" if city is None else city.attribution or ""]
    lines = [line for one in credits_ for line in wrap(doors.terminal(one), 84)]
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=4.5, color="#555555")
    due = every("captured").sum(axis=0) - every("frames_not_published").sum(axis=0)
    table: Table = [("sensor", "lon", "lat", "due", "results", "mean_latency_ms")]
    table += [
        (who, f"{x:.6f}", f"{y:.6f}", int(d), int(r), f"{m:.6g}")
        for who, x, y, d, r, m in zip(
            sensors["sensor"].to_pylist()[: len(lon)], lon, lat, due, results, ms, strict=True
        )
    ]
    return figure, table


def _streets(axes: Axes, lon: Numbers, lat: Numbers) -> str:
    """Draw the streets around sensors; return whose they are, nothing if none are known."""
    known = np.isfinite(lon) & np.isfinite(lat)
    around = streets(lon[known], lat[known])
    for kind, width in (("street", 0.35), ("main", 0.8)):
        lines = [street.points for street in around if street.kind == kind]
        axes.add_collection(
            LineCollection(lines, colors="#b5b5b5", linewidths=width, zorder=0), autolim=False
        )
    return CREDIT if around else ""


def _frame(axes: Axes, lon: Numbers, lat: Numbers) -> None:
    """Frame the sensors, true to scale in their middle, and draw a ruler of a round length."""
    (west, east), (south, north) = ((np.nanmin(x), np.nanmax(x)) for x in (lon, lat))
    shrink = float(np.cos(np.radians((south + north) / 2)))
    wide = max(float(east - west), float(north - south) / shrink * 0.3, 1e-4)
    middle, room = (east + west) / 2, max(float(north - south), 0.3 * wide * shrink) * _MARGIN
    west, east = middle - wide * (0.5 + _MARGIN), middle + wide * (0.5 + _MARGIN)
    axes.set_xlim(west, east)
    axes.set_ylim(south - 3 * room, north + room)
    axes.set_aspect(1 / shrink)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#bbbbbb")
    per_degree = _METERS * shrink
    length_m = max((m for m in _RULERS_M if m <= 0.35 * wide * per_degree), default=_RULERS_M[0])
    left, foot = west + 0.04 * wide, south - 2 * room
    axes.plot([left, left + length_m / per_degree], [foot, foot], color="#222222", linewidth=1.6)
    text = f"{length_m} m" if length_m < 1000 else f"{length_m // 1000} km"
    axes.annotate(
        text, (left, foot), xytext=(0, 3), textcoords="offset points", fontsize=7, zorder=3
    )
