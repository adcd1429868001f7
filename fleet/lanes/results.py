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
from fleet.kernel import choose, inlined, kernel
from fleet.lanes.frames import FREE, Frames
from fleet.lanes.records import (
    DECODED_AT,
    DONE_AT,
    INFERRED_AT,
    NEVER_SENT,
    NEVER_SERVED,
    STARTED_AT,
    WEIGHTS,
    row_of,
    sensor_of,
    wrapped,
)
from fleet.lanes.work import (
    C_ACCESS,
    C_BACKHAUL,
    C_BUCKET,
    C_DECODED,
    C_DONE,
    C_INFERRED,
    C_INFO,
    C_SLOT,
    C_SPENT,
    C_STARTED,
    C_TAKEN,
    C_UPLINK,
    C_WAN,
    C_WHO,
    C_WORD,
    PART,
    fetch_soon,
    gather,
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

HOME, NETWORK, SERVERS = range(3)
"""Where results come from: the sensor itself, over the network to somebody behind it, servers."""

# What is kept of each sensor's results, and its group.
SPENT_NS, LONGEST_NS, RESULTS, GROUP = range(4)
SENSOR_COUNTS = 4

_W_DECODED, _W_START, _W_INFER, _W_DONE = (WEIGHTS[c] for c in (DECODED, START, INFER, DONE))
_W_RESULT = wrapped(WEIGHTS[FATE] * RESULT)
_W_RESULT_UNSERVED = wrapped(_W_RESULT + NEVER_SERVED)
_W_RESULT_AT_HOME = wrapped(_W_RESULT + NEVER_SERVED + NEVER_SENT)
_LONGEST_IN_LANES_NS = 10**12
_THIRTY, _TWENTY_SEVEN, _THIRTY_ONE, _SEVENTEEN = (np.uint64(n) for n in (30, 27, 31, 17))
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Results(NamedTuple):
    """Where results are counted, in place.

    Attributes:
        work: columns of a part.
        sensors: by sensor; shape (sensors, SENSOR_COUNTS).
        latency: histogram by group; shape (groups, BUCKETS).
        ends: frames of the second under way by group and how they ended, which for results is
            their latency in coarse steps (`fleet.engine.by_second`); shape (groups, ENDS).
        rows: results by group and row of the traces.
        sums: time by group and stage, from capture on; shape (groups, stages).
        print_sum: the two lanes of the fingerprint.
        book: what waits, second by second.
        apart: one frame as columns; shape (WIDTH, 1).
    """

    work: Ints
    sensors: Ints
    latency: Ints
    ends: Ints
    rows: Ints
    sums: Ints
    print_sum: Keys
    book: Book
    apart: Ints


@inlined
def _hash(many: np.uint64, source: int, w: Ints, print_sum: Keys) -> None:
    """Add the hashes of a part to the fingerprint."""
    if source == SERVERS:
        for i in range(many):
            w[C_WORD + i] += (
                _W_DECODED * w[C_DECODED + i] + _W_START * w[C_STARTED + i]
                + _W_INFER * w[C_INFERRED + i]
            )  # fmt: skip
    missing = _W_RESULT
    if source == HOME:
        missing = _W_RESULT_AT_HOME
    elif source == NETWORK:
        missing = _W_RESULT_UNSERVED
    first, second = print_sum[0], print_sum[1]
    for i in range(many):
        word = np.uint64(w[C_WORD + i] + _W_DONE * w[C_DONE + i] + missing)
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
        spent = w[C_DONE + i] - w[C_TAKEN + i]
        w[C_SPENT + i] = spent
        longest = max(longest, spent)
    if longest >= _LONGEST_IN_LANES_NS:
        for i in range(many):
            w[C_BUCKET + i] = bucket_of(w[C_SPENT + i])
        return
    for i in range(many):
        top = w[C_SPENT + i] - 1
        decades, scale = choose(top >= 10**4, 1, 0), choose(top >= 10**4, 10, 1)
        decades, scale = choose(top >= 10**5, 2, decades), choose(top >= 10**5, 100, scale)
        decades, scale = choose(top >= 10**6, 3, decades), choose(top >= 10**6, 1000, scale)
        decades, scale = choose(top >= 10**7, 4, decades), choose(top >= 10**7, 10**4, scale)
        decades, scale = choose(top >= 10**8, 5, decades), choose(top >= 10**8, 10**5, scale)
        decades, scale = choose(top >= 10**9, 6, decades), choose(top >= 10**9, 10**6, scale)
        decades, scale = choose(top >= 10**10, 7, decades), choose(top >= 10**10, 10**7, scale)
        decades, scale = choose(top >= 10**11, 8, decades), choose(top >= 10**11, 10**8, scale)
        step = np.int64(top / float(scale))
        fifth, half = 2500 + np.int64(step / 5.0), 1000 + np.int64(step / 2.0)
        step = choose(step >= 5000, fifth, choose(step >= 2000, half, step))
        w[C_BUCKET + i] = decades * DECADE + step + 1


@inlined
def _book(many: np.uint64, second_ns: int, source: int, results: Results) -> None:
    """Book a part, frame by frame."""
    w, sensors, sums = results.work, results.sensors, results.sums
    for i in range(many):
        fetch_soon(sensors, i, many, w)
        s, spent = np.uint64(sensor_of(w[C_WHO + i])), w[C_SPENT + i]
        sensors[s, SPENT_NS] += spent
        sensors[s, LONGEST_NS] = max(sensors[s, LONGEST_NS], spent)
        sensors[s, RESULTS] += 1
        g = np.uint64(sensors[s, GROUP])
        bucket, row = w[C_BUCKET + i], row_of(w[C_INFO + i])
        results.latency[g, np.uint64(bucket)] += 1
        results.ends[g, np.uint64(coarse_of(bucket))] += 1
        if row >= 0:
            results.rows[g, np.uint64(row)] += 1
        if source == HOME:
            sums[g, UP] += spent
        else:
            sums[g, UP] += w[C_UPLINK + i] - w[C_TAKEN + i]
            sums[g, BACK] += w[C_BACKHAUL + i] - w[C_UPLINK + i]
            sums[g, FAR] += w[C_WAN + i] - w[C_BACKHAUL + i]
        if source == SERVERS:
            sums[g, DECODE] += w[C_DECODED + i] - w[C_WAN + i]
            sums[g, QUEUE] += w[C_STARTED + i] - w[C_DECODED + i]
            sums[g, SERVE] += w[C_INFERRED + i] - w[C_STARTED + i]
            sums[g, RETURN] += w[C_DONE + i] - w[C_INFERRED + i]
        if w[C_TAKEN + i] < second_ns:
            _waited(i, int(s), source, results)


@inlined
def _waited(i: int, s: int, source: int, results: Results) -> None:
    """Count where a frame waited that came in an earlier second."""
    w, apart = results.work, results.apart
    apart[ACCESS, 0], apart[UPLINK, 0] = w[C_ACCESS + i], w[C_UPLINK + i]
    apart[BACKHAUL, 0], apart[WAN, 0] = w[C_BACKHAUL + i], w[C_WAN + i]
    apart[START, 0] = w[C_STARTED + i] if source == SERVERS else -1
    apart[INFER, 0] = w[C_INFERRED + i] if source == SERVERS else -1
    apart[DONE, 0], apart[FATE, 0] = w[C_DONE + i], RESULT
    wait(apart, 0, s, results.book)


@inlined
def count_part(many: np.uint64, second_ns: int, source: int, frames: Frames, to: Results) -> None:
    """Count a part of results whose DONE is known, and let others have its slots."""
    w, left = to.work, np.uint64(frames.counts[FREE])
    for i in range(many):
        frames.free[left + i] = w[C_SLOT + i]
    frames.counts[FREE] += np.int64(many)
    _hash(many, source, w, to.print_sum)
    _latencies(many, w)
    _book(many, second_ns, source, to)


@kernel
def count(slots: Ints, second_ns: int, source: int, frames: Frames, to: Results) -> None:
    """Count frames that became results in a second, and let others have their slots.

    Args:
        slots: of the frames.
        second_ns: begin of the second.
        source: where they come from: their sensors or servers.
        frames: all frames.
        to: where to count.
    """
    w = to.work
    for low in range(0, len(slots), PART):
        many = np.uint64(min(PART, len(slots) - low))
        gather(slots, low, many, frames, w)
        if source == HOME:
            for i in range(many):
                w[C_DONE + i] = w[C_ACCESS + i]
                w[C_ACCESS + i] = w[C_UPLINK + i] = w[C_BACKHAUL + i] = w[C_WAN + i] = -1
        else:
            for i in range(many):
                slot = np.uint64(w[C_SLOT + i])
                w[C_DECODED + i] = frames.served[slot, DECODED_AT]
                w[C_STARTED + i] = frames.served[slot, STARTED_AT]
                w[C_INFERRED + i] = frames.served[slot, INFERRED_AT]
                w[C_DONE + i] = frames.served[slot, DONE_AT]
        count_part(many, second_ns, source, frames, to)
