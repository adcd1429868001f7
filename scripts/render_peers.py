"""Write the table of peers in `docs/SCALING.md` from `results/bench/peers.json`, and draw it.

With `--check` it compares the table. Run it from the root of the project:
python scripts/render_peers.py [--check]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from page import between, write_or_check

from fleet.show.style import COLOURS, LINES, MARKERS

ROOT = Path(__file__).parents[1]
PAGE, DATA = ROOT / "docs" / "SCALING.md", ROOT / "results" / "bench" / "peers.json"
BEGIN, END = "<!-- peers: made by scripts/render_peers.py -->", "<!-- end of peers -->"
YARDSTICK = "fleet, lanes, 100 times as long"
Row = dict[str, Any]
Rows = dict[str, dict[int, Row]]


def by_way(data: dict[str, Any]) -> Rows:
    """Return the rows by way and number of cameras."""
    rows: Rows = {}
    for row in data["rows"]:
        rows.setdefault(row["way"], {})[row["cameras"]] = row
    return rows


def frame_us(row: Row) -> float:
    """Return the least CPU time of a frame in any round; us."""
    return 1e6 * float(min(row["cpu_s"])) / int(row["frames"])


def beyond_us(rows: dict[int, Row], cameras: int) -> float:
    """Return what a frame of so many cameras would take, as a power of their number; us.

    The power is that of the two largest sizes that were measured, with one of them none.
    """
    sizes = sorted(n for n, row in rows.items() if row["cpu_s"])[-2:]
    last = frame_us(rows[sizes[-1]])
    if len(sizes) == 1:
        return last
    growth = last / frame_us(rows[sizes[0]])
    steps = len(str(cameras)) - len(str(sizes[-1]))  # sizes are powers of ten
    return float(last * growth**steps)


def lines(data: dict[str, Any]) -> Iterator[str]:
    """Yield the table, and what it was measured on."""
    rows = by_way(data)
    sizes = [int(cameras) for cameras in data["durations"]]
    yield "| CPU time of a frame, µs (over that of the last row) |" + "".join(
        f" {int(cameras):,} cameras, {duration} |"
        for cameras, duration in data["durations"].items()
    )
    yield "|---" * (len(sizes) + 1) + "|"
    for way, mine in rows.items():
        yield f"| {way} |" + "".join(f" {cell(rows, mine, cameras)} |" for cameras in sizes)
    yield ""
    machine, rounds = data["machine"], max(len(row["cpu_s"]) for row in data["rows"])
    versions = ", ".join(f"{name} {version}" for name, version in data["peers"].items())
    loads = [f"{load:.1f}" for load in data["load"]]
    yield f"The least of {rounds} rounds on {machine['cores']} cores of an {machine['cpu']} (load"
    yield f"{', '.join(loads)} before and after the rounds); Python {machine['python']},"
    yield f"{versions}."
    if any(row["over_s"] for row in data["rows"]):
        yield f"Extrapolated is what took more than {data['limit_s']} s of CPU and was ended: as it"
        yield "grew from 100 to 1,000 cameras."
    missing = [f"{way} ({why})" for way, why in data["missing"].items()]
    yield f"Left out: {', '.join(missing)}." if missing else "All peers could be installed."


def cell(rows: Rows, mine: dict[int, Row], cameras: int) -> str:
    """Return a time and how many times that of fleet it is."""
    if cameras not in mine or not mine[cameras]["cpu_s"]:
        return f"some {beyond_us(mine, cameras):,.0f}, extrapolated"
    us = frame_us(mine[cameras])
    times = us / frame_us(rows[YARDSTICK][cameras])
    return f"{_short(us)} (× {_short(times)})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw(data: dict[str, Any], path: Path) -> None:
    """Draw the time of a frame over the number of cameras; what was not measured is not there."""
    style: dict[Any, Any] = {"font.size": 8, "legend.frameon": False, "pdf.fonttype": 42,
             "axes.spines.top": False, "axes.spines.right": False}  # fmt: skip
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(6.0, 3.0), layout="constrained")
        ax = figure.subplots()
        for i, (way, mine) in enumerate(by_way(data).items()):
            sizes = [n for n, row in mine.items() if row["cpu_s"]]
            ax.plot(sizes, [frame_us(mine[n]) for n in sizes], label=way, lw=1.2, ms=4,
                    color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)],
                    ls=LINES[i // len(MARKERS)])  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="cameras", ylabel="CPU time of a frame (µs)")
        ax.grid(color="#dddddd", lw=0.4)
        plain = FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(plain)
            axis.set_minor_formatter(NullFormatter())
        figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
        for kind in ("png", "pdf"):
            figure.savefig(path.with_suffix(f".{kind}"), dpi=200)


def main() -> int:
    """Write or compare; return 1 if the page is not what was measured."""
    data = json.loads(DATA.read_text("utf-8"))
    if "--check" not in sys.argv[1:]:
        draw(data, DATA)
    return write_or_check(PAGE, between(PAGE.read_text("utf-8"), BEGIN, END, lines(data)))


if __name__ == "__main__":
    sys.exit(main())
