"""Measure detectors on rendered scenes that none was trained on: recall, precision, AP.

``python scripts/evaluate_eyes.py eye-small eye-large`` writes `results/eyes/models.csv` and prints
the main rows; other names and files are those of `fleet.lab.networks.detector.load`. Some minutes.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from eyes_pictures import HELD_OUT
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fleet.eyes.boxes import KINDS, Boxes
from fleet.eyes.clip import LIGHTS, VIEWS, Frame, Truth
from fleet.lab.measures.accuracy import average_precision, judged, matters, precision_recall
from fleet.lab.networks.detector import Detector, load
from fleet.lab.scenes.render import scene

TABLE = Path(__file__).parents[1] / "results" / "eyes" / "models.csv"
LEAST_SCORE = 0.02
SIZES = {"any": (0.0, 1e9), "small": (0.0, 40.0), "medium": (40.0, 120.0), "large": (120.0, 1e9)}
"""Heights of boxes in a picture of 480 lines, px."""

HEADER = (
    "detector", "view", "light", "size", "kind", "objects", "threshold", "recall", "precision",
    "ap50",
)  # fmt: skip


class Tally(NamedTuple):
    """What was found in the frames of one view and light; fields by size.

    Attributes:
        wanted: objects of each kind.
        scores: of detections that count.
        kinds: of them.
        right: which of them are right.
    """

    wanted: NDArray[np.int64]
    scores: NDArray[np.float32]
    kinds: NDArray[np.int8]
    right: NDArray[np.bool_]


def within(boxes: Boxes, size: str) -> NDArray[np.bool_]:
    """Return which boxes are of a size."""
    low, high = SIZES[size]
    tall = boxes[:, 3] - boxes[:, 1]
    return (tall >= low) & (tall < high)


def tally(detector: Detector, frames: list[Frame]) -> dict[str, Tally]:
    """Return what a detector makes of frames, by size of the objects."""
    found = detector.find([frame.pixels for frame in frames])
    result = {}
    for size in SIZES:
        wanted = np.zeros(len(KINDS), dtype=np.int64)
        rows: list[tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.bool_]]] = []
        for frame, said in zip(frames, found, strict=True):
            truth = frame.truth
            assert isinstance(truth, Truth)
            must = matters(truth, frame.pixels.shape[0]) & within(truth.boxes, size)
            wanted += np.bincount(truth.kinds[must], minlength=len(KINDS))
            verdict = judged(said, truth.boxes, truth.kinds, must)
            counts = verdict.counts & ((verdict.of >= 0) | within(said.boxes, size))
            rows.append((said.scores[counts], said.kinds[counts], verdict.of[counts] >= 0))
        columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
        result[size] = Tally(wanted, *columns)
    return result


def merged(tallies: list[Tally]) -> Tally:
    """Return one tally of several."""
    columns = [np.concatenate(column) for column in zip(*(t[1:] for t in tallies), strict=True)]
    return Tally(sum((t.wanted for t in tallies), np.zeros(len(KINDS), np.int64)), *columns)


def numbers(one: Tally, threshold: float) -> Iterator[tuple[str, int, float, float, float]]:
    """Yield kind, objects, recall, precision and AP; last of all kinds, whose AP is the mean."""
    areas = []
    for kind, name in enumerate(KINDS):
        of, wanted = one.kinds == kind, int(one.wanted[kind])
        if not wanted:
            continue
        areas.append(average_precision(one.scores[of], one.right[of], wanted))
        precision, recall = precision_recall(one.scores[of], one.right[of], wanted, threshold)
        yield name, wanted, recall, precision, areas[-1]
    wanted = int(one.wanted.sum())
    if wanted:
        precision, recall = precision_recall(one.scores, one.right, wanted, threshold)
        yield "all", wanted, recall, precision, float(np.mean(areas))


def rows(name: str, scenes: int) -> Iterator[tuple[object, ...]]:
    """Yield the table's rows for a detector."""
    detector, threshold = load(name, LEAST_SCORE), load(name).threshold
    cells: dict[tuple[str, str], dict[str, Tally]] = {}
    for view, light in itertools.product(VIEWS, LIGHTS):
        frames = [
            frame
            for n in range(scenes)
            for frame in scene(view, light, seed=HELD_OUT + n, frames=4, rate_fps=0.3).frames()
        ]
        cells[view, light] = tally(detector, frames)
    groups = [("all", "all"), *((v, "all") for v in VIEWS), *(("all", x) for x in LIGHTS), *cells]
    for (view, light), size in itertools.product(groups, SIZES):
        chosen = [
            tallies[size]
            for (v, x), tallies in cells.items()
            if view in ("all", v) and light in ("all", x)
        ]
        for kind, wanted, *shares in numbers(merged(chosen), threshold):
            yield (
                detector.name, view, light, size, kind, wanted, threshold,
                *(f"{share:.3f}" for share in shares),
            )  # fmt: skip


def show(table: list[tuple[object, ...]]) -> None:
    """Print the rows of all kinds, and of kinds over all views and lights."""
    out = Table(*HEADER)
    for row in table:
        if row[4] == "all" or row[1:4] == ("all", "all", "any"):
            out.add_row(*(str(value) for value in row))
    Console(width=120).print(out)


def main() -> None:
    """Measure the detectors that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--scenes", type=int, default=8, help="of each view and light")
    parser.add_argument("--table", type=Path, default=TABLE)
    given = parser.parse_args()
    table = [row for name in given.names for row in rows(name, given.scenes)]
    given.table.parent.mkdir(parents=True, exist_ok=True)
    with given.table.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEADER)
        out.writerows(table)
    show(table)


if __name__ == "__main__":
    main()
