"""`fleet figures`: results as figures for a paper or a slide."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fleet import doors
from fleet.cli.exit import FAILED
from fleet.errors import in_a_line

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder of a run, a study, a sensitivity, a plan.")
]


class Style(StrEnum):
    """For which venue."""

    IEEE = "ieee"
    ACM = "acm"
    SLIDES = "slides"


def drawn(asked: bool | None) -> bool:
    """Return whether figures are drawn: as was asked, else where somebody looks."""
    from fleet.show.console import console

    return console().is_terminal if asked is None else asked


def not_drawn(name: str, error: Exception) -> None:
    """Say that a figure could not be drawn, and why, after an answer that has all numbers."""
    why = in_a_line(error)
    typer.echo(doors.terminal(f"fleet: no figure '{name}', all numbers are there: {why}"), err=True)


def draw_beside(folder: Path, metrics: Sequence[str] = ()) -> None:
    """Draw the figures of a folder into it, after its answer; what cannot be drawn is told."""
    from fleet.show.drawing import draw

    for name, error in draw(folder, folder / "figures", metrics=metrics)[1].items():
        not_drawn(name, error)


def figures(
    folder: Folder,
    style: Annotated[Style, typer.Option(help="Widths and type of a venue.")] = Style.ACM,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Those whose names begin so, as latency."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where [DIR/figures/STYLE]."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Of a study, such as latency_ms.p50."),
    ] = None,
) -> None:
    """Draw results as figures for a paper: PDF, SVG, PNG and CSV of each."""
    from fleet.show import drawing  # takes a while

    place = output or folder / "figures" / style.value
    done, failed = drawing.draw(folder, place, style.value, only or (), metric or ())
    for name in done:
        typer.echo(doors.terminal(f"{place / name}.pdf"))
    for name, error in failed.items():
        typer.echo(doors.terminal(f"fleet: no figure '{name}': {in_a_line(error)}"), err=True)
    if failed:
        raise typer.Exit(FAILED)
