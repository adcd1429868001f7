"""Encoded video against what was encoded, in every light, and against vendors' bitrates."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.catalog import Catalog
from fleet.chance import mix64
from fleet.model.frames import FRAME, PAYLOAD, SENSOR
from fleet.plan.quality import between, family
from fleet.proof.validate_bench import Bench, Measured, scenario

_IN_VIEW = {"first": 6.02, "second": 6.99, "empty": 0.0}  # persons in the clip
_LOOKS = {  # camera whose pictures are as large as those encoded, persons in view
    "rendered": ("small", 7.3),
    "filmed": ("clip", 5.28),
}
_FRAMES = 60_000
_GUIDES = {  # camera, codec, frames per second, persons in view
    "unifore-30": ("ip-camera-1080p", "h264-crf28", 30, 6),
    "unifore-5": ("ip-camera-1080p", "h264-crf28", 5, 6),
    "unifore-1": ("ip-camera-1080p", "h264-crf28", 1, 6),
    "iviport-25": ("ip-camera-1080p", "h264-crf23", 25, 6),
    "aws-30": ("ip-camera-1080p", "h264-crf28", 30, 6),
    "aws-720p-15": ("camera-720p", "h264-crf28", 15, 6),
    "wyze-20": ("ip-camera-1080p", "h264-crf33", 20, 0),
    "4k-25": ("ip-camera-4k", "h264-crf28", 25, 6),
}

_RUNG = "h264-crf28"  # a codec of the family whose ladder it is
_PUBLISHED = {  # F1 by quantiser of what AccMPEG's authors publish, for what lies between
    "dashcam": ((31, 0.888), (36, 0.828), (44, 0.691)),
    "drone": ((31, 0.868), (36, 0.789), (44, 0.565)),
}
_BY_BYTES = {  # F1 by bytes over those of QP 30: the same authors' ladder of quantisers
    "dashcam": (
        (0.082, 0.543), (0.170, 0.691), (0.283, 0.760), (0.476, 0.828), (0.616, 0.856),
        (0.894, 0.888),
    ),
}  # fmt: skip


def measure(bench: Bench, name: str, _published: float) -> float:
    """Return what the model gives for a figure, by its id: what is measured, then of what."""
    test, _, rest = name.partition("-")
    return _TESTS[test](bench, rest)


def _i_bytes(bench: Bench, rest: str) -> float:
    sizes, is_i = _sizes(_clip(bench, rest))
    return float(sizes[is_i].mean())


def _p_bytes(bench: Bench, rest: str) -> float:
    sizes, is_i = _sizes(_clip(bench, rest))
    return float(sizes[~is_i].mean())


def _mean_bytes(bench: Bench, rest: str) -> float:
    return _mean(bench, _parts(rest)[0], *_sizes(_clip(bench, rest)))


def _mean(bench: Bench, codec: str, sizes: NDArray[np.int64], is_i: NDArray[np.bool_]) -> float:
    gop = float(bench.rows["codecs", codec, "gop"].value)
    if gop == 1:
        return float(sizes.mean())
    # Runs are short, so the share of I frames is taken from the codec and not counted.
    return float((sizes[is_i].mean() + (gop - 1) * sizes[~is_i].mean()) / gop)


def _parts(rest: str) -> tuple[str, str, str]:
    """Return (codec, half of the clip, frames per second) of `CODEC-HALF-FPS`."""
    codec, half, rate = rest.rsplit("-", 2)
    return codec, half, rate


def _clip(bench: Bench, rest: str) -> Measured:
    """Return a run of cameras that look at what the clip shows."""
    codec, half, rate = _parts(rest)
    return _video(bench, "clip", codec, float(rate), _IN_VIEW[half])


def _over_day(bench: Bench, rest: str) -> float:
    """Return mean bytes of a frame in a light over those by day, of `LIGHT-BASE-CODEC`.

    The base is what frames are by day: those of the filmed clip, as in the catalogue, or those of
    rendered scenes.
    """
    light, base, codec = rest.split("-", 2)
    return _in_light(bench, base, codec, light) / _in_light(bench, base, codec, "day")


def _kbit_s(bench: Bench, rest: str) -> float:
    """Return the mean bit rate by day of a camera that shows `BASE-CODEC` at 10 fps."""
    base, codec = rest.split("-", 1)
    return _in_light(bench, base, codec, "day") * 8e-3 * 10


def _held(bench: Bench, rest: str) -> float:
    """Return bytes of an I frame at a bitrate, of `CODEC-KBPS`."""
    codec, kbps = rest.rsplit("-", 1)
    run = _video(bench, "clip", codec, 10, 6.0, frames=_FRAMES // 4, bitrate=f"{kbps} kbit/s")
    sizes, is_i = _sizes(run)
    return float(sizes[is_i].mean())


def _standing_on(bench: Bench, base: str, codec: str) -> Bench:
    """Return a bench where a codec's bytes by day are those of a base of `clips.csv`."""
    text = resources.files(__package__).joinpath("clips.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines(), strict=True):
        if (row["base"], row["codec"]) == (base, codec):
            values = {k: v for k, v in row.items() if k not in ("base", "codec")}
            return bench.having(*(("codecs", codec, name, v) for name, v in values.items()))
    return bench


def _empty(bench: Bench, codec: str) -> float:
    """Return bytes of a P frame with nobody in view over those of the clip's first half."""
    full, empty = (_p_bytes(bench, f"{codec}-{half}-10") for half in ("first", "empty"))
    return empty / full


def _in_light(bench: Bench, base: str, codec: str, light: str) -> float:
    """Return the mean bytes of a frame."""
    device, objects = _LOOKS[base]
    bench = _standing_on(bench, base, codec)
    weather = {"light": "day", "weather": "rain"} if light == "rain" else {"light": light}
    run = _video(bench, device, codec, 10, objects, frames=_FRAMES // 4, **weather)
    return _mean(bench, codec, *_sizes(run))


def _video(
    bench: Bench, device: str, codec: str, rate: float, objects: float, *, frames: int = _FRAMES,
    bitrate: str | None = None, **more: Any,
) -> Measured:  # fmt: skip
    count = 300
    seconds = math.ceil(frames / count / rate)
    arm = {"device": device, "codec": codec, "model": "yolo11n"}
    arm |= {} if bitrate is None else {"bitrate": bitrate}
    cloud = {"server": "l4", "servers": 10_000}
    data = scenario(seconds, {"count": count, "rate": f"{rate} fps"}, arm, cloud=cloud, **more)
    return bench.seeing(objects).run(data)


def _sizes(run: Measured) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the bytes of each frame, and whether it is an I frame, as the cameras decide it."""
    plan = run.outcome.plan
    gops = plan.sensors.setups.gop[plan.sensors.setup_of]
    starts = np.array(
        [
            (int(mix64(key)) >> 33) % int(gop)
            for key, gop in zip(plan.sensors.size_keys, gops, strict=True)
        ]
    )
    s = run.rows[:, SENSOR]
    return run.rows[:, PAYLOAD], (run.rows[:, FRAME] + starts[s]) % gops[s] == 0


def _ladder(bench: Bench, rest: str) -> float:
    """Return the mean bytes of a frame at a quality over those at another, of `CLIPS-QP-LEAST`.

    The ladder is that of the catalogue's codecs, measured on a clip of its own, and what lies
    between them by the law that the model takes (`fleet.plan.quality.between`).
    """
    _, quality, least = rest.split("-")
    reader = Catalog(dict(bench.rows)).reader()
    points = [
        (2.0 ** float(reader.number("codecs", codec, "quality")), _frame_bytes(bench, codec))
        for codec in family(reader, _RUNG)
        if reader.count("codecs", codec, "gop") == reader.count("codecs", _RUNG, "gop")
    ]
    points.sort()
    return between(points, 2.0 ** float(quality)) / between(points, 2.0 ** float(least))


def _frame_bytes(bench: Bench, codec: str) -> float:
    return _mean(bench, codec, *_sizes(_video(bench, "clip", codec, 30, 6.0, frames=_FRAMES // 8)))


def _between(_: Bench, rest: str) -> float:
    """Return what lies between two published rungs, by the same law, of `CLIPS-QP`: no model."""
    clips, quality = rest.split("-")
    points = [(2.0**qp, value) for qp, value in _PUBLISHED[clips]]
    return between(points, 2.0 ** float(quality))


def _at_bytes(_: Bench, rest: str) -> float:
    """Return the F1 of the published ladder at some bytes, of `CLIPS-THOUSANDTHS`: no model."""
    clips, thousandths = rest.split("-")
    return between(_BY_BYTES[clips], float(thousandths) / 1000)


def _mbit_s(bench: Bench, rest: str) -> float:
    """Return the mean bit rate of a camera."""
    device, codec, rate, objects = _GUIDES[rest]
    run = _video(bench, device, codec, rate, objects)
    return float(run.rows[:, PAYLOAD].mean()) * 8e-6 * rate


_TESTS: dict[str, Callable[[Bench, str], float]] = {
    "i": _i_bytes,
    "p": _p_bytes,
    "mean": _mean_bytes,
    "bitrate": _mbit_s,
    "light": _over_day,
    "kbps": _kbit_s,
    "empty": _empty,
    "held": _held,
    "ladder": _ladder,
    "between": _between,
    "at": _at_bytes,
}
