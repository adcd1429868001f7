"""Who is free when: numbers in order, of which the smallest goes and another comes."""

from __future__ import annotations

from fleet.arrays import Ints
from fleet.kernel import inlined


@inlined
def first_of(ring: Ints) -> int:
    """Return the smallest number of a ring."""
    return int(ring[1 + ring[0]])


@inlined
def replace_first(ring: Ints, size: int, value: int) -> None:
    """Replace the smallest number of a ring.

    A ring is a row of numbers in ascending order that begins anywhere: `ring[0]` says where, the
    numbers are `ring[1:1 + size]`. A new one is mostly the largest, as decoding and batches take
    much the same time, so it is looked for a place from the end: one step instead of a search.
    """
    at = ring[0]
    ring[0] = at + 1 if at + 1 < size else 0
    for _ in range(size - 1):
        before = at - 1 if at > 0 else size - 1
        if ring[1 + before] <= value:
            break
        ring[1 + at] = ring[1 + before]
        at = before
    ring[1 + at] = value
