"""One frame through one link: accepted or dropped, sent, on the wire, and what is booked of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.kernel import inlined
from fleet.model.books import (
    ACCEPTED_BEFORE_BITS,
    BIN_NS,
    BUSY_NS,
    DROPPED_BITS,
    IDLE_NS,
    LAST_SENT_NS,
    OFFERED_BITS,
    RADIO_BITS,
    SENDING_NS,
    SENT_BEFORE_BITS,
    SENT_LINK_BITS,
    TAIL_NS,
    measured_ns,
)
from fleet.model.frames import (
    BITS,
    CLOCK,
    DONE,
    ENDED,
    FATE,
    FRAME,
    IN_PORT,
    LOST_LINK,
    ON_WIRE,
    Columns,
)
from fleet.model.link import (
    LinkTable,
    Ports,
    buffer_ns,
    rate_bps,
    resent,
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


@inlined
def on_air(
    columns: Columns,
    i: int,
    links: LinkTable,
    link: int,
    carried: int,
    loss_keys: NDArray[np.uint64],
    s: int,
    on_radio: bool,
) -> tuple[int, int, int, bool]:
    """Return (bits with what is sent again, service in ns, wait for that in ns, came through?).

    Where a sensor's own radio sends to a cell, it is that radio which sends again, not the cell.
    """
    bits, wait, good = columns[BITS, i], 0, True
    if links.loss_ppb[link] > 0 and not on_radio:
        extra, rounds, good = resent(
            loss_keys[s], columns[FRAME, i], bits, links.loss_ppb[link], links.retries[link]
        )
        bits += extra
        wait = rounds * links.retry_ns[link]
    return bits, service_ns(bits, rate_bps(links, link, carried)), wait, good


@inlined
def _accept(
    columns: Columns, i: int, link: int, links: LinkTable, ports: Ports, counts: Ints, now: int,
    bits: int, service: int, plain: bool, on_radio: bool, ahead: int,
) -> int:  # fmt: skip
    """Take a frame into a port; return when it will have been sent, -1 if it does not fit; ns.

    `bits` and `service` are those of `on_air` with what the port has accepted so far; the last
    three are those of `cross`.
    """
    carried = 0 if plain else carried_bits(counts, link, True)
    counts[link, OFFERED_BITS] += bits
    free = ports.free_ns[link]
    if free <= now:
        counts[link, IDLE_NS] = now
    if ahead == ALL:
        ahead = max(0, free - max(now, ports.down_until_ns[link]))
    if plain:
        leaves = departure_ns(now, service, 0, free, ahead, links.buffer_ns[link])
    else:
        air = service_ns(columns[BITS, i], links.air_bps[link]) if on_radio else 0
        room = buffer_ns(links, link, carried)
        leaves = departure_ns(now, service, air, free, ahead, room)
    if leaves < 0:
        counts[link, DROPPED_BITS] += bits
    else:
        ports.free_ns[link] = leaves
    return leaves


@inlined
def _sent_by_radio(
    sensors: Ints, s: int, now: int, bits: int, service: int, tail_ns: int, since_ns: int
) -> None:
    """Count what the radio of a sensor has sent up to now; `sensors` is the table of sensors."""
    begin = now - service
    sensors[s, TAIL_NS] += tail_before(begin, sensors[s, LAST_SENT_NS], tail_ns, since_ns)
    sensors[s, SENDING_NS] += measured_ns(begin, now, since_ns)
    sensors[s, RADIO_BITS] += bits
    sensors[s, LAST_SENT_NS] = now


@inlined
def _departs(
    counts: Ints, bins: Ints, link: int, of: int, now: int, bits: int, service: int, since_ns: int
) -> None:
    """Book a frame that departs from a port now, of a link of class `of`."""
    counts[link, SENT_LINK_BITS] += bits
    counts[link, BUSY_NS] += measured_ns(now - service, now, since_ns)
    bins[of, np.uint64(now) // np.uint64(BIN_NS)] += bits


@inlined
def cross(
    columns: Columns, i: int, s: int, link: int, fresh: bool, radio: bool, plain: bool,
    on_radio: bool, ahead: int, until_ns: int, since_ns: int, links: LinkTable, class_of: Ints,
    tail_ns: Ints, loss_keys: NDArray[np.uint64], ports: Ports, counts: Ints, bins: Ints,
    sensors: Ints, lost: int, column: int,
) -> int:  # fmt: skip
    """Take frame `i` of sensor `s` through a link up to a time; return its stage.

    That is IN_PORT, ON_WIRE or ENDED. CLOCK says when it departs from the port or is at the far
    end, and `column` then takes that; one that ends has FATE and DONE set. One that is accepted and
    departs in a call has as many bits before it at both ends of the port: one service serves both.

    Args:
        columns: the store's columns.
        i: slot of the frame.
        s: its sensor.
        link: the link.
        fresh: whether it arrives at CLOCK, or was accepted before and departs then.
        radio: whether the sender is its own radio.
        plain: whether the link has no losses, no cap and no radio below it.
        on_radio: whether it comes by a radio that sends to the link, which is a cell.
        ahead: how long what is before a fresh frame in its buffer takes; ALL: one buffer for all.
        until_ns: the time.
        since_ns: since when times are booked: the end of the warm-up.
        links: the link table; with the next three as in `fleet.columns.hop.Hop`.
        class_of: class of each link.
        tail_ns: length of each radio's tail.
        loss_keys: loss keys of the sensors.
        ports: port table, changed in place as are the books, as in `fleet.columns.hop.pass_hop`.
        counts: book of links.
        bins: book of time bins.
        sensors: book of sensors.
        lost: fate of a frame that does not fit the buffer.
        column: takes the time behind the link.
    """
    now = columns[CLOCK, i]
    if plain:
        bits, wait, good = columns[BITS, i], 0, True
        service = service_ns(bits, links.rate_bps[link])
    else:
        carried = carried_bits(counts, link, fresh)
        bits, service, wait, good = on_air(columns, i, links, link, carried, loss_keys, s, on_radio)
    if fresh:
        leaves = _accept(
            columns, i, link, links, ports, counts, now, bits, service, plain, on_radio, ahead
        )  # fmt: skip
        if leaves < 0:
            columns[FATE, i], columns[DONE, i] = lost, now
            return ENDED
        now = leaves
    if now >= until_ns:
        columns[CLOCK, i] = now
        return IN_PORT
    _departs(counts, bins, link, class_of[link], now, bits, service, since_ns)
    if radio:
        _sent_by_radio(sensors, s, now, bits, service, tail_ns[s], since_ns)
    if not good:
        columns[FATE, i], columns[DONE, i] = LOST_LINK, now
        return ENDED
    columns[CLOCK, i] = columns[column, i] = now + wait + links.propagation_ns[link]
    return ON_WIRE
