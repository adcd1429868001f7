"""Run a scenario: all its arms, all its replications, one record."""

from __future__ import annotations

import functools
import hashlib
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fleet.errors import InputError
from fleet.interrupt import check
from fleet.model.books import CAPTURED, CAPTURED_BEFORE
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.placing import Placement
from fleet.plan.plan import Plan
from fleet.results.inputs import source_of
from fleet.results.metrics import summarise
from fleet.results.record import SCHEMA, Record
from fleet.running.options import Engine, Options, Place
from fleet.running.run import Outcome, peak_rss_mb, simulate
from fleet.running.unfinished import Unfinished
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.quantities import FORMS, NAME
from fleet.sketch import RESOLUTION, STEPS
from fleet.study.compare import compare
from fleet.study.expected import boxes, load_facts
from fleet.study.slo import judge, objectives

_KWH_PER_GB = 8e9 * 1e-12 / 3.6e6  # of 1 pJ/bit
SKIPPED = 0.01
"""Share of a group's frames from which on it is told that its DSP skips them."""
Progress = Callable[[str, float], None]


def plans(
    scenario: Scenario,
    arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None,
) -> dict[str, list[Plan]]:
    """Return by arm the plans of all replications.

    Args:
        scenario: what the user says.
        arms: arms to run; None: all of the scenario.
        placements: further arms, each a rule that chooses an arm for every sensor.

    Raises:
        InputError: an arm is not known or a plan cannot be made.
    """
    placements = dict(placements or {})
    for name in placements:
        if not re.fullmatch(NAME, name):
            raise InputError(f"placements: {name!r} is not {FORMS[NAME]}")
    known = [*scenario.model.arms, *placements]
    for arm in arms or ():
        if arm not in known:
            raise InputError(f"no arm '{arm}'{did_you_mean(arm, known)}; arms: {', '.join(known)}")
    base = scenario.model.baseline
    if base is not None and base not in known:
        raise scenario.error(
            ("baseline",), f"no arm '{base}'{did_you_mean(base, known)}; arms: {', '.join(known)}"
        )
    catalog = catalogue(scenario)

    def made(arm: str, replication: int) -> Plan:
        check()
        placement = placements.get(arm)
        return compile_plan(scenario, catalog, arm, replication=replication, placement=placement)

    return {
        arm: [made(arm, r) for r in range(scenario.model.replications)] for arm in (arms or known)
    }


def run(
    scenario: Scenario,
    *,
    arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None,
    options: Options | None = None,
    progress: Progress = lambda arm, share: None,
    unfinished: Callable[[str], Unfinished] | None = None,
) -> Record:
    """Run all arms and replications of a scenario.

    Args:
        scenario: what the user says.
        arms: arms to run; None: all.
        placements: further arms, see `plans`.
        options: how to run.
        progress: is called with the name of the arm and the share that is done.
        unfinished: takes the id of the run and returns the folder in which what is done is kept
            until all is; None: a crash of this process loses it.

    Raises:
        InputError: something in the scenario or the options cannot be used.
        RunError: a run broke a promise.
    """
    options = options or Options()
    demanded = objectives(scenario)
    sources = {arm: source_of(rule) for arm, rule in (placements or {}).items()}
    began = time.perf_counter()
    made = plans(scenario, arms, placements)
    name = run_id(scenario, made)
    folder = None if unfinished is None else unfinished(name)
    outcomes = {
        arm: [_outcome(plan, options, functools.partial(progress, arm), folder) for plan in each]
        for arm, each in made.items()
    }
    wall_s, found = time.perf_counter() - began, numbers(outcomes)
    summary = _summary(scenario, name, options, outcomes, found, wall_s)
    summary["slo"] = judge(demanded, found)
    return Record(scenario, summary, found, outcomes, sources)


def _outcome(
    plan: Plan, options: Options, progress: Callable[[float], None], folder: Unfinished | None
) -> Outcome:
    """Run a plan, or return what was found before."""
    if folder is None:
        return simulate(plan, options, progress)
    done = folder.finished(plan, keep=options.keep)
    if done is None:
        checkpoints = folder.checkpoints(plan.arm, plan.replication)
        done = simulate(plan, options, progress, checkpoints)
        folder.finish(done)
    return done


def _summary(
    scenario: Scenario,
    name: str,
    options: Options,
    outcomes: Mapping[str, Sequence[Outcome]],
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    wall_s: float,
) -> dict[str, Any]:
    first = next(iter(outcomes.values()))[0]
    named = [arm for arm in (scenario.model.baseline or "", "cloud", *found) if arm in found]
    captured = sum(
        int(o.tally.sensors[:, [CAPTURED, CAPTURED_BEFORE]].sum())
        for runs in outcomes.values()
        for o in runs
    )
    efforts = [o.effort for runs in outcomes.values() for o in runs]
    engine_s = sum(o.wall_s for runs in outcomes.values() for o in runs)
    return {
        "schema": SCHEMA,
        "run_id": name,
        "scenario": {"name": scenario.model.name, "digest": scenario.digest},
        "seed": scenario.model.seed,
        "replications": scenario.model.replications,
        "fingerprint": fingerprint(found),
        "sensors": first.plan.size,
        "simulated_s": scenario.model.duration / 1e9,
        "warm_up_s": scenario.model.warm_up / 1e9,
        "measured_s": first.plan.measured_ns / 1e9,
        "host": {
            "engine": options.engine,
            "executor": Place.local if options.engine == Engine.reference else options.executor,
            "shards": first.shards,
            "window_s": first.window_ns / 1e9,
            "wall_s": wall_s,
            "engine_s": engine_s,
            "frames_per_s": captured / max(engine_s, 1e-9),
            "peak_rss_mb": peak_rss_mb(),
            "peak_transfer_mb": max(e.peak_transfer_bytes for e in efforts) / 1e6,
            "restarts": sum(e.restarts for e in efforts),
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "network_energy": {
            "boundary": scenario.model.network_energy,
            "fixed_kwh_per_gb": first.plan.money.fixed_pj_per_bit * _KWH_PER_GB,
            "mobile_kwh_per_gb": first.plan.money.mobile_pj_per_bit * _KWH_PER_GB,
        },
        "grid": {
            "name": first.plan.money.grid.name,
            "from": first.plan.money.grid.why,
            "co2e_g_per_kwh": first.plan.money.grid.g_per_kwh,
        },
        "prices": scenario.model.prices,
        "remarks": remarks({arm: [o.plan for o in runs] for arm, runs in outcomes.items()}),
        "percentiles": {"rounded_up_to_steps_of": STEPS, "resolution": RESOLUTION},
        "assumptions": _assumptions(outcomes),
        "arms": {arm: {**runs[0], **_about(outcomes[arm][0], runs)} for arm, runs in found.items()},
        "comparison": compare(found, named[0]),
    }


def _about(outcome: Outcome, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is known of an arm before it runs and explains what it does then."""
    skipping = any(share > SKIPPED for run in runs for share in run["dsp_skips"].values())
    groups = load_facts(outcome.plan)["groups"] if skipping else {}
    return {
        "edge_boxes": boxes(outcome.plan),
        "dsp_limits": {name: fact for name, fact in groups.items() if fact["why_skipped"]},
    }


def numbers(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, list[dict[str, Any]]]:
    """Return by arm the numbers of each replication."""
    return {arm: [summarise(o) for o in runs] for arm, runs in outcomes.items()}


def run_id(scenario: Scenario, made: Mapping[str, Sequence[Plan]]) -> str:
    """Return a name for a run from what was asked, whatever runs it."""
    sha = hashlib.sha256()
    for arm in sorted(made):
        for plan in made[arm]:
            sha.update(f"{arm}:{plan.digest()};".encode())
    return f"{scenario.model.name}-s{scenario.model.seed}-{sha.hexdigest()[:10]}"


def fingerprint(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the SHA-256 of the fingerprints of all arms and replications."""
    sha = hashlib.sha256()
    for arm in sorted(found):
        for run_numbers in found[arm]:
            sha.update(f"{arm}:{run_numbers['fingerprint']};".encode())
    return sha.hexdigest()


def remarks(made: Mapping[str, Sequence[Plan]]) -> list[str]:
    """Return what a reader should know of choices that were made for him, and in which arms."""
    arms_of: dict[str, list[str]] = {}
    for arm, each in made.items():
        for remark in each[0].notes.remarks:
            arms_of.setdefault(remark, []).append(arm)
    return [
        remark if len(arms) == len(made) else f"{', '.join(arms)}: {remark}"
        for remark, arms in arms_of.items()
    ]


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
