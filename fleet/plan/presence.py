"""Which sensors are there when: those that join and leave, and what that makes of other events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model.events import SENSOR_JOINS, SENSOR_LEAVES, Timetable
from fleet.plan.rollout import Spans
from fleet.plan.timetable import EventRow, merge

Changes = Mapping[int, Sequence[tuple[int, bool]]]
"""When sensors leave (false) and join (true), in order; ns."""
Absences = Mapping[int, Spans]
"""When sensors that join or leave are not there; ns."""


class Coming(NamedTuple):
    """Sensors that join or leave.

    Attributes:
        event: number of the event that says so.
        name: whom it is about.
        joins: whether they join.
        sensors: who.
        moments_ns: when.
    """

    event: int
    name: str
    joins: bool
    sensors: Sequence[int]
    moments_ns: Sequence[int]


def by_sensor(comings: Sequence[Coming]) -> Changes:
    """Return when each sensor that joins or leaves does so."""
    out: dict[int, list[tuple[int, bool]]] = {}
    for coming in comings:
        mine = [(at, coming.joins) for at in coming.moments_ns]
        for sensor in coming.sensors if mine else ():
            out.setdefault(sensor, []).extend(mine)
    return {sensor: sorted(changes) for sensor, changes in out.items()}


def absences(changes: Changes, end_ns: int) -> Absences:
    """Return when sensors are not there, up to the end of the run.

    Who joins first is not there from time 0 on. Who is there and joins, or is not and leaves, goes
    on as before; of both at one time joining counts.
    """
    out: dict[int, Spans] = {}
    for sensor, mine in changes.items():
        spans: list[tuple[int, int]] = []
        left_ns = 0 if mine[0][1] else None
        for at, joins in [*mine, (end_ns, True)]:
            if not joins:
                left_ns = at if left_ns is None else left_ns
            elif left_ns is not None:
                spans += [(left_ns, at)] if at > left_ns else []
                left_ns = None
        out[sensor] = spans
    return out


def presence_rows(absent: Absences) -> list[EventRow]:
    """Return the rows of the timetable of who joins and leaves."""
    return [
        row
        for sensor, spans in absent.items()
        for begin, end in spans
        for row in ((begin, SENSOR_LEAVES, sensor, end, 0), (end, SENSOR_JOINS, sensor, 0, 0))
    ]


def away_or_down(down: Absences, absent: Absences) -> dict[int, Spans]:
    """Return when sensors are down or not there."""
    every = {*down, *absent}
    return {s: merge([*down.get(s, ()), *absent.get(s, ())]) for s in every}


def down_while_there(down: Absences, absent: Absences) -> dict[int, Spans]:
    """Return when sensors are down, of the time for which they are there."""
    return {sensor: _less(spans, absent.get(sensor, ())) for sensor, spans in down.items()}


def _less(spans: Spans, others: Spans) -> Spans:
    """Return spans less others, both disjoint and in order."""
    left = list(spans)
    for begin, end in others:
        before = [(low, min(high, begin)) for low, high in left]
        behind = [(max(low, end), high) for low, high in left]
        left = sorted((low, high) for low, high in (*before, *behind) if low < high)
    return left


_NOBODY = "nobody is there, or joins at the same time"


def remarks(comings: Sequence[Coming], changes: Changes, absent: Absences) -> Iterator[str]:
    """Yield which events change nothing, and who is new beside those that come back."""
    for number, name, joins, sensors, moments in comings:
        if not sensors or not moments:
            continue
        edges = {span[joins] for sensor in sensors for span in absent[sensor]}
        if not edges & set(moments):
            what, why = ("join", "all are there") if joins else ("leave", _NOBODY)
            yield f"events[{number}]: '{what}: {name}' changes nothing, as {why}."
        new = sum(changes[sensor][0] == (moments[0], True) for sensor in sensors)
        if joins and 0 < new < len(sensors):
            yield (
                f"events[{number}]: {new:,} of the {len(sensors):,} sensors of '{name}' have not"
                " left before they join, so that they are not there until then; name those that"
                " come back, if the others are there all along."
            )


def comings(timetable: Timetable) -> set[tuple[int, int, int]]:
    """Return when who joins and leaves: (time, sensor, kind of the row)."""
    rows = timetable[np.isin(timetable.kind, (SENSOR_LEAVES, SENSOR_JOINS))]
    return {(at_ns, sensor, kind) for at_ns, kind, sensor, _, _ in rows.tolist()}


def absent_ns(timetable: Timetable, sensors: Ints, from_ns: Ints, until_ns: Ints) -> Ints:
    """Return how long sensors are not there in some spans; ns, shape (spans, sensors).

    Args:
        timetable: of a plan.
        sensors: which, ascending; shape (sensors,).
        from_ns: begins of the spans; shape (spans,).
        until_ns: their ends.
    """
    rows = _leaving(timetable, sensors)
    place = np.searchsorted(sensors, rows.target)
    absent = np.zeros((len(from_ns), len(sensors)), dtype=np.int64)
    for away_ns, begin, end in zip(absent, from_ns, until_ns, strict=True):
        np.add.at(away_ns, place, _overlap_ns(rows, begin, end))
    return absent


def share_there(timetable: Timetable, sensors: Ints, from_ns: Ints, length_ns: int) -> Floats:
    """Return the share of some spans of one length for which sensors are there, in their mean.

    The arguments are those of `absent_ns`; shape (spans,).
    """
    rows = _leaving(timetable, sensors)
    away_ns = [int(_overlap_ns(rows, at, at + length_ns).sum()) for at in from_ns.tolist()]
    return 1.0 - np.array(away_ns) / (length_ns * max(1, len(sensors)))


def _leaving(timetable: Timetable, sensors: Ints) -> Timetable:
    """Return the rows in which some sensors leave."""
    mine = (timetable.kind == SENSOR_LEAVES) & np.isin(timetable.target, sensors)
    rows: Timetable = timetable[mine]
    return rows


def _overlap_ns(rows: Timetable, from_ns: int, until_ns: int) -> Ints:
    """Return how much of a span lies in each of some absences; ns, shape (rows,)."""
    inside: Ints = np.minimum(rows.a, until_ns) - np.maximum(rows.time_ns, from_ns)
    return np.maximum(0, inside)
