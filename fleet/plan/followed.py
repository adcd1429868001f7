"""The timetable of links whose rates follow files: other rates, and outages where they are 0."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fleet.model.events import LINK_RATE
from fleet.plan.draft import Draft
from fleet.plan.link_class import LinkClass
from fleet.plan.link_traces import MOST_CHANGES
from fleet.plan.timetable import EventRow

Down = dict[int, list[tuple[int, int]]]
"""Spans in which links or sensors are down, in any order; ns."""


def rows(draft: Draft, down: Down) -> list[EventRow]:
    """Return the rows of links whose rates follow files; where these are 0 it is added to outages.

    Args:
        draft: the arm.
        down: spans in which links are down, added to.

    Raises:
        InputError: they change too often.
    """
    model, net = draft.scenario.model, draft.net
    out: list[EventRow] = []
    for c, kind in enumerate(net.classes):
        if kind.steps is None:
            continue
        links = np.flatnonzero(net.class_of == c).tolist()
        told: dict[int, list[tuple[int, int]]] = {}
        for link in links:
            begin_ns = kind.steps.begin_ns(net.names[link], model.seed, draft.replication)
            if begin_ns not in told:
                told[begin_ns] = kind.steps.within(model.duration, begin_ns)
            if len(told[begin_ns]) * len(links) > MOST_CHANGES:
                raise draft.scenario.error(
                    ("links", kind.name, "rate"),
                    f"changes too often: for {len(links):,} links more than {MOST_CHANGES:,} times"
                    " in all; take longer steps, or a shorter run",
                )
            out += _steps_of(kind, link, told[begin_ns], model.duration, down)
    return out


def _steps_of(
    kind: LinkClass, link: int, told: Sequence[tuple[int, int]], end_ns: int, down: Down
) -> list[EventRow]:
    """Return the rows of a link that has one rate after the other; 0 is added to outages."""
    out: list[EventRow] = []
    first = next((bps for _, bps in told if bps), 0)
    if first and told[0][1] == 0:  # what a buffer holds while nothing is sent
        out.append((0, LINK_RATE, link, *kind.at_rate(first)))
    for (at, bps), (until, _) in pairwise([*told, (end_ns, 0)]):
        if bps:
            out.append((at, LINK_RATE, link, *kind.at_rate(bps)))
        else:
            down.setdefault(link, []).append((at, until))
    return out
