"""Sensors as vector lanes: all that a frame meets before the links that sensors share.

Sensors of one kind stand in *tiles*, a lane each. A round takes one frame of each lane through its
sensor and its port: loops over columns of a tile, which a compiler makes vector instructions of.
For that a loop has one array or two with distances between columns that are known to the compiler,
unsigned places, no branches, and divisions of floats, which are exact for what they divide here.

Tiles lag behind and never lead: a frame is taken up when it is *ready*, so that nothing is booked
before it has come. What still is in a sensor then stands in its clock alone, and whoever wants to
know captures it again by the general rules (`fleet.lanes.unfold`). Only ports lead: a frame that is
accepted is booked as sent, though it may depart behind the block.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.chance import bits64
from fleet.kernel import inlined, kernel
from fleet.lanes.frames import ENDED, FREE, HOME, KEYS, LATE, Frames
from fleet.lanes.records import (
    BEHIND,
    INFO,
    MANY_BITS,
    SLOT_BITS,
    TAKEN,
    WEIGHTS,
    WHO,
    WORD,
    bin_at,
    packed,
    wrapped,
)
from fleet.lanes.tile import (
    ACCEPTED,
    AFTER,
    AT,
    AT_SITE,
    BASE,
    BEFORE,
    BIN_ROW,
    BLIND,
    BUFFER,
    BUSY,
    BYTES,
    CAPTURED,
    DEPARTS,
    DOWN,
    DRAWN,
    DSP,
    ENDS,
    ENTRY,
    FAR,
    GOP,
    HASH,
    HASHED,
    IDLE,
    IN_TAIL,
    INFERRED,
    LANES,
    LAST,
    LEAST,
    LIGHT,
    MANY,
    MESSAGE,
    MESSAGES,
    NEXT,
    NOBODY,
    NUMBER,
    OCCUPY,
    OFFERED,
    OFFSET,
    PART,
    PARTS,
    PAYLOADS,
    PER_MESSAGE,
    PER_SEGMENT,
    PERIOD,
    PERIOD_PART,
    PHASE,
    PORT,
    PROPAGATION,
    RATE,
    ROW,
    SECOND,
    SEEN,
    SEGMENT,
    SENDING,
    SENSE,
    SENSOR,
    SETUP,
    SINCE,
    START,
    STATE,
    TABLE,
    TABLED,
    TAIL,
    TRACE,
    VIEW,
    WIDTH,
    WIRE,
    WITH_PIXELS,
    Span,
    Tiles,
)
from fleet.model.camera import message_part, payload_of
from fleet.model.frames import (
    BITS,
    CAPTURE,
    FRAME,
    IN_FLIGHT,
    LOST_ACCESS_BUFFER,
    OBJECTS,
    PAYLOAD,
    READY,
    RESULT,
    SENSED,
    SIGHT,
    SKIP_DSP_BUSY,
    SKIP_MODEL_WRITE,
    SKIP_SENSOR_DOWN,
)
from fleet.model.link import service_ns
from fleet.model.scene import SECOND_NS
from fleet.model.sight import MOST_OBJECTS, found, pick

_NEAR_THE_END = np.uint64(2**64 - 2**40)
"""A draw above this could be carried over the end of its range by the number of a frame."""


W_FRAME, W_OBJECTS, W_SIGHT, W_BYTES, W_BITS = (
    WEIGHTS[c] for c in (FRAME, OBJECTS, SIGHT, PAYLOAD, BITS)
)
W_SENSED, W_READY = WEIGHTS[SENSED], WEIGHTS[READY]
_W_TIMES = wrapped(WEIGHTS[CAPTURE] + W_SENSED + W_READY)


@inlined
def _new_second(tiles: Tiles, c: int, second: int, light: int, view: Ints) -> None:
    """Take up what changes once a second: objects in view and the rows that go with them."""
    state, rules = tiles.state, tiles.rules
    at = np.uint64(c * STATE * LANES)
    trace, tabled = rules[c, TRACE], rules[c, TABLED]
    rules[c, SECOND], rules[c, DRAWN], rules[c, LIGHT] = second, tabled < 0, light
    still = W_SENSED * rules[c, SENSE] + W_READY * rules[c, AFTER]
    for j in range(np.uint64(rules[c, WIDTH])):
        s = state[at + SENSOR + j]
        objects = view[s]
        state[at + VIEW + j] = objects
        state[at + HASH + j] = np.int64(tiles.names[s]) + W_OBJECTS * objects + still
        bucket = min(objects, MOST_OBJECTS)
        if trace < 0:
            continue
        many = tiles.sights.many[trace, light, bucket]
        offset = bits64(tiles.sight_keys[s], second) + np.uint64(state[at + NUMBER + j])
        if objects > MOST_OBJECTS or offset > _NEAR_THE_END:
            rules[c, DRAWN] = 1
        state[at + OFFSET + j] = np.int64(offset % np.uint64(many))
        state[at + BASE + j] = tiles.sights.start[trace, light, bucket]
        state[at + MANY + j] = many
        if tabled >= 0:
            state[at + TABLE + j] = tiles.first[tabled, light, bucket]


@inlined
def _rows(tiles: Tiles, c: int, stop_ns: int) -> None:
    """Find the row of each lane's next frame, its bytes and the metadata among them."""
    state, now = tiles.state, tiles.round
    at, gop, table = np.uint64(c * STATE * LANES), tiles.rules[c, GOP], tiles.table
    width = np.uint64(tiles.rules[c, WIDTH])
    for j in range(width):
        offset, phase = state[at + OFFSET + j], state[at + PHASE + j]
        due = state[at + NEXT + j] < stop_ns
        now[ROW + j] = state[at + BASE + j] + offset
        entry = ENTRY * (state[at + TABLE + j] + offset)
        now[MESSAGE + j] = entry + 2
        now[AT + j] = entry + (1 if phase == 0 else 0)
        after = offset + 1
        after = 0 if after == state[at + MANY + j] else after
        state[at + OFFSET + j] = after if due else offset
        later = phase + 1
        later = 0 if later == gop else later
        state[at + PHASE + j] = later if due else phase
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
    s, frame, objects = state[at + SENSOR + j], state[at + NUMBER + j], state[at + VIEW + j]
    k, second = rules[c, SETUP], rules[c, SECOND]
    row = pick(
        tiles.sights, rules[c, TRACE], rules[c, LIGHT], objects, tiles.sight_keys[s], second, frame
    )
    now[ROW + j] = row
    now[BYTES + j] = payload_of(
        tiles.setups, tiles.sights, k, tiles.size_keys[s], state[at + START + j], frame, objects,
        row,
    )  # fmt: skip
    told = found(tiles.sights.rows, row, objects)
    now[MESSAGE + j] = message_part(tiles.setups, k, told)


@inlined
def _bits(tiles: Tiles, c: int) -> None:
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


@inlined
def _send(tiles: Tiles, c: int, stop_ns: int) -> int:
    """Take each lane's next frame that is due through sensor and port; return when one is next."""
    state, now, rules = tiles.state, tiles.round, tiles.rules
    at, width = np.uint64(c * STATE * LANES), np.uint64(rules[c, WIDTH])
    sense, after, occupy = rules[c, SENSE], rules[c, AFTER], rules[c, OCCUPY]
    period, more, parts = rules[c, PERIOD], rules[c, PERIOD_PART], rules[c, PARTS]
    buffer, propagation, least = rules[c, BUFFER], rules[c, PROPAGATION], 1 << 62
    tail, leaves, since = rules[c, TAIL], rules[c, AT_SITE] == 0, rules[c, SINCE]
    for j in range(width):
        captured, number = state[at + NEXT + j], state[at + NUMBER + j]
        part, free, busy = state[at + PART + j] + more, state[at + PORT + j], state[at + DSP + j]
        size, bits, service = now[BYTES + j], now[WIRE + j], now[SENDING + j]
        row, told, idle = now[ROW + j], now[MESSAGE + j], state[at + IDLE + j]
        last, before = state[at + LAST + j], state[at + BEFORE + j]
        sensed, ready = captured + sense, captured + after
        due = captured < stop_ns
        seen = due & (captured >= state[at + DOWN + j])
        watched = seen & (sensed >= state[at + BLIND + j])
        computed = watched & (sensed >= busy)
        offered = computed & leaves
        wait = max(0, free - ready)
        departs = ready + wait + service
        sent = offered & (wait + service <= buffer)
        empty = offered & (free <= ready)
        over = part >= parts
        following = captured + period + (1 if over else 0) if due else captured
        least = min(least, following)
        state[at + NEXT + j] = following
        state[at + PART + j] = (part - parts if over else part) if due else part - more
        state[at + NUMBER + j] = number + (1 if due else 0)
        state[at + DSP + j] = sensed + occupy if computed else busy
        state[at + PORT + j] = departs if sent else free
        state[at + IDLE + j] = ready if empty else idle
        rests = sent & (free <= ready) & (last > 0)
        in_tail = min(departs - service, last + tail) - max(last, since)
        state[at + IN_TAIL + j] += max(0, in_tail) if rests else 0
        state[at + LAST + j] = departs if sent else last
        state[at + BEFORE + j] = last if empty & sent else before
        state[at + SEEN + j] += 1 if seen else 0
        state[at + INFERRED + j] += 1 if computed else 0
        told = size if size <= max(told, 1) else told
        state[at + PAYLOADS + j] += size if offered else 0
        state[at + MESSAGES + j] += told if offered else 0
        state[at + WITH_PIXELS + j] += 1 if offered & (size > told) else 0
        state[at + OFFERED + j] += bits if offered else 0
        state[at + ACCEPTED + j] += bits if sent else 0
        state[at + BUSY + j] += service if sent else 0
        far = departs + propagation
        now[FAR + j] = far
        skipped = sensed if seen else captured
        now[DEPARTS + j] = departs if sent else (ready if computed else skipped)
        now[CAPTURED + j] = captured
        fate = SKIP_DSP_BUSY if watched else (SKIP_MODEL_WRITE if seen else SKIP_SENSOR_DOWN)
        fate = (LOST_ACCESS_BUFFER if leaves else RESULT) if computed else fate
        now[ENDS + j] = (IN_FLIGHT if sent else fate) if due else NOBODY
        now[HASHED + j] = (
            state[at + HASH + j] + W_FRAME * number + W_SIGHT * row + W_BYTES * size
            + W_BITS * bits + _W_TIMES * captured
        )  # fmt: skip
    return least


@inlined
def _collect(tiles: Tiles, c: int, span: Span, frames: Frames) -> None:
    """Give the frames of a round a record each, and put them where they are then."""
    state, now, count = tiles.state, tiles.round, frames.counts
    at, row, records = np.uint64(c * STATE * LANES), tiles.rules[c, BIN_ROW], frames.records
    left, keys, late = count[FREE], count[KEYS], count[LATE + 1]
    for j in range(np.uint64(tiles.rules[c, WIDTH])):
        fate = now[ENDS + j]
        if fate == NOBODY:
            continue
        left -= 1
        slot = frames.free[left]
        far, departs, bits = now[FAR + j], now[DEPARTS + j], now[WIRE + j]
        records[slot, WORD] = now[HASHED + j]
        records[slot, TAKEN] = now[CAPTURED + j]
        records[slot, INFO] = packed(bits, now[ROW + j], state[at + VIEW + j])
        records[slot, WHO] = state[at + SENSOR + j] << 32 | (state[at + NUMBER + j] - 1)
        records[slot, BEHIND] = far
        if fate == RESULT:
            records[slot, BEHIND] = departs
            frames.home[count[HOME]] = slot
            count[HOME] += 1
            continue
        if fate != IN_FLIGHT:
            frames.ended[count[ENDED], 0] = slot
            frames.ended[count[ENDED], 1] = fate
            frames.ended[count[ENDED], 2] = departs
            count[ENDED] += 1
            continue
        span.bins[row, bin_at(departs, span.bins)] += bits
        if far < span.until_ns:
            frames.keys[keys] = (far - span.from_ns) << SLOT_BITS | slot
            keys += 1
        else:
            frames.late[1, late] = slot
            late += 1
    count[FREE], count[KEYS], count[LATE + 1] = left, keys, late


@kernel
def advance(tiles: Tiles, span: Span, frames: Frames) -> None:
    """Take all frames that are ready before the end of a block to the far end of their ports.

    Their keys come sensor by sensor in order, but not in order of time.
    """
    rules = tiles.rules
    for c in range(len(rules)):
        until = span.until_ns - rules[c, AFTER]
        while True:
            end = (rules[c, SECOND] + 1) * SECOND_NS
            stop = min(until, end)
            while rules[c, LEAST] < stop:
                _rows(tiles, c, stop)
                _bits(tiles, c)
                rules[c, LEAST] = _send(tiles, c, stop)
                _collect(tiles, c, span, frames)
            if until <= end:
                break
            second = rules[c, SECOND] + 1
            at = second - span.first_second
            _new_second(tiles, c, second, span.lights[at], span.in_view[at])
