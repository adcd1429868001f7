"""A link is a port and a wire: a FIFO that serialises with a finite buffer, then propagation.

    start = max(arrival, free),  free = departure = start + floor(bits · 10⁹ / rate)

The buffer holds bits not yet sent. In nanoseconds of sending, a frame fits if

    max(0, free - max(arrival, down until)) + its own service <= floor(buffer · 10⁹ / rate)

and is dropped otherwise (drop-tail, the whole frame). Both sides are rounded down, so that frames
which fill a buffer to the bit fit, and a link that is asked for its very rate never falls behind.
While a link is down nothing is sent and nothing is forgotten: what has not left resumes after the
repair (preempt-resume).

The rate may change. A link is a capacity curve: a frame departs at the last nanosecond until which
the curve, added up since its start, is no more than its bits. With one rate that is the line above,
and an outage is a span of the curve that is 0. So when the rate changes, what is left of a frame,
in 10⁻⁹ bit, goes on at the new rate, whose time is rounded down once more.

Three things may be added. A *shared radio cell* takes bits while the sender's own radio sends them:
its service counts from `arrival - air`, where air is the time on that radio (cut-through); and it
has no buffer: what waits for it waits in the modems (`fleet.columns.modem`). A *data cap* slows a
port down to another rate once it has carried so many bits. On a link with *loss* segments are sent
again (`resent`, or `fleet.model.bursts`): that takes the port's time, and a round trip on the wire.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, Table
from fleet.chance import ln, mix64, uniform
from fleet.kernel import inlined, kernel
from fleet.model.books import (
    GAVE_TAIL_NS,
    LAST_SENT_NS,
    TAIL_NS,
    Books,
    measured_ns,
)

SEGMENT_BITS = 12_000
"""What is lost and sent again as one piece: an Ethernet frame of 1500 B."""


class LinkTable(Table):
    """What links are: one row a link."""

    rate_bps: Ints
    buffer_ns: Ints  # what its buffer holds, in time of sending
    propagation_ns: Ints
    air_bps: Ints  # of the radio below a shared cell, else 0
    cap_bits: Ints  # 0 without a cap
    throttled_bps: Ints  # behind the cap
    throttled_buffer_ns: Ints
    loss_ppb: Ints  # in the mean
    retries: Ints
    retry_ns: Ints
    good_ppb: Ints  # loss while it is good, of one that loses in bursts
    bad_ppb: Ints
    gap_ns: Ints  # how long it is good in the mean
    burst_ns: Ints  # how long it is bad in the mean; 0: it does not lose in bursts
    burst_key: Ints  # of its own, for when that is


class Rate(NamedTuple):
    """What a link has from some time on.

    Attributes:
        bps: its rate; bit/s.
        buffer_ns: what its buffer holds, in time of sending at that rate.
    """

    bps: int
    buffer_ns: int


class Cap(NamedTuple):
    """A data cap of which nothing is spent yet.

    Attributes:
        bits: what may be carried from now on at the link's rate.
    """

    bits: int


class Ports(Table):
    """How the ports of links stand: one row a link."""

    free_ns: Ints  # when all that was accepted has been sent
    down_until_ns: Ints
    began_ns: Ints  # since when the frame in service is sent at the rate that there is now
    spent_ns: Ints  # how long it was sent at other rates before; 0: at none
    done: Ints  # what these sent of it; 10⁻⁹ bit


@inlined
def service_ns(bits: int, rate_bps: int) -> int:
    """Return how long sending takes: floor(bits · 10⁹ / rate), at least 1 ns; bits below 9·10⁹.

    Divides without signs, which is what a processor does fastest. The quotient is made a number
    with a sign again: where the two kinds meet, the compiler goes on in floating point.
    """
    return max(1, int(np.int64(np.uint64(bits * 1_000_000_000) // np.uint64(rate_bps))))


@inlined
def rate_bps(links: LinkTable, link: int, carried_bits: int) -> int:
    """Return the rate of a link of the link table that has carried so many bits.

    Behind its cap it is the lower of what is left then and what the link has at the time.
    """
    if 0 < links.cap_bits[link] <= carried_bits:
        return int(min(links.throttled_bps[link], links.rate_bps[link]))
    return int(links.rate_bps[link])


@inlined
def buffer_ns(links: LinkTable, link: int, carried_bits: int) -> int:
    """Return what its buffer holds, in nanoseconds of sending at the rate that it has then."""
    if 0 < links.cap_bits[link] <= carried_bits:
        return int(max(links.throttled_buffer_ns[link], links.buffer_ns[link]))
    return int(links.buffer_ns[link])


@kernel
def resent(
    key: int | np.uint64, frame: int, bits: int, loss_ppb: int, retries: int
) -> tuple[int, int, bool]:
    """Return (bits sent again, rounds that took, whether the frame came through).

    Each segment is lost with the same probability whenever it is sent, and sent again up to
    `retries` times. How many go well before the next loss is geometric: floor(ln u / ln(1 - p)).

    Args:
        key: the sensor's loss key for this level of its path.
        frame: frame number.
        bits: of the frame.
        loss_ppb: probability of a loss in 10⁻⁹.
        retries: how often a segment is sent again at most.
    """
    segments = (bits + SEGMENT_BITS - 1) // SEGMENT_BITS
    piece = (bits + segments - 1) // segments
    scale = 1.0 / ln(1.0 - loss_ppb * 1e-9)
    own = mix64(np.uint64(key) ^ mix64(frame))
    through, again, rounds, extra, draw = 0, 0, 0, 0, 0
    while True:
        well = min(segments, int(ln(1.0 - uniform(own, draw)) * scale))
        if well > 0:
            again = 0
        through += well
        if through >= segments:
            return extra * piece, rounds, True
        if again == retries:
            return extra * piece, rounds, False
        again += 1
        extra += 1
        rounds = max(rounds, again)
        draw += 1


@inlined
def tail_before(begin_ns: int, last_sent_ns: int, tail_ns: int, since_ns: int) -> int:
    """Return how long a radio was in its tail before a transmission, behind the warm-up; ns.

    After a transmission the radio stays in its tail for `tail_ns` unless it sends again; all other
    time is idle (Huang et al., "A Close Examination of Performance and Power Characteristics of 4G
    LTE Networks", MobiSys 2012). A radio that has not sent yet has `last_sent_ns` 0.
    """
    if last_sent_ns == 0:
        return 0
    return measured_ns(last_sent_ns, min(begin_ns, last_sent_ns + tail_ns), since_ns)


def end_tail(books: Books, sensor: int, now_ns: int, tail_ns: int) -> None:
    """End the tail of a radio now, as it goes: it has not sent yet when it is there again.

    Args:
        books: what is counted, changed in place.
        sensor: whose radio it is.
        now_ns: the time.
        tail_ns: the length of its tail.
    """
    counts = books.sensors[sensor]
    last_ns = int(counts[LAST_SENT_NS])
    counts[TAIL_NS] += tail_before(now_ns, last_ns, tail_ns, books.since_ns)
    if len(books.gave):
        books.gave[sensor, GAVE_TAIL_NS] += tail_before(now_ns, last_ns, tail_ns, 0)
    counts[LAST_SENT_NS] = 0
