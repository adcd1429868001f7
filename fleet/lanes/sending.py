"""What lanes book of a frame in a port ahead of time: that it is sent, though it departs later."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.columns.shard import Shard
from fleet.model import books


class Again(NamedTuple):
    """Frames that lanes capture again though a warm-up ended while they were in a sensor.

    What lanes book of such a frame is too much by these times; ns. All have shape (frames,).
    """

    sensor: Ints
    frame: Ints
    sense_ns: Ints
    compute_ns: Ints

    @staticmethod
    def nothing() -> Again:
        """Return no frames."""
        return Again(*np.zeros((4, 0), dtype=np.int64))


def send_ahead(
    shard: Shard, level: int, sensors: Ints, bits: Ints, departs_ns: Ints, sign: int
) -> None:
    """Book frames in ports as sent, or back.

    Args:
        shard: in whose books.
        level: of the ports.
        sensors: whose frames they are.
        bits: of the frames.
        departs_ns: when they depart.
        sign: 1, or -1 to book back.
    """
    tally, plan = shard.tally, shard.plan
    link = plan.links.of[level, sensors]
    service = service_ns(bits, plan.links.table.rate_bps[link])
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
    rates = shard.plan.links.table.rate_bps[shard.plan.links.of[0, sensors]]
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
