"""Light and weather: what shines on a scene, and what the sensor makes of little light.

The strengths are chosen by eye so that pictures look like those of a surveillance camera; only the
order of the lights and the form of the noise (shot noise grows with the root of the signal, read
noise is there always) follow from physics.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats
from fleet.chance import bits64, uniform
from fleet.eyes.clip import Pixels
from fleet.kernel import inlined, kernel
from fleet.lab.scenes.lens import draw

Colour = tuple[float, float, float]


class Light(NamedTuple):
    """What shines, and how the camera copes.

    Attributes:
        sky: light from everywhere: red, green, blue as shares of full daylight.
        lamps: strength of street lamps or ceiling lamps below them, as a share of daylight.
        lamp_colour: of them.
        sun: strength of shadows, 0 to 1.
        haze: share of the sky's colour that comes in between per m.
        noise: standard deviation of the read noise, grey levels.
        grain: of the shot noise at full signal, grey levels.
        exposure_s: for which a picture is exposed: what moves is smeared over its way.
        beam: strength of headlights on the road, 0 to 255.
        windows: share of windows with light in them.
        rain: streaks in a picture of 640 × 480.
    """

    sky: Colour
    lamps: float
    lamp_colour: Colour
    sun: float
    haze: float
    noise: float
    grain: float
    exposure_s: float
    beam: float
    windows: float
    rain: int


_SODIUM, _WHITE = (1.0, 0.78, 0.48), (0.96, 1.0, 0.98)
_OUTSIDE = {
    "day": Light((1.0, 1.0, 1.0), 0.0, _WHITE, 0.45, 0.001, 1.0, 3.0, 0.004, 0, 0.02, 0),
    "rain": Light((0.66, 0.69, 0.74), 0.0, _WHITE, 0.0, 0.012, 1.6, 4.0, 0.012, 18, 0.1, 420),
    "dusk": Light((0.34, 0.36, 0.46), 0.32, _SODIUM, 0.0, 0.002, 3.0, 6.0, 0.024, 40, 0.3, 0),
    "night": Light((0.085, 0.09, 0.12), 0.85, _SODIUM, 0.0, 0.002, 5.0, 9.0, 0.04, 90, 0.35, 0),
}
_INSIDE = {
    "day": Light((0.92, 0.94, 0.96), 0.1, _WHITE, 0.12, 0.0, 1.2, 3.0, 0.008, 0, 0.0, 0),
    "rain": Light((0.62, 0.65, 0.7), 0.12, _WHITE, 0.06, 0.0, 1.8, 4.0, 0.014, 0, 0.0, 0),
    "dusk": Light((0.34, 0.33, 0.34), 0.25, _SODIUM, 0.1, 0.0, 3.0, 6.0, 0.024, 0, 0.0, 0),
    "night": Light((0.11, 0.12, 0.15), 0.28, _WHITE, 0.1, 0.0, 5.0, 9.0, 0.04, 0, 0.0, 0),
}


def light_of(view: str, name: str, key: int) -> Light:
    """Return the light of a name in a view, a little different at each place (`key`)."""
    light = (_OUTSIDE if view in ("street", "entrance") else _INSIDE)[name]
    tone = draw(key, "brightness", 0.88, 1.12)
    warm = draw(key, "warmth", -0.05, 0.05)
    red, green, blue = light.sky
    sky = (red * tone * (1 + warm), green * tone, blue * tone * (1 - warm))
    lamp = light.lamp_colour if draw(key, "lamp") < 0.6 else _WHITE
    rain = int(light.rain * draw(key, "rain", 0.5, 1.5))
    return light._replace(
        sky=sky, lamps=light.lamps * draw(key, "lamps", 0.75, 1.3), lamp_colour=lamp, rain=rain
    )


@inlined
def shine(lights: Floats, x: float, y: float, z: float, channel: int) -> float:
    """Return the light at a point, as a share of full daylight.

    Args:
        lights: row 0 the sky's colour, row 1 the lamps' colour times strength, then x, y, z of each
            lamp.
        x: of the point, m.
        y: of it.
        z: of it.
        channel: 0 red, 1 green, 2 blue.
    """
    total = float(lights[0, channel])
    for k in range(2, lights.shape[0]):
        dx, dy, dz = lights[k, 0] - x, lights[k, 1] - y, lights[k, 2] - z
        near = 1.0 / (1.0 + (dx * dx + 0.4 * dy * dy + dz * dz) * 0.035)
        total += lights[1, channel] * near * near
    return total


@kernel
def lit(lights: Floats, x: float, z: float, colours: Floats, into: Floats, most: int) -> None:
    """Fill in the first `most` colours as lit at a place 1 m above ground; others stay."""
    for row in range(colours.shape[0]):
        for c in range(3):
            tone = shine(lights, x, 1.0, z, c) if row < most else 1.0
            into[row, c] = colours[row, c] * tone


@kernel
def streaks(pixels: Pixels, key: np.uint64, count: int, slant: float) -> None:
    """Paint rain that falls through a picture: bright, faint streaks at other places each frame."""
    height, width = pixels.shape[0], pixels.shape[1]
    for k in range(count):
        x, y = uniform(key, 4 * k) * width, (uniform(key, 4 * k + 1) * 1.2 - 0.2) * height
        near = uniform(key, 4 * k + 2)
        long = height * (0.02 + 0.06 * near * near)
        cover = 0.10 + 0.22 * uniform(key, 4 * k + 3) * near
        thick = 2 if near > 0.85 else 1
        for step in range(int(long)):
            py = int(y) + step
            px = int(x + slant * step)
            for wide in range(thick):
                if 0 <= py < height and 0 <= px + wide < width:
                    for c in range(3):
                        value = pixels[py, px + wide, c]
                        pixels[py, px + wide, c] = np.uint8(value + (215.0 - value) * cover)


@kernel
def expose(
    pixels: Pixels, key: np.uint64, read: float, roots: NDArray[np.float32], blur: float,
    into: Pixels,
) -> None:  # fmt: skip
    """Turn what is painted into what a sensor reads: optics' blur, shot and read noise.

    Args:
        pixels: painted.
        key: of the noise; each pixel draws once, a channel from 21 bits of the draw.
        read: standard deviation of the read noise, grey levels.
        roots: of the shot noise for each grey level; shape (256,).
        blur: weight of each of the two neighbours in a row.
        into: what comes out; shape as of pixels.
    """
    height, width = pixels.shape[0], pixels.shape[1]
    for y in range(height):
        for x in range(width):
            left, right = max(0, x - 1), min(width - 1, x + 1)
            word = bits64(key, y * width + x)
            for c in range(3):
                here = pixels[y, x, c]
                value = here + blur * (float(pixels[y, left, c]) + pixels[y, right, c] - 2.0 * here)
                lanes = (word & np.uint64(0x3FF)) + ((word >> np.uint64(10)) & np.uint64(0x3FF))
                word >>= np.uint64(21)
                value += (float(lanes) - 1023.0) * 0.00239 * (read + roots[here]) + 0.5
                into[y, x, c] = np.uint8(min(255.0, max(0.0, value)))


def roots(grain: float) -> NDArray[np.float32]:
    """Return the shot noise of each grey level from that at full signal; shape (256,)."""
    levels: NDArray[np.float32] = (grain * np.sqrt(np.arange(256) / 255.0)).astype(np.float32)
    return levels
