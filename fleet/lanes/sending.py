"""What lanes book of a frame in a port ahead of time: that it is sent, though it departs later."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, Keys
from fleet.columns.shard import Shard
from fleet.kernel import kernel
from fleet.lanes.frames import LOST
from fleet.model import books
from fleet.model.bursts import burst_salt, sent_again
from fleet.model.frames import BITS, CLOCK, FRAME, READY, SENSOR, Columns, Index
from fleet.model.link import LinkTable, rate_bps, service_ns


def on_air(shard: Shard, level: int, index: Index) -> tuple[Ints, Ints]:
    """Return what links send of frames that come to them, and how long that holds frames up.

    Args:
        shard: in whose columns the frames are.
        level: of the links.
        index: the frames.

    Returns:
        bits with those that are sent again; ns on the wire besides the propagation, LOST if
        segments are missing for good. Both have shape (frames,).
    """
    out, network, plan = np.empty((2, len(index)), dtype=np.int64), shard.network, shard.plan
    _on_air(
        shard.store.columns, index, level, network.links, plan.links.of[level],
        plan.sensors.loss_keys ^ np.uint64(level), burst_salt(plan.seed, plan.replication), out,
    )  # fmt: skip
    return out[0], out[1]


@kernel
def _on_air(
    columns: Columns, index: Index, level: int, links: LinkTable, link_of: Ints, keys: Keys,
    salt: np.uint64, out: Ints,
) -> None:  # fmt: skip
    for n in range(len(index)):
        i = index[n]
        s, bits = columns[SENSOR, i], columns[BITS, i]
        link = link_of[s]
        out[0, n], out[1, n] = bits, 0
        if links.loss_ppb[link] > 0:
            extra, rounds, good = sent_again(
                links, link, salt, keys[s], columns[FRAME, i], bits, columns[READY + level, i]
            )
            out[0, n] = bits + extra
            out[1, n] = rounds * links.retry_ns[link] if good else LOST


def send_ahead(
    shard: Shard, level: int, index: Index, bits: Ints, spent_ns: Ints, sign: int
) -> None:
    """Book frames in ports as sent, or back.

    Args:
        shard: in whose books.
        level: of the ports.
        index: the frames; CLOCK says when they depart.
        bits: of them on the air.
        spent_ns: how long sending them takes.
        sign: 1, or -1 to book back.
    """
    tally, plan, columns = shard.tally, shard.plan, shard.store.columns
    sensors, departs_ns = columns[SENSOR, index], columns[CLOCK, index]
    link = plan.links.of[level, sensors]
    begin = np.maximum(departs_ns - spent_ns, tally.since_ns)
    busy = np.maximum(0, departs_ns - begin)
    second = np.minimum(departs_ns // books.BIN_NS, tally.link_bins.shape[1] - 1)
    np.add.at(tally.link_bins, (plan.stations.bin_of[link], second), sign * bits)
    np.add.at(tally.links[:, books.SENT_LINK_BITS], link, sign * bits)
    np.add.at(tally.links[:, books.BUSY_NS], link, sign * busy)
    if level == 0:
        np.add.at(tally.sensors[:, books.RADIO_BITS], sensors, sign * bits)
        np.add.at(tally.sensors[:, books.SENDING_NS], sensors, sign * busy)


def port_ns(shard: Shard, level: int, index: Index, bits: Ints, *, booked: bool) -> Ints:
    """Return how long sending frames takes that are in ports; CLOCK says when they depart.

    Args:
        shard: in whose columns they are.
        level: of the ports.
        index: all frames in these.
        bits: of the frames on the air.
        booked: whether they are booked as sent.
    """
    links, columns = shard.tally.links, shard.store.columns
    link = shard.plan.links.of[level, columns[SENSOR, index]]
    carried = links[:, books.SENT_BEFORE_BITS] + links[:, books.SENT_LINK_BITS]
    if booked:
        np.subtract.at(carried, link, bits)
    spent_ns, order = np.empty(len(index), dtype=np.int64), np.argsort(columns[CLOCK, index])
    _port_ns(order, link, bits, shard.network.links, carried, spent_ns)
    return spent_ns


@kernel
def _port_ns(
    order: Ints, link_of: Ints, bits: Ints, links: LinkTable, carried: Ints, spent_ns: Ints
) -> None:
    for n in order:
        link = link_of[n]
        spent_ns[n] = service_ns(bits[n], rate_bps(links, link, carried[link]))
        carried[link] += bits[n]


def first_of_each(sensors: Ints, frames: Ints) -> Ints:
    """Return which frames are the first of their sensors among some."""
    order = np.lexsort((frames, sensors))
    firsts: Ints = order[np.unique(sensors[order], return_index=True)[1]]
    return firsts


def rest(shard: Shard, sensors: Ints, last_ns: Ints, begin_ns: Ints, sign: int) -> None:
    """Book the tails of radios before transmissions, or back.

    Args:
        shard: in whose books.
        sensors: whose; each once.
        last_ns: when they had sent before, 0 for never.
        begin_ns: when they send.
        sign: 1, or -1 to book back.
    """
    tally, tail_ns = shard.tally, shard.plan.timers.tail_ns[sensors]
    tail = np.minimum(begin_ns, last_ns + tail_ns) - np.maximum(last_ns, tally.since_ns)
    tail = np.where(last_ns == 0, 0, np.maximum(0, tail))
    tally.sensors[sensors, books.TAIL_NS] += sign * tail
