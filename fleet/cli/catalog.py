"""`fleet catalog`: what there is, with sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import doors
from fleet.errors import InputError

if TYPE_CHECKING:
    from fleet.catalog import Catalog


def catalog(
    kind: Annotated[
        str | None, typer.Argument(help="sensors, links, servers, models, ..., or 'show'")
    ] = None,
    item: Annotated[str | None, typer.Argument(help="One item, with its sources.")] = None,
    scenario: Annotated[
        Path | None, typer.Option(metavar="SCENARIO", help="With the rows of this scenario.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the catalogue knows, with sources: 'fleet catalog show imx500'."""
    from fleet.show import catalog as show
    from fleet.show.console import console

    known = _known(scenario)
    kinds: list[str | None] = [kind]
    if kind == "show":
        if item is None:
            raise InputError("name an item: fleet catalog show imx500")
        kinds = list(known.kinds_of(item))
    if as_json:
        data = [row for k in kinds for row in show.as_data(known, k, item)]
        typer.echo(doors.json_text(data))
        return
    out = console()
    for of in kinds:
        for table in show.tables(known, of, item):
            out.print(table, soft_wrap=False, markup=False)


def _known(scenario: Path | None) -> Catalog:
    """Return the packaged catalogue, with the rows of a scenario if there is one."""
    from fleet.catalog import Catalog

    if scenario is None:
        return Catalog.load()
    from fleet.plan.compile import catalogue  # with all of the planner
    from fleet.scenario.load import load

    return catalogue(load(scenario))
