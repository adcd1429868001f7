"""A frame is a row of int64: who, what, and when it passed each stage.

Rows are C-contiguous, 16 numbers of 8 bytes: two cache lines. A time that has not come is -1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

SENSOR = 0  # index of the sensor in the plan: sensors are sorted by name
FRAME = 1  # number of the frame at its sensor, from 0
OBJECTS = 2  # how many objects were in view at capture
PAYLOAD = 3  # bytes to send; 0 before it is known
BITS = 4  # payload and protocol overhead on the wire
CLOCK = 5  # when the frame enters the next stage
CAPTURE = 6  # end of exposure
SENSED = 7  # pixels read out and processed
READY = 8  # inferred (on the sensor) or encoded (in the camera)
UPLINK = 9  # at the far end of the access links
BACKHAUL = 10
WAN = 11  # at the region
START = 12  # its batch starts
INFER = 13  # its batch ends
DONE = 14  # result at its consumer, or the time at which the frame was skipped or lost
FATE = 15
WIDTH = 16

COLUMNS = (
    "sensor", "frame", "objects", "payload_bytes", "wire_bits", "clock_ns", "capture_ns",
    "sensed_ns", "ready_ns", "uplink_ns", "backhaul_ns", "wan_ns", "start_ns", "infer_ns",
    "done_ns", "fate",
)  # fmt: skip

LEVELS = 4  # hops of a path: access port, shared cell, backhaul, wan
LEVEL_COLUMN = (UPLINK, UPLINK, BACKHAUL, WAN)

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
LOST_CLOUD_QUEUE = 11
FATES = 12

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
    LOST_CLOUD_QUEUE: "cloud_queue",
}
FATE_NAMES = {IN_FLIGHT: "in_flight", RESULT: "result"} | SKIP_CAUSES | LOST_CAUSES

STAGES = ("sense", "compute", "uplink", "backhaul", "wan", "queue", "infer", "return")


def empty() -> Rows:
    """Return no rows."""
    return np.empty((0, WIDTH), dtype=np.int64)


def join(parts: list[Rows]) -> Rows:
    """Return the rows of all parts, in the order given; the part itself if only one has rows."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return empty()
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def split(rows: Rows, mask: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Return the rows where the mask holds and the others; no copy if one side is empty."""
    held = int(np.count_nonzero(mask))
    if held == len(rows):
        return rows, empty()
    if held == 0:
        return empty(), rows
    return rows[mask], rows[~mask]


def in_order(rows: Rows, sensors: int) -> Rows:
    """Return the rows sorted by (clock, sensor, frame), the total order of every station.

    One sensor cannot enter a station twice at one time, so (clock, sensor) is a key; both fit one
    int64 because the clock is taken from the earliest row.
    """
    if len(rows) < 2:
        return rows
    clock = rows[:, CLOCK]
    bits = sensors.bit_length()
    key = ((clock - clock.min()) << bits) | rows[:, SENSOR]
    if bool((key[1:] > key[:-1]).all()):
        return rows
    return rows[np.argsort(key)]
