"""How well an arm sees: from what was to be found on its frames and what was found.

With right detections R, wrong ones W and objects to be found N, summed over answered frames: those
that became results, and those that a publishing rule held back, as the sensor knows what is on
them:

    recall = R / N,  precision = R / (R + W),  F1 = 2 R / (N + R + W)

The miscount is the mean over frames of |found - to be found|. Frames that were skipped or lost
answer nothing: recall of all is R over what was to be found on these too. A sensor counts by its
time, not by its frames (`_by_time`).

Which frames are answered is the arm's own doing. With all frames alike (`frames_alike`), those that
were answered in a group and light stand for all that were captured there; a group and light without
any is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model.books import CAPTURED
from fleet.model.sight import (
    ANSWERED,
    LIGHTS,
    SUM_MISCOUNT,
    SUM_RIGHT,
    SUM_UNSEEN,
    SUM_WANTED,
    SUM_WRONG,
    UNANSWERED,
)
from fleet.plan.plan import Plan
from fleet.plan.standins import StandIn
from fleet.results.metric import OBJECTS, SHARE, Better, Metric, Numbers, Over, Section, part
from fleet.results.scenes import Measures, interval, without_each
from fleet.results.setups import setups_over_time
from fleet.running.run import Outcome

MEASURES = ("recall", "precision", "f1", "miscount_per_frame", "recall_of_all")
_MOST = {"miscount_per_frame": math.inf}


def _why(arm: Numbers) -> str:
    known = arm["accuracy"]["by_light"]
    return "nothing was to be found" if known else "nobody measured what its networks see"


def _metric(measure: str, meaning: str, label: str = "", of: str = "", within: str = "") -> Metric:
    """Return the metric of a measure; `within` says of which frames, if it is in a part of them."""
    miscount = measure == "miscount_per_frame"
    group = "" if within else f"accuracy.by_group.{{}}.{measure}"
    return Metric(
        f"accuracy.{within}{measure}", OBJECTS if miscount else SHARE, meaning,
        Better.LESS if miscount else Better.MORE, Section.EYES if label else None, label, of,
        apart_from="accuracy.recall" if within else "", compared=Over.SCENES, group=group,
        why=_why,
    )  # fmt: skip


_ALIKE = "with all frames of a group and light alike"
_METRICS = (
    _metric(
        "recall", "Share of what was to be found on answered frames that was found",
        "recall in answered frames", "found",
    ),
    _metric("recall", f"Recall, {_ALIKE}", "recall, frames alike", "found", "frames_alike."),
    _metric(
        "recall_of_all", "Share of what was to be found on all frames that was found",
        "recall in all frames", "found",
    ),
    _metric("precision", "Share of what was found that was there", "precision", "right"),
    _metric(
        "miscount_per_frame", "Objects reported too many or too few on a frame",
        "miscount of a frame",
    ),
    _metric("f1", "Harmonic mean of recall and precision"),
    _metric("precision", f"Precision, {_ALIKE}", within="frames_alike."),
    _metric("miscount_per_frame", f"Miscount of a frame, {_ALIKE}", within="frames_alike."),
    _metric("f1", f"F1, {_ALIKE}", within="frames_alike."),
)  # fmt: skip


@part("stand_ins")
def stand_ins(outcome: Outcome) -> list[dict[str, Any]]:
    """Return which measured network stands for each model, why, and in which groups.

    `eye` is None, and accuracy not known, where nobody does; `map_apart` is the published mAP of
    the network less that of the model. Empty if nobody was to see.
    """
    plan = outcome.plan
    if not plan.eyes.stand_ins:
        return []
    sensors, setups = setups_over_time(outcome)
    of: dict[StandIn, list[str]] = {}
    for setup, group in sorted(
        set(zip(setups.tolist(), plan.sensors.group_of[sensors].tolist(), strict=True))
    ):
        of.setdefault(plan.eyes.stand_ins[setup], []).append(plan.sensors.group_names[group])
    return [
        {**stand_in._asdict(), "eye": stand_in.eye or None, "groups": list(dict.fromkeys(names))}
        for stand_in, names in of.items()
    ]


@part("accuracy", *_METRICS)
def accuracy(outcome: Outcome) -> dict[str, Any]:
    """Return the measures of an arm, over all, by light and group, and its models' mAP on COCO.

    None where no eye was measured, or nothing was to be found. `ci95` are intervals over the scenes
    in which it was measured (`fleet.results.scenes`), `without_scene` what they are made of.
    """
    book = _by_time(outcome)
    scenes = outcome.plan.eyes.scenes
    return {
        "map_coco": dict(outcome.plan.notes.accuracy),
        **_known(book, scenes, _pooled),
        "frames_alike": _known(book, scenes, _frames_alike),
        "by_light": {
            light: _known(book[:, [k]], scenes, _pooled)
            for k, light in enumerate(LIGHTS)
            if book[:, k].any()
        },
        "by_group": {
            group: _known(book[[g]], scenes, _pooled)
            for g, group in enumerate(outcome.plan.sensors.group_names)
            if book[g].any()
        },
    }


def _by_time(outcome: Outcome) -> Floats:
    """Return the book of sights with each sensor counted by its time, not by its frames."""
    plan, captured = outcome.plan, outcome.tally.sensors[:, CAPTURED]
    groups = len(plan.sensors.group_names)
    frames = np.bincount(plan.sensors.group_of, captured, groups).astype(np.float64)
    book: Floats = outcome.tally.sights * _weights(plan, frames)[:, None, None, None]
    return book


def _weights(plan: Plan, captured: Floats) -> Floats:
    """Return by what the counts of each group are multiplied; shape (groups,).

    Else groups with many frames a second would count for more, and for less in an arm that takes
    fewer. The counts of a group are divided by the frames that a sensor of it captures, over that
    of the slowest group.
    """
    sensors = np.maximum(np.bincount(plan.sensors.group_of, minlength=len(captured)), 1)
    each = captured / sensors
    there = each > 0
    weight: Floats = np.where(
        there, each[there].min(initial=np.inf) / np.where(there, each, 1.0), 0.0
    )
    return weight


def recall_of(plan: Plan, captured: Ints, sights: Ints) -> float | None:
    """Return the recall of a part of a run, as `accuracy` has it of the whole.

    Args:
        plan: the plan.
        captured: frames by group.
        sights: the book of sights by group; shape (groups, SIGHT_COUNTS).
    """
    weight = _weights(plan, captured.astype(np.float64))
    counts: Floats = (sights * weight[:, None]).sum(axis=0)
    return measures(counts)["recall"]


def _known(
    book: Floats, scenes: Sequence[tuple[str, str]], of: Callable[[Floats], Measures]
) -> dict[str, Any]:
    """Return the measures of a book of sights and how well they are known."""
    measured, without = of(book.sum(axis=2)), without_each(book, scenes, of)
    return {
        **measured,
        "ci95": {
            name: interval(measured[name], without, name, most=_MOST.get(name, 1.0))
            for name in measured
        },
        "without_scene": without,
    }


def _pooled(book: Floats) -> Measures:
    return measures(book.sum(axis=(0, 1)))


def _frames_alike(book: Floats) -> Measures:
    """Return the measures with the weight of each group and light that its captured frames have."""
    answered = book[..., ANSWERED]
    captured = answered + book[..., UNANSWERED]
    weight = np.divide(captured, answered, out=np.zeros(answered.shape), where=answered > 0)
    values = measures((book * weight[..., None]).sum(axis=(0, 1)))
    return {name: values[name] for name in MEASURES if name != "recall_of_all"}


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
