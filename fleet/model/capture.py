"""When frames are captured: periodic, Poisson, or from a trace.

Periodic frame k is due at anchor + floor((k - first) · num / den) ns, with the period num/den kept
as a fraction: 30 fps drifts by nothing in a day. A change of rate moves the anchor: that of an
event to where the sensor's phase says, that of a rung to the last capture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints, Table
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


class Clocks(Table):
    """How the next frame of each sensor is found: one row a sensor."""

    kind: Ints  # PERIODIC, POISSON or TRACE
    num: Ints  # the period is num/den ns
    den: Ints
    anchor: Ints  # when frame `first` is due; of a Poisson clock that is stopped what is left; ns
    first: Ints  # of the periods from the anchor on; of a trace where it begins in all times
    next_frame: Ints
    next_ns: Ints
    trace_end: Ints  # where it ends in them
    tick_ns: Ints  # how coarse the times of a trace are; else 0, times are exact or drawn


_JUST_ABOVE = 1.0 + 2.0**-50
"""Larger than what three roundings of a float lose: a whole number of ns stays whole."""


def frames_per_ns(clocks: Clocks) -> NDArray[np.float64]:
    """Return the mean frame rate of each sensor; shape (sensors,), 1/ns."""
    rates: NDArray[np.float64] = clocks.den / clocks.num
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
    clocks: Clocks, s: int, key: int | np.uint64, trace_ns: NDArray[np.int64],
    before_ns: int,
) -> int:  # fmt: skip
    """Return when the next frame of sensor `s` is due; ns.

    Args:
        clocks: clock table; shape (sensors,).
        s: row of the table.
        key: the sensor's capture key (Poisson gaps).
        trace_ns: the capture times of all traces; a trace sensor reads from `first` to `trace_end`.
        before_ns: when the frame before was due (Poisson).
    """
    frame = clocks.next_frame[s]
    if clocks.kind[s] == PERIODIC:
        spans = np.uint64((frame - clocks.first[s]) * clocks.num[s])
        return int(clocks.anchor[s] + np.int64(spans // np.uint64(clocks.den[s])))
    if clocks.kind[s] == POISSON:
        mean = clocks.num[s] / clocks.den[s]
        return int(before_ns + 1 + int(exponential(key, frame) * mean))
    at = clocks.first[s] + frame
    return int(trace_ns[at]) if at < clocks.trace_end[s] else NEVER_NS


@inlined
def move_on(clocks: Clocks, s: int, key: int | np.uint64, trace_ns: NDArray[np.int64]) -> None:
    """Have the frame after the next one be the next of sensor `s`; arguments as in `due_ns`."""
    clocks.next_frame[s] += 1
    clocks.next_ns[s] = due_ns(clocks, s, key, trace_ns, clocks.next_ns[s])


@kernel
def begin(clocks: Clocks, keys: NDArray[np.uint64], trace_ns: NDArray[np.int64]) -> None:
    """Set `next_ns` of every sensor to its first frame, in place; shape (sensors,)."""
    for s in range(len(clocks)):
        clocks.next_ns[s] = due_ns(clocks, s, keys[s], trace_ns, 0)


@kernel
def change_rate(
    clocks: Clocks, s: int, key: int | np.uint64, phase: float, num: int, den: int,
    now_ns: int, trace_ns: NDArray[np.int64],
) -> None:  # fmt: skip
    """Give a sensor a new (mean) period num/den from `now_ns` on; its next frame keeps its number.

    Periodic: the new grid starts at now + floor(phase · period), with the sensor's own phase in
    [0, 1). Poisson: what is left of the gap takes as many of the new periods as of the old: the
    same draw from now on would be that of a gap which has lasted until now, and so too long. A
    trace has no rate. A sensor that already has that period, or is capped to it, goes on
    undisturbed; one that is stopped has it when it starts.
    """
    same = clocks.num[s] == num and clocks.den[s] == den
    if same or clocks.kind[s] == TRACE:
        return
    times = (num / den) / (clocks.num[s] / clocks.den[s])
    clocks.num[s] = num
    clocks.den[s] = den
    stopped = clocks.next_ns[s] >= NEVER_NS
    if clocks.kind[s] == POISSON:
        if stopped:
            clocks.anchor[s] = int(clocks.anchor[s] * times)
        else:
            clocks.next_ns[s] = now_ns + int((clocks.next_ns[s] - now_ns) * times)
    elif not stopped:
        _begin_anew(clocks, s, key, phase, now_ns, trace_ns)


@inlined
def _begin_anew(
    clocks: Clocks, s: int, key: int | np.uint64, phase: float, now_ns: int,
    trace_ns: NDArray[np.int64],
) -> None:  # fmt: skip
    """Begin the periods of sensor `s` now; the arguments are those of `change_rate`."""
    clocks.first[s] = clocks.next_frame[s]
    clocks.anchor[s] = now_ns + anchor_ns(phase, clocks.num[s], clocks.den[s])
    clocks.next_ns[s] = due_ns(clocks, s, key, trace_ns, now_ns)


@kernel
def pace(clocks: Clocks, s: int, num: int, den: int, now_ns: int) -> None:
    """Give a periodic clock that runs another period num/den, and let it keep its last capture.

    The next frame is due a new period after the last one, so that however often the period changes
    frames come neither closer together than the shortest nor further apart than the longest. Where
    that has passed the periods begin now. Where no frame was captured since they began, the next
    is due when it was, but at most a period from now.
    """
    if clocks.num[s] == num and clocks.den[s] == den:
        return
    anchor, first = min(clocks.next_ns[s], now_ns + num // den), clocks.next_frame[s]
    if first > clocks.first[s]:
        spans = np.uint64((first - 1 - clocks.first[s]) * clocks.num[s])
        last_ns = clocks.anchor[s] + np.int64(spans // np.uint64(clocks.den[s]))
        anchor = now_ns
        if last_ns + num // den >= now_ns:
            anchor, first = last_ns, first - 1
    clocks.num[s], clocks.den[s] = num, den
    clocks.anchor[s], clocks.first[s] = anchor, first
    clocks.next_ns[s] = anchor + (clocks.next_frame[s] - first) * num // den


@kernel
def stop(clocks: Clocks, s: int, now_ns: int) -> None:
    """Have a sensor capture nothing from `now_ns` on until it is started, in place."""
    if clocks.kind[s] == POISSON:
        clocks.anchor[s] = clocks.next_ns[s] - now_ns
    clocks.next_ns[s] = NEVER_NS


@kernel
def start(
    clocks: Clocks, s: int, key: int | np.uint64, phase: float, now_ns: int,
    trace_ns: NDArray[np.int64],
) -> None:  # fmt: skip
    """Have a sensor that was stopped capture from `now_ns` on; its next frame keeps its number.

    Its periods begin anew, and what was left of a Poisson gap goes on; what a trace has before now
    is left out. The arguments are those of `change_rate`.
    """
    if clocks.kind[s] == PERIODIC:
        _begin_anew(clocks, s, key, phase, now_ns, trace_ns)
        return
    if clocks.kind[s] == POISSON:
        clocks.next_ns[s] = now_ns + clocks.anchor[s]
        return
    at = clocks.first[s] + clocks.next_frame[s]
    while at < clocks.trace_end[s] and trace_ns[at] < now_ns:
        at += 1
    clocks.first[s] = at - clocks.next_frame[s]
    clocks.next_ns[s] = due_ns(clocks, s, key, trace_ns, now_ns)


@kernel
def count(
    clocks: Clocks,
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
        if clocks.next_ns[s] >= until_ns:
            continue
        if clocks.kind[s] == PERIODIC:
            span = np.uint64(until_ns - clocks.anchor[s])
            num, den = np.uint64(clocks.num[s]), np.uint64(clocks.den[s])
            past = (span * den + num - np.uint64(1)) // num
            total += clocks.first[s] + np.int64(past) - clocks.next_frame[s]
        else:
            frame, at = clocks.next_frame[s], clocks.next_ns[s]
            while clocks.next_ns[s] < until_ns:
                total += 1
                move_on(clocks, s, keys[s], trace_ns)
            clocks.next_frame[s], clocks.next_ns[s] = frame, at
    return total


@kernel
def list_due(
    clocks: Clocks,
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
        frame, at = clocks.next_frame[s], clocks.next_ns[s]
        while clocks.next_ns[s] < until_ns:
            places[n], times_ns[n] = j, clocks.next_ns[s]
            n += 1
            move_on(clocks, s, keys[s], trace_ns)
        clocks.next_frame[s], clocks.next_ns[s] = frame, at


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
