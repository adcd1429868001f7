"""The figure of arms by the hour of the clock: what they draw, emit, cost, send, answer and see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fleet import doors
from fleet.results.metric import Numbers, at
from fleet.results.record import Record
from fleet.show.style import COLOURS, LINES, Table, figure_of, one_legend

_OTHERS = (
    ("CO₂e (g/h)", "carbon_g", 3600),
    ("electricity (USD/h)", "electricity_usd", 3600),
    ("traffic over the WAN (Mbit/s)", "network_bits.fixed", 1e-6),
    ("results (frames/s)", "frames.results", 1),
    ("lost (frames/s)", "frames.lost", 1),
    ("recall (%)", "recall", 1),
)
"""Of each panel its title, what it shows, and by what that of a second is multiplied."""
_ONLY_IF_ANY = ("network_bits.fixed", "frames.lost")


def known(record: Record) -> bool:
    """Return whether there are hours to be told apart: two at least, and not more than are told."""
    hours = [arm.get("by_hour") for arm in record.arms.values()]
    return all(one is not None and len(one["start_s"]) > 1 for one in hours)


def by_hour(record: Record) -> tuple[Figure, Table]:
    """Return what arms draw, emit, cost, send, answer and see by the hour, a line an arm.

    An hour that lies in the run in part is told of as if it went on so.
    """
    arms = {arm: numbers["by_hour"] for arm, numbers in record.arms.items()}
    panels = _panels(arms)
    figure = figure_of(0.75 + 1.05 * len(panels) + 0.09 * len(arms))
    drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    table: Table = [("panel", "arm", "start_s", "value")]
    for axes, (title, lines) in zip(drawn, panels.items(), strict=True):
        for i, (arm, values) in enumerate(lines.items()):
            edges = [*arms[arm]["start_s"], arms[arm]["start_s"][-1] + arms[arm]["length_s"][-1]]
            _line(axes, arm, i, [at / 3600 for at in edges], values)
            starts = zip(edges, values, strict=False)
            table += [(title, arm, f"{at:g}", f"{x:.6g}") for at, x in starts]
        top = 1.08 * float(np.nanmax([x for values in lines.values() for x in values]))
        axes.set_ylim(0, top if top > 0 else None)
        axes.set_title(title, loc="left", fontsize=7)
    drawn[-1].set_xlabel("simulated time (h), by the hour of the local clock")
    one_legend(figure, drawn, ncols=3)
    return figure, table


def _panels(arms: Mapping[str, Numbers]) -> dict[str, dict[str, list[float]]]:
    """Return the values by arm of each panel; panels of which there is nothing are left out."""
    panels = {"power (W)": {arm: _power_w(hours) for arm, hours in arms.items()}}
    for title, of, factor in _OTHERS:
        lines = {arm: at(hours, of) for arm, hours in arms.items()}
        if any(values is None for values in lines.values()):
            continue
        if of == "recall":
            shown = {arm: [_percent(x) for x in values] for arm, values in lines.items()}
        else:
            shown = {
                arm: [factor * x / s for x, s in zip(lines[arm], hours["length_s"], strict=True)]
                for arm, hours in arms.items()
            }
        every = [x for values in shown.values() for x in values]
        if np.isfinite(every).any() and (of not in _ONLY_IF_ANY or np.nansum(every) > 0):
            panels[title] = shown
    return panels


def _percent(share: float | None) -> float:
    return math.nan if share is None else 100 * share


def _line(axes: Axes, arm: str, i: int, edges: Sequence[float], values: Sequence[float]) -> None:
    axes.step(
        edges, [*values, values[-1]], where="post", label=doors.terminal(arm),
        color=COLOURS[i % 9], linestyle=LINES[i % 4], linewidth=0.9,
    )  # fmt: skip


def _power_w(hours: Numbers) -> list[float]:
    return [sum(parts) for parts in zip(*hours["power_w"].values(), strict=True)]
