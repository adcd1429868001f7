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

A second network looks at the N objects that the first finds in the frames of a batch, as far as it
looks at so many of a frame: u(N) = ceil(N / B)·a' + c'·N is added to t(b), and with s'·a' to h(b).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints, Keys
from fleet.columns.rings import first_of, replace_first
from fleet.kernel import inlined, kernel
from fleet.model.frames import (
    CLOCK,
    DECODED,
    DONE,
    FATE,
    FRAME,
    IN_FLIGHT,
    INFER,
    LOST_DEADLINE,
    LOST_DECODE_QUEUE,
    OBJECTS,
    SENSOR,
    SIGHT,
    START,
    Columns,
    Index,
)
from fleet.model.link import service_ns
from fleet.model.servers import KINDS, PoolTable, batch_ns, second_ns
from fleet.model.sight import found, of_area


class Decoders(NamedTuple):
    """The decoders of some pools as kernels take them; one row a pool.

    Attributes:
        rings: when decoders are free, times `KINDS`, plus their kind; changed in place.
        sizes: number of decoders.
        rates: pixels a second of a decoder by kind.
        pixels: to decode of a whole picture, by sensor.
        sights: rows of the traces, which say how much of a picture was sent.
        queue: frames that may wait.
        spent_ns: time handed out by kind, added to in place.
        idle_ns: [1] takes when a frame last found a decoder idle.
    """

    rings: Ints
    sizes: Ints
    rates: Ints
    pixels: Ints
    sights: Ints
    queue: Ints
    spent_ns: Ints
    idle_ns: Ints


class Second(NamedTuple):
    """The second networks of some pools as kernels take them; one row a network, as of `Servers`.

    Attributes:
        rows: of the traces of what eyes see.
        most: objects of a frame that it looks at, 0 without one.
        batch: objects in a batch of it.
        base_ns, hold_ns, per_ns: of a batch of objects, of it that a server is held for, and of an
            object, by kind.
        looked_at: objects by kind, added to in place.
    """

    rows: Ints
    most: Ints
    batch: Ints
    base_ns: Ints
    hold_ns: Ints
    per_ns: Ints
    looked_at: Ints


class Servers(NamedTuple):
    """The servers of some pools as kernels take them; one row a pool, or a network.

    Networks are the own one of each pool, and behind these what others there are.

    Attributes:
        rings: when servers are free, times `KINDS`, plus their kind; changed in place.
        sizes: number of servers.
        table: the table of pools, by network.
        variation: of service times, by network.
        mean_ns, hold_ns: t(b) and h(b) by network and kind for b = 0..
        keys: the service keys by sensor.
        served_ns: time held by pool and kind, added to in place.
        batches, started: batches and frames by network and kind, likewise.
        idle_ns: [0] takes when a batch that was due last found a server idle.
        second: the networks that look at what is found in frames.
    """

    rings: Ints
    sizes: Ints
    table: PoolTable
    variation: Floats
    mean_ns: Ints
    hold_ns: Ints
    keys: Keys
    served_ns: Ints
    batches: Ints
    started: Ints
    idle_ns: Ints
    second: Second


class Queues(NamedTuple):
    """The frames before some pools: those of the first, then of the second, and so on.

    Attributes:
        slots: of each pool those that wait already, then arrivals in order of (clock, sensor,
            frame).
        ends: where each pool's frames end.
        waiting: how many of them wait already.
        order: filled with the indices of the admitted frames; like `slots`.
        heads: filled with how many of them have started or passed their deadline.
        tails: filled with how many were admitted.
    """

    slots: Ints
    ends: Ints
    waiting: Ints
    order: Ints
    heads: Ints
    tails: Ints


@kernel
def decode(
    columns: Columns, index: Ints, order: Ints, waiting: int, until_ns: int, decoders: Decoders,
    p: int,
) -> tuple[int, int]:  # fmt: skip
    """Run the decoders of a pool up to a time.

        start = max(arrival, first decoder free),  decoded = start + floor(pixels · 10⁹ / rate)

    Args:
        columns: the store's columns; DECODED and CLOCK of frames that start, FATE and DONE of lost
            ones are set in place.
        index: the frames that wait already, then arrivals before `until_ns` in order of (clock,
            sensor, frame).
        order: filled with the indices of the admitted frames; shape (len(index),).
        waiting: how many of them wait already.
        until_ns: what would start at or after this time stays undecided.
        decoders: those of all pools.
        p: which pool.

    Returns:
        (frames of `order` that have started, frames admitted); the others wait.
    """
    ring, size, rates = decoders.rings[p], decoders.sizes[p], decoders.rates[p]
    pixels, queue = decoders.pixels, decoders.queue[p]
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
                decoders.idle_ns[p, 1] = start_ns
            much = of_area(decoders.sights, columns[SIGHT, i], pixels[columns[SENSOR, i]])
            if much != work or rates[kind] != speed:
                work, speed = much, rates[kind]
                spent = service_ns(work, speed)
            columns[DECODED, i] = columns[CLOCK, i] = start_ns + spent
            decoders.spent_ns[p, kind] += spent
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


@inlined
def launch(
    columns: Columns, batch: Index, launch_ns: int, servers: Servers, p: int, w: int
) -> None:
    """Start a batch of network `w` at a time, on the server of `p` that has been free longest."""
    ring, count, lead, second = servers.rings[p], len(batch), batch[0], servers.second
    law, variation, kind = servers.table.law[w], servers.variation[w], first_of(ring) % KINDS
    mean_ns, hold_ns = servers.mean_ns[w, kind, count], servers.hold_ns[w, kind, count]
    if second.most[w] > 0:
        objects = 0
        for i in batch:
            objects += min(
                second.most[w], found(second.rows, columns[SIGHT, i], columns[OBJECTS, i])
            )
        size, each = second.batch[w], second.per_ns[w, kind]
        mean_ns += second_ns(objects, size, second.base_ns[w, kind], each)
        hold_ns += second_ns(objects, size, second.hold_ns[w, kind], each)
        second.looked_at[w, kind] += objects
    key, frame = servers.keys[columns[SENSOR, lead]], columns[FRAME, lead]
    spent = batch_ns(mean_ns, law, variation, key, frame)
    held = batch_ns(hold_ns, law, variation, key, frame)
    replace_first(ring, servers.sizes[p], (launch_ns + held) * KINDS + kind)
    servers.served_ns[p, kind] += held
    servers.batches[w, kind] += 1
    servers.started[w, kind] += count
    for i in batch:
        columns[START, i], columns[INFER, i] = launch_ns, launch_ns + spent


@kernel
def serve(
    columns: Columns, index: Ints, order: Ints, waiting: int, until_ns: int, servers: Servers,
    p: int,
) -> tuple[int, int]:  # fmt: skip
    """Run the servers of a pool up to a time; the arguments are those of `decode`.

    Returns:
        (frames of `order` that have started or are lost, which have FATE set, frames admitted).
    """
    ring, size, table = servers.rings[p], servers.sizes[p], servers.table
    max_batch, wait_ns, deadline_ns = table.max_batch[p], table.wait_ns[p], table.deadline_ns[p]
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
            if tail - head >= table.queue[p]:
                i = index[arriving]
                columns[FATE, i], columns[DONE, i] = table.queue_lost[p], columns[CLOCK, i]
            else:
                order[tail] = index[arriving]
                tail += 1
            arriving += 1
        elif launch_ns >= until_ns:
            return head, tail
        else:
            if first_of(ring) // KINDS <= due:
                servers.idle_ns[p, 0] = launch_ns
            count = min(max_batch, tail - head)
            launch(columns, order[head : head + count], launch_ns, servers, p, p)
            head += count


@kernel
def decode_all(columns: Columns, queues: Queues, until_ns: int, decoders: Decoders) -> None:
    """Run `decode` for each of several pools."""
    begin = 0
    for p in range(len(queues.ends)):
        end = queues.ends[p]
        queues.heads[p], queues.tails[p] = decode(
            columns, queues.slots[begin:end], queues.order[begin:end], queues.waiting[p], until_ns,
            decoders, p,
        )  # fmt: skip
        begin = end


@kernel
def serve_all(columns: Columns, queues: Queues, until_ns: int, servers: Servers) -> None:
    """Run `serve` for each of several pools."""
    begin = 0
    for p in range(len(queues.ends)):
        end = queues.ends[p]
        queues.heads[p], queues.tails[p] = serve(
            columns, queues.slots[begin:end], queues.order[begin:end], queues.waiting[p], until_ns,
            servers, p,
        )  # fmt: skip
        begin = end


def sort_out(columns: Columns, queues: Queues) -> tuple[Ints, Ints]:
    """Return (frames that started, frames that wait), pool by pool, after a run of all pools."""
    out = np.empty((2, len(queues.order)), dtype=np.int64)
    s, w = _sort_out(columns, queues, out)
    return out[0, :s], out[1, :w]


@kernel
def _sort_out(columns: Columns, queues: Queues, out: Ints) -> tuple[int, int]:
    n, w, begin = 0, 0, 0
    for p in range(len(queues.ends)):
        for k in range(begin, begin + queues.tails[p]):
            i = queues.order[k]
            if k - begin >= queues.heads[p]:
                out[1, w] = i
                w += 1
            elif columns[FATE, i] == IN_FLIGHT:
                out[0, n] = i
                n += 1
        begin = queues.ends[p]
    return n, w
