"""What a user's network costs and does here: counted, timed, and tried in eight bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fleet import paths
from fleet.errors import InputError
from fleet.eyes.clip import LIGHTS, VIEWS, Pixels
from fleet.lab.costs import graph
from fleet.lab.networks import apart, quantise
from fleet.lab.networks.detector import Detector
from fleet.lab.networks.families import FAMILIES
from fleet.lab.networks.prepared import prepared

BATCHES, REPEATS = (1, 2, 4, 8), 15
_MOST_PICTURES = 64
_SEED = 20_201


@dataclass(frozen=True)
class Time:
    """How long one run takes; ns, quartiles of some repetitions."""

    median_ns: int
    low_ns: int
    high_ns: int


@dataclass(frozen=True)
class Profile:
    """A network's costs.

    Attributes:
        name: what its rows shall be called.
        file: name of the file.
        sha256: of the file.
        file_bytes: size of the file.
        graph: costs layer by layer.
        family: of the detector, empty if it is none that is known.
        times: by batch, with one thread of this machine.
        int8_bytes: size of the file in eight bits; None if it was not made.
        int8_times: by batch, in eight bits.
        effect: what eight bits change.
        remarks: what could not be found out, and why.
        whole: whether all of the work is counted; if not, time and energy are lower bounds.
    """

    name: str
    file: str
    sha256: str
    file_bytes: int
    graph: graph.Graph
    family: str
    times: dict[int, Time]
    int8_bytes: int | None
    int8_times: dict[int, Time]
    effect: quantise.Effect | None
    remarks: list[str]
    whole: bool = True


def measure(
    data: bytes,
    name: str,
    file: str,
    *,
    size: tuple[int, int] | None = None,
    pictures: Sequence[Pixels] | None = None,
    repeats: int | None = None,
) -> Profile:
    """Return the profile of a model.

    Args:
        data: content of an ONNX file.
        name: what its rows shall be called.
        file: name of the file, for messages.
        size: height and width for a picture whose size the file leaves open.
        pictures: to try eight bits on; None for rendered scenes.
        repeats: of each timed run, `REPEATS` if not said.

    Raises:
        InputError: the model is not sound or meets a limit of memory or time.
    """
    repeats = REPEATS if repeats is None else repeats
    ready = prepared(data, file, size)
    counted = graph.read(ready.data, file, apart.THOROUGH)
    times = _timed(ready.data, file, repeats)
    family = apart.Apart(ready.data, file).metadata.get("family", "")
    remarks = [ready.left_out] if ready.left_out else []
    if not counted.any_batch:
        remarks.append("takes one picture at a time: what batches gain is not known")
    if counted.uncounted:
        remarks.append(f"the work of {', '.join(counted.uncounted)} is not counted")
    small, effect = None, None
    if counted.quantised:
        remarks.append("is in eight bits already")
    elif family not in FAMILIES or ready.left_out:
        remarks.append(
            "its metadata name no known family of detectors: not tried in eight bits, since what it"
            " takes and says is not known"
        )
    else:
        shown = rendered() if pictures is None else pictures
        small, effect = quantise.effect(Detector(ready.data, file), ready.data, shown)
    if pictures is not None and effect is None:
        remarks.append("the pictures that were given are not used")
    return Profile(
        name=name,
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        file_bytes=len(data),
        graph=counted,
        family=family if family in FAMILIES else "",
        times=times,
        int8_bytes=None if small is None else len(small),
        int8_times={} if small is None else _timed(small, file, repeats),
        effect=effect,
        remarks=remarks,
        whole=not (ready.left_out or counted.uncounted),
    )


def _timed(data: bytes, file: str, repeats: int) -> dict[int, Time]:
    times_ns = apart.Apart(data, file, limits=apart.THOROUGH).times_ns(BATCHES, repeats)
    return {batch: _quartiles(times) for batch, times in times_ns.items()}


def _quartiles(times: Sequence[int]) -> Time:
    low, median, high = (int(q) for q in np.percentile(times, (25, 50, 75)))
    return Time(median, low, high)


def line(times: Mapping[int, Time]) -> tuple[float, float]:
    """Return a and c of t(b) = a + c·b that fit the medians best; ns, neither below zero.

    With one batch only, all of its time is a frame's own.
    """
    batches = np.array(list(times), float)
    medians = np.array([t.median_ns for t in times.values()], float)
    if len(batches) > 1:
        c, a = np.polyfit(batches, medians, 1)
        if a >= 0 and c >= 0:
            return float(a), float(c)
    return 0.0, float((batches @ medians) / (batches @ batches))


def rendered() -> list[Pixels]:
    """Return two pictures of a rendered scene of each view in each light."""
    from fleet.lab.scenes.render import scene

    return [
        frame.pixels
        for view in VIEWS
        for light in LIGHTS
        for frame in scene(view, light, seed=_SEED, frames=2, rate_fps=0.2).frames()
    ]


def pictures_in(folder: Path) -> list[Pixels]:
    """Return the pictures of a folder, at most 64, in order of their names.

    Raises:
        InputError: it is no folder, holds fewer than two pictures, or one cannot be read.
    """
    from PIL import Image

    if not paths.is_dir(folder):
        raise InputError(f"{folder}: is not a folder; name one with pictures")
    kinds = (".png", ".jpg", ".jpeg", ".bmp")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in kinds)[:_MOST_PICTURES]
    if len(files) < 2:
        raise InputError(
            f"{folder}: has {len(files)} pictures ({', '.join(kinds)}); give two or more"
        )
    pictures = []
    for file in files:
        try:
            with Image.open(file) as image:
                pictures.append(np.asarray(image.convert("RGB")))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"{file}: cannot be read as a picture: {error}") from None
    return pictures
