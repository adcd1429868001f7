"""Kill studies and plans at random instants, and check that they end as if nobody had.

There are three kinds in turn: a grid, a study whose replications are added until intervals are
narrow, and a plan. Each kill is a SIGKILL, of the process that carries one out or of one that works
for it. What is killed is asked again, until it ends; then another begins, until there were so many
kills. One that ends must have done every run once, and its files must be, byte by byte, those of
one that was left in peace.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import fleet
from fleet.running.lock import HOLDER
from fleet.running.unfinished import ENDING

SCENARIO = Path(__file__).parents[1] / "scenarios" / "smoke.yaml"
SETS = {"duration": "3 s", "events": []}
ARMS = ["on_sensor", "cloud"]
_OF_WORKERS, _EARLY_S, _LATER_S = 0.4, 3.0, 0.5
_LONGEST_S = 600.0
_FINAL = (".yaml", ".parquet", ".csv", ".json")


class Counted(NamedTuple):
    """What was done to studies and plans.

    Attributes:
        ended: by kind, how many ended.
        drivers, workers: how many processes were killed that carried one out, or worked for it.
        died: runs that died with their process and were done later.
        files: how many files were compared.
    """

    ended: dict[str, int]
    drivers: int
    workers: int
    died: int
    files: int

    @property
    def kills(self) -> int:
        """Return how many processes were killed."""
        return self.drivers + self.workers


class BrokenError(Exception):
    """A study did not end as it should."""


class Kind(NamedTuple):
    """A kind of what is killed.

    Attributes:
        name: of the kind.
        carry_out: carries it out in a folder, or goes on with it.
        journal: where its runs stand while it is under way; given its folder.
        ends_with_worker: it cannot go on without what a worker that died was to give, and says so.
    """

    name: str
    carry_out: Callable[[Path], object]
    journal: Callable[[Path], Path]
    ends_with_worker: bool = False


def _grid(folder: Path) -> object:
    vary = {"cloud.servers": "1..4", "sensors.door.rate": "5,10,15 fps"}
    return fleet.sweep(
        SCENARIO, vary, arms=ARMS, replications=2, overrides=SETS, output=folder, workers=_workers()
    )


def _until(folder: Path) -> object:
    return fleet.sweep(
        SCENARIO, {"cloud.servers": "1,2"}, arms=ARMS, until="cloud: latency_ms.mean ± 0.5 %",
        replications=23, overrides=SETS, output=folder, workers=_workers(),
    )  # fmt: skip


def _plan(folder: Path) -> object:
    return fleet.find(
        SCENARIO, ["cloud.servers=1..8", "links.wan.rate=5..40+5 Mbit/s"], arms=ARMS,
        slo=["latency_ms.p99 < 150 ms"], overrides=SETS, output=folder, workers=_workers(),
    )  # fmt: skip


def _workers() -> int:
    return 1 + (os.getpid() % 2)


KINDS = (
    Kind("grid", _grid, lambda folder: folder / "journal.jsonl"),
    Kind("until", _until, lambda folder: folder / "journal.jsonl"),
    Kind("plan", _plan, lambda folder: Path(f"{folder}{ENDING}") / "journal.jsonl", True),
)


def started(kind: Kind, folder: Path) -> int:
    """Return a process that carries one out: a copy of this one, which has all imported."""
    pid = os.fork()
    if pid:
        return pid
    try:
        kind.carry_out(folder)
    except BaseException as error:
        print(f"kill_study: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def lines(journal: Path) -> int:
    """Return how many lines a journal has."""
    try:
        return journal.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def workers_of(pid: int) -> list[int]:
    """Return the processes that work for another one."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def killed(kind: Kind, folder: Path, chance: random.Random) -> Iterator[str]:
    """Carry one out, and kill; yield whom, until it has ended or its driver is killed.

    An instant is some runs after the last, and then anywhere in the time of a run or two; or it is
    anywhere in the first seconds.
    """
    driver, journal, killed_one = started(kind, folder), kind.journal(folder), False
    while True:
        goal = chance.choice((0, 1, 2, 3))
        wanted, until = lines(journal) + goal, time.monotonic() + _LONGEST_S
        while goal and lines(journal) < wanted and not _has_ended(driver):
            if time.monotonic() > until:
                raise BrokenError(f"{folder} does not go on")
            time.sleep(0.005)
        time.sleep(chance.uniform(0, _LATER_S if goal else _EARLY_S))
        workers = workers_of(driver)
        if workers and chance.random() < _OF_WORKERS:
            os.kill(chance.choice(workers), signal.SIGKILL)
            killed_one = True
            yield "worker"
            continue
        if _has_ended(driver):
            if _code(driver) and not (kind.ends_with_worker and killed_one):
                raise BrokenError(f"{folder} failed")
            return
        os.kill(driver, signal.SIGKILL)
        os.waitpid(driver, 0)
        yield "driver"
        return


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def died_in(journal: Path) -> int:
    """Check that no run of a journal was done twice; return how many died.

    Raises:
        BrokenError: one was.
    """
    if not journal.exists():
        return 0
    whole = journal.read_bytes().rpartition(b"\n")[0]  # what was cut off stands behind
    rows = [json.loads(line) for line in whole.splitlines()]
    done = Counter(
        (row["point"], row["arm"], row["replication"]) for row in rows if row["status"] == "done"
    )
    twice = [run for run, times in done.items() if times > 1]
    if twice:
        raise BrokenError(f"{journal}: {twice} were done twice")
    return sum(row["status"] == "died" for row in rows)


def compared(kind: Kind, folder: Path, peaceful: Path) -> int:
    """Check that what was killed is as what was not; return how many files are.

    Raises:
        BrokenError: a file is not, or another number of runs was done.
    """
    names, mine = (
        sorted(
            path.name for path in each.iterdir() if path.suffix in _FINAL and path.name != HOLDER
        )
        for each in (peaceful, folder)
    )
    if names != mine:
        raise BrokenError(f"{folder} has other files than {peaceful}")
    for name in names:
        if (folder / name).read_bytes() != (peaceful / name).read_bytes():
            raise BrokenError(f"{folder / name} is not as in {peaceful}")
    many, wanted = (
        lines(kind.journal(each)) - died_in(kind.journal(each)) for each in (folder, peaceful)
    )
    if many != wanted:
        raise BrokenError(f"{folder}: {many} runs were done, not {wanted}")
    return len(names)


def kill(kills: int, seed: int, place: Path) -> Iterator[Counted]:
    """Kill so many times, and yield what was done whenever a study has ended.

    Args:
        kills: how many.
        seed: of the instants and of who is killed.
        place: an empty folder.

    Raises:
        BrokenError: a study did not end as it should.
    """
    chance, counts, ended = random.Random(seed), Counter[str](), Counter[str]()
    for kind in KINDS:
        kind.carry_out(place / kind.name)
    for number in range(kills + 1):
        kind = KINDS[number % len(KINDS)]
        folder, died = place / f"{kind.name} {number}", 0
        while counts["driver"] + counts["worker"] < kills:
            victims = list(killed(kind, folder, chance))
            counts.update(victims)
            died = max(died, died_in(kind.journal(folder)))
            if "driver" not in victims:
                break  # it has ended, or says that the same command goes on
        kind.carry_out(folder)  # and what died in its last lines
        counts["died"] += max(died, died_in(kind.journal(folder)))
        counts["files"] += compared(kind, folder, place / kind.name)
        ended[kind.name] += 1
        yield Counted(
            dict(ended), counts["driver"], counts["worker"], counts["died"], counts["files"]
        )
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
            ended = ", ".join(f"{many} of kind '{name}'" for name, many in done.ended.items())
            print(
                f"{done.kills} kills ({done.drivers} of who carried one out, {done.workers} of who"
                f" worked for it), {done.died} runs died with one; {ended} ended with the same"
                f" bytes in {done.files} files, no run done twice",
                flush=True,
            )


if __name__ == "__main__":
    try:
        main()
    except BrokenError as error:
        sys.exit(f"kill_study: {error}")
