"""`fleet sweep`: a scenario at every point of a grid, and a table of what it gave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli.exit import FAILED
from fleet.cli.figures import draw_beside
from fleet.cli.run import Address, Arms, Replications, Sets, Until
from fleet.running.options import ExecutorKind

if TYPE_CHECKING:
    from fleet.study.sweep import Swept

Vary = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=SPEC",
        help="What varies: cloud.servers=1..8, 'sensors.*.rate=5,10,15 fps', links.wan.rate=1..64*2"
        " Gbit/s; may be given again, for a grid.",
    ),
]
Where = Annotated[str | None, typer.Option(metavar="EXPR", help="Only points at which this holds.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder [results/NAME-study-HASH]."),
]
Resume = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Go on with the study of this folder.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of processes [one a CPU].")]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME", help="Show this, such as latency_ms.p50."),
]


def sweep(
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIO|STUDY]", help="A scenario or a study file (YAML)."),
    ] = None,
    vary: Vary = None,
    where: Where = None,
    arm: Arms = None,
    set_: Sets = None,
    replications: Replications = None,
    until: Until = None,
    output: Output = None,
    resume: Resume = None,
    workers: Workers = None,
    executor: Annotated[
        ExecutorKind | None,
        typer.Option(help="Ray tasks, or processes here [local, unless there is much to do]."),
    ] = None,
    ray_address: Address = None,
    metric: Metrics = None,
    figures: Annotated[bool, typer.Option("--figures", help="Draw figures of the table.")] = False,
) -> None:
    """Run a scenario at many points, of a grid or a study file; killed, the command goes on."""
    from fleet.results.metrics import check_asked
    from fleet.show.sweep import progress
    from fleet.study import sweep as study
    from fleet.study.hands import Hands

    check_asked(metric or ())
    with progress() as told:
        swept = study.sweep(
            scenario, vary=vary or (), where=where, arms=arm, replications=replications,
            until=until or (), overrides=set_, output=output, resume=resume,
            results=Path("results"), hands=Hands(executor, workers, ray_address), told=told,
        )  # fmt: skip
    metrics = metric or list(swept.study.metrics)
    _show(swept, metrics)
    if figures:
        assert swept.folder is not None  # it has a name, if none was given
        draw_beside(swept.folder, metrics)
    if swept.table["error"].null_count < swept.table.num_rows:
        raise typer.Exit(FAILED)


def _show(swept: Swept, metrics: list[str] | None) -> None:
    from fleet.show.console import console
    from fleet.show.sweep import (
        MOST_POINTS,
        bounds,
        chosen,
        failures,
        how_sure,
        tables,
        to_be_taken,
    )

    out, err = console(), console(stderr=True)
    shown = metrics or chosen(swept.table)
    for table in tables(swept.table, shown, out):
        out.print(table, markup=False)
        out.print()
    for line in to_be_taken(swept.table, shown):
        out.print(line, markup=False)
    for line in (*how_sure(swept), *bounds(swept.table, shown)):
        out.print(line, style="dim", markup=False)
    points = len(swept.study.design.points)
    if points > MOST_POINTS:
        out.print(
            f"The first {MOST_POINTS} of {points:,} points; results.csv has all.", style="dim"
        )
    if swept.ran_on is not None:
        where = (
            "as Ray tasks" if swept.ran_on is ExecutorKind.ray
            else "in processes on this machine, without Ray"
        )  # fmt: skip
        out.print(f"Ran {where}.", style="dim")
    for line in failures(swept.table):
        err.print(line, markup=False)
    err.print(f"Study: {swept.folder}/", style="dim", soft_wrap=True, markup=False)
