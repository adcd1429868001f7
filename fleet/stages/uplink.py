"""A link is a port and a wire: a FIFO that serialises with a finite buffer, then propagation.

    start = max(arrival, free),  free = departure = start + ceil(bits · 10⁹ / rate)

The buffer holds bits not yet sent. In nanoseconds of sending, a frame fits if

    max(0, free - max(arrival, down until)) + its own service <= buffer · 10⁹ / rate

and is dropped otherwise (drop-tail, the whole frame). While a link is down nothing is sent and
nothing is forgotten: what has not left resumes after the repair (preempt-resume).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.stages.frames import BITS, CLOCK, DONE, FATE, SENSOR

# Columns of the link table (constants) and of the port table (state), one row a link.
RATE_BPS, BUFFER_NS, PROPAGATION_NS = range(3)
LINK_WIDTH = 3
FREE_NS, DOWN_UNTIL_NS = range(2)
PORT_WIDTH = 2


@njit(cache=True, error_model="numpy")
def service_ns(bits: int, rate_bps: int) -> int:
    """Return how long sending takes: ceil(bits · 10⁹ / rate); bits below 9·10⁹."""
    return (bits * 1_000_000_000 + rate_bps - 1) // rate_bps


@njit(cache=True, error_model="numpy")
def enqueue(
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
    link_of: NDArray[np.int64],
    links: NDArray[np.int64],
    ports: NDArray[np.int64],
    offered_bits: NDArray[np.int64],
    dropped_bits: NDArray[np.int64],
    lost: int,
) -> int:
    """Give each frame its departure time (in CLOCK) or drop it; return the number dropped.

    Args:
        rows: the store's rows, changed in place.
        index: the frames, those of each link in order of (clock, sensor, frame).
        link_of: the link that each sensor's frames take; shape (all sensors,).
        links: the link table; shape (links, LINK_WIDTH).
        ports: the port table, changed in place; shape (links, PORT_WIDTH).
        offered_bits: bits that arrive are added; shape (links,).
        dropped_bits: bits that are dropped are added; shape (links,).
        lost: the fate of a dropped frame.
    """
    dropped = 0
    for i in index:
        link = link_of[rows[i, SENSOR]]
        now = rows[i, CLOCK]
        offered_bits[link] += rows[i, BITS]
        service = service_ns(rows[i, BITS], links[link, RATE_BPS])
        free = ports[link, FREE_NS]
        waiting = max(0, free - max(now, ports[link, DOWN_UNTIL_NS]))
        if waiting + service > links[link, BUFFER_NS]:
            rows[i, FATE] = lost
            rows[i, DONE] = now
            dropped_bits[link] += rows[i, BITS]
            dropped += 1
        else:
            free = max(now, free) + service
            ports[link, FREE_NS] = free
            rows[i, CLOCK] = free
    return dropped


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


@njit(cache=True, error_model="numpy")
def depart(
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
    link_of: NDArray[np.int64],
    links: NDArray[np.int64],
    class_of: NDArray[np.int64],
    link_bits: NDArray[np.int64],
    link_busy_ns: NDArray[np.int64],
    class_bins: NDArray[np.int64],
    bin_ns: int,
) -> None:
    """Book departures (in CLOCK) and put the frames on the wire: CLOCK becomes their arrival.

    Args:
        rows: the store's rows, changed in place.
        index: the frames that depart.
        link_of: the link that each sensor's frames take; shape (all sensors,).
        links: the link table; shape (links, LINK_WIDTH).
        class_of: class of each link; shape (links,).
        link_bits: bits sent are added; shape (links,).
        link_busy_ns: sending time is added; shape (links,).
        class_bins: bits sent are added by time bin; shape (classes, bins).
        bin_ns: width of a bin.
    """
    for i in index:
        link = link_of[rows[i, SENSOR]]
        bits = rows[i, BITS]
        link_bits[link] += bits
        link_busy_ns[link] += service_ns(bits, links[link, RATE_BPS])
        class_bins[class_of[link], rows[i, CLOCK] // bin_ns] += bits
        rows[i, CLOCK] += links[link, PROPAGATION_NS]


@njit(cache=True, error_model="numpy")
def radio(
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
    rate_bps: NDArray[np.int64],
    tail_ns: NDArray[np.int64],
    last_sent_ns: NDArray[np.int64],
    sending_ns: NDArray[np.int64],
    tailing_ns: NDArray[np.int64],
) -> None:
    """Book the radio states of sensors from departures (in CLOCK): sending, and tail after it.

    After a transmission the radio stays in its tail for `tail_ns` unless it sends again; all other
    time is idle (Huang et al., "A Close Examination of Performance and Power Characteristics of 4G
    LTE Networks", MobiSys 2012).

    Args:
        rows: the store's rows.
        index: the frames that depart, each sensor's in time order.
        rate_bps: rate of each sensor's first hop; shape (all sensors,).
        tail_ns: length of the tail by sensor; shape (all sensors,).
        last_sent_ns: end of the last transmission, 0 if none, changed in place.
        sending_ns: time spent sending is added; shape (all sensors,).
        tailing_ns: time spent in tails is added; shape (all sensors,).
    """
    for i in index:
        s = rows[i, SENSOR]
        service = service_ns(rows[i, BITS], rate_bps[s])
        if last_sent_ns[s] > 0:
            gap = rows[i, CLOCK] - service - last_sent_ns[s]
            tailing_ns[s] += min(gap, tail_ns[s])
        sending_ns[s] += service
        last_sent_ns[s] = rows[i, CLOCK]
