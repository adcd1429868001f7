"""The energy account as it stood when hours began: energy by hour without a count of its own.

When the simulated time comes to the begin of an hour (`Plan.marks_ns`) an executor takes what every
process has counted up to then, and notes the account that a run would have which ended there. What
was drawn in an hour is the difference of two such accounts, in whole femtojoules, so that all hours
together are the account of the run. What a run counts is left alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.engine.energy import Bits, account, network_bits
from fleet.engine.snapshot import State
from fleet.engine.tally import Tally
from fleet.model.books import LAST_SENT_NS, LINK_COUNTS, SENSOR_WIDTH, SERVER_COUNTS
from fleet.plan.plan import Plan


@dataclass(frozen=True)
class Counted:
    """What of some tallies energy follows from; copies, which nobody counts on.

    Attributes:
        sensors, links, servers, computing_ns: as in `fleet.engine.tally.Tally`.
        places: rows of these tables in those of the whole plan.
        since_ns: since when is counted.
    """

    sensors: Ints
    links: Ints
    servers: Ints
    computing_ns: NDArray[np.object_]
    places: dict[str, Ints]
    since_ns: int

    @staticmethod
    def of(tally: Tally) -> Counted:
        """Return what energy follows from, of a tally that was closed just now."""
        return Counted(
            tally.sensors.copy(), tally.links.copy(), tally.servers.copy(),
            tally.computing_ns.copy(), tally.places, tally.since_ns,
        )  # fmt: skip

    @staticmethod
    def merged(parts: Iterable[Counted], plan: Plan) -> Counted:
        """Return the sum over all processes of a plan."""
        total = Counted(
            np.zeros((plan.size, SENSOR_WIDTH), dtype=np.int64),
            np.zeros((len(plan.links.ids), LINK_COUNTS), dtype=np.int64),
            np.zeros((plan.server_rows, SERVER_COUNTS), dtype=np.int64),
            np.zeros(len(plan.sensors.setup_names), dtype=np.int64).astype(object),
            places={},
            since_ns=0,
        )
        since_ns = 0
        for part in parts:
            for name in ("links", "servers"):
                getattr(total, name)[part.places[name]] += getattr(part, name)
            mine = part.places["sensors"]
            last_ns = np.maximum(total.sensors[mine, LAST_SENT_NS], part.sensors[:, LAST_SENT_NS])
            total.sensors[mine] += part.sensors
            total.sensors[mine, LAST_SENT_NS] = last_ns
            total.computing_ns.__iadd__(part.computing_ns)
            since_ns = max(since_ns, part.since_ns)
        return replace(total, since_ns=since_ns)


class Mark(NamedTuple):
    """The account as it stood at a time.

    Attributes:
        at_ns: the time.
        energy_fj: of each row of `fleet.engine.energy.account`, since counting began.
        bits: what had crossed the operator's network.
    """

    at_ns: int
    energy_fj: tuple[int, ...]
    bits: Bits


class Hours:
    """The marks of a run up to now.

    Attributes:
        marks: in order of time.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.marks: list[Mark] = []

    def is_due(self, plan: Plan, now_ns: int) -> bool:
        """Return whether an hour begins now."""
        at = bisect_left(plan.marks_ns, now_ns)
        return at < len(plan.marks_ns) and plan.marks_ns[at] == now_ns

    def note(self, plan: Plan, now_ns: int, parts: Iterable[Counted]) -> None:
        """Note the account that stands now, given what all processes have counted up to now."""
        counted = Counted.merged(parts, plan)
        up_to_now = replace(plan, end_ns=now_ns, warm_up_ns=counted.since_ns)
        rows = account(up_to_now, counted)
        bits = network_bits(up_to_now, counted)
        self.marks.append(Mark(now_ns, tuple(row.energy_fj for row in rows), bits))

    def forget(self) -> None:
        """Forget all marks: what is counted begins now."""
        self.marks.clear()

    def save(self) -> State:
        """Return the marks as arrays, for `load`; energies as text, as they may pass 2**63 fJ."""
        energy = [[str(fj) for fj in mark.energy_fj] for mark in self.marks]
        return {
            "at_ns": np.array([mark.at_ns for mark in self.marks], dtype=np.int64),
            "energy_fj": np.array(energy, dtype=np.str_),
            "bits": np.array([mark.bits for mark in self.marks], dtype=np.int64).reshape(-1, 3),
        }

    def load(self, state: State) -> None:
        """Take marks over, in place of those that are here."""
        self.marks = [
            Mark(int(at), tuple(int(fj) for fj in energy), Bits(*(int(bit) for bit in bits)))
            for at, energy, bits in zip(
                state["at_ns"], state["energy_fj"], state["bits"], strict=True
            )
        ]
