"""Groups that share servers: their priorities, and what a frame of each costs of its share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from fleet.plan.plant import Pool, Tenants
from fleet.scenario.load import Scenario

MOST_COST = 10**9
"""So that what frames have cost in a window fits an int64."""


def tenants_of(
    scenario: Scenario, groups: Sequence[str], sharing: Mapping[str, str], networks: Sequence[str]
) -> Tenants | None:
    """Return in which order a pool takes frames; None if who comes first is served first.

    Where it runs several networks there is an order, for a batch is of one of them.

    The cost of a frame is the least common multiple of the weights of its priority over the weight
    of its group, so that it is whole; a group without a weight has 1 if another of its priority has
    one, and where none has one all cost nothing.

    Args:
        scenario: what is asked.
        groups: all that have sensors, in the order of the plan.
        sharing: those that send frames to the pool, and what for.
        networks: all that it runs.

    Raises:
        InputError: weights of a priority have no common multiple that is small enough.
    """
    said = {name: scenario.model.sensors[name] for name in groups if name in sharing}
    ranks = {name: group.priority for name, group in said.items()}
    costs = dict.fromkeys(groups, 0)
    for rank in set(ranks.values()):
        costs |= _costs(scenario, {n: said[n].weight for n in said if ranks[n] == rank})
    if len(set(ranks.values())) < 2 and not any(costs.values()) and len(networks) < 2:
        return None
    of = [networks.index(sharing[g]) if g in sharing else 0 for g in groups]
    return Tenants(
        np.array([ranks.get(g, 0) for g in groups], dtype=np.int64),
        np.array([costs[g] for g in groups], dtype=np.int64),
        np.array(of, dtype=np.int64),
    )


def _costs(scenario: Scenario, weights: Mapping[str, int | None]) -> dict[str, int]:
    """Return what a frame of each group of a priority costs."""
    weighted = [name for name, weight in weights.items() if weight is not None]
    if len(weights) < 2 or not weighted:
        return {}
    each = {name: weight or 1 for name, weight in weights.items()}
    common = math.lcm(*each.values())
    if common > MOST_COST:
        raise scenario.error(
            ("sensors", weighted[0], "weight"),
            f"weights {', '.join(f'{each[name]} ({name})' for name in weighted)} have the least"
            f" common multiple {common:,}, and {MOST_COST:,} is the most; take rounder ones, such"
            " as 70 and 30",
        )
    return {name: common // weight for name, weight in each.items()}


def remarks(
    scenario: Scenario, pools: Sequence[Pool | None], sharing: Sequence[Set[str]]
) -> Iterator[str]:
    """Yield which groups say a priority or a weight that changes nothing.

    Args:
        scenario: what is asked.
        pools: by entry.
        sharing: the groups that send frames to each.
    """
    sensors = scenario.model.sensors
    together = [mine for pool, mine in zip(pools, sharing, strict=True) if pool]
    for name in sorted(frozenset().union(*together)):
        others = [sensors[n].priority for mine in together if name in mine for n in mine - {name}]
        own = sensors[name].priority
        if own and all(priority == own for priority in others):
            yield (
                f"sensors.{name}.priority changes nothing, as '{name}' shares no servers with a"
                " group of another priority."
            )
        if sensors[name].weight is not None and own not in others:
            yield (
                f"sensors.{name}.weight changes nothing, as '{name}' shares no servers with a group"
                " of its priority."
            )
