"""The energy account of a run: what each component drew in each state."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Bools, Ints
from fleet.model.books import (
    DECODING_NS,
    LAST_SENT_NS,
    LOOKED_AT,
    PROMOTION_NS,
    RADIO_BITS,
    SENDING_NS,
    SENSE_NS,
    SENT_LINK_BITS,
    SERVED_NS,
    SERVER_NS,
    STARTED,
    TAIL_NS,
)
from fleet.model.events import SENSOR_DOWN
from fleet.model.power import StateEnergy, dot, states
from fleet.plan.plan import Plan
from fleet.plan.plant import Pool
from fleet.plan.presence import absent_ns

COMPONENTS = ("sensor", "uplink", "network", "edge", "cloud")
_WAN_LEVEL = 3


class Spent(Protocol):
    """What of a tally energy follows from: tables by sensor, link and kind of servers, by setup."""

    @property
    def sensors(self) -> Ints:
        """Return the table of sensors (`fleet.engine.tally.Tally`)."""

    @property
    def links(self) -> Ints:
        """Return that of links."""

    @property
    def servers(self) -> Ints:
        """Return that of kinds of servers."""

    @property
    def computing_ns(self) -> NDArray[np.object_]:
        """Return the time that each setup spent inferring or encoding."""


class Bits(NamedTuple):
    """What crossed the operator's network: WAN links, downwards as rewrites, mobile access; bit."""

    fixed: int
    written: int
    mobile: int

    def energy_fj(self, fixed_pj: int, mobile_pj: int) -> tuple[int, int, int]:
        """Return the energy of each, given that of a bit."""
        fixed_fj = fixed_pj * 1000
        return self.fixed * fixed_fj, self.written * fixed_fj, self.mobile * mobile_pj * 1000


def account(plan: Plan, tally: Spent) -> list[StateEnergy]:
    """Return the energy of every state of every component, from the warm-up to the end."""
    return [
        *_sensors(plan, tally),
        *_radios(plan, tally),
        *_network(plan, tally),
        *_servers(plan, tally),
    ]


def off_grid(plan: Plan, tally: Spent) -> tuple[int, int]:
    """Return what batteries gave of the account, of sensors and of uplinks; fJ.

    It is not the grid's.
    """
    mine = plan.batteries.kind_of >= 0
    if not mine.any():
        return 0, 0
    sensors, radios = _sensors(plan, tally, mine), _radios(plan, tally, mine)
    return sum(row.energy_fj for row in sensors), sum(row.energy_fj for row in radios)


def _sensors(plan: Plan, tally: Spent, which: Bools | None = None) -> list[StateEnergy]:
    """Return the energy of sensors, or of some of them."""
    counts = tally.sensors
    there = present_ns(plan)
    up = there - down_ns(plan)

    def at(power: str) -> Ints:  # a rewrite changes the network, not the device
        column: Ints = getattr(plan.sensors.setups, power)[plan.sensors.setup_of]
        return column if which is None else column * which

    return [
        *states(
            "sensor",
            {
                "host": there,
                "sensing": counts[:, SENSE_NS],
                "sense_idle": np.maximum(up - counts[:, SENSE_NS], 0),
            },
            {"host": at("base_uw"), "sensing": at("sense_uw"), "sense_idle": at("sense_idle_uw")},
        ),
        _computing(plan, tally, None if which is None else plan.batteries.of_setup >= 0),
    ]


def _computing(plan: Plan, tally: Spent, which: Bools | None) -> StateEnergy:
    """Return the energy of DSPs and encoders, by what ran: a rewrite changes their power.

    Args:
        plan: the plan.
        tally: what was counted.
        which: of which setups; shape (setups,), None for all.
    """
    power = plan.sensors.setups.compute_uw
    power_uw = (power if which is None else power * which).tolist()
    spent_ns = tally.computing_ns.tolist()
    energy_fj = sum(spent * power for spent, power in zip(spent_ns, power_uw, strict=True))
    return StateEnergy("sensor", "computing", sum(spent_ns), energy_fj)


def down_ns(plan: Plan) -> Ints:
    """Return how long each sensor was down behind the warm-up; ns, shape (sensors,)."""
    rows = plan.control.timetable[
        (plan.control.timetable.kind == SENSOR_DOWN)
        & (plan.control.timetable.time_ns < plan.end_ns)
    ]
    down = np.zeros(plan.size, dtype=np.int64)
    begin, end = np.clip(np.stack([rows.time_ns, rows.a], axis=1), plan.warm_up_ns, plan.end_ns).T
    np.add.at(down, rows.target, end - begin)
    return down


def present_ns(plan: Plan) -> Ints:
    """Return how long each sensor was there behind the warm-up; ns, shape (sensors,)."""
    everybody, span = np.arange(plan.size), np.array([[plan.warm_up_ns], [plan.end_ns]])
    absent: Ints = absent_ns(plan.control.timetable, everybody, *span)[0]
    return plan.measured_ns - absent


def radio_ns(plan: Plan, tally: Spent) -> dict[str, Ints]:
    """Return the time of each sensor's radio by state; ns, shape (sensors,).

    They cover the time for which the sensor is there in what is measured of the run, or what the
    radio sends if that is more; the last tail is cut off at the end. A frame that waits
    in a shared cell can be promoted while the tail of the one before it runs: that time counts as
    promotion.
    """
    counts = tally.sensors
    booked = Booked(
        *(counts[:, column] for column in (LAST_SENT_NS, SENDING_NS, TAIL_NS, PROMOTION_NS))
    )
    span = plan.warm_up_ns, plan.end_ns
    return radio_states(booked, present_ns(plan), span, plan.timers.tail_ns)


class Booked(NamedTuple):
    """What is booked of radios; ns, shape (sensors,)."""

    last_sent: Ints
    sending: Ints
    tail: Ints
    promotion: Ints


def radio_states(
    booked: Booked, there_ns: Ints, span: tuple[int, int], tail_ns: Ints
) -> dict[str, Ints]:
    """Return the time of radios by state, which is that of `radio_ns`; ns, shape (sensors,).

    Args:
        booked: what is booked of each.
        there_ns: how long each sensor is there.
        span: from when to when is counted.
        tail_ns: length of the tail of each.
    """
    last, sending = booked.last_sent, booked.sending
    whole = np.maximum(there_ns, sending)
    over = np.minimum(last + tail_ns, span[1])
    ended = np.maximum(over - np.maximum(last, span[0]), 0)
    promotion = np.minimum(booked.promotion, whole - sending)
    tail = booked.tail + np.where(last == 0, 0, ended)
    tail = np.minimum(tail, whole - sending - promotion)
    idle = whole - sending - promotion - tail
    return {"sending": sending, "promotion": promotion, "tail": tail, "idle": idle}


RADIO_POWERS = {
    "sending": "active_uw", "promotion": "promotion_uw", "tail": "tail_uw", "idle": "idle_uw",
}  # fmt: skip
"""The power of each state of a radio."""


def radio_column(plan: Plan, field: str) -> Ints:
    """Return a number of the radio of each sensor; shape (sensors,)."""
    column: Ints = np.array([getattr(r, field) for r in plan.links.radios], dtype=np.int64)
    return column[plan.links.radio_of]


def _radios(plan: Plan, tally: Spent, which: Bools | None = None) -> list[StateEnergy]:
    spent = radio_ns(plan, tally)

    def column(field: str) -> Ints:
        power = radio_column(plan, field)
        return power if which is None else power * which

    bits = dot(tally.sensors[:, RADIO_BITS], column("fj_per_bit"))
    return [
        *states("uplink", spent, {state: column(of) for state, of in RADIO_POWERS.items()}),
        StateEnergy("uplink", "bits sent", 0, bits),
    ]


def network_bits(plan: Plan, tally: Spent) -> Bits:
    """Return what crossed the operator's network; model rewrites cross it downwards."""
    sent = tally.links[:, SENT_LINK_BITS]
    at = plan.control.rollout.arrived_ns
    arrived = (at >= plan.warm_up_ns) & (at < plan.end_ns)
    return Bits(
        fixed=int(sent[plan.links.level_of == _WAN_LEVEL].sum()),
        written=int(plan.control.rollout.down_bits[arrived].sum()),
        mobile=int(sent[plan.links.mobile[plan.links.class_of] == 1].sum()),
    )


def _network(plan: Plan, tally: Spent) -> list[StateEnergy]:
    """Return the operator's energy: per bit over the fixed network, and over mobile access."""
    money = plan.money
    spent = network_bits(plan, tally).energy_fj(money.fixed_pj_per_bit, money.mobile_pj_per_bit)
    states = ("fixed", "model rewrites", "mobile access")
    return [StateEnergy("network", name, 0, fj) for name, fj in zip(states, spent, strict=True)]


def _servers(plan: Plan, tally: Spent) -> list[StateEnergy]:
    """Return the energy of servers: they draw their full power for the part c · b of t(b).

    With a second network that is c · b + c' · N. In the part `a` they wait for copies and launches.
    So a batch of one, which leaves most of a GPU idle, does not draw the power of a full one.
    """
    out = []
    for index in range(len(plan.pools.names)):
        pool = plan.pools.entries[int(plan.pools.entry[index])]
        if pool is None:
            continue
        part = "edge" if pool.edge else "cloud"
        row = int(plan.pools.row[index])
        for nth, kind in enumerate(pool.kinds):
            counts = tally.servers[row + nth]
            busy = min(int(counts[SERVED_NS]), _work_ns(pool, row, nth, tally))
            for state, spent, power in (
                ("busy", busy, kind.busy_uw),
                ("idle", int(counts[SERVER_NS]) - busy, kind.idle_uw),
                ("decoding", int(counts[DECODING_NS]), kind.decode_uw),
            ):
                energy = spent * power * kind.pue_ppm // 1_000_000
                out.append(StateEnergy(part, state, spent, energy))
    return out


def _work_ns(pool: Pool, row: int, nth: int, tally: Spent) -> int:
    """Return the parts c · b and c' · n of the batches of a kind, of all networks that it runs.

    Args:
        pool: the pool.
        row: of its first kind.
        nth: which kind.
        tally: what was counted.
    """
    work_ns = 0
    for w, network in enumerate(pool.networks):
        kind, counts = network.kinds[nth], tally.servers[row + w * len(pool.kinds) + nth]
        per_frame_ns = int(kind.service_ns[-1] - kind.service_ns[0]) // pool.max_batch
        work_ns += int(counts[STARTED]) * per_frame_ns + int(counts[LOOKED_AT]) * kind.then_per_ns
    return work_ns
