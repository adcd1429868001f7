"""A chain of queues in plain SimPy: FIFO cells, a FIFO backhaul and a pool of servers.

Reads a workload as JSON from standard input and writes what it took and every latency; it uses
nothing of fleet. What `fleet bench` compares with: the usual way to write such a model, one process
a sensor and one a frame, resources as queues, time in whole nanoseconds.

    sensors: [{first_ns, cell}], period_ns, until_ns, cells_ns: service time of each cell,
    backhaul_ns, servers, server_ns
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from typing import Any

import simpy

Process = Generator[simpy.Event, Any, None]
Work = dict[str, Any]
Took = list[tuple[int, int]]


class Cell(simpy.Resource):
    """A radio cell, which has a number."""

    number = 0


def frame(
    env: simpy.Environment, work: Work, cell: Cell, backhaul: simpy.Resource,
    pool: simpy.Resource, took: Took,
) -> Process:  # fmt: skip
    """Pass the three queues and note how long it took."""
    began = env.now
    cell_ns = work["cells_ns"][cell.number]
    steps = (cell, cell_ns), (backhaul, work["backhaul_ns"]), (pool, work["server_ns"])
    for queue, service_ns in steps:
        with queue.request() as turn:
            yield turn
            yield env.timeout(service_ns)
    took.append((int(began), int(env.now - began)))


def sensor(
    env: simpy.Environment, work: Work, spec: Work, cells: list[Cell], backhaul: simpy.Resource,
    pool: simpy.Resource, took: Took,
) -> Process:  # fmt: skip
    """Capture a frame every period."""
    yield env.timeout(spec["first_ns"])
    while True:
        env.process(frame(env, work, cells[spec["cell"]], backhaul, pool, took))
        yield env.timeout(work["period_ns"])


def main() -> None:
    """Run the workload."""
    work = json.load(sys.stdin)
    env = simpy.Environment()
    cells = [Cell(env) for _ in work["cells_ns"]]
    for number, cell in enumerate(cells):
        cell.number = number
    backhaul = simpy.Resource(env)
    pool = simpy.Resource(env, capacity=work["servers"])
    took: Took = []
    for spec in work["sensors"]:
        env.process(sensor(env, work, spec, cells, backhaul, pool, took))
    began = time.perf_counter()
    env.run(until=work["until_ns"])
    run_s = time.perf_counter() - began
    json.dump({"run_s": run_s, "latencies_ns": sorted(ns for _, ns in took)}, sys.stdout)


if __name__ == "__main__":
    main()
