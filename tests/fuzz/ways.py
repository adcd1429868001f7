"""What passes a door is carried out in three ways, each audited, which must give the same.

The reference, columns in one shard, and lanes in several shards and other windows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import worlds

from fleet.errors import InputError
from fleet.lanes.when import Lanes
from fleet.plan import expected
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.running.options import Engine, Options
from fleet.running.run import simulate
from fleet.scenario.load import Scenario

MOST_FRAMES, MOST_SENSORS = 600, 100
"""What is larger is not carried out: there are enough small ones."""
MOST_END_NS = 60 * 10**9


def difference(scenario: Scenario, chance: random.Random) -> tuple[int, str]:
    """Carry out what is small of a scenario.

    Args:
        scenario: a checked one.
        chance: draws shards and windows.

    Returns:
        how many arms were carried out, and which gave what differs; "" if none did.
    """
    try:
        plans = [*_small(scenario)]
    except InputError:
        return 0, ""
    for plan in plans:
        given = [_counts(plan, options) for options in _ways(plan, chance)]
        if any(one != given[0] for one in given):
            return len(plans), f"arm '{plan.arm}' differs: {[one[0] for one in given]}"
    return len(plans), ""


def _small(scenario: Scenario) -> Iterator[Plan]:
    rows = catalogue(scenario)
    for arm in scenario.model.arms:
        plan = compile_plan(scenario, rows, arm)
        frames = expected.frames(plan)
        is_short = plan.end_ns <= MOST_END_NS
        if frames <= MOST_FRAMES and plan.size <= MOST_SENSORS and is_short:
            yield plan


def _ways(plan: Plan, chance: random.Random) -> Iterator[Options]:
    longest_ns = int(min(plan.control.lookahead_ns, plan.end_ns))
    window_ns = max(1, plan.end_ns // chance.randint(1, 40))
    yield Options(Engine.reference, executor="local")
    yield Options(executor="local", lanes=Lanes.never)
    yield Options(
        executor="local", lanes=Lanes.always, shards=chance.randint(2, 4),
        window_ns=min(longest_ns, window_ns),
    )  # fmt: skip


def _counts(plan: Plan, options: Options) -> tuple[Any, ...]:
    """Return what must be alike; an error of ours too, as of a run that would take too much."""
    try:
        outcome = simulate(plan, options)
    except InputError as error:
        return ("refused", type(error).__name__)
    bits = outcome.queued_bits.tolist()
    return outcome.tally.fingerprint(), outcome.in_flight, bits, worlds.by_second(outcome.tally)
