"""The tree of links: one instance for each sensor, site, cell or city that shares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from fleet.catalog import Reader
from fleet.plan.columns import Ints, Radio
from fleet.plan.placing import Placed
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.schema import Link
from fleet.stages.frames import LEVELS
from fleet.stages.uplink import BUFFER_NS, LINK_WIDTH, PROPAGATION_NS, RATE_BPS

LEVEL_NAMES = ("uplink of one sensor", "shared uplink", "backhaul", "wan")
_STAGE_LEVEL = {"backhaul": 2, "wan": 3}


@dataclass(frozen=True)
class LinkClass:
    """The links of one name: their technology in numbers.

    Attributes:
        level: place on the path, 0..LEVELS-1.
        rate_bps: up.
        downlink_rate_bps: down.
        propagation_ns: one way.
        buffer_bit: what waits and what is being sent.
        mobile: whether the operator's network energy is that of a mobile network.
        radio: what the sensor's end draws.
    """

    name: str
    spec: Link
    level: int
    rate_bps: int
    downlink_rate_bps: int
    propagation_ns: int
    buffer_bit: int
    mobile: bool
    radio: Radio


@dataclass(frozen=True)
class Network:
    """The links of a plan; see `fleet.plan.columns.Plan` for the arrays.

    `paths` holds the classes on the way up from each group.
    """

    classes: tuple[LinkClass, ...]
    names: tuple[str, ...]
    link_of: Ints
    class_of: Ints
    region_of: Ints
    radio_of: Ints
    paths: Mapping[str, tuple[int, ...]]

    def table(self) -> Ints:
        """Return the link table; shape (links, LINK_WIDTH)."""
        table = np.zeros((len(self.names), LINK_WIDTH), dtype=np.int64)
        for i, c in enumerate(self.class_of):
            kind = self.classes[c]
            table[i, RATE_BPS] = kind.rate_bps
            table[i, BUFFER_NS] = kind.buffer_bit * 1_000_000_000 // kind.rate_bps
            table[i, PROPAGATION_NS] = kind.propagation_ns
        return table

    def level_of(self) -> Ints:
        """Return the level of each link; shape (links,)."""
        levels = np.array([c.level for c in self.classes], dtype=np.int64)
        return levels[self.class_of]


def build(
    scenario: Scenario, reader: Reader, placed: list[Placed], regions: tuple[str, ...]
) -> Network:
    """Return the links on the paths of some sensors.

    Raises:
        InputError: a link or region is not known, or a path does not lead up to a region.
    """
    groups = dict.fromkeys(s.group for s in placed)
    paths = {group: _path(scenario, reader, group, regions) for group in groups}
    names = [n for n in scenario.model.links if any(n in path for path, _ in paths.values())]
    classes = {name: _link_class(scenario, reader, name) for name in names}
    links: dict[str, int] = {}
    link_of = np.full((LEVELS, len(placed)), -1, dtype=np.int64)
    class_of: list[int] = []
    for s, sensor in enumerate(placed):
        for name in paths[sensor.group][0]:
            instance = _instance(classes[name], sensor)
            if instance not in links:
                links[instance] = len(links)
                class_of.append(names.index(name))
            link_of[classes[name].level, s] = links[instance]
    region_of = [regions.index(paths[s.group][1]) for s in placed]
    radio_of = [names.index(paths[s.group][0][0]) for s in placed]
    return Network(
        tuple(classes.values()), tuple(links), link_of, np.array(class_of, dtype=np.int64),
        np.array(region_of, dtype=np.int64), np.array(radio_of, dtype=np.int64),
        {group: tuple(names.index(name) for name in path) for group, (path, _) in paths.items()},
    )  # fmt: skip


def _instance(kind: LinkClass, sensor: Placed) -> str:
    key = {
        "sensor": sensor.name,
        "site": sensor.site.id,
        "cell": sensor.site.cell,
        "city": "",
    }[kind.spec.shared_by]
    return f"{kind.name}/{key}" if key else kind.name


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


def _link_class(scenario: Scenario, reader: Reader, name: str) -> LinkClass:
    spec = scenario.model.links[name]
    item = spec.technology

    def own(value: int | None, read: Callable[[str, str, str], int], parameter: str) -> int:
        return value if value is not None else read("links", item, parameter)

    rate_bps = own(spec.rate, reader.rate_bps, "rate")
    down_bps = own(spec.downlink_rate, reader.rate_bps, "downlink_rate")
    return LinkClass(
        name=name,
        spec=spec,
        level=_level(scenario, reader, name),
        rate_bps=rate_bps,
        downlink_rate_bps=down_bps,
        propagation_ns=own(spec.propagation, reader.time_ns, "propagation"),
        buffer_bit=own(spec.buffer, reader.data_bit, "buffer"),
        mobile=reader.text("links", item, "access") == "mobile",
        radio=_radio(reader, item, rate_bps),
    )


def _radio(reader: Reader, item: str, rate_bps: int) -> Radio:
    slope_nj_per_bit = reader.energy_nj_per_bit("links", item, "active_power_per_rate")
    rate_uw = int(slope_nj_per_bit * rate_bps / 1000)  # nJ/bit · bit/s = nW
    return Radio(
        idle_uw=reader.power_uw("links", item, "idle_power"),
        sending_uw=reader.power_uw("links", item, "active_base_power") + rate_uw,
        tail_uw=reader.power_uw("links", item, "tail_power"),
        tail_ns=reader.time_ns("links", item, "tail"),
    )
