"""Maps of a study: which arm is best over two keys, of all arms or of those that may be taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import NamedTuple

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
from fleet.study.demands import demands
from fleet.study.panels import Map, maps
from fleet.study.taking import Taken, best, to_take

_NOT_SHOWN = "////"
_ALIKE, _NOBODY = "=", "×"
_TITLE_WIDTH = 52


class _Marks(NamedTuple):
    """What marks of a map stand for, where no arm has a place."""

    alike: str = "nobody is better"
    nobody: str = "nobody was there"


def regimes(table: pa.Table, metric: str) -> Drawn:
    """Return which arm is best at each point of two keys; hatched where that is not shown.

    It is not shown where the 95 % interval of the difference from the second best, replication by
    replication, holds zero; with one replication nowhere. Of three keys there is a map for each
    value of the first.
    """
    return _drawn(table, best(table, metric), f"best in {metric}", _Marks())


def choice(table: pa.Table, metric: str) -> Drawn:
    """Return which of the arms that keep all demands is best at each point, as `regimes` does."""
    kept = " and ".join(dict.fromkeys(one.text for one in demands(table)))
    which = "least" if known(metric).metric.better is Better.LESS else "most"
    title = f"{which} {metric} of the arms that keep {kept}"
    return _drawn(table, to_take(table, metric), title, _Marks(nobody="nobody keeps them"))


def _drawn(table: pa.Table, taken: Mapping[str, Taken], title: str, marks: _Marks) -> Drawn:
    arms, every = arms_of(table), maps(table)
    lines = wrap(doors.terminal(title), _TITLE_WIDTH)
    height = [0.62 + 0.2 * len({row[one.up] for row in one.rows}) for one in every]
    figure = figure_of(0.75 + 0.14 * len(lines) + sum(height))
    panels = figure.subplots(len(every), 1, squeeze=False, height_ratios=height)[:, 0]
    for axes, one in zip(panels, every, strict=True):
        _panel(axes, one, arms, taken)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=8)
    figure.supylabel(every[0].up, fontsize=8)
    panels[-1].set_xlabel(every[0].across)
    figure.legend(handles=_keys(arms, taken.values(), marks), loc="outside lower center", ncols=3)
    keys = varied(table)
    out: Table = [(*keys, "best", "is_shown")]
    out += [
        (*(row[key] for key in keys), won.arm, int(won.shown))
        for one in every
        for row in one.rows
        if (won := taken[str(row["point"])]).arm is not None
    ]
    return figure, out


def _panel(axes: Axes, one: Map, arms: list[str], taken: Mapping[str, Taken]) -> None:
    """Draw a map: a tile in the colour of its arm for each point, or a mark."""
    across = list(dict.fromkeys(row[one.across] for row in one.rows))
    up = list(dict.fromkeys(row[one.up] for row in one.rows))
    for row in one.rows:
        won = taken[str(row["point"])]
        x, y = across.index(row[one.across]), up.index(row[one.up])
        if won.arm is None:
            mark = _ALIKE if won.of else _NOBODY
            axes.annotate(mark, (x, y), ha="center", va="center")
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


def _keys(arms: list[str], taken: Iterable[Taken], marks: _Marks) -> list[Patch | Line2D]:
    every = list(taken)
    won = {one.arm for one in every}
    keys: list[Patch | Line2D] = [
        Patch(facecolor=COLOURS[k % 9], label=doors.terminal(arm))
        for k, arm in enumerate(arms)
        if arm in won
    ]
    if any(one.arm is not None and not one.shown for one in every):
        look = Patch(facecolor="#cccccc", edgecolor="white", hatch=_NOT_SHOWN, label="not shown")
        keys.append(look)
    blank = [one.of for one in every if one.arm is None]
    for mark, what, there in (
        (_ALIKE, marks.alike, any(blank)), (_NOBODY, marks.nobody, 0 in blank),
    ):  # fmt: skip
        if there:
            keys.append(Line2D([], [], linestyle="", label=f"{mark} {what}"))
    return keys
