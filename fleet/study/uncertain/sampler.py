"""Numbers of arms at draws of the catalogue: each found once, and kept in a journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.catalog.rows import Key
from fleet.errors import InputError, RunError
from fleet.scenario.load import Scenario
from fleet.study.crew import DrawCrew
from fleet.study.journal import Journal, Row, Run
from fleet.study.uncertain.draws import Draw, DrawAnswer, DrawTask, Found

_IN_A_TASK = 16
Told = Callable[[int], None]
"""Takes how many numbers more are found, of an arm with a draw in a replication."""


class Cell(NamedTuple):
    """A draw in an arm and a replication."""

    draw: Draw
    arm: str
    replication: int

    @property
    def run(self) -> Run:
        """Return under what it stands in a journal."""
        return Run(self.draw.id, self.arm, self.replication)


class Sampler:
    """Finds numbers of arms at draws.

    Args:
        scenario: of what.
        arms: which arms.
        metrics: names of the numbers that are asked for.
        replications: how many of each.
        journal: what was found stands there.
        crew: carries it out.
        told: is called with how many cells more are found.
    """

    def __init__(
        self,
        scenario: Scenario,
        arms: Sequence[str],
        metrics: Sequence[str],
        replications: int,
        journal: Journal,
        crew: DrawCrew,
        told: Told,
    ) -> None:
        self.arms, self.metrics, self.replications = tuple(arms), tuple(metrics), replications
        self.scenario, self.runs, self.simulated = scenario, 0, 0
        self._journal, self._crew, self._told = journal, crew, told
        self._moving: dict[str, set[Key]] = {arm: set() for arm in arms}
        self._all_move = True

    def run(self, draws: Iterable[Draw]) -> None:
        """Find what is not known yet of some draws; failures are part of what is found.

        Raises:
            RunError: a process died.
        """
        cells = [
            Cell(draw, arm, replication)
            for draw in {draw.id: draw for draw in draws}.values()
            for arm in self.arms
            for replication in range(self.replications)
        ]
        left = [cell for cell in cells if cell.run not in self._journal.rows]
        self._told(len(cells) - len(left))
        for task, answer in self._crew.carry_out([*self._tasks(left)]):
            self._keep(task, answer)

    def _keep(self, task: DrawTask, answer: DrawAnswer) -> None:
        if answer.error:
            raise RunError(answer.error)
        self.simulated += answer.simulated
        self.runs += len(answer.found)
        self._journal.extend(
            (Run(draw, task.arm, task.replication), _row(run)) for draw, run in answer.found.items()
        )
        self._told(len(answer.found))

    def _tasks(self, cells: Sequence[Cell]) -> Iterator[DrawTask]:
        """Yield tasks for cells: what is simulated alike is in one, as far as that is known."""
        alike: dict[tuple[object, ...], list[Draw]] = {}
        for cell in cells:
            alike.setdefault((cell.arm, cell.replication, *self._moved(cell)), []).append(cell.draw)
        for (arm, replication, *_), draws in alike.items():
            for first in range(0, len(draws), _IN_A_TASK):
                some = tuple(draws[first : first + _IN_A_TASK])
                yield DrawTask(str(arm), int(str(replication)), some, self.metrics)

    def _moved(self, cell: Cell) -> tuple[tuple[Key, str], ...]:
        """Return the rows of a draw that change what is simulated, and how."""
        moving = self._moving[cell.arm]
        return tuple(
            (key, row.value)
            for key, row in sorted(cell.draw.rows.items())
            if self._all_move or key in moving
        )

    def learn(self, singles: Iterable[Draw]) -> None:
        """Learn from draws of one row each which rows change what an arm simulates."""
        base = {arm: self.found(Draw("", {}), arm)[0].bare for arm in self.arms}
        for draw in singles:
            (key,) = draw.rows
            for arm in self.arms:
                if any(run.bare != base[arm] for run in self.found(draw, arm)[:1]):
                    self._moving[arm].add(key)
        self._all_move = False

    def found(self, draw: Draw, arm: str) -> list[Found]:
        """Return what an arm gave with a draw, by replication; it has been run."""
        rows = (self._journal.rows[Run(draw.id, arm, k)] for k in range(self.replications))
        return [
            Found(
                None if row["values"] is None else tuple(row["values"]), row["bare"], row["error"]
            )
            for row in rows
        ]

    def failure(self, draw: Draw) -> str:
        """Return why a draw cannot be, empty if it can; it has been run."""
        errors = (run.error for arm in self.arms for run in self.found(draw, arm))
        return next((error for error in errors if error), "")

    def values(self, draws: Sequence[Draw]) -> Floats:
        """Return the numbers at draws; shape (draws, arms, metrics, replications), NaN: not known.

        Raises:
            InputError: a draw failed: nothing can be told of draws of which some are missing.
        """
        self.run(draws)
        out = np.full((len(draws), len(self.arms), len(self.metrics), self.replications), np.nan)
        for d, draw in enumerate(draws):
            for a, arm in enumerate(self.arms):
                for r, run in enumerate(self.found(draw, arm)):
                    if run.values is None:
                        raise InputError(
                            f"arm '{arm}' cannot be with some numbers of the catalogue together:"
                            f" {run.error}; keep one of them as it is with --hold ITEM.PARAMETER"
                        )
                    out[d, a, :, r] = [np.nan if x is None else x for x in run.values]
        return out


def _row(run: Found) -> Row:
    status = "failed" if run.values is None else "done"
    return {"status": status, **run._asdict()}
