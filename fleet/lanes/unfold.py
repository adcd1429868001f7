"""Lanes written out as columns: the same state at the same time, frame by frame.

Whatever is asked of a shard between blocks, other than going on, is asked of columns: how many
frames are under way, what a checkpoint holds, how a sensor stands, what is counted. So there is one
meaning of each. Frames in sensors are captured again by the columns, from the clock of their lanes;
what lanes booked ahead of time, which is what is in a port, is booked back.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, as_table
from fleet.columns import frame_store
from fleet.columns.device import Held
from fleet.columns.shard import Shard
from fleet.engine.counting import COMPUTE, SENSE, UP
from fleet.kernel import kernel
from fleet.lanes import levels, queues, spell
from fleet.lanes.blocks import Blocks
from fleet.lanes.frames import ANSWERS, DECODED, DOOMED, LATE
from fleet.lanes.part import Part
from fleet.lanes.records import BEHIND, DECODED_AT, DONE_AT, WHO
from fleet.lanes.results import LONGEST_NS, RESULTS, SPENT_NS
from fleet.lanes.sending import first_of_each, on_air, port_ns, rest, send_ahead
from fleet.lanes.tile import (
    ACCEPTED,
    AGAIN,
    BEFORE,
    BUSY,
    DSP,
    IDLE,
    IN_TAIL,
    INFERRED,
    LAST,
    MESSAGES,
    NEXT,
    NUMBER,
    OFFERED,
    PAYLOADS,
    PORT,
    SEEN,
    UNSAID,
    WITH_PIXELS,
    Tiles,
    between,
    column,
)
from fleet.lanes.tile import SENSOR as WHOSE
from fleet.model import books
from fleet.model.frames import (
    ACCESS,
    CLOCK,
    DONE,
    FRAME,
    IN_PORT,
    INFER,
    LEVELS,
    READY,
    RESULT,
    SENSOR,
    SKIP_NOT_PUBLISHED,
    Index,
)
from fleet.model.sight import count, numbers, scene_of

_TILES_AT_A_TIME = 500


def unfold(lanes: Blocks, shard: Shard) -> None:
    """Set a shard to the state of lanes; it has the same clock, links and pools, and no frames."""
    _counts(lanes, shard)
    _sensors(lanes, shard)
    _shared(lanes, shard)
    in_ports = _links(lanes, shard)
    if lanes.pools is not None:
        _pools(lanes, shard)
    _capture(lanes, shard, in_ports)


def _counts(lanes: Blocks, shard: Shard) -> None:
    """Add what lanes count of results to the tally."""
    plan, tally, kept = lanes.plan, shard.tally, lanes.sensors
    lanes.put_by()
    k, group = lanes.whose.setup_of, plan.sensors.group_of
    many = kept[:, RESULTS]
    tally.sensors[:, books.LATENCY_SUM_NS] += kept[:, SPENT_NS]
    tally.sensors[:, books.FATE_0 + RESULT] += many
    longest = tally.sensors[:, books.LATENCY_MAX_NS]
    np.maximum(longest, kept[:, LONGEST_NS], out=longest)
    for g, row in np.unique(np.stack([group, k]), axis=1).T.tolist():
        results = int(many[(group == g) & (k == row)].sum())
        sense, ready = int(lanes.sense_ns[row]), int(lanes.ready_ns[row])
        tally.stages_ns[g, SENSE] += results * sense
        tally.stages_ns[g, COMPUTE] += results * (ready - sense)
        tally.stages_ns[g, UP] -= results * ready
    one = np.zeros((1, *tally.sights.shape[1:]), dtype=np.int64)
    _sights(lanes.rows, plan.eyes.sights.rows, one, tally.sights)


@kernel
def _sights(many: Ints, rows: Ints, one: Ints, book: Ints) -> None:
    """Book what was seen, given how many results of each group took each row.

    Args:
        many: shape (groups, rows).
        rows: the rows of the traces.
        one: room for the book of one frame, all zeros.
        book: see `fleet.model.sight.count`.
    """
    for group in range(many.shape[0]):
        for row in range(many.shape[1]):
            if many[group, row] > 0:
                count(one, rows, row, 0, True)
                light, scene = numbers(rows, row)[0], scene_of(rows, row)
                for column in range(book.shape[3]):
                    book[group, light, scene, column] += (
                        many[group, row] * one[0, light, scene, column]
                    )
                    one[0, light, scene, column] = 0


def _sensors(lanes: Blocks, shard: Shard) -> None:
    """Add what lanes count of sensors and their ports, and set how these stand."""
    states, sensors, many = shard.devices.states, shard.tally.sensors, len(lanes.tiles.rules)
    for first in range(0, many, _TILES_AT_A_TIME):  # a million sensors take as much room again
        _book(between(lanes.tiles, first, min(first + _TILES_AT_A_TIME, many)), shard)
    k = states.setup_of
    ruled = shard.plan.sensors.setups.publish_every[k] == 0
    if ruled.any():
        dsp = as_table(lanes.tiles.odd.dsp)
        states.dsp.next_publish_ns[ruled] = dsp.next_publish_ns[ruled]
        states.dsp.seen[ruled] = dsp.seen[ruled]
    again = lanes.again
    late = states.clocks.next_frame[again.sensor] > again.frame  # lanes have captured these
    s, sense, compute = (
        column[late] for column in (again.sensor, again.sense_ns, again.compute_ns)
    )
    np.subtract.at(sensors[:, books.SENSE_NS], s, sense)
    np.subtract.at(sensors[:, books.COMPUTE_NS], s, compute)
    for row in np.unique(k[s]).tolist():
        shard.tally.computing_ns[row] -= int(compute[k[s] == row].sum())


def _book(tiles: Tiles, shard: Shard) -> None:
    """Add what some tiles count, and set how their sensors stand."""
    plan, tally, states = shard.plan, shard.tally, shard.devices.states
    s = column(tiles, WHOSE)
    k, port, setups = states.setup_of[s], plan.links.of[0, s], plan.sensors.setups
    number, inferred, offered, accepted, busy, unsaid = (
        column(tiles, c) for c in (NUMBER, INFERRED, OFFERED, ACCEPTED, BUSY, UNSAID)
    )
    on_links = offered + column(tiles, AGAIN)
    for row, values in (
        (books.CAPTURED, number - states.clocks.next_frame[s]),
        (books.SENSE_NS, column(tiles, SEEN) * setups.read_ns[k]),
        (books.COMPUTE_NS, inferred * setups.compute_ns[k]),
        (books.SENT_FRAMES, (inferred - unsaid) * ~plan.ends_at_site[s]),
        (books.FATE_0 + SKIP_NOT_PUBLISHED, unsaid),
        (books.SENT_PAYLOAD, column(tiles, PAYLOADS)), (books.SENT_BITS, offered),
        (books.SENT_METADATA, column(tiles, MESSAGES)),
        (books.SENT_PIXEL_FRAMES, column(tiles, WITH_PIXELS)),
        (books.TAIL_NS, column(tiles, IN_TAIL)),
        (books.SENDING_NS, busy), (books.RADIO_BITS, accepted),
    ):  # fmt: skip
        tally.sensors[s, row] += values
    tally.sensors[s, books.LAST_SENT_NS] = column(tiles, LAST)
    for setup in np.unique(k).tolist():
        many = int(inferred[k == setup].sum())
        tally.computing_ns[setup] += many * int(setups.compute_ns[setup])
        tally.computed[setup] += many
    for row, values in (
        (books.OFFERED_BITS, on_links), (books.SENT_LINK_BITS, accepted),
        (books.DROPPED_BITS, on_links - accepted), (books.BUSY_NS, busy),
    ):  # fmt: skip
        tally.links[port, row] += values
    tally.links[port, books.IDLE_NS] = column(tiles, IDLE)
    shard.network.ports.free_ns[port] = column(tiles, PORT)
    states.clocks.next_frame[s], states.clocks.next_ns[s] = number, column(tiles, NEXT)
    on = setups.on_sensor[k]
    states.dsp.free_ns[s[on == 1]] = column(tiles, DSP)[on == 1]
    states.dsp.inferences[s] += on * inferred


def _take(
    lanes: Blocks, part: Part, shard: Shard, slots: Ints, levels_behind: int, stations: int
) -> Index:
    """Write frames of lanes into the store of a shard; return their slots there."""
    index = shard.store.take(len(slots))
    columns = np.empty((shard.store.columns.shape[0], len(slots)), dtype=np.int64)
    spell.spell(columns, slots.copy(), part.frames, lanes.whose, levels_behind, stations)
    shard.store.columns[:, index] = columns
    return index


def _links(lanes: Blocks, shard: Shard) -> Index:
    """Put frames in ports and on wires where the columns have them; return those in own ports."""
    in_ports: list[Index] = []
    for level in range(1, LEVELS + 1):
        sending = [_on_the_way(lanes, part, shard, level) for part in lanes.parts]
        index = frame_store.join(sending)
        # As a rate may change, the first of each port must be the one that is being sent.
        in_ports.append(index[np.argsort(shard.store.columns[CLOCK, index], kind="stable")])
        _unsend(lanes, shard, level - 1, in_ports[-1])
    shard.network.in_port[1:] = in_ports[1:]
    return in_ports[0]


def _on_the_way(lanes: Blocks, part: Part, shard: Shard, level: int) -> Index:
    """Put frames that come to a level on the wire before it, or return them: they are in a port."""
    frames, plan = part.frames, lanes.plan
    slots: Ints = frames.late[level, : frames.counts[LATE + level]]
    at = frames.records[slots, BEHIND + level - 1]
    link = plan.links.of[level - 1, frames.records[slots, WHO] >> 32]
    index = _take(lanes, part, shard, slots, level - 1, 0)
    doomed = frames.doomed[: frames.counts[DOOMED]]
    doomed = doomed[doomed[:, 1] == level - 1, 0]
    lost = _take(lanes, part, shard, doomed, level - 1, 0)
    departs = at - plan.links.table.propagation_ns[link] - on_air(shard, level - 1, index)[1]
    sending = departs >= shard.env.now
    columns = shard.store.columns
    columns[CLOCK, index] = np.where(sending, departs, at)
    columns[ACCESS + level - 1, index[~sending]] = at[~sending]
    _arrive(lanes, shard, level, index[~sending])
    columns[CLOCK, lost] = frames.records[doomed, BEHIND + level - 1]
    return frame_store.join([index[sending], lost])


def _arrive(lanes: Blocks, shard: Shard, level: int, index: Index) -> None:
    """Have frames come to the links of a level, or to what is behind the last."""
    network, columns = shard.network, shard.store.columns
    if level < LEVELS:
        network.arriving[level].append(index)
        return
    served = lanes.plan.pools.of[columns[SENSOR, index]] >= 0
    if (pools := network.pools[LEVELS - 1]) is not None:
        pools.put(index[served])
    columns[DONE, index[~served]] = columns[CLOCK, index[~served]]
    network.answered = np.concatenate([network.answered, index[~served]])


def _shared(lanes: Blocks, shard: Shard) -> None:
    """Set how shared links stand, and add what they count."""
    rows, dropped, links = lanes.ways.links, lanes.ways.dropped, shard.tally.links
    sent, shared = rows[:, levels.SENT], lanes.ways.shared
    shard.network.ports.free_ns[shared] = rows[:, levels.FREE_AT]
    shard.network.ports.down_until_ns[shared] = rows[:, levels.DOWN]
    links[shared, books.OFFERED_BITS] += sent + dropped
    links[shared, books.DROPPED_BITS] += dropped
    links[shared, books.SENT_LINK_BITS] += sent
    links[shared, books.BUSY_NS] += rows[:, levels.BUSY]
    links[shared, books.IDLE_NS] = rows[:, levels.IDLE]


def _unsend(lanes: Blocks, shard: Shard, level: int, index: Index) -> None:
    """Book back what departs from ports later: CLOCK says when."""
    columns = shard.store.columns
    s, departs, bits = columns[SENSOR, index], columns[CLOCK, index], on_air(shard, level, index)[0]
    spent = port_ns(shard, level, index, bits, booked=True)
    send_ahead(shard, level, index, bits, spent, -1)
    if level > 0 or not len(index):
        return
    firsts = first_of_each(s, columns[FRAME, index])
    s, index = s[firsts], index[firsts]
    began = (departs - spent)[firsts]
    # What found its port empty was sent after what had left that before, else right behind it.
    empty = began == columns[READY, index]
    before = np.zeros(lanes.plan.size, dtype=np.int64)
    before[column(lanes.tiles, WHOSE)] = column(lanes.tiles, BEFORE)
    last = np.where(empty, before[s], began)
    rest(shard, s, last, began, -1)
    shard.tally.sensors[s, books.LAST_SENT_NS] = last


def _pools(lanes: Blocks, shard: Shard) -> None:
    """Put frames at servers where the columns have them."""
    network, served = shard.network, shard.network.pools[LEVELS - 1]
    assert served is not None
    for part in lanes.parts:
        count, frames = part.frames.counts, part.frames
        pending = [queues.held(part.pending, p) for p in range(len(served.ids))]
        waiting = [queues.held(part.waiting, p) for p in range(len(served.ids))]
        index = _at_servers(lanes, part, shard, frame_store.join(pending), 0)
        served.pending = frame_store.join([served.pending, index])
        index = _at_servers(lanes, part, shard, frames.decoded[: count[DECODED]], 1)
        served.decoding = frame_store.join([served.decoding, index])
        index = _at_servers(lanes, part, shard, frame_store.join(waiting), 1)
        served.waiting = frame_store.join([served.waiting, index])
        slots = frames.answers[: count[ANSWERS]]
        index, columns = _take(lanes, part, shard, slots, LEVELS, 3), shard.store.columns
        under_way = columns[INFER, index] < shard.env.now
        columns[DONE, index[under_way]] = frames.served[slots[under_way], DONE_AT]
        served.serving = frame_store.join([served.serving, index[~under_way]])
        network.answered = frame_store.join([network.answered, index[under_way]])


def _at_servers(lanes: Blocks, part: Part, shard: Shard, slots: Ints, stations: int) -> Index:
    """Write down frames that are at servers, with so many times there; return their slots."""
    frames = part.frames
    index = _take(lanes, part, shard, slots, LEVELS, stations)
    shard.store.columns[CLOCK, index] = (
        frames.served[slots, DECODED_AT] if stations else frames.records[slots, BEHIND + LEVELS - 1]
    )
    return index


def _capture(lanes: Blocks, shard: Shard, in_ports: Index) -> None:
    """Have the columns capture again what is in sensors, behind what is in their ports."""
    devices, columns = shard.devices, shard.store.columns
    order = np.lexsort((columns[FRAME, in_ports], columns[SENSOR, in_ports]))
    devices.held = Held(in_ports[order], np.full(len(in_ports), IN_PORT))
    devices.flowed_ns = lanes.known_from_ns(shard.env.now)
    devices.advance(shard.env.now)
    shard.count_ended()
