"""How numbers of a record are said: with their interval, and against a baseline."""

from __future__ import annotations

from math import nan

from fleet.results.means import FRAMES
from fleet.results.metric import SHARE
from fleet.results.metrics import known
from fleet.results.record import Record
from fleet.show.rows import EMPTY, below, mean_and_interval


def said(record: Record, arm: str, path: str, *, unit: bool = True) -> str:
    """Return a number of an arm with its 95 % interval, where it has one; shares in %."""
    metric, mean = known(path).metric, known(path).value(record.arms[arm])
    if mean is None:
        return EMPTY
    row = record.summary["intervals"][arm].get(path)
    if row is not None and row["over"] == FRAMES:
        return below(row["ci95"][1])
    if row is None or row["ci95"] is None:
        shown = metric.unit.show(mean)
        return shown if unit else shown.removesuffix(f" {metric.unit.name}")
    text = mean_and_interval(metric, mean, row["ci95"])
    return f"{text} {metric.unit.name}" if unit and metric.unit != SHARE else text


def ends(record: Record, arm: str, path: str) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a number, NaN where it has none."""
    row = record.summary["intervals"][arm].get(path)
    return (nan, nan) if row is None or row["ci95"] is None else (row["ci95"][0], row["ci95"][1])


def against(ratio: float) -> str:
    """Return how much something is against a baseline, such as '-52.8 %' or '3.1 times'."""
    if ratio >= 2:
        return f"{ratio:.3g} times"
    for digits in range(3, 7):
        shown = f"{100 * (ratio - 1):+.{digits}g}"
        if shown != "-100" or not ratio:
            break
    return f"{shown} %"
