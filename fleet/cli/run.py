"""`fleet run`: from a command line to a result folder, or on from where a run was cut short."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import doors
from fleet.errors import InputError
from fleet.interrupt import in_haste, whole
from fleet.running.options import Engine, Options, Place

if TYPE_CHECKING:
    from fleet.results.record import Record
    from fleet.running.unfinished import Asked, Unfinished
    from fleet.scenario.load import Scenario

MISSED = 1
MAX_FRAMES = 20_000_000
NEVER = "never"


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
Frames = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write every frame's times there as Parquet.")
]
Resume = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Go on with the unfinished run of this folder.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what -o and --frames hold of another scenario.")
]


def run(
    scenario: Annotated[
        Path | None, typer.Argument(metavar="[SCENARIO]", help="A scenario file (YAML).")
    ] = None,
    arm: Arms = None,
    set_: Sets = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the seed.")] = None,
    replications: Replications = None,
    engine: Annotated[Engine, typer.Option(help="columns is fast, reference is plain SimPy.")] = (
        Engine.columns
    ),
    executor: Annotated[Place, typer.Option(help="Ray actors, or this process.")] = Place.ray,
    shards: Annotated[int | None, typer.Option(min=1, help="Number of shards.")] = None,
    sensors_per_actor: PerActor = None,
    window: Window = None,
    ray_address: Address = None,
    output: Output = None,
    frames: Frames = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="TIME", help="Wall time between checkpoints, or 'never'.")
    ] = "60 s",
    resume: Resume = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json, no table.")] = False,
) -> None:
    """Run all arms of a scenario and compare them."""
    options = Options(
        engine=engine,
        executor=executor,
        shards=shards,
        sensors_per_actor=sensors_per_actor,
        window_ns=None if window is None else _time_ns("--window", window),
        ray_address=ray_address,
    )
    if shards and sensors_per_actor:
        raise InputError("give --shards or --sensors-per-actor, not both")
    if resume is not None and engine is Engine.reference:
        raise InputError("--resume needs the columns engine; the reference has no checkpoints")
    if resume is None:
        loaded = load_scenario(_given(scenario), set_, seed, replications)
        asked = _asked(_given(scenario), loaded, arm, output, frames)
    else:
        asked = _asked_before(resume, [scenario, arm, set_, seed, replications, output, frames])
        loaded = asked.load()
    every_s = _every_s(checkpoint, asked)
    record = _simulate(
        loaded, asked, options, every_s, anew=resume is None, force=force or resume is not None,
        answer=partial(_show, as_json=as_json),
    )  # fmt: skip
    if not record.kept_all:
        raise typer.Exit(MISSED)


def load_scenario(
    path: Path,
    overrides: list[str] | None,
    seed: int | None = None,
    replications: int | None = None,
) -> Scenario:
    """Read a scenario with what the command line replaces."""
    from fleet.scenario.load import load

    own = [f"{k}={v}" for k, v in (("seed", seed), ("replications", replications)) if v is not None]
    return load(path, [*(overrides or []), *own])


def _given(scenario: Path | None) -> Path:
    if scenario is None:
        raise InputError("name a scenario file, or an unfinished run with --resume DIR")
    return scenario


def _time_ns(option: str, text: str) -> int:
    found = _any_time_ns(option, text)
    if found <= 0:
        raise InputError(f"{option} '{text}' must be more than zero")
    return found


def _any_time_ns(option: str, text: str) -> int:
    from fleet.units import time_ns

    try:
        return time_ns(text)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None


def _every_s(checkpoint: str, asked: Asked) -> float:
    """Return the wall time between checkpoints; infinite for none.

    A run that keeps all frames has none: each would hold every frame up to then.
    """
    if checkpoint == NEVER or asked.frames is not None:
        return float("inf")
    return _any_time_ns("--checkpoint", checkpoint) / 1e9


def _asked(
    path: Path, loaded: Scenario, arms: list[str] | None, output: Path | None, frames: Path | None
) -> Asked:
    """Return what is asked for, as it is kept with an unfinished run."""
    from fleet.running.unfinished import Asked

    if frames is not None:
        _check_frames(loaded)
    return Asked(
        scenario=str(path.resolve()),
        overrides=loaded.overrides,
        digest=loaded.digest,
        arms=None if arms is None else tuple(arms),
        output=None if output is None else str(output.resolve()),
        frames=None if frames is None else str(frames.resolve()),
    )


def _asked_before(resume: Path, others: list[object]) -> Asked:
    from fleet.running.unfinished import asked_in

    if any(other is not None for other in others):
        raise InputError(
            "--resume goes on with what was asked before: leave out SCENARIO, --arm, --set, --seed,"
            " --replications, --output and --frames"
        )
    return asked_in(resume)


def _check_frames(scenario: Scenario) -> None:
    """Refuse to keep more frames than memory should hold."""
    from fleet.model import capture
    from fleet.study.experiment import plans

    frames = max(
        float(capture.frames_per_ns(plan.sensors.clocks).sum()) * plan.end_ns
        for plan, *_ in plans(scenario).values()
    )
    if frames > MAX_FRAMES:
        raise InputError(
            f"--frames would keep about {frames:,.0f} frames for each arm, more than"
            f" {MAX_FRAMES:,}; run a shorter or smaller scenario"
        )


def _simulate(
    scenario: Scenario, asked: Asked, options: Options, every_s: float, *, anew: bool,
    force: bool, answer: Callable[[Record], None],
) -> Record:  # fmt: skip
    """Run everything, give the answer, and write it down.

    What was done before a crash or Ctrl-C is kept. Whoever reads the answer need not wait for the
    figures, which take longer than a small run.
    """
    from fleet.results.store import check_frames_place, check_place
    from fleet.running.unfinished import Unfinished
    from fleet.show.progress import progress_bar
    from fleet.study.experiment import run as run_experiment

    if asked.output is not None:
        check_place(Path(asked.output), None if force else scenario.model.name)
    if asked.frames is not None:
        check_frames_place(Path(asked.frames), None if force else scenario.model.name)
    kept: list[Unfinished] = []
    options = replace(options, keep=asked.frames is not None)
    with contextlib.ExitStack() as until_then:

        def unfinished(run_id: str) -> Unfinished:
            output = Path(asked.output or Path("results") / run_id).resolve()
            check_place(output)
            folder = Unfinished(output, every_s)
            with whole():
                if anew:
                    folder.begin(replace(asked, output=str(output)))
                until_then.enter_context(in_haste(folder.way_on))
            kept.append(folder)
            return folder

        try:
            with progress_bar() as progress:
                record = run_experiment(
                    scenario, arms=asked.arms, options=options, progress=progress,
                    unfinished=unfinished if options.engine == Engine.columns else None,
                )  # fmt: skip
            unread = _tried(answer, record)
            _save(record, asked)
            for folder in kept:
                folder.remove()
        except BaseException as error:
            _leave(kept, error)
            raise
        finally:
            if options.executor == Place.ray and options.engine == Engine.columns:
                from fleet.running.ray_executor import disconnect

                disconnect()
    if unread is not None:
        raise unread
    return record


def _tried(answer: Callable[[Record], None], record: Record) -> Exception | None:
    """Give the answer; return why it cannot be given, which is no reason to lose it."""
    try:
        answer(record)
    except Exception as error:
        return error
    return None


def _leave(kept: list[Unfinished], error: BaseException) -> None:
    """Note with an error how to go on, if there is anything to go on from.

    Where bad input stopped it, the user is told what to do.
    """
    for folder in kept:
        way_on = folder.way_on()
        if way_on is not None and not isinstance(error, InputError):
            error.add_note(way_on)


def _save(record: Record, asked: Asked) -> None:
    from fleet.results.store import write_frames
    from fleet.show.folder import write_folder
    from fleet.show.terminal import console

    path = Path(asked.output or Path("results") / record.summary["run_id"])
    write_folder(record, path)
    said = console(stderr=True)
    said.print(f"Results and figures: {_short(path)}/", style="dim", soft_wrap=True, markup=False)
    if asked.frames is not None:
        frames = Path(asked.frames)
        write_frames(frames, record.outcomes)
        said.print(f"Frames: {_short(frames)}/", style="dim", soft_wrap=True, markup=False)


def _short(path: Path) -> Path:
    """Return a path as it is from here, if it is below here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _show(record: Record, as_json: bool) -> None:
    from fleet.show import terminal

    if as_json:
        typer.echo(doors.json_text(record.summary))
        return
    out = terminal.console()
    for table in terminal.comparison_tables(record, out):
        out.print(table, markup=False)
        out.print()
    for line in terminal.verdicts(record.summary["slo"], record.summary["replications"]):
        out.print(line)
    for remark in terminal.remarks(record):
        out.print(remark, style="dim")
    host = record.summary["host"]
    if host["peak_transfer_mb"]:
        most = f"At most {host['peak_transfer_mb']:.1f} MB under way between actors."
        out.print(most, style="dim")
    if host["restarts"]:
        out.print(f"{host['restarts']} restarts after a crash.", style="dim")
    out.print(
        f"{host['frames_per_s']:,.0f} frames/s with {host['engine']} engine, {host['executor']}"
        f" executor, {host['shards']} shards; {host['wall_s']:.1f} s in all;"
        f" fingerprint {record.summary['fingerprint'][:16]}",
        style="dim",
    )
