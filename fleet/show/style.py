"""How figures for papers look, and how they are saved.

Each is as wide as a column of its venue, has text of 8 pt there, colours of Okabe and Ito that
colour-blind people tell apart (with line styles and hatches beside them), and is written as PNG
(300 dpi), PDF (TrueType fonts), SVG (text as outlines) and CSV of what it shows, the same bytes
whenever it is made again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogFormatterMathtext, NullFormatter

from fleet import doors
from fleet.interrupt import check, whole
from fleet.passing import passing_folder

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
    "svg.fonttype": "path",
    "svg.hashsalt": "fleet",  # identifiers that are the same whenever it is made again
}
_DOTS, _AIR_IN = 300, 0.03
"""To the inch, of a PNG; and what is left free at its sides where words come near them."""
Table = list[Sequence[Any]]
Drawn = tuple[Figure, Table]
Named = tuple[str, Callable[[], Drawn]]
"""A figure's name, and what draws it."""


class Venue(NamedTuple):
    """Where figures go.

    Attributes:
        width_in: of a column, over `factor`.
        families: of the font, the first that has a sign; all come with matplotlib.
        factor: by which all sizes are larger than on paper.
        forms: of the files, besides CSV.
    """

    width_in: float
    families: tuple[str, ...]
    factor: float = 1.0
    forms: tuple[str, ...] = ("png", "pdf", "svg")

    @property
    def rc(self) -> dict[Any, Any]:
        """Return the settings of matplotlib."""
        size = (self.width_in, 2.3)
        larger = {name: self.factor * length for name, length in _LEGEND.items()}
        return {**STYLE, **larger, "font.family": list(self.families), "figure.figsize": size}


_LEGEND = {
    "legend.handlelength": 1.6, "legend.columnspacing": 1.0, "legend.handleheight": 0.7,
    "legend.handletextpad": 0.6, "legend.labelspacing": 0.4,
}  # fmt: skip
"""In sizes of the font that a legend is made with, which is enlarged later."""


_SANS, _SERIF = ("DejaVu Sans",), ("STIXGeneral", "DejaVu Sans")
OWN = Venue(3.33, _SANS, forms=("png", "pdf"))
"""Of the figures that a run leaves in its folder."""
VENUES = {
    "ieee": Venue(3.5, _SERIF),  # IEEE, two columns: 3.5 in, Times
    "acm": Venue(3.33, _SANS),  # ACM sigconf, two columns: 241.1 pt
    "slides": Venue(4.0, _SANS, factor=2.0),  # 8 in and 16 pt, on a slide of 13.33 in
}


def draw_each(
    figures: Iterable[Named], folder: Path, venue: Venue = OWN,
    told: Callable[[str, float], None] = lambda *_: None,
) -> tuple[list[str], dict[str, Exception]]:  # fmt: skip
    """Draw figures into a folder, made if need be, each as soon as it is whole.

    Args:
        figures: names, and what draws them.
        folder: where.
        venue: where they go.
        told: is called with the name of a figure that is begun and the share that is done.

    Returns:
        the names of those that are there, and by name why others could not be drawn.
    """
    done: list[str] = []
    failed: dict[str, Exception] = {}
    with matplotlib.rc_context(venue.rc):
        named = list(figures)
        for k, (name, drawing) in enumerate(named):
            check()
            told(name, k / len(named))
            file = _file_name(name, done)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                save(*drawing(), folder / file, venue)
                done.append(file)
            except Exception as error:  # whatever it is, there are numbers, and other figures
                failed[name] = error
    return done, failed


def _file_name(name: str, others: Sequence[str]) -> str:
    """Return a name of plain letters; labels of arms may hold anything."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "figure"
    plain = plain[:120]
    return plain if plain not in others else f"{plain}-{len(others) + 1}"


def save(figure: Figure, table: Table, path: Path, venue: Venue = OWN) -> None:
    """Write a figure in all forms of a venue, and what it shows as CSV: all whole, or none."""
    _label_plainly(figure)
    if venue.factor != 1.0:
        _enlarge(figure, venue.factor)
    _lay_out(figure)
    undated: dict[str, dict[str, Any]] = {
        "png": {"dpi": _DOTS}, "pdf": {"metadata": {"CreationDate": None}},
        "svg": {"metadata": {"Date": None}},
    }  # fmt: skip
    with passing_folder(".figure-", path.parent) as draft:
        for form in venue.forms:
            figure.savefig(draft / f"{path.name}.{form}", **undated[form])
        with (draft / f"{path.name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = ([doors.csv_cell(cell) for cell in row] for row in table)
            csv.writer(file, lineterminator="\n").writerows(rows)
        with whole():
            for file_of in draft.iterdir():
                file_of.replace(path.parent / file_of.name)


def _lay_out(figure: Figure) -> None:
    """Lay a figure out once for all, with more room at its sides where words would be cut off.

    Letters are wider at the dots of a picture than at those of a screen, for which it is laid out.
    """
    screen, engine = figure.dpi, figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # as the style says
    for _ in range(2):
        figure.draw_without_rendering()
        figure.set_dpi(_DOTS)
        box = figure.get_tightbbox()
        figure.set_dpi(screen)
        out_in = max(-box.x0, box.x1 - figure.get_size_inches()[0])
        if out_in <= 0:
            break
        engine.set(w_pad=engine.get()["w_pad"] + out_in + _AIR_IN)
    figure.set_layout_engine("none")


def _label_plainly(figure: Figure) -> None:
    """Label axes with plain numbers where they would be powers, which are set as mathematics."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
                axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
                axis.set_minor_formatter(NullFormatter())


def _enlarge(figure: Figure, factor: float) -> None:
    """Make all of a figure larger: itself, texts, lines, marks and ticks."""
    figure.set_size_inches(*(factor * figure.get_size_inches()))
    of_ticks: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            parts = [(t.label1, t.label2, t.tick1line, t.tick2line) for t in ticks]
            of_ticks |= {id(one) for each in parts for one in each}
            size = float(parts[0][0].get_fontsize()) if parts else 7.0
            axis.set_tick_params(
                which="both", length=3.0 * factor, width=0.6 * factor, labelsize=size * factor,
                pad=3.0 * factor,
            )  # fmt: skip
    for artist in figure.findobj():
        if id(artist) in of_ticks:
            continue
        if isinstance(artist, Text):
            artist.set_fontsize(float(artist.get_fontsize()) * factor)
        elif isinstance(artist, Line2D):
            artist.set_markersize(artist.get_markersize() * factor)
            artist.set_markeredgewidth(artist.get_markeredgewidth() * factor)
            artist.set_linewidth(artist.get_linewidth() * factor)
        elif isinstance(artist, Patch):
            artist.set_linewidth(artist.get_linewidth() * factor)
        elif isinstance(artist, Collection):
            artist.set_linewidth((np.atleast_1d(artist.get_linewidth()) * factor).tolist())
            if isinstance(artist, PathCollection):
                artist.set_sizes(artist.get_sizes() * factor**2)


def figure_of(height_in: float) -> Figure:
    """Return a figure one column wide."""
    return Figure(figsize=(matplotlib.rcParams["figure.figsize"][0], height_in))


def axes_of(height_in: float = 2.3) -> tuple[Figure, Axes]:
    """Return a figure one column wide with one set of axes."""
    figure = figure_of(height_in)
    return figure, figure.add_subplot()


def one_legend(figure: Figure, panels: Iterable[Axes], **options: Any) -> None:
    """Put a legend below a figure that names what is in any of its panels, each once."""
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", **options)
