"""The `fleet` command: progress on stderr, the answer on stdout.

Exit codes: 0 fine, 1 a stated objective was missed, 2 bad input, 3 a run failed, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.errors import FleetError, InputError

if TYPE_CHECKING:
    from fleet.engine.run import Options
    from fleet.scenario.load import Scenario
    from fleet.study.experiment import Record

MISSED, BAD_INPUT, FAILED, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Simulate a city of AI image sensors, frame by frame: on-sensor against cloud inference.",
)


class Engine(StrEnum):
    """The two engines; they give the same result."""

    columns = "columns"
    reference = "reference"


class Executor(StrEnum):
    """Where shards run; the result is the same."""

    ray = "ray"
    local = "local"


ScenarioPath = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, such as cloud.servers=4."),
]


@app.command()
def run(
    scenario: ScenarioPath,
    arm: Annotated[
        list[str] | None, typer.Option(help="Run this arm only; may be given again.")
    ] = None,
    set_: Sets = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the seed.")] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Replace the number of replications.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="columns is fast, reference is plain SimPy.")] = (
        Engine.columns
    ),
    executor: Annotated[Executor, typer.Option(help="Ray actors, or this process.")] = Executor.ray,
    shards: Annotated[int | None, typer.Option(min=1, help="Number of shards.")] = None,
    sensors_per_actor: Annotated[
        int | None, typer.Option(min=1, help="The number of shards, said by their size.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="TIME", help="Length of a window, such as '2 s'.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Join this Ray cluster.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Result folder [results/<run-id>]."),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write every frame's times there as Parquet."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json, no table.")] = False,
) -> None:
    """Run all arms of a scenario and compare them."""
    from fleet.engine.run import Options
    from fleet.units import time_ns

    options = Options(
        engine=engine.value,
        executor=executor.value,
        shards=shards,
        sensors_per_actor=sensors_per_actor,
        window_ns=None if window is None else _positive(time_ns(window), "--window", window),
        ray_address=ray_address,
        keep=frames is not None,
    )
    if shards and sensors_per_actor:
        raise InputError("give --shards or --sensors-per-actor, not both")
    loaded = _load(scenario, set_, seed, replications)
    if frames is not None:
        _check_frames(loaded)
    record = _simulate(loaded, arm, options)
    _save(record, output, frames)
    _show(record, as_json)
    if not record.kept_all:
        raise typer.Exit(MISSED)


def _positive(value: int, option: str, text: str) -> int:
    if value <= 0:
        raise InputError(f"{option} '{text}' must be more than zero")
    return value


def _load(
    path: Path,
    overrides: list[str] | None,
    seed: int | None = None,
    replications: int | None = None,
) -> Scenario:
    from fleet.scenario.load import load

    own = [f"{k}={v}" for k, v in (("seed", seed), ("replications", replications)) if v is not None]
    return load(path, [*(overrides or []), *own])


MAX_FRAMES = 20_000_000


def _check_frames(scenario: Scenario) -> None:
    """Refuse to keep more frames than memory should hold."""
    from fleet.study.experiment import plans

    seconds = scenario.model.duration / 1e9
    rates = scenario.model.sensors
    plan = next(iter(plans(scenario).values()))[0]
    frames = sum(float(rates[plan.group_names[g]].rate) * seconds for g in plan.group_of)
    if frames > MAX_FRAMES:
        raise InputError(
            f"--frames would keep about {frames:,.0f} frames for each arm, more than"
            f" {MAX_FRAMES:,}; run a shorter or smaller scenario"
        )


def _simulate(scenario: Scenario, arms: list[str] | None, options: Options) -> Record:
    from fleet.show.progress import progress_bar
    from fleet.study.experiment import run as run_experiment

    with progress_bar() as progress:
        try:
            return run_experiment(scenario, arms=arms, options=options, progress=progress)
        finally:
            if options.executor == "ray" and options.engine == "columns":
                from fleet.engine.ray_executor import disconnect

                disconnect()


def _save(record: Record, output: Path | None, frames: Path | None) -> None:
    from fleet.results.store import write_frames
    from fleet.show.folder import write_folder
    from fleet.show.terminal import console

    path = output or Path("results") / record.summary["run_id"]
    write_folder(record, path)
    console(stderr=True).print(f"Results and figures: {path}/", style="dim")
    if frames is not None:
        frames.mkdir(parents=True, exist_ok=True)
        for arm, runs in record.outcomes.items():
            for replication, outcome in enumerate(runs):
                write_frames(frames / f"{arm}-{replication}.parquet", outcome)
        console(stderr=True).print(f"Frames: {frames}/", style="dim")


def _show(record: Record, as_json: bool) -> None:
    from fleet.show import terminal

    if as_json:
        typer.echo(json.dumps(record.summary, indent=1, ensure_ascii=False))
        return
    out = terminal.console()
    out.print(terminal.comparison_table(record))
    for line in terminal.verdicts(record.summary["slo"]):
        out.print(line)
    for remark in terminal.remarks(record):
        out.print(remark, style="dim")
    host = record.summary["host"]
    out.print(
        f"{host['frames_per_s']:,.0f} frames/s with {host['engine']} engine, {host['executor']}"
        f" executor, {host['shards']} shards; {host['wall_s']:.1f} s in all;"
        f" fingerprint {record.summary['fingerprint'][:16]}",
        style="dim",
    )


@app.command()
def check(
    scenario: ScenarioPath,
    set_: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a scenario without running it, and say what it holds."""
    from fleet.show.plan import fact_lines, plan_facts
    from fleet.show.terminal import console
    from fleet.study.experiment import plans
    from fleet.study.slo import objectives

    loaded = _load(scenario, set_)
    objectives(loaded)
    facts = plan_facts(plans(loaded))
    if as_json:
        typer.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    out = console()
    out.print(f"{scenario} is fine.")
    for line in fact_lines(facts):
        out.print(line, soft_wrap=True, markup=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from fleet.scenario.schema import ScenarioModel

    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "fleet scenario"}
    typer.echo(json.dumps(found | ScenarioModel.model_json_schema(), indent=1, ensure_ascii=False))


@app.command()
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
    from fleet.catalog import Catalog
    from fleet.plan.compile import catalogue
    from fleet.show import catalog as show
    from fleet.show.terminal import console

    known = Catalog.load() if scenario is None else catalogue(_load(scenario, None))
    kinds: list[str | None] = [kind]
    if kind == "show":
        if item is None:
            raise InputError("name an item: fleet catalog show imx500")
        kinds = list(known.kinds_of(item))
    if as_json:
        data = [row for k in kinds for row in show.as_data(known, k, item)]
        typer.echo(json.dumps(data, indent=1, ensure_ascii=False))
        return
    out = console()
    for of in kinds:
        for table in show.tables(known, of, item):
            out.print(table, soft_wrap=False, markup=False)


@app.command()
def selftest(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check both engines against queueing theory; exit code 1 on a miss."""
    from fleet.proof import selftest as theory
    from fleet.show import proof
    from fleet.show.progress import progress_bar
    from fleet.show.terminal import console

    with progress_bar() as progress:
        checks = theory.run(progress=progress)
    if as_json:
        typer.echo(json.dumps([asdict(c) for c in checks], indent=1, ensure_ascii=False))
    else:
        console().print(proof.selftest_table(checks), markup=False)
        console().print(proof.verdict("Laws and identities", [c.passed for c in checks]))
    if not all(c.passed for c in checks):
        raise typer.Exit(MISSED)


@app.command()
def validate(
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group of figures; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the model with what others published; exit code 1 on a miss."""
    from fleet.proof import validate as published
    from fleet.show import proof
    from fleet.show.progress import progress_bar
    from fleet.show.terminal import console

    with progress_bar() as progress:
        rows = published.run(group, lambda share: progress("validate", share))
    if as_json:
        typer.echo(json.dumps([asdict(r) for r in rows], indent=1, ensure_ascii=False))
    else:
        for part in proof.validate_table(rows):
            console().print(part, markup=False)
        console().print(proof.verdict("Published figures", [r.passed for r in rows]))
    if not all(r.passed for r in rows):
        raise typer.Exit(MISSED)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(_guarded(lambda: app(arguments, standalone_mode=True)))


def _guarded(call: Callable[[], Any]) -> int:
    """Return the exit code of a call; errors that users cause are one line, never a traceback."""
    try:
        call()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    except InputError as error:
        print(f"fleet: {error}", file=sys.stderr)  # noqa: T201
        return BAD_INPUT
    except FleetError as error:
        print(f"fleet: the run failed: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    except KeyboardInterrupt:
        print("fleet: interrupted; nothing was written", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    return 0
