"""A part's turn: its frames taken through a second, block by block, in one call.

To hand some seventy arrays over takes Python as long as kernels take for some hundred frames, so
that it is asked only when there must be more room.
"""

from __future__ import annotations

from typing import NamedTuple

from fleet.arrays import Ints
from fleet.kernel import inlined, kernel
from fleet.lanes import device, flow, results
from fleet.lanes.flow import Route
from fleet.lanes.frames import DONE, DOOMED, FREE, HOME, ROOM, Frames, lose_doomed
from fleet.lanes.levels import Ways
from fleet.lanes.pools import Servers
from fleet.lanes.results import Results
from fleet.lanes.tile import Span, Tiles
from fleet.model.scene import SECOND_NS


class Turn(NamedTuple):
    """Who and what takes part.

    Attributes:
        tiles: the sensors of the part.
        frames: of these.
        route: the ways of their frames.
        ways: the links.
        to: where results are counted.
    """

    tiles: Tiles
    frames: Frames
    route: Route
    ways: Ways
    to: Results


@kernel
def take(first: int, blocks: int, span: Span, turn: Turn, servers: Servers | None) -> int:
    """Take every frame as far as it comes before the end of a span of time.

    Args:
        first: block to begin with.
        blocks: the span has so many, like long.
        span: at most what is left of a second.
        turn: who and what takes part.
        servers: those of the part, None if nobody sends to any.

    Returns:
        the block before which, or in which, there was no more room, how much it wants is in the
        counts of the frames then; `blocks` behind the last.
    """
    frames, to, whole_ns = turn.frames, turn.to, span.until_ns - span.from_ns
    for k in range(first, blocks):
        begin = span.from_ns + whole_ns * k // blocks
        end = span.from_ns + whole_ns * (k + 1) // blocks
        frames.counts[ROOM] = device.most_due(turn.tiles, end)
        if frames.counts[FREE] < frames.counts[ROOM]:
            return k
        part = Span(begin, end, span.first_second, span.in_view, span.lights, span.bins)
        if not device.advance(turn.tiles, part, frames, to):
            return k
        if frames.counts[DOOMED] > 0:
            lose_doomed(end, frames)
        if servers is None:
            flow.to_consumers((begin, end), turn.route, turn.ways, frames, to)
        else:
            flow.to_servers((begin, end), turn.route, servers, turn.ways, frames, to)
        _count(DONE, frames.done, results.SERVERS, begin, frames, to)
        _count(HOME, frames.home, results.HOME, begin, frames, to)
    return blocks


@inlined
def _count(
    which: int, slots: Ints, source: int, begin_ns: int, frames: Frames, to: Results
) -> None:
    """Count the results in a list, which is then empty."""
    many = frames.counts[which]
    if many > 0:
        frames.counts[which] = 0
        results.count(slots[:many], begin_ns // SECOND_NS * SECOND_NS, source, frames, to)
