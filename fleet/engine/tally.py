"""What a run counts: integers only, so that merging is addition and order does not matter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.engine.by_second import AT_ONCE, BySecond
from fleet.engine.counting import Counts, Whose, finish
from fleet.engine.snapshot import State, below, fields, nest
from fleet.model.books import (
    ACCEPTED_BEFORE_BITS,
    CAPTURED,
    CAPTURED_BEFORE,
    DROPPED_BITS,
    ENDED_BEFORE,
    FATE_0,
    GAVE_WIDTH,
    IDLE_NS,
    LAST_SENT_NS,
    LATENCY_MAX_NS,
    LINK_COUNTS,
    LOOKED_AT,
    OFFERED_BITS,
    POOL_IDLE,
    SENSOR_WIDTH,
    SENT_BEFORE_BITS,
    SENT_LINK_BITS,
    SERVER_COUNTS,
    Books,
)
from fleet.model.frames import (
    LOST_SERVER_DOWN,
    SENSOR,
    SKIP_NO_POWER,
    STAGES,
    WIDTH,
    Columns,
    Index,
    Rows,
)
from fleet.model.sight import LIGHTS, SIGHT_COUNTS
from fleet.plan.groups import first_rows
from fleet.plan.plan import Plan
from fleet.plan.stations import bins
from fleet.sketch import BUCKETS

_LATEST = [LATENCY_MAX_NS, LAST_SENT_NS]  # merged by the larger, not by the sum
SENSOR_COLUMNS = (
    "captured", "visitors", "sense_ns", "compute_ns", "sending_ns", "tail_ns", "promotion_ns",
    "radio_bits", "latency_ns_sum", "latency_ns_max", "payload_bytes", "wire_bits", "sent",
    "metadata_bytes", "sent_with_pixels", "last_sent_ns", "captured_in_warm_up",
    "ended_in_warm_up",
)  # fmt: skip


_ARRAYS = (
    "print_sum", "sensors", "links", "servers", "link_bins", "result_bins", "latency_bins",
    "server_bins", "latency", "sights",
)  # fmt: skip
_CAME_LATER = {
    "sensors": [FATE_0 + LOST_SERVER_DOWN, FATE_0 + SKIP_NO_POWER], "servers": [LOOKED_AT],
}  # fmt: skip
_SUMS = ("stages_ns", "computing_ns", "computed")  # of Python ints


@dataclass
class Tally:
    """Counts of one logical process, or of all of them merged, since the end of the warm-up.

    Attributes:
        sensors: one row a sensor; shape (sensors, SENSOR_WIDTH).
        links: one row a link; shape (links, LINK_COUNTS).
        servers: one row a kind of servers in a pool; shape (plan.server_rows, SERVER_COUNTS).
        link_bins: bits sent by time bin: of each class of links without those that are told of one
            by one, then of each of these (`fleet.engine.by_second.Stations`); shape (rows, bins).
        result_bins: results by group and time bin of their completion; shape (groups, bins).
        latency_bins: sum of the latencies of these; ns.
        server_bins: highest number of servers of each region that changes it, by time bin; shape
            (regions, bins).
        latency: histogram of capture-to-consumer time; shape (groups, BUCKETS).
        sights: what eyes saw, by group, light and scene (`fleet.model.sight`); shape (groups,
            lights, scenes, SIGHT_COUNTS).
        stages_ns: time spent by stage, of results; shape (groups, stages), Python ints, because
            an overloaded city-day passes 2**63 ns.
        computing_ns: time that each setup spent inferring or encoding; shape (setups,), Python
            ints too.
        computed: frames that each setup has inferred or encoded; shape (setups,), Python ints.
        print_sum: the two lanes of the fingerprint; shape (2,), uint64.
        since_ns: since when it counts.
        seconds: how frames ended and what waited where, second by second.
        gave: what the batteries of these sensors have given (`fleet.model.books`), which is never
            forgotten nor merged; shape (sensors, GAVE_WIDTH), or no rows where there are none.
        kept: the finished frames themselves, if they are to be kept.
        places: for tables with a row a sensor, link or kind of servers, which row of the table of
            the whole plan each is.
        by_name: for tables whose rows stand as in the scenario's file, the order by their names.
    """

    sensors: Ints
    links: Ints
    servers: Ints
    link_bins: Ints
    result_bins: Ints
    latency_bins: Ints
    server_bins: Ints
    latency: Ints
    sights: Ints
    stages_ns: NDArray[np.object_]
    computing_ns: NDArray[np.object_]
    computed: NDArray[np.object_]
    seconds: BySecond
    gave: Ints
    print_sum: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(2, dtype=np.uint64))
    since_ns: int = 0
    kept: list[Rows] | None = None
    places: dict[str, Ints] = field(default_factory=dict)
    by_name: dict[str, Ints] = field(default_factory=dict)

    @staticmethod
    def empty(plan: Plan, *, keep: bool = False) -> Tally:
        """Return a tally of nothing, of the shape of a plan; `keep` keeps the finished frames."""
        seconds, groups = bins(plan.end_ns), len(plan.sensors.group_names)
        regions, link_rows = len(plan.links.region_names), plan.stations.link_rows
        return Tally(
            sensors=_zeros(plan.size, SENSOR_WIDTH),
            links=_zeros(len(plan.links.ids), LINK_COUNTS),
            servers=_zeros(plan.server_rows, SERVER_COUNTS),
            link_bins=_zeros(link_rows, seconds),
            result_bins=_zeros(groups, seconds),
            latency_bins=_zeros(groups, seconds),
            server_bins=_zeros(regions, seconds),
            latency=_zeros(groups, BUCKETS),
            sights=_zeros(groups, len(LIGHTS), len(plan.eyes.scenes), SIGHT_COUNTS),
            stages_ns=_zeros(groups, len(STAGES)).astype(object),
            computing_ns=_zeros(len(plan.sensors.setup_names)).astype(object),
            computed=_zeros(len(plan.sensors.setup_names)).astype(object),
            seconds=BySecond(plan),
            gave=_zeros(plan.size if plan.batteries.is_there else 0, GAVE_WIDTH),
            kept=[] if keep else None,
            places={
                "sensors": plan.sensors.ids,
                "links": plan.links.ids,
                "servers": _server_rows(plan, plan.pools.row_in_whole),
            },
            by_name=_by_name(plan),
        )

    def books(self, setups: int = 0) -> Books:
        """Return what links and sensors are counted in, and room for what so many setups do."""
        return Books(
            self.links, self.link_bins, self.sensors, _zeros(setups), _zeros(setups), self.since_ns,
            self.gave,
        )  # fmt: skip

    def sensor_books(self) -> Books:
        """Return books in which sensors are counted; what setups do is still to be added here."""
        return self.books(len(self.computing_ns))

    def add(self, other: Tally) -> None:
        """Add the counts of another tally, of the same plan or of a share of it."""
        for name in ("link_bins", "result_bins", "latency_bins", "latency", "sights", *_SUMS):
            getattr(self, name).__iadd__(getattr(other, name))
        for name in ("links", "servers"):
            getattr(self, name)[other.places[name]] += getattr(other, name)
        both = self.sensors[other.places["sensors"]]
        latest = np.maximum(both[:, _LATEST], other.sensors[:, _LATEST])
        both += other.sensors
        both[:, _LATEST] = latest
        self.sensors[other.places["sensors"]] = both
        np.maximum(self.server_bins, other.server_bins, out=self.server_bins)
        self.print_sum += other.print_sum
        self.seconds.add(other.seconds)
        if self.kept is not None and other.kept is not None:
            self.kept += other.kept

    def amend(self, plan: Plan) -> None:
        """Make room for the further setups of an amended plan."""
        more = len(plan.sensors.setup_names) - len(self.computing_ns)
        for name in ("computing_ns", "computed"):
            setattr(self, name, np.append(getattr(self, name), _zeros(more).astype(object)))

    def forget(self, now_ns: int) -> None:
        """Count from now on, in place: others hold on to these arrays. It may be done again.

        What was under way is remembered as what came in before less what went out, and so is what
        links had carried, when radios had sent, and since when somebody has been at work.
        """
        sensors, links = self.sensors, self.links
        captured = sensors[:, [CAPTURED, CAPTURED_BEFORE]].sum(axis=1)
        last_sent_ns = sensors[:, LAST_SENT_NS].copy()
        ended = sensors[:, FATE_0 + 1 :].sum(axis=1) + sensors[:, ENDED_BEFORE]
        accepted = links[:, [OFFERED_BITS, ACCEPTED_BEFORE_BITS]].sum(axis=1)
        accepted -= links[:, DROPPED_BITS]
        sent = links[:, [SENT_LINK_BITS, SENT_BEFORE_BITS]].sum(axis=1)
        idle_ns = links[:, IDLE_NS].copy()
        pools_idle_ns = self.servers[:, POOL_IDLE]
        for name in (*_ARRAYS, *_SUMS):
            getattr(self, name)[...] = 0
        sensors[:, [CAPTURED_BEFORE, ENDED_BEFORE, LAST_SENT_NS]] = np.array(
            [captured, ended, last_sent_ns]
        ).T
        links[:, ACCEPTED_BEFORE_BITS], links[:, SENT_BEFORE_BITS] = accepted, sent
        links[:, IDLE_NS], self.servers[:, POOL_IDLE] = idle_ns, pools_idle_ns
        self.since_ns = now_ns
        self.seconds.forget()
        if self.kept is not None:
            self.kept.clear()

    def class_bins(self) -> Ints:
        """Return the bits sent by class of links and time bin; shape (classes, bins)."""
        stations = self.seconds.stations
        own = len(self.link_bins) - len(stations.links)
        own_bins = self.link_bins[:own].copy()
        np.add.at(own_bins, stations.link_classes, self.link_bins[own:])
        return own_bins

    def with_under_way(self, plan: Plan, rows: Rows) -> Tally:
        """Return these counts and where some frames under way wait; it does not count on."""
        return replace(self, seconds=self.seconds.with_rows(plan, rows))

    def rows(self) -> Rows:
        """Return the frames that were kept, in no order; shape (frames, WIDTH)."""
        return np.concatenate([np.empty((0, WIDTH), dtype=np.int64), *(self.kept or [])])

    def save(self) -> State:
        """Return the counts as arrays, for `load`."""
        text = {name: getattr(self, name).astype(str) for name in _SUMS}
        numbers = fields(self, (*_ARRAYS, "since_ns", "gave"))
        seconds = nest("seconds", self.seconds.save())
        return {**numbers, **text, **seconds, "kept": self.rows()}

    def load(self, state: State) -> None:
        """Take counts over, in place: others hold on to these arrays."""
        for name in _ARRAYS:
            getattr(self, name)[...] = state[name]
        self.since_ns = int(state["since_ns"])
        self.gave[...] = state["gave"]
        for name in _SUMS:
            getattr(self, name).flat = [int(text) for text in state[name].flat]
        self.seconds.load(below("seconds", state))
        if self.kept is not None:
            self.kept[:] = [state["kept"]]

    def fingerprint(self) -> str:
        """Return a SHA-256 of every finished frame's every time and fate, and of all counts.

        Each frame is hashed to two 64-bit words, which are summed modulo 2**64: the sum does not
        depend on who counted the frame, nor on when. Nor does it depend on the order in which a
        scenario names its groups, links, regions and edges, nor on that of setups, which is why
        their times are left out. What is counted second by second follows from the frames. The
        last fates count where a frame has met them, and objects where a second network looked at
        some: they came later than fingerprints did.
        """
        digest = hashlib.sha256(str(self._sorted("stages_ns").tolist()).encode())
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(self._sorted(name)).tobytes())
        return digest.hexdigest()

    def _sorted(self, name: str) -> NDArray[Any]:
        table: NDArray[Any] = self.class_bins() if name == "link_bins" else getattr(self, name)
        if later := _CAME_LATER.get(name):
            table = np.delete(table, [c for c in later if not table[:, c].any()], axis=1)
        return table[self.by_name[name]] if name in self.by_name else table

    def finish(self, plan: Plan, columns: Columns, index: Index, since_ns: int = 0) -> None:
        """Count some frames that have met their fate, most of them since a time."""
        if self.kept is not None:
            rows = columns[:, index].T.copy()
            rows[:, SENSOR] = plan.sensors.ids[rows[:, SENSOR]]
            self.kept.append(rows)
        stages_ns = _zeros(*self.stages_ns.shape)
        whose = Whose(
            plan.sensors.name_hash, plan.sensors.group_of, plan.pools.level, plan.eyes.sights.rows
        )
        for at in range(0, len(index), AT_ONCE):
            counts = Counts(
                self.sensors, self.latency, stages_ns, self.result_bins, self.latency_bins,
                self.print_sum, self.sights, self.seconds.book(plan, since_ns),
            )  # fmt: skip
            finish(columns, index[at : at + AT_ONCE], whose, counts)
        self.stages_ns += stages_ns


def _server_rows(plan: Plan, row: Ints, order: Ints | slice = slice(None)) -> Ints:
    """Return the rows of all kinds of servers, pool by pool, given the first row of each pool."""
    kinds, row = plan.pools.kinds[order], row[order]
    rows: Ints = np.repeat(row - first_rows(kinds), kinds) + np.arange(kinds.sum())
    return rows


def _by_name(plan: Plan) -> dict[str, Ints]:
    groups, regions = np.argsort(plan.sensors.group_names), np.argsort(plan.links.region_names)
    return {
        "stages_ns": groups, "result_bins": groups, "latency_bins": groups, "latency": groups,
        "sights": groups, "link_bins": np.argsort(plan.links.class_names), "server_bins": regions,
        "servers": _server_rows(plan, plan.pools.row, np.argsort(plan.pools.names)),
    }  # fmt: skip


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, dtype=np.int64)
