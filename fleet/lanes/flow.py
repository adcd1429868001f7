"""A block of time behind the sensors' own ports: links, level by level, and servers, in one call.

From the last place at which streams meet, frames are one stream to their consumers or to servers.
"""

from __future__ import annotations

from typing import NamedTuple

from fleet.arrays import Ints
from fleet.kernel import inlined, kernel, written_out
from fleet.lanes import decoders, pools, stream
from fleet.lanes.frames import KEYS, LAST, SERVABLE, Frames
from fleet.lanes.levels import Ways, come, cross, cross_tricky
from fleet.lanes.order import sort
from fleet.lanes.pools import Servers
from fleet.lanes.results import Results
from fleet.lanes.stream import Stream
from fleet.model.frames import LEVELS


class Route(NamedTuple):
    """The ways of a part's frames.

    Attributes:
        runs: passes through links before the last merge: first level, last level, whether streams
            meet at the first, whether links of the last are tricky; shape (passes, 4).
        first: level from which on all frames are one stream; LEVELS: behind the last links.
        meet: whether streams meet there.
        chain: the link at each level of that stream, -1 for none; shape (LEVELS,).
    """

    runs: Ints
    first: int
    meet: bool
    chain: Ints


@kernel
def to_consumers(
    block: tuple[int, int], route: Route, ways: Ways, frames: Frames, to: Results
) -> None:
    """Take frames that need no servers as far as they come before the end of a block.

    Args:
        block: begin and end of the block; ns.
        route: the ways of their frames.
        ways: the links.
        frames: all frames.
        to: where to count results.
    """
    many = _up_to_the_last_merge(block, route, ways, frames)
    for level in range(LEVELS, route.first - 1, -1):  # who is further on came before
        keys = _stream(level, route, block, many, frames)
        stream.to_consumers(keys, Stream(level, route.chain, block, ways, frames), to)


@kernel
def to_servers(
    block: tuple[int, int], route: Route, servers: Servers, ways: Ways, frames: Frames,
    to: Results,
) -> None:  # fmt: skip
    """Do what `to_consumers` does where some or all frames are for servers.

    Results of these are left in `done`.
    """
    rows, starts = servers.rows, servers.starts
    many = _up_to_the_last_merge(block, route, ways, frames)
    pools.answer(block[1], frames)
    several = len(rows) > 1
    if several:
        keys = _stream(LEVELS, route, block, many, frames)
        pools.deal(keys, servers.pool.about, frames, starts)
    for p in rows:
        if p >= 0:
            _serve(p, many, block, route, servers, ways, frames, to)
    if several:
        mine = frames.dealt[starts[len(starts) - 2] : starts[len(starts) - 1]]
        stream.to_consumers(mine, Stream(LEVELS, route.chain, block, ways, frames), to)


@inlined
def _up_to_the_last_merge(block: tuple[int, int], route: Route, ways: Ways, frames: Frames) -> int:
    """Take frames to the place from which on they are one stream; return how many there are.

    Their keys are in order, in `spare` if streams meet there and else in `other`.
    """
    runs = route.runs
    for r in range(len(runs)):
        first, last = runs[r, 0], runs[r, 1]
        late = _coming(first, block, runs[r, 2] > 0, frames)
        for level in range(last, first - 1, -1):  # who is further on came before
            if level > first:
                keys = frames.dealt[: come(level, frames, block, frames.dealt)]
            else:
                keys = (frames.spare if runs[r, 2] > 0 else frames.other)[:late]
            if runs[r, 3] > 0:
                cross_tricky(keys, frames, ways, (level, last), block)
            else:
                cross(keys, frames, ways, (level, last), block)
    many: int = _coming(route.first, block, route.meet, frames)
    return many


@kernel
def _coming(level: int, block: tuple[int, int], meet: bool, frames: Frames) -> int:
    """List the keys of frames that come to a level in a block; return how many there are.

    They are in `other`, those that were late first, or in the total order in `spare` if streams
    meet.
    """
    late, fresh = come(level, frames, block, frames.other), frames.counts[KEYS]
    for k in range(fresh):
        frames.other[late + k] = frames.keys[k]
    frames.counts[KEYS] = 0
    if meet:
        keys = frames.other[: late + fresh]
        sort(keys, frames.spare, frames.starts, block[1] - block[0], frames.records)
    return int(late + fresh)


@written_out
def _stream(level: int, route: Route, block: tuple[int, int], many: int, frames: Frames) -> Ints:
    """Return the keys of a stream that comes to a level in a block, from there or from before."""
    if level > route.first:
        return frames.keys[: come(level, frames, block, frames.keys)]
    return (frames.spare if route.meet else frames.other)[:many]


@inlined
def _serve(
    p: int, many: int, block: tuple[int, int], route: Route, servers: Servers, ways: Ways,
    frames: Frames, to: Results,
) -> None:  # fmt: skip
    """Have frames served in a pool, from the last merge on."""
    pool, starts = servers.pool, servers.starts
    decoders.begin(p, block, pool, frames)
    for level in range(LEVELS, route.first - 1, -1):  # who is further on came before
        if len(servers.rows) > 1:
            keys = frames.dealt[starts[p] : starts[p + 1]]
        else:
            keys = _stream(level, route, block, many, frames)
        by = Stream(level, route.chain, block, ways, frames)
        stream.to_pool(keys, by, p, servers, to.work)
    decoders.decode_on(p, block, pool, servers.pending, frames)
    decoded = frames.servable[: frames.counts[SERVABLE]]
    if frames.counts[LAST] < 0:
        sort(decoded, frames.spare, frames.starts, block[1] - block[0], frames.records)
        decoded = frames.spare[: frames.counts[SERVABLE]]
    pools.serve(p, decoded, block, pool, servers.waiting, frames)
