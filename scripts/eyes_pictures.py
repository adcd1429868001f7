"""Rendered pictures with their true boxes, kept on disk, to train and calibrate detectors on.

Seeds tell the sets apart: TRAIN_SEED and above are for training, HELD_OUT to HELD_OUT + 99,999 for
measuring, TUNING_SEED to TUNING_SEED + 99,999 for choosing thresholds, so that no site, person or
walk of one is in the other.
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet import eyes
from fleet.eyes.clip import LIGHTS, VIEWS
from fleet.lab.measures.accuracy import matters
from fleet.lab.scenes.lens import draw, key_of
from fleet.lab.scenes.render import scene

TRAIN_SEED, HELD_OUT, TUNING_SEED = 1_000_000, 500_000, 700_000
WIDTH, HEIGHT, MOST = 640, 480, 48
PER_SCENE, GAP_S = 4, 2.3
_VIEW_SHARES = (0.36, 0.22, 0.20, 0.22)
_LIGHT_SHARES = (0.24, 0.25, 0.31, 0.20)


class Pictures(NamedTuple):
    """A set of pictures.

    Attributes:
        pixels: shape (pictures, HEIGHT, WIDTH, 3), uint8.
        objects: x0, y0, x1, y1, kind, whether it must be found; kind -1 in rows not used; shape
            (pictures, MOST, 6), px.
    """

    pixels: NDArray[np.uint8]
    objects: NDArray[np.float32]


def _pick(key: int, name: str, shares: tuple[float, ...]) -> int:
    return int(np.searchsorted(np.cumsum(shares), draw(key, name, 0.0, 0.9999)))


def _fill(into: Pictures, at: int, seed: int) -> None:
    """Render a scene of this seed, whose view, light and crowd are drawn, from row `at` on."""
    key = key_of("training", seed)
    view = VIEWS[_pick(key, "view", _VIEW_SHARES)]
    light = LIGHTS[_pick(key, "light", _LIGHT_SHARES)]
    count = int(draw(key, "count", 0, 24 if view == "street" else 10))
    objects = None if draw(key, "own") < 0.65 else count
    clip = scene(view, light, seed=seed, objects=objects, frames=PER_SCENE, rate_fps=1 / GAP_S)
    for k, frame in enumerate(clip.frames()):
        truth = frame.truth
        assert truth is not None
        into.pixels[at + k] = frame.pixels
        rows = np.full((MOST, 6), -1.0, dtype=np.float32)
        n = min(MOST, len(truth.kinds))
        rows[:n, :4], rows[:n, 4] = truth.boxes[:n], truth.kinds[:n]
        rows[:n, 5] = matters(truth, HEIGHT)[:n]
        into.objects[at + k] = rows


def _render(path: Path, first_seed: int, scenes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Render some scenes into the file of pixels; return their objects."""
    objects = np.empty((len(scenes) * PER_SCENE, MOST, 6), dtype=np.float32)
    if len(scenes):
        pixels = np.load(path, mmap_mode="r+")
        mine = Pictures(pixels[scenes[0] * PER_SCENE :], objects)
        for k, n in enumerate(scenes.tolist()):
            _fill(mine, k * PER_SCENE, first_seed + n)
        pixels.flush()
    return objects


def renderer() -> str:
    """Return a few digits that are others after a change of what renders, or of this file."""
    sha = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(Path(eyes.__file__).parent.glob("*.py")):
        sha.update(file.read_bytes())
    return sha.hexdigest()[:8]


def pictures(folder: Path, count: int, first_seed: int) -> Pictures:
    """Return pictures of scenes from a seed on; rendered once, then read from a folder.

    Args:
        folder: where they are kept.
        count: how many; a multiple of PER_SCENE.
        first_seed: of the scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{first_seed}-{count}-{renderer()}"
    paths = [folder / f"{what}-{name}.npy" for what in ("pixels", "objects")]
    if not all(path.exists() for path in paths):
        began = time.monotonic()
        shape = count, HEIGHT, WIDTH, 3
        np.lib.format.open_memmap(paths[0], "w+", dtype=np.uint8, shape=shape).flush()
        parts = np.array_split(np.arange(count // PER_SCENE), 64)
        with ProcessPoolExecutor() as processes:
            done = list(processes.map(partial(_render, paths[0], first_seed), parts))
        np.save(paths[1], np.concatenate(done))
        print(f"rendered {count} pictures in {time.monotonic() - began:.0f} s")
    return Pictures(np.load(paths[0], mmap_mode="r"), np.load(paths[1]))
