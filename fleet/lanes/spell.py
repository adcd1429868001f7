"""Records written out as the columns of a frame, for rare counts and to hand them over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, Keys
from fleet.kernel import inlined, kernel
from fleet.lanes.frames import CODE, ENDED, Frames
from fleet.lanes.records import (
    BEHIND,
    DECODED_AT,
    INFO,
    TAKEN,
    WHO,
    bits_of,
    frame_of,
    objects_of,
    row_of,
    sensor_of,
)
from fleet.model.camera import gop_start, payload_of
from fleet.model.capture import expose
from fleet.model.frames import (
    ACCESS,
    BITS,
    DECODED,
    DONE,
    FATE,
    LEVELS,
    LOST_ACCESS_BUFFER,
    LOST_DECODE_QUEUE,
    LOST_WAN_BUFFER,
    PAYLOAD,
    READY,
    SENSED,
    SETUP,
    SKIP_DSP_BUSY,
    SKIP_MODEL_WRITE,
    SKIP_SENSOR_DOWN,
    Columns,
)
from fleet.model.setup import Setups
from fleet.model.sight import Sights


class Whose(NamedTuple):
    """What follows from who a frame is of: setup and size key by sensor, setups and traces."""

    setup_of: Ints
    size_keys: Keys
    setups: Setups
    sights: Sights


_SKIPPED = (SKIP_DSP_BUSY, SKIP_MODEL_WRITE, SKIP_SENSOR_DOWN)


@inlined
def ready_after_ns(setups: Setups, k: int) -> int:
    """Return the time from capture to the end of computing, of a frame that nothing delays; ns."""
    after = setups.sense_ns[k] + setups.compute_ns[k]
    return int(after + setups.fetch_ns[k] if setups.on_sensor[k] == 1 else after)


def ready_after(setups: Setups) -> Ints:
    """Return `ready_after_ns` of all setups."""
    on = setups.on_sensor == 1
    after: Ints = setups.sense_ns + setups.compute_ns + np.where(on, setups.fetch_ns, 0)
    return after


@kernel
def spell(
    columns: Columns, slots: Ints, frames: Frames, whose: Whose, levels: int, stations: int
) -> None:
    """Write frames that are ready into the columns from the first slot on, one after the other.

    Args:
        columns: the table; shape (WIDTH, slots at least).
        slots: of the frames.
        frames: all frames.
        whose: whose they are.
        levels: how many levels of links each has behind it.
        stations: how many of the times at servers it has.
    """
    setups, sights = whose.setups, whose.sights
    for i in range(len(slots)):
        record = frames.records[slots[i]]
        info, who, captured = record[INFO], record[WHO], record[TAKEN]
        s, frame, row, objects = sensor_of(who), frame_of(who), row_of(info), objects_of(info)
        k, key = whose.setup_of[s], whose.size_keys[s]
        expose(columns, i, s, frame, objects, row, captured)
        columns[SENSED, i] = captured + setups.sense_ns[k]
        columns[READY, i] = captured + ready_after_ns(setups, k)
        columns[SETUP, i], columns[BITS, i] = k, bits_of(info)
        columns[PAYLOAD, i] = payload_of(
            setups, sights, k, key, gop_start(key, setups.gop[k]), frame, objects, row
        )
        for level in range(levels):
            columns[ACCESS + level, i] = record[BEHIND + level]
        for station in range(stations):
            columns[DECODED + station, i] = frames.served[slots[i], DECODED_AT + station]


def ended(frames: Frames, whose: Whose, columns: Columns) -> int:
    """Write the frames that have met a fate into the columns; return how many there are.

    Args:
        frames: all frames.
        whose: whose they are.
        columns: the table; shape (WIDTH, frames at least).
    """
    many = int(frames.counts[ENDED])
    lost = frames.ended[:many]
    begin = 0
    for fate in np.unique(lost[:, 1]):
        these = lost[lost[:, 1] == fate]
        end = begin + len(these)
        part = columns[:, begin:end].copy()
        spell(part, these[:, 0].copy(), frames, whose, *_reached(int(fate)))
        if fate in _SKIPPED:
            part[[READY, SETUP]], part[[PAYLOAD, BITS]] = -1, 0
        if fate == SKIP_SENSOR_DOWN:
            part[SENSED] = -1
        part[DONE], part[FATE] = these[:, 2], fate % CODE
        columns[:, begin:end] = part
        begin = end
    return many


def _reached(fate: int) -> tuple[int, int]:
    """Return how many levels of links, and times at servers, a frame of a fate has behind it."""
    if fate in _SKIPPED:
        return 0, 0
    if fate >= CODE:  # on a wire
        return fate // CODE - 1, 0
    if LOST_ACCESS_BUFFER <= fate <= LOST_WAN_BUFFER:
        return fate - LOST_ACCESS_BUFFER, 0
    return LEVELS, 0 if fate == LOST_DECODE_QUEUE else 1
