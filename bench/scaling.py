"""The scaling curve: time and memory over the number of sensors, as CSV and figure.

    python bench/scaling.py results/scaling

Every point is a city of `fleet bench` at one frame a second for 60 simulated seconds, cloud arm, in
a fresh process: the columns engine in one process and under Ray with two shards, and the reference
engine, which is plain SimPy, for as long as one has patience.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from fleet.bench import suite, workloads
from fleet.bench.job import Job, measure
from fleet.show.style import COLOURS

SECONDS = 60
WAYS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "columns, one process": ({}, (100, 1_000, 10_000, 100_000, 1_000_000)),
    "columns, Ray, 2 shards": (
        {"executor": "ray", "shards": 2}, (1_000, 10_000, 100_000, 1_000_000),
    ),
    "reference (plain SimPy)": ({"engine": "reference"}, (100, 1_000, 2_000)),
}  # fmt: skip
COLUMNS = ("way", "sensors", "frames", "run_s", "plan_s", "memory_mb", "us_per_frame")


def points() -> Iterator[tuple[object, ...]]:
    """Measure every point; yield rows of `COLUMNS`."""
    for way, (how, sizes) in WAYS.items():
        for sensors in sizes:
            data = workloads.city(sensors, 1, f"{SECONDS} s")
            warm_up = None if "engine" in how else "1 s"
            found = measure(Job(data, repeat=1, warm_up=warm_up, **how))
            row = (
                way, sensors, found.frames, round(found.median_s, 3), round(found.plan_s, 2),
                round(found.peak_mb or 0), round(1e6 * found.median_s / found.frames, 4),
            )  # fmt: skip
            print(*row, sep="\t", file=sys.stderr)
            yield row


def draw(rows: Sequence[tuple[Any, ...]], path: Path) -> None:
    """Draw time and memory over sensors."""
    style: dict[Any, Any] = {"font.size": 8, "legend.frameon": False, "pdf.fonttype": 42,
             "axes.spines.top": False, "axes.spines.right": False}  # fmt: skip
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7.0, 2.9), layout="constrained")
        axes = figure.subplots(1, 2)
        for i, way in enumerate(WAYS):
            mine = [row for row in rows if row[0] == way]
            x = [row[1] for row in mine]
            look = {"color": COLOURS[i], "marker": "osD"[i], "ms": 4, "lw": 1.2, "label": way}
            axes[0].plot(x, [row[3] for row in mine], **look)
            axes[1].plot(x, [row[5] for row in mine], **look)
        axes[0].axhline(SECONDS, color="#999999", lw=0.8, ls=":")
        axes[0].annotate("real time", (100, SECONDS), (0, 2), textcoords="offset points",
                         fontsize=7, color="#666666")  # fmt: skip
        axes[0].set_ylabel(f"time for {SECONDS} simulated s (s)")
        axes[1].set_ylabel("memory of all processes (MB)")
        plain = FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        for ax in axes:
            ax.set(xscale="log", yscale="log", xlabel="sensors, one frame a second each")
            ax.grid(color="#dddddd", lw=0.4)
            ax.xaxis.set_major_formatter(plain)
            ax.yaxis.set_major_formatter(plain)
            ax.yaxis.set_minor_formatter(NullFormatter())
        axes[1].set_ylim(100, 10_000)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        for kind in ("png", "pdf"):
            figure.savefig(path.with_suffix(f".{kind}"), dpi=200)


def main() -> None:
    """Measure, then write table, figure and where that was; or draw the figure of a table again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("results/scaling"))
    parser.add_argument("--draw", action="store_true", help="only draw the table that is there")
    said = parser.parse_args()
    table = said.folder / "scaling.csv"
    if not said.draw:
        said.folder.mkdir(parents=True, exist_ok=True)
        rows = list(points())
        with table.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
        text = json.dumps(suite.machine(), indent=1) + "\n"
        (said.folder / "machine.json").write_text(text)
    with table.open(newline="") as file:
        rows = [(way, *map(float, rest)) for way, *rest in list(csv.reader(file))[1:]]
    draw(rows, said.folder / "scaling")


if __name__ == "__main__":
    main()
