"""`fleet estimate`: what the arms of a scenario are expected to do, in closed form, in a second."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet import doors
from fleet.cli.run import Arms, ScenarioPath, Sets


def estimate(
    scenario: ScenarioPath,
    arm: Arms = None,
    set_: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate loads, waits, power and cost without a run; of a result folder, the run beside."""
    from fleet.show import estimate as show
    from fleet.show.console import console, say
    from fleet.sizing.door import estimates

    estimated = estimates(scenario, arms=arm, overrides=set_)
    if as_json:
        typer.echo(doors.json_text(estimated.facts))
        return
    out = console()
    for table in show.tables(estimated, out):
        out.print(table, markup=False)
        out.print()
    for name, rows in estimated.beside.items():
        out.print(show.beside_table(name, rows), markup=False)
        out.print()
    for line in (*show.remarks(estimated), *show.disagreement(estimated.beside)):
        say(out, line)
