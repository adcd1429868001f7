"""Decoders in front of the servers of a pool: who takes a frame, and when it is decoded.

The rules are those of `fleet.columns.serving`: a frame is admitted before what is due at its very
time, and what would start at or after the end of a block stays undecided.
"""

from __future__ import annotations

import numpy as np

from fleet.columns.rings import first_of, replace_first
from fleet.kernel import inlined, kernel
from fleet.lanes.frames import DECODED, LAST, SERVABLE, Frames
from fleet.lanes.pools import KIND_BITS, PIXELS, RETURN_NS, ROW, Pool, Servers, end_now
from fleet.lanes.queues import Queue
from fleet.lanes.records import DECODED_AT, DONE_AT, SLOT_BITS, WHO, sensor_of, service_of
from fleet.model.frames import LOST_DECODE_QUEUE
from fleet.model.servers import KINDS


@kernel
def begin(p: int, span: tuple[int, int], pool: Pool, frames: Frames) -> None:
    """List the frames of a pool that were to be decoded in a block before it began.

    Args:
        p: the pool.
        span: begin and end of the block; ns.
        pool: the pools.
        frames: all frames; `servable` takes the keys of those listed, which `decoded` loses.
    """
    kept, count = 0, frames.counts
    count[SERVABLE], count[LAST] = 0, 0
    for k in range(count[DECODED]):
        slot = np.uint64(frames.decoded[k])
        at = frames.served[slot, DECODED_AT]
        of = pool.about[np.uint64(sensor_of(frames.records[slot, WHO])), ROW]
        if of == p and at < span[1]:
            _servable(int(slot), at, span[0], frames)
        else:
            frames.decoded[kept] = slot
            kept += 1
    count[DECODED] = kept


@inlined
def _servable(slot: int, at: int, begin_ns: int, frames: Frames) -> None:
    """Add a frame that is decoded in the block to those that servers may take."""
    count = frames.counts
    frames.servable[count[SERVABLE]] = (at - begin_ns) << SLOT_BITS | slot
    count[SERVABLE] += 1
    count[LAST] = at if at > count[LAST] >= 0 else -1


@inlined
def _decoded(slot: np.uint64, at: int, span: tuple[int, int], frames: Frames) -> None:
    """Write down when a frame is decoded, and who takes it up then."""
    frames.served[slot, DECODED_AT] = at
    if at < span[1]:
        _servable(int(slot), at, span[0], frames)
    else:
        n = frames.counts[DECODED]
        frames.decoded[n] = slot
        frames.counts[DECODED] = n + 1


@inlined
def arrive(
    p: int, slot: np.uint64, now: int, alone: bool, span: tuple[int, int], servers: Servers,
    frames: Frames,
) -> None:  # fmt: skip
    """Have a frame come to the decoders of a pool.

    Args:
        p: the pool.
        slot: of the frame.
        now: when it comes; ns.
        alone: whether no other comes at the same time behind it.
        span: begin and end of the block; ns.
        servers: the servers.
        frames: all frames.
    """
    pool, pending = servers.pool, servers.pending
    s = np.uint64(sensor_of(frames.records[slot, WHO]))
    pixels = pool.about[s, PIXELS]
    frames.served[slot, DONE_AT] = pool.about[s, RETURN_NS]
    if pixels == 0:
        _decoded(slot, now, span, frames)
        return
    pool.arrived[p, 1] += pixels
    _take(p, now, span, pool, pending, frames)
    if alone and _idle(p, now, pool, pending):
        _decode_now(p, slot, pixels, now, span, pool, frames)
    elif pending.ends[p, 1] - pending.ends[p, 0] >= pool.table.queue[p]:
        end_now(frames, int(slot), LOST_DECODE_QUEUE, now)
    else:
        tail = pending.ends[p, 1]
        place = np.uint64(tail & (pending.slots.shape[1] - 1))
        pending.slots[p, place], pending.came_ns[p, place] = slot, now
        pending.ends[p, 1] = tail + 1


@kernel
def decode_on(p: int, span: tuple[int, int], pool: Pool, pending: Queue, frames: Frames) -> None:
    """Have the decoders of a pool take what waits up to the end of a block."""
    _take(p, span[1], span, pool, pending, frames)


@inlined
def _idle(p: int, now: int, pool: Pool, pending: Queue) -> bool:
    """Return whether a decoder of a pool waits for a frame, and none waits for a decoder."""
    nobody = pending.ends[p, 0] == pending.ends[p, 1] and pool.decoder_sizes[p] > 0
    return bool(nobody and first_of(pool.decoders[p]) >> KIND_BITS <= now)


@inlined
def _decode_now(
    p: int, slot: np.uint64, pixels: int, came: int, span: tuple[int, int], pool: Pool,
    frames: Frames,
) -> None:  # fmt: skip
    """Have the decoder of a pool that is free first take a frame, as soon as it is free."""
    first = first_of(pool.decoders[p])
    kind, start = first & (KINDS - 1), max(first >> KIND_BITS, came)
    if start == came:
        pool.idle_ns[p, 1] = start
    spent = service_of(pixels, pool.rates[p, kind])
    pool.decoding_ns[p, kind] += spent
    replace_first(pool.decoders[p], pool.decoder_sizes[p], (start + spent) << KIND_BITS | kind)
    _decoded(slot, start + spent, span, frames)


@inlined
def _take(
    p: int, before: int, span: tuple[int, int], pool: Pool, pending: Queue, frames: Frames
) -> None:
    """Have the decoders of a pool take what waits, as far as they can before a time."""
    head, mask = pending.ends[p, 0], pending.slots.shape[1] - 1
    while head < pending.ends[p, 1] and pool.decoder_sizes[p] > 0:
        at = np.uint64(head & mask)
        came, slot = pending.came_ns[p, at], np.uint64(pending.slots[p, at])
        if max(first_of(pool.decoders[p]) >> KIND_BITS, came) >= before:
            break
        pixels = pool.about[np.uint64(sensor_of(frames.records[slot, WHO])), PIXELS]
        _decode_now(p, slot, pixels, came, span, pool, frames)
        head += 1
    pending.ends[p, 0] = head
