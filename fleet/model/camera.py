"""How many bytes a frame takes: encoded video, metadata, pixels, and the protocol around them.

Encoded video: every `gop`-th frame is an I frame, the others are P frames. What both take in the
mean follows from the light, and for a P frame from what moves in view (`fleet.plan.video`), which
takes no more than a picture of its own would:

    I bytes = i(light) · (1 + variation · z)
    P bytes = min(still(light) + moving(light) · objects, i(light)) · (1 + variation · z)

by a draw z of the frame: near normal, or exponential less 1. Where the codec was traced
(`fleet.model.sight`) a frame differs from the mean as the row's frame did from that of its bucket:
an I frame in proportion, a P frame by as much of a mean I frame.

Metadata: base + per object · min(found, most objects that the model reports), as such or in
base64, and an envelope around it. Pixels: a whole picture, or a crop for each object found.

On the wire: payload + per message + ceil(payload / segment) · per segment.
"""

from __future__ import annotations

import math

import numpy as np

from fleet.chance import exponential, mix64, spread
from fleet.kernel import inlined, kernel
from fleet.model.setup import Setups
from fleet.model.sight import I_PPM, LIVE, P_PPM, Sights, found, light_of

MIN_FRAME_BYTES = 64


@inlined
def gop_start(key: int | np.uint64, gop: int) -> int:
    """Return where in a group of pictures a sensor starts; `key` is its size key."""
    return int(mix64(key) >> 33) % gop


@inlined
def video_bytes(
    setups: Setups, sights: Sights, k: int, key: int | np.uint64, start: int,
    frame: int, objects: int, row: int,
) -> int:  # fmt: skip
    """Return the bytes of an encoded frame; the arguments are those of `payload_of`."""
    light = light_of(sights.rows, row)
    is_intra = np.uint64(frame + start) % np.uint64(setups.gop[k]) == 0
    size, i_mean = setups.i_bytes[k, light], setups.i_bytes[k, light]
    if not is_intra:
        size = min(i_mean, setups.still_bytes[k, light] + setups.moving_bytes[k, light] * objects)
    if 0 <= row < LIVE and setups.traced_bytes[k] == 1:
        size += i_mean * (1e-6 * sights.rows[row, I_PPM if is_intra else P_PPM])
    else:
        z = exponential(key, frame) - 1.0 if setups.exponential_sizes[k] else spread(key, frame)
        size *= 1.0 + (setups.i_variation[k] if is_intra else setups.p_variation[k]) * z
    return int(max(MIN_FRAME_BYTES, math.floor(size + 0.5)))


@inlined
def metadata_bytes(objects: int, base: int, per_object: int, base64: int, envelope: int) -> int:
    """Return the bytes of a message about some objects; 0 if all sizes are 0."""
    content = base + per_object * objects
    return envelope + (4 * ((content + 2) // 3) if base64 else content)


@inlined
def message_part(setups: Setups, k: int, objects: int) -> int:
    """Return the bytes of metadata that setup `k` sends about some objects."""
    return metadata_bytes(
        min(objects, setups.metadata_most[k]), setups.metadata_base[k],
        setups.metadata_per_object[k], setups.metadata_base64[k], setups.metadata_envelope[k],
    )  # fmt: skip


@inlined
def metadata_part(payload: int, message: int) -> int:
    """Return how many of the bytes sent are no pixels: a frame without any is one byte at least."""
    return payload if payload <= max(message, 1) else message


@inlined
def payload_of(
    setups: Setups, sights: Sights, k: int, key: int | np.uint64, start: int,
    frame: int, objects: int, row: int,
) -> int:  # fmt: skip
    """Return the bytes that setup `k` sends of a frame, at least one.

    Args:
        setups: table of setups.
        sights: the traces of what eyes see.
        k: row of it.
        key: the sensor's size key.
        start: `gop_start` of it.
        frame: frame number.
        objects: objects in view.
        row: what the eye sees of it: a row of the traces, what was found live, or `unseen`.
    """
    told = found(sights.rows, row, objects)
    size = message_part(setups, k, told) + setups.pixels_base[k]
    size += setups.pixels_per_object[k] * min(told, setups.metadata_most[k])
    if setups.i_bytes[k, 0] > 0.0:
        size += video_bytes(setups, sights, k, key, start, frame, objects, row)
    return int(max(1, size))


@kernel
def payload_bytes(
    setups: Setups, sights: Sights, k: int, key: int | np.uint64, frame: int,
    objects: int, row: int,
) -> int:  # fmt: skip
    """Return what `payload_of` does, for one frame."""
    start = gop_start(key, setups.gop[k])
    return payload_of(setups, sights, k, key, start, frame, objects, row)


@inlined
def wire_bits(payload: int, per_message: int, segment: int, per_segment: int) -> int:
    """Return the bits on the wire for a payload in bytes; overheads and segment in bytes."""
    segments = int(np.uint64(payload + segment - 1) // np.uint64(segment))
    return 8 * (payload + per_message + segments * per_segment)
