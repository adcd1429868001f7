"""Links and radios of the reference engine, as SimPy processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import simpy

from fleet.chance import uniform
from fleet.engine.control import FRAME as FRAME_RANK
from fleet.engine.control import LAST, Environment, Process, pause
from fleet.engine.tally import Tally
from fleet.model.books import (
    BIN_NS,
    BUSY_NS,
    DROPPED_BITS,
    IDLE_NS,
    LAST_SENT_NS,
    OFFERED_BITS,
    PROMOTION_NS,
    RADIO_BITS,
    SENDING_NS,
    SENT_LINK_BITS,
    TAIL_NS,
)
from fleet.model.bursts import burst_salt, resent_in_bursts
from fleet.model.events import CAP_RENEWED, LINK_DOWN
from fleet.model.link import buffer_ns, rate_bps, resent
from fleet.plan.plan import Plan
from fleet.reference.frame import Frame


class Station:
    """Where frames arrive: it looks at them when all of one time have come, in total order."""

    def __init__(self, env: Environment) -> None:
        """Set up a station without arrivals."""
        self.env = env
        self.arrivals: list[tuple[Frame, simpy.Event]] = []

    def enter(self, frame: Frame) -> simpy.Event:
        """Return an event that happens when the frame is through, with a value that is true."""
        frame.arrived_ns = self.env.now
        through = self.env.event()
        self.arrivals.append((frame, through))
        self.look_after(0)
        return through

    def look_after(self, delay_ns: int) -> None:
        """Look at what has arrived after a delay, when everything else of that time is done."""
        pause(self.env, delay_ns, LAST).callbacks.append(lambda _: self._look())

    def _look(self) -> None:
        arrivals, self.arrivals = self.arrivals, []
        for frame, through in sorted(arrivals, key=lambda a: (a[0].sensor, a[0].number)):
            self.admit(frame, through)
        self.start()

    def admit(self, frame: Frame, through: simpy.Event) -> None:
        """Queue a frame or refuse it."""
        raise AssertionError("a station says how it admits")

    def start(self) -> None:
        """Start whatever can start now."""


@dataclass(eq=False)
class Sending:
    """A frame in a port.

    Attributes:
        frame: the frame.
        through: the event that it is through.
        bits: what is sent for it.
        capped: whether it came behind the link's cap.
        left: what is left of it when its sending last began; 10⁻⁹ bit.
        spent_ns: how long it had been sent then.
        since_ns: when that was; None if it is not being sent.
    """

    frame: Frame
    through: simpy.Event
    bits: int
    capped: bool
    left: int
    spent_ns: int = 0
    since_ns: int | None = None

    def pass_on(self, spent_ns: int, rate_bps: int) -> None:
        """Note that it has been sent for a time at a rate."""
        self.left = max(0, self.left - spent_ns * rate_bps)
        self.spent_ns += spent_ns

    def left_ns(self, rate_bps: int) -> int:
        """Return how long the rest takes at a rate; a whole frame takes at least 1 ns."""
        return max(0 if self.spent_ns else 1, self.left // rate_bps)


class Link(Station):
    """A port with a finite buffer; the wire is a timeout in the life of the frame."""

    def __init__(self, env: Environment, plan: Plan, link: int, level: int, tally: Tally) -> None:
        """Set up an idle link; `level` is its place on the ways of its sensors."""
        super().__init__(env)
        self.plan, self.link, self.level, self.tally = plan, link, level, tally
        self.now_is = plan.links.table[link : link + 1].copy()  # as it stands now
        self.kind = self.now_is[0]
        self.queue: deque[Sending] = deque()
        self.serving: Sending | None = None
        self.accepted_bits = 0
        self.free_ns = 0  # when it last became free, or came up
        self.work = env.event()
        self.down_until_ns = 0
        self.server = env.process(self._serve())

    def rate_bps(self, sending: Sending) -> int:
        """Return at which rate a frame in the port is sent now."""
        return rate_bps(self.now_is, 0, self.kind.cap_bits if sending.capped else 0)

    def backlog_ns(self, frame: Frame) -> int:
        """Return how long sending takes of what is in the buffer that a frame would come into.

        In front of a cell each modem has one, and the frames that come by another link have one.
        """
        buffer, backlog_ns = self.buffer_of(frame), 0
        for one in (*self.queue, *((self.serving,) if self.serving else ())):
            if self.buffer_of(one.frame) == buffer:
                sent_ns = 0 if one.since_ns is None else self.env.now - one.since_ns
                backlog_ns += one.left_ns(self.rate_bps(one)) - sent_ns
        return backlog_ns

    def by_radio(self, frame: Frame) -> bool:
        """Return whether a frame comes by its sensor's own radio, which sends to this cell."""
        return bool(self.plan.links.cell_level[frame.sensor] == self.level)

    def buffer_of(self, frame: Frame) -> int | None:
        """Return whose buffer a frame waits in here: that of its sensor, or None, the link's."""
        return frame.sensor if self.by_radio(frame) else None

    def queued_bits(self) -> int:
        """Return the bits of the frames that wait or are being sent."""
        return sum(one.bits for one in self.queue) + (self.serving.bits if self.serving else 0)

    def holds(self, sensor: int) -> bool:
        """Return whether frames of a sensor wait or are being sent."""
        every = (*self.queue, *((self.serving,) if self.serving else ()))
        return any(one.frame.sensor == sensor for one in every)

    def sent_again(self, frame: Frame) -> tuple[int, int, bool]:
        """Return (bits that must be sent again, rounds, whether the frame comes through)."""
        if not self.kind.loss_ppb or self.by_radio(frame):  # the radio sends again, not the cell
            return 0, 0, True
        key = self.plan.sensors.loss_keys[frame.sensor] ^ np.uint64(self.level)
        if self.kind.burst_ns:
            salt = burst_salt(self.plan.seed, self.plan.replication)
            came_ns, bits = frame.came_ns(self.level), frame.wire_bits
            return resent_in_bursts(self.now_is, 0, salt, key, frame.number, bits, came_ns)
        return resent(key, frame.number, frame.wire_bits, self.kind.loss_ppb, self.kind.retries)

    def admit(self, frame: Frame, through: simpy.Event) -> None:
        """Queue a frame if it fits the buffer."""
        bits = frame.wire_bits + self.sent_again(frame)[0]
        capped = bool(0 < self.kind.cap_bits <= self.accepted_bits)
        one = Sending(frame, through, bits, capped, bits * 1_000_000_000)
        service_ns = one.left_ns(self.rate_bps(one))
        self.tally.links[self.link, OFFERED_BITS] += bits
        if self.serving is None and not self.queue and self.free_ns <= self.env.now:
            self.tally.links[self.link, IDLE_NS] = self.env.now
        if self.backlog_ns(frame) + service_ns > buffer_ns(self.now_is, 0, self.accepted_bits):
            self.tally.links[self.link, DROPPED_BITS] += bits
            through.succeed(False)
        else:
            self.accepted_bits += bits
            self._cut_through(one, service_ns)
            self.queue.append(one)

    def start(self) -> None:
        """Wake the server."""
        if self.queue and not self.work.triggered:
            self.work.succeed()

    def _serve(self) -> Process:
        while True:
            if not self.queue:
                self.work = self.env.event()
                yield self.work
            one = self.serving = self.queue.popleft()
            yield from self._send(one)
            self.free_ns = self.env.now
            self.serving = None
            self._book(one.bits, one.spent_ns)
            one.through.succeed((one.bits, one.spent_ns))

    def _cut_through(self, one: Sending, service_ns: int) -> None:
        """Let a shared cell that is free have taken bits since the radio below began to send."""
        if self.serving is not None or self.queue or not self.by_radio(one.frame):
            return
        air_ns = max(1, one.frame.wire_bits * 1_000_000_000 // int(self.kind.air_bps))
        began_ns = max(self.env.now - air_ns, self.free_ns)
        ahead_ns = min(max(0, self.env.now - began_ns), service_ns - 1)
        one.pass_on(ahead_ns, self.rate_bps(one))

    def _send(self, one: Sending) -> Process:
        """Send a frame; outages and other rates interrupt, and what is left is sent after them."""
        while True:
            if self.env.now < self.down_until_ns:
                yield pause(self.env, self.down_until_ns - self.env.now, FRAME_RANK)
            rate = self.rate_bps(one)
            left_ns, one.since_ns = one.left_ns(rate), self.env.now
            try:
                yield pause(self.env, left_ns, FRAME_RANK)
            except simpy.Interrupt:
                continue
            one.since_ns = None
            one.pass_on(left_ns, rate)
            return

    def _interrupt(self) -> None:
        """Note what has been sent of the frame in service, which goes on otherwise."""
        one = self.serving
        if one is not None and one.since_ns is not None:
            one.pass_on(self.env.now - one.since_ns, self.rate_bps(one))
            one.since_ns = None
            self.server.interrupt()

    def apply(self, kind: int, a: int, b: int) -> None:
        """Go down until `a`; or have a cap of `a`, of which nothing is spent.

        Or have another rate `a`, and a buffer that holds `b` ns at that.
        """
        self._interrupt()
        if kind == LINK_DOWN:
            self.down_until_ns = self.free_ns = a
        elif kind == CAP_RENEWED:
            self._renew_cap(a)
        else:
            self.now_is.rate_bps[0], self.now_is.buffer_ns[0] = a, b

    def _renew_cap(self, cap_bits: int) -> None:
        """Count from now on, and what is in the port first."""
        self.now_is.cap_bits[0], self.accepted_bits = cap_bits, 0
        for one in (*((self.serving,) if self.serving else ()), *self.queue):
            one.capped = cap_bits <= self.accepted_bits
            self.accepted_bits += one.bits

    def _book(self, bits: int, service_ns: int) -> None:
        counts = self.tally.links[self.link]
        counts[SENT_LINK_BITS] += bits
        counts[BUSY_NS] += min(service_ns, self.env.now - self.tally.since_ns)
        time_bin = self.env.now // BIN_NS
        row = self.plan.stations.bin_of[self.link]
        self.tally.link_bins[row, time_bin] += bits


def first_link(plan: Plan, links: Sequence[Link], sensor: int) -> Link:
    """Return the first link on the way of a sensor."""
    levels = plan.links.of[:, sensor]
    return links[int(levels[levels >= 0][0])]


@dataclass
class Gave:
    """What a sensor has spent since time zero that its battery gave, if it has one.

    Attributes:
        sensing_ns, sending_ns, tail_ns, promotion_ns: time in these states.
        computing_fj: energy of the DSP or the encoder.
        bits: what its radio sent.
    """

    sensing_ns: int = 0
    sending_ns: int = 0
    tail_ns: int = 0
    promotion_ns: int = 0
    computing_fj: int = 0
    bits: int = 0


class Radio:
    """The states of a sensor's radio: idle, promotion, sending, tail; and how it wakes."""

    def __init__(self, plan: Plan, sensor: int, tally: Tally) -> None:
        """Set up a radio that has not sent yet."""
        self.kind = plan.links.radios[plan.links.radio_of[sensor]]
        self.key = plan.sensors.radio_keys[sensor]
        self.tally, self.counts, self.gave = tally, tally.sensors[sensor], Gave()
        self.end_ns = plan.end_ns
        self.used_ns: int | None = None  # when it took its last frame

    def wait_ns(self, frame: int, now_ns: int, own: Link | None) -> int:
        """Return how long a frame waits for the radio; it is then on its way.

        Args:
            frame: its number.
            now_ns: the time.
            own: the link that the radio has for itself, if it does.
        """
        if not self.kind.promotion_ns and not self.kind.drx_wait_ns:
            return 0
        quiet_ns = None if self.used_ns is None else now_ns - self.used_ns
        if quiet_ns is not None and own is not None:
            sent_ns = now_ns if own.queued_bits() else int(self.counts[LAST_SENT_NS])
            quiet_ns = min(quiet_ns, now_ns - sent_ns)
        wait = 0
        if quiet_ns is None or quiet_ns > self.kind.tail_ns:
            wait = self.kind.promotion_ns
            promoting = min(wait, self.end_ns - now_ns)
            self.counts[PROMOTION_NS] += promoting
            self.gave.promotion_ns += promoting
        elif quiet_ns > self.kind.drx_after_ns:
            wait = int(uniform(self.key, frame) * self.kind.drx_wait_ns)
        at = now_ns + wait
        if self.used_ns is not None:
            at = max(at, self.used_ns + 1)
        self.used_ns = at
        return at - now_ns

    def sent(self, bits: int, service_ns: int, now_ns: int) -> None:
        """Book a transmission that has just ended, and the tail of the one before."""
        self._book_tail(now_ns - service_ns)
        self.counts[SENDING_NS] += min(service_ns, now_ns - self.tally.since_ns)
        self.gave.sending_ns += service_ns
        self.gave.bits += bits
        self.counts[RADIO_BITS] += bits
        self.counts[LAST_SENT_NS] = now_ns

    def end_tail(self, now_ns: int) -> None:
        """End its tail now: it has not sent yet when it is there again."""
        self._book_tail(now_ns)
        self.counts[LAST_SENT_NS] = 0

    def _book_tail(self, until_ns: int) -> None:
        """Book the tail of the last transmission, which ends at a time if it is not over."""
        last_ns = int(self.counts[LAST_SENT_NS])
        if last_ns > 0:
            over_ns = min(until_ns, last_ns + self.kind.tail_ns)
            self.gave.tail_ns += max(0, over_ns - last_ns)
            self.counts[TAIL_NS] += max(0, over_ns - max(last_ns, self.tally.since_ns))
