"""Maps of a study: which arm is best over two keys, of all arms or of those that may be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from fleet import doors
from fleet.results.metric import Better
from fleet.results.metrics import known
from fleet.show.style import COLOURS, Drawn, Table, figure_of
from fleet.show.sweep import plain
from fleet.study.averages import arms_of, varied
from fleet.study.demands import in_words
from fleet.study.panels import Map, maps
from fleet.study.taking import Blank, Taken, best, to_take

_NOT_SHOWN = "////"
_MOST = 6
"""So many maps are drawn of three keys, evenly chosen; the table has all."""
_TITLE_WIDTH = 52


def regimes(table: pa.Table, metric: str) -> Drawn:
    """Return which arm is best at each point of two keys; hatched where that is not shown.

    It is not shown where the 95 % interval of the difference from the second best, replication by
    replication, holds zero; with one replication nowhere. Of three keys there is a map for each
    value of the first.
    """
    return _drawn(table, best(table, metric), f"best in {metric}")


def choice(table: pa.Table, metric: str) -> Drawn:
    """Return which of the arms that keep all demands is best at each point, as `regimes` does."""
    which = "least" if known(metric).metric.better is Better.LESS else "most"
    title = f"{which} {metric} of the arms that keep {in_words(table)}"
    return _drawn(table, to_take(table, metric), title)


def _drawn(table: pa.Table, taken: Mapping[str, Taken], title: str) -> Drawn:
    arms, every = arms_of(table), maps(table)
    drawn = every[:: -(-len(every) // _MOST)]
    lines = wrap(doors.terminal(title), _TITLE_WIDTH)
    height = [0.62 + 0.2 * len(one.upwards) for one in drawn]
    figure = figure_of(0.75 + 0.14 * len(lines) + sum(height))
    panels = figure.subplots(len(drawn), 1, squeeze=False, height_ratios=height)[:, 0]
    for axes, one in zip(panels, drawn, strict=True):
        _panel(axes, one, arms, taken)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=8)
    figure.supylabel(every[0].up, fontsize=8)
    panels[-1].set_xlabel(every[0].across)
    shown = [taken[str(row["point"])] for one in drawn for row in one.rows]
    figure.legend(handles=_keys(arms, shown), loc="outside lower center", ncols=3)
    keys = varied(table)
    out: Table = [(*keys, "best", "is_shown", "why_none")]
    for row in (row for one in every for row in one.rows):
        won = taken[str(row["point"])]
        why = won.blank.words if won.blank else ""
        out.append((*(row[key] for key in keys), won.arm or "", int(won.shown), why))
    return figure, out


def _panel(axes: Axes, one: Map, arms: list[str], taken: Mapping[str, Taken]) -> None:
    """Draw a map: a tile in the colour of its arm for each point, or a mark."""
    across, up = one.to_the_right, one.upwards
    for row in one.rows:
        won = taken[str(row["point"])]
        x, y = across.index(row[one.across]), up.index(row[one.up])
        if won.arm is None:
            axes.annotate(won.blank.mark if won.blank else "", (x, y), ha="center", va="center")
            continue
        axes.add_patch(
            Rectangle(
                (x - 0.5, y - 0.5), 1, 1, facecolor=COLOURS[arms.index(won.arm) % 9],
                hatch="" if won.shown else _NOT_SHOWN, edgecolor="white", linewidth=0.5,
            )
        )  # fmt: skip
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(-0.5, len(up) - 0.5)
    axes.set_xticks(range(len(across)), [plain(value) for value in across])
    axes.set_yticks(range(len(up)), [plain(value) for value in up])
    axes.grid(visible=False)
    if one.other is not None:
        axes.set_title(f"{one.other}: {plain(one.value)}", loc="left")


def _keys(arms: list[str], taken: Sequence[Taken]) -> list[Patch | Line2D]:
    won = {one.arm for one in taken}
    keys: list[Patch | Line2D] = [
        Patch(facecolor=COLOURS[k % 9], label=doors.terminal(arm))
        for k, arm in enumerate(arms)
        if arm in won
    ]
    if any(one.arm is not None and not one.shown for one in taken):
        look = Patch(facecolor="#cccccc", edgecolor="white", hatch=_NOT_SHOWN, label="not shown")
        keys.append(look)
    there = {one.blank for one in taken}
    keys += [
        Line2D([], [], linestyle="", label=f"{blank.mark} {blank.words}")
        for blank in Blank
        if blank in there
    ]
    return keys
