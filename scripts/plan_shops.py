"""Plan the shops of docs/PLANNING.md, take the time, and set brute force beside.

Run it from the root of the project: python scripts/plan_shops.py [--shops 50,100,200] [--force 50]
Brute force runs every value within some places of a plan's, the other keys as in the plan, in
twenty replications that the plan has not seen; right is the first value from which on their mean
keeps the objectives and no resource is asked for more than it can do.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fleet.running.choice import cpus
from fleet.scenario.load import Scenario, load
from fleet.sizing.answer import Answer
from fleet.sizing.door import plan
from fleet.sizing.planning import question
from fleet.sizing.search import plant
from fleet.study.crew import Crew
from fleet.study.slo import objectives
from fleet.study.task import Answer as Done
from fleet.study.task import Task

SCENARIO = Path(__file__).parents[1] / "scenarios" / "shops.yaml"
KEYS = ["cloud.servers", "links.shop-line.rate"]
FIRST, BRUTE = 100, 20
"""The first replication of brute force, and how many it has at each value."""


def beside(scenario: Scenario, answer: Answer, crew: Crew, places: int) -> Iterator[str]:
    """Yield a row of the table for each key of an answer: the plan's value, and the right one."""
    found = answer.found
    for k, ladder in enumerate(found.ladders):
        if not found.matters[k]:
            continue
        at = found.index[k]
        there = range(max(0, at - places), min(ladder.top, at + places) + 1)
        tasks = {
            Task((*answer.cell, *plant(found.ladders, _with(found.index, k, i))), answer.arm, r): i
            for i in there
            for r in range(FIRST, FIRST + BRUTE)
        }
        runs: dict[int, list[Done]] = {}
        for task, done in crew.carry_out([*tasks]):
            runs.setdefault(tasks[task], []).append(done)
        kept = {i: _keeps(scenario, answer.arm, mine) for i, mine in runs.items()}
        missed = [i for i in there if not kept[i]]
        right = max(missed, default=there[0] - 1) + 1
        told = ladder.texts[right] if right in there else f"above {ladder.texts[there[-1]]}"
        given = ", ".join(one.partition("=")[2] for one in answer.cell)
        ends = f"{ladder.texts[there[0]]} to {ladder.texts[there[-1]]}"
        yield (
            f"| {given} | {answer.arm} | {ladder.key} | {ladder.texts[at]} | {told} | {ends} |"
            f" {len(tasks)} |"
        )


def _with(index: Sequence[int], k: int, i: int) -> list[int]:
    return [i if j == k else other for j, other in enumerate(index)]


def _keeps(scenario: Scenario, arm: str, runs: Sequence[Done]) -> bool:
    """Return whether means keep the objectives, and nothing is overfull."""
    means = {
        name: sum((run.values or {})[name][0] or 0.0 for run in runs) / len(runs)
        for name in runs[0].values or {}
    }
    asked = [one for one in objectives(scenario) if one.arm in (None, arm)]
    full = any(mean >= 1.0 for name, mean in means.items() if name.endswith(".busiest_offered"))
    return not full and all(means[one.number.text] < float(one.bound) for one in asked)


def main() -> None:
    """Plan, and print what it took and what brute force says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", default="50,100,200", help="numbers of shops that are planned")
    parser.add_argument("--force", default="50", help="those with brute force beside")
    parser.add_argument("--places", type=int, default=3, help="how far brute force looks")
    given = parser.parse_args()
    scenario = load(SCENARIO)
    vary = {"cloud.server": "t4,l4", "sensors.camera.count": given.shops}
    asked = question(scenario, KEYS, vary=vary)
    began_s, began_cpu = time.perf_counter(), time.process_time()
    planned = plan(asked)
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu
    frames = sum(answer.frames for answer in planned.answers)
    print(
        f"{len(planned.answers)} answers, {planned.runs} runs of {frames / 1e6:.1f} million frames"
        f" in all: {wall_s:.0f} s of wall time on {cpus()} CPUs, this process {cpu_s:.0f} s of one"
    )
    for answer in planned.answers:
        print(json.dumps([answer.cell, answer.arm, answer.values, answer.found.stands.meets]))
    print("| Given | Arm | Key | Plan | Brute force | of | Runs |\n|---|---|---|---|---|---|---|")
    forced = [f"sensors.camera.count={many}" for many in given.force.split(",")]
    with Crew(scenario, cpus()) as crew:
        for answer in planned.answers:
            if any(one in answer.cell for one in forced):
                for row in beside(scenario, answer, crew, given.places):
                    print(row, flush=True)


if __name__ == "__main__":
    main()
