"""Frames that come in one stream: through links one after the other, then to decoders or results.

Behind the last place at which streams meet all frames of a part of the fleet go the same way, and
in order. They are taken in parts of some hundred: gathered, sending times worked out in vector
lanes, and links passed in loops that keep the state of a link at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import inlined, kernel
from fleet.lanes.decoders import arrive
from fleet.lanes.frames import ENDED, LATE, Frames
from fleet.lanes.levels import (
    BUFFER,
    BUSY,
    DOWN,
    FREE_AT,
    IDLE,
    PROPAGATION,
    RATE,
    SENT,
    Ways,
    book_later,
)
from fleet.lanes.pools import Servers
from fleet.lanes.records import BEHIND_WEIGHTS, MANY_BITS, SLOT_BITS, bits_of, second_end
from fleet.lanes.results import NETWORK, Results, count_part
from fleet.lanes.work import (
    C_ACCESS,
    C_DONE,
    C_INFO,
    C_NOW,
    C_SERVICE,
    C_WORD,
    PART,
    fetch_soon,
    gather,
    move,
    put_back,
)
from fleet.model.frames import LEVELS, LOST_ACCESS_BUFFER
from fleet.model.link import service_ns
from fleet.model.scene import SECOND_NS

_ONE = np.uint64(1)


class Stream(NamedTuple):
    """Frames that come one behind the other to a level.

    Attributes:
        level: where they come to; LEVELS: behind the last links.
        chain: the link at each level from there on, -1 for none; shape (LEVELS,).
        block: begin and end of the block; ns.
        ways: the links.
        frames: all frames.
    """

    level: int
    chain: Ints
    block: tuple[int, int]
    ways: Ways
    frames: Frames


@kernel
def to_consumers(keys: Ints, by: Stream, to: Results) -> None:
    """Take frames to the end of a stream, where they are results.

    Args:
        keys: of the frames, in order of when they come to the first link.
        by: the stream.
        to: where to count results.
    """
    second_ns = by.block[0] // SECOND_NS * SECOND_NS
    for low in range(0, len(keys), PART):
        many = _through(keys, low, by, to.work)
        for i in range(many):
            to.work[C_DONE + i] = to.work[C_NOW + i]
        count_part(many, second_ns, NETWORK, by.frames, to)


@kernel
def to_pool(keys: Ints, by: Stream, p: int, servers: Servers, w: Ints) -> None:
    """Take frames to the end of a stream, where the decoders of a pool are.

    Args:
        keys: of the frames, in order of when they come to the first link.
        by: the stream.
        p: the pool.
        servers: the servers.
        w: columns of a part.
    """
    pool = servers.pool
    for low in range(0, len(keys), PART):
        many = _through(keys, low, by, w)
        pool.arrived[p, 0] += np.int64(many)
        for i in range(many):
            fetch_soon(pool.about, i, many, w)
            slot, now = np.uint64(put_back(i, by.frames, w)), w[C_NOW + i]
            at = np.uint64(low) + i + _ONE  # links let one frame go at a time
            apart = by.level < LEVELS or at == np.uint64(len(keys))
            alone = apart or keys[at] >> SLOT_BITS > keys[at - _ONE] >> SLOT_BITS
            arrive(p, slot, now, alone, by.block, servers, by.frames)


@inlined
def _through(keys: Ints, low: int, by: Stream, w: Ints) -> np.uint64:
    """Gather a part of a stream and take it through links; return how many are behind the last."""
    block, frames = by.block, by.frames
    many = np.uint64(min(PART, len(keys) - low))
    gather(keys, low, many, frames, w)
    for i in range(many):
        w[C_NOW + i] = (keys[np.uint64(low) + i] >> SLOT_BITS) + block[0]
    for level in range(by.level, LEVELS):
        if by.chain[level] >= 0:
            many = _send(np.uint64(by.chain[level]), level, many, by, w)
        to, weight = C_ACCESS + np.uint64(PART * level), BEHIND_WEIGHTS[level]
        for i in range(many):
            w[to + i] = w[C_NOW + i]
            w[C_WORD + i] += weight * w[C_NOW + i]
        come = many
        while many > 0 and w[C_NOW + many - _ONE] >= block[1]:
            many -= _ONE
        for i in range(many, come):
            n = frames.counts[LATE + level + 1]
            frames.late[level + 1, n] = put_back(i, frames, w)
            frames.counts[LATE + level + 1] = n + 1
    return many


@inlined
def _send(link: np.uint64, level: int, many: np.uint64, by: Stream, w: Ints) -> np.uint64:
    """Take the frames of a part through a link, far beyond the block if need be.

    Returns:
        how many have fitted its buffer; they stand one behind the other, and what they are at is
        when they are at its far end.
    """
    ways, frames = by.ways, by.frames
    row = ways.links[link]
    _service(many, row[RATE], w)
    free, down, idle, buffer, wire = (
        row[FREE_AT], row[DOWN], row[IDLE], row[BUFFER], row[PROPAGATION],
    )  # fmt: skip
    kept, sent, busy = np.uint64(0), 0, 0
    for i in range(many):
        now, service = w[C_NOW + i], w[C_SERVICE + i]
        idle = now if free <= now else idle
        if max(0, free - max(now, down)) + service > buffer:
            n = frames.counts[ENDED]
            frames.ended[n, 0] = put_back(i, frames, w)
            frames.ended[n, 1], frames.ended[n, 2] = LOST_ACCESS_BUFFER + level, now
            frames.counts[ENDED] = n + 1
            ways.dropped[link] += bits_of(w[C_INFO + i])
            continue
        free = max(now, free) + service
        sent += bits_of(w[C_INFO + i])
        busy += service
        if kept != i:
            move(i, kept, w)
        w[C_NOW + kept] = free + wire
        kept += _ONE
    row[FREE_AT], row[IDLE] = free, idle
    row[SENT] += sent
    row[BUSY] += busy
    end_ns, late = second_end(by.block[0]), kept
    while late > 0 and w[C_NOW + late - _ONE] - wire >= end_ns:
        late -= _ONE
        book_later(ways, link, w[C_NOW + late] - wire, bits_of(w[C_INFO + late]))
    return kept


@inlined
def _service(many: np.uint64, rate: int, w: Ints) -> None:
    """Work out how long sending takes, which is what `fleet.model.link.service_ns` says."""
    most, by_rate = 0, float(rate)
    for i in range(many):
        most = max(most, bits_of(w[C_INFO + i]))
    if most < MANY_BITS:
        for i in range(many):
            w[C_SERVICE + i] = max(1, int((bits_of(w[C_INFO + i]) * 1_000_000_000) / by_rate))
    else:
        for i in range(many):
            w[C_SERVICE + i] = service_ns(bits_of(w[C_INFO + i]), rate)
