"""How well an arm sees: from what was to be found on its frames and what was found.

With right detections R, wrong ones W and objects to be found N, summed over answered frames: those
that became results, and those that a publishing rule held back, as the sensor knows what is on
them:

    recall = R / N,  precision = R / (R + W),  F1 = 2 R / (N + R + W)

The miscount is the mean over frames of |found - to be found|. Frames that were skipped or lost
answer nothing: recall of all is R over what was to be found on these too.

Which frames are answered is the arm's own doing. With all frames alike (`frames_alike`), those that
were answered in a group and light stand for all that were captured there; a group and light without
any is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fleet.engine.run import Outcome
from fleet.plan.columns import Floats, Ints
from fleet.stages.sight import (
    ANSWERED,
    LIGHTS,
    SUM_MISCOUNT,
    SUM_RIGHT,
    SUM_UNSEEN,
    SUM_WANTED,
    SUM_WRONG,
    UNANSWERED,
)

MEASURES = ("recall", "precision", "f1", "miscount_per_frame", "recall_of_all")


def accuracy(outcome: Outcome) -> dict[str, Any]:
    """Return the measures of an arm, over all, by light and group, and its models' mAP on COCO.

    None where no eye was measured, or nothing was to be found.
    """
    book, groups = outcome.tally.sights, outcome.plan.group_names
    return {
        "map_coco": dict(outcome.plan.accuracy),
        **measures(book.sum(axis=(0, 1))),
        "frames_alike": _frames_alike(book),
        "by_light": _apart(LIGHTS, book.sum(axis=0)),
        "by_group": _apart(groups, book.sum(axis=1)),
    }


def _apart(names: Sequence[str], books: Ints) -> dict[str, dict[str, float | None]]:
    return {n: measures(book) for n, book in zip(names, books, strict=True) if book.any()}


def _frames_alike(book: Ints) -> dict[str, float | None]:
    """Return the measures with the weight of each group and light that its captured frames have."""
    answered = book[..., ANSWERED]
    captured = answered + book[..., UNANSWERED]
    weight = np.divide(captured, answered, out=np.zeros(answered.shape), where=answered > 0)
    found = measures((book * weight[..., None]).sum(axis=(0, 1)))
    return {name: found[name] for name in MEASURES if name != "recall_of_all"}


def measures(counts: Ints | Floats) -> dict[str, float | None]:
    """Return the measures of a row of the book of sights; shape (SIGHT_COUNTS,)."""
    wanted, right, wrong = (counts[c].item() for c in (SUM_WANTED, SUM_RIGHT, SUM_WRONG))
    answered = counts[ANSWERED].item() if wanted + right + wrong else 0
    return {
        "recall": _ratio(right, wanted),
        "precision": _ratio(right, right + wrong if wanted else 0),
        "f1": _ratio(2 * right, wanted + right + wrong if wanted else 0),
        "miscount_per_frame": _ratio(counts[SUM_MISCOUNT].item(), answered),
        "recall_of_all": _ratio(right, wanted + counts[SUM_UNSEEN].item()),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
