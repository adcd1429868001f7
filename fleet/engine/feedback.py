"""Controllers at work: they look when a period is over, and their words go down to sensors.

Looks are points to which all processes of a run have come, so that what they see is the same for
any split: counts of what happened before, and where frames under way are just then. What they say
is a control event at each of their sensors, later by the way down, which is more than nothing: so
no process has gone on to it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints, as_table
from fleet.engine.battery import Charged
from fleet.engine.snapshot import State, below, nest
from fleet.engine.window import Window
from fleet.errors import InputError, RunError
from fleet.model.books import CAPTURED, FATE_0, LATENCY_SUM_NS, RADIO_BITS
from fleet.model.events import RUNG, SENSOR_JOINS, SENSOR_LEAVES, Timetable
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
from fleet.model.ladder import (
    AT_SITE,
    Answer,
    Counts,
    Decide,
    Seen,
    awstream,
    back_pressure,
    seen_of,
    threshold,
)
from fleet.plan.plan import Plan
from fleet.plan.rollout import Spans, finish_ns
from fleet.plan.talking import Controller
from fleet.scenario.policy import Policy
from fleet.units import format_time_ns

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
Word = tuple[int, int, int, int, int]
"""When it comes, when it was said, the sensor, the rung, and the setup of that."""


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


def rules(plan: Plan) -> list[Decide]:
    """Return how the controllers of each arm decide."""
    return [_rule(one) for one in plan.feedback.controllers]


def _rule(one: Controller) -> Decide:
    if one.rule == "threshold":
        return lambda seen: threshold(seen, one.reads[0], one.numbers)
    if one.rule == "back-pressure":
        return lambda seen: back_pressure(seen, one.numbers)
    if one.rule == "awstream":
        return lambda seen: awstream(seen, one.numbers)
    return Policy(one.text, one.file, one.function, one.reads)


def asked(decide: Decide, seen: Seen, who: str, now_ns: int) -> Answer:
    """Return what a rule wants, within the ladder; what goes wrong in it says who asked and when.

    Raises:
        InputError: a rule of the user's own goes wrong.
    """
    try:
        rung, memory = decide(seen)
    except InputError as error:
        raise InputError(
            f"{error} (controller of '{who}', look at {format_time_ns(now_ns)})"
        ) from None
    return min(max(rung, 0), seen.rungs - 1), memory


class Told(NamedTuple):
    """What controllers have said in a run.

    Attributes:
        words: RUNG events at sensors, by when they come: those that have, and those on their way.
        said_ns: when each was said; shape (words,).
        charged: what became of batteries, which say who goes off and comes on.
    """

    words: Timetable
    said_ns: Ints
    charged: Charged = Charged.nothing()

    @staticmethod
    def of(words: Sequence[Word]) -> Told:
        """Return some words in order of when they come and when they were said."""
        said = np.array([word[1] for word in sorted(words)], dtype=np.int64)
        return Told(_events(words), said)

    def save(self) -> State:
        """Return them as arrays, for `loaded`."""
        charged = nest("charged", self.charged.save())
        return {"words": self.words, "said_ns": self.said_ns, **charged}

    @staticmethod
    def loaded(state: State) -> Told:
        """Return what `save` gave."""
        charged = Charged.loaded(below("charged", state))
        return Told(as_table(state["words"]), state["said_ns"], charged)

    @staticmethod
    def nothing() -> Told:
        """Return that nobody has said anything."""
        return Told.of([])


class Watch:
    """The controllers of a run, as an executor asks them: after a window, at their looks.

    Attributes:
        plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        """Begin at time zero, with every sensor on the top rung."""
        of = plan.feedback
        self.plan = plan
        self._rules = rules(plan)
        self._rung = np.zeros(len(of.unit_names), dtype=np.int64)
        self._memory: list[tuple[int, ...]] = [()] * len(of.unit_names)
        self._before = np.zeros((plan.size, WAITING_THERE), dtype=np.int64)
        self._words: list[Word] = []
        self._here_at = -1, np.ones(plan.size, dtype=np.bool_)

    def is_due(self, now_ns: int) -> bool:
        """Return whether anybody looks now, or what is counted is about to be forgotten."""
        return bool(self._looking(now_ns)) or (
            self.plan.feedback.is_there and now_ns == self.plan.warm_up_ns > 0
        )

    def check(self, window: Window) -> None:
        """Refuse a window in which a word could come that nobody has said yet.

        Raises:
            RunError: it is longer than what is certain, or a look lies in it.
        """
        start_ns, end_ns = window
        if not self.plan.feedback.is_there:
            return
        every = [one.every_ns for one in self.plan.feedback.controllers]
        crossed = any((end_ns - 1) // period > start_ns // period for period in every)
        if crossed or end_ns - start_ns > self.plan.lookahead_ns:
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
            for unit in np.flatnonzero(self.plan.feedback.controller_of == kind).tolist():
                said += self._one(kind, unit, table[self.plan.feedback.members[unit]], now_ns)
        for word in said:
            insort(self._words, word)
        if now_ns == self.plan.warm_up_ns:
            self._before -= table[:, GROWING]
        return _events(said)

    def forget(self, looks: Iterable[Look]) -> None:
        """Know that what has been counted up to now is about to be forgotten."""
        self._before -= self._merged(looks)[:, GROWING]

    def pending(self, now_ns: int) -> Timetable:
        """Return what was said and has not come before a time, as events of the whole plan."""
        return _events([word for word in self._words if word[0] >= now_ns])

    def told(self) -> Told:
        """Return what was said up to now."""
        return Told.of(self._words)

    def _looking(self, now_ns: int) -> list[int]:
        if not self.plan.feedback.is_there or not 0 < now_ns < self.plan.end_ns:
            return []
        kinds = enumerate(self.plan.feedback.controllers)
        return [kind for kind, one in kinds if now_ns % one.every_ns == 0]

    def _merged(self, looks: Iterable[Look]) -> Ints:
        table = np.zeros((self.plan.size, WIDTH), dtype=np.int64)
        for ids, part in looks:
            table[ids] += part
        return table

    def _one(self, kind: int, unit: int, table: Ints, now_ns: int) -> list[Word]:
        """Have a controller look at its sensors; return what it says to each, if anything."""
        of = self.plan.feedback
        mine = of.members[unit]
        one, rung = of.controllers[kind], int(self._rung[unit])
        grown = (table[:, GROWING] - self._before[mine]).sum(axis=0)
        self._before[mine] = table[:, GROWING]
        counts = _counts(one, grown, table[:, WAITING_THERE:].sum(axis=0))
        if {"expected", "missing_ppm"} & set(one.reads):
            counts = counts._replace(expected=self._expected(one, mine, rung, now_ns))
        bps = tuple(of.bps[unit, : one.rungs].tolist())
        seen = seen_of(counts, one.every_ns, bps, rung, self._memory[unit])
        wanted, self._memory[unit] = asked(self._rules[kind], seen, of.unit_names[unit], now_ns)
        if wanted == rung:
            return []
        self._rung[unit] = wanted
        return [
            (comes_ns, now_ns, s, wanted, of.setup(s, wanted))
            for s, comes_ns in zip(mine.tolist(), self._come_ns(mine, now_ns), strict=True)
        ]

    def _expected(self, one: Controller, mine: Ints, rung: int, now_ns: int) -> int:
        """Return how many frames those that are here capture in a period, whole ones of each."""
        total = 0
        for s in mine[self._here(now_ns)[mine]].tolist():
            own = self.plan.asked_period(s, now_ns, at_now=False)
            num, den = self.plan.feedback.given(s, rung, own)
            total += one.every_ns * den // num
        return total

    def _here(self, now_ns: int) -> NDArray[np.bool_]:
        """Return which sensors have not left before now, or have joined again; shape (sensors,)."""
        if self._here_at[0] != now_ns:
            table, here = self.plan.control.timetable, np.ones(self.plan.size, dtype=np.bool_)
            past = table[
                (table.time_ns < now_ns) & np.isin(table.kind, (SENSOR_LEAVES, SENSOR_JOINS))
            ]
            here[past.target] = past.kind == SENSOR_JOINS  # of those of one sensor the last counts
            self._here_at = now_ns, here
        return self._here_at[1]

    def _come_ns(self, mine: Ints, now_ns: int) -> Iterator[int]:
        """Yield when a word that is said now comes to each sensor; ns.

        Raises:
            RunError: it comes at once.
        """
        of, down = self.plan.feedback, self.plan.control.outages
        for s in mine.tolist():
            at = now_ns
            for level in reversed(range(LEVELS)):
                sent_ns = int(of.sent_ns[level, s])
                if sent_ns:
                    spans: Spans = down.get(int(self.plan.links.of[level, s]), ())
                    at = finish_ns(at, sent_ns, spans) + int(of.wire_ns[level, s])
            at = max(at, now_ns + 1)
            if at < now_ns + int(of.delay_ns[s]):
                raise RunError(f"a word comes to sensor {s} at {at} ns, before its way is over")
            yield at

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        return {
            "rung": self._rung,
            "memory": np.array([k for m in self._memory for k in (len(m), *m)], dtype=np.int64),
            "before": self._before,
            "words": np.array(self._words, dtype=np.int64).reshape(-1, 5),
        }

    def load(self, state: State) -> None:
        """Take a state up again, in place of what is here."""
        self._rung, self._before = state["rung"].copy(), state["before"].copy()
        numbers = iter(state["memory"].tolist())
        self._memory = [tuple(next(numbers) for _ in range(many)) for many in numbers]
        self._words = [(c, t, s, r, k) for c, t, s, r, k in state["words"].tolist()]


def _counts(one: Controller, grown: Ints, now: Ints) -> Counts:
    """Return what a controller is told of what was counted: at a site and a region other things."""
    captured, results, latency, sent, there, here = grown.tolist()
    waiting_there, waiting_here, bits = now.tolist()
    if one.at == AT_SITE:
        return Counts(
            captured=captured, sent_bits=sent, dropped=here, waiting=waiting_here,
            waiting_bits=bits,
        )  # fmt: skip
    return Counts(results=results, latency_ns=latency, dropped=there, waiting=waiting_there)


def _events(words: Sequence[Word]) -> Timetable:
    """Return words as events, in order of when they come and when they were said."""
    rows = [(comes, RUNG, sensor, rung, setup) for comes, _, sensor, rung, setup in sorted(words)]
    return Timetable.of(rows) if rows else Timetable.zeros(0)
