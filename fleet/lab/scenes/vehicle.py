"""A vehicle that drives: prisms, windows, wheels and lights in the world."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats
from fleet.eyes.clip import Pixels
from fleet.kernel import kernel
from fleet.lab.scenes.lens import Lens, draw, seen_at, wave
from fleet.lab.scenes.paint import Books, Mask, Owner, capsule, grown, polygon, stain

LENGTH, WIDTH, HEIGHT, WAIST, BONNET, BOOT, RAKE = range(7)
"""A vehicle's measures, m: its size, where the cabin begins: up, from the nose, from the tail; and
how far its screens lean."""

BODY, GLASS, TYRE, LAMP, TAIL = range(5)
"""Rows of a look's colours."""

_SHAPES = (
    (4.3, 1.8, 1.45, 0.85, 1.15, 0.55, 0.55),
    (4.7, 1.85, 1.45, 0.86, 1.2, 0.9, 0.6),
    (4.5, 1.85, 1.7, 0.98, 1.1, 0.15, 0.45),
    (5.4, 2.0, 2.3, 1.15, 0.75, 0.05, 0.35),
    (6.6, 2.2, 2.9, 1.2, 0.15, 0.05, 0.12),
)
_PAINTS = (
    (226, 228, 230), (168, 172, 176), (104, 108, 112), (38, 40, 44), (34, 56, 110), (150, 30, 32),
    (60, 92, 76), (206, 180, 92), (94, 124, 158), (240, 240, 236),
)  # fmt: skip


def look(key: int) -> tuple[Floats, Floats]:
    """Return how a vehicle looks: colours, shape (5, 3), and measures, shape (7,)."""
    kind = int(draw(key, "shape") * (len(_SHAPES) + 2)) % len(_SHAPES)
    body = _PAINTS[int(draw(key, "paint") * len(_PAINTS))]
    tone, size = draw(key, "tone", 0.8, 1.05), draw(key, "size", 0.94, 1.06)
    colours = [[c * tone for c in body], (40, 46, 54), (26, 26, 28), (255, 246, 214), (220, 30, 24)]
    return np.array(colours, dtype=np.float64), np.array(_SHAPES[kind], dtype=np.float64) * size


@kernel
def _corner(eye: Lens, at: Floats, a: float, b: float, y: float, into: Floats, k: int) -> None:
    """Project a point (ahead, right, up) of the vehicle into row k."""
    x, z, hx, hz = at[0], at[1], at[2], at[3]
    into[k, 0], into[k, 1], _ = seen_at(eye, x + a * hx + b * hz, y, z + a * hz - b * hx)


@kernel
def _turned(corners: Floats, count: int) -> float:
    """Return twice the signed area of a polygon; positive if it shows its face."""
    twice = 0.0
    for k in range(count):
        n = k + 1 if k + 1 < count else 0
        twice += corners[k, 0] * corners[n, 1] - corners[n, 0] * corners[k, 1]
    return twice


@kernel
def _face(
    pixels: Pixels, owner: Owner, books: Books, who: int, eye: Lens, at: Floats, quad: Floats,
    colour: Floats, tone: float, ink: Floats, extent: Floats, corners: Floats,
) -> None:  # fmt: skip
    """Paint a four-cornered face of the vehicle, rows (ahead, right, up), if it is seen."""
    for k in range(4):
        _corner(eye, at, quad[k, 0], quad[k, 1], quad[k, 2], corners, k)
        grown(extent, corners[k, 0], corners[k, 1], corners[k, 0], corners[k, 1])
    if _turned(corners, 4) > 0.0:
        ink[0], ink[1], ink[2] = colour[0] * tone, colour[1] * tone, colour[2] * tone
        polygon(pixels, owner, books, who, corners[:4], ink)


@kernel
def _quad(
    quad: Floats, a0: float, b0: float, y0: float, a1: float, b1: float, y1: float,
    a2: float, b2: float, y2: float, a3: float, b3: float, y3: float,
) -> None:  # fmt: skip
    quad[0, 0], quad[0, 1], quad[0, 2] = a0, b0, y0
    quad[1, 0], quad[1, 1], quad[1, 2] = a1, b1, y1
    quad[2, 0], quad[2, 1], quad[2, 2] = a2, b2, y2
    quad[3, 0], quad[3, 1], quad[3, 2] = a3, b3, y3


@kernel
def _prism(
    pixels: Pixels, owner: Owner, books: Books, who: int, eye: Lens, at: Floats, sizes: Floats,
    colours: Floats, glass: bool, ink: Floats, extent: Floats, scratch: Floats,
) -> None:  # fmt: skip
    """Paint a prism with sloping ends: sides, ends, top; with windows if it is a cabin.

    `sizes` is: tail, nose, half width, up below; tail, nose, half width, up above.
    """
    t0, n0, w0, y0, t1, n1, w1, y1 = sizes
    corners, quad = scratch[:12], scratch[12:16]
    for face in range(5):
        if face == 0:
            _quad(quad, t1, -w1, y1, n1, -w1, y1, n1, w1, y1, t1, w1, y1)
            tone = 1.12
        elif face == 1:
            _quad(quad, n0, -w0, y0, n0, w0, y0, n1, w1, y1, n1, -w1, y1)
            tone = 0.88
        elif face == 2:
            _quad(quad, t0, w0, y0, t0, -w0, y0, t1, -w1, y1, t1, w1, y1)
            tone = 0.8
        elif face == 3:
            _quad(quad, n0, w0, y0, t0, w0, y0, t1, w1, y1, n1, w1, y1)
            tone = 0.72
        else:
            _quad(quad, t0, -w0, y0, n0, -w0, y0, n1, -w1, y1, t1, -w1, y1)
            tone = 0.98
        _face(pixels, owner, books, who, eye, at, quad, colours[BODY], tone, ink, extent, corners)
        if glass and face > 0:  # the same face, drawn in towards its middle
            for axis in range(3):
                middle = 0.25 * (quad[0, axis] + quad[1, axis] + quad[2, axis] + quad[3, axis])
                for k in range(4):
                    quad[k, axis] += 0.14 * (middle - quad[k, axis])
            glass_of = colours[GLASS]
            _face(pixels, owner, books, who, eye, at, quad, glass_of, tone, ink, extent, corners)


@kernel
def _wheels(
    pixels: Pixels, owner: Owner, books: Books, who: int, eye: Lens, at: Floats, sizes: Floats,
    colours: Floats, ink: Floats, extent: Floats, corners: Floats,
) -> None:  # fmt: skip
    """Paint the wheels on the side that is seen, as polygons of twelve corners with a hub."""
    for wheel in range(4):
        a = sizes[LENGTH] * (0.31 if wheel < 2 else -0.31)
        side = 1.0 if wheel % 2 else -1.0
        b = side * (0.5 * sizes[WIDTH] + 0.01)
        for part_of in range(2):
            radius = 0.33 if part_of == 0 else 0.17
            for k in range(12):
                across, up = radius * wave(k / 12.0 + 0.25), radius * wave(k / 12.0)
                _corner(eye, at, a - side * across, b, 0.33 + up, corners, k)
                grown(extent, corners[k, 0], corners[k, 1], corners[k, 0], corners[k, 1])
            if _turned(corners, 12) > 0.0:
                tone = 1.0 if part_of == 0 else 4.0
                for c in range(3):
                    ink[c] = colours[TYRE, c] * tone
                polygon(pixels, owner, books, who, corners, ink)


@kernel
def _lamps(
    pixels: Pixels, owner: Owner, books: Books, who: int, eye: Lens, at: Floats, sizes: Floats,
    colours: Floats, ink: Floats, extent: Floats, ends: Floats,
) -> None:  # fmt: skip
    """Paint head lamps and tail lamps on the end that is seen."""
    for lamp in range(4):
        ahead = 1.0 if lamp < 2 else -1.0
        a = ahead * sizes[LENGTH] * 0.5
        b = sizes[WIDTH] * (0.36 if lamp % 2 else -0.36)
        x, z = at[0] + a * at[2] + b * at[3], at[1] + a * at[3] - b * at[2]
        if ahead * (x * at[2] + z * at[3]) > 0.0:  # turned away from the camera
            continue
        px, py, depth = seen_at(eye, x, 0.66, z)
        r = 0.1 * eye.focal_px / depth
        ends[0], ends[1], ends[2], ends[3], ends[4], ends[5] = px, py, r, px, py, r
        grown(extent, px - r, py - r, px + r, py + r)
        row = LAMP if lamp < 2 else TAIL
        ink[0], ink[1], ink[2] = colours[row, 0], colours[row, 1], colours[row, 2]
        capsule(pixels, owner, books, who, ends, ink)


@kernel
def paint_vehicle(
    pixels: Pixels, owner: Owner, books: Books, who: int, eye: Lens, at: Floats, measures: Floats,
    colours: Floats, ink: Floats, extent: Floats, scratch: Floats,
) -> None:  # fmt: skip
    """Paint a vehicle: body, cabin, wheels, lamps; grow the extent to all it covers.

    Args:
        pixels: to paint into.
        owner: who owns each pixel.
        books: pixels painted and left, per object.
        who: paints.
        eye: the camera.
        at: x, z, heading x, z (of length 1).
        measures: see `look`.
        colours: as lit; shape (5, 3).
        ink: see `paint`; red, green and blue are set here.
        extent: x0, y0, x1, y1, px.
        scratch: shape (20, 3).
    """
    half, wide, waist = 0.5 * measures[LENGTH], 0.5 * measures[WIDTH], measures[WAIST]
    sizes = scratch.reshape(60)[48:56]
    sizes[0], sizes[1], sizes[2], sizes[3] = -half, half, wide, 0.24
    sizes[4], sizes[5], sizes[6], sizes[7] = -half + 0.05, half - 0.08, wide - 0.03, waist
    _prism(pixels, owner, books, who, eye, at, sizes, colours, False, ink, extent, scratch)
    tail, nose = -half + measures[BOOT], half - measures[BONNET]
    sizes[0], sizes[1], sizes[2], sizes[3] = tail, nose, wide - 0.04, waist
    sizes[4], sizes[5] = tail + 0.6 * measures[RAKE], nose - measures[RAKE]
    sizes[6], sizes[7] = wide - 0.18, measures[HEIGHT]
    _prism(pixels, owner, books, who, eye, at, sizes, colours, True, ink, extent, scratch)
    _wheels(pixels, owner, books, who, eye, at, measures, colours, ink, extent, scratch[:12])
    ends = scratch.reshape(60)[:6]
    _lamps(pixels, owner, books, who, eye, at, measures, colours, ink, extent, ends)


@kernel
def shade_vehicle(
    shade: Mask, glow: Mask, eye: Lens, at: Floats, measures: Floats, sun: Floats, beam: float,
    ends: Floats,
) -> None:  # fmt: skip
    """Cast a vehicle's shadow, the dark below it, and its headlights' pool.

    Args:
        shade: mask of shadows.
        glow: mask of light.
        eye: the camera.
        at: x, z, heading x, z (of length 1).
        measures: see `look`.
        sun: see `person.shade_limbs`.
        beam: strength of the headlights, 0 to 255.
        ends: scratch for 7 numbers.
    """
    ends[6] = max(0.35, eye.sine)
    half, wide, up = 0.5 * measures[LENGTH] - 0.5, 0.5 * measures[WIDTH], 0.7 * measures[HEIGHT]
    for line in range(6):
        b = (line % 3 - 1.0) * (wide - 0.45)
        high = up if line < 3 and sun[2] > 0.0 else 0.0
        for e in range(2):
            a = half if e else -half
            x = at[0] + a * at[2] + b * at[3] + high * sun[0]
            z = at[1] + a * at[3] - b * at[2] + high * sun[1]
            ends[3 * e], ends[3 * e + 1], depth = seen_at(eye, x, 0.0, z)
            ends[3 * e + 2] = 0.5 * eye.focal_px / depth
        per_m = eye.focal_px / depth
        stain(shade, ends, 0.35 * per_m, int(sun[2]) if high else 150)
    if beam > 0.0:
        for e in range(2):
            a = half + (2.0 if e == 0 else 6.5)
            x, z = at[0] + a * at[2], at[1] + a * at[3]
            ends[3 * e], ends[3 * e + 1], depth = seen_at(eye, x, 0.0, z)
            ends[3 * e + 2] = (0.7 if e == 0 else 1.6) * eye.focal_px / depth
        stain(glow, ends, 2.5 * eye.focal_px / depth, int(beam))
