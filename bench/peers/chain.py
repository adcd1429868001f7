"""The chain of queues that every model here simulates: what a model is given and what it tells.

Cameras send a frame every period over shared access links and a backhaul to a pool of servers;
every queue is FIFO and every service takes a fixed time. Nothing of fleet is imported, so that a
model needs its simulator alone. A model is a script that reads a chain as JSON from standard input
and writes JSON to standard output: versions, CPU and wall time of the run, memory, and every frame.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

Frame = tuple[int, float, float]
"""(camera, captured, done); ns."""


@dataclass(frozen=True)
class Chain:
    """What is simulated; times in ns.

    Attributes:
        first_ns: when each camera captures its first frame.
        cell: the access link of each camera.
        period_ns: from a frame of a camera to its next.
        until_ns: when the simulation ends.
        cells_ns: how long a frame takes over each access link.
        backhaul_ns: how long over the backhaul.
        servers: in the pool.
        server_ns: how long a frame takes at a server.
    """

    first_ns: list[int]
    cell: list[int]
    period_ns: int
    until_ns: int
    cells_ns: list[int]
    backhaul_ns: int
    servers: int
    server_ns: int


Run = Callable[[], object]
Frames = Callable[[], Iterable[Frame] | int]
"""Tells which frames were done when, after the run, or only how many."""


def tell(packages: Iterable[str], build: Callable[[Chain], tuple[Run, Frames]]) -> None:
    """Build the chain on standard input, run it and write what came of it.

    Whole nanoseconds are exact also in simulators whose clock is a float.
    """
    chain = Chain(**json.load(sys.stdin))
    measure(packages, lambda: build(chain))


def measure(packages: Iterable[str], build: Callable[[], tuple[Run, Frames]]) -> None:
    """Build something, run it and write what came of it; frames are asked for when all is timed."""
    began = time.process_time()
    run, frames = build()
    built, at = time.process_time(), time.perf_counter()
    run()
    ended, until = time.process_time(), time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = {
        "versions": {name: metadata.version(name) for name in packages},
        "build_cpu_s": built - began,
        "cpu_s": ended - built,
        "wall_s": until - at,
        "peak_mb": peak / (1e6 if sys.platform == "darwin" else 1e3),
    }
    done = frames()
    json.dump(answer | {"frames": done if isinstance(done, int) else sorted(done)}, sys.stdout)
