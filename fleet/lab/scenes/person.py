"""A person who walks: capsules in the world, from the shoes to the hair."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats
from fleet.eyes.clip import Pixels
from fleet.kernel import kernel
from fleet.lab.scenes.lens import Lens, draw, seen_at, wave
from fleet.lab.scenes.paint import Books, Mask, Owner, capsule, grown, stain

SKIN, HAIR, TOP, LEGS, SHOES, PACK, CANOPY = range(7)
"""Rows of a look's colours."""

HEIGHT, WIDTH, COAT, LOAD, UMBRELLA, PHASE = range(6)
"""A look's measures: m, of the usual, whether they have it (0 or 1), where in a step they begin."""

LIMBS = 26
"""Capsules that a person has at most."""

_SKINS = ((236, 200, 172), (222, 178, 146), (188, 140, 106), (142, 98, 70), (96, 64, 46))
_HAIRS = ((28, 24, 22), (54, 38, 28), (92, 66, 42), (176, 144, 92), (150, 148, 146), (120, 52, 30))
_CLOTHS = (
    (32, 34, 40), (58, 60, 66), (110, 112, 116), (190, 190, 188), (232, 230, 224), (30, 44, 86),
    (52, 92, 150), (128, 34, 38), (190, 52, 46), (44, 84, 56), (120, 128, 62), (212, 168, 60),
    (196, 116, 54), (104, 72, 122), (214, 142, 158), (118, 88, 62), (176, 152, 118), (60, 130, 136),
)  # fmt: skip
_TROUSERS = ((30, 32, 38), (44, 52, 78), (66, 84, 122), (88, 88, 90), (124, 106, 80), (58, 48, 42))


def _one(key: int, name: str, of: tuple[tuple[int, int, int], ...]) -> tuple[float, ...]:
    base = of[int(draw(key, name) * len(of))]
    tone = draw(key, name + " tone", 0.85, 1.15)
    return tuple(channel * tone for channel in base)


def look(key: int, wet: bool) -> tuple[Floats, Floats]:
    """Return how a person looks: colours, shape (7, 3), and measures, shape (6,).

    Args:
        key: whose draws decide.
        wet: whether it rains, so that many carry an umbrella.
    """
    child = draw(key, "child") < 0.1
    height = draw(key, "height", 1.05, 1.4) if child else draw(key, "height", 1.54, 1.94)
    colours = [
        _one(key, "skin", _SKINS), _one(key, "hair", _HAIRS), _one(key, "top", _CLOTHS),
        _one(key, "legs", _TROUSERS), _one(key, "shoes", _HAIRS), _one(key, "pack", _CLOTHS),
        _one(key, "canopy", _CLOTHS),
    ]  # fmt: skip
    measures = [
        height, draw(key, "width", 0.86, 1.2), float(draw(key, "coat") < (0.5 if wet else 0.22)),
        float(draw(key, "load") < 0.25), float(wet and draw(key, "umbrella") < 0.35),
        draw(key, "phase"),
    ]  # fmt: skip
    return np.array(colours, dtype=np.float64), np.array(measures, dtype=np.float64)


_ALWAYS = -1
_PARTS = np.array([
    (_ALWAYS, TOP, 0, -0.092, 0.93, 0.115, 0, -0.115, 1.36, 0.115),
    (_ALWAYS, TOP, 0, 0, 0.93, 0.13, 0, 0, 1.36, 0.13),
    (_ALWAYS, TOP, 0, 0.092, 0.93, 0.115, 0, 0.115, 1.36, 0.115),
    (_ALWAYS, SKIN, 0.01, 0, 1.46, 0.055, 0.02, 0, 1.58, 0.06),
    (_ALWAYS, SKIN, 0.035, 0, 1.6, 0.085, 0.035, 0, 1.64, 0.098),
    (_ALWAYS, HAIR, -0.02, 0, 1.6, 0.09, -0.012, 0, 1.66, 0.107),
    (COAT, TOP, 0, 0, 0.98, 0.19, 0, 0, 0.66, 0.21),
    (LOAD, PACK, -0.2, 0, 1.08, 0.14, -0.19, 0, 1.28, 0.12),
    (UMBRELLA, PACK, 0.12, 0.1, 1.15, 0.012, 0.12, 0.1, 1.95, 0.012),
    (UMBRELLA, CANOPY, 0.12, 0.1, 2.0, 0.13, 0.4, 0.1, 1.93, 0.08),
    (UMBRELLA, CANOPY, 0.12, 0.1, 2.0, 0.13, -0.16, 0.1, 1.93, 0.08),
    (UMBRELLA, CANOPY, 0.12, 0.1, 2.0, 0.13, 0.12, 0.38, 1.93, 0.08),
    (UMBRELLA, CANOPY, 0.12, 0.1, 2.0, 0.13, 0.12, -0.18, 1.93, 0.08),
], dtype=np.float64)  # fmt: skip
"""What does not swing: the measure it depends on, colour, then ahead, right, up and radius of both
ends, in m for a person of 1.75 m."""


@kernel
def _limb(
    limbs: Floats, n: int, colour: int, at: Floats, s: float,
    a0: float, b0: float, y0: float, r0: float, a1: float, b1: float, y1: float, r1: float,
) -> int:  # fmt: skip
    """Add a capsule between (ahead, right, up) and another such point, times s; return n + 1."""
    x, z, hx, hz = at[0], at[1], s * at[2], s * at[3]
    limbs[n, 0], limbs[n, 1], limbs[n, 2] = x + a0 * hx + b0 * hz, s * y0, z + a0 * hz - b0 * hx
    limbs[n, 4], limbs[n, 5], limbs[n, 6] = x + a1 * hx + b1 * hz, s * y1, z + a1 * hz - b1 * hx
    limbs[n, 3], limbs[n, 7], limbs[n, 8] = s * r0, s * r1, colour
    return n + 1


@kernel
def _leg(limbs: Floats, n: int, at: Floats, s: float, b: float, turns: float, go: float) -> int:
    """Add thigh, shin and shoe of a leg that swings, bent while it swings forwards."""
    swing, lift = 0.40 * go * wave(turns), max(0.0, wave(turns + 0.25)) * go
    knee_a, knee_y = 0.55 * swing + 0.12 * lift, 0.48 + 0.02 * lift
    foot_a, foot_y = swing - 0.10 * lift, 0.07 + 0.12 * lift
    n = _limb(limbs, n, LEGS, at, s, 0.0, b, 0.90, 0.095, knee_a, b, knee_y, 0.066)
    n = _limb(limbs, n, LEGS, at, s, knee_a, b, knee_y, 0.064, foot_a, b, foot_y, 0.046)
    toe_a, sole = foot_a + 0.15, foot_y - 0.02
    return _limb(limbs, n, SHOES, at, s, foot_a, b, sole, 0.048, toe_a, b, sole - 0.01, 0.036)


@kernel
def _arm(limbs: Floats, n: int, at: Floats, s: float, b: float, turns: float, go: float) -> int:
    """Add upper arm, forearm and hand of an arm that swings against its leg."""
    swing = 0.26 * go * wave(turns)
    elbow, hand, wrist = 0.45 * swing, swing + 0.06, 0.90 + 0.10 * abs(swing)
    out, side = 1.12 * b, 1.1 * b
    n = _limb(limbs, n, TOP, at, s, 0.0, b, 1.39, 0.062, elbow, out, 1.13, 0.05)
    n = _limb(limbs, n, TOP, at, s, elbow, out, 1.13, 0.05, hand, side, wrist, 0.04)
    palm = wrist - 0.05
    return _limb(limbs, n, SKIN, at, s, hand, side, palm, 0.042, hand, side, palm - 0.04, 0.036)


@kernel
def posed(limbs: Floats, measures: Floats, at: Floats) -> int:
    """Fill in a person's capsules and return how many they are.

    Args:
        limbs: to fill; shape (LIMBS, 10): x, y, z, radius of both ends in m, the colour's row, and
            a column for the depth.
        measures: see `look`.
        at: x, z, heading x, z (of length 1), steps taken (in pairs), how far they swing (0 to 1).
    """
    s, wide = measures[HEIGHT] / 1.75, measures[WIDTH]
    turns, go = at[4] + measures[PHASE], at[5]
    n = _leg(limbs, 0, at, s, -0.085 * wide, turns, go)
    n = _leg(limbs, n, at, s, 0.085 * wide, turns + 0.5, go)
    n = _arm(limbs, n, at, s, -0.21 * wide, turns + 0.5, go)
    n = _arm(limbs, n, at, s, 0.21 * wide, turns, go)
    bob = 0.02 * go * wave(2.0 * turns)
    for k in range(_PARTS.shape[0]):
        p = _PARTS[k]
        if p[0] < 0.0 or measures[int(p[0])] > 0.0:
            n = _limb(
                limbs, n, int(p[1]), at, s,
                p[2], p[3] * wide, p[4], p[5], p[6], p[7] * wide, p[8] + bob, p[9],
            )  # fmt: skip
    return n


@kernel
def paint_limbs(
    pixels: Pixels, owner: Owner, books: Books, who: int, eye: Lens, limbs: Floats, count: int,
    colours: Floats, ink: Floats, extent: Floats, ends: Floats,
) -> None:  # fmt: skip
    """Paint capsules of the world, the farthest first; grow the extent to all they cover.

    Args:
        pixels: to paint into.
        owner: who owns each pixel.
        books: pixels painted and left, per object.
        who: paints.
        eye: the camera.
        limbs: see `posed`; put in order of depth here.
        count: of capsules.
        colours: rows of red, green, blue as lit.
        ink: see `paint`; red, green and blue are set here.
        extent: x0, y0, x1, y1, px.
        ends: scratch for 7 numbers.
    """
    for n in range(count):  # column 9 is the depth of the middle, nearest surface
        x, y, z = limbs[n, 0] + limbs[n, 4], limbs[n, 1] + limbs[n, 5], limbs[n, 2] + limbs[n, 6]
        limbs[n, 9] = (2.0 * eye.height_m - y) * eye.sine + z * eye.cosine
        limbs[n, 9] -= limbs[n, 3] + limbs[n, 7]
        k = n
        while k > 0 and limbs[k - 1, 9] < limbs[k, 9]:
            for c in range(10):
                limbs[k, c], limbs[k - 1, c] = limbs[k - 1, c], limbs[k, c]
            k -= 1
    for n in range(count):
        x, y, depth = seen_at(eye, limbs[n, 0], limbs[n, 1], limbs[n, 2])
        r = limbs[n, 3] * eye.focal_px / depth
        ends[0], ends[1], ends[2] = x, y, r
        grown(extent, x - r, y - r, x + r, y + r)
        x, y, depth = seen_at(eye, limbs[n, 4], limbs[n, 5], limbs[n, 6])
        r = limbs[n, 7] * eye.focal_px / depth
        ends[3], ends[4], ends[5] = x, y, r
        grown(extent, x - r, y - r, x + r, y + r)
        row = int(limbs[n, 8])
        ink[0], ink[1], ink[2] = colours[row, 0], colours[row, 1], colours[row, 2]
        capsule(pixels, owner, books, who, ends, ink)


@kernel
def shade_limbs(
    mask: Mask, eye: Lens, limbs: Floats, count: int, sun: Floats, ends: Floats
) -> None:
    """Cast capsules' shadows on the ground, softer the higher what casts them.

    Args:
        mask: to lay them into.
        eye: the camera.
        limbs: see `posed`.
        count: of capsules.
        sun: how far east and ahead a shadow goes for 1 m of height, and its strength 0 to 255.
        ends: scratch for 7 numbers.
    """
    for n in range(count):
        soft = 1.0
        for e in range(2):
            up = limbs[n, 4 * e + 1]
            x, z = limbs[n, 4 * e] + up * sun[0], limbs[n, 4 * e + 2] + up * sun[1]
            ends[3 * e], ends[3 * e + 1], depth = seen_at(eye, x, 0.0, z)
            ends[3 * e + 2] = limbs[n, 4 * e + 3] * eye.focal_px / depth
            soft = max(soft, (0.04 + 0.05 * up) * eye.focal_px / depth)
        ends[6] = max(0.35, eye.sine)
        stain(mask, ends, soft, int(sun[2]))
