"""A job: a scenario made ready to run, as trials that run by themselves. Nothing has run."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import InputError
from fleet.interrupt import check
from fleet.plan.common import Common
from fleet.plan.compile import catalogue, compile_plans
from fleet.plan.placing import Placement, check_arm
from fleet.plan.plan import Plan
from fleet.results.inputs import source_of
from fleet.running.trial import Trial
from fleet.scenario.load import Scenario, did_you_mean, load
from fleet.scenario.quantities import FORMS, NAME
from fleet.study.slo import Objective, objectives

Overrides = Mapping[str, object] | Sequence[str]
"""Values that replace those of a scenario: by the paths of their keys, or as `key.path=value`."""


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Attributes:
        id: a name that follows from what was asked, whatever runs it.
        scenario: what the user says.
        trials: every arm in every replication, arm by arm.
        objectives: what the scenario demands.
        sources: by arm the text in which its placement is written, if that is a Python function.
        prepared_s: wall time that making it ready took.
    """

    id: str
    scenario: Scenario
    trials: tuple[Trial, ...]
    objectives: tuple[Objective, ...]
    sources: Mapping[str, str | None]
    prepared_s: float

    @property
    def plans(self) -> dict[str, list[Plan]]:
        """Return by arm the plans of all replications."""
        plans: dict[str, list[Plan]] = {}
        for trial in self.trials:
            plans.setdefault(trial.arm, []).append(trial.plan)
        return plans


def prepare(
    scenario: Scenario | str | Path,
    *,
    arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None,
    seed: int | None = None,
    replications: int | None = None,
    overrides: Overrides | None = None,
) -> Job:
    """Make a scenario ready to run.

    Args:
        scenario: a checked one, or the path of a file or of a folder of results.
        arms: arms to run; None: all of the scenario, and the placements.
        placements: further arms by name, each a rule that chooses an arm for every sensor.
        seed: replaces the scenario's seed.
        replications: replaces the scenario's number of replications.
        overrides: replaces other values of the scenario.

    Raises:
        InputError: something in the scenario or beside it cannot be used.
    """
    began = time.perf_counter()
    named = {"seed": seed, "replications": replications}
    given = {key: value for key, value in named.items() if value is not None}
    replaced = [*changes(overrides or ()), *changes(given)]
    if not isinstance(scenario, Scenario):
        scenario = load(scenario, replaced)
    elif replaced:
        scenario = scenario.changed(*replaced)
    demanded = tuple(objectives(scenario))
    trials = tuple(_trials(scenario, arms, dict(placements or {})))
    sources = {arm: source_of(rule) for arm, rule in (placements or {}).items()}
    prepared_s = time.perf_counter() - began
    return Job(_id(scenario, trials), scenario, trials, demanded, sources, prepared_s)


def changes(overrides: Overrides) -> Iterator[str]:
    """Yield replaced values as the command line takes them."""
    if not isinstance(overrides, Mapping):
        yield from overrides
        return
    for key, value in overrides.items():
        try:
            yield f"{key}={json.dumps(value, allow_nan=False)}"
        except (TypeError, ValueError):
            raise InputError(
                f"overrides: {key} is {value!r}, must be what a scenario file can hold: text,"
                " numbers, true, false, lists and mappings"
            ) from None


def _trials(
    scenario: Scenario, arms: Sequence[str] | None, placements: Mapping[str, Placement]
) -> Iterator[Trial]:
    """Yield the trials of some arms; every plan is made and checked before anything runs."""
    own = list(scenario.model.arms)
    known = [*own, *placements]
    for name in placements:
        if name in own or not re.fullmatch(NAME, name):
            what = "an arm of the scenario" if name in own else f"not {FORMS[NAME]}"
            raise InputError(f"placements: '{name}' is {what}; give it another name")
    for arm in arms or ():
        check_arm(arm, known)
    base = scenario.model.baseline
    if base is not None and base not in known:
        raise scenario.error(
            ("baseline",), f"no arm '{base}'{did_you_mean(base, known)}; arms: {', '.join(known)}"
        )
    catalog, common = catalogue(scenario), Common(scenario)
    for arm in dict.fromkeys(arms or known):
        for plan in compile_plans(
            scenario, catalog, arm, placement=placements.get(arm), common=common
        ):
            check()
            yield Trial(plan)


def _id(scenario: Scenario, trials: Sequence[Trial]) -> str:
    sha = hashlib.sha256()
    for trial in sorted(trials, key=lambda trial: (trial.arm, trial.replication)):
        sha.update(f"{trial.arm}:{trial.plan.digest()};".encode())
    return f"{scenario.model.name}-s{scenario.model.seed}-{sha.hexdigest()[:10]}"
