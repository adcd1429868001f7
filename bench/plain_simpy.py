"""A chain of queues in plain SimPy: FIFO cells, a FIFO backhaul and a pool of servers.

Reads a workload as JSON from standard input and writes what it took and every latency; it uses
nothing of fleet. What `fleet bench` compares with: the usual way to write such a model, one process
a sensor and one a frame, resources as queues, time in whole nanoseconds.

    sensors: [{first_ns, cell}], period_ns, until_ns, cells_ns: service time of each cell,
    backhaul_ns, servers, server_ns
"""

import json
import sys
import time

import simpy


def frame(env, work, cell, backhaul, pool, took):
    """Pass the three queues and note how long it took."""
    began = env.now
    cell_ns = work["cells_ns"][cell.number]
    steps = (cell, cell_ns), (backhaul, work["backhaul_ns"]), (pool, work["server_ns"])
    for queue, service_ns in steps:
        with queue.request() as turn:
            yield turn
            yield env.timeout(service_ns)
    took.append((began, env.now - began))


def sensor(env, work, spec, cells, backhaul, pool, took):
    """Capture a frame every period."""
    yield env.timeout(spec["first_ns"])
    while True:
        env.process(frame(env, work, cells[spec["cell"]], backhaul, pool, took))
        yield env.timeout(work["period_ns"])


def main():
    """Run the workload."""
    work = json.load(sys.stdin)
    env = simpy.Environment()
    cells = [simpy.Resource(env) for _ in work["cells_ns"]]
    for number, cell in enumerate(cells):
        cell.number = number
    backhaul = simpy.Resource(env)
    pool = simpy.Resource(env, capacity=work["servers"])
    took = []
    for spec in work["sensors"]:
        env.process(sensor(env, work, spec, cells, backhaul, pool, took))
    began = time.perf_counter()
    env.run(until=work["until_ns"])
    run_s = time.perf_counter() - began
    json.dump({"run_s": run_s, "latencies_ns": sorted(ns for _, ns in took)}, sys.stdout)


if __name__ == "__main__":
    main()
