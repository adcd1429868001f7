"""The figure of arms by the hour of the clock: what they draw, its CO2-equivalent, and its cost."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fleet import doors
from fleet.results.metric import Numbers
from fleet.results.record import Record
from fleet.show.style import COLOURS, LINES, Table, figure_of, one_legend


def known(record: Record) -> bool:
    """Return whether there are hours to be told apart: two at least, and not more than are told."""
    hours = [arm.get("by_hour") for arm in record.arms.values()]
    return all(one is not None and len(one["start_s"]) > 1 for one in hours)


def by_hour(record: Record) -> tuple[Figure, Table]:
    """Return power, CO2-equivalent an hour, and cost of electricity an hour, a line an arm.

    An hour that lies in the run in part is told of as if it went on so.
    """
    arms = {arm: numbers["by_hour"] for arm, numbers in record.arms.items()}
    panels = {"power (W)": {arm: _power_w(hours) for arm, hours in arms.items()}}
    for title, key in (("CO₂e (g/h)", "carbon_g"), ("electricity (USD/h)", "electricity_usd")):
        if all(hours[key] is not None for hours in arms.values()):
            panels[title] = {arm: _an_hour(hours, key) for arm, hours in arms.items()}
    figure = figure_of(0.75 + 1.05 * len(panels) + 0.09 * len(arms))
    drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    table: Table = [("panel", "arm", "start_s", "value")]
    for axes, (title, lines) in zip(drawn, panels.items(), strict=True):
        for i, (arm, values) in enumerate(lines.items()):
            edges = [*arms[arm]["start_s"], arms[arm]["start_s"][-1] + arms[arm]["length_s"][-1]]
            _line(axes, arm, i, [at / 3600 for at in edges], values)
            starts = zip(edges, values, strict=False)
            table += [(title, arm, f"{at:g}", f"{x:.6g}") for at, x in starts]
        axes.set_ylim(bottom=0)
        axes.set_title(title, loc="left", fontsize=7)
    drawn[-1].set_xlabel("simulated time (h), by the hour of the local clock")
    one_legend(figure, drawn, ncols=3)
    return figure, table


def _line(axes: Axes, arm: str, i: int, edges: Sequence[float], values: Sequence[float]) -> None:
    axes.step(
        edges, [*values, values[-1]], where="post", label=doors.terminal(arm),
        color=COLOURS[i % 9], linestyle=LINES[i % 4], linewidth=0.9,
    )  # fmt: skip


def _power_w(hours: Numbers) -> list[float]:
    return [sum(parts) for parts in zip(*hours["power_w"].values(), strict=True)]


def _an_hour(hours: Numbers, key: str) -> list[float]:
    return [x / s * 3600 for x, s in zip(hours[key], hours["length_s"], strict=True)]
