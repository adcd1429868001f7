"""Controllers of the reference engine: processes that look, and words on their way down."""

from __future__ import annotations

from typing import Protocol

from fleet.engine.control import TICK, WORD, Environment, Process, pause
from fleet.engine.deciding import asked, rules
from fleet.engine.told import Told, Word
from fleet.model import frames
from fleet.model.events import LINK_DOWN
from fleet.model.frames import LEVELS
from fleet.model.ladder import AT_SITE, Counts, Outside, seen_of
from fleet.plan.hours import Steps
from fleet.plan.plan import Plan
from fleet.plan.talking import Controller, Feedback
from fleet.reference.frame import NOT_YET, Frame
from fleet.reference.sensor import Sensor

_BY_SERVERS = {
    frames.LOST_DECODE_QUEUE, frames.LOST_CLOUD_QUEUE, frames.LOST_EDGE_QUEUE,
    frames.LOST_DEADLINE, frames.LOST_SERVER_DOWN,
}  # fmt: skip


class Life(Protocol):
    """What controllers know of the engine: its clock, its plan, sensors and frames under way."""

    env: Environment
    plan: Plan
    sensors: list[Sensor]
    flying: dict[tuple[int, int], Frame]

    def answers(self, frame: Frame) -> bool:
        """Return whether a frame was answered by its sensor."""

    def captures(self, sensor: Sensor, changes: int) -> Process:
        """Capture frames until the clock is changed again."""


class Steering:
    """Who watches the sensors of a reference run and talks back to them."""

    def __init__(self, life: Life) -> None:
        """Begin to look; every sensor stands on its top rung."""
        self.life, self.feedback = life, life.plan.feedback
        self.rules = rules(life.plan)
        units = len(self.feedback.unit_names)
        self.members = [mine.tolist() for mine in self.feedback.members]
        self.rung = [0] * units
        self.memory: list[tuple[int, ...]] = [()] * units
        self.news = [Counts()] * units
        self.words: list[Word] = []
        if self.feedback.is_there:
            for kind, one in enumerate(self.feedback.controllers):
                if one.rule != "clock":
                    life.env.process(self.looks(kind))
        self.plan_ahead()

    def amend(self) -> None:
        """Go on with a plan of which more is planned from now on."""
        self.feedback = self.life.plan.feedback
        self.plan_ahead()

    def plan_ahead(self) -> None:
        """Have everybody told what is planned from now on; who told before tells no more."""
        mine: dict[int, list[tuple[int, int]]] = {}
        for at_ns, sensor, rung in self.feedback.planned.tolist():
            if at_ns >= self.life.env.now:
                mine.setdefault(sensor, []).append((at_ns, rung))
        for sensor, said in mine.items():
            self.life.env.process(self.tell(sensor, said, self.feedback))

    def tell(self, sensor: int, said: list[tuple[int, int]], of: Feedback) -> Process:
        """Tell a sensor its rungs, each at its time, for as long as nothing else is planned."""
        env, unit = self.life.env, int(of.unit_of[sensor])
        for k, (at_ns, rung) in enumerate(said):
            if at_ns > env.now or not env.now:
                yield pause(env, at_ns - env.now, TICK)
            if of is not self.feedback:
                return
            if rung != self.rung[unit]:
                self.rung[unit] = rung
                turn = 1 + [then for then, _ in said[:k]].count(at_ns)
                env.process(self.word(sensor, rung, turn))

    # What comes to be known -------------------------------------------------------------------

    def add(self, sensor: int, **more: int) -> None:
        """Count something for whoever watches a sensor."""
        unit = int(self.feedback.unit_of[sensor])
        if unit >= 0:
            old = self.news[unit]
            self.news[unit] = old._replace(**{k: getattr(old, k) + n for k, n in more.items()})

    def captured(self, sensor: int) -> None:
        """Take note of a frame that is captured."""
        if self.is_at_site(sensor):
            self.add(sensor, captured=1)

    def sent(self, sensor: int, bits: int) -> None:
        """Take note of bits that leave the first port."""
        if self.is_at_site(sensor):
            self.add(sensor, sent_bits=bits)

    def is_at_site(self, sensor: int) -> bool:
        """Return whether a sensor is watched from its site."""
        unit = int(self.feedback.unit_of[sensor])
        return unit >= 0 and self.controller(unit).at == AT_SITE

    def ended(self, frame: Frame) -> None:
        """Take note of what became of a frame, just now."""
        unit = int(self.feedback.unit_of[frame.sensor])
        if unit < 0:
            return
        at_site = self.controller(unit).at == AT_SITE
        if frame.fate == frames.RESULT and not at_site:
            self.add(frame.sensor, results=1, latency_ns=frame.done_ns - frame.capture_ns)
        lost_here = {frames.LOST_ACCESS_BUFFER}
        if self.first_level(frame.sensor) > 0:
            lost_here.add(frames.LOST_CELL_BUFFER)
        if frame.fate in (lost_here if at_site else _BY_SERVERS):
            self.add(frame.sensor, dropped=1)

    def controller(self, unit: int) -> Controller:
        """Return how a unit is controlled."""
        return self.feedback.controllers[int(self.feedback.controller_of[unit])]

    def first_level(self, sensor: int) -> int:
        """Return the level of the first link of a sensor."""
        of = self.life.plan.links.of
        return next((level for level in range(LEVELS) if of[level][sensor] >= 0), 0)

    def waits_here(self, frame: Frame) -> bool:
        """Return whether a frame is ready and not behind the first link."""
        level = self.first_level(frame.sensor)
        return frame.ready_ns != NOT_YET and frame.came_ns(level + 1) == NOT_YET

    def waits_there(self, frame: Frame) -> bool:
        """Return whether a frame is with its servers and none has taken it up."""
        pools = self.life.plan.pools
        if frame.setup == NOT_YET or self.life.answers(frame) or pools.of[frame.sensor] < 0:
            return False
        came = frame.came_ns(int(pools.level[frame.sensor]) + 1) != NOT_YET
        return came and frame.start_ns == NOT_YET

    # Looking ----------------------------------------------------------------------------------

    def looks(self, kind: int) -> Process:
        """Have the controllers of a kind look, again and again."""
        env, one = self.life.env, self.feedback.controllers[kind]
        while True:
            yield pause(env, one.every_ns, TICK)
            if env.now >= self.life.plan.end_ns:
                return
            for unit, members in enumerate(self.members):
                if self.feedback.controller_of[unit] == kind:
                    self.look(one, unit, members)

    def look(self, one: Controller, unit: int, members: list[int]) -> None:
        """Have a controller look at its sensors, and say another rung if it wants one."""
        env, rung = self.life.env, self.rung[unit]
        whose = self.waits_here if one.at == AT_SITE else self.waits_there
        waiting = [f for f in self.life.flying.values() if f.sensor in members and whose(f)]
        counts = self.news[unit]._replace(waiting=len(waiting))
        if one.at == AT_SITE:
            counts = counts._replace(waiting_bits=sum(f.wire_bits for f in waiting))
        else:
            frames_due = (
                self.frames_due(one, s, rung) for s in members if not self.life.sensors[s].is_away
            )
            counts = counts._replace(expected=sum(frames_due))
        self.news[unit] = Counts()
        bps = tuple(int(b) for b in self.feedback.bps[unit, : one.rungs])
        seen = seen_of(counts, one.every_ns, bps, rung, self.memory[unit], self.outside(one))
        decide = self.rules[int(self.feedback.controller_of[unit])]
        wanted, self.memory[unit] = asked(decide, seen, self.feedback.unit_names[unit], env.now)
        if wanted != rung:
            self.rung[unit] = wanted
            for s in members:
                env.process(self.word(s, wanted))

    def outside(self, one: Controller) -> Outside:
        """Return what the clock, the grid and the tariff say now, if it is read."""
        money, clock, now_ns = self.life.plan.money, self.feedback.clock, self.life.env.now
        seen = {}
        if {"clock_s", "weekday"} & set(one.reads):
            since = says = 0
            for begin_ns, says_ns in zip(clock.starts_ns, clock.says_ns, strict=True):
                if begin_ns <= now_ns:
                    since, says = begin_ns, says_ns
            local_s = (says + now_ns - since) // 1_000_000_000
            seen["clock_s"] = local_s % 86_400
            seen["weekday"] = (clock.weekday + local_s // 86_400) % 7
        if "grid_mg_per_kwh" in one.reads:
            mean, hours = money.grid.g_per_kwh, money.grid.by_hour
            seen["grid_mg_per_kwh"] = round(holding(now_ns, mean, hours) * 1000)
        if "price_usd_per_gwh" in one.reads and money.prices is not None:
            mean, hours = money.prices.kwh, money.prices.kwh_by_hour
            seen["price_usd_per_gwh"] = round(holding(now_ns, mean, hours) * 1_000_000)
        return Outside(**seen)

    def frames_due(self, one: Controller, sensor: int, rung: int) -> int:
        """Return how many frames a sensor captures in a period on a rung."""
        num, den = self.life.sensors[sensor].slowed(*self.feedback.period(sensor, rung))
        return one.every_ns * den // num

    def word(self, sensor: int, rung: int, turn: int = 0) -> Process:
        """Go down to a sensor, level by level, and have it stand on a rung.

        Args:
            sensor: to whom.
            rung: which.
            turn: of what is said to it at this time.
        """
        env, of, links = self.life.env, self.feedback, self.life.plan.links.of
        said_ns = at = env.now
        for level in (3, 2, 1, 0):
            if of.sent_ns[level][sensor]:
                at = self.down_a_link(int(links[level][sensor]), at, int(of.sent_ns[level][sensor]))
                at += int(of.wire_ns[level][sensor])
        at = max(at, said_ns + 1) if said_ns else 0  # what holds from the start goes no way
        self.words.append((at, said_ns, turn, sensor, rung, of.setup(sensor, rung)))
        yield pause(env, at - said_ns, WORD)
        told = self.life.sensors[sensor]
        told.stand_on(rung, env.now)
        env.process(self.life.captures(told, told.clock_changes))

    def down_a_link(self, link: int, at: int, left: int) -> int:
        """Return when a word is sent that a link begins with, of which it needs so long; ns."""
        table = self.life.plan.control.timetable
        for row in table[(table.kind == LINK_DOWN) & (table.target == link)]:
            begin, end = int(row.time_ns), int(row.a)
            if at + left < begin:
                return at + left
            if at < end:  # it waits, or is cut off and goes on
                left -= max(0, begin - at)
                at = end
        return at + left

    def told(self) -> Told:
        """Return what was said up to now."""
        return Told.of(self.words)


def holding(now_ns: int, always: float, hours: Steps | None) -> float:
    """Return the number that holds now: the last of those by the hour that have begun."""
    if hours is None:
        return always
    begun = [v for at_ns, v in zip(hours.starts_ns, hours.values, strict=True) if at_ns <= now_ns]
    return begun[-1]
