"""The door for estimates and plans, from Python and from the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fleet import paths
from fleet.errors import InputError
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.placing import check_arm
from fleet.results.record import Record, fitting
from fleet.running.choice import cpus
from fleet.scenario.load import Scenario, load
from fleet.sizing.beside import Beside, beside
from fleet.sizing.estimate import Estimate, by_rung, estimate, facts, rung_facts
from fleet.sizing.kept import Kept, kept
from fleet.sizing.planning import Planned, Question, Told, answer
from fleet.sizing.ranges import Drawing, drawing
from fleet.sizing.written import check_place, write
from fleet.study.crew import Crew
from fleet.study.job import Overrides, changes


def plan(
    asked: Question,
    *,
    uncertain: bool = False,
    output: Path | None = None,
    workers: int | None = None,
    told: Told | None = None,
) -> Planned:
    """Answer a question, or go on with what was cut short.

    Args:
        asked: the question.
        uncertain: answer it with draws of the catalogue too (`fleet.sizing.ranges`).
        output: the folder of the plan, beside which runs are kept while it is made; None: it is not
            written, and nothing is kept.
        workers: how many processes; None: one for each CPU.
        told: is called with how far it is.

    Raises:
        InputError: something that is asked for cannot be used.
        RunError: a run broke a promise, or its process died.
    """
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: must be at least 1")
    if output is not None:
        check_place(output)
    drawn = drawing(asked.scenario, asked.cells, asked.arms) if uncertain else Drawing()
    with contextlib.ExitStack() as until_then:
        journal = None if output is None else until_then.enter_context(kept(output, asked))
        rows = {draw.id: draw.rows for draw in drawn.draws}
        crew = until_then.enter_context(Crew(asked.scenario, workers or cpus(), rows))
        planned = answer(asked, crew if journal is None else Kept(crew, journal), told, drawn)
        if output is not None:
            write(output, planned)
    return planned


class Estimated(NamedTuple):
    """What was estimated.

    Attributes:
        scenario: of what.
        arms: the estimate of each arm.
        rungs: by arm with a ladder, those of each rung, the first that of the arm as it stands.
        beside: by arm, its numbers beside those of a run; empty without one.
    """

    scenario: Scenario
    arms: dict[str, Estimate]
    rungs: dict[str, list[Estimate]]
    beside: dict[str, list[Beside]]

    @property
    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data: by arm, with `rungs` and `beside_run` where they are."""
        data = facts(self.arms)
        for arm, ladder in self.rungs.items():
            data[arm]["rungs"] = [rung_facts(one, rung) for rung, one in enumerate(ladder)]
        for arm, rows in self.beside.items():
            data[arm]["beside_run"] = [
                {**row._asdict(), "unit": row.unit.name, "disagrees": row.disagrees} for row in rows
            ]
        return data


def estimates(
    scenario: Scenario | str | Path,
    *,
    arms: Sequence[str] | None = None,
    overrides: Overrides | None = None,
) -> Estimated:
    """Return what the arms of a scenario are expected to do.

    Args:
        scenario: what `load` gave, or a path. A folder of results is a scenario, and the run in it
            stands beside, unless something is replaced.
        arms: which arms; None: all.
        overrides: replaces values of the scenario.

    Raises:
        InputError: something in it cannot be used.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    replaced = list(changes(overrides or ()))
    asked = loaded.changed(*replaced) if replaced else loaded
    for arm in arms or ():
        check_arm(arm, list(asked.model.arms))
    catalog = catalogue(asked)
    plans = {
        arm: compile_plan(asked, catalog, arm) for arm in dict.fromkeys(arms or asked.model.arms)
    }
    expected = {arm: estimate(each) for arm, each in plans.items()}
    lower = {arm: by_rung(each) for arm, each in plans.items()}
    rungs = {arm: [expected[arm], *rest] for arm, rest in lower.items() if rest}
    rows, run = {}, None
    if not isinstance(scenario, Scenario) and not replaced and paths.is_dir(Path(scenario)):
        run = Record.load(scenario)
        with fitting(run):
            rows = {
                arm: beside(one, run.numbers[arm])
                for arm, one in expected.items()
                if arm in run.numbers
            }
    return Estimated(asked, expected, rungs, rows)
