"""How a picture becomes the input of a network, and boxes come back to the picture.

A picture is made smaller without changing its shape and put into the upper left corner; what is
left over stays black. All of it is done in integers, so the pixels are the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.eyes.boxes import Detections
from fleet.eyes.clip import Pixels
from fleet.kernel import kernel


def scale_of(shape: tuple[int, ...], side: tuple[int, int]) -> float:
    """Return what a px of a picture of a shape is in an input of a side."""
    return min(side[0] / shape[0], side[1] / shape[1])


def fitted(pixels: Pixels, side: tuple[int, int]) -> Pixels:
    """Return a picture of another size.

    Args:
        pixels: shape (height, width, 3).
        side: height and width that are wanted.
    """
    height, width = pixels.shape[:2]
    scale = scale_of(pixels.shape, side)
    canvas = np.zeros((*side, 3), np.uint8)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    area_means(np.ascontiguousarray(pixels), canvas[:rows, :columns])
    return canvas


@kernel
def area_means(pixels: Pixels, small: Pixels) -> None:
    """Fill a picture of another size; each pixel is the mean of the area that it covers.

    Along an axis of n old and m new pixels, let an old one be m long and a new one n: then all
    edges, overlaps and sums are whole numbers.

    Args:
        pixels: shape (height, width, 3).
        small: shape (new height, new width, 3); filled.
    """
    height, width = pixels.shape[0], pixels.shape[1]
    rows, columns = small.shape[0], small.shape[1]
    whole = height * width
    if height == 2 * rows and width == 2 * columns:  # the same, four times as fast
        for y in range(rows):
            for x in range(columns):
                for c in range(3):
                    total = np.uint16(pixels[2 * y, 2 * x, c]) + pixels[2 * y, 2 * x + 1, c]
                    total += np.uint16(pixels[2 * y + 1, 2 * x, c])
                    total += np.uint16(pixels[2 * y + 1, 2 * x + 1, c])
                    small[y, x, c] = np.uint8((total + 2) >> 2)
        return
    for y in range(rows):
        top, bottom = y * height, (y + 1) * height
        for x in range(columns):
            left, right = x * width, (x + 1) * width
            red = green = blue = whole // 2
            for v in range(top // rows, (bottom - 1) // rows + 1):
                high = min(bottom, (v + 1) * rows) - max(top, v * rows)
                for u in range(left // columns, (right - 1) // columns + 1):
                    share = high * (min(right, (u + 1) * columns) - max(left, u * columns))
                    red += share * pixels[v, u, 0]
                    green += share * pixels[v, u, 1]
                    blue += share * pixels[v, u, 2]
            small[y, x, 0] = red // whole
            small[y, x, 1] = green // whole
            small[y, x, 2] = blue // whole


def in_picture(detections: Detections, scale: float, shape: tuple[int, ...]) -> Detections:
    """Return detections in px of the picture, cut at its edges; boxes outside of it go.

    Args:
        detections: with boxes in px of the network's input.
        scale: what a px of the picture is in the input.
        shape: height and width of the picture.
    """
    height, width = shape[:2]
    edges = np.array([width, height, width, height], np.float32)
    boxes: NDArray[np.float32] = np.clip(detections.boxes / np.float32(scale), 0, edges)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[seen], detections.scores[seen], detections.kinds[seen])
