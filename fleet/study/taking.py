"""Which arm to take at each point of a study: the best of those that keep what is demanded.

An arm keeps a demand of the scenario (`slo:`) where it does in every replication.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa

from fleet.results.metric import Better
from fleet.results.metrics import known
from fleet.study.averages import (
    Average,
    Key,
    arms_of,
    at_point,
    averages,
    places,
    values_of,
    winner,
)
from fleet.study.demands import demands


class Taken(NamedTuple):
    """Which arm is to be taken at a point.

    Attributes:
        arm: the best in the mean; None: none is better than another, or none may be taken.
        shown: whether its difference from the second best, replication by replication, has an
            interval without zero, and none that would be better may or may not keep the demands.
        of: how many arms may be taken.
    """

    arm: str | None
    shown: bool
    of: int


def can_be_taken(table: pa.Table, metric: str) -> bool:
    """Return whether a number may choose: less or more of it is better, and no demand is of it."""
    asked = {one.metric for one in demands(table)}
    better = known(metric).metric.better
    return bool(asked) and metric not in asked and better is not Better.NEITHER


def best(table: pa.Table, metric: str) -> dict[str, Taken]:
    """Return by point which arm is best in a number, whatever is demanded."""
    means, arms = averages(table, metric), arms_of(table)
    return {
        str(row["point"]): taken if taken.of > 1 else taken._replace(arm=None, shown=False)
        for row in places(table)
        if (taken := _best(metric, at_point(means, row, arms)))
    }


def to_take(table: pa.Table, metric: str) -> dict[str, Taken]:
    """Return by point which of the arms that keep all demands is best in a number."""
    means, arms, kept = averages(table, metric), arms_of(table), _kept(table)
    out = {}
    for row in places(table):
        point = str(row["point"])
        at = at_point(means, row, arms)
        sure = {arm: one for arm, one in at.items() if all(kept[point, arm])}
        taken = _best(metric, sure)
        unsure = {arm: one for arm, one in at.items() if arm in sure or any(kept[point, arm])}
        out[point] = taken._replace(shown=taken.shown and _best(metric, unsure).arm == taken.arm)
    return out


def _best(metric: str, at: Mapping[str, Average]) -> Taken:
    if len(at) < 2:
        return Taken(next(iter(at), None), bool(at), len(at))
    won = winner(metric, at)
    return Taken(None, False, len(at)) if won is None else Taken(won.arm, won.shown, len(at))


def _kept(table: pa.Table) -> dict[Key, list[bool]]:
    """Return by point and arm in which replications all demands are kept; empty: nothing ran."""
    asked = demands(table)
    by_metric = {one.metric: values_of(table, one.metric) for one in asked}
    out: dict[Key, list[bool]] = {}
    for row in places(table):
        for arm in arms_of(table):
            key = str(row["point"]), arm
            mine = [one for one in asked if one.arm in (None, arm)]
            kept = [one.kept(by_metric[one.metric].get(key, [])) for one in mine]
            out[key] = [all(each) for each in zip(*kept, strict=True)] if kept else [True]
    return {key: each or [False] for key, each in out.items()}
