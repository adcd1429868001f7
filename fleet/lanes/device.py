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
from fleet.kernel import choose, fetch, inlined, kernel
from fleet.lanes.collect import collect
from fleet.lanes.frames import FREE, LOST, ROOM, Frames
from fleet.lanes.odd import count_unsaid, prepare, wind
from fleet.lanes.records import (
    WEIGHTS,
    bin_at,
    packed,
    second_end,
    wrapped,
)
from fleet.lanes.results import Results
from fleet.lanes.sizes import find_bits, find_rows
from fleet.lanes.tile import (
    ABOUT,
    ACCEPTED,
    AFTER,
    AGAIN,
    AIR,
    AT_SITE,
    BASE,
    BEFORE,
    BIN_ROW,
    BLIND,
    BUFFER,
    BUSY,
    BYTES,
    CAPTURED,
    CLOCK,
    DEPARTS,
    DOWN,
    DRAWN,
    DSP,
    ENDS,
    FAR,
    FITS,
    HASH,
    HASHED,
    HELD,
    IDLE,
    IN_TAIL,
    INFERRED,
    LANES,
    LAST,
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
    PERIOD,
    PERIOD_PART,
    PORT,
    PROPAGATION,
    ROW,
    RULED,
    SAID,
    SECOND,
    SEEN,
    SENDING,
    SENSE,
    SENSOR,
    SIGHT_KEY,
    SINCE,
    STATE,
    TABLE,
    TABLED,
    TAIL,
    TRACE,
    TRICKY,
    UNSAID,
    VIEW,
    WHOSE,
    WIDTH,
    WIRE,
    WITH_PIXELS,
    Span,
    Tiles,
)
from fleet.model.capture import PERIODIC
from fleet.model.frames import (
    ACCESS,
    BITS,
    CAPTURE,
    FRAME,
    IN_FLIGHT,
    LOST_ACCESS_BUFFER,
    LOST_LINK,
    OBJECTS,
    PAYLOAD,
    READY,
    RESULT,
    SENSED,
    SIGHT,
    SKIP_DSP_BUSY,
    SKIP_MODEL_WRITE,
    SKIP_NOT_PUBLISHED,
    SKIP_SENSOR_DOWN,
)
from fleet.model.scene import SECOND_NS
from fleet.model.sight import MOST_OBJECTS

_NEAR_THE_END = np.uint64(2**64 - 2**40)
"""A draw above this could be carried over the end of its range by the number of a frame."""


_SOON, _ONE = np.uint64(16), np.uint64(1)
_MANY = 32 * LANES
"""Room is made for so many frames where there is none in the midst of a block."""

W_FRAME, W_OBJECTS, W_SIGHT, W_BYTES, W_BITS = (
    WEIGHTS[c] for c in (FRAME, OBJECTS, SIGHT, PAYLOAD, BITS)
)
W_SENSED, W_READY, W_ACCESS = WEIGHTS[SENSED], WEIGHTS[READY], WEIGHTS[ACCESS]
_W_TIMES = wrapped(WEIGHTS[CAPTURE] + W_SENSED + W_READY)


@inlined
def _new_second(tiles: Tiles, c: int, second: int, light: int, view: Ints) -> None:
    """Take up what changes once a second: objects in view and the rows that go with them."""
    state, rules = tiles.state, tiles.rules
    at = np.uint64(c * STATE * LANES)
    trace, tabled = rules[c, TRACE], rules[c, TABLED]
    rules[c, SECOND], rules[c, DRAWN], rules[c, LIGHT] = second, tabled < 0, light
    width = np.uint64(rules[c, WIDTH])
    for j in range(width):
        fetch(view, state[at + SENSOR + min(j + _SOON, width - _ONE)])
        objects = view[state[at + SENSOR + j]]
        state[at + HASH + j] += W_OBJECTS * (objects - state[at + VIEW + j])
        state[at + VIEW + j] = objects
        bucket = min(objects, MOST_OBJECTS)
        if trace < 0:
            continue
        many = tiles.sights.many[trace, light, bucket]
        key, number = np.uint64(state[at + SIGHT_KEY + j]), np.uint64(state[at + NUMBER + j])
        offset = bits64(key, second) + number
        if objects > MOST_OBJECTS or offset > _NEAR_THE_END:
            rules[c, DRAWN] = 1
        state[at + OFFSET + j] = np.int64(offset % np.uint64(many))
        state[at + BASE + j] = tiles.sights.start[trace, light, bucket]
        state[at + MANY + j] = many
        if tabled >= 0:
            state[at + TABLE + j] = tiles.first[tabled, light, bucket]


@inlined
def _send(tiles: Tiles, c: int, stop_ns: int, odd: bool) -> int:
    """Take each lane's next frame that is due through sensor and port; return when one is next.

    What is `odd` is prepared (`fleet.lanes.odd`).
    """
    state, now, rules = tiles.state, tiles.round, tiles.rules
    at, width = np.uint64(c * STATE * LANES), np.uint64(rules[c, WIDTH])
    sense, after, occupy = rules[c, SENSE], rules[c, AFTER], rules[c, OCCUPY]
    period, more, parts = rules[c, PERIOD], rules[c, PERIOD_PART], rules[c, PARTS]
    buffer, least, tail, since = rules[c, BUFFER], 1 << 62, rules[c, TAIL], rules[c, SINCE]
    leaves = rules[c, AT_SITE] == 0
    lost = LOST_ACCESS_BUFFER if leaves else RESULT
    for j in range(width):
        captured, number = state[at + NEXT + j], state[at + NUMBER + j]
        part, free, busy = state[at + PART + j] + more, state[at + PORT + j], state[at + DSP + j]
        idle, service, down = state[at + IDLE + j], now[SENDING + j], state[at + DOWN + j]
        last, before, blind = state[at + LAST + j], state[at + BEFORE + j], state[at + BLIND + j]
        sensed, ready = captured + sense, captured + after
        due = captured < stop_ns
        seen = due & (captured >= down)
        watched = seen & (sensed >= blind)
        computed = watched & (sensed >= busy)
        offered = computed & leaves
        if odd:
            offered = offered & (now[SAID + j] == 1)
        wait = max(0, free - ready)
        departs = ready + wait + service
        sent = offered & (wait + service <= (now[FITS + j] if odd else buffer))
        empty = offered & (free <= ready)
        over = part >= parts
        following = choose(due, captured + period + choose(over, 1, 0), captured)
        least = min(least, following)
        state[at + NEXT + j] = following
        state[at + PART + j] = choose(due, choose(over, part - parts, part), part - more)
        state[at + NUMBER + j] = number + choose(due, 1, 0)
        state[at + DSP + j] = choose(computed, sensed + occupy, busy)
        state[at + PORT + j] = choose(sent, departs, free)
        state[at + IDLE + j] = choose(empty, ready, idle)
        rests = sent & (free <= ready) & (last > 0)
        in_tail = max(0, min(departs - service, last + tail) - max(last, since))
        state[at + IN_TAIL + j] += choose(rests, in_tail, 0)
        state[at + LAST + j] = choose(sent, departs, last)
        state[at + BEFORE + j] = choose(empty & sent, last, before)
        skipped = choose(seen, sensed, captured)
        now[DEPARTS + j] = choose(sent, departs, choose(computed, ready, skipped))
        now[CAPTURED + j] = captured
        fate = choose(watched, SKIP_DSP_BUSY, choose(seen, SKIP_MODEL_WRITE, SKIP_SENSOR_DOWN))
        if odd:
            told = choose(now[SAID + j] == 1, lost, SKIP_NOT_PUBLISHED)
            goes = choose(now[HELD + j] == LOST, LOST_LINK, IN_FLIGHT)
            fate = choose(sent, goes, choose(computed, told, fate))
        else:
            fate = choose(sent, IN_FLIGHT, choose(computed, lost, fate))
        now[ENDS + j] = choose(due, fate, NOBODY)
    return least


@inlined
def _count(tiles: Tiles, c: int, span: Span, odd: bool) -> None:
    """Count what a round has taken, and make its frames ready to be written down."""
    state, now, rules = tiles.state, tiles.round, tiles.rules
    at, width = np.uint64(c * STATE * LANES), np.uint64(rules[c, WIDTH])
    leaves, propagation = rules[c, AT_SITE] == 0, rules[c, PROPAGATION]
    end_ns, soon = second_end(span.from_ns), 0
    for j in range(width):
        fate, departs, captured = now[ENDS + j], now[DEPARTS + j], now[CAPTURED + j]
        size, bits, service = now[BYTES + j], now[WIRE + j], now[SENDING + j]
        row, told = now[ROW + j], now[MESSAGE + j]
        who, number, view = state[at + SENSOR + j], state[at + NUMBER + j], state[at + VIEW + j]
        due, sent, air, held = fate != NOBODY, fate == IN_FLIGHT, bits, 0
        if odd:
            sent, air, held = sent | (fate == LOST_LINK), now[AIR + j], max(0, now[HELD + j])
        computed = sent | (fate == LOST_ACCESS_BUFFER) | (fate == RESULT)
        offered = computed & leaves
        if odd:
            unsaid = fate == SKIP_NOT_PUBLISHED
            computed = computed | unsaid
            state[at + UNSAID + j] += choose(unsaid, 1, 0)
            state[at + AGAIN + j] += choose(offered, air - bits, 0)
        seen = due & (fate != SKIP_SENSOR_DOWN)
        number -= choose(due, 1, 0)
        state[at + SEEN + j] += choose(seen, 1, 0)
        state[at + INFERRED + j] += choose(computed, 1, 0)
        told = choose(size <= max(told, 1), size, told)
        state[at + PAYLOADS + j] += choose(offered, size, 0)
        state[at + MESSAGES + j] += choose(offered, told, 0)
        state[at + WITH_PIXELS + j] += choose(offered & (size > told), 1, 0)
        state[at + OFFERED + j] += choose(offered, bits, 0)
        state[at + ACCEPTED + j] += choose(sent, air, 0)
        state[at + BUSY + j] += choose(sent, service, 0)
        soon += choose(sent & (departs < end_ns), air, 0)
        far = departs + held + propagation
        now[FAR + j] = far
        now[ABOUT + j] = packed(bits, row, view)
        now[WHOSE + j] = who << 32 | number
        now[HASHED + j] = (
            state[at + HASH + j] + W_FRAME * number + W_SIGHT * row + W_BYTES * size
            + W_BITS * bits + _W_TIMES * captured + choose(sent, W_ACCESS * far, 0)
        )  # fmt: skip
    span.bins[rules[c, BIN_ROW], bin_at(span.from_ns, span.bins)] += soon


@inlined
def most_due(tiles: Tiles, until_ns: int) -> int:
    """Return how many frames may be ready before a time at most, of those that are not taken up.

    Clocks without a period may have more.
    """
    rules, most = tiles.rules, 0
    for c in range(len(rules)):
        left_ns = until_ns - tiles.ready_ns[c]
        if left_ns > 0:
            most += rules[c, WIDTH] * ((left_ns - 1) // rules[c, PERIOD] + 1)
    return most


@inlined
def _round(tiles: Tiles, c: int, stop_ns: int, span: Span, frames: Frames, to: Results) -> None:
    """Take a frame of each lane that has one due."""
    rules = tiles.rules
    find_rows(tiles, c, stop_ns)
    find_bits(tiles, c)
    if rules[c, RULED] + rules[c, TRICKY] == 0:
        least = _send(tiles, c, stop_ns, False)
        _count(tiles, c, span, False)
    else:
        prepare(tiles, c, stop_ns)
        least = _send(tiles, c, stop_ns, True)
        _count(tiles, c, span, True)
    if rules[c, CLOCK] != PERIODIC:
        least = wind(tiles, c)
    tiles.ready_ns[c] = least + rules[c, AFTER]
    if rules[c, RULED] > 0:
        count_unsaid(tiles, c, to)
    if rules[c, TRICKY] == 0:
        collect(tiles, c, span, frames, False)
    else:
        collect(tiles, c, span, frames, True)


@inlined
def _fetch_tile(tiles: Tiles, c: int) -> None:
    """Have a tile fetched into the cache: with many sensors its turn comes once in a long while."""
    for line in range(c * STATE * LANES, (c + 1) * STATE * LANES, 8):
        fetch(tiles.state, line)


@kernel
def advance(tiles: Tiles, span: Span, frames: Frames, to: Results) -> bool:
    """Take all frames that are ready before the end of a block to the far end of their ports.

    Their keys come sensor by sensor in order, but not in order of time; where ports lose segments,
    not even that.

    Returns:
        whether they all are there: there must be more room if not, and then it goes on.
    """
    rules, ready_ns = tiles.rules, tiles.ready_ns
    for c in range(len(ready_ns)):
        following = min(c + 1, len(ready_ns) - 1)
        if ready_ns[c] < span.until_ns and ready_ns[following] < span.until_ns:
            _fetch_tile(tiles, following)
        while ready_ns[c] < span.until_ns:
            if frames.counts[FREE] < rules[c, WIDTH]:
                frames.counts[ROOM] = max(frames.counts[ROOM], _MANY)
                return False
            after = rules[c, AFTER]
            second = (ready_ns[c] - after) // SECOND_NS
            if second != rules[c, SECOND]:
                at = second - span.first_second
                _new_second(tiles, c, second, span.lights[at], span.in_view[at])
            stop = min(span.until_ns - after, (second + 1) * SECOND_NS)
            _round(tiles, c, stop, span, frames, to)
    return True
