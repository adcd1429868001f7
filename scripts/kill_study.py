"""Kill studies at random instants, and check that they end as if nobody had: `--kills 200`.

Each kill is a SIGKILL, of the command or of one of its processes. What is killed is asked again,
until it ends; then another study begins, until there were so many kills. A study that ends must
have done every run once, and its files must be, byte by byte, those of one that was left in peace.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SCENARIO = Path(__file__).parents[1] / "scenarios" / "smoke.yaml"
VARY = ("cloud.servers=1..3", "sensors.door.rate=10,15 fps")
FINAL = ("study.yaml", "design.parquet", "results.parquet", "results.csv")
LIFE = 0.4
"""The longest life of a command, as a share of that of one that was left in peace."""
_DRIVERS = 0.6
_LONGEST_S = 600.0


class Counted(NamedTuple):
    """What was done to studies.

    Attributes:
        studies: how many ended.
        drivers, workers: how many commands, and how many of their processes, were killed.
        died: runs that died with their process and were done later.
        runs: runs of each study.
    """

    studies: int
    drivers: int
    workers: int
    died: int
    runs: int


class BrokenError(Exception):
    """A study did not end as it should."""


def command(folder: Path, options: tuple[str, ...] = ()) -> list[str]:
    """Return the command of the study."""
    vary = [part for text in VARY for part in ("--vary", text)]
    sets = ["--set", "duration=3 s", "--set", "events=[]"]
    return [
        sys.executable, "-m", "fleet", "sweep", str(SCENARIO), *vary, *sets, "--workers", "2",
        "--replications", "2", "--arm", "on_sensor", "--arm", "cloud", "-o", str(folder), *options,
    ]  # fmt: skip


def processes_of(pid: int) -> list[int]:
    """Return the processes that a command has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def killed(folder: Path, chance: random.Random, span_s: float) -> str | None:
    """Run the study, and kill the command or a process of it at an instant.

    Args:
        folder: of the study.
        chance: says when and whom.
        span_s: the instant lies within so long from the start.

    Returns:
        what was killed; None: it had ended before.
    """
    with subprocess.Popen(
        command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        time.sleep(chance.uniform(0, span_s))
        workers = processes_of(driver.pid)
        if workers and chance.random() > _DRIVERS:
            _kill(chance.choice(workers))
            time.sleep(chance.uniform(0, span_s / 4))
            what = "worker"
        else:
            what = "driver"
        workers = processes_of(driver.pid)
        ended = driver.poll() is not None
        _kill(driver.pid)
        driver.wait()
    until = time.monotonic() + _LONGEST_S
    while any(Path(f"/proc/{pid}").exists() and _lives(pid) for pid in workers):
        if time.monotonic() > until:
            raise BrokenError("a process outlived its command")
        time.sleep(0.01)
    return None if ended and what == "driver" else what


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def finished(folder: Path) -> None:
    """Let a study end in peace."""
    for _ in range(2):  # what died in the last lines is run by the second
        done = subprocess.run(command(folder), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokenError(f"it ended with code {done.returncode}: {done.stderr}")


def checked(folder: Path, peaceful: Path) -> int:
    """Check that a study that was killed is as one that was not; return how many runs died in it.

    Raises:
        BrokenError: it is not.
    """
    rows = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    done = Counter(
        (row["point"], row["arm"], row["replication"]) for row in rows if row["status"] == "done"
    )
    wanted = len((peaceful / "journal.jsonl").read_text().splitlines())
    twice = [run for run, times in done.items() if times > 1]
    if twice or len(done) != wanted:
        raise BrokenError(f"{len(done)} of {wanted} runs were done, {twice or 'none'} twice")
    for name in FINAL:
        if (folder / name).read_bytes() != (peaceful / name).read_bytes():
            raise BrokenError(f"{folder / name} is not as in {peaceful}")
    return sum(row["status"] == "died" for row in rows)


def kill(kills: int, seed: int, place: Path) -> Iterator[Counted]:
    """Kill studies so many times, and yield what was done whenever one has ended.

    Args:
        kills: how many.
        seed: of the instants.
        place: an empty folder.

    Raises:
        BrokenError: a study did not end as it should.
    """
    chance, peaceful = random.Random(seed), place / "in peace"
    began_s = time.monotonic()
    finished(peaceful)
    # It has run twice, the second time for nothing. Shorter lives make for more kills a study.
    span_s = (time.monotonic() - began_s) / 2 * LIFE
    counts: Counter[str] = Counter()
    runs = len((peaceful / "journal.jsonl").read_text().splitlines())
    for study in range(1, kills + 2):
        folder = place / f"study {study}"
        while counts["driver"] + counts["worker"] < kills:
            what = killed(folder, chance, span_s)
            counts[what or "ended"] += 1
            if what is None:
                break
        finished(folder)
        counts["died"] += checked(folder, peaceful)
        yield Counted(study, counts["driver"], counts["worker"], counts["died"], runs)
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
                f"{done.drivers + done.workers} kills ({done.drivers} of the command,"
                f" {done.workers} of a process of it), {done.died} runs died with one;"
                f" {done.studies} studies of {done.runs} runs ended with the same bytes,"
                " no run done twice",
                flush=True,
            )


if __name__ == "__main__":
    try:
        main()
    except BrokenError as error:
        sys.exit(f"kill_study: {error}")
