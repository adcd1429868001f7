"""A frame is 20 numbers of int64: who, what, and when it passed each stage; -1 is not yet.

At work frames are columns: a table of shape (WIDTH, capacity), in which a frame has a slot. A
station reads three or four columns of the frames before it, and these stay in the cache. Frames
that are kept to be looked at are rows, of shape (frames, WIDTH).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Columns = NDArray[np.int64]
Rows = NDArray[np.int64]
Index = NDArray[np.int64]

SENSOR = 0  # index of the sensor in the plan: sensors are sorted by name
FRAME = 1  # number of the frame at its sensor, from 0
OBJECTS = 2  # how many objects were in view at capture
SIGHT = 3  # what the eye sees of it: a row of the plan's traces (`fleet.model.sight`)
PAYLOAD = 4  # bytes to send; 0 before it is known
BITS = 5  # payload and protocol overhead on the wire
CLOCK = 6  # when the frame enters the next stage
SETUP = 7  # which setup inferred or encoded it at its sensor; -1 if none did
CAPTURE = 8  # end of exposure
SENSED = 9  # pixels read out and processed
READY = 10  # inferred (on the sensor) or encoded (in the camera)
ACCESS = 11  # at the far end of its own port or radio
UPLINK = 12  # at the far end of the access links
BACKHAUL = 13
WAN = 14  # at the region
DECODED = 15  # decoded, at a server
START = 16  # its batch starts
INFER = 17  # its batch ends
DONE = 18  # result at its consumer, or the time at which the frame was skipped or lost
FATE = 19
WIDTH = 20

COLUMNS = (
    "sensor", "frame", "objects", "sight", "payload_bytes", "wire_bits", "clock_ns", "setup",
    "capture_ns", "sensed_ns", "ready_ns", "access_ns", "uplink_ns", "backhaul_ns", "wan_ns",
    "decoded_ns", "start_ns", "infer_ns", "done_ns", "fate",
)  # fmt: skip

LEVELS = 4  # hops of a path: access port, shared cell, backhaul, wan
LEVEL_COLUMN = (ACCESS, UPLINK, BACKHAUL, WAN)  # the time behind each of them

# What became of a frame. Skipped: never inferred or never sent, by design. Lost: it should have
# become a result.
FREE = -1  # no frame is in this slot
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
LOST_SERVER_DOWN = 16
SKIP_NO_POWER = 17
FATES = 18

# Where a frame is on its way over a link or at its sensor: its pixels are read, it is inferred or
# encoded, it waits for its radio, it is in a port; or it has left, or has met its fate.
SENSING, COMPUTING, ARRIVING, IN_PORT, ON_WIRE, ENDED = range(6)

LEVEL_LOST = (LOST_ACCESS_BUFFER, LOST_CELL_BUFFER, LOST_BACKHAUL_BUFFER, LOST_WAN_BUFFER)

SKIP_CAUSES = {
    SKIP_SENSOR_DOWN: "sensor_down",
    SKIP_DSP_BUSY: "dsp_busy",
    SKIP_MODEL_WRITE: "model_write",
    SKIP_NOT_PUBLISHED: "not_published",
    SKIP_NO_POWER: "no_power",
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
    LOST_SERVER_DOWN: "server_down",
}
FATE_NAMES = {IN_FLIGHT: "in_flight", RESULT: "result"} | SKIP_CAUSES | LOST_CAUSES

STAGES = (
    "sense", "compute", "uplink", "backhaul", "wan", "decode", "queue", "infer", "return",
)  # fmt: skip

NO_FRAMES: Index = np.empty(0, dtype=np.int64)
