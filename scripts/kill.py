"""Kill runs at random times, go on with them in another way, and compare what comes of it.

    python scripts/kill.py --trials 20 --seed 1 --executor ray

A trial begins a run, kills its keeper, the process that it keeps, or of Ray a worker, the raylet or
the control server (GCS), with SIGKILL, of the keeper also with SIGTERM or SIGINT; looks whether the
words and the exit code are ours and whether anything is left after ten seconds; and goes on with
another executor and number of shards. The fingerprint must be that of a whole run. The same seed
draws the same trials.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
rays: Any = importlib.import_module("rays")

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SERVERS = ("gcs_server", "raylet")
LEFT_S = 10.0
"""How long what was started may be there after the end."""
KEPT = "the process that is kept"
FINE = ("fine", "nothing to go on from", "over before")
CODES = {0, 3, 130, 143, -9}
"""Of a run that went on to its end, failed in our words, or was ended by a signal."""


def attempt(chance: random.Random, executor: str, expected: str, path: Path) -> str:
    """Kill one run and go on with it; return "fine", or what is wrong."""
    shards, number = str(chance.choice((1, 2, 3))), chance.choice(SIGNALS)
    whom = chance.choice(("", KEPT, "ray::", *SERVERS) if executor == "ray" else ("", KEPT))
    with tempfile.TemporaryDirectory(prefix="k-") as folder:
        output, files = Path(folder, "out"), Path(folder, "t")
        files.mkdir()
        running = rays.fleet(
            "run", path, "-o", output, "--executor", executor, "--shards", shards, "--checkpoint",
            "0 s", "--window", "100 ms", "--no-figures", TMPDIR=str(files),
        )  # fmt: skip
        unfinished = output.with_name("out.unfinished")
        rays.until(lambda: unfinished.exists() or running.poll() is not None)
        time.sleep(chance.uniform(0, 6))
        others = rays.below(running.pid)
        victims = [pid for pid, name in others.items() if whom and name.startswith(whom)]
        if whom == KEPT:
            victims = [*others][:1]  # the only child
        victim = chance.choice(victims) if victims else running.pid
        try:
            os.kill(victim, number if victim == running.pid else signal.SIGKILL)
        except ProcessLookupError:
            return "over before"
        _, said = running.communicate(timeout=rays.LONG_S)
        is_told = running.returncode in (0, -9) or "fleet: " in said
        if running.returncode not in CODES or "Traceback" in said or not is_told:
            return f"code {running.returncode}: {said[-200:]}"
        until_s = time.monotonic() + LEFT_S
        while left := [pid for pid in others if rays.alive(pid)] + list(files.iterdir()):
            if time.monotonic() > until_s:
                return f"left behind: {left}"
            time.sleep(0.1)
        if running.returncode == 0:
            return _compared(output, expected)
        if not unfinished.exists():
            return "nothing to go on from"
        other, more = chance.choice((("local", "1"), ("local", "3"), (executor, "2")))
        again = rays.fleet(
            "run", "--resume", output, "--executor", other, "--shards", more, "--no-figures"
        )
        _, said = again.communicate(timeout=rays.LONG_S)
        if again.returncode != 0:
            return f"cannot go on: {said[-200:]}"
        return _compared(output, expected)


def _compared(output: Path, expected: str) -> str:
    found = json.loads((output / "summary.json").read_text("utf-8"))["fingerprint"]
    return "fine" if found == expected else f"another fingerprint: {found}"


def main() -> None:
    """Run a campaign, and say what it met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--executor", choices=("local", "ray"), default="ray")
    parser.add_argument("--counts", type=Path, help="where the counts are noted")
    given = parser.parse_args()
    chance, met = random.Random(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        path = rays.scenario(Path(folder), "30 s")
        whole = rays.fleet("run", path, "-o", Path(folder, "w"), "--executor", "local", "--json")
        expected = rays.fingerprint(whole)
        for trial in range(given.trials):
            try:
                verdict = attempt(chance, given.executor, expected, path)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                verdict = f"hangs: {type(error).__name__}"
            met[verdict if verdict in FINE else "wrong"] += 1
            if verdict not in FINE:
                print(f"trial {trial} of seed {given.seed}: {verdict}", flush=True)
            if given.counts is not None:
                given.counts.write_text(json.dumps(met))
    print(f"{given.trials} kills: {dict(met)}")
    sys.exit(bool(met["wrong"]))


if __name__ == "__main__":
    main()
