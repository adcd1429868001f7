"""Time and memory of plans: of the whole city, and of what each of its shards is given.

    python bench/plan_sizes.py -o results/scaling/plans.csv

Every row is a fresh process, which plans a city of `fleet bench` at one frame a second (cloud arm)
and then shares the plan out. Bytes are those of the arrays.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (10_000, 100_000, 1_000_000)
SHARDS = (1, 2, 8)
COLUMNS = (
    "sensors", "shards", "plan_s", "share_s", "plan_b_sensor", "share_b_own_sensor", "peak_mb",
)  # fmt: skip


def array_bytes(value: Any, seen: set[int]) -> int:
    """Return the bytes of all arrays that a value holds, each counted once."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return int(value.nbytes) if value.base is None else array_bytes(value.base, seen)
    if dataclasses.is_dataclass(value):
        return sum(array_bytes(getattr(value, f.name), seen) for f in dataclasses.fields(value))
    if isinstance(value, list | tuple):
        return sum(array_bytes(each, seen) for each in value)
    return 0


def row(sensors: int, shards: int) -> tuple[object, ...]:
    """Plan a city and share it out, in this process; return what `COLUMNS` says."""
    from fleet.bench import workloads
    from fleet.plan.partition import partition
    from fleet.plan.share import share_of
    from fleet.running.run import peak_rss_mb

    workloads.plan(workloads.city(100, 1, "1 s"), "cloud")  # compiles, and reads the catalogue
    before_mb = peak_rss_mb()
    began = time.perf_counter()
    plan = workloads.plan(workloads.city(sensors, 1, "1 s"), "cloud")
    planned = time.perf_counter()
    shares = [share_of(plan, each) for each in partition(plan, shards).shards]
    shared = time.perf_counter()
    own = max(array_bytes(part, set()) / len(territory.ids) for part, territory in shares)
    return (
        sensors, shards, round(planned - began, 3), round(shared - planned, 3),
        round(array_bytes(plan, set()) / sensors), round(own), round(peak_rss_mb() - before_mb),
    )  # fmt: skip


def main() -> None:
    """Measure each row in a process of its own, print it and write CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="write CSV there")
    parser.add_argument("--row", nargs=2, type=int, metavar=("SENSORS", "SHARDS"))
    given = parser.parse_args()
    if given.row:
        print(*row(*given.row), sep=",")
        return
    rows = [list(COLUMNS)]
    for sensors in SIZES:
        for shards in SHARDS:
            command = [sys.executable, __file__, "--row", str(sensors), str(shards)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows.append(told.strip().split(","))
            print(*rows[-1], sep="\t", file=sys.stderr)
    if given.output:
        with given.output.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
