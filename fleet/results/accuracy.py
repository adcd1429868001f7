"""How well an arm sees: from what was to be found on its frames and what was found.

With right detections R, wrong ones W and objects to be found N, summed over frames that became
results:

    recall = R / N,  precision = R / (R + W),  F1 = 2 R / (N + R + W)

The miscount is the mean over frames of |found - to be found|. Frames that became no result (skipped
or lost) answer nothing: recall of all is R over what was to be found on these too.
"""

from __future__ import annotations

from typing import Any

from fleet.engine.run import Outcome
from fleet.plan.columns import Ints
from fleet.stages.sight import (
    ANSWERED,
    LIGHTS,
    SUM_MISCOUNT,
    SUM_RIGHT,
    SUM_UNSEEN,
    SUM_WANTED,
    SUM_WRONG,
)

MEASURES = ("recall", "precision", "f1", "miscount_per_frame", "recall_of_all")


def accuracy(outcome: Outcome) -> dict[str, Any]:
    """Return the measures of an arm, over all and by light, and the catalogue's mAP of its models.

    None where no eye was measured, or nothing was to be found.
    """
    book = outcome.tally.sights.sum(axis=0)
    return {
        "map_coco": dict(outcome.plan.accuracy),
        **measures(book.sum(axis=0)),
        "by_light": {
            light: measures(counts)
            for light, counts in zip(LIGHTS, book, strict=True)
            if counts.any()
        },
    }


def measures(counts: Ints) -> dict[str, float | None]:
    """Return the measures of a row of the book of sights; shape (SIGHT_COUNTS,)."""
    wanted, right, wrong = (int(counts[c]) for c in (SUM_WANTED, SUM_RIGHT, SUM_WRONG))
    return {
        "recall": _ratio(right, wanted),
        "precision": _ratio(right, right + wrong),
        "f1": _ratio(2 * right, wanted + right + wrong),
        "miscount_per_frame": _ratio(int(counts[SUM_MISCOUNT]), int(counts[ANSWERED])),
        "recall_of_all": _ratio(right, wanted + int(counts[SUM_UNSEEN])),
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
