"""The plan: everything that a run needs and nothing else, as read-only columns.

Index spaces: *sensor* (sorted by name), *group*, *setup*, *link* (one shared queue each), *class*
(the links of one name in the scenario), *region*, *pool* (servers with one queue: one for each
region, then those at the edge).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.catalog import Row
from fleet.eyes.eye import Eye
from fleet.model.frames import LEVELS
from fleet.model.radio import Timers
from fleet.model.setup import Setups, tables
from fleet.model.sight import Sights
from fleet.plan.digest import digest
from fleet.plan.grid import Grid
from fleet.plan.standins import StandIn

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

# What a timetable row does, in the order in which simultaneous rows are applied.
HOUR, RATE, DEMAND, LINK_DOWN, SENSOR_DOWN, MODEL_WRITE = range(6)
EVENT_NAMES = ("hour", "rate", "demand", "link_down", "sensor_down", "model_write")
# Columns of the timetable: when, what, to whom (link or sensor index, -1 for all), two numbers.
#   HOUR: a = hour of the demand table. RATE: a/b = period in ns. DEMAND: a/b = factor.
#   LINK_DOWN, SENSOR_DOWN: a = until (ns). MODEL_WRITE: a = until (ns), b = new setup.
TIME_NS, KIND, TARGET, A, B = range(5)
EVENT_WIDTH = 5


@dataclass(frozen=True)
class Autoscaling:
    """How a pool follows its load; times in ns, target in parts per million of busy time."""

    least: int
    most: int
    target_ppm: int
    every_ns: int
    boot_ns: int
    cooldown_ns: int


@dataclass(frozen=True)
class ServerKind:
    """Like servers of a pool: times in ns, power in µW for each server or decoder.

    Attributes:
        server: catalogue item.
        count: how many at the start.
        service_ns: t(b) for b = 0..max_batch: until the results of a batch are there.
        hold_ns: h(b), likewise: until the server can take the next batch; at most t(b).
        idle_uw: paid and not serving; host included.
        busy_uw: while it computes; host included.
        decoders: of each server; 0 if decoding is left out.
        decode_px_s: pixels a second of each decoder.
        decode_uw: more, for each decoder that works.
        pue_ppm: energy of the building over that of its servers, in parts per million.
        hourly_usd: price of an hour.
        monthly_usd: purchase, spread over its life; for each month of 30 days.
    """

    server: str
    count: int
    service_ns: Ints
    hold_ns: Ints
    idle_uw: int
    busy_uw: int
    decoders: int
    decode_px_s: int
    decode_uw: int
    pue_ppm: int
    hourly_usd: float
    monthly_usd: float


@dataclass(frozen=True)
class Pool:
    """Servers with one queue, or all such pools of an edge.

    Attributes:
        name: of the region or edge.
        edge: whether it is at the edge.
        model: what it runs.
        kinds: its servers; autoscaling changes the number of the first.
        max_batch: frames in a batch.
        wait_ns: longest time that an incomplete batch waits.
        queue_max: frames that may wait.
        deadline_ns: longest time that a frame may wait, 0 without limit.
        law: how service times vary (`fleet.columns.serving`).
        variation: coefficient of variation of the service time, for the law near normal.
        autoscaling: the rule, if it has one.
    """

    name: str
    edge: bool
    model: str
    kinds: tuple[ServerKind, ...]
    max_batch: int
    wait_ns: int
    queue_max: int
    deadline_ns: int
    law: int
    variation: float
    autoscaling: Autoscaling | None


@dataclass(frozen=True)
class Radio:
    """The radio or port at a first hop: µW by state, ns; sending draws fJ for each bit too."""

    idle_uw: int
    promotion_uw: int
    active_uw: int
    fj_per_bit: int
    tail_uw: int
    tail_ns: int
    promotion_ns: int
    drx_after_ns: int
    drx_wait_ns: int
    drx_cycle_ns: int
    paging_cycle_ns: int


@dataclass(frozen=True)
class Prices:
    """What things cost; US dollars.

    Attributes:
        book: name of the price book.
        kwh: of electricity.
        mobile_gb: of data over mobile access.
        fixed_gb: of data over a fixed line.
        stored_gb_month: of storage for a month.
        retention_ns: how long pictures are kept in the cloud.
        device_month: of each setup, its price spread over its life; shape (setups,).
    """

    book: str
    kwh: float
    mobile_gb: float
    fixed_gb: float
    stored_gb_month: float
    retention_ns: int
    device_month: Floats


# Columns of the table of model rewrites: when asked for, of which sensor, when its bytes had
# arrived, from when until when the model was written, bits on the wire (0 from the cache).
ASKED_NS, SENSOR_WRITTEN, ARRIVED_NS, WRITE_FROM_NS, WRITTEN_NS, DOWN_BITS = range(6)
ROLLOUT_WIDTH = 6


@dataclass(frozen=True)
class Plan:
    """A compiled arm of a scenario; every array is read-only.

    Attributes:
        end_ns, warm_up_ns: horizon, frames under way then are in flight; what is not counted.
        names: sensor names, sorted; their index is the tie-break of the total order.
        name_hash: `fleet.chance.name_hash` of each name; so are the keys by stream.
        loss_keys: by level too; shape (LEVELS, sensors).
        group_of: group of each sensor.
        lon, lat: where each sensor stands; NaN for sites made up.
        setup_of: setup of each sensor at the start.
        clocks: clock table (`fleet.model.capture`).
        phase: each sensor's phase in [0, 1) periods.
        trace_ns: capture times of all traces.
        stay, share, profile_of: scene of each sensor: probability to stay a second, share of the
            footfall that it sees, row of `demand`.
        demand: people per hour; shape (profiles, 48): hours of a weekday, then of a weekend day.
        first_hour: column of `demand` at time zero.
        link_of: link at each level of a sensor's path, -1 for none; shape (LEVELS, sensors).
        links: link table (`fleet.model.link`).
        class_of, level_of: class and level of each link.
        radio_of: class of each sensor's first hop.
        cell_level: level of the radio cell to which each sensor's own radio sends, -1 for none.
        region_of: region of each sensor.
        sights: traces of what the eyes of setups see (`fleet.model.sight`).
        eyes: networks whose sight setups have; their column `sight` says which.
        scenes: (view, name) of each scene that rows of traces are of, or that networks look at.
        stand_ins: who stands for the model of each setup and why; empty if nobody is to.
        looks_live: whether these look while the run goes on, instead of rows of traces.
        tasks: what each setup is for (`fleet.eyes.task_names`), empty for nothing that is measured.
        light_from_s, light_then: seconds from which there is another light, the first 0; which.
        pools: regions' pools (None where no frame is sent), then one entry for each edge.
        pool_names: of every pool: the regions, then each edge's pools.
        pool_entry: entry in `pools` of every pool.
        pool_row: row of the first kind of servers of every pool in the table of servers.
        pool_of: pool of each sensor, -1 for none.
        pool_level: level behind which it is: LEVELS - 1 is at the region.
        decode_px: pixels that a server must decode of each frame, by sensor.
        to_site: 1 if the consumer of the result is at the site.
        return_ns: way back from the servers to the consumer.
        result_bytes, result_bits: what an edge sends on to the region for each result.
        timetable: control events, sorted; shape (events, EVENT_WIDTH).
        rollout: model rewrites; shape (rewrites, ROLLOUT_WIDTH).
        lookahead_ns: how far a shard may run ahead: to the end, as nothing flows back in a run.
        fixed_pj_per_bit, mobile_pj_per_bit: network energy (`network_energy` of the scenario).
        boundaries: (name, fixed, mobile) of every boundary of network energy that is known; pJ/bit.
        grid, prices: whose electricity it is; what things cost, if there is a price book.
        remarks: what a reader should know of choices that were made for him.
    """

    scenario: str
    scenario_digest: str
    arm: str
    seed: int
    replication: int
    end_ns: int
    warm_up_ns: int
    names: tuple[str, ...]
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
    site_of: tuple[str, ...]
    lon: Floats
    lat: Floats
    setup_names: tuple[str, ...]
    setup_of: Ints
    setups: Setups
    clocks: Ints
    phase: Floats
    trace_ns: Ints
    stay: Floats
    share: Floats
    profile_of: Ints
    demand: Floats
    first_hour: int
    class_names: tuple[str, ...]
    link_names: tuple[str, ...]
    link_of: Ints
    links: Ints
    class_of: Ints
    level_of: Ints
    mobile_class: Ints
    radios: tuple[Radio, ...]
    radio_of: Ints
    cell_level: Ints
    region_names: tuple[str, ...]
    region_of: Ints
    sights: Sights
    eyes: tuple[Eye, ...]
    scenes: tuple[tuple[str, str], ...]
    stand_ins: tuple[StandIn, ...]
    looks_live: bool
    tasks: tuple[str, ...]
    light_from_s: Ints
    light_then: Ints
    pools: tuple[Pool | None, ...]
    pool_names: tuple[str, ...]
    pool_entry: Ints
    pool_row: Ints
    pool_of: Ints
    pool_level: Ints
    decode_px: Ints
    to_site: Ints
    return_ns: Ints
    result_bytes: Ints
    result_bits: Ints
    timetable: Ints
    rollout: Ints
    lookahead_ns: int
    fixed_pj_per_bit: int
    mobile_pj_per_bit: int
    boundaries: tuple[tuple[str, int, int], ...]
    grid: Grid
    prices: Prices | None
    accuracy: tuple[tuple[str, float], ...]
    assumptions: tuple[Row, ...]
    remarks: tuple[str, ...]

    def __post_init__(self) -> None:
        for value in (*vars(self).values(), *self.setups, *self.sights):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def size(self) -> int:
        """Return the number of sensors."""
        return len(self.names)

    @property
    def measured_ns(self) -> int:
        """Return the length of the span in which is counted; ns."""
        return self.end_ns - self.warm_up_ns

    @cached_property
    def index(self) -> dict[str, int]:
        """Return the index of each sensor name."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def on_sensor(self) -> Ints:
        """Return 1 for each sensor that infers itself, else 0; a rewrite does not change it."""
        return self.setups.on_sensor[self.setup_of]

    @cached_property
    def ends_at_site(self) -> NDArray[np.bool_]:
        """Return for each sensor whether its results are made and used at the site."""
        ends: NDArray[np.bool_] = (self.on_sensor == 1) & (self.to_site == 1)
        return ends

    @cached_property
    def has_edges(self) -> bool:
        """Return whether any frame is served before it is at its region."""
        return bool(((self.pool_of >= 0) & (self.pool_level < LEVELS - 1)).any())

    @cached_property
    def timers(self) -> Timers:
        """Return the timers of each sensor's radio."""
        return Timers(
            *(
                np.array([getattr(r, f) for r in self.radios], dtype=np.int64)[self.radio_of]
                for f in Timers._fields
            )
        )

    @cached_property
    def setup_tables(self) -> tuple[Ints, Floats]:
        """Return the setups as kernels take them (`fleet.model.setup.tables`)."""
        return tables(self.setups)

    def pool(self, index: int) -> Pool:
        """Return the entry of a pool that has sensors."""
        found = self.pools[int(self.pool_entry[index])]
        assert found is not None
        return found

    @cached_property
    def server_rows(self) -> int:
        """Return the number of rows of the table of servers."""
        return sum(len(e.kinds) for i in self.pool_entry if (e := self.pools[i]) is not None)

    def digest(self) -> str:
        """Return the SHA-256 of everything that a run depends on."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest(self)
