"""How good detections are: what counts as right, precision, recall and average precision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.eyes.boxes import Boxes, Detections, Kinds, area, matched, overlap
from fleet.eyes.clip import Truth

LEAST_SEEN = 0.3
"""Of whom less is seen, it is neither right nor wrong to find them."""

LEAST_SHARE = 0.025
"""Whose box is lower than this share of the picture's height likewise (12 px of 480); half of it
in width."""

LEAST_IOU = 0.5
"""A detection must overlap its object so well, as in Pascal VOC."""

Flags = NDArray[np.bool_]


class Verdict(NamedTuple):
    """What became of the detections of a picture; fields of shape (found,).

    Attributes:
        of: the true object that each is, -1 for none.
        counts: whether it is right or wrong; False if it lies on an object that need not be found.
    """

    of: NDArray[np.int64]
    counts: Flags


def matters(truth: Truth, height: int) -> Flags:
    """Return which objects a detector must find: seen well enough, and not too small.

    Args:
        truth: of a frame.
        height: of the frame, px.
    """
    sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
    least = LEAST_SHARE * height
    large: Flags = (sides[:, 1] >= least) & (sides[:, 0] >= 0.5 * least)
    return large & (truth.seen >= LEAST_SEEN)


def judged(
    detections: Detections, boxes: Boxes, kinds: Kinds, must: Flags, least_iou: float = LEAST_IOU
) -> Verdict:
    """Return what each detection is.

    Those that need not be found are given out after the others; a detection that lies with half of
    itself on one of them does not count, as with the crowds of COCO.

    Args:
        detections: in a picture.
        boxes: of the true objects.
        kinds: of them.
        must: which of them a detector must find.
        least_iou: that a detection and its object need.
    """
    needed, rest = np.flatnonzero(must), np.flatnonzero(~must)
    first = matched(detections, boxes[needed], kinds[needed], least_iou)
    of = np.where(first >= 0, needed[first] if len(needed) else -1, -1)
    inside = (
        overlap(detections.boxes, boxes[rest]) / np.maximum(area(detections.boxes), 1e-9)[:, None]
    )
    inside[detections.kinds[:, None] != kinds[rest][None, :]] = 0.0
    excused = (inside >= 0.5).any(axis=1) & (of < 0)
    return Verdict(of.astype(np.int64), ~excused)


def average_precision(scores: NDArray[np.float32], right: Flags, wanted: int) -> float:
    """Return the area under precision over recall; NaN if nothing is wanted.

    As Pascal VOC has done since 2010 and COCO does with finer steps: precision at a recall is the
    best at this or a higher recall.

    Args:
        scores: of detections in any order.
        right: which of them are right.
        wanted: number of true objects.
    """
    if not wanted:
        return float("nan")
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")])
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    gained = np.diff(hits, prepend=0) > 0
    return float(best[gained].sum() / wanted)


def precision_recall(
    scores: NDArray[np.float32], right: Flags, wanted: int, threshold: float
) -> tuple[float, float]:
    """Return precision and recall of detections from a score on; NaN for a share of nothing."""
    said = scores >= threshold
    hits = int((right & said).sum())
    precision = hits / int(said.sum()) if said.any() else float("nan")
    return precision, hits / wanted if wanted else float("nan")
