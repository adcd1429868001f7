"""A level of links: many frames through many ports, and ports that go down.

The rule for one frame and one link is in `fleet.model.link`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.columns import modem
from fleet.columns.crossing import ALL, cross, on_air
from fleet.columns.modem import Modems, held, take
from fleet.kernel import kernel
from fleet.model.frames import (
    CLOCK,
    ENDED,
    FATE,
    IN_PORT,
    LOST_ACCESS_BUFFER,
    LOST_LINK,
    ON_WIRE,
    SENSOR,
    Columns,
)
from fleet.model.link import AIR_BPS, DOWN_UNTIL_NS, FREE_NS, Ints


class Hop(NamedTuple):
    """The links of one level as kernels take them.

    Attributes:
        link_of: link of each sensor at this level, -1 for none; shape (all sensors,).
        links: the link table; shape (links, LINK_WIDTH).
        class_of: row of each link in the book of time bins; shape (links,).
        first: whether this is the sensor's first hop, where its radio is; shape (all sensors,),
            None if it is for no sensor.
        tail_ns: length of the sensor's radio tail; shape (all sensors,).
        loss_keys: loss keys of the sensors for this level; shape (all sensors,).
        extras: None if none of its links loses segments, has a cap or a radio below it. What is
            None is left out of the kernel when it is compiled.
        on_radio: whether the sensor's own radio sends to its link here; shape (all sensors,), None
            if that is so for no sensor.
    """

    link_of: Ints
    links: Ints
    class_of: Ints
    first: NDArray[np.bool_] | None
    tail_ns: Ints
    loss_keys: NDArray[np.uint64]
    extras: int | None
    on_radio: NDArray[np.bool_] | None


def pass_hop(
    columns: Columns, due: Ints, in_port: Ints, hop: Hop, ports: Ints, counts: Ints, bins: Ints,
    sensors: Ints, until_ns: int, since_ns: int, lost: int, column: int,
) -> tuple[Ints, Ints]:  # fmt: skip
    """Take frames through a hop up to a time; return indices (on the wire, in ports).

    `due` are frames that arrive before `until_ns`, each link's in order of (clock, sensor, frame);
    `in_port` those accepted before that have not departed: CLOCK says when they do, and of a frame
    on the wire when it arrives. A frame without a link passes at once, one that does not fit a
    buffer meets the fate `lost`, one that is lost on the wire LOST_LINK; neither is returned.
    `column` takes the time behind the hop. `columns`, `ports` (shape (links, PORT_WIDTH)) and the
    books are changed in place: `counts` and `sensors`, the tables of links and of sensors, and
    `bins`, the bits by link class and time bin. Times are booked from `since_ns` on.
    """
    moved, waiting = np.empty((2, len(due) + len(in_port)), dtype=np.int64)
    modems = None
    if hop.on_radio is not None:
        modems = modem.empty(len(hop.link_of) + len(hop.links), len(moved))
    m, w = _pass_hop(
        columns, due, in_port, *hop, modems, ports, counts, bins, sensors, until_ns, since_ns, lost,
        column, moved, waiting,
    )  # fmt: skip
    return moved[:m], waiting[:w]


@kernel
def _pass_hop(
    columns: Columns, due: Ints, in_port: Ints, link_of: Ints, links: Ints, class_of: Ints,
    first: NDArray[np.bool_] | None, tail_ns: Ints, loss_keys: NDArray[np.uint64],
    extras: int | None, on_radio: NDArray[np.bool_] | None, modems: Modems | None, ports: Ints,
    counts: Ints, bins: Ints, sensors: Ints, until_ns: int, since_ns: int, lost: int, column: int,
    moved: Ints, waiting: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Do what `pass_hop` says; return how many are on the wire and in ports.

    Modems are those of the sensors, then the boxes in front of the links.
    """
    m, w = 0, 0
    for k in range(len(moved)):
        fresh = k >= len(in_port)
        i = due[k - len(in_port)] if fresh else in_port[k]
        s = columns[SENSOR, i]
        link = link_of[s]
        if link < 0:
            columns[column, i], stage = columns[CLOCK, i], ON_WIRE
        else:
            holder, ahead, own = -1, ALL, on_radio is not None and on_radio[s]
            if modems is not None and links[link, AIR_BPS] > 0:
                holder = s if own else len(link_of) + link
                service = on_air(columns, i, links, link, 0, loss_keys, s, own)[1]
                if fresh:
                    ahead = held(modems, holder, columns[CLOCK, i], ports[link, DOWN_UNTIL_NS])
                else:
                    take(modems, holder, k, columns[CLOCK, i], service)
            stage = cross(
                columns, i, s, link, fresh, first is not None and first[s], extras is None,
                own, ahead, until_ns, since_ns, links, class_of, tail_ns, loss_keys, ports, counts,
                bins, sensors, LOST_ACCESS_BUFFER if own else lost, column,
            )  # fmt: skip
            accepted = stage != ENDED or columns[FATE, i] == LOST_LINK
            if modems is not None and fresh and holder >= 0 and accepted:
                take(modems, holder, k, ports[link, FREE_NS], service)
        if stage == ON_WIRE:
            moved[m] = i
            m += 1
        elif stage == IN_PORT:
            waiting[w] = i
            w += 1
    return m, w


def queued(columns: Columns, in_port: Ints, hop: Hop, bits: Ints) -> None:
    """Add the bits of the frames in ports to those of their links, in place; shape (links,)."""
    _queued(columns, in_port, hop.link_of, hop.links, hop.loss_keys, hop.on_radio, bits)


@kernel
def _queued(
    columns: Columns, in_port: Ints, link_of: Ints, links: Ints, loss_keys: NDArray[np.uint64],
    on_radio: NDArray[np.bool_] | None, bits: Ints,
) -> None:  # fmt: skip
    for i in in_port:
        s = columns[SENSOR, i]
        link = link_of[s]
        own = on_radio is not None and on_radio[s]
        bits[link] += on_air(columns, i, links, link, 0, loss_keys, s, own)[0]


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
