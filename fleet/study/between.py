"""Two records number by number: what differs, and where replications show that it does.

Records of one seed and as many replications share their random numbers, so differences are taken
within a replication, as between arms (`fleet.study.compare`). Others are independent: Welch 1947,
The generalization of "Student's" problem when several different population variances are involved,
Biometrika 34, 28-35. Holm's correction is over all numbers that are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fleet.results.interval import ERROR, holm
from fleet.results.means import Runs, step_ms
from fleet.results.metric import Metric, Over
from fleet.results.metrics import Named, named, names_in
from fleet.results.record import Record
from fleet.study.compare import apart, paired


class Between(NamedTuple):
    """A number of an arm in two records, in the mean over replications.

    Attributes:
        arm: the arm.
        name: of the number.
        metric: of it.
        was, now: in its unit; None where it is not known.
        ci95: the interval of the difference; None: there is none.
        shown: whether replications show that it differs; None: they cannot tell.
    """

    arm: str
    name: str
    metric: Metric
    was: float | None
    now: float | None
    ci95: tuple[float, float] | None
    shown: bool | None

    @property
    def share(self) -> float:
        """Return the size of the difference as a share of the larger value."""
        if self.was is None or self.now is None:
            return 1.0
        return abs(self.now - self.was) / (max(abs(self.was), abs(self.now)) or 1.0)


class Compared(NamedTuple):
    """All numbers that two records have in common arms.

    Attributes:
        rows: those that differ.
        same: how many do not.
        paired: whether differences are taken within replications.
        same_frames: arms in which every frame is the same.
        alone: arms that only one of the two has, first those of the first.
    """

    rows: list[Between]
    same: int
    paired: bool
    same_frames: list[str]
    alone: tuple[list[str], list[str]]


def between(one: Record, other: Record) -> Compared:
    """Return what differs between two records, the second less the first."""
    both = [arm for arm in one.numbers if arm in other.numbers]
    pair = all(one.summary[key] == other.summary[key] for key in ("seed", "replications"))
    rows, tests, same = [], [], 0
    for arm in both:
        for name, was, now in _common(one.numbers[arm], other.numbers[arm]):
            if was == now or len({*was, *now}) == 1:
                same += 1
                continue
            looked = one.looked or other.looked
            row, p = _row(arm, name, (was, now), pair, looked)
            rows.append(row)
            tests.append(p)
    return Compared(
        list(_corrected(rows, tests)), same, pair,
        [arm for arm in both if _prints(one, arm) == _prints(other, arm)],
        ([a for a in one.numbers if a not in both], [a for a in other.numbers if a not in both]),
    )  # fmt: skip


def _prints(record: Record, arm: str) -> list[str]:
    return [run["fingerprint"] for run in record.numbers[arm]]


Values = Sequence[float | None]


def _common(one: Runs, other: Runs) -> Iterator[tuple[Named, Values, Values]]:
    """Yield the numbers that either has, with their values by replication."""
    names: Mapping[Any, list[str]] = {
        scope: list(dict.fromkeys([*there, *names_in(other[0])[scope]]))
        for scope, there in names_in(one[0]).items()
    }
    for name in named(names, lambda _: True):
        values = [[name.value(run) for run in runs] for runs in (one, other)]
        if any(x is not None for each in values for x in each):
            yield name, values[0], values[1]


def _row(
    arm: str, name: Named, values: tuple[Values, Values], pair: bool, looked: bool
) -> tuple[Between, float | None]:
    """Return what is told of a number, and the chance of such a difference between equals."""
    known = [[x for x in each if x is not None] for each in values]
    means = [sum(each) / len(each) if each else None for each in known]
    whole = all(len(k) == len(v) for k, v in zip(known, values, strict=True))
    row = Between(arm, name.text, name.metric, means[0], means[1], None, None)
    if not whole or name.metric.compared in (Over.SCENES, Over.SITES):
        return row, None  # what networks see has no interval over replications
    step = step_ms([*known[0], *known[1]]) if name.metric.stepped else 0.0
    told = (
        paired(known[1], known[0], "replication", step, looked)
        if pair
        else apart(known[1], known[0], step, looked)
    )
    ci95 = None if told["ci95"] is None else (told["ci95"][0], told["ci95"][1])
    if ci95 is None and min(map(len, known)) > 1:
        return row._replace(shown=True), None  # by as much in every replication
    return row._replace(ci95=ci95), told["p"]


def _corrected(rows: Sequence[Between], chances: Sequence[float | None]) -> Iterator[Between]:
    """Yield rows with what is shown among so many; those without an interval are no tests."""
    tested = iter(holm([p for p in chances if p is not None]))
    for row, p in zip(rows, chances, strict=True):
        if p is None or row.ci95 is None:
            yield row
        else:
            low, high = row.ci95
            yield row._replace(shown=next(tested) <= ERROR and not low <= 0.0 <= high)
