"""The chain in SimPy without resources: a queue is the time at which it will be free.

That is the fastest sensible way to write it, and less of a model: such a queue must be FIFO and
know each service time when a frame arrives, so that nothing in it can fail, change or be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from heapq import heapreplace

import simpy
from chain import Chain, Frame, Frames, Run, tell

Process = Generator[simpy.Event, object, None]


def build(chain: Chain) -> tuple[Run, Frames]:
    """Return what runs it and what tells its frames."""
    env = simpy.Environment()
    done: list[Frame] = []

    def queue(service_ns: int, servers: int = 1) -> Callable[[], simpy.Timeout]:
        free: list[float] = [0] * servers

        def serve() -> simpy.Timeout:
            until = max(env.now, free[0]) + service_ns
            heapreplace(free, until)
            return env.timeout(until - env.now)

        return serve

    cells = [queue(ns) for ns in chain.cells_ns]
    backhaul = queue(chain.backhaul_ns)
    pool = queue(chain.server_ns, chain.servers)

    def frame(camera: int, cell: Callable[[], simpy.Timeout]) -> Process:
        captured = env.now
        yield cell()
        yield backhaul()
        yield pool()
        done.append((camera, captured, env.now))

    def camera(number: int) -> Process:
        yield env.timeout(chain.first_ns[number])
        while True:
            env.process(frame(number, cells[chain.cell[number]]))
            yield env.timeout(chain.period_ns)

    for number in range(len(chain.cell)):
        env.process(camera(number))
    return lambda: env.run(until=chain.until_ns), lambda: done


if __name__ == "__main__":
    tell(["simpy"], build)
