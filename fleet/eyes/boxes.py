"""Boxes around objects, and how well found ones fit true ones.

A box is (x0, y0, x1, y1) in pixels of the frame, x to the right, y down, x1 and y1 behind the last
pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Kinds = NDArray[np.int8]

PERSON, VEHICLE, GAP = 0, 1, 2
KINDS = ("person", "vehicle", "gap")
"""A gap is a place on a shelf whose goods are sold out."""


class Detections(NamedTuple):
    """What a model finds in a frame, best first; fields of shape (found,) but `boxes`.

    Attributes:
        boxes: shape (found, 4), px, float32.
        scores: confidence, 0 to 1; float32.
        kinds: one of PERSON, VEHICLE, GAP; int8.
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    kinds: Kinds

    def those(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        """Return some of them: where a mask of shape (found,) says so, or at indices, in order."""
        return Detections(self.boxes[which], self.scores[which], self.kinds[which])


NOTHING = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int8))


def area(boxes: Boxes) -> NDArray[np.float32]:
    """Return the area of each box; shape (n,), px²."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    product: NDArray[np.float32] = sides[:, 0] * sides[:, 1]
    return product


def overlap(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return the area that each box of `a` shares with each of `b`; shape (a, b), px²."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared: NDArray[np.float32] = sides[..., 0] * sides[..., 1]
    return shared


def iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union of each box of `a` with each of `b`; shape (a, b)."""
    shared = overlap(a, b)
    union = area(a)[:, None] + area(b)[None, :] - shared
    ratio: NDArray[np.float32] = shared / np.maximum(union, np.float32(1e-9))
    return ratio


def best_of(detections: Detections, least_score: float, most_iou: float, most: int) -> Detections:
    """Return detections without duplicates: of boxes of a kind that overlap, the best score stays.

    Greedy non-maximum suppression, kind by kind.

    Args:
        detections: detections in any order.
        least_score: those below are dropped first.
        most_iou: two boxes of a kind that overlap more are one object.
        most: how many to return at most.
    """
    keep = np.flatnonzero(detections.scores >= least_score)
    order = keep[np.argsort(-detections.scores[keep], kind="stable")]
    boxes, kinds = detections.boxes[order], detections.kinds[order]
    same = (iou(boxes, boxes) > most_iou) & (kinds[:, None] == kinds[None, :])
    alive = np.ones(len(order), dtype=np.bool_)
    for k in range(len(order)):
        if alive[k]:
            alive[k + 1 :] &= ~same[k, k + 1 :]
    order = order[alive][:most]
    return detections.those(order)


def matched(
    detections: Detections, boxes: Boxes, kinds: Kinds, least_iou: float
) -> NDArray[np.int64]:
    """Return which true object each detection is; shape (found,), -1 for none.

    As the Pascal VOC and COCO measures do: the best score chooses first, the true object of its
    kind that it overlaps most and nobody has taken; the overlap must be `least_iou` at least.
    """
    fits = iou(detections.boxes, boxes)
    fits[detections.kinds[:, None] != kinds[None, :]] = -1.0
    of = np.full(len(detections.scores), -1, dtype=np.int64)
    if not len(kinds):
        return of
    for k in np.argsort(-detections.scores, kind="stable"):
        best = int(np.argmax(fits[k]))
        if fits[k, best] >= least_iou:
            of[k] = best
            fits[:, best] = -1.0
    return of
