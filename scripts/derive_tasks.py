"""Derive the packaged tables of tasks: how well networks count visitors, report gaps, map places.

Run it as ``python scripts/derive_tasks.py [own] [fetched]``; it needs ``pip install -e '.[eyes]'``
and takes some hours of one core; ``--jobs`` runs scenes side by side. The scenes are rendered with
as many people as come of themselves, and no network was trained on them. As in `derive_traces.py`
a small network sees raw frames, as on a sensor, and a large one raw frames and what codecs leave of
them; `fetched` needs ``fleet eyes fetch ssd nanodet`` first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from derive_accuracy_curve import WEAK, Held
from derive_traces import FETCHED, FOLDER, OWN, Pair
from eyes_pictures import HELD_OUT
from registry import write_table

from fleet.eyes.boxes import Detections
from fleet.eyes.clip import LIGHTS, VIEWS, Pixels, Truth
from fleet.eyes.codec import RAW, Setting, encode, setting
from fleet.eyes.curve import marks, mean_ap, together
from fleet.eyes.detector import Detector, load
from fleet.eyes.measured import HEADER
from fleet.eyes.render import scene
from fleet.eyes.tasks import Seen, map_error, reports, visits

CODECS = {"own": ("h264-crf23", "h264-crf28", "h264-crf36"), "fetched": FETCHED.codecs}
SITES = 6
FIRST_SEED = HELD_OUT + 91_000
SECONDS = {"street": 35, "entrance": 30, "ceiling": 30, "shelf": 50}
RATE_FPS = 5
"""Faster cameras count visitors hardly better."""
EVERY = (1, 2, 5, 10)
AP_EVERY = 5
AT_ONCE = 8
INDOORS = ("ceiling", "shelf")
"""Where it is always day."""


class Work(NamedTuple):
    """A scene to measure."""

    view: str
    light: str
    site: int


def work_of(pair: Pair, views: Sequence[str]) -> list[Work]:
    """Return the scenes of a pair of networks, in some views."""
    return [
        Work(view, light, site)
        for view in pair.views
        if view in views
        for light in (LIGHTS[:1] if view in INDOORS else LIGHTS)
        for site in range(SITES)
    ]


def measure(pair: Pair, work: Work) -> list[tuple[object, ...]]:
    """Return the rows of a scene: each network in its place, at each frame rate."""
    clip = Held(
        scene(
            work.view, work.light, seed=FIRST_SEED + work.site,
            frames=SECONDS[work.view] * RATE_FPS, rate_fps=RATE_FPS,
        )
    )  # fmt: skip
    small, large = load(pair.small, WEAK), load(pair.large, WEAK)
    places = [(large, setting(name)) for name in CODECS[pair.name]]
    places += [(small, RAW), (large, RAW)]
    rows: list[tuple[object, ...]] = []
    for finder, how in places:
        rows += _rows(work, clip, finder, how)
    print(f"{clip.name} measured", flush=True)
    return rows


def _rows(work: Work, clip: Held, finder: Detector, how: Setting) -> Iterator[tuple[object, ...]]:
    everything = list(_seen(clip, finder, how))
    judged = [marks(found, truth, clip.height) for truth, found in everything[::AP_EVERY]]
    usual = float(finder.session.metadata["threshold"])
    frames = [Seen(truth, _from(found, usual)) for truth, found in everything]
    for every in EVERY:
        counted = visits(frames, clip.rate_fps, usual, every)
        told = reports(frames, clip.height, clip.rate_fps, every)
        error = map_error(frames, clip.width, clip.height, every)
        yield (
            work.view, how.name, finder.name, work.light, work.site, every, clip.rate_fps / every,
            f"{counted.seconds:g}", *counted.times.tolist(), counted.nobody, told.gaps,
            *told.within.tolist(), "" if np.isnan(error) else f"{error:.4f}",
            f"{mean_ap(together(judged)):.4f}",
        )  # fmt: skip


def _seen(clip: Held, finder: Detector, how: Setting) -> Iterator[Seen]:
    """Yield the truth of each frame and what a network finds in it behind a codec."""
    truths = (frame.truth for frame in clip.frames())
    coded = encode((frame.pixels for frame in clip.frames()), how, clip.rate_fps)
    batch = []
    for truth, got in zip(truths, coded, strict=True):
        assert truth is not None  # it is rendered
        batch.append((truth, got.pixels))
        if len(batch) == AT_ONCE:
            yield from _found(finder, batch)
            batch.clear()
    yield from _found(finder, batch)


def _found(finder: Detector, batch: list[tuple[Truth, Pixels]]) -> Iterator[Seen]:
    found = finder.find([pixels for _, pixels in batch])
    return (Seen(truth, seen) for (truth, _), seen in zip(batch, found, strict=True))


def _from(found: Detections, threshold: float) -> Detections:
    """Return the detections of at least some score."""
    enough = found.scores >= threshold
    return Detections(found.boxes[enough], found.scores[enough], found.kinds[enough])


def derive(pair: Pair, views: Sequence[str], jobs: int) -> None:
    """Measure scenes of a pair of networks and write their table."""
    with ProcessPoolExecutor(jobs) as processes:
        tables = processes.map(partial(measure, pair), work_of(pair, views))
        rows = sorted((row for table in tables for row in table), key=lambda row: row[:7])
    path = FOLDER / f"tasks-{pair.name}.csv"
    write_table(path, HEADER, rows)
    print(f"{len(rows)} rows written to {path}")


def main() -> None:
    """Derive the tables of the pairs asked for; our own if none is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pair", nargs="*", metavar="own|fetched", help="only these")
    parser.add_argument("--view", action="append", choices=VIEWS, help="only this one")
    parser.add_argument("--jobs", type=int, default=1, help="scenes measured side by side")
    given = parser.parse_args()
    for pair in (OWN, FETCHED):
        if pair.name in (given.pair or ["own"]):
            derive(pair, given.view or VIEWS, given.jobs)


if __name__ == "__main__":
    main()
