"""Derive the packaged tables of tasks: how well networks count visitors, report gaps, map places.

Run it as ``python scripts/derive_tasks.py [own] [fetched]``; it needs ``pip install -e '.[eyes]'``
and takes some hours of one core; ``--jobs`` runs scenes side by side. No network was trained on
these sites, and no constant of the tracker was chosen on them. As in `derive_traces.py` a small
network sees raw frames, as on a sensor, and a large one raw frames and what codecs leave of them,
which our own small one sees too; `fetched` needs ``fleet eyes fetch ssd nanodet`` first.

Few people are before a camera at a time in the cities that are simulated, so visitors are counted
where two or three are in view, and once more where nobody is. Ceilings and shelves have as many
people as come of themselves.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import islice, product
from typing import NamedTuple

import numpy as np
from derive_accuracy_curve import WEAK, Held
from derive_traces import FETCHED, FOLDER, OWN, PACKAGES, Pair, sha256
from eyes_pictures import HEIGHT, HELD_OUT, WIDTH
from registry import write_table
from rich.console import Console
from rich.table import Table

from fleet.eyes.boxes import GAP, KINDS, PERSON, VEHICLE
from fleet.eyes.clip import LIGHTS
from fleet.eyes.task_names import DELAYS_S
from fleet.eyes.task_tables import HEADER, SITES, TIMES, WITHIN
from fleet.eyes.task_tables import load as load_measured
from fleet.lab.measures.codec import RAW, Setting, encode, setting
from fleet.lab.measures.curve import Marks, marks, mean_ap, together
from fleet.lab.measures.tasks import BEGUN_S, Seen, ghosts, map_error, reports, visits
from fleet.lab.networks.detector import Detector, file_of, load
from fleet.lab.scenes.render import scene

CODECS = {"own": ("h264-crf23", "h264-crf28", "h264-crf36"), "fetched": FETCHED.codecs}
FIRST_SEED = HELD_OUT + 93_000
RATE_FPS = 5
EVERY = (1, 2, 5, 10, 25, 50)
AP_EVERY = 5
AT_ONCE = 8
INDOORS = ("ceiling", "shelf")
"""Where it is always day."""
SECONDS = {"street": 60, "entrance": 45, "ceiling": 30, "shelf": 50}
OBJECTS = {"street": 3, "entrance": 2, "ceiling": None, "shelf": None}
EMPTY_S = 30
"""Of a scene with nobody in it, where visitors are counted."""
ABOUT = {
    "street": (PERSON, VEHICLE), "entrance": (PERSON,), "ceiling": (PERSON,),
    "shelf": (PERSON, GAP),
}  # fmt: skip
"""The kinds of objects that tasks are about in a view."""


class Work(NamedTuple):
    """A site to measure in a light."""

    view: str
    light: str
    site: int

    def clip(self, seconds: int, objects: int | None) -> Held:
        """Return a clip of it."""
        return Held(
            scene(
                self.view, self.light, seed=FIRST_SEED + self.site, objects=objects,
                frames=seconds * RATE_FPS, rate_fps=RATE_FPS,
            )
        )  # fmt: skip


class Watched(NamedTuple):
    """What a network found in a clip.

    Attributes:
        frames: what it found above its threshold.
        marks: by kind, of some frames; for AP, which looks at weaker detections too.
        threshold: the network's usual one.
    """

    frames: list[Seen]
    marks: list[list[Marks]]
    threshold: float


def work_of(pair: Pair) -> list[Work]:
    """Return the sites of a pair of networks, in all lights that they know."""
    return [
        Work(view, light, site)
        for view in pair.views
        for light in (LIGHTS[:1] if view in INDOORS else LIGHTS)
        for site in range(SITES)
    ]


def measure(pair: Pair, work: Work) -> list[list[object]]:
    """Return the rows of a site: each network in its place, kind by kind, at each frame rate."""
    busy = work.clip(SECONDS[work.view], OBJECTS[work.view])
    empty = None if work.view in INDOORS else work.clip(EMPTY_S, 0)
    small, large = load(pair.small, WEAK), load(pair.large, WEAK)
    rows: list[list[object]] = []
    for how in (*(setting(name) for name in CODECS[pair.name]), RAW):
        finders = [large, small] if pair.small_coded or how == RAW else [large]
        found = watched(busy, finders, how)
        nothing = [None] * len(finders) if empty is None else watched(empty, finders, how)
        for finder, seen, unseen in zip(finders, found, nothing, strict=True):
            rows += rows_of(work, how, finder, seen, unseen)
    print(f"{busy.name} measured", flush=True)
    return rows


def rows_of(
    work: Work, how: Setting, finder: Detector, seen: Watched, nothing: Watched | None
) -> Iterator[list[object]]:
    """Yield the rows of one network behind one codec; `nothing` is of the empty scene."""
    for kind, every in product(ABOUT[work.view], EVERY):
        row: dict[str, object] = {
            "view": work.view, "source": how.name, "model": finder.name,
            "kind": KINDS[kind], "light": work.light, "site": work.site, "every": every,
            "fps": RATE_FPS / every, "seconds": SECONDS[work.view],
            "ap50": f"{mean_ap(together(seen.marks[kind])):.4f}",
            **(gaps(seen, every) if kind == GAP else passers(seen, nothing, kind, every)),
        }  # fmt: skip
        yield [row.get(name, 0) for name in HEADER]


def passers(seen: Watched, nothing: Watched | None, kind: int, every: int) -> dict[str, object]:
    """Return how people or vehicles were counted and mapped."""
    counted = visits(seen.frames, RATE_FPS, seen.threshold, kind, every)
    row: dict[str, object] = dict(zip(TIMES, counted.times.tolist(), strict=True))
    error = map_error(seen.frames, WIDTH, HEIGHT) if kind == PERSON else float("nan")
    row |= {"passed": counted.passed, "nobody": counted.nobody, "map_error": f"{error:.4f}"}
    if nothing is not None:
        row["ghosts"] = ghosts(nothing.frames, RATE_FPS, seen.threshold, kind, every)
        row["empty_s"] = EMPTY_S - BEGUN_S
    return row


def gaps(seen: Watched, every: int) -> dict[str, object]:
    """Return how soon gaps were reported."""
    told = reports(seen.frames, HEIGHT, RATE_FPS, every)
    shares = dict(zip(WITHIN, told.within.tolist(), strict=True))
    return {"gaps": told.gaps, "map_error": "nan", **shares}


def watched(clip: Held, finders: list[Detector], how: Setting) -> list[Watched]:
    """Return what each network finds in a clip behind a codec."""
    found: list[list[Seen]] = [[] for _ in finders]
    truths = (frame.truth for frame in clip.frames())
    coded = encode((frame.pixels for frame in clip.frames()), how, clip.rate_fps)
    while batch := list(islice(coded, AT_ONCE)):
        of = list(islice(truths, len(batch)))
        for seen, finder in zip(found, finders, strict=True):
            pairs = zip(of, finder.find([got.pixels for got in batch]), strict=True)
            seen += (Seen(truth, detections) for truth, detections in pairs if truth is not None)
    assert all(len(seen) == len(clip) for seen in found)
    return [_watched(seen, finder) for seen, finder in zip(found, finders, strict=True)]


def _watched(everything: list[Seen], finder: Detector) -> Watched:
    usual = float(finder.session.metadata["threshold"])
    judged = [
        [_of_kind(marks(found, truth, HEIGHT), kind) for truth, found in everything[::AP_EVERY]]
        for kind in range(len(KINDS))
    ]
    frames = [Seen(truth, found.those(found.scores >= usual)) for truth, found in everything]
    return Watched(frames, judged, usual)


def _of_kind(of: Marks, kind: int) -> Marks:
    mine = of.kinds == kind
    wanted = np.where(np.arange(len(KINDS)) == kind, of.wanted, 0)
    return of._replace(
        scores=of.scores[mine], kinds=of.kinds[mine], right=of.right[mine], wanted=wanted
    )


def derive(pair: Pair, jobs: int) -> None:
    """Measure all sites of a pair of networks; write table and provenance."""
    with ProcessPoolExecutor(jobs) as processes:
        tables = processes.map(partial(measure, pair), work_of(pair))
        rows = [row for table in tables for row in table]
    rows.sort(key=lambda row: [str(cell) for cell in row[:5]])
    path = FOLDER / f"tasks-{pair.name}.csv"
    write_table(path, HEADER, rows)
    made = {
        "command": f"python scripts/derive_tasks.py {pair.name}",
        "packages": {name: version(name) for name in PACKAGES},
        "models": {name: sha256(file_of(name)) for name in (pair.small, pair.large)},
        "seeds": [FIRST_SEED + site for site in range(SITES)],
        "rate_fps": RATE_FPS,
        "seconds": {view: SECONDS[view] for view in pair.views},
        "objects": {view: OBJECTS[view] for view in pair.views},
        "rows": len(rows),
        "sha256": sha256(path),
    }
    path.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows written to {path}")


def show() -> None:
    """Print the main numbers of the packaged tables: means over sites, all frames seen."""
    table = Table("view", "source", "model", "kind", "light", "missed", "once", "more", "nobody",
                  "ghosts in 5 min", "alerted in 5 s", "map error", "AP")  # fmt: skip
    for view, source, model, kind, light in sorted(_measured_places()):
        found = load_measured(view, source, model, KINDS.index(kind))
        assert found is not None  # it is in the tables
        k = LIGHTS.index(light)
        times, fast = found.times[k, :, -1].mean(axis=0), DELAYS_S.index(5)
        numbers = (
            times[0], times[1], times[2:].sum(), found.nobody[k, :, -1].mean(),
            300 * found.ghosts_per_s[k, :, -1].mean(), found.within[k, :, -1, fast].mean(),
            found.map_error[k].mean(), found.ap[k].mean(),
        )  # fmt: skip
        cells = ("" if np.isnan(number) else f"{number:.2f}" for number in numbers)
        table.add_row(view, source, model, kind, light, *cells)
    Console(width=160).print(table)


def _measured_places() -> set[tuple[str, ...]]:
    """Return (view, source, model, kind, light) of all that was measured."""
    found = set()
    for path in FOLDER.glob("tasks-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found |= {tuple(row[name] for name in HEADER[:5]) for row in csv.DictReader(file)}
    return found


def main() -> None:
    """Derive the tables of the pairs asked for, our own if none is named, and show them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pair", nargs="*", metavar="own|fetched", help="only these")
    parser.add_argument("--jobs", type=int, default=1, help="sites measured side by side")
    parser.add_argument("--show", action="store_true", help="only show what there is")
    given = parser.parse_args()
    for pair in (OWN, FETCHED):
        if pair.name in (given.pair or ["own"]) and not given.show:
            derive(pair, given.jobs)
    show()


if __name__ == "__main__":
    main()
