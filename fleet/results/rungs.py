"""How the controllers of an adaptive arm went up and down its ladder."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.results.metric import SHARE, Better, Metric, Section, Unit, part
from fleet.running.run import Outcome

CHANGES, RUNGS = Unit("changes"), Unit("rungs")
OSCILLATES = 1 / 3
"""Share of looks after which a controller goes the other way, from which on that is told."""


def _metric(name: str, unit: Unit, meaning: str, label: str) -> Metric:
    return Metric(
        f"adaptive.{name}", unit, meaning, Better.NEITHER, Section.ADAPTING, label,
        shown_if="adaptive.controllers", compared=None, why="nobody adapts",
    )  # fmt: skip


@part(
    "adaptive",
    _metric(
        "rung.mean", RUNGS, "Rung on which sensors of controllers stand, 0 the arm's own settings",
        "mean rung",
    ),
    _metric(
        "time_on_top", SHARE, "Share of the time in which they have the arm's own settings",
        "time on the top rung",
    ),
    _metric(
        "changes_per_sensor", CHANGES, "Changes of the rung of a sensor, in the mean",
        "changes of a sensor",
    ),
    _metric(
        "turns_per_look.max", SHARE,
        "Looks after which a controller went the other way than before, of the one that did most",
        "looks that turn, at most",
    ),
)  # fmt: skip
def adaptive(outcome: Outcome) -> dict[str, Any]:
    """Return how long sensors of controllers stood on each rung, and how often that changed.

    `oscillating` are the controllers that went the other way after more than a third of their
    looks. A change counts when it has come to its sensor, a turn when it is said.
    """
    plan, of = outcome.plan, outcome.plan.feedback
    if not of.is_there:
        return {"controllers": 0}
    mine = np.flatnonzero(of.unit_of >= 0)
    time_ns, changes = _on_rungs(outcome, mine)
    share = time_ns.sum(axis=0) / max(1.0, float(time_ns.sum()))
    looks, turns = _turns(outcome)
    turning = turns / np.maximum(1, looks)
    return {
        "controllers": len(of.unit_names),
        "time_on_rung": {str(k): float(part) for k, part in enumerate(share)},
        "time_on_top": float(share[0]),
        "rung": {"mean": float((share * np.arange(len(share))).sum())},
        "changes_per_sensor": float(changes[mine].mean()),
        "looks": int(looks.sum()),
        "turns_per_look": {"mean": float(turning.mean()), "max": float(turning.max())},
        "oscillating": int((turning > OSCILLATES).sum()),
        "worst": of.unit_names[int(np.argmax(turning))],
        "lookahead_ms": plan.lookahead_ns / 1e6,
    }


def _on_rungs(outcome: Outcome, mine: Ints) -> tuple[Floats, Ints]:
    """Return (ns that each sensor stood on each rung, changes of each), behind the warm-up."""
    plan = outcome.plan
    time_ns = np.zeros((plan.size, plan.feedback.setups.shape[1]))
    since = np.full(plan.size, plan.warm_up_ns, dtype=np.int64)
    rung, changes = np.zeros((2, plan.size), dtype=np.int64)
    words = outcome.told.words
    for at_ns, _, sensor, to, _ in words[words.time_ns < plan.end_ns].tolist():
        if at_ns >= plan.warm_up_ns:
            time_ns[sensor, rung[sensor]] += at_ns - since[sensor]
            since[sensor] = at_ns
            changes[sensor] += at_ns > 0 and to != rung[sensor]
        rung[sensor] = to
    time_ns[mine, rung[mine]] += plan.end_ns - since[mine]
    return time_ns[mine], changes


def _turns(outcome: Outcome) -> tuple[Ints, Ints]:
    """Return (looks of each unit, those after which it went the other way than the time before)."""
    plan, of = outcome.plan, outcome.plan.feedback
    every = np.array([one.every_ns for one in of.controllers])[of.controller_of]
    period = np.maximum(1, every)
    looks = np.where(every > 0, (plan.end_ns - 1) // period - plan.warm_up_ns // period, 0)
    turns = np.zeros(len(of.unit_names), dtype=np.int64)
    first = [int(mine[0]) for mine in of.members]
    words, said_ns, _ = outcome.told
    order = np.argsort(said_ns, kind="stable")
    rung, went = np.zeros((2, len(turns)), dtype=np.int64)
    for word, at_ns in zip(words[order].tolist(), said_ns[order].tolist(), strict=True):
        unit = int(of.unit_of[word[2]])
        if first[unit] != word[2]:
            continue
        way = 1 if word[3] > rung[unit] else -1
        turns[unit] += way == -went[unit] and at_ns > plan.warm_up_ns
        rung[unit], went[unit] = word[3], way
    return np.maximum(0, looks), np.where(every > 0, turns, 0)  # a clock turns as it is told
