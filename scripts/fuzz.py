"""Unlucky numbers and damaged input for a long time, until the minutes are over.

    python scripts/fuzz.py --minutes 60 --seed 1 --jobs 2
    python scripts/fuzz.py --minutes 60 --seed 1 --what doors --runs 5 --counts counts.json

The first makes numbers extreme (`tests/fuzz/extremes.py`), the second damages what every reader
reads (`tests/fuzz/doors.py`). What passes is carried out in three ways, which must give the same
(`tests/fuzz/ways.py`): all of the numbers, and of the doors as many per cent as `--runs` says. A
trial that ends in a fault is made as small as it can be and printed as a line for `corpus.txt` or
`doors.txt` beside these, whose lines the tests try again. The same seed draws the same trials.

Many trials run in one process, which the system ends if one takes too long or too much; then
another process goes on with other draws. What was met is counted by door, with how many of its
trials a core does in a second.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "fuzz")]
extremes: Any = importlib.import_module("extremes")
doors: Any = importlib.import_module("doors")

MOST_BYTES, MOST_WAIT_S = 4 * 2**30, 600
"""What a trial may take of memory and by the clock."""
EVERY = 200
"""Trials from one note of the counts to the next."""
Say = Callable[..., None]
Met = tuple[Counter[str], Counter[str]]
"""How often what was met, by door; and the time of a core, by door."""


def numbers(chance: random.Random, say: Say, until_s: float, _: float) -> None:
    """Make numbers extreme until a time of the monotonic clock."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while time.monotonic() < until_s:
            trial = extremes.drawn(chance)
            with _limited(say, str(trial)):
                began_s = time.process_time()
                kind, said = extremes.tried_here(trial, Path(folder), chance)
                say(door=trial.world, kind=kind, took_s=time.process_time() - began_s)
            if kind == "fault":
                small = extremes.minimised(extremes.attempt(trial))
                say(fault=f"{small.trial}\n    # {small.kind}: {small.said[:200]} ({said[:300]})")


def damage(chance: random.Random, say: Say, until_s: float, share: float) -> None:
    """Damage what doors read until a time of the monotonic clock; run a share of what passes."""
    seen = set()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while time.monotonic() < until_s:
            trial, runs = doors.drawn(chance), chance.random() < share
            with _limited(say, doors.as_test(trial, "this trial")):
                began_s = time.process_time()
                kind, why = doors.met(trial, Path(folder), runs=runs)
                say(door=trial.door, kind=kind, took_s=time.process_time() - began_s)
            if why is not None and f"{trial.door} {why[:60]}" not in seen:
                seen.add(f"{trial.door} {why[:60]}")
                say(fault=doors.as_test(trial, why))
                small = doors.minimised(trial, Path(folder))
                say(fault=doors.as_test(small, why))


class _limited:  # noqa: N801
    """A trial within limits of time and memory; what breaks them ends the process."""

    def __init__(self, say: Say, trial: str) -> None:
        say(begun=trial)

    def __enter__(self) -> None:
        used_s = int(time.process_time()) + 1
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (used_s + 2 * int(doors.MOST_S), hard))
        signal.alarm(MOST_WAIT_S)

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


WORK = {"numbers": numbers, "doors": damage}


def campaign(what: str, seed: str, until_s: float, share: float) -> Iterator[dict[str, Any]]:
    """Yield what the trials of a seed tell, one process of them after the other."""
    batch = 0
    while time.monotonic() < until_s:
        batch += 1
        end, other = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(end)
            _in_child(what, random.Random(f"{seed}/{batch}"), other, (until_s, share))
        os.close(other)
        begun = ""
        with os.fdopen(end, encoding="utf-8") as told:
            for line in told:
                news = json.loads(line)
                begun = news.get("begun", begun)
                yield news
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            why = signal.Signals(-status).name if status < 0 else f"code {status}"
            yield {"fault": f"{begun}\n    # ended its process: {why}"}


def _in_child(what: str, chance: random.Random, other: int, until: tuple[float, float]) -> None:
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        with os.fdopen(other, "w", encoding="utf-8") as out:

            def say(**news: Any) -> None:
                out.write(json.dumps(news) + "\n")
                out.flush()

            WORK[what](chance, say, *until)
        code = 0
    finally:
        os._exit(code)


def counted(what: str, seed: str, until: tuple[float, float], note: Path | None) -> Met:
    """Print the faults that a seed meets, and return what it met.

    Args:
        what: "numbers" or "doors".
        seed: of the draws.
        until: the time of the monotonic clock at which it ends, and the share that is run.
        note: where the counts are noted from time to time.
    """
    met, spent = Counter[str](), Counter[str]()
    for number, news in enumerate(campaign(what, seed, *until)):
        if "fault" in news:
            met["fault"] += 1
            print(news["fault"], flush=True)
        if "door" in news:
            met[f"{news['door']} {news['kind']}"] += 1
            spent[news["door"]] += news["took_s"]
        if number % EVERY == 0 and note is not None:
            note.write_text(_told(met, spent))
    return met, spent


def main() -> None:
    """Run campaigns side by side, and say what they met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--what", choices=tuple(WORK), default="numbers")
    parser.add_argument("--runs", type=float, default=5.0, help="%% of what passes doors")
    parser.add_argument(
        "--counts", type=Path, help="notes of the counts; the job's number is added"
    )
    given = parser.parse_args()
    extremes.compiled()
    until = time.monotonic() + 60 * given.minutes, given.runs / 100
    notes = [given.counts and Path(f"{given.counts}.{job}") for job in range(given.jobs)]
    asked = [(given.what, f"{given.seed}/{job}", until, note) for job, note in enumerate(notes)]
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        all_met, all_spent = zip(*pool.starmap(counted, asked), strict=True)
    met = sum(all_met, Counter[str]())
    print(_told(met, sum(all_spent, Counter[str]())))
    sys.exit(bool(met["fault"]))


def _told(met: Counter[str], spent: Counter[str]) -> str:
    """Return what was met, by door, and how many a second of a core each takes."""
    by_door = dict.fromkeys(sorted(spent), 0)
    for what, times in met.items():
        if what != "fault":
            by_door[what.split()[0]] += times
    speed = {door: round(times / max(spent[door], 1e-9)) for door, times in by_door.items()}
    told = {"trials": sum(by_door.values()), "faults": met["fault"],
            "run three ways": sum(n for what, n in met.items() if what.endswith(" run")),
            "met": dict(sorted(met.items())), "a second of a core": speed}  # fmt: skip
    return json.dumps(told, indent=1)


if __name__ == "__main__":
    main()
