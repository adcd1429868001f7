"""Measure how light and weather change the bytes of encoded frames.

Run it as ``python scripts/derive_light.py``; it needs ``pip install -e '.[eyes]'`` and the clip
vtest.avi (``fleet eyes fetch vtest``), and takes some ten minutes of one core. What was measured
goes to results/eyes/bytes_by_light.csv; what stands there already is not measured again.
`fit_light.py` makes the catalogue's rows of it.

Every row of the table says on which base it stands:

- ``rendered``: scenes of `fleet.lab.scenes.render`, in every light, with nobody and many in view;
- ``filmed``: vtest.avi as it is, by day;
- ``darkened``: the same clip, made dusk and night by physics and not by a camera: its linear light
  is dimmed, and electrons are counted with shot and read noise behind a gain (`Sensor`). Rain is
  dimmed in the same way, with the streaks of rendered rain. The clip's own noise was lost in its
  compression, so that what is added is all the noise there is.

Rows of the sites and of the half of the clip called ``fit`` give the catalogue's rows, those called
``test`` are there to be predicted.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

import av
import numpy as np
from derive_codecs import GOP, HALF, Clip, read_clip, settings
from numpy.typing import NDArray
from registry import ROOT, write_table

from fleet.chance import bits64
from fleet.eyes.clip import LIGHTS, Pixels
from fleet.lab.fetch import assets
from fleet.lab.measures import codec
from fleet.lab.measures.codec import Setting
from fleet.lab.scenes.light import streaks
from fleet.lab.scenes.render import scene

MEASURED = ROOT / "results" / "eyes" / "bytes_by_light.csv"
HEADER = (
    "base", "view", "half", "light", "codec", "width", "height", "rate_fps", "objects",
    "i_bytes", "p_bytes",
)  # fmt: skip
VIEWS = {"street": (0, 12), "entrance": (0, 8)}
"""And how many are in view."""
FIRST_SITE = 700_000
SITES, BEGINS = {"fit": 0, "test": 1}, {"fit": 0, "test": HALF}
LONG = GOP + 11
"""Frames of a clip: the I frame behind the first group counts, the first itself is coarse."""
SOME = ("h264-crf18", "h264-crf28", "h264-crf36", "h265-crf30")
TESTED = (*SOME, "jpeg-q60")
RATES = (1, 5, 30)
SIZES = ((320, 240), (1280, 960))
KEY = 9
"""Columns that tell rows apart."""
SEED = 2026

Planes = NDArray[np.uint8]


class Sensor(NamedTuple):
    """How a clip by day is made dark: light left, and the gain that is to bring it back.

    Attributes:
        light: share of day's linear light that the picture still has, behind the gain.
        gain_db: of the amplifier; 20 dB are a factor of ten.
        streaks: of rain in a picture of 640 × 480.
    """

    light: float
    gain_db: float
    streaks: int = 0


FULL_WELL, READ_NOISE = 12_000.0, 2.5
"""Electrons of a pixel of some 3 µm (1080p on 1/2.8 inch)."""
DARKENED = {"dusk": Sensor(0.25, 24), "night": Sensor(0.125, 30), "rain": Sensor(0.45, 18, 420)}


class Sizes(NamedTuple):
    """Bytes of a clip's I frames and P frames; shape (frames of the kind,)."""

    i_bytes: NDArray[np.float64]
    p_bytes: NDArray[np.float64]


def planar(pixels: Pixels) -> Planes:
    """Return a picture as planar 4:2:0."""
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
    return np.asarray(frame.to_ndarray(), np.uint8)


def colours(planes: Planes) -> Pixels:
    """Return a planar picture as red, green and blue."""
    return np.asarray(
        av.VideoFrame.from_ndarray(planes, format="yuv420p").to_ndarray(format="rgb24"), np.uint8
    )


def encoded(frames: list[Planes], how: Setting, rate_fps: float) -> Sizes:
    """Return the bytes of frames; those of the first I frame do not count."""
    if how.family == "jpeg":
        sizes = np.array([float(len(codec.jpeg(colours(f), how.quality))) for f in frames[1::5]])
        return Sizes(sizes, sizes)
    height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
    encoder = codec.encoder(how, width, height, Fraction(rate_fps).limit_denominator(1001))
    packets = []
    for number, planes in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number, encoder.time_base
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    sizes = np.array([float(packet.size) for packet in packets])
    keys = np.array([packet.is_keyframe for packet in packets])
    return Sizes(sizes[1:][keys[1:]], sizes[~keys])


class Case(NamedTuple):
    """What a row of the table is about: its first nine columns but the codec."""

    base: str
    view: str
    half: str
    light: str
    width: int
    height: int
    rate_fps: float
    objects: float


def key(case: Case, name: str) -> tuple[str, ...]:
    """Return the first columns of a row, which tell rows apart."""
    size = (str(case.width), str(case.height))
    return *case[:4], name, *size, f"{case.rate_fps:g}", f"{case.objects:.3g}"


def rendered_cases() -> Iterator[tuple[Case, Sequence[str]]]:
    """Yield what is rendered, and the codecs that encode it."""
    names = [how.name for how in settings()]
    for light in LIGHTS:
        for view, counts in VIEWS.items():
            for objects in counts:
                yield Case("rendered", view, "fit", light, 640, 480, 10, objects), names
        for objects in VIEWS["street"]:
            yield Case("rendered", "street", "test", light, 640, 480, 10, objects), TESTED
        for rate in RATES:
            yield Case("rendered", "street", "test", light, 640, 480, rate, 0), SOME
        for width, height in SIZES:
            yield Case("rendered", "street", "test", light, width, height, 10, 0), SOME


def rendered(case: Case) -> list[Planes]:
    """Return the frames of a rendered scene."""
    clip = scene(
        case.view, case.light, seed=FIRST_SITE + SITES[case.half], objects=int(case.objects),
        frames=LONG, rate_fps=case.rate_fps, width=case.width, height=case.height,
    )  # fmt: skip
    return [planar(frame.pixels) for frame in clip.frames()]


CODES = np.arange(256) / 255.0
LINEAR = np.where(CODES <= 0.04045, CODES / 12.92, ((CODES + 0.055) / 1.055) ** 2.4)
"""Light of each grey level (sRGB)."""
STEPS = 1 << 14


def grey_levels() -> Planes:
    """Return the grey level of light in `STEPS` steps from black to white."""
    linear = np.arange(STEPS + 1) / STEPS
    code = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255.0 * code).astype(np.uint8)


def darkened(planes: Planes, sensor: Sensor, number: int) -> Planes:
    """Return a picture as a sensor would see it in less light, behind its gain and a gamma.

    Shot noise and read noise are drawn as one, near normal: the root of electrons and of the read
    noise's variance.
    """
    random = np.random.default_rng((SEED, number))
    pixels = colours(planes)
    if sensor.streaks:
        pixels = pixels.copy()
        count = sensor.streaks * pixels.shape[0] * pixels.shape[1] // (640 * 480)
        streaks(pixels, np.uint64(bits64(SEED, number)), count, 0.1)
    white = FULL_WELL / 10 ** (sensor.gain_db / 20)
    light = LINEAR * sensor.light
    noise = np.sqrt(light * white + READ_NOISE**2) / white
    drawn = random.standard_normal(pixels.shape, dtype=np.float32)
    linear = light.astype(np.float32)[pixels] + noise.astype(np.float32)[pixels] * drawn
    return planar(grey_levels()[np.rint(STEPS * np.clip(linear, 0.0, 1.0)).astype(np.int32)])


def filmed_cases(clip: Clip) -> Iterator[tuple[Case, Sequence[str]]]:
    """Yield what is filmed, or was and is made dark, and the codecs that encode it."""
    names = [how.name for how in settings()]
    for half, some in (("fit", names), ("test", TESTED)):
        objects = float(clip.objects["full"][BEGINS[half] : BEGINS[half] + LONG].mean())
        for light in LIGHTS:
            base = "filmed" if light == "day" else "darkened"
            yield Case(base, "campus", half, light, 768, 576, 10, objects), some


def filmed(case: Case, clip: Clip) -> list[Planes]:
    """Return the frames of the filmed clip, as they are or made dark."""
    frames = clip.frames[BEGINS[case.half] : BEGINS[case.half] + LONG]
    if case.base == "filmed":
        return frames
    return [darkened(frame, DARKENED[case.light], k) for k, frame in enumerate(frames)]


def main() -> None:
    """Measure what the table does not hold yet, and write it down case by case."""
    clip = read_clip(assets.path("vtest", "vtest.avi").read_bytes())
    table: list[Sequence[object]] = []
    if MEASURED.exists():
        with MEASURED.open(encoding="utf-8", newline="") as file:
            table = [*csv.reader(file)][1:]
    known = {tuple(line[:KEY]) for line in table}
    for case, names in chain(filmed_cases(clip), rendered_cases()):
        left = [name for name in names if key(case, name) not in known]
        frames = (rendered(case) if case.base == "rendered" else filmed(case, clip)) if left else []
        for how in map(codec.setting, left):
            sizes = encoded(frames, how, case.rate_fps)
            means = (f"{of.mean():.0f}" for of in sizes)
            table.append((*key(case, how.name), *means))
        write_table(MEASURED, HEADER, table)
        print(f"{' '.join(key(case, ''))} measured", flush=True)


if __name__ == "__main__":
    main()
