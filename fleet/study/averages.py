"""The table of a study in the mean over replications: by point and arm, with intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.results.interval import most_of_none, told95
from fleet.results.means import step_ms
from fleet.results.metric import Better
from fleet.results.metrics import known
from fleet.study import tidy

Key = tuple[str, str]
"""A point and an arm."""


class Average(NamedTuple):
    """A number in the mean over replications.

    Attributes:
        mean: in its unit.
        ci95: its interval, no narrower than the steps of a percentile; None: it has none.
        values: by replication.
        looked: how many there are was chosen by looking at intervals.
        is_bound: it is a share of which there is nothing, and `ci95` ends where, with 95 %, it lies
            below (`fleet.results.interval.most_of_none`).
    """

    mean: float
    ci95: tuple[float, float] | None
    values: tuple[float, ...]
    looked: bool = False
    is_bound: bool = False


class Winner(NamedTuple):
    """Which arm is best at a point.

    Attributes:
        arm: the best in the mean.
        shown: whether its difference from the second best, replication by replication, has an
            interval without zero.
    """

    arm: str
    shown: bool


def varied(table: pa.Table) -> list[str]:
    """Return the columns of what varies."""
    names: list[str] = table.column_names
    return names[1 : names.index("arm")]


def arms_of(table: pa.Table) -> list[str]:
    """Return the arms, in order."""
    names: list[str] = pc.unique(table["arm"]).to_pylist()
    return names


def places(table: pa.Table) -> list[dict[str, Any]]:
    """Return a row for each point, in order: its id, and what varies."""
    points = table["point"].combine_chunks().dictionary_encode()  # numbered as they come first
    _, first = np.unique(points.indices, return_index=True)
    rows: list[dict[str, Any]] = table.select(["point", *varied(table)]).take(first).to_pylist()
    return rows


def is_grid(table: pa.Table) -> bool:
    """Return whether points are more than half of all that values of keys can be put to."""
    keys, many = varied(table), len(places(table))
    size = 1
    for key in keys:
        size *= len(pc.unique(table[key]))
    return size < 2 * many  # some points of a grid may be left out


def is_number(table: pa.Table, key: str) -> bool:
    """Return whether the values of a key are numbers, all in one unit."""
    kind = table.schema.field(key).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def averages(table: pa.Table, metric: str) -> dict[Key, Average]:
    """Return a metric by point and arm, where it is known in every replication."""
    stepped, looked = known(metric).metric.stepped, tidy.looked(table)
    out = {}
    for key, values in _values(table, metric).items():
        numbers = tuple(value for value in values if value is not None)
        if len(numbers) == len(values):
            mean = math.fsum(numbers) / len(numbers)
            ends = interval(numbers, stepped, looked=looked)
            out[key] = Average(mean, ends, numbers, looked)
    return out | _bounds(table, metric, out)


def _values(table: pa.Table, metric: str) -> dict[Key, list[float | None]]:
    """Return a metric in each replication, by point and arm."""
    mask = pc.equal(table["metric"], metric).fill_null(False)
    rows = table.select(["point", "arm", "value"]).filter(mask)
    by_key: dict[Key, list[float | None]] = {}
    for row in rows.to_pylist():
        by_key.setdefault((row["point"], row["arm"]), []).append(row["value"])
    return by_key


def _bounds(table: pa.Table, metric: str, means: Mapping[Key, Average]) -> dict[Key, Average]:
    """Return the averages of a share of frames of which there is nothing, with their bounds."""
    out_of = known(metric).metric.out_of
    none = {key: one for key, one in means.items() if not any(one.values)} if out_of else {}
    if not none:
        return {}
    parts = [(sign, _values(table, name)) for name, sign in out_of]
    out = {}
    for key, one in none.items():
        frames = math.fsum(sign * (x or 0.0) for sign, by in parts for x in by.get(key, ()))
        most = most_of_none(max(0.0, frames))
        if most is not None:
            out[key] = one._replace(ci95=(0.0, most), is_bound=True)
    return out


def scaled(metric: str, means: Mapping[Any, Average]) -> dict[Any, Average]:
    """Return averages of shares in percent, others as they are."""
    scale = known(metric).metric.unit.factor
    return {
        key: one._replace(
            mean=one.mean * scale,
            ci95=None if one.ci95 is None else (one.ci95[0] * scale, one.ci95[1] * scale),
            values=tuple(value * scale for value in one.values),
        )
        for key, one in means.items()
    }


def interval(
    values: Sequence[float], stepped: bool, *, looked: bool = False
) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean over replications, None if there is none.

    Args:
        values: by replication.
        stepped: whether they are percentiles, which are known to the steps of a sketch.
        looked: see `Average`.
    """
    ends, _ = told95(values, "replication", step_ms(values) if stepped else 0.0, looked=looked)
    return None if ends is None else (ends[0], ends[1])


def at_point(
    means: Mapping[Key, Average], place: Mapping[str, Any], arms: Sequence[str]
) -> dict[str, Average]:
    """Return the averages at a point by arm, of those arms in which they are known."""
    return {arm: means[at] for arm in arms if (at := (str(place["point"]), arm)) in means}


def winner(metric: str, at: Mapping[str, Average]) -> Winner | None:
    """Return which arm is best at a point; None of fewer than two, or where none is better.

    Of arms with unlike numbers of replications those that both have are set against each other.

    Args:
        metric: its name.
        at: by arm, the number there.
    """
    better = known(metric).metric.better
    if len(at) < 2 or better is Better.NEITHER:
        return None
    sign = 1 if better is Better.LESS else -1
    first, second = sorted(at, key=lambda arm: sign * at[arm].mean)[:2]
    pairs = list(zip(at[first].values, at[second].values, strict=False))
    if all(a == b for a, b in pairs):
        return None
    differences = [a - b for a, b in pairs]
    step = 0.0
    if known(metric).metric.stepped:
        step = step_ms([x for pair in pairs for x in pair])
    ends, _ = told95(differences, "replication", step, looked=at[first].looked)
    if ends is None:  # the same in every replication, or there is one
        return Winner(first, len(differences) > 1 and differences[0] != 0)
    return Winner(first, not ends[0] <= 0 <= ends[1])


def knee(x: Sequence[float], y: Sequence[float]) -> int | None:
    """Return where a curve bends most: the point farthest from the line between its ends.

    After Satopaa et al. 2011, Finding a "kneedle" in a haystack, ICDCS workshops, 166-171, without
    its smoothing. None of fewer than four points, of a curve that both rises and falls, and of one
    that lies within a tenth of its height from that line.

    Args:
        x: ascending.
        y: at each.
    """
    if len(x) < 4:
        return None
    steps = [b - a for a, b in itertools.pairwise(y)]
    if not (all(step >= 0 for step in steps) or all(step <= 0 for step in steps)) or y[0] == y[-1]:
        return None
    apart = [
        abs((b - y[0]) / (y[-1] - y[0]) - (a - x[0]) / (x[-1] - x[0]))
        for a, b in zip(x, y, strict=True)
    ]
    most = max(range(len(x)), key=lambda k: apart[k])
    return most if apart[most] > 0.1 else None


def bend(x: Sequence[Any], means: Sequence[float], widest: float) -> int | None:
    """Return where a line bends most, if it rises or falls by more than its intervals are wide."""
    return knee(x, means) if abs(means[-1] - means[0]) > 2 * widest else None


def front(points: Sequence[tuple[float, float]], signs: tuple[int, int]) -> list[int]:
    """Return which points no other one beats in both numbers, by the first number.

    Args:
        points: pairs of numbers.
        signs: of each number, 1 if less of it is better, -1 if more is.
    """
    order = sorted(
        range(len(points)), key=lambda k: (signs[0] * points[k][0], signs[1] * points[k][1])
    )
    best, out = math.inf, []
    for k in order:
        if signs[1] * points[k][1] < best:
            best = signs[1] * points[k][1]
            out.append(k)
    return out
