"""How well the accuracy of an arm is known: intervals over the scenes in which it was measured.

Frames of one scene are alike, so a million frames that take rows of ten scenes tell no more than
these ten. A scene is left out at a time, those left of its view counting for it, and the measure is
computed anew (the jackknife of clusters in strata; Wolter, "Introduction to variance estimation",
2007, chapter 4). With n scenes of a view h and the measure x:

    variance = sum over views of (n_h - 1) / n_h · sum over its scenes (x without it - x)^2
    interval = x ± t(0.975, sum of (n_h - 1)) · sqrt(variance)

It is not known where a view was measured in one scene. Differences of arms that see the same scenes
are taken without the same scene each, so that what is hard for both drops out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from fleet.arrays import Floats
from fleet.results.interval import t95

Measures = dict[str, float | None]
Without = Mapping[str, Mapping[str, float | None]]
"""Measures without each scene, by 'view/name' of it."""


def without_each(
    book: Floats, scenes: Sequence[tuple[str, str]], measures: Callable[[Floats], Measures]
) -> dict[str, Measures]:
    """Return the measures without each of the scenes that frames took rows of.

    Args:
        book: of sights; shape (groups, lights, scenes, SIGHT_COUNTS).
        scenes: view and name of each.
        measures: makes them of a book without scenes; shape (groups, lights, SIGHT_COUNTS).
    """
    taken = book.any(axis=(0, 1, 3))
    views = np.array([view for view, _ in scenes])
    out = {}
    for k in np.flatnonzero(taken).tolist():
        others = taken & (views == views[k])
        many = int(others.sum())
        weight = np.where(others, many / (many - 1) if many > 1 else 0.0, 1.0)
        weight[k] = 0.0
        out["/".join(scenes[k])] = measures(np.einsum("glsc,s->glc", book, weight))
    return out


def interval(
    whole: float | None, without: Without, measure: str, least: float = 0.0, most: float = math.inf
) -> list[float] | None:
    """Return the 95 % interval of a measure, cut at what is possible; None if it is not known."""
    if whole is None:
        return None
    values = {scene: measures.get(measure) for scene, measures in without.items()}
    half, _ = _half_width(whole, values)
    return None if half is None else [max(least, whole - half), min(most, whole + half)]


def difference(
    whole: tuple[float, float], without: tuple[Without, Without], measure: str
) -> tuple[list[float] | None, int]:
    """Return the 95 % interval of the first of two measures less the second, scene by scene.

    It is None if they were not measured in the same scenes, or in one of a view. The degrees of
    freedom stand beside it.
    """
    one, other = without
    if set(one) != set(other):
        return None, 0
    values = {
        scene: None if a is None or b is None else a - b
        for scene in one
        for a, b in [(one[scene].get(measure), other[scene].get(measure))]
    }
    apart = whole[0] - whole[1]
    half, degrees = _half_width(apart, values)
    return (None if half is None else [apart - half, apart + half]), degrees


def _half_width(whole: float, values: Mapping[str, float | None]) -> tuple[float | None, int]:
    """Return half of the interval around a value, given it without each scene, and degrees."""
    degrees, variance = 0, 0.0
    for of_view in _by_view(values):
        many = len(of_view)
        told = [value for value in of_view if value is not None]
        if many < 2 or len(told) < many:
            return None, 0
        degrees += many - 1
        variance += (many - 1) / many * math.fsum((value - whole) ** 2 for value in told)
    return (t95(degrees) * math.sqrt(variance) if degrees else None), degrees


def _by_view(values: Mapping[str, float | None]) -> Iterator[list[float | None]]:
    views = dict.fromkeys(scene.split("/", 1)[0] for scene in values)
    for view in views:
        yield [value for scene, value in values.items() if scene.split("/", 1)[0] == view]
