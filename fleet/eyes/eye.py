"""A network in its place, and what it is to look at."""

from __future__ import annotations

from typing import NamedTuple

RAW_NAME = "raw"
"""The source of pictures that no codec has had."""


class Eye(NamedTuple):
    """A network in its place.

    Attributes:
        view: where it looks.
        source: RAW_NAME, or the name of a codec setting.
        name: of the network.
        indoors: whether it is always day there.
        sha256: of the network's file; empty where a trace stands for it.
    """

    view: str
    source: str
    name: str
    indoors: bool
    sha256: str = ""

    @property
    def title(self) -> str:
        """Return the network and what stands before it, for people."""
        return self.name if self.source == RAW_NAME else f"{self.name} behind {self.source}"


class Moment(NamedTuple):
    """A frame to look at.

    Attributes:
        eye: which eye; -1 for none.
        light: index of the light.
        key: the sensor's.
        second: of the frame.
        objects: in view in it.
        frame: number of the frame in its second, from 0.
        rate_fps: frames a second.
    """

    eye: int
    light: int
    key: int
    second: int
    objects: int
    frame: int
    rate_fps: float
