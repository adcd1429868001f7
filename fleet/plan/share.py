"""What of a plan one logical process needs: its own sensors, what is on their ways, their events.

The tables of a share are as long as its own sensors, and whoever simulates it does not know that
there are others: sensors, links and pools count from zero there, in the order of the whole, and
`ids` says who they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from fleet.arrays import Ints
from fleet.model import capture
from fleet.model.capture import Clocks
from fleet.model.events import HOUR, OF_LINKS, OF_POOLS, Rollout
from fleet.plan.groups import Control, Links, Notes, Pools, Sensors, first_rows, kinds_of
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan
from fleet.plan.talking import Feedback

_Group = TypeVar("_Group", bound=Any)


_BY_SENSOR = (
    "ids", "name_hash", "capture_keys", "scene_keys", "size_keys", "radio_keys", "service_keys",
    "sight_keys", "loss_keys", "group_of", "lon", "lat", "setup_of", "phase", "turn", "to_site",
)  # fmt: skip


def share_of(plan: Plan, territory: Territory) -> tuple[Plan, Territory]:
    """Return (what of a plan a process needs, what of that is its own).

    One that has all sensors shares nothing out: it takes the plan as it is.
    """
    ids = territory.ids
    if len(ids) == plan.size:
        return plan, territory
    links = _used(plan.links.of[:, ids])
    regions = np.arange(len(plan.links.region_names))  # their pools come first, used or not
    pools = np.union1d(regions, _used(plan.pools.of[ids]))
    share = replace(
        plan,
        sensors=_sensors(plan, ids),
        scene=_of(plan.scene, ids, ("stay", "share", "profile_of")),
        links=_links(plan, ids, links),
        pools=_pools(plan, ids, pools),
        control=_control(plan, ids, links, pools),
        feedback=_feedback(plan, ids),
        batteries=_of(plan.batteries, ids, ("kind_of", "boot_ns")),
        stations=replace(
            plan.stations,
            bin_of=plan.stations.bin_of[links],
            row_of_link=plan.stations.row_of_link[links],
            row_of_pool=plan.stations.row_of_pool[pools],
        ),
        notes=Notes((), (), ()),
    )
    return share, replace(territory, links=territory.links[links], pools=territory.pools[pools])


def _used(numbers: Ints) -> Ints:
    """Return what is there, ascending; -1 is nothing."""
    return np.unique(numbers[numbers >= 0])


def _renumbered(numbers: Ints, kept: Ints) -> Ints:
    """Return the numbers that things have among those kept; -1 is nothing."""
    return np.where(numbers < 0, -1, np.searchsorted(kept, numbers))


def _of(group: _Group, ids: Ints, names: tuple[str, ...]) -> _Group:
    """Return a group with some of its columns cut down to some sensors."""
    changed: _Group = replace(group, **{name: getattr(group, name)[ids] for name in names})
    return changed


def _sensors(plan: Plan, ids: Ints) -> Sensors:
    whole = plan.sensors
    clocks, trace_ns = _own_times(whole.clocks[ids], whole.trace_ns)
    return replace(
        _of(whole, ids, _BY_SENSOR), names=(), site_of=(), clocks=clocks,
        trace_ns=trace_ns,
    )  # fmt: skip


def _own_times(clocks: Clocks, trace_ns: Ints) -> tuple[Clocks, Ints]:
    """Return clocks that read their capture times from those times alone."""
    mine = np.flatnonzero(clocks.kind == capture.TRACE)
    if not len(mine):
        return clocks, trace_ns[:0]
    spans = np.stack([clocks.first[mine], clocks.trace_end[mine]], axis=1)
    spans, which = np.unique(spans, axis=0, return_inverse=True)
    lengths = spans[:, 1] - spans[:, 0]
    begins = np.cumsum(lengths) - lengths
    which = which.reshape(-1)
    clocks.first[mine], clocks.trace_end[mine] = begins[which], (begins + lengths)[which]
    return clocks, np.concatenate([trace_ns[begin:end] for begin, end in spans])


def _links(plan: Plan, ids: Ints, links: Ints) -> Links:
    whole = plan.links
    return replace(
        _of(whole, links, ("ids", "table", "class_of", "level_of")), names=(),
        of=_renumbered(whole.of[:, ids], links), radio_of=whole.radio_of[ids],
        cell_level=whole.cell_level[ids], region_of=whole.region_of[ids],
    )  # fmt: skip


def _pools(plan: Plan, ids: Ints, pools: Ints) -> Pools:
    whole = _of(plan.pools, ids, ("level", "decode_px", "return_ns", "result_bytes", "result_bits"))
    entry = whole.entry[pools]
    return replace(
        whole, ids=whole.ids[pools], names=tuple(whole.names[p] for p in pools), entry=entry,
        row=first_rows(kinds_of(whole.entries, entry)), row_in_whole=whole.row_in_whole[pools],
        of=_renumbered(whole.of[ids], pools),
    )  # fmt: skip


def _feedback(plan: Plan, ids: Ints) -> Feedback:
    """Return what may be said to some sensors."""
    whole = plan.feedback
    return replace(
        _of(whole, ids, ("unit_of", "ladder_of")), sent_ns=whole.sent_ns[:, ids],
        wire_ns=whole.wire_ns[:, ids], planned=whole.planned[:0],
    )  # fmt: skip


def _control(plan: Plan, ids: Ints, links: Ints, pools: Ints) -> Control:
    """Return the events of some sensors, links and pools, and those of all."""
    table = plan.control.timetable.copy()
    for rows, kept in (
        (np.isin(table.kind, OF_LINKS), links),
        (np.isin(table.kind, OF_POOLS), pools),
        (~np.isin(table.kind, (*OF_LINKS, *OF_POOLS, HOUR)), ids),
    ):
        target = table.target[rows]
        table.target[rows] = np.where(np.isin(target, kept), np.searchsorted(kept, target), -1)
    mine = (table.target >= 0) | (table.kind == HOUR)
    return replace(plan.control, timetable=table[mine], rollout=Rollout.zeros(0))
