"""`fleet show`: the answer of a result folder once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.run import Full


def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")],
    full: Full = False,
) -> None:
    """Show the answer that a result folder holds."""
    from fleet.results.record import Record, fitting
    from fleet.show.answer import show as show_record
    from fleet.show.folders import check_run

    check_run(folder)
    record = Record.load(folder)
    with fitting(record):
        show_record(record, full=full)
