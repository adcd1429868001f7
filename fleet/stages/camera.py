"""How many bytes a frame takes: encoded video, metadata, pixels, and the protocol around them.

Encoded video: every `gop`-th frame is an I frame, the others are P frames. Both vary about their
measured mean by a draw of the frame; a P frame grows with what moves in view:

    P bytes = p · (static + (1 - static) · objects / reference objects) · (1 + variation · z)

where z is near normal, or exponential less 1.

Metadata: base + per object · min(objects, most objects that the model reports), as such or in
base64, and an envelope around it. Pixels: a whole picture, or a crop for each object.

On the wire: payload + per message + ceil(payload / segment) · per segment.
"""

from __future__ import annotations

import math

from numba import njit

from fleet.chance import exponential, mix64, spread
from fleet.stages.setup import Setups

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
    exponential_sizes: int,
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
        exponential_sizes: 1 if the draw is exponential, 0 if near normal.
    """
    start = int(mix64(key) >> 33) % gop
    z = exponential(key, frame) - 1.0 if exponential_sizes else spread(key, frame)
    if (frame + start) % gop == 0:
        size = i_bytes * (1.0 + i_variation * z)
    else:
        activity = static_share + (1.0 - static_share) * objects / reference_objects
        size = p_bytes * activity * (1.0 + p_variation * z)
    return max(MIN_FRAME_BYTES, math.floor(size + 0.5))


@njit(cache=True, error_model="numpy")
def metadata_bytes(objects: int, base: int, per_object: int, base64: int, envelope: int) -> int:
    """Return the bytes of a message about some objects; 0 if all sizes are 0."""
    content = base + per_object * objects
    return envelope + (4 * ((content + 2) // 3) if base64 else content)


@njit(cache=True, error_model="numpy")
def message_part(setups: Setups, k: int, objects: int) -> int:
    """Return the bytes of metadata that setup `k` sends about some objects."""
    return metadata_bytes(
        min(objects, setups.metadata_most[k]), setups.metadata_base[k],
        setups.metadata_per_object[k], setups.metadata_base64[k], setups.metadata_envelope[k],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def payload_of(
    key: int, frame: int, objects: int, most: int, base: int, per_object: int, base64: int,
    envelope: int, pixels: int, crop: int, i_bytes: float, p_bytes: float, gop: int,
    i_variation: float, p_variation: float, static_share: float, reference_objects: float,
    exponential_sizes: int,
) -> int:  # fmt: skip
    """Return the bytes that are sent of a frame, at least one; sizes as in `Setups`.

    Takes numbers, not the table: handing on a tuple of arrays costs a kernel more than all else.
    """
    seen = min(objects, most)
    size = metadata_bytes(seen, base, per_object, base64, envelope) + pixels + crop * seen
    if i_bytes > 0.0:
        size += video_bytes(
            key, frame, objects, i_bytes, p_bytes, gop, i_variation, p_variation, static_share,
            reference_objects, exponential_sizes,
        )  # fmt: skip
    return int(max(1, size))


def payload_bytes(setups: Setups, k: int, key: int, frame: int, objects: int) -> int:
    """Return the bytes that setup `k` sends of a frame, at least one.

    Args:
        setups: the setup table.
        k: row of the table.
        key: the sensor's size key.
        frame: frame number.
        objects: objects in view.
    """
    return payload_of(
        key, frame, objects, setups.metadata_most[k], setups.metadata_base[k],
        setups.metadata_per_object[k], setups.metadata_base64[k], setups.metadata_envelope[k],
        setups.pixels_base[k], setups.pixels_per_object[k], setups.i_bytes[k], setups.p_bytes[k],
        setups.gop[k], setups.i_variation[k], setups.p_variation[k], setups.static_share[k],
        setups.reference_objects[k], setups.exponential_sizes[k],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def wire_bits(payload: int, per_message: int, segment: int, per_segment: int) -> int:
    """Return the bits on the wire for a payload in bytes; overheads and segment in bytes."""
    segments = (payload + segment - 1) // segment
    return 8 * (payload + per_message + segments * per_segment)
