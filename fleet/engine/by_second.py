"""What a run counts second by second: how frames ended, and what waited where.

Of every frame that has met its fate its times are known, so all of this is counted then, by the
same code for both engines. Spans are seconds; a run of more than `SPANS` of these has longer ones.

How frames ended is counted by group, span and kind of end: the coarse step of a result's latency
(`fleet.sketch`), or another fate. A frame of a span under way is counted in its place in a table,
of which only a few neighbouring places are in use at a time and stay in the cache. Where groups are
too many for such a table, and in spans that lie elsewhere, ends are counted sparsely.

Frames wait in the port of a link from their arrival until they are on its wire, and at a pool from
their arrival until their batch starts. Counted are the changes of what waits from the begin of one
span to that of the next: a frame that comes and goes within a span adds nothing.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.engine.snapshot import State
from fleet.kernel import inlined, kernel
from fleet.model.books import BIN_NS
from fleet.model.frames import (
    ACCESS,
    DONE,
    FATE,
    FATES,
    IN_FLIGHT,
    INFER,
    LEVELS,
    SENSOR,
    SETUP,
    START,
    Columns,
    Rows,
)
from fleet.model.link import LinkTable
from fleet.model.scene import second_of
from fleet.plan.plan import Plan
from fleet.plan.stations import spans
from fleet.sketch import COARSE_BUCKETS

ENDS = COARSE_BUCKETS + FATES
AT_ONCE = 1 << 14
"""Frames that may be counted between two calls of `BySecond.book`."""
_ROOM = 1 << 17
"""Numbers that the table of the spans under way may take: 1 MiB."""
_SLOT_BITS = 15
_SLOTS = 1 << _SLOT_BITS
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_PARTS = 64
"""Parts that may lie about before they are summed."""
_NONE = -1
_FREE = (_NONE, 0)


class Book(NamedTuple):
    """What `note` and `wait` read and write.

    Attributes:
        each_s: length of a span; s.
        spans: how many there are.
        first: the first span under way.
        near: frames by group, span under way and end; shape (groups, spans under way, ENDS).
        met: the places in it where there are some, in the order in which they came.
        far: of each slot the group, span and end as one number, -1 if it is free, and how many
            frames; shape (slots, 2).
        used: how many slots are taken, and how many places of `near`; shape (2,).
        changes: of what waits at each station, as each span begins; shape (stations, spans + 1).
        row_of_link, row_of_pool: see `Stations`.
        link_of, links, pool_of, pool_level, to_site: the plan's.
        answers: of each setup 1 if its frames need no servers.
    """

    each_s: int
    spans: int
    first: int
    near: Ints
    met: Ints
    far: Ints
    used: Ints
    changes: Ints
    row_of_link: Ints
    row_of_pool: Ints
    link_of: Ints
    links: LinkTable
    pool_of: Ints
    pool_level: Ints
    to_site: Ints
    answers: Ints


class Ends(NamedTuple):
    """How frames ended: group, span, kind of end, and how many; shape (kinds that there are,).

    The end of a result is its latency in steps, others are `COARSE_BUCKETS` plus their fate.
    """

    group: Ints
    span: Ints
    end: Ints
    frames: Ints


class BySecond:
    """What one logical process, or all of them merged, counted second by second.

    Attributes:
        stations: what is told of one by one.
        each_s: length of a span; s.
        spans: how many there are.
        changes: of what waits; see `Book`.
    """

    def __init__(self, plan: Plan) -> None:
        """Count nothing yet."""
        self.stations = plan.stations
        self.each_s, self.spans = spans(plan.end_ns)
        many = len(self.stations.links) + len(self.stations.pools)
        self.changes = np.zeros((many, self.spans + 1), dtype=np.int64)
        groups = len(plan.sensors.group_names)
        under_way = min(self.spans, _ROOM // (groups * ENDS))
        self._first, self._near = 0, np.zeros((groups, under_way, ENDS), dtype=np.int64)
        self._met = np.empty(self._near.size, dtype=np.int64)
        self._far = np.full((_SLOTS, 2), _FREE, dtype=np.int64)
        self._used = np.zeros(2, dtype=np.int64)
        self._parts: list[tuple[Ints, Ints]] = []

    def book(self, plan: Plan, since_ns: int) -> Book:
        """Return the book, with room for `AT_ONCE` frames.

        Args:
            plan: the plan.
            since_ns: when the first of these ended, or most of them ended later.
        """
        span = since_ns // (self.each_s * BIN_NS)
        if not 0 <= span - self._first < max(1, self._near.shape[1] // 2):
            self._put_by()
            self._first = span
        elif self._used[0] > _SLOTS // 4:
            self._put_by()
        return Book(
            self.each_s, self.spans, self._first, self._near, self._met, self._far, self._used,
            self.changes, self.stations.row_of_link, self.stations.row_of_pool, plan.links.of,
            plan.links.table, plan.pools.of, plan.pools.level, plan.sensors.to_site,
            plan.sensors.setups.on_sensor.copy(),
        )  # fmt: skip

    def _put_by(self) -> None:
        """Empty the tables of ends into parts of their own."""
        far, near = self._used
        if not (far or near):
            return  # what another process has sent cannot be written
        if near:
            where = np.unravel_index(self._met[:near], self._near.shape)
            group, at, end = where
            keys = (group * self.spans + self._first + at) * ENDS + end
            self._parts.append((keys, self._near[where]))
            self._near[where] = 0
        if far:
            rows = self._far[self._far[:, 0] != _NONE]
            self._parts.append((rows[:, 0].copy(), rows[:, 1].copy()))
            self._far[...] = _FREE
        self._used[...] = 0

    def _summed(self) -> tuple[Ints, Ints]:
        """Return (keys in order, counts) of all ends up to now, which become the only part."""
        self._put_by()
        nothing = np.empty((2, 0), dtype=np.int64)
        keys, counts = (
            np.concatenate([nothing[k], *(part[k] for part in self._parts)]) for k in (0, 1)
        )
        keys, of = np.unique(keys, return_inverse=True)
        total = np.zeros(len(keys), dtype=np.int64)
        np.add.at(total, of, counts)
        self._parts = [(keys, total)]
        return keys, total

    def add_ends(self, second: int, counts: Ints) -> None:
        """Count frames that ended in a second, by group and how; shape (groups, ENDS)."""
        group, end = np.nonzero(counts)
        keys = (group * self.spans + second // self.each_s) * ENDS + end
        self._parts.append((keys, counts[group, end]))
        if len(self._parts) > _PARTS:
            self._summed()

    def ends(self) -> Ends:
        """Return how frames ended, in order."""
        keys, frames = self._summed()
        place, end = np.divmod(keys, ENDS)
        group, span = np.divmod(place, self.spans)
        return Ends(group, span, end, frames)

    def waiting(self) -> Ints:
        """Return the frames that wait as each span begins; shape (links + pools, spans)."""
        waiting: Ints = np.cumsum(self.changes[:, : self.spans], axis=1)
        return waiting

    def with_rows(self, plan: Plan, rows: Rows) -> BySecond:
        """Return these counts and where some frames under way wait; it does not count on."""
        self._put_by()
        with_them = copy(self)
        with_them.changes, with_them._parts = self.changes.copy(), [*self._parts]
        with_them._near, with_them._far = self._near[:, :0], self._far[:0]
        with_them._met, with_them._used = self._met[:0], np.zeros(2, dtype=np.int64)
        _wait_all(np.ascontiguousarray(rows.T), with_them.book(plan, 0))
        return with_them

    def add(self, other: BySecond) -> None:
        """Add the counts of another process of the same plan."""
        self.changes += other.changes
        self._parts.append(other._summed())

    def forget(self) -> None:
        """Forget how frames ended; what waits goes on waiting."""
        self._put_by()
        self._parts = []

    def save(self) -> State:
        """Return the counts as arrays, for `load`."""
        keys, counts = self._summed()
        return {"changes": self.changes, "keys": keys, "counts": counts}

    def load(self, state: State) -> None:
        """Take counts over."""
        self.changes[...] = state["changes"]
        self.forget()
        self._parts = [(state["keys"], state["counts"])]


# `_note_far` and `wait` are called, not written in place: the loop that counts stays small, which
# is worth more than what few calls cost.


@inlined
def note(book: Book, group: int, second: int, end: int) -> None:
    """Count a frame of a group that ended in a second."""
    span = second if book.each_s == 1 else second // book.each_s
    at = span - book.first
    if 0 <= at < book.near.shape[1]:
        if book.near[group, at, end] == 0:
            book.met[book.used[1]] = (group * book.near.shape[1] + at) * ENDS + end
            book.used[1] += 1
        book.near[group, at, end] += 1
    else:
        _note_far(book.far, book.used, (group * book.spans + span) * ENDS + end)


@kernel
def _note_far(far: Ints, used: Ints, key: int) -> None:
    """Count a frame in an open hash table."""
    slot = np.int64((np.uint64(key) * _SPREAD) >> np.uint64(64 - _SLOT_BITS))
    while far[slot, 0] != key:
        if far[slot, 0] == _NONE:
            far[slot, 0] = key
            used[0] += 1
            break
        slot = (slot + 1) & (_SLOTS - 1)
    far[slot, 1] += 1


@inlined
def _between(book: Book, row: int, came_ns: int, went_ns: int, stays: bool) -> None:
    """Count a frame that came to a station and, unless it stays, went."""
    came, went = second_of(came_ns) // book.each_s, second_of(went_ns) // book.each_s
    if stays or came != went:
        book.changes[row, came + 1] += 1
        if not stays:
            book.changes[row, went + 1] -= 1


@kernel
def wait(columns: Columns, i: int, s: int, book: Book) -> None:
    """Count where frame `i` of sensor `s` waited, which has met its fate or is under way.

    One that met its fate at a station was there until then.
    """
    flying, done, came = columns[FATE, i] == IN_FLIGHT, columns[DONE, i], 0
    for level in range(LEVELS):
        link = book.link_of[level, s]
        if level > 0 and link >= 0 and book.row_of_link[link] >= 0:
            behind = columns[ACCESS + level, i]
            went = done if behind < 0 else behind - book.links.propagation_ns[link]
            _between(book, book.row_of_link[link], came, went, flying and behind < 0)
        came = columns[ACCESS + level, i]
        if came < 0:
            break
        pool, setup = book.pool_of[s], columns[SETUP, i]
        told = setup >= 0 and book.answers[setup] == 1
        if pool >= 0 and book.pool_level[s] == level and not told:
            start = columns[START, i]
            went = done if start < 0 else start
            if book.row_of_pool[pool] >= 0:
                _between(book, book.row_of_pool[pool], came, went, flying and start < 0)
            came = columns[INFER, i]
            if came < 0 or book.to_site[s] == 1:
                break


@kernel
def _wait_all(columns: Columns, book: Book) -> None:
    for i in range(columns.shape[1]):
        wait(columns, i, columns[SENSOR, i], book)
