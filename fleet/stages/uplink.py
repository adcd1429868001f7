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
def accept(row: Ints, link: int, service: int, links: Ints, ports: Ints) -> bool:
    """Give a frame its departure time (in CLOCK) if it fits the buffer; return whether it does."""
    now = row[CLOCK]
    free = ports[link, FREE_NS]
    waiting = max(0, free - max(now, ports[link, DOWN_UNTIL_NS]))
    if waiting + service > links[link, BUFFER_NS]:
        return False
    row[CLOCK] = ports[link, FREE_NS] = max(now, free) + service
    return True


@njit(cache=True, error_model="numpy")
def depart(row: Ints, link: int, service: int, hop: Hop, books: Books, bin_ns: int) -> None:
    """Book a departure (in CLOCK) and put the frame on the wire: CLOCK becomes its arrival.

    After a transmission the radio stays in its tail for `tail_ns` unless it sends again; all other
    time is idle (Huang et al., "A Close Examination of Performance and Power Characteristics of 4G
    LTE Networks", MobiSys 2012).
    """
    now, s = row[CLOCK], row[SENSOR]
    books.sent_bits[link] += row[BITS]
    books.busy_ns[link] += service
    books.bins[hop.class_of[link], now // bin_ns] += row[BITS]
    if hop.first[s]:
        if books.last_sent_ns[s] > 0:
            gap = now - service - books.last_sent_ns[s]
            books.tailing_ns[s] += min(gap, hop.tail_ns[s])
        books.sending_ns[s] += service
        books.last_sent_ns[s] = now
    row[CLOCK] = now + hop.links[link, PROPAGATION_NS]


@njit(cache=True, error_model="numpy")
def pass_hop(
    rows: Ints,
    due: Ints,
    in_port: Ints,
    hop: Hop,
    ports: Ints,
    books: Books,
    bin_ns: int,
    until_ns: int,
    lost: int,
    column: int,
) -> tuple[Ints, Ints, Ints]:
    """Take frames through a hop up to a time.

    Args:
        rows: the store's rows, changed in place.
        due: frames that arrive before the time, those of each link in order of (clock, sensor,
            frame); frames without a link at this level pass at once.
        in_port: frames that were accepted before and have not departed, CLOCK says when they do.
        hop: the links.
        ports: the port table, changed in place; shape (links, PORT_WIDTH).
        books: where to count.
        bin_ns: width of a time bin.
        until_ns: the time.
        lost: fate of a frame that does not fit a buffer.
        column: column that takes the time of arrival behind the hop.

    Returns:
        indices of the frames that departed (on the wire, CLOCK says until when), of those that
        are in ports, and of those that were lost.
    """
    moved = np.empty(len(due) + len(in_port), dtype=np.int64)
    waiting = np.empty(len(due) + len(in_port), dtype=np.int64)
    gone = np.empty(len(due), dtype=np.int64)
    m, w, g = 0, 0, 0
    for i in in_port:
        if rows[i, CLOCK] >= until_ns:
            waiting[w] = i
            w += 1
            continue
        link = hop.link_of[rows[i, SENSOR]]
        depart(rows[i], link, service_ns(rows[i, BITS], hop.links[link, RATE_BPS]), hop, books, bin_ns)
        rows[i, column] = rows[i, CLOCK]
        moved[m] = i
        m += 1
    for i in due:
        link = hop.link_of[rows[i, SENSOR]]
        if link >= 0:
            service = service_ns(rows[i, BITS], hop.links[link, RATE_BPS])
            books.offered_bits[link] += rows[i, BITS]
            if not accept(rows[i], link, service, hop.links, ports):
                rows[i, FATE] = lost
                rows[i, DONE] = rows[i, CLOCK]
                books.dropped_bits[link] += rows[i, BITS]
                gone[g] = i
                g += 1
                continue
            if rows[i, CLOCK] >= until_ns:
                waiting[w] = i
                w += 1
                continue
            depart(rows[i], link, service, hop, books, bin_ns)
        rows[i, column] = rows[i, CLOCK]
        moved[m] = i
        m += 1
    return moved[:m], waiting[:w], gone[:g]


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
