"""`fleet table`: results as a table for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.errors import InputError

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder of a run, a study, a sensitivity, a plan.")
]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME", help="This number, such as latency_ms.p50."),
]


def table(
    folder: Folder,
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX, with booktabs.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, ends of intervals apart.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown [this].")] = False,
    metric: Metrics = None,
    full: Annotated[bool, typer.Option("--full", help="All numbers of a run.")] = False,
) -> None:
    """Print results as a table for a paper: LaTeX, CSV or Markdown."""
    from fleet.show.folders import fitting_folder, opened
    from fleet.show.grid import Form, written
    from fleet.show.tables import grids

    asked = {Form.LATEX: latex, Form.CSV: csv, Form.MARKDOWN: markdown}
    forms = [form for form, wanted in asked.items() if wanted] or [Form.MARKDOWN]
    if len(forms) > 1:
        raise InputError("choose one of --latex, --csv and --markdown")
    shown = opened(folder)
    with fitting_folder(shown):
        texts = [written(grid, forms[0]) for grid in grids(shown, metric or (), full=full)]
    typer.echo("\n".join(texts), nl=False)
