"""Lanes at work: blocks of time, and in each the stages one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from fleet.arrays import Ints
from fleet.columns.devices import Devices
from fleet.columns.pools import Pools
from fleet.columns.ways import Network
from fleet.engine.tally import Tally
from fleet.lanes import device, levels, order, pools, queues, results, spell, tiles
from fleet.lanes.frames import DECODED, DONE, ENDED, FREE, HOME, KEYS, LATE, empty, grown
from fleet.lanes.records import SLOT_BITS
from fleet.lanes.results import GROUP, SENSOR_COUNTS
from fleet.lanes.sending import Again
from fleet.lanes.tile import AFTER, PARTS, PERIOD, PERIOD_PART, WIDTH, Span
from fleet.model.frames import LEVELS
from fleet.model.frames import WIDTH as COLUMNS
from fleet.model.scene import SECOND_NS
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan
from fleet.sketch import COARSE_BUCKETS

_BLOCK_FRAMES = 12_500
"""So many frames and what they touch stay in the cache of a core."""
_LOW = (1 << SLOT_BITS) - 1


class Blocks:
    """The frames of plain sensors of a shard, from capture to their fate.

    Pools stand in the columns' own arrays (`network`), and much is counted in the shard's tally;
    what is on its way, links, sensors and what is counted of these are here.
    """

    def __init__(
        self, plan: Plan, tally: Tally, network: Network, devices: Devices, now_ns: int
    ) -> None:
        """Set up lanes without frames, to be filled.

        Args:
            plan: the plan.
            tally: where to count.
            network: the links and pools of the shard.
            devices: its sensors: who is before them, and how they stand.
            now_ns: the time.
        """
        self.plan, self.tally, self.network, self.devices = plan, tally, network, devices
        self.tiles = tiles.lay_out(plan, devices.states)
        self.frames = empty(4096)
        self.now_ns = now_ns
        self.again = Again.nothing()
        setups = plan.sensors.setups
        self.sense_ns = setups.sense_ns
        self.ready_ns = spell.ready_after(setups)
        self.after_ns = int(self.tiles.rules[:, AFTER].max())
        rules = self.tiles.rules
        self.periods = rules[:, PERIOD] + rules[:, PERIOD_PART] / rules[:, PARTS]
        per_ns = float((rules[:, WIDTH] / self.periods).sum())
        self.block_ns = int(max(_BLOCK_FRAMES, plan.size) / per_ns)
        self.ways = levels.ways(plan, tally.link_bins)
        self.runs = levels.runs(plan.links.of)
        groups, sights = len(plan.sensors.group_names), len(plan.eyes.sights.rows)
        self.sensors = np.zeros((plan.size, SENSOR_COUNTS), dtype=np.int64)
        self.sensors[:, GROUP] = plan.sensors.group_of
        self.rows = np.zeros((groups, max(1, sights)), dtype=np.int64)
        self.coarse = np.zeros((groups, COARSE_BUCKETS), dtype=np.int64)
        self.work, self.apart = results.work(), np.full((COLUMNS, 1), -1, dtype=np.int64)
        served = network.pools[LEVELS - 1]
        self.pools = served
        if served is not None:
            self.about = _about(plan, served)
            self.starts = np.zeros(len(served.ids) + 2, dtype=np.int64)
            self.pending = queues.queue(len(served.ids), 64)
            self.waiting = queues.queue(len(served.ids), 64)
            self.meet = levels.meet_at_pools(plan)
        self.whose = spell.Whose(
            devices.states.setup_of.copy(),
            plan.sensors.size_keys,
            plan.sensors.setups,
            plan.eyes.sights,
        )

    def advance(self, until_ns: int) -> None:
        """Take every frame as far as it comes before a time."""
        for begin, end in self._blocks(until_ns):
            self._block(begin, end)
            self.now_ns = end
            if end % SECOND_NS == 0:
                self.put_by()

    def _blocks(self, until_ns: int) -> Iterator[tuple[int, int]]:
        """Yield blocks up to a time, like long, none across a whole second."""
        at = self.now_ns
        while at < until_ns:
            end = min(until_ns, (at // SECOND_NS + 1) * SECOND_NS)
            many = -(-(end - at) // self.block_ns)
            cuts = [at + (end - at) * k // many for k in range(many + 1)]
            yield from pairwise(cuts)
            at = end

    def _block(self, begin: int, end: int) -> None:
        self._capture(begin, end)
        for first, last, meet in self.runs:
            self._cross((first, last), meet, (begin, end))
        arrived = self._arrived((begin, end))
        sums = np.zeros(self.tally.stages_ns.shape, dtype=np.int64)
        if self.pools is not None:
            arrived = self._serve(arrived, (begin, end))
            self._count(self._all(DONE), begin, sums, results.SERVERS)
        self._count(self._all(HOME), begin, sums, results.HOME)
        self._count(arrived & _LOW, begin, sums, results.NETWORK)
        self.tally.stages_ns += sums
        self.tally.latency_bins[:, begin // SECOND_NS] += sums.sum(axis=1)
        if self.frames.counts[ENDED]:
            self._end()

    def _capture(self, begin: int, end: int) -> None:
        """Take what is ready in a block to the far end of its port; the keys are left in `keys`."""
        rules = self.tiles.rules
        most = ((end - begin) / self.periods + 2).astype(np.int64) @ rules[:, WIDTH]
        self.frames = grown(self.frames, int(most))
        first, view = self.devices.crowd.look(self.known_from_ns(begin), end)
        lights = light_by_second(self.plan, first, len(view))
        span = Span(begin, end, first, view, lights, self.tally.link_bins)
        self.frames.counts[KEYS] = 0
        device.advance(self.tiles, span, self.frames)

    def known_from_ns(self, now_ns: int) -> int:
        """Return from when on frames may have been captured that are not ready yet; ns.

        Of the time before that it is not kept who was in view.
        """
        crowd = self.devices.crowd
        return max(now_ns - self.after_ns, (crowd.second - len(crowd.view)) * SECOND_NS)

    def _cross(self, run: tuple[int, int], meet: bool, span: tuple[int, int]) -> None:
        """Take frames through levels of links; keys come from `keys` and are left there."""
        frames, (first, last) = self.frames, run
        late = levels.come(first, frames, span, frames.other)
        fresh = int(frames.counts[KEYS])
        keys = frames.other[: late + fresh]
        keys[late:] = frames.keys[:fresh]
        frames.counts[KEYS] = 0
        ways = self.ways
        for level in range(last, first, -1):  # who is further on came before
            if frames.counts[LATE + level]:
                ahead = frames.spare[: levels.come(level, frames, span, frames.spare)]
                levels.cross(ahead, frames, ways, (level, last), span)
        if meet:
            keys = order.sort(keys, frames.spare, span[1] - span[0], frames.records)
        levels.cross(keys, frames, ways, run, span)

    def _arrived(self, span: tuple[int, int]) -> Ints:
        """Return the keys of the frames that come behind the last links in a block."""
        frames = self.frames
        late = levels.come(LEVELS, frames, span, frames.other)
        fresh = int(frames.counts[KEYS])
        keys = frames.other[: late + fresh]
        keys[late:] = frames.keys[:fresh]
        return keys

    def _serve(self, arrived: Ints, span: tuple[int, int]) -> Ints:
        """Have frames served in a block; return the keys of those that no servers are for."""
        frames, length, pool, starts = self.frames, span[1] - span[0], self._pool(), self.starts
        if self.meet:
            arrived = order.sort(arrived, frames.spare, length, frames.records).copy()
        pools.deal(arrived, self.about, frames, starts)
        direct = frames.keys[starts[-2] : starts[-1]].copy()
        more = len(arrived) + int(frames.counts[DECODED])
        self.pending, self.waiting = (queues.roomier(q, more) for q in (self.pending, self.waiting))
        pools.decode(frames.keys, starts, span, pool, self.pending, frames)
        ordered = pools.come(span, pool, frames, starts)
        keys = frames.other[: starts[0]]
        if not ordered:
            keys = order.sort(keys, frames.spare, length, frames.records).copy()
        pools.deal(keys, self.about, frames, starts)
        pools.answer(span[1], frames)
        pools.serve(frames.keys, starts, span, pool, self.waiting, frames)
        return direct

    def _pool(self) -> pools.Pool:
        served, plan = self.pools, self.plan
        assert served is not None
        return pools.Pool(
            self.about, plan.sensors.service_keys, served.rates,
            served.decoders, served.decoder_sizes, served.rings, served.sizes, served.table,
            served.variation, served.mean_ns, served.hold_ns, served.arrived, served.decoding_ns,
            served.served_ns, served.batches, served.started, served.idle_ns,
        )  # fmt: skip

    def _all(self, which: int) -> Ints:
        """Return the slots in one of the lists of results, which is then empty."""
        many = int(self.frames.counts[which])
        self.frames.counts[which] = 0
        return (self.frames.home if which == HOME else self.frames.done)[:many]

    def _count(self, slots: Ints, begin: int, sums: Ints, source: int) -> None:
        """Count results from a source; `sums` is added to."""
        if not len(slots):
            return
        tally = self.tally
        where = results.Results(
            self.work, self.sensors, tally.latency, self.coarse, self.rows, sums, tally.print_sum,
            tally.seconds.book(self.plan, begin), self.apart,
        )  # fmt: skip
        results.count(slots, begin // SECOND_NS * SECOND_NS, source, self.frames, where)

    def put_by(self) -> None:
        """Put by how the results of the second under way ended."""
        if self.coarse.any():
            second = (self.now_ns - 1) // SECOND_NS
            self.tally.result_bins[:, second] += self.coarse.sum(axis=1)
            self.tally.seconds.add_results(second, self.coarse)
            self.coarse[...] = 0

    def _end(self) -> None:
        """Count the frames that met another fate, and let others have their slots."""
        frames = self.frames
        columns = np.empty((COLUMNS, int(frames.counts[ENDED])), dtype=np.int64)
        many = spell.ended(frames, self.whose, columns)
        self.tally.finish(self.plan, columns, np.arange(many), self.now_ns)
        free = int(frames.counts[FREE])
        frames.free[free : free + many] = frames.ended[:many, 0]
        frames.counts[FREE], frames.counts[ENDED] = free + many, 0


def _about(plan: Plan, served: Pools) -> Ints:
    """Return what pools know of each sensor; see `fleet.lanes.pools.Pool`."""
    about = np.zeros((plan.size, pools.ABOUT), dtype=np.int64)
    about[:, pools.ROW] = len(served.ids)
    here = plan.pools.of >= 0
    about[here, pools.ROW] = served.row_of[plan.pools.of[here]]
    about[:, pools.PIXELS] = plan.pools.decode_px * (
        0 if served.decodes is None else served.decodes
    )
    about[:, pools.RETURN_NS] = plan.pools.return_ns
    return about
