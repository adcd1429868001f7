"""How a picture becomes the input of a network, and boxes come back to the picture.

A picture is made smaller without changing its shape and put into the upper left corner; what is
left over stays black. Pillow resizes in integers, so the pixels are the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fleet.eyes.boxes import Detections
from fleet.eyes.clip import Pixels


def fitted(pixels: Pixels, side: tuple[int, int]) -> tuple[Pixels, float]:
    """Return a picture of another size, and what a px of the old one is in it.

    Args:
        pixels: shape (height, width, 3).
        side: height and width that are wanted.
    """
    height, width = pixels.shape[:2]
    scale = min(side[0] / height, side[1] / width)
    if scale == 1.0 and (height, width) == side:
        return pixels, scale
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Each new pixel is the mean of those that it covers; larger ones are interpolated.
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(pixels).resize(size, how))
    canvas = np.zeros((*side, 3), np.uint8)
    canvas[: size[1], : size[0]] = small
    return canvas, scale


def in_picture(found: Detections, scale: float, shape: tuple[int, ...]) -> Detections:
    """Return detections in px of the picture, cut at its edges; boxes outside of it go.

    Args:
        found: with boxes in px of the network's input.
        scale: what a px of the picture is in the input.
        shape: height and width of the picture.
    """
    height, width = shape[:2]
    edges = np.array([width, height, width, height], np.float32)
    boxes: NDArray[np.float32] = np.clip(found.boxes / np.float32(scale), 0, edges)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[seen], found.scores[seen], found.kinds[seen])
