"""Brushes: shapes painted into pixels that are given, and who owns each pixel.

`ink` is what every brush needs of an object: (red, green, blue, side light, softness of the edge in
px, grain 0 to 1). `books` counts, per object, the pixels it has painted and those nobody has since
painted over: row number, columns ALL and LEFT; row -1 is for what is no object.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats
from fleet.chance import bits64
from fleet.eyes.clip import Pixels
from fleet.kernel import inlined, kernel

Owner = NDArray[np.int16]
Books = NDArray[np.int64]
Mask = NDArray[np.uint8]

ALL, LEFT = 0, 1


@inlined
def grown(extent: Floats, x0: float, y0: float, x1: float, y1: float) -> None:
    """Let an extent (x0, y0, x1, y1) take in another."""
    extent[0] = min(extent[0], x0)
    extent[1] = min(extent[1], y0)
    extent[2] = max(extent[2], x1)
    extent[3] = max(extent[3], y1)


@inlined
def _put(
    pixels: Pixels, owner: Owner, books: Books, y: int, x: int,
    who: int, red: float, green: float, blue: float, cover: float,
) -> None:  # fmt: skip
    """Mix a colour into a pixel; whoever covers half of it owns it."""
    pixels[y, x, 0] = np.uint8(pixels[y, x, 0] + (min(red, 255.0) - pixels[y, x, 0]) * cover)
    pixels[y, x, 1] = np.uint8(pixels[y, x, 1] + (min(green, 255.0) - pixels[y, x, 1]) * cover)
    pixels[y, x, 2] = np.uint8(pixels[y, x, 2] + (min(blue, 255.0) - pixels[y, x, 2]) * cover)
    if cover >= 0.5:
        before = owner[y, x]
        if before != who:
            owner[y, x] = who
            books[before, LEFT] -= 1
            books[who, LEFT] += 1
            books[who, ALL] += 1


@kernel
def capsule(
    pixels: Pixels, owner: Owner, books: Books, who: int, ends: Floats, ink: Floats
) -> None:
    """Paint a line with round ends, as thick at each end as is said, round by its shading.

    Args:
        pixels: to paint into.
        owner: who owns each pixel; shape (height, width).
        books: pixels painted and left, per object.
        who: paints.
        ends: x, y, radius of one end and of the other, px.
        ink: see the module.
    """
    x0, y0, r0, x1, y1, r1 = ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]
    soft = ink[4]
    reach = max(r0, r1) + 0.5 * soft
    height, width = owner.shape
    top, bottom = max(0, int(min(y0, y1) - reach)), min(height, int(max(y0, y1) + reach) + 1)
    left, right = max(0, int(min(x0, x1) - reach)), min(width, int(max(x0, x1) + reach) + 1)
    dx, dy, dr = x1 - x0, y1 - y0, r1 - r0
    per_length = 1.0 / max(dx * dx + dy * dy, 1e-6)
    for y in range(top, bottom):
        for x in range(left, right):
            px, py = x + 0.5 - x0, y + 0.5 - y0
            t = min(1.0, max(0.0, (px * dx + py * dy) * per_length))
            px -= t * dx
            py -= t * dy
            radius = r0 + t * dr
            far = px * px + py * py
            if far >= (radius + 0.5 * soft) * (radius + 0.5 * soft):
                continue
            cover = min(1.0, (radius - math.sqrt(far)) / soft + 0.5)
            tone = 1.0 + (ink[3] * px - 0.22 * py) / max(radius, 1.0)
            if ink[5] > 0.0:
                tone += ink[5] * (float(bits64(y, x) >> np.uint64(40)) * 1.19e-7 - 1.0)
            _put(
                pixels, owner, books, y, x, who,
                ink[0] * tone, ink[1] * tone, ink[2] * tone, cover,
            )  # fmt: skip


@kernel
def polygon(
    pixels: Pixels, owner: Owner, books: Books, who: int, corners: Floats, ink: Floats
) -> None:
    """Paint a convex polygon in one tone; its left and right edges are smooth.

    Args:
        pixels: to paint into.
        owner: who owns each pixel; shape (height, width).
        books: pixels painted and left, per object.
        who: paints.
        corners: x, y in order around it; shape (corners, 2), px.
        ink: see the module; side light and grain are not used.
    """
    count = corners.shape[0]
    low, high = corners[0, 1], corners[0, 1]
    for k in range(1, count):
        low, high = min(low, corners[k, 1]), max(high, corners[k, 1])
    soft = ink[4]
    for y in range(max(0, math.ceil(low - 0.5)), min(pixels.shape[0], math.ceil(high - 0.5))):
        at = y + 0.5
        left, right = 1e9, -1e9
        for k in range(count):
            n = k + 1 if k + 1 < count else 0
            ya, yb = corners[k, 1], corners[n, 1]
            if (ya <= at) != (yb <= at):
                x = corners[k, 0] + (at - ya) / (yb - ya) * (corners[n, 0] - corners[k, 0])
                left, right = min(left, x), max(right, x)
        first = max(0, int(max(-1.0, left - 0.5 * soft)))
        last = min(pixels.shape[1], int(max(0.0, right + 0.5 * soft)) + 1)
        for x in range(first, last):
            cover = min(1.0, min(x + 0.5 - left, right - x - 0.5) / soft + 0.5)
            if cover > 0.0:
                _put(pixels, owner, books, y, x, who, ink[0], ink[1], ink[2], cover)


@kernel
def stain(mask: Mask, ends: Floats, soft: float, most: int) -> None:
    """Lay a soft capsule into a mask, where the stronger of old and new stays.

    Args:
        mask: shape (height, width).
        ends: x, y, radius of one end and of the other, px; lying, so half as high as wide.
        soft: width of the edge, px.
        most: value within.
    """
    x0, y0, r0, x1, y1, r1 = ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]
    flat = ends[6]
    reach = max(r0, r1) + 0.5 * soft
    top = max(0, int(min(y0, y1) - reach * flat))
    bottom = min(mask.shape[0], int(max(y0, y1) + reach * flat) + 1)
    left, right = max(0, int(min(x0, x1) - reach)), min(mask.shape[1], int(max(x0, x1) + reach) + 1)
    dx, dy, dr = x1 - x0, (y1 - y0) / flat, r1 - r0
    per_length = 1.0 / max(dx * dx + dy * dy, 1e-6)
    for y in range(top, bottom):
        for x in range(left, right):
            px, py = x + 0.5 - x0, (y + 0.5 - y0) / flat
            t = min(1.0, max(0.0, (px * dx + py * dy) * per_length))
            px -= t * dx
            py -= t * dy
            radius = r0 + t * dr
            far = px * px + py * py
            if far >= (radius + 0.5 * soft) * (radius + 0.5 * soft):
                continue
            cover = min(1.0, (radius - math.sqrt(far)) / soft + 0.5)
            mask[y, x] = max(mask[y, x], np.uint8(cover * most))


@kernel
def lay(backdrop: Pixels, shade: Mask, glow: Mask, pixels: Pixels, owner: Owner) -> None:
    """Begin a frame: the backdrop with shadows and headlights' pools; clean masks and owners."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            owner[y, x] = -1
            dark, bright = shade[y, x], glow[y, x]
            if dark == 0 and bright == 0:
                for c in range(3):
                    pixels[y, x, c] = backdrop[y, x, c]
                continue
            shade[y, x] = 0
            glow[y, x] = 0
            tone = (1.0 - dark / 256.0) * (1.0 + bright / 32.0)
            for c in range(3):
                lit = backdrop[y, x, c] * tone + bright / (6.0 + 3.0 * c)
                pixels[y, x, c] = np.uint8(min(255.0, lit))
