"""A link is a port and a wire: a FIFO that serialises with a finite buffer, then propagation.

    start = max(arrival, free),  free = departure = start + ceil(bits · 10⁹ / rate)

The buffer holds bits not yet sent. In nanoseconds of sending, a frame fits if

    max(0, free - max(arrival, down until)) + its own service <= buffer · 10⁹ / rate

and is dropped otherwise (drop-tail, the whole frame). While a link is down nothing is sent and
nothing is forgotten: what has not left resumes after the repair (preempt-resume).

Three things may be added. A *shared radio cell* takes bits while the sender's own radio sends them:
its service counts from `arrival - air`, where air is the time on that radio (cut-through). A *data
cap* slows a port down to another rate once it has carried so many bits. On a link with *loss*
segments are sent again (`resent`): that takes the port's time, and a round trip on the wire.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.chance import ln, mix64, uniform
from fleet.kernel import kernel, part
from fleet.stages.books import (
    BUSY_NS,
    DROPPED_BITS,
    LAST_SENT_NS,
    OFFERED_BITS,
    RADIO_BITS,
    SENDING_NS,
    SENT_LINK_BITS,
    TAIL_NS,
)
from fleet.stages.frames import BITS, CLOCK, DONE, FATE, FRAME, LOST_LINK, SENSOR, Columns

Ints = NDArray[np.int64]

SEGMENT_BITS = 12_000
"""What is lost and sent again as one piece: an Ethernet frame of 1500 B."""

# Columns of the link table (constants) and of the port table (state), one row a link. AIR_BPS is
# the rate of the radio below a shared cell, else 0; CAP_BITS is 0 without a cap.
RATE_BPS, BUFFER_NS, PROPAGATION_NS, AIR_BPS = range(4)
CAP_BITS, THROTTLED_BPS, LOSS_PPB, RETRIES, RETRY_NS = range(4, 9)
LINK_WIDTH = 9
FREE_NS, DOWN_UNTIL_NS = range(2)
PORT_WIDTH = 2


@part
def service_ns(bits: int, rate_bps: int) -> int:
    """Return how long sending takes: ceil(bits · 10⁹ / rate); bits below 9·10⁹.

    Divides without signs, which is what a processor does fastest.
    """
    scaled = np.uint64(bits * 1_000_000_000 + rate_bps - 1)
    return int(scaled // np.uint64(rate_bps))


@part
def rate_bps(links: Ints, link: int, carried_bits: int) -> int:
    """Return the rate of a link of the link table that has carried so many bits."""
    if 0 < links[link, CAP_BITS] <= carried_bits:
        return int(links[link, THROTTLED_BPS])
    return int(links[link, RATE_BPS])


@part
def buffer_ns(links: Ints, link: int, rate: int) -> int:
    """Return what the buffer of a link holds, in nanoseconds of sending at a rate."""
    if rate == links[link, RATE_BPS]:
        return int(links[link, BUFFER_NS])
    return int(links[link, BUFFER_NS] * (links[link, RATE_BPS] / rate))


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


class Hop(NamedTuple):
    """The links of one level as kernels take them.

    Attributes:
        link_of: link of each sensor at this level, -1 for none; shape (all sensors,).
        links: the link table; shape (links, LINK_WIDTH).
        class_of: class of each link; shape (links,).
        first: whether this is the sensor's first hop, where its radio is; shape (all sensors,),
            None if it is for no sensor.
        tail_ns: length of the sensor's radio tail; shape (all sensors,).
        loss_keys: loss keys of the sensors for this level; shape (all sensors,).
        extras: None if none of its links loses segments, has a cap or a radio below it. What is
            None is left out of the kernel when it is compiled.
    """

    link_of: Ints
    links: Ints
    class_of: Ints
    first: NDArray[np.bool_] | None
    tail_ns: Ints
    loss_keys: NDArray[np.uint64]
    extras: int | None


@part
def departure_ns(now: int, service: int, air: int, free: int, down_until: int, buffer: int) -> int:
    """Return when a frame that arrives now has been sent, -1 if it does not fit the buffer; ns."""
    if max(0, free - max(now, down_until)) + service > buffer:
        return -1
    if air > 0:
        return max(now + 1, max(now - air, free) + service)
    return max(now, free) + service


@part
def carried_bits(counts: Ints, link: int, accepted: bool) -> int:
    """Return what a link has accepted or, if not `accepted`, what has departed from it."""
    if accepted:
        return int(counts[link, OFFERED_BITS] - counts[link, DROPPED_BITS])
    return int(counts[link, SENT_LINK_BITS])


@part
def on_air(
    columns: Columns,
    i: int,
    links: Ints,
    link: int,
    carried: int,
    loss_keys: NDArray[np.uint64],
    s: int,
) -> tuple[int, int, int, bool]:
    """Return (bits with what is sent again, service in ns, wait for that in ns, came through?)."""
    bits, wait, good = columns[BITS, i], 0, True
    if links[link, LOSS_PPB] > 0:
        extra, rounds, good = resent(
            loss_keys[s], columns[FRAME, i], bits, links[link, LOSS_PPB], links[link, RETRIES]
        )
        bits += extra
        wait = rounds * links[link, RETRY_NS]
    return bits, service_ns(bits, rate_bps(links, link, carried)), wait, good


@part
def accept(
    columns: Columns, i: int, link: int, links: Ints, ports: Ints, counts: Ints, now: int,
    bits: int, service: int, plain: bool,
) -> int:  # fmt: skip
    """Take a frame into a port; return when it will have been sent, -1 if it does not fit; ns.

    `bits` and `service` are those of `on_air` with what the port has accepted so far; `plain` says
    that the link has no radio below it and no cap.
    """
    carried = 0 if plain else carried_bits(counts, link, True)
    counts[link, OFFERED_BITS] += bits
    free, down = ports[link, FREE_NS], ports[link, DOWN_UNTIL_NS]
    if plain:
        leaves = departure_ns(now, service, 0, free, down, links[link, BUFFER_NS])
    else:
        air = 0
        if links[link, AIR_BPS] > 0:
            air = service_ns(columns[BITS, i], links[link, AIR_BPS])
        room = buffer_ns(links, link, rate_bps(links, link, carried))
        leaves = departure_ns(now, service, air, free, down, room)
    if leaves < 0:
        counts[link, DROPPED_BITS] += bits
    else:
        ports[link, FREE_NS] = leaves
    return leaves


@part
def depart(
    counts: Ints, bins: Ints, link: int, kind: int, now: int, bits: int, service: int, bin_ns: int
) -> None:
    """Count a frame that has been sent by a link of a class."""
    counts[link, SENT_LINK_BITS] += bits
    counts[link, BUSY_NS] += service
    bins[kind, np.uint64(now) // np.uint64(bin_ns)] += bits


@part
def sent_by_radio(sensors: Ints, s: int, now: int, bits: int, service: int, tail_ns: int) -> None:
    """Count what the radio of a sensor has sent up to now; `sensors` is the table of sensors."""
    sensors[s, TAIL_NS] += tail_before(now - service, sensors[s, LAST_SENT_NS], tail_ns)
    sensors[s, SENDING_NS] += service
    sensors[s, RADIO_BITS] += bits
    sensors[s, LAST_SENT_NS] = now


def pass_hop(
    columns: Columns, due: Ints, in_port: Ints, hop: Hop, ports: Ints, counts: Ints, bins: Ints,
    sensors: Ints, bin_ns: int, until_ns: int, lost: int, column: int,
) -> tuple[Ints, Ints]:  # fmt: skip
    """Take frames through a hop up to a time; return indices (on the wire, in ports).

    `due` are frames that arrive before `until_ns`, each link's in order of (clock, sensor, frame);
    `in_port` those accepted before that have not departed: CLOCK says when they do, and of a frame
    on the wire when it arrives. A frame without a link passes at once, one that does not fit a
    buffer meets the fate `lost`, one that is lost on the wire LOST_LINK; neither is returned.
    `column` takes the time behind the hop. `columns`, `ports` (shape (links, PORT_WIDTH)) and the
    books are changed in place: `counts` and `sensors`, the tables of links and of sensors, and
    `bins`, the bits by link class and time bin of `bin_ns`.
    """
    moved, waiting = np.empty((2, len(due) + len(in_port)), dtype=np.int64)
    m, w = _pass_hop(
        columns, due, in_port, *hop, ports, counts, bins, sensors, bin_ns, until_ns, lost, column,
        moved, waiting,
    )  # fmt: skip
    return moved[:m], waiting[:w]


@kernel
def _pass_hop(
    columns: Columns, due: Ints, in_port: Ints, link_of: Ints, links: Ints, class_of: Ints,
    first: NDArray[np.bool_] | None, tail_ns: Ints, loss_keys: NDArray[np.uint64],
    extras: int | None, ports: Ints, counts: Ints, bins: Ints, sensors: Ints, bin_ns: int,
    until_ns: int, lost: int, column: int, moved: Ints, waiting: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Do what `pass_hop` says; return how many are on the wire and in ports.

    A frame that departs in the call in which it is accepted has had as many bits before it at both
    ends of the port, so its service is computed once.
    """
    m, w = 0, 0
    for k in range(len(moved)):
        fresh = k >= len(in_port)
        i = due[k - len(in_port)] if fresh else in_port[k]
        s, now = columns[SENSOR, i], columns[CLOCK, i]
        link = link_of[s]
        if link >= 0:
            if extras is None:
                bits, wait, good = columns[BITS, i], 0, True
                service = service_ns(bits, links[link, RATE_BPS])
            else:
                carried = carried_bits(counts, link, fresh)
                bits, service, wait, good = on_air(columns, i, links, link, carried, loss_keys, s)
            if fresh:
                leaves = accept(
                    columns, i, link, links, ports, counts, now, bits, service, extras is None
                )
                if leaves < 0:
                    columns[FATE, i], columns[DONE, i] = lost, now
                    continue
                now = leaves
            if now >= until_ns:
                columns[CLOCK, i] = now
                waiting[w] = i
                w += 1
                continue
            depart(counts, bins, link, class_of[link], now, bits, service, bin_ns)
            if first is not None and first[s]:
                sent_by_radio(sensors, s, now, bits, service, tail_ns[s])
            if not good:
                columns[FATE, i], columns[DONE, i] = LOST_LINK, now
                continue
            now += wait + links[link, PROPAGATION_NS]
        columns[CLOCK, i] = columns[column, i] = now
        moved[m] = i
        m += 1
    return m, w


def queued(columns: Columns, in_port: Ints, hop: Hop, bits: Ints) -> None:
    """Add the bits of the frames in ports to those of their links, in place; shape (links,)."""
    _queued(columns, in_port, hop.link_of, hop.links, hop.loss_keys, bits)


@kernel
def _queued(
    columns: Columns, in_port: Ints, link_of: Ints, links: Ints, loss_keys: NDArray[np.uint64],
    bits: Ints,
) -> None:  # fmt: skip
    for i in in_port:
        s = columns[SENSOR, i]
        link = link_of[s]
        bits[link] += on_air(columns, i, links, link, 0, loss_keys, s)[0]


@part
def tail_before(begin_ns: int, last_sent_ns: int, tail_ns: int) -> int:
    """Return how long a radio was in its tail before a transmission; ns.

    After a transmission the radio stays in its tail for `tail_ns` unless it sends again; all other
    time is idle (Huang et al., "A Close Examination of Performance and Power Characteristics of 4G
    LTE Networks", MobiSys 2012). A radio that has not sent yet has `last_sent_ns` 0.
    """
    return min(begin_ns - last_sent_ns, tail_ns) if last_sent_ns > 0 else 0


@kernel
def outage(
    columns: Columns,
    index: NDArray[np.int64],
    link_of: NDArray[np.int64],
    ports: NDArray[np.int64],
    link: int,
    now_ns: int,
    until_ns: int,
) -> None:
    """Take a link down from now until a time: what has not departed departs that much later.

    Args:
        columns: the store's columns, changed in place.
        index: the frames in ports, with their departure times in CLOCK.
        link_of: the link that each sensor's frames take; shape (all sensors,).
        ports: the port table, changed in place; shape (links, PORT_WIDTH).
        link: index of the link.
        now_ns: start of the outage.
        until_ns: end of the outage.
    """
    for i in index:
        if link_of[columns[SENSOR, i]] == link:
            columns[CLOCK, i] += until_ns - now_ns
    ports[link, FREE_NS] = max(ports[link, FREE_NS], now_ns) + until_ns - now_ns
    ports[link, DOWN_UNTIL_NS] = until_ns
