"""A camera above level ground: where points of the world stand in its picture.

World: x to the right, y up, z ahead, in metres, from the point on the ground below the camera. The
camera looks ahead and down, without roll, and has no distortion (a pinhole).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fleet.chance import name_hash, uniform
from fleet.kernel import kernel


class Lens(NamedTuple):
    """A camera's place and optics.

    Attributes:
        focal_px: focal length.
        middle_x: of the picture, px.
        middle_y: of the picture, px.
        height_m: above the ground.
        sine: of the angle by which it looks down.
        cosine: of the same.
    """

    focal_px: float
    middle_x: float
    middle_y: float
    height_m: float
    sine: float
    cosine: float


def lens(focal: float, height_m: float, slope: float, width: int, height: int) -> Lens:
    """Return a camera.

    Args:
        focal: focal length in picture widths.
        height_m: above the ground.
        slope: tangent of the angle by which it looks down.
        width: of the picture, px.
        height: of the picture, px.
    """
    long = math.sqrt(1.0 + slope * slope)
    return Lens(focal * width, width / 2, height / 2, height_m, slope / long, 1.0 / long)


def draw(key: int, name: str, low: float = 0.0, high: float = 1.0) -> float:
    """Return a uniform draw in [low, high) that belongs to a key and a name."""
    return low + (high - low) * uniform(np.uint64(key ^ name_hash(name)), 0)


def key_of(*names: object) -> int:
    """Return the key that belongs to some names and numbers."""
    return name_hash("/".join(str(name) for name in names))


@kernel
def seen_at(eye: Lens, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return where a point stands: to the right and down in px, and its depth in m."""
    depth = max(0.2, (eye.height_m - y) * eye.sine + z * eye.cosine)
    up = (y - eye.height_m) * eye.cosine + z * eye.sine
    per_m = eye.focal_px / depth
    return eye.middle_x + x * per_m, eye.middle_y - up * per_m, depth


@kernel
def wave(turns: float) -> float:
    """Return about the sine of a number of turns, to 0.0011, the same bits everywhere.

    Two parabolas and a correction of them in +, -, ×: libraries' sines differ in the last bit.
    """
    part_turn = turns - math.floor(turns + 0.5)
    bow = part_turn * (8.0 - 16.0 * abs(part_turn))
    return bow * (0.775 + 0.225 * abs(bow))


def chord(
    eye: Lens,
    start: tuple[float, float],
    along: tuple[float, float],
    y_m: float,
    margin_m: float,
    farthest_m: float,
) -> tuple[float, float]:
    """Return from where to where a straight way is in view, in m along it; (0, 0) if nowhere.

    A point (x, z) at height y is in view if |x| · focal <= middle_x · depth, and so on: all linear
    along the way, so that each edge of the picture cuts off one end of it.

    Args:
        eye: the camera.
        start: a point (x, z) of the way.
        along: direction of the way, of length 1.
        y_m: height of what moves on it.
        margin_m: how far beyond the picture's edge it still counts as in view.
        farthest_m: depth beyond which nothing counts.
    """
    (x, z), (dx, dz) = start, along
    drop = eye.height_m - y_m
    depth, ddepth = drop * eye.sine + z * eye.cosine, dz * eye.cosine
    up, dup = z * eye.sine - drop * eye.cosine, dz * eye.sine
    wide, high = eye.middle_x / eye.focal_px, eye.middle_y / eye.focal_px
    edges = (
        (x - wide * depth - margin_m, dx - wide * ddepth),
        (-x - wide * depth - margin_m, -dx - wide * ddepth),
        (up - high * depth - margin_m, dup - high * ddepth),
        (-up - high * depth - margin_m, -dup - high * ddepth),
        (depth - farthest_m, ddepth),
        (0.8 - depth, -ddepth),
    )
    first, last = -1e9, 1e9
    for at, slope in edges:  # in view where at + slope · s <= 0
        if slope > 1e-9:
            last = min(last, -at / slope)
        elif slope < -1e-9:
            first = max(first, -at / slope)
        elif at > 0:
            return 0.0, 0.0
    return (first, last) if last > first else (0.0, 0.0)
