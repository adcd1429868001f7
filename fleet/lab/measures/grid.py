"""What a network of the "grid" family says, read as detections.

Such a network judges every cell of a grid over its input: a score for each kind of object whose
middle is about there, and the distances from the cell's centre to the four sides of its box, as in
FCOS (Tian et al., "FCOS: Fully convolutional one-stage object detection", ICCV 2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.eyes.boxes import Boxes, Detections, best_of

MOST_IOU = 0.55
"""Two boxes of a kind that overlap more are taken for one object."""

MOST_FOUND = 100
"""Detections that are kept of one picture, the best."""

_MOST_CANDIDATES = 600
"""Cells that are looked at: beyond this number duplicates are nearly all there is."""


def centres(height: int, width: int, stride: int) -> NDArray[np.float32]:
    """Return the centres (x, y) of all cells, row by row; shape (height · width, 2), px.

    Args:
        height: of the grid, in cells.
        width: of the grid, in cells.
        stride: side of a cell, in px of the input.
    """
    y, x = np.mgrid[0:height, 0:width]
    middles = np.stack([x.ravel(), y.ravel()], axis=1) + 0.5
    return (middles * stride).astype(np.float32)


def boxes_at(middles: NDArray[np.float32], distances: NDArray[np.float32]) -> Boxes:
    """Return boxes from points and the distances left, top, right and bottom of them.

    Args:
        middles: (x, y); shape (n, 2), px.
        distances: shape (n, 4), px.
    """
    return np.concatenate([middles - distances[:, :2], middles + distances[:, 2:]], axis=1)


def decode(
    scores: NDArray[np.float32], distances: NDArray[np.float32], stride: int, threshold: float
) -> Detections:
    """Return what a network of the grid family found in one picture, without duplicates.

    Args:
        scores: of each kind at each cell, 0 to 1; shape (kinds, height, width).
        distances: from the cell's centre to the left, top, right and bottom of the box; shape
            (4, height, width), px of the input.
        stride: side of a cell, in px of the input.
        threshold: lower scores are dropped.

    Returns:
        Detections with boxes in px of the input, cut at its edges.
    """
    kinds, height, width = scores.shape
    flat = scores.reshape(kinds, height * width)
    kind, cell = np.nonzero(flat >= threshold)
    score = flat[kind, cell]
    best = np.argsort(-score, kind="stable")[:_MOST_CANDIDATES]
    kind, cell, score = kind[best], cell[best], score[best]
    sides = distances.reshape(4, height * width)[:, cell].T
    boxes = boxes_at(centres(height, width, stride)[cell], sides)
    np.clip(boxes[:, 0::2], 0, width * stride, out=boxes[:, 0::2])
    np.clip(boxes[:, 1::2], 0, height * stride, out=boxes[:, 1::2])
    detections = Detections(
        boxes.astype(np.float32), score.astype(np.float32), kind.astype(np.int8)
    )
    return best_of(detections, threshold, MOST_IOU, MOST_FOUND)
