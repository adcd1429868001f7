"""Controllers at work: they look when a period is over, and their words go down to sensors.

Looks are points to which all processes of a run have come, so that what they see is the same for
any split: counts of what happened before, and where frames under way are just then. What they say
is a control event at each of their sensors, later by the way down, which is more than nothing: so
no process has gone on to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from fleet.arrays import Bools, Ints
from fleet.engine.deciding import asked, outside_of, rules
from fleet.engine.many import KEPT, Sights, scaled, slower, wanted
from fleet.engine.snapshot import State
from fleet.engine.told import Told, Word, events_of
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.model.books import CAPTURED, FATE_0, LATENCY_SUM_NS, RADIO_BITS
from fleet.model.events import RATE, SENSOR_JOINS, SENSOR_LEAVES, Timetable
from fleet.model.frames import (
    BITS,
    LEVEL_COLUMN,
    LEVELS,
    LOST_ACCESS_BUFFER,
    LOST_CELL_BUFFER,
    LOST_CLOUD_QUEUE,
    LOST_DEADLINE,
    LOST_DECODE_QUEUE,
    LOST_EDGE_QUEUE,
    LOST_SERVER_DOWN,
    READY,
    RESULT,
    SENSOR,
    SETUP,
    START,
    Rows,
)
from fleet.model.ladder import AT_SITE, Counts, seen_of
from fleet.plan.plan import Plan
from fleet.plan.rollout import finish_ns
from fleet.plan.talking import Controller

# What is looked at of each sensor: counts that grow, then where frames are now.
(
    CAPTURES, RESULTS, LATENCY, SENT, DROPPED_THERE, DROPPED_HERE,
    WAITING_THERE, WAITING_HERE, BITS_HERE,
    WIDTH,
) = range(10)  # fmt: skip
GROWING = slice(0, WAITING_THERE)
_BY_SERVERS = (
    LOST_DECODE_QUEUE, LOST_CLOUD_QUEUE, LOST_EDGE_QUEUE, LOST_DEADLINE, LOST_SERVER_DOWN,
)  # fmt: skip
_BY_FIRST_LINK = (LOST_ACCESS_BUFFER, LOST_CELL_BUFFER)
Look = tuple[Ints, Ints]
"""Sensors of the whole plan, and what is seen of each; shape (sensors,) and (sensors, WIDTH)."""


def look(plan: Plan, sensors: Ints, rows: Rows) -> Look:
    """Return what a process sees of the sensors that controllers watch.

    Args:
        plan: what of the plan is needed there.
        sensors: its table of sensors (`fleet.engine.tally`).
        rows: its frames under way, with the times before now, numbered as there.
    """
    mine = np.flatnonzero(plan.feedback.unit_of >= 0)
    table = np.zeros((plan.size, WIDTH), dtype=np.int64)
    table[:, [CAPTURES, RESULTS, LATENCY, SENT]] = sensors[
        :, [CAPTURED, FATE_0 + RESULT, LATENCY_SUM_NS, RADIO_BITS]
    ]
    table[:, DROPPED_THERE] = sensors[:, [FATE_0 + fate for fate in _BY_SERVERS]].sum(axis=1)
    own = np.argmax(plan.links.of >= 0, axis=0)  # level of the first link on the way of each
    table[:, DROPPED_HERE] = _dropped_here(sensors, own)
    at, level = rows[:, SENSOR], plan.pools.level[rows[:, SENSOR]]
    column = np.array(LEVEL_COLUMN)
    came, here = (
        np.take_along_axis(rows, column[of][:, None], axis=1)[:, 0] for of in (level, own[at])
    )
    needs = (rows[:, SETUP] >= 0) & (plan.sensors.setups.on_sensor[rows[:, SETUP]] == 0)
    there = needs & (plan.pools.of[at] >= 0) & (came >= 0) & (rows[:, START] < 0)
    waits = (rows[:, READY] >= 0) & (here < 0)
    np.add.at(table[:, WAITING_THERE], at[there], 1)
    np.add.at(table[:, WAITING_HERE], at[waits], 1)
    np.add.at(table[:, BITS_HERE], at[waits], rows[waits, BITS])
    return plan.sensors.ids[mine], table[mine]


def _dropped_here(sensors: Ints, level: Ints) -> Ints:
    """Return what the first link of each sensor has lost: its own port, or one that is shared."""
    lost = sensors[:, [FATE_0 + fate for fate in _BY_FIRST_LINK]]
    return np.where(level > 0, lost.sum(axis=1), lost[:, 0])


class Watch:
    """The controllers of a run, as an executor asks them: after a window, at their looks.

    Attributes:
        plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        """Begin at time zero, with every sensor on the top rung, or what is planned for then."""
        of = plan.feedback
        self.plan = plan
        self._rules = rules(plan)
        self._rung = np.zeros(len(of.unit_names), dtype=np.int64)
        self._memory: list[tuple[int, ...]] = [()] * len(of.unit_names)  # of rules of one's own
        self._kept = np.zeros((len(of.unit_names), KEPT), dtype=np.int64)  # of all others
        self._before = np.zeros((plan.size, WAITING_THERE), dtype=np.int64)
        self._heard = 0, 0  # when what was planned was said last, and how much of that time
        self._words: list[Word] = sorted(self._planned(0))

    def is_due(self, now_ns: int) -> bool:
        """Return whether anybody looks now, or what is counted is about to be forgotten."""
        of = self.plan.feedback
        return (
            bool(self._looking(now_ns))
            or len(_of_time(of.planned.time_ns, now_ns)) > 0
            or (of.is_there and now_ns == self.plan.warm_up_ns > 0)
        )

    def check(self, window: Window) -> None:
        """Refuse a window in which a word could come that nobody has said yet.

        Raises:
            RunError: it is longer than what is certain, or a look lies in it.
        """
        start_ns, end_ns = window
        if not self.plan.feedback.is_there:
            return
        if (
            self.plan.feedback.crossed(start_ns, end_ns)
            or end_ns - start_ns > self.plan.lookahead_ns
        ):
            raise RunError(
                f"the window from {start_ns} to {end_ns} ns is longer than the lookahead of"
                f" {self.plan.lookahead_ns} ns, or controllers look within it"
            )

    def hear(self, now_ns: int, looks: Iterable[Look]) -> Timetable:
        """Have everybody look who does so now; return what is said, as events of the whole plan.

        Raises:
            InputError: a rule of the user's own goes wrong.
            RunError: a word would come before what has happened (lookahead broken).
        """
        table = self._merged(looks)
        said: list[Word] = []
        for kind in self._looking(now_ns):
            said += self._look(kind, table, now_ns)
        said += self._planned(now_ns)
        self._say(said)
        if now_ns == self.plan.warm_up_ns:
            self._before -= table[:, GROWING]
        return events_of(said)

    def forget(self, looks: Iterable[Look]) -> None:
        """Know that what has been counted up to now is about to be forgotten."""
        self._before -= self._merged(looks)[:, GROWING]

    def pending(self, now_ns: int) -> Timetable:
        """Return what was said and has not come before a time, as events of the whole plan."""
        return events_of([word for word in self._words if word[0] >= now_ns])

    def told(self) -> Told:
        """Return what was said up to now."""
        return Told.of(self._words)

    def _looking(self, now_ns: int) -> list[int]:
        if not self.plan.feedback.is_there or not 0 < now_ns < self.plan.end_ns:
            return []
        kinds = enumerate(self.plan.feedback.controllers)
        return [kind for kind, one in kinds if one.every_ns and now_ns % one.every_ns == 0]

    def _planned(self, now_ns: int) -> list[Word]:
        """Return what is planned to be said now and has not been."""
        of = self.plan.feedback
        rows = _of_time(of.planned.time_ns, now_ns)
        before = self._heard[1] if self._heard[0] == now_ns else 0
        self._heard = now_ns, len(rows)
        turns, said = Counter[int](), list[tuple[int, int, int]]()
        for k, (_, s, rung) in enumerate(of.planned[rows].tolist()):
            unit = int(of.unit_of[s])
            turns[s] += 1
            if k >= before and rung != self._rung[unit]:
                self._rung[unit] = rung
                said.append((turns[s], s, rung))
        if not said:
            return []
        turn, whom, to = np.array(said, dtype=np.int64).T
        comes_ns = self._come_ns(whom, now_ns) if now_ns else np.zeros_like(whom)
        return self._worded(comes_ns, now_ns, turn, whom, to)

    def amend(self, plan: Plan, now_ns: int) -> Timetable:
        """Go on with a plan of which more is planned from now on; return what is said just now."""
        self.plan = plan
        said = self._planned(now_ns)
        self._say(said)
        return events_of(said)

    def _merged(self, looks: Iterable[Look]) -> Ints:
        table = np.zeros((self.plan.size, WIDTH), dtype=np.int64)
        for ids, part in looks:
            table[ids] += part
        return table

    def _say(self, said: list[Word]) -> None:
        self._words += said
        self._words.sort()

    def _look(self, kind: int, table: Ints, now_ns: int) -> list[Word]:
        """Have controllers that are alike look at their sensors; return what they say to each."""
        of = self.plan.feedback
        one, units = of.controllers[kind], np.flatnonzero(of.controller_of == kind)
        mine = np.concatenate([of.members[unit] for unit in units.tolist()])
        first = np.cumsum([0, *(len(of.members[unit]) for unit in units.tolist())])[:-1]
        grown = table[mine, GROWING] - self._before[mine]
        self._before[mine] = table[mine, GROWING]
        told = np.concatenate([grown, table[mine, WAITING_THERE:]], axis=1)
        due = np.zeros(len(mine), dtype=np.int64)
        if {"expected", "missing_ppm"} & set(one.reads):
            due = self._due(one, mine, now_ns)
        seen = _sights(one, np.add.reduceat(told, first, axis=0), np.add.reduceat(due, first))
        said = self._decided(kind, units, seen, now_ns)
        changed = said != self._rung[units]
        self._rung[units] = said
        which = np.repeat(changed, np.diff([*first, len(mine)]))
        whom = mine[which]
        if not len(whom):
            return []
        turn, to = np.zeros_like(whom), self._rung[of.unit_of[whom]]
        return self._worded(self._come_ns(whom, now_ns), now_ns, turn, whom, to)

    def _decided(self, kind: int, units: Ints, seen: Sights, now_ns: int) -> Ints:
        """Return what some controllers say, which remember what they want to; shape (units,)."""
        of, rule = self.plan.feedback, self._rules[kind]
        one, outside = of.controllers[kind], outside_of(self.plan, of.controllers[kind], now_ns)
        bps, rung = of.bps[units, : one.rungs], self._rung[units]
        if one.rule != "own":
            said, self._kept[units] = wanted(one, seen, outside, bps, rung, self._kept[units])
            return said
        rows = zip(*(column.tolist() for column in seen), strict=True)
        said = rung.copy()
        for k, (unit, row, rates) in enumerate(
            zip(units.tolist(), rows, bps.tolist(), strict=True)
        ):
            sees = seen_of(
                Counts(*row), one.every_ns, tuple(rates), int(rung[k]), self._memory[unit], outside
            )
            said[k], self._memory[unit] = asked(rule, sees, of.unit_names[unit], now_ns)
        return said

    def _worded(
        self, comes_ns: Ints, now_ns: int, turn: Ints, whom: Ints, rung: Ints
    ) -> list[Word]:
        """Return words that are said now, of which it is known when they come."""
        of = self.plan.feedback
        setup, said_ns = of.setups[of.ladder_of[whom], rung], np.full(len(whom), now_ns)
        columns = comes_ns, said_ns, turn, whom, rung, setup
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def _due(self, one: Controller, mine: Ints, now_ns: int) -> Ints:
        """Return how many frames each sensor captures in a period, none if it is not here."""
        of, table = self.plan.feedback, self.plan.control.timetable
        clocks = self.plan.sensors.clocks
        num, den = clocks.num.copy(), clocks.den.copy()
        past = table[(table.time_ns < now_ns) & (table.kind == RATE)]
        num[past.target], den[past.target] = past.a, past.b  # the last of one sensor counts
        at = of.ladder_of[mine], self._rung[of.unit_of[mine]]
        num, den = slower(num[mine], den[mine], of.num[at], of.den[at])
        return np.where(self._here(now_ns)[mine], scaled(den, one.every_ns, num), 0)

    def _here(self, now_ns: int) -> Bools:
        """Return which sensors have not left before now, or have joined again; shape (sensors,)."""
        table, here = self.plan.control.timetable, np.ones(self.plan.size, dtype=np.bool_)
        past = table[(table.time_ns < now_ns) & np.isin(table.kind, (SENSOR_LEAVES, SENSOR_JOINS))]
        here[past.target] = past.kind == SENSOR_JOINS  # of those of one sensor the last counts
        return here

    def _come_ns(self, whom: Ints, now_ns: int) -> Ints:
        """Return when a word that is said now comes to each of some sensors; ns.

        Raises:
            RunError: one comes at once.
        """
        of, down = self.plan.feedback, self.plan.control.outages
        failing = np.array(list(down), dtype=np.int64)
        at = np.full(len(whom), now_ns, dtype=np.int64)
        for level in reversed(range(LEVELS)):
            sent_ns, link = of.sent_ns[level, whom], self.plan.links.of[level, whom]
            over = at + sent_ns
            for k in np.flatnonzero((sent_ns > 0) & np.isin(link, failing)).tolist():
                over[k] = finish_ns(int(at[k]), int(sent_ns[k]), down[int(link[k])])
            at = over + of.wire_ns[level, whom]
        at = np.maximum(at, now_ns + 1)
        early = np.flatnonzero(at < now_ns + of.delay_ns[whom])
        if len(early):
            s, at_ns = whom[early[0]], at[early[0]]
            raise RunError(f"a word comes to sensor {s} at {at_ns} ns, before its way is over")
        return at

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        return {
            "rung": self._rung,
            "memory": np.array([k for m in self._memory for k in (len(m), *m)], dtype=np.int64),
            "kept": self._kept,
            "before": self._before,
            "words": np.array(self._words, dtype=np.int64).reshape(-1, 6),
            "heard": np.array(self._heard, dtype=np.int64),
        }

    def load(self, state: State) -> None:
        """Take a state up again, in place of what is here."""
        self._rung, self._before = state["rung"].copy(), state["before"].copy()
        self._kept = state["kept"].copy()
        numbers = iter(state["memory"].tolist())
        self._memory = [tuple(next(numbers) for _ in range(many)) for many in numbers]
        self._words = [(c, t, n, s, r, k) for c, t, n, s, r, k in state["words"].tolist()]
        at_ns, many = state["heard"].tolist()
        self._heard = at_ns, many


def _of_time(times_ns: Ints, now_ns: int) -> Ints:
    """Return the rows of a time, given those of all in order."""
    first, last = np.searchsorted(times_ns, [now_ns, now_ns + 1])
    return np.arange(first, last)


def _sights(one: Controller, told: Ints, due: Ints) -> Sights:
    """Return what controllers are told of what was counted: at a site and a region other things."""
    captured, results, latency, sent, there, here, waiting_there, waiting_here, bits = told.T
    none = np.zeros_like(due)
    if one.at == AT_SITE:
        return Sights(captured, none, none, sent, here, none, waiting_here, bits)
    return Sights(none, results, latency, none, there, due, waiting_there, none)
