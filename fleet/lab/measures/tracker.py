"""Who is who from frame to frame, so that a visitor is counted once.

After Bewley et al., "Simple online and realtime tracking" (ICIP 2016): each track predicts its box
at constant velocity, detections go to the tracks whose predictions they overlap most, a track is
believed after some hits in a row and ends after some misses. Three parts are simpler here: a box
keeps its size where it is not seen; pairs are chosen greedily, best overlap first, where SORT
solves the assignment; and gains are fixed where SORT has a Kalman filter, which with constant noise
settles to fixed gains too (an alpha-beta filter).

Two things help where frames are few and detections uncertain. Boxes are compared with a margin, so
that who is fast still overlaps with the place that was foretold (Yang et al., "Hard to track
objects with irregular motions and similar appearances? Make it easier by buffering the matching
space", WACV 2023). And a track is born of sure detections only, while others may carry it on (Zhang
et al., "ByteTrack", ECCV 2022).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.errors import InputError
from fleet.eyes.boxes import Boxes, Detections, iou

Points = NDArray[np.float64]

NOBODY = -1
ALPHA, BETA = 0.7, 0.3
"""Gains of place and velocity: believe 70 % of what is seen, adapt over some three frames."""
CONFIRMED_S = 0.4
"""How long a visitor must be followed to be believed."""
PATIENCE_S = 1.0
"""How long a visitor may be out of sight and still be the same one."""
MARGIN = 0.3
"""On each side of a box, of the side; this, SURE and CONFIRMED_S by `scripts/tune_tracker.py`."""
SURE = 0.2
"""A detection is sure if its score is above the threshold by this share of what is left to 1."""


class Line(NamedTuple):
    """A line on the ground, from (x0, y0) to (x1, y1); px."""

    x0: float
    y0: float
    x1: float
    y1: float


_Tracks = NDArray[np.void]
_TRACK = np.dtype(
    [
        ("box", np.float64, 4),
        ("velocity", np.float64, 2),  # of its centre, px a frame
        ("kind", np.int8),
        ("identity", np.int64),
        ("hits", np.int64),
        ("misses", np.int64),  # since the last hit
    ]
)


def _born(detections: Detections, rows: Ints) -> _Tracks:
    """Return a track for each of some detections."""
    tracks = np.zeros(len(rows), _TRACK)
    tracks["box"], tracks["kind"] = detections.boxes[rows], detections.kinds[rows]
    tracks["identity"], tracks["hits"] = NOBODY, 1
    return tracks


class Tracker:
    """Follows objects through the frames of one camera.

    Attributes:
        confirmed: tracks believed so far, those that ended included: the visitors counted.
        forth: confirmed tracks that crossed the line from its left to its right, looking from
            (x0, y0) to (x1, y1) in the picture.
        back: those that crossed it the other way.
    """

    def __init__(
        self, *, born_after: int = 3, dies_after: int = 5, least_iou: float = 0.3,
        margin: float = 0.0, born_score: float = 0.0, line: Line | None = None,
    ) -> None:  # fmt: skip
        """Start with nobody.

        Args:
            born_after: hits in a row until a track is believed.
            dies_after: misses in a row after which it is over; a track that is not yet believed is
                over at its first miss.
            least_iou: the least overlap of prediction and detection.
            margin: added to each side of the boxes that are compared, as a share of that side.
            born_score: least score of a detection that begins a track.
            line: count who crosses it too, by the middle of their feet.

        Raises:
            InputError: a number is out of its range.
        """
        if born_after < 1 or dies_after < 1 or not 0 < least_iou <= 1:
            raise InputError(
                f"a tracker needs born_after and dies_after of 1 or more and least_iou above 0, at"
                f" most 1, not {born_after}, {dies_after} and {least_iou:g}"
            )
        self._born_after, self._dies_after, self._least_iou = born_after, dies_after, least_iou
        self._margin, self._born_score = margin, born_score
        self._line, self._tracks = line, np.zeros(0, _TRACK)
        self.confirmed = self.forth = self.back = 0

    @classmethod
    def at(cls, rate_fps: float, threshold: float) -> Tracker:
        """Return a tracker for a frame rate and a detector.

        Args:
            rate_fps: frames a second that it will see.
            threshold: least score of what the detector finds.
        """
        return cls(
            born_after=max(2, 1 + round(CONFIRMED_S * rate_fps)),
            dies_after=max(2, round(PATIENCE_S * rate_fps)),
            margin=MARGIN,
            born_score=threshold + SURE * (1.0 - threshold),
        )

    @property
    def alive(self) -> int:
        """Return how many confirmed tracks go on."""
        return int((self._tracks["identity"] != NOBODY).sum())

    def step(self, detections: Detections) -> Ints:
        """Take the next frame's detections and return who each is; shape (found,), int64.

        Identities count from 0 in the order in which they were confirmed; `NOBODY` for a detection
        whose track is not confirmed yet.
        """
        tracks, before = self._tracks, _feet(self._tracks["box"])
        tracks["box"] += np.tile(tracks["velocity"], 2)
        of = _pairs(tracks, detections, self._least_iou, self._margin)
        seen = np.zeros(len(tracks), np.bool_)
        seen[of[of >= 0]] = True
        self._correct(detections, of)
        tracks["hits"][seen] += 1
        tracks["misses"] = np.where(seen, 0, tracks["misses"] + 1)
        self._count_crossings(before)
        patient = (tracks["identity"] != NOBODY) & (tracks["misses"] < self._dies_after)
        kept = np.flatnonzero(seen | patient)
        new = np.flatnonzero((of < 0) & (detections.scores >= self._born_score))
        self._tracks = np.concatenate([tracks[kept], _born(detections, new)])
        self._confirm()
        who = np.full(len(of), NOBODY, dtype=np.int64)
        old = np.flatnonzero(of >= 0)
        who[old] = self._tracks["identity"][np.searchsorted(kept, of[old])]
        who[new] = self._tracks["identity"][len(kept) :]
        return who

    def _correct(self, detections: Detections, of: Ints) -> None:
        """Move tracks to what is seen of them, and mend their velocities."""
        tracks, seen = self._tracks, np.flatnonzero(of >= 0)
        mine = of[seen]
        rest = detections.boxes[seen] - tracks["box"][mine]
        # The second sighting alone tells the velocity; later ones correct it. After a gap the
        # error of the velocity has grown once a frame.
        second = tracks["hits"][mine] == 1
        gain = np.where(second, 1.0, BETA) / (1 + tracks["misses"][mine])
        tracks["velocity"][mine] += gain[:, None] * (rest[:, :2] + rest[:, 2:]) / 2
        tracks["box"][mine] += np.where(second, 1.0, ALPHA)[:, None] * rest

    def _confirm(self) -> None:
        tracks = self._tracks
        ripe = (tracks["identity"] == NOBODY) & (tracks["hits"] >= self._born_after)
        tracks["identity"][ripe] = self.confirmed + np.arange(ripe.sum())
        self.confirmed += int(ripe.sum())

    def _count_crossings(self, before: Points) -> None:
        if self._line is None:
            return
        way = crossing(before, _feet(self._tracks["box"]), self._line)
        way = way[self._tracks["identity"] != NOBODY]
        self.forth += int((way > 0).sum())
        self.back += int((way < 0).sum())


def _pairs(tracks: _Tracks, detections: Detections, least_iou: float, margin: float) -> Ints:
    """Return the track of each detection, -1 for none: the best overlap of all chooses first."""
    fits = iou(_wider(detections.boxes, margin), _wider(tracks["box"].astype(np.float32), margin))
    fits[detections.kinds[:, None] != tracks["kind"][None, :]] = 0.0
    of = np.full(len(detections.kinds), -1, np.int64)
    taken = np.zeros(len(tracks), np.bool_)
    rows, columns = np.nonzero(fits >= least_iou)
    for k in np.argsort(-fits[rows, columns], kind="stable"):
        if of[rows[k]] < 0 and not taken[columns[k]]:
            of[rows[k]], taken[columns[k]] = columns[k], True
    return of


def _wider(boxes: Boxes, margin: float) -> Boxes:
    """Return boxes with a share of their sides added on each side."""
    more = np.float32(margin) * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - more, boxes[:, 2:] + more], axis=1)


def _feet(boxes: NDArray[np.float64]) -> Points:
    """Return the middle of the lower side of each box; shape (n, 2)."""
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)


def crossing(before: Points, after: Points, line: Line) -> Ints:
    """Return which steps cross a line: 1 from its left to its right, -1 back, 0 not; shape (n,).

    Two segments cross if each has its ends on two sides of the other. Left and right are those of
    one who looks from (x0, y0) to (x1, y1) in the picture, whose y points down.

    Args:
        before: points where steps begin; shape (n, 2), px.
        after: where they end.
        line: the line.
    """
    start, end = np.array(line[:2]), np.array(line[2:])
    way = _right_of(start, end, after) - _right_of(start, end, before)
    apart = _right_of(before, after, start) != _right_of(before, after, end)
    return np.where(apart, way, 0)


def _right_of(a: Points, b: Points, point: Points) -> Ints:
    """Return 1 for each point right of the way from a to b, else 0; any shapes (..., 2)."""
    along, to = b - a, point - a
    return np.where(along[..., 0] * to[..., 1] > along[..., 1] * to[..., 0], 1, 0)
