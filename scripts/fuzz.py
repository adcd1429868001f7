"""Unlucky numbers for a long time: `tests/fuzz/extremes.py` until the minutes are over.

    python scripts/fuzz.py --minutes 60 --seed 1 --jobs 2

A trial that ends in a fault is made as small as it can be and printed as a line for
`tests/fuzz/corpus.txt`, whose lines the tests try again. The same seed draws the same trials.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "fuzz")]
extremes: Any = importlib.import_module("extremes")


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


def main() -> None:
    """Run campaigns side by side, and say what they met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    as_they_are = extremes.warm_up()
    if any(verdict.kind != "fine" for verdict in as_they_are):
        sys.exit("\n".join(map(str, as_they_are)))
    until_s = time.monotonic() + 60 * given.minutes
    asked = [(f"{given.seed}/{job}", until_s) for job in range(given.jobs)]
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        met = sum(pool.starmap(campaign, asked), Counter[str]())
    print(f"{sum(met.values()):,} trials: {dict(met)}")
    sys.exit(bool(set(met) - {"fine", "refused"}))


if __name__ == "__main__":
    main()
