"""What stands at a sensor, as columns: one row a setup, shared by all sensors that have it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints


class Setups(NamedTuple):
    """Columns of the setup table; every field has shape (setups,).

    A named tuple of arrays, so that kernels take it whole. Columns that do not apply (the codec
    of a sensor without pictures, the message of a camera) hold what changes nothing.
    """

    on_sensor: Ints  # 1 if inference runs on the sensor, 0 if the frame goes to servers
    sense_ns: Ints  # end of exposure to pixels processed
    read_ns: Ints  # of it, reading the pixel array out
    compute_ns: Ints  # DSP or encoder time of a frame
    occupy_ns: Ints  # from one inference to the next at least: its own time, 1 / highest rate
    fetch_ns: Ints  # reading the result out of the sensor
    publish_every: Ints  # publish every n-th inference; 0 if by time or change
    publish_interval_ns: Ints  # publish at most once in this time; 0 if by count or change
    publish_change: Ints  # 1: publish when the number of objects changes
    metadata_most: Ints  # objects that a message can hold
    metadata_base: Ints  # bytes of a message or tensor about nothing
    metadata_per_object: Ints  # bytes
    metadata_base64: Ints  # 1 if these bytes travel as base64: 4 characters for 3 bytes
    metadata_envelope: Ints  # bytes around them
    pixels_base: Ints  # bytes of a whole picture that is not encoded
    pixels_per_object: Ints  # bytes of an object's crop
    gop: Ints  # frames
    exponential_sizes: Ints  # 1 if frame sizes are exponential, 0 if near normal
    decode_px: Ints  # pixels that a server must decode; 0 if the picture is not encoded
    sight: Ints  # trace of its eye, -1 if that was not measured
    traced_bytes: Ints  # 1 if the bytes of its frames vary as those of the trace
    per_message: Ints  # bytes
    segment: Ints  # bytes
    per_segment: Ints  # bytes
    base_uw: Ints  # host and interface, always on
    sense_uw: Ints  # while the pixel array is read out
    sense_idle_uw: Ints  # between readouts
    compute_uw: Ints  # while the DSP or the encoder runs
    i_day: Floats  # mean bytes of an I frame by light, in the order of `sight.LIGHTS`
    i_dusk: Floats
    i_night: Floats
    i_rain: Floats
    still_day: Floats  # of a P frame with nobody in view
    still_dusk: Floats
    still_night: Floats
    still_rain: Floats
    moving_day: Floats  # what each object in view adds to it
    moving_dusk: Floats
    moving_night: Floats
    moving_rain: Floats
    i_variation: Floats  # coefficients of variation
    p_variation: Floats


# Columns of the two tables of setups: the integers and the numbers of `Setups`, in its order.
(
    ON_SENSOR, SENSE_NS, READ_NS, COMPUTE_NS, OCCUPY_NS, FETCH_NS, PUBLISH_EVERY,
    PUBLISH_INTERVAL_NS, PUBLISH_CHANGE, METADATA_MOST, METADATA_BASE, METADATA_PER_OBJECT,
    METADATA_BASE64, METADATA_ENVELOPE, PIXELS_BASE, PIXELS_PER_OBJECT, GOP, EXPONENTIAL_SIZES,
    DECODE_PX, SIGHT, TRACED_BYTES, PER_MESSAGE, SEGMENT, PER_SEGMENT, BASE_UW, SENSE_UW,
    SENSE_IDLE_UW, COMPUTE_UW,
) = range(28)  # fmt: skip
# The first twelve numbers are bytes by light: add the light to the column.
I_BYTES, STILL_BYTES, MOVING_BYTES, I_VARIATION, P_VARIATION = 0, 4, 8, 12, 13


def tables(setups: Setups) -> tuple[Ints, Floats]:
    """Return setups as (table of integers, table of numbers), one row a setup.

    What a kernel needs of one setup lies together, and a kernel takes two arrays, not thirty.
    """
    whole = [column for column in setups if column.dtype == np.int64]
    real = [column for column in setups if column.dtype != np.int64]
    return np.stack(whole, axis=1), np.stack(real, axis=1)
