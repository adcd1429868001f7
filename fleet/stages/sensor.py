"""On the sensor: the DSP infers or skips, or the camera encodes; then the frame is ready to send.

The DSP takes one frame at a time and has no queue: a frame whose pixels arrive while it is busy is
skipped (`dsp_busy`), and so is one that arrives while the model memory is written (`model_write`).
An encoder is a pipeline: it delays every frame by the same time and skips none.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.stages.camera import payload_bytes, wire_bits
from fleet.stages.frames import (
    BITS,
    CLOCK,
    DONE,
    FATE,
    FRAME,
    OBJECTS,
    PAYLOAD,
    READY,
    SENSED,
    SENSOR,
    SKIP_DSP_BUSY,
    SKIP_MODEL_WRITE,
    SKIP_NOT_PUBLISHED,
)
from fleet.stages.setup import Setups

# Columns of the DSP table, one row a sensor. SEEN is one more than the objects last published.
FREE_NS, BLIND_UNTIL_NS, INFERENCES, NEXT_PUBLISH_NS, SEEN = range(5)
DSP_WIDTH = 5


@njit(cache=True, error_model="numpy")
def published(
    dsp: NDArray[np.int64], now_ns: int, objects: int, every: int, interval_ns: int, change: int
) -> bool:
    """Return whether the inference that starts now is sent, and remember that it was.

    Args:
        dsp: the sensor's row of the DSP table, changed in place; INFERENCES counts this one too.
        now_ns: start of the inference.
        objects: objects that it finds.
        every: send every n-th inference, or 0.
        interval_ns: send the first inference of each such time, or 0; with `change` the longest
            silence, or 0.
        change: 1: send when the number of objects is not the one sent last.
    """
    if every > 0:
        return bool((dsp[INFERENCES] - 1) % every == 0)
    due = now_ns >= dsp[NEXT_PUBLISH_NS]
    if change == 1:
        due = dsp[SEEN] != objects + 1 or (interval_ns > 0 and due)
    if due:
        dsp[NEXT_PUBLISH_NS] = now_ns + interval_ns
        dsp[SEEN] = objects + 1
    return bool(due)


@njit(cache=True, error_model="numpy")
def compute(
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
    setup_of: NDArray[np.int64],
    setups: Setups,
    size_keys: NDArray[np.uint64],
    dsp: NDArray[np.int64],
) -> None:
    """Take frames whose pixels are there through the DSP or the encoder, in place.

    Sets FATE and DONE of skipped frames, and READY, CLOCK, PAYLOAD and BITS of the others. An
    inference that will not be sent gets BITS 0: it costs its energy and then is skipped.

    Args:
        rows: the store's rows.
        index: frames at SENSED, each sensor's in time order.
        setup_of: setup of each sensor; shape (all sensors,).
        setups: the setup table.
        size_keys: keys of the frame sizes; shape (all sensors,).
        dsp: the DSP table, changed in place; shape (all sensors, DSP_WIDTH).
    """
    for i in index:
        row = rows[i]
        s = row[SENSOR]
        k = setup_of[s]
        now = row[SENSED]
        sent = True
        if setups.on_sensor[k] == 0:
            row[READY] = now + setups.compute_ns[k]
        else:
            if now < dsp[s, BLIND_UNTIL_NS]:
                row[FATE] = SKIP_MODEL_WRITE
            elif now < dsp[s, FREE_NS]:
                row[FATE] = SKIP_DSP_BUSY
            if row[FATE] != 0:
                row[DONE] = now
                continue
            dsp[s, FREE_NS] = now + setups.occupy_ns[k]
            dsp[s, INFERENCES] += 1
            row[READY] = now + setups.compute_ns[k] + setups.fetch_ns[k]
            sent = published(
                dsp[s], now, min(row[OBJECTS], setups.metadata_most[k]), setups.publish_every[k],
                setups.publish_interval_ns[k], setups.publish_change[k],
            )  # fmt: skip
        if sent:
            row[PAYLOAD] = payload_bytes(setups, k, size_keys[s], row[FRAME], row[OBJECTS])
            row[BITS] = wire_bits(
                row[PAYLOAD], setups.per_message[k], setups.segment[k], setups.per_segment[k]
            )
        row[CLOCK] = row[READY]


@njit(cache=True, error_model="numpy")
def leave(rows: NDArray[np.int64], index: NDArray[np.int64]) -> None:
    """Turn inferences that are not sent into skipped frames, in place."""
    for i in index:
        if rows[i, BITS] == 0:
            rows[i, FATE] = SKIP_NOT_PUBLISHED
            rows[i, DONE] = rows[i, READY]
