"""The room in which some hundred frames are worked out at a time: a column for each number.

Records are gathered into columns, so that loops over them have vector instructions and nothing in
them waits for memory; what is to be kept of a frame that stays is put back into its record.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import fetch, inlined
from fleet.lanes.frames import Frames
from fleet.lanes.records import BEHIND, INFO, SLOT_BITS, TAKEN, WHO, WORD, sensor_of

PART = 256
"""So many frames at a time: their columns stay in the first level of the cache."""
AHEAD = 32
"""So many frames before its turn a record is fetched into the cache."""

COLUMNS = 17
(
    C_WORD, C_TAKEN, C_INFO, C_WHO,  # of the record
    C_ACCESS, C_UPLINK, C_BACKHAUL, C_WAN,  # times behind the levels of links
    C_DECODED, C_STARTED, C_INFERRED, C_DONE,  # times at servers, and at the consumer
    C_SLOT, C_NOW, C_SERVICE,  # of the record; where it has come to; how long sending takes
    C_SPENT, C_BUCKET,  # latency, and its place in the histogram
) = (np.uint64(PART * c) for c in range(COLUMNS))  # fmt: skip

_LOW = (1 << SLOT_BITS) - 1
_ONE, _SOON = np.uint64(1), np.uint64(16)


def room() -> Ints:
    """Return room for the columns."""
    return np.zeros(PART * COLUMNS, dtype=np.int64)


@inlined
def gather(slots: Ints, low: int, many: np.uint64, frames: Frames, w: Ints) -> None:
    """Fetch the records of some frames, given a list of slots or of keys, from a place on."""
    records = frames.records
    first, most = np.uint64(low), np.uint64(len(slots) - 1)
    for i in range(many):
        slot = np.uint64(slots[first + i] & _LOW)
        fetch(records, slots[min(first + i + np.uint64(AHEAD), most)] & _LOW)
        w[C_SLOT + i] = slot
        w[C_WORD + i] = records[slot, WORD]
        w[C_TAKEN + i] = records[slot, TAKEN]
        w[C_INFO + i] = records[slot, INFO]
        w[C_WHO + i] = records[slot, WHO]
        w[C_ACCESS + i] = records[slot, BEHIND]
        w[C_UPLINK + i] = records[slot, BEHIND + 1]
        w[C_BACKHAUL + i] = records[slot, BEHIND + 2]
        w[C_WAN + i] = records[slot, BEHIND + 3]


@inlined
def fetch_soon(table: Ints, i: int | np.uint64, many: np.uint64, w: Ints) -> None:
    """Have the row of a table by sensor fetched that the frame some places on will need."""
    fetch(table, sensor_of(w[C_WHO + min(np.uint64(i) + _SOON, many - _ONE)]))


@inlined
def put_back(i: int | np.uint64, frames: Frames, w: Ints) -> int:
    """Put what is known of a frame back into its record; return its slot."""
    slot = np.uint64(w[C_SLOT + i])
    frames.records[slot, WORD] = w[C_WORD + i]
    frames.records[slot, BEHIND] = w[C_ACCESS + i]
    frames.records[slot, BEHIND + 1] = w[C_UPLINK + i]
    frames.records[slot, BEHIND + 2] = w[C_BACKHAUL + i]
    frames.records[slot, BEHIND + 3] = w[C_WAN + i]
    return int(slot)


@inlined
def move(i: int | np.uint64, to: np.uint64, w: Ints) -> None:
    """Let a frame stand where another was that is gone."""
    w[C_SLOT + to], w[C_WORD + to], w[C_TAKEN + to] = w[C_SLOT + i], w[C_WORD + i], w[C_TAKEN + i]
    w[C_INFO + to], w[C_WHO + to], w[C_NOW + to] = w[C_INFO + i], w[C_WHO + i], w[C_NOW + i]
    w[C_ACCESS + to], w[C_UPLINK + to] = w[C_ACCESS + i], w[C_UPLINK + i]
    w[C_BACKHAUL + to], w[C_WAN + to] = w[C_BACKHAUL + i], w[C_WAN + i]
