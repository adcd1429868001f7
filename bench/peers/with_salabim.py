"""The chain in salabim: a component for each camera and each server, which sleeps while it idles.

This is the clerk of salabim's own introduction. Frames are tuples in plain queues: a component for
each frame, with resources, takes some twenty times as long, most of it to create components.
Processes are generators (`yieldless(False)`), which are faster than greenlets, and nothing is
monitored that need not be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

import salabim as sim
from chain import Chain, Frame, Frames, Run, tell

Process = Generator[None, None, None]
Waiting = tuple[int, float]
"""A frame that is under way: its camera and when it was captured."""


class Queue:
    """Frames that wait, and servers that do."""

    def __init__(self, service_ns: int, servers: int, out: Callable[[Waiting], object]) -> None:
        """Create the servers; `out` takes frames that they are done with."""
        self.frames: deque[Waiting] = deque()
        self.idle: list[Server] = []
        for _ in range(servers):
            Server(queue=self, service_ns=service_ns, out=out)

    def put(self, frame: Waiting) -> None:
        """Take a frame, and wake a server if one sleeps."""
        self.frames.append(frame)
        if self.idle:
            self.idle.pop().activate()


class Server(sim.Component):
    """A server of a queue."""

    def setup(self) -> None:
        """Keep no record of its states."""
        self.status.monitor(False)
        self.mode.monitor(False)

    def process(self, queue: Queue, service_ns: int, out: Callable[[Waiting], object]) -> Process:
        """Serve one frame after the other."""
        while True:
            while not queue.frames:
                queue.idle.append(self)
                yield self.passivate()
            frame = queue.frames.popleft()
            yield self.hold(service_ns)
            out(frame)


class Camera(sim.Component):
    """A camera."""

    def setup(self) -> None:
        """Keep no record of its states."""
        self.status.monitor(False)
        self.mode.monitor(False)

    def process(self, number: int, period_ns: int, cell: Queue) -> Process:
        """Capture a frame every period."""
        while True:
            cell.put((number, self.env.now()))
            yield self.hold(period_ns)


def build(chain: Chain) -> tuple[Run, Frames]:
    """Return what runs it and what tells its frames."""
    sim.yieldless(False)
    env = sim.Environment(trace=False)
    done: list[Frame] = []
    pool = Queue(chain.server_ns, chain.servers, lambda frame: done.append((*frame, env.now())))
    backhaul = Queue(chain.backhaul_ns, 1, pool.put)
    cells = [Queue(ns, 1, backhaul.put) for ns in chain.cells_ns]
    for number, (first_ns, cell) in enumerate(zip(chain.first_ns, chain.cell, strict=True)):
        Camera(number=number, period_ns=chain.period_ns, cell=cells[cell], at=first_ns)
    return lambda: env.run(till=chain.until_ns), lambda: done


if __name__ == "__main__":
    tell(["salabim"], build)
