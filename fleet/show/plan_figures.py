"""Figures of a plan: how much of what it can do each resource is asked for, by arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from fleet import doors
from fleet.show.folders import PlanFolder
from fleet.show.style import COLOURS, Drawn, Named, Table, axes_of
from fleet.show.tables import called

_MOST = 8


def figures(plan: PlanFolder) -> Iterator[Named]:
    """Yield the name of the figure of each answer, and what draws it."""
    for k, answer in enumerate(plan.data["answers"]):
        if answer["slack"]:
            yield f"slack_{k + 1}_{answer['arm']}", partial(slack, answer)


def slack(answer: Mapping[str, Any]) -> Drawn:
    """Return the load of the busiest resources of an arm's plant; what binds is marked."""
    rooms = answer["slack"][:_MOST]
    binding = {bind["name"] for bind in answer["binds"].values()}
    figure, axes = axes_of(0.95 + 0.2 * len(rooms))
    names = [doors.terminal(str(room["name"])) for room in rooms]
    loads = [100 * float(room["load"]) for room in rooms]
    colours = [COLOURS[1 if room["name"] in binding else 0] for room in rooms]
    axes.barh(range(len(rooms)), loads, color=colours, height=0.6)
    axes.axvline(100, color="#222222", linewidth=0.8, linestyle="--")
    for k, load in enumerate(loads):
        axes.annotate(
            f"{load:.3g}", (load, k), xytext=(3, 0), textcoords="offset points", va="center",
            fontsize=7,
        )  # fmt: skip
    axes.set_yticks(range(len(rooms)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, max(115.0, 1.15 * max(loads)))
    axes.grid(axis="y", visible=False)
    axes.set_title(doors.terminal(called(answer)), loc="left")
    axes.set_xlabel("load of what it can do (%); orange: what binds")
    table: Table = [("resource", "load_percent", "could_come_on_top", "binds")]
    table += [
        (room["name"], f"{load:.6g}", "" if room["more"] is None else f"{room['more']:.6g}",
         int(room["name"] in binding))
        for room, load in zip(rooms, loads, strict=True)
    ]  # fmt: skip
    return figure, table
