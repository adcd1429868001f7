"""One frame through one link: accepted or dropped, sent, on the wire, and what is booked of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Bools, Ints, Keys
from fleet.kernel import inlined
from fleet.model.books import (
    ACCEPTED_BEFORE_BITS,
    BIN_NS,
    BUSY_NS,
    DROPPED_BITS,
    GAVE_BITS,
    GAVE_SENDING_NS,
    GAVE_TAIL_NS,
    IDLE_NS,
    LAST_SENT_NS,
    OFFERED_BITS,
    RADIO_BITS,
    SENDING_NS,
    SENT_BEFORE_BITS,
    SENT_LINK_BITS,
    TAIL_NS,
    Books,
    measured_ns,
)
from fleet.model.bursts import sent_again
from fleet.model.frames import (
    ACCESS,
    BITS,
    CLOCK,
    DONE,
    ENDED,
    FATE,
    FRAME,
    IN_PORT,
    LOST_ACCESS_BUFFER,
    LOST_LINK,
    ON_WIRE,
    SENSOR,
    Columns,
)
from fleet.model.link import (
    LinkTable,
    Ports,
    buffer_ns,
    rate_bps,
    service_ns,
    tail_before,
)

ALL = -1
"""What is ahead of a frame in its buffer is all that is in the port."""


@inlined
def departure_ns(now: int, service: int, air: int, free: int, ahead: int, buffer: int) -> int:
    """Return when a frame that arrives now has been sent, -1 if it does not fit the buffer; ns.

    `ahead` is how long sending takes of what is in that buffer.
    """
    if ahead + service > buffer:
        return -1
    if air > 0:
        return max(now + 1, max(now - air, free) + service)
    return max(now, free) + service


@inlined
def carried_bits(counts: Ints, link: int, accepted: bool) -> int:
    """Return what a link has accepted or, if not `accepted`, what has departed from it."""
    if accepted:
        fresh = counts[link, OFFERED_BITS] - counts[link, DROPPED_BITS]
        return int(counts[link, ACCEPTED_BEFORE_BITS] + fresh)
    return int(counts[link, SENT_BEFORE_BITS] + counts[link, SENT_LINK_BITS])


class Hop(NamedTuple):
    """The links of one level as kernels take them.

    Attributes:
        link_of: link of each sensor at this level, -1 for none; shape (sensors,).
        links: the link table; shape (links,).
        ports: how their ports stand, changed in place; shape (links,).
        bin_of: row of each link in the book of time bins; shape (links,).
        first: whether this is the sensor's first hop, where its radio is; shape (sensors,).
        tail_ns: length of the sensor's radio tail; shape (sensors,).
        loss_keys: loss keys of the sensors, of which level 0 has its own; shape (sensors,).
        salt: of all links of the run, for bursts of losses.
        plain: whether none of its links loses segments, has a cap, a radio below it, or a rate that
            changes.
        cells: whether some of them have radios below them.
        radios: whether it is some sensor's first hop.
        on_radio: whether the sensor's own radio sends to its link here; shape (sensors,).
        lost: fate of a frame that does not fit a buffer.
        column: column of a frame that takes the time behind the hop.
    """

    link_of: Ints
    links: LinkTable
    ports: Ports
    bin_of: Ints
    first: Bools
    tail_ns: Ints
    loss_keys: Keys
    salt: np.uint64
    plain: bool
    cells: bool
    radios: bool
    on_radio: Bools
    lost: int
    column: int


@inlined
def as_plain(hop: Hop, radios: bool) -> Hop:
    """Return a plain hop as one that the compiler knows to be plain: it leaves the rest out."""
    return Hop(
        hop.link_of, hop.links, hop.ports, hop.bin_of, hop.first, hop.tail_ns, hop.loss_keys,
        hop.salt, True, False, radios, hop.on_radio, hop.lost, hop.column,
    )  # fmt: skip


@inlined
def on_air(
    columns: Columns, i: int, hop: Hop, link: int, carried: int, own: bool
) -> tuple[int, int, int, bool]:
    """Return (bits with what is sent again, service in ns, wait for that in ns, came through?).

    Where a sensor's `own` radio sends to a cell, it is that radio which sends again, not the cell.
    """
    links, bits, wait, good = hop.links, columns[BITS, i], 0, True
    if links.loss_ppb[link] > 0 and not own:
        level, frame, came = hop.column - ACCESS, columns[FRAME, i], columns[hop.column - 1, i]
        key = hop.loss_keys[columns[SENSOR, i]] ^ np.uint64(level)
        extra, rounds, good = sent_again(links, link, hop.salt, key, frame, bits, came)
        bits += extra
        wait = rounds * links.retry_ns[link]
    return bits, service_ns(bits, rate_bps(links, link, carried)), wait, good


@inlined
def _accept(
    columns: Columns, i: int, hop: Hop, link: int, bits: int, service: int, ahead: int, counts: Ints
) -> int:
    """Take a frame into a port; return when it will have been sent, -1 if it does not fit; ns.

    `bits` and `service` are those of `on_air` with what the port has accepted so far; `ahead` is
    that of `cross`.
    """
    links, ports, now = hop.links, hop.ports, columns[CLOCK, i]
    carried = 0 if hop.plain else carried_bits(counts, link, True)
    counts[link, OFFERED_BITS] += bits
    free = ports.free_ns[link]
    if free <= now:
        counts[link, IDLE_NS] = now
    if ahead == ALL:
        ahead = max(0, free - max(now, ports.down_until_ns[link]))
    if hop.plain:
        leaves = departure_ns(now, service, 0, free, ahead, links.buffer_ns[link])
    else:
        own = hop.on_radio[columns[SENSOR, i]]
        air = service_ns(columns[BITS, i], links.air_bps[link]) if own else 0
        leaves = departure_ns(now, service, air, free, ahead, buffer_ns(links, link, carried))
    if leaves < 0:
        counts[link, DROPPED_BITS] += bits
    else:
        ports.free_ns[link] = leaves
    return leaves


@inlined
def _sent_by_radio(books: Books, s: int, now: int, bits: int, service: int, tail_ns: int) -> None:
    """Count what the radio of a sensor has sent up to now."""
    begin, sensors = now - service, books.sensors
    last = sensors[s, LAST_SENT_NS]
    sensors[s, TAIL_NS] += tail_before(begin, last, tail_ns, books.since_ns)
    sensors[s, SENDING_NS] += measured_ns(begin, now, books.since_ns)
    sensors[s, RADIO_BITS] += bits
    sensors[s, LAST_SENT_NS] = now
    if len(books.gave):
        books.gave[s, GAVE_TAIL_NS] += tail_before(begin, last, tail_ns, 0)
        books.gave[s, GAVE_SENDING_NS] += service
        books.gave[s, GAVE_BITS] += bits


@inlined
def _departs(books: Books, link: int, row: int, now: int, bits: int, service: int) -> None:
    """Book a frame that departs from a port now, of a link with this row of bins."""
    books.links[link, SENT_LINK_BITS] += bits
    books.links[link, BUSY_NS] += measured_ns(now - service, now, books.since_ns)
    books.bins[row, np.uint64(now) // np.uint64(BIN_NS)] += bits


@inlined
def cross(
    columns: Columns, i: int, hop: Hop, link: int, fresh: bool, ahead: int, until_ns: int,
    books: Books,
) -> int:  # fmt: skip
    """Take frame `i` through a link up to a time; return its stage.

    That is IN_PORT, ON_WIRE or ENDED. CLOCK says when it departs from the port or is at the far
    end, and the hop's column then takes that; one that ends has FATE and DONE set. One that is
    accepted and departs in a call has as many bits before it at both ends of the port: one service
    serves both.

    Args:
        columns: the store's columns.
        i: slot of the frame.
        hop: the level of the link.
        link: the link.
        fresh: whether it arrives at CLOCK, or was accepted before and departs then.
        ahead: how long what is before a fresh frame in its buffer takes; ALL: one buffer for all.
        until_ns: the time.
        books: what is counted.
    """
    now, s = columns[CLOCK, i], columns[SENSOR, i]
    if hop.plain:
        bits, wait, good = columns[BITS, i], 0, True
        service = service_ns(bits, hop.links.rate_bps[link])
    else:
        carried = carried_bits(books.links, link, fresh)
        bits, service, wait, good = on_air(columns, i, hop, link, carried, hop.on_radio[s])
    if fresh:
        leaves = _accept(columns, i, hop, link, bits, service, ahead, books.links)
        if leaves < 0:
            columns[FATE, i] = LOST_ACCESS_BUFFER if hop.on_radio[s] else hop.lost
            columns[DONE, i] = now
            return ENDED
        now = leaves
    if now >= until_ns:
        columns[CLOCK, i] = now
        return IN_PORT
    if not hop.plain and hop.ports.spent_ns[link] > 0:  # at another rate before
        service = hop.ports.spent_ns[link] + now - hop.ports.began_ns[link]
        hop.ports.spent_ns[link] = 0
    _departs(books, link, hop.bin_of[link], now, bits, service)
    if hop.radios and hop.first[s]:
        _sent_by_radio(books, s, now, bits, service, hop.tail_ns[s])
    if not good:
        columns[FATE, i], columns[DONE, i] = LOST_LINK, now
        return ENDED
    columns[CLOCK, i] = columns[hop.column, i] = now + wait + hop.links.propagation_ns[link]
    return ON_WIRE
