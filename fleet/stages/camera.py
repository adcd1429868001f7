"""How many bytes a frame takes: encoded video, metadata, pixels, and the protocol around them.

Encoded video: every `gop`-th frame is an I frame, the others are P frames. Both vary about their
measured mean by a draw of the frame; a P frame grows with what moves in view:

    P bytes = p · (static + (1 - static) · objects / reference objects) · (1 + variation · z)

where z is near normal, or exponential less 1. Where the codec was traced (`fleet.stages.sight`) the
trace says how a frame stood to the usual instead of z: the objects are the usual number then.

Metadata: base + per object · min(found, most objects that the model reports), as such or in
base64, and an envelope around it. Pixels: a whole picture, or a crop for each object found.

On the wire: payload + per message + ceil(payload / segment) · per segment.
"""

from __future__ import annotations

import math

import numpy as np

from fleet.chance import exponential, mix64, spread
from fleet.kernel import kernel, part
from fleet.stages.setup import (
    EXPONENTIAL_SIZES,
    GOP,
    I_BYTES,
    I_VARIATION,
    METADATA_BASE,
    METADATA_BASE64,
    METADATA_ENVELOPE,
    METADATA_MOST,
    METADATA_PER_OBJECT,
    P_BYTES,
    P_VARIATION,
    PIXELS_BASE,
    PIXELS_PER_OBJECT,
    REFERENCE_OBJECTS,
    SIGHT,
    STATIC_SHARE,
    TRACED_BYTES,
    Floats,
    Ints,
)
from fleet.stages.sight import I_PERMILLE, LIVE, P_PERMILLE, Sights, found

MIN_FRAME_BYTES = 64


@part
def gop_start(key: int | np.uint64, gop: int) -> int:
    """Return where in a group of pictures a sensor starts; `key` is its size key."""
    return int(mix64(key) >> 33) % gop


@part
def video_bytes(
    key: int | np.uint64,
    start: int,
    frame: int,
    objects: int,
    i_bytes: float,
    p_bytes: float,
    gop: int,
    i_variation: float,
    p_variation: float,
    static_share: float,
    reference_objects: float,
    exponential_sizes: int,
) -> int:
    """Return the bytes of an encoded frame.

    Args:
        key: the sensor's size key.
        start: number that frame 0 has in its group of pictures.
        frame: frame number.
        objects: objects in view.
        i_bytes: mean bytes of an I frame.
        p_bytes: mean bytes of a P frame with `reference_objects` in view.
        gop: frames from one I frame to the next.
        i_variation: coefficient of variation of I frames.
        p_variation: the same of P frames.
        static_share: share of a P frame's bytes that an empty scene needs too, 0..1.
        reference_objects: objects in view when `p_bytes` was measured.
        exponential_sizes: 1 if the draw is exponential, 0 if near normal.
    """
    z = exponential(key, frame) - 1.0 if exponential_sizes else spread(key, frame)
    if np.uint64(frame + start) % np.uint64(gop) == 0:
        size = i_bytes * (1.0 + i_variation * z)
    else:
        activity = static_share + (1.0 - static_share) * objects / reference_objects
        size = p_bytes * activity * (1.0 + p_variation * z)
    return max(MIN_FRAME_BYTES, math.floor(size + 0.5))


@part
def traced_bytes(
    ints: Ints, floats: Floats, sights: Sights, k: int, start: int, frame: int, row: int
) -> int:
    """Return the bytes of an encoded frame that takes over a row of a trace.

    The mean I frame, or the mean P frame with the usual objects in view, times how the row's frame
    stood to the mean. The arguments are those of `payload_of`.
    """
    if np.uint64(frame + start) % np.uint64(ints[k, GOP]) == 0:
        size = floats[k, I_BYTES] * (0.001 * sights.rows[row, I_PERMILLE])
    else:
        usual = sights.usual[ints[k, SIGHT]] / floats[k, REFERENCE_OBJECTS]
        activity = floats[k, STATIC_SHARE] + (1.0 - floats[k, STATIC_SHARE]) * usual
        size = floats[k, P_BYTES] * activity * (0.001 * sights.rows[row, P_PERMILLE])
    return int(max(MIN_FRAME_BYTES, math.floor(size + 0.5)))


@part
def metadata_bytes(objects: int, base: int, per_object: int, base64: int, envelope: int) -> int:
    """Return the bytes of a message about some objects; 0 if all sizes are 0."""
    content = base + per_object * objects
    return envelope + (4 * ((content + 2) // 3) if base64 else content)


@part
def message_part(ints: Ints, k: int, objects: int) -> int:
    """Return the bytes of metadata that setup `k` sends about some objects."""
    return metadata_bytes(
        min(objects, ints[k, METADATA_MOST]), ints[k, METADATA_BASE],
        ints[k, METADATA_PER_OBJECT], ints[k, METADATA_BASE64], ints[k, METADATA_ENVELOPE],
    )  # fmt: skip


@part
def metadata_part(payload: int, message: int) -> int:
    """Return how many of the bytes sent are no pixels: a frame without any is one byte at least."""
    return payload if payload <= max(message, 1) else message


@part
def payload_of(
    ints: Ints, floats: Floats, sights: Sights, k: int, key: int | np.uint64, start: int,
    frame: int, objects: int, row: int,
) -> int:  # fmt: skip
    """Return the bytes that setup `k` sends of a frame, at least one.

    Args:
        ints: table of setups, integers.
        floats: table of setups, numbers.
        sights: the traces of what eyes see.
        k: row of both tables.
        key: the sensor's size key.
        start: `gop_start` of it.
        frame: frame number.
        objects: objects in view.
        row: what the eye sees of it, a row of the traces or UNSEEN.
    """
    told = found(sights.rows, row, objects)
    size = message_part(ints, k, told) + ints[k, PIXELS_BASE]
    size += ints[k, PIXELS_PER_OBJECT] * min(told, ints[k, METADATA_MOST])
    if 0 <= row < LIVE and ints[k, TRACED_BYTES] == 1:
        size += traced_bytes(ints, floats, sights, k, start, frame, row)
    elif floats[k, I_BYTES] > 0.0:
        size += video_bytes(
            key, start, frame, objects, floats[k, I_BYTES], floats[k, P_BYTES], ints[k, GOP],
            floats[k, I_VARIATION], floats[k, P_VARIATION], floats[k, STATIC_SHARE],
            floats[k, REFERENCE_OBJECTS], ints[k, EXPONENTIAL_SIZES],
        )  # fmt: skip
    return int(max(1, size))


@kernel
def payload_bytes(
    ints: Ints, floats: Floats, sights: Sights, k: int, key: int | np.uint64, frame: int,
    objects: int, row: int,
) -> int:  # fmt: skip
    """Return what `payload_of` does, for one frame."""
    start = gop_start(key, ints[k, GOP])
    return payload_of(ints, floats, sights, k, key, start, frame, objects, row)


@part
def wire_bits(payload: int, per_message: int, segment: int, per_segment: int) -> int:
    """Return the bits on the wire for a payload in bytes; overheads and segment in bytes."""
    segments = int(np.uint64(payload + segment - 1) // np.uint64(segment))
    return 8 * (payload + per_message + segments * per_segment)
