"""The pools of servers that one logical process owns behind one level of links."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.columns import frame_store, order, serving, tenants
from fleet.columns.frame_store import Store
from fleet.columns.serving import Decoders, Queues, Second, Servers
from fleet.columns.tenants import Chains, Shares
from fleet.engine.snapshot import State, fields, set_fields
from fleet.engine.tally import Tally
from fleet.model.books import (
    ARRIVED,
    ARRIVED_PX,
    BATCHES,
    DECODERS_IDLE_NS,
    DECODING_NS,
    LOOKED_AT,
    SERVED_NS,
    SERVER_NS,
    SERVERS_IDLE_NS,
    STARTED,
)
from fleet.model.frames import (
    CLOCK,
    DECODED,
    DONE,
    FATE,
    INFER,
    LOST_CLOUD_QUEUE,
    LOST_EDGE_QUEUE,
    LOST_SERVER_DOWN,
    NO_FRAMES,
    SENSOR,
    SIGHT,
    Index,
)
from fleet.model.servers import KINDS, PoolTable
from fleet.model.sight import of_areas
from fleet.plan.plan import Plan

_FIELDS = (
    "rings", "sizes", "decoders", "decoder_sizes", "served_ns", "decoding_ns", "batches",
    "started", "looked_at", "arrived", "idle_ns", "down_until_ns", "tags", "pending", "decoding",
    "waiting", "serving",
)  # fmt: skip

_TAKEN = [BATCHES, STARTED, LOOKED_AT]
_HELD = ("pending", "decoding", "waiting", "serving")


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
        further = [(p, other) for p, pool in enumerate(self.spec) for other in pool.others]
        self.pool_of = np.append(np.arange(len(ids)), [p for p, _ in further]).astype(np.int64)
        self.networks = [*self.spec, *(other for _, other in further)]
        self.table = PoolTable.of(
            [
                (p.max_batch, p.wait_ns, p.queue_max, p.deadline_ns, p.law,
                 LOST_EDGE_QUEUE if p.edge else LOST_CLOUD_QUEUE)
                for p in self.networks
            ]
        )  # fmt: skip
        self.variation = np.array([p.variation for p in self.networks])
        self.deadlines = any(p.deadline_ns > 0 for p in self.spec)
        self._speeds()
        self.rings, self.sizes = _rings([[k.count for k in p.kinds] for p in self.spec])
        self.decoders, self.decoder_sizes = _rings(
            [[k.count * k.decoders for k in p.kinds] for p in self.spec]
        )
        self.served_ns, self.decoding_ns = (
            np.zeros((len(ids), KINDS), dtype=np.int64) for _ in range(2)
        )
        self.batches, self.started, self.looked_at = (
            np.zeros((len(self.networks), KINDS), dtype=np.int64) for _ in range(3)
        )
        self.arrived, self.idle_ns = np.zeros((2, len(ids), 2), dtype=np.int64)
        self.down_until_ns = np.zeros(len(ids), dtype=np.int64)
        self.second = self._second()
        self._share()
        self.arriving: list[Index] = []
        self.pending, self.decoding, self.waiting, self.serving = (NO_FRAMES,) * 4
        row = self.row_of[plan.pools.of]
        decodes = (plan.pools.decode_px > 0) & (row >= 0) & (self.decoder_sizes[row] > 0)
        self.decodes = decodes.astype(np.int64) if decodes.any() else None

    def _speeds(self) -> None:
        """Lay out t(b) and h(b) by network and kind, and decode rates."""
        largest = max(p.max_batch for p in self.spec)
        self.mean_ns, self.hold_ns = (
            np.zeros((len(self.networks), KINDS, largest + 1), dtype=np.int64) for _ in range(2)
        )
        self.rates = np.ones((len(self.networks), KINDS), dtype=np.int64)
        for p, pool in enumerate(self.networks):
            for k, kind in enumerate(pool.kinds):
                self.mean_ns[p, k, : pool.max_batch + 1] = kind.service_ns
                self.hold_ns[p, k, : pool.max_batch + 1] = kind.hold_ns
                self.rates[p, k] = kind.decode_px_s

    def _second(self) -> Second:
        """Return the second networks, which look at what is found in frames."""
        many = len(self.networks)
        base_ns, hold_ns, per_ns = np.zeros((3, many, KINDS), dtype=np.int64)
        most, batch = np.zeros(many, dtype=np.int64), np.ones(many, dtype=np.int64)
        for p, pool in enumerate(self.networks):
            if pool.then is not None:
                most[p], batch[p] = pool.then.most, pool.then.batch
            for k, kind in enumerate(pool.kinds):
                base_ns[p, k], hold_ns[p, k] = kind.then_base_ns, kind.then_hold_ns
                per_ns[p, k] = kind.then_per_ns
        rows = self.plan.eyes.sights.rows
        return Second(rows, most, batch, base_ns, hold_ns, per_ns, self.looked_at)

    def see(self, rows: Ints) -> None:
        """Take over the rows of the traces of an amended plan."""
        self.second = self.second._replace(rows=rows)

    def _share(self) -> None:
        """Lay out who shares the pools; nothing if they all serve who comes first."""
        groups = len(self.plan.sensors.group_names)
        priority, cost, self.tags = np.zeros((3, len(self.spec), groups), dtype=np.int64)
        network = np.repeat(np.arange(len(self.spec))[:, None], groups, axis=1)
        for p, pool in enumerate(self.spec):
            if pool.tenants is not None:
                priority[p], cost[p] = pool.tenants.priority, pool.tenants.cost
                network[p] = np.flatnonzero(self.pool_of == p)[pool.tenants.network]
        is_shared = any(pool.tenants is not None for pool in self.spec)
        of = self.plan.sensors.group_of
        self.shares = Shares(of, priority, cost, network, self.tags) if is_shared else None

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
        due = self._refuse(due)
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
            self.plan.eyes.sights.rows, self.table.queue, self.decoding_ns, self.idle_ns,
        )  # fmt: skip
        serving.decode_all(columns, queues, until_ns, decoders)
        started, self.pending = self._sort_out(queues)
        going_on = frame_store.join([plain, self.decoding, started])
        decoded, self.decoding = order.due(columns, going_on, until_ns)
        return decoded

    def _refuse(self, due: Index) -> Index:
        """Lose the frames that come while their servers are down; return the others."""
        columns, until_ns = self.store.columns, self.down_until_ns
        if not len(due) or not until_ns.any():
            return due
        down = columns[CLOCK, due] < until_ns[self._pool_of(due)]
        lost, others = np.compress(down, due), np.compress(~down, due)
        columns[FATE, lost], columns[DONE, lost] = LOST_SERVER_DOWN, columns[CLOCK, lost]
        return others

    def _pool_of(self, index: Index) -> Ints:
        """Return the row of the pool of each frame."""
        rows: Ints = self.row_of[self.plan.pools.of[self.store.column(index, SENSOR)]]
        return rows

    def fail(self, p: int, now_ns: int, until_ns: int) -> None:
        """Take a pool down: lose what is in it, and what comes before a time.

        Its servers and decoders do nothing from now on, and are free when it is up again.
        """
        columns = self.store.columns
        columns[DECODED, self.decoding[self._pool_of(self.decoding) == p]] = -1
        columns[INFER, self.serving[self._pool_of(self.serving) == p]] = -1
        for name in _HELD:
            index: Index = getattr(self, name)
            mine = self._pool_of(index) == p
            columns[FATE, index[mine]], columns[DONE, index[mine]] = LOST_SERVER_DOWN, now_ns
            setattr(self, name, index[~mine])
        for rings, sizes, spent_ns in (
            (self.rings, self.sizes, self.served_ns),
            (self.decoders, self.decoder_sizes, self.decoding_ns),
        ):
            free = rings[p, 1 : 1 + sizes[p]]
            spent_ns[p] -= ahead_ns(free, now_ns)
            free[:] = np.sort(np.minimum(free, now_ns * KINDS + free % KINDS))
            rings[p, 0] = 0
        self.down_until_ns[p] = until_ns

    def _count(self, index: Index, column: int) -> None:
        """Count frames that reach the pools, or the pixels of those that reach the decoders."""
        if len(index):
            sensor = self.store.column(index, SENSOR)
            much = self._pixels(index, sensor) if column else 1
            np.add.at(self.arrived[:, column], self.row_of[self.plan.pools.of[sensor]], much)

    def _pixels(self, index: Index, sensor: Ints) -> Ints:
        """Return the pixels to decode of each frame."""
        px, rows = self.plan.pools.decode_px[sensor], self.plan.eyes.sights.rows
        return of_areas(rows, self.store.column(index, SIGHT), px)

    def _serve(self, decoded: Index, until_ns: int) -> None:
        columns = self.store.columns
        queues = self._by_pool(self.waiting, decoded)
        servers = Servers(
            self.rings, self.sizes, self.table, self.variation, self.mean_ns, self.hold_ns,
            self.plan.sensors.service_keys, self.served_ns, self.batches, self.started,
            self.idle_ns, self.second._replace(looked_at=self.looked_at),
        )  # fmt: skip
        if self.shares is None:
            serving.serve_all(columns, queues, until_ns, servers)
        else:
            chains = Chains.room(len(queues.order), self.tags.shape[1])
            shares = self.shares._replace(tags=self.tags)
            tenants.serve_all(columns, queues, until_ns, servers, shares, chains)
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
            ahead = ahead_ns(self.rings[p, 1 : 1 + self.sizes[p]], now_ns)
            decoding = ahead_ns(self.decoders[p, 1 : 1 + self.decoder_sizes[p]], now_ns)
            first = [ARRIVED, ARRIVED_PX, SERVERS_IDLE_NS, DECODERS_IDLE_NS]
            self.tally.servers[row, first] = *self.arrived[p], *self.idle_ns[p]
            for k, kind in enumerate(pool.kinds):
                counts = self.tally.servers[row + k]
                counts[SERVED_NS] = self.served_ns[p, k] - ahead[k]
                counts[DECODING_NS] = self.decoding_ns[p, k] - decoding[k]
                counts[SERVER_NS] = kind.count * now_ns
            for w in np.flatnonzero(self.pool_of == p):
                taken = np.stack([self.batches[w], self.started[w], self.looked_at[w]], axis=1)
                self.tally.servers[row : row + len(pool.kinds), _TAKEN] = taken[: len(pool.kinds)]
                row += len(pool.kinds)


def _rings(counts: list[list[int]]) -> tuple[Ints, Ints]:
    """Return (rings of what is free at time zero, their sizes) from counts by pool and kind."""
    sizes = np.array([sum(kinds) for kinds in counts], dtype=np.int64)
    rings = np.zeros((len(counts), 1 + max(1, int(sizes.max()))), dtype=np.int64)
    for ring, kinds in zip(rings, counts, strict=True):
        ring[1 : 1 + sum(kinds)] = np.repeat(np.arange(len(kinds)), kinds)
    return rings, sizes


def ahead_ns(free: Ints, now_ns: int) -> Ints:
    """Return how long servers are still busy after now, by kind; ns, shape (KINDS,)."""
    left = np.maximum(free // KINDS - now_ns, 0)
    return np.bincount(free % KINDS, weights=left, minlength=KINDS).astype(np.int64)
