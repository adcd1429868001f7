"""Draws of the catalogue: what an arm gives with other numbers in some rows.

Of most rows only the account of a run depends on, not what is counted. So a run is simulated once
for every *bare* plan (`fleet.plan.bare`), and the account is made for every draw.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

from fleet.errors import FleetError
from fleet.plan.bare import bare
from fleet.plan.compile import compile_plan
from fleet.plan.plan import Plan
from fleet.results.metrics import known, summarise
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import Outcome, simulate
from fleet.study.task import Rows, Shared
from fleet.study.team import Tell

_REMEMBERED = 4
_ID_DIGITS = 16


class Draw(NamedTuple):
    """Rows that stand in place of those of the catalogue.

    Attributes:
        id: the first digits of the SHA-256 of what they say; empty for none.
        rows: by kind, item and parameter.
    """

    id: str
    rows: Rows


BASE = Draw("", {})
"""The catalogue as it stands."""


def draw_of(rows: Rows) -> Draw:
    """Return some rows as a draw."""
    said = sorted((*key, row.quantity) for key, row in rows.items())
    return Draw(hashlib.sha256(repr(said).encode()).hexdigest()[:_ID_DIGITS] if said else "", rows)


class DrawTask(NamedTuple):
    """What to do: an arm and a replication with each of some draws.

    Attributes:
        arm: which arm.
        replication: which replication, from 0.
        draws: with what; those that are simulated alike should stand side by side.
        metrics: names of the numbers that are asked for.
    """

    arm: str
    replication: int
    draws: tuple[Draw, ...]
    metrics: tuple[str, ...]


class Found(NamedTuple):
    """What a draw gave.

    Attributes:
        values: the numbers that were asked for, None where one is not known; None: it failed.
        bare: digest of what was simulated: the same for draws that differ in the account only.
        error: why it failed.
    """

    values: tuple[float | None, ...] | None
    bare: str = ""
    error: str = ""


class DrawAnswer(NamedTuple):
    """What came of a task.

    Attributes:
        found: by draw.
        simulated: how many runs were simulated for it.
        error: why there is nothing, empty if there is.
        died: it did not end by itself.
    """

    found: dict[str, Found]
    simulated: int = 0
    error: str = ""
    died: bool = False


_counted: OrderedDict[str, Outcome] = OrderedDict()  # by bare digest, the last ones
_simulated = 0


def carry_out(shared: Shared, task: DrawTask, tell: Tell) -> DrawAnswer:
    """Do a task; what goes wrong in a draw is part of the answer.

    Args:
        shared: what it shares with the tasks before and after.
        task: what to do.
        tell: is called with the share that is done.
    """
    before, answers = _simulated, {}
    for i, draw in enumerate(task.draws):
        tell(i / len(task.draws))
        answers[draw.id] = _found(shared, task, draw, tell)
    return DrawAnswer(answers, _simulated - before)


def _found(shared: Shared, task: DrawTask, draw: Draw, tell: Tell) -> Found:
    scenario = shared.scenario
    try:
        catalog = shared.catalog(scenario).changed(draw.rows)
        plan = compile_plan(scenario, catalog, task.arm, replication=task.replication)
        digest, outcome = counted(plan, lambda _: tell(0.0))
        numbers = summarise(outcome)
    except FleetError as error:
        return Found(None, error=str(error))
    except Exception as error:
        return Found(
            None, error=f"a fault of fleet, please report it: {type(error).__name__}: {error}"
        )
    values = tuple(known(name).value(numbers) for name in task.metrics)
    return Found(values, digest[:_ID_DIGITS])


def counted(plan: Plan, tell: Tell) -> tuple[str, Outcome]:
    """Return what a plan gives, and the digest of what of it is simulated.

    It is simulated only if none of the last ones counts the same.
    """
    global _simulated
    counts = bare(plan)
    digest = counts.digest()
    if digest in _counted:
        _counted.move_to_end(digest)
    else:
        options = Options(executor=ExecutorKind.local)
        _counted[digest] = simulate(counts, options, tell)
        _simulated += 1
        while len(_counted) > _REMEMBERED:
            _counted.popitem(last=False)
    return digest, replace(_counted[digest], plan=plan)
