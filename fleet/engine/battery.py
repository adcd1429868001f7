"""Batteries at work: at each look they are charged and drawn upon, and sensors go off or come on.

Looks are points to which all processes of a run have come, as those of controllers are
(`fleet.engine.feedback`): what a sensor has drawn may be booked in its shard and in a region. Who
goes off or comes on is told at once, before anything of that time happens at sensors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fleet.arrays import Bools, Ints, as_table
from fleet.engine.energy import RADIO_POWERS, Booked, radio_column, radio_states
from fleet.engine.snapshot import State
from fleet.model.books import (
    FJ_PER_NJ,
    GAVE_BITS,
    GAVE_COMPUTING_FJ,
    GAVE_COMPUTING_NJ,
    GAVE_PROMOTION_NS,
    GAVE_SENDING_NS,
    GAVE_SENSING_NS,
    GAVE_TAIL_NS,
    GAVE_WIDTH,
    LAST_SENT_NS,
)
from fleet.model.events import (
    SENSOR_DOWN,
    SENSOR_JOINS,
    SENSOR_LEAVES,
    SENSOR_OFF,
    SENSOR_ON,
    Timetable,
)
from fleet.plan.plan import Plan
from fleet.plan.presence import absent_ns, away_or_down, down_while_there, presence_rows
from fleet.plan.rollout import Spans
from fleet.plan.timetable import EventRow

# What became of a battery, one row a sensor; nJ. Sun is what its panel gave, stored what of that
# the battery would have taken, spilled what it did not as it was full; short what was drawn from it
# between two looks though it had no more.
CHARGE, LEAST, SUN, STORED, GAVE, SPILLED, SHORT, WIDTH = range(8)
Given = tuple[Ints, Ints]
"""Sensors of the whole plan, and what their batteries gave, with when each radio last sent; shape
(sensors,) and (sensors, GAVE_WIDTH + 1)."""


def look(plan: Plan, gave: Ints, sensors: Ints) -> Given:
    """Return what a process has booked of the batteries of its sensors.

    Args:
        plan: what of the plan is needed there.
        gave: its table of what batteries gave.
        sensors: its table of sensors.
    """
    mine = np.flatnonzero(plan.batteries.kind_of >= 0)
    table = np.concatenate([gave[mine], sensors[mine, LAST_SENT_NS, None]], axis=1)
    return plan.sensors.ids[mine], table


class Charged(NamedTuple):
    """What became of the batteries of a run.

    Attributes:
        switched: SENSOR_OFF and SENSOR_ON, in order.
        table: of every sensor (`CHARGE`, ...); shape (sensors, WIDTH), all 0 without a battery.
    """

    switched: Timetable
    table: Ints

    def save(self) -> State:
        """Return it as arrays, for `loaded`."""
        return {"switched": self.switched, "table": self.table}

    @staticmethod
    def loaded(state: State) -> Charged:
        """Return what `save` gave."""
        return Charged(as_table(state["switched"]), state["table"])

    @staticmethod
    def nothing() -> Charged:
        """Return that there are no batteries."""
        return Charged(Timetable.zeros(0), np.zeros((0, WIDTH), dtype=np.int64))


class Cells:
    """The batteries of a run, as an executor asks them: after a window, at their looks.

    Attributes:
        plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        """Begin at time zero, with every sensor on."""
        of, many = plan.batteries, plan.size
        self.plan = plan
        self._table = np.zeros((many, WIDTH), dtype=np.int64)
        mine = of.kind_of >= 0
        if of.is_there:
            self._table[mine, CHARGE] = self._table[mine, LEAST] = of.column("start_nj")
        self._off = np.zeros(many, dtype=np.bool_)
        self._there_ns, self._up_ns, self._booted_ns = np.zeros((3, many), dtype=np.int64)
        self._looked_ns = np.zeros(len(of.kinds), dtype=np.int64)
        self._switched: list[EventRow] = []

    def is_due(self, now_ns: int) -> bool:
        """Return whether any battery is looked at now; at the end all are."""
        return bool(self._looking(now_ns))

    def crosses(self, start_ns: int, end_ns: int) -> bool:
        """Return whether a look lies within a span."""
        every = {kind.every_ns for kind in self.plan.batteries.kinds}
        return any((end_ns - 1) // period > start_ns // period for period in every)

    def _looking(self, now_ns: int) -> list[int]:
        if not self.plan.batteries.is_there or now_ns <= 0:
            return []
        ends = now_ns == self.plan.end_ns
        kinds = enumerate(self.plan.batteries.kinds)
        return [k for k, kind in kinds if ends or now_ns % kind.every_ns == 0]

    def hear(self, now_ns: int, given: Iterable[Given]) -> Timetable:
        """Look at all batteries that are due; return who goes off or comes on now."""
        switched: list[EventRow] = []
        kinds = [k for k in self._looking(now_ns) if self._looked_ns[k] < now_ns]
        booked = self._merged(given)
        for kind in kinds:
            mine = np.flatnonzero(self.plan.batteries.kind_of == kind)
            self._charge(kind, mine, booked[mine], now_ns)
            if now_ns < self.plan.end_ns:
                switched += self._switch(kind, mine, now_ns)
        self._switched += sorted(switched, key=lambda row: row[2])
        return _events(sorted(switched, key=lambda row: row[2]))

    def _merged(self, given: Iterable[Given]) -> Ints:
        """Return what all processes have booked of all sensors; shape (sensors, GAVE_WIDTH + 1)."""
        table = np.zeros((self.plan.size, GAVE_WIDTH + 1), dtype=np.int64)
        for ids, part in given:
            last_ns = np.maximum(table[ids, GAVE_WIDTH], part[:, GAVE_WIDTH])
            table[ids] += part
            table[ids, GAVE_WIDTH] = last_ns
        return table

    def _charge(self, kind: int, mine: Ints, booked: Ints, now_ns: int) -> None:
        """Charge batteries with what the sun gave since the last look, less what was drawn."""
        of, from_ns = self.plan.batteries, int(self._looked_ns[kind])
        self._looked_ns[kind] = now_ns
        self._pass(mine, from_ns, now_ns)
        gave_nj = given_nj(self.plan, mine, booked, self._there_ns, self._up_ns, now_ns)
        battery, row = of.kinds[kind], self._table[mine]
        at = from_ns // battery.every_ns
        drawn, stored = gave_nj - row[:, GAVE], int(of.stored_nj[kind][at])
        charge = row[:, CHARGE] + stored - drawn
        row[:, SHORT] += np.maximum(-charge, 0)
        row[:, SPILLED] += np.maximum(charge - battery.capacity_nj, 0)
        row[:, CHARGE] = np.clip(charge, 0, battery.capacity_nj)
        row[:, LEAST] = np.minimum(row[:, LEAST], row[:, CHARGE])
        row[:, SUN] += int(of.sun_nj[kind][at])
        row[:, STORED] += stored
        row[:, GAVE] = gave_nj
        self._table[mine] = row

    def _pass(self, mine: Ints, from_ns: int, now_ns: int) -> None:
        """Add how long sensors were there and up since the last look; none is while it is off."""
        table, span = self.plan.control.timetable, np.array([[from_ns], [now_ns]])
        there = now_ns - from_ns - absent_ns(table, mine, *span)[0]
        down = np.zeros(self.plan.size, dtype=np.int64)
        rows = table[(table.kind == SENSOR_DOWN) & (table.time_ns < now_ns)]
        np.add.at(
            down, rows.target,
            np.maximum(np.minimum(rows.a, now_ns) - np.maximum(rows.time_ns, from_ns), 0),
        )  # fmt: skip
        for s in mine[self._booted_ns[mine] > from_ns].tolist():
            booting = from_ns, min(now_ns, int(self._booted_ns[s]))
            down[s] += _uncovered_ns(booting, _not_up(table, s))
        on = ~self._off[mine]
        self._there_ns[mine] += np.where(on, there, 0)
        self._up_ns[mine] += np.where(on, there - down[mine], 0)

    def _switch(self, kind: int, mine: Ints, now_ns: int) -> list[EventRow]:
        """Return who goes off or comes on now."""
        battery, charge, off = self.plan.batteries.kinds[kind], self._table[mine, CHARGE], self._off
        fails: Ints = mine[~off[mine] & (charge <= battery.off_nj)]
        recovers: Ints = mine[off[mine] & (charge >= battery.on_nj)]
        off[fails], off[recovers] = True, False
        self._booted_ns[recovers] = now_ns + self.plan.batteries.boot_ns[recovers]
        return [
            *((now_ns, SENSOR_OFF, s, 0, 0) for s in fails.tolist()),
            *((now_ns, SENSOR_ON, s, int(self._booted_ns[s]), 0) for s in recovers.tolist()),
        ]

    def pending(self, now_ns: int) -> Timetable:
        """Return who goes off or comes on now or later, as far as that is known."""
        return _events([row for row in self._switched if row[0] >= now_ns])

    def charged(self) -> Charged:
        """Return what became of the batteries up to now."""
        return Charged(_events(self._switched), self._table.copy())

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        return {
            "table": self._table,
            "off": self._off,
            "spans_ns": np.stack([self._there_ns, self._up_ns, self._booted_ns]),
            "looked_ns": self._looked_ns,
            "switched": np.array(self._switched, dtype=np.int64).reshape(-1, 5),
        }

    def load(self, state: State) -> None:
        """Take a state up again, in place of what is here."""
        self._table, self._off = state["table"].copy(), state["off"].copy()
        self._there_ns, self._up_ns, self._booted_ns = state["spans_ns"].copy()
        self._looked_ns = state["looked_ns"].copy()
        self._switched = [(t, k, s, a, b) for t, k, s, a, b in state["switched"].tolist()]


def given_nj(
    plan: Plan, mine: Ints, booked: Ints, there_ns: Ints, up_ns: Ints, now_ns: int
) -> Ints:
    """Return what the batteries of some sensors have given since time zero; nJ, rounded down.

    That is the account of a run that ends now and counts from zero, to the femtojoule.

    Args:
        plan: the plan.
        mine: which sensors.
        booked: what is booked of each; shape (len(mine), GAVE_WIDTH + 1).
        there_ns: how long sensors were there and on; shape (sensors,).
        up_ns: how long they were up too.
        now_ns: the time.
    """
    setups, kind = plan.sensors.setups, plan.sensors.setup_of[mine]
    there, sensing = there_ns[mine], booked[:, GAVE_SENSING_NS]
    radios = Booked(*booked[:, [GAVE_WIDTH, GAVE_SENDING_NS, GAVE_TAIL_NS, GAVE_PROMOTION_NS]].T)
    spent = radio_states(radios, there, (0, now_ns), plan.timers.tail_ns[mine])
    parts = [
        (there, setups.base_uw[kind]),
        (sensing, setups.sense_uw[kind]),
        (np.maximum(up_ns[mine] - sensing, 0), setups.sense_idle_uw[kind]),
        (booked[:, GAVE_BITS], radio_column(plan, "fj_per_bit")[mine]),
        *((spent[state], radio_column(plan, of)[mine]) for state, of in RADIO_POWERS.items()),
    ]
    whole, left = booked[:, GAVE_COMPUTING_NJ].copy(), booked[:, GAVE_COMPUTING_FJ].copy()
    for amount, each in parts:
        whole += amount // FJ_PER_NJ * each
        left += amount % FJ_PER_NJ * each
    total: Ints = whole + left // FJ_PER_NJ
    return total


def _uncovered_ns(span: tuple[int, int], others: Spans) -> int:
    """Return how much of a span lies in none of others, which are disjoint; ns."""
    begin, end = span
    covered = sum(max(0, min(end, high) - max(begin, low)) for low, high in others)
    return max(0, end - begin) - covered


def _not_up(table: Timetable, sensor: int) -> Spans:
    """Return when a sensor is not there, or down, by the timetable; disjoint."""
    rows = table[np.isin(table.kind, (SENSOR_DOWN, SENSOR_LEAVES)) & (table.target == sensor)]
    return [(at, until) for at, _, _, until, _ in rows.tolist()]


def _events(rows: Iterable[EventRow]) -> Timetable:
    kept = list(rows)
    return Timetable.of(kept) if kept else Timetable.zeros(0)


def as_it_went(plan: Plan, switched: Timetable, end_ns: int) -> Plan:
    """Return a plan in which sensors leave when they went off, and boot when they came on.

    So whoever makes an account of a run up to `end_ns` with it leaves out what was off.
    """
    if not len(switched):
        return plan
    table = plan.control.timetable
    off, booting = _spans_of(switched, end_ns)
    mine = np.isin(table.target, [*off])
    static = mine & np.isin(table.kind, (SENSOR_DOWN, SENSOR_LEAVES, SENSOR_JOINS))
    absent, down = (
        _stated(table[static & (table.kind == k)]) for k in (SENSOR_LEAVES, SENSOR_DOWN)
    )
    away = away_or_down(absent, off)
    boots = down_while_there(away_or_down(down, booting), away)
    rows = [
        *presence_rows(away),
        *((a, SENSOR_DOWN, s, b, 0) for s, spans in boots.items() for a, b in spans),
    ]
    both = np.concatenate([table[~static], _events(rows)])
    order = np.lexsort((both["target"], both["kind"], both["time_ns"]))
    return replace(plan, control=replace(plan.control, timetable=as_table(both[order])))


def _stated(rows: Timetable) -> dict[int, Spans]:
    """Return the spans that rows of the timetable are of, by sensor; ns."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for at_ns, _, s, until_ns, _ in rows.tolist():
        spans.setdefault(s, []).append((at_ns, until_ns))
    return dict(spans)


def _spans_of(switched: Timetable, end_ns: int) -> tuple[dict[int, Spans], dict[int, Spans]]:
    """Return (when sensors were off, when they booted behind that), by sensor; ns."""
    off: dict[int, list[tuple[int, int]]] = {}
    booting: dict[int, list[tuple[int, int]]] = {}
    for at_ns, kind, s, until_ns, _ in switched.tolist():
        mine = off.setdefault(s, [])
        if kind == SENSOR_OFF:
            mine.append((at_ns, end_ns))
        else:
            mine[-1] = mine[-1][0], at_ns
            booting.setdefault(s, []).append((at_ns, until_ns))
    return dict(off), dict(booting)


def off_ns(switched: Timetable, sensors: int, end_ns: int) -> Ints:
    """Return how long each sensor was off up to the end; ns, shape (sensors,)."""
    total = np.zeros(sensors, dtype=np.int64)
    for s, spans in _spans_of(switched, end_ns)[0].items():
        total[s] = sum(until - at for at, until in spans)
    return total


def is_on(switched: Timetable, sensors: int) -> Bools:
    """Return which sensors are on after all that has happened; shape (sensors,)."""
    on = np.ones(sensors, dtype=np.bool_)
    for _, kind, s, _, _ in switched.tolist():
        on[s] = kind == SENSOR_ON
    return on
