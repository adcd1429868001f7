"""Unlucky numbers and damaged input for a long time, until the minutes are over.

    python scripts/fuzz.py --minutes 60 --seed 1 --jobs 2
    python scripts/fuzz.py --minutes 60 --seed 1 --jobs 2 --what doors

The first makes numbers extreme and runs what passes in both engines (`tests/fuzz/extremes.py`), the
second damages what every reader reads (`tests/fuzz/doors.py`). A trial that ends in a fault is made
as small as it can be and printed as a line for `corpus.txt` or `doors.txt` beside these, whose
lines the tests try again. The same seed draws the same trials.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "fuzz")]
extremes: Any = importlib.import_module("extremes")
doors: Any = importlib.import_module("doors")


def campaign(seed: str, until_s: float) -> Counter[str]:
    """Try what a seed draws until a time of the monotonic clock; return how often what was met."""
    chance, met = random.Random(seed), Counter[str]()
    while time.monotonic() < until_s:
        verdict = extremes.attempt(extremes.drawn(chance))
        met[verdict.kind] += 1
        if verdict.is_fault:
            small = extremes.minimised(verdict)
            print(f"{small.trial}\n    # {small.kind}: {small.said[:200]}", flush=True)
    return met


def damage(seed: str, until_s: float) -> Counter[str]:
    """Damage what a seed draws until a time of the monotonic clock; return how often which door."""
    chance, met, seen = random.Random(seed), Counter[str](), set[str]()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while time.monotonic() < until_s:
            trial = doors.drawn(chance)
            why = doors.fault(trial, Path(folder))
            met[trial.door] += 1
            if why is not None and f"{trial.door} {why[:60]}" not in seen:
                seen.add(f"{trial.door} {why[:60]}")
                met["fault"] += 1
                small = doors.minimised(trial, Path(folder))
                print(doors.as_test(small, why), flush=True)
    return met


def main() -> None:
    """Run campaigns side by side, and say what they met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--what", choices=("numbers", "doors"), default="numbers")
    given = parser.parse_args()
    if given.what == "doors":
        _side_by_side(damage, given)
    as_they_are = extremes.warm_up()
    if any(verdict.kind != "fine" for verdict in as_they_are):
        sys.exit("\n".join(map(str, as_they_are)))
    _side_by_side(campaign, given)


def _side_by_side(
    work: Callable[[str, float], Counter[str]], given: argparse.Namespace
) -> NoReturn:
    until_s = time.monotonic() + 60 * given.minutes
    asked = [(f"{given.seed}/{job}", until_s) for job in range(given.jobs)]
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        met = sum(pool.starmap(work, asked), Counter[str]())
    fine = {"fine", "refused", *doors.DOORS}
    print(f"{sum(n for name, n in met.items() if name in fine):,} trials: {dict(met)}")
    sys.exit(bool(set(met) - fine))


if __name__ == "__main__":
    main()
