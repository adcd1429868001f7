"""Measure how encoders that are held to a bitrate share it between I frames and P frames.

Run it as ``python scripts/derive_bitrate.py``; it needs ``pip install -e '.[eyes]'`` and the clip
vtest.avi (``fleet eyes fetch vtest``), and takes some five minutes of one core. What was measured
goes to results/eyes/bytes_at_bitrate.csv, and the catalogue's rows are derived from it.

x264 and x265 as in `fleet.lab.measures.codec`, but with a target instead of a quality: ``abr``
knows the mean alone, ``vbv`` must fit a buffer of so many seconds of the bitrate too, as cameras
at a constant bitrate do. Frames of the first two groups of pictures do not count, in which an
encoder finds its level.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from derive_codecs import CATALOG, HEIGHT, RATE, WIDTH, YEAR, Frame, read_clip, settings
from registry import ROOT, merge_rows, write_table

from fleet.lab.fetch import assets
from fleet.lab.measures import codec

MEASURED = ROOT / "results" / "eyes" / "bytes_at_bitrate.csv"
HEADER = (
    "base", "light", "codec", "control", "width", "height", "rate_fps", "bitrate_kbps", "i_bytes",
    "p_bytes", "largest_bytes",
)  # fmt: skip
GOP, GROUPS, SKIPPED = 25, 5, 2
BITS_PER_PIXEL = (0.015, 0.04, 0.1, 0.25, 0.6)
BUFFERS_S = {"abr": None, "vbv-1s": 1.0, "vbv-0.5s": 0.5}


def encoded(
    frames: list[Frame], family: str, bitrate: float, buffer_s: float | None
) -> tuple[float, float, float]:
    """Return (mean I bytes, mean P bytes, largest bytes) of frames at a bitrate in bit/s."""
    how = codec.Setting(family, codec.FAMILIES[family].example, GOP)
    encoder = codec.encoder(how, WIDTH, HEIGHT, Fraction(RATE))
    options = {k: v for k, v in encoder.options.items() if k != "crf"}
    if buffer_s is not None:
        size = bitrate * buffer_s
        if family == "h265":
            kbit = f":vbv-maxrate={bitrate / 1e3:.0f}:vbv-bufsize={size / 1e3:.0f}"
            options["x265-params"] += kbit
        else:
            options |= {"maxrate": str(round(bitrate)), "bufsize": str(round(size))}
    encoder.options, encoder.bit_rate = options, round(bitrate)
    packets = []
    for number, planes in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number, encoder.time_base
        packets += encoder.encode(frame)
    packets = (packets + encoder.encode(None))[GOP * SKIPPED :]
    sizes = np.array([float(packet.size) for packet in packets])
    keys = np.array([packet.is_keyframe for packet in packets])
    return float(sizes[keys].mean()), float(sizes[~keys].mean()), float(sizes.max())


def rows() -> Iterator[tuple[object, ...]]:
    """Yield the rows of the table."""
    clip = read_clip(assets.path("vtest", "vtest.avi").read_bytes())
    frames = clip.frames[: GOP * GROUPS]
    for family in ("h264", "h265"):
        for share in BITS_PER_PIXEL:
            bitrate = share * WIDTH * HEIGHT * RATE
            for control, buffer_s in BUFFERS_S.items():
                found = encoded(frames, family, bitrate, buffer_s)
                start = ("filmed", "day", family, control, WIDTH, HEIGHT, RATE)
                yield *start, f"{bitrate / 1e3:.0f}", *(f"{x:.0f}" for x in found)


def most_s(table: list[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Yield the catalogue's rows: the time of the bitrate that an I frame takes behind a buffer."""
    shares: dict[tuple[str, str], list[float]] = {}
    for _, _, family, control, *_, kbps, i_bytes, _, _ in table:
        found = shares.setdefault((str(family), str(control)), [])
        found.append(8e-3 * float(str(i_bytes)) / float(str(kbps)))
    for how in settings():
        if how.family != "jpeg":
            usual = shares[how.family, "vbv-1s"]
            low, high = min(usual + shares[how.family, "vbv-0.5s"]), max(usual)
            numbers = (f"{np.median(usual):.2f}", "s", f"{low:.2f}", f"{high:.2f}")
            yield how.name, "i_most", *numbers, SOURCE, YEAR, "measured"


SOURCE = (
    "results/eyes/bytes_at_bitrate.csv: mean I frames of x264 and x265 at five bitrates with a"
    " buffer (VBV) of one second, over the bitrate; median; the range is that of all, and of half a"
    " second"
)


def main() -> None:
    """Measure, and write the table and the catalogue's rows."""
    table = list(rows())
    write_table(MEASURED, HEADER, table)
    merge_rows(CATALOG, most_s(table))


if __name__ == "__main__":
    main()
