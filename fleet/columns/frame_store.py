"""The frames in one logical process: a table of columns in which each of them has a slot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fleet.kernel import kernel
from fleet.model.frames import (
    CAPTURE,
    DONE,
    FATE,
    FREE,
    IN_FLIGHT,
    NO_FRAMES,
    RESULT,
    SENSOR,
    WIDTH,
    Columns,
    Index,
    Rows,
)

_PAGE, _STEP = 512, 72  # numbers of 8 bytes


def _table(slots: int) -> Columns:
    """Return an empty table of at least so many slots.

    Columns do not begin a multiple of a page apart: they would push each other out of the cache.
    """
    capacity = -(-slots // _PAGE) * _PAGE + _STEP
    columns = np.empty((WIDTH, capacity), dtype=np.int64)
    columns[FATE] = FREE
    return columns


class Store:
    """The frames in one logical process: a frame keeps its slot, its index moves.

    Stations hand indices to each other, 8 bytes a frame instead of 160. One that decides a frame's
    fate writes it down and forgets the frame; `sweep` collects these. The table grows when full.
    """

    def __init__(self, handed: int = DONE) -> None:
        """Set up a store without frames.

        Args:
            handed: how many columns of a frame are handed from process to process; those behind
                are -1 until then.
        """
        self.handed = handed
        self._set_up(1024)

    def clear(self) -> None:
        """Forget all frames."""
        self._set_up(1024)

    def _set_up(self, slots: int) -> None:
        """Begin with a table in which no slot was ever taken."""
        self.columns = _table(slots)
        self._free: Index = np.arange(self.columns.shape[1], dtype=np.int64)[::-1].copy()
        self._ended = np.empty_like(self._free)
        self._left, self._top = len(self._free), 0

    def take(self, count: int) -> Index:
        """Return unused slots in ascending order; they hold old numbers."""
        if count > self._left:
            self._grow(count)
        self._left -= count
        slots = self._free[self._left : self._left + count][::-1].copy()
        if count:
            self._top = max(self._top, int(slots[-1]) + 1)
        return slots

    def _grow(self, count: int) -> None:
        old, columns = self.columns, _table(self.columns.shape[1] * 3 // 2 + count)
        size, more = old.shape[1], columns.shape[1] - old.shape[1]
        columns[:, :size] = old
        free = np.empty(columns.shape[1], dtype=np.int64)
        free[:more] = np.arange(columns.shape[1] - 1, size - 1, -1)
        free[more : more + self._left] = self._free[: self._left]
        self.columns, self._free, self._left = columns, free, self._left + more
        self._ended = np.empty_like(free)

    def adopt(self, handed: Columns) -> Index:
        """Copy handed-over frames into the store; return their slots."""
        index = self.take(handed.shape[1])
        _adopt(self.columns, index, handed)
        return index

    def give_up(self, index: Index) -> Columns:
        """Return some frames, which are no more here; shape (handed, n)."""
        handed = np.empty((self.handed, len(index)), dtype=np.int64)
        _give_up(self.columns, index, handed)
        return handed

    def sweep(self, count: Callable[[Index], None]) -> None:
        """Count the frames that have met their fate, and let all free slots be taken again.

        Args:
            count: takes their slots, ascending, before they are free.
        """
        never = len(self._free) - self._top  # slots no frame has had; the list begins with them
        more, ended = _sweep(self.columns[FATE, : self._top], self._free[never:], self._ended)
        self._left = never + more
        if ended:
            found = self._ended[len(self._ended) - ended :]
            count(found)
            self.columns[FATE, found] = FREE

    def under_way(self, now_ns: int) -> Rows:
        """Return the frames here, with the times before now; shape (frames, WIDTH)."""
        rows: Rows = self.columns[:, self.columns[FATE] == IN_FLIGHT].T.copy()
        times = rows[:, CAPTURE:FATE]
        times[times >= now_ns] = -1
        return rows

    def save(self) -> Columns:
        """Return all that slots hold, up to the last that was ever taken; shape (WIDTH, slots)."""
        return self.columns[:, : self._top].copy()

    def load(self, saved: Columns) -> None:
        """Take up frames that `save` returned, in the same slots."""
        slots = saved.shape[1]
        self._set_up(max(slots, 1024))
        self.columns[:, :slots] = saved
        self._top = slots
        self.sweep(lambda ended: None)

    def column(self, index: Index, column: int) -> NDArray[np.int64]:
        """Return a copy of one column of some frames."""
        values: NDArray[np.int64] = self.columns[column][index]
        return values


@kernel
def _adopt(columns: Columns, index: Index, handed: Columns) -> None:
    for c in range(len(handed)):
        for k in range(len(index)):
            columns[c, index[k]] = handed[c, k]
    for c in range(len(handed), WIDTH):
        for i in index:
            columns[c, i] = IN_FLIGHT if c == FATE else -1


@kernel
def _give_up(columns: Columns, index: Index, handed: Columns) -> None:
    for c in range(len(handed)):
        for k in range(len(index)):
            handed[c, k] = columns[c, index[k]]
    for i in index:
        columns[FATE, i] = FREE


@kernel
def _sweep(fates: Index, free: Index, ended: Index) -> tuple[int, int]:
    """Collect free slots, the last first, and ended frames, at the back; return their numbers."""
    f, e = 0, 0
    for i in range(len(fates) - 1, -1, -1):
        if fates[i] != IN_FLIGHT:
            free[f] = i
            f += 1
            if fates[i] != FREE:
                e += 1
                ended[len(ended) - e] = i
    return f, e


def join(parts: list[Index]) -> Index:
    """Return the indices of all parts, in the order given."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return NO_FRAMES
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def before(columns: Columns, index: Index, column: int, until_ns: int) -> tuple[Index, Index]:
    """Return the indices whose time in a column is before a time, and the others."""
    if not len(index):
        return NO_FRAMES, NO_FRAMES
    early, late = np.empty((2, len(index)), dtype=np.int64)
    count = _before(columns, index, column, until_ns, early, late)
    return early[:count], late[: len(index) - count]


@kernel
def _before(
    columns: Columns, index: Index, column: int, until_ns: int, early: Index, late: Index
) -> int:
    e, n = 0, 0
    for i in index:
        if columns[column, i] < until_ns:
            early[e] = i
            e += 1
        else:
            late[n] = i
            n += 1
    return e


def where(
    columns: Columns, index: Index, table: NDArray[np.int64], value: int, by: int = SENSOR
) -> tuple[Index, Index]:
    """Return the indices of which a table has a value, and the others.

    Args:
        columns: the store's.
        index: of frames.
        table: numbers of sensors, or of what else a column has.
        value: the one that is looked for.
        by: the column by which the table is asked.
    """
    chosen, others = np.empty((2, len(index)), dtype=np.int64)
    count = _where(columns, index, table, value, by, chosen, others)
    return chosen[:count], others[: len(index) - count]


@kernel
def _where(
    columns: Columns, index: Index, table: Index, value: int, by: int, chosen: Index, others: Index
) -> int:
    c, n = 0, 0
    for i in index:
        if table[columns[by, i]] == value:
            chosen[c] = i
            c += 1
        else:
            others[n] = i
            n += 1
    return c


@kernel
def copy_column(columns: Columns, index: Index, source: int, target: int) -> None:
    """Copy one column of some frames to another."""
    for i in index:
        columns[target, i] = columns[source, i]


def conclude(columns: Columns, index: Index, until_ns: int) -> Index:
    """Make results of the frames that are done before a time; return the others."""
    done, late = before(columns, index, DONE, until_ns)
    columns[FATE, done] = RESULT
    return late
