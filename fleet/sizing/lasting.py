"""How long batteries are expected to last: at a mean power, under the sun of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.engine.battery import (
    CHARGE,
    GAVE,
    LEAST,
    SHORT,
    SPILLED,
    STORED,
    SUN,
    WIDTH,
    Charged,
    given_nj,
)
from fleet.engine.energy import down_ns, present_ns
from fleet.engine.tally import Tally
from fleet.model import books as b
from fleet.model.events import SENSOR_OFF, SENSOR_ON, Timetable
from fleet.plan.plan import Plan
from fleet.plan.timetable import EventRow

_MOST_STEPS = 4096
"""So many steps are looked at in a run at most; in longer ones several looks are one step."""


class Lasting(NamedTuple):
    """What is expected of like batteries.

    Attributes:
        battery: their name.
        group: of their sensors.
        power_w: mean power of a sensor while it is on.
        sun_w: what a panel gives its battery in the mean of the run; None without one.
        off_s: when sensors go off first; None if they last the run.
    """

    battery: str
    group: str
    power_w: float
    sun_w: float | None
    off_s: float | None


def power_nj_s(plan: Plan, tally: Tally) -> Floats:
    """Return what each sensor is expected to draw while it is there; nJ/s, shape (sensors,).

    Args:
        plan: the plan.
        tally: what a run of it is expected to count.
    """
    mine, counts = np.arange(plan.size), tally.sensors
    booked = np.zeros((plan.size, b.GAVE_WIDTH + 1), dtype=np.int64)
    for to, of in (
        (b.GAVE_SENSING_NS, b.SENSE_NS), (b.GAVE_SENDING_NS, b.SENDING_NS),
        (b.GAVE_TAIL_NS, b.TAIL_NS), (b.GAVE_PROMOTION_NS, b.PROMOTION_NS),
        (b.GAVE_BITS, b.RADIO_BITS), (b.GAVE_WIDTH, b.LAST_SENT_NS),
    ):  # fmt: skip
        booked[:, to] = counts[:, of]
    compute_uw = plan.sensors.setups.compute_uw[plan.sensors.setup_of]
    booked[:, b.GAVE_COMPUTING_NJ] = (counts[:, b.COMPUTE_NS] * 1e-6 * compute_uw).astype(np.int64)
    there_ns = present_ns(plan)
    up_ns = there_ns - down_ns(plan)
    spent = given_nj(plan, mine, booked, there_ns, up_ns, plan.end_ns)
    power: Floats = spent / np.maximum(there_ns * 1e-9, 1e-9)
    return power


def charged(plan: Plan, tally: Tally) -> Charged:
    """Return what is expected to become of batteries, at the mean power of their sensors.

    The arguments are those of `power_nj_s`.
    """
    if not plan.batteries.is_there:
        return Charged.nothing()
    power = power_nj_s(plan, tally)
    table, rows = np.zeros((plan.size, WIDTH), dtype=np.int64), list[EventRow]()
    for kind in range(len(plan.batteries.kinds)):
        mine = np.flatnonzero(plan.batteries.kind_of == kind)
        watts, which = np.unique(np.round(power[mine], -3), return_inverse=True)
        became, switched = _through(plan, kind, watts)
        table[mine] = became[which.reshape(-1)]
        rows += [
            (at_ns, event, s, 0, 0)
            for at_ns, event, one in switched
            for s in mine[which.reshape(-1) == one].tolist()
        ]
    return Charged(Timetable.of(sorted(rows)) if rows else Timetable.zeros(0), table)


def _through(plan: Plan, kind: int, power_nj_s: Floats) -> tuple[Ints, list[tuple[int, int, int]]]:
    """Return (what became of batteries with some powers, who of these went off and on when)."""
    battery, of = plan.batteries.kinds[kind], plan.batteries
    looks = len(of.sun_nj[kind])
    many = -(-looks // _MOST_STEPS)
    begins = np.arange(0, looks, many)
    stored = np.add.reduceat(of.stored_nj[kind], begins).astype(np.float64)
    until_ns = np.minimum(np.append(begins[1:], looks) * battery.every_ns, plan.end_ns)
    lasts_s = np.diff(until_ns, prepend=0) * 1e-9
    rows = np.zeros((len(power_nj_s), WIDTH))
    rows[:, CHARGE] = rows[:, LEAST] = battery.start_nj
    on, switched = np.ones(len(power_nj_s), dtype=np.bool_), list[tuple[int, int, int]]()
    for gain, span_s, at_ns in zip(
        stored.tolist(), lasts_s.tolist(), until_ns.tolist(), strict=True
    ):
        drawn = np.where(on, power_nj_s * span_s, 0.0)
        charge = rows[:, CHARGE] + gain - drawn
        rows[:, GAVE] += drawn
        rows[:, SHORT] += np.maximum(-charge, 0)
        rows[:, SPILLED] += np.maximum(charge - battery.capacity_nj, 0)
        rows[:, CHARGE] = np.clip(charge, 0, battery.capacity_nj)
        rows[:, LEAST] = np.minimum(rows[:, LEAST], rows[:, CHARGE])
        if at_ns >= plan.end_ns:
            break
        fails = on & (rows[:, CHARGE] <= battery.off_nj)
        recovers = ~on & (rows[:, CHARGE] >= battery.on_nj)
        for event, who in ((SENSOR_OFF, fails), (SENSOR_ON, recovers)):
            switched += [(at_ns, event, one) for one in np.flatnonzero(who).tolist()]
        on = (on | recovers) & ~fails
    rows[:, SUN], rows[:, STORED] = of.sun_nj[kind].sum(), of.stored_nj[kind].sum()
    return rows.astype(np.int64), switched


def lasting(plan: Plan, tally: Tally, became: Charged) -> Iterator[Lasting]:
    """Yield what is expected of each battery and group.

    Args:
        plan: the plan.
        tally: what a run of it is expected to count.
        became: what is expected to become of batteries.
    """
    of = plan.batteries
    if not of.is_there:
        return
    power = power_nj_s(plan, tally)
    off = became.switched[became.switched.kind == SENSOR_OFF]
    first_ns = np.full(plan.size, np.inf)
    np.minimum.at(first_ns, off.target, off.time_ns.astype(np.float64))
    for kind, battery in enumerate(of.kinds):
        for group, name in enumerate(plan.sensors.group_names):
            mine = np.flatnonzero((of.kind_of == kind) & (plan.sensors.group_of == group))
            if not len(mine):
                continue
            first_s = float(first_ns[mine].min()) * 1e-9
            sun = float(of.stored_nj[kind].sum()) / (plan.end_ns * 1e-9) * 1e-9
            yield Lasting(
                battery.name, name, float(power[mine].mean()) * 1e-9,
                sun if of.sun_nj[kind].any() or sun else None,
                first_s if np.isfinite(first_s) else None,
            )  # fmt: skip
