"""The energy account of a run: what each component drew in each state."""

from __future__ import annotations

import numpy as np

from fleet.engine.tally import (
    COMPUTE_NS,
    LAST_SENT_NS,
    SENDING_NS,
    SENSE_NS,
    SENT_LINK_BITS,
    SERVED_NS,
    SERVER_NS,
    TAIL_NS,
    Tally,
)
from fleet.plan.columns import KIND, SENSOR_DOWN, TARGET, TIME_NS, A, Ints, Plan
from fleet.stages.power import StateEnergy, states

COMPONENTS = ("sensor", "uplink", "network", "edge", "cloud")
_WAN_LEVEL = 3


def account(plan: Plan, tally: Tally) -> list[StateEnergy]:
    """Return the energy of every state of every component up to the end of the plan."""
    return [
        *_sensors(plan, tally),
        *_radios(plan, tally),
        *_network(plan, tally),
        *_cloud(plan, tally),
    ]


def _sensors(plan: Plan, tally: Tally) -> list[StateEnergy]:
    counts = tally.sensors
    setup = {f: getattr(plan.setups, f)[plan.setup_of] for f in plan.setups._fields}
    always = np.full(plan.size, plan.end_ns, dtype=np.int64)
    up = always - down_ns(plan)
    return states(
        "sensor",
        {
            "host": always,
            "sensing": counts[:, SENSE_NS],
            "sense_idle": np.maximum(up - counts[:, SENSE_NS], 0),
            "computing": counts[:, COMPUTE_NS],
        },
        {
            "host": setup["base_uw"],
            "sensing": setup["sense_uw"],
            "sense_idle": setup["sense_idle_uw"],
            "computing": setup["compute_uw"],
        },
    )


def down_ns(plan: Plan) -> Ints:
    """Return how long each sensor was down before the end; ns, shape (sensors,)."""
    rows = plan.timetable[
        (plan.timetable[:, KIND] == SENSOR_DOWN) & (plan.timetable[:, TIME_NS] < plan.end_ns)
    ]
    down = np.zeros(plan.size, dtype=np.int64)
    np.add.at(down, rows[:, TARGET], np.minimum(rows[:, A], plan.end_ns) - rows[:, TIME_NS])
    return down


def radio_tail_ns(plan: Plan, tally: Tally) -> Ints:
    """Return the time in tails, the last one cut off at the end; ns, shape (sensors,)."""
    last = tally.sensors[:, LAST_SENT_NS]
    open_ns = np.where(last == 0, 0, plan.end_ns - last)
    return tally.sensors[:, TAIL_NS] + np.minimum(open_ns, plan.tail_ns)


def _radios(plan: Plan, tally: Tally) -> list[StateEnergy]:
    counts = tally.sensors
    sending, tail = counts[:, SENDING_NS], radio_tail_ns(plan, tally)
    power = {
        f: np.array([getattr(r, f) for r in plan.radios], dtype=np.int64)[plan.radio_of]
        for f in ("idle_uw", "sending_uw", "tail_uw")
    }
    return states(
        "uplink",
        {"sending": sending, "tail": tail, "idle": plan.end_ns - sending - tail},
        {"sending": power["sending_uw"], "tail": power["tail_uw"], "idle": power["idle_uw"]},
    )


def _network(plan: Plan, tally: Tally) -> list[StateEnergy]:
    """Return the operator's energy: per bit over the fixed network, and over mobile access."""
    sent = tally.links[:, SENT_LINK_BITS]
    mobile_bits = int(sent[plan.mobile_class[plan.class_of] == 1].sum())
    fixed_bits = int(sent[plan.level_of == _WAN_LEVEL].sum())
    return [
        StateEnergy("network", "fixed", 0, fixed_bits * plan.fixed_pj_per_bit * 1000),
        StateEnergy("network", "mobile access", 0, mobile_bits * plan.mobile_pj_per_bit * 1000),
    ]


def _cloud(plan: Plan, tally: Tally) -> list[StateEnergy]:
    out = []
    for pool, counts in zip(plan.pools, tally.pools, strict=True):
        if pool is None:
            continue
        busy, paid = int(counts[SERVED_NS]), int(counts[SERVER_NS])
        for state, spent, power in (
            ("busy", busy, pool.busy_uw),
            ("idle", paid - busy, pool.idle_uw),
        ):
            energy = spent * power * pool.pue_ppm // 1_000_000
            out.append(StateEnergy("cloud", state, spent, energy))
    return out
