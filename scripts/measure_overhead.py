"""Measure what a study takes beside simulating: its design, plans, accounts, journal and table.

Run it from the root of the project: python scripts/measure_overhead.py [SCENARIO] [DURATION]
The study is a grid of servers and batches in the cloud arm, whose runs take about a second. It is
carried out in this process, so that its time of a core can be told from that inside the simulation;
tasks and answers are packed and unpacked as between processes. A first study, in which kernels are
loaded and tables read, is not counted: it is what a process takes to start.
"""

from __future__ import annotations

import argparse
import cProfile
import pickle
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fleet.running.run import simulate
from fleet.scenario.load import Scenario, load
from fleet.study import sweep, task
from fleet.study.task import Answer, Shared, Task

VARY = {"cloud.servers": "30,32,34,36,38,40,42,44", "cloud.batch.max": "4,8"}
ARM, REPLICATIONS = "cloud", 3


class Here:
    """Carries tasks out in this process; stands in for `Hands` and for a crew.

    Args:
        scenario: the study's.
    """

    executor = None

    def __init__(self, scenario: Scenario) -> None:
        self._shared = Shared(scenario)

    def checked(self) -> Here:
        """Return it, as there is nothing to check."""
        return self

    def for_work(self, *_: float) -> Here:
        """Return it, whatever there is to do."""
        return self

    def open(self, *_: object) -> Here:
        """Return it, as there is nothing to start."""
        return self

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def carry_out(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Answer]]:
        """Yield what comes of tasks."""
        for one in tasks:
            mine = pickle.loads(pickle.dumps(one))
            answer = task.carry_out(self._shared, mine, lambda _: None)
            yield one, pickle.loads(pickle.dumps(answer))


class Inside:
    """Counts the time of a core inside a function.

    Attributes:
        seconds: of each call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.seconds = function, list[float]()

    def __call__(self, *args: Any) -> Any:
        """Call it."""
        began_s = time.process_time()
        try:
            return self._function(*args)
        finally:
            self.seconds.append(time.process_time() - began_s)


def study(scenario: Scenario, place: Path, vary: dict[str, str], hands: Any) -> float:
    """Carry a study out; return the time of a core that it took; s."""
    began_s = time.process_time()
    sweep.sweep(
        scenario, vary=vary, arms=[ARM], replications=REPLICATIONS, output=place, hands=hands
    )
    return time.process_time() - began_s


def main() -> None:
    """Measure, and say what it takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default="scenarios/shopping-street.yaml")
    parser.add_argument("duration", nargs="?", default="160 s")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    asked = parser.parse_args()
    scenario = load(asked.scenario).changed(f"duration={asked.duration}", "slo=[]")
    hands, inside = Here(scenario), Inside(simulate)
    vars(task)["simulate"] = inside
    with tempfile.TemporaryDirectory() as place:
        first_s = study(scenario, Path(place) / "first", {"cloud.servers": "29"}, hands)
        first_s -= sum(inside.seconds)
        inside.seconds.clear()
        profile = cProfile.Profile()
        if asked.profile:
            profile.enable()
        whole_s = study(scenario, Path(place) / "study", VARY, hands)
        profile.disable()
    runs, simulated_s = len(inside.seconds), sum(inside.seconds)
    beside_s = whole_s - simulated_s
    print(
        f"{runs} runs of {simulated_s / runs:.2f} s each and {beside_s / runs * 1e3:.1f} ms"
        f" a run beside them, {beside_s / simulated_s:.1%}; {first_s:.1f} s before"
    )
    if asked.profile:
        pstats.Stats(profile).sort_stats("cumtime").print_stats(70)


if __name__ == "__main__":
    main()
