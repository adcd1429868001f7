"""The measurements of `fleet bench`: what is asked, what was found, and what it should be."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import fleet
from fleet import child
from fleet.bench import peers, workloads
from fleet.bench.job import Job, Measured, measure
from fleet.errors import InputError, RunError
from fleet.passing import passing_folder
from fleet.running.options import Engine, ExecutorKind

SCHEMA = "fleet-bench/1"
_PACKAGES = ("numba", "numpy", "ray", "simpy")
_SMOKE = Path(__file__).parents[2] / "scenarios" / "smoke.yaml"


@dataclass(frozen=True)
class Size:
    """How large the measurements are.

    Attributes:
        engines: (sensors, simulated time of the reference engine, of the columns engine).
        city: (sensors, simulated time, of the warm-up) for frames a second.
        scaling: sensors of each point, at one frame a second for `scaling_time`.
        memory: (sensors, short time, long time).
        simpy: (sensors, simulated time).
        live: (sensors, simulated time) of networks that look at a frame a second each.
        repeat: runs of which the median counts.
        arms: arms of the city.
        shards: numbers of its shards under Ray.
        day: whether a whole day of the city is run.
        full: whether the sizes are those of the targets.
    """

    engines: tuple[int, str, str] = (1000, "3 s", "1200 s")
    city: tuple[int, str, str] = (10_000, "600 s", "60 s")
    scaling: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    scaling_time: str = "60 s"
    memory: tuple[int, str, str] = (500, "1 h", "24 h")
    simpy: tuple[int, str] = (1000, "30 s")
    live: tuple[int, str] = (200, "30 s")
    repeat: int = 3
    arms: tuple[str, ...] = ("cloud", "on_sensor")
    shards: tuple[int, ...] = (1, 2)
    day: bool = False
    full: bool = True


SIZES = {
    "smoke": Size(
        (50, "2 s", "20 s"), (200, "20 s", "5 s"), (100, 1_000), "20 s", (50, "1 min", "10 min"),
        (100, "5 s"), (4, "2 s"), repeat=1, arms=("cloud",), shards=(2,),
        full=False,
    ),
    "standard": Size(),
    "city-day": Size(day=True),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A line of the table.

    Attributes:
        what: was measured.
        value: found.
        unit: of it.
        target: what it should be, such as '>= 500'.
        met: whether it is; None if the size is not the target's.
        remark: what else was seen.
    """

    what: str
    value: float
    unit: str
    target: str
    met: bool | None
    remark: str = ""


@dataclass
class Report:
    """All that `fleet bench` found."""

    size: str
    machine: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    kernels_ns: dict[str, dict[str, float]] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"schema": SCHEMA, **asdict(self)}


def machine() -> dict[str, Any]:
    """Return what this is measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [ln for ln in info.read_text().splitlines() if ln.startswith("model name")]
        cpu = lines[0].partition(":")[2].strip() if lines else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "fleet": fleet.__version__,
        **{name: metadata.version(name) for name in _PACKAGES},
    }


Progress = Callable[[str, float], None]


class Bench:
    """Runs the measurements of a size, one after the other."""

    def __init__(self, size: str, progress: Progress, only: Sequence[str] = ()) -> None:
        """Take up a size.

        Args:
            size: one of `SIZES`.
            progress: is told what is measured, and the share that is done.
            only: parts that are measured; none for all.

        Raises:
            InputError: there is no such size, or it has no such part.
        """
        if size not in SIZES:
            raise InputError(f"--size '{size}' is not one of {', '.join(SIZES)}")
        self.size, self.progress = SIZES[size], progress
        self.report = Report(size, machine())
        parts = [self.engines, self.city, self.scaling, self.memory, self.simpy, self.live,
                 self.first_answer]  # fmt: skip
        if self.size.day:
            parts.append(self.day)
        known = {part.__name__.replace("_", " "): part for part in parts}
        for name in only:
            if name not in known:
                raise InputError(f"--only '{name}' is not one of {', '.join(known)}")
        self.parts = {name: part for name, part in known.items() if name in only or not only}

    def run(self) -> Report:
        """Run everything.

        Raises:
            RunError: two ways of running one thing gave different results.
        """
        for k, (name, part) in enumerate(self.parts.items()):
            self.progress(name, k / len(self.parts))
            part()
        return self.report

    def _job(self, name: str, job: Job) -> Measured:
        measured = measure(job)
        self.report.runs[name] = asdict(measured)
        return measured

    def _find(
        self, what: str, value: float, unit: str, target: float, remark: str = "", *,
        most: bool = False,
    ) -> None:  # fmt: skip
        """Add a line; `most` says that the target is the largest value allowed."""
        met = value <= target if most else value >= target
        text = f"{'<=' if most else '>='} {target:g}"
        self.report.findings.append(
            Finding(what, value, unit, text, met if self.size.full else None, remark)
        )

    def engines(self) -> None:
        """Compare the two engines, and check that they agree."""
        sensors, short, long = self.size.engines
        data = workloads.city(sensors, 10, short)
        slow = self._job("reference", Job(data, engine=Engine.reference, warm_up="100 ms"))
        same = self._job("columns, same time", Job(data))
        _equal("the engines", slow, same)
        for workers, executor, target in (
            (1, ExecutorKind.local, 500),
            (2, ExecutorKind.ray, 1000),
        ):
            job = Job({**data, "duration": long}, executor=executor, repeat=self.size.repeat,
                      warm_up=short)  # fmt: skip
            fast = self._job(f"columns, {executor}", job)
            self._find(
                f"columns over reference engine, {sensors:,} sensors, {_workers(workers)}",
                fast.rate / slow.rate, "x", target,
                f"{fast.rate:,.0f} against {slow.rate:,.0f} frames/s",
            )  # fmt: skip

    def city(self) -> None:
        """Measure frames a second of both arms, in this process and under Ray."""
        sensors, long, short = self.size.city
        data = workloads.city(sensors, 10, long)
        for arm in self.size.arms:
            job = Job(data, arm=arm, repeat=self.size.repeat, warm_up=short)
            alone = self._job(f"{arm}, local", job)
            rays = {
                n: self._job(f"{arm}, ray-{n}", replace(job, executor=ExecutorKind.ray, shards=n))
                for n in self.size.shards
            }
            for measured in rays.values():
                _equal("one process and Ray", alone, measured)
            self._speed(arm, sensors, alone, rays)
            profile = Job({**data, "duration": short}, arm=arm, warm_up=short, profile=True)
            self.report.kernels_ns[arm] = measure(profile).kernels_ns

    def _speed(self, arm: str, sensors: int, alone: Measured, rays: dict[int, Measured]) -> None:
        best = max(rays.values(), key=lambda measured: measured.rate)
        self._find(
            f"{arm}: frames a second, {sensors:,} sensors, 2 workers", best.rate, "frame/s", 15e6,
            f"{best.shards} shards; one process {alone.rate:,.0f}",
        )  # fmt: skip
        self._find(
            f"{arm}: 2 Ray shards over 1 in-process", rays[2].rate / alone.rate, "x", 1.7,
            shares(rays[2]),
        )  # fmt: skip
        self._find(
            f"{arm}: Ray's work beside the kernels", 100 * (best.overhead or 0.0), "%", 10,
            f"windows of {best.window_s:g} s, at most {best.peak_transfer_mb:.1f} MB under way",
            most=True,
        )  # fmt: skip

    def scaling(self) -> None:
        """Measure time and memory over the number of sensors."""
        rows = []
        for sensors in self.size.scaling:
            data = workloads.city(sensors, 1, self.size.scaling_time)
            rows.append(self._job(f"{sensors:,} sensors", Job(data, warm_up="1 s")))
        last, sensors = rows[-1], self.size.scaling[-1]
        gb = (last.peak_mb or math.nan) / 1e3
        self._find(
            f"{sensors:,} sensors at 1 fps for {self.size.scaling_time}: memory", gb, "GB", 6,
            f"{last.median_s:.1f} s and {last.plan_s:.1f} s for the plan", most=True,
        )  # fmt: skip
        above = [(n, f) for n, f in zip(self.size.scaling, rows, strict=True) if n >= 10_000]
        if len(above) > 1:
            self._find("time over sensors: exponent above 10,000", exponent(above), "1", 1.05,
                       most=True)  # fmt: skip

    def memory(self) -> None:
        """Compare the memory of a short and of a long run."""
        sensors, short, long = self.size.memory
        peaks = [
            self._job(f"memory, {time}", Job(workloads.city(sensors, 1, time))).peak_mb
            for time in (short, long)
        ]
        if None not in peaks:
            more = 100 * (float(peaks[1] or 0) / float(peaks[0] or 1) - 1)
            self._find(f"memory of {long} over {short}", more, "%", 5,
                       f"{peaks[0]:.0f} and {peaks[1]:.0f} MB", most=True)  # fmt: skip

    def simpy(self) -> None:
        """Compare with plain SimPy on one workload."""
        sensors, duration = self.size.simpy
        peer = peers.compare(sensors, duration)
        if peer is None:
            return
        if peer.difference_ns != 0:
            raise RunError("plain SimPy and the columns engine give different latencies")
        self._find(
            f"columns over plain SimPy, {sensors:,} sensors, three queues",
            peer.simpy_s / peer.fleet_s, "x", 100,
            f"{peer.frames / peer.simpy_s:,.0f} frames/s; all latencies equal to the ns",
        )  # fmt: skip

    def live(self) -> None:
        """Measure networks that look at rendered frames; a frame a second and sensor keeps pace."""
        sensors, duration = self.size.live
        data = workloads.live(sensors, 1, duration)
        job = Job(data, arm="on_sensor", executor=ExecutorKind.ray, shards=2, warm_up="1 s")
        measured = self._job("live", job)
        self._find(
            f"live eyes: frames a second, {sensors:,} sensors at 1 fps, 2 workers", measured.rate,
            "frame/s", 200, f"{2000 / measured.rate:.0f} ms a frame on each",
        )  # fmt: skip

    def first_answer(self) -> None:
        """Time the command on the smallest scenario until it answers, with warm caches."""
        if not _SMOKE.is_file():
            return
        for executor, target in ((ExecutorKind.ray, 15.0), (ExecutorKind.local, 3.0)):
            for _ in range(2 if self.size.full else 1):  # the first fills the caches
                with passing_folder() as folder:
                    command = [sys.executable, "-m", "fleet", "run", str(_SMOKE), "--executor",
                               executor, "-o", f"{folder}/out"]  # fmt: skip
                    answered, ended = _answer(command)
            self._find(f"first answer: scenarios/smoke.yaml, {executor}", answered, "s", target,
                       f"{ended:.1f} s with figures", most=True)  # fmt: skip

    def day(self) -> None:
        """Run a whole day of the city."""
        sensors, _, short = self.size.city
        data = workloads.city(sensors, 10, "24 h")
        measured = self._job("city-day", Job(data, executor=ExecutorKind.ray, warm_up=short))
        self._find(f"city-day: {measured.frames:,} frames", measured.median_s / 60, "min", 10,
                   f"{measured.rate:,.0f} frames/s; {shares(measured)}", most=True)  # fmt: skip
        self._find("city-day: memory of all processes", (measured.peak_mb or math.nan) / 1e3, "GB",
                   2, most=True)  # fmt: skip


def _answer(command: list[str]) -> tuple[float, float]:
    """Return the seconds after which a command has answered, and after which it has ended."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with child.held(process):
        child.first_words(process)
        answered = time.perf_counter() - began
        child.finish(process)
    if process.returncode:
        raise RunError(f"{' '.join(command)}: ended with exit code {process.returncode}")
    return answered, time.perf_counter() - began


def _workers(count: int) -> str:
    return f"{count} worker" + ("s" if count > 1 else "")


def exponent(points: list[tuple[int, Measured]]) -> float:
    """Return the slope of log time over log sensors, by least squares."""
    x = [math.log(sensors) for sensors, _ in points]
    y = [math.log(measured.median_s) for _, measured in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


def shares(measured: Measured) -> str:
    """Return in words how the processes spent their time."""
    return "; ".join(
        f"{name} {100 * kernels:.0f} % kernels, {100 * moved:.0f} % transfer, {100 * idle:.0f} %"
        " waiting"
        for name, (kernels, moved, idle) in measured.spent.items()
    )


def _equal(what: str, one: Measured, other: Measured) -> None:
    if one.fingerprint != other.fingerprint:
        raise RunError(f"{what} give different results; please report this")
