"""Clips from video files: streamed, never held in memory, and not trusted.

Only few containers and codecs are opened, both the demuxer and the decoder are told so, and neither
may open another file or address. Sizes are capped before a frame is decoded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import paths
from fleet.errors import InputError, eyes_missing
from fleet.eyes.clip import LIGHTS, VIEWS, Frame
from fleet.lab.measures.codec import MAX_PIXELS, rgb

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

CONTAINERS = ("avi", "matroska", "webm", "mov", "mp4", "mpegts")
CODECS = ("h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "msmpeg4v2", "msmpeg4v3", "mjpeg")
MAX_FRAMES = 200_000
MAX_FILE_BYTES = 8 << 30
MAX_RATE_FPS = 240


class VideoClip:
    """The pictures of a video file; what is truly in them nobody knows."""

    def __init__(self, path: Path, view: str, light: str) -> None:
        """Look at the file and decode its first frame.

        Raises:
            InputError: see `open_clip`.
        """
        self.path, self.name, self.view, self.light = path, path.stem, view, light
        with self._opened() as (_, stream):
            self.width, self.height = stream.width, stream.height
            self.rate_fps = float(stream.average_rate or stream.guessed_rate or 0)
        if not 0 < self.rate_fps <= MAX_RATE_FPS:
            raise InputError(
                f"{path}: {self.rate_fps:g} frames a second; more than 0 and at most"
                f" {MAX_RATE_FPS} can be taken"
            )
        if next(self.frames(), None) is None:
            raise InputError(f"{path}: no frame can be decoded; is the file whole?")

    @cached_property
    def _length(self) -> int:
        # What a header says may be wrong or missing.
        return sum(1 for _ in self.frames())

    def __len__(self) -> int:
        """Return the number of frames; decodes all of them once.

        Raises:
            InputError: the file is damaged or too long.
        """
        return self._length

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order, from the first.

        Raises:
            InputError: the file is damaged, too long, or its pictures change size.
        """
        with self._opened() as (container, stream):
            for number, frame in enumerate(container.decode(stream)):
                if number >= MAX_FRAMES:
                    raise InputError(f"{self.path}: more than {MAX_FRAMES:,} frames; cut the clip")
                if (frame.width, frame.height) != (self.width, self.height):
                    raise InputError(
                        f"{self.path}: frame {number} is {frame.width}x{frame.height} px, not"
                        f" {self.width}x{self.height}; every frame must be of one size"
                    )
                yield Frame(rgb(frame), None)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        try:
            import av
        except ImportError:
            raise eyes_missing("video needs PyAV") from None
        try:
            # An open file, not a name: a name could say 'concat:' or 'http:'.
            with (
                self.path.open("rb") as file,
                av.open(
                    file,
                    "r",
                    options=_LISTED,
                    metadata_errors="replace",  # nobody reads its tags
                ) as container,
            ):
                yield container, _stream(container, self.path)
        except (av.error.FFmpegError, OSError, EOFError) as error:
            raise InputError(
                f"{self.path}: not a video that can be read ({_why(error)}); take"
                f" {', '.join(CONTAINERS)}"
            ) from None


_LISTED = {
    "format_whitelist": ",".join((*CONTAINERS, "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")),
    "codec_whitelist": ",".join((*CODECS, "libdav1d", "libvpx", "libvpx-vp9")),
    "protocol_whitelist": "",
}


def _stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise InputError(f"{path}: holds no video")
    stream = container.streams.video[0]
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
    if codec not in CODECS:
        raise InputError(f"{path}: codec '{codec}' is not taken; take one of {', '.join(CODECS)}")
    if not 0 < stream.width * stream.height <= MAX_PIXELS:
        raise InputError(
            f"{path}: {stream.width}x{stream.height} px; up to {MAX_PIXELS:,} px are taken"
        )
    stream.thread_type, stream.thread_count = "NONE", 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def open_clip(path: Path, view: str = "street", light: str = "day") -> VideoClip:
    """Return a video file as a clip.

    Args:
        path: of the file; see `CONTAINERS` and `CODECS` for what may be in it.
        view: where its camera looked; one of `VIEWS`.
        light: when; one of `LIGHTS`.

    Raises:
        InputError: there is no such file, view or light, or it is no video that can be read.
    """
    for word, known, what in ((view, VIEWS, "view"), (light, LIGHTS, "light")):
        if word not in known:
            raise InputError(f"{what} '{word}' is not one of {', '.join(known)}")
    if not paths.is_file(path):
        what = "that is a folder, not a file" if paths.is_dir(path) else "there is no such file"
        raise InputError(f"{path}: {what}")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(f"{path}: larger than {MAX_FILE_BYTES >> 30} GiB; cut the clip")
    return VideoClip(path, view, light)
