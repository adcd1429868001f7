"""When frames are captured: periodic, Poisson, or from a trace.

Periodic frame k is due at anchor + floor((k - first) · num / den) ns, with the period num/den kept
as a fraction: 30 fps drifts by nothing in a day. A change of rate moves the anchor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.chance import exponential
from fleet.kernel import inlined, kernel
from fleet.model.frames import (
    BITS,
    CAPTURE,
    CLOCK,
    FATE,
    FRAME,
    IN_FLIGHT,
    OBJECTS,
    PAYLOAD,
    SENSED,
    SENSOR,
    SETUP,
    SIGHT,
    Columns,
)

PERIODIC, POISSON, TRACE = 0, 1, 2
NEVER_NS = 1 << 62

# Columns of the clock table, one row a sensor: how its next frame is found. TICK_NS is how coarse
# the times of a trace are; 0 for the other kinds, whose times are exact or drawn.
KIND, NUM, DEN, ANCHOR, FIRST, NEXT_FRAME, NEXT_NS, TRACE_END, TICK_NS = range(9)
CLOCK_WIDTH = 9

_JUST_ABOVE = 1.0 + 2.0**-50
"""Larger than what three roundings of a float lose: a whole number of ns stays whole."""


def frames_per_ns(clocks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean frame rate of each sensor; shape (sensors,), 1/ns."""
    rates: NDArray[np.float64] = clocks[:, DEN] / clocks[:, NUM]
    return rates


@inlined
def anchor_ns(phase: float, num: int, den: int) -> int:
    """Return a phase in [0, 1) periods of num/den, rounded down; ns."""
    return int(phase * (num / den) * _JUST_ABOVE)


def anchors_ns(phases: NDArray[np.float64], num: int, den: int) -> NDArray[np.int64]:
    """Return `anchor_ns` of many phases; ns, same shape."""
    anchors: NDArray[np.int64] = (phases * (num / den) * _JUST_ABOVE).astype(np.int64)
    return anchors


@inlined
def due_ns(
    clocks: NDArray[np.int64], s: int, key: int | np.uint64, trace_ns: NDArray[np.int64],
    before_ns: int,
) -> int:  # fmt: skip
    """Return when the frame NEXT_FRAME of sensor `s` is due; ns.

    Args:
        clocks: clock table; shape (sensors, CLOCK_WIDTH).
        s: row of the table.
        key: the sensor's capture key (Poisson gaps).
        trace_ns: the capture times of all traces; a trace sensor reads from FIRST to TRACE_END.
        before_ns: when the frame before was due (Poisson).
    """
    frame = clocks[s, NEXT_FRAME]
    if clocks[s, KIND] == PERIODIC:
        spans = np.uint64((frame - clocks[s, FIRST]) * clocks[s, NUM])
        return int(clocks[s, ANCHOR] + np.int64(spans // np.uint64(clocks[s, DEN])))
    if clocks[s, KIND] == POISSON:
        mean = clocks[s, NUM] / clocks[s, DEN]
        return int(before_ns + 1 + int(exponential(key, frame) * mean))
    at = clocks[s, FIRST] + frame
    return int(trace_ns[at]) if at < clocks[s, TRACE_END] else NEVER_NS


@inlined
def move_on(
    clocks: NDArray[np.int64], s: int, key: int | np.uint64, trace_ns: NDArray[np.int64]
) -> None:
    """Have the frame after the next one be the next of sensor `s`; arguments as in `due_ns`."""
    clocks[s, NEXT_FRAME] += 1
    clocks[s, NEXT_NS] = due_ns(clocks, s, key, trace_ns, clocks[s, NEXT_NS])


@kernel
def begin(clocks: NDArray[np.int64], keys: NDArray[np.uint64], trace_ns: NDArray[np.int64]) -> None:
    """Set NEXT_NS of every sensor to its first frame, in place; shape (sensors, CLOCK_WIDTH)."""
    for s in range(len(clocks)):
        clocks[s, NEXT_NS] = due_ns(clocks, s, keys[s], trace_ns, 0)


@kernel
def change_rate(
    clocks: NDArray[np.int64], s: int, key: int | np.uint64, phase: float, num: int, den: int,
    now_ns: int, trace_ns: NDArray[np.int64],
) -> None:  # fmt: skip
    """Give a sensor a new (mean) period num/den from `now_ns` on; its next frame keeps its number.

    Periodic: the new grid starts at now + floor(phase · period), with the sensor's own phase in
    [0, 1). Poisson: the next gap starts now, as the process has no memory. A trace has no rate.
    A sensor that already has that period, or is capped to it, goes on undisturbed.
    """
    same = clocks[s, NUM] == num and clocks[s, DEN] == den
    if same or clocks[s, KIND] == TRACE:
        return
    clocks[s, NUM] = num
    clocks[s, DEN] = den
    clocks[s, FIRST] = clocks[s, NEXT_FRAME]
    clocks[s, ANCHOR] = now_ns + anchor_ns(phase, num, den)
    clocks[s, NEXT_NS] = due_ns(clocks, s, key, trace_ns, now_ns)


@kernel
def count(
    clocks: NDArray[np.int64],
    keys: NDArray[np.uint64],
    trace_ns: NDArray[np.int64],
    sensors: NDArray[np.int64],
    until_ns: int,
) -> int:
    """Return how many frames of some sensors are due before a time.

    Clocks that have no period are run ahead, and set back.
    """
    total = 0
    for s in sensors:
        if clocks[s, NEXT_NS] >= until_ns:
            continue
        if clocks[s, KIND] == PERIODIC:
            span = np.uint64(until_ns - clocks[s, ANCHOR])
            num, den = np.uint64(clocks[s, NUM]), np.uint64(clocks[s, DEN])
            past = (span * den + num - np.uint64(1)) // num
            total += clocks[s, FIRST] + np.int64(past) - clocks[s, NEXT_FRAME]
        else:
            frame, at = clocks[s, NEXT_FRAME], clocks[s, NEXT_NS]
            while clocks[s, NEXT_NS] < until_ns:
                total += 1
                move_on(clocks, s, keys[s], trace_ns)
            clocks[s, NEXT_FRAME], clocks[s, NEXT_NS] = frame, at
    return total


@kernel
def list_due(
    clocks: NDArray[np.int64],
    keys: NDArray[np.uint64],
    trace_ns: NDArray[np.int64],
    sensors: NDArray[np.int64],
    until_ns: int,
    places: NDArray[np.int64],
    times_ns: NDArray[np.int64],
) -> None:
    """List the frames that are due before a time, sensor by sensor, and the oldest first.

    Args:
        clocks: as in `count`, like the next four.
        keys: keys.
        trace_ns: capture times of all traces.
        sensors: which sensors.
        until_ns: the time.
        places: filled with where each frame's sensor is in `sensors`; shape (frames due,).
        times_ns: filled with when each frame is due; shape (frames due,).
    """
    n = 0
    for j in range(len(sensors)):
        s = sensors[j]
        frame, at = clocks[s, NEXT_FRAME], clocks[s, NEXT_NS]
        while clocks[s, NEXT_NS] < until_ns:
            places[n], times_ns[n] = j, clocks[s, NEXT_NS]
            n += 1
            move_on(clocks, s, keys[s], trace_ns)
        clocks[s, NEXT_FRAME], clocks[s, NEXT_NS] = frame, at


@inlined
def expose(
    columns: Columns, i: int, s: int, frame: int, objects: int, sight: int, now: int
) -> None:
    """Write the frame that sensor `s` captures now into slot `i`."""
    columns[SENSOR, i] = s
    columns[FRAME, i] = frame
    columns[OBJECTS, i] = objects
    columns[SIGHT, i] = sight
    columns[PAYLOAD, i] = 0
    columns[BITS, i] = 0
    columns[CLOCK, i] = now
    columns[SETUP, i] = -1
    columns[CAPTURE, i] = now
    for c in range(SENSED, FATE):
        columns[c, i] = -1
    columns[FATE, i] = IN_FLIGHT
