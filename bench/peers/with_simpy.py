"""The chain in SimPy: a process for each camera and each frame, resources as queues."""

from __future__ import annotations

from collections.abc import Generator

import simpy
from chain import Chain, Frame, Frames, Run, tell

Process = Generator[simpy.Event, object, None]


def build(chain: Chain) -> tuple[Run, Frames]:
    """Return what runs it and what tells its frames."""
    env = simpy.Environment()
    cells = [simpy.Resource(env) for _ in chain.cells_ns]
    backhaul = simpy.Resource(env)
    pool = simpy.Resource(env, capacity=chain.servers)
    done: list[Frame] = []

    def frame(camera: int, cell: simpy.Resource, cell_ns: int) -> Process:
        captured = env.now
        with cell.request() as turn:
            yield turn
            yield env.timeout(cell_ns)
        with backhaul.request() as turn:
            yield turn
            yield env.timeout(chain.backhaul_ns)
        with pool.request() as turn:
            yield turn
            yield env.timeout(chain.server_ns)
        done.append((camera, captured, env.now))

    def camera(number: int) -> Process:
        cell = chain.cell[number]
        yield env.timeout(chain.first_ns[number])
        while True:
            env.process(frame(number, cells[cell], chain.cells_ns[cell]))
            yield env.timeout(chain.period_ns)

    for number in range(len(chain.cell)):
        env.process(camera(number))
    return lambda: env.run(until=chain.until_ns), lambda: done


if __name__ == "__main__":
    tell(["simpy"], build)
