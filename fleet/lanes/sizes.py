"""What frames of a round are: the rows that they take, their bytes, their bits on the wire."""

from __future__ import annotations

import numpy as np

from fleet.kernel import choose, inlined
from fleet.lanes.records import MANY_BITS
from fleet.lanes.tile import (
    AT,
    BASE,
    BYTES,
    DRAWN,
    ENTRY,
    GOP,
    LANES,
    LIGHT,
    MANY,
    MESSAGE,
    NEXT,
    NUMBER,
    OFFSET,
    PER_MESSAGE,
    PER_SEGMENT,
    PHASE,
    RATE,
    ROW,
    SECOND,
    SEGMENT,
    SENDING,
    SETUP,
    SIGHT_KEY,
    SIZE_KEY,
    START,
    STATE,
    TABLE,
    TRACE,
    VIEW,
    WIDTH,
    WIRE,
    Tiles,
)
from fleet.model.camera import message_part, payload_of
from fleet.model.link import service_ns
from fleet.model.sight import found, pick


@inlined
def find_rows(tiles: Tiles, c: int, stop_ns: int) -> None:
    """Find the row of each lane's next frame, its bytes and the metadata among them."""
    state, now = tiles.state, tiles.round
    at, gop, table = np.uint64(c * STATE * LANES), tiles.rules[c, GOP], tiles.table
    width = np.uint64(tiles.rules[c, WIDTH])
    for j in range(width):
        offset, phase = state[at + OFFSET + j], state[at + PHASE + j]
        first, many = state[at + TABLE + j], state[at + MANY + j]
        due = state[at + NEXT + j] < stop_ns
        now[ROW + j] = state[at + BASE + j] + offset
        entry = ENTRY * (first + offset)
        now[MESSAGE + j] = entry + 2
        now[AT + j] = entry + choose(phase == 0, 1, 0)
        after, later = offset + 1, phase + 1
        after, later = choose(after == many, 0, after), choose(later == gop, 0, later)
        state[at + OFFSET + j] = choose(due, after, offset)
        state[at + PHASE + j] = choose(due, later, phase)
    if tiles.rules[c, DRAWN] == 0:
        for j in range(width):
            now[BYTES + j] = table[np.uint64(now[AT + j])]
        for j in range(width):
            now[MESSAGE + j] = table[np.uint64(now[MESSAGE + j])]
    else:
        for j in range(width):
            _draw(tiles, c, at, j)


@inlined
def _draw(tiles: Tiles, c: int, at: np.uint64, j: int) -> None:
    """Find the row of a lane's next frame, its bytes and metadata, by the rules for any frame."""
    state, rules, now = tiles.state, tiles.rules, tiles.round
    frame, objects, start = state[at + NUMBER + j], state[at + VIEW + j], state[at + START + j]
    sight_key, size_key = np.uint64(state[at + SIGHT_KEY + j]), np.uint64(state[at + SIZE_KEY + j])
    k, second = rules[c, SETUP], rules[c, SECOND]
    row = pick(tiles.sights, rules[c, TRACE], rules[c, LIGHT], objects, sight_key, second, frame)
    now[ROW + j] = row
    now[BYTES + j] = payload_of(
        tiles.setups, tiles.sights, k, size_key, start, frame, objects, row,
    )  # fmt: skip
    told = found(tiles.sights.rows, row, objects)
    now[MESSAGE + j] = message_part(tiles.setups, k, told)


@inlined
def find_bits(tiles: Tiles, c: int) -> None:
    """Find what the bytes are on the wire, and how long it takes to send that."""
    now, rules = tiles.round, tiles.rules
    segment, width = rules[c, SEGMENT], np.uint64(rules[c, WIDTH])
    per_message, per_segment, rate = rules[c, PER_MESSAGE], rules[c, PER_SEGMENT], rules[c, RATE]
    by_segment, by_rate, most = float(segment), float(rate), 0
    for j in range(width):
        size = now[BYTES + j]
        segments = np.int64((size + segment - 1) / by_segment)
        bits = 8 * (size + per_message + segments * per_segment)
        now[WIRE + j] = bits
        most = max(most, bits)
    if most < MANY_BITS:
        for j in range(width):
            now[SENDING + j] = max(1, int((now[WIRE + j] * 1_000_000_000) / by_rate))
    else:
        for j in range(width):
            now[SENDING + j] = service_ns(now[WIRE + j], rate)
