"""Derive the packaged traces: what networks see of rendered scenes, and of a real one.

Run it as ``python scripts/derive_traces.py [own] [crops] [fetched]``; it needs ``pip install -e
'.[eyes]'`` and takes about an hour of one core; ``--jobs`` runs scenes side by side. What was
traced of a scene is kept in ``--parts``, so that a run that was stopped goes on where it was; a
scene is traced again if the networks, the codecs or the frames have changed. Rendered scenes have
seeds that no network was trained on. On each, a small network sees raw frames, as on a
sensor, and a large one raw frames and what codecs leave of them; our own small one sees these too,
as a server may run a small model.
Of the same scenes the large network sees, apart, crops of what the small one finds, with some
margins (`crops`; twenty minutes of one core), and what is sent of them is measured, too.
In each scene the number in view climbs in steps of two and falls back over the odd numbers, a
second each. Frames of one scene are much alike, so that there are many scenes of few frames.

If ``fleet eyes fetch ssd nanodet vtest`` was run before, these two networks are traced too, where
people and vehicles are looked for, and the first frames of vtest.avi by all, as the view `filmed`.
What is truly in it nobody has written down: what both fetched networks find in the raw frame stands
for the truth, so these rows tell agreement, not accuracy, and nothing that both of them miss counts
as missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.errors import InputError
from fleet.eyes.boxes import Detections, matched
from fleet.eyes.clip import LIGHTS, VIEWS, Clip, Frame, Truth
from fleet.eyes.compact import compact
from fleet.eyes.crops import crops_named
from fleet.eyes.eye import FIRST_SITE
from fleet.eyes.replay import folder
from fleet.eyes.trace_file import read
from fleet.lab.fetch import assets
from fleet.lab.measures.codec import setting
from fleet.lab.measures.crops import GREY
from fleet.lab.measures.trace import Cut, Finder, watch, write
from fleet.lab.measures.tracker import Tracker
from fleet.lab.measures.video import open_clip
from fleet.lab.networks import detector
from fleet.lab.scenes.render import scene

FOLDER = folder()
CODECS = ("h264-crf18", "h264-crf23", "h264-crf28", "h264-crf36", "h265-crf30", "jpeg-q60")
RATE_FPS = 2
MOST = {"street": 12, "entrance": 8, "ceiling": 12, "shelf": 4}


class Pair(NamedTuple):
    """A network for the sensor, one for the cloud, where they look, and behind what.

    Its traces are in a file of its own. The fetched ones know neither gaps nor people from above.
    `small_coded` says that the one for the sensor looks behind codecs too. With `margins_ppm` the
    large one is shown nothing but crops of what the small one finds, behind the codecs.
    """

    name: str
    small: str
    large: str
    views: tuple[str, ...]
    codecs: tuple[str, ...]
    seeds: tuple[int, ...]
    small_coded: bool = False
    margins_ppm: tuple[int, ...] = ()


SEEDS = tuple(FIRST_SITE + k for k in range(10))  # so many that their spread is known
OWN = Pair("own", "eye-small", "eye-large", VIEWS, CODECS, SEEDS, small_coded=True)
CROPS = Pair(
    "crops", "eye-small", "eye-large", VIEWS, ("jpeg-q60",), SEEDS,
    margins_ppm=(100_000, 200_000, 500_000),
)  # fmt: skip
FETCHED = Pair(
    "fetched", "ssd", "nanodet", ("street", "entrance"), ("h264-crf28", "h264-crf36"), SEEDS,
    small_coded=True,
)  # fmt: skip
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


class Site(NamedTuple):
    """A scene to trace."""

    view: str
    light: str
    seed: int


def sites(pair: Pair) -> list[Site]:
    """Return the scenes of a pair's views in all lights, seed by seed."""
    return [Site(view, light, k) for k in pair.seeds for view in pair.views for light in LIGHTS]


def rendered(site: Site) -> Clip:
    """Return the clip of a scene."""
    objects = counts(MOST[site.view])
    return scene(
        site.view, site.light, seed=site.seed, objects=objects, frames=len(objects) * RATE_FPS,
        rate_fps=RATE_FPS,
    )  # fmt: skip


def filmed() -> Clip:
    """Return the real clip, judged by the fetched networks."""
    clip = open_clip(assets.path("vtest", "vtest.avi"))
    one, other = detector.load(FETCHED.large), detector.load(FETCHED.small)
    return Agreed(clip, one, other, FILMED_FRAMES)


def trace(pair: Pair, clip: Clip, parts: Path) -> pa.Table:
    """Return what a pair sees: the small network perhaps raw frames only, the large one all."""
    path = parts / f"{pair.name}-{fingerprint(pair)}-{clip.name}.parquet"
    if path.exists():
        return read(path)
    small, large = detector.load(pair.small), detector.load(pair.large)
    codecs = [setting(name) for name in pair.codecs]
    if pair.margins_ppm:
        cuts = [Cut(small, margin, codec) for codec in codecs for margin in pair.margins_ppm]
        batches = [_of_crops(batch) for batch in watch(clip, [large], [], cuts)]
    elif pair.small_coded:
        batches = list(watch(clip, [small, large], codecs))
    else:
        batches = [*watch(clip, [small], []), *watch(clip, [large], codecs)]
    print(f"{clip.name} traced by {small.name} and {large.name}", flush=True)
    return write(path, batches)


def _of_crops(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows in which a network saw crops: what it sees else is traced apart."""
    return batch.filter(
        pa.array([crops_named(name) is not None for name in batch["source"].to_pylist()])
    )


def trace_site(pair: Pair, parts: Path, site: Site) -> pa.Table:
    """Return what a pair sees of a rendered scene."""
    return trace(pair, rendered(site), parts)


def fingerprint(pair: Pair) -> str:
    """Return what tells parts of a pair from those of other networks, codecs or frames."""
    networks = [sha256(detector.file_of(name)) for name in (pair.small, pair.large)]
    made = repr((networks, pair.codecs, pair.small_coded, RATE_FPS, MOST, FILMED_FRAMES))
    made += repr((pair.margins_ppm, GREY)) if pair.margins_ppm else ""
    return hashlib.sha256(made.encode()).hexdigest()[:8]


def provenance(path: Path, rows: int, pair: Pair, real: bool) -> dict[str, Any]:
    """Return how a file of traces was made."""
    data = {
        "command": f"python scripts/derive_traces.py {pair.name}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "models": {name: sha256(detector.file_of(name)) for name in (pair.small, pair.large)},
        "views": list(pair.views),
        "codecs": list(pair.codecs),
        **({"margins_ppm": list(pair.margins_ppm)} if pair.margins_ppm else {}),
        "rendered": {
            "seeds": list(pair.seeds),
            "rate_fps": RATE_FPS,
            "objects_by_second": {v: " ".join(map(str, counts(MOST[v]))) for v in pair.views},
        },
        "rows": rows,
        "sha256": sha256(path),
    }
    if real:
        data["filmed"] = {
            "clip": "vtest.avi (PETS 2009 S2.L1 View 001, Debian opencv-doc 4.6.0+dfsg-12)",
            "sha256": sha256(assets.path("vtest", "vtest.avi")),
            "frames": FILMED_FRAMES,
            "truth": f"not known; stands for it: what {FETCHED.large} and {FETCHED.small} both find"
            f" in the raw frame, overlapping by {LEAST_IOU}",
        }
    return data


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetched() -> bool:
    """Return whether the fetched networks and the real clip are here."""
    try:
        filmed()
    except InputError as error:
        print(f"only the packaged networks, and no real clip: {error}")
        return False
    return True


def derive(pair: Pair, real: bool, jobs: int, parts: Path) -> None:
    """Trace what a pair sees, make it small, and write table and provenance."""
    with ProcessPoolExecutor(jobs) as processes:
        tables = list(processes.map(partial(trace_site, pair, parts), sites(pair)))
    if real:
        tables.append(trace(pair, filmed(), parts))
    table = compact(pa.concat_tables(tables))
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{pair.name}.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=19)
    text = json.dumps(provenance(path, table.num_rows, pair, real), indent=1)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(f"{table.num_rows} rows, {path.stat().st_size} B, written to {path}")


def main() -> None:
    """Derive the traces of the pairs asked for, or of all that are here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pair", nargs="*", metavar="own|crops|fetched", help="only these")
    parser.add_argument("--jobs", type=int, default=1, help="scenes traced side by side")
    where = Path(tempfile.gettempdir()) / "fleet-traces"
    parser.add_argument("--parts", type=Path, default=where, help="folder of what is done already")
    given, real = parser.parse_args(), fetched()
    for pair in (OWN, CROPS, FETCHED) if real else (OWN, CROPS):
        if not given.pair or pair.name in given.pair:
            derive(pair, real, given.jobs, given.parts)


if __name__ == "__main__":
    main()
