"""The total order of every station: by (clock, sensor, frame).

A stable radix sort of the clocks, eleven bits at a time from the lowest; then the few frames with
equal clocks are put in order of sensor and frame. It reads and writes the frames' indices a fixed
number of times, whatever their order, and costs nothing but a look if they are in order already.
"""

from __future__ import annotations

import numpy as np

from fleet.kernel import kernel, part
from fleet.stages.frames import CLOCK, FRAME, SENSOR, Columns, Index

_BITS = 11
_DIGITS = 1 << _BITS
_FEW = 48
"""So many frames are sorted by comparing them: clearing the digits would cost more."""


@part
def _after(columns: Columns, i: int, j: int) -> bool:
    """Return whether frame i comes after frame j of the same clock."""
    if columns[SENSOR, i] != columns[SENSOR, j]:
        return bool(columns[SENSOR, i] > columns[SENSOR, j])
    return bool(columns[FRAME, i] > columns[FRAME, j])


@kernel
def _in_order(columns: Columns, index: Index) -> bool:
    """Return whether indices are in the total order already."""
    for k in range(1, len(index)):
        i, j = index[k], index[k - 1]
        if columns[CLOCK, i] < columns[CLOCK, j]:
            return False
        if columns[CLOCK, i] == columns[CLOCK, j] and not _after(columns, i, j):
            return False
    return True


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
def _settle_ties(columns: Columns, index: Index, clocks: Index) -> None:
    """Put frames of one clock in order of sensor and frame, in place; `clocks` ascend."""
    begin = 0
    while begin < len(index) - 1:
        end, ordered = begin + 1, True
        while end < len(index) and clocks[end] == clocks[begin]:
            ordered = ordered and _after(columns, index[end], index[end - 1])
            end += 1
        if not ordered:
            _shell_sort(columns, index, begin, end)
        begin = end


@kernel
def _radix_sort(columns: Columns, index: Index, room: Columns, starts: Index) -> int:
    """Sort indices by clock; return the row of `room`, of shape (4, frames), in which they are."""
    found, other, clocks, times = room[0], room[1], room[2], room[3]
    least = columns[CLOCK, index[0]]
    most = least
    for k in range(len(index)):
        found[k] = index[k]
        clocks[k] = columns[CLOCK, index[k]]
        least, most = min(least, clocks[k]), max(most, clocks[k])
    passes = 0
    while (most - least) >> (_BITS * passes) > 0:
        shift = _BITS * passes
        starts[:] = 0
        for clock in clocks:
            starts[((clock - least) >> shift) & (_DIGITS - 1)] += 1
        total = 0
        for digit in range(_DIGITS):
            count = starts[digit]
            starts[digit] = total
            total += count
        for k in range(len(index)):
            digit = ((clocks[k] - least) >> shift) & (_DIGITS - 1)
            to = starts[digit]
            starts[digit] = to + 1
            other[to] = found[k]
            times[to] = clocks[k]
        found, other, clocks, times = other, found, times, clocks
        passes += 1
    _settle_ties(columns, found, clocks)
    return passes & 1


def in_order(columns: Columns, index: Index) -> Index:
    """Return indices sorted by (clock, sensor, frame).

    Args:
        columns: the store's columns.
        index: frames at a station, in any order; it is not changed.
    """
    if len(index) < 2 or _in_order(columns, index):
        return index
    if len(index) <= _FEW:
        few = index.copy()
        _shell_sort(columns, few, 0, len(few))
        return few
    room = np.empty((4, len(index)), dtype=np.int64)
    found: Index = room[_radix_sort(columns, index, room, np.empty(_DIGITS, dtype=np.int64))]
    return found
