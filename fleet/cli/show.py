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
    from fleet.results.record import Record
    from fleet.show.answer import show as show_record

    show_record(Record.load(folder), full=full)
