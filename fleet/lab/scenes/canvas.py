"""A picture being painted: shadows, then everything from far to near, and what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.eyes.boxes import GAP, PERSON, VEHICLE, Boxes
from fleet.eyes.clip import Pixels, Truth
from fleet.lab.scenes import person, vehicle
from fleet.lab.scenes.backdrop import BOARD_M, FOOT_M, SLOT_M, backdrop
from fleet.lab.scenes.furniture import Piece, furniture, lamps
from fleet.lab.scenes.lens import draw, seen_at
from fleet.lab.scenes.light import Light, lit
from fleet.lab.scenes.paint import ALL, LEFT, lay, polygon
from fleet.lab.scenes.world import Mover, Site

_STRIDE_M = 1.45
"""Two steps of a person of 1.75 m."""

_NOBODY = -1

_EMPTY = np.array([[52.0, 50.0, 50.0], [104.0, 100.0, 96.0]])
"""Colours of an empty place: the shelf's back, and the board."""


class Actor:
    """A mover with its looks."""

    def __init__(self, mover: Mover, wet: bool) -> None:
        self.mover = mover
        drives = mover.kind == VEHICLE
        of = vehicle.look(mover.key) if drives else person.look(mover.key, wet)
        self.colours, self.measures = of
        self.lit = self.colours.copy()

    def pose(self, time_s: float) -> Floats:
        """Return x, z, heading x, heading z, steps (in pairs), their swing, and speed in m/s."""
        x, z, hx, hz, gone, speed = self.mover.at(time_s)
        tall = self.measures[person.HEIGHT] / 1.75 if self.mover.kind == PERSON else 1.0
        swing = min(1.0, speed / 1.1)
        return np.array([x, z, hx, hz, gone / (_STRIDE_M * tall), swing, speed])


class Gap(NamedTuple):
    """A place on a shelf, sold out from some second on."""

    identity: int
    board: int
    slot: int
    from_s: float


class Canvas:
    """Buffers for the frames of one scene, and its backdrop.

    Args:
        place: the site.
        light: what shines there.
        width: of a frame, px.
        height: of a frame, px.
        most: identities that there are.
    """

    def __init__(self, place: Site, light: Light, width: int, height: int, most: int) -> None:
        self.pixels: Pixels = np.empty((height, width, 3), dtype=np.uint8)
        self._place, self._light = place, light
        strength = [light.lamps * c for c in light.lamp_colour]
        self._lights = np.array([light.sky, strength, *lamps(place)])
        self._backdrop = backdrop(place, light, self._lights, width, height)
        self._owner = np.empty((height, width), dtype=np.int16)
        self._shade = np.zeros((height, width), dtype=np.uint8)
        self._glow = np.zeros((height, width), dtype=np.uint8)
        self._books = np.zeros((most + 1, 2), dtype=np.int64)
        self._limbs = np.zeros((person.LIMBS, 10))
        self._scratch, self._ends, self._ink = np.zeros((20, 3)), np.zeros(7), np.zeros(6)
        self._extent = np.zeros(4)
        lean = draw(place.key, "sun x", -1.0, 1.0), draw(place.key, "sun z", -0.6, 0.6)
        if light.haze == 0.0:  # indoors: light from above
            lean = lean[0] * 0.15, lean[1] * 0.15
        self._sun = np.array([*lean, 255 * light.sun])
        self._pieces = furniture(place)
        for piece in self._pieces:
            lit(self._lights, *piece.spot, piece.colours.copy(), piece.colours, 2)

    def paint(self, actors: Sequence[Actor], gaps: Sequence[Gap], time_s: float) -> Truth:
        """Paint a frame into `pixels` and return what is in it.

        Args:
            actors: all that are in view.
            gaps: all that are sold out.
            time_s: since the clip began.
        """
        self._books[:] = 0
        poses = [actor.pose(time_s) for actor in actors]
        self._cast(actors, poses)
        lay(self._backdrop, self._shade, self._glow, self.pixels, self._owner)
        boxes = np.empty((len(actors) + len(gaps), 4), dtype=np.float32)
        for row, gap in enumerate(gaps, len(actors)):
            self._paint_gap(gap)
            boxes[row] = self._extent
        depths = [(self._depth(pose[0], pose[1]), n) for n, pose in enumerate(poses)]
        depths += [(self._depth(*piece.spot), -1 - n) for n, piece in enumerate(self._pieces)]
        for depth, n in sorted(depths, reverse=True):
            if n < 0:
                self._paint_piece(self._pieces[-1 - n])
            else:
                self._paint_actor(actors[n], poses[n], depth)
                boxes[n] = self._extent
        identities = [actor.mover.identity for actor in actors] + [gap.identity for gap in gaps]
        kinds = [actor.mover.kind for actor in actors] + [GAP] * len(gaps)
        return self._truth(boxes, kinds, identities)

    def _depth(self, x: float, z: float) -> float:
        return seen_at(self._place.eye, x, 1.0, z)[2]

    def _cast(self, actors: Sequence[Actor], poses: Sequence[Floats]) -> None:
        eye, sun, ends = self._place.eye, self._sun, self._ends
        shade, glow, beam = self._shade, self._glow, float(self._light.beam)
        for actor, pose in zip(actors, poses, strict=True):
            if actor.mover.kind == VEHICLE:
                vehicle.shade_vehicle(shade, glow, eye, pose, actor.measures, sun, beam, ends)
            elif self._place.view != "shelf":
                count = person.posed(self._limbs, actor.measures, pose)
                person.shade_limbs(shade, eye, self._limbs, count, sun, ends)

    def _paint_actor(self, actor: Actor, pose: Floats, depth: float) -> None:
        eye, who = self._place.eye, actor.mover.identity
        smear = self._light.exposure_s * pose[6] * eye.focal_px / depth
        self._prepare(1.0 + 0.6 * smear)
        rest = self.pixels, self._owner, self._books, who, eye
        if actor.mover.kind == VEHICLE:
            lit(self._lights, pose[0], pose[1], actor.colours, actor.lit, vehicle.LAMP)
            vehicle.paint_vehicle(
                *rest, pose, actor.measures, actor.lit, self._ink, self._extent, self._scratch
            )
            return
        lit(self._lights, pose[0], pose[1], actor.colours, actor.lit, len(actor.lit))
        count = person.posed(self._limbs, actor.measures, pose)
        person.paint_limbs(
            *rest, self._limbs, count, actor.lit, self._ink, self._extent, self._ends
        )

    def _paint_piece(self, piece: Piece) -> None:
        self._prepare(1.0)
        self._ink[5] = piece.grain
        person.paint_limbs(
            self.pixels, self._owner, self._books, _NOBODY, self._place.eye, piece.limbs.copy(),
            len(piece.limbs), piece.colours, self._ink, self._extent, self._ends,
        )  # fmt: skip

    def _prepare(self, soft: float) -> None:
        self._ink[3:] = 0.16, soft, 0.0
        self._extent[:] = 1e9, 1e9, -1e9, -1e9

    def _paint_gap(self, gap: Gap) -> None:
        """Paint an empty place: the shelf's dark back, and in front of it the board's top."""
        low = FOOT_M + gap.board * BOARD_M + 0.035
        left, right = gap.slot * SLOT_M + 0.008, (gap.slot + 1) * SLOT_M - 0.008
        self._prepare(1.0)
        middle = self._place.spot(0.5 * (left + right), self._place.wall_m)
        colours = np.empty((2, 3))
        lit(self._lights, *middle, _EMPTY, colours, 2)
        ups = (low, low + BOARD_M - 0.035), (low, low + 0.3 * BOARD_M)
        for colour, (bottom, top) in zip(colours, ups, strict=True):
            corners = np.empty((4, 2))
            sides = (left, bottom), (right, bottom), (right, top), (left, top)
            for k, (s, y) in enumerate(sides):
                x, z = self._place.spot(s, self._place.wall_m)
                corners[k] = seen_at(self._place.eye, x, y, z)[:2]
            self._ink[:3] = colour
            polygon(self.pixels, self._owner, self._books, gap.identity, corners, self._ink)
            self._extent[:2] = np.minimum(self._extent[:2], corners.min(axis=0))
            self._extent[2:] = np.maximum(self._extent[2:], corners.max(axis=0))

    def _truth(self, boxes: Boxes, kinds: list[int], identities: list[int]) -> Truth:
        height, width = self._owner.shape
        np.clip(boxes[:, 0::2], 0, width, out=boxes[:, 0::2])
        np.clip(boxes[:, 1::2], 0, height, out=boxes[:, 1::2])
        counted = self._books[identities]
        seen = counted[:, LEFT] / np.maximum(counted[:, ALL], 1)
        return Truth(
            boxes, np.array(kinds, dtype=np.int8), np.array(identities, dtype=np.int64),
            seen.astype(np.float32),
        )  # fmt: skip
