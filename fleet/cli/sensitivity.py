"""`fleet sensitivity`: what an answer is worth, as sure as the numbers of the catalogue are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import doors
from fleet.cli.figures import draw_beside, drawn
from fleet.cli.run import Arms, Figures, Replications, ScenarioPath, Sets
from fleet.cli.sweep import Workers

if TYPE_CHECKING:
    from fleet.study.uncertain.findings import Sensitivity

Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME", help="Ask about this, such as latency_ms.p50."),
]
Hold = Annotated[
    list[str] | None,
    typer.Option("--hold", metavar="ITEM.PARAMETER", help="Leave this number as it is."),
]
Trajectories = Annotated[int, typer.Option(min=2, max=1000, help="Of Morris' screening.")]
Samples = Annotated[int, typer.Option(min=2, max=65536, help="Of Sobol's indices; a power of two.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder [results/NAME-sensitivity-HASH]."),
]


def sensitivity(
    scenario: ScenarioPath,
    arm: Arms = None,
    set_: Sets = None,
    replications: Replications = None,
    metric: Metrics = None,
    hold: Hold = None,
    trajectories: Trajectories = 10,
    samples: Samples = 64,
    output: Output = None,
    workers: Workers = None,
    figures: Figures = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print sensitivity.json.")] = False,
) -> None:
    """Say how often an answer stays as the catalogue's ranges allow, and what would flip it."""
    from fleet.show.sweep import progress
    from fleet.study.uncertain import door

    asked = door.question(
        scenario, arms=arm, metrics=metric, replications=replications, overrides=set_,
        hold=hold or (),
    )  # fmt: skip
    with progress() as told:
        answer, folder = door.sensitivity(
            asked, trajectories=trajectories, samples=samples, output=output,
            results=Path("results"), workers=workers, told=told,
        )  # fmt: skip
    if as_json:
        typer.echo(doors.json_text(door.summary(answer)))
    else:
        _show(answer)
    if folder is not None:
        _leave(folder, drawn(figures))


def _show(answer: Sensitivity) -> None:
    from fleet.show.console import console
    from fleet.show.sensitivity import effort, words

    out = console()
    for line in words(answer):
        out.print(line, markup=False, style="dim" if line.startswith(" ") else None)
    out.print()
    for line in effort(answer):
        out.print(line, markup=False, style="dim")


def _leave(folder: Path, figures: bool) -> None:
    """Draw the figures, and say where all is."""
    from fleet.show.console import console

    if figures:
        draw_beside(folder)
    err = console(stderr=True)
    err.print(f"Sensitivity: {folder}/", style="dim", soft_wrap=True, markup=False)
