"""On the sensor: the DSP infers or skips, or the camera encodes; then the frame is ready to send.

The DSP takes one frame at a time and has no queue: a frame whose pixels arrive while it is busy is
skipped (`dsp_busy`), and so is one that arrives while the model memory is written (`model_write`).
An encoder is a pipeline: it delays every frame by the same time and skips none.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.stages.camera import metadata_bytes, video_bytes, wire_bits
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

# Columns of the DSP table, one row a sensor.
FREE_NS, BLIND_UNTIL_NS, INFERENCES, NEXT_PUBLISH_NS = range(4)
DSP_WIDTH = 4


@njit(cache=True, error_model="numpy")
def published(dsp: NDArray[np.int64], now_ns: int, every: int, interval_ns: int) -> bool:
    """Return whether the inference that starts now is sent, and remember that it was.

    Args:
        dsp: the sensor's row of the DSP table, changed in place; INFERENCES counts this one too.
        now_ns: start of the inference.
        every: send every n-th inference, or 0.
        interval_ns: send the first inference of each such time, or 0.
    """
    if every > 0:
        return bool((dsp[INFERENCES] - 1) % every == 0)
    if now_ns < dsp[NEXT_PUBLISH_NS]:
        return False
    dsp[NEXT_PUBLISH_NS] = now_ns + interval_ns
    return True


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
        if setups.on_sensor[k] == 0:
            row[READY] = now + setups.compute_ns[k]
            row[PAYLOAD] = video_bytes(
                size_keys[s], row[FRAME], row[OBJECTS], setups.i_bytes[k], setups.p_bytes[k],
                setups.gop[k], setups.i_variation[k], setups.p_variation[k],
                setups.static_share[k], setups.reference_objects[k],
            )  # fmt: skip
        else:
            if now < dsp[s, BLIND_UNTIL_NS]:
                row[FATE] = SKIP_MODEL_WRITE
            elif now < dsp[s, FREE_NS]:
                row[FATE] = SKIP_DSP_BUSY
            if row[FATE] != 0:
                row[DONE] = now
                continue
            dsp[s, FREE_NS] = now + setups.compute_ns[k]
            dsp[s, INFERENCES] += 1
            row[READY] = dsp[s, FREE_NS] + setups.fetch_ns[k]
            if published(dsp[s], now, setups.publish_every[k], setups.publish_interval_ns[k]):
                row[PAYLOAD] = metadata_bytes(
                    row[OBJECTS], setups.metadata_base[k], setups.metadata_per_object[k],
                    setups.metadata_most[k],
                )  # fmt: skip
        if row[PAYLOAD] > 0:
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
