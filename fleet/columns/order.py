"""The total order of every station: by (clock, sensor, frame).

A radix sort of the clocks by their highest 22 bits, eleven at a time; then the few frames that have
these in common are put in order of clock, sensor and frame. It reads and writes the frames' indices
twice, whatever their order, and costs nothing but a look if they are in order already.
"""

from __future__ import annotations

import numpy as np

from fleet.kernel import inlined, kernel
from fleet.model.frames import CLOCK, FRAME, NO_FRAMES, SENSOR, Columns, Index

_BITS = 11
_DIGITS = 1 << _BITS
_FEW = 48
"""So many frames are sorted by comparing them: clearing the digits would cost more."""


@inlined
def _after(columns: Columns, i: int, j: int) -> bool:
    """Return whether frame i comes after frame j of the same clock."""
    if columns[SENSOR, i] != columns[SENSOR, j]:
        return bool(columns[SENSOR, i] > columns[SENSOR, j])
    return bool(columns[FRAME, i] > columns[FRAME, j])


@kernel
def _select(
    columns: Columns, index: Index, until_ns: int, early: Index, late: Index, clocks: Index
) -> tuple[int, bool]:
    """Split frames by clock; return (how many are early, whether they are in the total order)."""
    e, n, ordered, before = 0, 0, True, -1
    for i in index:
        clock = columns[CLOCK, i]
        if clock < until_ns:
            if clock <= before and (clock < before or not _after(columns, i, early[e - 1])):
                ordered = False
            early[e], clocks[e] = i, clock
            before = clock
            e += 1
        else:
            late[n] = i
            n += 1
    return e, ordered


@kernel
def _shell_sort(columns: Columns, index: Index, begin: int, end: int) -> None:
    """Sort a part of some indices in place; a first pass by insertion if it is short."""
    gap = 1
    while 3 * gap + 1 < (end - begin) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(begin + gap, end):
            i = index[k]
            at = columns[CLOCK, i]
            j = k - gap
            while j >= begin:
                other = columns[CLOCK, index[j]]
                if other < at or (other == at and _after(columns, i, index[j])):
                    break
                index[j + gap] = index[j]
                j -= gap
            index[j + gap] = i
        gap //= 3


@kernel
def _settle(columns: Columns, index: Index, clocks: Index, least: int, shift: int) -> None:
    """Put frames whose clocks have the same high bits in the total order, in place.

    `index` is sorted by `(clock - least) >> shift`, and `clocks` goes with it.
    """
    begin = 0
    while begin < len(index) - 1:
        high = (clocks[begin] - least) >> shift
        end, ordered = begin + 1, True
        while end < len(index) and (clocks[end] - least) >> shift == high:
            later = clocks[end] > clocks[end - 1] or (
                clocks[end] == clocks[end - 1] and _after(columns, index[end], index[end - 1])
            )
            ordered = ordered and later
            end += 1
        if not ordered:
            _shell_sort(columns, index, begin, end)
        begin = end


@kernel
def _radix_sort(
    columns: Columns, found: Index, clocks: Index, other: Index, times: Index, starts: Index
) -> None:
    """Sort frames by the high bits of their clocks in two rounds, then settle what is left."""
    least, most = clocks[0], clocks[0]
    for clock in clocks:
        least, most = min(least, clock), max(most, clock)
    shift = 0
    while (most - least) >> shift >> (2 * _BITS) > 0:
        shift += 1
    for place in range(2):
        down = shift + place * _BITS
        starts[:] = 0
        for clock in clocks:
            starts[((clock - least) >> down) & (_DIGITS - 1)] += 1
        total = 0
        for digit in range(_DIGITS):
            count = starts[digit]
            starts[digit] = total
            total += count
        for k in range(len(found)):
            digit = ((clocks[k] - least) >> down) & (_DIGITS - 1)
            to = starts[digit]
            starts[digit] = to + 1
            other[to] = found[k]
            times[to] = clocks[k]
        found, other, clocks, times = other, found, times, clocks
    _settle(columns, found, clocks, least, shift)


def due(columns: Columns, index: Index, until_ns: int, *, sort: bool = True) -> tuple[Index, Index]:
    """Return (frames whose clock is before a time, in the total order; the others as they were).

    Args:
        columns: the store's columns.
        index: frames at a station, in any order.
        until_ns: the time.
        sort: whether their order matters; if not, the first stay as they were too.
    """
    if not len(index):
        return NO_FRAMES, NO_FRAMES
    early, late, clocks, other, times = np.empty((5, len(index)), dtype=np.int64)
    count, ordered = _select(columns, index, until_ns, early, late, clocks)
    found, rest = early[:count], late[: len(index) - count]
    if ordered or not sort:
        return found, rest
    if count <= _FEW:
        _shell_sort(columns, found, 0, count)
        return found, rest
    starts = np.empty(_DIGITS, dtype=np.int64)
    _radix_sort(columns, found, clocks[:count], other[:count], times[:count], starts)
    return found, rest
