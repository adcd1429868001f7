"""What a model still finds as the bitrate falls: recall, precision and AP@0.5 with intervals.

Scenes are the blocks of a bootstrap (Efron and Tibshirani, "An introduction to the bootstrap",
1993): frames of one scene are much alike, scenes are independent. Each resample draws as many
scenes as there are, with replacement, those of each stratum (such as a view) among themselves, and
every setting sees the same draws, so that differences between settings are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import tee
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints
from fleet.chance import name_hash, uniform
from fleet.errors import InputError
from fleet.eyes.boxes import KINDS, Detections
from fleet.eyes.clip import Clip, Truth
from fleet.lab.measures.accuracy import average_precision, judged, matters, precision_recall
from fleet.lab.measures.codec import Setting, encode
from fleet.lab.measures.trace import Finder

RESAMPLES = 1000
COVERED = (2.5, 97.5)
"""Percentiles between which an interval lies."""


class Marks(NamedTuple):
    """What a model found in one scene behind one setting; the first three of shape (found,).

    Attributes:
        scores: of detections that count, in any order.
        kinds: of them.
        right: whether each is of an object that is there.
        wanted: objects to be found; shape (kinds,).
        sent_bytes: of all frames.
        seconds: how long the frames last.
    """

    scores: NDArray[np.float32]
    kinds: NDArray[np.int8]
    right: NDArray[np.bool_]
    wanted: Ints
    sent_bytes: int
    seconds: float


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


class Point(NamedTuple):
    """A point of the curve.

    Attributes:
        rate_kbps: bitrate, kbit/s.
        recall: share of what is to be found that is, with the model's usual threshold.
        precision: share of what is then found that is right.
        ap: AP@0.5, mean over the kinds that are there.
    """

    rate_kbps: Estimate
    recall: Estimate
    precision: Estimate
    ap: Estimate


def mark(clip: Clip, finder: Finder, setting: Setting, *, every: int = 1) -> Marks:
    """Encode all frames of a clip and judge what a model finds in some of them.

    Args:
        clip: a scene whose truth is known.
        finder: a model; for AP it should report weak detections too.
        setting: codec.
        every: judge frame 0 and each so many frames on; frames in a row are much alike.

    Raises:
        InputError: the truth of a frame is not known.
    """
    originals, copies = tee(clip.frames())
    coded = encode((frame.pixels for frame in copies), setting, clip.rate_fps)
    sent_bytes, judged_frames = 0, []
    for number, (frame, got) in enumerate(zip(originals, coded, strict=True)):
        sent_bytes += len(got.data)
        if number % every == 0:
            if frame.truth is None:
                raise InputError(f"{clip.name}: accuracy needs a clip whose truth is known")
            (detections,) = finder.find([got.pixels])
            judged_frames.append(marks(detections, frame.truth, clip.height))
    seconds = len(clip) / clip.rate_fps
    return together(judged_frames)._replace(sent_bytes=sent_bytes, seconds=seconds)


def marks(detections: Detections, truth: Truth, height: int) -> Marks:
    """Return the marks of one frame so many px high."""
    must = matters(truth, height)
    verdict = judged(detections, truth.boxes, truth.kinds, must)
    counts, right = verdict.counts, verdict.of >= 0
    wanted = np.bincount(truth.kinds[must], minlength=len(KINDS))
    return Marks(detections.scores[counts], detections.kinds[counts], right[counts], wanted, 0, 0.0)


def together(parts: Sequence[Marks]) -> Marks:
    """Return the marks of several frames or scenes as one."""
    return Marks(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.sum([part.wanted for part in parts], axis=0),
        sum(part.sent_bytes for part in parts),
        sum(part.seconds for part in parts),
    )


def point(
    scenes: Sequence[Marks], threshold: float, *, strata: Sequence[str] | None = None,
    seed: int = 1, resamples: int = RESAMPLES,
) -> Point:  # fmt: skip
    """Return a point of the curve with intervals over scenes.

    Args:
        scenes: marks of one model behind one setting, in the same order for every setting.
        threshold: the model's usual one; recall and precision count scores from there.
        strata: of the scenes, whose mix is fixed; None if all are of one.
        seed: of the draws; with the same seed other settings see the same ones.
        resamples: of the bootstrap.
    """
    chosen = draws([""] * len(scenes) if strata is None else strata, seed, resamples)
    values = np.array([_measures(together([scenes[k] for k in row]), threshold) for row in chosen])
    return Point(
        *(
            Estimate(value, *_interval(column))
            for value, column in zip(_measures(together(scenes), threshold), values.T, strict=True)
        )
    )


def _interval(values: Floats) -> tuple[float, float]:
    """Return the interval; resamples that lack what a measure needs, such as detections, fall out.

    NaN if all do.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, COVERED)
    return float(low), float(high)


def draws(strata: Sequence[str], seed: int, resamples: int) -> Ints:
    """Return which scenes each resample takes; shape (resamples, scenes).

    Args:
        strata: of the scenes; the one drawn for a scene's place is of the same.
        seed: of the draws.
        resamples: how many.
    """
    key, scenes = np.uint64(name_hash(f"{seed}/bootstrap")), len(strata)
    chosen = np.empty((resamples, scenes), np.int64)
    for k, stratum in enumerate(strata):
        among = [n for n, other in enumerate(strata) if other == stratum]
        for row in range(resamples):
            chosen[row, k] = among[int(len(among) * uniform(key, row * scenes + k))]
    return chosen


def _measures(of: Marks, threshold: float) -> tuple[float, float, float, float]:
    """Return bitrate, recall, precision and AP."""
    precision, recall = precision_recall(of.scores, of.right, int(of.wanted.sum()), threshold)
    return of.sent_bytes * 8 / 1e3 / of.seconds, recall, precision, mean_ap(of)


def mean_ap(of: Marks) -> float:
    """Return AP@0.5, the mean over the kinds that are there; NaN if none is."""
    each = [
        average_precision(of.scores[of.kinds == k], of.right[of.kinds == k], int(n))
        for k, n in enumerate(of.wanted)
        if n
    ]
    return float(np.mean(each)) if each else float("nan")
