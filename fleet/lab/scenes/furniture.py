"""What stands about and hides people: lamp posts, trees, benches, bollards, signs, pillars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.lab.scenes.lens import draw, key_of
from fleet.lab.scenes.world import Site

LAMP_M = 5.2
"""Height of a street lamp."""


class Piece(NamedTuple):
    """A piece of furniture.

    Attributes:
        spot: point (x, z) where it stands.
        limbs: capsules; see `person.posed`.
        colours: shape (2, 3).
        grain: of its surface, 0 to 1.
    """

    spot: tuple[float, float]
    limbs: Floats
    colours: Floats
    grain: float


Bar = tuple[float, float, float, float, float, float, float, float, int]
"""Ends (along, up, across) and radii of a capsule, and its colour's row."""


def _post(tall: float, thick: float) -> list[Bar]:
    arm = (0.0, tall, 0.0, 0.05, 0.9, tall + 0.15, 0.0, 0.04, 0)
    head = (0.6, tall + 0.12, 0.0, 0.09, 1.0, tall + 0.16, 0.0, 0.09, 1)
    return [(0.0, 0.0, 0.0, thick, 0.0, tall, 0.0, 0.7 * thick, 0), arm, head]


def _tree(key: int) -> list[Bar]:
    tall, wide = draw(key, "tall", 2.6, 3.6), draw(key, "wide", 0.8, 1.4)
    bars: list[Bar] = [(0.0, 0.0, 0.0, 0.15, 0.0, tall, 0.0, 0.1, 0)]
    for k in range(5):
        a, b = draw(key, f"a{k}", -0.8, 0.8), draw(key, f"b{k}", -0.8, 0.8)
        y = tall + draw(key, f"y{k}", 0.2, 1.6)
        bars.append((a, y, b, wide * 0.7, a + 0.3, y + 0.3, b, wide * 0.6, 1))
    return bars


def _bench() -> list[Bar]:
    rows = [(0.45, 0.0), (0.45, 0.22), (0.7, 0.42), (0.86, 0.45)]
    seat: list[Bar] = [(-0.8, y, b, 0.055, 0.8, y, b, 0.055, 1) for y, b in rows]
    return seat + [(a, 0.0, 0.2, 0.04, a, 0.45, 0.2, 0.04, 0) for a in (-0.7, 0.7)]


def _stand(tall: float, thick: float) -> list[Bar]:
    return [(0.0, 0.0, 0.0, thick, 0.0, tall, 0.0, thick, 0)]


_WOOD, _STEEL, _LEAF = (116.0, 84.0, 58.0), (74.0, 78.0, 82.0), (70.0, 98.0, 48.0)
_PALE = (190.0, 188.0, 182.0)


def _bars(kind: str, key: int) -> tuple[list[Bar], list[tuple[float, ...]], float]:
    if kind == "tree":
        return _tree(key), [_WOOD, _LEAF], 0.5
    if kind == "bench":
        return _bench(), [_STEEL, _WOOD], 0.0
    if kind == "bollard":
        return _stand(0.85, 0.1), [_STEEL, _STEEL], 0.0
    if kind == "pillar":
        return _stand(4.0, draw(key, "thick", 0.12, 0.22)), [_PALE, _PALE], 0.0
    if kind == "bin":
        return _stand(0.85, 0.26), [(54.0, 82.0, 66.0), _STEEL], 0.0
    return _post(LAMP_M, 0.09), [_STEEL, (240.0, 236.0, 220.0)], 0.0


def _spots(place: Site) -> list[tuple[str, float, float]]:
    """Return kind and place (along, across) of the pieces of a site."""
    key = place.key
    if place.view == "street":
        kerb, other = place.road_m[0] - 0.35, place.road_m[1] + 0.4
        first = draw(key, "first post", -9.0, 3.0)
        spots = [("post", first + 11.0 * k, kerb) for k in range(3)]
        for k in range(5):
            kind = ("tree", "bench", "bollard", "bin", "tree")[int(draw(key, f"kind {k}") * 5)]
            far = draw(key, f"side {k}") < 0.6
            spots.append((kind, draw(key, f"piece {k}", -12.0, 12.0), other if far else kerb - 0.3))
        return spots
    if place.view == "entrance":
        side = draw(key, "side", 1.2, 2.4)
        spots = [("pillar", side, place.wall_m * 0.6)] if draw(key, "pillar") < 0.6 else []
        return [*spots, ("bin", draw(key, "bin", -3.0, 3.0), place.wall_m * 0.8)]
    return []


def furniture(place: Site) -> list[Piece]:
    """Return what stands about at a site."""
    pieces = []
    (ax, az), (cx, cz) = place.along, place.across()
    for number, (kind, s, w) in enumerate(_spots(place)):
        bars, colours, grain = _bars(kind, key_of(place.key, "piece", number))
        x, z = place.spot(s, w)
        limbs = np.zeros((len(bars), 10))
        for n, bar in enumerate(bars):
            for end in (0, 4):
                a, y, b = bar[end : end + 3]
                limbs[n, end : end + 4] = x + a * ax + b * cx, y, z + a * az + b * cz, bar[end + 3]
            limbs[n, 8] = bar[8]
        pieces.append(Piece((x, z), limbs, np.array(colours), grain))
    return pieces


def lamps(place: Site) -> list[tuple[float, float, float]]:
    """Return where lamps hang: x, y, z."""
    if place.view == "street":
        posts = [(s, w) for kind, s, w in _spots(place) if kind == "post"]
        return [(x, LAMP_M, z) for x, z in (place.spot(s + 0.8, w) for s, w in posts)]
    if place.view == "entrance":
        x, z = place.spot(draw(place.key, "lamp", -2.0, 2.0), place.wall_m - 0.5)
        return [(x, 3.0, z)]
    far = place.wall_m - 1.2 if place.view == "shelf" else 0.0
    spots = [place.spot(draw(place.key, f"lamp {k}", -3.0, 3.0), far) for k in range(2)]
    return [(x, 3.0, z) for x, z in spots]
