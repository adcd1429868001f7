"""What has become of the speed since another commit: each measurement in both, turn about.

    python bench/against.py 1a2b3c4 -o results/bench/against.json

The other commit is checked out beside this tree, and both are run by this Python with its packages.
Times are the least of some rounds, of commands their processes' CPU time, so that the ratios hold
on a machine that does other things as well; a fingerprint that differs is told, for the model may
have changed on purpose.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fleet.bench import suite, workloads

ROOT = Path(__file__).parents[1]


@dataclass
class Compared:
    """One measurement of both trees.

    Attributes:
        what: was measured.
        then_s, now_s: time of every round; s.
        same: whether the results are equal; None if there are none to compare.
    """

    what: str
    then_s: list[float] = field(default_factory=list)
    now_s: list[float] = field(default_factory=list)
    same: bool | None = None

    @property
    def ratio(self) -> float:
        """Return the time that it takes now over the time that it took, at the least."""
        return min(self.now_s) / min(self.then_s)


Answer = tuple[float, str | None]
Measure = Callable[[Path], Answer]


def job(part: str, **about: Any) -> Measure:
    """Return a measurement of a job of `fleet bench`: `part` is 'run' or 'plan'."""

    def measure(tree: Path) -> Answer:
        command = [sys.executable, "-W", "ignore", "-m", "fleet.bench.job"]
        ended = subprocess.run(
            command, input=json.dumps(about), env=environ(tree), capture_output=True, text=True,
            check=True, cwd=tree,
        )  # fmt: skip
        told = json.loads(ended.stdout.splitlines()[-1])
        if part == "plan":
            return told["plan_s"], None
        return min(told["run_s"]), told["fingerprint"]

    return measure


def command(*arguments: str) -> Measure:
    """Return a measurement of a command of `fleet`, from its start to its end."""

    def measure(tree: Path) -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-m", "fleet", *arguments, "-o", f"{folder}/out"],
                env=environ(tree), capture_output=True, check=True, cwd=tree,
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, None

    return measure


def environ(tree: Path) -> dict[str, str]:
    """Return an environment in which `fleet` is the tree's."""
    return {**os.environ, "PYTHONPATH": str(tree)}


def measures() -> dict[str, Measure]:
    """Return all that is measured, by name."""
    local = ("--executor", "local")
    of_jobs = {
        f"bench city, {arm}, {where}": job(
            "run", data=workloads.city(2000, 10, "60 s"), arm=arm, warm_up="2 s", repeat=6, **how
        )
        for where, how in (("one process", {}), ("Ray", {"executor": "ray", "shards": 2}))
        for arm in ("cloud", "on_sensor")
    }
    return of_jobs | {
        "plan of 100,000 sensors": job("plan", data=workloads.city(100_000, 1, "1 s")),
        "first answer: smoke": command("run", "scenarios/smoke.yaml", *local),
        "main job: Helsinki": command("run", "scenarios/helsinki.yaml", *local),
    }


@contextmanager
def checked_out(ref: str) -> Iterator[Path]:
    """Give a tree of a commit, which vanishes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "then"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), ref], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def compare(what: str, measure: Measure, then: Path, rounds: int) -> Compared:
    """Measure something in both trees, turn about, after one round that does not count."""
    compared = Compared(what)
    for k in range(rounds + 1):
        then_s, old = measure(then)
        now_s, new = measure(ROOT)
        if k:
            compared.then_s.append(then_s)
            compared.now_s.append(now_s)
        if old is not None:
            compared.same = old == new
    return compared


def main() -> None:
    """Compare, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ref", help="the other commit")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--only", help="measurements whose name holds this")
    parser.add_argument("-o", "--output", type=Path, help="write JSON there too")
    given = parser.parse_args()
    rows = []
    with checked_out(given.ref) as then:
        for what, measure in measures().items():
            if given.only and given.only not in what:
                continue
            row = compare(what, measure, then, given.rounds)
            rows.append(asdict(row) | {"ratio": row.ratio})
            same = {None: "", True: "same results", False: "OTHER RESULTS"}[row.same]
            print(
                f"{what:36} {min(row.then_s):8.2f} s {min(row.now_s):8.2f} s"
                f" {row.ratio:6.2f} x  {same}", flush=True,
            )  # fmt: skip
    if given.output:
        about = {"ref": given.ref, "machine": suite.machine(), "rows": rows}
        given.output.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
