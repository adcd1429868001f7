"""What README concludes of Helsinki, and how sure that is: the table in README and its source.

    python scripts/render_conclusions.py --run DIR    # asks anew, a quarter of an hour of two cores
    python scripts/render_conclusions.py [--check]    # the table in README from what was found

Ten seconds of the evening are run, without its outage; what is done is kept in DIR until all is.
Run it from the root of the project.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page import between, write_or_check

import fleet
from fleet.results.metrics import unit_of
from fleet.show import tornado
from fleet.show.sensitivity import quantity
from fleet.study.uncertain.door import SCHEMA

ROOT = Path(__file__).parents[1]
PAGE, FOLDER = ROOT / "README.md", ROOT / "results" / "helsinki-sensitivity"
BEGIN, END = (
    "<!-- conclusions: made by scripts/render_conclusions.py -->",
    "<!-- end of conclusions -->",
)
SCENARIO = ROOT / "scenarios" / "helsinki.yaml"
CHANGES = {"duration": "10 s", "warm_up": "2 s", "events": [], "slo": []}
ARMS = ("on_sensor", "cloud")
KEPT = ("sensitivity.json", "effects.csv", "indices.csv")
_SAYS = {
    "power_w.total": "draws less",
    "latency_ms.p50": "has the earlier median",
    "latency_ms.p99": "has the earlier 99th percentile",
    "bandwidth_mbit_s.wan.mean": "sends less over the WAN",
}
_MOST = 3


def ask(work: Path) -> None:
    """Ask anew in a folder, which is gone on with, and keep what is found."""
    found = fleet.sensitivity(
        SCENARIO, arms=ARMS, overrides=CHANGES, trajectories=4, samples=32, output=work
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copy(work / name, FOLDER / name)
    tornado.draw(found, FOLDER / "figures")


def rows(found: dict[str, Any]) -> Iterator[str]:
    """Yield the table: a row a conclusion.

    Raises:
        ValueError: what was found is in another form.
    """
    if found["schema"] != SCHEMA:
        raise ValueError(f"{FOLDER} is in the form {found['schema']}; run it anew with --run")
    yield (
        "| Conclusion | Values | In how much of what the sources allow | By itself it flips if |"
        " Rests on estimates | Moves most with |"
    )
    yield "|---|---|---|---|---|---|"
    for finding in found["findings"]:
        if finding["why"] is None and finding["same_sign_in"] is not None:
            yield f"| {' | '.join(cells(finding, found['draws']))} |"


def cells(finding: dict[str, Any], draws: int) -> Iterator[str]:
    """Yield the cells of a conclusion."""
    one, other = finding["values"]
    winner = finding["arm"] if one < other else finding["baseline"]
    unit = unit_of(finding["metric"]).name
    yield f"`{winner}` {_SAYS.get(finding['metric'], 'has less ' + finding['metric'])}"
    yield f"{_short(one)} / {_short(other)} {unit}"
    low, high = (f"{100 * x:.0f}" for x in finding["ci95"])
    share = finding["same_sign_in"]
    all_of_it = f"all of {draws} draws (at least {low} %)"
    yield all_of_it if share == 1 else f"{100 * share:.0f} % ({low} to {high} %)"
    flips = [
        f"`{flip['number']}` {'≥' if 'above' in flip else '≤'}"
        f" {quantity(flip.get('above', flip.get('below')), flip['unit'])}"
        for flip in finding["flips"]
    ]
    more = f" and {len(flips) - _MOST} more" if len(flips) > _MOST else ""
    yield "; ".join(flips[:_MOST]) + more or "no number does"
    yield "–" if finding["on_estimates"] is None else f"{100 * finding['on_estimates']:.0f} %"
    totals = {name: index["total"] for name, index in finding["indices"].items()}
    yield ", ".join(
        name if name in ("others", "other estimates") else f"`{name}`"
        for name in sorted(totals, key=lambda name: -totals[name])[:_MOST]
    )


def _short(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def main() -> None:
    """Ask if that is wanted, then write or compare the table."""
    if "--run" in sys.argv[1:]:
        ask(Path(sys.argv[sys.argv.index("--run") + 1]))
    found = json.loads((FOLDER / KEPT[0]).read_text("utf-8"))
    text = between(PAGE.read_text("utf-8"), BEGIN, END, rows(found))
    sys.exit(write_or_check(PAGE, text))


if __name__ == "__main__":
    main()
