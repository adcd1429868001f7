"""Columns taken into lanes: the same state at the same time, the other way round than `unfold`.

Frames that still are in sensors are given back to the clocks of these, to be captured again by
lanes; what is in a port is booked as sent, as lanes do it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleet.arrays import Bools, Ints, Keys
from fleet.columns import frame_store
from fleet.columns.device import EMPTY
from fleet.columns.shard import Shard
from fleet.kernel import kernel
from fleet.lanes import levels, queues, tiles
from fleet.lanes.blocks import Blocks
from fleet.lanes.frames import ANSWERS, DECODED, DOOMED, FREE, LATE, LOST, Frames, grown
from fleet.lanes.inside import capture_again
from fleet.lanes.part import Part
from fleet.lanes.records import (
    BEHIND,
    BEHIND_WEIGHTS,
    DECODED_AT,
    DONE_AT,
    INFERRED_AT,
    INFO,
    STARTED_AT,
    TAKEN,
    WEIGHTS,
    WHO,
    WORD,
    packed,
)
from fleet.lanes.sending import first_of_each, on_air, port_ns, rest, send_ahead
from fleet.model import books
from fleet.model.frames import (
    ACCESS,
    BITS,
    CAPTURE,
    CLOCK,
    DONE,
    FRAME,
    IN_PORT,
    INFER,
    LEVELS,
    OBJECTS,
    SENSOR,
    SIGHT,
    START,
    Columns,
    Index,
)
from fleet.model.frames import (
    DECODED as DECODED_NS,
)


def fold(shard: Shard) -> Blocks:
    """Return lanes in the state of a shard that is plain now; nothing is left in its columns."""
    shard.count_ended()  # a crash has just ended some
    again = capture_again(shard)
    lanes = Blocks(
        shard.plan, shard.tally, shard.network, shard.devices, again, shard.env.now
    )  # fmt: skip
    _ports(lanes, shard)
    tiles.fill(
        lanes.tiles, shard.plan, shard.devices.states, shard.tally, shard.network.ports,
        _last_ns(shard),
    )  # fmt: skip
    for part in lanes.parts:
        part.frames = grown(part.frames, 2 * len(shard.store.columns[0]))
    _links(lanes, shard)
    links = shard.tally.links
    carried = links[:, books.SENT_BEFORE_BITS] + links[:, books.SENT_LINK_BITS]
    lanes.tiles.odd.carried[...], lanes.ways.carried[...] = carried, carried[lanes.ways.shared]
    if lanes.pools is not None:
        _pools(lanes, shard)
    shard.store.clear()
    return lanes


def _ports(lanes: Blocks, shard: Shard) -> None:
    """Take over how shared links stand."""
    shared, rows = lanes.ways.shared, lanes.ways.links
    ports = shard.network.ports[shared]
    rows[:, levels.FREE_AT] = ports.free_ns
    rows[:, levels.IDLE] = shard.tally.links[shared, books.IDLE_NS]
    rows[:, levels.DOWN] = ports.down_until_ns


def _last_ns(shard: Shard) -> Ints:
    """Return when the last frame departs from each sensor's port, or has departed; ns."""
    last = shard.tally.sensors[:, books.LAST_SENT_NS].copy()
    held, columns = shard.devices.held, shard.store.columns
    in_port = held.slots[held.stages == IN_PORT]
    np.maximum.at(last, columns[SENSOR, in_port], columns[CLOCK, in_port])
    return last


def _dealt(lanes: Blocks, shard: Shard, index: Index) -> Iterator[tuple[Part, Bools]]:
    """Yield each part with those of some frames that are its own."""
    of = lanes.part_of[shard.store.columns[SENSOR, index]]
    for p, part in enumerate(lanes.parts):
        yield part, of == p


def _take(part: Part, shard: Shard, index: Index) -> Ints:
    """Write frames of the columns down as records; return their slots."""
    frames, left = part.frames, int(part.frames.counts[FREE])
    slots = frames.free[left - len(index) : left].copy()
    frames.counts[FREE] = left - len(index)
    _record(shard.store.columns, index, slots, frames, shard.plan.sensors.name_hash)
    return slots


@kernel
def _record(columns: Columns, index: Index, slots: Ints, frames: Frames, names: Keys) -> None:
    for n in range(len(index)):
        i, record, served = index[n], frames.records[slots[n]], frames.served[slots[n]]
        s = columns[SENSOR, i]
        word = np.int64(names[s])
        for c in range(FRAME, CLOCK):
            word += columns[c, i] * _WEIGHTS[c]
        for c in range(CAPTURE, ACCESS + LEVELS):
            if columns[c, i] >= 0:
                word += columns[c, i] * _WEIGHTS[c]
        record[WORD], record[TAKEN] = word, columns[CAPTURE, i]
        record[INFO] = packed(columns[BITS, i], columns[SIGHT, i], columns[OBJECTS, i])
        record[WHO] = s << 32 | columns[FRAME, i]
        for level in range(LEVELS):
            record[BEHIND + level] = columns[ACCESS + level, i]
        served[DECODED_AT], served[STARTED_AT] = columns[DECODED_NS, i], columns[START, i]
        served[INFERRED_AT], served[DONE_AT] = columns[INFER, i], columns[DONE, i]


_WEIGHTS = np.array(WEIGHTS)


def _links(lanes: Blocks, shard: Shard) -> None:
    """Take over what is in ports and on wires: who is further on came before."""
    network, devices, columns = shard.network, shard.devices, shard.store.columns
    own = devices.held.slots[devices.held.stages == IN_PORT]
    devices.held = EMPTY
    for level in range(LEVELS):
        index = own if level == 0 else network.in_port[level]
        on_wire = _coming(lanes, shard, level + 1)
        _late(lanes, shard, level + 1, on_wire, columns[CLOCK, on_wire])
        link = shard.plan.links.of[level, columns[SENSOR, index]]
        sensors, departs = columns[SENSOR, index], columns[CLOCK, index]
        bits, held = on_air(shard, level, index)
        spent = port_ns(shard, level, index, bits, booked=False)
        far = departs + held + shard.plan.links.table.propagation_ns[link]
        if level == 0:
            firsts = first_of_each(sensors, columns[FRAME, index])
            began = (departs - spent)[firsts]
            last = shard.tally.sensors[sensors[firsts], books.LAST_SENT_NS]
            rest(shard, sensors[firsts], last, began, 1)
        send_ahead(shard, level, index, bits, spent, 1)
        lost = held == LOST
        _late(lanes, shard, level + 1, index[~lost], far[~lost])
        _doom(lanes, shard, level, index[lost])
        network.in_port[level] = index[:0]


def _coming(lanes: Blocks, shard: Shard, level: int) -> Index:
    """Take out the frames on the wire to the links of a level, or to what is behind the last."""
    network = shard.network
    if level < LEVELS:
        coming, network.arriving[level] = frame_store.join(network.arriving[level]), []
        return coming
    no_server = shard.plan.pools.of[shard.store.column(network.answered, SENSOR)] < 0
    coming, network.answered = network.answered[no_server], network.answered[~no_server]
    shard.store.columns[CLOCK, coming] = shard.store.columns[DONE, coming]
    if lanes.pools is None:
        return coming
    served, lanes.pools.arriving = frame_store.join(lanes.pools.arriving), []
    return frame_store.join([coming, served])


def _late(lanes: Blocks, shard: Shard, level: int, index: Index, at_ns: Ints) -> None:
    """Have frames come late to a level, at some times."""
    for part, mine in _dealt(lanes, shard, index):
        frames, many = part.frames, int(part.frames.counts[LATE + level])
        slots = _take(part, shard, index[mine])
        frames.late[level, many : many + len(slots)] = slots
        record, column = frames.records, BEHIND + level - 1
        fresh = slots[record[slots, column] < 0]  # what is in a port is booked as sent
        record[slots, column] = at_ns[mine]
        record[fresh, WORD] += BEHIND_WEIGHTS[level - 1] * record[fresh, column]
        frames.counts[LATE + level] = many + len(slots)


def _doom(lanes: Blocks, shard: Shard, level: int, index: Index) -> None:
    """Have frames in ports be lost on the wire when they depart."""
    for part, mine in _dealt(lanes, shard, index):
        frames, many = part.frames, int(part.frames.counts[DOOMED])
        slots = _take(part, shard, index[mine])
        frames.doomed[many : many + len(slots)] = np.stack([slots, np.full_like(slots, level)], 1)
        frames.records[slots, BEHIND + level] = shard.store.columns[CLOCK, index[mine]]
        frames.counts[DOOMED] = many + len(slots)


def _pools(lanes: Blocks, shard: Shard) -> None:
    """Take over what is at servers, and the answers of these."""
    network, served = shard.network, lanes.pools
    assert served is not None
    columns, returns = shard.store.columns, shard.plan.pools.return_ns
    columns[DONE, served.serving] = (
        columns[INFER, served.serving] + returns[columns[SENSOR, served.serving]]
    )
    answers = frame_store.join([network.answered, served.serving])
    for part, mine in _dealt(lanes, shard, served.pending):
        part.pending = _queue(lanes, shard, part, served.pending[mine])
    for part, mine in _dealt(lanes, shard, served.waiting):
        part.waiting = _queue(lanes, shard, part, served.waiting[mine])
    for part, mine in _dealt(lanes, shard, served.decoding):
        frames, index = part.frames, served.decoding[mine]
        slots = _take(part, shard, index)
        frames.served[slots, DECODED_AT] = columns[CLOCK, index]
        frames.served[slots, DONE_AT] = returns[columns[SENSOR, index]]
        frames.decoded[: len(slots)], frames.counts[DECODED] = slots, len(slots)
    for part, mine in _dealt(lanes, shard, answers):
        slots = _take(part, shard, answers[mine])
        part.frames.answers[: len(slots)], part.frames.counts[ANSWERS] = slots, len(slots)
    empty = served.serving[:0]
    served.pending = served.decoding = served.waiting = served.serving = empty
    network.answered = empty


def _queue(lanes: Blocks, shard: Shard, part: Part, index: Index) -> queues.Queue:
    """Return queues of a part's frames that wait, in order; CLOCK says since when."""
    columns, served = shard.store.columns, lanes.pools
    assert served is not None
    queue = queues.queue(len(served.ids), len(index) + 64)
    sensors = columns[SENSOR, index]
    row = served.row_of[shard.plan.pools.of[sensors]]
    slots = _take(part, shard, index)
    part.frames.served[slots, DONE_AT] = shard.plan.pools.return_ns[sensors]
    for p in range(len(served.ids)):
        here = np.flatnonzero(row == p)
        queue.slots[p, : len(here)] = slots[here]
        queue.came_ns[p, : len(here)] = columns[CLOCK, index[here]]
        queue.ends[p, 1] = len(here)
    return queue
