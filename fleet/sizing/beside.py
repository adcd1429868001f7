"""A run beside what was expected of it: where theory and simulation disagree, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fleet.results.means import estimate as mean_of
from fleet.results.metric import Numbers, Unit
from fleet.results.metrics import Named, named, names_in
from fleet.sizing.estimate import Estimate, expects

APART = 0.1
"""Share of the measured value from which on a difference is told of."""
_TOLD = (
    "latency_ms.mean", "latency_ms.p50", "latency_ms.p99", "lost", "skipped", "power_w.total",
    "cost_usd_per_sensor_month.total", "carbon_kg_per_sensor_year", "bandwidth_mbit_s.mean",
    "load.busiest_offered", "load.busiest_busy",
)  # fmt: skip


class Beside(NamedTuple):
    """A number that was expected, and what runs gave.

    Attributes:
        name: of the number.
        unit: in which it is.
        expected: in closed form; None where a queue grows.
        measured: mean over replications.
        ci95: its interval, None without one.
        apart: the difference over what was measured; None where one of them is not known or zero.
    """

    name: str
    unit: Unit
    expected: float | None
    measured: float | None
    ci95: list[float] | None
    apart: float | None

    @property
    def disagrees(self) -> bool:
        """Return whether they lie further apart than a tenth, and than chance in the runs.

        Of shares and loads less than a hundredth of everything is nothing.
        """
        if self.expected is None or self.measured is None:
            return (self.expected is None) != (self.measured is None)
        if self.unit.name == "share" and abs(self.expected - self.measured) < 0.01:
            return False
        inside = self.ci95 is not None and self.ci95[0] <= self.expected <= self.ci95[1]
        return not inside and (self.apart is None or abs(self.apart) > APART)


def beside(one: Estimate, runs: Sequence[Numbers]) -> list[Beside]:
    """Return the numbers of an estimate beside those of an arm's replications."""
    return [row for number in _told(runs[0]) if (row := _row(number, one, runs)) is not None]


def _told(run: Numbers) -> Iterator[Named]:
    for number in named(names_in(run), lambda metric: metric.key in _TOLD):
        if expects(number.text):
            yield number


def _row(number: Named, one: Estimate, runs: Sequence[Numbers]) -> Beside | None:
    expected = number.value(one.numbers)
    measured = mean_of(runs, number.metric, number.text)
    if not expected and not measured.mean:
        return None
    known = expected is not None and measured.mean
    apart = (expected - measured.mean) / measured.mean if known else None  # type: ignore[operator]
    return Beside(number.text, number.metric.unit, expected, measured.mean, measured.ci95, apart)
