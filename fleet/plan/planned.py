"""Rungs that are planned: what clocks say at hours, and events at stated times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fleet.arrays import Ints
from fleet.plan.calendar import calendar_of, moments_ns
from fleet.plan.draft import Draft
from fleet.plan.local_time import clock_of
from fleet.plan.talking import LocalClock, Planned
from fleet.plan.timetable import targets
from fleet.scenario.adaptive import Adaptive
from fleet.scenario.event import Event
from fleet.scenario.strict_yaml import Keys

MOST_WORDS = 2_000_000
"""What clocks and events may say in a run."""
_CLOCK = "clock"


def local_clock(draft: Draft) -> LocalClock:
    """Return the clock on the wall of a run, as rules read it."""
    clock = clock_of(draft.scenario)
    midnight = dt.datetime.combine(clock.says[0], dt.time())
    says = tuple((one - midnight) // dt.timedelta(microseconds=1) * 1000 for one in clock.says)
    return LocalClock(clock.starts_ns, says, midnight.weekday())


def planned(draft: Draft, arms: Sequence[str], kind_of: Ints) -> Planned:
    """Return what clocks and events say to the sensors of an arm.

    Of one time the hours of clocks come first, then events as they stand in the scenario.

    Args:
        draft: the arm.
        arms: whose controllers there are.
        kind_of: by sensor, those of which arm it has, -1 for none.

    Raises:
        InputError: they say more than a run may hold, or a rung that is not there.
    """
    rows = list[tuple[int, Ints, int]]()
    named = _named(draft)
    for kind, arm in enumerate(arms):
        spec, mine = draft.scenario.model.arms[arm].adaptive, np.flatnonzero(kind_of == kind)
        if spec is None or spec.name != _CLOCK:
            continue
        said = [(at, mine, rung) for at, rung in _by_hours(draft, spec)]
        said += _by_events(draft, arm, mine, named)
        _check_many(draft, arm, sum(len(who) for _, who, _ in said))
        if not any(rung for _, _, rung in said):
            draft.remarks.append(
                f"The clock of '{arm}' never says another rung than the arm's own settings in this"
                " run."
            )
        rows += said
    rows.sort(key=lambda row: row[0])
    return Planned.of([(at, s, rung) for at, who, rung in rows for s in who.tolist()])


def _by_hours(draft: Draft, spec: Adaptive) -> Iterator[tuple[int, int]]:
    """Yield (when, rung) at the start, and as the clock comes to an hour with another rung; ns."""
    if spec.hours is None:
        return
    calendar, last = calendar_of(draft.scenario), 0
    for at_ns, moment in calendar.clock.hours(draft.scenario.model.duration):
        rung = spec.hours[calendar.column(moment) % len(spec.hours)]
        if rung != last:
            yield at_ns, rung
        last = rung


def _named(draft: Draft) -> dict[int, Ints]:
    """Return who is told by each event that says a rung.

    Raises:
        InputError: one names nobody, or no arm has a clock that hears it.
    """
    events = enumerate(draft.scenario.model.events)
    return {
        number: _targets(draft, event, ("events", number))
        for number, event in events
        if event.kind == "ladder"
    }


def _targets(draft: Draft, event: Event, keys: Keys) -> Ints:
    specs = (arm.adaptive for arm in draft.scenario.model.arms.values())
    if not any(spec is not None and spec.name == _CLOCK for spec in specs):
        raise draft.scenario.error(
            (*keys, event.kind),
            "says a rung, and no arm has 'adaptive' with the rule 'clock', which alone hears it;"
            " others are told by their controllers",
        )
    return np.array(targets(draft.scenario, event, keys, draft.roster, draft.net), dtype=np.int64)


def _by_events(
    draft: Draft, arm: str, mine: Ints, named: Mapping[int, Ints]
) -> Iterator[tuple[int, Ints, int]]:
    """Yield (when, who, rung) of the events that say one to some of these sensors; ns."""
    spec = draft.scenario.model.arms[arm].adaptive
    last = len(spec.ladder) if spec is not None else 0
    for number, whom in named.items():
        event, who = draft.scenario.model.events[number], np.intersect1d(mine, whom)
        if not len(who):
            continue
        rung = event.rung or 0
        if rung > last:
            raise draft.scenario.error(
                ("events", number, "rung"),
                f"{rung} is not on the ladder of '{arm}', whose last rung is {last}",
            )
        for at_ns in moments_ns(draft.scenario, event):
            if at_ns < draft.scenario.model.duration:
                yield at_ns, who, rung


def _check_many(draft: Draft, arm: str, many: int) -> None:
    if many > MOST_WORDS:
        raise draft.scenario.error(
            ("arms", arm, "adaptive", "hours"),
            f"'hours' and 'events' say {many:,} rungs to its sensors in a run, more than"
            f" {MOST_WORDS:,}; name fewer hours, or make the run shorter",
        )
