"""Decoders and servers of the reference engine: crews with a queue, as SimPy processes."""

from __future__ import annotations

from collections import deque

import numpy as np
import simpy

from fleet.arrays import Ints
from fleet.engine.control import FRAME as FRAME_RANK
from fleet.engine.control import Environment, Process, pause, resize
from fleet.engine.tally import Tally
from fleet.model.books import (
    ARRIVED_PX,
    BATCHES,
    BIN_NS,
    BOOTS,
    DECODERS_IDLE_NS,
    DECODING_NS,
    LOOKED_AT,
    SERVED_NS,
    SERVER_NS,
    SERVERS_IDLE_NS,
    STARTED,
)
from fleet.model.events import SERVERS
from fleet.model.servers import batch_ns
from fleet.plan.plan import Plan
from fleet.plan.plant import Pool
from fleet.reference import second
from fleet.reference.crew import Crew
from fleet.reference.frame import Frame
from fleet.reference.links import Station
from fleet.reference.sensor import sent_ppm
from fleet.reference.tenants import Order

DOWN = "down"
"""What becomes of a frame in a pool that goes down."""
_SPENT = [SERVED_NS, SERVER_NS, DECODING_NS]


class Workplace(Station):
    """A station with a queue and a crew: what decoders and servers have in common."""

    def __init__(self, env: Environment, queue_max: int, counts: list[int]) -> None:
        """Set up an idle station."""
        super().__init__(env)
        self.queue_max, self.crew = queue_max, Crew(counts)
        self.waiting: deque[tuple[Frame, simpy.Event]] = deque()
        self.under_way: dict[int, tuple[int, int]] = {}  # by job number: (began, kind)
        self.taken: set[simpy.Event] = set()  # of frames that are worked on
        self.jobs = 0

    def admit(self, frame: Frame, through: simpy.Event) -> None:
        """Queue a frame if there is room."""
        if len(self.waiting) >= self.queue_max:
            through.succeed(False)
        else:
            self.waiting.append((frame, through))

    def work(self, kind: int, spent_ns: int) -> Process:
        """Work for a time, then look at the queue again."""
        self.jobs += 1
        number, began_ns = self.jobs, self.env.now
        self.under_way[number] = (began_ns, kind)
        job = self.crew.work(kind, began_ns + spent_ns)
        yield pause(self.env, spent_ns, FRAME_RANK)
        if self.under_way.pop(number, None) is not None:
            self.crew.end(job, began_ns)
            self.look_after(0)

    def through(self, frame: simpy.Event) -> bool:
        """Let a frame go that was worked on; return whether it was not lost meanwhile."""
        if frame not in self.taken:
            return False
        self.taken.remove(frame)
        frame.succeed(True)
        return True

    def stop(self, now_ns: int) -> None:
        """Lose all frames that are here, and have everybody do nothing."""
        for began_ns, kind in self.under_way.values():
            self.crew.spent_ns[kind] += now_ns - began_ns
        self.crew.stop(now_ns)
        lost = [*self.taken, *(through for _, through in self.waiting)]
        self.under_way.clear()
        self.taken.clear()
        self.waiting.clear()
        for frame in lost:
            frame.succeed(DOWN)

    def spent_ns(self, kind: int, now_ns: int) -> int:
        """Return the time that one kind has worked up to now."""
        so_far = sum(now_ns - began for began, of in self.under_way.values() if of == kind)
        return self.crew.spent_ns[kind] + so_far


class Decoders(Workplace):
    """The decoders of a pool."""

    def __init__(self, env: Environment, plan: Plan, pool: Pool, counts: Ints) -> None:
        """Set up idle decoders; `counts` is the frame of the pool's first servers."""
        super().__init__(env, pool.queue_max, [k.count * k.decoders for k in pool.kinds])
        self.plan, self.pool, self.counts = plan, pool, counts

    def needed(self, sensor: int) -> bool:
        """Return whether a sensor's frames must be decoded here."""
        any_here = any(k.count * k.decoders for k in self.pool.kinds)
        return any_here and bool(self.plan.pools.decode_px[sensor])

    def admit(self, frame: Frame, through: simpy.Event) -> None:
        """Queue a frame if there is room."""
        self.counts[ARRIVED_PX] += self._pixels(frame)
        super().admit(frame, through)

    def start(self) -> None:
        """Have idle decoders begin."""
        while self.crew.idle and self.waiting:
            frame, through = self.waiting.popleft()
            if min(self.crew.idle)[0] <= frame.arrived_ns:
                self.counts[DECODERS_IDLE_NS] = self.env.now
            self.env.process(self._decode(self.crew.take(), frame, through))

    def _pixels(self, frame: Frame) -> int:
        """Return the pixels to decode of a frame: of its crops if only these were sent."""
        whole = int(self.plan.pools.decode_px[frame.sensor])
        return whole * sent_ppm(self.plan, frame.sight) // 1_000_000

    def _decode(self, kind: int, frame: Frame, through: simpy.Event) -> Process:
        spent_ns = max(1, self._pixels(frame) * 1_000_000_000 // self.pool.kinds[kind].decode_px_s)
        self.taken.add(through)
        yield from self.work(kind, spent_ns)
        self.through(through)


class ServerPool(Workplace):
    """Servers with one queue, dynamic batching and a number that can change."""

    def __init__(self, env: Environment, plan: Plan, index: int, tally: Tally) -> None:
        """Set up a pool of idle servers."""
        pool = plan.pool(index)
        super().__init__(env, pool.queue_max, [k.count for k in pool.kinds])
        self.plan, self.pool, self.index = plan, pool, index
        first = int(plan.pools.row[index])
        self.books = tally.servers[first : first + len(pool.kinds) * len(pool.networks)]
        self.counts = self.books[: len(pool.kinds)]
        self.decoders = Decoders(env, plan, pool, self.counts[0])
        self.tally = tally
        self.bins = tally.server_bins[index] if pool.autoscaling else None
        self.paid_since_ns = [0] * pool.kinds[0].count
        self.paid_ns = 0  # for servers that were given back, to the end of their batches
        self.order = None if pool.tenants is None else Order(plan.sensors.group_of, pool.tenants)
        self.warm_up = np.zeros((len(pool.kinds), len(_SPENT)), dtype=np.int64)  # spent in it
        self.marked_ns = 0
        self.down_until_ns = 0

    def apply(self, kind: int, a: int) -> None:
        """Apply a control event of pools, now."""
        if kind == SERVERS:
            self.change(a, self.env.now)
        else:
            self.fail(self.env.now, a)

    def fail(self, now_ns: int, until_ns: int) -> None:
        """Go down: lose what is here; until a time, what comes is lost before it enters."""
        self.paid_ns -= sum(ends_ns - now_ns for ends_ns, _ in self.crew.leaving)
        self.stop(now_ns)
        self.decoders.stop(now_ns)
        self.down_until_ns = until_ns

    def admit(self, frame: Frame, through: simpy.Event) -> None:
        """Queue a frame if there is room, and look again at its deadline."""
        many = len(self.waiting)
        super().admit(frame, through)
        if self.order is not None and len(self.waiting) > many:
            self.order.came(*(waits.sensor for waits, _ in self.waiting))
        if self.pool.deadline_ns and not through.triggered:
            self.look_after(self.pool.deadline_ns)

    def start(self) -> None:
        """Start batches while a server is idle and a batch is full or due; then drop the late."""
        while self.crew.idle and self.waiting:
            due_ns = self.waiting[0][0].arrived_ns + self.pool.wait_ns
            if len(self.waiting) < self.pool.max_batch and self.env.now < due_ns:
                self.look_after(due_ns - self.env.now)
                break
            size = min(self.pool.max_batch, len(self.waiting))
            if size == self.pool.max_batch:
                due_ns = min(due_ns, self.waiting[size - 1][0].arrived_ns)
            if min(self.crew.idle)[0] <= due_ns:
                self.counts[0, SERVERS_IDLE_NS] = self.env.now
            self.env.process(self._batch(self.crew.take(), self._next(size)))
        deadline_ns = self.pool.deadline_ns
        while deadline_ns and self.waiting:
            if self.waiting[0][0].arrived_ns + deadline_ns > self.env.now:
                break
            self.waiting.popleft()[1].succeed(None)

    def _next(self, size: int) -> list[tuple[Frame, simpy.Event]]:
        """Take the frames whose turn it is out of the queue, so many at most, for one network."""
        if self.order is None:
            return [self.waiting.popleft() for _ in range(size)]
        batch: list[tuple[Frame, simpy.Event]] = []
        while len(batch) < size:
            network = self.order.network(batch[0][0].sensor) if batch else None
            at = self.order.take([frame.sensor for frame, _ in self.waiting], network)
            if at is None:
                break
            batch.append(self.waiting[at])
            del self.waiting[at]
        return batch

    def _batch(self, kind: int, batch: list[tuple[Frame, simpy.Event]]) -> Process:
        network = 0 if self.order is None else self.order.network(batch[0][0].sensor)
        pool = self.pool.networks[network]
        counts = self.books[network * len(pool.kinds) + kind]
        counts[BATCHES] += 1
        counts[STARTED] += len(batch)
        for frame, through in batch:
            frame.start_ns = self.env.now
            self.taken.add(through)
        times, then, rows = pool.kinds[kind], pool.then, self.plan.eyes.sights.rows
        objects = second.objects_of((frame for frame, _ in batch), rows, then)
        counts[LOOKED_AT] += objects
        both = (times.hold_ns, times.then_hold_ns), (times.service_ns, times.then_base_ns)
        held_ns, spent_ns = (
            self._drawn_ns(
                of[len(batch)] + second.spent_ns(objects, then, base, times.then_per_ns),
                pool,
                batch[0][0],
            )
            for of, base in both
        )
        yield from self.work(kind, held_ns)
        if spent_ns > held_ns:
            yield pause(self.env, spent_ns - held_ns, FRAME_RANK)
        for frame, through in batch:
            if self.through(through):
                frame.infer_ns = self.env.now

    def _drawn_ns(self, mean_ns: int, pool: Pool, first: Frame) -> int:
        key = self.plan.sensors.service_keys[first.sensor]
        return batch_ns(int(mean_ns), pool.law, pool.variation, key, first.number)

    # What the autoscaler sees (fleet.engine.control.Servers) ----------------------------------

    def busy_ns(self, now_ns: int) -> tuple[int, int]:
        """Return the time spent up to now: of servers, and of decoders for each that they have."""
        decoding = self.decoders.spent_ns(0, now_ns)
        return self.spent_ns(0, now_ns), decoding // max(1, self.pool.kinds[0].decoders)

    def queued(self) -> int:
        """Return the number of frames that wait for a decoder or for a server."""
        return len(self.waiting) + len(self.decoders.waiting)

    def running(self) -> int:
        """Return the number of servers of the first kind that are up."""
        return sum(kind == 0 for _, kind in self.crew.idle + self.crew.busy)

    def change(self, servers: int, now_ns: int) -> None:
        """Have another number of servers, now; from the first change on they are noted."""
        if self.bins is None:
            self.bins, self.marked_ns = self.tally.server_bins[self.index], self.tally.since_ns
        resize(self, servers, now_ns)

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""
        self.mark(now_ns)
        self.paid_since_ns.append(now_ns)
        self.counts[0, BOOTS] += 1

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted, with its decoders."""
        self.crew.add(now_ns, 1)
        self.decoders.crew.add(now_ns, self.pool.kinds[0].decoders)
        self.look_after(0)
        self.decoders.look_after(0)

    def retire_server(self, now_ns: int) -> None:
        """Give back an idle server, or the one whose batch ends first when it ends."""
        self.mark(now_ns)
        self.paid_ns += (self.crew.retire() or now_ns) - self.paid_since_ns.pop()
        for _ in range(self.pool.kinds[0].decoders):
            self.decoders.crew.retire()

    def mark(self, now_ns: int) -> None:
        """Write the number of servers into the time bins since the last change."""
        if self.bins is not None and now_ns > self.marked_ns:
            for time_bin in range(self.marked_ns // BIN_NS, -(-now_ns // BIN_NS)):
                self.bins[time_bin] = max(self.bins[time_bin], len(self.paid_since_ns))
        self.marked_ns = now_ns

    def close(self, now_ns: int) -> None:
        """Book the server time up to now."""
        self.mark(now_ns)
        for k, kind in enumerate(self.pool.kinds):
            paid_ns = kind.count * now_ns if k > 0 else self.paid_up_to(now_ns)
            spent = self.spent_ns(k, now_ns), paid_ns, self.decoders.spent_ns(k, now_ns)
            self.counts[k, _SPENT] = spent - self.warm_up[k]

    def paid_up_to(self, now_ns: int) -> int:
        """Return the time for which servers of the first kind are paid up to now."""
        ahead = sum(until_ns - now_ns for until_ns, kind in self.crew.leaving if kind == 0)
        return self.paid_ns - ahead + sum(now_ns - since for since in self.paid_since_ns)

    def forget(self) -> None:
        """Leave out of the books what was spent when they were last closed."""
        self.warm_up += self.counts[:, _SPENT]
