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
from fleet.scenario.load import Scenario, load
from fleet.sizing.answer import Answer, answered, data, drawn
from fleet.sizing.conditions import Reserve, conditions, reserve
from fleet.sizing.keys import FIND, MOST, Ladder, Wanted, ladders
from fleet.sizing.pareto import front
from fleet.sizing.plant import Asking, Plants
from fleet.sizing.ranges import Drawing, Ranges, ranges
from fleet.sizing.ranges import data as ranges_as_data
from fleet.sizing.refusal import data as refused
from fleet.study.design import design
from fleet.study.job import Overrides, changes
from fleet.study.slo import objectives
from fleet.study.task import Answer as Done
from fleet.study.task import Task
from fleet.study.uncertain.draws import BASE, Draw
from fleet.study.vary import Vary

SCHEMA = "fleet-plan/1"
Told = Callable[[int, int], None]
"""Is called with how many searches are done, and how many runs are."""


_Place = tuple[int, str, str]
"""Of which point, arm and draw a search is."""


class Doer(Protocol):
    """Who carries runs out."""

    def carry_out(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Done]]:
        """Yield what comes of some tasks, in any order."""
        ...


class Question(NamedTuple):
    """What is asked.

    Attributes:
        scenario: of which, with the objectives.
        ladders: the keys that are looked for.
        reserve: what plants must have in reserve.
        arms: which arms.
        cells: overrides of each point of what is varied; one without any if nothing is.
    """

    scenario: Scenario
    ladders: list[Ladder]
    reserve: Reserve
    arms: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """Return a name that follows from it."""
        asked = [
            self.scenario.digest, [[key.key, key.ends, key.most] for key in self.ladders],
            [float(self.reserve.headroom), self.reserve.survive],
            [[arm, *cell] for cell in self.cells for arm in self.arms],
        ]  # fmt: skip
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        return f"{self.scenario.model.name}-plan-{digest[:10]}"


class Planned(NamedTuple):
    """What was asked, and the answer of each arm at each point of what was varied.

    Attributes:
        scenario: of which, with the objectives.
        ladders: the keys that were looked for.
        reserve: what plants must have in reserve.
        answers: of arms and points.
        dominated: of each answer that is enough, the place of one that is better in all, None for
            those of the front.
        ranges: of each answer, what it is over draws of the catalogue; empty if none were asked.
        held: numbers of the catalogue that draws leave as they are, and why.
        runs: how many were carried out.
    """

    scenario: Scenario
    ladders: list[Ladder]
    reserve: Reserve
    answers: list[Answer]
    dominated: dict[int, int | None]
    ranges: list[Ranges]
    held: dict[str, str]
    runs: int

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
            "held": self.held,
            "runs": self.runs,
            "answers": [
                {
                    **data(answer),
                    "refused": refused(answer),
                    "dominated_by": self._better(k),
                    "uncertain": ranges_as_data(self.ranges[k]) if self.ranges else None,
                }
                for k, answer in enumerate(self.answers)
            ],
        }

    def _better(self, k: int) -> dict[str, Any] | None:
        better = self.dominated.get(k)
        if better is None:
            return None
        return {"arm": self.answers[better].arm, "given": list(self.answers[better].cell)}


def question(
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
) -> Question:
    """Return what is asked, which is the smallest plant of each arm that keeps some objectives.

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

    Raises:
        InputError: something that is asked for cannot be used.
    """
    loaded = _with_objectives(scenario, overrides, slo)
    keys = _keys(loaded, wanted, most)
    held = reserve(headroom, survive)
    for arm in arms or ():
        check_arm(arm, list(loaded.model.arms))
    cells = tuple(point.overrides for point in design(loaded, vary).points) if vary else ((),)
    for place in (place for key in keys for place in key.places):
        if any(override.startswith(f"{place}=") for cell in cells for override in cell):
            raise InputError(f"--vary {place}: is looked for; vary another key")
    return Question(loaded, keys, held, tuple(dict.fromkeys(arms or loaded.model.arms)), cells)


def answer(
    asked: Question, crew: Doer, told: Told | None = None, drawing: Drawing | None = None
) -> Planned:
    """Return what answers a question.

    Args:
        asked: the question.
        crew: who carries runs out.
        told: is called with how far it is.
        drawing: draws of the catalogue, with each of which it is answered too; None: none.

    Raises:
        InputError: an arm cannot be as it is asked for.
        RunError: a run broke a promise.
    """
    tell, reserve = told or (lambda *_: None), asked.reserve.any
    draws = drawing.draws if drawing else ()
    searches = {
        (c, arm, BASE.id): answered(_plants(asked, cell, arm, BASE), asked.ladders, reserve=reserve)
        for c, cell in enumerate(asked.cells)
        for arm in asked.arms
    }
    by_place, runs = _carried_out(searches, crew, tell)
    again = {
        (c, arm, draw.id): drawn(
            _plants(asked, asked.cells[c], arm, draw), by_place[c, arm, BASE.id], reserve=reserve
        )
        for draw in draws
        for c, arm, _ in searches
    }
    by_draw, more = _carried_out(again, crew, lambda n, m: tell(len(by_place) + n, runs + m))
    over = [
        ranges(asked.ladders, by_place[c, arm, base], [by_draw[c, arm, d.id] for d in draws])
        for c, arm, base in (searches if draws else ())
    ]
    answers = [by_place[place] for place in searches]
    return Planned(
        asked.scenario, asked.ladders, asked.reserve, answers, front(answers), over,
        dict(drawing.held) if drawing else {}, runs + more,
    )  # fmt: skip


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


def _plants(asked: Question, cell: tuple[str, ...], arm: str, draw: Draw) -> Plants:
    made = conditions(asked.scenario, arm, asked.reserve)
    return Plants(asked.scenario, cell, arm, objectives(asked.scenario), made, draw)


def _carried_out(
    searches: Mapping[_Place, Asking], crew: Doer, told: Told
) -> tuple[dict[_Place, Any], int]:
    """Carry searches out together, round by round; return what each found, and how many runs.

    Where an arm cannot be with a draw of the catalogue it found None.
    """
    by_key: dict[_Place, Any] = {}
    asked: dict[_Place, list[Task]] = {}
    runs = 0

    def go_on(key: _Place, answers: Mapping[Task, Done] | None) -> None:
        try:
            asked[key] = searches[key].send(answers)  # type: ignore[arg-type]
        except StopIteration as done:
            by_key[key] = done.value
            asked.pop(key, None)
        except InputError:
            if key[2] == BASE.id:
                raise
            by_key[key] = None
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
