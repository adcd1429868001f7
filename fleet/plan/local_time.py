"""The local clock of a run: its zone, when a run begins, how clocks are changed on the way."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from collections.abc import Iterator
from typing import NamedTuple

from fleet.catalog.places import places
from fleet.model.scene import SECOND_NS
from fleet.scenario.load import Scenario, did_you_mean

_HOUR, _HOUR_NS = dt.timedelta(hours=1), 3600 * SECOND_NS
_MINUTE, _SECOND = dt.timedelta(minutes=1), dt.timedelta(seconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY_S = 86_400
"""Clocks are changed at most once in so long."""


class Clock(NamedTuple):
    """What the clock on the wall says in a run: spans in which it goes on evenly.

    Attributes:
        starts_ns: when each begins, the first at 0, others when clocks are changed; ns.
        says: what the clock says then.
    """

    starts_ns: tuple[int, ...]
    says: tuple[dt.datetime, ...]

    def hours(self, end_ns: int) -> Iterator[tuple[int, dt.datetime]]:
        """Yield (when, what the clock says) at the start and as hours begin, before an end.

        One begins where clocks are changed, too: so an hour that is there twice begins twice, and
        one that is left out does not begin.
        """
        untils = (*self.starts_ns[1:], end_ns)
        for begin_ns, says, until_ns in zip(self.starts_ns, self.says, untils, strict=True):
            yield begin_ns, says
            whole = says.replace(minute=0, second=0, microsecond=0)
            first_ns = begin_ns + _HOUR_NS - _ns(says - whole)
            for k, at_ns in enumerate(range(first_ns, until_ns, _HOUR_NS), 1):
                yield at_ns, whole + k * _HOUR

    def latest(self, end_ns: int) -> dt.datetime:
        """Return the latest moment that the clock comes to before an end."""
        untils = (*self.starts_ns[1:], end_ns)
        return max(self._after(k, until_ns) for k, until_ns in enumerate(untils))

    def when(self, moment: dt.datetime) -> int | None:
        """Return when the clock first says a moment, or goes on as it leaves it out; ns.

        None if that was before the run.
        """
        for k, (begin_ns, says) in enumerate(zip(self.starts_ns, self.says, strict=True)):
            if moment < says:
                if k and self._after(k - 1, begin_ns) <= moment:
                    return begin_ns
                continue
            at_ns = begin_ns + _ns(moment - says)
            if k + 1 == len(self.says) or at_ns < self.starts_ns[k + 1]:
                return at_ns
        return None

    def _after(self, k: int, time_ns: int) -> dt.datetime:
        """Return what the clock would say at a time if it went on as in a span."""
        return self.says[k] - (self.starts_ns[k] - time_ns) // 1000 * _MICROSECOND


def _ns(span: dt.timedelta) -> int:
    return span // _MICROSECOND * 1000


def zone_of(scenario: Scenario) -> zoneinfo.ZoneInfo | None:
    """Return the time zone that a scenario names, None if it names none.

    Raises:
        InputError: there is no such time zone, or the start is not one moment of its clocks.
    """
    name = scenario.model.timezone
    if name is None:
        return None
    try:
        zone = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, list(places()))
        raise scenario.error(
            ("timezone",), f"no time zone '{name}'{hint}; take a name such as 'Europe/Helsinki'"
        ) from None
    _start_in(scenario, zone)
    return zone


def begins(scenario: Scenario, otherwise: dt.tzinfo) -> dt.datetime:
    """Return when a run begins, in UTC.

    Args:
        scenario: what the user says.
        otherwise: the zone of its clock if it names none.

    Raises:
        InputError: there is no such time zone, or the start is not one moment of its clocks.
    """
    zone = zone_of(scenario)
    if zone is not None:
        return _start_in(scenario, zone).astimezone(dt.UTC)
    return scenario.model.start_time.replace(tzinfo=otherwise).astimezone(dt.UTC)


def clock_of(scenario: Scenario) -> Clock:
    """Return the local clock of a run; where no time zone is named clocks are not changed.

    Raises:
        InputError: there is no such time zone, or the start is not one moment of its clocks.
    """
    zone = zone_of(scenario)
    if zone is None:
        return Clock((0,), (scenario.model.start_time,))
    return _clock(zone, begins(scenario, zone), scenario.model.duration)


@functools.lru_cache(maxsize=64)
def _clock(zone: zoneinfo.ZoneInfo, start: dt.datetime, end_ns: int) -> Clock:
    """Return the clock of a zone from a start in UTC to an end."""
    end_s = (end_ns - 1) // SECOND_NS  # clocks are changed at whole seconds
    changes, at = [0], 0
    while at < end_s:
        ahead = min(at + _DAY_S, end_s)
        if _offset(zone, start + ahead * _SECOND) == _offset(zone, start + at * _SECOND):
            at = ahead
        else:
            at += _until_change(zone, start + at * _SECOND, ahead - at)
            changes.append(at)
    says = (start + at * _SECOND for at in changes)
    return Clock(
        tuple(at * SECOND_NS for at in changes),
        tuple(one.astimezone(zone).replace(tzinfo=None) for one in says),
    )


def _offset(zone: dt.tzinfo, utc: dt.datetime) -> dt.timedelta:
    """Return how far a zone's clocks are ahead of UTC at a moment in UTC."""
    return utc.astimezone(zone).utcoffset() or dt.timedelta()


def _until_change(zone: dt.tzinfo, utc: dt.datetime, most: int) -> int:
    """Return after how many seconds clocks are changed; within `most` they are."""
    before, least = _offset(zone, utc), 0
    while most - least > 1:
        middle = (least + most) // 2
        if _offset(zone, utc + middle * _SECOND) == before:
            least = middle
        else:
            most = middle
    return most


def _start_in(scenario: Scenario, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the start as a moment of a zone.

    Raises:
        InputError: the zone's clocks leave it out, or say it twice and nothing says which is meant,
            or are another time ahead of UTC.
    """
    start, asked = scenario.model.start_time, scenario.model.start_offset
    first, second = (start.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = (at.utcoffset() or dt.timedelta() for at in (first, second))
    if before >= after and asked == before:
        return first
    if before >= after and asked == after:
        return second
    if before == after and asked is None:
        return first
    said, (one, other) = _iso(start), (_iso(at) for at in (first, second))
    if before == after:
        problem = f"{scenario.model.start} is not there in {zone.key}; write {one}, or {said}"
    else:
        goes, on = _change(start, zone, before, after)
        clocks = f"in {zone.key}, whose clocks go from {goes:%H:%M} to {on:%H:%M} then; write"
        problem = (
            f"{said} is not there {clocks} {_iso(goes - _MINUTE)} or {_iso(on)}"
            if before < after
            else f"{said} is there twice {clocks} {one} for the first or {other} for the second"
        )
    raise scenario.error(("start",), problem)


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds" if at.second else "minutes")


def _change(
    start: dt.datetime, zone: dt.tzinfo, before: dt.timedelta, after: dt.timedelta
) -> tuple[dt.datetime, dt.datetime]:
    """Return what clocks say as they are changed close to a start, and what they go on with.

    Args:
        start: what they leave out, or say twice.
        zone: theirs.
        before: how far they are ahead of UTC then.
        after: how far they are afterwards.
    """
    utc = (start - max(before, after)).replace(tzinfo=dt.UTC)
    change = utc + _until_change(zone, utc, abs(after - before) // _SECOND) * _SECOND
    goes, on = (change.replace(tzinfo=None) + offset for offset in (before, after))
    return goes, on
