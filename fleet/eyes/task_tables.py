"""The packaged tables of tasks: how well each network does one, by light, site and frame rate.

`scripts/derive_tasks.py` makes them. A site is a rendered place of its own, the same in every light
and for every network, so that differences between arms are paired by site.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.eyes.boxes import KINDS
from fleet.eyes.clip import LIGHTS
from fleet.eyes.replay import folder
from fleet.eyes.task_names import DELAYS_S

SITES = 6
"""Every table has so many."""
WORDS = ("view", "source", "model", "kind")
TIMES = ("missed", "once", "twice", "more")
WITHIN = tuple(f"within_{delay:g}_s" for delay in DELAYS_S)
HEADER = (
    *WORDS, "light", "site", "every", "fps", *TIMES, "passed", "nobody", "seconds", "ghosts",
    "empty_s", "gaps", *WITHIN, "map_error", "ap50",
)  # fmt: skip


class Measured(NamedTuple):
    """How well a network in its place serves tasks about a kind; NaN where a scene could not tell.

    A frame rate of 0 is among the rates: there nothing is counted or reported, and a map is empty.

    Attributes:
        lights: index of the light that stands for each light; shape (lights,).
        fps: frames a second that the network saw, ascending from 0; shape (rates,).
        times: shares of the visitors who are counted 0, 1, 2 times, or more; shape
            (lights, SITES, rates, len(TIMES)).
        nobody: visitors counted, for each that passes, where none is; shape (lights, SITES, rates).
        ghosts_per_s: visitors counted in an empty scene; same shape.
        within: shares of the gaps that are reported within each of DELAYS_S; shape
            (lights, SITES, rates, len(DELAYS_S)).
        map_error: error of the map of where people were; shape (lights, SITES).
        ap: average precision at an overlap of a half; shape (lights, SITES).
    """

    lights: Ints
    fps: Floats
    times: Floats
    nobody: Floats
    ghosts_per_s: Floats
    within: Floats
    map_error: Floats
    ap: Floats


Row = Mapping[str, str]


def load(view: str, source: str, model: str, kind: int) -> Measured | None:
    """Return how well a network serves tasks about a kind; None if nobody measured that."""
    rows = _by_name().get((view, source, model, KINDS[kind]))
    return None if rows is None else measured(rows)


@functools.cache
def _by_name() -> dict[tuple[str, ...], list[Row]]:
    tables: dict[tuple[str, ...], list[Row]] = {}
    for path in sorted(folder().glob("tasks-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                tables.setdefault(tuple(row[word] for word in WORDS), []).append(row)
    return tables


def measured(rows: Sequence[Row]) -> Measured:
    """Return the rows of one network in its place and one kind as arrays.

    A site that could not tell is as the mean of those that could. A light that was not measured is
    as the first that was.
    """
    there = {row["light"] for row in rows}
    first = next(k for k, light in enumerate(LIGHTS) if light in there)
    stands = np.array([k if light in there else first for k, light in enumerate(LIGHTS)])
    rates = np.array(sorted({0.0, *(float(row["fps"]) for row in rows)}))
    shape = len(LIGHTS), SITES, len(rates)
    times, within = np.full((*shape, len(TIMES)), np.nan), np.full((*shape, len(DELAYS_S)), np.nan)
    nobody, ghosts = np.full(shape, np.nan), np.full(shape, np.nan)
    error, ap = np.full(shape[:2], np.nan), np.full(shape[:2], np.nan)
    for row in rows:
        light, site = LIGHTS.index(row["light"]), int(row["site"])
        at = light, site, int(np.searchsorted(rates, float(row["fps"])))
        times[at] = _shares([row[name] for name in TIMES], sum(int(row[n]) for n in TIMES))
        within[at] = _shares([row[name] for name in WITHIN], int(row["gaps"]))
        ghosts[at] = _ratio(float(row["ghosts"]), float(row["empty_s"]))
        by_crowd = float(row["nobody"]) - np.nan_to_num(ghosts[at]) * float(row["seconds"])
        nobody[at] = _ratio(max(0.0, by_crowd), float(row["passed"]))
        if row["every"] == "1":
            error[light, site], ap[light, site] = float(row["map_error"]), float(row["ap50"])
    times[:, :, 0], nobody[:, :, 0], ghosts[:, :, 0] = np.eye(len(TIMES))[0], 0.0, 0.0
    within[:, :, 0] = 0.0
    times, nobody, ghosts, within, error, ap = (
        _filled(values)[stands] for values in (times, nobody, ghosts, within, error, ap)
    )
    return Measured(stands, rates, times, nobody, ghosts, within, error, ap)


def _shares(counts: Sequence[str], whole: int) -> Floats:
    return np.array([_ratio(float(count), whole) for count in counts])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _filled(values: Floats) -> Floats:
    """Return values by light and site, the mean of the others where a site could not tell."""
    known = ~np.isnan(values)
    many = known.sum(axis=1, keepdims=True)
    sums = np.where(known, values, 0.0).sum(axis=1, keepdims=True)
    mean = np.where(many > 0, sums / np.maximum(many, 1), np.nan)
    return np.where(known, values, mean)
