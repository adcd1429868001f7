"""Real codecs: what a picture looks like, and how many bytes it takes, after an encoder had it.

A setting is named as in the catalogue: `h264-crf28`, `h265-crf30`, `av1-crf38`, `jpeg-q85`, or
`raw` for no codec at all. Video settings send an I frame every 50 frames unless the name says
otherwise: `h264-crf28-gop25`. All are set for low delay, as cameras are: each frame is sent before
the next is captured, and no B frames are used.

Encoder and decoder use one thread each, so the same frames give the same bytes with the same
version of PyAV on the same kind of processor.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleet.errors import InputError, eyes_missing
from fleet.eyes.clip import Pixels

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

DEFAULT_GOP = 50
MAX_GOP = 1000
MAX_PIXELS = 3840 * 2160
"""Of a picture; an encoder takes some fifty times as many bytes of memory."""
MIN_SIDE = 64
"""The least that all of the encoders take; px."""


class _Family(NamedTuple):
    """An encoder: its library, the decoder's, how quality is written, from where to where."""

    encoder: str
    decoder: str
    mark: str
    least: int
    most: int
    example: int
    options: dict[str, str]


_QUIET = {"x265-params": "log-level=none:pools=none:frame-threads=1:scenecut=0"}
FAMILIES = {
    "h264": _Family(
        "libx264", "h264", "crf", 1, 51, 28,
        {"preset": "veryfast", "tune": "zerolatency", "sc_threshold": "0"},
    ),
    "h265": _Family(
        "libx265", "hevc", "crf", 1, 51, 30,
        {"preset": "ultrafast", "tune": "zerolatency", **_QUIET},
    ),
    "av1": _Family(
        "libsvtav1", "libdav1d", "crf", 1, 63, 38,
        {"preset": "10", "svtav1-params": "rtc=1:pred-struct=1:lp=1"},
    ),
    "jpeg": _Family("Pillow", "Pillow", "q", 1, 95, 85, {}),
}  # fmt: skip
_NAME = re.compile(
    r"(?P<family>[a-z0-9]+)-(?P<mark>[a-z]+)(?P<quality>[0-9]{1,3})(-gop(?P<gop>[0-9]{1,4}))?"
)


class Setting(NamedTuple):
    """A codec at a quality.

    Attributes:
        family: h264, h265, av1, jpeg or raw.
        quality: crf (less is better) or JPEG quality (more is better); 0 for raw.
        gop: frames from one I frame to the next; 1 if each stands alone.
    """

    family: str
    quality: int = 0
    gop: int = 1

    @property
    def name(self) -> str:
        """Return the name as in the catalogue."""
        if self.family == "raw":
            return "raw"
        name = f"{self.family}-{FAMILIES[self.family].mark}{self.quality}"
        usual = 1 if self.family == "jpeg" else DEFAULT_GOP
        return name if self.gop == usual else f"{name}-gop{self.gop}"


RAW = Setting("raw")


class Coded(NamedTuple):
    """A frame behind encoder and decoder.

    Attributes:
        data: what is sent; for raw the pixels themselves, 24 bits each.
        is_intra: whether it needs no other frame.
        pixels: decoded; shape (height, width, 3), uint8.
        psnr_db: luma against the original; infinite if equal.
    """

    data: bytes
    is_intra: bool
    pixels: Pixels
    psnr_db: float


def setting(name: str) -> Setting:
    """Return the setting of a name.

    Raises:
        InputError: there is no such family, quality or group of pictures.
    """
    if name == "raw":
        return RAW
    match = _NAME.fullmatch(name)
    family = FAMILIES.get(match["family"]) if match else None
    if match is None or family is None or match["mark"] != family.mark:
        raise InputError(f"codec '{name}' is not known; write one such as {_examples()}")
    quality = int(match["quality"])
    if not family.least <= quality <= family.most:
        raise InputError(
            f"codec '{name}': {family.mark} of {match['family']} is"
            f" {family.least} to {family.most}, not {quality}"
        )
    if match["family"] == "jpeg":
        if match["gop"]:
            raise InputError(f"codec '{name}': JPEGs stand alone; leave out -gop{match['gop']}")
        return Setting("jpeg", quality)
    gop = int(match["gop"] or DEFAULT_GOP)
    if not 1 <= gop <= MAX_GOP:
        raise InputError(f"codec '{name}': gop is 1 to {MAX_GOP}, not {gop}")
    return Setting(match["family"], quality, gop)


def _examples() -> str:
    names = [f"{k}-{f.mark}{f.example} ({f.least} to {f.most})" for k, f in FAMILIES.items()]
    return ", ".join([*names, "raw"])


def encode(frames: Iterable[Pixels], how: Setting, rate_fps: float) -> Iterator[Coded]:
    """Yield each frame as a receiver gets it, in order; holds no more than a few of them.

    Args:
        frames: pictures of one size with even sides; shape (height, width, 3), uint8.
        how: what encodes them.
        rate_fps: frames a second; encoders at constant quality give longer frames more bytes.

    Raises:
        InputError: a picture's size does not fit; PyAV is not there.
    """
    checked = _of_one_size(frames)
    if how.family == "raw":
        return (Coded(p.tobytes(), True, p, float("inf")) for p in checked)
    if how.family == "jpeg":
        return (_jpeg(p, how.quality) for p in checked)
    return _video(checked, how, rate_fps)


def _of_one_size(frames: Iterable[Pixels]) -> Iterator[Pixels]:
    size: tuple[int, ...] | None = None
    for number, pixels in enumerate(frames):
        if size is None:
            size = pixels.shape
            check_size(size[1], size[0])
        if pixels.shape != size:
            raise InputError(f"frame {number} has shape {pixels.shape}, not {size} as frame 0")
        yield pixels


def check_size(width: int, height: int) -> None:
    """Refuse a picture that encoders do not take.

    Raises:
        InputError: a side is odd or too short, or the picture too large.
    """
    if width % 2 or height % 2 or min(width, height) < MIN_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"a picture of {width}x{height} px cannot be encoded: sides must be even and at least"
            f" {MIN_SIDE} px, {MAX_PIXELS:,} px in all"
        )


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """Return a picture as JPEG, 4:2:0."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def _jpeg(pixels: Pixels, quality: int) -> Coded:
    from PIL import Image

    data = jpeg(pixels, quality)
    with Image.open(io.BytesIO(data)) as picture:
        decoded = np.array(picture)
    return Coded(data, True, decoded, psnr_db(pixels, decoded))


def encoder(how: Setting, width: int, height: int, rate_fps: Fraction) -> VideoCodecContext:
    """Return an encoder for planar 4:2:0 frames, one thread, no delay.

    Raises:
        InputError: PyAV is not there, or was built without this encoder.
    """
    family = FAMILIES[how.family]
    made = _context(family.encoder, "w")
    made.width, made.height, made.pix_fmt = width, height, "yuv420p"
    made.framerate, made.time_base = rate_fps, 1 / rate_fps
    made.gop_size, made.thread_count = how.gop, 1
    options = {**family.options, family.mark: str(how.quality)}
    if how.family == "h265":
        options["x265-params"] += f":keyint={how.gop}:min-keyint={how.gop}"
    if how.family == "av1":
        options["svtav1-params"] += f":keyint={how.gop}"
    made.options = options
    return made


def decoder(how: Setting) -> VideoCodecContext:
    """Return a decoder of a setting's frames, one thread.

    Raises:
        InputError: PyAV is not there, or was built without this decoder.
    """
    made = _context(FAMILIES[how.family].decoder, "r")
    made.thread_count = 1
    return made


def _context(library: str, mode: str) -> VideoCodecContext:
    try:
        import av
    except ImportError:
        raise eyes_missing("video needs PyAV") from None
    # SVT-AV1 prints its settings on stderr unless told not to, and asks only the environment.
    os.environ.setdefault("SVT_LOG", "1")
    try:
        made = av.CodecContext.create(library, mode)  # type: ignore[call-overload]
    except av.error.FFmpegError:
        raise InputError(f"this PyAV has no {library}; take a wheel of the package 'av'") from None
    context: VideoCodecContext = made
    return context


def _video(frames: Iterator[Pixels], how: Setting, rate_fps: float) -> Iterator[Coded]:
    """Send frames through an encoder and a decoder; both may keep some back for a while."""
    first = next(frames, None)
    if first is None:
        return
    height, width, _ = first.shape
    into = encoder(how, width, height, Fraction(rate_fps).limit_denominator(1001))
    out = decoder(how)
    import av

    originals: deque[Pixels] = deque()
    sent: deque[tuple[bytes, bool]] = deque()
    ended = False
    try:
        for number, pixels in enumerate(_then_none(first, frames)):
            frame, ended = None, pixels is None
            if pixels is not None:
                originals.append(pixels)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                    format="yuv420p"
                )
                frame.pts, frame.time_base = number, into.time_base
            packets = list(into.encode(frame))
            sent += [(bytes(packet), packet.is_keyframe) for packet in packets]
            for packet in [*packets, None] if ended else packets:
                for decoded in out.decode(packet):
                    new = rgb(decoded)
                    yield Coded(*sent.popleft(), new, psnr_db(originals.popleft(), new))
    except av.error.FFmpegError as error:
        raise InputError(f"{how.name}: {width}x{height} px cannot be encoded: {error}") from None
    finally:
        if not ended:  # whoever takes the frames has stopped; SVT-AV1 wants to be told
            with contextlib.suppress(av.error.FFmpegError):
                into.encode(None)


def rgb(frame: VideoFrame) -> Pixels:
    """Return the pixels of a decoded frame as red, green and blue."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _then_none(first: Pixels, frames: Iterator[Pixels]) -> Iterator[Pixels | None]:
    yield first
    yield from frames
    yield None


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue (ITU-R BT.601)."""


def psnr_db(old: Pixels, new: Pixels) -> float:
    """Return the peak signal-to-noise ratio of the luma of two pictures; infinite if equal."""
    error = (old.astype(np.float32) - new) @ _LUMA
    mean = float(np.mean(error * error, dtype=np.float64))
    return float(10 * np.log10(255.0**2 / mean)) if mean else float("inf")
