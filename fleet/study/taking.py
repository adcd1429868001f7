"""Which arm to take at each point of a study: the best of those that keep what is demanded.

An arm keeps a demand of the scenario (`slo:`) where it does in every replication. An arm that asks
servers as an oracle does is a bound, which nobody can build, and is not taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from fleet.results.metric import Better
from fleet.results.metrics import known
from fleet.study.averages import Average, Key, arms_of, at_point, averages, places, winner
from fleet.study.demands import Demand, bounds, demands


class Blank(Enum):
    """Why no arm is to be taken: a mark for maps, and what it stands for."""

    ALIKE = "=", "nobody is better"
    NOBODY = "×", "nobody keeps them"
    UNKNOWN = "?", "not known of two"

    @property
    def mark(self) -> str:
        """Return what stands in its place on a map."""
        return self.value[0]

    @property
    def words(self) -> str:
        """Return what that says."""
        return self.value[1]


class Taken(NamedTuple):
    """Which arm is to be taken at a point.

    Attributes:
        arm: the best in the mean; None: for the reason in `blank`.
        shown: whether its difference from the second best, replication by replication, has an
            interval without zero, and none that may be better may or may not keep the demands.
        blank: why there is none.
    """

    arm: str | None
    shown: bool = False
    blank: Blank | None = None


def can_be_taken(table: pa.Table, metric: str) -> bool:
    """Return whether a number may choose: less or more of it is better, and no demand is of it."""
    asked = {one.metric for one in demands(table)}
    better = known(metric).metric.better
    return bool(asked) and metric not in asked and better is not Better.NEITHER


def best(table: pa.Table, metric: str) -> dict[str, Taken]:
    """Return by point which arm is best in a number, whatever is demanded."""
    means, arms = averages(table, metric), arms_of(table)
    return {str(row["point"]): _best(metric, at_point(means, row, arms)) for row in places(table)}


def to_take(table: pa.Table, metric: str) -> dict[str, Taken]:
    """Return by point which of the arms that keep all demands is best in a number."""
    means, kept, bounding = averages(table, metric), _kept(table), bounds(table)
    arms = [arm for arm in arms_of(table) if arm not in bounding]
    out = {}
    for row in places(table):
        point = str(row["point"])
        mine = {arm: kept[point, arm] for arm in arms if (point, arm) in kept}
        sure = [arm for arm, each in mine.items() if all(each)]
        perhaps = [arm for arm, each in mine.items() if any(each)]
        at = at_point(means, row, arms)
        out[point] = _of(metric, at, sure, perhaps) if sure else Taken(None, blank=Blank.NOBODY)
    return out


def _of(metric: str, at: Mapping[str, Average], sure: list[str], perhaps: list[str]) -> Taken:
    """Return which is best of the arms that keep all, given those that do at times, too."""
    here = {arm: at[arm] for arm in sure if arm in at}
    taken = Taken(sure[0], True) if list(here) == sure and len(sure) == 1 else _best(metric, here)
    rivals = {arm: at[arm] for arm in perhaps if arm in at}
    is_known = len(rivals) == len(perhaps)
    is_first = len(rivals) < 2 or _best(metric, rivals).arm == taken.arm
    return taken._replace(shown=taken.shown and is_known and is_first)


def _best(metric: str, at: Mapping[str, Average]) -> Taken:
    if len(at) < 2:
        return Taken(None, blank=Blank.UNKNOWN)
    won = winner(metric, at)
    return Taken(None, blank=Blank.ALIKE) if won is None else Taken(won.arm, won.shown)


def _kept(table: pa.Table) -> dict[Key, list[bool]]:
    """Return by point and arm in which replications all demands are kept; not in those that failed.

    Whatever has no number, as it failed or has no such thing, does not keep what is demanded of it.
    """
    asked = demands(table)
    columns = ["point", "arm", "replication"]
    runs: dict[Key, dict[int, dict[str, float | None] | None]] = defaultdict(dict)
    for row in table.select(columns).group_by(columns).aggregate([]).to_pylist():
        runs[row["point"], row["arm"]][row["replication"]] = {}
    wanted = pc.or_(
        pc.is_in(table["metric"], pa.array([one.metric for one in asked], pa.string())),
        pc.is_valid(table["error"]),
    )
    for row in table.filter(wanted).select([*columns, "metric", "value", "error"]).to_pylist():
        of, replication = runs[row["point"], row["arm"]], row["replication"]
        if row["error"] is not None:
            of[replication] = None
        elif (values := of[replication]) is not None:
            values[row["metric"]] = row["value"]
    return {
        (point, arm): [one is not None and _all_kept(asked, arm, one) for one in of.values()]
        for (point, arm), of in runs.items()
    }


def _all_kept(asked: list[Demand], arm: str, values: Mapping[str, float | None]) -> bool:
    mine = [one for one in asked if one.arm in (None, arm)]
    return all(one.kept(values.get(one.metric)) for one in mine)
