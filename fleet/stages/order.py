"""The total order of every station: by (clock, sensor, frame).

A stable radix sort of the clocks, eleven bits at a time from the lowest; then the few frames with
equal clocks are put in order of sensor and frame. It reads and writes the frames' indices a fixed
number of times, whatever their order, and costs nothing but a look if they are in order already.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fleet.stages.frames import CLOCK, FRAME, SENSOR, Columns, Index

_BITS = 11
_DIGITS = 1 << _BITS
_FEW = 48
"""So many frames are sorted by insertion: clearing the digits would cost more."""


@njit(cache=True, error_model="numpy", inline="always")
def _after(columns: Columns, i: int, j: int) -> bool:
    """Return whether frame i comes after frame j of the same clock."""
    if columns[SENSOR, i] != columns[SENSOR, j]:
        return bool(columns[SENSOR, i] > columns[SENSOR, j])
    return bool(columns[FRAME, i] > columns[FRAME, j])


@njit(cache=True, error_model="numpy")
def _insert(columns: Columns, index: Index, begin: int, end: int) -> None:
    """Sort a part of some indices by insertion, in place."""
    for k in range(begin + 1, end):
        i = index[k]
        at = columns[CLOCK, i]
        j = k - 1
        while j >= begin:
            other = columns[CLOCK, index[j]]
            if other < at or (other == at and _after(columns, i, index[j])):
                break
            index[j + 1] = index[j]
            j -= 1
        index[j + 1] = i


@njit(cache=True, error_model="numpy")
def _settle_ties(columns: Columns, index: Index, clocks: Index) -> None:
    """Put frames of one clock in order of sensor and frame, in place; `clocks` ascend."""
    begin = 0
    while begin < len(index) - 1:
        end, ordered = begin + 1, True
        while end < len(index) and clocks[end] == clocks[begin]:
            ordered = ordered and _after(columns, index[end], index[end - 1])
            end += 1
        if not ordered and end - begin <= _FEW:
            _insert(columns, index, begin, end)
        elif not ordered:
            tied = index[begin:end].copy()
            who = np.empty(len(tied), dtype=np.int64)
            for k in range(len(tied)):
                who[k] = (columns[SENSOR, tied[k]] << 32) | columns[FRAME, tied[k]]
            index[begin:end] = tied[np.argsort(who)]
        begin = end


@njit(cache=True, error_model="numpy")
def _radix(index: Index, clocks: Index, least: int, span: int) -> tuple[Index, Index]:
    """Return indices and clocks sorted by clock; equal ones stay in their order."""
    moved, times = np.empty_like(index), np.empty_like(clocks)
    starts = np.empty(_DIGITS, dtype=np.int64)
    shift = 0
    while span >> shift > 0:
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
            moved[to] = index[k]
            times[to] = clocks[k]
        index, moved = moved, index
        clocks, times = times, clocks
        shift += _BITS
    return index, clocks


@njit(cache=True, error_model="numpy")
def in_order(columns: Columns, index: Index) -> Index:
    """Return indices sorted by (clock, sensor, frame).

    Args:
        columns: the store's columns.
        index: frames at a station, in any order; it is not changed.
    """
    ordered = True
    for k in range(1, len(index)):
        i, j = index[k], index[k - 1]
        if columns[CLOCK, i] <= columns[CLOCK, j]:
            if columns[CLOCK, i] < columns[CLOCK, j] or not _after(columns, i, j):
                ordered = False
                break
    if ordered:
        return index
    if len(index) <= _FEW:
        few = index.copy()
        _insert(columns, few, 0, len(few))
        return few
    clocks = np.empty(len(index), dtype=np.int64)
    for k in range(len(index)):
        clocks[k] = columns[CLOCK, index[k]]
    least = clocks.min()
    found, clocks = _radix(index.copy(), clocks, least, clocks.max() - least)
    _settle_ties(columns, found, clocks)
    return found
