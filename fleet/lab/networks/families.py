"""What networks of each family take and say: pictures to numbers, numbers to detections.

A family is made from a session; the model's metadata say the rest: `threshold`, and `classes`,
which of its classes are which kind, such as "4:person,23:vehicle". Classes of no kind are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.errors import InputError
from fleet.eyes.boxes import KINDS, Boxes, Detections, best_of
from fleet.eyes.clip import Pixels
from fleet.lab.measures import grid
from fleet.lab.networks.session import Array, Network

Floats = NDArray[np.float32]

_MOST_IOU, _MOST_FOUND = 0.5, 100


class Family(Protocol):
    """How to talk to a network."""

    side: tuple[int, int]
    """Height and width of the pictures that it takes, px."""

    def tensor(self, pictures: Pixels) -> Array:
        """Return the network's input; `pictures` has shape (n, height, width, 3)."""

    def found(self, outputs: Sequence[Array], threshold: float) -> Detections:
        """Return what was found in a picture, given its outputs; boxes in px of the input."""


class Grid:
    """Our own networks; see `fleet.lab.measures.grid`."""

    def __init__(self, session: Network) -> None:
        """Take a session with outputs `scores` and `distances`."""
        _, _, *sides = _input(session, 4, channels=1)
        self.side = (sides[0], sides[1])
        names = [port.name for port in session.outputs]
        self._order = [_output(session, names, name) for name in ("scores", "distances")]
        self._stride = int(number(session, "stride"))
        self._dtype = session.inputs[0].dtype

    def tensor(self, pictures: Pixels) -> Array:
        """Values stay 0 to 255: the network does the rest."""
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(self._dtype)

    def found(self, outputs: Sequence[Array], threshold: float) -> Detections:
        """Return detections."""
        scores, distances = (outputs[at] for at in self._order)
        return grid.decode(scores, distances, self._stride, threshold)


class Ssd:
    """Boxes relative to anchors, as in TensorFlow's SSD.

    Liu et al., "SSD: Single shot multibox detector", ECCV 2016; anchors and scales of boxes as in
    the TensorFlow object detection API (`multiple_grid_anchor_generator`, `faster_rcnn_box_coder`).
    """

    def __init__(self, session: Network) -> None:
        """Take a session whose two outputs are boxes and scores at all anchors."""
        _, *sides, _ = _input(session, 4, channels=3)
        self.side = (sides[0], sides[1])
        shapes = [port.shape for port in session.outputs]
        self._anchors = anchors()
        count = len(self._anchors)
        if len(shapes) != 2 or shapes[0][1:] != (count, 4) or shapes[1][1:2] != (count,):
            raise InputError(
                f"{session.name}: an 'ssd' gives ({count}, 4) and ({count}, classes), not {shapes}"
            )
        self._kinds = classes(session, int(shapes[1][2] or 0))

    def tensor(self, pictures: Pixels) -> Array:
        """Values go from -1 to 1."""
        return pictures.astype(np.float32) / np.float32(127.5) - np.float32(1)

    def found(self, outputs: Sequence[Array], threshold: float) -> Detections:
        """Return detections; class 0 is the background."""
        coded, logits = outputs
        scores: Floats = np.reciprocal(1 + np.exp(-logits), dtype=np.float32)
        scores[:, 0] = 0
        kept = np.flatnonzero(scores.max(axis=1) >= threshold)
        height, width = self.side
        anchor, code = self._anchors[kept], coded[kept]
        middles = code[:, :2] / 10 * anchor[:, 2:] + anchor[:, :2]
        halves = np.exp(code[:, 2:] / 5) * anchor[:, 2:] / 2
        yx = np.concatenate([middles - halves, middles + halves], axis=1)
        boxes = yx[:, [1, 0, 3, 2]] * np.array([width, height, width, height])
        return _kept(boxes.astype(np.float32), scores[kept], self._kinds, threshold)


def anchors() -> Floats:
    """Return the anchors of an SSD of six maps: middle y, x, height, width; shape (n, 4), 0 to 1.

    The maps have 19 to 1 cells a side. Scales go from 0.2 to 0.95; the first map has three anchors
    a cell, the smallest of scale 0.1, the others six.
    """
    scales = [0.2 + 0.75 * k / 5 for k in range(6)] + [1.0]
    rows = []
    for k, cells in enumerate((19, 10, 5, 3, 2, 1)):
        shapes = [(scales[k], ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333)]
        shapes.append(((scales[k] * scales[k + 1]) ** 0.5, 1.0))
        if k == 0:
            shapes = [(0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)]
        sides = np.array([(scale / ratio**0.5, scale * ratio**0.5) for scale, ratio in shapes])
        middles = np.moveaxis(np.mgrid[0:cells, 0:cells], 0, -1).reshape(-1, 1, 2)
        middles = np.broadcast_to((middles + 0.5) / cells, (cells * cells, len(shapes), 2))
        spread = np.broadcast_to(sides, middles.shape)
        rows.append(np.concatenate([middles, spread], axis=2).reshape(-1, 4))
    return np.concatenate(rows).astype(np.float32)


class NanoDet:
    """Distances as distributions over whole numbers of cells.

    Li et al., "Generalized focal loss", NeurIPS 2020; means and deviations of colours from
    github.com/RangiLyu/nanodet (config/nanodet-g.yml).
    """

    _STRIDES = (8, 16, 32)
    _BINS = 11
    _MEAN = np.array([103.53, 116.28, 123.675], np.float32)  # blue, green, red
    _DEVIATION = np.array([57.375, 57.12, 58.395], np.float32)

    def __init__(self, session: Network) -> None:
        """Take a session with scores and distances for each of three strides."""
        _, _, *sides = _input(session, 4, channels=1)
        self.side = (sides[0], sides[1])
        shapes = {port.shape[1:]: at for at, port in enumerate(session.outputs)}
        widths = {shape[-1] for shape in shapes} - {4 * self._BINS}
        self._kinds = classes(session, max((w for w in widths if w), default=0))
        self._maps = []
        for stride in self._STRIDES:
            height, width = (side // stride for side in self.side)
            pair = [(height * width, n) for n in (len(self._kinds), 4 * self._BINS)]
            if not all(shape in shapes for shape in pair):
                raise InputError(f"{session.name}: a 'nanodet' has outputs of {pair}, not {shapes}")
            centres = grid.centres(height, width, stride)
            self._maps.append((stride, centres, shapes[pair[0]], shapes[pair[1]]))

    def tensor(self, pictures: Pixels) -> Array:
        """Blue, green, red, of mean 0 and deviation 1."""
        scaled = (pictures[..., ::-1].astype(np.float32) - self._MEAN) / self._DEVIATION
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def found(self, outputs: Sequence[Array], threshold: float) -> Detections:
        """Return detections; a distance is the mean of its distribution."""
        boxes, scores = [], []
        for stride, centres, at_scores, at_distances in self._maps:
            score = outputs[at_scores]
            kept = np.flatnonzero(score.max(axis=1) >= threshold)
            spread = outputs[at_distances][kept].reshape(-1, 4, self._BINS)
            weight = np.exp(spread - spread.max(axis=2, keepdims=True))
            weight /= weight.sum(axis=2, keepdims=True)
            distances = weight @ np.arange(self._BINS, dtype=np.float32) * stride
            boxes.append(grid.boxes_at(centres[kept], distances))
            scores.append(score[kept])
        return _kept(np.concatenate(boxes), np.concatenate(scores), self._kinds, threshold)


class YoloX:
    """Boxes around cells of three grids: middles as offsets from corners of cells, sides as logs.

    Ge et al., "YOLOX: Exceeding YOLO series in 2021", arXiv 2107.08430; colours and the order of
    the output as in github.com/Megvii-BaseDetection/YOLOX (demo/ONNXRuntime).
    """

    _STRIDES = (8, 16, 32)

    def __init__(self, session: Network) -> None:
        """Take a session with one output: box, objectness and scores at all cells."""
        _, _, *sides = _input(session, 4, channels=1)
        self.side = (sides[0], sides[1])
        cells = [tuple(side // stride for side in self.side) for stride in self._STRIDES]
        count = sum(height * width for height, width in cells)
        shapes = [port.shape for port in session.outputs]
        if len(shapes) != 1 or shapes[0][1:2] != (count,) or (shapes[0][-1] or 0) <= 5:
            raise InputError(
                f"{session.name}: a 'yolox' gives ({count}, 5 and classes), not {shapes}"
            )
        self._kinds = classes(session, int(shapes[0][2] or 0) - 5)
        sized = list(zip(cells, self._STRIDES, strict=True))
        self._stride = np.concatenate([np.full(h * w, s, np.float32) for (h, w), s in sized])
        self._corner = np.concatenate(
            [grid.centres(h, w, s) - np.float32(s / 2) for (h, w), s in sized]
        )

    def tensor(self, pictures: Pixels) -> Array:
        """Blue, green, red, 0 to 255."""
        return np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32)

    def found(self, outputs: Sequence[Array], threshold: float) -> Detections:
        """Return detections; a score is that of the class times that there is an object."""
        (said,) = outputs
        scores = said[:, 5:] * said[:, 4:5]
        kept = np.flatnonzero(scores.max(axis=1) >= threshold)
        stride, code = self._stride[kept, None], said[kept, :4]
        middles = code[:, :2] * stride + self._corner[kept]
        halves = np.exp(code[:, 2:]) * stride / 2
        boxes = np.concatenate([middles - halves, middles + halves], axis=1)
        return _kept(boxes.astype(np.float32), scores[kept], self._kinds, threshold)


FAMILIES: dict[str, Callable[[Network], Family]] = {
    "grid": Grid, "ssd": Ssd, "nanodet": NanoDet, "yolox": YoloX,
}  # fmt: skip


def _kept(boxes: Boxes, scores: Floats, kinds: NDArray[np.int8], threshold: float) -> Detections:
    """Return boxes whose best class is a kind, without duplicates."""
    best = scores.argmax(axis=1) if len(scores) else np.empty(0, np.int64)
    score, kind = scores[np.arange(len(best)), best].astype(np.float32), kinds[best]
    known = kind >= 0
    detections = Detections(boxes[known], score[known], kind[known])
    return best_of(detections, threshold, _MOST_IOU, _MOST_FOUND)


def classes(session: Network, count: int) -> NDArray[np.int8]:
    """Return the kind of each class of a network, -1 for none; shape (count,)."""
    kinds = np.full(count, -1, np.int8)
    text = session.metadata.get("classes", "")
    for pair in text.split(","):
        number_, _, kind = pair.partition(":")
        if not (number_.isdecimal() and int(number_) < count and kind in KINDS):
            raise InputError(
                f"{session.name}: classes '{text}' must be pairs such as 4:person, of a class below"
                f" {count} and one of {', '.join(KINDS)}"
            )
        kinds[int(number_)] = KINDS.index(kind)
    return kinds


def number(session: Network, key: str) -> float:
    """Return a number above 0 from the metadata of a model."""
    text = session.metadata.get(key, "")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"{session.name}: metadata '{key}' is '{text}'; must be a number above 0")
    return value


def _input(session: Network, axes: int, channels: int) -> list[int]:
    """Return the sizes of the one input, a picture with three channels on a given axis."""
    shapes = [port.shape for port in session.inputs]
    if len(shapes) != 1 or len(shapes[0]) != axes or shapes[0][channels] != 3:
        raise InputError(
            f"{session.name}: its inputs are of sizes {shapes}; a detector takes one picture of"
            f" red, green and blue on axis {channels} of {axes}"
        )
    return [size or 1 for size in shapes[0]]


def _output(session: Network, names: Sequence[str], name: str) -> int:
    if name not in names:
        raise InputError(f"{session.name}: has no output '{name}'; it has {', '.join(names)}")
    return names.index(name)
