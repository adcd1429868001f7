"""Some frames of the third account, and what they tell of the sensor that sent them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.proof.account_rows import Hop, Kit

Flags = NDArray[np.bool_]


def overlap_ns(begin: Ints, end: Ints, since_ns: int) -> int:
    """Return how much of some spans lies behind a time, added up; ns."""
    return int(np.maximum(0, end - np.maximum(begin, since_ns)).sum())


@dataclass(frozen=True)
class Piece:
    """The frames of a group that one network or codec took, or none.

    Attributes:
        kit: what stands at the group.
        way: its links.
        what: the network or codec, empty for none.
        late_ns: how long an inference may wait that seemed early by the clock of a trace.
        since_ns: end of the warm-up: what was before is not counted.
        columns: of the frames; -1 for a time that did not come.
    """

    kit: Kit
    way: list[Hop]
    what: str
    late_ns: int
    since_ns: int
    columns: Mapping[str, Ints]

    def reached(self, column: str) -> Flags:
        """Return which frames were somewhere before the end."""
        there: Flags = self.columns[column] >= 0
        return there

    @cached_property
    def left(self) -> Flags:
        """Return which left their sensor for a link, in the warm-up too."""
        sent: Flags = self.reached("ready_ns") & (self.columns["wire_bits"] > 0)
        return sent & (not self.kit.at_site)

    @cached_property
    def counted(self) -> Flags:
        """Return which of these left it behind the warm-up."""
        flags: Flags = self.left & (self.columns["ready_ns"] >= self.since_ns)
        return flags

    @cached_property
    def replaced(self) -> bool:
        """Return whether bytes are those of results that took the place of frames."""
        return self.kit.served_below and bool(self.reached("infer_ns").any())

    @cached_property
    def told(self) -> Ints:
        """Return the objects that the network says it found: all in view if nobody looked."""
        right, wrong = self.columns["objects_right"], self.columns["objects_wrong"]
        found: Ints = np.where(right < 0, self.columns["objects"], right + wrong)
        return found

    def sensing_ns(self, sensors: int) -> Ints:
        """Return how long the pixels of each of so many sensors were read out; ns."""
        spent = np.zeros(sensors, dtype=np.int64)
        seen, began = self.reached("sensed_ns"), self.columns["capture_ns"]
        behind = np.maximum(0, began + self.kit.read_ns - np.maximum(began, self.since_ns))
        np.add.at(spent, self.columns["sensor"][seen], behind[seen])
        return spent

    def computing_fj(self) -> int:
        """Return the energy of inferring or encoding these frames; fJ."""
        ran, energy, there = self.kit.ran(self.what), 0, self.reached("ready_ns")
        ended = self.columns["ready_ns"][there] - ran.fetch_ns
        again = self.kit.again(self.what, self.told)
        if again is not None:
            begun = ended - again[0].compute_ns * again[1][there]
            energy = overlap_ns(begun, ended, self.since_ns) * again[0].power_uw
            ended = begun
        return energy + overlap_ns(ended - ran.compute_ns, ended, self.since_ns) * ran.power_uw

    def time_odd(self) -> int:
        """Return the frames whose times in the sensor are not those of its device and network."""
        at, seen, ready = self.columns, self.reached("sensed_ns"), self.reached("ready_ns")
        wrong = (at["sensed_ns"] - at["capture_ns"] != self.kit.sense_ns) & seen
        if self.what:
            ran = self.kit.ran(self.what)
            waited = at["ready_ns"] - at["sensed_ns"] - ran.compute_ns - ran.fetch_ns
            again = self.kit.again(self.what, self.told)
            waited -= 0 if again is None else again[0].compute_ns * again[1]
            ready = ready & ((waited < 0) | (waited > self.late_ns))
        return int((wrong | ready).sum())

    def size_odd(self) -> int:
        """Return the frames whose bytes are not those that the device and the protocol give."""
        if not self.what or self.replaced:
            return 0
        payload, own = self.columns["payload_bytes"], self.kit.payload(self.what, self.told)
        wrong = self.columns["wire_bits"] != self.kit.wire_bits(payload)
        if own is not None:
            wrong = wrong | (own != payload)
        return int((wrong & self.left).sum())

    def carried(self, hop: Hop) -> tuple[Ints, Ints, Ints] | None:
        """Return (bits, when they had been sent) of frames that crossed a link, bits that may have.

        Of those behind the warm-up; None if the frames do not tell.
        """
        if not hop.plain or (self.replaced and not hop.fixed):
            return None
        bits, over = self.columns["wire_bits"], self.left & self.reached(hop.column)
        sent_ns = self.columns[hop.column] - hop.propagation_ns
        maybe = self.left & ~over & (self.columns["flying"] > 0)
        over = over & (sent_ns >= self.since_ns)
        return bits[over], sent_ns[over], bits[maybe]
