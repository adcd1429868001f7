"""A task of a study: one trial, run in this process and answered as plain data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from fleet.catalog import Catalog
from fleet.catalog.rows import Key, Row
from fleet.errors import FleetError
from fleet.plan import expected
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.memo import Memo
from fleet.results.metrics import flat, summarise
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import simulate
from fleet.running.trial import Trial
from fleet.scenario.load import Scenario
from fleet.study.team import Tell

Rows = Mapping[Key, Row]


class Shared:
    """What the tasks of a study share in a process.

    Attributes:
        scenario: the study's.
        memo: parts of the plans of tasks before.
    """

    def __init__(self, scenario: Scenario, draws: Mapping[str, Rows] | None = None) -> None:
        """Share nothing yet but these.

        Args:
            scenario: the study's.
            draws: by what tasks call it, rows in place of some of the catalogue; None: none.
        """
        self.scenario, self.memo, self._draws = scenario, Memo(), dict(draws or {})
        self._catalogs: dict[str | None, Catalog] = {}

    def catalog(self, point: Scenario, draw: str = "") -> Catalog:
        """Return the catalogue of one of the study's points; each is read once.

        Args:
            point: which one.
            draw: the draw with which some of its rows are replaced; empty for none.

        Raises:
            InputError: it cannot be read.
        """
        named = point.model.catalogue
        if named not in self._catalogs:
            self._catalogs[named] = catalogue(point)
        as_read = self._catalogs[named]
        return as_read.changed(self._draws[draw]) if draw else as_read


class Task(NamedTuple):
    """What to do.

    Attributes:
        overrides: what replaces values of the study's scenario.
        arm: which arm.
        replication: which replication, from 0.
        draw: with which draw of the catalogue; empty for it as it stands.
    """

    overrides: tuple[str, ...]
    arm: str
    replication: int = 0
    draw: str = ""


class Answer(NamedTuple):
    """What came of it.

    Attributes:
        frames: expected to be captured; of what failed early 0.
        trial: the identity of what was run, empty if it failed.
        seconds: wall time that it took.
        values: by metric, value (None where it is not known) and unit; None without any.
        error: why it failed, empty if it did not.
        died: it did not end by itself.
    """

    frames: float = 0.0
    trial: str = ""
    seconds: float = 0.0
    values: dict[str, tuple[float | None, str]] | None = None
    error: str = ""
    died: bool = False


def carry_out(shared: Shared, task: Task, tell: Tell) -> Answer:
    """Do a task; what goes wrong in it is part of the answer.

    Args:
        shared: what it shares with the tasks before and after.
        task: what to do.
        tell: is called with the share that is done.
    """
    began_s = time.perf_counter()
    try:
        point = shared.scenario.changed(*task.overrides)
        rows = shared.catalog(point, task.draw)
        plan = compile_plan(point, rows, task.arm, replication=task.replication, memo=shared.memo)
        options = Options(executor=ExecutorKind.local)
        numbers = summarise(simulate(plan, options, tell))
    except FleetError as error:
        return Answer(error=str(error))
    except Exception as error:
        return Answer(error=f"a fault of fleet, please report it: {type(error).__name__}: {error}")
    return Answer(
        expected.frames(plan), Trial(plan).identity, time.perf_counter() - began_s, flat(numbers)
    )
