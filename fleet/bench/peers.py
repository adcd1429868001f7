"""The textbook workload in plain SimPy: `bench/peers/with_simpy.py`, part of the repository."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet import child
from fleet.bench import workloads
from fleet.model.frames import CAPTURE, DONE, FATE, RESULT, SENSOR, Rows
from fleet.model.link import service_ns
from fleet.plan.plan import Plan
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import simulate

SCRIPT = Path(__file__).parents[2] / "bench" / "peers" / "with_simpy.py"


@dataclass(frozen=True)
class Comparison:
    """Two runs of one workload.

    Attributes:
        frames: results.
        simpy_s: time of plain SimPy.
        fleet_s: time of the columns engine, in this process.
        difference_ns: largest difference between two latencies of one frame.
    """

    frames: int
    simpy_s: float
    fleet_s: float
    difference_ns: float


def compare(sensors: int, duration: str) -> Comparison | None:
    """Run the textbook workload both ways; None where the script is not there."""
    if not SCRIPT.is_file():
        return None
    plan = workloads.plan(workloads.textbook(sensors, duration), "cloud")
    done = child.run([sys.executable, str(SCRIPT)], json.dumps(chain(plan)).encode())
    done.check_returncode()
    said: dict[str, Any] = json.loads(done.stdout)
    theirs = np.array(said["frames"])
    ours = passages(simulate(plan, Options(executor=ExecutorKind.local, keep=True)).tally.rows())
    fleet_s = min(simulate(plan, Options(executor=ExecutorKind.local)).wall_s for _ in range(3))
    return Comparison(len(ours), float(said["wall_s"]), fleet_s, difference_ns(ours, theirs))


def passages(rows: Rows) -> Rows:
    """Return (sensor, captured, done) of all results, in this order; shape (results, 3), ns."""
    rows = rows[rows[:, FATE] == RESULT][:, (SENSOR, CAPTURE, DONE)]
    ordered: Rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return ordered


def difference_ns(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Return the largest difference of two simulators in when a frame was done; ns.

    Args:
        ours: (sensor, captured, done) of one, ordered; shape (results, 3), ns.
        theirs: the same of the other. If they differ in which frames were done it is infinite.
    """
    if ours.shape != theirs.shape or (ours[:, :2] != theirs[:, :2]).any():
        return float("inf")
    return float(np.abs(ours[:, 2] - theirs[:, 2]).max(initial=0))


def chain(plan: Plan) -> dict[str, Any]:
    """Return a plan of the textbook workload without ports as scripts in `bench/peers` read it."""
    clocks, bits = plan.sensors.clocks, 8 * 10**6
    cells, cell_of = np.unique(plan.links.of[1], return_inverse=True)
    pool = plan.pool(0).kinds[0]
    return {
        "first_ns": clocks.anchor.tolist(),
        "cell": cell_of.tolist(),
        "period_ns": int(clocks.num[0] // clocks.den[0]),
        "until_ns": plan.end_ns,
        "cells_ns": [service_ns(bits, int(rate)) for rate in plan.links.table.rate_bps[cells]],
        "backhaul_ns": service_ns(bits, int(plan.links.table.rate_bps[plan.links.of[2][0]])),
        "servers": pool.count,
        "server_ns": int(pool.service_ns[1]),
    }
