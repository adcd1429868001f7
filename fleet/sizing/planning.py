"""How much is enough: every arm's own smallest plant for some objectives, and how they compare.

All arms, at every point of what is varied, are searched at once: what they ask for is carried out
by one crew of processes (`fleet.study.crew`), the largest first. The answer does not depend on how
many there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fleet.errors import InputError
from fleet.plan.placing import check_arm
from fleet.running.choice import cpus
from fleet.scenario.load import Scenario, load
from fleet.sizing.answer import Answer, answered, data
from fleet.sizing.conditions import Reserve, conditions, reserve
from fleet.sizing.keys import FIND, MOST, Ladder, Wanted, ladders
from fleet.sizing.pareto import front
from fleet.sizing.plant import Asking, Plants
from fleet.sizing.refusal import data as refused
from fleet.study.crew import Crew
from fleet.study.design import Point, design
from fleet.study.job import Overrides, changes
from fleet.study.slo import Objective, objectives
from fleet.study.task import Answer as Done
from fleet.study.task import Task
from fleet.study.vary import Vary

SCHEMA = "fleet-plan/1"
Told = Callable[[int, int], None]
"""Is called with how many searches are done, and how many runs are."""


class Doer(Protocol):
    """Who carries runs out."""

    def carry_out(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Done]]:
        """Yield what comes of some tasks, in any order."""
        ...


class Planned(NamedTuple):
    """What was asked, and the answer of each arm at each point of what was varied.

    Attributes:
        scenario: of which, with the objectives.
        ladders: the keys that were looked for.
        reserve: what plants must have in reserve.
        answers: of arms and points.
        dominated: of each answer that is enough, the place of one that is better in all, None for
            those of the front.
        runs: how many were carried out.
    """

    scenario: Scenario
    ladders: list[Ladder]
    reserve: Reserve
    answers: list[Answer]
    dominated: dict[int, int | None]
    runs: int

    @property
    def name(self) -> str:
        """Return a name that follows from what was asked."""
        asked = [
            self.scenario.digest, [[key.key, key.ends, key.most] for key in self.ladders],
            [float(self.reserve.headroom), self.reserve.survive],
            [[answer.arm, *answer.cell] for answer in self.answers],
        ]  # fmt: skip
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        return f"{self.scenario.model.name}-plan-{digest[:10]}"

    @property
    def enough(self) -> bool:
        """Return whether some arm has a plant that is enough, at every point."""
        cells = {answer.cell for answer in self.answers}
        return cells == {answer.cell for answer in self.answers if answer.enough}

    @property
    def data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "schema": SCHEMA,
            "scenario": {"name": self.scenario.model.name, "digest": self.scenario.digest},
            "labels": self.scenario.labels,
            "seed": self.scenario.model.seed,
            "objectives": list(self.scenario.model.slo),
            "looked_for": {ladder.key: ladder.ends for ladder in self.ladders},
            "most": any(ladder.most for ladder in self.ladders),
            "headroom": float(self.reserve.headroom),
            "survive": self.reserve.survive or None,
            "enough": self.enough,
            "runs": self.runs,
            "answers": [
                {**data(answer), "refused": refused(answer), "dominated_by": self._better(k)}
                for k, answer in enumerate(self.answers)
            ],
        }

    def _better(self, k: int) -> dict[str, Any] | None:
        better = self.dominated.get(k)
        if better is None:
            return None
        return {"arm": self.answers[better].arm, "given": list(self.answers[better].cell)}


def find(
    scenario: Scenario | str | Path,
    wanted: Wanted = (),
    *,
    most: Wanted = (),
    slo: Sequence[str] = (),
    vary: Vary = (),
    arms: Sequence[str] | None = None,
    overrides: Overrides | None = None,
    headroom: str | None = None,
    survive: str | None = None,
    workers: int | None = None,
    told: Told | None = None,
    crew: Doer | None = None,
) -> Planned:
    """Return the smallest plant of each arm that keeps some objectives.

    Args:
        scenario: of which, or its path.
        wanted: keys whose smallest values are looked for (`fleet.sizing.keys`).
        most: keys whose largest values are looked for, instead.
        slo: the objectives; none: those of the scenario.
        vary: what else takes several values, with a plan for each (`fleet.study.vary`).
        arms: which arms; None: all.
        overrides: replaces values of the scenario.
        headroom: share of frames that come on top, such as '20 %'.
        survive: what a plant must do without: '1 server' or '1 link'.
        workers: how many processes; None: one for each CPU.
        told: is called with how far it is.
        crew: who carries runs out; None: processes of their own.

    Raises:
        InputError: something that is asked for cannot be used.
        RunError: a run broke a promise.
    """
    loaded = _with_objectives(scenario, overrides, slo)
    keys = _keys(loaded, wanted, most)
    held = reserve(headroom, survive)
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: must be at least 1")
    for arm in arms or ():
        check_arm(arm, list(loaded.model.arms))
    points: Sequence[Point | None] = design(loaded, vary).points if vary else (None,)
    demanded = objectives(loaded)
    searches = {
        (p, arm): _search(loaded, point, arm, demanded, keys, held)
        for p, point in enumerate(points)
        for arm in dict.fromkeys(arms or loaded.model.arms)
    }
    tell = told or (lambda *_: None)
    if crew is not None:
        by_key, runs = _carried_out(searches, crew, tell)
    else:
        with Crew(loaded, workers or cpus()) as made:
            by_key, runs = _carried_out(searches, made, tell)
    answers = [by_key[key] for key in searches]
    return Planned(loaded, keys, held, answers, front(answers), runs)


def _with_objectives(
    scenario: Scenario | str | Path, overrides: Overrides | None, slo: Sequence[str]
) -> Scenario:
    """Return the scenario with what is replaced, and with the objectives."""
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    replaced = list(changes(overrides or ()))
    loaded = loaded.changed(*replaced) if replaced else loaded
    if not slo:
        if not loaded.model.slo:
            raise InputError(
                "--slo: say what shall be kept, such as --slo 'latency_ms.p99 < 200 ms', or give"
                " the scenario an 'slo'"
            )
        return loaded
    texts = [slo] if isinstance(slo, str) else list(slo)
    for text in texts:
        try:
            objectives(loaded.changed(f"slo={json.dumps([text])}"))
        except InputError as error:
            said = str(error).partition(" slo[0]: ")[2] or str(error)
            raise InputError(f"--slo '{text}': {said}") from None
    return loaded.changed(f"slo={json.dumps(texts)}")


def _keys(scenario: Scenario, wanted: Wanted, most: Wanted) -> list[Ladder]:
    if bool(wanted) == bool(most):
        raise InputError(
            "say what is looked for: --find KEY for the smallest value that is enough, or --most"
            " KEY for the largest, not both"
        )
    return ladders(scenario, most or wanted, MOST if most else FIND)


def _search(
    scenario: Scenario, point: Point | None, arm: str, demanded: Sequence[Objective],
    keys: Sequence[Ladder], held: Reserve,
) -> Asking:  # fmt: skip
    base = () if point is None else point.overrides
    for place in (place for key in keys for place in key.places):
        if any(override.startswith(f"{place}=") for override in base):
            raise InputError(f"--vary {place}: is looked for; vary another key")
    made = conditions(scenario, arm, held)
    return answered(Plants(scenario, base, arm, demanded, made), keys, reserve=held.any)


def _carried_out(
    searches: Mapping[tuple[int, str], Asking], crew: Doer, told: Told
) -> tuple[dict[tuple[int, str], Answer], int]:
    """Carry searches out together, round by round; return what each found, and how many runs."""
    by_key: dict[tuple[int, str], Answer] = {}
    asked: dict[tuple[int, str], list[Task]] = {}
    runs = 0

    def go_on(key: tuple[int, str], answers: Mapping[Task, Done] | None) -> None:
        try:
            asked[key] = searches[key].send(answers)  # type: ignore[arg-type]
        except StopIteration as done:
            by_key[key] = done.value
            asked.pop(key, None)

    for key in searches:
        go_on(key, None)
    while asked:
        told(len(by_key), runs)
        rounds = dict(asked)
        tasks = list(dict.fromkeys(task for mine in rounds.values() for task in mine))
        answers = dict(crew.carry_out(tasks))
        runs += len(tasks)
        for key, mine in rounds.items():
            go_on(key, {task: answers[task] for task in mine})
    return by_key, runs
