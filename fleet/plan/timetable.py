"""Control events of a run: when links and sensors fail, models are written, profiles change.

Everything here is known before the frames: events are stated in the scenario or drawn from mean
times to failure and repair. What depends on the frames (autoscaling) is decided in the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fleet.chance import Stream, exponential, name_hashes, stream_keys
from fleet.model.events import HOUR, LINK_DOWN, SENSOR_DOWN, Timetable
from fleet.plan.calendar import Calendar
from fleet.plan.network import Network
from fleet.plan.place import away_km
from fleet.plan.rollout import Spans, Written, blind_rows
from fleet.plan.roster import Roster
from fleet.scenario.event import Event
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.sensors import Capture
from fleet.scenario.strict_yaml import Keys

EventRow = tuple[int, int, int, int, int]


def hour_events(calendar: Calendar, end_ns: int) -> list[EventRow]:
    """Return a row for each change of the hour before the end."""
    _, *later = calendar.clock.hours(end_ns)
    columns = [(at, calendar.column(moment)) for at, moment in later]
    return [(at, HOUR, -1, column, calendar.factor_ppm(column)) for at, column in columns]


def targets(
    scenario: Scenario, event: Event, keys: Keys, roster: Roster, network: Network
) -> list[int]:
    """Return the links (outage, link) or sensors (others) that an event is about.

    Raises:
        InputError: the name is not a link, class of links, sensor or group.
    """
    name = event.target
    of_links = event.kind in ("outage", "link")
    if of_links:
        classes = [c.name for c in network.classes]
        names: Sequence[str] = network.names
        owner, words = network.class_of, "link"
    else:
        classes = list(scenario.model.sensors)
        names, owner, words = roster.names, roster.group_of, "sensor or group"
    mine = owner == (classes.index(name) if name in classes else -1)
    if name in names:
        mine[names.index(name)] = True
    if event.cell is not None:
        if event.cell not in roster.cells:
            hint = did_you_mean(event.cell, sorted(roster.cells))
            raise scenario.error((*keys, "cell"), f"no cell '{event.cell}'{hint}")
        mine &= roster.units["cell"] == roster.cells.index(event.cell)
    if event.near is not None and mine.any():
        mine &= away_km(roster, event.near) <= event.near.km
        if not mine.any():
            raise scenario.error(
                (*keys, "near"),
                f"no sensor of '{name}' stands within {event.near.km:g} km of {event.near.lat:g},"
                f" {event.near.lon:g}; sites made up with 'count' stand nowhere",
            )
    chosen: list[int] = np.flatnonzero(mine).tolist()
    if event.fps is not None:
        _check_clocks(scenario, [roster.group(i) for i in chosen], (*keys, "rate"))
    declared = scenario.model.links if of_links else scenario.model.sensors
    if not chosen and name not in declared:
        hint = did_you_mean(name, [*classes, *names])
        raise scenario.error(
            (*keys, event.kind), f"no {words} '{name}'{hint}; known: {', '.join(classes)}"
        )
    return chosen


def stated(moments: Iterable[int], lasts_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """Return when a target is down because of an event at stated times before the end; ns."""
    return [(at, at + lasts_ns) for at in moments if at < end_ns]


def drawn(
    event: Event, target: str, end_ns: int, seed: int, replication: int
) -> list[tuple[int, int]]:
    """Return when a target is down because of drawn failures and repairs up to the end; ns."""
    mtbf, mttr = event.mtbf or 1, event.mttr or 1
    name = f"{event.kind}/{target}/{mtbf}/{mttr}"
    key = stream_keys(name_hashes([name]), seed, replication, Stream.FAILURE)[0]
    out: list[tuple[int, int]] = []
    at, draw = 0, 0
    while True:
        at += 1 + int(exponential(key, draw) * mtbf)
        if at >= end_ns:
            return out
        lasts = 1 + int(exponential(key, draw + 1) * mttr)
        out.append((at, at + lasts))
        at += lasts
        draw += 2


def merge(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of spans as disjoint spans in order; spans that touch become one."""
    out: list[tuple[int, int]] = []
    for begin, end in sorted(parts):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def down_rows(kind: int, down: dict[int, Spans], end_ns: int) -> list[EventRow]:
    """Return the rows of links, sensors or pools that go down before the end."""
    return [(b, kind, i, e, 0) for i, parts in down.items() for b, e in parts if b < end_ns]


def _check_clocks(scenario: Scenario, groups: Sequence[str], keys: Keys) -> None:
    """Refuse another frame rate where times come out of a trace."""
    for group in dict.fromkeys(groups):
        if isinstance(scenario.model.sensors[group].capture, Capture):
            raise scenario.error(
                keys,
                f"'{group}' captures at the times of a trace, which has no rate; name another"
                " group, or leave 'rate' out",
            )


def assemble(
    rows: list[EventRow],
    link_down: dict[int, Spans],
    sensor_down: dict[int, Spans],
    written: Sequence[Written],
    end_ns: int,
) -> Timetable:
    """Return the timetable: all rows before the end, sorted; shape (events,)."""
    rows = [
        *rows,
        *down_rows(LINK_DOWN, link_down, end_ns),
        *down_rows(SENSOR_DOWN, sensor_down, end_ns),
        *blind_rows(written),
    ]
    rows = sorted(row for row in rows if row[0] < end_ns)
    return Timetable.of(rows)
