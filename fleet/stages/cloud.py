"""A pool of like servers with one queue and dynamic batching.

A batch starts at the earliest time at which a server is free and either `max_batch` frames wait
or the oldest has waited `wait`; it takes the first min(waiting, max_batch) frames in order, those
that arrive at that very time among them, and keeps its server for t(b) = a + c·b. A frame that
arrives when `queue` frames wait is lost.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.stages.frames import CLOCK, DONE, FATE, INFER, LOST_CLOUD_QUEUE, START


@njit(cache=True, error_model="numpy")
def occupy(free_ns: NDArray[np.int64], end_ns: int) -> None:
    """Give the server that is free first a new free time: replace the top of a binary heap."""
    size = len(free_ns)
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and free_ns[child + 1] < free_ns[child]:
            child += 1
        if free_ns[child] >= end_ns:
            break
        free_ns[at] = free_ns[child]
        at = child
    free_ns[at] = end_ns


@njit(cache=True, error_model="numpy")
def due_ns(
    rows: NDArray[np.int64], waiting: NDArray[np.int64], max_batch: int, wait_ns: int
) -> int:
    """Return when a batch of waiting frames is due: when it is full or the oldest has waited."""
    due = rows[waiting[0], CLOCK] + wait_ns
    if len(waiting) >= max_batch:
        due = min(due, rows[waiting[max_batch - 1], CLOCK])
    return int(due)


@njit(cache=True, error_model="numpy")
def serve(
    rows: NDArray[np.int64],
    index: NDArray[np.int64],
    waiting: int,
    until_ns: int,
    free_ns: NDArray[np.int64],
    max_batch: int,
    wait_ns: int,
    queue_max: int,
    service_ns: NDArray[np.int64],
    order: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Run the pool up to a time.

    Args:
        rows: the store's rows; START and INFER of frames that start, FATE and DONE of lost ones
            are set in place.
        index: the frames that wait already, then arrivals before `until_ns` in order of (clock,
            sensor, frame).
        waiting: how many of them wait already.
        until_ns: batches that would start at or after this time stay undecided.
        free_ns: binary heap of the times at which the servers become free, changed in place;
            shape (servers,).
        max_batch: frames in a batch at most.
        wait_ns: longest time that an incomplete batch waits.
        queue_max: frames that may wait.
        service_ns: t(b) for b = 0..max_batch; shape (max_batch + 1,).
        order: filled with the indices of the admitted frames; shape (len(index),).

    Returns:
        (frames started, frames lost, service time handed out in ns, batches). The started frames
        are the first of `order`, the lost ones have their FATE set, the rest still waits.
    """
    order[:waiting] = index[:waiting]
    head, tail, arriving = 0, waiting, waiting
    lost, handed_out_ns, batches = 0, 0, 0
    while True:
        launch_ns = until_ns
        if tail > head and len(free_ns) > 0:
            launch_ns = max(free_ns[0], due_ns(rows, order[head:tail], max_batch, wait_ns))
        if arriving < len(index) and rows[index[arriving], CLOCK] <= launch_ns:
            if tail - head >= queue_max:
                row = rows[index[arriving]]
                row[FATE], row[DONE] = LOST_CLOUD_QUEUE, row[CLOCK]
                lost += 1
            else:
                order[tail] = index[arriving]
                tail += 1
            arriving += 1
            continue
        if launch_ns >= until_ns:
            return head, lost, handed_out_ns, batches
        size = min(max_batch, tail - head)
        end_ns = launch_ns + service_ns[size]
        occupy(free_ns, end_ns)
        handed_out_ns += service_ns[size]
        batches += 1
        for i in order[head : head + size]:
            rows[i, START], rows[i, INFER] = launch_ns, end_ns
        head += size
