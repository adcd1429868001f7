"""Count how often the intervals of `fleet` hold the truth, and how often they see a difference.

Run it from the root of the project: python scripts/coverage.py [STUDIES]
A study is some replications of M/M/1: pictures of exponential size on a line, at random moments.
Its mean latency and the percentiles of it are known in closed form, so it can be counted how many
studies have them within the intervals of `summary.json`. Arms that are equal in law and share no
random numbers are compared as those of a scenario are; every difference that is told is false.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fleet.proof import theory
from fleet.proof.selftest_run import Case, plans, poisson, sender, world
from fleet.results.means import Runs, estimate
from fleet.results.metrics import known, summarise
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import simulate
from fleet.study.compare import compare

REPLICATIONS = (5, 10)
WARM_UP = 5
"""Seconds that are not measured: three relaxation times of the queue at a load of 0.95, or more."""
SENSORS, SERVICE_MS = 20, 1.0
ARMS = 4
"""Arms of a study of equal ones, of which the first is the baseline."""


class World(NamedTuple):
    """What is run: the load of the queue, the seconds measured, and the runs for each study."""

    load: float
    seconds: int
    runs: float = max(REPLICATIONS)


WORLDS = (World(0.8, 20), World(0.95, 20), World(0.95, 200, max(REPLICATIONS) / 5))


class Row(NamedTuple):
    """In what share of some studies something was found."""

    what: str
    world: World
    replications: int
    studies: int
    share: float

    @property
    def error(self) -> float:
        """Return the standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.studies)


def truths(load: float) -> dict[str, float]:
    """Return what is true of the time in M/M/1, which is exponential (Kleinrock 1975); ms."""
    mean = SERVICE_MS + theory.mmc_wait(1, load / SERVICE_MS, SERVICE_MS)
    tails = {"p50": 0.5, "p99": 0.01}
    return {
        "latency_ms.mean": mean,
        **{f"latency_ms.{name}": -mean * math.log(tail) for name, tail in tails.items()},
    }


def replications(world_: World, count: int) -> Iterator[dict[str, Any]]:
    """Yield the numbers of independent runs of M/M/1."""
    load, seconds, _ = world_
    rate = load / SERVICE_MS * 1e3 / SENSORS
    data = world({"cam": poisson(f"{rate:g} fps", SENSORS)}, sender("exponential"))
    case = Case(f"coverage {load} {seconds}", {**data, "warm_up": f"{WARM_UP} s"}, "", "")
    for plan in plans(case, f"{WARM_UP + seconds} s", count):
        yield summarise(simulate(plan, Options(executor=ExecutorKind.local)))


def coverage(runs: Runs, of: World, many: int) -> list[Row]:
    """Return in how many studies of so many replications the truth is within the interval."""
    studies = _cut(runs, many)
    rows = []
    for name, truth in truths(of.load).items():
        inside = 0
        for study in studies:
            ci95 = estimate(study, known(name).metric, name).ci95
            inside += ci95 is not None and ci95[0] <= truth <= ci95[1]
        share = inside / len(studies)
        rows.append(Row(f"`{name}` within its interval", of, many, len(studies), share))
    return rows


def differences(runs: Runs, of: World, many: int, arms: int) -> Row:
    """Return in how many studies any of some equal arms is told to differ in its mean latency."""
    studies = _cut(runs, many * arms)
    false = 0
    for study in studies:
        numbers = {str(k): arm for k, arm in enumerate(_cut(study, many))}
        rows = compare(numbers, "0")["arms"].values()
        false += any(row["latency_ms.mean"]["differs"] for row in rows)
    what = f"any of {arms - 1} equal arms differs" if arms > 2 else "an equal arm differs"
    return Row(what, of, many, len(studies), false / len(studies))


def _cut(runs: Runs, size: int) -> list[Runs]:
    """Return the whole groups of so many runs."""
    return [runs[k : k + size] for k in range(0, len(runs) - size + 1, size)]


def rows(of: World, studies: int) -> Iterator[Row]:
    """Yield what is counted in a world."""
    runs = list(replications(of, round(studies * of.runs)))
    for many in REPLICATIONS:
        yield from coverage(runs, of, many)
    for arms in (2, ARMS):
        yield differences(runs, of, min(REPLICATIONS), arms)


def table(found: Sequence[Row]) -> Iterator[str]:
    """Yield the rows as a table in Markdown."""
    yield "| Counted | Load | Seconds | Replications | Studies | Share |"
    yield "|---|--:|--:|--:|--:|--:|"
    for row in found:
        share = f"{row.share:.1%} ± {row.error:.1%}"
        load, seconds, _ = row.world
        told = (row.what, f"{load:g}", seconds, row.replications, row.studies, share)
        yield f"| {' | '.join(map(str, told))} |"


def main() -> None:
    """Print the table; of the studies asked for, each world has as many as its runs make."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for line in table([row for of in WORLDS for row in rows(of, studies)]):
        print(line)


if __name__ == "__main__":
    main()
