"""Pools of servers, in the cloud or at the edge: decoding, then one queue with dynamic batching.

Decoding is a FIFO in front of `decoders` alike, each of which takes `pixels / decode rate` for a
frame. It is done at once where a frame is not encoded or nothing is said about decoders.

A batch starts at the earliest time at which a server is free and either `max_batch` frames wait
or the oldest has waited `wait`; it takes the first min(waiting, max_batch) frames in order, those
that arrive at that very time among them. Its results are there after t(b) = a + c·b, and it holds
its server for h(b) = s·a + c·b: the rest of `a` (copies, launches) overlaps with the next batch.
Both are multiplied by one draw if the service varies. The server that has been free longest takes a
batch. A frame that arrives when `queue` frames wait is lost; one that has waited `deadline` when no
batch takes it is lost too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints, Record
from fleet.kernel import inlined, kernel
from fleet.model.frames import (
    BITS,
    CLOCK,
    DECODED,
    DONE,
    FATE,
    FRAME,
    IN_FLIGHT,
    INFER,
    LOST_DEADLINE,
    LOST_DECODE_QUEUE,
    PAYLOAD,
    RESULT,
    SENSOR,
    START,
    Columns,
)
from fleet.model.link import service_ns
from fleet.model.servers import (
    KINDS,
    PoolTable,
    batch_ns,
)


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


@kernel
def decode(
    columns: Columns, index: Ints, waiting: int, until_ns: int, ring: Ints, size: int, rates: Ints,
    pixels: Ints, queue: int, order: Ints, decoding_ns: Ints, idle_ns: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Run the decoders of a pool up to a time.

        start = max(arrival, first decoder free),  decoded = start + floor(pixels · 10⁹ / rate)

    Args:
        columns: the store's columns; DECODED and CLOCK of frames that start, FATE and DONE of lost
            ones are set in place.
        index: the frames that wait already, then arrivals before `until_ns` in order of (clock,
            sensor, frame).
        waiting: how many of them wait already.
        until_ns: what would start at or after this time stays undecided.
        ring: when decoders are free, times `KINDS`, plus their kind; changed in place.
        size: number of decoders.
        rates: pixels a second of a decoder by kind.
        pixels: to decode of a frame, by sensor.
        queue: frames that may wait.
        order: filled with the indices of the admitted frames; shape (len(index),).
        decoding_ns: time handed out by kind, added to in place.
        idle_ns: [1] takes when a frame last found a decoder idle.

    Returns:
        (frames of `order` that have started, frames admitted); the others wait.
    """
    for k in range(waiting):
        order[k] = index[k]
    head, tail, arriving = 0, waiting, waiting
    work, speed, spent = 0, 1, 0  # many frames in a row are alike: a division less
    while True:
        start_ns = until_ns
        if tail > head and size > 0:
            start_ns = max(first_of(ring) // KINDS, columns[CLOCK, order[head]])
        if arriving < len(index) and columns[CLOCK, index[arriving]] <= start_ns:
            if tail - head >= queue:
                i = index[arriving]
                columns[FATE, i], columns[DONE, i] = LOST_DECODE_QUEUE, columns[CLOCK, i]
            else:
                order[tail] = index[arriving]
                tail += 1
            arriving += 1
        elif start_ns >= until_ns:
            return head, tail
        else:
            kind, i = first_of(ring) % KINDS, order[head]
            if first_of(ring) // KINDS <= columns[CLOCK, i]:
                idle_ns[1] = start_ns
            if pixels[columns[SENSOR, i]] != work or rates[kind] != speed:
                work, speed = pixels[columns[SENSOR, i]], rates[kind]
                spent = service_ns(work, speed)
            columns[DECODED, i] = columns[CLOCK, i] = start_ns + spent
            decoding_ns[kind] += spent
            replace_first(ring, size, (start_ns + spent) * KINDS + kind)
            head += 1


@inlined
def due_ns(
    columns: Columns, order: Ints, head: int, tail: int, max_batch: int, wait_ns: int
) -> int:
    """Return when a batch is due: when it is full or the oldest has waited.

    Frames `order[head:tail]` wait.
    """
    due = columns[CLOCK, order[head]] + wait_ns
    if tail - head >= max_batch:
        due = min(due, columns[CLOCK, order[head + max_batch - 1]])
    return int(due)


@kernel
def serve(
    columns: Columns, index: Ints, waiting: int, until_ns: int, ring: Ints, size: int, rule: Record,
    variation: float, mean_ns: Ints, hold_ns: Ints, keys: NDArray[np.uint64], order: Ints,
    served_ns: Ints, batches: Ints, started: Ints, idle_ns: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Run the servers of a pool up to a time.

    The arguments are those of `decode`, with servers for decoders; `rule` is the pool's row of the
    table of pools, `variation` that of its service time, `mean_ns` and `hold_ns` t(b) and h(b) by
    kind for b = 0.., `keys` the service keys by sensor. `served_ns` (time held), `batches` and
    `started` (frames) are added to in place, by kind; `idle_ns[0]` takes when a batch that was due
    last found a server idle.

    Returns:
        (frames of `order` that have started or passed their deadline, frames admitted); those
        between wait. Frames that are lost have their FATE set.
    """
    max_batch, wait_ns, deadline_ns = rule.max_batch, rule.wait_ns, rule.deadline_ns
    for k in range(waiting):
        order[k] = index[k]
    head, tail, arriving = 0, waiting, waiting
    while True:
        launch_ns, expiry_ns, due = until_ns, until_ns, until_ns
        if tail > head:
            if size > 0:
                due = due_ns(columns, order, head, tail, max_batch, wait_ns)
                launch_ns = max(first_of(ring) // KINDS, due)
            if deadline_ns > 0:
                expiry_ns = min(until_ns, columns[CLOCK, order[head]] + deadline_ns)
        arrival_ns = columns[CLOCK, index[arriving]] if arriving < len(index) else until_ns
        if expiry_ns < min(launch_ns, arrival_ns):
            i = order[head]
            columns[FATE, i], columns[DONE, i] = LOST_DEADLINE, expiry_ns
            head += 1
        elif arrival_ns <= launch_ns and arriving < len(index):
            if tail - head >= rule.queue:
                i = index[arriving]
                columns[FATE, i], columns[DONE, i] = rule.queue_lost, columns[CLOCK, i]
            else:
                order[tail] = index[arriving]
                tail += 1
            arriving += 1
        elif launch_ns >= until_ns:
            return head, tail
        else:
            kind = first_of(ring) % KINDS
            if first_of(ring) // KINDS <= due:
                idle_ns[0] = launch_ns
            count = min(max_batch, tail - head)
            lead = order[head]
            key, frame = keys[columns[SENSOR, lead]], columns[FRAME, lead]
            spent = batch_ns(mean_ns[kind, count], rule.law, variation, key, frame)
            held = batch_ns(hold_ns[kind, count], rule.law, variation, key, frame)
            replace_first(ring, size, (launch_ns + held) * KINDS + kind)
            served_ns[kind] += held
            batches[kind] += 1
            started[kind] += count
            for k in range(head, head + count):
                columns[START, order[k]], columns[INFER, order[k]] = launch_ns, launch_ns + spent
            head += count


@kernel
def decode_all(
    columns: Columns, index: Ints, ends: Ints, waiting: Ints, until_ns: int, rings: Ints,
    sizes: Ints, rates: Ints, pixels: Ints, table: PoolTable, order: Ints, heads: Ints, tails: Ints,
    decoding_ns: Ints, idle_ns: Ints,
) -> None:  # fmt: skip
    """Run `decode` for each of several pools.

    `index` holds the frames of the first pool, then of the second, and so on; `ends` says where
    each pool's frames end, `waiting` how many of them wait already. `order` is like `index`.
    `heads` and `tails` take what `decode` returns for each pool. All else is as in `decode`, with
    one row a pool; `table` is the table of pools.
    """
    begin = 0
    for p in range(len(ends)):
        end = ends[p]
        heads[p], tails[p] = decode(
            columns, index[begin:end], waiting[p], until_ns, rings[p], sizes[p], rates[p], pixels,
            table.queue[p], order[begin:end], decoding_ns[p], idle_ns[p],
        )  # fmt: skip
        begin = end


@kernel
def serve_all(
    columns: Columns, index: Ints, ends: Ints, waiting: Ints, until_ns: int, rings: Ints,
    sizes: Ints, table: PoolTable, variation: NDArray[np.float64], mean_ns: Ints, hold_ns: Ints,
    keys: NDArray[np.uint64], order: Ints, heads: Ints, tails: Ints, served_ns: Ints,
    batches: Ints, started: Ints, idle_ns: Ints,
) -> None:  # fmt: skip
    """Run `serve` for each of several pools; arrays are laid out as in `decode_all`."""
    begin = 0
    for p in range(len(ends)):
        end = ends[p]
        heads[p], tails[p] = serve(
            columns, index[begin:end], waiting[p], until_ns, rings[p], sizes[p], table[p],
            variation[p], mean_ns[p], hold_ns[p], keys, order[begin:end], served_ns[p],
            batches[p], started[p], idle_ns[p],
        )  # fmt: skip
        begin = end


def sort_out(
    columns: Columns, order: Ints, ends: Ints, heads: Ints, tails: Ints
) -> tuple[Ints, Ints]:
    """Return (frames that started, frames that wait), pool by pool, after a run of all pools."""
    started, wait = np.empty((2, len(order)), dtype=np.int64)
    s, w = _sort_out(columns, order, ends, heads, tails, started, wait)
    return started[:s], wait[:w]


@kernel
def _sort_out(
    columns: Columns, order: Ints, ends: Ints, heads: Ints, tails: Ints, started: Ints, wait: Ints
) -> tuple[int, int]:
    n, w, begin = 0, 0, 0
    for p in range(len(ends)):
        for k in range(begin, begin + tails[p]):
            i = order[k]
            if k - begin >= heads[p]:
                wait[w] = i
                w += 1
            elif columns[FATE, i] == IN_FLIGHT:
                started[n] = i
                n += 1
        begin = ends[p]
    return n, w


def send_back(
    columns: Columns, ended: Ints, to_site: Ints, last: bool, return_ns: Ints, result_bytes: Ints,
    result_bits: Ints, until_ns: int,
) -> tuple[Ints, Ints]:  # fmt: skip
    """Send the results of batches to their consumers; return (those under way, those that go on).

    A result whose consumer is at its site, and every one behind the `last` level, is done after the
    way back; it is a result at once if that is before `until_ns`, else it is under way. The others
    go on upwards, as large as a result is.

    Args:
        columns: the store's columns; DONE and FATE of the first, CLOCK, PAYLOAD and BITS of the
            others are set in place.
        ended: frames whose results are there.
        to_site: 1 if the consumer is at the site, by sensor; so are the next three.
        last: whether these servers are at the region.
        return_ns: way back.
        result_bytes: payload of a result.
        result_bits: the same on the wire.
        until_ns: how far the process has come.
    """
    under_way, on = np.empty((2, len(ended)), dtype=np.int64)
    u, n = _send_back(
        columns, ended, to_site, last, return_ns, result_bytes, result_bits, until_ns, under_way, on
    )
    return under_way[:u], on[:n]


@kernel
def _send_back(
    columns: Columns, ended: Ints, to_site: Ints, last: bool, return_ns: Ints, result_bytes: Ints,
    result_bits: Ints, until_ns: int, under_way: Ints, on: Ints,
) -> tuple[int, int]:  # fmt: skip
    u, n = 0, 0
    for i in ended:
        s = columns[SENSOR, i]
        if last or to_site[s] == 1:
            done = columns[INFER, i] + return_ns[s]
            columns[DONE, i] = done
            if done < until_ns:
                columns[FATE, i] = RESULT
            else:
                under_way[u] = i
                u += 1
        else:
            columns[CLOCK, i] = columns[INFER, i]
            columns[PAYLOAD, i], columns[BITS, i] = result_bytes[s], result_bits[s]
            on[n] = i
            n += 1
    return u, n
