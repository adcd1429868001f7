"""Results counted in parts of some hundred: gathered, worked out in vector lanes, and booked.

All of them are at their consumers in one second, that of the block. Frames that met another fate
are few and are counted as the columns count them (`fleet.lanes.unfold.spelled`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, Keys
from fleet.engine.by_second import Book, wait
from fleet.engine.counting import BACK, DECODE, FAR, QUEUE, RETURN, SERVE, UP
from fleet.kernel import fetch, inlined, kernel
from fleet.lanes.frames import FREE, Frames
from fleet.lanes.records import (
    BEHIND,
    DECODED_AT,
    DONE_AT,
    INFERRED_AT,
    INFO,
    NEVER_SERVED,
    STARTED_AT,
    TAKEN,
    WEIGHTS,
    WHO,
    WORD,
    row_of,
    sensor_of,
    wrapped,
)
from fleet.model.frames import (
    ACCESS,
    BACKHAUL,
    DECODED,
    DONE,
    FATE,
    INFER,
    RESULT,
    START,
    UPLINK,
    WAN,
)
from fleet.sketch import DECADE, bucket_of, coarse_of

PART = 256
_AHEAD = np.uint64(32)
_COLUMNS = 15
(
    _WORD, _TAKEN, _INFO, _WHO, _ACCESS, _UPLINK, _BACKHAUL, _WAN, _DECODED, _STARTED, _INFERRED,
    _DONE, _SPENT, _BUCKET, _SLOT,
) = (np.uint64(PART * c) for c in range(_COLUMNS))  # fmt: skip

HOME, NETWORK, SERVERS = range(3)
"""Where results come from: the sensor itself, over the network to somebody behind it, servers."""

# What is kept of each sensor's results, and its group.
SPENT_NS, LONGEST_NS, RESULTS, GROUP = range(4)
SENSOR_COUNTS = 4

_W_ACCESS, _W_UPLINK, _W_BACKHAUL, _W_WAN, _W_DECODED, _W_START, _W_INFER, _W_DONE = (
    WEIGHTS[c] for c in (ACCESS, UPLINK, BACKHAUL, WAN, DECODED, START, INFER, DONE)
)
_W_RESULT = wrapped(WEIGHTS[FATE] * RESULT)
_LONGEST_IN_LANES_NS = 10**12
_THIRTY, _TWENTY_SEVEN, _THIRTY_ONE, _SEVENTEEN = (np.uint64(n) for n in (30, 27, 31, 17))
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Results(NamedTuple):
    """Where results are counted, in place.

    Attributes:
        work: columns of a part.
        sensors: by sensor; shape (sensors, SENSOR_COUNTS).
        latency: histogram by group; shape (groups, BUCKETS).
        coarse: the same of the second under way, in coarse steps; shape (groups, COARSE_BUCKETS).
        rows: results by group and row of the traces.
        sums: time by group and stage, from capture on; shape (groups, stages).
        print_sum: the two lanes of the fingerprint.
        book: what waits, second by second.
        apart: one frame as columns; shape (WIDTH, 1).
    """

    work: Ints
    sensors: Ints
    latency: Ints
    coarse: Ints
    rows: Ints
    sums: Ints
    print_sum: Keys
    book: Book
    apart: Ints


def work() -> Ints:
    """Return room for a part."""
    return np.zeros(PART * _COLUMNS, dtype=np.int64)


@inlined
def _gather(slots: Ints, low: int, many: np.uint64, frames: Frames, source: int, w: Ints) -> None:
    """Fetch the records of a part, and let others have their slots."""
    records, left = frames.records, frames.counts[FREE]
    most = np.uint64(len(slots) - 1)
    for i in range(many):
        slot = np.uint64(slots[np.uint64(low) + i])
        fetch(records, slots[min(np.uint64(low) + i + _AHEAD, most)])
        frames.free[left] = slot
        left += 1
        w[_SLOT + i] = slot
        w[_WORD + i] = records[slot, WORD]
        w[_TAKEN + i] = records[slot, TAKEN]
        w[_INFO + i] = records[slot, INFO]
        w[_WHO + i] = records[slot, WHO]
        w[_ACCESS + i] = records[slot, BEHIND]
        w[_UPLINK + i] = records[slot, BEHIND + 1]
        w[_BACKHAUL + i] = records[slot, BEHIND + 2]
        w[_WAN + i] = records[slot, BEHIND + 3]
        w[_DONE + i] = records[slot, BEHIND + 3]
    if source == HOME:
        for i in range(many):
            w[_DONE + i] = w[_ACCESS + i]
            w[_ACCESS + i] = w[_UPLINK + i] = w[_BACKHAUL + i] = w[_WAN + i] = -1
    if source == SERVERS:
        for i in range(many):
            slot = np.uint64(w[_SLOT + i])
            w[_DECODED + i] = frames.served[slot, DECODED_AT]
            w[_STARTED + i] = frames.served[slot, STARTED_AT]
            w[_INFERRED + i] = frames.served[slot, INFERRED_AT]
            w[_DONE + i] = frames.served[slot, DONE_AT]
    frames.counts[FREE] = left


@inlined
def _hash(many: np.uint64, source: int, w: Ints, print_sum: Keys) -> None:
    """Add the hashes of a part to the fingerprint."""
    if source == SERVERS:
        for i in range(many):
            w[_WORD + i] += (
                _W_DECODED * w[_DECODED + i] + _W_START * w[_STARTED + i]
                + _W_INFER * w[_INFERRED + i]
            )  # fmt: skip
    else:
        for i in range(many):
            w[_WORD + i] += NEVER_SERVED
    first, second = print_sum[0], print_sum[1]
    for i in range(many):
        word = np.uint64(
            w[_WORD + i] + _W_ACCESS * w[_ACCESS + i] + _W_UPLINK * w[_UPLINK + i]
            + _W_BACKHAUL * w[_BACKHAUL + i] + _W_WAN * w[_WAN + i] + _W_DONE * w[_DONE + i]
            + _W_RESULT
        )  # fmt: skip
        word = (word ^ (word >> _THIRTY)) * _FIRST
        word = (word ^ (word >> _TWENTY_SEVEN)) * _SECOND
        word = word ^ (word >> _THIRTY_ONE)
        first += word
        second += word * (word >> _SEVENTEEN)
    print_sum[0], print_sum[1] = first, second


@inlined
def _latencies(many: np.uint64, w: Ints) -> None:
    """Work out latencies and their buckets, which is what `fleet.sketch.bucket_of` says."""
    longest = 0
    for i in range(many):
        spent = w[_DONE + i] - w[_TAKEN + i]
        w[_SPENT + i] = spent
        longest = max(longest, spent)
    if longest >= _LONGEST_IN_LANES_NS:
        for i in range(many):
            w[_BUCKET + i] = bucket_of(w[_SPENT + i])
        return
    for i in range(many):
        top = w[_SPENT + i] - 1
        scale, decades = 1.0, 0
        scale, decades = (10.0, 1) if top >= 10**4 else (scale, decades)
        scale, decades = (100.0, 2) if top >= 10**5 else (scale, decades)
        scale, decades = (1e3, 3) if top >= 10**6 else (scale, decades)
        scale, decades = (1e4, 4) if top >= 10**7 else (scale, decades)
        scale, decades = (1e5, 5) if top >= 10**8 else (scale, decades)
        scale, decades = (1e6, 6) if top >= 10**9 else (scale, decades)
        scale, decades = (1e7, 7) if top >= 10**10 else (scale, decades)
        scale, decades = (1e8, 8) if top >= 10**11 else (scale, decades)
        step = np.int64(top / scale)
        fifth, half = 2500 + np.int64(step / 5.0), 1000 + np.int64(step / 2.0)
        step = fifth if step >= 5000 else (half if step >= 2000 else step)
        w[_BUCKET + i] = decades * DECADE + step + 1


@inlined
def _book(many: np.uint64, second_ns: int, source: int, results: Results) -> None:
    """Book a part, frame by frame."""
    w, sensors, sums = results.work, results.sensors, results.sums
    for i in range(many):
        s, spent = np.uint64(sensor_of(w[_WHO + i])), w[_SPENT + i]
        sensors[s, SPENT_NS] += spent
        sensors[s, LONGEST_NS] = max(sensors[s, LONGEST_NS], spent)
        sensors[s, RESULTS] += 1
        g = np.uint64(sensors[s, GROUP])
        bucket, row = w[_BUCKET + i], row_of(w[_INFO + i])
        results.latency[g, np.uint64(bucket)] += 1
        results.coarse[g, np.uint64(coarse_of(bucket))] += 1
        if row >= 0:
            results.rows[g, np.uint64(row)] += 1
        if source == HOME:
            sums[g, UP] += spent
        else:
            sums[g, UP] += w[_UPLINK + i] - w[_TAKEN + i]
            sums[g, BACK] += w[_BACKHAUL + i] - w[_UPLINK + i]
            sums[g, FAR] += w[_WAN + i] - w[_BACKHAUL + i]
        if source == SERVERS:
            sums[g, DECODE] += w[_DECODED + i] - w[_WAN + i]
            sums[g, QUEUE] += w[_STARTED + i] - w[_DECODED + i]
            sums[g, SERVE] += w[_INFERRED + i] - w[_STARTED + i]
            sums[g, RETURN] += w[_DONE + i] - w[_INFERRED + i]
        if w[_TAKEN + i] < second_ns:
            _waited(i, int(s), source, results)


@inlined
def _waited(i: int, s: int, source: int, results: Results) -> None:
    """Count where a frame waited that came in an earlier second."""
    w, apart = results.work, results.apart
    apart[ACCESS, 0], apart[UPLINK, 0] = w[_ACCESS + i], w[_UPLINK + i]
    apart[BACKHAUL, 0], apart[WAN, 0] = w[_BACKHAUL + i], w[_WAN + i]
    apart[START, 0] = w[_STARTED + i] if source == SERVERS else -1
    apart[INFER, 0] = w[_INFERRED + i] if source == SERVERS else -1
    apart[DONE, 0], apart[FATE, 0] = w[_DONE + i], RESULT
    wait(apart, 0, s, results.book)


@kernel
def count(slots: Ints, second_ns: int, source: int, frames: Frames, results: Results) -> None:
    """Count frames that became results in a second, and let others have their slots.

    Args:
        slots: of the frames.
        second_ns: begin of the second.
        source: where they come from.
        frames: all frames.
        results: where to count.
    """
    w = results.work
    for low in range(0, len(slots), PART):
        many = np.uint64(min(PART, len(slots) - low))
        _gather(slots, low, many, frames, source, w)
        _hash(many, source, w, results.print_sum)
        _latencies(many, w)
        _book(many, second_ns, source, results)
