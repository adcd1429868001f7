"""Who simulates what: sensors are dealt to shards, each link goes to the lowest process that can.

A link or a pool that only sensors of one shard use is simulated there, be it the cloud's own; one
that several shards share is simulated by its region. A region that a shard has all to itself needs
no process, and no frame is handed over. Any split gives the same results.

The way of a frame is a row of places: link 0, servers behind it, link 1, servers behind it, and so
on: `link_place` and `pool_place` count them, and `END_PLACE` is behind the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet.arrays import Bools, Ints
from fleet.model.events import OF_LINKS, OF_POOLS, SENSOR_LEAVES, Timetable
from fleet.model.frames import LEVELS
from fleet.plan.plan import Plan

END_PLACE = 2 * LEVELS


def link_place(level: int) -> int:
    """Return the place of a link of a level on the way of a frame."""
    return 2 * level


def pool_place(level: int) -> int:
    """Return the place of servers behind a level on the way of a frame."""
    return 2 * level + 1


@dataclass(frozen=True)
class Territory:
    """What one logical process simulates.

    Attributes:
        name: of the process.
        ids: its sensors, ascending: those that are simulated here or, in a region, those whose
            frames come here.
        captures: whether its sensors are simulated here.
        links: whether each link is its own; shape (links,).
        pools: whether each pool is its own; shape (pools,).
        enter: place at which each of its sensors' ways enters the process.
        leave: place at which it leaves again.
        handed_as: number of each of its sensors among those of its region's process, -1 if the way
            never leads there.
        regions: of a shard the regions that have a process, of a region itself.
    """

    name: str
    ids: Ints
    captures: bool
    links: Bools
    pools: Bools
    enter: Ints
    leave: Ints
    handed_as: Ints
    regions: tuple[int, ...]

    @property
    def sensors(self) -> Ints:
        """Return which of its sensors are simulated here, by number among them."""
        return np.arange(len(self.ids) if self.captures else 0)

    def concerns(self, timetable: Timetable) -> Bools:
        """Return which rows of the timetable of its own share of a plan happen in this process."""
        kind, target = timetable.kind, timetable.target
        mine: Bools = (kind == SENSOR_LEAVES) | self.captures  # whose radio may be anywhere
        for of, own in ((OF_LINKS, self.links), (OF_POOLS, self.pools)):
            theirs = np.isin(kind, of)
            mine[theirs] = own[target[theirs]]
        return mine


@dataclass(frozen=True)
class Partition:
    """The split of a plan into shards, and the regions that need a process of their own."""

    shards: tuple[Territory, ...]
    regions: tuple[Territory, ...]

    @property
    def territories(self) -> tuple[Territory, ...]:
        """Return all parts: shards, then regions."""
        return self.shards + self.regions


def partition(plan: Plan, shards: int) -> Partition:
    """Return a plan split into at most `shards` shards of like size, and its regions.

    Sensors that share a region or, where there are more shards than regions, their links are kept
    together as far as sizes allow.
    """
    shard_of = _deal(plan, min(shards, plan.size))
    link_owner = np.full(len(plan.links.table), -1, dtype=np.int64)
    pool_owner = np.full(len(plan.pools.names), -1, dtype=np.int64)
    handover = np.full(plan.size, END_PLACE, dtype=np.int64)
    for level in range(LEVELS):
        _own(plan.links.of[level], link_owner, handover, shard_of, link_place(level))
        behind = np.where(plan.pools.level == level, plan.pools.of, -1)
        _own(behind, pool_owner, handover, shard_of, pool_place(level))
    regions = tuple(int(r) for r in np.unique(plan.links.region_of[handover < END_PLACE]))
    link_region = _regions_of(plan, plan.links.of, len(plan.links.ids))
    pool_region = _regions_of(plan, plan.pools.of[None], len(plan.pools.names))
    handed_as = np.full(plan.size, -1, dtype=np.int64)
    passing = {}
    for r in regions:
        passing[r] = np.flatnonzero((plan.links.region_of == r) & (handover < END_PLACE))
        handed_as[passing[r]] = np.arange(len(passing[r]))

    def shard(k: int) -> Territory:
        ids = np.flatnonzero(shard_of == k)
        return Territory(
            f"shard-{k}", ids, True, link_owner == k, pool_owner == k, np.zeros_like(ids),
            handover[ids], handed_as[ids], regions,
        )  # fmt: skip

    def region(r: int) -> Territory:
        ids = passing[r]
        return Territory(
            f"region-{r}", ids, False, (link_owner < 0) & (link_region == r),
            (pool_owner < 0) & (pool_region == r), handover[ids], np.full_like(ids, END_PLACE),
            np.full_like(ids, -1), (r,),
        )  # fmt: skip

    return Partition(
        shards=tuple(shard(k) for k in range(int(shard_of.max()) + 1)),
        regions=tuple(region(r) for r in regions),
    )


def _deal(plan: Plan, shards: int) -> Ints:
    """Return the shard of each sensor.

    Whole regions, the largest first to whom has least, if there are as many as shards; else equal
    shares of the sensors in order of their links.
    """
    sizes = np.bincount(plan.links.region_of)
    if shards <= np.count_nonzero(sizes):
        shard_of_region, load = np.zeros(len(sizes), dtype=np.int64), [0] * shards
        for region in np.argsort(-sizes, kind="stable"):
            least = load.index(min(load))
            shard_of_region[region] = least
            load[least] += int(sizes[region])
        return np.asarray(shard_of_region[plan.links.region_of])
    by_link = np.lexsort((np.arange(plan.size), *plan.links.of))
    shard_of = np.empty(plan.size, dtype=np.int64)
    shard_of[by_link] = np.arange(plan.size) * shards // plan.size
    return shard_of


def _own(used: Ints, owner: Ints, handover: Ints, shard_of: Ints, place: int) -> None:
    """Give the links or pools of a place to the shards that have all their users, in place.

    One that several shards use belongs to a region, and so does one that frames of a region reach.

    Args:
        used: the one that each sensor uses, -1 for none; shape (sensors,).
        owner: shard of each, -1 for a region; those of this place are filled.
        handover: first place of each sensor's way that its shard does not own; lowered.
        shard_of: shard of each sensor.
        place: the place.
    """
    users = np.flatnonzero(used >= 0)
    if not len(users):
        return
    unit, shard = used[users], np.where(handover[users] < place, -1, shard_of[users])
    lowest = np.full(len(owner), len(shard_of), dtype=np.int64)
    highest = np.full(len(owner), -1, dtype=np.int64)
    np.minimum.at(lowest, unit, shard)
    np.maximum.at(highest, unit, shard)
    here = np.unique(unit)
    owner[here] = np.where(lowest == highest, lowest, -1)[here]
    foreign = users[owner[unit] < 0]
    handover[foreign] = np.minimum(handover[foreign], place)


def _regions_of(plan: Plan, used_by: Ints, count: int) -> Ints:
    """Return the region to which the users of each link or pool send."""
    region = np.full(count, -1, dtype=np.int64)
    for row in used_by:
        used = row >= 0
        region[row[used]] = plan.links.region_of[used]
    return region
