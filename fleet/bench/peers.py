"""The same workload in plain SimPy: `bench/plain_simpy.py`, which is part of the repository."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fleet import child
from fleet.arrays import Ints
from fleet.bench import workloads
from fleet.model.frames import CAPTURE, DONE, FATE, RESULT, Rows
from fleet.model.link import service_ns
from fleet.plan.plan import Plan
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import simulate

SCRIPT = Path(__file__).parents[2] / "bench" / "plain_simpy.py"


@dataclass(frozen=True)
class Comparison:
    """Two runs of one workload.

    Attributes:
        frames: results.
        simpy_s: time of plain SimPy.
        fleet_s: time of the columns engine, in this process.
        difference_ns: largest difference of any order statistic of the latencies.
    """

    frames: int
    simpy_s: float
    fleet_s: float
    difference_ns: int


def compare(sensors: int, duration: str) -> Comparison | None:
    """Run the textbook workload both ways; None where the script is not there."""
    if not SCRIPT.is_file():
        return None
    plan = workloads.plan(workloads.textbook(sensors, duration), "cloud")
    done = child.run([sys.executable, str(SCRIPT)], json.dumps(work(plan)).encode())
    done.check_returncode()
    said: dict[str, Any] = json.loads(done.stdout)
    theirs = np.array(said["latencies_ns"], dtype=np.int64)
    ours = latencies(simulate(plan, Options(executor=ExecutorKind.local, keep=True)).tally.rows())
    fleet_s = min(simulate(plan, Options(executor=ExecutorKind.local)).wall_s for _ in range(3))
    worst = -1 if len(ours) != len(theirs) else int(np.abs(ours - theirs).max(initial=0))
    return Comparison(len(ours), float(said["run_s"]), fleet_s, worst)


def latencies(rows: Rows) -> Ints:
    """Return the latencies of all results, sorted; ns."""
    rows = rows[rows[:, FATE] == RESULT]
    sorted_ns: Ints = np.sort(rows[:, DONE] - rows[:, CAPTURE])
    return sorted_ns


def work(plan: Plan) -> dict[str, Any]:
    """Return a plan of the textbook workload as the script reads it."""
    clocks, bits = plan.sensors.clocks, 8 * 10**6
    period_ns = int(clocks.num[0] // clocks.den[0])
    cells, cell_of = np.unique(plan.links.of[1], return_inverse=True)
    pool = plan.pool(0).kinds[0]
    return {
        "sensors": [
            {"first_ns": int(at), "cell": int(cell)}
            for at, cell in zip(clocks.anchor, cell_of, strict=True)
        ],
        "period_ns": period_ns,
        "until_ns": plan.end_ns,
        "cells_ns": [service_ns(bits, int(rate)) for rate in plan.links.table.rate_bps[cells]],
        "backhaul_ns": service_ns(bits, int(plan.links.table.rate_bps[plan.links.of[2][0]])),
        "servers": pool.count,
        "server_ns": int(pool.service_ns[1]),
    }
