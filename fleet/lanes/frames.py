"""The frames of a process as records: each has a slot, and lists of slots say where it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.lanes.records import RECORD, SERVED_TIMES
from fleet.model.frames import LEVELS

# How long the lists are, in `Frames.counts`. Of the lists of late frames there is one a place:
# before the links of each level, and behind the last. LAST says when the last of the servable
# frames was decoded, -1 if they are not in order of that; ROOM how many slots were last wanted.
FREE, KEYS, ENDED, HOME, DONE, ANSWERS, DECODED, SERVABLE, LAST, ROOM = range(10)
LATE = 10
COUNTS = LATE + LEVELS + 1


class Frames(NamedTuple):
    """Records and lists of slots, each long enough for every frame.

    Attributes:
        records: see `fleet.lanes.records`; shape (slots, RECORD).
        served: times at servers; shape (slots, SERVED_TIMES).
        counts: how long each list is; shape (COUNTS,).
        free: slots that no frame has; the last are taken first, for they are in the cache.
        keys: frames on their way through a block, as time since its begin and slot.
        other, spare: room for the same.
        dealt: keys of frames behind the last links, pool by pool.
        starts: room to sort keys.
        ended: slots, fates and times of frames that did not become results; shape (slots, 3).
        home: slots of results that are used at their sensors.
        done: slots of results of servers.
        answers: slots of frames whose results are on their way.
        decoded: slots of frames that are decoded behind the block.
        servable: frames that are decoded in the block, as `keys`.
        late: slots of frames that come to a place behind the block; shape (LEVELS + 1, slots).
    """

    records: Ints
    served: Ints
    counts: Ints
    free: Ints
    keys: Ints
    other: Ints
    spare: Ints
    dealt: Ints
    starts: Ints
    ended: Ints
    home: Ints
    done: Ints
    answers: Ints
    decoded: Ints
    servable: Ints
    late: Ints


def empty(slots: int) -> Frames:
    """Return room for so many frames."""
    count = np.zeros(COUNTS, dtype=np.int64)
    count[FREE] = slots
    return Frames(
        records=np.zeros((slots, RECORD), dtype=np.int64),
        served=np.zeros((slots, SERVED_TIMES), dtype=np.int64),
        counts=count,
        free=np.arange(slots, dtype=np.int64)[::-1].copy(),
        keys=np.zeros(slots, dtype=np.int64),
        other=np.zeros(slots, dtype=np.int64),
        spare=np.zeros(slots, dtype=np.int64),
        dealt=np.zeros(slots, dtype=np.int64),
        starts=np.zeros(2 * slots + 2, dtype=np.int64),
        ended=np.zeros((slots, 3), dtype=np.int64),
        home=np.zeros(slots, dtype=np.int64),
        done=np.zeros(slots, dtype=np.int64),
        answers=np.zeros(slots, dtype=np.int64),
        decoded=np.zeros(slots, dtype=np.int64),
        servable=np.zeros(slots, dtype=np.int64),
        late=np.zeros((LEVELS + 1, slots), dtype=np.int64),
    )


def grown(frames: Frames, least: int) -> Frames:
    """Return the same frames with room for at least so many more."""
    old = len(frames.free)
    if frames.counts[FREE] >= least:
        return frames
    more = empty(old * 3 // 2 + least)
    for name, table in more._asdict().items():
        held = getattr(frames, name)
        if name == "late":
            table[:, :old] = held
        elif name != "free":
            table[: len(held)] = held
    fresh, left = len(more.free) - old, int(frames.counts[FREE])
    more.free[:fresh] = np.arange(old, old + fresh)[::-1]
    more.free[fresh : fresh + left] = frames.free[:left]
    more.counts[FREE] = fresh + left
    return more
