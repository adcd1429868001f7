"""The frames of a process as records: each has a slot, and lists of slots say where it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import inlined, kernel
from fleet.lanes.records import BEHIND, RECORD, SERVED_TIMES
from fleet.model.frames import LEVELS, LOST_LINK

# How long the lists are, in `Frames.counts`. Of the lists of late frames there is one a place:
# before the links of each level, and behind the last. LAST says when the last of the servable
# frames was decoded, -1 if they are not in order of that; ROOM how many slots were last wanted.
FREE, KEYS, ENDED, HOME, DONE, ANSWERS, DECODED, SERVABLE, LAST, ROOM, DOOMED = range(11)
LATE = 11
COUNTS = LATE + LEVELS + 1

LOST = -1
"""How long a frame is held up on a wire of which segments are missing for good."""
CODE = 32
"""Fates are below; what is lost on a link has so many times one more than its level added."""


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
        doomed: slots of frames that will be lost on the wire of links, and the levels of these;
            when they depart stands where else they are at the far end; shape (slots, 2).
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
    doomed: Ints
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
        doomed=np.zeros((slots, 2), dtype=np.int64),
        home=np.zeros(slots, dtype=np.int64),
        done=np.zeros(slots, dtype=np.int64),
        answers=np.zeros(slots, dtype=np.int64),
        decoded=np.zeros(slots, dtype=np.int64),
        servable=np.zeros(slots, dtype=np.int64),
        late=np.zeros((LEVELS + 1, slots), dtype=np.int64),
    )


@inlined
def lose(slot: int, level: int, departs_ns: int, until_ns: int, frames: Frames) -> None:
    """Lose a frame on the wire of a link, as soon as it has departed.

    Args:
        slot: of the frame.
        level: of the link.
        departs_ns: when it departs.
        until_ns: the end of the block.
        frames: all frames.
    """
    if departs_ns < until_ns:
        n = frames.counts[ENDED]
        frames.ended[n, 0], frames.ended[n, 2] = slot, departs_ns
        frames.ended[n, 1] = LOST_LINK + CODE * (level + 1)
        frames.counts[ENDED] = n + 1
    else:
        n = frames.counts[DOOMED]
        frames.doomed[n, 0], frames.doomed[n, 1] = slot, level
        frames.records[slot, BEHIND + level] = departs_ns
        frames.counts[DOOMED] = n + 1


@kernel
def lose_doomed(until_ns: int, frames: Frames) -> None:
    """Lose the frames on the wire that are doomed and depart before the end of a block."""
    many = frames.counts[DOOMED]
    frames.counts[DOOMED] = 0
    for k in range(many):
        slot, level = frames.doomed[k, 0], frames.doomed[k, 1]
        lose(slot, level, frames.records[slot, BEHIND + level], until_ns, frames)


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
