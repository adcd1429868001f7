"""The door for running, from Python and from the command line: a runner, then jobs for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet import units
from fleet.errors import InputError
from fleet.plan.placing import Placement
from fleet.results.record import Record
from fleet.running.checkpoint import EVERY_S
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.runner import Runner
from fleet.running.unfinished import asked_in
from fleet.scenario.load import Scenario
from fleet.study.experiment import execute, nobody
from fleet.study.job import Overrides, prepare
from fleet.study.trials import Progress
from fleet.study.until import FIRST, ONCE, enough

NEVER = "never"


def runner(
    *,
    engine: str = Engine.columns,
    executor: str = ExecutorKind.auto,
    shards: int | None = None,
    sensors_per_actor: int | None = None,
    window: str | None = None,
    ray_address: str | None = None,
    checkpoint: str | None = None,
    results: Path | None = None,
) -> Runner:
    """Return a runner, told as users tell it.

    Args:
        engine: 'columns' or 'reference'.
        executor: 'ray', 'local', or 'auto' for one of them by how much there is to do.
        shards: see `Options`, as the next one.
        sensors_per_actor: the number of shards, said by size.
        window: length of a window, such as '2 s'; None: chosen.
        ray_address: a Ray cluster to join.
        checkpoint: wall time between checkpoints, such as '60 s', or 'never'.
        results: see `Runner`.

    Raises:
        InputError: one of them cannot be used.
    """
    window_ns = None if window is None else _time_ns("--window", window)
    if window_ns == 0:
        raise InputError(f"--window '{window}' must be more than zero")
    every_s = EVERY_S
    if checkpoint is not None:
        never = checkpoint == NEVER
        every_s = float("inf") if never else _time_ns("--checkpoint", checkpoint) / 1e9
    options = Options(
        engine=Engine(engine),
        executor=ExecutorKind(executor),
        shards=shards,
        sensors_per_actor=sensors_per_actor,
        window_ns=window_ns,
        ray_address=ray_address,
    )
    return Runner(options, every_s=every_s, results=results)


def _time_ns(option: str, text: str) -> int:
    try:
        return units.time_ns(text)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None


def run(
    runner: Runner,
    scenario: Scenario | str | Path | None = None,
    *,
    arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None,
    seed: int | None = None,
    replications: int | None = None,
    overrides: Overrides | None = None,
    output: str | Path | None = None,
    frames: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
    force: bool = False,
    until: Sequence[str] = (),
) -> Record:
    """Run all arms and replications of a scenario, or go on with a run that was cut short.

    Args:
        runner: carries it out.
        scenario: what to run, see `prepare`, as the next five; with `resume` it may be left out.
        arms: arms to run.
        placements: further arms.
        seed: replaces the scenario's seed.
        replications: replaces the scenario's number of them; with `until` it is the most.
        overrides: replaces other values of the scenario.
        output: see `execute`, as the next one.
        frames: folder for every frame.
        resume: folder of an unfinished run, or the result folder that it stands beside.
        progress: see `execute`, as the next one.
        force: replace results of another scenario that are there.
        until: how narrow intervals are to be (`fleet.study.until`).

    Raises:
        InputError: something that is asked for cannot be used.
        RunError: a run broke a promise.
    """
    if resume is not None:
        _check_alone(until, arms, seed, replications, overrides, output, frames)
        asked = asked_in(Path(resume))
        asked.check_placements(placements or ())
        scenario, arms = asked.load(scenario), asked.arms
        output, frames = asked.output, asked.frames
        until, replications = asked.until, asked.most
    elif scenario is None:
        raise InputError("name a scenario file, or an unfinished run with --resume DIR")
    job = prepare(
        scenario, arms=arms, placements=placements, seed=seed,
        replications=FIRST if until else replications, overrides=overrides,
    )  # fmt: skip
    return execute(
        job,
        runner,
        output=None if output is None else Path(output),
        frames=None if frames is None else Path(frames),
        progress=progress or nobody,
        anew=resume is None,
        force=force,
        enough=enough(job.scenario, until, replications) if until else ONCE,
    )


def _check_alone(until: Sequence[str], *others: object) -> None:
    """Refuse to go on with something else than what was asked before."""
    if until or any(other is not None for other in others):
        raise InputError(
            "--resume goes on with what was asked before: leave out --arm, --set, --seed,"
            " --replications, --until, --output and --frames"
        )
