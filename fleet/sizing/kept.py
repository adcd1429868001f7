"""Runs of a plan that are kept while it is made: killed, it goes on and runs nothing twice.

They stand beside the folder of the plan, in one whose name ends with `.unfinished`: `study.yaml`
says what they depend on, `journal.jsonl` has a line for each (`fleet.study.journal`). It goes when
the plan is written. What is looked for does not matter: another range may use the same runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fleet.errors import InputError
from fleet.passing import remove
from fleet.running.unfinished import ENDING
from fleet.sizing.planning import Doer, Question
from fleet.study import looking
from fleet.study.journal import Journal, Row, Run, locked
from fleet.study.study import CHANGED, JOURNAL, depends_on, make_folder, settle
from fleet.study.sweep import row_of, way_on
from fleet.study.task import Answer, Task

SCHEMA = "fleet-plan-runs/1"
_ID_DIGITS = 16


class Kept:
    """Carries tasks out that are not in a journal, and writes them there.

    Args:
        crew: who carries them out.
        journal: of what is done.
    """

    def __init__(self, crew: Doer, journal: Journal) -> None:
        self._crew, self._journal = crew, journal

    def carry_out(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Answer]]:
        """Yield what comes of some tasks, or came of them before."""
        rows = {task: self._journal.rows.get(_run(task)) for task in tasks}
        left = [task for task, row in rows.items() if not looking.is_done(row)]
        for task, row in rows.items():
            if row is not None and looking.is_done(row):
                yield task, _answer(row)
        for task, answer in self._crew.carry_out(left) if left else ():
            self._journal.add(_run(task), row_of(answer))
            yield task, answer


def _run(task: Task) -> Run:
    """Return under what a task stands in a journal."""
    said = json.dumps([*task.overrides, task.draw], ensure_ascii=False)
    return Run(hashlib.sha256(said.encode()).hexdigest()[:_ID_DIGITS], task.arm, task.replication)


def _answer(row: Row) -> Answer:
    if row["status"] == looking.FAILED:
        return Answer(error=row["error"])
    values = {name: (value, unit) for name, (value, unit) in row["values"].items()}
    return Answer(row["frames"], row["trial"], row["seconds"], values)


@contextlib.contextmanager
def kept(output: Path, asked: Question) -> Iterator[Journal]:
    """Give the journal of a plan that is being made; it goes if the block ends well.

    Args:
        output: the folder of the plan.
        asked: what is asked.

    Raises:
        InputError: there is one of another scenario, or somebody holds it.
    """
    folder = output.with_name(output.name + ENDING)
    make_folder(folder)
    points = [asked.scenario.changed(*cell) for cell in asked.cells]
    about = {
        "schema": SCHEMA,
        "scenario": str(asked.scenario.document.path.resolve()),
        "overrides": list(asked.scenario.overrides),
        **depends_on(asked.scenario, points),
    }
    with locked(folder), way_on("the same command goes on"):
        try:
            settle(folder, about, CHANGED)
        except InputError as error:
            raise InputError(f"{error}, or remove it") from None
        yield Journal(folder / JOURNAL)
        remove(folder)
