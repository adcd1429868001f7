"""On the sensor: the DSP infers or skips, or the camera encodes; then the frame is ready to send.

The DSP takes one frame at a time and has no queue: a frame whose pixels arrive while it is busy is
skipped (`dsp_busy`), and so is one that arrives while the model memory is written (`model_write`).
An encoder is a pipeline: it delays every frame by the same time and skips none.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.stages.camera import payload_of, wire_bits
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
    # Taken out of the tuple once: in the loop that would cost more than the work.
    on_sensor, compute_ns, occupy_ns = setups.on_sensor, setups.compute_ns, setups.occupy_ns
    fetch_ns, most, every = setups.fetch_ns, setups.metadata_most, setups.publish_every
    interval_ns, change = setups.publish_interval_ns, setups.publish_change
    per_message, segment, per_segment = setups.per_message, setups.segment, setups.per_segment
    envelope, base = setups.metadata_envelope, setups.metadata_base
    per_object, base64 = setups.metadata_per_object, setups.metadata_base64
    pixels, crop = setups.pixels_base, setups.pixels_per_object
    i_bytes, p_bytes, gop = setups.i_bytes, setups.p_bytes, setups.gop
    i_variation, p_variation = setups.i_variation, setups.p_variation
    static, reference, law = setups.static_share, setups.reference_objects, setups.exponential_sizes
    for i in index:
        s, now = rows[i, SENSOR], rows[i, SENSED]
        k = setup_of[s]
        sent = True
        if on_sensor[k] == 0:
            rows[i, READY] = now + compute_ns[k]
        else:
            if now < dsp[s, BLIND_UNTIL_NS]:
                rows[i, FATE] = SKIP_MODEL_WRITE
            elif now < dsp[s, FREE_NS]:
                rows[i, FATE] = SKIP_DSP_BUSY
            if rows[i, FATE] != 0:
                rows[i, DONE] = now
                continue
            dsp[s, FREE_NS] = now + occupy_ns[k]
            dsp[s, INFERENCES] += 1
            rows[i, READY] = now + compute_ns[k] + fetch_ns[k]
            seen = min(rows[i, OBJECTS], most[k])
            sent = published(dsp[s], now, seen, every[k], interval_ns[k], change[k])
        if sent:
            payload = payload_of(
                size_keys[s], rows[i, FRAME], rows[i, OBJECTS], most[k], base[k], per_object[k],
                base64[k], envelope[k], pixels[k], crop[k], i_bytes[k], p_bytes[k], gop[k],
                i_variation[k], p_variation[k], static[k], reference[k], law[k],
            )  # fmt: skip
            rows[i, PAYLOAD] = payload
            rows[i, BITS] = wire_bits(payload, per_message[k], segment[k], per_segment[k])
        rows[i, CLOCK] = rows[i, READY]


@njit(cache=True, error_model="numpy")
def leave(rows: NDArray[np.int64], index: NDArray[np.int64]) -> None:
    """Turn inferences that are not sent into skipped frames, in place."""
    for i in index:
        if rows[i, BITS] == 0:
            rows[i, FATE] = SKIP_NOT_PUBLISHED
            rows[i, DONE] = rows[i, READY]
