"""When links, sensors and servers are down: by outages, crashes, and failures of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.plan import timetable
from fleet.plan.domains import Together
from fleet.plan.draft import Draft
from fleet.plan.followed import Down
from fleet.plan.rollout import Spans
from fleet.plan.served import of_region, region_names
from fleet.scenario.event import Event


class Downs(NamedTuple):
    """When links, sensors and pools of servers are down, in any order; ns."""

    links: Down
    sensors: Down
    pools: Down


def add_own(
    draft: Draft, event: Event, moments: Sequence[int], targets: Sequence[int], downs: Downs
) -> None:
    """Add when links or sensors are down by an outage or a crash, each by its own draws.

    Args:
        draft: the arm.
        event: an outage or a crash.
        moments: when it begins, if that is stated; ns.
        targets: the links or sensors.
        downs: what is added to.
    """
    crash = event.kind == "crash"
    names, down = (draft.roster, downs.sensors) if crash else (draft.net, downs.links)
    for target in targets:
        lasts_ns = event.lasts or (_reboot_ns(draft, target) if crash else 0)
        spans = _spans(draft, event, moments, names.names[target], lasts_ns)
        down.setdefault(target, []).extend(spans)


def add_failures(
    draft: Draft, event: Event, moments: Sequence[int], failing: Sequence[Together], downs: Downs
) -> None:
    """Add when what fails together is down: all of an instance from one instant on.

    Its links are back when it is, its sensors and servers when they have booted behind that.
    Without `lasts` it does not come back. The arguments are those of `add_own`.
    """
    for one in failing:
        spans = _spans(draft, event, moments, one.name, event.lasts)
        for link in one.links:
            downs.links.setdefault(link, []).extend(spans)
        for sensor in one.sensors:
            boot_ns = _reboot_ns(draft, sensor)
            booting = [(begin, end + boot_ns) for begin, end in spans]
            downs.sensors.setdefault(sensor, []).extend(booting)
        for pool in one.pools:
            boot_ns = _boot_ns(draft, pool)
            booting = [(begin, end + boot_ns) for begin, end in spans]
            downs.pools.setdefault(pool, []).extend(booting)


def _spans(
    draft: Draft, event: Event, moments: Sequence[int], name: str, lasts_ns: int | None
) -> list[tuple[int, int]]:
    """Return when something of a name is down by an event: stated, or drawn by that name; ns.

    Where nothing says how long it lasts, it lasts to the end.
    """
    model = draft.scenario.model
    if event.at is None:
        return timetable.drawn(event, name, model.duration, model.seed, draft.replication)
    if lasts_ns is None:
        return [(at, model.duration) for at in moments if at < model.duration]
    return timetable.stated(moments, lasts_ns, model.duration)


def remark_absence(draft: Draft, number: int, event: Event, moments: Sequence[int]) -> None:
    """Remark on a crash that seems to say that a sensor is not there.

    It begins with the run, or lasts as long as a whole run.
    """
    endless = (event.lasts or 0) >= draft.scenario.model.duration
    if event.kind == "crash" and moments and (moments[0] == 0 or endless):
        draft.remarks.append(
            f"events[{number}]: while '{event.crash}' is down its host and its radio or port draw"
            f" power; if it is not there then, say 'join: {event.crash}' or 'leave:"
            f" {event.crash}'."
        )


def merged(down: Down) -> dict[int, Spans]:
    """Return the union of the spans of each."""
    return {target: timetable.merge(spans) for target, spans in down.items()}


def _reboot_ns(draft: Draft, sensor: int) -> int:
    setup = draft.setup(sensor)
    return draft.reader.time_ns(setup.kind, setup.device, "reboot")


def _boot_ns(draft: Draft, pool: int) -> int:
    """Return how long it takes until all servers of a pool are up; ns."""
    model, regions = draft.scenario.model, region_names(draft.scenario)
    entry = int(draft.served_by.entry[pool])
    if entry >= len(regions):
        edge = list(model.edges.values())[entry - len(regions)]
        servers = [edge.server, *edge.more]
    else:
        first, more = (of_region(draft.scenario, regions[entry], f) for f in ("server", "more"))
        servers = [first, *more]
    return max(draft.reader.time_ns("servers", server, "boot") for server in servers)
