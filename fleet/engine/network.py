"""The links that one logical process owns: four levels of FIFO stations, one behind the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.engine.tally import (
    BUSY_NS,
    DROPPED_BITS,
    LAST_SENT_NS,
    OFFERED_BITS,
    SENDING_NS,
    SENT_LINK_BITS,
    TAIL_NS,
    Tally,
)
from fleet.plan.columns import Plan
from fleet.stages import frames, uplink
from fleet.stages.frames import (
    BITS,
    CLOCK,
    LEVEL_COLUMN,
    LEVEL_LOST,
    LEVELS,
    NOBODY,
    SENSOR,
    Index,
    Store,
)

DONE_LEVEL = LEVELS
"""Entry level of frames that have no hop left: they are at their region."""


class Network:
    """The stations of levels `first` to `last` of the paths of some sensors.

    Frames enter with `put` at the level where their sensor's path enters this process and come
    out of `advance` when they have passed its last level here.
    """

    def __init__(
        self,
        plan: Plan,
        tally: Tally,
        store: Store,
        enter: NDArray[np.int64],
        leave: NDArray[np.int64],
    ) -> None:
        """Set up idle links.

        Args:
            plan: the plan.
            tally: where to count.
            store: where the frames are.
            enter: first level of each sensor's path in this process; shape (sensors,).
            leave: level behind the last one in this process; shape (sensors,).
        """
        self.plan, self.tally, self.store = plan, tally, store
        self.enter, self.leave = enter, leave
        self.ports = np.zeros((len(plan.links), uplink.PORT_WIDTH), dtype=np.int64)
        self.arriving: list[list[Index]] = [[] for _ in range(LEVELS)]
        self.in_port: list[Index] = [NOBODY for _ in range(LEVELS)]
        self.passing: list[Index] = []
        self.shared = [_is_shared(plan.link_of[level]) for level in range(LEVELS)]
        self.hops = [_hop(plan, level) for level in range(LEVELS)]
        self.books = _books(tally)

    def put(self, index: Index) -> None:
        """Take frames that enter; CLOCK says when."""
        sensor = self.store.column(index, SENSOR)
        level = np.where(self.enter[sensor] == self.leave[sensor], -1, self.enter[sensor])
        for at in range(-1, LEVELS):
            chosen = index[level == at]
            if len(chosen):
                (self.passing if at < 0 else self.arriving[at]).append(chosen)

    def advance(self, until_ns: int) -> Index:
        """Pass frames through every level up to a time; return those that leave this process."""
        out, self.passing = self.passing, []
        for level in range(LEVELS):
            moved = self._pass_level(level, until_ns)
            if not len(moved):
                continue
            gone, on = frames.leaving(self.store.rows, moved, self.leave, level + 1)
            out.append(gone)
            if len(on):
                self.arriving[level + 1].append(on)
        return frames.join(out)

    def _pass_level(self, level: int, until_ns: int) -> Index:
        plan, rows = self.plan, self.store.rows
        due, later = frames.before(rows, frames.join(self.arriving[level]), CLOCK, until_ns)
        self.arriving[level] = [later] if len(later) else []
        if self.shared[level]:
            due = frames.in_order(rows, due, plan.size)
        moved, self.in_port[level], lost = uplink.pass_hop(
            rows, due, self.in_port[level], self.hops[level], self.ports, self.books, plan.bin_ns,
            until_ns, LEVEL_LOST[level], LEVEL_COLUMN[level],
        )  # fmt: skip
        if len(lost):
            self.tally.finish(plan, rows, lost)
            self.store.free(lost)
        return moved

    def outage(self, link: int, now_ns: int, until_ns: int) -> None:
        """Take a link down: what is in its port departs later by the length of the outage."""
        level = int(self.plan.level_of[link])
        uplink.outage(
            self.store.rows, self.in_port[level], self.plan.link_of[level], self.ports, link,
            now_ns, until_ns,
        )  # fmt: skip

    def in_flight(self) -> int:
        """Return the number of frames in ports and on wires here."""
        on_wires = sum(len(r) for part in (*self.arriving, self.passing) for r in part)
        return on_wires + sum(map(len, self.in_port))

    def queued_bits(self) -> NDArray[np.int64]:
        """Return the bits in each link's port; shape (links,)."""
        bits = np.zeros(len(self.plan.links), dtype=np.int64)
        for level in range(LEVELS):
            rows = self.store.rows[self.in_port[level]]
            np.add.at(bits, self.plan.link_of[level][rows[:, SENSOR]], rows[:, BITS])
        return bits


def _is_shared(link_of: NDArray[np.int64]) -> bool:
    """Return whether any link of a level has several sensors, so that order matters there."""
    used = link_of[link_of >= 0]
    return len(np.unique(used)) < len(used)


def _hop(plan: Plan, level: int) -> uplink.Hop:
    below = (plan.link_of[:level] >= 0).any(axis=0)
    return uplink.Hop(
        link_of=plan.link_of[level],
        links=plan.links,
        class_of=plan.class_of,
        first=~below & (plan.link_of[level] >= 0),
        tail_ns=plan.tail_ns,
    )


def _books(tally: Tally) -> uplink.Books:
    links, sensors = tally.links, tally.sensors
    return uplink.Books(
        offered_bits=links[:, OFFERED_BITS],
        dropped_bits=links[:, DROPPED_BITS],
        sent_bits=links[:, SENT_LINK_BITS],
        busy_ns=links[:, BUSY_NS],
        bins=tally.link_bins,
        last_sent_ns=sensors[:, LAST_SENT_NS],
        sending_ns=sensors[:, SENDING_NS],
        tailing_ns=sensors[:, TAIL_NS],
    )
