"""What a run counts: integers only, so that merging is addition and order does not matter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.plan.columns import Ints, Plan
from fleet.sketch import BUCKETS, bucket_of
from fleet.stages.camera import message_part
from fleet.stages.frames import (
    ACCESS,
    BACKHAUL,
    BITS,
    CAPTURE,
    DECODED,
    DONE,
    FATE,
    FATES,
    FRAME,
    INFER,
    OBJECTS,
    PAYLOAD,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    STAGES,
    START,
    STEPS,
    UPLINK,
    WAN,
    Index,
    Rows,
)
from fleet.stages.setup import Setups

# Columns of the table of one row a sensor.
CAPTURED, VISITORS, SENSE_NS, COMPUTE_NS, SENDING_NS, TAIL_NS, PROMOTION_NS, RADIO_BITS = range(8)
LATENCY_SUM_NS, LATENCY_MAX_NS, SENT_PAYLOAD, SENT_BITS, SENT_FRAMES = range(8, 13)
SENT_METADATA, SENT_PIXEL_FRAMES = 13, 14
LAST_SENT_NS = 15  # end of the last transmission, 0 if there was none
FATE_0 = 16
_LATEST = [LATENCY_MAX_NS, LAST_SENT_NS]  # merged by the larger, not by the sum
SENSOR_WIDTH = FATE_0 + FATES
SENSOR_COLUMNS = (
    "captured", "visitors", "sense_ns", "compute_ns", "sending_ns", "tail_ns", "promotion_ns",
    "radio_bits", "latency_ns_sum", "latency_ns_max", "payload_bytes", "wire_bits", "sent",
    "metadata_bytes", "sent_with_pixels", "last_sent_ns",
)  # fmt: skip

# Columns of the table of one row a link, and of one row a kind of servers in a pool.
OFFERED_BITS, SENT_LINK_BITS, DROPPED_BITS, BUSY_NS = range(4)
LINK_COUNTS = 4
SERVED_NS, SERVER_NS, BATCHES, BOOTS, DECODING_NS, STARTED = range(6)
SERVER_COUNTS = 6


@dataclass
class Tally:
    """Counts of one logical process, or of all of them merged.

    Attributes:
        sensors: one row a sensor; shape (sensors, SENSOR_WIDTH).
        links: one row a link; shape (links, LINK_COUNTS).
        servers: one row a kind of servers in a pool; shape (plan.server_rows, SERVER_COUNTS).
        link_bins: bits sent by link class and time bin; shape (classes, bins).
        result_bins: results by group and time bin of their completion; shape (groups, bins).
        server_bins: highest number of servers of each region that changes it, by time bin; shape
            (regions, bins).
        latency: histogram of capture-to-consumer time; shape (groups, BUCKETS).
        stages_ns: time spent by stage, of results; shape (groups, stages), Python ints, because
            an overloaded city-day passes 2**63 ns.
        print_sum: the two lanes of the fingerprint; shape (2,), uint64.
        kept: the finished frames themselves, if they are to be kept.
    """

    sensors: Ints
    links: Ints
    servers: Ints
    link_bins: Ints
    result_bins: Ints
    server_bins: Ints
    latency: Ints
    stages_ns: NDArray[np.object_]
    print_sum: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(2, dtype=np.uint64))
    kept: list[Rows] | None = None

    @staticmethod
    def empty(plan: Plan, *, keep: bool = False) -> Tally:
        """Return a tally of nothing, of the shape of a plan; `keep` keeps the finished frames."""
        bins = -(-plan.end_ns // plan.bin_ns)
        groups, regions = len(plan.group_names), len(plan.region_names)
        return Tally(
            sensors=_zeros(plan.size, SENSOR_WIDTH),
            links=_zeros(len(plan.link_names), LINK_COUNTS),
            servers=_zeros(plan.server_rows, SERVER_COUNTS),
            link_bins=_zeros(len(plan.class_names), bins),
            result_bins=_zeros(groups, bins),
            server_bins=_zeros(regions, bins),
            latency=_zeros(groups, BUCKETS),
            stages_ns=_zeros(groups, len(STAGES)).astype(object),
            kept=[] if keep else None,
        )

    def add(self, other: Tally) -> None:
        """Add the counts of another tally of the same plan."""
        for name in ("links", "servers", "link_bins", "result_bins", "latency", "stages_ns"):
            getattr(self, name).__iadd__(getattr(other, name))
        latest = np.maximum(self.sensors[:, _LATEST], other.sensors[:, _LATEST])
        self.sensors += other.sensors
        self.sensors[:, _LATEST] = latest
        np.maximum(self.server_bins, other.server_bins, out=self.server_bins)
        self.print_sum += other.print_sum
        if self.kept is not None and other.kept is not None:
            self.kept += other.kept

    def fingerprint(self) -> str:
        """Return a SHA-256 of every finished frame's every time and fate, and of all counts.

        Each frame is hashed to two 64-bit words, which are summed modulo 2**64: the sum does not
        depend on who counted the frame, nor on when.
        """
        digest = hashlib.sha256(str(self.stages_ns.tolist()).encode())
        for name in (
            "print_sum", "sensors", "links", "servers", "link_bins", "result_bins", "server_bins",
            "latency",
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    def finish(self, plan: Plan, rows: Rows, index: Index) -> None:
        """Count the frames of some rows, which have met their fate."""
        if not len(index):
            return
        if self.kept is not None:
            self.kept.append(rows[index])
        stages_ns = _zeros(*self.stages_ns.shape)
        finish(
            rows, index, plan.name_hash, plan.group_of, plan.pool_level, self.sensors, self.latency,
            stages_ns, self.result_bins, plan.bin_ns, self.print_sum,
        )  # fmt: skip
        self.stages_ns += stages_ns


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, dtype=np.int64)


@njit(cache=True, error_model="numpy")
def frame_word(rows: Ints, i: int, name_hash: int) -> np.uint64:
    """Return a 64-bit hash of a finished frame: its identity, bytes, times and fate."""
    word = np.uint64(name_hash) + np.uint64(0x9E3779B97F4A7C15)
    for c in (FRAME, PAYLOAD, BITS, CAPTURE, SENSED, READY, ACCESS, UPLINK, BACKHAUL, WAN, DECODED,
              START, INFER):  # fmt: skip
        word = (word ^ np.uint64(rows[i, c] + 1)) * np.uint64(0xBF58476D1CE4E5B9)
        word ^= word >> np.uint64(29)
    word = (word ^ np.uint64(rows[i, DONE] + 1)) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(32)
    return (word ^ np.uint64(rows[i, FATE])) * np.uint64(0xD6E8FEB86659FD93)


@njit(cache=True, error_model="numpy")
def finish(
    rows: Ints,
    index: Ints,
    name_hash: NDArray[np.uint64],
    group_of: Ints,
    pool_level: Ints,
    sensors: Ints,
    latency: Ints,
    stages_ns: Ints,
    result_bins: Ints,
    bin_ns: int,
    print_sum: NDArray[np.uint64],
) -> None:
    """Count frames that have met their fate.

    Args:
        rows: the store's rows.
        index: the finished frames.
        name_hash: hash of each sensor's name; shape (all sensors,).
        group_of: group of each sensor; shape (all sensors,).
        pool_level: level behind which each sensor's servers are; shape (all sensors,).
        sensors: see `Tally`; changed in place, as are the next three.
        latency: see `Tally`.
        stages_ns: time by stage is added; shape (groups, stages).
        result_bins: see `Tally`.
        bin_ns: width of a bin.
        print_sum: see `Tally`; changed in place.
    """
    for i in index:
        row = rows[i]
        s = row[SENSOR]
        sensors[s, FATE_0 + row[FATE]] += 1
        word = frame_word(rows, i, name_hash[s])
        print_sum[0] += word
        print_sum[1] += word * (word >> np.uint64(17))
        if row[FATE] != RESULT:
            continue
        g = group_of[s]
        spent = row[DONE] - row[CAPTURE]
        sensors[s, LATENCY_SUM_NS] += spent
        sensors[s, LATENCY_MAX_NS] = max(sensors[s, LATENCY_MAX_NS], spent)
        latency[g, bucket_of(spent)] += 1
        result_bins[g, row[DONE] // bin_ns] += 1
        before = row[CAPTURE]
        steps = STEPS[pool_level[s]]
        for step in range(len(steps)):
            c = steps[step, 0]
            if row[c] >= 0:
                stages_ns[g, steps[step, 1]] += row[c] - before
                before = row[c]


@njit(cache=True, error_model="numpy")
def book_sensed(rows: Ints, index: Ints, sensors: Ints, setup_of: Ints, read_ns: Ints) -> None:
    """Book the time that reading out each frame's pixels took."""
    for i in index:
        s = rows[i, SENSOR]
        sensors[s, SENSE_NS] += read_ns[setup_of[s]]


@njit(cache=True, error_model="numpy")
def book_computed(rows: Ints, index: Ints, sensors: Ints, setup_of: Ints, fetch_ns: Ints) -> None:
    """Book the time that the DSP or the encoder spent on each frame."""
    for i in index:
        s = rows[i, SENSOR]
        spent = rows[i, READY] - rows[i, SENSED] - fetch_ns[setup_of[s]]
        sensors[s, COMPUTE_NS] += spent


@njit(cache=True, error_model="numpy")
def metadata_part(payload: int, message: int) -> int:
    """Return how many of the bytes sent are no pixels: a frame without any is one byte at least."""
    return payload if payload <= max(message, 1) else message


@njit(cache=True, error_model="numpy")
def book_sent(rows: Ints, index: Ints, sensors: Ints, setup_of: Ints, setups: Setups) -> None:
    """Count the frames that leave their sensors, and their bytes by kind.

    Args:
        rows: the store's rows.
        index: frames that are ready to leave.
        sensors: see `Tally`; changed in place.
        setup_of: setup of each sensor now; shape (all sensors,).
        setups: the setup table.
    """
    for i in index:
        s = rows[i, SENSOR]
        payload = rows[i, PAYLOAD]
        message = metadata_part(payload, message_part(setups, setup_of[s], rows[i, OBJECTS]))
        sensors[s, SENT_FRAMES] += 1
        sensors[s, SENT_PAYLOAD] += payload
        sensors[s, SENT_BITS] += rows[i, BITS]
        sensors[s, SENT_METADATA] += message
        sensors[s, SENT_PIXEL_FRAMES] += payload > message
