"""A table for papers: the same cells as LaTeX with booktabs, as CSV and as Markdown.

What stands in it is text of others: it goes out by the doors (`fleet.doors`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from fleet import doors


class Form(StrEnum):
    """How a table is written."""

    LATEX = "latex"
    CSV = "csv"
    MARKDOWN = "markdown"


class Cell(NamedTuple):
    """A number as it is shown, and what it is.

    Attributes:
        text: with its interval.
        mean: in the unit of its row; None: it is not known.
        low, high: the ends of its 95 % interval; None: it has none.
    """

    text: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None


class Line(NamedTuple):
    """A row: what it is of, and a cell for each of the grid's columns; a part begins with one."""

    names: Sequence[str]
    cells: Sequence[Cell]
    begins: bool = False


class Grid(NamedTuple):
    """A table.

    Attributes:
        title: what it holds.
        names: headings of what rows are of.
        columns: headings of the cells.
        lines: the rows.
        notes: what to know of it, in sentences.
    """

    title: str
    names: Sequence[str]
    columns: Sequence[str]
    lines: Sequence[Line]
    notes: Sequence[str]


def written(grid: Grid, form: Form) -> str:
    """Return a table in a form; it ends with a line break."""
    ways: dict[Form, Callable[[Grid], Iterator[str]]] = {
        Form.LATEX: _latex, Form.CSV: _csv, Form.MARKDOWN: _markdown,
    }  # fmt: skip
    return "".join(f"{line}\n" for line in ways[form](grid))


_SIGNS = {"±": r"$\pm$", "–": "--", "−": "$-$", "µ": r"\textmu{}", "×": r"$\times$", "→": r"$\to$",
          "✓": r"$\checkmark$", "≤": r"$\le$", "≥": r"$\ge$",
          "\N{GREEK SMALL LETTER MU}": r"\textmu{}", "≈": r"$\approx$",
          "∞": r"$\infty$"}  # fmt: skip


def _tex(text: str) -> str:
    out = doors.latex(text)
    for sign, stands in _SIGNS.items():
        out = out.replace(sign, stands)
    return out


def _latex(grid: Grid) -> Iterator[str]:
    yield rf"% {doors.terminal(grid.title)}"
    for note in grid.notes:
        yield rf"% {doors.terminal(note)}"
    yield r"% Needs \usepackage{booktabs}; where it holds a check mark, also {amssymb}."
    yield rf"\begin{{tabular}}{{{'l' * len(grid.names)}{'r' * len(grid.columns)}}}"
    yield r"\toprule"
    yield _row([*grid.names, *grid.columns])
    yield r"\midrule"
    for k, line in enumerate(grid.lines):
        if line.begins and k:
            yield r"\addlinespace"
        yield _row([*line.names, *(cell.text for cell in line.cells)])
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _row(cells: Sequence[str]) -> str:
    # An empty group keeps a cell in brackets from being read as the argument of \\ or \toprule.
    cells = [_tex(cell) for cell in cells]
    first = f"{{}}{cells[0]}" if cells[0].startswith(("[", "*")) else cells[0]
    return rf"{' & '.join([first, *cells[1:]])} \\"


def _csv(grid: Grid) -> Iterator[str]:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    ends = [name for one in grid.columns for name in (one, f"{one} low", f"{one} high")]
    out.writerow(doors.csv_cell(name) for name in (*grid.names, *ends))
    for line in grid.lines:
        numbers = [x for cell in line.cells for x in _numbers(cell)]
        out.writerow([doors.csv_cell(name) for name in line.names] + numbers)
    yield from text.getvalue().splitlines()


def _numbers(cell: Cell) -> list[str]:
    if cell.mean is None:
        known = doors.csv_cell(cell.text) if cell.text not in ("", "–") else ""
        return [known, "", ""]
    return ["" if x is None else f"{x:.10g}" for x in (cell.mean, cell.low, cell.high)]


def _markdown(grid: Grid) -> Iterator[str]:
    heads = [*grid.names, *grid.columns]
    yield f"**{doors.markdown(grid.title)}**"
    yield ""
    yield f"| {' | '.join(map(doors.markdown, heads))} |"
    yield f"|{'---|' * len(grid.names)}{'---:|' * len(grid.columns)}"
    for line in grid.lines:
        cells = [*line.names, *(cell.text for cell in line.cells)]
        yield f"| {' | '.join(map(doors.markdown, cells))} |"
    for note in grid.notes:
        yield ""
        yield doors.markdown(note)
