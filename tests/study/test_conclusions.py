"""What README concludes of Helsinki is what was found, and a part of it is found again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fleet
from fleet.catalog.spread import spreads
from fleet.plan.compile import catalogue, compile_plan
from fleet.results.metrics import known, summarise
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import simulate
from fleet.study.job import changes

ROOT = Path(__file__).parents[2]
FOUND: dict[str, Any] = json.loads(
    (ROOT / "results" / "helsinki-sensitivity" / "sensitivity.json").read_text("utf-8")
)
CHANGES = {"duration": "10 s", "warm_up": "2 s", "events": [], "slo": []}
LOCAL = Options(executor=ExecutorKind.local)


def test_the_table_in_readme_is_of_what_was_found() -> None:
    command = [sys.executable, "scripts/render_conclusions.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_values_and_a_flip_are_found_again() -> None:
    """The camera's encoder turns the median over at the very value that is told."""
    scenario = fleet.load(ROOT / "scenarios" / "helsinki.yaml").changed(*changes(CHANGES))
    finding = next(f for f in FOUND["findings"] if f["metric"] == "latency_ms.p50")
    flip = next(f for f in finding["flips"] if f["number"] == "ip-camera-1080p.encode_h264")
    catalog = catalogue(scenario)
    plans = {arm: compile_plan(scenario, catalog, arm) for arm in ("on_sensor", "cloud")}
    median = known("latency_ms.p50").value
    values = [median(summarise(simulate(plan, LOCAL))) for plan in plans.values()]
    assert values == finding["values"]
    (encoder,) = (
        s for s in spreads(catalog, plans["cloud"].notes.assumptions) if s.name == flip["number"]
    )
    slower = catalog.changed({encoder.key: encoder.at(flip["above"])})
    turned = median(summarise(simulate(compile_plan(scenario, slower, "cloud"), LOCAL)))
    assert values[0] is not None
    assert turned is not None
    assert values[0] - turned == pytest.approx(flip["difference"])
    assert flip["difference"] * (finding["values"][0] - finding["values"][1]) < 0
