"""The stations of the reference engine: links and pools as SimPy processes."""

from __future__ import annotations

from collections import deque

import simpy

from fleet.chance import uniform
from fleet.engine.control import FRAME as FRAME_RANK
from fleet.engine.control import LAST, Environment, Process, pause
from fleet.engine.tally import (
    BATCHES,
    BOOTS,
    BUSY_NS,
    DECODING_NS,
    DROPPED_BITS,
    LAST_SENT_NS,
    OFFERED_BITS,
    PROMOTION_NS,
    RADIO_BITS,
    SENDING_NS,
    SENT_LINK_BITS,
    SERVED_NS,
    SERVER_NS,
    TAIL_NS,
    Tally,
)
from fleet.plan.columns import Plan, Pool
from fleet.stages.cloud import batch_ns
from fleet.stages.frames import BITS, CLOCK, FRAME, INFER, SENSOR, START
from fleet.stages.uplink import AIR_BPS, LOSS_PPB, RETRIES, buffer_ns, rate_bps, resent

Row = list[int]


class Station:
    """Where frames arrive: it looks at them when all of one time have come, in total order."""

    def __init__(self, env: Environment) -> None:
        """Set up a station without arrivals."""
        self.env = env
        self.arrivals: list[tuple[Row, simpy.Event]] = []

    def enter(self, row: Row) -> simpy.Event:
        """Return an event that happens when the frame is through, with a value that is true."""
        row[CLOCK] = self.env.now
        through = self.env.event()
        self.arrivals.append((row, through))
        self.look_after(0)
        return through

    def look_after(self, delay_ns: int) -> None:
        """Look at what has arrived after a delay, when everything else of that time is done."""
        pause(self.env, delay_ns, LAST).callbacks.append(lambda _: self._look())

    def _look(self) -> None:
        arrivals, self.arrivals = self.arrivals, []
        for row, through in sorted(arrivals, key=lambda a: a[0][:2]):
            self.admit(row, through)
        self.start()

    def admit(self, row: Row, through: simpy.Event) -> None:
        """Queue a frame or refuse it."""
        raise AssertionError("a station says how it admits")

    def start(self) -> None:
        """Start whatever can start now."""


class Link(Station):
    """A port with a finite buffer; the wire is a timeout in the life of the frame."""

    def __init__(self, env: Environment, plan: Plan, link: int, level: int, tally: Tally) -> None:
        """Set up an idle link; `level` is its place on the ways of its sensors."""
        super().__init__(env)
        self.plan, self.link, self.level, self.tally = plan, link, level, tally
        self.kind = plan.links[link]
        self.queue: deque[tuple[Row, simpy.Event, int, int]] = deque()
        self.in_service_bits = 0
        self.accepted_bits = 0
        self.free_ns = 0  # when it last became free, or came up
        self.work = env.event()
        self.down_until_ns = 0
        self.left_ns = 0  # of the frame in service when its sending last began
        self.sending_since_ns: int | None = None
        self.server = env.process(self._serve())

    def backlog_ns(self) -> int:
        """Return how long sending what is in the buffer takes."""
        sent = 0 if self.sending_since_ns is None else self.env.now - self.sending_since_ns
        return self.left_ns - sent + sum(service for _, _, service, _ in self.queue)

    def queued_bits(self) -> int:
        """Return the bits of the frames that wait or are being sent."""
        return self.in_service_bits + sum(bits for _, _, _, bits in self.queue)

    def sent_again(self, row: Row) -> tuple[int, int, bool]:
        """Return (bits that must be sent again, rounds, whether the frame comes through)."""
        if not self.kind[LOSS_PPB]:
            return 0, 0, True
        key = self.plan.loss_keys[self.level, row[SENSOR]]
        return resent(key, row[FRAME], row[BITS], self.kind[LOSS_PPB], self.kind[RETRIES])

    def admit(self, row: Row, through: simpy.Event) -> None:
        """Queue a frame if it fits the buffer."""
        bits = row[BITS] + self.sent_again(row)[0]
        rate = rate_bps(self.kind, self.accepted_bits)
        service_ns = -(-bits * 1_000_000_000 // rate)
        self.tally.links[self.link, OFFERED_BITS] += bits
        if self.backlog_ns() + service_ns > buffer_ns(self.kind, rate):
            self.tally.links[self.link, DROPPED_BITS] += bits
            through.succeed(False)
        else:
            self.accepted_bits += bits
            self.queue.append((row, through, service_ns, bits))

    def start(self) -> None:
        """Wake the server."""
        if self.queue and not self.work.triggered:
            self.work.succeed()

    def _serve(self) -> Process:
        while True:
            if not self.queue:
                self.work = self.env.event()
                yield self.work
            row, through, service_ns, bits = self.queue.popleft()
            self.in_service_bits = bits
            yield from self._send(self._ahead(row, service_ns))
            self.free_ns = self.env.now
            self.in_service_bits = 0
            self._book(bits, service_ns)
            through.succeed((bits, service_ns))

    def _ahead(self, row: Row, service_ns: int) -> int:
        """Return the service that is left when a frame's turn comes.

        A shared radio cell has taken bits since the radio below began to send, if it was free.
        """
        if not self.kind[AIR_BPS]:
            return service_ns
        air_ns = -(-row[BITS] * 1_000_000_000 // int(self.kind[AIR_BPS]))
        began_ns = max(row[CLOCK] - air_ns, self.free_ns)
        return max(1, service_ns - max(0, self.env.now - began_ns))

    def _send(self, service_ns: int) -> Process:
        """Send for a time; an outage interrupts, and what is left is sent after the repair."""
        self.left_ns = service_ns
        while self.left_ns > 0:
            if self.env.now < self.down_until_ns:
                yield pause(self.env, self.down_until_ns - self.env.now, FRAME_RANK)
            began_ns = self.sending_since_ns = self.env.now
            try:
                yield pause(self.env, self.left_ns, FRAME_RANK)
                self.left_ns = 0
            except simpy.Interrupt:
                self.left_ns -= self.env.now - began_ns
                if self.left_ns == 0:  # cut in the very last moment: it is over at the repair
                    yield pause(self.env, self.down_until_ns - self.env.now, FRAME_RANK)
            self.sending_since_ns = None

    def outage(self, until_ns: int) -> None:
        """Go down until a time."""
        self.down_until_ns = self.free_ns = until_ns
        if self.sending_since_ns is not None:
            self.server.interrupt()

    def _book(self, bits: int, service_ns: int) -> None:
        counts = self.tally.links[self.link]
        counts[SENT_LINK_BITS] += bits
        counts[BUSY_NS] += service_ns
        time_bin = self.env.now // self.plan.bin_ns
        self.tally.link_bins[self.plan.class_of[self.link], time_bin] += bits


class Radio:
    """The states of a sensor's radio: idle, promotion, sending, tail; and how it wakes."""

    def __init__(self, plan: Plan, sensor: int, tally: Tally) -> None:
        """Set up a radio that has not sent yet."""
        self.kind = plan.radios[plan.radio_of[sensor]]
        self.key = plan.radio_keys[sensor]
        self.counts = tally.sensors[sensor]
        self.used_ns: int | None = None  # when it took its last frame

    def wait_ns(self, frame: int, now_ns: int) -> int:
        """Return how long a frame waits for the radio; it is then on its way."""
        if not self.kind.promotion_ns and not self.kind.drx_wait_ns:
            return 0
        quiet_ns = None if self.used_ns is None else now_ns - self.used_ns
        wait = 0
        if quiet_ns is None or quiet_ns > self.kind.tail_ns:
            wait = self.kind.promotion_ns
            self.counts[PROMOTION_NS] += wait
        elif quiet_ns > self.kind.drx_after_ns:
            wait = int(uniform(self.key, frame) * self.kind.drx_wait_ns)
        at = now_ns + wait
        if self.used_ns is not None:
            at = max(at, self.used_ns + 1)
        self.used_ns = at
        return at - now_ns

    def sent(self, bits: int, service_ns: int, now_ns: int) -> None:
        """Book a transmission that has just ended, and the tail of the one before."""
        if self.counts[LAST_SENT_NS] > 0:
            gap_ns = now_ns - service_ns - self.counts[LAST_SENT_NS]
            self.counts[TAIL_NS] += min(gap_ns, self.kind.tail_ns)
        self.counts[SENDING_NS] += service_ns
        self.counts[RADIO_BITS] += bits
        self.counts[LAST_SENT_NS] = now_ns


class Crew:
    """Servers or decoders of some kinds: who is idle, who is busy until when.

    `idle` holds (since when, kind) and `busy` (until when, kind). The one that has been idle
    longest works first; among those, the kind that is named first.
    """

    def __init__(self, counts: list[int]) -> None:
        """Set up a crew that is idle from time zero; `counts` says how many there are by kind."""
        self.idle = [(0, kind) for kind, count in enumerate(counts) for _ in range(count)]
        self.busy: list[tuple[int, int]] = []
        self.leaving: list[tuple[int, int]] = []
        self.spent_ns = [0] * len(counts)

    def take(self) -> int:
        """Have somebody begin to work; return the kind."""
        first = min(self.idle)
        self.idle.remove(first)
        return first[1]

    def work(self, kind: int, until_ns: int) -> tuple[int, int]:
        """Remember until when somebody works."""
        job = (until_ns, kind)
        self.busy.append(job)
        return job

    def end(self, job: tuple[int, int], began_ns: int) -> None:
        """End a job; the worker is idle, or gone if it was given back."""
        until_ns, kind = job
        self.spent_ns[kind] += until_ns - began_ns
        if job in self.busy:
            self.busy.remove(job)
            self.idle.append(job)
        else:
            self.leaving.remove(job)

    def add(self, now_ns: int, count: int) -> None:
        """Add workers of the first kind."""
        self.idle += [(now_ns, 0)] * count

    def retire(self) -> int | None:
        """Let the one of the first kind go that is free first; return until when it works."""
        idle = [worker for worker in self.idle if worker[1] == 0]
        if idle:
            self.idle.remove(min(idle))
            return None
        job = min(job for job in self.busy if job[1] == 0)
        self.busy.remove(job)
        self.leaving.append(job)
        return job[0]


class Workplace(Station):
    """A station with a queue and a crew: what decoders and servers have in common."""

    def __init__(self, env: Environment, queue_max: int, counts: list[int]) -> None:
        """Set up an idle station."""
        super().__init__(env)
        self.queue_max, self.crew = queue_max, Crew(counts)
        self.waiting: deque[tuple[Row, simpy.Event]] = deque()
        self.under_way: dict[int, tuple[int, int]] = {}  # by job number: (began, kind)
        self.jobs = 0

    def admit(self, row: Row, through: simpy.Event) -> None:
        """Queue a frame if there is room."""
        if len(self.waiting) >= self.queue_max:
            through.succeed(False)
        else:
            self.waiting.append((row, through))

    def work(self, kind: int, spent_ns: int) -> Process:
        """Work for a time, then look at the queue again."""
        self.jobs += 1
        number, began_ns = self.jobs, self.env.now
        self.under_way[number] = (began_ns, kind)
        job = self.crew.work(kind, began_ns + spent_ns)
        yield pause(self.env, spent_ns, FRAME_RANK)
        del self.under_way[number]
        self.crew.end(job, began_ns)
        self.look_after(0)

    def spent_ns(self, kind: int, now_ns: int) -> int:
        """Return the time that one kind has worked up to now."""
        so_far = sum(now_ns - began for began, of in self.under_way.values() if of == kind)
        return self.crew.spent_ns[kind] + so_far


class Decoders(Workplace):
    """The decoders of a pool."""

    def __init__(self, env: Environment, plan: Plan, pool: Pool) -> None:
        """Set up idle decoders."""
        super().__init__(env, pool.queue_max, [k.count * k.decoders for k in pool.kinds])
        self.plan, self.pool = plan, pool

    def needed(self, sensor: int) -> bool:
        """Return whether a sensor's frames must be decoded here."""
        any_here = any(k.count * k.decoders for k in self.pool.kinds)
        return any_here and bool(self.plan.decode_px[sensor])

    def start(self) -> None:
        """Have idle decoders begin."""
        while self.crew.idle and self.waiting:
            row, through = self.waiting.popleft()
            self.env.process(self._decode(self.crew.take(), row, through))

    def _decode(self, kind: int, row: Row, through: simpy.Event) -> Process:
        pixels = int(self.plan.decode_px[row[SENSOR]])
        yield from self.work(kind, -(-pixels * 1_000_000_000 // self.pool.kinds[kind].decode_px_s))
        through.succeed(True)


class ServerPool(Workplace):
    """Servers with one queue, dynamic batching and a number that can change."""

    def __init__(self, env: Environment, plan: Plan, index: int, tally: Tally) -> None:
        """Set up a pool of idle servers."""
        pool = plan.pool(index)
        super().__init__(env, pool.queue_max, [k.count for k in pool.kinds])
        self.plan, self.pool, self.index = plan, pool, index
        self.decoders = Decoders(env, plan, pool)
        row = int(plan.pool_row[index])
        self.counts = tally.servers[row : row + len(pool.kinds)]
        self.bins = tally.server_bins[index] if pool.autoscaling else None
        self.paid_since_ns = [0] * pool.kinds[0].count
        self.marked_ns = 0

    def admit(self, row: Row, through: simpy.Event) -> None:
        """Queue a frame if there is room, and look again at its deadline."""
        super().admit(row, through)
        if self.pool.deadline_ns and not through.triggered:
            self.look_after(self.pool.deadline_ns)

    def start(self) -> None:
        """Start batches while a server is idle and a batch is full or due; then drop the late."""
        while self.crew.idle and self.waiting:
            due_ns = self.waiting[0][0][CLOCK] + self.pool.wait_ns
            if len(self.waiting) < self.pool.max_batch and self.env.now < due_ns:
                self.look_after(due_ns - self.env.now)
                break
            size = min(self.pool.max_batch, len(self.waiting))
            batch = [self.waiting.popleft() for _ in range(size)]
            self.env.process(self._batch(self.crew.take(), batch))
        deadline_ns = self.pool.deadline_ns
        while deadline_ns and self.waiting:
            if self.waiting[0][0][CLOCK] + deadline_ns > self.env.now:
                break
            self.waiting.popleft()[1].succeed(None)

    def _batch(self, kind: int, batch: list[tuple[Row, simpy.Event]]) -> Process:
        self.counts[kind, BATCHES] += 1
        for row, _ in batch:
            row[START] = self.env.now
        yield from self.work(kind, self._batch_ns(kind, batch))
        for row, through in batch:
            row[INFER] = self.env.now
            through.succeed(True)

    def _batch_ns(self, kind: int, batch: list[tuple[Row, simpy.Event]]) -> int:
        mean_ns = int(self.pool.kinds[kind].service_ns[len(batch)])
        first = batch[0][0]
        key = self.plan.service_keys[first[SENSOR]]
        return batch_ns(mean_ns, self.pool.law, self.pool.variation, key, first[FRAME])

    # What the autoscaler sees (fleet.engine.control.Servers) ----------------------------------

    def busy_ns(self, now_ns: int) -> tuple[int, int]:
        """Return the time spent up to now: of servers, and of decoders for each that they have."""
        decoding = self.decoders.spent_ns(0, now_ns)
        return self.spent_ns(0, now_ns), decoding // max(1, self.pool.kinds[0].decoders)

    def running(self) -> int:
        """Return the number of servers of the first kind that are up."""
        return sum(kind == 0 for _, kind in self.crew.idle + self.crew.busy)

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
        end_ns = self.crew.retire() or now_ns
        self.counts[0, SERVER_NS] += min(end_ns, max(now_ns, self.plan.end_ns))
        self.counts[0, SERVER_NS] -= self.paid_since_ns.pop()
        for _ in range(self.pool.kinds[0].decoders):
            self.decoders.crew.retire()

    def mark(self, now_ns: int) -> None:
        """Write the number of servers into the time bins since the last change."""
        if self.bins is not None and now_ns > self.marked_ns:
            bin_ns = self.plan.bin_ns
            for time_bin in range(self.marked_ns // bin_ns, -(-now_ns // bin_ns)):
                self.bins[time_bin] = max(self.bins[time_bin], len(self.paid_since_ns))
        self.marked_ns = now_ns

    def close(self, now_ns: int) -> None:
        """Book the server time up to now."""
        self.mark(now_ns)
        for k, kind in enumerate(self.pool.kinds):
            self.counts[k, SERVED_NS] = self.spent_ns(k, now_ns)
            self.counts[k, DECODING_NS] = self.decoders.spent_ns(k, now_ns)
            if k > 0:
                self.counts[k, SERVER_NS] = kind.count * now_ns
        self.counts[0, SERVER_NS] += sum(now_ns - since for since in self.paid_since_ns)
        self.paid_since_ns = [now_ns] * len(self.paid_since_ns)
