"""Carry a job out: outcomes of all trials, their numbers, and a record of them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleet.errors import InputError
from fleet.model import capture
from fleet.model.books import CAPTURED, CAPTURED_BEFORE
from fleet.results import store
from fleet.results.means import intervals, means
from fleet.results.record import SCHEMA, Record
from fleet.results.relaxation import too_short
from fleet.running.choice import settled
from fleet.running.options import Engine, Options
from fleet.running.run import Outcome, peak_rss_mb
from fleet.running.runner import Runner
from fleet.running.unfinished import Asked, Unfinished
from fleet.sketch import RESOLUTION, STEPS
from fleet.study.compare import compare
from fleet.study.expected import boxes, load_facts
from fleet.study.facts import grid_facts, remarks
from fleet.study.job import Job
from fleet.study.pilot import with_warm_up
from fleet.study.slo import judge
from fleet.study.trials import Progress, carry_out
from fleet.study.until import ONCE, Done, Enough, carry_out_until

_KWH_PER_GB = 8e9 * 1e-12 / 3.6e6  # of 1 pJ/bit
SKIPPED = 0.01
"""Share of a group's frames from which on it is told that its DSP skips them."""
MAX_FRAMES = 20_000_000
"""So many frames of an arm are kept at most; they are held in memory until they are written."""


def nobody(arm: str, share: float) -> None:
    """Tell nobody how far it is."""


def execute(
    job: Job,
    runner: Runner,
    *,
    output: Path | None = None,
    frames: Path | None = None,
    progress: Progress = nobody,
    anew: bool = True,
    force: bool = False,
    enough: Enough = ONCE,
) -> Record:
    """Run all trials of a job, and write what they gave.

    Args:
        job: what to run.
        runner: carries it out.
        output: the result folder; None: one named after the job in the runner's folder of results,
            if that has one, else nothing is written.
        frames: folder for every frame as Parquet; None: they are not kept.
        progress: is called with the name of an arm and the share of it that is done.
        anew: run all of it; else go on with what an unfinished run has left beside the folder.
        force: replace results of another scenario that are there.
        enough: how long replications are added.

    Raises:
        InputError: something in the options cannot be used, or may not be written where it should.
        RunError: a run broke a promise.
    """
    began = time.perf_counter()
    keep = runner.options.keep or frames is not None
    options = settled(replace(runner.options, keep=keep), [trial.plan for trial in job.trials])
    way = functools.partial(carry_out, runner=runner, progress=progress)
    output, frames = (None if path is None else path.resolve() for path in (output, frames))
    owner = None if force or not anew else job.scenario.model.name
    _check(job, output, frames, owner)
    job = with_warm_up(
        job, functools.partial(way, options=replace(options, keep=False), unfinished=None)
    )
    if output is None and runner.results is not None:  # it is named after what is known by now
        output = (runner.results / f"{job.id}{enough.suffix}").resolve()
        _check(job, output, None, owner)
    with _unfinished(job, runner, output, frames, anew, enough) as unfinished:
        carried = functools.partial(way, options=options, unfinished=unfinished)
        done = carry_out_until(job, carried, enough)
        wall_s = job.prepared_s + time.perf_counter() - began
        host, outcomes = _host(options, done, wall_s), done.outcomes
        summary = _summary(done, host)
        record = Record(
            done.job.scenario, summary, done.numbers, outcomes, job.sources, folder=output
        )
        if output is not None:
            store.write(output, record)
        if frames is not None:
            store.write_frames(frames, outcomes)
    return record


def _check(job: Job, output: Path | None, frames: Path | None, scenario: str | None) -> None:
    """Refuse places at which nothing may be written, and more frames than memory should hold."""
    if output is not None:
        store.check_place(output, scenario)
    if frames is None:
        return
    store.check_frames_place(frames, scenario)
    most = max(
        float(capture.frames_per_ns(trial.plan.sensors.clocks).sum()) * trial.plan.end_ns
        for trial in job.trials
    )
    if most > MAX_FRAMES:
        raise InputError(
            f"--frames would keep about {most:,.0f} frames for each arm, more than {MAX_FRAMES:,};"
            " run a shorter or smaller scenario"
        )


@contextlib.contextmanager
def _unfinished(
    job: Job,
    runner: Runner,
    output: Path | None,
    frames: Path | None,
    anew: bool,
    enough: Enough,
) -> Iterator[Unfinished | None]:
    """Give the folder in which is kept what is done until all is; None if there is none.

    The reference engine has no checkpoints. A run that keeps all frames has none either: each would
    hold every frame up to then.
    """
    if runner.options.engine is Engine.reference and not anew:
        raise InputError("--resume needs the columns engine; the reference has no checkpoints")
    if runner.options.engine is Engine.reference or output is None:
        yield None
        return
    arms, own = job.plans, job.scenario.model.arms
    asked = Asked(
        scenario=str(job.scenario.document.path.resolve()),
        overrides=job.scenario.overrides,
        digest=job.scenario.digest,
        arms=tuple(arms),
        placements=tuple(arm for arm in arms if arm not in own),
        output=str(output),
        frames=None if frames is None else str(frames),
        until=tuple(one.text for one in enough.asked),
        most=enough.most if enough.asked else None,
    )
    every_s = runner.every_s if frames is None else float("inf")
    with Unfinished(asked, every_s).there(anew=anew) as unfinished:
        yield unfinished


def _summary(done: Done, host: Mapping[str, Any]) -> dict[str, Any]:
    job, outcomes, numbers, looked = done.job, done.outcomes, done.numbers, done.until is not None
    scenario, first = job.scenario, next(iter(outcomes.values()))[0]
    named = [arm for arm in (scenario.model.baseline or "", "cloud", *numbers) if arm in numbers]
    return {
        "schema": SCHEMA,
        "run_id": job.id,
        "scenario": {"name": scenario.model.name, "digest": scenario.digest},
        "seed": scenario.model.seed,
        "replications": scenario.model.replications,
        "warm_up": job.warm_up,
        "until": done.until,
        "fingerprint": fingerprint(numbers),
        "sensors": first.plan.size,
        "simulated_s": scenario.model.duration / 1e9,
        "warm_up_s": scenario.model.warm_up_ns / 1e9,
        "measured_s": first.plan.measured_ns / 1e9,
        "host": host,
        "network_energy": {
            "boundary": scenario.model.network_energy,
            "fixed_kwh_per_gb": first.plan.money.fixed_pj_per_bit * _KWH_PER_GB,
            "mobile_kwh_per_gb": first.plan.money.mobile_pj_per_bit * _KWH_PER_GB,
        },
        "grid": grid_facts(first.plan),
        "prices": scenario.model.prices,
        "remarks": remarks({arm: [o.plan for o in runs] for arm, runs in outcomes.items()}),
        "percentiles": {"rounded_up_to_steps_of": STEPS, "resolution": RESOLUTION},
        "assumptions": _assumptions(outcomes),
        "arms": {
            arm: {**_over(runs), **_about(outcomes[arm][0], runs)} for arm, runs in numbers.items()
        },
        "intervals": {arm: intervals(runs, looked=looked) for arm, runs in numbers.items()},
        "comparison": compare(numbers, named[0], looked=looked),
        "too_short": {
            arm: short
            for arm, runs in numbers.items()
            if (short := too_short(runs, first.plan.measured_ns / 1e9)) is not None
        },
        "slo": judge(list(job.objectives), numbers),
    }


def _host(options: Options, done: Done, wall_s: float) -> dict[str, Any]:
    """Return what ran it, how, and how fast."""
    outcomes, many = done.outcomes, done.processes
    first = next(iter(outcomes.values()))[0]
    captured = sum(
        int(o.tally.sensors[:, [CAPTURED, CAPTURED_BEFORE]].sum())
        for runs in outcomes.values()
        for o in runs
    )
    efforts = [o.effort for runs in outcomes.values() for o in runs]
    engine_s = sum(o.wall_s for runs in outcomes.values() for o in runs)
    return {
        "engine": options.engine,
        "executor": options.runs_on,
        "processes": many,
        "shards": first.shards,
        "window_s": first.window_ns / 1e9,
        "wall_s": wall_s,
        "engine_s": engine_s,
        "frames_per_s": captured * many / max(engine_s, 1e-9),
        "peak_rss_mb": peak_rss_mb(),
        "peak_transfer_mb": max(e.peak_transfer_bytes for e in efforts) / 1e6,
        "restarts": sum(e.restarts for e in efforts),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _over(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the numbers of an arm over its replications, and what says that they are these."""
    alone = runs[0]["fingerprint"]
    return {**means(runs), "fingerprint": fingerprint({"": runs}) if len(runs) > 1 else alone}


def _about(outcome: Outcome, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is known of an arm before it runs and explains what it does then."""
    skipping = any(share > SKIPPED for run in runs for share in run["dsp_skips"].values())
    groups = load_facts(outcome.plan)["groups"] if skipping else {}
    return {
        "edge_boxes": boxes(outcome.plan),
        "dsp_limits": {name: fact for name, fact in groups.items() if fact["why_skipped"]},
    }


def fingerprint(numbers: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the SHA-256 of the fingerprints of all arms and replications."""
    sha = hashlib.sha256()
    for arm in sorted(numbers):
        for run_numbers in numbers[arm]:
            sha.update(f"{arm}:{run_numbers['fingerprint']};".encode())
    return sha.hexdigest()


def _assumptions(outcomes: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """Return the catalogue rows that any of the plans used."""
    rows = {
        row
        for runs in outcomes.values()
        for outcome in runs
        for row in outcome.plan.notes.assumptions
    }
    return [
        {
            "name": f"{row.item}.{row.parameter}",
            "value": row.value,
            "unit": row.unit,
            "low": row.low,
            "high": row.high,
            "source": row.source,
            "year": row.year,
            "confidence": row.confidence,
        }
        for row in sorted(rows, key=lambda row: (row.item, row.parameter, row.source))
    ]
