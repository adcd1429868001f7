"""Charts of studies beside lines: who is best where, and what each number does to a difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fleet.reports.charts import drawing
from fleet.reports.look import COLOURS, colour
from fleet.reports.markup import Markup, tag
from fleet.reports.scale import Scale, mark

_TEXT: dict[str, Any] = {"font_size": 12, "fill": "currentColor"}
_HEIGHT, _HEAD, _LEFT = 30, 20, 18.0
"""Of a row of tiles and of the line above them; px; and the width of its name; per cent."""


class Tile(NamedTuple):
    """A place of a map of two keys: the arm that is best, and whether that is shown."""

    look: int
    name: str
    shown: bool


def tiles(
    rows: Sequence[tuple[str, Sequence[Tile | str]]], columns: Sequence[str], label: str
) -> Markup:
    """Return a map of tiles, in the colour of who is best; pale and open where it is not shown.

    Args:
        rows: from above, what each is of, and its tiles, or a mark in place of one.
        columns: what the columns are of.
        label: what it shows, for those who do not see it.
    """
    width = (100 - _LEFT) / max(len(columns), 1)
    drawn: list[Markup] = []
    for c, name in enumerate(columns):
        drawn.append(
            tag("text", name, x=f"{_LEFT + width * (c + 0.5):.5g}%", y=14, text_anchor="middle",
                **_TEXT)
        )  # fmt: skip
    for r, (name, places) in enumerate(rows):
        top = _HEAD + _HEIGHT * r
        drawn.append(tag("text", name, x="0", y=top + 19, **_TEXT))
        for c, tile in enumerate(places):
            if isinstance(tile, Tile):
                drawn += _tile(tile, _LEFT + width * c, width, top)
            else:
                where = f"{_LEFT + width * (c + 0.5):.5g}%"
                drawn.append(tag("text", tile, x=where, y=top + 19, text_anchor="middle", **_TEXT))
    return drawing(_HEAD + _HEIGHT * len(rows), label, *drawn)


def _tile(tile: Tile, left: float, width: float, top: int) -> list[Markup]:
    look = tile.look % len(COLOURS)
    sure = {} if tile.shown else {"fill_opacity": "0.25", "stroke_dasharray": "4 3"}
    box = tag(
        "rect", tag("title", tile.name + ("" if tile.shown else ", not shown")),
        x=f"{left + 0.3:.5g}%", y=top + 1, width=f"{width - 0.6:.5g}%", height=_HEIGHT - 2,
        fill=colour(look), stroke=colour(look), class_=f"fill stroke c{look}", **sure,
    )  # fmt: skip
    sign = chr(ord("A") + look) + ("" if tile.shown else "?")
    where = {"x": f"{left + width / 2:.5g}%", "y": str(top + 19), "text_anchor": "middle"}
    return [box, tag("text", sign, class_="sign", font_size=12, fill="currentColor", **where)]


class Swing(NamedTuple):
    """What a number does: the difference with it at the low and at the high end of its range."""

    name: str
    said: str
    at_low: float
    at_high: float
    is_estimate: bool


_ROW = 36


def tornado(rows: Sequence[Swing], middle: float, x: Scale, label: str) -> Markup:
    """Return a bar from end to end for each number, the difference as it stands in the middle.

    Args:
        rows: the widest first.
        middle: the difference as all numbers stand.
        x: scale at the bottom.
        label: what it shows, for those who do not see it.
    """
    height, drawn = _ROW * len(rows), []
    for value, kind in ((0.0, "zero"), (middle, "grid")):
        if x.low <= value <= x.high:
            at = f"{100 * x.place(value):.5g}%"
            drawn.append(
                tag("line", x1=at, x2=at, y1=0, y2=height, stroke="#888888", class_=kind,
                    stroke_dasharray="5 4" if kind == "zero" else None)
            )  # fmt: skip
    for k, row in enumerate(rows):
        top = _ROW * k
        drawn += [
            tag("text", row.name, x="0", y=top + 13, class_="said", **_TEXT),
            tag("text", row.said, x="100%", y=top + 13, text_anchor="end", class_="said", **_TEXT),
        ]
        for end, look in ((row.at_low, 5), (row.at_high, 4)):
            low, high = sorted((x.place(end), x.place(middle)))
            drawn.append(
                tag("rect", x=f"{100 * low:.5g}%", width=f"{100 * (high - low):.5g}%", y=top + 18,
                    height=12, fill=colour(look), class_=f"fill c{look}",
                    fill_opacity="0.55" if row.is_estimate else None)
            )  # fmt: skip
    ticks = x.ticks(5)
    for value in ticks:
        place = x.place(value)
        anchor = "start" if place < 0.04 else "end" if place > 0.96 else "middle"
        drawn.append(
            tag("text", mark(value), x=f"{100 * place:.4g}%", y=height + 15, text_anchor=anchor,
                **_TEXT)
        )  # fmt: skip
    return drawing(height + 22, label, *drawn)
