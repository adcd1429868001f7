"""What a run counts: integers only, so that merging is addition and order does not matter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.chance import mix64, mixed
from fleet.engine.snapshot import State, fields
from fleet.kernel import inlined, kernel
from fleet.model.books import (
    ACCEPTED_BEFORE_BITS,
    BIN_NS,
    CAPTURED,
    CAPTURED_BEFORE,
    DROPPED_BITS,
    ENDED_BEFORE,
    FATE_0,
    IDLE_NS,
    LAST_SENT_NS,
    LATENCY_MAX_NS,
    LATENCY_SUM_NS,
    LINK_COUNTS,
    OFFERED_BITS,
    POOL_IDLE,
    SENSOR_WIDTH,
    SENT_BEFORE_BITS,
    SENT_LINK_BITS,
    SERVER_COUNTS,
)
from fleet.model.frames import (
    ACCESS,
    CAPTURE,
    CLOCK,
    DECODED,
    DONE,
    FATE,
    FRAME,
    INFER,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    SIGHT,
    SKIP_NOT_PUBLISHED,
    STAGES,
    START,
    WIDTH,
    Columns,
    Index,
    Rows,
)
from fleet.model.sight import LIGHTS, SIGHT_COUNTS, count
from fleet.plan.plan import Ints, Plan
from fleet.sketch import BUCKETS, bucket_of

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
_SUMS = ("stages_ns", "computing_ns")  # of Python ints
SENSE, COMPUTE, UP, BACK, FAR, DECODE, QUEUE, SERVE, RETURN = range(len(STAGES))  # as in STAGES


@dataclass
class Tally:
    """Counts of one logical process, or of all of them merged, since the end of the warm-up.

    Attributes:
        sensors: one row a sensor; shape (sensors, SENSOR_WIDTH).
        links: one row a link; shape (links, LINK_COUNTS).
        servers: one row a kind of servers in a pool; shape (plan.server_rows, SERVER_COUNTS).
        link_bins: bits sent by link class and time bin; shape (classes, bins).
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
        print_sum: the two lanes of the fingerprint; shape (2,), uint64.
        since_ns: since when it counts.
        kept: the finished frames themselves, if they are to be kept.
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
    print_sum: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(2, dtype=np.uint64))
    since_ns: int = 0
    kept: list[Rows] | None = None
    by_name: dict[str, Ints] = field(default_factory=dict)

    @staticmethod
    def empty(plan: Plan, *, keep: bool = False) -> Tally:
        """Return a tally of nothing, of the shape of a plan; `keep` keeps the finished frames."""
        bins = -(-plan.end_ns // BIN_NS)
        groups, regions = len(plan.group_names), len(plan.region_names)
        return Tally(
            sensors=_zeros(plan.size, SENSOR_WIDTH),
            links=_zeros(len(plan.link_names), LINK_COUNTS),
            servers=_zeros(plan.server_rows, SERVER_COUNTS),
            link_bins=_zeros(len(plan.class_names), bins),
            result_bins=_zeros(groups, bins),
            latency_bins=_zeros(groups, bins),
            server_bins=_zeros(regions, bins),
            latency=_zeros(groups, BUCKETS),
            sights=_zeros(groups, len(LIGHTS), len(plan.scenes), SIGHT_COUNTS),
            stages_ns=_zeros(groups, len(STAGES)).astype(object),
            computing_ns=_zeros(len(plan.setup_names)).astype(object),
            kept=[] if keep else None,
            by_name=_by_name(plan),
        )

    def add(self, other: Tally) -> None:
        """Add the counts of another tally of the same plan."""
        for name in ("links", "servers", "link_bins", "result_bins", "latency_bins", "latency",
                     "sights", *_SUMS):  # fmt: skip
            getattr(self, name).__iadd__(getattr(other, name))
        latest = np.maximum(self.sensors[:, _LATEST], other.sensors[:, _LATEST])
        self.sensors += other.sensors
        self.sensors[:, _LATEST] = latest
        np.maximum(self.server_bins, other.server_bins, out=self.server_bins)
        self.print_sum += other.print_sum
        if self.kept is not None and other.kept is not None:
            self.kept += other.kept

    def amend(self, plan: Plan) -> None:
        """Make room for the further setups of an amended plan."""
        more = len(plan.setup_names) - len(self.computing_ns)
        self.computing_ns = np.append(self.computing_ns, _zeros(more).astype(object))

    def forget(self, now_ns: int) -> None:
        """Count from now on, in place: others hold on to these arrays.

        What was under way is remembered as what came in before less what went out, and so is what
        links had carried, when radios had sent, and since when somebody has been at work.
        """
        sensors, links = self.sensors, self.links
        captured, last_sent_ns = sensors[:, [CAPTURED, LAST_SENT_NS]].T
        ended = sensors[:, FATE_0 + 1 :].sum(axis=1)
        accepted = links[:, OFFERED_BITS] - links[:, DROPPED_BITS]
        sent, idle_ns = links[:, [SENT_LINK_BITS, IDLE_NS]].T
        pools_idle_ns = self.servers[:, POOL_IDLE]
        for name in (*_ARRAYS, *_SUMS):
            getattr(self, name)[...] = 0
        sensors[:, [CAPTURED_BEFORE, ENDED_BEFORE, LAST_SENT_NS]] = np.array(
            [captured, ended, last_sent_ns]
        ).T
        links[:, ACCEPTED_BEFORE_BITS], links[:, SENT_BEFORE_BITS] = accepted, sent
        links[:, IDLE_NS], self.servers[:, POOL_IDLE] = idle_ns, pools_idle_ns
        self.since_ns = now_ns
        if self.kept is not None:
            self.kept.clear()

    def rows(self) -> Rows:
        """Return the frames that were kept, in no order; shape (frames, WIDTH)."""
        return np.concatenate([np.empty((0, WIDTH), dtype=np.int64), *(self.kept or [])])

    def save(self) -> State:
        """Return the counts as arrays, for `load`."""
        text = {name: getattr(self, name).astype(str) for name in _SUMS}
        numbers = fields(self, (*_ARRAYS, "since_ns"))
        return {**numbers, **text, "kept": self.rows()}

    def load(self, state: State) -> None:
        """Take counts over, in place: others hold on to these arrays."""
        for name in _ARRAYS:
            getattr(self, name)[...] = state[name]
        self.since_ns = int(state["since_ns"])
        for name in _SUMS:
            getattr(self, name).flat = [int(text) for text in state[name].flat]
        if self.kept is not None:
            self.kept[:] = [state["kept"]]

    def fingerprint(self) -> str:
        """Return a SHA-256 of every finished frame's every time and fate, and of all counts.

        Each frame is hashed to two 64-bit words, which are summed modulo 2**64: the sum does not
        depend on who counted the frame, nor on when. Nor does it depend on the order in which a
        scenario names its groups, links, regions and edges, nor on that of setups, which is why
        their times are left out.
        """
        digest = hashlib.sha256(str(self._sorted("stages_ns").tolist()).encode())
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(self._sorted(name)).tobytes())
        return digest.hexdigest()

    def _sorted(self, name: str) -> NDArray[Any]:
        table: NDArray[Any] = getattr(self, name)
        return table[self.by_name[name]] if name in self.by_name else table

    def finish(self, plan: Plan, columns: Columns, index: Index) -> None:
        """Count some frames that have met their fate."""
        if self.kept is not None:
            self.kept.append(columns[:, index].T)
        stages_ns = _zeros(*self.stages_ns.shape)
        finish(
            columns, index, plan.name_hash, plan.group_of, plan.pool_level, self.sensors,
            self.latency, stages_ns, self.result_bins, self.latency_bins, self.print_sum,
            plan.sights.rows, self.sights,
        )  # fmt: skip
        self.stages_ns += stages_ns


def _by_name(plan: Plan) -> dict[str, Ints]:
    groups, regions = np.argsort(plan.group_names), np.argsort(plan.region_names)
    kinds = [0 if (pool := plan.pools[e]) is None else len(pool.kinds) for e in plan.pool_entry]
    servers = [
        row
        for pool in np.argsort(plan.pool_names)
        for row in range(plan.pool_row[pool], plan.pool_row[pool] + kinds[pool])
    ]
    return {
        "stages_ns": groups, "result_bins": groups, "latency_bins": groups, "latency": groups,
        "sights": groups, "link_bins": np.argsort(plan.class_names), "server_bins": regions,
        "servers": np.array(servers, dtype=np.int64),
    }  # fmt: skip


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, dtype=np.int64)


_WEIGHTS = mixed(np.arange(WIDTH, dtype=np.uint64)) | np.uint64(1)


@inlined
def frame_word(columns: Columns, i: int, name_hash: np.uint64) -> np.uint64:
    """Return a 64-bit hash of a finished frame: its identity, objects, bytes, times and fate.

    The sum of its numbers, each times an odd weight of its own, then SplitMix64's finaliser: what
    is summed does not wait for each other, as it would in a chain.
    """
    word = np.uint64(name_hash)
    for c in range(FRAME, CLOCK):
        word += np.uint64(columns[c, i]) * _WEIGHTS[c]
    for c in range(CAPTURE, WIDTH):
        word += np.uint64(columns[c, i]) * _WEIGHTS[c]
    return mix64(word)


@inlined
def _step(
    columns: Columns, i: int, column: int, stages_ns: Ints, g: int, stage: int, before: int
) -> int:
    """Add the time up to a column to a stage, if the frame was there; return the last time."""
    at = columns[column, i]
    if at < 0:
        return before
    stages_ns[g, stage] += at - before
    return int(at)


@inlined
def _hop(
    columns: Columns, i: int, level: int, stages_ns: Ints, g: int, stage: int, before: int,
    pool_level: int,
) -> int:  # fmt: skip
    """Do what `_step` does for a level of links, and for servers behind it, if they are there."""
    before = _step(columns, i, ACCESS + level, stages_ns, g, stage, before)
    if level == pool_level:
        before = _step(columns, i, DECODED, stages_ns, g, DECODE, before)
        before = _step(columns, i, START, stages_ns, g, QUEUE, before)
        before = _step(columns, i, INFER, stages_ns, g, SERVE, before)
    return before


@kernel
def finish(
    columns: Columns,
    index: Index,
    name_hash: NDArray[np.uint64],
    group_of: Ints,
    pool_level: Ints,
    sensors: Ints,
    latency: Ints,
    stages_ns: Ints,
    result_bins: Ints,
    latency_bins: Ints,
    print_sum: NDArray[np.uint64],
    sight_rows: Ints,
    sights: Ints,
) -> None:
    """Count frames that have met their fate.

    Args:
        columns: the store's columns.
        index: the finished frames.
        name_hash: hash of each sensor's name; shape (all sensors,).
        group_of: group of each sensor; shape (all sensors,).
        pool_level: level behind which each sensor's servers are; shape (all sensors,).
        sensors: see `Tally`; changed in place, as are the next four.
        latency: see `Tally`.
        stages_ns: time by stage is added; shape (groups, stages).
        result_bins: see `Tally`.
        latency_bins: see `Tally`.
        print_sum: see `Tally`; changed in place.
        sight_rows: rows of the plan's traces.
        sights: see `Tally`; changed in place.
    """
    for i in index:
        s, fate = columns[SENSOR, i], columns[FATE, i]
        sensors[s, FATE_0 + fate] += 1
        word = frame_word(columns, i, name_hash[s])
        print_sum[0] += word
        print_sum[1] += word * (word >> np.uint64(17))
        if columns[SIGHT, i] >= 0:
            answered = fate in (RESULT, SKIP_NOT_PUBLISHED)
            count(sights, sight_rows, columns[SIGHT, i], group_of[s], answered)
        if fate != RESULT:
            continue
        g, before, done = group_of[s], columns[CAPTURE, i], columns[DONE, i]
        spent = done - before
        sensors[s, LATENCY_SUM_NS] += spent
        sensors[s, LATENCY_MAX_NS] = max(sensors[s, LATENCY_MAX_NS], spent)
        latency[g, bucket_of(spent)] += 1
        time_bin = np.uint64(done) // np.uint64(BIN_NS)
        result_bins[g, time_bin] += 1
        latency_bins[g, time_bin] += spent
        before = _step(columns, i, SENSED, stages_ns, g, SENSE, before)
        before = _step(columns, i, READY, stages_ns, g, COMPUTE, before)
        before = _hop(columns, i, 0, stages_ns, g, UP, before, pool_level[s])
        before = _hop(columns, i, 1, stages_ns, g, UP, before, pool_level[s])
        before = _hop(columns, i, 2, stages_ns, g, BACK, before, pool_level[s])
        before = _hop(columns, i, 3, stages_ns, g, FAR, before, pool_level[s])
        stages_ns[g, RETURN] += done - before
