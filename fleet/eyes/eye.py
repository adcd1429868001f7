"""A network in its place, and what it is to look at."""

from __future__ import annotations

from typing import NamedTuple

from fleet.eyes.clip import VIEWS

RAW_NAME = "raw"
"""The source of pictures that no codec has had."""
FIRST_SITE, SITES = 590_000, 4
"""Seeds of the sites at which networks look live: the first of the packaged traces, where no
network was trained. Few, since making a site takes longer than painting a frame of it."""


def live_scenes() -> tuple[tuple[str, str], ...]:
    """Return (view, name) of the sites of all views; see `live_scene`."""
    return tuple(
        (view, f"{view}-{site}") for view in VIEWS for site in range(FIRST_SITE, FIRST_SITE + SITES)
    )


def live_scene(view: str, site: int) -> int:
    """Return which of `live_scenes` a site of a view is, given its seed."""
    return VIEWS.index(view) * SITES + site - FIRST_SITE


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
