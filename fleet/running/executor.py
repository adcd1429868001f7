"""What a run needs of whoever carries it out, and what the executors share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from fleet.arrays import Ints
from fleet.engine.hours import Hours
from fleet.engine.tally import Tally
from fleet.engine.told import Told
from fleet.model.frames import Rows
from fleet.plan.partition import Partition
from fleet.plan.plan import Plan

Progress = Callable[[int], None]
"""Takes the time up to which everything is done; ns."""


def no_progress(done_ns: int) -> None:
    """Tell nobody."""


class Spent(NamedTuple):
    """How a process has spent its time: seconds in kernels, of CPU in all, and of wall time."""

    kernels_s: float
    cpu_s: float
    wall_s: float


class Effort(NamedTuple):
    """What carrying a run out took.

    Attributes:
        spent: by process; empty if all ran in this one.
        restarts: how often actors were restarted after a crash.
        peak_transfer_bytes: most bytes under way between actors.
        advance_s: wall time, without setting up and counting together.
    """

    spent: dict[str, Spent]
    restarts: int
    peak_transfer_bytes: int
    advance_s: float = 0.0


NO_EFFORT = Effort({}, 0, 0)


class Executor(Protocol):
    """What a run needs of whoever carries it out."""

    shards: int
    hours: Hours

    def effort(self) -> Effort:
        """Return what it took up to now."""

    def told(self) -> Told:
        """Return what controllers have said, and what became of batteries."""

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time; `progress` hears of every window that is done."""

    def tally(self) -> Tally:
        """Return the counts up to now, merged; they may count on if the run goes on.

        Frames under way count where they wait.
        """

    def in_flight(self) -> int:
        """Return the number of frames under way."""

    def under_way(self) -> Rows:
        """Return these frames, with the times that have come; shape (frames, WIDTH)."""

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""

    def amend(self, plan: Plan) -> None:
        """Go on with a plan that has further setups and other control events after now."""

    def forget(self) -> None:
        """Count from now on."""

    def sensor_state(self, sensor: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""

    def close(self) -> None:
        """Let go of processes and memory."""


def merged(plan: Plan, tallies: list[Tally]) -> Tally:
    """Return the sum of some tallies of a plan; one alone is its own sum and not copied."""
    if len(tallies) == 1:
        return tallies[0]
    total = Tally.empty(plan, keep=any(t.kept is not None for t in tallies))
    for tally in tallies:
        total.add(tally)
    return total


def shard_of(partition: Partition, sensor: int) -> tuple[int, int]:
    """Return (which shard has a sensor, its number there)."""
    for k, part in enumerate(partition.shards):
        at = int(np.searchsorted(part.ids, sensor))
        if at < len(part.ids) and part.ids[at] == sensor:
            return k, at
    raise IndexError(sensor)


def in_ports(plan: Plan, parts: Sequence[tuple[Ints, Ints]]) -> Ints:
    """Return the bits in each link's port, given (links, their bits) of all processes."""
    bits = np.zeros(len(plan.links.ids), dtype=np.int64)
    for ids, held in parts:
        bits[ids] += held
    return bits
