"""Which resource binds a plant, and how much room the others have.

What binds is told by what goes wrong with one less of a key: the queue that grows, the cause by
which more frames are lost, or the stage in which results spend more time; not by a rule over loads.
Where nothing is tried with less it is what is asked for most of what it can do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fleet.plan.plan import Plan
from fleet.results.load import SERVERS_OF
from fleet.results.metric import Scope
from fleet.results.metrics import find
from fleet.sizing.estimate import DECODERS_OF, Estimate
from fleet.sizing.verdict import Judged, Standing, Values

SENSORS = "the sensors themselves"
_LEVELS = {
    "access_buffer": (0,), "cell_buffer": (1,), "backhaul_buffer": (2,), "wan_buffer": (3,),
    "uplink": (0, 1), "backhaul": (2,), "wan": (3,), "link_errors": (0, 1, 2, 3),
}  # fmt: skip
_SERVERS = ("cloud_queue", "edge_queue", "deadline", "server_down", "queue", "infer")
_DECODERS = ("decode", "decode_queue")


class Binds(NamedTuple):
    """What binds.

    Attributes:
        name: of the resource.
        why: what it does with one less of a key, or how busy it is.
    """

    name: str
    why: str


class Room(NamedTuple):
    """How much of what it can do a resource is asked for, and what more it could take.

    Attributes:
        name: of the resource.
        load: what comes over what it can do.
        more: share of its load that could come on top, None where nothing comes.
    """

    name: str
    load: float
    more: float | None


def rooms(good: Sequence[Values], expected: Estimate) -> list[Room]:
    """Return the room of every resource of a plant that is enough, the busiest first.

    Loads of links and servers are measured; those of decoders follow from pixels.
    """
    loads: dict[str, float] = {}
    for name in good[0]:
        number = find(name)
        if number is not None and number.metric.key == "load.busiest_offered":
            known = _mean(good, name)
            resource = number.name if number.scope is Scope.LINK else f"{SERVERS_OF}{number.name}"
            if known is not None:
                loads[resource] = known
    for row in expected.busiest:
        if row["kind"] == "decoders":
            loads[row["name"]] = row["load"]
    made = [
        Room(name, load, 1.0 / load - 1.0 if load > 0 else None) for name, load in loads.items()
    ]
    return sorted(made, key=lambda room: -room.load)


def _mean(runs: Sequence[Values], name: str) -> float | None:
    known = [run[name][0] for run in runs if name in run]
    if not known or any(value is None for value in known):
        return None
    return math.fsum(value for value in known if value is not None) / len(known)


def binds(
    plan: Plan, good: Sequence[Values], room: Sequence[Room], bad: Judged | None,
    worse: Sequence[Values], less: Estimate | None,
) -> Binds:  # fmt: skip
    """Return what binds a plant.

    Args:
        plan: of it.
        good: the numbers of its replications.
        room: of its resources.
        bad: how a plant with one less stands; None: there is none.
        worse: the numbers of its replications; empty if it was given up before it was run.
        less: what it is expected to do.
    """
    if bad is None or less is None:
        return _busiest(room)
    if not worse:
        row = less.binds
        return _busiest(room) if row is None else Binds(
            row["name"], f"it is asked for {row['load']:.0%} of what it can do"
        )  # fmt: skip
    missed = min(bad.standings, key=lambda one: (one.chance, -one.short_of))
    if missed.grows and missed.mean is not None:
        name = missed.name.removeprefix("load.").removesuffix(".busiest_offered")
        return Binds(name, f"it is asked for {missed.mean:.0%} of what it can do")
    return _by_change(plan, good, worse, room, missed)


def _busiest(room: Sequence[Room]) -> Binds:
    if not room or room[0].load < 0.01:
        return Binds(SENSORS, "nothing else is asked for a hundredth of what it can do")
    return Binds(room[0].name, f"it is asked for {room[0].load:.1%} of what it can do")


def _by_change(
    plan: Plan, good: Sequence[Values], worse: Sequence[Values], room: Sequence[Room],
    missed: Standing,
) -> Binds:  # fmt: skip
    """Return what binds by what grows most from one plant to another: a cause, or a stage."""
    late = missed.name.startswith(("latency_ms", "delivered.within")) or "latency" in missed.name
    if "skipped" in missed.name:
        return Binds(SENSORS, f"their DSPs skip more, and {missed.text} is missed")
    for before in ("stages_ms.", "frames.lost.") if late else ("frames.lost.", "stages_ms."):
        changes = _changes(good, worse, before)
        part, more = max(changes.items(), key=lambda item: item[1], default=("", 0.0))
        if more > 0:
            spent = f"a result spends {more:.3g} ms more there"
            told = spent if before == "stages_ms." else "more frames are lost there"
            why = f"{told}, and {missed.text} is missed"
            return Binds(_resource(plan, part, room), why)
    return _busiest(room)


def _changes(good: Sequence[Values], worse: Sequence[Values], before: str) -> dict[str, float]:
    """Return by how much the means of some numbers grow."""
    changes = {}
    for name in good[0]:
        one, two = _mean(good, name), _mean(worse, name)
        if name.startswith(before) and one is not None and two is not None:
            changes[name.removeprefix(before)] = two - one
    return changes


def _resource(plan: Plan, part: str, room: Sequence[Room]) -> str:
    """Return the resource of a stage or a cause: of several that with most load."""
    levels = _LEVELS.get(part)
    classes = {
        plan.links.class_names[c]: int(plan.links.level_of[plan.links.class_of == c][0])
        for c in np.unique(plan.links.class_of)
    }
    for one in room:
        is_link = levels is not None and classes.get(one.name) in levels
        is_pool = part in _SERVERS and one.name.startswith(SERVERS_OF)
        is_decoder = part in _DECODERS and one.name.startswith(DECODERS_OF)
        if is_link or is_pool or is_decoder:
            return one.name
    return SENSORS
