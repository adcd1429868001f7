"""Numbers that change by the hour in a run: the intensity of a grid, the price of electricity."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from fleet.errors import InputError
from fleet.scenario.by_hour import HOUR, OwnGrid, Table, Tariff, read
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys

_HOUR_NS = 3_600_000_000_000


class Steps(NamedTuple):
    """A number that holds from one time to the next.

    Attributes:
        starts_ns: from when each holds, the first from 0 on; ns.
        values: the numbers.
    """

    starts_ns: tuple[int, ...]
    values: tuple[float, ...]

    def mean(self, begin_ns: int, end_ns: int) -> float:
        """Return the mean over a span; where one number holds all the time that number itself."""
        first = bisect_right(self.starts_ns, begin_ns) - 1
        total, at, k = 0.0, begin_ns, first
        while k + 1 < len(self.starts_ns) and self.starts_ns[k + 1] < end_ns:
            total += (self.starts_ns[k + 1] - at) * self.values[k]
            at, k = self.starts_ns[k + 1], k + 1
        if k == first:
            return self.values[first]
        return (total + (end_ns - at) * self.values[k]) / (end_ns - begin_ns)

    def within(self, begin_ns: int, end_ns: int) -> tuple[float, ...]:
        """Return the numbers that hold at some time in a span."""
        first = bisect_right(self.starts_ns, begin_ns) - 1
        return tuple(
            value
            for start, value in zip(self.starts_ns[first:], self.values[first:], strict=True)
            if start < end_ns
        )


def steps(start: dt.datetime, end_ns: int, at: Callable[[dt.datetime], float]) -> Steps:
    """Return what changes by the hour of a clock, from the start of a run to its end.

    Args:
        start: what the clock says at time zero.
        end_ns: end of the run.
        at: the number of the hour in which a moment of that clock is.
    """
    past = start - start.replace(minute=0, second=0, microsecond=0)
    first_ns = _HOUR_NS - (past // dt.timedelta(microseconds=1)) * 1000
    starts = [0, *range(first_ns, end_ns, _HOUR_NS)]
    return Steps(
        tuple(starts), tuple(float(at(start - past + k * HOUR)) for k in range(len(starts)))
    )


def own_steps(scenario: Scenario, own: OwnGrid | Tariff, keys: Keys, column: str) -> Steps:
    """Return what a scenario states by the hour of its local clock.

    Args:
        scenario: the scenario.
        own: what it states.
        keys: where.
        column: of the file that it may name.

    Raises:
        InputError: its file cannot be used, or does not hold all of the run.
    """
    model = scenario.model
    if own.day is not None:
        table = Table(by_month=(own.day,) * 12)
    else:
        name = own.file or ""
        path = scenario.file(name, *keys, "file")
        try:
            table = read(path, column)
            end = model.start_time + dt.timedelta(microseconds=-(-model.duration // 1000))
            table.check_covers(path, model.start_time, end)
        except InputError as error:
            raise scenario.error((*keys, "file"), str(error)) from None
    return steps(model.start_time, model.duration, table.at)
