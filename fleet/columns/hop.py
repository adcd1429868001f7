"""A level of links: many frames through many ports, and ports that go down.

The rule for one frame and one link is in `fleet.model.link`.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.columns import modem
from fleet.columns.crossing import ALL, Hop, as_plain, carried_bits, cross, on_air
from fleet.columns.modem import Modems, held, take
from fleet.kernel import inlined, kernel
from fleet.model.books import Books
from fleet.model.frames import (
    CLOCK,
    ENDED,
    FATE,
    IN_PORT,
    LOST_LINK,
    ON_WIRE,
    SENSOR,
    Columns,
    Index,
)
from fleet.model.link import Cap, Rate, rate_bps


def pass_hop(
    columns: Columns, due: Ints, in_port: Ints, until_ns: int, hop: Hop, books: Books
) -> tuple[Ints, Ints]:
    """Take frames through a hop up to a time; return indices (on the wire, in ports).

    `due` are frames that arrive before `until_ns`, each link's in order of (clock, sensor, frame);
    `in_port` those accepted before that have not departed: CLOCK says when they do, and of a frame
    on the wire when it arrives. A frame without a link passes at once, one that does not fit a
    buffer meets the hop's fate, one that is lost on the wire LOST_LINK; neither is returned.
    `columns`, the hop's ports and the books are changed in place.
    """
    out = np.empty((2, len(due) + len(in_port)), dtype=np.int64)
    modems = modem.empty(0, 0)
    if hop.cells:
        modems = modem.empty(len(hop.link_of) + len(hop.links), out.shape[1])
    take_through = _pass_plain if hop.plain and not hop.radios else _pass_any
    m, w = take_through(columns, due, in_port, until_ns, hop, modems, books, out)
    return out[0, :m], out[1, :w]


@inlined
def _pass(
    columns: Columns, due: Ints, in_port: Ints, until_ns: int, hop: Hop, modems: Modems,
    books: Books, out: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Do what `pass_hop` says; return how many are on the wire and in ports.

    Modems are those of the sensors, then the boxes in front of the links.
    """
    links, ports = hop.links, hop.ports
    m, w = 0, 0
    for k in range(out.shape[1]):
        fresh = k >= len(in_port)
        i = due[k - len(in_port)] if fresh else in_port[k]
        s = columns[SENSOR, i]
        link = hop.link_of[s]
        if link < 0:
            columns[hop.column, i], stage = columns[CLOCK, i], ON_WIRE
        else:
            holder, ahead, service = -1, ALL, 0
            if hop.cells and links.air_bps[link] > 0:
                own = hop.on_radio[s]
                holder = s if own else len(hop.link_of) + link
                service = on_air(columns, i, hop, link, 0, own)[1]
                if fresh:
                    ahead = held(modems, holder, columns[CLOCK, i], ports.down_until_ns[link])
                else:
                    take(modems, holder, k, columns[CLOCK, i], service)
            stage = cross(columns, i, hop, link, fresh, ahead, until_ns, books)
            accepted = stage != ENDED or columns[FATE, i] == LOST_LINK
            if fresh and holder >= 0 and accepted:
                take(modems, holder, k, ports.free_ns[link], service)
        if stage == ON_WIRE:
            out[0, m] = i
            m += 1
        elif stage == IN_PORT:
            out[1, w] = i
            w += 1
    return m, w


@kernel
def _pass_any(
    columns: Columns, due: Ints, in_port: Ints, until_ns: int, hop: Hop, modems: Modems,
    books: Books, out: Ints,
) -> tuple[int, int]:  # fmt: skip
    return _pass(columns, due, in_port, until_ns, hop, modems, books, out)


@kernel
def _pass_plain(
    columns: Columns, due: Ints, in_port: Ints, until_ns: int, hop: Hop, modems: Modems,
    books: Books, out: Ints,
) -> tuple[int, int]:  # fmt: skip
    return _pass(columns, due, in_port, until_ns, as_plain(hop, False), modems, books, out)


def queued(columns: Columns, in_port: Ints, hop: Hop, bits: Ints) -> None:
    """Add the bits of the frames in ports to those of their links, in place; shape (links,)."""
    _queued(columns, in_port, hop, bits)


@kernel
def _queued(columns: Columns, in_port: Ints, hop: Hop, bits: Ints) -> None:
    for i in in_port:
        s = columns[SENSOR, i]
        link = hop.link_of[s]
        bits[link] += on_air(columns, i, hop, link, 0, hop.on_radio[s])[0]


@kernel
def outage(columns: Columns, index: Ints, hop: Hop, link: int, now_ns: int, until_ns: int) -> None:
    """Take a link down from now until a time: what has not departed departs that much later.

    Args:
        columns: the store's columns, changed in place.
        index: the frames in ports, with their departure times in CLOCK.
        hop: the level of the link; its ports are changed in place.
        link: index of the link.
        now_ns: start of the outage.
        until_ns: end of the outage.
    """
    ports = hop.ports
    for i in index:
        if hop.link_of[columns[SENSOR, i]] == link:
            columns[CLOCK, i] += until_ns - now_ns
    ports.free_ns[link] = max(ports.free_ns[link], now_ns) + until_ns - now_ns
    ports.began_ns[link] += until_ns - now_ns
    ports.down_until_ns[link] = until_ns


def change(
    columns: Columns, index: Index, hop: Hop, link: int, now_ns: int, to: Rate | Cap, books: Books
) -> None:
    """Let a link have another rate or a new cap from now on: what has not departed departs anew.

    Args:
        columns: the store's columns, changed in place.
        index: the frames in ports, with their departure times in CLOCK.
        hop: the level of the link; its links and ports are changed in place.
        link: index of the link.
        now_ns: the time.
        to: what it has from now on; what is in the port is the first that counts in a cap.
        books: what was counted.
    """
    mine = index[hop.link_of[columns[SENSOR, index]] == link]
    mine = mine[np.argsort(columns[CLOCK, mine])]
    if len(mine):
        _put_by(columns, mine[0], hop, link, now_ns, books.links)
    if isinstance(to, Cap):
        hop.links.cap_bits[link] = carried_bits(books.links, link, False) + to.bits
    else:
        hop.links.rate_bps[link], hop.links.buffer_ns[link] = to
    if len(mine):
        _go_on(columns, mine, hop, link, books.links)


@kernel
def _put_by(columns: Columns, i: int, hop: Hop, link: int, now_ns: int, counts: Ints) -> None:
    """Note what has been sent of frame `i`, which is in service, at the rate that ends now."""
    ports, carried = hop.ports, carried_bits(counts, link, False)
    service = on_air(columns, i, hop, link, carried, hop.on_radio[columns[SENSOR, i]])[1]
    if ports.spent_ns[link] == 0:
        ports.began_ns[link], ports.done[link] = columns[CLOCK, i] - service, 0
    since = max(now_ns, ports.down_until_ns[link])
    spent = since - ports.began_ns[link]
    if spent > 0:
        ports.spent_ns[link] += spent
        ports.done[link] += spent * rate_bps(hop.links, link, carried)
        ports.began_ns[link] = since


@kernel
def _go_on(columns: Columns, index: Ints, hop: Hop, link: int, counts: Ints) -> None:
    """Set when frames depart, the one in service first, at the rate that there is now."""
    ports, carried = hop.ports, carried_bits(counts, link, False)
    leaves = ports.began_ns[link]
    for k in range(len(index)):
        i = index[k]
        own = hop.on_radio[columns[SENSOR, i]]
        bits, service = on_air(columns, i, hop, link, carried, own)[:2]
        if k == 0 and ports.spent_ns[link] > 0:
            left = max(0, bits * 1_000_000_000 - ports.done[link])
            service = left // rate_bps(hop.links, link, carried)
        leaves += service
        columns[CLOCK, i] = leaves
        carried += bits
    ports.free_ns[link] = leaves
