"""Frames that wait in pools: a ring for each pool, with room for all frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints


class Queue(NamedTuple):
    """Frames that wait in some pools, each in a ring of its own; fields have a row a pool.

    Attributes:
        slots: of the frames; shape (pools, a power of two).
        came_ns: when each came.
        ends: how many have left and how many have come; shape (pools, 2).
    """

    slots: Ints
    came_ns: Ints
    ends: Ints


def queue(pools: int, room: int) -> Queue:
    """Return empty rings with room for so many frames at least."""
    size = 1 << max(4, int(room - 1).bit_length())
    return Queue(
        np.zeros((pools, size), dtype=np.int64), np.zeros((pools, size), dtype=np.int64),
        np.zeros((pools, 2), dtype=np.int64),
    )  # fmt: skip


def held(queues: Queue, pool: int) -> Ints:
    """Return the slots of the frames that wait in a pool, in order."""
    first, last = queues.ends[pool]
    waiting: Ints = queues.slots[pool, np.arange(first, last) & (queues.slots.shape[1] - 1)]
    return waiting


def roomier(queues: Queue, room: int) -> Queue:
    """Return the same queues with room for so many frames in each pool."""
    if room <= queues.slots.shape[1]:
        return queues
    wide = queue(len(queues.ends), room)
    for p in range(len(queues.ends)):
        slots = held(queues, p)
        at = np.arange(*queues.ends[p]) & (queues.slots.shape[1] - 1)
        wide.slots[p, : len(slots)], wide.came_ns[p, : len(slots)] = slots, queues.came_ns[p, at]
        wide.ends[p, 1] = len(slots)
    return wide
