"""The tree of links: one instance for each sensor, site, cell or city that shares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fleet.arrays import Ints
from fleet.catalog import Reader
from fleet.chance import name_hashes
from fleet.model.frames import LEVELS
from fleet.model.link import LinkTable
from fleet.plan.limits import check_buffer
from fleet.plan.link_class import LinkClass, level_of, link_class, user_bps
from fleet.plan.roster import Roster
from fleet.scenario.load import Scenario, did_you_mean
from fleet.texts import Texts

LEVEL_NAMES = ("uplink of one sensor", "shared uplink", "backhaul", "wan")
RADIO = " radio"
"""How the name of the radios below a cell ends."""


@dataclass(frozen=True)
class Network:
    """The links of a plan; see `fleet.plan.groups.Links` for the arrays.

    `paths` holds the classes on the way up from each group.
    """

    classes: tuple[LinkClass, ...]
    names: Texts
    link_of: Ints
    class_of: Ints
    region_of: Ints
    radio_of: Ints
    cell_level: Ints
    paths: Mapping[str, tuple[int, ...]]

    def table(self) -> LinkTable:
        """Return the link table; shape (links,)."""
        table: LinkTable = LinkTable.of([kind.row() for kind in self.classes])[self.class_of]
        lossy = np.flatnonzero(table.burst_ns > 0)
        names = name_hashes(self.names[link] for link in lossy.tolist())
        table.burst_key[lossy] = names >> np.uint64(1)  # so that it is no less than 0
        return table

    def level_of(self) -> Ints:
        """Return the level of each link; shape (links,)."""
        levels = np.array([c.level for c in self.classes], dtype=np.int64)
        return levels[self.class_of]


def build(scenario: Scenario, reader: Reader, roster: Roster, regions: tuple[str, ...]) -> Network:
    """Return the links on the paths of some sensors.

    Raises:
        InputError: a link or region is not known, or a path does not lead up to a region.
    """
    ways = {group: _path(scenario, reader, group, regions) for group in roster.present()}
    used = [n for n in scenario.model.links if any(n in path for path, _ in ways.values())]
    classes = {name: link_class(scenario, reader, name) for name in used}
    paths = {
        group: _with_radio(scenario, reader, classes, path) for group, (path, _) in ways.items()
    }
    for group, path in paths.items():
        _check_caps(scenario, classes, group, path)
    names = list(classes)
    links = _links(roster, classes, paths)

    def by_group(value: Callable[[str], int]) -> Ints:
        of = [value(group) if group in paths else -1 for group in roster.groups]
        return np.array(of, dtype=np.int64)[roster.group_of]

    return Network(
        tuple(classes.values()), *links,
        region_of=by_group(lambda group: regions.index(ways[group][1])),
        radio_of=by_group(lambda group: names.index(paths[group][0])),
        cell_level=by_group(lambda group: _cell_level(classes, paths[group])),
        paths={group: tuple(names.index(name) for name in path) for group, path in paths.items()},
    )  # fmt: skip


def _links(
    roster: Roster, classes: Mapping[str, LinkClass], paths: Mapping[str, Sequence[str]]
) -> tuple[Texts, Ints, Ints]:
    """Return (names of links, link of each sensor at each level, class of each link).

    Links are numbered by the first sensor that uses them, from the sensor up.
    """
    users = [
        _Users(roster, c, kind, {g: path.index(kind.name) for g, path in paths.items()
                                 if kind.name in path})
        for c, kind in enumerate(classes.values())
    ]  # fmt: skip
    first, place = (np.concatenate([getattr(u, f) for u in users]) for f in ("first", "place"))
    order = np.lexsort((place, first))
    number = np.argsort(order)
    link_of = np.full((LEVELS, len(roster)), -1, dtype=np.int64)
    begins = 0
    for one in users:
        link_of[one.kind.level, one.sensors] = number[begins + one.unit]
        begins += len(one.first)
    names = [name for one in users for name in one.names(roster)]
    class_of = np.concatenate([np.full(len(u.first), u.number) for u in users])
    return Texts(names[k] for k in order.tolist()), link_of, class_of[order]


class _Users:
    """Who uses the links of a class, and which of them share one."""

    def __init__(
        self, roster: Roster, number: int, kind: LinkClass, places: Mapping[str, int]
    ) -> None:
        """Find them.

        Args:
            roster: all sensors.
            number: of the class.
            kind: the class.
            places: its place on the path of each group that has it on its path.
        """
        self.number, self.kind = number, kind
        of_group = np.array([places.get(group, -1) for group in roster.groups])
        place = of_group[roster.group_of]
        self.sensors = np.flatnonzero(place >= 0)
        _, at, self.unit = np.unique(
            roster.units[kind.shared_by][self.sensors], return_index=True, return_inverse=True
        )
        self.first = self.sensors[at]  # of each link, the first sensor that uses it
        self.place = place[self.first]

    def names(self, roster: Roster) -> list[str]:
        """Return the names of the links."""
        name, by = self.kind.name, self.kind.shared_by
        if by == "city":
            return [name]
        return [f"{name}/{roster.unit_name(by, s)}" for s in self.first.tolist()]


def _with_radio(
    scenario: Scenario, reader: Reader, classes: dict[str, LinkClass], path: list[str]
) -> list[str]:
    """Return a path that begins with the sensor's own radio, where it has one.

    A radio cell that sensors share is two hops: each sensor's radio, which is as fast as one user
    can be, and the cell, which has the rate of all together. Adds the class of the radios.
    """
    first = classes[path[0]]
    own_bps = user_bps(scenario, reader, path[0])
    if first.level == 0 or own_bps == 0:
        return path
    name = radio_name(path[0])
    if name not in classes:
        own_bps = min(own_bps, first.rate_bps)
        check_buffer(scenario, path[0], first.buffer_bit, own_bps)
        classes[name] = replace(
            first, name=name, shared_by="sensor", level=0, rate_bps=own_bps,
            downlink_rate_bps=0, propagation_ns=0, mobile=False, steps=None,
        )  # fmt: skip
        classes[path[0]] = replace(
            first, air_bps=own_bps, cap_bits=0, renews_bits=0, throttled_bps=0
        )
    return [name, *path]


def _check_caps(
    scenario: Scenario, classes: Mapping[str, LinkClass], group: str, path: list[str]
) -> None:
    """Refuse a cap on a cell that has radios of sensors below it and boxes in front of it."""
    for below, name in pairwise(path):
        radio = radio_name(name)
        if below != radio and radio in classes and scenario.model.links[name].cap is not None:
            raise scenario.error(
                ("links", name, "cap"),
                f"is what each sensor's radio may send, but '{group}' comes from '{below}', a box"
                f" without a cap of its own; let '{below}' lead to a link of its own, or leave"
                " 'cap' out",
            )


def _cell_level(classes: Mapping[str, LinkClass], path: list[str]) -> int:
    """Return the level of the cell behind the radio with which a path begins, -1 without one."""
    radio, cell = path[0], path[1] if len(path) > 1 else ""
    return classes[cell].level if radio == radio_name(cell) else -1


def radio_name(link: str) -> str:
    """Return the name of the class of radios below a shared radio cell."""
    return f"{link}{RADIO}"


def _path(
    scenario: Scenario, reader: Reader, group: str, regions: tuple[str, ...]
) -> tuple[list[str], str]:
    """Return (link names from the sensor up, region) of a group."""
    links = scenario.model.links
    keys: tuple[str | int, ...] = ("sensors", group, "uplink")
    at = scenario.model.sensors[group].uplink
    path: list[str] = []
    level = -1
    while at not in regions or at in links:
        if at not in links:
            known = [*links, *regions]
            raise scenario.error(
                keys,
                f"no link or region '{at}'{did_you_mean(at, known)}; known: {', '.join(known)}",
            )
        above = level_of(scenario, reader, at)
        if above <= level:
            raise scenario.error(
                keys,
                f"'{at}' ({LEVEL_NAMES[above]}) cannot come after '{path[-1]}'"
                f" ({LEVEL_NAMES[level]}); a path goes {' → '.join(LEVEL_NAMES)} → region",
            )
        path.append(at)
        level, keys, at = above, ("links", at, "to"), links[at].to
    if not path:
        raise scenario.error(keys, f"'{at}' is a region; a sensor needs a link to reach it")
    return path, at
