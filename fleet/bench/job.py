"""One measurement in a process of its own: `python -m fleet.bench.job`, JSON in, JSON out.

A fresh process has nothing in memory that another measurement has left.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from fleet import child, interrupt
from fleet.bench import workloads
from fleet.bench.memory import Watch
from fleet.errors import RunError
from fleet.model.books import CAPTURED
from fleet.plan.plan import Plan
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.run import Outcome, simulate


@dataclass(frozen=True)
class Job:
    """What to run: a plan of a workload, some times over.

    Attributes:
        data: the workload as plain data.
        arm: the arm.
        engine: which of the two.
        executor: where it runs.
        shards: number of shards, None for the default.
        repeat: runs that count.
        warm_up: simulated time of a run before them, which fills the caches; None: there is none.
        profile: time the kernels.
    """

    data: dict[str, Any]
    arm: str = "cloud"
    engine: Engine = Engine.columns
    executor: ExecutorKind = ExecutorKind.local
    shards: int | None = None
    repeat: int = 1
    warm_up: str | None = None
    profile: bool = False


@dataclass(frozen=True)
class Measured:
    """What a job found.

    Attributes:
        frames: captured in one run.
        run_s: wall time of each run, without set-up.
        plan_s: time to make the plan.
        fingerprint: of the results.
        shards, window_s: how it was run.
        spent: by process, share of its wall time in (kernels, transfer and messages, waiting).
        overhead: CPU of the processes outside kernels over that in kernels.
        peak_transfer_mb: most bytes under way between actors.
        peak_mb: memory of all processes.
        kernels_ns: time in each kernel; ns a frame.
    """

    frames: int
    run_s: list[float]
    plan_s: float
    fingerprint: str
    shards: int
    window_s: float
    spent: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    overhead: float | None = None
    peak_transfer_mb: float = 0.0
    peak_mb: float | None = None
    kernels_ns: dict[str, float] = field(default_factory=dict)

    @property
    def median_s(self) -> float:
        """Return the median time of a run; s."""
        return sorted(self.run_s)[len(self.run_s) // 2]

    @property
    def rate(self) -> float:
        """Return frames a second, at the median time."""
        return self.frames / self.median_s


def measure(job: Job) -> Measured:
    """Run a job in a fresh process and watch its memory.

    Raises:
        RunError: the process failed.
    """
    command = [sys.executable, "-W", "ignore", "-m", "fleet.bench.job"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watch = Watch(process.pid)
    try:
        out, said = child.finish(process, json.dumps(asdict(job)))
    finally:
        peak = watch.stop()
    if process.returncode != 0:
        raise RunError(f"a measurement failed: {said.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return Measured(**answer | {"peak_mb": None if peak is None else peak / 1e6})


def perform(job: Job) -> Measured:
    """Run a job in this process."""
    began = time.perf_counter()
    plan = workloads.plan(job.data, job.arm)
    plan_s = time.perf_counter() - began
    options = Options(engine=job.engine, executor=job.executor, shards=job.shards)
    if job.warm_up is not None:
        warm = workloads.plan({**job.data, "duration": job.warm_up}, job.arm)
        simulate(warm, options)
    profile = cProfile.Profile() if job.profile else None
    if profile is not None:
        profile.enable()
    outcomes = [simulate(plan, options) for _ in range(job.repeat)]
    if profile is not None:
        profile.disable()
    kernels = {} if profile is None else kernel_times(profile)
    return _measured(plan, outcomes, plan_s, kernels)


def _measured(
    plan: Plan, outcomes: list[Outcome], plan_s: float, kernels: dict[str, float]
) -> Measured:
    last = outcomes[-1]
    frames = int(last.tally.sensors[:, CAPTURED].sum())
    spent = last.effort.spent
    kernels_s = sum(s.kernels_s for s in spent.values())
    return Measured(
        frames=frames,
        run_s=[outcome.effort.advance_s for outcome in outcomes],
        plan_s=plan_s,
        fingerprint=last.tally.fingerprint(),
        shards=last.shards,
        window_s=last.window_ns / 1e9,
        spent={
            name: (
                s.kernels_s / s.wall_s,
                max(0.0, s.cpu_s - s.kernels_s) / s.wall_s,
                max(0.0, s.wall_s - s.cpu_s) / s.wall_s,
            )
            for name, s in spent.items()
        },
        overhead=sum(s.cpu_s for s in spent.values()) / kernels_s - 1.0 if spent else None,
        peak_transfer_mb=last.effort.peak_transfer_bytes / 1e6,
        kernels_ns={n: s * 1e9 / frames / len(outcomes) for n, s in kernels.items()},
    )


_KERNELS = ("crossing", "device", "frame_store", "hop", "modem", "order", "serving")
_LANES = ("turn",)


def kernel_times(profile: cProfile.Profile) -> dict[str, float]:
    """Return the seconds spent in each kernel, and in all that is none, by `module.name`."""
    rates: dict[str, float] = {}
    rest = 0.0
    stats: Any = pstats.Stats(profile)
    for (path, _, name), (_, _, own_s, _, _) in stats.stats.items():
        module = path.rpartition("/")[2].removesuffix(".py")
        place = f"{module}.{name.removeprefix('_')}"
        inner = module in (_LANES if "/fleet/lanes/" in path else _KERNELS)
        if "/fleet/model/" in path or inner or name == "finish":
            rates[place] = rates.get(place, 0.0) + own_s
        else:
            rest += own_s
    small = {name: s for name, s in rates.items() if s < 0.01 * sum(rates.values())}
    large = {name: s for name, s in rates.items() if name not in small}
    return large | {"smaller kernels": sum(small.values()), "Python between kernels": rest}


if __name__ == "__main__":
    interrupt.listen()
    print(json.dumps(asdict(perform(Job(**json.load(sys.stdin))))))  # noqa: T201
