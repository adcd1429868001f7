"""Count how often intervals hold the truth, with and without looking, and how often arms differ.

Run it from the root of the project: python scripts/count_coverage.py [STUDIES]
A study is some replications of a world. Those of M/M/1 follow the recursion of Lindley (1952) on
arrays, with what the rules of `fleet.results` make of them; the truth is known in closed form. A
small city runs in the engine; what is true of it is the mean over all of its runs, that of a run of
such a length. Arms that are equal in law and share no random numbers are compared as those of a
scenario are; every difference that is told is false. Where replications are added until an interval
is narrow enough, each study draws them from all runs of its world.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.plan.compile import catalogue, compile_plan
from fleet.proof import theory
from fleet.results.interval import ERROR, chance, holm, interval95, t95
from fleet.results.metrics import summarise
from fleet.results.relaxation import MANY, relaxation_s
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import simulate
from fleet.scenario.load import load
from fleet.study.until import looks

REPLICATIONS = (5, 10)
WARM_UP_S = 5
"""Not measured: three relaxation times of M/M/1 at a load of 0.95, or more."""
METRICS = ("mean", "p50", "p99")
SERVICE_MS = 1.0
ARMS = 4
"""Arms of a study of equal ones, of which the first is the baseline."""
WIDTH, MOST = 0.05, 114
"""Half the width over the mean at which looking ends, and after how many replications at most."""
_CHUNK = 250
_CITY = {0.8: (8, 17.0), 0.95: (10, 18.5)}
"""Doors, and the frame rate of lamps, that offer a server so much."""

Runs = dict[str, Floats]
"""By metric, its value in each run; `offered` is the load that came."""


class World(NamedTuple):
    """What is run: a queue or a city, its load, seconds measured, and runs for each study."""

    name: str
    load: float
    seconds: int
    runs: float = max(REPLICATIONS)


WORLDS = (
    World("M/M/1", 0.8, 20), World("M/M/1", 0.95, 20), World("M/M/1", 0.95, 200, 2.0),
    World("city", 0.8, 20, 5.0), World("city", 0.95, 20, 5.0),
)  # fmt: skip


class Row(NamedTuple):
    """In what share of some studies something was found."""

    what: str
    world: World
    replications: str
    studies: int
    share: float

    @property
    def error(self) -> float:
        """Return the standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.studies)


def truths(of: World, runs: Runs) -> dict[str, float]:
    """Return what is true: of M/M/1 in closed form (Kleinrock 1975), else over all runs; ms."""
    if of.name != "M/M/1":
        return {name: float(runs[name].mean()) for name in METRICS}
    mean = SERVICE_MS + theory.mmc_wait(1, of.load / SERVICE_MS, SERVICE_MS)
    return {"mean": mean, "p50": mean * math.log(2), "p99": mean * math.log(100)}


def replications(of: World, count: int) -> Runs:
    """Return the numbers of independent runs of a world."""
    made = lindley(of, count) if of.name == "M/M/1" else city(of, count)
    return {name: np.array([run[name] for run in made]) for name in (*METRICS, "offered")}


def lindley(of: World, count: int) -> list[dict[str, float]]:
    """Return runs of M/M/1: the wait of a frame is that of the one before, and what it leaves.

    That is `w' = max(0, w + s - a)` (Lindley 1952, The theory of queues with a single server, Proc.
    Camb. Phil. Soc. 48, 277-289), for many runs at a time.
    """
    rng = np.random.default_rng((round(of.load * 100), of.seconds))
    end_ms = (WARM_UP_S + of.seconds) * 1e3
    frames = round(of.load * end_ms + 6 * math.sqrt(of.load * end_ms))
    made: list[dict[str, float]] = []
    while len(made) < count:
        size = min(_CHUNK if of.seconds < 100 else _CHUNK // 10, count - len(made))
        apart = rng.exponential(SERVICE_MS / of.load, (frames, size)).astype(np.float32)
        service = rng.exponential(SERVICE_MS, (frames, size)).astype(np.float32)
        stay, at = np.empty_like(service), np.zeros(size, dtype=np.float32)
        for k in range(frames):
            at = np.maximum(at - apart[k], 0) + service[k]
            stay[k] = at
        came = np.cumsum(apart, axis=0, dtype=np.float64)
        counted = (came + stay >= WARM_UP_S * 1e3) & (came + stay < end_ms)
        for run in range(size):
            mine = stay[counted[:, run], run]
            ranks = np.ceil(np.array([0.5, 0.99]) * len(mine)).astype(int) - 1
            p50, p99 = np.partition(mine, ranks)[ranks].tolist()
            offered = float(service[counted[:, run], run].sum()) / (of.seconds * 1e3)
            made.append({"mean": float(mine.mean()), "p50": p50, "p99": p99, "offered": offered})
    return made


def means(of: World, count: int) -> Floats:
    """Return the mean latencies of as many runs of M/M/1, by the same recursion, frame by frame."""
    rng = np.random.default_rng((round(of.load * 100), of.seconds, 1))
    end_ms = (WARM_UP_S + of.seconds) * 1e3
    frames = round(of.load * end_ms + 6 * math.sqrt(of.load * end_ms))
    came, stay, total, many = np.zeros((4, count))
    for _ in range(frames):
        apart = rng.standard_exponential(count, np.float32) * (SERVICE_MS / of.load)
        service = rng.standard_exponential(count, np.float32) * SERVICE_MS
        stay = np.maximum(stay - apart, 0) + service
        came += apart
        counted = (came + stay >= WARM_UP_S * 1e3) & (came + stay < end_ms)
        total += np.where(counted, stay, 0)
        many += counted
    made: Floats = total / many
    return made


def city(of: World, count: int) -> list[dict[str, float]]:
    """Return runs of twelve or fourteen cameras with video before one server, by the engine."""
    doors, fps = _CITY[of.load]
    scenario = load("scenarios/smoke.yaml").changed(
        "events=[]", "cloud.autoscale=null", f"duration={WARM_UP_S + of.seconds} s",
        f"warm_up={WARM_UP_S} s", f"sensors.door.count={doors}", f"sensors.lamp.rate={fps} fps",
    )  # fmt: skip
    catalog, made = catalogue(scenario), []
    for k in range(count):
        plan = compile_plan(scenario, catalog, "cloud", replication=k)
        numbers = summarise(simulate(plan, Options(executor=ExecutorKind.local)))
        values: dict[str, Any] = numbers["latency_ms"]
        offered = numbers["load"]["servers of cloud"]["busiest_offered"]
        made.append({**{name: values[name] for name in METRICS}, "offered": offered})
    return made


def coverage(runs: Runs, of: World, many: int) -> Iterator[Row]:
    """Yield in how many studies of so many replications the truth is within the interval."""
    for name, truth in truths(of, runs).items():
        found = [interval95(study.tolist()) for study in _cut(runs[name], many)]
        inside = [ends is not None and ends[0] <= truth <= ends[1] for ends in found]
        yield _row(f"{name} within its interval", of, str(many), inside)


def until(runs: Runs, of: World, studies: int) -> Iterator[Row]:
    """Yield in how many studies that end by looking the truth is within, and how many end."""
    rng = np.random.default_rng(11)
    for name, truth in truths(of, runs).items():
        inside, reached, counts = [], [], []
        for _ in range(studies):
            drawn = rng.choice(runs[name], MOST, replace=False)
            for count in looks(MOST):
                low, high = interval95(drawn[:count].tolist(), looked=True) or (0.0, math.inf)
                if (high - low) / 2 <= WIDTH * (high + low) / 2:
                    break
            inside.append(low <= truth <= high)
            reached.append((high - low) / 2 <= WIDTH * (high + low) / 2)
            counts.append(count)
        mean = f"{np.mean(counts):.0f} in the mean"
        yield _row(f"{name} within, until ± {WIDTH:.0%}", of, mean, inside)
        if not all(reached):
            yield _row(f"{name}: ± {WIDTH:.0%} reached", of, f"{MOST} at most", reached)


def differences(runs: Floats, of: World, many: int, arms: int) -> Row:
    """Return in how many studies any of some equal arms is told to differ in its mean latency."""
    false = []
    for study in _cut(runs, many * arms):
        first, *others = study.reshape(arms, many)
        chances = []
        for other in others:
            ends = interval95((other - first).tolist())
            assert ends is not None
            half = (ends[1] - ends[0]) / 2
            t = float((other - first).mean()) / half * t95(many - 1)
            chances.append(chance(t, many - 1))
        false.append(min(holm(chances)) <= ERROR)
    what = f"any of {arms - 1} equal arms differs" if arms > 2 else "an equal arm differs"
    return _row(what, of, str(many), false)


def warned(runs: Runs, of: World, many: int) -> Row:
    """Return in how many studies the 99th percentile is told not to be trusted."""
    possible = 1e3 / SERVICE_MS if of.name == "M/M/1" else _SERVER_FPS
    short = [
        study.mean() < 1 and of.seconds < MANY * many * relaxation_s(study.mean(), possible)
        for study in _cut(runs["offered"], many)
    ]
    return _row("p99 is told not to be trusted", of, str(many), short)


_SERVER_FPS = 236.0
"""Frames a second of the city's server, with full batches."""


def _cut(values: Floats, size: int) -> list[Floats]:
    """Return the whole groups of so many values."""
    return [values[k : k + size] for k in range(0, len(values) - size + 1, size)]


def _row(what: str, of: World, replications: str, found: Sequence[bool]) -> Row:
    return Row(what, of, replications, len(found), sum(found) / len(found))


def rows(of: World, studies: int) -> Iterator[Row]:
    """Yield what is counted in a world."""
    runs = replications(of, round(studies * of.runs))
    for many in REPLICATIONS:
        yield from coverage(runs, of, many)
        yield warned(runs, of, many)
    yield from until(runs, of, studies)
    many = min(REPLICATIONS)
    equal = means(of, studies * many * ARMS) if of.name == "M/M/1" else runs["mean"]
    for arms in (2, ARMS):
        yield differences(equal, of, many, arms)


def table(found: Sequence[Row]) -> Iterator[str]:
    """Yield the rows as a table in Markdown."""
    yield "| Counted | World | Load | Seconds | Replications | Studies | Share |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for row in found:
        share = f"{row.share:.1%} ± {row.error:.1%}"
        name, offered, seconds, _ = row.world
        told = (row.what, name, f"{offered:g}", seconds, row.replications, row.studies, share)
        yield f"| {' | '.join(map(str, told))} |"


def main() -> None:
    """Print the table; of the studies asked for, each world has as many as its runs make."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for line in table([row for of in WORLDS for row in rows(of, studies)]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
