"""The selftest: both engines against queueing theory.

Each case is a made-up world on the catalogue in `fleet/proof/textbook` that is a textbook queue. A
law is estimated in independent replications (`ABOUT` says how); an identity must hold to the unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fleet.model.books import CAPTURED, FATE_0
from fleet.model.frames import FATE, FATES, SENSOR
from fleet.plan.plan import Plan
from fleet.proof.selftest_devices import CASES as DEVICES
from fleet.proof.selftest_exact import CASES as EXACT
from fleet.proof.selftest_queues import CASES as QUEUES
from fleet.proof.selftest_run import Case, Identity, Law, Run, plans
from fleet.proof.selftest_run import run as run_plan
from fleet.running.options import Engine

ABOUT = """\
Each law is measured once in each of 20 or more independent replications (other random numbers,
other phases). Frames captured in the first tenth of a replication are left out, since queues start
empty, and those captured in the last tenth too, so that every frame that counts has met its fate.
The standard error is that of the mean of the replications. A law is kept if the mean lies within 4
standard errors of theory and the standard error is at most 5 % of theory; an identity if it holds
to the unit in every replication. The reference engine runs shorter replications, and the columns
engine runs these too: their fingerprints must be equal.
"""
MOST_DEVIATIONS = 4.0
LARGEST_ERROR = 0.05
CASES: tuple[Case, ...] = (*QUEUES, *DEVICES, *EXACT)
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Check:
    """A number, what theory says and what an engine gave.

    Attributes:
        case: which queue.
        quantity: what was measured.
        engine: 'columns', 'reference', or 'both' where they are compared with each other.
        theory: what it should be.
        measured: what it was: the mean of the replications, or for identities the sum.
        standard_error: of the mean; None where the law is exact.
        deviations: |measured - theory| in standard errors; None where the law is exact.
        passed: whether the law is kept.
        source: who found the law.
    """

    case: str
    quantity: str
    engine: str
    theory: float
    measured: float
    standard_error: float | None
    deviations: float | None
    passed: bool
    source: str


def run(
    engines: Sequence[Engine] = tuple(Engine),
    progress: Progress = lambda _name, _share: None,
    cases: Sequence[Case] = CASES,
) -> list[Check]:
    """Run cases and judge them.

    Args:
        engines: one of them or both.
        progress: is called with the name of the next case and the share that is done.
        cases: which ones.

    Returns:
        A check for each law and identity of each case by each engine.

    Raises:
        RunError: a run broke a promise.
    """
    checks: list[Check] = []
    for number, case in enumerate(cases):
        progress(case.name, number / len(cases))
        if Engine.columns in engines:
            made = plans(case, case.long, case.replications[0])
            fast = [_read(case, plan, Engine.columns) for plan in made]
            checks += judge(case, Engine.columns, fast)
        if Engine.reference in engines:
            made = plans(case, case.short, case.replications[1])
            plain = [_read(case, plan, Engine.reference) for plan in made]
            checks += judge(case, Engine.reference, plain)
            if Engine.columns in engines:
                prints = [run_plan(case, plan, Engine.columns).fingerprint for plan in made]
                checks.append(_same(case, [reading.fingerprint for reading in plain], prints))
    progress("", 1.0)
    return checks


@dataclass(frozen=True)
class Reading:
    """What one replication gave: a sample of each law, both sides of each identity."""

    samples: tuple[float, ...]
    pairs: tuple[tuple[int, int], ...]
    fingerprint: str


def _read(case: Case, plan: Plan, engine: Engine) -> Reading:
    """Run a plan and read it off; the frames are let go, as all replications' would be many."""
    run = run_plan(case, plan, engine)
    return Reading(
        tuple(law.sample(run) for law in case.laws),
        tuple(same.pair(run) for same in (*case.identities, *EVERYWHERE)),
        run.fingerprint,
    )


def judge(case: Case, engine: Engine, readings: Sequence[Reading]) -> list[Check]:
    """Return the checks of a case, given its replications by an engine."""
    samples = zip(*(reading.samples for reading in readings), strict=True)
    pairs = zip(*(reading.pairs for reading in readings), strict=True)
    return [
        *(_law(case, law, engine, of_law) for law, of_law in zip(case.laws, samples, strict=True)),
        *(
            _identity(case, same, engine, sides)
            for same, sides in zip((*case.identities, *EVERYWHERE), pairs, strict=True)
        ),
    ]


def _law(case: Case, law: Law, engine: str, samples: Sequence[float]) -> Check:
    measured = float(np.mean(samples))
    error = float(np.std(samples, ddof=1)) / math.sqrt(len(samples))
    away = abs(measured - law.theory)
    deviations = away / error if error > 0 else (0.0 if away == 0 else math.inf)
    kept = deviations < MOST_DEVIATIONS and error <= LARGEST_ERROR * abs(law.theory)
    return Check(
        case.name, law.quantity, engine, law.theory, measured, error, deviations, kept, law.source
    )


def _identity(case: Case, same: Identity, engine: str, pairs: Sequence[tuple[int, int]]) -> Check:
    theory, measured = (sum(side) for side in zip(*pairs, strict=True))
    kept = all(left == right for left, right in pairs)
    return Check(case.name, same.quantity, engine, theory, measured, None, None, kept, same.source)


def _same(case: Case, plain: Sequence[str], columns: Sequence[str]) -> Check:
    equal = sum(a == b for a, b in zip(plain, columns, strict=True))
    return Check(
        case.name, "replications with equal fingerprints", "both", len(plain), equal, None, None,
        equal == len(plain), "the reference engine",
    )  # fmt: skip


def _conserved(run: Run) -> tuple[int, int]:
    captured = int(run.outcome.tally.sensors[:, CAPTURED].sum())
    return captured, len(run.rows) + run.outcome.in_flight


def _fates(run: Run) -> tuple[int, int]:
    """Return the frames that ended, and those of them that the tally has under the same fate."""
    booked = run.outcome.tally.sensors[:, FATE_0 : FATE_0 + FATES]
    counted = np.zeros_like(booked)
    np.add.at(counted, (run.rows[:, SENSOR], run.rows[:, FATE]), 1)
    return len(run.rows), len(run.rows) - int(np.abs(counted - booked).sum())


EVERYWHERE = (
    Identity("frames captured = ended + in flight", "conservation", _conserved),
    Identity("frames ended = counted, by sensor and fate", "conservation", _fates),
)
