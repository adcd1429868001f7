"""Frames that are in sensors, given back to the clocks of these, to be captured again by lanes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Bools, Ints, Keys
from fleet.columns.shard import Shard
from fleet.kernel import kernel
from fleet.model import books
from fleet.model.capture import PERIODIC, Clocks, due_ns, move_on
from fleet.model.frames import (
    BITS,
    CAPTURE,
    COMPUTING,
    FRAME,
    IN_PORT,
    OBJECTS,
    READY,
    SENSED,
    SENSOR,
    SIGHT,
)
from fleet.model.scene import SECOND_NS
from fleet.model.sight import found


class Again(NamedTuple):
    """Frames that lanes capture again though a warm-up ended while they were in a sensor.

    What lanes book of such a frame is too much by these times; ns. All have shape (frames,).
    """

    sensor: Ints
    frame: Ints
    sense_ns: Ints
    compute_ns: Ints


def can_capture_again(shard: Shard) -> bool:
    """Return whether the frames in sensors can be given back to their clocks.

    These would capture just these frames again, and none that was skipped behind them; no model was
    being written, who was in view is still known, and so is what sensors had published before.
    """
    held, columns, plan = shard.devices.held, shard.store.columns, shard.plan
    states, crowd = shard.devices.states, shard.devices.crowd
    inside = held.slots[held.stages <= COMPUTING]
    s, frame, captured = (columns[c, inside] for c in (SENSOR, FRAME, CAPTURE))
    ruled = plan.sensors.setups.publish_every[states.setup_of[s]] == 0
    s_said = s[ruled & (columns[BITS, inside] > 0)]
    in_port = held.slots[held.stages == IN_PORT]
    own = plan.links.of[0, columns[SENSOR, in_port]]
    earliest = int(captured.min(initial=crowd.second * SECOND_NS)) // SECOND_NS
    return bool(
        (states.dsp.blind_until_ns[s] <= captured).all()
        and (shard.network.ports.down_until_ns[own] <= columns[READY, in_port]).all()
        and earliest >= crowd.second - len(crowd.view)
        and len(np.unique(s_said)) == len(s_said)
        and _captures(
            states.clocks.copy(), plan.sensors.capture_keys, plan.sensors.trace_ns, s, frame,
            captured,
        )
    )  # fmt: skip


@kernel
def _captures(
    clocks: Clocks, keys: Keys, trace_ns: Ints, sensors: Ints, frames: Ints, captured_ns: Ints
) -> bool:
    """Return whether clocks that are set back to the first of some frames capture just these.

    Args:
        clocks: a copy, which is changed.
        keys: of captures, by sensor.
        trace_ns: the capture times of all traces.
        sensors: whose frames they are, in order.
        frames: their numbers, the oldest of each sensor first.
        captured_ns: when they were captured.
    """
    i = 0
    while i < len(sensors):
        s = sensors[i]
        following, due = clocks.next_frame[s], clocks.next_ns[s]
        clocks.next_frame[s], clocks.next_ns[s] = frames[i], captured_ns[i]
        if clocks.kind[s] == PERIODIC:
            clocks.next_ns[s] = due_ns(clocks, s, keys[s], trace_ns, 0)
        while i < len(sensors) and sensors[i] == s:
            if clocks.next_frame[s] != frames[i] or clocks.next_ns[s] != captured_ns[i]:
                return False
            move_on(clocks, s, keys[s], trace_ns)
            i += 1
        if clocks.next_frame[s] != following or clocks.next_ns[s] != due:
            return False
    return True


def capture_again(shard: Shard) -> Again:
    """Give the frames in sensors back to their clocks; what was booked of them is booked back."""
    devices, columns, sensors = shard.devices, shard.store.columns, shard.tally.sensors
    states, since_ns = devices.states, shard.tally.since_ns
    inside = devices.held.stages <= COMPUTING
    slots, computing = devices.held.slots[inside], devices.held.stages[inside] == COMPUTING
    s, frame, captured, sensed = (columns[c, slots] for c in (SENSOR, FRAME, CAPTURE, SENSED))
    setups = shard.plan.sensors.setups
    k = states.setup_of[s]
    np.subtract.at(sensors[:, books.CAPTURED], s, 1)
    read_ns, compute_ns = setups.read_ns[k], setups.compute_ns[k]
    sense = _measured(captured, captured + read_ns, since_ns)
    np.subtract.at(sensors[:, books.SENSE_NS], s[computing], sense[computing])
    inferring = computing & (setups.on_sensor[k] == 1)
    np.subtract.at(states.dsp.inferences, s[inferring], 1)
    np.minimum.at(states.dsp.free_ns, s[inferring], sensed[inferring])
    _unsay(shard, slots[computing & (setups.publish_every[k] == 0)])
    np.minimum.at(states.clocks.next_frame, s, frame)
    np.minimum.at(states.clocks.next_ns, s, captured)
    ended = captured + setups.sense_ns[k] + compute_ns
    compute = _measured(ended - compute_ns, ended, since_ns)
    watched = sensed >= states.dsp.blind_until_ns[s]
    too_much = np.where(watched, compute_ns - compute, 0)
    short = captured < since_ns
    return Again(s[short], frame[short], (read_ns - sense)[short], too_much[short])


def _measured(begin: Ints, end: Ints, since_ns: int) -> Ints:
    """Return `fleet.model.books.measured_ns` of many spans."""
    spans: Ints = np.maximum(0, end - np.maximum(begin, since_ns))
    return spans


def _unsay(shard: Shard, slots: Ints) -> None:
    """Have sensors not have published what is being inferred, by rules of time and change.

    What they published before that is not known any more, but whatever it was, they publish the
    same again if it was due just when this was, and if what is held back before that had been
    published. The first of all may not have been due, and then the time that is next stays.

    Args:
        shard: of the sensors.
        slots: of the frames, sensor by sensor, and the oldest first; one at most was published.
    """
    columns, dsp, plan = shard.store.columns, shard.devices.states.dsp, shard.plan
    s, said = columns[SENSOR, slots], columns[BITS, slots] > 0
    sensors, sensed = s[said], columns[SENSED, slots[said]]
    interval = plan.sensors.setups.publish_interval_ns[shard.devices.states.setup_of[sensors]]
    moved = dsp.next_publish_ns[sensors] == sensed + interval
    dsp.next_publish_ns[sensors[moved]] = sensed[moved]
    dsp.seen[sensors] = 0
    held_back = _first(s, ~said) & np.isin(s, sensors)
    for i in slots[held_back]:
        sensor, row, objects = (int(columns[c, i]) for c in (SENSOR, SIGHT, OBJECTS))
        most = plan.sensors.setups.metadata_most[shard.devices.states.setup_of[sensor]]
        dsp.seen[sensor] = 1 + min(found(plan.eyes.sights.rows, row, objects), most)


def _first(sensors: Ints, which: Bools) -> Bools:
    """Return which frames are both the first of their sensors and of those chosen."""
    first = np.zeros(len(sensors), dtype=bool)
    first[np.unique(sensors, return_index=True)[1]] = True
    chosen: Bools = first & which
    return chosen
