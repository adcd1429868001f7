"""Crops of what a first network finds: cut out, encoded each by itself, and put back in place.

A box grows by a margin on each side, is cut at the picture's edges and rounded outwards to whole
pixels. Two crops that overlap become one, around both, until none do. Each is encoded as it is and
travels with its place. Whoever gets them puts what is decoded where it was, in a picture that is
grey elsewhere: a second network sees at the scale, and in the place, for which it was trained. DDS
(Du et al., SIGCOMM 2020) shows regions to its network so, on black. Here a black ground has a
network miss a quarter of what it finds on a grey one, as each crop then has four hard edges.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.errors import InputError
from fleet.eyes.boxes import Boxes
from fleet.eyes.clip import Pixels
from fleet.eyes.crops import MOST_MARGIN_PPM, WHOLE_PPM
from fleet.lab.measures.codec import Setting, jpeg

GREY = 114
"""Of the ground, in each colour: what fills up the pictures that YOLO networks are given."""
PLACE_BYTES = 8
"""Of the place that goes with a crop: left, top, width and height of 16 bits each."""


class Pasted(NamedTuple):
    """The crops of a picture, as who gets them sees them.

    Attributes:
        crops: left, top, right and bottom of each, px; shape (crops, 4), int64.
        sizes: bytes of each with its place; shape (crops,), int64.
        area_ppm: share of the picture's pixels that they take, millionths.
        pixels: the decoded crops in their places, grey elsewhere; like the picture.
    """

    crops: Ints
    sizes: Ints
    area_ppm: int
    pixels: Pixels


def check(margin_ppm: int, how: Setting) -> None:
    """Refuse crops that nobody can cut or encode.

    Raises:
        InputError: the margin is out of range, or the codec needs pictures of one size.
    """
    if not 0 <= margin_ppm <= MOST_MARGIN_PPM:
        raise InputError(
            f"a margin of {margin_ppm / 1e4:g} % around crops; it is 0 % to"
            f" {MOST_MARGIN_PPM / 1e4:g} % of a box's side"
        )
    if how.family != "jpeg":
        raise InputError(
            f"codec '{how.name}' cannot encode crops, each of which is of another size; take JPEG,"
            " such as jpeg-q60"
        )


def rectangles(boxes: Boxes, margin_ppm: int, height: int, width: int) -> Ints:
    """Return the crops of some boxes, of which no two overlap; shape (crops, 4), px.

    Args:
        boxes: what was found; shape (found, 4), px.
        margin_ppm: added on each side, in millionths of the box's side.
        height: of the picture, px.
        width: of the picture, px.
    """
    wide = boxes.astype(np.float64)
    more = (wide[:, 2:] - wide[:, :2]) * (margin_ppm / 1e6)
    low = np.floor(np.maximum(wide[:, :2] - more, 0)).astype(np.int64)
    high = np.ceil(np.minimum(wide[:, 2:] + more, (width, height))).astype(np.int64)
    every = np.concatenate([low, high], axis=1)
    rest = every[(high > low).all(axis=1)].tolist()
    apart: list[list[int]] = []
    while rest:
        one = rest.pop()
        over = next((k for k, other in enumerate(apart) if _overlap(one, other)), None)
        if over is None:
            apart.append(one)
            continue
        other = apart.pop(over)
        rest.append([*map(min, one[:2], other[:2]), *map(max, one[2:], other[2:])])
    return np.array(sorted(apart), dtype=np.int64).reshape(-1, 4)


def _overlap(a: list[int], b: list[int]) -> bool:
    return max(a[0], b[0]) < min(a[2], b[2]) and max(a[1], b[1]) < min(a[3], b[3])


def pasted(pixels: Pixels, boxes: Boxes, margin_ppm: int, how: Setting) -> Pasted:
    """Return the crops of a picture around some boxes, through an encoder and a decoder.

    Args:
        pixels: shape (height, width, 3), uint8.
        boxes: what was found in it; shape (found, 4), px.
        margin_ppm: see `rectangles`.
        how: what encodes them; see `check`.
    """
    from PIL import Image

    height, width, _ = pixels.shape
    crops = rectangles(boxes, margin_ppm, height, width)
    canvas, sizes = np.full_like(pixels, GREY), np.zeros(len(crops), np.int64)
    for k, (left, top, right, bottom) in enumerate(crops.tolist()):
        data = jpeg(np.ascontiguousarray(pixels[top:bottom, left:right]), how.quality)
        with Image.open(io.BytesIO(data)) as picture:
            canvas[top:bottom, left:right] = np.array(picture)
        sizes[k] = len(data) + PLACE_BYTES
    taken = int(((crops[:, 2] - crops[:, 0]) * (crops[:, 3] - crops[:, 1])).sum())
    # at least a millionth: what has crops must be told from what has none
    area_ppm = max(int(taken > 0), taken * WHOLE_PPM // (width * height))
    return Pasted(crops, sizes, area_ppm, canvas)
