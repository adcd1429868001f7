"""What lanes book of a frame in a port ahead of time: that it is sent, though it departs later."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, Keys
from fleet.columns.shard import Shard
from fleet.kernel import kernel
from fleet.lanes.frames import LOST
from fleet.model import books
from fleet.model.bursts import burst_salt, sent_again
from fleet.model.frames import BITS, FRAME, READY, SENSOR, Columns, Index
from fleet.model.link import LinkTable


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
        plan.sensors.loss_keys[level], burst_salt(plan.seed, plan.replication), out,
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
    shard: Shard, level: int, sensors: Ints, bits: Ints, departs_ns: Ints, sign: int
) -> None:
    """Book frames in ports as sent, or back.

    Args:
        shard: in whose books.
        level: of the ports.
        sensors: whose frames they are.
        bits: of the frames on the air.
        departs_ns: when they depart.
        sign: 1, or -1 to book back.
    """
    tally, plan = shard.tally, shard.plan
    link = plan.links.of[level, sensors]
    service = service_ns(bits, shard.network.links.rate_bps[link])
    begin = np.maximum(departs_ns - service, tally.since_ns)
    busy = np.maximum(0, departs_ns - begin)
    second = np.minimum(departs_ns // books.BIN_NS, tally.link_bins.shape[1] - 1)
    np.add.at(tally.link_bins, (plan.stations.bin_of[link], second), sign * bits)
    np.add.at(tally.links[:, books.SENT_LINK_BITS], link, sign * bits)
    np.add.at(tally.links[:, books.BUSY_NS], link, sign * busy)
    if level == 0:
        np.add.at(tally.sensors[:, books.RADIO_BITS], sensors, sign * bits)
        np.add.at(tally.sensors[:, books.SENDING_NS], sensors, sign * busy)


def service_ns(bits: Ints, rate_bps: Ints) -> Ints:
    """Return `fleet.model.link.service_ns` of many frames."""
    service: Ints = np.maximum(1, bits * 1_000_000_000 // rate_bps)
    return service


def port_ns(shard: Shard, sensors: Ints, bits: Ints) -> Ints:
    """Return how long sending frames takes from the sensors' own ports; ns."""
    rates = shard.network.links.rate_bps[shard.plan.links.of[0, sensors]]
    return service_ns(bits, rates)


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
