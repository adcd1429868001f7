"""The packaged tables of tasks: how well each network serves a use, by light, site and frame rate.

`scripts/derive_tasks.py` makes them. A site is a rendered scene of its own, the same in every light
and for every network, so that differences between networks can be paired by site.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.eyes.clip import LIGHTS
from fleet.eyes.tasks import DELAYS_S, TIMES

Floats = NDArray[np.float64]

WORDS = ("view", "source", "model", "light")
_TIMES = ("missed", "once", "twice", "more")
WITHIN = tuple(f"within_{delay:g}_s" for delay in DELAYS_S)
HEADER = (
    *WORDS, "site", "every", "fps", "seconds", *_TIMES, "nobody", "gaps", *WITHIN, "map_error",
    "ap50",
)  # fmt: skip


class Measured(NamedTuple):
    """How well a network in its place serves each task; NaN where a scene could not tell.

    Attributes:
        lights: index of the light that stands for each light; shape (lights,).
        fps: frames a second that the network saw, ascending; shape (rates,).
        times: shares of the visitors who are counted 0, 1, 2 times, or more; shape
            (lights, sites, rates, TIMES).
        nobody_per_s: visitors counted a second who are not there; shape (lights, sites, rates).
        within: shares of the gaps that are reported within each of DELAYS_S; shape
            (lights, sites, rates, len(DELAYS_S)).
        map_error: error of the map of where people were; shape (lights, sites, rates).
        ap: average precision at an overlap of a half; shape (lights, sites).
    """

    lights: NDArray[np.int64]
    fps: Floats
    times: Floats
    nobody_per_s: Floats
    within: Floats
    map_error: Floats
    ap: Floats

    @property
    def sites(self) -> int:
        """Return the number of sites."""
        return int(self.ap.shape[1])


Rows = Sequence[Mapping[str, str]]


def load(view: str, source: str, model: str) -> Measured | None:
    """Return how well a network serves tasks in a view behind a source; None if nobody knows."""
    rows = _by_name().get((view, source, model))
    return None if rows is None else _measured(rows)


@functools.cache
def _by_name() -> dict[tuple[str, ...], list[dict[str, str]]]:
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for path in sorted(folder().glob("tasks-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(tuple(row[word] for word in WORDS[:3]), []).append(row)
    return found


def folder() -> Path:
    """Return the folder of packaged traces and tables."""
    return Path(str(resources.files("fleet.eyes").joinpath("traces")))


def _measured(rows: Rows) -> Measured:
    lights = [light for light in LIGHTS if any(row["light"] == light for row in rows)]
    sites = sorted({row["site"] for row in rows})
    rates = sorted({float(row["fps"]) for row in rows})
    shape = len(LIGHTS), len(sites), len(rates)
    times, within = np.full((*shape, TIMES), np.nan), np.full((*shape, len(DELAYS_S)), np.nan)
    nobody, error, ap = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for row in rows:
        at = LIGHTS.index(row["light"]), sites.index(row["site"]), rates.index(float(row["fps"]))
        times[at] = _shares([float(row[name]) for name in _TIMES])
        nobody[at] = float(row["nobody"]) / float(row["seconds"])
        if row["gaps"] != "0":
            within[at] = [float(row[name]) / float(row["gaps"]) for name in WITHIN]
        error[at], ap[at] = (float(row[name] or "nan") for name in ("map_error", "ap50"))
    stands = np.array([
        k if light in lights else LIGHTS.index(lights[0]) for k, light in enumerate(LIGHTS)
    ])  # fmt: skip
    return Measured(
        stands, np.array(rates), times[stands], nobody[stands], within[stands], error[stands],
        ap[stands][:, :, -1],
    )  # fmt: skip


def _shares(counts: Sequence[float]) -> Floats:
    whole = sum(counts)
    return np.array(counts) / whole if whole else np.full(len(counts), np.nan)
