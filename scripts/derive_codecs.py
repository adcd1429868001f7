"""Measure the frames of encoders on one clip and derive the catalogue's table of codecs.

Run it as ``python scripts/derive_codecs.py [clip]``. It needs ``pip install av==18.1.0
simplejpeg==1.9.0 numpy`` and, unless the clip is given, a Debian package source. It takes some
five minutes on one core.

The rows hold the parameters of this model of a frame's bytes, all fitted on the first half of the
clip; the second half is there to be predicted:

    I = scale · i · (1 + vi · z)
    P = scale · p · (interval / reference interval)^exponent · (w + (1 - w) · n / n0) · (1 + vp · z)

Activity is told by what differs from the background, the median of every fifth frame: by its area,
which overrates who stands near, and by the number of its blobs, which underrates groups. The mean
of both is scaled to persons: over the clip it is what three detectors counted. The static share w
is measured on the clip without some of its persons and without all: blocks in which something
differs from the background are held as they were when nothing did.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from registry import ROOT, merge_rows, write_table

from fleet.arrays import Floats
from fleet.lab.measures import codec
from fleet.lab.measures.codec import FAMILIES, Setting

CATALOG = ROOT / "fleet" / "catalog" / "codecs.csv"
MEASURED = ROOT / "scripts" / "data" / "codecs_measured.csv"
PACKAGE = "opencv-doc=4.6.0+dfsg-12"
MEMBER = "usr/share/doc/opencv-doc/examples/data/vtest.avi"
SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"

WIDTH, HEIGHT, RATE, GOP = 768, 576, 10, 50
FRAMES, HALF = 795, 400
STEPS = (1, 2, 4, 10)
PERSONS = 6.5
THRESHOLD = 25
BLOCK = 16
BUSY_PIXELS = 4
CELL, CELL_PIXELS, BLOB_CELLS = 8, 8, 4
SCENES = ("full", "empty", "left", "right")
SIDES = {
    "full": slice(None),
    "left": slice(0, WIDTH // 2),
    "right": slice(WIDTH // 2, None),
}
QUALITIES = {"h264": (18, 23, 28, 33, 36), "h265": (22, 26, 30, 34, 38), "jpeg": (85, 60, 30)}
MEASURED_HEADER = (
    "item", "rate", "scene", "half", "frames", "objects", "i_frame", "p_frame", "mean_frame",
)  # fmt: skip
YEAR = 2026

Frame = NDArray[np.uint8]


def encoder_text(setting: Setting) -> str:
    """Name the encoder and what it was told."""
    if setting.family == "jpeg":
        return f"simplejpeg {version('simplejpeg')} 4:2:0 quality {setting.quality}"
    family = FAMILIES[setting.family]
    preset = f"{family.options['preset']} {family.options['tune']}"
    crf = f"crf {setting.quality}, GOP {GOP}"
    return f"PyAV {version('av')} {family.encoder} {preset} {crf}"


class Encoded(NamedTuple):
    """The frames of one encoding: bytes, which are I frames, and luma PSNR in dB."""

    sizes: Floats
    keys: NDArray[np.bool_]
    psnr: Floats


class Clip(NamedTuple):
    """The frames as planar 4:2:0, the background's luma, and the persons in view by scene."""

    frames: list[Frame]
    background: Frame
    objects: dict[str, Floats]


class Territory(NamedTuple):
    """Means over a half of an encoding."""

    frames: int
    objects: float
    i_frame: float
    p_frame: float

    @property
    def mean_frame(self) -> float:
        """Mean over a whole group of pictures."""
        return (self.i_frame + (GOP - 1) * self.p_frame) / GOP


class Fit(NamedTuple):
    """A fitted parameter with its range."""

    value: float
    low: float
    high: float


def fetch_clip(arguments: Sequence[str]) -> bytes:
    """Read the clip from the file given, or out of the Debian package, and check it.

    Raises:
        SystemExit: The package cannot be had, or the clip is not the one expected.
    """
    content = Path(arguments[0]).read_bytes() if arguments else _unpack(MEMBER)
    have = hashlib.sha256(content).hexdigest()
    if have != SHA256:
        raise SystemExit(f"the clip is not the one expected: SHA-256 is {have}, not {SHA256}")
    return content


def _unpack(member: str) -> bytes:
    """Download the package with the clip and take one file out of it."""
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", PACKAGE], folder)
        packages = sorted(Path(folder).glob("*.deb"))
        if len(packages) != 1:
            raise SystemExit(f"apt-get download {PACKAGE} left no package; give the clip instead")
        _run(["dpkg-deb", "-x", packages[0].name, "content"], folder)
        path = Path(folder) / "content" / member
        if not path.is_file():
            raise SystemExit(f"{PACKAGE} holds no {member}; give the clip as an argument")
        return path.read_bytes()


def _run(command: Sequence[str], folder: str) -> None:
    """Run a program of Debian's, or say what to do instead."""
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise SystemExit(f"no {command[0]} here; give the clip as an argument") from None
    except subprocess.CalledProcessError as error:
        hint = "is the package source reachable, and was apt-get update run?"
        raise SystemExit(f"{' '.join(command)} failed; {hint}\n{error.stderr}") from None


def read_clip(content: bytes) -> Clip:
    """Decode the clip and tell its background and its activity."""
    with av.open(io.BytesIO(content), "r") as container:
        shown = (f.reformat(format="yuv420p").to_ndarray() for f in container.decode(video=0))
        frames = [picture.astype(np.uint8, copy=False) for picture in shown]
    if len(frames) != FRAMES or frames[0].shape != (HEIGHT * 3 // 2, WIDTH):
        raise SystemExit(f"the decoder gave {len(frames)} frames of shape {frames[0].shape}")
    sample = np.stack([frame[:HEIGHT] for frame in frames[::5]])
    background = np.median(sample, axis=0).astype(np.uint8)
    return Clip(frames, background, persons_in_view(frames, background))


def persons_in_view(frames: Sequence[Frame], background: Frame) -> dict[str, Floats]:
    """Tell the persons in every frame of each scene."""
    activity = {scene: np.zeros((len(frames), 2)) for scene in SCENES}
    for number, frame in enumerate(frames):
        pixels = differing(frame, background)
        for scene, side in SIDES.items():
            activity[scene][number] = pixels[:, side].sum(), blobs(pixels[:, side])
    means = activity["full"].mean(axis=0)
    return {scene: PERSONS * (both / means).mean(axis=1) for scene, both in activity.items()}


def blobs(pixels: NDArray[np.bool_]) -> int:
    """Count the blobs of at least `BLOB_CELLS` touching cells that are busy."""
    rows_, columns = pixels.shape[0] // CELL, pixels.shape[1] // CELL
    busy = pixels.reshape(rows_, CELL, columns, CELL).sum(axis=(1, 3)) >= CELL_PIXELS
    # every busy cell takes the largest number about it until each blob bears one number
    old, new = (
        np.zeros_like(busy, dtype=int),
        busy * np.arange(1, busy.size + 1).reshape(busy.shape),
    )
    while not np.array_equal(old, new):
        old, edged = new, np.pad(new, 1)
        near = np.maximum(np.maximum(edged[:, :-2], edged[:, 1:-1]), edged[:, 2:])
        new = busy * np.maximum(np.maximum(near[:-2], near[1:-1]), near[2:])
    return int((np.unique(new[busy], return_counts=True)[1] >= BLOB_CELLS).sum())


def differing(frame: Frame, background: Frame) -> NDArray[np.bool_]:
    """Tell which pixels differ from the background."""
    difference: NDArray[np.bool_] = np.abs(frame[:HEIGHT].astype(np.int16) - background) > THRESHOLD
    return difference


def busy_blocks(frame: Frame, background: Frame) -> NDArray[np.bool_]:
    """Tell which blocks hold something that differs, with the blocks around them."""
    pixels = differing(frame, background)
    blocks = pixels.reshape(HEIGHT // BLOCK, BLOCK, WIDTH // BLOCK, BLOCK)
    busy = np.pad(blocks.sum(axis=(1, 3)) >= BUSY_PIXELS, 1)
    near = busy[:, :-2] | busy[:, 1:-1] | busy[:, 2:]
    grown: NDArray[np.bool_] = near[:-2] | near[1:-1] | near[2:]
    return grown


def scene_frames(clip: Clip, scene: str) -> Iterator[Frame]:
    """Give the frames of the first half with all persons, none, or those of one side."""
    held = np.median(np.stack(clip.frames[:HALF:5]), axis=0).astype(np.uint8)
    for frame in clip.frames[:HALF]:
        held = np.where(_planar(_erased(clip, frame, scene)), held, frame)
        yield held


def _erased(clip: Clip, frame: Frame, scene: str) -> NDArray[np.bool_]:
    busy = busy_blocks(frame, clip.background)
    middle = busy.shape[1] // 2
    if scene == "full":
        busy[:] = False
    elif scene != "empty":
        kept = slice(0, middle) if scene == "left" else slice(middle, None)
        busy[:, kept] = False
    return busy


def _planar(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blow blocks up to the samples of a planar 4:2:0 frame."""
    luma = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    chroma = blocks.repeat(BLOCK // 2, axis=0).repeat(BLOCK // 2, axis=1)
    return np.vstack([luma, np.vstack([chroma, chroma]).reshape(-1, WIDTH)])


def encode(setting: Setting, frames: Iterable[Frame], step: int = 1) -> Encoded:
    """Encode frames that lie `step` frames of the clip apart."""
    if setting.family == "jpeg":
        return _encode_jpeg(setting, frames)
    encoder = codec.encoder(setting, WIDTH, HEIGHT, Fraction(RATE, step))
    decoder = codec.decoder(setting)
    kept, packets = [], []
    for number, samples in enumerate(frames):
        kept.append(samples[:HEIGHT].copy())
        frame = av.VideoFrame.from_ndarray(samples, format="yuv420p")
        frame.pts, frame.time_base = number, encoder.time_base
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoded = (f.to_ndarray()[:HEIGHT] for p in [*packets, None] for f in decoder.decode(p))
    psnr = [luma_psnr(old, new) for old, new in zip(kept, decoded, strict=True)]
    sizes = np.array([float(packet.size) for packet in packets])
    return Encoded(sizes, np.array([p.is_keyframe for p in packets]), np.array(psnr))


def _encode_jpeg(setting: Setting, frames: Iterable[Frame]) -> Encoded:
    import simplejpeg  # nothing else of what takes clips from here needs it

    sizes, psnr = [], []
    for samples in frames:
        rgb = av.VideoFrame.from_ndarray(samples, format="yuv420p").to_ndarray(format="rgb24")
        coded = simplejpeg.encode_jpeg(
            np.ascontiguousarray(rgb), setting.quality, "RGB", colorsubsampling="420"
        )
        sizes.append(float(len(coded)))
        gray = simplejpeg.decode_jpeg(coded, "GRAY")[..., 0]
        psnr.append(luma_psnr(rgb @ np.array([0.299, 0.587, 0.114]), gray))
    return Encoded(np.array(sizes), np.ones(len(sizes), dtype=bool), np.array(psnr))


def luma_psnr(old: NDArray[np.generic], new: NDArray[np.generic]) -> float:
    """Return the peak signal-to-noise ratio of a luma plane in dB."""
    error = float(np.mean((old.astype(np.float64) - new.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def part(encoded: Encoded, objects: Floats, half: str, step: int = 1) -> Territory:
    """Average a half; the very first I frame is left out, for an encoder starts it coarse."""
    split = HALF // step
    where = slice(1, split) if half == "first" else slice(split, None)
    sizes, keys = encoded.sizes[where], encoded.keys[where]
    inter = sizes[~keys].mean() if not keys.all() else sizes.mean()
    intra = sizes[keys].mean() if keys.any() else np.nan
    seen = float(objects[::step][where].mean())
    return Territory(len(sizes), seen, float(intra), float(inter))


def static_share(p_bytes: dict[str, float], persons: dict[str, float], slopes: Fit) -> Fit:
    """Fit a line through the scenes; the range spans the other ways to tell the share."""
    slope, start = np.polyfit([persons[s] for s in SCENES], [p_bytes[s] for s in SCENES], 1)
    line = start / (start + slope * persons["full"])
    ways = np.clip([line, p_bytes["empty"] / p_bytes["full"], slopes.low, slopes.high], 0, 1)
    return Fit(float(ways[0]), float(ways.min()), float(ways.max()))


def share_over_time(encoded: Encoded, clip: Clip) -> Fit:
    """Regress P bytes of the first half on persons in view; the range is two standard errors.

    The errors are those of means over a second, since frames in a row are much alike.
    """
    inter = np.flatnonzero(~encoded.keys[:HALF])
    seconds = [inter[inter // RATE == s] for s in range(HALF // RATE)]
    x = np.array([clip.objects["full"][s].mean() for s in seconds])
    y = np.array([encoded.sizes[s].mean() for s in seconds])
    (_, start), errors = np.polyfit(x, y, 1, cov=True)
    share, error = start / y.mean(), 2 * np.sqrt(errors[1, 1]) / y.mean()
    return Fit(float(share), float(share - error), float(share + error))


def rate_exponent(sizes_by_step: Sequence[float]) -> Fit:
    """Fit how bytes grow with the frame interval; the range is that of the steps."""
    steps, sizes = np.log(STEPS[: len(sizes_by_step)]), np.log(sizes_by_step)
    local = np.diff(sizes) / np.diff(steps)
    return Fit(float(np.polyfit(steps, sizes, 1)[0]), float(local.min()), float(local.max()))


def variations(encoded: Encoded, clip: Clip, share: float) -> tuple[Fit, Fit]:
    """Tell the spread of I and of P frames of the first half about the model.

    The range of the latter is that of the groups of pictures.
    """
    keys, sizes = encoded.keys[1:HALF], encoded.sizes[1:HALF]
    intra = float(sizes[keys].std(ddof=1) / sizes[keys].mean())
    persons = clip.objects["full"][1:HALF]
    model = share + (1 - share) * persons / persons.mean()
    rest = (sizes / model)[~keys] if not keys.all() else sizes
    groups = [group.std() / group.mean() for group in np.array_split(rest, HALF // GOP)]
    inter = float(rest.std() / rest.mean())
    low, high = min(*groups, inter), max(*groups, inter)
    return Fit(intra, intra / 2, 2 * intra), Fit(inter, float(low), float(high))


class Item(NamedTuple):
    """All that was measured of one setting."""

    setting: Setting
    rates: dict[int, Encoded]
    scenes: dict[str, Encoded]


def measure(setting: Setting, clip: Clip) -> Item:
    """Encode the clip at all rates and in all scenes."""
    steps = STEPS[:1] if setting.family == "jpeg" else STEPS
    rates = {step: encode(setting, clip.frames[::step], step) for step in steps}
    scenes = {s: encode(setting, scene_frames(clip, s)) for s in SCENES[1:]}
    return Item(setting, rates, {"full": _first_half(rates[1]), **scenes})


def _first_half(encoded: Encoded) -> Encoded:
    return Encoded(encoded.sizes[:HALF], encoded.keys[:HALF], encoded.psnr[:HALF])


def measured_rows(item: Item, clip: Clip) -> Iterator[tuple[object, ...]]:
    """Give the measured means of one setting."""
    name = item.setting.name
    for step, encoded in item.rates.items():
        for half in ("first", "second"):
            means = part(encoded, clip.objects["full"], half, step)
            yield name, f"{RATE / step:g}", "full", half, *_measured(means)
    for scene in SCENES[1:]:
        means = part(item.scenes[scene], clip.objects[scene][:HALF], "first")
        yield name, f"{RATE:g}", scene, "first", *_measured(means)


def _measured(means: Territory) -> tuple[object, ...]:
    sizes = (means.i_frame, means.p_frame, means.mean_frame)
    texts = ("" if np.isnan(size) else f"{size:.0f}" for size in sizes)
    return means.frames, f"{means.objects:.2f}", *texts


def rows(item: Item, clip: Clip) -> list[tuple[object, ...]]:
    """Make the rows of one item of the catalogue."""
    setting, whole, full = item.setting, item.rates[1], clip.objects["full"]
    first = part(whole, full, "first")
    scenes = {s: part(e, clip.objects[s][:HALF], "first") for s, e in item.scenes.items()}
    p_bytes = {scene: means.p_frame for scene, means in scenes.items()}
    persons = {scene: means.objects for scene, means in scenes.items()}
    video = setting.family != "jpeg"
    over_time = share_over_time(whole, clip) if video else Fit(1, 1, 1)
    share = static_share(p_bytes, persons, over_time)
    steps = [part(e, full, "first", s).p_frame for s, e in item.rates.items()]
    exponent = rate_exponent(steps) if video else Fit(0, 0, 0)
    i_steps = [part(e, full, "first", s).i_frame for s, e in item.rates.items() if s < STEPS[-1]]
    i_exponent = rate_exponent(i_steps) if video else Fit(0, 0, 0)
    spread = variations(whole, clip, share.value)
    fits = {"static_share": share, "rate_exponent": exponent, "i_rate_exponent": i_exponent}
    return [*_settings(setting), *_sizes(setting, first), *_fits(setting, spread, fits, whole)]


def _settings(setting: Setting) -> Iterator[tuple[object, ...]]:
    name, source = setting.name, f"{CLIP_TEXT}, {encoder_text(setting)}"
    gop = (GOP, "count", 10, 250) if setting.family != "jpeg" else (1, "count", 1, 1)
    note = "" if setting.family == "jpeg" else "; cameras are set to 10 to 250"
    yield name, "family", setting.family, "text", "", "", encoder_text(setting), YEAR, "measured"
    yield name, "reference_width", WIDTH, "px", WIDTH, WIDTH, source, YEAR, "measured"
    yield name, "reference_height", HEIGHT, "px", HEIGHT, HEIGHT, source, YEAR, "measured"
    yield name, "reference_rate", RATE, "fps", RATE, RATE, source, YEAR, "measured"
    yield name, "gop", *gop, source + note, YEAR, "measured"


def _sizes(setting: Setting, first: Territory) -> Iterator[tuple[object, ...]]:
    source = f"{CLIP_TEXT}, {encoder_text(setting)}"
    ranges = {"i_frame": (first.i_frame, 0.5, 2.0), "p_frame": (first.p_frame, 0.3, 3.0)}
    for name, (value, low, high) in ranges.items():
        numbers = (round(value), "B", round(low * value), round(high * value))
        note = f"{source}; the range is a guess at other scenes"
        yield setting.name, name, *numbers, note, YEAR, "measured"
    persons = (f"{first.objects:.1f}", "1", 5.5, 6.9)
    yield setting.name, "reference_objects", *persons, OBJECTS_TEXT, YEAR, "derived"


def _fits(
    setting: Setting, spread: tuple[Fit, Fit], fits: dict[str, Fit], whole: Encoded
) -> Iterator[tuple[object, ...]]:
    source = f"{CLIP_TEXT}, {encoder_text(setting)}"
    everything = {"i_variation": spread[0], "p_variation": spread[1], **fits}
    for name, fit in everything.items():
        numbers = (f"{fit.value:.3f}", "1", f"{max(fit.low, 0):.3f}", f"{fit.high:.3f}")
        yield setting.name, name, *numbers, f"{source}; {NOTES[name]}", YEAR, "measured"
    yield from _pixel_exponents(setting)
    ends = np.quantile(whole.psnr, (0.05, 0.95))
    numbers = (f"{whole.psnr.mean():.1f}", "1", f"{ends[0]:.1f}", f"{ends[1]:.1f}")
    yield (
        setting.name,
        "psnr",
        *numbers,
        f"{encoder_text(setting)}; {NOTES['psnr']}",
        YEAR,
        "measured",
    )


def settings() -> Iterator[Setting]:
    """Give the settings of the catalogue."""
    for family, qualities in QUALITIES.items():
        for quality in qualities:
            yield codec.setting(f"{family}-{FAMILIES[family].mark}{quality}")


def main() -> None:
    """Fetch the clip, encode it, and write the table of codecs and that of the measured means."""
    clip = read_clip(fetch_clip(sys.argv[1:]))
    table: list[tuple[object, ...]] = []
    measured: list[tuple[object, ...]] = []
    for setting in settings():
        item = measure(setting, clip)
        table += rows(item, clip)
        measured += measured_rows(item, clip)
        print(f"{setting.name} measured")
    write_table(MEASURED, MEASURED_HEADER, measured)
    merge_rows(CATALOG, table)
    print(f"{len(table)} rows written to {CATALOG}")


CLIP_TEXT = (
    f"vtest.avi (PETS 2009 S2.L1 View 001, Debian opencv-doc), frames 1 to {HALF - 1} of {FRAMES},"
    f" {WIDTH}x{HEIGHT} at {RATE} fps"
)


def _pixel_exponents(setting: Setting) -> Iterator[tuple[object, ...]]:
    for kind, numbers in PIXEL_EXPONENTS[setting.family].items():
        note, confidence = PIXELS_TEXT, "measured"
        if setting.family == "jpeg":
            note, confidence = "assumption: like the I frames of x264", "estimate"
        value, low, high = numbers
        yield setting.name, f"{kind}_pixel_exponent", value, "1", low, high, note, YEAR, confidence


# Measured once beside this script, at 768x576 and at a quarter of that; encoding the whole clip
# again at both sizes for each codec would double the time that this script takes.
PIXEL_EXPONENTS: dict[str, dict[str, tuple[float, float, float]]] = {
    "h264": {"i": (0.84, 0.75, 1), "p": (0.93, 0.75, 1.06)},
    "h265": {"i": (0.75, 0.7, 1), "p": (0.7, 0.6, 1)},
    "jpeg": {"i": (0.85, 0.75, 1), "p": (0.85, 0.75, 1)},
}
PIXELS_TEXT = (
    "vtest.avi (PETS 2009 S2.L1 View 001, Debian opencv-doc), first half, at 768x576 and reduced to"
    " 384x288: bytes grow with this power of the pixels; x264 crf 23, 28, 33 and x265 crf 30"
)
OBJECTS_TEXT = (
    "persons per frame found in the whole clip by SSD-MobileNetV2, NanoDet and CenterNet (6.5),"
    " times the activity of its first half over that of all (mean of moving area and blobs)"
)
NOTES = {
    "i_variation": "deviation over mean of 7 I frames of one scene; the range is a factor of 2",
    "p_variation": "deviation over mean after activity; the range is that of the groups of"
    " pictures; not normal: the frame after an I frame is small, a few are large, and frames in a"
    " row are alike",
    "static_share": "line through the P bytes of the clip with all persons, those of one side, and"
    " none; the range spans the emptied clip alone and a regression over seconds; sensor noise was"
    " lost in the clip's own compression, so a noisy camera needs more",
    "rate_exponent": "slope of log P bytes over log interval at 10, 5, 2.5 and 1 fps; the range is"
    " that of the steps",
    "i_rate_exponent": "slope of log I bytes over log interval at 10, 5 and 2.5 fps; the range is"
    " that of the steps",
    "psnr": "luma against the clip itself, which is lossy, so not against what a sensor gave; the"
    " range is 5 % to 95 % of the frames",
}

if __name__ == "__main__":
    main()
