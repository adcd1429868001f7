"""`fleet bench`: how fast it is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet import doors, paths
from fleet.errors import InputError


def bench(
    size: Annotated[str, typer.Option(help="smoke, standard or city-day.")] = "standard",
    only: Annotated[
        list[str] | None, typer.Option(metavar="PART", help="One of its parts, such as 'city'.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write JSON there too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how fast it is here; wrong answers fail, slow ones do not."""
    from fleet.bench.suite import Bench
    from fleet.show import bench as show
    from fleet.show.console import console
    from fleet.show.progress import progress_bar

    if output is not None:
        paths.check_name(output)
    with progress_bar() as progress:
        report = Bench(size, progress, only or ()).run()
    text = doors.json_text(report.as_data())
    if output is not None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text + "\n")
        except OSError as error:
            raise InputError(f"-o '{output}': cannot be written: {error.strerror}") from None
    if as_json:
        typer.echo(text)
        return
    for table in show.tables(report):
        console().print(table, markup=False)
    console().print(show.machine_line(report), style="dim", soft_wrap=True, markup=False)
