"""Control: what is rare and stateful, as SimPy processes that both engines share.

A control event at time t comes before every frame at t. SimPy breaks ties by priority and then by
creation, so everything waits with `pause` and says its rank. All ranks come after SimPy's own
urgent events, of which the end of `Environment.run(until=t)` is one: what is due at t waits for
the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol

import numpy as np
import simpy
from simpy.events import URGENT, EventPriority

from fleet.plan.columns import TIME_NS, Autoscaling, Ints

# Who goes first at one time: control, then the scene, then frames, then stations, which serve
# when every frame of that time has come.
CONTROL, SCENE, FRAME, LAST = (EventPriority(URGENT + rank) for rank in range(1, 5))
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
    timetable: Ints,
    apply: Callable[[Ints], None],
    current: Callable[[], bool] = lambda: True,
) -> Process:
    """Apply the rows of a timetable, each at its time, for as long as the timetable is current.

    Rows before now are past and are left out.
    """
    for row in timetable[timetable[:, TIME_NS] >= env.now]:
        if row[TIME_NS] > env.now:
            yield pause(env, row[TIME_NS] - env.now)
        if not current():
            return
        apply(row)


class Servers(Protocol):
    """A pool as its autoscaler sees it; times in ns."""

    def busy_ns(self, now_ns: int) -> tuple[int, int]:
        """Return the time spent up to now: of servers, and of decoders for each that they have."""

    def running(self) -> int:
        """Return the number of servers that are up."""

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted."""

    def retire_server(self, now_ns: int) -> None:
        """Give back the server that is free first; it ends its batch."""


def autoscale(env: Environment, rule: Autoscaling, servers: Servers) -> Process:
    """Change the number of servers so that they are as busy as the rule wants.

    Every `every_ns`: desired = ceil(servers · utilisation / target), kept between least and most
    (the rule of the Kubernetes horizontal pod autoscaler), for servers or for their decoders,
    whichever want more. New servers boot first; servers are
    given back only when `cooldown_ns` has passed since the last change.
    """
    booting = 0
    before, changed_ns = (0, 0), -rule.cooldown_ns

    def boot() -> Process:
        nonlocal booting
        yield pause(env, rule.boot_ns)
        booting -= 1
        servers.add_server(env.now)

    while True:
        yield pause(env, rule.every_ns)
        busy = servers.busy_ns(env.now)
        spent = max(now - then for now, then in zip(busy, before, strict=True))
        wanted = -(-spent * 1_000_000 // (rule.every_ns * rule.target_ppm))
        wanted = int(np.clip(wanted, rule.least, rule.most))
        before = busy
        have = servers.running() + booting
        if wanted > have:
            changed_ns = env.now
            booting += wanted - have
            for _ in range(wanted - have):
                servers.order_server(env.now)
                env.process(boot())
        elif wanted < have and booting == 0 and env.now - changed_ns >= rule.cooldown_ns:
            changed_ns = env.now
            for _ in range(have - wanted):
                servers.retire_server(env.now)
