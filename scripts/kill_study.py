"""Kill studies at random instants, and check that they end as if nobody had: `--kills 200`.

Each kill is a SIGKILL, of the process that carries a study out or of one that works for it. What is
killed is asked again, until it ends; then another study begins, until there were so many kills. A
study that ends must have done every run once, and its files must be, byte by byte, those of one
that was left in peace.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import fleet

SCENARIO = Path(__file__).parents[1] / "scenarios" / "smoke.yaml"
VARY = {"cloud.servers": "1..4", "sensors.door.rate": "5,10,15 fps"}
SETS = {"duration": "3 s", "events": []}
FINAL = ("study.yaml", "design.parquet", "results.parquet", "results.csv")
_OF_WORKERS, _EARLY_S, _LATER_S = 0.4, 3.0, 0.5
_LONGEST_S = 600.0


class Counted(NamedTuple):
    """What was done to studies.

    Attributes:
        studies: how many ended.
        drivers, workers: how many processes were killed that carried a study out, or worked for it.
        died: runs that died with their process and were done later.
        runs: runs of each study.
    """

    studies: int
    drivers: int
    workers: int
    died: int
    runs: int

    @property
    def kills(self) -> int:
        """Return how many processes were killed."""
        return self.drivers + self.workers


class BrokenError(Exception):
    """A study did not end as it should."""


def sweep(folder: Path) -> None:
    """Carry the study out, or go on with it."""
    fleet.sweep(
        SCENARIO, VARY, arms=["on_sensor", "cloud"], replications=2, overrides=SETS, output=folder,
        workers=1 + (os.getpid() % 2),
    )  # fmt: skip


def started(folder: Path) -> int:
    """Return a process that carries the study out: a copy of this one, which has all imported."""
    pid = os.fork()
    if pid:
        return pid
    try:
        sweep(folder)
    except BaseException as error:
        print(f"kill_study: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def lines(folder: Path) -> int:
    """Return how many lines the journal of a study has."""
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def workers_of(pid: int) -> list[int]:
    """Return the processes that work for another one."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def killed(folder: Path, chance: random.Random) -> Iterator[str]:
    """Carry a study out, and kill; yield whom, until it has ended or its driver is killed.

    An instant is some runs after the last, and then anywhere in the time of a run or two; or it is
    anywhere in the first seconds.
    """
    driver = started(folder)
    while True:
        goal = chance.choice((0, 1, 2, 3))
        wanted, until = lines(folder) + goal, time.monotonic() + _LONGEST_S
        while goal and lines(folder) < wanted and not _has_ended(driver):
            if time.monotonic() > until:
                raise BrokenError("a study does not go on")
            time.sleep(0.005)
        time.sleep(chance.uniform(0, _LATER_S if goal else _EARLY_S))
        workers = workers_of(driver)
        if workers and chance.random() < _OF_WORKERS:
            os.kill(chance.choice(workers), signal.SIGKILL)
            yield "worker"
            continue
        if _has_ended(driver):
            if _code(driver):
                raise BrokenError("a study failed")
            return
        os.kill(driver, signal.SIGKILL)
        os.waitpid(driver, 0)
        yield "driver"
        return


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def checked(folder: Path, peaceful: Path) -> int:
    """Check that a study that was killed is as one that was not; return how many runs died in it.

    Raises:
        BrokenError: it is not.
    """
    rows = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    done = Counter(
        (row["point"], row["arm"], row["replication"]) for row in rows if row["status"] == "done"
    )
    twice = [run for run, times in done.items() if times > 1]
    if twice or len(done) != lines(peaceful):
        raise BrokenError(
            f"{len(done)} of {lines(peaceful)} runs were done, {twice or 'none'} twice"
        )
    for name in FINAL:
        if (folder / name).read_bytes() != (peaceful / name).read_bytes():
            raise BrokenError(f"{folder / name} is not as in {peaceful}")
    return sum(row["status"] == "died" for row in rows)


def kill(kills: int, seed: int, place: Path) -> Iterator[Counted]:
    """Kill so many times, and yield what was done whenever a study has ended.

    Args:
        kills: how many.
        seed: of the instants and of who is killed.
        place: an empty folder.

    Raises:
        BrokenError: a study did not end as it should.
    """
    chance, peaceful = random.Random(seed), place / "in peace"
    sweep(peaceful)
    counts: Counter[str] = Counter()
    for study in range(1, kills + 2):
        folder = place / f"study {study}"
        while counts["driver"] + counts["worker"] < kills:
            victims = list(killed(folder, chance))
            counts.update(victims)
            if "driver" not in victims:
                break  # it has ended
        sweep(folder)  # and what died in its last lines
        counts["died"] += checked(folder, peaceful)
        yield Counted(study, counts["driver"], counts["worker"], counts["died"], lines(peaceful))
        if counts["driver"] + counts["worker"] >= kills:
            return


def main() -> None:
    """Kill, and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for done in kill(asked.kills, asked.seed, Path(place)):
            print(
                f"{done.kills} kills ({done.drivers} of who carried a study out, {done.workers} of"
                f" who worked for it), {done.died} runs died with one; {done.studies} studies of"
                f" {done.runs} runs ended with the same bytes, no run done twice",
                flush=True,
            )


if __name__ == "__main__":
    try:
        main()
    except BrokenError as error:
        sys.exit(f"kill_study: {error}")
