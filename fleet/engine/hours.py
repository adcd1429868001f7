"""What was counted when hours began: energy, bits and frames by hour, without more counts.

When the simulated time comes to the begin of an hour (`Plan.marks_ns`) an executor takes what every
process has counted up to then, and notes the account that a run would have which ended there, what
links have sent, and what became of frames. What was drawn, sent or answered in an hour is the
difference of two such notes, in whole femtojoules, bits and frames, so that all hours together are
the run. What a run counts is left alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.engine.energy import Bits, account, network_bits, off_grid
from fleet.engine.snapshot import State
from fleet.engine.tally import Tally
from fleet.model.books import (
    CAPTURED,
    FATE_0,
    LAST_SENT_NS,
    LINK_COUNTS,
    SENSOR_WIDTH,
    SENT_LINK_BITS,
    SERVER_COUNTS,
)
from fleet.model.frames import LOST_CAUSES, RESULT, SKIP_CAUSES
from fleet.model.sight import SIGHT_COUNTS
from fleet.plan.plan import Plan

FRAMES = ("captured", "results", "skipped", "lost")
"""What is noted of the frames of each group, before what was seen on them."""


class Flows(NamedTuple):
    """What had crossed links, and what had become of frames.

    Attributes:
        link_bits: bits sent by each class of links.
        groups: of each group `FRAMES`, then its row of the book of sights (`fleet.model.sight`).
    """

    link_bits: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(plan: Plan, sensors: Ints, links: Ints, sights: Ints) -> Flows:
        """Return those of some counts.

        Args:
            plan: the plan.
            sensors: the book of sensors of the whole plan.
            links: that of links.
            sights: that of sights by group; shape (groups, SIGHT_COUNTS).
        """
        bits = np.zeros(len(plan.links.class_names), dtype=np.int64)
        np.add.at(bits, plan.links.class_of, links[:, SENT_LINK_BITS])
        groups = np.zeros((len(plan.sensors.group_names), len(FRAMES)), dtype=np.int64)
        fates = [[FATE_0 + fate for fate in of] for of in ((RESULT,), SKIP_CAUSES, LOST_CAUSES)]
        for k, columns in enumerate(([CAPTURED], *fates)):
            np.add.at(groups[:, k], plan.sensors.group_of, sensors[:, columns].sum(axis=1))
        rows = np.concatenate([groups, sights], axis=1).tolist()
        return Flows(tuple(bits.tolist()), tuple(tuple(row) for row in rows))

    @staticmethod
    def none(plan: Plan) -> Flows:
        """Return those of a run that begins."""
        group = (0,) * (len(FRAMES) + SIGHT_COUNTS)
        return Flows((0,) * len(plan.links.class_names), (group,) * len(plan.sensors.group_names))

    def since(self, before: Flows) -> Flows:
        """Return what has come to these since others."""
        return Flows(
            _less(self.link_bits, before.link_bits),
            tuple(map(_less, self.groups, before.groups)),
        )


def _less(now: tuple[int, ...], then: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a - b for a, b in zip(now, then, strict=True))


@dataclass(frozen=True)
class Counted:
    """What of some tallies is noted at hours; copies, which nobody counts on.

    Attributes:
        sensors, links, servers, computing_ns: as in `fleet.engine.tally.Tally`.
        sights: its book of sights, by group; shape (groups, SIGHT_COUNTS).
        places: rows of these tables in those of the whole plan.
        since_ns: since when is counted.
    """

    sensors: Ints
    links: Ints
    servers: Ints
    computing_ns: NDArray[np.object_]
    sights: Ints
    places: dict[str, Ints]
    since_ns: int

    @staticmethod
    def of(tally: Tally) -> Counted:
        """Return what is noted, of a tally that was closed just now."""
        return Counted(
            tally.sensors.copy(), tally.links.copy(), tally.servers.copy(),
            tally.computing_ns.copy(), tally.sights.sum(axis=(1, 2)), tally.places, tally.since_ns,
        )  # fmt: skip

    @staticmethod
    def merged(parts: Iterable[Counted], plan: Plan) -> Counted:
        """Return the sum over all processes of a plan."""
        total = Counted(
            np.zeros((plan.size, SENSOR_WIDTH), dtype=np.int64),
            np.zeros((len(plan.links.ids), LINK_COUNTS), dtype=np.int64),
            np.zeros((plan.server_rows, SERVER_COUNTS), dtype=np.int64),
            np.zeros(len(plan.sensors.setup_names), dtype=np.int64).astype(object),
            np.zeros((len(plan.sensors.group_names), SIGHT_COUNTS), dtype=np.int64),
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
            total.sights.__iadd__(part.sights)
            since_ns = max(since_ns, part.since_ns)
        return replace(total, since_ns=since_ns)


class Mark(NamedTuple):
    """The account as it stood at a time.

    Attributes:
        at_ns: the time.
        energy_fj: of each row of `fleet.engine.energy.account`, since counting began.
        bits: what had crossed the operator's network.
        flows: what had crossed links, and what had become of frames.
        off_grid_fj: what of the energy batteries gave, of sensors and of uplinks.
    """

    at_ns: int
    energy_fj: tuple[int, ...]
    bits: Bits
    flows: Flows
    off_grid_fj: tuple[int, int] = (0, 0)


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
        flows = Flows.of(plan, counted.sensors, counted.links, counted.sights)
        energy_fj = tuple(row.energy_fj for row in rows)
        self.marks.append(Mark(now_ns, energy_fj, bits, flows, off_grid(up_to_now, counted)))

    def forget(self) -> None:
        """Forget all marks: what is counted begins now."""
        self.marks.clear()

    def save(self) -> State:
        """Return the marks as arrays, for `load`; energies as text, as they may pass 2**63 fJ."""
        energy = [[str(fj) for fj in mark.energy_fj] for mark in self.marks]
        fed = [[str(fj) for fj in mark.off_grid_fj] for mark in self.marks]
        return {
            "at_ns": np.array([mark.at_ns for mark in self.marks], dtype=np.int64),
            "energy_fj": np.array(energy, dtype=np.str_),
            "off_grid_fj": np.array(fed, dtype=np.str_),
            "bits": np.array([mark.bits for mark in self.marks], dtype=np.int64).reshape(-1, 3),
            "link_bits": np.array([mark.flows.link_bits for mark in self.marks], dtype=np.int64),
            "groups": np.array([mark.flows.groups for mark in self.marks], dtype=np.int64),
        }

    def load(self, state: State) -> None:
        """Take marks over, in place of those that are here."""
        energies, columns = state["energy_fj"], ("at_ns", "bits", "link_bits", "groups")
        fed = [(int(one), int(other)) for one, other in state["off_grid_fj"]]
        self.marks = [
            Mark(at, tuple(int(fj) for fj in energy), Bits(*bits),
                 Flows(tuple(link_bits), tuple(map(tuple, groups))), off_grid_fj)
            for energy, off_grid_fj, at, bits, link_bits, groups in zip(
                energies, fed, *(state[name].tolist() for name in columns), strict=True
            )
        ]  # fmt: skip
