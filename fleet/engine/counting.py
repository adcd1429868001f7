"""How frames that have met their fate are counted, which is the last that is done with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, Keys
from fleet.chance import mix64, mixed
from fleet.engine.by_second import Book, note, wait
from fleet.kernel import inlined, kernel
from fleet.model.books import FATE_0, LATENCY_MAX_NS, LATENCY_SUM_NS
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
)
from fleet.model.scene import second_of
from fleet.model.sight import count
from fleet.sketch import COARSE_BUCKETS, bucket_of, coarse_of

SENSE, COMPUTE, UP, BACK, FAR, DECODE, QUEUE, SERVE, RETURN = range(len(STAGES))  # as in STAGES
_WEIGHTS = mixed(np.arange(WIDTH, dtype=np.uint64)) | np.uint64(1)


def weights() -> Keys:
    """Return the odd number by which each column of a frame goes into its hash; shape (WIDTH,)."""
    return _WEIGHTS.copy()


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


class Whose(NamedTuple):
    """What of a plan counting needs, by sensor but for the last.

    Attributes:
        name_hash: hash of each sensor's name.
        group_of: its group.
        pool_level: level behind which its servers are.
        sight_rows: rows of the plan's traces.
    """

    name_hash: Keys
    group_of: Ints
    pool_level: Ints
    sight_rows: Ints


class Counts(NamedTuple):
    """Where finished frames are counted, in place: tables of `fleet.engine.tally.Tally`.

    `stages_ns` takes the time by group and stage; `book` has room for the frames to be counted.
    """

    sensors: Ints
    latency: Ints
    stages_ns: Ints
    result_bins: Ints
    latency_bins: Ints
    print_sum: Keys
    sights: Ints
    book: Book


@kernel
def finish(columns: Columns, index: Index, whose: Whose, counts: Counts) -> None:
    """Count frames that have met their fate, given the store's columns and their slots."""
    sensors, stages_ns, print_sum, book = (
        counts.sensors, counts.stages_ns, counts.print_sum, counts.book
    )  # fmt: skip
    name_hash, group_of, pool_level = whose.name_hash, whose.group_of, whose.pool_level
    for i in index:
        s, fate = columns[SENSOR, i], columns[FATE, i]
        g, before, done = group_of[s], columns[CAPTURE, i], columns[DONE, i]
        time_bin = second_of(done)
        sensors[s, FATE_0 + fate] += 1
        word = frame_word(columns, i, name_hash[s])
        print_sum[0] += word
        print_sum[1] += word * (word >> np.uint64(17))
        if columns[SIGHT, i] >= 0:
            answered = fate in (RESULT, SKIP_NOT_PUBLISHED)
            count(counts.sights, whose.sight_rows, columns[SIGHT, i], g, answered)
        if second_of(before) != time_bin:
            wait(columns, i, s, book)
        if fate != RESULT:
            note(book, g, time_bin, COARSE_BUCKETS + fate)
            continue
        spent = done - before
        sensors[s, LATENCY_SUM_NS] += spent
        sensors[s, LATENCY_MAX_NS] = max(sensors[s, LATENCY_MAX_NS], spent)
        bucket = bucket_of(spent)
        counts.latency[g, bucket] += 1
        note(book, g, time_bin, coarse_of(bucket))
        counts.result_bins[g, time_bin] += 1
        counts.latency_bins[g, time_bin] += spent
        before = _step(columns, i, SENSED, stages_ns, g, SENSE, before)
        before = _step(columns, i, READY, stages_ns, g, COMPUTE, before)
        before = _hop(columns, i, 0, stages_ns, g, UP, before, pool_level[s])
        before = _hop(columns, i, 1, stages_ns, g, UP, before, pool_level[s])
        before = _hop(columns, i, 2, stages_ns, g, BACK, before, pool_level[s])
        before = _hop(columns, i, 3, stages_ns, g, FAR, before, pool_level[s])
        stages_ns[g, RETURN] += done - before
