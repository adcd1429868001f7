"""What an eye looks at: frames in order, from one fixed place, and what is truly in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.eyes.boxes import Boxes, Kinds
from fleet.model.sight import LIGHTS as LIGHTS

Pixels = NDArray[np.uint8]

VIEWS = ("street", "entrance", "ceiling", "shelf")
"""Where a camera looks: across a street, at a door, down from a ceiling, at a shelf."""


class Truth(NamedTuple):
    """What is in a frame; fields of shape (objects,) but `boxes`.

    Attributes:
        boxes: around all of each object, seen or not, cut at the picture's edge; shape
            (objects, 4), px.
        kinds: what they are.
        identities: the same number in every frame for the same object.
        seen: share of each that nothing hides, 0 to 1; float32.
    """

    boxes: Boxes
    kinds: Kinds
    identities: NDArray[np.int64]
    seen: NDArray[np.float32]


class Frame(NamedTuple):
    """A picture, and the truth if it is known.

    Attributes:
        pixels: red, green, blue; shape (height, width, 3), uint8.
        truth: what is in it, None if nobody knows.
    """

    pixels: Pixels
    truth: Truth | None


class Clip(Protocol):
    """Frames of a fixed camera, the same each time they are asked for."""

    name: str
    view: str
    light: str
    width: int
    height: int
    rate_fps: float

    def __len__(self) -> int:
        """Return the number of frames."""

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order, from the first."""
