"""Groups that share servers: their priorities, and what a frame of each costs of its share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from fleet.plan.plant import Pool, Tenants
from fleet.scenario.load import Scenario

MOST_COST = 10**9
"""So that what frames have cost in a window fits an int64."""


def tenants_of(scenario: Scenario, groups: Sequence[str], sharing: Set[str]) -> Tenants | None:
    """Return in which order a pool takes frames; None if who comes first is served first.

    The cost of a frame is the least common multiple of all weights over the weight of its group, so
    that it is whole; a group without a weight has 1 if another has one.

    Args:
        scenario: what is asked.
        groups: all that have sensors, in the order of the plan.
        sharing: those that send frames to the pool.

    Raises:
        InputError: the weights have no common multiple that is small enough.
    """
    said = {name: scenario.model.sensors[name] for name in groups if name in sharing}
    weighted = [name for name, group in said.items() if group.weight is not None]
    ranks = {group.priority for group in said.values()}
    if len(said) < 2 or (len(ranks) == 1 and not weighted):
        return None
    weights = {name: group.weight or 1 for name, group in said.items()}
    common = math.lcm(*weights.values()) if weighted else 0
    if common > MOST_COST:
        raise scenario.error(
            ("sensors", weighted[0], "weight"),
            f"weights {', '.join(f'{weights[name]} ({name})' for name in weighted)} have the least"
            f" common multiple {common:,}, and {MOST_COST:,} is the most; take rounder ones, such"
            " as 70 and 30",
        )
    return Tenants(
        np.array([said[g].priority if g in said else 0 for g in groups], dtype=np.int64),
        np.array([common // weights[g] if g in said else 0 for g in groups], dtype=np.int64),
    )


def remarks(
    scenario: Scenario, pools: Sequence[Pool | None], sharing: Sequence[Set[str]]
) -> Iterator[str]:
    """Yield which groups say a priority or a weight that changes nothing.

    Args:
        scenario: what is asked.
        pools: by entry.
        sharing: the groups that send frames to each.
    """
    where: Mapping[str, list[Pool]] = {
        name: [pool for pool, mine in zip(pools, sharing, strict=True) if pool and name in mine]
        for name in sorted(frozenset().union(*sharing))
    }
    for name, mine in where.items():
        group = scenario.model.sensors[name]
        said = [
            key for key, value in (("priority", group.priority), ("weight", group.weight)) if value
        ]
        if said and not any(pool.tenants for pool in mine):
            yield (
                f"sensors.{name}.{said[0]} changes nothing, as '{name}' shares no servers with a"
                " group of another priority or weight."
            )
