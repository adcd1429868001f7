"""Which runs a study has: so many of each point and arm, or until its intervals are narrow enough.

Whether a point and arm has enough is a matter of the values of its own replications alone. So a
study has the same runs in whatever order they are carried out, and after whatever stopped it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleet.study.journal import Row, Run
from fleet.study.study import Study
from fleet.study.until import check, looks

DONE, FAILED, DIED = "done", "failed", "died"
"""The statuses of a run: it gave numbers, cannot be, or did not end by itself."""
Rows = Mapping[Run, Row]


def runs(of: Study, rows: Rows) -> list[Run]:
    """Return the runs that there are as far as is known, by point, arm and replication.

    Args:
        of: the study.
        rows: what is done of it.
    """
    return [run for cell in _cells(of) for run in _runs(of, cell, rows)]


def is_done(row: Row | None) -> bool:
    """Return whether a run is not to be run again."""
    return row is not None and row["status"] != DIED


def intervals(of: Study, rows: Rows) -> list[dict[str, Any]]:
    """Return how wide the intervals are that are asked for: a row for each, by point and arm.

    Args:
        of: the study.
        rows: all of it is done; of points and arms that failed there is no row.
    """
    told = []
    for cell in _cells(of) if of.enough.asked else ():
        mine = _runs(of, cell, rows)
        if all(rows[run]["status"] == DONE for run in mine):
            told += [
                {"point": cell.point, "replications": len(mine), **row}
                for row in _checked(of, mine, rows)
            ]
    return told


def _cells(of: Study) -> Iterator[Run]:
    """Yield the first run of each point and arm."""
    return (Run(point.id, arm, 0) for point in of.design.points for arm in of.arms)


def _runs(of: Study, cell: Run, rows: Rows) -> list[Run]:
    """Return the runs of a point and arm; those of the next look when the last is not enough."""
    counts = looks(of.enough.most) if of.enough.asked else iter([of.replications])
    mine = [cell._replace(replication=k) for k in range(next(counts))]
    for count in counts:
        if any(run not in rows or rows[run]["status"] != DONE for run in mine):
            break
        if all(row["reached"] for row in _checked(of, mine, rows)):
            break
        mine += [cell._replace(replication=k) for k in range(len(mine), count)]
    return mine


def _checked(of: Study, mine: list[Run], rows: Rows) -> list[dict[str, Any]]:
    """Return what each demand is for a point and arm whose runs are done."""
    values = [{k: value for k, (value, _) in rows[run]["values"].items()} for run in mine]
    return check(of.enough.asked, {mine[0].arm: values})
