"""Data caps that start anew: when that is, and the terms between, of which each has its own cap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.model.events import CAP_RENEWED, Timetable
from fleet.model.link import LinkTable
from fleet.plan.draft import Draft
from fleet.plan.local_time import clock_of
from fleet.plan.network import RADIO
from fleet.plan.timetable import EventRow
from fleet.scenario.load import Scenario

MOST_RENEWALS = 1_000_000
"""How often caps may start anew in a run, of all links together."""
_DAY = dt.timedelta(days=1)


class Term(NamedTuple):
    """A time in which some links have a cap: from the start, or since it started anew.

    Attributes:
        links: indices of the links.
        begin_ns: when it begins.
        end_ns: when the cap starts anew, or the run ends.
        cap_bits: what each may carry in it at its rate; shape of `links`.
    """

    links: Ints
    begin_ns: int
    end_ns: int
    cap_bits: Ints


def rows(draft: Draft) -> list[EventRow]:
    """Return the rows of links whose caps start anew.

    Raises:
        InputError: they do too often.
    """
    out: list[EventRow] = []
    for c, kind in enumerate(draft.net.classes):
        if not kind.renews_bits:
            continue
        moments = midnights_ns(draft.scenario, monthly=kind.renews == "monthly")
        links = np.flatnonzero(draft.net.class_of == c).tolist()
        if len(moments) * len(links) > MOST_RENEWALS:
            raise draft.scenario.error(
                ("links", kind.name.removesuffix(RADIO), "cap_renews"),
                f"the caps of {len(links):,} links would start anew {len(moments):,} times each,"
                f" more than {MOST_RENEWALS:,} times in all; say 'monthly', or run shorter",
            )
        out += [(at, CAP_RENEWED, link, kind.renews_bits, 0) for at in moments for link in links]
    return out


def midnights_ns(scenario: Scenario, *, monthly: bool) -> list[int]:
    """Return when days of the local clock begin after the start and before the end of a run; ns.

    Where clocks leave midnight out, the day begins as they go on.

    Args:
        scenario: the scenario.
        monthly: only the first day of each month.

    Raises:
        InputError: there is no such time zone, or the start is not one moment of its clocks.
    """
    clock, end_ns = clock_of(scenario), scenario.model.duration
    times: list[int] = []
    day = dt.datetime.combine(clock.says[0].date(), dt.time()) + _DAY
    last = clock.latest(end_ns)
    while day <= last:
        at_ns = clock.when(day) if day.day == 1 or not monthly else None
        if at_ns is not None and 0 < at_ns < end_ns:
            times.append(at_ns)
        day += _DAY
    return times


def terms(links: LinkTable, events: Timetable, end_ns: int) -> Iterator[Term]:
    """Yield the terms of all links that have a cap, of each link in their order.

    Args:
        links: the links as they are at the start.
        events: what changes them.
        end_ns: end of the run.
    """
    anew = events[events.kind == CAP_RENEWED]
    by_times: dict[tuple[int, ...], list[int]] = {}
    order = np.argsort(anew.target, kind="stable")
    targets, first = np.unique(anew.target[order], return_index=True)
    times = {
        int(link): tuple(anew.time_ns[rows].tolist())
        for link, rows in zip(targets, np.split(order, first[1:]), strict=len(targets) > 0)
    }
    for link in np.flatnonzero(links.cap_bits > 0).tolist():
        by_times.setdefault(times.get(link, ()), []).append(link)
    full = np.zeros(len(links), dtype=np.int64)
    full[anew.target] = anew.a
    for begins, mine in by_times.items():
        whose, ends = np.array(mine, dtype=np.int64), (*begins, end_ns)
        for begin, end in zip((0, *begins), ends, strict=True):
            yield Term(whose, begin, end, (full if begin else links.cap_bits)[whose])
