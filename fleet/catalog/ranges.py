"""What numbers of the catalogue can be: for each parameter a least and a most, with units.

Inside are whole numbers of 64 bits, and products of what is read here. So the ranges are far beyond
all hardware, but not without end: what lies outside is a slip of the pen, and is refused where it
is read.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

import fleet.units as units
from fleet.units import Dimension

LONGEST, LARGEST, FASTEST = "1000 d", "1 TB", "1000 Tbit/s"
"""The longest time, the largest piece of data and the highest rate of anything."""

_USUAL = {
    Dimension.TIME: ("0 ns", LONGEST),
    Dimension.DATA: ("0 bit", LARGEST),
    Dimension.RATE: ("0 bit/s", FASTEST),
    Dimension.POWER: ("0 uW", "1 MW"),
    Dimension.ENERGY: ("0 nJ", "1 MJ"),
    Dimension.ENERGY_PER_BIT: ("0 nJ/bit", "1 J/bit"),
    Dimension.FRAME_RATE: ("1 frame/d", "1000000 fps"),
    Dimension.FRACTION: ("0", "1000000"),
    Dimension.COUNT: ("0", "1000000000"),
}
"""Of numbers of which nothing else is said."""
MEASURED = tuple(_USUAL)
"""What numbers of the catalogue measure."""

_PIXELS, _FRAME, _MESSAGE = ("1", "16384"), ("0 bit", "100 MB"), ("0 bit", "1 MB")
_SHARE, _EXPONENT, _SLOWEST = ("0", "1"), ("0", "4"), ("1 bit/s", FASTEST)
_LIFE, _BATCH, _OPERATIONS = ("1 h", "36500 d"), ("0 ns", "1 d"), ("0", "1000000000000000")

_OF = {
    "share": _SHARE, "crop_share": _SHARE, "dwell": ("1 ms", "30 d"),
    "width": _PIXELS, "height": _PIXELS, "input": _PIXELS, "input_max": _PIXELS,
    "lifetime": _LIFE, "noise_kept": _SHARE,
    "reference_width": _PIXELS, "reference_height": _PIXELS, "gop": ("1", "100000"),
    "i_frame": _FRAME, "p_frame": _FRAME, "tensor": _FRAME,
    "reference_objects": ("0", "1000"), "i_variation": ("0", "2"), "p_variation": ("0", "2"),
    "static_share": _SHARE, "rate_exponent": _EXPONENT, "i_rate_exponent": _EXPONENT,
    "i_pixel_exponent": _EXPONENT, "p_pixel_exponent": _EXPONENT,
    "quality": ("0", "255"), "quality_per_octave": ("0", "100"), "psnr": ("0", "200"),
    "i_most": ("1 us", "1 d"),
    "map": _SHARE, "map_apart": _SHARE, "top1": _SHARE,
    "input_ratio": ("1", "1000"), "macs_ratio": ("1", "1000000"),
    "rate": _SLOWEST, "downlink_rate": _SLOWEST, "loss": ("0", "0.5"), "retries": ("0", "64"),
    "retry_time": ("0 ns", "1 d"), "buffer": ("1 bit", LARGEST),
    "macs": _OPERATIONS, "max_detections": ("0", "100000"), "layers": ("0", "1000000"),
    "flatbuffer_base": _MESSAGE, "flatbuffer_per_object": _MESSAGE, "envelope": _MESSAGE,
    "result": _MESSAGE, "variation": _SHARE,
    "per_message": ("0 bit", "100 kB"), "per_segment": ("0 bit", "10 kB"),
    "segment": ("16 B", "1 GB"),
    "mac_units": ("1", "1000000000"), "dsp_clock": ("0.001", "1000000"),
    "dsp_efficiency": ("0.000001", "1"), "dsp_bandwidth": _SLOWEST, "resize_bandwidth": _SLOWEST,
    "mipi_lanes": ("1", "64"), "mipi_lane_rate": _SLOWEST, "spi_rate": _SLOWEST,
    "model_write_rate": _SLOWEST, "cached_write_rate": _SLOWEST,
    "pue": ("1", "100"), "decoders": ("0", "10000"), "decode_rate": ("0", "1000000000000000"),
}  # fmt: skip
"""Of these: shares, what something is divided by, and what is multiplied with other numbers."""

_LIKE = (
    (re.compile(r"(width|height)_[a-z0-9]+"), _PIXELS),
    (re.compile(r".+_batch_(base|per_frame)"), _BATCH),
    (re.compile(r".+_batch_hold"), _SHARE),
    (re.compile(r"(i|still|moving)_share_[a-z]+"), ("0", "1000")),
    (re.compile(r"[ip]_added_[a-z]+"), ("0", "100")),
)
"""Of parameters that are named after modes, servers and lights."""


@functools.cache
def range_of(parameter: str, dimension: Dimension) -> tuple[str, str]:
    """Return the least and the most that a parameter can be, with units.

    Args:
        parameter: of an item of the catalogue.
        dimension: of its unit.
    """
    stated = _OF.get(parameter)
    stated = stated or next((of for like, of in _LIKE if like.fullmatch(parameter)), None)
    usual = _USUAL[dimension]
    # A number in another unit than is meant is refused by whoever reads it.
    return stated if stated is not None and _measures(stated[1], dimension) else usual


def outside(value: int | Fraction, parameter: str, dimension: Dimension) -> str | None:
    """Return in words how a number is outside of what it can be; None if it is inside.

    Args:
        value: in the canonical unit of its dimension.
        parameter: of an item of the catalogue.
        dimension: of its unit.
    """
    texts = range_of(parameter, dimension)
    least, most = (_parsed(text, dimension) for text in texts)
    if value < least:
        if not value:
            return f"must be above zero, {texts[0]} at least"
        return f"is below {texts[0]}, the least that it can be"
    if value > most:
        return f"is above {texts[1]}, the most that it can be"
    return None


@functools.cache
def _parsed(text: str, dimension: Dimension) -> int | Fraction:
    return units.parse(text, dimension)


def _measures(text: str, dimension: Dimension) -> bool:
    try:
        units.parse(text, dimension)
    except ValueError:
        return False
    return True
