"""The plan: everything that a run needs and nothing else, as read-only columns.

Index spaces: *sensor* (sorted by name), *group*, *setup*, *link* (one shared queue each), *class*
(the links of one name in the scenario), *region* (a pool each).
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.catalog import Row
from fleet.stages.frames import LEVELS
from fleet.stages.setup import Setups

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
class Pool:
    """A region's servers: batching in ns and frames, power in µW per server."""

    server: str
    model: str
    servers: int
    max_batch: int
    wait_ns: int
    queue_max: int
    service_ns: Ints
    idle_uw: int
    busy_uw: int
    pue_ppm: int
    autoscaling: Autoscaling | None


@dataclass(frozen=True)
class Radio:
    """What the first hop of a sensor draws by state; power in µW, tail in ns."""

    idle_uw: int
    sending_uw: int
    tail_uw: int
    tail_ns: int


@dataclass(frozen=True)
class Plan:
    """A compiled arm of a scenario; every array is read-only.

    Attributes:
        end_ns: horizon; frames still under way then are in flight.
        bin_ns: width of the time bins of the series.
        names: sensor names, sorted; their index is the tie-break of the total order.
        name_hash: `fleet.chance.name_hash` of each name; so are the keys by stream.
        group_of: group of each sensor.
        lon, lat: where each sensor stands; NaN for sites made up.
        setup_of: setup of each sensor at the start.
        clocks: clock table (`fleet.stages.capture`).
        phase: each sensor's phase in [0, 1) periods.
        trace_ns: capture times of all traces.
        stay, share, profile_of: scene of each sensor: probability to stay a second, share of the
            footfall that it sees, row of `demand`.
        demand: people per hour; shape (profiles, 48): hours of a weekday, then of a weekend day.
        first_hour: column of `demand` at time zero.
        link_of: link at each level of each sensor's path, -1 for none; shape (LEVELS, sensors).
        links: link table (`fleet.stages.uplink`).
        class_of, level_of: class and level of each link.
        radio_of: class of each sensor's first hop.
        region_of: region of each sensor.
        to_site: 1 if the consumer of the result is at the site.
        return_ns: way back from the cloud to the consumer.
        timetable: control events, sorted; shape (events, EVENT_WIDTH).
        lookahead_ns: how far a shard may run ahead of the regions: to the end, as nothing flows
            back within a run.
        fixed_pj_per_bit, mobile_pj_per_bit: network energy (`network_energy` of the scenario).
    """

    scenario: str
    scenario_digest: str
    arm: str
    seed: int
    replication: int
    end_ns: int
    bin_ns: int
    names: tuple[str, ...]
    name_hash: Keys
    capture_keys: Keys
    scene_keys: Keys
    size_keys: Keys
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
    region_names: tuple[str, ...]
    region_of: Ints
    pools: tuple[Pool | None, ...]
    to_site: Ints
    return_ns: Ints
    timetable: Ints
    lookahead_ns: int
    fixed_pj_per_bit: int
    mobile_pj_per_bit: int
    accuracy: tuple[tuple[str, float], ...]
    assumptions: tuple[Row, ...]

    def __post_init__(self) -> None:
        for value in (*vars(self).values(), *self.setups):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def size(self) -> int:
        """Return the number of sensors."""
        return len(self.names)

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
    def first_rate_bps(self) -> Ints:
        """Return the rate of each sensor's first hop; bit/s, 1 where it has none."""
        rate = np.ones(self.size, dtype=np.int64)
        for level in reversed(range(LEVELS)):
            used = self.link_of[level] >= 0
            rate[used] = self.links[self.link_of[level][used], 0]
        return rate

    @cached_property
    def tail_ns(self) -> Ints:
        """Return the length of each sensor's radio tail; ns."""
        return np.array([r.tail_ns for r in self.radios], dtype=np.int64)[self.radio_of]

    def digest(self) -> str:
        """Return the SHA-256 of everything that a run depends on."""
        sha = hashlib.sha256()
        for field in dataclasses.fields(self):
            sha.update(field.name.encode())
            _feed(sha, getattr(self, field.name))
        return sha.hexdigest()


def _feed(sha: hashlib._Hash, value: object) -> None:
    if isinstance(value, np.ndarray):
        sha.update(f"{value.dtype}{value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple):
        sha.update(f"({len(value)}".encode())
        for part in value:
            _feed(sha, part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _feed(sha, getattr(value, field.name))
    else:
        sha.update(f"{type(value).__name__}:{value!r};".encode())
