"""Pools that groups share: the highest priority first, and among equals by weighted fair shares.

All else is as in `fleet.columns.serving`: when a batch is due, whom a full queue and a deadline
lose. Which frames a batch takes is start-time fair queueing (Goyal, Vin and Cheng 1996, SIGCOMM)
with a frame as the unit of work, within the highest priority of which a frame waits; behind the
first frame of a batch those of other networks are passed over. A tag of a
group is how far the start tag of its next frame lies before the virtual time, which is the start
tag of the last frame that was taken: so that is always zero, tags are taken down with it and not
below it, and none grows for ever. When nobody of a priority waits, all its tags are equal.

Frames that wait are chained in the order in which they came, and those of a group too, so that one
is taken out of the midst in a few steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.columns.rings import first_of
from fleet.columns.serving import Queues, Servers, launch
from fleet.kernel import inlined, kernel
from fleet.model.frames import (
    CLOCK,
    DONE,
    FATE,
    LOST_DEADLINE,
    SENSOR,
    Columns,
)
from fleet.model.servers import KINDS


class Shares(NamedTuple):
    """Who shares some pools as kernels take it.

    Attributes:
        group_of: group of each sensor.
        priority, cost: by pool and group (`fleet.plan.plant.Tenants`).
        network: row of the network of each group at each pool (`fleet.columns.serving.Servers`).
        tags: of each group in each pool; changed in place.
    """

    group_of: Ints
    priority: Ints
    cost: Ints
    network: Ints
    tags: Ints


class Chains(NamedTuple):
    """The frames that wait at a pool, by their places in its `order`; -1 is none.

    Attributes:
        later, earlier: who came next, and before, of all that wait.
        follow: who came next of its group.
        first, last: of each group.
        ends: first and last of all.
        taken: the frames that have left it, in that order.
    """

    later: Ints
    earlier: Ints
    follow: Ints
    first: Ints
    last: Ints
    ends: Ints
    taken: Ints

    @staticmethod
    def room(frames: int, groups: int) -> Chains:
        """Return room for so many frames of so many groups."""
        later, earlier, follow, taken = np.empty((4, frames), dtype=np.int64)
        first, last = np.empty((2, groups), dtype=np.int64)
        return Chains(later, earlier, follow, first, last, np.empty(2, dtype=np.int64), taken)


@inlined
def append(chains: Chains, k: int, g: int) -> None:
    """Let a frame of a group wait behind all others."""
    newest = chains.ends[1]
    if newest >= 0:
        chains.later[newest] = k
    else:
        chains.ends[0] = k
    chains.earlier[k], chains.later[k], chains.follow[k] = newest, -1, -1
    chains.ends[1] = k
    if chains.first[g] >= 0:
        chains.follow[chains.last[g]] = k
    else:
        chains.first[g] = k
    chains.last[g] = k


@inlined
def remove(chains: Chains, g: int) -> int:
    """Take the first frame of a group out; return its place."""
    k = chains.first[g]
    chains.first[g] = chains.follow[k]
    before, behind = chains.earlier[k], chains.later[k]
    if before >= 0:
        chains.later[before] = behind
    else:
        chains.ends[0] = behind
    if behind >= 0:
        chains.earlier[behind] = before
    else:
        chains.ends[1] = before
    return int(k)


@inlined
def place_behind(chains: Chains, count: int) -> int:
    """Return the place of the frame that came as the so-manieth of those that wait, from 1."""
    k = chains.ends[0]
    for _ in range(count - 1):
        k = chains.later[k]
    return int(k)


@inlined
def level_tags(chains: Chains, priority: Ints, tags: Ints, g: int) -> None:
    """Make the tags of a priority equal if nobody of it waits, as a frame of a group comes.

    A group of which nobody waits begins no earlier than the virtual time.
    """
    if chains.first[g] < 0:
        tags[g] = max(0, tags[g])
    for h in range(len(tags)):
        if priority[h] == priority[g] and chains.first[h] >= 0:
            return
    for h in range(len(tags)):
        if priority[h] == priority[g]:
            tags[h] = 0


@inlined
def turn(chains: Chains, shares: Shares, p: int, only: int) -> int:
    """Return the group whose turn it is, -1 if nobody waits.

    Args:
        chains: who waits.
        shares: who shares the pools.
        p: which pool.
        only: the network of a batch that is put together, -1 for any.
    """
    tags, priority, network = shares.tags[p], shares.priority[p], shares.network[p]
    g = -1
    for h in range(len(tags)):
        if chains.first[h] < 0 or (only >= 0 and network[h] != only):
            continue
        if (
            g < 0
            or priority[h] > priority[g]
            or (
                priority[h] == priority[g]
                and (
                    tags[h] < tags[g] or (tags[h] == tags[g] and chains.first[h] < chains.first[g])
                )
            )
        ):
            g = h
    return g


@inlined
def take(chains: Chains, priority: Ints, cost: Ints, tags: Ints, g: int) -> int:
    """Take out the first frame of a group, and charge it; return its place.

    The virtual time comes to the start tag of the frame, if that is ahead. Where a batch is of one
    network, frames of others that wait may have start tags before it: these keep them.
    """
    ahead = max(0, tags[g])
    for h in range(len(tags)):
        if priority[h] == priority[g]:
            tags[h] -= ahead
            if chains.first[h] < 0:
                tags[h] = max(0, tags[h])
    tags[g] += cost[g]
    return remove(chains, g)


@inlined
def line_up(
    columns: Columns, index: Ints, order: Ints, waiting: int, shares: Shares, chains: Chains
) -> None:
    """Begin with the frames that wait already, which come first."""
    chains.ends[0] = chains.ends[1] = -1
    for g in range(len(chains.first)):
        chains.first[g] = -1
    for k in range(waiting):
        order[k] = index[k]
        append(chains, k, shares.group_of[columns[SENSOR, order[k]]])


@inlined
def settle(order: Ints, chains: Chains, n: int) -> int:
    """Lay out who has left, so many, then who waits, in order; return how many there are."""
    taken, tail, k = chains.taken, n, chains.ends[0]
    while k >= 0:
        taken[tail] = order[k]
        tail, k = tail + 1, chains.later[k]
    for at in range(tail):
        order[at] = taken[at]
    return tail


@inlined
def next_times(
    columns: Columns, oldest: int, nth: int, until_ns: int, servers: Servers, p: int
) -> tuple[int, int, int]:
    """Return when the next batch starts, when the oldest frame is lost, and when a batch is due.

    Args:
        columns: the store's columns.
        oldest: the frame that has waited longest.
        nth: the one that fills a batch; -1 if too few wait.
        until_ns: what lies further ahead does not matter.
        servers: those of all pools.
        p: which pool.
    """
    table, launch_ns, expiry_ns, due = servers.table, until_ns, until_ns, until_ns
    if servers.sizes[p] > 0:
        due = columns[CLOCK, oldest] + table.wait_ns[p]
        if nth >= 0:
            due = min(due, columns[CLOCK, nth])
        launch_ns = max(first_of(servers.rings[p]) // KINDS, due)
    if table.deadline_ns[p] > 0:
        expiry_ns = min(until_ns, columns[CLOCK, oldest] + table.deadline_ns[p])
    return launch_ns, expiry_ns, due


@kernel
def serve(
    columns: Columns, queues: Queues, begin: int, until_ns: int, servers: Servers, p: int,
    shares: Shares, chains: Chains,
) -> int:  # fmt: skip
    """Run the servers of a pool up to a time, as `fleet.columns.serving.serve` does.

    Args:
        columns: the store's columns.
        queues: the frames before all pools.
        begin: where those of this pool begin.
        until_ns: what would start at or after this time stays undecided.
        servers: those of all pools.
        p: which pool.
        shares: who shares the pools.
        chains: room for the frames.

    Returns:
        Where the frames of the next pool begin.
    """
    end, tail, table = queues.ends[p], queues.waiting[p], servers.table
    index, order = queues.slots[begin:end], queues.order[begin:end]
    tags, priority, cost = shares.tags[p], shares.priority[p], shares.cost[p]
    line_up(columns, index, order, tail, shares, chains)
    many, arriving, n, max_batch = tail, tail, 0, table.max_batch[p]
    full = place_behind(chains, max_batch) if many >= max_batch else -1
    while True:
        launch_ns, expiry_ns, due = until_ns, until_ns, until_ns
        if many > 0:
            oldest, nth = order[chains.ends[0]], order[full] if full >= 0 else -1
            launch_ns, expiry_ns, due = next_times(columns, oldest, nth, until_ns, servers, p)
        arrival_ns = columns[CLOCK, index[arriving]] if arriving < len(index) else until_ns
        if expiry_ns < min(launch_ns, arrival_ns):
            i = order[chains.ends[0]]
            columns[FATE, i], columns[DONE, i], chains.taken[n] = LOST_DEADLINE, expiry_ns, i
            remove(chains, shares.group_of[columns[SENSOR, i]])
            n, many, full = n + 1, many - 1, chains.later[full] if full >= 0 else -1
        elif arrival_ns <= launch_ns and arriving < len(index):
            i, arriving = index[arriving], arriving + 1
            if many >= table.queue[p]:
                columns[FATE, i], columns[DONE, i] = table.queue_lost[p], columns[CLOCK, i]
                continue
            g = shares.group_of[columns[SENSOR, i]]
            level_tags(chains, priority, tags, g)
            order[tail] = i
            append(chains, tail, g)
            many, tail = many + 1, tail + 1
            full = tail - 1 if many == max_batch else full
        elif launch_ns >= until_ns:
            queues.heads[p], queues.tails[p] = n, settle(order, chains, n)
            return int(end)
        else:
            if first_of(servers.rings[p]) // KINDS <= due:
                servers.idle_ns[p, 0] = launch_ns
            count, g = 0, turn(chains, shares, p, -1)
            w = shares.network[p, g]
            while g >= 0 and count < max_batch:
                chains.taken[n + count] = order[take(chains, priority, cost, tags, g)]
                count, g = count + 1, turn(chains, shares, p, w)
            launch(columns, chains.taken[n : n + count], launch_ns, servers, p, w)
            n, many = n + count, many - count
            full = place_behind(chains, max_batch) if many >= max_batch else -1


@kernel
def serve_all(
    columns: Columns, queues: Queues, until_ns: int, servers: Servers, shares: Shares,
    chains: Chains,
) -> None:  # fmt: skip
    """Run `serve` for each of several pools; there is room for the frames before any of them."""
    begin = 0
    for p in range(len(queues.ends)):
        begin = serve(columns, queues, begin, until_ns, servers, p, shares, chains)
