"""Encoded video as setup columns: the mean bytes of I and P frames in each light.

By day a codec's bytes are those of a filmed clip, scaled by pixels and frame rate. In another light
a share of them is left, for less can be seen, and noise or rain adds bits to every pixel:

    i(light)      = i share · i by day + i added · pixels / 8
    still(light)  = still share · still by day + p added · pixels / 8
    moving(light) = moving share · moving by day

Of noise a camera keeps a part (`noise_kept`), of rain all. Added bits were measured as such, on
rendered scenes and on film made dark (scripts/derive_light.py, fit_light.py), so that they do not
depend on how large the frames of those scenes were.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from fleet.catalog import Reader
from fleet.chance import ln, power
from fleet.errors import InputError
from fleet.model.sight import LIGHTS
from fleet.plan.apps import indoors
from fleet.plan.quality import added_bits, between, family, shown_rate
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.strict_yaml import Keys

Row = dict[str, int | float]


class Means(NamedTuple):
    """Mean bytes in a light: an I frame, a P frame with nobody in view, what an object adds."""

    i: float
    still: float
    moving: float


LEAST_BYTES = 1.0
RAW_BYTES_PER_PX = 1.5
"""Of 8-bit pictures with half the colours in each direction (4:2:0): no encoder sends more."""

BYTES_BY_LIGHT = tuple(f"{kind}_{light}" for kind in Means._fields for light in LIGHTS)
NOTHING: Row = {
    "gop": 1, "exponential_sizes": 0, "decode_px": 0, "i_variation": 0.0, "p_variation": 0.0,
    **dict.fromkeys(BYTES_BY_LIGHT, 0.0),
}  # fmt: skip
"""Columns of what is not encoded."""


def codec_row(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, kind: str, pixels: int,
    rate: Fraction, app: str,
) -> Row:  # fmt: skip
    """Return the codec columns.

    Args:
        scenario: for the places of errors.
        reader: the catalogue.
        equipment: device, codec and bitrate.
        keys: where they were chosen.
        kind: sensors or cameras: where the device stands in the catalogue.
        pixels: of a picture.
        rate: frames a second.
        app: what the group looks for.

    Raises:
        InputError: there is no such codec.
    """
    codec, known = equipment.codec, reader.items("codecs")
    if codec is None:
        raise scenario.error(keys, f"'{equipment.device}' needs a codec; known: {', '.join(known)}")
    if codec not in known:
        raise scenario.error(
            (*keys, "codec"),
            f"no codec '{codec}'{did_you_mean(codec, known)}; known: {', '.join(known)}",
        )
    day = _by_day(reader, codec, pixels, rate)
    lights = [day] * len(LIGHTS)
    if equipment.bitrate is not None:
        lights = [_held(reader, codec, pixels, rate, equipment.bitrate)] * len(LIGHTS)
    elif reader.has_parameter("codecs", codec, "i_share_night") and not indoors(reader, app):
        kept = _noise_kept(reader, kind, str(equipment.device))
        lights[1:] = (_in_light(reader, codec, day, k, pixels, rate, kept) for k in LIGHTS[1:])
    stated = reader.data_bit("codecs", codec, "i_frame") / 8
    lights = [_bounded(of, max(RAW_BYTES_PER_PX * pixels, stated)) for of in lights]
    bytes_by_light = (getattr(of, kind) for kind in Means._fields for of in lights)
    return {
        "decode_px": pixels,
        "gop": reader.count("codecs", codec, "gop"),
        **dict(zip(BYTES_BY_LIGHT, bytes_by_light, strict=True)),
        "i_variation": float(reader.number("codecs", codec, "i_variation")),
        "p_variation": float(reader.number("codecs", codec, "p_variation")),
        "exponential_sizes": int(
            reader.has_parameter("codecs", codec, "size_law")
            and reader.text("codecs", codec, "size_law") == "exponential"
        ),
    }


def _bounded(of: Means, most: float) -> Means:
    """Return means of which none is above a most, and no P frame above an I frame."""
    i = min(of.i, most)
    return of._replace(i=i, still=min(of.still, i))


def shown(
    reader: Reader, codec: str, pixels: int, rate: Fraction, bitrate: int | None
) -> tuple[str, ...]:
    """Return the codecs whose pictures are most like those of an encoder, the best first.

    Without a bitrate that is the codec; held to one, those of its family whose frames have by day
    the nearest mean size, as logarithms.
    """
    if bitrate is None:
        return (codec,)
    target = float(bitrate / rate) / 8
    means = {}
    for one in family(reader, codec):
        mean = _mean(*_both(reader, one, pixels, rate), reader.count("codecs", one, "gop"))
        means[one] = max(mean, LEAST_BYTES)
    return tuple(sorted(means, key=lambda one: (abs(ln(means[one] / target)), one)))


def _by_day(reader: Reader, codec: str, pixels: int, rate: Fraction) -> Means:
    """Return what was measured on a filmed clip, scaled by pixels and frame rate.

    Bytes grow with a measured power of the pixels, since larger pictures are smoother. A P frame
    holds what moved since the one before, and encoders give a frame more that is shown for longer:
    bytes grow with a measured power of the time between frames.
    """
    i, p = _both(reader, codec, pixels, rate)
    still = p * float(reader.number("codecs", codec, "static_share"))
    objects = float(reader.number("codecs", codec, "reference_objects"))
    if objects == 0.0 and still != p:
        raise InputError(
            f"catalogue codecs {codec} reference_objects: is 0, must be above it where static_share"
            " is not 1"
        )
    return Means(i, still, (p - still) / (objects or 1.0))


def _both(reader: Reader, codec: str, pixels: int, rate: Fraction) -> tuple[float, float]:
    """Return the bytes of an I frame and of a P frame by day, with the usual number in view."""
    i, p = (_of_kind(reader, codec, kind, pixels, rate) for kind in "ip")
    return i, p


def _mean(i: float, p: float, gop: int) -> float:
    """Return the mean bytes of a frame in a group of pictures."""
    return (i + (gop - 1) * p) / gop


def _of_kind(reader: Reader, codec: str, kind: str, pixels: int, rate: Fraction) -> float:
    """Return the bytes of an I frame or P frame (`kind`) by day, with the usual number in view."""

    def number(parameter: str, otherwise: float) -> float:
        known = reader.has_parameter("codecs", codec, parameter)
        return float(reader.number("codecs", codec, parameter)) if known else otherwise

    width = reader.count("codecs", codec, "reference_width")
    larger = pixels / (width * reader.count("codecs", codec, "reference_height"))
    longer = float(reader.frame_rate("codecs", codec, "reference_rate") / shown_rate(rate))
    return (
        reader.data_bit("codecs", codec, f"{kind}_frame")
        / 8
        * power(larger, number(f"{kind}_pixel_exponent", 1.0))
        * power(longer, number("rate_exponent" if kind == "p" else "i_rate_exponent", 0.0))
    )


def _in_light(
    reader: Reader, codec: str, day: Means, light: str, pixels: int, rate: Fraction, kept: float
) -> Means:
    """Return the means in another light than day; `kept` of the noise is left by the camera."""

    def share(kind: str) -> float:
        return float(reader.number("codecs", codec, f"{kind}_share_{light}"))

    kept = 1.0 if light == "rain" else kept
    i, p = (
        added_bits(reader, codec, f"{kind}_added_{light}", rate) * kept * pixels / 8
        for kind in "ip"
    )
    return Means(
        share("i") * day.i + i, share("still") * day.still + p, share("moving") * day.moving
    )


def _noise_kept(reader: Reader, kind: str, device: str) -> float:
    """Return the share of its noise that a camera does not remove; all where nobody says."""
    if not reader.has_parameter(kind, device, "noise_kept"):
        return 1.0
    return float(reader.number(kind, device, "noise_kept"))


def _held(reader: Reader, codec: str, pixels: int, rate: Fraction, bitrate: int) -> Means:
    """Return the means of an encoder that is held to a bitrate, whatever is in view.

    I frames stand to P frames as they do at the quality that has this bitrate. A buffer behind the
    encoder allows an I frame no more than a part of what the bitrate gives in a second.
    """
    gop, target = reader.count("codecs", codec, "gop"), float(bitrate / rate) / 8
    ratios = []
    for one in family(reader, codec):
        i, p = _both(reader, one, pixels, rate)
        ratios.append((_mean(i, p, gop), i / max(p, LEAST_BYTES)))
    ratio = between(sorted(ratios), target)
    i = ratio * target * gop / (ratio + gop - 1)
    if reader.has_parameter("codecs", codec, "i_most"):
        i = min(i, max(target, reader.time_ns("codecs", codec, "i_most") * float(bitrate) / 8e9))
    p = (target * gop - i) / (gop - 1) if gop > 1 else i
    return Means(i, p, 0.0)
