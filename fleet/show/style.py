"""How figures for papers look, and how they are saved.

Each is one column wide (3.33 in), has 8 pt text, colours of Okabe and Ito that colour-blind people
tell apart (with line styles and hatches beside them), and is written as PNG (300 dpi), PDF
(TrueType fonts) and CSV of what it shows.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterMathtext, NullFormatter

from fleet import doors
from fleet.interrupt import whole
from fleet.passing import passing_folder

WIDTH_IN = 3.33
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#999999",
    "#F0E442",
    "#222222",
)
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++", "oo", "**", "--")
STYLE: dict[Any, Any] = {  # the stubs of matplotlib list every key as a literal
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "hatch.linewidth": 0.4,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # dollars in names are dollars
    "text.usetex": False,
}
Table = list[Sequence[Any]]


def save(figure: Figure, table: Table, path: Path) -> None:
    """Write a figure as PNG and PDF, and what it shows as CSV: all three whole, or none."""
    _label_plainly(figure)
    figure.draw_without_rendering()  # lay it out once for both
    figure.set_layout_engine("none")
    with passing_folder(".figure-", path.parent) as draft:
        figure.savefig(draft / f"{path.name}.png", dpi=300)
        figure.savefig(draft / f"{path.name}.pdf", metadata={"CreationDate": None})
        with (draft / f"{path.name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = ([doors.csv_cell(cell) for cell in row] for row in table)
            csv.writer(file, lineterminator="\n").writerows(rows)
        with whole():
            for file_of in draft.iterdir():
                file_of.replace(path.parent / file_of.name)


def _label_plainly(figure: Figure) -> None:
    """Label axes with plain numbers where they would be powers, which are set as mathematics."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
                axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
                axis.set_minor_formatter(NullFormatter())


def axes_of(height_in: float = 2.3) -> tuple[Figure, Axes]:
    """Return a figure one column wide with one set of axes."""
    figure = Figure(figsize=(WIDTH_IN, height_in))
    return figure, figure.add_subplot()


def one_legend(figure: Figure, panels: Iterable[Axes], **options: Any) -> None:
    """Put a legend below a figure that names what is in any of its panels, each once."""
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", **options)
