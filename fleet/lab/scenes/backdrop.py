"""What stands still: ground, walls, sky and shelves, traced once per scene, pixel by pixel.

A pixel's ray meets the ground, the wall across or the sky; what it meets has a material that is a
function of the place, of the site's key and of how much of the place a pixel covers, so that fine
patterns fade with distance instead of flickering.
"""

from __future__ import annotations

import math

import numpy as np

from fleet.arrays import Floats
from fleet.chance import mix64, uniform
from fleet.eyes.clip import Pixels
from fleet.kernel import inlined, kernel
from fleet.lab.scenes.lens import Lens, draw
from fleet.lab.scenes.light import Light, shine
from fleet.lab.scenes.world import Site

GROUND, JOINT, ROAD, WALL, TRIM, GLASS, GREEN, MARK = range(8)
"""Rows of a site's colours."""

TILE, BAY, WINDOW, TOP, WALL_AT, ROAD_AT, ROAD_TO, SUN_FROM, HAZE, WINDOWS, ZEBRA = range(11)
"""A site's measures: side of a tile, width of a bay, share of the bay that is window, top of the
wall, places across of wall, road and shade, haze, share of lit windows, place of the crossing."""

BOARDS, SLOT_M, BOARD_M, FOOT_M = 6, 0.36, 0.34, 0.14
"""A shelf: boards, width of a place on it, height between boards, height of the lowest."""

_FLOORS = ((150, 148, 142), (126, 122, 118), (176, 168, 154), (112, 104, 96), (158, 132, 104))
_WALLS = ((170, 152, 130), (150, 92, 74), (188, 184, 176), (122, 120, 124), (196, 180, 140))


@inlined
def _cell(key: np.uint64, i: int, j: int) -> float:
    """Return a uniform draw of the cell (i, j)."""
    return uniform(mix64(key + np.uint64(i + 1_000_003)), j + 500_009)


@kernel
def _cloud(key: np.uint64, x: float, y: float) -> float:
    """Return smooth noise around 0, between -0.5 and 0.5, with a grain of about 1."""
    i, j = math.floor(x), math.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low = _cell(key, i, j) * (1.0 - u) + _cell(key, i + 1, j) * u
    high = _cell(key, i, j + 1) * (1.0 - u) + _cell(key, i + 1, j + 1) * u
    return low * (1.0 - v) + high * v - 0.5


@inlined
def _line(off: float, wide: float, pixel_m: float) -> float:
    """Return how much of a pixel a line covers whose middle is `off` away, 0 to 1."""
    return max(0.0, min(1.0, min(wide / pixel_m, (0.5 * wide - abs(off)) / pixel_m + 0.5)))


@inlined
def _apart(x: float, step: float) -> float:
    """Return how far x is from the nearest multiple of a step."""
    return x - step * math.floor(x / step + 0.5)


@inlined
def _mix(out: Floats, colours: Floats, row: int, share: float) -> None:
    for c in range(3):
        out[c] += (colours[row, c] - out[c]) * share


@kernel
def _ground(
    out: Floats, key: np.uint64, colours: Floats, m: Floats, s: float, w: float, pixel_m: float
) -> None:
    """Set the colour of the ground so far along and across: road, crossing, kerb, slabs, lawn."""
    road = m[ROAD_TO] > 0.0 and m[ROAD_AT] < w < m[ROAD_TO]
    for c in range(3):
        out[c] = colours[ROAD, c] if road else colours[GROUND, c]
    if road:
        middle = 0.5 * (m[ROAD_AT] + m[ROAD_TO])
        dash = 0.9 if abs(_apart(s, 6.0)) < 1.5 else 0.0
        zebra = abs(s - m[ZEBRA]) < 1.6
        if zebra:
            dash = 0.0
            _mix(out, colours, MARK, 0.75 * _line(_apart(w, 1.0), 0.5, pixel_m))
        _mix(out, colours, MARK, dash * _line(w - middle, 0.13, pixel_m))
    else:
        joint = max(
            _line(_apart(s, m[TILE]), 0.014, pixel_m), _line(_apart(w, m[TILE]), 0.014, pixel_m)
        )
        i, j = math.floor(s / m[TILE] + 0.5), math.floor(w / m[TILE] + 0.5)
        tone = 0.12 * (_cell(key, i, j) - 0.5)
        tone *= min(1.0, m[TILE] / (4.0 * pixel_m))
        for c in range(3):
            out[c] *= 1.0 + tone
        _mix(out, colours, JOINT, 0.7 * joint)
        if m[ROAD_TO] > 0.0:
            _mix(out, colours, TRIM, 0.6 * _line(w - m[ROAD_AT] + 0.09, 0.16, pixel_m))
            _mix(out, colours, TRIM, 0.6 * _line(w - m[ROAD_TO] - 0.09, 0.16, pixel_m))
            lawn = m[ROAD_AT] - 7.0 + _cloud(key, s * 1.5, 7.0)
            if w < lawn:
                _mix(out, colours, GREEN, 1.0)
                for c in range(3):
                    out[c] *= 1.0 + 0.5 * _cloud(key, 9.0 * s, 9.0 * w)
    rough = 0.20 * _cloud(key, 0.55 * s, 0.55 * w) + 0.10 * _cloud(key, 2.3 * s, 2.3 * w)
    fine = 0.22 * _cloud(key, 31.0 * s, 31.0 * w) * min(1.0, 0.02 / pixel_m)
    tone = 1.0 + rough + fine
    for c in range(3):
        out[c] *= tone


@kernel
def _facade(
    out: Floats, key: np.uint64, colours: Floats, m: Floats, s: float, y: float, pixel_m: float
) -> float:
    """Set the colour of a house front; return how much light comes out of it, 0 to 1."""
    for c in range(3):
        out[c] = colours[WALL, c] * (1.0 + 0.16 * _cloud(key, 0.8 * s, 0.8 * y))
        out[c] *= 1.0 + 0.1 * _cloud(key, 14.0 * s, 14.0 * y) * min(1.0, 0.03 / pixel_m)
    storey = 0 if y < 3.4 else 1 + int((y - 3.4) / 3.0)
    foot = 0.0 if storey == 0 else 3.4 + 3.0 * (storey - 1)
    tall = 3.4 if storey == 0 else 3.0
    bay = math.floor(s / m[BAY] + 0.5)
    off, up = abs(s - bay * m[BAY]), (y - foot) / tall
    wide = 0.5 * m[BAY] * (0.86 if storey == 0 else m[WINDOW])
    draw_here = _cell(key, bay * 7 + 1, storey * 13 + 5)
    low, high = (0.16 if draw_here < 0.7 else 0.0, 0.78) if storey == 0 else (0.3, 0.82)
    _mix(out, colours, TRIM, _line(y - foot, 0.22, pixel_m) if storey > 0 else 0.0)
    if storey == 0 and 0.8 < up < 0.93 and off < wide:  # a shop's sign
        for c in range(3):
            out[c] = 40.0 + 180.0 * _cell(key, bay, 31 + c)
        return 0.0
    if not (off < wide and low < up < high):
        return 0.0
    frame = min(wide - off, min(up - low, high - up) * tall)
    if frame < 0.09 or _line(off, 0.07, pixel_m) > 0.5:
        _mix(out, colours, TRIM, 0.9)
        return 0.0
    sheen = 0.75 + 0.5 * _cell(key, bay + 77, storey) + 0.5 * (up - 0.5)
    for c in range(3):
        out[c] = colours[GLASS, c] * sheen + 26.0 * _cloud(key, 1.7 * s, 1.7 * y)
    light = _cell(key, bay - 99, storey + 3)
    return 0.55 + 0.4 * light if light < m[WINDOWS] * (2.0 if storey == 0 else 1.0) else 0.0


@kernel
def _goods(out: Floats, key: np.uint64, colours: Floats, s: float, y: float) -> None:
    """Set the colour of a shelf full of goods; each place on a board holds one kind of them."""
    board = math.floor((y - FOOT_M) / BOARD_M)
    slot = math.floor(s / SLOT_M)
    up = y - FOOT_M - board * BOARD_M
    if board < 0 or board >= BOARDS or up < 0.035:
        for c in range(3):
            out[c] = colours[TRIM, c] * (0.8 if board < 0 else 1.0)
        tag = abs(s - (slot + 0.5) * SLOT_M) < 0.045 and up < 0.03
        if 0 <= board < BOARDS and tag:
            for c in range(3):
                out[c] = 235.0 if _cell(key, slot, board + 40) < 0.8 else 120.0 + 60.0 * (c == 0)
        if board >= BOARDS:
            for c in range(3):
                out[c] = colours[WALL, c]
        return
    kind = key + np.uint64(board * 1000 + slot + 50_000)
    count = 2 + int(3.0 * uniform(kind, 0))
    each = SLOT_M / count
    item = int((s - slot * SLOT_M) / each)
    off = ((s - slot * SLOT_M) / each - item - 0.5) * 2.0
    tall = BOARD_M * (0.52 + 0.4 * uniform(kind, 1))
    short = uniform(kind, 40 + item) < 0.06  # one is missing: not a gap
    bottle = uniform(kind, 2) < 0.4
    wide = 0.88 if not bottle or up < 0.68 * tall else 0.4
    if short or up - 0.035 > tall or abs(off) > wide:
        shadow = 0.16 + 0.1 * up / BOARD_M
        for c in range(3):
            out[c] = colours[TRIM, c] * shadow + 12.0
        return
    tone = 1.0 - 0.45 * off * off * off * off if not bottle else 1.05 - 0.5 * off * off
    tone *= 0.92 + 0.16 * uniform(kind, 20 + item)
    band = 0.3 < up / tall < 0.3 + 0.4 * uniform(kind, 3)
    grey = 50.0 + 150.0 * uniform(kind, 30 if band else 31)
    for c in range(3):
        hue = 25.0 + 215.0 * uniform(kind, (6 if band else 3) + c)
        out[c] = (0.5 * hue + 0.5 * grey) * tone
    if band and abs(off) < 0.6 and int(up * 90.0) % 3 == 0:
        for c in range(3):
            out[c] *= 0.55


@kernel
def trace(
    into: Pixels, eye: Lens, ax: float, az: float, key: np.uint64, colours: Floats, m: Floats,
    lights: Floats, shelf: bool, out: Floats,
) -> None:  # fmt: skip
    """Fill a picture with what stands still, lit.

    Args:
        into: to fill.
        eye: the camera.
        ax: x of the direction along.
        az: z of it.
        key: of the place.
        colours: shape (8, 3).
        m: measures of the place.
        lights: see `light.shine`.
        shelf: whether the wall is a shelf.
        out: scratch for a colour.
    """
    drop = eye.height_m
    for row in range(into.shape[0]):
        up = (eye.middle_y - row - 0.5) / eye.focal_px
        dy, dz = up * eye.cosine - eye.sine, eye.cosine + up * eye.sine
        for column in range(into.shape[1]):
            dx = (column + 0.5 - eye.middle_x) / eye.focal_px
            to_ground = -drop / dy if dy < -1e-6 else 1e9
            towards = dz * ax - dx * az
            to_wall = m[WALL_AT] / towards if towards > 1e-6 else 1e9
            depth = min(to_ground, to_wall)
            x, z = depth * dx, depth * dz
            y = drop + depth * dy
            s, w = x * ax + z * az, z * ax - x * az
            pixel_m = depth / eye.focal_px
            glow = 0.0
            open_sky = depth > 900.0 or (to_wall < to_ground and y > m[TOP] and not shelf)
            if open_sky:
                for c in range(3):
                    out[c] = (150.0 + 26.0 * c) * (1.0 + 0.2 * _cloud(key, 3.0 * dx, 9.0 * up))
            elif to_wall < to_ground:
                if shelf:
                    _goods(out, key, colours, s, y)
                else:
                    glow = _facade(out, key, colours, m, s, y, pixel_m)
            else:
                _ground(out, key, colours, m, s, w, pixel_m / max(0.25, abs(dy)))
                if w > m[SUN_FROM]:
                    for c in range(3):
                        out[c] *= 0.68
                if w > m[WALL_AT] - 0.5:  # dirt and shade in the corner
                    for c in range(3):
                        out[c] *= 1.0 - 0.5 * (w - m[WALL_AT] + 0.5)
            veil = 1.0 - 1.0 / (1.0 + m[HAZE] * min(depth, 60.0))
            for c in range(3):
                tone = lights[0, c] if open_sky else shine(lights, x, y, z, c)
                value = out[c] * tone * (1.0 - veil) + 190.0 * lights[0, c] * veil
                value += glow * (215.0 - 45.0 * c) * (1.0 - 0.6 * min(1.0, lights[0, 0]))
                into[row, column, c] = np.uint8(min(255.0, max(0.0, value)))


def _near(key: int, name: str, of: tuple[tuple[int, int, int], ...]) -> list[float]:
    base = of[int(draw(key, name) * len(of))]
    tone = draw(key, name + " tone", 0.8, 1.15)
    return [channel * tone * draw(key, f"{name} {c}", 0.95, 1.05) for c, channel in enumerate(base)]


def backdrop(place: Site, light: Light, lights: Floats, width: int, height: int) -> Pixels:
    """Return the picture of a place with nobody in it; shape (height, width, 3), uint8."""
    key = place.key
    wet = 0.8 if light.rain else 1.0
    ground = _near(key, "ground", _FLOORS)
    wall = _near(key, "walls", _WALLS)
    road = draw(key, "asphalt", 62.0, 104.0)
    colours = np.array([
        [c * wet for c in ground], [c * 0.62 for c in ground],
        [road * wet, road * wet, 1.04 * road * wet],
        wall, [min(235.0, 1.25 * c + 20.0) for c in wall], [74.0, 88.0, 104.0], [78.0, 98.0, 52.0],
        [206.0, 206.0, 200.0],
    ])  # fmt: skip
    if place.view == "shelf":
        colours[TRIM] = draw(key, "metal", 130.0, 225.0)
    shade = place.wall_m - draw(key, "shade", 0.0, 9.0)
    measures = np.array([
        draw(key, "tile", 0.3, 0.9), draw(key, "bay", 2.4, 4.2), draw(key, "window", 0.4, 0.7),
        draw(key, "top", 7.0, 22.0), place.wall_m, *place.road_m, shade if light.sun > 0.2 else 1e6,
        light.haze, light.windows, draw(key, "zebra", -12.0, 12.0),
    ])  # fmt: skip
    picture = np.empty((height, width, 3), dtype=np.uint8)
    trace(
        picture, place.eye, *place.along, np.uint64(key), colours, measures, lights,
        place.view == "shelf", np.empty(3),
    )  # fmt: skip
    return picture
