"""Servers at the region: decoders, then batches, for frames that come pool by pool in order.

The rules are those of `fleet.columns.serving`, and so are the rings in which it is kept when who is
free. A frame is admitted before what is due at its very time; what would start at or after the end
of a block stays undecided, so that the pools stand at every time as the columns have them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints, Keys
from fleet.columns.serving import first_of, replace_first
from fleet.kernel import inlined, kernel
from fleet.lanes.frames import ANSWERS, DECODED, DONE, ENDED, Frames
from fleet.lanes.records import (
    DECODED_AT,
    DONE_AT,
    INFERRED_AT,
    SLOT_BITS,
    STARTED_AT,
    WHO,
    frame_of,
    sensor_of,
)
from fleet.model.frames import LOST_DEADLINE, LOST_DECODE_QUEUE
from fleet.model.link import service_ns
from fleet.model.servers import KINDS, PoolTable, batch_ns

_LOW = (1 << SLOT_BITS) - 1


class Queue(NamedTuple):
    """Frames that wait in some pools, each in a ring of its own; fields have a row a pool.

    Attributes:
        slots: of the frames; shape (pools, a power of two).
        came_ns: when each came.
        ends: how many have left and how many have come; shape (pools, 2).
    """

    slots: Ints
    came_ns: Ints
    ends: Ints


def queue(pools: int, room: int) -> Queue:
    """Return empty rings with room for so many frames at least."""
    size = 1 << max(4, int(room - 1).bit_length())
    return Queue(
        np.zeros((pools, size), dtype=np.int64), np.zeros((pools, size), dtype=np.int64),
        np.zeros((pools, 2), dtype=np.int64),
    )  # fmt: skip


def held(queues: Queue, pool: int) -> Ints:
    """Return the slots of the frames that wait in a pool, in order."""
    first, last = queues.ends[pool]
    found: Ints = queues.slots[pool, np.arange(first, last) & (queues.slots.shape[1] - 1)]
    return found


def roomier(queues: Queue, more: int) -> Queue:
    """Return the same queues with room for so many frames more in each pool."""
    waiting = queues.ends[:, 1] - queues.ends[:, 0]
    if int(waiting.max()) + more <= queues.slots.shape[1]:
        return queues
    wide = queue(len(queues.ends), 2 * (int(waiting.max()) + more))
    for p in range(len(waiting)):
        at = np.arange(*queues.ends[p]) & (queues.slots.shape[1] - 1)
        wide.slots[p, : waiting[p]] = queues.slots[p, at]
        wide.came_ns[p, : waiting[p]] = queues.came_ns[p, at]
        wide.ends[p, 1] = waiting[p]
    return wide


class Pool(NamedTuple):
    """Pools as kernels take them; a row each, as in `fleet.columns.pools.Pools`.

    Attributes:
        row_of: row of the pool of each sensor.
        keys, return_ns: service key and way back, by sensor.
        pixels: to decode of a frame, by sensor; 0: it is not decoded.
        rates: pixels a second of a decoder, by kind.
        decoders, decoder_sizes, rings, sizes: who is free when.
        table, variation, mean_ns, hold_ns: the rules.
        arrived, decoding_ns, served_ns, batches, started, idle_ns: what is counted.
    """

    row_of: Ints
    keys: Keys
    return_ns: Ints
    pixels: Ints
    rates: Ints
    decoders: Ints
    decoder_sizes: Ints
    rings: Ints
    sizes: Ints
    table: PoolTable
    variation: Floats
    mean_ns: Ints
    hold_ns: Ints
    arrived: Ints
    decoding_ns: Ints
    served_ns: Ints
    batches: Ints
    started: Ints
    idle_ns: Ints


@inlined
def _put(queues: Queue, p: int, slot: int, now: int) -> None:
    at = queues.ends[p, 1]
    place = np.uint64(at & (queues.slots.shape[1] - 1))
    queues.slots[p, place], queues.came_ns[p, place] = slot, now
    queues.ends[p, 1] = at + 1


@inlined
def _end(frames: Frames, slot: int, fate: int, now: int) -> None:
    n = frames.count[ENDED]
    frames.ended[n, 0], frames.ended[n, 1], frames.ended[n, 2] = slot, fate, now
    frames.count[ENDED] = n + 1


@inlined
def _start(pending: Queue, p: int, before: int, pool: Pool, frames: Frames, out: Ints) -> None:
    """Have the decoders of a pool take what they can before a time; `out` takes the slots."""
    size, ring, mask = pool.decoder_sizes[p], pool.decoders[p], pending.slots.shape[1] - 1
    work, speed, spent, n = 0, 1, 0, frames.count[DECODED]
    while pending.ends[p, 0] < pending.ends[p, 1] and size > 0:
        at = np.uint64(pending.ends[p, 0] & mask)
        came, slot, first = pending.came_ns[p, at], pending.slots[p, at], first_of(ring)
        start = max(first // KINDS, came)
        if start >= before:
            break
        s, kind = sensor_of(frames.records[slot, WHO]), first % KINDS
        if first // KINDS <= came:
            pool.idle_ns[p, 1] = start
        if pool.pixels[s] != work or pool.rates[p, kind] != speed:
            work, speed = pool.pixels[s], pool.rates[p, kind]
            spent = service_ns(work, speed)
        frames.served[slot, DECODED_AT] = start + spent
        pool.decoding_ns[p, kind] += spent
        replace_first(ring, size, (start + spent) * KINDS + kind)
        out[n] = slot
        n += 1
        pending.ends[p, 0] += 1
    frames.count[DECODED] = n


@kernel
def decode(
    keys: Ints, span: tuple[int, int], pool: Pool, pending: Queue, frames: Frames
) -> None:
    """Take arrivals through the decoders up to the end of a block.

    Args:
        keys: of the arrivals.
        span: begin and end of the block; ns.
        pool: the pools.
        pending: frames that wait for a decoder.
        frames: all frames; `decoded` takes the slots of those that a decoder took or that need
            none.
    """
    begin, until = span
    for i in range(len(keys)):
        slot, now = keys[i] & _LOW, (keys[i] >> SLOT_BITS) + begin
        s = sensor_of(frames.records[slot, WHO])
        p = pool.row_of[s]
        pool.arrived[p, 0] += 1
        if pool.pixels[s] == 0:
            frames.served[slot, DECODED_AT] = now
            frames.decoded[frames.count[DECODED]] = slot
            frames.count[DECODED] += 1
            continue
        pool.arrived[p, 1] += pool.pixels[s]
        _start(pending, p, now, pool, frames, frames.decoded)
        if pending.ends[p, 1] - pending.ends[p, 0] >= pool.table.queue[p]:
            _end(frames, slot, LOST_DECODE_QUEUE, now)
        else:
            _put(pending, p, slot, now)
    for p in range(len(pool.sizes)):
        _start(pending, p, until, pool, frames, frames.decoded)


@kernel
def come(span: tuple[int, int], pool: Pool, frames: Frames, last: Ints) -> tuple[int, bool]:
    """List the keys of decoded frames that come to servers in a block.

    Args:
        span: begin and end of the block; ns.
        pool: the pools.
        frames: all frames; `keys` takes the keys, and those listed are taken out of `decoded`.
        last: room for a time a pool.

    Returns:
        (how many there are, whether those of each pool are in the total order).
    """
    n, kept, ordered = 0, 0, True
    for p in range(len(last)):
        last[p] = -1
    for k in range(frames.count[DECODED]):
        slot = frames.decoded[k]
        at = frames.served[slot, DECODED_AT]
        if at < span[1]:
            frames.keys[n] = (at - span[0]) << SLOT_BITS | slot
            n += 1
            p = pool.row_of[sensor_of(frames.records[slot, WHO])]
            ordered = ordered and at > last[p]
            last[p] = at
        else:
            frames.decoded[kept] = slot
            kept += 1
    frames.count[DECODED] = kept
    return n, ordered


@inlined
def _launch(
    waiting: Queue, p: int, before: int, until: int, pool: Pool, frames: Frames
) -> None:
    """Start the batches of a pool that are due before a time, and give up what waited too long."""
    size, ring, mask = pool.sizes[p], pool.rings[p], waiting.slots.shape[1] - 1
    most, wait_ns = pool.table.max_batch[p], pool.table.wait_ns[p]
    deadline_ns = pool.table.deadline_ns[p]
    law, variation, count = pool.table.law[p], pool.variation[p], frames.count
    while waiting.ends[p, 0] < waiting.ends[p, 1]:
        head, many = waiting.ends[p, 0], waiting.ends[p, 1] - waiting.ends[p, 0]
        came, first = waiting.came_ns[p, np.uint64(head & mask)], first_of(ring)
        due, start = until, until
        if size > 0:
            due = came + wait_ns
            if many >= most:
                due = min(due, waiting.came_ns[p, np.uint64((head + most - 1) & mask)])
            start = max(first // KINDS, due)
        if 0 < deadline_ns and came + deadline_ns < min(start, before):
            slot = waiting.slots[p, np.uint64(head & mask)]
            _end(frames, slot, LOST_DEADLINE, came + deadline_ns)
            waiting.ends[p, 0] = head + 1
            continue
        if start >= before:
            break
        kind, taken = first % KINDS, min(most, many)
        if first // KINDS <= due:
            pool.idle_ns[p, 0] = start
        lead = frames.records[waiting.slots[p, np.uint64(head & mask)], WHO]
        key, frame = pool.keys[sensor_of(lead)], frame_of(lead)
        ends = start + batch_ns(pool.mean_ns[p, kind, taken], law, variation, key, frame)
        held_ns = batch_ns(pool.hold_ns[p, kind, taken], law, variation, key, frame)
        replace_first(ring, size, (start + held_ns) * KINDS + kind)
        pool.served_ns[p, kind] += held_ns
        pool.batches[p, kind] += 1
        pool.started[p, kind] += taken
        for at in range(head, head + taken):
            slot = np.uint64(waiting.slots[p, np.uint64(at & mask)])
            done = ends + pool.return_ns[sensor_of(frames.records[slot, WHO])]
            served = frames.served[slot]
            served[STARTED_AT], served[INFERRED_AT], served[DONE_AT] = start, ends, done
            if done < until:
                frames.done[count[DONE]] = slot
                count[DONE] += 1
            else:
                frames.answers[count[ANSWERS]] = slot
                count[ANSWERS] += 1
        waiting.ends[p, 0] = head + taken


@kernel
def serve(keys: Ints, span: tuple[int, int], pool: Pool, waiting: Queue, frames: Frames) -> None:
    """Take decoded frames through the servers up to the end of a block.

    Those whose results are at their consumers before that are added to `done`, those whose results
    are under way to `answers`; the arguments are those of `decode`.
    """
    begin, until = span
    for i in range(len(keys)):
        slot, now = keys[i] & _LOW, (keys[i] >> SLOT_BITS) + begin
        p = pool.row_of[sensor_of(frames.records[slot, WHO])]
        _launch(waiting, p, now, until, pool, frames)
        if waiting.ends[p, 1] - waiting.ends[p, 0] >= pool.table.queue[p]:
            _end(frames, slot, pool.table.queue_lost[p], now)
        else:
            _put(waiting, p, slot, now)
    for p in range(len(pool.sizes)):
        _launch(waiting, p, until, until, pool, frames)


@kernel
def answer(until_ns: int, frames: Frames) -> None:
    """Have the results that are at their consumers before a time be done."""
    kept, count = 0, frames.count
    for k in range(count[ANSWERS]):
        slot = frames.answers[k]
        if frames.served[slot, DONE_AT] < until_ns:
            frames.done[count[DONE]] = slot
            count[DONE] += 1
        else:
            frames.answers[kept] = slot
            kept += 1
    count[ANSWERS] = kept
