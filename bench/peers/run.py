"""The same chain of queues in fleet and in its peers: every frame equal, and what it takes.

    python bench/peers/run.py --python PEERS/bin/python -o results/bench/peers.json

Each measurement is a process of its own, and rounds go through all of them in turn, so that what
else a machine does meets all alike; rounds are added to those that stand in the output. Every
simulator must say of the same frames that they were done at the same nanosecond, or this fails. Who
is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.bench import peers, suite, workloads
from fleet.errors import RunError

HERE = Path(__file__).parent
SIZES = {100: "10 s", 1_000: "1 s", 10_000: "200 ms"}
"""Simulated time by cameras at 10 fps: 10,000 frames, and 20,000 of the most cameras."""
PEERS = {
    "SimPy": "with_simpy.py",
    "SimPy, no resources": "with_simpy_times.py",
    "ns.py": "with_nspy.py",
    "simulus": "with_simulus.py",
    "salabim": "with_salabim.py",
    "Ciw": "with_ciw.py",
}
FLEET: dict[str, dict[str, Any]] = {
    "fleet, reference engine": {"engine": "reference", "ports": False},
    "fleet, columns": {"engine": "columns", "ports": False},
    "fleet, lanes": {"engine": "columns", "ports": True},
    "fleet, columns, 100 times as long": {"engine": "columns", "ports": False, "times": 100},
    "fleet, lanes, 100 times as long": {"engine": "columns", "ports": True, "times": 100},
}
FIRST = "SimPy"  # is a dependency of fleet, and what all others must equal


@dataclass
class Row:
    """One way at one size.

    Attributes:
        way: simulator, and how.
        cameras: of the workload.
        frames: that were done.
        difference_ns: largest difference from SimPy in when a frame was done; None: not compared.
        cpu_s, wall_s: of the run in every round, without imports and without building the model.
        build_cpu_s: CPU time to build the model in every round.
        peak_mb: memory of the process, in the round where it was most.
        over_s: CPU time that it may take, if it took longer and was ended.
    """

    way: str
    cameras: int
    frames: int = 0
    difference_ns: float | None = None
    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    build_cpu_s: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    over_s: int | None = None


class Field:
    """All simulators and what they took."""

    def __init__(self, python: str, limit_s: int) -> None:
        """Take the Python that has the peers, and the CPU time that a peer may take.

        fleet takes what it takes, as its first run may have to compile.
        """
        self.python, self.limit_s = python, limit_s
        self.rows: dict[tuple[str, int], Row] = {}
        self.missing: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self._first: dict[int, NDArray[Any]] = {}

    def round(self, sizes: dict[int, str]) -> Iterator[Row]:
        """Measure everything once; yield each row as it stands then.

        Raises:
            RunError: a simulator failed, or its frames are not those of SimPy.
        """
        for cameras, duration in sizes.items():
            plan = workloads.plan(workloads.textbook(cameras, duration), "cloud")
            chain = peers.chain(plan)
            asked = {"cameras": cameras, "duration": duration}
            for way, script in PEERS.items():
                if way not in self.missing and not self._too_long(way, cameras):
                    yield from self._measure(way, cameras, [self.python, script], chain)
            for way, how in FLEET.items():
                if not self._too_long(way, cameras):
                    command = [sys.executable, "with_fleet.py"]
                    yield from self._measure(way, cameras, command, asked | how)

    def _too_long(self, way: str, cameras: int) -> bool:
        return any(
            row.over_s is not None
            for (other, least), row in self.rows.items()
            if other == way and least <= cameras
        )

    def _measure(
        self, way: str, cameras: int, command: list[str], given: dict[str, Any]
    ) -> Iterator[Row]:
        python, script = command
        row = self.rows.setdefault((way, cameras), Row(way, cameras))
        done = subprocess.run(
            [python, str(HERE / script)], input=json.dumps(given), capture_output=True, text=True,
            preexec_fn=None if way in FLEET else self._limited,
        )  # fmt: skip
        if done.returncode == -signal.SIGXCPU:
            row.over_s = self.limit_s
            yield row
            return
        last = done.stderr.strip().rpartition("\n")[2]
        if "ModuleNotFoundError" in last and way != FIRST:
            self.missing[way] = last
            del self.rows[way, cameras]
            return
        if done.returncode:
            raise RunError(f"{way}, {cameras:,} cameras: {last}")
        self._note(row, json.loads(done.stdout))
        yield row

    def _limited(self) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (self.limit_s, self.limit_s + 1))

    def _note(self, row: Row, said: dict[str, Any]) -> None:
        if isinstance(said["frames"], int):
            row.frames = said["frames"]
        else:
            self._compare(row, np.array(said["frames"]))
        row.cpu_s.append(said["cpu_s"])
        row.wall_s.append(said["wall_s"])
        row.build_cpu_s.append(said["build_cpu_s"])
        row.peak_mb = max(row.peak_mb, said["peak_mb"])
        self.versions |= said["versions"]

    def _compare(self, row: Row, frames: NDArray[Any]) -> None:
        first = self._first.setdefault(row.cameras, frames)
        row.frames, row.difference_ns = len(frames), peers.difference_ns(first, frames)
        if row.difference_ns > 0:
            raise RunError(
                f"{row.way} and {FIRST} differ by {row.difference_ns:g} ns in when a frame of"
                f" {row.cameras:,} cameras was done"
            )


def told(course: Field, sizes: dict[int, str], loads: list[float]) -> dict[str, Any]:
    """Return what was found as plain data; `loads` are load averages before and after rounds."""
    return {
        "machine": suite.machine(),
        "peers": course.versions,
        "load": loads,
        "limit_s": course.limit_s,
        "durations": {str(cameras): duration for cameras, duration in sizes.items()},
        "missing": course.missing,
        "rows": [vars(row) for row in course.rows.values()],
    }


def main() -> None:
    """Measure, print what was found and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="has the peers; this one if none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=30, help="of CPU for a measurement; s")
    parser.add_argument("--most", type=int, default=10_000, help="cameras of the largest size")
    parser.add_argument("-o", "--output", type=Path, help="write JSON there")
    said = parser.parse_args()
    sizes = {cameras: duration for cameras, duration in SIZES.items() if cameras <= said.most}
    course, loads = Field(said.python, said.limit), [os.getloadavg()[0]]
    if said.output and said.output.is_file():
        before = json.loads(said.output.read_text("utf-8"))
        course.rows = {(row["way"], row["cameras"]): Row(**row) for row in before["rows"]}
        loads = before["load"] + loads
    for _ in range(said.rounds):
        for row in course.round(sizes):
            us = 1e6 * min(row.cpu_s) / row.frames if row.cpu_s else float("nan")
            print(f"{row.way:34} {row.cameras:7,} {us:9.2f} us a frame", flush=True)
        loads.append(os.getloadavg()[0])
        if said.output:
            text = json.dumps(told(course, sizes, loads), indent=1) + "\n"
            said.output.write_text(text, encoding="utf-8")
    for way, why in course.missing.items():
        print(f"{way}: left out, {why}")


if __name__ == "__main__":
    main()
