"""Numbers that change by the hour in a run: the intensity of a grid, the price of electricity."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from fleet.errors import InputError
from fleet.plan.local_time import Clock, begins, clock_of
from fleet.scenario.by_hour import Table, read
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys


class ByHour(Protocol):
    """What a scenario states by the hour: 24 numbers, or a file that has them."""

    @property
    def day(self) -> tuple[float, ...] | None:
        """Return the numbers, None if a file has them."""

    @property
    def file(self) -> str | None:
        """Return the name of the file, None if the numbers are stated."""


class Steps(NamedTuple):
    """A number that holds from one time to the next.

    Attributes:
        starts_ns: from when each holds, the first from 0 on; ns.
        values: the numbers.
    """

    starts_ns: tuple[int, ...]
    values: tuple[float, ...]

    def at(self, now_ns: int) -> float:
        """Return the number that holds at a time; one that begins just then holds."""
        return self.values[bisect_right(self.starts_ns, now_ns) - 1]

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


def steps(clock: Clock, end_ns: int, at: Callable[[dt.datetime], float]) -> Steps:
    """Return what changes by the hour of a clock, from the start of a run to its end.

    Args:
        clock: the clock.
        end_ns: end of the run.
        at: the number of the hour in which a moment of that clock is.
    """
    starts_ns, says = zip(*clock.hours(end_ns), strict=True)
    return Steps(starts_ns, tuple(float(at(moment)) for moment in says))


def own_steps(scenario: Scenario, own: ByHour, keys: Keys, column: str) -> Steps:
    """Return what a scenario states by the hour of its local clock.

    Args:
        scenario: the scenario.
        own: what it states.
        keys: where.
        column: of the file that it may name.

    Raises:
        InputError: its file cannot be used, or does not hold all of the run.
    """
    clock, end_ns = clock_of(scenario), scenario.model.duration
    if own.day is not None:
        return steps(clock, end_ns, Table(by_month=(own.day,) * 12).at)
    path = scenario.file(own.file or "", *keys, "file")
    try:
        table = read(path, column)
        if not table.by_month and table.first.tzinfo is not None:
            clock = _clock_at(scenario, table.first.tzinfo, path)
        table.check_covers(path, min(clock.says), clock.latest(end_ns))
    except InputError as error:
        raise scenario.error((*keys, "file"), str(error)) from None
    return steps(clock, end_ns, table.at)


def _clock_at(scenario: Scenario, offset: dt.tzinfo, path: Path) -> Clock:
    """Return a clock that is always so far from UTC, for a file whose times say how far."""
    if scenario.model.timezone is None:
        raise InputError(
            f"{path}: its times have an offset from UTC, so the scenario must name its 'timezone';"
            " or write times of the local clock, such as 2024-05-16T17:00"
        )
    return Clock((0,), (begins(scenario, offset).astimezone(offset),))
