"""Codecs of one family at other qualities: what lies between those that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fleet.catalog import Reader
from fleet.chance import ln, power

LEAST_FPS, MOST_FPS = 1, 100
"""Rates beyond which a frame is as at these: x264 and x265 clip durations to 0.01 to 1 s
(MIN_FRAME_DURATION, MAX_FRAME_DURATION), and rates were measured down to 1 fps."""
LEAST = 1e-6
"""Of bits a pixel, as logarithms are taken."""


def family(reader: Reader, codec: str) -> list[str]:
    """Return the codecs of a codec's family whose quality is known; itself alone if its is not."""
    if not reader.has_parameter("codecs", codec, "quality"):
        return [codec]
    name = reader.text("codecs", codec, "family")
    return [
        one
        for one in reader.items("codecs")
        if reader.has_parameter("codecs", one, "quality")
        and reader.text("codecs", one, "family") == name
    ]


def shown_rate(rate: Fraction) -> Fraction:
    """Return the frame rate that decides how an encoder makes a frame."""
    return min(max(rate, Fraction(LEAST_FPS)), Fraction(MOST_FPS))


def between(points: Sequence[tuple[float, float]], x: float) -> float:
    """Return the value at x between points (x, y) in order of x; all above 0, as logarithms.

    Beyond the last point on either side it is that of the point.
    """
    before = points[0]
    for after in points:
        if x <= after[0]:
            if after[0] == before[0]:
                return after[1]
            part = ln(x / before[0]) / ln(after[0] / before[0])
            return before[1] * power(after[1] / before[1], part)
        before = after
    return before[1]


def added_bits(reader: Reader, codec: str, parameter: str, rate: Fraction) -> float:
    """Return the bits that each pixel of a frame takes more than by day, at a frame rate.

    Encoders at constant quality make frames that are shown for longer better: another frame rate
    is as another quality of the same family.
    """
    added = float(reader.number("codecs", codec, parameter))
    if not reader.has_parameter("codecs", codec, "quality_per_octave"):
        return added
    octaves = ln(
        float(shown_rate(rate) / reader.frame_rate("codecs", codec, "reference_rate"))
    ) / ln(2.0)
    worse = octaves * float(reader.number("codecs", codec, "quality_per_octave"))
    if worse == 0.0:
        return added
    # qualities as powers of two, for `between` takes logarithms of them
    points = sorted(
        (
            power(2.0, float(reader.number("codecs", one, "quality"))),
            max(LEAST, float(reader.number("codecs", one, parameter))),
        )
        for one in family(reader, codec)
        if reader.has_parameter("codecs", one, parameter)
    )
    return between(points, power(2.0, float(reader.number("codecs", codec, "quality")) + worse))
