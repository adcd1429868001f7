"""Which pool of servers serves the frames of each sensor: its region's, or one at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fleet.arrays import Ints
from fleet.model.frames import LEVELS
from fleet.plan.draft import Draft, Served
from fleet.plan.equipment import Setup
from fleet.plan.network import Network
from fleet.plan.roster import numbered
from fleet.scenario.load import Scenario


def region_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the regions: the cloud's own, then the others."""
    cloud = scenario.model.cloud.region
    return (cloud, *(name for name in scenario.model.regions if name != cloud))


def of_region(scenario: Scenario, region: str, field: str) -> Any:
    """Return what a region has of a field: its own, or else the cloud's."""
    own = scenario.model.regions.get(region)
    value = None if own is None else getattr(own, field)
    return getattr(scenario.model.cloud, field) if value is None else value


def build(draft: Draft) -> Served:
    """Return all pools, and which of them serves each sensor.

    Raises:
        InputError: no edge lies on the way of a sensor that wants one, or several do.
    """
    scenario = draft.scenario
    pool_of = np.full(len(draft.roster), -1, dtype=np.int64)
    level = np.full(len(draft.roster), LEVELS - 1, dtype=np.int64)
    at_edges = []
    for mine, group, setup in draft.served_kinds():
        pool_of[mine] = draft.net.region_of[mine]
        if setup.equipment.infer == "edge":
            name, level[mine] = _edge_of(scenario, draft.net, group, setup)
            at_edges.append((mine, name))
    names, entries = _edge_pools(draft, at_edges, pool_of)
    return Served(names, np.array(entries, dtype=np.int64), pool_of, level)


def _edge_pools(
    draft: Draft, at_edges: Sequence[tuple[Ints, str]], pool_of: Ints
) -> tuple[tuple[str, ...], list[int]]:
    """Return (names, entries) of all pools; tell sensors at edges in `pool_of` which is theirs.

    Behind the regions pools are numbered by the first sensor that uses them.

    Args:
        draft: the sensors.
        at_edges: (sensors, name of their edge).
        pool_of: changed in place.
    """
    scenario, roster = draft.scenario, draft.roster
    regions, edges = region_names(scenario), list(scenario.model.edges)
    edge = np.full(len(roster), -1, dtype=np.int64)
    unit = np.zeros(len(roster), dtype=np.int64)
    for mine, name in at_edges:
        edge[mine] = edges.index(name)
        unit[mine] = roster.units[scenario.model.edges[name].shared_by][mine]
    users = np.flatnonzero(edge >= 0)
    pair = edge[users] * (len(roster) + 1) + unit[users]
    first, which = numbered(pair)
    pool_of[users] = len(regions) + which
    names, entries = list(regions), list(range(len(regions)))
    for s in users[first]:
        name = edges[int(edge[s])]
        own = roster.unit_name(scenario.model.edges[name].shared_by, int(s))
        names.append(f"{name}/{own}" if own else name)
        entries.append(len(regions) + int(edge[s]))
    return tuple(names), entries


def _edge_of(scenario: Scenario, network: Network, group: str, setup: Setup) -> tuple[str, int]:
    """Return the edge on the way of a group, and the level of the link in front of it."""
    way = {network.classes[c].name: network.classes[c].level for c in network.paths[group]}
    way = {name: level for name, level in way.items() if name in scenario.model.links}
    passed = [name for name, edge in scenario.model.edges.items() if edge.after in way]
    if len(passed) != 1:
        names = ", ".join(scenario.model.edges) or "none"
        raise scenario.error(
            (*setup.keys, "infer"),
            f"the way of '{group}' ({' → '.join(way)}) passes {len(passed)} edges and must pass"
            f" one; edges: {names}; set 'after' of one to a link on the way",
        )
    level = way[scenario.model.edges[passed[0]].after]
    if level == LEVELS - 1:
        raise scenario.error(
            ("edges", passed[0], "after"), "lies behind a wan link: that is the region; use 'cloud'"
        )
    return passed[0], level
