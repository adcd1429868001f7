"""Detectors: networks that find people, vehicles and gaps in pictures of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fleet.errors import InputError
from fleet.eyes.boxes import Detections
from fleet.eyes.clip import Pixels
from fleet.eyes.packaged import packaged
from fleet.lab.fetch import assets
from fleet.lab.networks.apart import Apart
from fleet.lab.networks.families import FAMILIES, number
from fleet.lab.networks.picture import fitted, in_picture, scale_of
from fleet.lab.networks.session import Array, Network, Session, TooLargeError, read

_AT_ONCE = 8
"""Pictures that a network takes at once, if it takes several."""


class Detector:
    """A network with all that lies between pictures and detections.

    Attributes:
        name: of the model; of a file, without folder and ending.
        side: height and width of its input, px.
        session: the network.
        threshold: least score of what is found.
    """

    def __init__(
        self, data: bytes, name: str, threshold: float | None = None, *, trusted: bool = False
    ) -> None:
        """Make a detector from a model file whose metadata name its family.

        Args:
            data: content of the file.
            name: of the model, for messages.
            threshold: least score of what is found; None is what the model says.
            trusted: whether it is a known model, which may run in this process.

        Raises:
            InputError: it is not a sound model of a known family.
        """
        self.name = name
        self.session: Network = Session(data, name) if trusted else Apart(data, name)
        family = self.session.metadata.get("family", "")
        if family not in FAMILIES:
            raise InputError(
                f"{name}: family '{family}' in the model's metadata is not one of"
                f" {', '.join(FAMILIES)}; set it to say how the model's outputs are meant"
            )
        self._family = FAMILIES[family](self.session)
        self.threshold = number(self.session, "threshold") if threshold is None else threshold
        self.side: tuple[int, int] = self._family.side

    def find(self, pixels: Sequence[Pixels]) -> list[Detections]:
        """Return what is in each picture, best first; boxes in px of the picture.

        Args:
            pixels: pictures, each of shape (height, width, 3).
        """
        step = _AT_ONCE if self.session.any_batch else 1
        detections: list[Detections] = []
        for at in range(0, len(pixels), step):
            detections += self._find_at_once(pixels[at : at + step])
        return detections

    def tensor(self, pixels: Sequence[Pixels]) -> Array:
        """Return what the network is given for pictures."""
        return self._family.tensor(np.stack([fitted(p, self.side) for p in pixels]))

    def _find_at_once(self, pixels: Sequence[Pixels]) -> list[Detections]:
        outputs = self.session.run(self.tensor(pixels))
        return [
            in_picture(
                self._family.found([output[k] for output in outputs], self.threshold),
                scale_of(picture.shape, self.side),
                picture.shape,
            )
            for k, picture in enumerate(pixels)
        ]


def names() -> list[str]:
    """Return the names of the packaged models and of those that can be fetched."""
    return [*packaged(), *assets.models()]


def file_of(name: str) -> Path:
    """Return the file of a packaged or fetched model.

    Raises:
        InputError: there is no such model.
    """
    known = packaged()
    if name in known:
        return known[name]
    if name in assets.models():
        return assets.model(name)
    raise InputError(f"there is no model '{name}'; there are {', '.join(names())}")


def own_name(path: Path) -> str:
    """Return what a network of a user is called in traces: its file, without folder and ending.

    Raises:
        InputError: the name has blanks, or is that of a network that is known.
    """
    if len(path.stem.split()) != 1 or path.stem in names():
        raise InputError(
            f"{path}: a network is called as its file is, and '{path.stem}' must have no blanks and"
            f" not be one of {', '.join(names())}; rename the file"
        )
    return path.stem


def load(name_or_path: str | Path, threshold: float | None = None) -> Detector:
    """Return a detector by the name of a packaged or fetched model, or by its file.

    Args:
        name_or_path: such as "eye-small", "ssd" (after `fleet eyes fetch ssd`) or "my/model.onnx".
            A file of one's own runs in a process of its own.
        threshold: least score of what is found; None is what the model says.

    Raises:
        InputError: there is no such model, or it is not sound.
    """
    name = str(name_or_path)
    if name in packaged():
        return Detector(read(file_of(name)), name, threshold, trusted=True)
    if name in assets.models():
        return _fetched(name, threshold)
    path = Path(name_or_path)
    if path.suffix != ".onnx":
        raise InputError(
            f"there is no model '{name}'; name one of {', '.join(names())}, or an .onnx file"
        )
    called = own_name(path)
    detector = Detector(read(path), name, threshold)
    detector.name = called
    return detector


def _fetched(name: str, threshold: float | None) -> Detector:
    path = file_of(name)
    try:
        return Detector(read(path), name, threshold, trusted=True)
    except TooLargeError:
        raise
    except InputError as error:
        raise InputError(
            f"{path}: {error}; fetch it anew: fleet eyes remove {name}; fleet eyes fetch {name}"
        ) from None
