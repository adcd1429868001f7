"""The total order of a block's frames: by (time, sensor, frame), on keys of 8 bytes.

A key is a time since the block began above a slot. Keys are dealt to as many spans of time as there
are frames, and the few in a span sorted by insertion: each is read and written twice, and records
are only looked at where two times are the same.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import kernel
from fleet.lanes.records import SLOT_BITS, WHO


@kernel
def sort(keys: Ints, ordered: Ints, starts: Ints, span_ns: int, records: Ints) -> None:
    """Put keys in the total order.

    Args:
        keys: of frames in the block.
        ordered: filled with them.
        starts: room for twice as many and two more.
        span_ns: length of the block.
        records: of the frames.
    """
    many, shift = len(keys), 0
    while span_ns >> shift > 2 * many:
        shift += 1
    spans = (span_ns >> shift) + 2
    for b in range(spans):
        starts[b] = 0
    down = np.uint64(shift + SLOT_BITS)
    for i in range(many):
        starts[(np.uint64(keys[i]) >> down) + np.uint64(1)] += 1
    for b in range(1, spans):
        starts[b] += starts[b - 1]
    for i in range(many):
        key = keys[i]
        span = np.uint64(key) >> down
        to = starts[span]
        starts[span] = to + 1
        ordered[to] = key
    ties = 0
    for i in range(1, many):
        key, at = ordered[i], i
        while at > 0 and ordered[at - 1] > key:
            ordered[at] = ordered[at - 1]
            at -= 1
        ordered[at] = key
    for i in range(1, many):
        ties += (ordered[i] >> SLOT_BITS) == (ordered[i - 1] >> SLOT_BITS)
    if ties > 0:
        _settle(ordered[:many], records)


@kernel
def _settle(keys: Ints, records: Ints) -> None:
    """Put frames of the same time in order of sensor and frame."""
    low = (1 << SLOT_BITS) - 1
    for i in range(1, len(keys)):
        key, at = keys[i], i
        who = records[key & low, WHO]
        while at > 0 and (keys[at - 1] >> SLOT_BITS) == (key >> SLOT_BITS):
            if records[keys[at - 1] & low, WHO] <= who:
                break
            keys[at] = keys[at - 1]
            at -= 1
        keys[at] = key
