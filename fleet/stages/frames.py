"""A frame is a row of int64: who, what, and when it passed each stage.

Rows are C-contiguous, 18 numbers of 8 bytes. A time that has not come is -1.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Index = NDArray[np.int64]

SENSOR = 0  # index of the sensor in the plan: sensors are sorted by name
FRAME = 1  # number of the frame at its sensor, from 0
OBJECTS = 2  # how many objects were in view at capture
PAYLOAD = 3  # bytes to send; 0 before it is known
BITS = 4  # payload and protocol overhead on the wire
CLOCK = 5  # when the frame enters the next stage
CAPTURE = 6  # end of exposure
SENSED = 7  # pixels read out and processed
READY = 8  # inferred (on the sensor) or encoded (in the camera)
ACCESS = 9  # at the far end of its own port or radio
UPLINK = 10  # at the far end of the access links
BACKHAUL = 11
WAN = 12  # at the region
DECODED = 13  # decoded, at a server
START = 14  # its batch starts
INFER = 15  # its batch ends
DONE = 16  # result at its consumer, or the time at which the frame was skipped or lost
FATE = 17
WIDTH = 18

COLUMNS = (
    "sensor", "frame", "objects", "payload_bytes", "wire_bits", "clock_ns", "capture_ns",
    "sensed_ns", "ready_ns", "access_ns", "uplink_ns", "backhaul_ns", "wan_ns", "decoded_ns",
    "start_ns", "infer_ns", "done_ns", "fate",
)  # fmt: skip

LEVELS = 4  # hops of a path: access port, shared cell, backhaul, wan
LEVEL_COLUMN = (ACCESS, UPLINK, BACKHAUL, WAN)  # the time behind each of them

# What became of a frame. Skipped: never inferred or never sent, by design. Lost: it should have
# become a result.
IN_FLIGHT = 0
RESULT = 1
SKIP_SENSOR_DOWN = 2
SKIP_DSP_BUSY = 3
SKIP_MODEL_WRITE = 4
SKIP_NOT_PUBLISHED = 5
LOST_SENSOR_CRASH = 6
LOST_ACCESS_BUFFER = 7
LOST_CELL_BUFFER = 8
LOST_BACKHAUL_BUFFER = 9
LOST_WAN_BUFFER = 10
LOST_LINK = 11
LOST_DECODE_QUEUE = 12
LOST_CLOUD_QUEUE = 13
LOST_EDGE_QUEUE = 14
LOST_DEADLINE = 15
FATES = 16

LEVEL_LOST = (LOST_ACCESS_BUFFER, LOST_CELL_BUFFER, LOST_BACKHAUL_BUFFER, LOST_WAN_BUFFER)

SKIP_CAUSES = {
    SKIP_SENSOR_DOWN: "sensor_down",
    SKIP_DSP_BUSY: "dsp_busy",
    SKIP_MODEL_WRITE: "model_write",
    SKIP_NOT_PUBLISHED: "not_published",
}
LOST_CAUSES = {
    LOST_SENSOR_CRASH: "sensor_crash",
    LOST_ACCESS_BUFFER: "access_buffer",
    LOST_CELL_BUFFER: "cell_buffer",
    LOST_BACKHAUL_BUFFER: "backhaul_buffer",
    LOST_WAN_BUFFER: "wan_buffer",
    LOST_LINK: "link_errors",
    LOST_DECODE_QUEUE: "decode_queue",
    LOST_CLOUD_QUEUE: "cloud_queue",
    LOST_EDGE_QUEUE: "edge_queue",
    LOST_DEADLINE: "deadline",
}
FATE_NAMES = {IN_FLIGHT: "in_flight", RESULT: "result"} | SKIP_CAUSES | LOST_CAUSES

STAGES = (
    "sense", "compute", "uplink", "backhaul", "wan", "decode", "queue", "infer", "return",
)  # fmt: skip
_SENSE, _COMPUTE, _UPLINK, _BACKHAUL, _WAN, _DECODE, _QUEUE, _INFER, _RETURN = range(len(STAGES))
_POOL = [(DECODED, _DECODE), (START, _QUEUE), (INFER, _INFER)]
_HOPS = [(ACCESS, _UPLINK), (UPLINK, _UPLINK), (BACKHAUL, _BACKHAUL), (WAN, _WAN)]

STEPS: NDArray[np.int64] = np.array(
    [
        [(SENSED, _SENSE), (READY, _COMPUTE), *_HOPS[: level + 1], *_POOL, *_HOPS[level + 1 :],
         (DONE, _RETURN)]
        for level in range(LEVELS)
    ],
    dtype=np.int64,
)  # fmt: skip
"""(column, stage that ends there) in the order in which a frame passes them, by the level behind
which its servers are; shape (LEVELS, columns, 2)."""

NOBODY: Index = np.empty(0, dtype=np.int64)


class Store:
    """Rows of the frames in one logical process: a frame stays where it is, its index moves.

    Stations hand indices to each other, 8 bytes a frame instead of 144. Rows of finished frames
    are used again; the table doubles when it is full.
    """

    def __init__(self, capacity: int = 1024) -> None:
        """Set up a store without frames."""
        self.rows: Rows = np.empty((capacity, WIDTH), dtype=np.int64)
        self._free: Index = np.arange(capacity - 1, -1, -1, dtype=np.int64)
        self._left = capacity

    def take(self, count: int) -> Index:
        """Return the indices of unused rows; their contents are old."""
        if count > self._left:
            self._grow(count)
        self._left -= count
        return self._free[self._left : self._left + count][::-1].copy()

    def _grow(self, count: int) -> None:
        old = len(self.rows)
        new = max(2 * old, old + count)
        rows = np.empty((new, WIDTH), dtype=np.int64)
        rows[:old] = self.rows
        free = np.empty(new, dtype=np.int64)
        free[: new - old] = np.arange(new - 1, old - 1, -1)
        free[new - old : new - old + self._left] = self._free[: self._left]
        self.rows, self._free, self._left = rows, free, self._left + new - old

    def adopt(self, rows: Rows) -> Index:
        """Copy rows from elsewhere into the store; return their indices."""
        index = self.take(len(rows))
        self.rows[index] = rows
        return index

    def give_up(self, index: Index) -> Rows:
        """Return a copy of some rows and free their places."""
        rows = self.rows[index]
        self.free(index)
        return rows

    def free(self, index: Index) -> None:
        """Let rows be used again."""
        self._free[self._left : self._left + len(index)] = index
        self._left += len(index)

    def column(self, index: Index, column: int) -> NDArray[np.int64]:
        """Return a copy of one column of some rows."""
        values: NDArray[np.int64] = self.rows[index, column]
        return values


def join(parts: list[Index]) -> Index:
    """Return the indices of all parts, in the order given."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return NOBODY
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def split(index: Index, mask: NDArray[np.bool_]) -> tuple[Index, Index]:
    """Return the indices where the mask holds, and the others."""
    return index[mask], index[~mask]


@njit(cache=True, error_model="numpy")
def before(rows: Rows, index: Index, column: int, until_ns: int) -> tuple[Index, Index]:
    """Return the indices whose time in a column is before a time, and the others."""
    early = np.empty(len(index), dtype=np.int64)
    late = np.empty(len(index), dtype=np.int64)
    e, n = 0, 0
    for i in index:
        if rows[i, column] < until_ns:
            early[e] = i
            e += 1
        else:
            late[n] = i
            n += 1
    return early[:e], late[:n]


@njit(cache=True, error_model="numpy")
def leaving(rows: Rows, index: Index, leave: NDArray[np.int64], level: int) -> tuple[Index, Index]:
    """Return the indices whose sensor's path leaves at a level, and the others."""
    gone = np.empty(len(index), dtype=np.int64)
    stay = np.empty(len(index), dtype=np.int64)
    g, s = 0, 0
    for i in index:
        if leave[rows[i, SENSOR]] == level:
            gone[g] = i
            g += 1
        else:
            stay[s] = i
            s += 1
    return gone[:g], stay[:s]


def fated(rows: Rows, index: Index) -> tuple[Index, Index]:
    """Return the indices of frames that have met their fate, and of those that live."""
    alive, ended = before(rows, index, FATE, IN_FLIGHT + 1)
    return ended, alive


@njit(cache=True, error_model="numpy")
def _keys(rows: Rows, index: Index, bits: int) -> tuple[NDArray[np.int64], bool]:
    """Return (clock, sensor) packed into one number for each row, and whether they ascend."""
    least = rows[index[0], CLOCK]
    for i in index:
        least = min(least, rows[i, CLOCK])
    keys = np.empty(len(index), dtype=np.int64)
    ascending = True
    last = -1
    for k in range(len(index)):
        key = ((rows[index[k], CLOCK] - least) << bits) | rows[index[k], SENSOR]
        ascending = ascending and key > last
        keys[k] = last = key
    return keys, ascending


def in_order(rows: Rows, index: Index, sensors: int, *, ties: bool = False) -> Index:
    """Return indices sorted by (clock, sensor, frame), the total order of every station.

    Mostly one sensor cannot enter a station twice at one time, so (clock, sensor) is a key; both
    fit one int64 because the clock is taken from the earliest row. With `ties` it can: frames of
    one batch go on together.
    """
    if len(index) < 2:
        return index
    keys, ascending = _keys(rows, index, sensors.bit_length())
    if ascending:
        return index
    order = np.argsort(keys)
    if ties and (np.diff(keys[order]) == 0).any():
        order = np.lexsort((rows[index, FRAME], keys))
    return index[order]
