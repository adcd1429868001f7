"""Charts as SVG that is as wide as there is room: texts keep their size, lines their width.

Shapes are placed in per cent of the width, so that one chart fits a phone, a desk and paper without
a script. Each says in a sentence what it shows to those who do not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.reports.look import COLOURS, DASHES, colour
from fleet.reports.markup import Markup, tag
from fleet.reports.scale import Scale, mark

_TEXT: dict[str, Any] = {"font_size": 12, "fill": "currentColor"}
_TOP, _FOOT, _GRID = 16, 22, "#8884"
_UNITS = 1000
"""Steps of lines from side to side, and from bottom to top."""


class Line(NamedTuple):
    """A line of a chart; where `y` is not a number there is a gap."""

    look: int
    name: str
    x: Floats
    y: Floats


class Shade(NamedTuple):
    """A span of a chart that something is said of; one that has no length is a stroke.

    One that is not `tall` is a strip at the foot.
    """

    low: float
    high: float
    text: str
    tall: bool = True


class Band(NamedTuple):
    """The intervals of a line of a chart, and its points; `knee` is where it bends most."""

    look: int
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    knee: int | None = None


class Bar(NamedTuple):
    """A row of a chart: a name, parts one after the other, and what it says at its end.

    From `low` to `high` is the interval of the sum; NaN if it has none.
    """

    name: str
    parts: Sequence[float]
    said: str
    looks: Sequence[int]
    low: float = np.nan
    high: float = np.nan


class Spread(NamedTuple):
    """A line of a chart: where values lie; those that are not known are NaN.

    `low` to `high` is thin, `lower` to `upper` thick, `middle` a dot.
    """

    name: str
    said: str
    look: int
    low: float
    lower: float
    middle: float
    upper: float
    high: float


def drawing(height: float, label: str, *inside: Markup, **attributes: str) -> Markup:
    """Return an SVG as wide as there is room."""
    return tag(
        "svg", *inside, width="100%", height=height, role="img", aria_label=label, class_="chart",
        font_family="system-ui, sans-serif", **attributes,
    )  # fmt: skip


def plot(
    lines: Sequence[Line], x: Scale, y: Scale, label: str, *, height: int = 150,
    behind: Sequence[Shade | Band] = (), unit: str = "", key: str = "",
) -> Markup:  # fmt: skip
    """Return lines over two scales.

    Args:
        lines: what is drawn.
        x: scale at the bottom.
        y: scale at the left.
        label: what it shows, for those who do not see it.
        height: of the place between the scales; px.
        behind: spans of `x` that are marked, intervals behind lines, and their points.
        unit: behind the values at the bottom.
        key: by which the page's script finds it.
    """
    bands = [one for one in behind if isinstance(one, Band)]
    inner = tag(
        "svg", *(_band(band, x, y) for band in bands), *(_path(line, x, y) for line in lines),
        x=0, y=_TOP, width="100%", height=height,
        viewBox=f"0 0 {_UNITS} {_UNITS}", preserveAspectRatio="none", overflow="visible",
    )  # fmt: skip
    marks = [_shade(one, x, height) for one in behind if isinstance(one, Shade)]
    dots = [dot for band in bands for dot in _dots(band, x, y, height)]
    return drawing(
        _TOP + height + _FOOT, label, *marks, *_levels(y, height), inner, *dots,
        *_foot(x, _TOP + height + 15, unit), data_plot=key,
    )  # fmt: skip


def _levels(y: Scale, height: int) -> list[Markup]:
    """Return a line across at each round value, with the value on it."""
    drawn = []
    for value in y.ticks(4):
        at = _TOP + height * (1 - y.place(value))
        drawn += [
            tag("line", x1="0", x2="100%", y1=at, y2=at, stroke=_GRID, class_="grid"),
            tag("text", mark(value), x="0", y=at - 3, class_="tick", **_TEXT),
        ]
    return drawn


def _foot(x: Scale, at: float, unit: str = "", share: float = 1.0) -> list[Markup]:
    """Return the round values at the bottom, over a share of the width."""
    drawn, ticks = [], x.ticks(5)
    for value in ticks:
        place = x.place(value)
        anchor = "start" if place < 0.04 else "end" if share * place > 0.9 else "middle"
        text = f"{mark(value)} {unit}".strip() if value == ticks[-1] else mark(value)
        drawn.append(
            tag("text", text, x=f"{100 * share * place:.4g}%", y=at, text_anchor=anchor, **_TEXT)
        )  # fmt: skip
    return drawn


def _shade(shade: Shade, x: Scale, height: int) -> Markup:
    low, high = x.place(shade.low), x.place(shade.high)
    strip = height if shade.tall else 7
    return tag(
        "rect", tag("title", shade.text), x=f"{100 * low:.5g}%", y=_TOP + height - strip,
        height=strip,
        width=f"{max(100 * (high - low), 0.15):.5g}%", class_="shade", fill="#8883",
    )  # fmt: skip


def _path(line: Line, x: Scale, y: Scale) -> Markup:
    """Return a line as steps in whole units, each from the last."""
    across = np.rint(x.at(line.x) * _UNITS)
    down = np.rint((1 - y.at(line.y)) * _UNITS)
    written, pen = [], None
    for a, d in zip(across.tolist(), down.tolist(), strict=True):
        if np.isnan(d):
            pen = None
        elif pen is None:
            written.append(f"M{a:.0f} {d:.0f}")
            pen = (a, d)
        elif (a, d) != pen:
            written.append(f"l{a - pen[0]:.0f} {d - pen[1]:.0f}")
            pen = (a, d)
    return tag(
        "path", d="".join(written), fill="none", stroke=colour(line.look), stroke_width=1.6,
        stroke_dasharray=DASHES[line.look % len(DASHES)], vector_effect="non-scaling-stroke",
        class_=f"stroke c{line.look % len(COLOURS)}", data_line=line.name,
    )  # fmt: skip


def _band(band: Band, x: Scale, y: Scale) -> Markup:
    """Return the area between the ends of intervals."""
    across = np.rint(x.at(np.concatenate([band.x, band.x[::-1]])) * _UNITS)
    down = np.rint((1 - y.at(np.concatenate([band.high, band.low[::-1]]))) * _UNITS)
    places = " ".join(f"{a:.0f},{d:.0f}" for a, d in zip(across, down, strict=True))
    return tag(
        "polygon", points=places, fill=colour(band.look), opacity=0.2,
        class_=f"fill c{band.look % len(COLOURS)}",
    )  # fmt: skip


def _dots(band: Band, x: Scale, y: Scale, height: int) -> list[Markup]:
    """Return a dot at each point, and a ring around the knee."""
    drawn = []
    for k, (a, d) in enumerate(zip(x.at(band.x), y.at(band.y), strict=True)):
        place: dict[str, Any] = {"cx": f"{100 * a:.5g}%", "cy": _TOP + height * (1 - float(d))}
        look = band.look % len(COLOURS)
        drawn.append(tag("circle", **place, r=3, fill=colour(look), class_=f"fill c{look}"))
        if k == band.knee:
            drawn.append(
                tag("circle", **place, r=8, fill="none", stroke="#222222", class_="interval")
            )
    return drawn


_ROW = 38
"""Height of a row with a name over its bar; px."""


def bars(rows: Sequence[Bar], label: str, high: float = 0.0) -> Markup:
    """Return a bar for each row, its parts one after the other.

    Args:
        rows: what is drawn.
        label: what it shows, for those who do not see it.
        high: value at the right end; 0: the largest sum.
    """
    sums = [max(sum(row.parts), np.nan_to_num(row.high)) for row in rows]
    most = high or max(sums, default=0.0) or 1.0
    drawn: list[Markup] = []
    for k, row in enumerate(rows):
        top, left = k * _ROW, 0.0
        drawn += _named(row.name, row.said, top)
        drawn.append(tag("rect", x=0, y=top + 18, width="100%", height=14, fill="#8882"))
        for part, look in zip(row.parts, row.looks, strict=True):
            if part > 0:
                drawn.append(
                    tag(
                        "rect", x=f"{100 * left / most:.5g}%", y=top + 18, height=14,
                        width=f"{max(100 * part / most, 0.1):.5g}%", fill=colour(look),
                        class_=f"fill c{look % len(COLOURS)}",
                    )
                )  # fmt: skip
            left += part
        drawn += _interval(row, most, top + 25)
    return drawing(_ROW * len(rows), label, *drawn)


def _interval(row: Bar, most: float, at: float) -> list[Markup]:
    """Return a line over a bar from end to end of its interval, with a stroke at each end."""
    if not row.low < row.high:  # of NaN nothing is
        return []
    low, high = (f"{min(100 * x / most, 100):.5g}%" for x in (row.low, row.high))
    look = {"stroke": "#222222", "stroke_width": "1.5", "class_": "interval"}
    return [
        tag("line", x1=low, x2=high, y1=at, y2=at, **look),
        *(tag("line", x1=x, x2=x, y1=at - 4, y2=at + 4, **look) for x in (low, high)),
    ]


_LINE, _TITLE = 17, 19
_BESIDE = 0.78
"""Heights of a line and of the title above some; px; and the share of the width left of numbers."""


def spreads(rows: Sequence[Spread], x: Scale, label: str, unit: str = "") -> Markup:
    """Return where values lie, a line each, over one scale at the bottom.

    Lines of one name stand together below it; what is said of each stands at the right.
    """
    titles = [k for k, row in enumerate(rows) if k == 0 or row.name != rows[k - 1].name]
    height = _LINE * len(rows) + _TITLE * len(titles) + 4
    drawn: list[Markup] = []
    for value in x.ticks(5):
        at = f"{100 * _BESIDE * x.place(value):.4g}%"
        drawn.append(tag("line", x1=at, x2=at, y1=0, y2=height, stroke=_GRID, class_="grid"))
    top = 0.0
    for k, row in enumerate(rows):
        if k in titles:
            drawn.append(tag("text", row.name, x="0", y=top + 14, **_TEXT))
            top += _TITLE
        drawn += _spread(row, x, top + _LINE / 2)
        drawn.append(
            tag("text", row.said, x="100%", y=top + 13, text_anchor="end", class_="said", **_TEXT)
        )  # fmt: skip
        top += _LINE
    drawn += _foot(x, height + 14, unit, _BESIDE)
    return drawing(height + _FOOT, label, *drawn)


def _spread(row: Spread, x: Scale, at: float) -> list[Markup]:
    kind, shown = f"c{row.look % len(COLOURS)}", colour(row.look)
    drawn = []
    for low, high, width in ((row.low, row.high, 1.6), (row.lower, row.upper, 7)):
        if low <= high:  # of NaN nothing is
            ends = {f"x{k + 1}": _across(x.place(end)) for k, end in enumerate((low, high))}
            drawn.append(
                tag(
                    "line", **ends, y1=at, y2=at, stroke=shown, stroke_width=width,
                    class_=f"stroke {kind}", opacity=0.55 if width > 2 else None,
                    stroke_dasharray=None if width > 2 else DASHES[row.look % len(DASHES)],
                )
            )  # fmt: skip
    if not np.isnan(row.middle):
        dot: dict[str, Any] = {"cx": _across(x.place(row.middle)), "cy": at, "r": 4.5}
        drawn.append(
            tag("circle", **dot, fill=shown, class_=f"fill {kind} dot", stroke="white")
        )  # fmt: skip
    return drawn


def _across(place: float) -> str:
    return f"{100 * _BESIDE * place:.5g}%"


def _named(name: str, said: str, top: float) -> list[Markup]:
    """Return a name at the left, and what is said of it at the right."""
    return [
        tag("text", name, x="0", y=top + 13, **_TEXT),
        tag("text", said, x="100%", y=top + 13, text_anchor="end", class_="said", **_TEXT),
    ]
