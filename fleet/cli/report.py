"""`fleet report`: results as one page that can be sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet import doors

Folders = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="Folders of results; each is a chapter.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file [DIR/report.html].")
]


def report(folders: Folders, output: Output = None) -> None:
    """Write results as one HTML file that asks no network for anything."""
    from fleet.reports.write import write
    from fleet.show.console import console

    path = write(folders, output)
    typer.echo(doors.terminal(str(path)))
    size = f"{path.stat().st_size / 1e6:.2f} MB; it can be sent as it is."
    console(stderr=True).print(size, style="dim", markup=False)
