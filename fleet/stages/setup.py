"""What stands at a sensor, as columns: one row a setup, shared by all sensors that have it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Setups(NamedTuple):
    """Columns of the setup table; every field has shape (setups,).

    A named tuple of arrays, so that kernels take it whole. Columns that do not apply (the codec
    of an AI sensor, the model of a camera) hold harmless constants.
    """

    on_sensor: Ints  # 1 if inference runs on the sensor, 0 if the frame goes to the cloud
    sense_ns: Ints  # end of exposure to pixels processed
    compute_ns: Ints  # DSP or encoder time of a frame
    fetch_ns: Ints  # reading the result out of the sensor
    publish_every: Ints  # publish every n-th inference; 0 if by interval
    publish_interval_ns: Ints  # publish at most once in this time; 0 if by count
    metadata_base: Ints  # bytes
    metadata_per_object: Ints  # bytes
    metadata_most: Ints  # objects
    gop: Ints  # frames
    per_message: Ints  # bytes
    segment: Ints  # bytes
    per_segment: Ints  # bytes
    base_uw: Ints  # host and interface, always on
    sense_uw: Ints  # while sensing
    sense_idle_uw: Ints  # pixel array between frames
    compute_uw: Ints  # while the DSP or the encoder runs
    i_bytes: Floats
    p_bytes: Floats
    i_variation: Floats
    p_variation: Floats
    static_share: Floats
    reference_objects: Floats
