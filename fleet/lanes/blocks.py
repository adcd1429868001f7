"""Lanes at work: blocks of time, through which one part of a shard after the other is taken."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, bare
from fleet.columns.devices import Devices
from fleet.columns.pools import Pools
from fleet.columns.ways import Network
from fleet.engine.by_second import ENDS
from fleet.engine.tally import Tally
from fleet.lanes import levels, parts, pools, results, spell, tiles, work
from fleet.lanes.frames import ENDED, FREE
from fleet.lanes.inside import Again
from fleet.lanes.part import Around, Part
from fleet.lanes.results import GROUP, SENSOR_COUNTS
from fleet.lanes.tile import AFTER, WHERE, Span, between
from fleet.model.frames import LEVELS
from fleet.model.frames import WIDTH as COLUMNS
from fleet.model.scene import SECOND_NS
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan
from fleet.sketch import COARSE_BUCKETS


class Blocks:
    """The frames of plain sensors of a shard, from capture to their fate.

    Pools stand in the columns' own arrays (`network`), and much is counted in the shard's tally;
    what is on its way, links, sensors and what is counted of these are here.
    """

    def __init__(
        self, plan: Plan, tally: Tally, network: Network, devices: Devices, again: Again,
        now_ns: int,
    ) -> None:  # fmt: skip
        """Set up lanes without frames, to be filled.

        Args:
            plan: the plan.
            tally: where to count.
            network: the links and pools of the shard.
            devices: its sensors: who is before them, and how they stand.
            again: frames that are to be captured again.
            now_ns: the time.
        """
        self.again = again
        self.plan, self.tally, self.network, self.devices = plan, tally, network, devices
        self.now_ns = self.until_ns = now_ns
        setups = plan.sensors.setups
        self.sense_ns = setups.sense_ns
        self.ready_ns = spell.ready_after(setups)
        self.ways = levels.ways(plan, network.links, tally.link_bins)
        groups, sights = len(plan.sensors.group_names), len(plan.eyes.sights.rows)
        self.sensors = np.zeros((plan.size, SENSOR_COUNTS), dtype=np.int64)
        self.sensors[:, GROUP] = plan.sensors.group_of
        self.rows = np.zeros((groups, max(1, sights)), dtype=np.int64)
        self.ends = np.zeros((groups, ENDS), dtype=np.int64)
        self.sums = np.zeros(tally.stages_ns.shape, dtype=np.int64)
        self.pools = network.pools[LEVELS - 1]
        if self.pools is not None:
            self.about = _about(plan, self.pools)
        book = tally.seconds.book(plan, now_ns)
        self.to = results.Results(
            work.room(), self.sensors, tally.latency, self.ends, self.rows, self.sums,
            tally.print_sum, book._replace(links=bare(book.links)),
            np.full((COLUMNS, 1), -1, dtype=np.int64),
        )  # fmt: skip
        self.whose = spell.Whose(
            devices.states.setup_of.copy(),
            plan.sensors.size_keys,
            plan.sensors.setups,
            plan.eyes.sights,
        )
        self.part_of = parts.parts(plan)
        self.tiles = tiles.lay_out(plan, devices.states, network.links, self.part_of)
        self.after_ns = int(self.tiles.rules[:, AFTER].max())
        self.parts = self._parts()

    def _parts(self) -> list[Part]:
        """Return the parts, each with its tiles, which stand side by side."""
        plan, served, rules = self.plan, self.pools, self.tiles.rules
        rows, many = np.full(plan.size, -1, dtype=np.int64), 0
        if served is not None:
            many = len(served.ids)
            rows[plan.pools.of >= 0] = served.row_of[plan.pools.of[plan.pools.of >= 0]]
        made = []
        for p in range(int(self.part_of.max()) + 1):
            first, end = np.searchsorted(rules[:, WHERE], (p, p + 1))
            mine = between(self.tiles, first, end)
            made.append(Part(plan, np.flatnonzero(self.part_of == p), mine, self.ways, rows, many))
        return made

    def come_to(self, until_ns: int, *, waits: bool) -> None:
        """Come to a time, or to the last whole second before if it `waits` for what is asked then.

        Blocks divide a second, but not what is between two windows.
        """
        self.until_ns = until_ns
        self._advance(until_ns if not waits else until_ns // SECOND_NS * SECOND_NS)

    def settle(self) -> None:
        """Catch up with the time that lanes were to come to."""
        self._advance(self.until_ns)

    def _advance(self, until_ns: int) -> None:
        """Take every frame as far as it comes before a time."""
        while self.now_ns < until_ns:
            end = min(until_ns, (self.now_ns // SECOND_NS + 1) * SECOND_NS)
            self._second(self.now_ns, end)
            self.now_ns = end
            if end % SECOND_NS == 0:
                self.put_by()

    def queued(self, row: int) -> int:
        """Return the number of frames that wait for a decoder or a server of a pool."""
        rings = [ring.ends[row] for part in self.parts for ring in (part.pending, part.waiting)]
        return sum(int(came - left) for left, came in rings)

    def _second(self, begin: int, end: int) -> None:
        """Take frames through a second, or through some of it."""
        first, view = self.devices.crowd.look(self.known_from_ns(begin), end)
        lights = light_by_second(self.plan, first, len(view))
        around = Around(self.ways, self.to, self._pool())
        span = Span(begin, end, first, view, lights, self.tally.link_bins)
        for part in self.parts:
            block, blocks = 0, part.blocks(begin, end)
            while block < blocks:
                block = part.advance(block, blocks, span, around)
                if part.frames.counts[ENDED]:
                    self._end(part, begin)

    def known_from_ns(self, now_ns: int) -> int:
        """Return from when on frames may have been captured that are not ready yet; ns.

        Of the time before that it is not kept who was in view.
        """
        crowd = self.devices.crowd
        return max(now_ns - self.after_ns, (crowd.second - len(crowd.view)) * SECOND_NS)

    def _pool(self) -> pools.Pool | None:
        served, plan = self.pools, self.plan
        if served is None:
            return None
        return pools.Pool(
            self.about, plan.sensors.service_keys, served.rates,
            served.decoders, served.decoder_sizes, served.rings, served.sizes, bare(served.table),
            served.variation, served.mean_ns, served.hold_ns, served.arrived, served.decoding_ns,
            served.served_ns, served.batches, served.started, served.idle_ns,
        )  # fmt: skip

    def put_by(self) -> None:
        """Put by what the second under way has brought."""
        second = (self.now_ns - 1) // SECOND_NS
        levels.put_by(self.ways, second)
        self.tally.stages_ns += self.sums
        self.tally.latency_bins[:, second] += self.sums.sum(axis=1)
        self.sums[...] = 0
        if self.ends.any():
            self.tally.result_bins[:, second] += self.ends[:, :COARSE_BUCKETS].sum(axis=1)
            self.tally.seconds.add_ends(second, self.ends)
            self.ends[...] = 0

    def _end(self, part: Part, since_ns: int) -> None:
        """Count the frames that met another fate, and let others have their slots."""
        frames = part.frames
        columns = np.empty((COLUMNS, int(frames.counts[ENDED])), dtype=np.int64)
        many = spell.ended(frames, self.whose, columns)
        self.tally.finish(self.plan, columns, np.arange(many), since_ns)
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
