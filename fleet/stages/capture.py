"""When frames are captured: periodic, Poisson, or from a trace.

Periodic frame k is due at anchor + floor((k - first) · num / den) ns, with the period num/den kept
as a fraction: 30 fps drifts by nothing in a day. A change of rate moves the anchor.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.chance import exponential
from fleet.stages.frames import (
    BITS,
    CAPTURE,
    CLOCK,
    DONE,
    FATE,
    FRAME,
    OBJECTS,
    PAYLOAD,
    SENSED,
    SENSOR,
    SKIP_SENSOR_DOWN,
    WIDTH,
)

PERIODIC, POISSON, TRACE = 0, 1, 2
NEVER_NS = 1 << 62

# Columns of the clock table, one row a sensor: how its next frame is found.
KIND, NUM, DEN, ANCHOR, FIRST, NEXT_FRAME, NEXT_NS, TRACE_END = range(8)
CLOCK_WIDTH = 8


@njit(cache=True, error_model="numpy")
def due_ns(clock: NDArray[np.int64], key: int, trace_ns: NDArray[np.int64], before_ns: int) -> int:
    """Return when the frame `clock[NEXT_FRAME]` of a sensor is due; ns.

    Args:
        clock: the sensor's row of the clock table; shape (CLOCK_WIDTH,).
        key: the sensor's capture key (Poisson gaps).
        trace_ns: the capture times of all traces; a trace sensor reads from FIRST to TRACE_END.
        before_ns: when the frame before was due (Poisson).
    """
    frame = clock[NEXT_FRAME]
    if clock[KIND] == PERIODIC:
        return int(clock[ANCHOR] + (frame - clock[FIRST]) * clock[NUM] // clock[DEN])
    if clock[KIND] == POISSON:
        return before_ns + 1 + int(exponential(key, frame) * (clock[NUM] / clock[DEN]))
    at = clock[FIRST] + frame
    return trace_ns[at] if at < clock[TRACE_END] else NEVER_NS


@njit(cache=True, error_model="numpy")
def begin(clocks: NDArray[np.int64], keys: NDArray[np.uint64], trace_ns: NDArray[np.int64]) -> None:
    """Set NEXT_NS of every sensor to its first frame, in place; shape (sensors, CLOCK_WIDTH)."""
    for s in range(len(clocks)):
        clocks[s, NEXT_NS] = due_ns(clocks[s], keys[s], trace_ns, 0)


@njit(cache=True, error_model="numpy")
def change_rate(
    clock: NDArray[np.int64], key: int, phase: float, num: int, den: int, now_ns: int
) -> None:
    """Give a sensor a new (mean) period num/den from `now_ns` on; its next frame keeps its number.

    Periodic: the new grid starts at now + floor(phase · period), with the sensor's own phase in
    [0, 1). Poisson: the next gap starts now, as the process has no memory. A trace has no rate.
    """
    if clock[KIND] == TRACE:
        return
    clock[NUM] = num
    clock[DEN] = den
    clock[FIRST] = clock[NEXT_FRAME]
    clock[ANCHOR] = now_ns + int(phase * (num / den))
    clock[NEXT_NS] = due_ns(clock, key, np.empty(0, dtype=np.int64), now_ns)


@njit(cache=True, error_model="numpy")
def count(
    clocks: NDArray[np.int64],
    keys: NDArray[np.uint64],
    trace_ns: NDArray[np.int64],
    sensors: NDArray[np.int64],
    until_ns: int,
) -> int:
    """Return how many frames of some sensors are due before a time."""
    total = 0
    for s in sensors:
        clock = clocks[s]
        if clock[NEXT_NS] >= until_ns:
            continue
        if clock[KIND] == PERIODIC:
            span = until_ns - clock[ANCHOR]
            last = clock[FIRST] + (span * clock[DEN] + clock[NUM] - 1) // clock[NUM]
            total += last - clock[NEXT_FRAME]
        else:
            ahead = clock.copy()
            while ahead[NEXT_NS] < until_ns:
                total += 1
                ahead[NEXT_FRAME] += 1
                ahead[NEXT_NS] = due_ns(ahead, keys[s], trace_ns, ahead[NEXT_NS])
    return total


@njit(cache=True, error_model="numpy")
def capture(
    clocks: NDArray[np.int64],
    keys: NDArray[np.uint64],
    trace_ns: NDArray[np.int64],
    sensors: NDArray[np.int64],
    until_ns: int,
    first_second: int,
    view: NDArray[np.int64],
    down_until_ns: NDArray[np.int64],
    setup_of: NDArray[np.int64],
    sense_ns: NDArray[np.int64],
    captured: NDArray[np.int64],
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
) -> None:
    """Write a row for every frame due before a time, sensor by sensor, and move the clocks on.

    Args:
        clocks: clock table, changed in place; shape (all sensors, CLOCK_WIDTH).
        keys: capture keys; shape (all sensors,).
        trace_ns: capture times of all traces.
        sensors: plan indices of the sensors of this shard; shape (n,).
        until_ns: end of the span (not in it).
        first_second: second of `view[0]`.
        view: objects in view by second; shape (seconds, n).
        down_until_ns: until when a sensor is down: its frames are skipped; shape (all sensors,).
        setup_of: setup of each sensor; shape (all sensors,).
        sense_ns: readout and processing time by setup; shape (setups,).
        captured: frames are counted here; shape (all sensors,).
        rows: the store's rows.
        index: rows to fill; shape (`count(...)`,).
    """
    i = 0
    for j in range(len(sensors)):
        s = sensors[j]
        clock = clocks[s]
        while clock[NEXT_NS] < until_ns:
            now = clock[NEXT_NS]
            row = rows[index[i]]
            for c in range(WIDTH):
                row[c] = -1
            row[SENSOR] = s
            row[FRAME] = clock[NEXT_FRAME]
            row[OBJECTS] = view[now // 1_000_000_000 - first_second, j]
            row[PAYLOAD] = 0
            row[BITS] = 0
            row[CAPTURE] = now
            row[FATE] = 0
            if now < down_until_ns[s]:
                row[FATE] = SKIP_SENSOR_DOWN
                row[DONE] = now
            else:
                row[SENSED] = now + sense_ns[setup_of[s]]
                row[CLOCK] = row[SENSED]
            captured[s] += 1
            clock[NEXT_FRAME] += 1
            clock[NEXT_NS] = due_ns(clock, keys[s], trace_ns, now)
            i += 1
