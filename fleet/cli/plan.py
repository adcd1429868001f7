"""`fleet plan`: the smallest plant that keeps objectives, or the most that a plant carries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet import doors
from fleet.cli.run import MISSED, Arms, ScenarioPath, Sets
from fleet.cli.sweep import Workers

Find = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY[=RANGE]",
        help="Find its smallest value that is enough: cloud.servers, cloud.servers=1..64,"
        " 'links.wan.rate=10..200+10 Mbit/s'; may be given again.",
    ),
]
Most = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY[=RANGE]", help="Find its largest value, as sensors.shop.count."),
]
Slo = Annotated[
    list[str] | None,
    typer.Option(metavar="OBJECTIVE", help="What is kept, as 'latency_ms.p99 < 200 ms' [slo]."),
]
Vary = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=SPEC", help="Answer for each of these, as cloud.server=t4,l4."),
]
Headroom = Annotated[
    str | None, typer.Option(metavar="SHARE", help="Frames that come on top, as '20 %'.")
]
Survive = Annotated[
    str | None, typer.Option(metavar="WHAT", help="Do without '1 server' or '1 link'.")
]
Uncertain = Annotated[
    bool,
    typer.Option(
        "--uncertain", help="Plan again with 32 draws of the catalogue's ranges, and print both."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder [results/NAME-plan-HASH]."),
]


def plan(
    scenario: ScenarioPath,
    find: Find = None,
    most: Most = None,
    slo: Slo = None,
    vary: Vary = None,
    arm: Arms = None,
    set_: Sets = None,
    headroom: Headroom = None,
    survive: Survive = None,
    uncertain: Uncertain = False,
    workers: Workers = None,
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the smallest plant of each arm that keeps objectives; killed, the command goes on."""
    from fleet.show import sizing as show
    from fleet.show.console import console, say
    from fleet.sizing import door
    from fleet.sizing.planning import question

    asked = question(
        scenario, find or (), most=most or (), slo=slo or (), vary=vary or (), arms=arm,
        overrides=set_, headroom=headroom, survive=survive,
    )  # fmt: skip
    folder = output or Path("results") / asked.name
    with show.progress() as told:
        planned = door.plan(asked, uncertain=uncertain, output=folder, workers=workers, told=told)
    if as_json:
        typer.echo(doors.json_text(planned.data))
    else:
        out = console()
        for table in show.tables(planned, out):
            out.print(table, markup=False)
            out.print()
        for line in (*show.lines(planned), *show.held(planned)):
            say(out, line)
    console(stderr=True).print(f"Plan: {folder}/", style="dim", soft_wrap=True, markup=False)
    if not planned.enough:
        raise typer.Exit(MISSED)
