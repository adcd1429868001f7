"""Make all of `results/` again that is an answer of the model, and say what has become another.

    python scripts/reproduce.py [--only answer/street-line]

Run it from the root of the project. Figures and tables are the same bytes with the packages of
`constraints.txt`; where they are not, that is told, and the exit code is 1. What is measured of a
machine (`results/bench`, `results/scaling`) or trained (`results/eyes`) has scripts of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.passing import passing_folder

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
STUDIES = "scenarios/studies"

SAME = (".csv", ".md", ".png", ".parquet")
"""Kinds of files whose bytes are compared; a PDF holds the same picture as the PNG beside it."""
TABLE = "table.md"
HERE = ("--executor", "local")


@dataclass(frozen=True)
class Step:
    """A folder of `results/` and what makes it.

    Attributes:
        folder: its name.
        command: makes it; of `fleet` the arguments, else a script.
        figures: those that are kept of a folder that is not, by the beginnings of their names.
        metrics: numbers that these show, of a study.
        has_table: its table is kept, too.
        is_long: takes half an hour, and is made if it is named only.
    """

    folder: str
    command: Sequence[str]
    figures: Sequence[str] = ()
    metrics: Sequence[str] = ()
    has_table: bool = False
    is_long: bool = False

    def run(self) -> None:
        """Make it."""
        if self.command[0].endswith(".py"):
            _python(*self.command)
        elif not self.figures:
            _python("-m", "fleet", *self.command, "-o", f"results/{self.folder}")
        else:
            with passing_folder() as place:
                _python("-m", "fleet", *self.command, "-o", f"{place}/made")
                only = [word for name in self.figures for word in ("--only", name)]
                asked = [word for name in self.metrics for word in ("--metric", name)]
                _python("-m", "fleet", "figures", f"{place}/made", "--style", "acm", *only, *asked,
                        "-o", f"results/{self.folder}")  # fmt: skip
                if self.has_table:
                    table = _python(
                        "-m", "fleet", "table", f"{place}/made", "--markdown", kept=True
                    )
                    (RESULTS / self.folder / TABLE).write_text(table, encoding="utf-8")


STEPS = (
    # Arms and replications side by side on all cores: of one region Ray would take one core.
    Step("helsinki", ("run", "scenarios/helsinki.yaml", *HERE, "--no-figures")),
    # The whole folder of five would be 15 MB, of which its figures and its table are shown.
    Step("answer/helsinki",
         ("run", "scenarios/helsinki.yaml", *HERE, "--replications", "5", "--no-figures"),
         ("latency", "bandwidth", "timeline", "power", "boundaries", "tasks", "map_on_sensor",
          "map_cloud"), has_table=True),
    Step("helsinki-flips", ("scenarios/helsinki_flips.py",)),
    Step("gpu-load", ("scenarios/gpu_load.py",)),
    Step("answer/street-line", ("sweep", f"{STUDIES}/street-line.yaml"),
         ("regimes_latency_ms.p50", "curve_latency_ms.p99"),
         ("latency_ms.p50", "latency_ms.p99")),
    Step("answer/street-power", ("sweep", f"{STUDIES}/street-power.yaml"),
         ("curve_power_w.total",)),
    Step("answer/lte-cells", ("sweep", f"{STUDIES}/lte-cells.yaml"),
         ("curve_power_w.total", "curve_latency_ms.p99")),
    Step("answer/helsinki-hybrid", ("run", "scenarios/helsinki-hybrid.yaml", *HERE, "--no-figures"),
         ("power",), has_table=True),
    Step("answer/street-hybrid", ("run", "scenarios/shopping-street-hybrid.yaml", *HERE,
         "--no-figures"), ("power",), has_table=True),
    Step("answer/placements", ("sweep", f"{STUDIES}/placements.yaml"),
         ("choice_accuracy.f1", "choice_power_w.total"), ("accuracy.f1", "power_w.total"),
         has_table=True),
    Step(
        "answer/sensitivity",
        ("sensitivity", "scenarios/shopping-street-matched.yaml", "--set", "duration=20 s", "--set",
         "warm_up=5 s", "--metric", "power_w.total", "--metric", "latency_ms.p50",
         "--trajectories", "2", "--samples", "32", "--no-figures"),
        ("tornado",),
    ),
    Step(
        "answer/helsinki-sensitivity",
        ("sensitivity", "scenarios/helsinki.yaml", "--arm", "on_sensor", "--arm", "cloud", "--set",
         "duration=40 s", "--set", "warm_up=30 s", "--set", "events=[]", "--set", "slo=[]",
         "--metric", "power_w.total", "--metric", "latency_ms.p50", "--metric", "latency_ms.p99",
         "--metric", "bandwidth_mbit_s.wan.mean", "--hold", "wan.rate", "--hold",
         "metro-ethernet.rate", "--trajectories", "2", "--samples", "32", "--no-figures"),
        ("tornado",),
        is_long=True,
    ),
)  # fmt: skip


def _python(*arguments: str, kept: bool = False) -> str:
    """Run Python; return what it prints, if that is to be kept."""
    out = subprocess.PIPE if kept else None
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=out, text=True)
    return done.stdout or ""


def compared(folder: Path) -> dict[str, bytes]:
    """Return what is in each file that is compared, by its path in a folder."""
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in SAME]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def remake(step: Step, told: Callable[[str], None]) -> bool:
    """Make a folder again; return whether what was there before is the same."""
    before, began = compared(RESULTS / step.folder), time.perf_counter()
    step.run()
    took_s, after = time.perf_counter() - began, compared(RESULTS / step.folder)
    others = [name for name, data in before.items() if after.get(name) != data]
    said = f"{len(others)} of {len(before)} are others: {', '.join(others)}" if others else "same"
    told(f"{step.folder}: {took_s:.0f} s; {said if before else 'new'}")
    return not others


def main() -> int:
    """Make all folders again or some; return 1 if any has become another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=[step.folder for step in STEPS])
    given = parser.parse_args()
    lines: list[str] = []
    began = time.perf_counter()
    same = [
        remake(step, lines.append)
        for step in STEPS
        if step.folder in (given.only or [one.folder for one in STEPS if not one.is_long])
    ]
    print(*lines, f"{(time.perf_counter() - began) / 60:.1f} min in all", sep="\n")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
