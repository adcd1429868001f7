"""A figure of what each number of the catalogue does to a difference: the widest bars on top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from fleet.results.metrics import known
from fleet.show.sensitivity import quantity
from fleet.show.style import COLOURS, Named, Table, axes_of
from fleet.study.uncertain.findings import Effect, Finding, Sensitivity

_MOST = 12
_CUT_FROM, _CUT_AT = 2, 3.0
"""A bar is cut that is so many times as long as the third."""
_BOX = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
_MIDDLE, _ZERO = "#222222", "#D55E00"


def figures(answer: Sensitivity) -> Iterator[Named]:
    """Yield the name of every figure that an answer has, and what draws it."""
    for finding in answer.findings:
        if finding.effects:
            yield f"tornado_{finding.arm}_{finding.metric}", partial(tornado, finding)


def _cut(axes: Axes, effects: Sequence[Effect], difference: float, scale: float) -> None:
    """Cut bars that dwarf the others, and write where they end."""
    sizes = [effect.size(difference) for effect in effects]
    if len(sizes) <= _CUT_FROM or sizes[0] <= _CUT_AT * sizes[_CUT_FROM]:
        return
    most = _CUT_AT * sizes[_CUT_FROM]
    least, last = difference - most, difference + most
    seen = [difference]
    for k, effect in enumerate(effects):
        for end in (effect.at_low, effect.at_high):
            seen.append(min(max(end, least), last))
            if seen[-1] != end:
                shown = f" {end * scale:,.3g} ".replace("-", "\N{MINUS SIGN}")
                axes.annotate(
                    shown, (seen[-1] * scale, k), va="center", fontsize=6,
                    ha="left" if end < difference else "right", bbox=_BOX,
                )  # fmt: skip
    room = (max(seen) - min(seen)) * 0.04
    axes.set_xlim((min(seen) - room) * scale, (max(seen) + room) * scale)


def tornado(finding: Finding) -> tuple[Figure, Table]:
    """Return what each number of the catalogue does alone to the difference of two arms.

    A bar goes from the difference with a number at one end of its range to that at the other, all
    others as they stand; those of estimates are hatched.
    """
    unit = known(finding.metric).metric.unit
    scale, name = unit.factor, unit.of_differences
    moving = finding.moving[:_MOST]
    figure, axes = axes_of(1.25 + 0.19 * len(moving))
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # as the style says
    engine.set(w_pad=0.12)
    table: Table = [("number", "at", "confidence", f"difference ({name})")]
    middle = finding.difference * scale
    for k, effect in enumerate(moving):
        is_estimate = effect.spread.row.confidence == "estimate"
        ends = (effect.at_low, effect.at_high)
        for end, at, colour in zip(ends, effect.spread.ends, (COLOURS[5], COLOURS[4]), strict=True):
            axes.barh(
                k, end * scale - middle, left=middle, height=0.7, color=colour,
                hatch="////" if is_estimate else "", edgecolor="white", linewidth=0.3,
            )  # fmt: skip
            shown = quantity(at, effect.spread.row.unit)
            confidence = effect.spread.row.confidence
            table.append((effect.spread.name, shown, confidence, f"{end * scale:.6g}"))
    axes.set_yticks(range(len(moving)), [effect.spread.name for effect in moving], fontsize=6)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.axvline(middle, color=_MIDDLE, linewidth=0.8)
    _cut(axes, moving, finding.difference, scale)
    low, high = axes.get_xlim()
    if low <= 0 <= high:
        axes.axvline(0, color=_ZERO, linewidth=0.8, linestyle="--")
    axes.locator_params(axis="x", nbins=4)
    figure.supxlabel(f"{finding.arm} − {finding.baseline}:\n{finding.metric} ({name})", fontsize=8)
    keys = [
        Patch(facecolor=COLOURS[5], label="at the low end"),
        Patch(facecolor=COLOURS[4], label="at the high end"),
        Patch(facecolor="#cccccc", hatch="////", edgecolor="white", label="estimate"),
    ]
    figure.legend(handles=keys, loc="outside upper right", ncols=3)
    return figure, table
