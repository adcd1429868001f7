"""Servers at the region: frames are dealt to their pools, and pool by pool served in batches.

The rules are those of `fleet.columns.serving`, and so are the rings in which it is kept when who is
free. A frame is admitted before what is due at its very time; what would start at or after the end
of a block stays undecided, so that the pools stand at every time as the columns have them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints, Keys
from fleet.columns.rings import first_of, replace_first
from fleet.kernel import fetch, inlined, kernel
from fleet.lanes.frames import ANSWERS, DONE, ENDED, Frames
from fleet.lanes.queues import Queue
from fleet.lanes.records import (
    DONE_AT,
    INFERRED_AT,
    SLOT_BITS,
    STARTED_AT,
    WHO,
    frame_of,
    sensor_of,
)
from fleet.lanes.work import AHEAD
from fleet.model.capture import NEVER_NS
from fleet.model.frames import LOST_DEADLINE
from fleet.model.servers import KINDS, PoolTable, batch_ns

_LOW = (1 << SLOT_BITS) - 1
KIND_BITS = KINDS.bit_length() - 1

ROW, PIXELS, RETURN_NS = range(3)
ABOUT = 4


class Pool(NamedTuple):
    """Pools as kernels take them; a row each, as in `fleet.columns.pools.Pools`.

    Attributes:
        about: of each sensor the row of its pool, the pixels that are decoded of a frame, and the
            way back; shape (sensors, ABOUT).
        keys: service keys, by sensor.
        rates: pixels a second of a decoder, by kind.
        decoders, decoder_sizes, rings, sizes: who is free when.
        table, variation, mean_ns, hold_ns: the rules.
        arrived, decoding_ns, served_ns, batches, started, idle_ns: what is counted.
    """

    about: Ints
    keys: Keys
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


class Servers(NamedTuple):
    """The servers of a part of a shard.

    Attributes:
        rows: of its pools; the first is -1 where some frames need no servers.
        pool: the pools of the shard.
        pending, waiting: frames that wait for a decoder and for a server.
        starts: room for a number a pool of the shard and two more.
    """

    rows: Ints
    pool: Pool
    pending: Queue
    waiting: Queue
    starts: Ints


@inlined
def end_now(frames: Frames, slot: int, fate: int, now: int) -> None:
    """Write down that a frame has met a fate now."""
    n = frames.counts[ENDED]
    frames.ended[n, 0], frames.ended[n, 1], frames.ended[n, 2] = slot, fate, now
    frames.counts[ENDED] = n + 1


@kernel
def deal(keys: Ints, about: Ints, frames: Frames, starts: Ints) -> None:
    """Deal frames that are behind the last links to their pools, in their order.

    Args:
        keys: of the frames.
        about: see `Pool`; a sensor without a pool has the row after the last.
        frames: all frames; `dealt` takes the keys, pool by pool.
        starts: filled with where those of each pool begin, and with where the last end; shape
            (pools + 2,).
    """
    starts[:] = 0
    most = len(keys) - 1
    for i in range(len(keys)):
        fetch(frames.records, keys[min(i + AHEAD, most)] & _LOW)
        of = about[np.uint64(sensor_of(frames.records[np.uint64(keys[i] & _LOW), WHO])), ROW]
        frames.keys[np.uint64(i)] = of
        starts[np.uint64(of + 1)] += 1
    for p in range(1, len(starts)):
        starts[p] += starts[p - 1]
    for i in range(len(keys)):
        row = np.uint64(frames.keys[np.uint64(i)])
        to = starts[row]
        frames.dealt[np.uint64(to)] = keys[i]
        starts[row] = to + 1
    for p in range(len(starts) - 1, 0, -1):
        starts[p] = starts[p - 1]
    starts[0] = 0


@kernel
def serve(
    p: int, keys: Ints, span: tuple[int, int], pool: Pool, waiting: Queue, frames: Frames
) -> None:
    """Take decoded frames through the servers of a pool up to the end of a block.

    Those whose results are at their consumers before that are added to `done`, those whose results
    are under way to `answers`.

    Args:
        p: the pool.
        keys: of the frames, in order of when they are decoded.
        span: begin and end of the block; ns.
        pool: the pools.
        waiting: frames that wait for a server.
        frames: all frames.
    """
    begin_ns, until = span
    due, most, queue = _due(p, pool, waiting), pool.table.max_batch[p], pool.table.queue[p]
    for i in range(len(keys) + 1):
        last = i == len(keys)
        now = until if last else (keys[i] >> SLOT_BITS) + begin_ns
        if due < now:
            due = _launch(p, now, until, pool, waiting, frames)
        if last:
            break
        slot, head, tail = keys[i] & _LOW, waiting.ends[p, 0], waiting.ends[p, 1]
        if tail - head >= queue:
            end_now(frames, slot, pool.table.queue_lost[p], now)
            continue
        place = np.uint64(tail & (waiting.slots.shape[1] - 1))
        waiting.slots[p, place], waiting.came_ns[p, place] = slot, now
        waiting.ends[p, 1] = tail + 1
        if tail == head or tail + 1 - head == most:
            due = _due(p, pool, waiting)


@inlined
def _due(p: int, pool: Pool, waiting: Queue) -> int:
    """Return when a batch of a pool is due, or its oldest frame too old; whatever servers do."""
    head, tail, mask = waiting.ends[p, 0], waiting.ends[p, 1], waiting.slots.shape[1] - 1
    if head == tail:
        return NEVER_NS
    came = waiting.came_ns[p, np.uint64(head & mask)]
    due = came + pool.table.wait_ns[p]
    if tail - head >= pool.table.max_batch[p]:
        full = waiting.came_ns[p, np.uint64((head + pool.table.max_batch[p] - 1) & mask)]
        due = min(due, full)
    if pool.table.deadline_ns[p] > 0:
        due = min(due, came + pool.table.deadline_ns[p])
    return int(due)


@inlined
def _launch(p: int, before: int, until: int, pool: Pool, waiting: Queue, frames: Frames) -> int:
    """Start the batches of a pool that are due before a time, and give up what waited too long.

    Returns:
        when the next is due, as `_due` has it.
    """
    size, ring, mask = pool.sizes[p], pool.rings[p], waiting.slots.shape[1] - 1
    most, wait_ns = pool.table.max_batch[p], pool.table.wait_ns[p]
    deadline_ns = pool.table.deadline_ns[p]
    while waiting.ends[p, 0] < waiting.ends[p, 1]:
        head, many = waiting.ends[p, 0], waiting.ends[p, 1] - waiting.ends[p, 0]
        came, first = waiting.came_ns[p, np.uint64(head & mask)], first_of(ring)
        due, start = until, until
        if size > 0:
            due = came + wait_ns
            if many >= most:
                due = min(due, waiting.came_ns[p, np.uint64((head + most - 1) & mask)])
            start = max(first >> KIND_BITS, due)
        if deadline_ns > 0 and came + deadline_ns < min(start, before):
            slot = waiting.slots[p, np.uint64(head & mask)]
            end_now(frames, slot, LOST_DEADLINE, came + deadline_ns)
            waiting.ends[p, 0] = head + 1
            continue
        if start >= before:
            break
        kind, taken = first & (KINDS - 1), min(most, many)
        if first >> KIND_BITS <= due:
            pool.idle_ns[p, 0] = start
        ends, held_ns = _batch(
            p, kind, taken, waiting.slots[p, np.uint64(head & mask)], pool, frames
        )
        replace_first(ring, size, (start + held_ns) << KIND_BITS | kind)
        pool.served_ns[p, kind] += held_ns
        pool.batches[p, kind] += 1
        pool.started[p, kind] += taken
        for at in range(head, head + taken):
            slot = np.uint64(waiting.slots[p, np.uint64(at & mask)])
            _answer(slot, start, start + ends, until, frames)
        waiting.ends[p, 0] = head + taken
    return _due(p, pool, waiting)


@inlined
def _batch(p: int, kind: int, taken: int, lead: int, pool: Pool, frames: Frames) -> tuple[int, int]:
    """Return how long a batch takes and how long it holds its server; ns."""
    who = frames.records[lead, WHO]
    key, frame = pool.keys[sensor_of(who)], frame_of(who)
    law, variation = pool.table.law[p], pool.variation[p]
    spent = batch_ns(pool.mean_ns[p, kind, taken], law, variation, key, frame)
    return spent, batch_ns(pool.hold_ns[p, kind, taken], law, variation, key, frame)


@inlined
def _answer(slot: np.uint64, start: int, ends: int, until: int, frames: Frames) -> None:
    """Write down when a frame is served and when its result is at its consumer.

    Up to now its DONE_AT says how long the way back is.
    """
    count = frames.counts
    done = ends + frames.served[slot, DONE_AT]
    frames.served[slot, STARTED_AT] = start
    frames.served[slot, INFERRED_AT] = ends
    frames.served[slot, DONE_AT] = done
    if done < until:
        frames.done[count[DONE]] = slot
        count[DONE] += 1
    else:
        frames.answers[count[ANSWERS]] = slot
        count[ANSWERS] += 1


@kernel
def answer(until_ns: int, frames: Frames) -> None:
    """Have the results that are at their consumers before a time be done."""
    kept, count = 0, frames.counts
    for k in range(count[ANSWERS]):
        slot = frames.answers[k]
        if frames.served[slot, DONE_AT] < until_ns:
            frames.done[count[DONE]] = slot
            count[DONE] += 1
        else:
            frames.answers[kept] = slot
            kept += 1
    count[ANSWERS] = kept
