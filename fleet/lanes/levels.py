"""Links that sensors share: frames of a block through one level or several in one pass.

Frames come in the order in which each link takes them. Behind a link they are still in that order,
so that they go on to the next level in the same pass where every link there has frames from one
link alone; where such streams meet they are sorted first (`fleet.lanes.order`), and so they are
behind a link that loses segments, for it holds frames up. The rule of a link is in
`fleet.model.link`; a link here is no radio cell. One that loses segments or has a cap is *tricky*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Bools, Ints, Keys, bare
from fleet.kernel import fetch, inlined, kernel
from fleet.lanes.frames import ENDED, KEYS, LATE, LOST, Frames, lose
from fleet.lanes.records import (
    BEHIND,
    BEHIND_WEIGHTS,
    INFO,
    SLOT_BITS,
    WHO,
    WORD,
    bin_at,
    bits_of,
    frame_of,
    second_end,
    sensor_of,
    service_of,
)
from fleet.lanes.work import AHEAD
from fleet.model.bursts import burst_salt, sent_again
from fleet.model.frames import LEVELS, LOST_ACCESS_BUFFER
from fleet.model.link import LinkTable, buffer_ns, rate_bps
from fleet.plan.plan import Plan

_LOW = (1 << SLOT_BITS) - 1


# A link is a row of 64 bytes, which is a cache line.
RATE, BUFFER, PROPAGATION, FREE_AT, SENT, BUSY, IDLE, DOWN = range(8)
LINK = 8

GONE = LEVELS + 1
"""The level of a frame that was lost on a wire."""


class Ways(NamedTuple):
    """The links that sensors share, and what is counted there; tiles have the ports of single ones.

    What departs in the second under way is counted as sent, and goes into the book of bins when
    that second is over (`put_by`); what departs later is booked at once.

    Attributes:
        shared: which links of the plan they are.
        of: row of each sensor's link at each level, -1 for none; shape (LEVELS, sensors), int32.
        links: what links are, how they stand and what they count; shape (links, LINK).
        dropped: bits dropped; shape (links,).
        booked: bits sent that are in the book of bins; shape (links,).
        row: of each link in that book.
        bins: the book of bits by row and second.
        table: their rows of the link table, for what tricky links do.
        loss_keys: of sensors, at level 0.
        salt: of all links of the run, for bursts of losses.
        carried: bits that links had accepted when lanes were taken up.
    """

    shared: Ints
    of: NDArray[np.int32]
    links: Ints
    dropped: Ints
    booked: Ints
    row: Ints
    bins: Ints
    table: LinkTable
    loss_keys: Keys
    salt: np.uint64
    carried: Ints


def ways(plan: Plan, table: LinkTable, bins: Ints) -> Ways:
    """Return the links of a plan that sensors share, idle, given what all its links are now."""
    shared = np.flatnonzero(plan.links.level_of > 0)
    row_of = np.full(len(table) + 1, -1, dtype=np.int32)  # the last is for those that have none
    row_of[shared] = np.arange(len(shared))
    table, many = table[shared], len(shared)
    links = np.zeros((many, LINK), dtype=np.int64)
    links[:, RATE], links[:, BUFFER] = table.rate_bps, table.buffer_ns
    links[:, PROPAGATION] = table.propagation_ns
    dropped, booked, carried = np.zeros((3, many), dtype=np.int64)
    return Ways(
        shared, row_of[plan.links.of], links, dropped, booked, plan.stations.bin_of[shared], bins,
        bare(table), plan.sensors.loss_keys, burst_salt(plan.seed, plan.replication), carried,
    )  # fmt: skip


def put_by(ways: Ways, second: int) -> None:
    """Put by what has been sent in the second under way."""
    fresh = ways.links[:, SENT] - ways.booked
    used = np.flatnonzero(fresh)
    np.add.at(ways.bins[:, second], ways.row[used], fresh[used])
    ways.booked[used] += fresh[used]


@inlined
def book_later(ways: Ways, link: np.uint64, departs: int, bits: int) -> None:
    """Book what departs from a link in a later second."""
    ways.bins[np.uint64(ways.row[link]), bin_at(departs, ways.bins)] += bits
    ways.booked[link] += bits


@inlined
def _departure(ways: Ways, link: np.uint64, now: int, bits: int, end_ns: int, tricky: bool) -> int:
    """Return when a frame that comes to a link now departs, -1 if it does not fit; book it."""
    row = ways.links[link]
    free, rate, buffer = row[FREE_AT], row[RATE], row[BUFFER]
    if tricky:
        carried = ways.carried[link] + row[SENT]
        rate = rate_bps(ways.table, int(link), carried)
        buffer = buffer_ns(ways.table, int(link), carried)
    service = service_of(bits, rate)
    row[IDLE] = now if free <= now else row[IDLE]  # no branch: nobody could guess it
    ahead = max(0, free - max(now, row[DOWN]))
    if ahead + service > buffer:
        ways.dropped[link] += bits
        return -1
    departs = max(now, free) + service
    row[FREE_AT] = departs
    row[SENT] += bits
    row[BUSY] += service
    if departs >= end_ns:
        book_later(ways, link, departs, bits)
    return int(departs)


@inlined
def _on_air(
    ways: Ways, link: np.uint64, level: int, who: int, bits: int, now: int
) -> tuple[int, int]:
    """Return (bits with what is sent again, wait for that, LOST if segments are missing)."""
    if ways.table.loss_ppb[link] == 0:
        return bits, 0
    key = ways.loss_keys[np.uint64(sensor_of(who))] ^ np.uint64(level)
    extra, rounds, good = sent_again(
        ways.table, int(link), ways.salt, key, frame_of(who), bits, now
    )
    return bits + extra, rounds * ways.table.retry_ns[link] if good else LOST


@kernel
def cross(
    keys: Ints, frames: Frames, ways: Ways, levels: tuple[int, int], span: tuple[int, int]
) -> None:
    """Take frames through levels of links up to the end of a block, of which none are tricky.

    The arguments are those of `cross_tricky`.
    """
    _cross(keys, frames, ways, levels, span, False)


@kernel
def cross_tricky(
    keys: Ints, frames: Frames, ways: Ways, levels: tuple[int, int], span: tuple[int, int]
) -> None:
    """Take frames through levels of links up to the end of a block.

    Those that are behind the last of them before the end are added to the keys of `frames`, with
    the time at which they are there. The others come late to the level that is next, or have ended.

    Args:
        keys: of the frames.
        frames: all frames.
        ways: the links.
        levels: the first and the last level, of which only that may have tricky links.
        span: begin and end of the block; ns.
    """
    _cross(keys, frames, ways, levels, span, True)


@inlined
def _cross(
    keys: Ints, frames: Frames, ways: Ways, levels: tuple[int, int], span: tuple[int, int],
    tricky: bool,
) -> None:  # fmt: skip
    first, last = levels
    begin, until = span
    end_ns = second_end(begin)
    records, count = frames.records, frames.counts
    done = count[KEYS]
    most, of = len(keys) - 1, ways.of[first]
    for i in range(len(keys)):
        slot = np.uint64(keys[i] & _LOW)
        fetch(records, keys[min(i + AHEAD, most)] & _LOW)
        fetch(of, sensor_of(records[np.uint64(keys[min(i + AHEAD // 2, most)] & _LOW), WHO]))
        now = (keys[i] >> SLOT_BITS) + begin
        bits, s = bits_of(records[slot, INFO]), np.uint64(sensor_of(records[slot, WHO]))
        level, word = first, records[slot, WORD]
        while level <= last:
            link = ways.of[level, s]
            if link >= 0:
                air, held = bits, 0
                if tricky:
                    air, held = _on_air(ways, np.uint64(link), level, records[slot, WHO], bits, now)
                departs = _departure(ways, np.uint64(link), now, air, end_ns, tricky)
                if departs < 0:
                    break
                if tricky and held == LOST:
                    lose(int(slot), level, departs, until, frames)
                    level = GONE
                    break
                now = departs + held + ways.links[np.uint64(link), PROPAGATION]
            records[slot, BEHIND + level] = now
            word += BEHIND_WEIGHTS[level] * now
            level += 1
            if now >= until:
                break
        records[slot, WORD] = word
        if level == GONE:
            continue
        if level <= last and now < until:
            frames.ended[count[ENDED], 0] = slot
            frames.ended[count[ENDED], 1] = LOST_ACCESS_BUFFER + level
            frames.ended[count[ENDED], 2] = now
            count[ENDED] += 1
        elif now >= until:
            frames.late[level, count[LATE + level]] = slot
            count[LATE + level] += 1
        else:
            frames.keys[done] = (now - begin) << SLOT_BITS | np.int64(slot)
            done += 1
    count[KEYS] = done


@kernel
def come(level: int, frames: Frames, span: tuple[int, int], keys: Ints) -> int:
    """List the keys of late frames that come to a level in a block; return how many there are.

    Args:
        level: the level; LEVELS is behind the last.
        frames: all frames; those listed are taken out.
        span: begin and end of the block; ns.
        keys: filled, in the order in which the frames are held.
    """
    late, count, n, kept = frames.late[level], frames.counts, 0, 0
    for k in range(count[LATE + level]):
        slot = late[k]
        at = frames.records[slot, BEHIND + level - 1]
        if at < span[1]:
            keys[n] = (at - span[0]) << SLOT_BITS | slot
            n += 1
        else:
            late[kept] = slot
            kept += 1
    count[LATE + level] = kept
    return n


def runs(of: Ints, tricky: Bools) -> list[tuple[int, int, bool, bool]]:
    """Return the passes through shared links: first level, last, whether to sort, if it is tricky.

    Args:
        of: link at each level of each sensor's way, -1 for none; shape (LEVELS, sensors).
        tricky: whether some link of each level is tricky; shape (LEVELS,).
    """
    passes: list[tuple[int, int, bool, bool]] = []
    last = np.where(of[0] >= 0, of[0], -1 - np.arange(of.shape[1]))
    for level in range(1, LEVELS):
        here, last_is = of[level], bool(tricky[level])
        meet = _meet(here, last) or bool(tricky[level - 1])
        if passes and not meet:
            passes[-1] = (passes[-1][0], level, passes[-1][2], last_is)
        else:
            passes.append((level, level, meet, last_is))
        last = np.where(here >= 0, here, last)
    return passes


def _meet(here: Ints, last: Ints) -> bool:
    """Return whether frames of several links, or of several sensors, meet at one of some links."""
    used = here >= 0
    pairs = np.unique((here[used] << 32) + last[used])
    return bool((np.diff(pairs >> 32) == 0).any())


def meet_at_pools(of: Ints, pools: Ints) -> bool:
    """Return whether frames of several links meet at one of some pools.

    Args:
        of: link at each level of each sensor's way, -1 for none; shape (LEVELS, sensors).
        pools: pool of each sensor, -1 for none.
    """
    last = -1 - np.arange(of.shape[1])
    for here in of:
        last = np.where(here >= 0, here, last)
    return _meet(pools, last)
