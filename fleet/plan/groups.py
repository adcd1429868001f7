"""The groups of a plan: what stands where, what happens there, who serves, who sees, what it costs.

Every array is read-only. Index spaces: *sensor* (sorted by name), *group*, *setup*, *link* (one
shared queue each), *class* (the links of one name in the scenario), *region*, *pool* (servers with
one queue: one for each region, then those at the edge).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fleet.arrays import Floats, Ints, Keys
from fleet.catalog import Row
from fleet.eyes.eye import Eye
from fleet.model.capture import Clocks
from fleet.model.events import LINK_DOWN, RATE, Rollout, Timetable
from fleet.model.link import LinkTable
from fleet.model.setup import Setups
from fleet.model.sight import Sights
from fleet.plan.digest import digest
from fleet.plan.grid import Grid
from fleet.plan.hours import Steps
from fleet.plan.plant import Pool, Prices, Radio
from fleet.plan.standins import StandIn


class Frozen:
    """A group whose arrays nobody can change, and which is known by its digest."""

    def __post_init__(self) -> None:
        """Make all arrays read-only, those in named tuples too."""
        for value in vars(self).values():
            for array in value if hasattr(value, "_fields") else (value,):
                if isinstance(array, np.ndarray):
                    array.setflags(write=False)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the names and values of all fields."""
        return digest(self)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sensors(Frozen):
    """Who the sensors are, what stands there, and when they capture.

    Attributes:
        ids: index of each in the whole city; itself, where the plan is of the whole city.
        names: sorted; their order is the tie-break of the total order. Only of a whole plan.
        name_hash: `fleet.chance.name_hash` of each name; so are the keys by stream.
        group_of: group of each sensor.
        site_of: id of the site of each. Only of a whole plan.
        lon, lat: where each stands; NaN for sites made up.
        cuts: of each setup the layer behind which its network is cut, empty if it runs whole.
        setup_of: setup of each sensor at the start.
        clocks: clock table (`fleet.model.capture`).
        phase: each sensor's phase in [0, 1) periods.
        turn: the same of what it publishes or passes on once in a time, or of so many.
        trace_ns: capture times of all traces.
        to_site: 1 if the consumer of the result is at the site.
    """

    ids: Ints
    names: Sequence[str]
    name_hash: Keys
    capture_keys: Keys
    scene_keys: Keys
    size_keys: Keys
    radio_keys: Keys
    service_keys: Keys
    sight_keys: Keys
    loss_keys: Keys
    group_names: tuple[str, ...]
    group_of: Ints
    site_of: Sequence[str]
    lon: Floats
    lat: Floats
    setup_names: tuple[str, ...]
    cuts: tuple[str, ...]
    setup_of: Ints
    setups: Setups
    clocks: Clocks
    phase: Floats
    turn: Floats
    trace_ns: Ints
    to_site: Ints


@dataclass(frozen=True)
class Scene(Frozen):
    """Who walks past, and in which light.

    Attributes:
        stay: of each sensor, the probability that somebody in view stays another second.
        share: of each, the share of the footfall that it sees.
        profile_of: of each, its row of `demand`.
        demand: people per hour; shape (profiles, 48): hours of a weekday, then of a weekend day; a
            further 48 for each number by which special days multiply them.
        first_hour: column of `demand` at time zero.
        light_from_s, light_then: seconds from which there is another light, the first 0; which.
    """

    stay: Floats
    share: Floats
    profile_of: Ints
    demand: Floats
    first_hour: int
    light_from_s: Ints
    light_then: Ints


@dataclass(frozen=True)
class Links(Frozen):
    """The links on the ways of the sensors, and their radios.

    Attributes:
        ids: index of each link in the whole city; itself, where the plan is of the whole city.
        class_names: of the classes of links.
        names: of the links. Only of a whole plan.
        of: link at each level of a sensor's path, -1 for none; shape (LEVELS, sensors).
        table: link table (`fleet.model.link`).
        class_of, level_of: class and level of each link.
        mobile: 1 for classes whose energy is that of a mobile network; shape (classes,).
        radios: what the sensor's end draws, by class.
        radio_of: class of each sensor's first hop.
        cell_level: level of the radio cell to which each sensor's own radio sends, -1 for none.
        region_names: the regions.
        region_of: region of each sensor.
    """

    ids: Ints
    class_names: tuple[str, ...]
    names: Sequence[str]
    of: Ints
    table: LinkTable
    class_of: Ints
    level_of: Ints
    mobile: Ints
    radios: tuple[Radio, ...]
    radio_of: Ints
    cell_level: Ints
    region_names: tuple[str, ...]
    region_of: Ints


@dataclass(frozen=True)
class Pools(Frozen):
    """Who serves, and the way of the answer.

    Attributes:
        ids: index of each pool in the whole city; itself, where the plan is of the whole city.
        entries: regions' pools (None where no frame is sent), then one entry for each edge.
        names: of every pool: the regions, then each edge's pools.
        entry: entry in `entries` of every pool.
        row: row of the first kind of servers of every pool in the table of servers.
        row_in_whole: the same in that of the whole city.
        of: pool of each sensor, -1 for none.
        level: level behind which it is: LEVELS - 1 is at the region.
        decode_px: pixels that a server must decode of each whole picture, by sensor.
        return_ns: way back from the servers to the consumer, by sensor.
        result_bytes, result_bits: what an edge sends on to the region for each result, by sensor.
    """

    ids: Ints
    entries: tuple[Pool | None, ...]
    names: tuple[str, ...]
    entry: Ints
    row: Ints
    row_in_whole: Ints
    of: Ints
    level: Ints
    decode_px: Ints
    return_ns: Ints
    result_bytes: Ints
    result_bits: Ints

    @property
    def kinds(self) -> Ints:
        """Return how many rows the books of each pool have: for each network, each kind one."""
        return kinds_of(self.entries, self.entry)


def kinds_of(entries: Sequence[Pool | None], entry: Ints) -> Ints:
    """Return how many rows the books of each pool have, given its entry: see `Pools.kinds`."""
    kinds = [0 if pool is None else len(pool.kinds) * len(pool.networks) for pool in entries]
    return np.array(kinds, dtype=np.int64)[entry]


def first_rows(kinds: Ints) -> Ints:
    """Return the row of the first kind of each pool in a table with a row a kind."""
    return np.cumsum(kinds) - kinds


@dataclass(frozen=True)
class Eyes(Frozen):
    """What networks see.

    Attributes:
        sights: traces of what the eyes of setups see (`fleet.model.sight`).
        networks: whose sight setups have; their column `sight` says which.
        scenes: (view, name) of each scene that rows of traces are of, or that networks look at.
        stand_ins: who stands for the model of each setup and why; empty if nobody is to.
        looks_live: whether these look while the run goes on, instead of rows of traces.
        tasks: what each setup is for (`fleet.eyes.task_names`), empty for nothing that is measured.
    """

    sights: Sights
    networks: tuple[Eye, ...]
    scenes: tuple[tuple[str, str], ...]
    stand_ins: tuple[StandIn, ...]
    looks_live: bool
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Money(Frozen):
    """Whose electricity it is and what things cost; only controllers that read it change a run.

    Attributes:
        fixed_pj_per_bit, mobile_pj_per_bit: network energy (`network_energy` of the scenario).
        boundaries: (name, fixed, mobile) of every boundary of network energy that is known; pJ/bit.
        grid: whose electricity it is.
        prices: what things cost, if there is a price book.
    """

    fixed_pj_per_bit: int
    mobile_pj_per_bit: int
    boundaries: tuple[tuple[str, int, int], ...]
    grid: Grid
    prices: Prices | None

    @property
    def by_hour(self) -> tuple[Steps, ...]:
        """Return what changes by the hour: the intensity of the grid, the price of electricity."""
        of_prices = None if self.prices is None else self.prices.kwh_by_hour
        return tuple(steps for steps in (self.grid.by_hour, of_prices) if steps is not None)


@dataclass(frozen=True)
class Control(Frozen):
    """What happens when, known before the run.

    Attributes:
        timetable: control events, sorted; shape (events,).
        rollout: model rewrites; shape (rewrites,).
        lookahead_ns: how far a shard may run ahead if nobody talks back (`Feedback`): to the end.
    """

    timetable: Timetable
    rollout: Rollout
    lookahead_ns: int

    @cached_property
    def rates(self) -> dict[int, list[tuple[int, int, int]]]:
        """Return of each sensor whose frame rate changes when, and the period num/den from then."""
        rates: dict[int, list[tuple[int, int, int]]] = {}
        for row in self.timetable[self.timetable.kind == RATE].tolist():
            at_ns, _, sensor, num, den = row
            rates.setdefault(sensor, []).append((at_ns, num, den))
        return rates

    @cached_property
    def outages(self) -> dict[int, list[tuple[int, int]]]:
        """Return of each link that goes down from when until when, in order; ns."""
        outages: dict[int, list[tuple[int, int]]] = {}
        for at_ns, _, link, until_ns, _ in self.timetable[
            self.timetable.kind == LINK_DOWN
        ].tolist():
            outages.setdefault(link, []).append((at_ns, until_ns))
        return outages


@dataclass(frozen=True)
class Notes(Frozen):
    """What a reader should know of a plan; nothing of it changes a run.

    Attributes:
        accuracy: the catalogue's accuracy (COCO mAP) of the models in use.
        assumptions: rows of the catalogue that were read.
        remarks: what a reader should know of choices that were made for him.
    """

    accuracy: tuple[tuple[str, float], ...]
    assumptions: tuple[Row, ...]
    remarks: tuple[str, ...]
