"""How arms and parts look on a page: colours that everyone can tell apart, and dashes beside them.

The first are those of Okabe and Ito, darker where they would be faint on paper. The page's style
replaces them by their class, so that each has a value for bright and for dark rooms; where there is
no such style, as in a notebook, the attribute counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from fleet.reports.markup import Markup, tag

COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#AA3377", "#B8860B", "#3A9AD9", "#666666", "#8A6D3B",
    "#222222",
)  # fmt: skip
DASHES = (None, "7 3", "2 3", "9 3 2 3", "4 2", "1 4", "12 4", "7 3 2 3 2 3", "1 2")


def colour(i: int) -> str:
    """Return the colour of the arm or part of a number."""
    return COLOURS[i % len(COLOURS)]


def swatch(i: int, *, line: bool = False) -> Markup:
    """Return a small picture of a colour, as a line or as a box."""
    kind, look = f"c{i % len(COLOURS)}", {"width": "22", "height": "12", "aria_hidden": "true"}
    if line:
        shape = tag(
            "line", x1=0, x2=22, y1=6, y2=6, class_=f"stroke {kind}", stroke=colour(i),
            stroke_width=2.5, stroke_dasharray=DASHES[i % len(DASHES)],
        )  # fmt: skip
    else:
        shape = tag("rect", width=22, height=12, class_=f"fill {kind}", fill=colour(i))
    return tag("svg", shape, class_="swatch", **look)


def legend(names: Sequence[str], *, line: bool = False) -> Markup:
    """Return the names of arms or parts, each with its colour."""
    items = [tag("li", swatch(i, line=line), " ", name) for i, name in enumerate(names) if name]
    return tag("ul", *items, class_="legend")
