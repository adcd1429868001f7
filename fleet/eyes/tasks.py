"""How well a use is served by what a network finds: visitors counted, gaps reported, places mapped.

A task is measured on a scene whose truth is known, from all its frames or from every nth: to an arm
that answers fewer frames it is as if its camera were slower.

- **Visitors.** A tracker (`fleet.eyes.tracker`) follows what is found; a track that is confirmed
  counts somebody. Of each true visitor it is told how often it was counted: who was counted 0 times
  was missed, who was counted twice was lost and taken for another. A track that is confirmed where
  nobody is counts for nobody.
- **Gaps.** A place on a shelf sells out at some moment; it is reported when it has been found in
  `CONFIRMED_AFTER` frames in a row. People in front of the shelf, and gaps that the network does
  not know for one, delay it.
- **Places.** What is found is added up on a grid of `GRID` cells over the picture, by the middle of
  each box, and compared with where people truly were: the error of the map is the sum over cells of
  |found - true|, divided by the sum of true.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.eyes.accuracy import matters
from fleet.eyes.boxes import GAP, PERSON, Boxes, Detections, matched
from fleet.eyes.clip import Truth
from fleet.eyes.tracker import NOBODY, Tracker

Ints = NDArray[np.int64]

TASKS = ("visitors", "gaps", "places")
CONFIRMED_AFTER = 3
"""Frames in a row in which a gap must be found before it is reported."""
TIMES = 4
"""A visitor is counted 0, 1, 2 times, or more."""
SETTLED_S = 15.0
"""Visitors who come in the last seconds of a scene are left out: they may yet be counted."""
DELAYS_S = (0.5, 1, 2, 3, 5, 10, 20, 30)
"""A gap is reported within so many seconds or not; a scene must go on for so long after it."""
GRID = (8, 6)
"""Cells of a map along the width and the height of the picture."""
ON_IOU = 0.3
"""Least overlap of what is found with what it is: to count somebody, it need not fit closely."""


class Seen(NamedTuple):
    """A frame: what is in it and what a network found."""

    truth: Truth
    found: Detections


class Visits(NamedTuple):
    """How visitors were counted.

    Attributes:
        times: visitors who were counted 0, 1, 2 times, or more; shape (TIMES,).
        nobody: tracks of nobody.
        seconds: in which they came up.
    """

    times: Ints
    nobody: int
    seconds: float


def visits(frames: Sequence[Seen], rate_fps: float, threshold: float, every: int = 1) -> Visits:
    """Return how often a tracker counts each visitor of a scene.

    Args:
        frames: of the scene, in order.
        rate_fps: frames a second.
        threshold: least score of what is found.
        every: the tracker sees every so many of them.
    """
    tracker = Tracker.at(rate_fps / every, threshold)
    counted: list[int] = []
    for seen in frames[::every]:
        before = tracker.confirmed
        found = _moving(seen.found)
        who = tracker.step(found)
        of = identities(found, seen.truth)
        counted += of[who >= before].tolist()
    times = np.bincount([i for i in counted if i != NOBODY], minlength=1)
    came = _newcomers(frames, len(frames) - round(SETTLED_S * rate_fps))
    each = np.array([times[i] if i < len(times) else 0 for i in came], dtype=np.int64)
    return Visits(
        np.bincount(np.minimum(each, TIMES - 1), minlength=TIMES), counted.count(NOBODY),
        len(frames) / rate_fps,
    )  # fmt: skip


def _moving(found: Detections) -> Detections:
    moves = found.kinds != GAP
    return Detections(found.boxes[moves], found.scores[moves], found.kinds[moves])


def identities(found: Detections, truth: Truth) -> Ints:
    """Return the identity of the object on which each detection lies, NOBODY for none."""
    of = matched(found, truth.boxes, truth.kinds, ON_IOU)
    known = np.append(truth.identities, NOBODY)  # -1 takes the last
    whose: Ints = known[of].astype(np.int64)
    return whose


def _newcomers(frames: Sequence[Seen], until: int) -> list[int]:
    """Return who comes into view after the first frame and before another."""
    there, came = _movers(frames[0].truth), set[int]()
    for seen in frames[1 : max(1, until)]:
        came |= _movers(seen.truth) - there
    return sorted(came)


def _movers(truth: Truth) -> set[int]:
    return set(truth.identities[truth.kinds != GAP].tolist())


class Reports(NamedTuple):
    """How soon gaps were reported.

    Attributes:
        gaps: moments at which one opened.
        within: of these, reported within each of DELAYS_S; shape (len(DELAYS_S),).
    """

    gaps: int
    within: Ints


def reports(frames: Sequence[Seen], height: int, rate_fps: float, every: int = 1) -> Reports:
    """Return how soon gaps are reported that open at each full second.

    Gaps that are never seen well enough in the scene, or are too small, are left out.

    Args:
        frames: of the scene, in order.
        height: of a frame, px.
        rate_fps: frames a second.
        every: the network sees every so many of them.
    """
    hits = _hits(frames, height)
    last = len(frames) - round(DELAYS_S[-1] * rate_fps)
    waits = []
    for first, row in hits:
        alert = _confirmed(row[::every]) * every
        for opens in range(0, max(0, last), max(1, round(rate_fps))):
            if opens >= first:  # the next frame from which the run counts, then its end
                start = -(-opens // every)
                waits.append((alert[start] - opens) / rate_fps)
    delays = np.array(waits)
    return Reports(len(delays), np.array([(delays <= d).sum() for d in DELAYS_S], dtype=np.int64))


def _hits(frames: Sequence[Seen], height: int) -> list[tuple[int, NDArray[np.bool_]]]:
    """Return (first frame, whether it is found in each) of each gap that is to be found."""
    found: dict[int, NDArray[np.bool_]] = {}
    first: dict[int, int] = {}
    must: set[int] = set()
    for k, (truth, detections) in enumerate(frames):
        is_gap = truth.kinds == GAP
        must |= set(truth.identities[is_gap & matters(truth, height)].tolist())
        for gap in truth.identities[is_gap].tolist():
            first.setdefault(gap, k)
            found.setdefault(gap, np.zeros(len(frames), dtype=np.bool_))
        for gap in set(identities(detections, truth).tolist()) & set(found):
            found[gap][k] = True
    return [(first[gap], found[gap]) for gap in sorted(must)]


def _confirmed(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return, for each frame, the end of the first run of hits that begins there or later.

    The frames before a gap opens tell nothing of it, so a run counts from the frame that is asked
    about. Infinite if there is none; one more than the hits, for what opens after the last.
    """
    run = CONFIRMED_AFTER
    ends = np.full(len(hits) + 1, np.inf)
    for k in range(len(hits) - run, -1, -1):
        ends[k] = k + run - 1 if hits[k : k + run].all() else ends[k + 1]
    return ends


def map_error(frames: Sequence[Seen], width: int, height: int, every: int = 1) -> float:
    """Return the error of the map of where people were; NaN if nobody was.

    Args:
        frames: of the scene, in order.
        width: of a frame, px.
        height: of a frame, px.
        every: the network sees every so many of them, and so does the truth: a map of hours has
            frames enough, and a scene of seconds would tell the chance of a few.
    """
    true = np.zeros(GRID[0] * GRID[1])
    found = np.zeros_like(true)
    for seen in frames[::every]:
        _add(true, seen.truth.boxes[seen.truth.kinds == PERSON], width, height)
        _add(found, seen.found.boxes[seen.found.kinds == PERSON], width, height)
    return float(np.abs(found - true).sum() / true.sum()) if true.any() else float("nan")


def _add(cells: NDArray[np.float64], boxes: Boxes, width: int, height: int) -> None:
    """Add the middles of boxes to the cells of a map, in place."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    column = np.clip(x * GRID[0] / width, 0, GRID[0] - 1).astype(np.int64)
    row = np.clip(y * GRID[1] / height, 0, GRID[1] - 1).astype(np.int64)
    np.add.at(cells, row * GRID[0] + column, 1.0)
