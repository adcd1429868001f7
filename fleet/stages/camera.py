"""How many bytes a frame takes: encoded video, metadata, and the protocol around both.

Encoded video: every `gop`-th frame is an I frame, the others are P frames. Both vary about their
measured mean by a draw of the frame; a P frame grows with what moves in view:

    P bytes = p · (static + (1 - static) · objects / reference objects) · (1 + variation · z)

Metadata: base + per object · min(objects, most objects that the model reports).

On the wire: payload + per message + ceil(payload / segment) · per segment.
"""

from __future__ import annotations

import math

from numba import njit

from fleet.chance import mix64, spread

MIN_FRAME_BYTES = 64


@njit(cache=True, error_model="numpy")
def video_bytes(
    key: int,
    frame: int,
    objects: int,
    i_bytes: float,
    p_bytes: float,
    gop: int,
    i_variation: float,
    p_variation: float,
    static_share: float,
    reference_objects: float,
) -> int:
    """Return the bytes of an encoded frame.

    Args:
        key: the sensor's size key; its hash also says where in the group of pictures it starts.
        frame: frame number.
        objects: objects in view.
        i_bytes: mean bytes of an I frame.
        p_bytes: mean bytes of a P frame with `reference_objects` in view.
        gop: frames from one I frame to the next.
        i_variation: coefficient of variation of I frames.
        p_variation: the same of P frames.
        static_share: share of a P frame's bytes that an empty scene needs too, 0..1.
        reference_objects: objects in view when `p_bytes` was measured.
    """
    start = int(mix64(key) >> 33) % gop
    z = spread(key, frame)
    if (frame + start) % gop == 0:
        size = i_bytes * (1.0 + i_variation * z)
    else:
        activity = static_share + (1.0 - static_share) * objects / reference_objects
        size = p_bytes * activity * (1.0 + p_variation * z)
    return max(MIN_FRAME_BYTES, math.floor(size + 0.5))


@njit(cache=True, error_model="numpy")
def metadata_bytes(objects: int, base: int, per_object: int, most: int) -> int:
    """Return the bytes of a metadata message about some objects, at least one."""
    return max(1, base + per_object * min(objects, most))


@njit(cache=True, error_model="numpy")
def wire_bits(payload: int, per_message: int, segment: int, per_segment: int) -> int:
    """Return the bits on the wire for a payload in bytes; overheads and segment in bytes."""
    segments = (payload + segment - 1) // segment
    return 8 * (payload + per_message + segments * per_segment)
