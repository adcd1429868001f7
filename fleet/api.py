"""The calls of the Python API that simulate: run, sweep, find, sensitivity, reproduce."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from fleet.errors import InputError
from fleet.plan.placing import Placement
from fleet.results.record import Record
from fleet.running.options import Engine, ExecutorKind
from fleet.scenario.load import Scenario
from fleet.sizing.door import estimates, plan
from fleet.sizing.keys import Wanted
from fleet.sizing.planning import Told as PlanTold
from fleet.sizing.planning import question
from fleet.study import door
from fleet.study.again import Again
from fleet.study.again import reproduce as reproduce_run
from fleet.study.hands import Hands
from fleet.study.job import Overrides
from fleet.study.study_again import StudyAgain, is_study
from fleet.study.study_again import reproduce as reproduce_study
from fleet.study.sweep import Told
from fleet.study.sweep import sweep as run_sweep
from fleet.study.trials import Progress
from fleet.study.uncertain import door as uncertain_door
from fleet.study.uncertain.door import SAMPLES, TRAJECTORIES
from fleet.study.uncertain.findings import Sensitivity
from fleet.study.vary import Vary

T = TypeVar("T")


def run(
    scenario: Scenario | str | Path | None = None, *, arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None, seed: int | None = None,
    replications: int | None = None, overrides: Overrides | None = None,
    engine: str = Engine.columns, executor: str = ExecutorKind.auto, shards: int | None = None,
    window: str | None = None, ray_address: str | None = None, output: str | Path | None = None,
    figures: bool = True, frames: str | Path | None = None, checkpoint: str | None = None,
    resume: str | Path | None = None, progress: Progress | None = None, force: bool = False,
    until: str | Sequence[str] = (),
) -> Record:  # fmt: skip
    """Run all arms and replications of a scenario.

    With `output`, what is done is kept until all is: a run that was killed is gone on with by
    `fleet.run(resume=output)` or `fleet run --resume`. Ray, once started, serves later runs too,
    until the process ends.

    Args:
        scenario: what `load` gave, or the path of a scenario file. With `resume` it may be left out
            if it lies where it was.
        arms: arms to run; None: all.
        placements: further arms by name: each a function that takes a sensor (`name`, `group`,
            `site`) and returns the name of the arm whose equipment it gets.
        seed: replaces the scenario's seed.
        replications: replaces the scenario's number of replications; with `until`, how many there
            are at most.
        overrides: replaces values of the scenario by the paths of their keys, such as
            `{"cloud.servers": 4, "links.wan.rate": "1 Gbit/s"}`.
        engine: 'columns' or 'reference'.
        executor: 'ray', or 'local' for processes of this machine, of which several run arms and
            replications at a time where that is worth it; 'auto' is Ray for a city, for a run of
            more than a minute of one core and with `ray_address`. The result is the same.
        shards: number of shards; None: under Ray one for each CPU that no region needs, else one.
        window: length of a window, such as '2 s'; None: chosen.
        ray_address: a Ray cluster to join.
        output: folder for the results; None: they are not written.
        figures: draw them into that folder; one that cannot be drawn is a warning.
        frames: folder for every frame, as Parquet.
        checkpoint: wall time between checkpoints, or 'never'; None: a minute.
        resume: folder of a run that was cut short, to go on with it as it was asked for.
        progress: is called with the name of an arm and the share of it that is done.
        force: replace results of another scenario that are there.
        until: how narrow intervals are to be, such as 'latency_ms.p99 ± 5 %', '± 3 ms' or, of
            shares, '± 0.1 % points'; replications are added until they are, in looks after 10, 15,
            23, 34 ... of them, and what came of it is in `summary["until"]`.

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
        RunError: a run broke a promise.
    """
    runner = door.runner(
        engine=engine, executor=executor, shards=shards, window=window, ray_address=ray_address,
        checkpoint=checkpoint,
    )  # fmt: skip
    record = door.run(
        runner, scenario, arms=_listed(arms), placements=placements, seed=seed, frames=frames,
        replications=replications, until=_listed(until), overrides=overrides, output=output,
        resume=resume, progress=progress, force=force,
    )  # fmt: skip
    if figures:
        _draw(record)
    return record


def sweep(
    scenario: Scenario | str | Path | None = None, vary: Vary = (), *, where: str | None = None,
    arms: Sequence[str] | None = None, replications: int | None = None,
    until: str | Sequence[str] = (), overrides: Overrides | None = None,
    output: str | Path | None = None, resume: str | Path | None = None,
    workers: int | None = None, executor: str | None = None,
    ray_address: str | None = None, progress: Told | None = None,
) -> pa.Table:  # fmt: skip
    """Run a scenario at every point of a grid or of a study file, on all cores.

    With `output`, what is done is kept: the same call goes on after a kill, and so does
    `fleet.sweep(resume=output)`; nothing is run twice, and the table is the same. Points share
    their random numbers replication by replication.

    Args:
        scenario: what `load` gave, or the path of a scenario or of a study file. With `resume` it
            may be left out if it lies where it was.
        vary: what varies: by key a text such as `"1..8"` or `"5,10,15 fps"` or a list of values, or
            texts of `KEY=SPEC`; `sensors.*.rate` is that of every group.
        where: which points of the grid there are, such as `"cloud.servers >= 2"`; None: all.
        arms: arms to run; None: all.
        replications: replaces the scenario's number of replications; with `until`, how many there
            are at most.
        until: how narrow intervals are to be, as in `run`; of each point and arm replications are
            added until they are.
        overrides: replaces values of the scenario, as in `run`.
        output: folder of the study; None: nothing is kept.
        resume: folder of a study, to go on with it as it was asked for.
        workers: number of processes on this machine; None: one for each CPU.
        executor: 'ray' for tasks on Ray, 'local' for processes on this machine; None: Ray if a
            cluster is named, or for more than about a minute's work of a core. The table is the
            same.
        ray_address: a Ray cluster to join.
        progress: is called with how far it is: runs done and in all, share, time left.

    Returns:
        a row for each number of each run (`fleet.study.tidy`): point, what varies, arm,
        replication, metric, value, unit, error. `table.to_pandas()` and `polars.from_arrow(table)`
        take it.

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
    """
    hands = Hands(None if executor is None else ExecutorKind(executor), workers, ray_address)
    return run_sweep(
        scenario, vary=vary, where=where, arms=_listed(arms), replications=replications,
        until=until, overrides=overrides, output=output, resume=resume, hands=hands, told=progress,
    ).table  # fmt: skip


def reproduce(
    folder: str | Path, *, arms: Sequence[str] | None = None, executor: str = ExecutorKind.auto,
    output: str | Path | None = None,
) -> Again | StudyAgain:  # fmt: skip
    """Run a folder of results or of a study again, and compare every number: `fleet reproduce`.

    Args:
        folder: a folder of results, which is run from what it holds, or of a study, whose scenario
            is read where it was.
        arms: of results: arms to run; None: all.
        executor: 'ray', 'local', or 'auto', as in `run`.
        output: folder of the new results; None: they are not kept.

    Returns:
        `same` says whether all is as it was; `numbers.others` are those that are not, and `changes`
        what it was made of that is another now (`fleet.study.again`, `fleet.study.study_again`).

    Raises:
        InputError: the folder cannot be read, or cannot be run.
        RunError: a run broke a promise.
    """
    path, kind = Path(folder), ExecutorKind(executor)
    keep = None if output is None else Path(output)
    if is_study(path):
        if arms:
            raise InputError("arms: a study is run again whole")
        hands = Hands(None if kind is ExecutorKind.auto else kind)
        return reproduce_study(path, hands=hands, output=keep)
    with door.runner(executor=kind) as runner:
        return reproduce_run(path, runner, arms=_listed(arms), output=keep)


def estimate(
    scenario: Scenario | str | Path, *, arms: Sequence[str] | None = None,
    overrides: Overrides | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate in closed form what the arms of a scenario do, in a second and without a run.

    Args:
        scenario: what `load` gave, or the path of a scenario file. Of a folder of results the run
            stands beside.
        arms: which arms; None: all.
        overrides: replaces values of the scenario, as in `run`.

    Returns:
        by arm: `resources` (load, wait, losses of each distinct link, decoder and pool), `binds`,
        `growing`, `latency_ms`, `lost`, `bandwidth_mbit_s`, `power_w`, cost and carbon, and
        `beside_run` where there is a run (`fleet.sizing`).

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
    """
    return estimates(scenario, arms=_listed(arms), overrides=overrides).facts


def find(
    scenario: Scenario | str | Path, wanted: Wanted = (), *, most: Wanted = (),
    slo: Sequence[str] = (), vary: Vary = (), arms: Sequence[str] | None = None,
    overrides: Overrides | None = None, headroom: str | None = None, survive: str | None = None,
    uncertain: bool = False, output: str | Path | None = None, workers: int | None = None,
    progress: PlanTold | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Find the smallest plant of each arm that keeps objectives with 95 % confidence: `fleet plan`.

    Args:
        scenario: what `load` gave, or the path of a scenario file.
        wanted: keys whose smallest values are looked for: texts of `KEY` or `KEY=RANGE`, or ranges
            by key.
        most: keys whose largest values are looked for, instead.
        slo: objectives such as "latency_ms.p99 < 200 ms"; none: those of the scenario.
        vary: what else takes several values, with a plan for each, as in `sweep`.
        arms: which arms; None: all.
        overrides: replaces values of the scenario, as in `run`.
        headroom: share of frames that come on top, such as "20 %".
        survive: what a plant must do without: "1 server" or "1 link".
        uncertain: plan again with 32 draws of the catalogue's ranges.
        output: folder for `plan.json` and scenarios that run as they are, beside which runs are
            kept while it is made: the same call goes on after a kill. None: nothing is written.
        workers: number of processes; None: one for each CPU.
        progress: is called with how many answers are found, and how many runs are done.

    Returns:
        what `plan.json` holds: `answers`, one for each arm at each point of what varies.

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
        RunError: a run broke a promise.
    """
    asked = question(
        scenario, wanted, most=most, slo=slo, vary=vary, arms=_listed(arms), overrides=overrides,
        headroom=headroom, survive=survive,
    )  # fmt: skip
    folder = None if output is None else Path(output)
    planned = plan(asked, uncertain=uncertain, output=folder, workers=workers, told=progress)
    return planned.data


def sensitivity(
    scenario: Scenario | str | Path, *, arms: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None, replications: int | None = None,
    overrides: Overrides | None = None, hold: Sequence[str] = (), trajectories: int = TRAJECTORIES,
    samples: int = SAMPLES, output: str | Path | None = None, workers: int | None = None,
    progress: Told | None = None,
) -> Sensitivity:  # fmt: skip
    """Say what an answer is worth, as sure as the numbers of the catalogue are.

    Every number that is used and has a range is a random quantity (`fleet.catalog.spread`), drawn
    once for all arms. With `output`, what is done is kept, and the same call goes on after a kill.

    Args:
        scenario: what `load` gave, or the path of a scenario file.
        arms: arms to compare, two at least; None: all.
        metrics: names of numbers of arms, as in `compare`; None: power, delay, traffic, and cost if
            the scenario has prices.
        replications: replaces the scenario's number of replications.
        overrides: replaces values of the scenario, as in `run`.
        hold: numbers of the catalogue, `item.parameter`, that stay as they are.
        trajectories: of Morris' screening.
        samples: of Sobol's indices, a power of two.
        output: folder in which what was found is written; None: nothing is kept.
        workers: number of processes; None: one for each CPU.
        progress: is called with how far it is.

    Returns:
        findings by metric and arm against the baseline: in what share of the draws the answer
        stays, what flips it, and what moves it; and the range of each number of each arm.

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
        RunError: a process died.
    """
    asked = uncertain_door.question(
        scenario, arms=_listed(arms), metrics=metrics, replications=replications,
        overrides=overrides, hold=hold,
    )  # fmt: skip
    return uncertain_door.sensitivity(
        asked, trajectories=trajectories, samples=samples, output=output, workers=workers,
        told=progress,
    )[0]  # fmt: skip


def _draw(record: Record) -> None:
    from fleet.show.folder import draw

    if record.folder is not None:
        for name, error in draw(record, record.folder).items():
            warnings.warn(f"no figure '{name}': {error!r}", stacklevel=3)


def _listed(texts: T) -> T | list[str]:
    """Return texts as a list, also one that is given by itself."""
    return [texts] if isinstance(texts, str) else texts
