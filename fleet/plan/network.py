"""The tree of links: one instance for each sensor, site, cell or city that shares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from fleet.arrays import Ints
from fleet.catalog import Reader
from fleet.model.frames import LEVELS
from fleet.model.link import LinkTable, Rate
from fleet.plan import link_traces
from fleet.plan.limits import check_buffer
from fleet.plan.plant import Radio
from fleet.plan.roster import Roster
from fleet.scenario.link_rate import RateTrace
from fleet.scenario.load import Scenario, did_you_mean

LEVEL_NAMES = ("uplink of one sensor", "shared uplink", "backhaul", "wan")
RADIO = " radio"
"""How the name of the radios below a cell ends."""
_STAGE_LEVEL = {"backhaul": 2, "wan": 3}


@dataclass(frozen=True)
class LinkClass:
    """The links of one name: their technology in numbers.

    Attributes:
        shared_by: what has a link of its own: sensor, site, cell or city.
        level: place on the path, 0..LEVELS-1.
        rate_bps: up; of one that follows a file the highest.
        downlink_rate_bps: down; 0 for a radio, to which its cell sends.
        propagation_ns: one way.
        most_bps: which it has at most, whatever its rate: that of one radio; 0 without such.
        buffer_bit: what waits and what is being sent.
        air_bps: of the radios below a shared cell, else 0.
        cap_bits: data after which a sender gets `throttled_bps`; 0 without a cap.
        loss_ppb: probability that a segment must be sent again, in 10⁻⁹.
        retries: how often at most.
        retry_ns: what a round of that takes.
        mobile: whether the operator's network energy is that of a mobile network.
        radio: what the sensor's end draws.
        steps: of the file that its rate follows, if it does.
    """

    name: str
    shared_by: str
    level: int
    rate_bps: int
    most_bps: int
    downlink_rate_bps: int
    propagation_ns: int
    buffer_bit: int
    air_bps: int
    cap_bits: int
    throttled_bps: int
    loss_ppb: int
    retries: int
    retry_ns: int
    mobile: bool
    radio: Radio
    steps: link_traces.Steps | None = None

    def at_rate(self, rate_bps: int) -> Rate:
        """Return what a link has when its rate is said to be another."""
        bps = min(rate_bps, self.most_bps or rate_bps)
        return Rate(bps, self.buffer_bit * 1_000_000_000 // bps)

    def row(self) -> list[int]:
        """Return the row of a link in the link table (`fleet.model.link`)."""
        buffer_ns = self.buffer_bit * 1_000_000_000
        throttled_ns = buffer_ns // self.throttled_bps if self.throttled_bps else 0
        return [
            self.rate_bps, buffer_ns // self.rate_bps, self.propagation_ns, self.air_bps,
            self.cap_bits, self.throttled_bps, throttled_ns, self.loss_ppb, self.retries,
            self.retry_ns,
        ]  # fmt: skip


@dataclass(frozen=True)
class Network:
    """The links of a plan; see `fleet.plan.groups.Links` for the arrays.

    `paths` holds the classes on the way up from each group.
    """

    classes: tuple[LinkClass, ...]
    names: tuple[str, ...]
    link_of: Ints
    class_of: Ints
    region_of: Ints
    radio_of: Ints
    cell_level: Ints
    paths: Mapping[str, tuple[int, ...]]

    def table(self) -> LinkTable:
        """Return the link table; shape (links,)."""
        table: LinkTable = LinkTable.of([kind.row() for kind in self.classes])[self.class_of]
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
    classes = {name: _link_class(scenario, reader, name) for name in used}
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
) -> tuple[tuple[str, ...], Ints, Ints]:
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
    return tuple(names[k] for k in order), link_of, class_of[order]


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
    user_bps = _user_rate(scenario, reader, path[0])
    if first.level == 0 or user_bps == 0:
        return path
    name = radio_name(path[0])
    if name not in classes:
        user_bps = min(user_bps, first.rate_bps)
        classes[name] = replace(
            first, name=name, shared_by="sensor", level=0, rate_bps=user_bps,
            downlink_rate_bps=0, propagation_ns=0, mobile=False, steps=None,
        )  # fmt: skip
        classes[path[0]] = replace(first, air_bps=user_bps, cap_bits=0, throttled_bps=0)
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
        above = _level(scenario, reader, at)
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


def _level(scenario: Scenario, reader: Reader, name: str) -> int:
    spec = scenario.model.links[name]
    technology = spec.technology
    known = reader.items("links")
    if technology not in known:
        raise scenario.error(
            ("links", name, "technology"),
            f"no technology '{technology}'{did_you_mean(technology, known)};"
            f" known: {', '.join(known)}",
        )
    stage = reader.text("links", technology, "stage")
    return _STAGE_LEVEL.get(stage, 0 if spec.shared_by == "sensor" else 1)


def _user_rate(scenario: Scenario, reader: Reader, name: str) -> int:
    """Return what one sender's radio can do; bit/s, 0 without a limit of its own."""
    spec = scenario.model.links[name]
    if spec.user_rate is not None:
        return spec.user_rate
    return reader.rate_bps("links", spec.technology, "user_rate")


def _link_class(scenario: Scenario, reader: Reader, name: str) -> LinkClass:
    spec = scenario.model.links[name]
    item = spec.technology

    def own(value: int | None, read: Callable[[str, str, str], int], parameter: str) -> int:
        return value if value is not None else read("links", item, parameter)

    level = _level(scenario, reader, name)
    steps = (
        link_traces.read(scenario, name, spec.rate) if isinstance(spec.rate, RateTrace) else None
    )
    stated = spec.rate if isinstance(spec.rate, int) else None
    rate_bps = own(stated, reader.rate_bps, "rate") if steps is None else max(steps.bps)
    user_bps = _user_rate(scenario, reader, name)
    most_bps = user_bps if level == 0 else 0
    rate_bps = min(rate_bps, most_bps or rate_bps)
    if spec.throttled_rate is not None and spec.throttled_rate > rate_bps:
        raise scenario.error(
            ("links", name, "throttled_rate"),
            f"{spec.throttled_rate} bit/s is above the rate of {rate_bps} bit/s; lower it",
        )
    buffer_bit = own(spec.buffer, reader.data_bit, "buffer")
    least_bps = rate_bps if steps is None else min(bps for bps in steps.bps if bps)
    for slowest_bps in (least_bps, spec.throttled_rate or 0):
        check_buffer(scenario, name, buffer_bit, slowest_bps)
    loss = reader.number("links", item, "loss") if spec.loss is None else Fraction(spec.loss)
    cap = spec.cap or 0
    return LinkClass(
        name=name,
        shared_by=spec.shared_by,
        level=level,
        rate_bps=rate_bps,
        most_bps=most_bps,
        downlink_rate_bps=own(spec.downlink_rate, reader.rate_bps, "downlink_rate"),
        propagation_ns=own(spec.propagation, reader.time_ns, "propagation"),
        buffer_bit=buffer_bit,
        air_bps=0,
        cap_bits=max(1, int(cap * (1 - spec.cap_used))) if cap else 0,
        throttled_bps=spec.throttled_rate or 0,
        loss_ppb=int(loss * 10**9),
        retries=reader.count("links", item, "retries"),
        retry_ns=reader.time_ns("links", item, "retry_time"),
        mobile=reader.text("links", item, "access") == "mobile",
        radio=_radio(reader, item),
        steps=steps,
    )


def _radio(reader: Reader, item: str) -> Radio:
    def power(parameter: str) -> int:
        return reader.power_uw("links", item, parameter)

    def time(parameter: str) -> int:
        return reader.time_ns("links", item, parameter)

    nj_per_bit = reader.energy_nj_per_bit("links", item, "active_power_per_rate")
    return Radio(
        idle_uw=power("idle_power"),
        promotion_uw=power("promotion_power"),
        active_uw=power("active_base_power"),
        fj_per_bit=int(nj_per_bit * 1_000_000),
        tail_uw=power("tail_power"),
        tail_ns=time("tail"),
        promotion_ns=time("promotion"),
        drx_after_ns=time("drx_after"),
        drx_wait_ns=time("drx_uplink"),
        drx_cycle_ns=time("drx_cycle"),
        paging_cycle_ns=time("paging_cycle"),
    )
