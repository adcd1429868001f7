"""Tables of a page: with a caption, headings for rows, and room to scroll where they are wide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet.reports.markup import Child, Markup, tag

Row = Sequence[Child]


def table(
    caption: str, header: Sequence[str], rows: Iterable[Row], *, words: Sequence[int] = (),
    kind: str = "",
) -> Markup:  # fmt: skip
    """Return a table in which the first cell of a row says what the row is of.

    Stacks state their roles, which browsers forget of tables that are shown otherwise.

    Args:
        caption: what it holds; it stands above.
        header: of the columns.
        rows: cells, each text or markup.
        words: columns of text besides the first; in others there are numbers.
        kind: `long` is scrolled, and sorted and searched by the page's script; `stack` has a row's
            cells below each other on a phone.
    """
    looks = ["words" if c == 0 or c in words else "number" for c in range(len(header))]
    stack = kind == "stack"
    head = [
        tag("th", name, scope="col", role="columnheader" if stack else None, class_=look)
        for name, look in zip(header, looks, strict=True)
    ]
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row", role="rowheader" if stack else None, class_="words"),
            [
                tag(
                    "td",
                    cell,
                    class_=look,
                    role="cell" if stack else None,
                    data_label=name if stack else None,
                )
                for cell, look, name in zip(row[1:], looks[1:], header[1:], strict=True)
            ],
            role="row" if stack else None,
        )
        for row in rows
    ]
    group = "rowgroup" if stack else None
    whole = tag(
        "table", tag("caption", caption),
        tag("thead", tag("tr", head, role="row" if stack else None), role=group),
        tag("tbody", body, role=group), role="table" if stack else None,
    )  # fmt: skip
    return tag(
        "div", whole, class_=f"wide {kind}".strip(), tabindex=0, role="group", aria_label=caption
    )


def figure(caption: str, chart: Markup, *below: Child, numbers: Markup | None = None) -> Markup:
    """Return a chart with what it shows, and its numbers as a table that unfolds."""
    unfolds = tag("details", tag("summary", "Numbers of this chart"), numbers) if numbers else None
    return tag("figure", tag("figcaption", caption), chart, below, unfolds)
