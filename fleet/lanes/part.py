"""A part of a shard at work: its frames, taken through one block of time after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Bools, Ints
from fleet.lanes import levels, queues
from fleet.lanes.flow import Route
from fleet.lanes.frames import ROOM, empty, grown
from fleet.lanes.levels import Ways
from fleet.lanes.pools import Pool, Servers
from fleet.lanes.results import Results
from fleet.lanes.tile import PARTS, PERIOD, PERIOD_PART, WIDTH, Span, Tiles
from fleet.lanes.turn import Turn, take
from fleet.model.frames import LEVELS
from fleet.model.scene import SECOND_NS
from fleet.plan.plan import Plan

_BLOCK_FRAMES = 6_000
"""About so many frames and what they touch stay in the cache of a core."""
_TICK_NS = 1_000
"""How far from a whole number of periods a block may be."""


class Around(NamedTuple):
    """What parts of a shard have in common.

    Attributes:
        ways: the links.
        to: where results are counted.
        pool: the pools, None if nobody sends to servers.
    """

    ways: Ways
    to: Results
    pool: Pool | None


class Part:
    """Frames of some sensors, from capture to their fate, and where they are between blocks.

    Attributes:
        frames: of its sensors.
        pending, waiting: frames that wait for a decoder and for a server, by pool of the shard.
        block_ns: length of a block.
    """

    def __init__(
        self, plan: Plan, mine: Ints, tiles: Tiles, ways: Ways, rows: Ints, many: int
    ) -> None:  # fmt: skip
        """Set up a part without frames.

        Args:
            plan: the plan of the shard.
            mine: its sensors.
            tiles: these, in tiles.
            ways: the links that sensors share.
            rows: row of the pool of each sensor of the plan, -1 for none.
            many: rows that there are.
        """
        self.tiles, self.frames = tiles, empty(4096)
        pools = np.unique(rows[mine])  # -1 comes first
        self.pools = pools if (pools >= 0).any() else pools[:0]
        self.pending, self.waiting = (queues.queue(many, 1) for _ in range(2))
        self.starts = np.zeros(many + 2, dtype=np.int64)
        of = plan.links.of[:, mine]
        links = plan.links.table
        tricky: Bools = ((links.loss_ppb[of] > 0) | (links.cap_bits[of] > 0)) & (of >= 0)
        chain = ways.of[:, mine[0]].astype(np.int64)
        self.route = _route(of, rows[mine], np.any(tricky, axis=1), chain)
        rules = tiles.rules
        self.block_ns = _block_ns(rules)

    def blocks(self, from_ns: int, until_ns: int) -> int:
        """Return into how many blocks a span of time is divided."""
        return -(-(until_ns - from_ns) // self.block_ns)

    def advance(self, first: int, blocks: int, span: Span, around: Around) -> int:
        """Take every frame as far as it comes before the end of a span of time.

        Args:
            first: block to begin with.
            blocks: the span has so many, like long.
            span: at most what is left of a second.
            around: what parts have in common.

        Returns:
            the block that is next: there was no more room where that is not the last, and it is to
            be tried again when the frames that have ended are counted.
        """
        self.frames = grown(self.frames, int(self.frames.counts[ROOM]))
        with_it = Turn(self.tiles, self.frames, self.route, around.ways, around.to)
        return take(first, blocks, span, with_it, self._servers(around.pool))

    def _servers(self, pool: Pool | None) -> Servers | None:
        """Return the servers, None if nobody sends to any; all frames may wait there."""
        if pool is None or not len(self.pools):
            return None
        self.pending = queues.roomier(self.pending, len(self.frames.free))
        self.waiting = queues.roomier(self.waiting, len(self.frames.free))
        return Servers(self.pools, pool, self.pending, self.waiting, self.starts)


def _route(of: Ints, rows: Ints, tricky: Bools, chain: Ints) -> Route:
    """Return the ways of the frames of some sensors.

    Args:
        of: link at each level of each sensor's way, -1 for none; shape (LEVELS, sensors).
        rows: row of the pool of each, -1 for none.
        tricky: whether some link of each level is (`fleet.lanes.levels`); shape (LEVELS,).
        chain: row of the link of the first of them at each level.
    """
    runs = levels.runs(of, tricky)
    first, _, meet, last_is = runs[-1]
    last = of[first:]
    one_way = (last == last[:, :1]).all() and len(np.unique(rows)) == 1
    if one_way and (last >= 0).any() and not last_is:
        runs.pop()
    else:  # on to several links or pools
        first, meet = LEVELS, last_is or levels.meet_at_pools(of, rows)
    passes = np.array(runs, dtype=np.int64).reshape(-1, 4)
    return Route(passes, first, meet, chain)


def _block_ns(rules: Ints) -> int:
    """Return the length of blocks: a part of a second, of whole periods as far as can be.

    Then a round takes a frame of every lane of a tile. Where blocks are shorter than that, sensors
    of a kind that fill several tiles have their frames tile by tile, and a round takes some of a
    tile only where a block begins or ends among these.
    """
    kinds, kind, tiles = np.unique(
        rules[:, :WIDTH], axis=0, return_inverse=True, return_counts=True
    )
    sensors = np.bincount(kind.reshape(-1), weights=rules[:, WIDTH])
    periods = kinds[:, PERIOD] + kinds[:, PERIOD_PART] / kinds[:, PARTS]
    wanted_ns = _BLOCK_FRAMES / float((sensors / periods).sum())
    many = np.arange(1, int(max(1.0, 4 * SECOND_NS / wanted_ns)) + 1)
    length = (SECOND_NS / many)[:, None]
    some = np.minimum(1.0, (length + periods / tiles) / periods)
    rounds = np.where(length < periods, some, np.ceil((length - _TICK_NS) / periods))
    waste = (rounds * periods / length) @ sensors / sensors.sum()
    away = np.abs(np.log2(length[:, 0] / wanted_ns))
    return int(SECOND_NS / many[np.argmin(waste + away / 4)])
