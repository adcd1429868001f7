"""Scenes rendered frame by frame, with the truth of what is in them.

A scene is a site (by view and seed), who walks and drives there (by the same), and a light. All is
a function of (view, light, seed) and the frame's number, so that frames come out the same to the
bit each time, and the same people walk the same ways in every light.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from fleet.errors import InputError
from fleet.eyes.clip import LIGHTS, VIEWS, Frame, Pixels
from fleet.lab.scenes.backdrop import BOARD_M, BOARDS, FOOT_M, SLOT_M
from fleet.lab.scenes.canvas import Actor, Canvas, Gap
from fleet.lab.scenes.lens import draw, key_of, seen_at
from fleet.lab.scenes.light import expose, light_of, roots, streaks
from fleet.lab.scenes.world import movers, site, wanted

MOST_OBJECTS = 80
"""In view at once."""
_MOST_GAPS = 10


def scene(
    view: str, light: str, *, seed: int, objects: int | Sequence[int] | None = None, frames: int,
    rate_fps: float, width: int = 640, height: int = 480, passers: int | None = None,
    canvas: Canvas | None = None,
) -> Scene:  # fmt: skip
    """Return a clip of a rendered scene.

    Args:
        view: one of VIEWS.
        light: one of LIGHTS.
        seed: of the site and of who passes; another seed is another site.
        objects: how many people (in the street: people and vehicles) are in view, always or in each
            second of the clip; None for as many as the site has. Gaps on a shelf come on top.
        frames: number of frames.
        rate_fps: frames a second.
        width: of a frame, px.
        height: of a frame, px.
        passers: seed of who passes, where that is another than the site's.
        canvas: of `canvas`, for scenes of one site and light that are painted one after the other.

    Raises:
        InputError: a view or light is unknown, or a number makes no sense.
    """
    for what, value, allowed in (("view", view, VIEWS), ("light", light, LIGHTS)):
        if value not in allowed:
            raise InputError(f"scene: {what} '{value}' is unknown; use {', '.join(allowed)}")
    least = {"frames": (frames, 1), "rate_fps": (rate_fps, 1e-3)}
    least |= {"width": (width, 32), "height": (height, 32)}
    for what, (number, low) in least.items():
        if not number >= low:
            raise InputError(f"scene: {what} is {number:g}, must be {low:g} or more")
    seconds = max(1, math.ceil(frames / rate_fps))
    who = seed if passers is None else passers
    counts = _counts(view, who, objects, seconds)
    made = Scene(view, light, seed, counts, frames, rate_fps, width, height, who)
    made.use(canvas)
    return made


def canvas(view: str, light: str, seed: int, width: int, height: int) -> Canvas:
    """Return a canvas that scenes of one site and light may share; making it takes a while."""
    place = site(view, seed, width, height)
    return Canvas(place, light_of(view, light, place.key), width, height, MOST_OBJECTS + _MOST_GAPS)


def _counts(view: str, who: int, objects: int | Sequence[int] | None, seconds: int) -> list[int]:
    """Return how many are in view in each second."""
    if objects is None:
        return wanted(view, key_of("scene", view, who), seconds)
    counts = [objects] * seconds if isinstance(objects, int) else [int(n) for n in objects]
    if len(counts) < seconds:
        raise InputError(
            f"scene: objects has {len(counts)} numbers, the clip {seconds} seconds;"
            " give one a second"
        )
    low, high = min(counts), max(counts)
    if low < 0 or high > MOST_OBJECTS:
        raise InputError(f"scene: objects has {low} to {high}, must be 0 to {MOST_OBJECTS}")
    return counts[:seconds]


class Scene:
    """A clip that is rendered as it is asked for; see `scene`."""

    def __init__(
        self, view: str, light: str, seed: int, counts: Sequence[int], frames: int,
        rate_fps: float, width: int, height: int, who: int,
    ) -> None:  # fmt: skip
        self.name = f"{view}-{light}-{seed}"
        self.view, self.light, self.width, self.height = view, light, width, height
        self.rate_fps = rate_fps
        self._count = frames
        key = key_of("scene", view, who)
        self._noise_key = key_of("noise", view, light, who)
        self._place = site(view, seed, width, height)
        self._light = light_of(view, light, self._place.key)
        coming = movers(self._place, counts, key)
        self._actors = [Actor(mover, light == "rain") for mover in coming]
        self._gaps = self._sold_out(key, len(coming)) if view == "shelf" else []
        self._roots = roots(self._light.grain)
        self._canvas: Canvas | None = None

    def use(self, canvas: Canvas | None) -> None:
        """Paint on a canvas of the same site and light; None: on one of its own."""
        self._canvas = canvas

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._count

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order, from the first."""
        return (self.frame(k) for k in range(self._count))

    def frame(self, k: int) -> Frame:
        """Return frame number k, from 0."""
        if self._canvas is None:
            most = len(self._actors) + len(self._gaps)
            self._canvas = Canvas(self._place, self._light, self.width, self.height, most)
        time_s, second = k / self.rate_fps, int(k / self.rate_fps)
        inside = [a for a in self._actors if a.mover.enter_s <= second < a.mover.leave_s]
        gaps = [gap for gap in self._gaps if gap.from_s <= time_s]
        truth = self._canvas.paint(inside, gaps, time_s)
        pixels = np.empty_like(self._canvas.pixels)
        self._sense(self._canvas.pixels, key_of(self._noise_key, k), pixels)
        return Frame(pixels, truth)

    def _sense(self, painted: Pixels, key: int, into: Pixels) -> None:
        """Let rain fall and the sensor read what is painted."""
        light = self._light
        if light.rain:
            slant = draw(self._place.key, "wind", -0.25, 0.25)
            count = light.rain * self.width * self.height // (640 * 480)
            streaks(painted, np.uint64(key), count, slant)
        blur = 0.05 + 0.08 * light.noise / 5.0 + (0.08 if light.rain else 0.0)
        expose(painted, np.uint64(key), light.noise, self._roots, blur, into)

    def _sold_out(self, key: int, first: int) -> list[Gap]:
        """Return the gaps of a shelf: most from the start, some that open during a minute."""
        eye = self._place.eye
        slots = []
        for board in range(BOARDS):
            for slot in range(-14, 14):
                x, z = self._place.spot((slot + 0.5) * SLOT_M, self._place.wall_m)
                px, py, _ = seen_at(eye, x, FOOT_M + (board + 0.5) * BOARD_M, z)
                if 0 < px < self.width and 0 < py < self.height:
                    slots.append((draw(key, f"sold {board} {slot}"), board, slot))
        count = int(draw(key, "gaps", 1.0, 9.0))
        return [
            Gap(first + n, board, slot, max(0.0, draw(key, f"when {n}", -120.0, 60.0)))
            for n, (_, board, slot) in enumerate(sorted(slots)[:count])
        ]
