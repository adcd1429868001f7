"""How well a task is done with what networks find: visitors counted, gaps reported, places mapped.

A task is measured on a scene whose truth is known, from all its frames or from every nth: to an arm
that answers fewer frames it is as if its camera were slower.

- **Visitors, vehicles.** A tracker (`fleet.lab.measures.tracker`) follows what is found; a track
  that is confirmed counts somebody. Of each true visitor it is told how often it was counted: who
  was counted 0 times was missed, who was counted twice was lost and taken for another. A track that
  is confirmed where nobody is counts for nobody.
- **Gaps.** A place on a shelf sells out at some moment; it is reported when it has been found in
  `CONFIRMED_AFTER` frames in a row. People in front of the shelf, and gaps that the network does
  not know for one, delay it.
- **Places.** What is found is added up on a grid of `GRID` cells over the picture, by the middle of
  each box, and compared with where people truly were: the error of the map is the sum over cells of
  |found - true|, divided by the sum of true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.eyes.boxes import GAP, PERSON, Boxes, Detections, matched
from fleet.eyes.clip import Truth
from fleet.eyes.task_names import DELAYS_S, TIMES
from fleet.lab.measures.accuracy import matters
from fleet.lab.measures.tracker import NOBODY, Tracker

CONFIRMED_AFTER = 3
"""Frames in a row in which a gap must be found before it is reported."""
SETTLED_S = 15.0
"""Visitors who come in the last seconds of a scene are left out: they may yet be counted."""
BEGUN_S = 3.0
"""What is counted in an empty scene in its first seconds is left out: it happens once only."""
GRID = (8, 6)
"""Cells of a map along the width and the height of the picture."""
ON_IOU = 0.3
"""Least overlap of what is found with what it is: to count somebody, it need not fit closely."""


class Seen(NamedTuple):
    """A frame: what is in it and what a network found."""

    truth: Truth
    found: Detections


class Visits(NamedTuple):
    """How the visitors of a scene were counted.

    Attributes:
        times: visitors who were counted 0, 1, 2 times, or more; shape (TIMES,).
        passed: visitors in the scene, those included that are left out of `times`.
        nobody: counted where nobody was.
    """

    times: Ints
    passed: int
    nobody: int


def visits(
    frames: Sequence[Seen], rate_fps: float, threshold: float, kind: int, every: int = 1
) -> Visits:
    """Return how often a tracker counts each visitor of a scene.

    Args:
        frames: of the scene, in order.
        rate_fps: frames a second.
        threshold: least score of what is found.
        kind: of the visitors, PERSON or VEHICLE.
        every: the tracker sees every so many of them.
    """
    counted = [who for _, who in _counted(frames, rate_fps, threshold, kind, every)]
    times = np.bincount([who for who in counted if who != NOBODY], minlength=1)
    came = _newcomers(frames, kind, len(frames) - round(SETTLED_S * rate_fps))
    each = np.array([times[i] if i < len(times) else 0 for i in came], dtype=np.int64)
    passed = set[int]().union(*(_there(seen.truth, kind) for seen in frames))
    return Visits(
        np.bincount(np.minimum(each, TIMES - 1), minlength=TIMES), len(passed),
        counted.count(NOBODY),
    )  # fmt: skip


def ghosts(
    frames: Sequence[Seen], rate_fps: float, threshold: float, kind: int, every: int = 1
) -> int:
    """Return how many visitors a tracker counts in an empty scene after its first BEGUN_S."""
    counted = _counted(frames, rate_fps, threshold, kind, every)
    return sum(k >= BEGUN_S * rate_fps for k, _ in counted)


def _counted(
    frames: Sequence[Seen], rate_fps: float, threshold: float, kind: int, every: int
) -> Iterator[tuple[int, int]]:
    """Yield (number of the frame, identity or NOBODY) of everybody counted."""
    tracker = Tracker.at(rate_fps / every, threshold)
    for k in range(0, len(frames), every):
        before, detections = tracker.confirmed, frames[k].found
        detections = detections.those(detections.kinds == kind)
        who = tracker.step(detections)
        for identity in identities(detections, frames[k].truth)[who >= before].tolist():
            yield k, identity


def identities(detections: Detections, truth: Truth) -> Ints:
    """Return the identity of the object on which each detection lies, NOBODY for none."""
    of = matched(detections, truth.boxes, truth.kinds, ON_IOU)
    known = np.append(truth.identities, NOBODY)  # -1 takes the last
    whose: Ints = known[of].astype(np.int64)
    return whose


def _newcomers(frames: Sequence[Seen], kind: int, until: int) -> list[int]:
    """Return who comes into view after the first frame and before another."""
    there, came = _there(frames[0].truth, kind), set[int]()
    for seen in frames[1 : max(1, until)]:
        came |= _there(seen.truth, kind) - there
    return sorted(came)


def _there(truth: Truth, kind: int) -> set[int]:
    return set(truth.identities[truth.kinds == kind].tolist())


class Reports(NamedTuple):
    """How soon gaps were reported.

    Attributes:
        gaps: moments at which one opened.
        within: of these, reported within each of DELAYS_S; shape (len(DELAYS_S),).
    """

    gaps: int
    within: Ints


def reports(frames: Sequence[Seen], height: int, rate_fps: float, every: int = 1) -> Reports:
    """Return how soon gaps are reported that open before each frame.

    A gap opens half a period before a frame. Where the network sees every nth, it begins with each
    of the first n in turn. Gaps that are never seen well enough in the scene, or are too small, are
    left out.

    Args:
        frames: of the scene, in order.
        height: of a frame, px.
        rate_fps: frames a second.
        every: the network sees every so many of them.
    """
    last = max(0, len(frames) - round(DELAYS_S[-1] * rate_fps))
    waits = []
    for there, hits in _hits(frames, height):
        for phase in range(every):
            ends = _confirmed(hits[phase::every]) * every + phase
            for opens in range(there, last):
                start = max(0, -(-(opens - phase) // every))  # the first frame that is seen
                waits.append((ends[start] - opens + 0.5) / rate_fps)
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


def map_error(frames: Sequence[Seen], width: int, height: int) -> float:
    """Return the error of the map of where people were; NaN if nobody was.

    Args:
        frames: of the scene, in order.
        width: of a frame, px.
        height: of a frame, px.
    """
    true = np.zeros(GRID[0] * GRID[1])
    found = np.zeros_like(true)
    for seen in frames:
        _add(true, seen.truth.boxes[seen.truth.kinds == PERSON], width, height)
        _add(found, seen.found.boxes[seen.found.kinds == PERSON], width, height)
    return float(np.abs(found - true).sum() / true.sum()) if true.any() else float("nan")


def _add(cells: NDArray[np.float64], boxes: Boxes, width: int, height: int) -> None:
    """Add the middles of boxes to the cells of a map, in place."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    column = np.clip(x * GRID[0] / width, 0, GRID[0] - 1).astype(np.int64)
    row = np.clip(y * GRID[1] / height, 0, GRID[1] - 1).astype(np.int64)
    np.add.at(cells, row * GRID[0] + column, 1.0)
