"""The frames that a round has taken: each gets a record and goes to where it then is."""

from __future__ import annotations

import numpy as np

from fleet.kernel import inlined
from fleet.lanes.frames import ENDED, FREE, HOME, KEYS, LATE, Frames, lose
from fleet.lanes.records import BEHIND, INFO, SLOT_BITS, TAKEN, WHO, WORD, bin_at, second_end
from fleet.lanes.tile import (
    ABOUT,
    AIR,
    BIN_ROW,
    CAPTURED,
    DEPARTS,
    ENDS,
    FAR,
    HASHED,
    NOBODY,
    WHOSE,
    WIDTH,
    WIRE,
    Span,
    Tiles,
)
from fleet.model.frames import IN_FLIGHT, LOST_LINK, RESULT


@inlined
def collect(tiles: Tiles, c: int, span: Span, frames: Frames, odd: bool) -> None:
    """Give the frames of a round a record each, and put them where they are then."""
    now, count, records = tiles.round, frames.counts, frames.records
    left, keys, late = count[FREE], count[KEYS], count[LATE + 1]
    end_ns = second_end(span.from_ns)
    for j in range(np.uint64(tiles.rules[c, WIDTH])):
        fate = now[ENDS + j]
        if fate == NOBODY:
            continue
        left -= 1
        slot, far, departs = np.uint64(frames.free[np.uint64(left)]), now[FAR + j], now[DEPARTS + j]
        records[slot, WORD] = now[HASHED + j]
        records[slot, TAKEN] = now[CAPTURED + j]
        records[slot, INFO] = now[ABOUT + j]
        records[slot, WHO] = now[WHOSE + j]
        records[slot, BEHIND] = far
        if (fate == IN_FLIGHT or (odd and fate == LOST_LINK)) and departs >= end_ns:
            row, air = tiles.rules[c, BIN_ROW], now[AIR + j] if odd else now[WIRE + j]
            span.bins[row, bin_at(departs, span.bins)] += air
        if odd and fate == LOST_LINK:
            lose(int(slot), 0, departs, span.until_ns, frames)
        elif fate == IN_FLIGHT:
            if far < span.until_ns:
                frames.keys[np.uint64(keys)] = (far - span.from_ns) << SLOT_BITS | np.int64(slot)
                keys += 1
            else:
                frames.late[1, np.uint64(late)] = slot
                late += 1
        elif fate == RESULT:
            records[slot, BEHIND] = departs
            frames.home[count[HOME]] = slot
            count[HOME] += 1
        else:
            frames.ended[count[ENDED], 0] = slot
            frames.ended[count[ENDED], 1] = fate
            frames.ended[count[ENDED], 2] = departs
            count[ENDED] += 1
    count[FREE], count[KEYS], count[LATE + 1] = left, keys, late
