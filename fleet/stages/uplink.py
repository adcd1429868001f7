"""A link is a port and a wire: a FIFO that serialises with a finite buffer, then propagation.

    start = max(arrival, free),  free = departure = start + ceil(bits · 10⁹ / rate)

The buffer holds bits not yet sent. In nanoseconds of sending, a frame fits if

    max(0, free - max(arrival, down until)) + its own service <= buffer · 10⁹ / rate

and is dropped otherwise (drop-tail, the whole frame). While a link is down nothing is sent and
nothing is forgotten: what has not left resumes after the repair (preempt-resume).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.stages.frames import BITS, CLOCK, DONE, FATE, SENSOR

Ints = NDArray[np.int64]

# Columns of the link table (constants) and of the port table (state), one row a link.
RATE_BPS, BUFFER_NS, PROPAGATION_NS = range(3)
LINK_WIDTH = 3
FREE_NS, DOWN_UNTIL_NS = range(2)
PORT_WIDTH = 2


@njit(cache=True, error_model="numpy")
def service_ns(bits: int, rate_bps: int) -> int:
    """Return how long sending takes: ceil(bits · 10⁹ / rate); bits below 9·10⁹."""
    return (bits * 1_000_000_000 + rate_bps - 1) // rate_bps


class Hop(NamedTuple):
    """The links of one level as kernels take them.

    Attributes:
        link_of: link of each sensor at this level, -1 for none; shape (all sensors,).
        links: the link table; shape (links, LINK_WIDTH).
        class_of: class of each link; shape (links,).
        first: whether this is the sensor's first hop, where its radio is; shape (all sensors,).
        tail_ns: length of the sensor's radio tail; shape (all sensors,).
    """

    link_of: Ints
    links: Ints
    class_of: Ints
    first: NDArray[np.bool_]
    tail_ns: Ints


class Books(NamedTuple):
    """Where a hop counts; all are changed in place.

    Attributes:
        offered_bits, dropped_bits, sent_bits, busy_ns: by link; shape (links,).
        bins: bits sent by class and time bin; shape (classes, bins).
        last_sent_ns: end of each sensor's last transmission, 0 if none; shape (all sensors,).
        sending_ns, tailing_ns: time of each sensor's radio in these states; shape (all sensors,).
    """

    offered_bits: Ints
    dropped_bits: Ints
    sent_bits: Ints
    busy_ns: Ints
    bins: Ints
    last_sent_ns: Ints
    sending_ns: Ints
    tailing_ns: Ints


@njit(cache=True, error_model="numpy")
def departure_ns(now: int, service: int, free: int, down_until: int, buffer: int) -> int:
    """Return when a frame that arrives now has been sent, -1 if it does not fit the buffer; ns."""
    if max(0, free - max(now, down_until)) + service > buffer:
        return -1
    return max(now, free) + service


@njit(cache=True, error_model="numpy")
def pass_hop(
    rows: Ints, due: Ints, in_port: Ints, hop: Hop, ports: Ints, books: Books,
    bin_ns: int, until_ns: int, lost: int, column: int,
) -> tuple[Ints, Ints, Ints]:  # fmt: skip
    """Take frames through a hop up to a time; return indices (on the wire, in ports, lost).

    Args:
        rows: the store's rows, changed in place; CLOCK of a frame on the wire is its arrival.
        due: frames that arrive before the time, each link's in order of (clock, sensor, frame).
        in_port: frames accepted before that have not departed; CLOCK says when they do.
        hop: the links; a frame without one passes at once.
        ports: the port table, changed in place; shape (links, PORT_WIDTH).
        books: where to count.
        bin_ns: width of a time bin.
        until_ns: the time.
        lost: fate of a frame that does not fit a buffer.
        column: column that takes the time behind the hop.
    """
    # Taken out of their tuples once: in the loop that would cost more than the work.
    link_of, links, first, tail_ns = hop.link_of, hop.links, hop.first, hop.tail_ns
    class_of, bins, last_sent_ns = hop.class_of, books.bins, books.last_sent_ns
    offered, dropped, sent = books.offered_bits, books.dropped_bits, books.sent_bits
    busy, sending, tailing = books.busy_ns, books.sending_ns, books.tailing_ns
    moved = np.empty(len(due) + len(in_port), dtype=np.int64)
    waiting, gone = np.empty_like(moved), np.empty(len(due), dtype=np.int64)
    m, w, g = 0, 0, 0
    for k in range(len(moved)):
        fresh = k >= len(in_port)
        i = due[k - len(in_port)] if fresh else in_port[k]
        s, bits, now = rows[i, SENSOR], rows[i, BITS], rows[i, CLOCK]
        link = link_of[s]
        if link >= 0:
            service = service_ns(bits, links[link, RATE_BPS])
            if fresh:
                offered[link] += bits
                free, down = ports[link, FREE_NS], ports[link, DOWN_UNTIL_NS]
                leaves = departure_ns(now, service, free, down, links[link, BUFFER_NS])
                if leaves < 0:
                    rows[i, FATE], rows[i, DONE] = lost, now
                    dropped[link] += bits
                    gone[g] = i
                    g += 1
                    continue
                ports[link, FREE_NS] = rows[i, CLOCK] = now = leaves
            if now >= until_ns:
                waiting[w] = i
                w += 1
                continue
            sent[link] += bits
            busy[link] += service
            bins[class_of[link], now // bin_ns] += bits
            if first[s]:
                tailing[s] += tail_before(now - service, last_sent_ns[s], tail_ns[s])
                sending[s] += service
                last_sent_ns[s] = now
            rows[i, CLOCK] = now + links[link, PROPAGATION_NS]
        rows[i, column] = rows[i, CLOCK]
        moved[m] = i
        m += 1
    return moved[:m], waiting[:w], gone[:g]


@njit(cache=True, error_model="numpy")
def tail_before(begin_ns: int, last_sent_ns: int, tail_ns: int) -> int:
    """Return how long a radio was in its tail before a transmission; ns.

    After a transmission the radio stays in its tail for `tail_ns` unless it sends again; all other
    time is idle (Huang et al., "A Close Examination of Performance and Power Characteristics of 4G
    LTE Networks", MobiSys 2012). A radio that has not sent yet has `last_sent_ns` 0.
    """
    return min(begin_ns - last_sent_ns, tail_ns) if last_sent_ns > 0 else 0


@njit(cache=True, error_model="numpy")
def outage(
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
    link_of: NDArray[np.int64],
    ports: NDArray[np.int64],
    link: int,
    now_ns: int,
    until_ns: int,
) -> None:
    """Take a link down from now until a time: what has not departed departs that much later.

    Args:
        rows: the store's rows, changed in place.
        index: the frames in ports, with their departure times in CLOCK.
        link_of: the link that each sensor's frames take; shape (all sensors,).
        ports: the port table, changed in place; shape (links, PORT_WIDTH).
        link: index of the link.
        now_ns: start of the outage.
        until_ns: end of the outage.
    """
    for i in index:
        if link_of[rows[i, SENSOR]] == link:
            rows[i, CLOCK] += until_ns - now_ns
    ports[link, FREE_NS] = max(ports[link, FREE_NS], now_ns) + until_ns - now_ns
    ports[link, DOWN_UNTIL_NS] = until_ns
