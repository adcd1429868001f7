"""The links that one logical process owns: four levels of FIFO stations, one behind the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.engine.tally import (
    BUSY_NS,
    DROPPED_BITS,
    LAST_SENT_NS,
    LINK_DOWN_NS,
    OFFERED_BITS,
    SENDING_NS,
    SENT_LINK_BITS,
    TAIL_NS,
    Tally,
)
from fleet.plan.columns import Plan
from fleet.stages import frames, uplink
from fleet.stages.frames import BITS, CLOCK, FATE, LEVEL_COLUMN, LEVELS, SENSOR, Rows

DONE_LEVEL = LEVELS
"""Entry level of frames that have no hop left: they are at their region."""

_LOST = (
    frames.LOST_ACCESS_BUFFER,
    frames.LOST_CELL_BUFFER,
    frames.LOST_BACKHAUL_BUFFER,
    frames.LOST_WAN_BUFFER,
)


class Network:
    """The stations of levels `first` to `last` of the paths of some sensors.

    Frames enter with `put` at the level where their sensor's path enters this process and come
    out of `advance` when they have passed its last level here.
    """

    def __init__(
        self, plan: Plan, tally: Tally, enter: NDArray[np.int64], leave: NDArray[np.int64]
    ):
        """Set up idle links.

        Args:
            plan: the plan.
            tally: where to count.
            enter: first level of each sensor's path in this process; shape (sensors,).
            leave: level behind the last one in this process; shape (sensors,).
        """
        self.plan = plan
        self.tally = tally
        self.enter = enter
        self.leave = leave
        self.ports = np.zeros((len(plan.links), uplink.PORT_WIDTH), dtype=np.int64)
        self.arriving: list[list[Rows]] = [[] for _ in range(LEVELS)]
        self.in_port: list[Rows] = [frames.empty() for _ in range(LEVELS)]
        self.passing: list[Rows] = []

    def put(self, rows: Rows) -> None:
        """Take frames that enter; CLOCK says when."""
        sensor = rows[:, SENSOR]
        passing, rows = frames.split(rows, self.enter[sensor] == self.leave[sensor])
        self.passing.append(passing)
        level = self.enter[rows[:, SENSOR]]
        for at in range(LEVELS):
            chosen, _ = frames.split(rows, level == at)
            if len(chosen):
                self.arriving[at].append(chosen)

    def advance(self, until_ns: int) -> Rows:
        """Pass frames through every level up to a time; return those that leave this process."""
        out, self.passing = self.passing, []
        for level in range(LEVELS):
            moved = self._pass_level(level, until_ns)
            if level > 0 and len(moved):
                moved[:, LEVEL_COLUMN[level]] = moved[:, CLOCK]
            gone, on = frames.split(moved, self.leave[moved[:, SENSOR]] == level + 1)
            out.append(gone)
            if len(on):
                self.arriving[level + 1].append(on)
        return frames.join(out)

    def _pass_level(self, level: int, until_ns: int) -> Rows:
        inbox = frames.join(self.arriving[level])
        due, later = frames.split(inbox, inbox[:, CLOCK] < until_ns)
        self.arriving[level] = [later] if len(later) else []
        linked, free = frames.split(due, self.plan.link_of[level][due[:, SENSOR]] >= 0)
        if len(linked):
            linked = self._enqueue(level, linked)
        waiting = frames.join([self.in_port[level], linked])
        sent, self.in_port[level] = frames.split(waiting, waiting[:, CLOCK] < until_ns)
        if len(sent):
            self._depart(level, sent)
        return frames.join([sent, free])

    def _enqueue(self, level: int, rows: Rows) -> Rows:
        plan, link_of = self.plan, self.plan.link_of[level]
        rows = frames.in_order(rows, plan.size)
        counts = self.tally.links
        np.add.at(counts[:, OFFERED_BITS], link_of[rows[:, SENSOR]], rows[:, BITS])
        dropped = uplink.enqueue(rows, link_of, plan.links, self.ports, _LOST[level])
        if dropped == 0:
            return rows
        lost, kept = frames.split(rows, rows[:, FATE] != 0)
        np.add.at(counts[:, DROPPED_BITS], link_of[lost[:, SENSOR]], lost[:, BITS])
        self.tally.finish(plan, lost)
        return kept

    def _depart(self, level: int, rows: Rows) -> None:
        plan, counts = self.plan, self.tally.links
        link_of = plan.link_of[level]
        first, _ = frames.split(rows, self._is_first_hop(level)[rows[:, SENSOR]])
        uplink.radio(
            first, plan.first_rate_bps, plan.tail_ns, self.tally.sensors[:, LAST_SENT_NS],
            self.tally.sensors[:, SENDING_NS], self.tally.sensors[:, TAIL_NS],
        )  # fmt: skip
        uplink.depart(
            rows, link_of, plan.links, plan.class_of, counts[:, SENT_LINK_BITS],
            counts[:, BUSY_NS], self.tally.link_bins, plan.bin_ns,
        )  # fmt: skip

    def _is_first_hop(self, level: int) -> NDArray[np.bool_]:
        return ~(self.plan.link_of[:level] >= 0).any(axis=0) & (self.plan.link_of[level] >= 0)

    def outage(self, link: int, now_ns: int, until_ns: int) -> None:
        """Take a link down: what is in its port departs later by the length of the outage."""
        level = int(self.plan.level_of[link])
        uplink.outage(
            self.in_port[level], self.plan.link_of[level], self.ports, link, now_ns, until_ns
        )
        self.tally.links[link, LINK_DOWN_NS] += min(until_ns, self.plan.end_ns) - now_ns

    def in_flight(self) -> int:
        """Return the number of frames in ports and on wires here."""
        return sum(len(r) for part in self.arriving for r in part) + sum(map(len, self.in_port))

    def queued_bits(self) -> NDArray[np.int64]:
        """Return the bits in each link's port; shape (links,)."""
        bits = np.zeros(len(self.plan.links), dtype=np.int64)
        for level in range(LEVELS):
            rows = self.in_port[level]
            np.add.at(bits, self.plan.link_of[level][rows[:, SENSOR]], rows[:, BITS])
        return bits
