"""Who simulates what: sensors are dealt to shards, each link goes to the lowest process that can.

A link that only sensors of one shard use is simulated there; a link that several shards share is
simulated by its region. Any split gives the same results.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.plan.columns import HOUR, KIND, LINK_DOWN, TARGET, Ints, Plan
from fleet.stages.frames import LEVELS


@dataclass(frozen=True)
class Part:
    """What one logical process simulates.

    Attributes:
        sensors: indices of its sensors, sorted; none for a region.
        links: whether each link is its own; shape (links,).
        enter: level at which each sensor's path enters the process; shape (sensors,).
        leave: level at which it leaves again, LEVELS at the region; shape (sensors,).
    """

    sensors: Ints
    links: NDArray[np.bool_]
    enter: Ints
    leave: Ints

    def concerns(self, timetable: Ints) -> NDArray[np.bool_]:
        """Return which rows of a timetable happen in this process."""
        kind, target = timetable[:, KIND], timetable[:, TARGET]
        on_link = kind == LINK_DOWN
        mine = np.zeros(len(timetable), dtype=np.bool_)
        mine[on_link] = self.links[target[on_link]]
        mine[~on_link] = np.isin(target[~on_link], self.sensors)
        mine[kind == HOUR] = len(self.sensors) > 0
        return mine


@dataclass(frozen=True)
class Partition:
    """The split of a plan into shards and regions."""

    shards: tuple[Part, ...]
    regions: tuple[Part, ...]


def partition(plan: Plan, shards: int) -> Partition:
    """Return a plan split into at most `shards` shards of like size, and its regions.

    Sensors that share their first links are kept together as far as sizes allow.
    """
    shard_of = _deal(plan, min(shards, plan.size))
    count = int(shard_of.max()) + 1
    owner = _owners(plan, shard_of)
    handover = _handover(plan, shard_of, owner)
    nowhere = np.zeros(plan.size, dtype=np.int64)
    at_region = np.full(plan.size, LEVELS, dtype=np.int64)
    none = np.empty(0, dtype=np.int64)
    link_region = _link_region(plan)
    return Partition(
        shards=tuple(
            Part(np.flatnonzero(shard_of == k), owner == k, nowhere, handover) for k in range(count)
        ),
        regions=tuple(
            Part(none, (owner < 0) & (link_region == r), handover, at_region)
            for r in range(len(plan.region_names))
        ),
    )


def _deal(plan: Plan, shards: int) -> Ints:
    """Return the shard of each sensor: equal shares of the sensors in order of their links."""
    by_link = np.lexsort((np.arange(plan.size), *plan.link_of))
    shard_of = np.empty(plan.size, dtype=np.int64)
    shard_of[by_link] = np.arange(plan.size) * shards // plan.size
    return shard_of


def _owners(plan: Plan, shard_of: Ints) -> Ints:
    """Return the shard that has all sensors of a link, -1 if several have some."""
    lowest = np.full(len(plan.links), plan.size, dtype=np.int64)
    highest = np.full(len(plan.links), -1, dtype=np.int64)
    for level in range(LEVELS):
        used = plan.link_of[level] >= 0
        np.minimum.at(lowest, plan.link_of[level][used], shard_of[used])
        np.maximum.at(highest, plan.link_of[level][used], shard_of[used])
    return np.where(lowest == highest, lowest, -1)


def _handover(plan: Plan, shard_of: Ints, owner: Ints) -> Ints:
    """Return the first level of each sensor's path that its shard does not own."""
    handover = np.full(plan.size, LEVELS, dtype=np.int64)
    for level in reversed(range(LEVELS)):
        link = plan.link_of[level]
        foreign = (link >= 0) & (owner[link] != shard_of)
        handover[foreign] = level
    return handover


def _link_region(plan: Plan) -> Ints:
    region = np.full(len(plan.links), -1, dtype=np.int64)
    for level in range(LEVELS):
        used = plan.link_of[level] >= 0
        region[plan.link_of[level][used]] = plan.region_of[used]
    return region
