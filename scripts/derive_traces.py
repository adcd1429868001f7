"""Derive the packaged traces: what the packaged networks see of rendered scenes, and of a real one.

Run it as ``python scripts/derive_traces.py``; it needs ``pip install -e '.[eyes]'`` and takes about
an hour on one core. Rendered scenes have seeds that no network was trained on. On each, the small
network sees raw frames, as on a sensor, and the large one raw frames and what codecs leave of them.
In each scene the number in view climbs in steps of two and falls back over the odd numbers, a
second each.

If ``fleet eyes fetch ssd nanodet vtest`` was run before, the first frames of vtest.avi are traced
too, as the view `filmed`. What is truly in it nobody has written down: what both fetched networks
find in the raw frame stands for the truth, so these rows tell agreement, not accuracy, and nothing
that both of them miss counts as missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from eyes_pictures import HELD_OUT
from registry import ROOT

from fleet.errors import InputError
from fleet.eyes import assets, detector
from fleet.eyes.boxes import Detections, matched
from fleet.eyes.clip import LIGHTS, VIEWS, Clip, Frame, Truth
from fleet.eyes.codec import setting
from fleet.eyes.render import scene
from fleet.eyes.replay import compact
from fleet.eyes.trace import SCHEMA, Finder, watch
from fleet.eyes.tracker import Tracker
from fleet.eyes.video import open_clip

FOLDER = ROOT / "fleet" / "eyes" / "traces"
SMALL, LARGE = "eye-small", "eye-large"
CODECS = ("h264-crf23", "h264-crf28", "h264-crf36", "h265-crf30", "av1-crf38", "jpeg-q60")
SEEDS = tuple(HELD_OUT + 90_000 + k for k in range(4))
RATE_FPS = 5
MOST = {"street": 12, "entrance": 8, "ceiling": 12, "shelf": 4}
FILMED_FRAMES = 200
LEAST_IOU = 0.5
PACKAGES = ("sensor-fleet", "numpy", "onnxruntime", "av", "pillow", "pyarrow")


class Agreed:
    """A real clip whose truth is what two networks find alike in its raw frames."""

    def __init__(self, clip: Clip, one: Finder, other: Finder, frames: int) -> None:
        """Take a clip and two networks, whose names differ."""
        self.name, self.view, self.light = clip.name, "filmed", clip.light
        self.width, self.height, self.rate_fps = clip.width, clip.height, clip.rate_fps
        self._clip, self._one, self._other, self._frames = clip, one, other, frames

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._frames

    def frames(self) -> Iterator[Frame]:
        """Yield the frames with what both networks find."""
        tracker = Tracker()
        for pixels, _ in islice(self._clip.frames(), self._frames):
            (found,), (second,) = self._one.find([pixels]), self._other.find([pixels])
            both = matched(second, found.boxes, found.kinds, LEAST_IOU)
            rows = np.unique(both[both >= 0])
            agreed = Detections(found.boxes[rows], found.scores[rows], found.kinds[rows])
            seen = np.ones(len(rows), np.float32)
            yield Frame(pixels, Truth(agreed.boxes, agreed.kinds, tracker.step(agreed), seen))


def counts(most: int) -> list[int]:
    """Return how many are in view in each second: all numbers once, never far from the last."""
    return [*range(0, most + 1, 2), *(n for n in range(most, 0, -1) if n % 2)]


def rendered() -> Iterator[Clip]:
    """Yield the scenes of all views and lights."""
    for view in VIEWS:
        objects = counts(MOST[view])
        frames = len(objects) * RATE_FPS
        for light in LIGHTS:
            for seed in SEEDS:
                yield scene(
                    view, light, seed=seed, objects=objects, frames=frames, rate_fps=RATE_FPS
                )


def filmed() -> Iterator[Clip]:
    """Yield the real clip, if it and both networks are here."""
    try:
        clip = open_clip(assets.path("vtest", "vtest.avi"))
        yield Agreed(clip, detector.load("nanodet"), detector.load("ssd"), FILMED_FRAMES)
    except InputError as error:
        print(f"no real clip: {error}")


def traces(codecs: tuple[str, ...]) -> pa.Table:
    """Trace all clips: the small network on raw frames, the large one behind codecs too."""
    small, large = detector.load(SMALL), detector.load(LARGE)
    settings = [setting(name) for name in codecs]
    batches: list[pa.RecordBatch] = []
    for clips in (rendered(), filmed()):
        for clip in clips:
            batches += watch(clip, [small], [])
            batches += watch(clip, [large], settings)
            print(f"{clip.name} traced", flush=True)
    return pa.Table.from_batches(batches, SCHEMA)


def provenance(path: Path, table: pa.Table, codecs: tuple[str, ...]) -> dict[str, Any]:
    """Return how the traces were made."""
    models = {name: _sha256(detector.packaged()[name]) for name in (SMALL, LARGE)}
    data = {
        "command": "python scripts/derive_traces.py",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "models": models,
        "codecs": list(codecs),
        "rendered": {"seeds": list(SEEDS), "rate_fps": RATE_FPS, "objects_by_second": {
            view: " ".join(map(str, counts(most))) for view, most in MOST.items()
        }},
        "rows": table.num_rows,
        "sha256": _sha256(path),
    }  # fmt: skip
    if "filmed" in table["view"].to_pylist():
        data["filmed"] = {
            "clip": "vtest.avi (PETS 2009 S2.L1 View 001, Debian opencv-doc 4.6.0+dfsg-12)",
            "sha256": _sha256(assets.path("vtest", "vtest.avi")),
            "frames": FILMED_FRAMES,
            "truth": "not known; stands for it: what nanodet and ssd both find in the raw frame,"
            f" overlapping by {LEAST_IOU}",
            "judges": {name: _sha256(assets.model(name)) for name in ("nanodet", "ssd")},
        }
    return data


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Trace, make small, and write table and provenance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec", action="append", help="instead of the usual ones")
    codecs = tuple(parser.parse_args().codec or CODECS)
    table = compact(traces(codecs))
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "replay.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=19)
    text = json.dumps(provenance(path, table, codecs), indent=1)
    (FOLDER / "replay.json").write_text(text + "\n", encoding="utf-8")
    print(f"{table.num_rows} rows, {path.stat().st_size} B, written to {path}")


if __name__ == "__main__":
    main()
