"""The pools of servers that one logical process owns behind one level of links."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.columns import frame_store, order, serving
from fleet.columns.frame_store import Store
from fleet.columns.serving import Decoders, Queues, Servers
from fleet.engine.snapshot import State, fields, set_fields
from fleet.engine.tally import Tally
from fleet.model.books import (
    ARRIVED,
    ARRIVED_PX,
    BATCHES,
    BIN_NS,
    BOOTS,
    DECODERS_IDLE_NS,
    DECODING_NS,
    SERVED_NS,
    SERVER_NS,
    SERVERS_IDLE_NS,
    STARTED,
)
from fleet.model.frames import (
    CLOCK,
    DECODED,
    INFER,
    LOST_CLOUD_QUEUE,
    LOST_EDGE_QUEUE,
    NO_FRAMES,
    SENSOR,
    Index,
)
from fleet.model.servers import KINDS, PoolTable
from fleet.plan.plan import Plan

_FIELDS = (
    "rings", "sizes", "decoders", "decoder_sizes", "served_ns", "decoding_ns", "batches",
    "started", "arrived", "idle_ns", "pending", "decoding", "waiting", "serving",
)  # fmt: skip


class Pools:
    """Pools as arrays with one row a pool, so that a kernel runs them all.

    Free times of servers and decoders are kept as `time · KINDS + kind`, in rings
    (`fleet.columns.serving`).
    """

    def __init__(self, plan: Plan, ids: Ints, store: Store, tally: Tally) -> None:
        """Take up all servers at time zero.

        Args:
            plan: the plan.
            ids: which pools.
            store: where the frames are.
            tally: where to count.
        """
        self.plan, self.ids, self.store, self.tally = plan, ids, store, tally
        self.row_of = np.full(len(plan.pools.names), -1, dtype=np.int64)
        self.row_of[ids] = np.arange(len(ids))
        self.spec = [plan.pool(int(p)) for p in ids]
        self.table = PoolTable.of(
            [
                (p.max_batch, p.wait_ns, p.queue_max, p.deadline_ns, p.law,
                 LOST_EDGE_QUEUE if p.edge else LOST_CLOUD_QUEUE)
                for p in self.spec
            ]
        )  # fmt: skip
        self.variation = np.array([p.variation for p in self.spec])
        self.deadlines = any(p.deadline_ns > 0 for p in self.spec)
        self._speeds()
        self.rings, self.sizes = _rings([[k.count for k in p.kinds] for p in self.spec])
        self.decoders, self.decoder_sizes = _rings(
            [[k.count * k.decoders for k in p.kinds] for p in self.spec]
        )
        self.served_ns, self.decoding_ns, self.batches, self.started = (
            np.zeros((len(ids), KINDS), dtype=np.int64) for _ in range(4)
        )
        self.arrived, self.idle_ns = np.zeros((2, len(ids), 2), dtype=np.int64)
        self.arriving: list[Index] = []
        self.pending, self.decoding, self.waiting, self.serving = (NO_FRAMES,) * 4
        row = self.row_of[plan.pools.of]
        decodes = (plan.pools.decode_px > 0) & (row >= 0) & (self.decoder_sizes[row] > 0)
        self.decodes = decodes.astype(np.int64) if decodes.any() else None

    def _speeds(self) -> None:
        """Lay out t(b), h(b) and decode rates by pool and kind."""
        largest = max(p.max_batch for p in self.spec)
        self.mean_ns, self.hold_ns = (
            np.zeros((len(self.spec), KINDS, largest + 1), dtype=np.int64) for _ in range(2)
        )
        self.rates = np.ones((len(self.spec), KINDS), dtype=np.int64)
        for p, pool in enumerate(self.spec):
            for k, kind in enumerate(pool.kinds):
                self.mean_ns[p, k, : pool.max_batch + 1] = kind.service_ns
                self.hold_ns[p, k, : pool.max_batch + 1] = kind.hold_ns
                self.rates[p, k] = kind.decode_px_s

    def put(self, index: Index) -> None:
        """Take frames that reach the pools; CLOCK says when."""
        if len(index):
            self.arriving.append(index)

    def advance(self, until_ns: int) -> Index:
        """Decode and serve up to a time; return the frames whose results are there."""
        self._serve(self._decode(until_ns), until_ns)
        ended, self.serving = frame_store.before(self.store.columns, self.serving, INFER, until_ns)
        return ended

    def _decode(self, until_ns: int) -> Index:
        """Take arrivals through the decoders; return the frames that are decoded before a time."""
        columns = self.store.columns
        due, late = order.due(columns, frame_store.join(self.arriving), until_ns)
        self.arriving = [late] if len(late) else []
        self._count(due, 0)
        coded, plain = NO_FRAMES, due
        if self.decodes is not None:
            coded, plain = frame_store.where(columns, due, self.decodes, 1)
            self._count(coded, 1)
        frame_store.copy_column(columns, plain, CLOCK, DECODED)
        if not len(coded) and not len(self.pending) and not len(self.decoding):
            return plain
        queues = self._by_pool(self.pending, coded)
        decoders = Decoders(
            self.decoders, self.decoder_sizes, self.rates, self.plan.pools.decode_px,
            self.table.queue, self.decoding_ns, self.idle_ns,
        )  # fmt: skip
        serving.decode_all(columns, queues, until_ns, decoders)
        started, self.pending = self._sort_out(queues)
        going_on = frame_store.join([plain, self.decoding, started])
        decoded, self.decoding = order.due(columns, going_on, until_ns)
        return decoded

    def _count(self, index: Index, column: int) -> None:
        """Count frames that reach the pools, or the pixels of those that reach the decoders."""
        if len(index):
            sensor = self.store.column(index, SENSOR)
            much = self.plan.pools.decode_px[sensor] if column else 1
            np.add.at(self.arrived[:, column], self.row_of[self.plan.pools.of[sensor]], much)

    def _serve(self, decoded: Index, until_ns: int) -> None:
        columns = self.store.columns
        queues = self._by_pool(self.waiting, decoded)
        servers = Servers(
            self.rings, self.sizes, self.table, self.variation, self.mean_ns, self.hold_ns,
            self.plan.sensors.service_keys, self.served_ns, self.batches, self.started,
            self.idle_ns,
        )  # fmt: skip
        serving.serve_all(columns, queues, until_ns, servers)
        started, self.waiting = self._sort_out(queues)
        self.serving = frame_store.join([self.serving, started])

    def _sort_out(self, queues: Queues) -> tuple[Index, Index]:
        """Return (frames that started, frames that wait) of those admitted in a run."""
        if len(queues.ends) == 1 and not self.deadlines:  # none of the first was lost
            head, tail = queues.heads[0], queues.tails[0]
            return queues.order[:head], queues.order[head:tail]
        return serving.sort_out(self.store.columns, queues)

    def _by_pool(self, before: Index, fresh: Index) -> Queues:
        """Return frames pool by pool, not yet admitted.

        In a pool the frames of `before` come first, and each part keeps its order.
        """
        index, count = frame_store.join([before, fresh]), len(self.ids)
        if count == 1:
            ends, held = np.array([len(index)]), np.array([len(before)])
        else:
            pool = self.row_of[self.plan.pools.of[self.store.column(index, SENSOR)]]
            ends = np.cumsum(np.bincount(pool, minlength=count))
            held = np.bincount(pool[: len(before)], minlength=count)
            index = index[np.argsort(pool, kind="stable")]
        empty = np.empty_like(ends)
        return Queues(index, ends, held, np.empty_like(index), empty, empty.copy())

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        return {**fields(self, _FIELDS), "arriving": frame_store.join(self.arriving)}

    def load(self, state: State) -> None:
        """Take a state up again."""
        set_fields(self, state, _FIELDS)
        self.arriving = [state["arriving"].copy()]

    def in_flight(self) -> int:
        """Return the number of frames here."""
        held = (*self.arriving, self.pending, self.decoding, self.waiting, self.serving)
        return sum(map(len, held))

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end: time spent and paid up to now."""
        for p, pool in enumerate(self.spec):
            row = int(self.plan.pools.row[self.ids[p]])
            ahead = _ahead(self.rings[p, 1 : 1 + self.sizes[p]], now_ns)
            decoding = _ahead(self.decoders[p, 1 : 1 + self.decoder_sizes[p]], now_ns)
            first = [ARRIVED, ARRIVED_PX, SERVERS_IDLE_NS, DECODERS_IDLE_NS]
            self.tally.servers[row, first] = *self.arrived[p], *self.idle_ns[p]
            for k, kind in enumerate(pool.kinds):
                counts = self.tally.servers[row + k]
                counts[SERVED_NS] = self.served_ns[p, k] - ahead[k]
                counts[DECODING_NS] = self.decoding_ns[p, k] - decoding[k]
                counts[BATCHES], counts[STARTED] = self.batches[p, k], self.started[p, k]
                counts[SERVER_NS] = kind.count * now_ns


def _rings(counts: list[list[int]]) -> tuple[Ints, Ints]:
    """Return (rings of what is free at time zero, their sizes) from counts by pool and kind."""
    sizes = np.array([sum(kinds) for kinds in counts], dtype=np.int64)
    rings = np.zeros((len(counts), 1 + max(1, int(sizes.max()))), dtype=np.int64)
    for ring, kinds in zip(rings, counts, strict=True):
        ring[1 : 1 + sum(kinds)] = np.repeat(np.arange(len(kinds)), kinds)
    return rings, sizes


def _ahead(free: Ints, now_ns: int) -> Ints:
    """Return how long servers are still busy after now, by kind; ns, shape (KINDS,)."""
    left = np.maximum(free // KINDS - now_ns, 0)
    return np.bincount(free % KINDS, weights=left, minlength=KINDS).astype(np.int64)


_SCALED = ("up", "paid", "paid_ns", "accrued_ns", "boots", "leaving", "decoders_leaving")


class Scaled:
    """One pool whose first kind of servers an autoscaler or an event changes."""

    def __init__(self, pools: Pools, row: int) -> None:
        """Take up the first servers at time zero.

        Args:
            pools: the pools.
            row: which of them.
        """
        self.pools, self.row, self.name = pools, row, pools.spec[row].name
        self.first = pools.spec[row].kinds[0]
        self.region = int(pools.ids[row])
        self.counts = pools.tally.servers[int(pools.plan.pools.row[self.region])]
        self.up, self.paid = self.first.count, self.first.count
        self.paid_ns, self.accrued_ns, self.boots = 0, 0, 0
        self.leaving: list[int] = []  # until when servers that were given back still work
        self.decoders_leaving: list[int] = []
        self.in_lanes = 0  # frames that wait there

    def began(self, since_ns: int) -> None:
        """Take what was paid up to a time as booked: nothing has changed before."""
        self.paid_ns, self.accrued_ns = self.paid * since_ns, since_ns

    def save(self) -> State:
        """Return the state as arrays, for `load`; the pools save the servers themselves."""
        return fields(self, _SCALED)

    def load(self, state: State) -> None:
        """Take a state up again."""
        set_fields(self, state, _SCALED)
        self.leaving, self.decoders_leaving = (
            [int(ns) for ns in state[name]] for name in ("leaving", "decoders_leaving")
        )

    def queued(self) -> int:
        """Return the number of frames that have come before now and wait for it."""
        pools = self.pools
        here = frame_store.join([pools.pending, pools.waiting])
        of = pools.plan.pools.of[pools.store.column(here, SENSOR)]
        return int(np.count_nonzero(of == self.region)) + self.in_lanes

    def running(self) -> int:
        """Return the number of servers that are up."""
        return self.up

    def busy_ns(self, now_ns: int) -> tuple[int, int]:
        """Return the time spent up to now: of servers, and of decoders for each that they have."""
        pools, p = self.pools, self.row
        served = int(pools.served_ns[p, 0]) - self._ahead(pools.rings, pools.sizes, now_ns)
        served -= _left(self.leaving, now_ns)
        decoding = int(pools.decoding_ns[p, 0]) - _left(self.decoders_leaving, now_ns)
        decoding -= self._ahead(pools.decoders, pools.decoder_sizes, now_ns)
        return served, decoding // max(1, self.first.decoders)

    def _ahead(self, rings: Ints, sizes: Ints, now_ns: int) -> int:
        return int(_ahead(rings[self.row, 1 : 1 + sizes[self.row]], now_ns)[0])

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""
        self.accrue(now_ns)
        self.paid += 1
        self.boots += 1

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted, with its decoders."""
        pools, p = self.pools, self.row
        self.up += 1
        pools.rings = _pushed(pools.rings, pools.sizes, p, now_ns * KINDS, 1)
        pools.decoders = _pushed(
            pools.decoders, pools.decoder_sizes, p, now_ns * KINDS, self.first.decoders
        )

    def retire_server(self, now_ns: int) -> None:
        """Give back the server that is free first, and decoders; they end what they are at."""
        pools, p = self.pools, self.row
        self.accrue(now_ns)
        self.up -= 1
        self.paid -= 1
        ends = _pulled(pools.rings[p], pools.sizes, p, 1)[0]
        if ends > now_ns:
            self.leaving.append(ends)
            self.paid_ns += ends - now_ns
        gone = _pulled(pools.decoders[p], pools.decoder_sizes, p, self.first.decoders)
        self.decoders_leaving += [at for at in gone if at > now_ns]

    def accrue(self, now_ns: int) -> None:
        """Book the server time since the last change."""
        if now_ns > self.accrued_ns:
            bins = self.pools.tally.server_bins[self.region]
            span = slice(self.accrued_ns // BIN_NS, -(-now_ns // BIN_NS))
            bins[span] = np.maximum(bins[span], self.paid)
        self.paid_ns += self.paid * (now_ns - self.accrued_ns)
        self.accrued_ns = now_ns

    def close(self, now_ns: int) -> None:
        """Book the time spent and paid up to now."""
        self.accrue(now_ns)
        served, _ = self.busy_ns(now_ns)
        decoding = int(self.pools.decoding_ns[self.row, 0]) - _left(self.decoders_leaving, now_ns)
        decoding -= self._ahead(self.pools.decoders, self.pools.decoder_sizes, now_ns)
        self.counts[SERVED_NS], self.counts[DECODING_NS] = served, decoding
        self.counts[SERVER_NS] = self.paid_ns - _left(self.leaving, now_ns)
        self.counts[BOOTS] = self.boots


def _left(ends_ns: list[int], now_ns: int) -> int:
    return sum(max(0, end - now_ns) for end in ends_ns)


def _pushed(rings: Ints, sizes: Ints, row: int, value: int, count: int) -> Ints:
    """Return rings with a number added to one of them so many times; its size grows in place."""
    size = int(sizes[row]) + count
    if 1 + size > rings.shape[1]:
        wider = np.zeros((len(rings), 1 + 2 * size), dtype=np.int64)
        wider[:, : rings.shape[1]] = rings
        rings = wider
    rings[row, 1 + int(sizes[row]) : 1 + size] = value
    sizes[row] = size
    rings[row, 0] = 0
    rings[row, 1 : 1 + size].sort()
    return rings


def _pulled(ring: Ints, sizes: Ints, row: int, count: int) -> list[int]:
    """Return the times of the numbers of the first kind that are free first; they are taken out."""
    size = int(sizes[row])
    numbers = np.sort(ring[1 : 1 + size])
    gone = np.flatnonzero(numbers % KINDS == 0)[:count]
    sizes[row] -= len(gone)
    ring[0] = 0
    ring[1 : 1 + int(sizes[row])] = np.delete(numbers, gone)
    return [int(at) for at in numbers[gone] // KINDS]
