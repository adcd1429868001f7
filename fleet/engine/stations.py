"""The stations of the reference engine: links and pools as SimPy processes."""

from __future__ import annotations

from collections import deque

import simpy

from fleet.engine.control import FRAME, LAST, Environment, Process, pause
from fleet.engine.tally import (
    BATCHES,
    BOOTS,
    BUSY_NS,
    DROPPED_BITS,
    LAST_SENT_NS,
    OFFERED_BITS,
    SENDING_NS,
    SENT_LINK_BITS,
    SERVED_NS,
    SERVER_NS,
    TAIL_NS,
    Tally,
)
from fleet.plan.columns import Plan, Pool
from fleet.stages.frames import BITS, CLOCK, INFER, START
from fleet.stages.uplink import BUFFER_NS, RATE_BPS

Row = list[int]


class Station:
    """Where frames arrive: it looks at them when all of one time have come, in total order."""

    def __init__(self, env: Environment) -> None:
        """Set up a station without arrivals."""
        self.env = env
        self.arrivals: list[tuple[Row, simpy.Event]] = []

    def enter(self, row: Row) -> simpy.Event:
        """Return an event that happens when the frame is through: True, or False if lost."""
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

    def __init__(self, env: Environment, plan: Plan, link: int, tally: Tally) -> None:
        """Set up an idle link."""
        super().__init__(env)
        self.plan, self.link, self.tally = plan, link, tally
        self.rate_bps = int(plan.links[link, RATE_BPS])
        self.buffer_ns = int(plan.links[link, BUFFER_NS])
        self.queue: deque[tuple[Row, simpy.Event, int]] = deque()
        self.in_service_bits = 0
        self.work = env.event()
        self.down_until_ns = 0
        self.left_ns = 0  # of the frame in service when its sending last began
        self.sending_since_ns: int | None = None
        self.server = env.process(self._serve())

    def backlog_ns(self) -> int:
        """Return how long sending what is in the buffer takes."""
        sent = 0 if self.sending_since_ns is None else self.env.now - self.sending_since_ns
        return self.left_ns - sent + sum(service for _, _, service in self.queue)

    def queued_bits(self) -> int:
        """Return the bits of the frames that wait or are being sent."""
        return self.in_service_bits + sum(row[BITS] for row, _, _ in self.queue)

    def admit(self, row: Row, through: simpy.Event) -> None:
        """Queue a frame if it fits the buffer."""
        service_ns = -(-row[BITS] * 1_000_000_000 // self.rate_bps)
        self.tally.links[self.link, OFFERED_BITS] += row[BITS]
        if self.backlog_ns() + service_ns > self.buffer_ns:
            self.tally.links[self.link, DROPPED_BITS] += row[BITS]
            through.succeed(False)
        else:
            self.queue.append((row, through, service_ns))

    def start(self) -> None:
        """Wake the server."""
        if self.queue and not self.work.triggered:
            self.work.succeed()

    def _serve(self) -> Process:
        while True:
            if not self.queue:
                self.work = self.env.event()
                yield self.work
            row, through, service_ns = self.queue.popleft()
            self.in_service_bits = row[BITS]
            yield from self._send(service_ns)
            self.in_service_bits = 0
            self._book(row, service_ns)
            through.succeed(True)

    def _send(self, service_ns: int) -> Process:
        """Send for a time; an outage interrupts, and what is left is sent after the repair."""
        self.left_ns = service_ns
        while self.left_ns > 0:
            if self.env.now < self.down_until_ns:
                yield pause(self.env, self.down_until_ns - self.env.now, FRAME)
            began_ns = self.sending_since_ns = self.env.now
            try:
                yield pause(self.env, self.left_ns, FRAME)
                self.left_ns = 0
            except simpy.Interrupt:
                self.left_ns -= self.env.now - began_ns
                if self.left_ns == 0:  # cut in the very last moment: it is over at the repair
                    yield pause(self.env, self.down_until_ns - self.env.now, FRAME)
            self.sending_since_ns = None

    def outage(self, until_ns: int) -> None:
        """Go down until a time."""
        self.down_until_ns = until_ns
        if self.sending_since_ns is not None:
            self.server.interrupt()

    def _book(self, row: Row, service_ns: int) -> None:
        counts = self.tally.links[self.link]
        counts[SENT_LINK_BITS] += row[BITS]
        counts[BUSY_NS] += service_ns
        time_bin = self.env.now // self.plan.bin_ns
        self.tally.link_bins[self.plan.class_of[self.link], time_bin] += row[BITS]


class Radio:
    """The states of a sensor's radio: sending, tail, idle."""

    def __init__(self, plan: Plan, sensor: int, tally: Tally) -> None:
        """Set up a radio that has not sent yet."""
        self.tail_ns = int(plan.tail_ns[sensor])
        self.rate_bps = int(plan.first_rate_bps[sensor])
        self.counts = tally.sensors[sensor]

    def sent(self, bits: int, now_ns: int) -> None:
        """Book a transmission that has just ended, and the tail of the one before."""
        service_ns = -(-bits * 1_000_000_000 // self.rate_bps)
        if self.counts[LAST_SENT_NS] > 0:
            gap_ns = now_ns - service_ns - self.counts[LAST_SENT_NS]
            self.counts[TAIL_NS] += min(gap_ns, self.tail_ns)
        self.counts[SENDING_NS] += service_ns
        self.counts[LAST_SENT_NS] = now_ns


class ServerPool(Station):
    """Servers with one queue, dynamic batching and a number that can change."""

    def __init__(self, env: Environment, plan: Plan, pool: Pool, region: int, tally: Tally) -> None:
        """Set up a pool of idle servers."""
        super().__init__(env)
        self.plan, self.pool, self.counts = plan, pool, tally.pools[region]
        self.bins = tally.server_bins[region]
        self.waiting: deque[tuple[Row, simpy.Event]] = deque()
        self.idle = pool.servers
        self.batches: list[tuple[int, int]] = []  # (start, end) of running batches, kept servers
        self.ending: list[tuple[int, int]] = []  # the same of servers that are given back
        self.served_ns = 0
        self.paid_since_ns = [0] * pool.servers
        self.marked_ns = 0

    def admit(self, row: Row, through: simpy.Event) -> None:
        """Queue a frame if there is room."""
        if len(self.waiting) >= self.pool.queue_max:
            through.succeed(False)
        else:
            self.waiting.append((row, through))

    def start(self) -> None:
        """Start batches while a server is idle and a batch is full or due."""
        while self.idle and self.waiting:
            due_ns = self.waiting[0][0][CLOCK] + self.pool.wait_ns
            if len(self.waiting) < self.pool.max_batch and self.env.now < due_ns:
                self.look_after(due_ns - self.env.now)
                return
            size = min(self.pool.max_batch, len(self.waiting))
            self.idle -= 1
            self.env.process(self._batch([self.waiting.popleft() for _ in range(size)]))

    def _batch(self, batch: list[tuple[Row, simpy.Event]]) -> Process:
        began_ns = self.env.now
        span = (began_ns, began_ns + int(self.pool.service_ns[len(batch)]))
        self.batches.append(span)
        self.counts[BATCHES] += 1
        for row, _ in batch:
            row[START] = began_ns
        yield pause(self.env, span[1] - began_ns, FRAME)
        self.served_ns += span[1] - began_ns
        if span in self.batches:
            self.batches.remove(span)
            self.idle += 1
        else:
            self.ending.remove(span)
        for row, through in batch:
            row[INFER] = self.env.now
            through.succeed(True)
        self.look_after(0)

    # What the autoscaler sees (fleet.engine.control.Servers) ----------------------------------

    def busy_ns(self, now_ns: int) -> int:
        """Return the server time spent on frames up to now."""
        return self.served_ns + sum(now_ns - began for began, _ in self.batches + self.ending)

    def running(self) -> int:
        """Return the number of servers that are up."""
        return self.idle + len(self.batches)

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""
        self.mark(now_ns)
        self.paid_since_ns.append(now_ns)
        self.counts[BOOTS] += 1

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted."""
        self.idle += 1
        self.look_after(0)

    def retire_server(self, now_ns: int) -> None:
        """Give back an idle server, or the one whose batch ends first when it ends."""
        self.mark(now_ns)
        end_ns = now_ns
        if self.idle:
            self.idle -= 1
        else:
            first = min(self.batches, key=lambda span: span[1])
            self.batches.remove(first)
            self.ending.append(first)
            end_ns = min(first[1], self.plan.end_ns)
        self.counts[SERVER_NS] += end_ns - self.paid_since_ns.pop()

    def mark(self, now_ns: int) -> None:
        """Write the number of servers into the time bins since the last change."""
        for time_bin in range(self.marked_ns // self.plan.bin_ns, -(-now_ns // self.plan.bin_ns)):
            if now_ns > self.marked_ns:
                self.bins[time_bin] = max(self.bins[time_bin], len(self.paid_since_ns))
        self.marked_ns = now_ns

    def close(self, now_ns: int) -> None:
        """Book the server time up to now."""
        self.mark(now_ns)
        self.counts[SERVED_NS] = self.busy_ns(now_ns)
        self.counts[SERVER_NS] += sum(now_ns - since for since in self.paid_since_ns)
        self.paid_since_ns = [now_ns] * len(self.paid_since_ns)
