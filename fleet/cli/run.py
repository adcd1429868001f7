"""`fleet run`: from a command line to a result folder, or on from where a run was cut short."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import clock, doors
from fleet.cli.exit import TRACEBACK
from fleet.cli.figures import drawn, not_drawn
from fleet.running.options import Engine, ExecutorKind

if TYPE_CHECKING:
    from fleet.results.record import Record

MISSED = 1


ScenarioPath = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, such as cloud.servers=4."),
]
Arms = Annotated[list[str] | None, typer.Option(help="Run this arm only; may be given again.")]
Replications = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Replace the number of replications.")
]
PerActor = Annotated[int | None, typer.Option(min=1, help="The number of shards, said by size.")]
Window = Annotated[
    str | None, typer.Option(metavar="TIME", help="Length of a window, such as '2 s'.")
]
Address = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Join this Ray cluster.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Result folder [results/<run-id>]."),
]
Figures = Annotated[
    bool | None,
    typer.Option(
        "--figures/--no-figures", help="Draw figures after the answer [on a terminal only]."
    ),
]
Frames = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write every frame's times there as Parquet.")
]
Resume = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Go on with the unfinished run of this folder.")
]
Uncertain = Annotated[
    bool,
    typer.Option(
        "--uncertain",
        help="Run again with 32 draws of the catalogue's ranges, and print what they allow.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what -o and --frames hold of another scenario.")
]
Until = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'METRIC ± WIDTH'",
        help="Add replications until an interval is so narrow: 'latency_ms.p99 ± 5 %';"
        " --replications says how many at most [114].",
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Show all tables and remarks too.")]


def run(
    scenario: Annotated[
        Path | None, typer.Argument(metavar="[SCENARIO]", help="A scenario file (YAML).")
    ] = None,
    arm: Arms = None,
    set_: Sets = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the seed.")] = None,
    replications: Replications = None,
    until: Until = None,
    engine: Annotated[Engine, typer.Option(help="columns is fast, reference is plain SimPy.")] = (
        Engine.columns
    ),
    executor: Annotated[ExecutorKind, typer.Option(help="Ray for a city, else here.")] = (
        ExecutorKind.auto
    ),
    shards: Annotated[int | None, typer.Option(min=1, help="Number of shards.")] = None,
    sensors_per_actor: PerActor = None,
    window: Window = None,
    ray_address: Address = None,
    output: Output = None,
    figures: Figures = None,
    frames: Frames = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="TIME", help="Wall time between checkpoints, or 'never'.")
    ] = "60 s",
    resume: Resume = None,
    force: Force = False,
    full: Full = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json alone.")] = False,
    uncertain: Uncertain = False,
) -> None:
    """Run all arms of a scenario and compare them."""
    from fleet.show.progress import progress_bar
    from fleet.study import door

    with door.runner(
        engine=engine, executor=executor, shards=shards, sensors_per_actor=sensors_per_actor,
        window=window, ray_address=ray_address, checkpoint=checkpoint, results=Path("results"),
    ) as runner:  # fmt: skip
        with progress_bar("planning") as progress:
            record = door.run(
                runner, scenario, arms=arm, overrides=set_, seed=seed, replications=replications,
                output=output, frames=frames, resume=resume, progress=progress, force=force,
                until=until or (),
            )  # fmt: skip
        try:
            _show(record, as_json, full)
            if uncertain:
                _show_ranges(record, as_json)
        finally:  # an answer that cannot be given is no reason to go without figures
            _tell_where(record, frames)
            if drawn(figures):
                _draw(record)
            _tell_time()
    if not record.kept_all:
        raise typer.Exit(MISSED)


def _show(record: Record, as_json: bool, full: bool) -> None:
    from fleet.show.answer import show

    if as_json:
        typer.echo(doors.json_text(record.summary))
    else:
        show(record, full=full)


def _show_ranges(record: Record, as_json: bool) -> None:
    """Show ranges beside values, and write them beside the results."""
    from fleet.results.metric import Over, Scope
    from fleet.results.metrics import named, names_in
    from fleet.show.console import console
    from fleet.show.sensitivity import ranges_table
    from fleet.show.sweep import progress
    from fleet.study.uncertain import door

    first = next(iter(record.arms.values()))
    over = (Scope.ARM, Scope.LINK)
    ones = [*named(names_in(first), lambda m: m.compared is Over.REPLICATIONS, over)]
    own = [arm for arm in record.arms if arm in record.scenario.model.arms]
    asked = door.question(record.scenario, arms=own, metrics=[one.text for one in ones])
    with progress() as told:
        ranges = door.uncertain(asked, samples=32, told=told)
    if record.folder is not None:
        door.write_ranges(ranges, record.folder)
    if not as_json:
        values = {(one.text, arm): one.value(record.arms[arm]) for one in ones for arm in own}
        console().print(ranges_table(values, ranges, own), markup=False)


def _tell_where(record: Record, frames: Path | None) -> None:
    """Say where the results are, beside the answer."""
    from fleet.show.console import console
    from fleet.show.digest import from_here

    for what, path in (("Results", record.folder), ("Frames", frames)):
        if path is not None:
            line = f"{what}: {from_here(path)}/"
            console(stderr=True).print(line, style="dim", soft_wrap=True, markup=False)


def _tell_time() -> None:
    """Say how long all of it took, from the start of the command."""
    from fleet.show.console import console

    console(stderr=True).print(f"{clock.since_began_s():.1f} s in all", style="dim")


def _draw(record: Record) -> None:
    """Draw the figures; what cannot be drawn is told, and changes no exit code."""
    from fleet.show.folder import draw
    from fleet.show.progress import drawing

    if record.folder is None:
        return
    with drawing() as told:
        failed = draw(record, record.folder, told)
    for name, error in failed.items():
        not_drawn(name, error)
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
