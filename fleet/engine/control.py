"""Control: what is rare and stateful, as SimPy processes that both engines share.

A control event at time t comes before every frame at t. SimPy breaks ties by priority and then by
creation, so everything waits with `pause` and says its rank. All ranks come after SimPy's own
urgent events, of which the end of `Environment.run(until=t)` is one: what is due at t waits for
the next run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from itertools import chain
from typing import Any, Protocol

import numpy as np
import simpy
from simpy.events import URGENT, EventPriority

from fleet.arrays import Ints, Record
from fleet.model.events import Timetable
from fleet.plan.plant import Autoscaling

# Who goes first at one time: controllers, which see what came before it; control (the timetable,
# words of controllers, looks of autoscalers, servers that have booted), then the scene, then
# frames, then stations, which serve when every frame of that time has come.
TICK, CONTROL, WORD, LOOK, UP, SCENE, FRAME, LAST = (
    EventPriority(URGENT + rank) for rank in range(1, 9)
)
Process = Generator[simpy.Event, Any, None]


class Environment(simpy.Environment):
    """SimPy's environment with a clock of whole nanoseconds."""

    @property
    def now(self) -> int:
        """Return the time; ns."""
        return int(self._now)


def pause(env: simpy.Environment, delay_ns: int, priority: EventPriority = CONTROL) -> simpy.Event:
    """Return an event that happens after a delay, in the given order among its peers."""
    event = simpy.Event(env)
    event._ok = True
    event._value = None
    env.schedule(event, priority=priority, delay=int(delay_ns))
    return event


def walk(
    env: Environment,
    timetable: Timetable,
    apply: Callable[[Record], None],
    current: Callable[[], bool] = lambda: True,
) -> Process:
    """Apply the rows of a timetable, each at its time, for as long as the timetable is current.

    Rows before now are past and are left out.
    """
    for row in timetable[timetable.time_ns >= env.now]:
        if row.time_ns > env.now:
            yield pause(env, row.time_ns - env.now)
        if not current():
            return
        apply(row)


def listen(
    env: Environment,
    words: Timetable,
    apply: Callable[[Record], None],
    current: Callable[[], bool],
) -> Process:
    """Apply what controllers say, each word as it comes, for as long as nothing is added to it."""
    for row in words[words.time_ns >= env.now]:
        yield pause(env, row.time_ns - env.now, WORD)
        if not current():
            return
        apply(row)


class Servers(Protocol):
    """A pool as its autoscaler sees it; times in ns."""

    def busy_ns(self, now_ns: int) -> tuple[int, int]:
        """Return the time spent up to now: of servers, and of decoders for each that they have."""

    def queued(self) -> int:
        """Return the number of frames that have come before now and wait for it."""

    def running(self) -> int:
        """Return the number of servers that are up."""

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted."""

    def retire_server(self, now_ns: int) -> None:
        """Give back the server that is free first; it ends its batch."""


def resize(pool: Servers, servers: int, now_ns: int) -> None:
    """Have another number of servers in a pool at once, as an event says."""
    more = servers - pool.running()
    for _ in range(more):
        pool.order_server(now_ns)
        pool.add_server(now_ns)
    for _ in range(-more):
        pool.retire_server(now_ns)


class Autoscaler:
    """Changes the number of servers so that they are as busy as a rule wants.

    Every `every_ns`: desired = ceil(servers · utilisation / target), kept between least and most
    (the rule of the Kubernetes horizontal pod autoscaler), for servers or for their decoders, and
    by the frames that wait for each server if there is a bound; whichever want more. New servers
    boot first; servers are given back only when `cooldown_ns` has passed since the last change, and
    only down to the most that were desired in the last `stabilise_ns`. Within `tolerance_ppm` of
    the target as many are desired as there are.
    """

    def __init__(self, env: Environment, rule: Autoscaling, servers: Servers) -> None:
        """Look for the first time one interval from now; `start` begins that."""
        self.env, self.rule, self.servers = env, rule, servers
        self.next_ns = env.now + rule.every_ns
        self.changed_ns = -rule.cooldown_ns
        self.before = (0, 0)  # busy times at the last look
        self.booting: list[int] = []  # when servers that were ordered will be up
        # Looks that may still be the most desired, with what they desired: fewer at each.
        self.desired: deque[tuple[int, int]] = deque([(env.now, servers.running())])

    def start(self) -> None:
        """Wait for what is to come."""
        self.env.process(self._watch())
        for up_ns in self.booting:
            self.env.process(self._boot(up_ns))

    def save(self) -> Ints:
        """Return the state as numbers, for `load`."""
        numbers = [self.next_ns, self.changed_ns, *self.before, len(self.booting), *self.booting]
        return np.array([*numbers, *chain.from_iterable(self.desired)], np.int64)

    def load(self, saved: Ints) -> None:
        """Take a state up again, before `start`."""
        self.next_ns, self.changed_ns, served, decoding, many, *rest = (int(v) for v in saved)
        self.before, self.booting = (served, decoding), rest[:many]
        self.desired = deque(zip(rest[many::2], rest[many + 1 :: 2], strict=True))

    def _watch(self) -> Process:
        while True:
            yield pause(self.env, self.next_ns - self.env.now, LOOK)
            self._look()
            self.next_ns += self.rule.every_ns

    def _boot(self, up_ns: int) -> Process:
        yield pause(self.env, up_ns - self.env.now, UP)
        self.booting.remove(up_ns)
        self.servers.add_server(self.env.now)

    def _look(self) -> None:
        rule, now_ns = self.rule, self.env.now
        busy = self.servers.busy_ns(now_ns)
        spent = max(now - then for now, then in zip(busy, self.before, strict=True))
        self.before = busy
        wanted = self._wanted(spent * 1_000_000, rule.every_ns * rule.target_ppm)
        if rule.queue:
            wanted = max(wanted, self._wanted(self.servers.queued(), rule.queue))
        wanted = min(max(wanted, rule.least), rule.most)
        self._note(now_ns, wanted)
        kept = self.desired[0][1]
        have = self.servers.running() + len(self.booting)
        if wanted > have:
            self.changed_ns = now_ns
            for _ in range(wanted - have):
                self.servers.order_server(now_ns)
                self.booting.append(now_ns + rule.boot_ns)
                self.env.process(self._boot(now_ns + rule.boot_ns))
        elif kept < have and not self.booting and now_ns - self.changed_ns >= rule.cooldown_ns:
            self.changed_ns = now_ns
            for _ in range(have - kept):
                self.servers.retire_server(now_ns)

    def _wanted(self, load: int, aim: int) -> int:
        """Return how many servers a load wants of which each should have so much."""
        running = self.servers.running()
        apart = abs(load - running * aim) * 1_000_000
        is_near = apart <= running * aim * self.rule.tolerance_ppm
        return running if is_near else -(-load // aim)

    def _note(self, now_ns: int, wanted: int) -> None:
        """Keep what a look desires, as long as it may be the most desired."""
        while self.desired and self.desired[-1][1] <= wanted:
            self.desired.pop()
        self.desired.append((now_ns, wanted))
        while self.desired[0][0] < now_ns - self.rule.stabilise_ns:
            self.desired.popleft()
