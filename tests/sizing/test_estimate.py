"""What is estimated in closed form is what a run then has, to some per cent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import worlds
from typer.testing import CliRunner

import fleet
from fleet.cli.main import app
from fleet.results.metrics import known, summarise
from fleet.sizing.beside import beside
from fleet.sizing.estimate import estimate, expects
from fleet.sizing.ways import NOWHERE

ROOT = Path(__file__).parents[2]


def street(**changes: Any) -> dict[str, Any]:
    """Return cameras on links that hold, before servers in the cloud and at the sites."""
    data = worlds.pool_of_instant_cameras(60, "20 fps", duration="10 s", warm_up="2 s")
    data["cloud"] = {"server": "test-gpu", "servers": 8, "batch": {"max": 4, "wait": "3 ms"}}
    data["links"]["cell"] |= {"rate": "200 Mbit/s", "propagation": "1 ms"}
    data["edges"] = {"box": {"after": "cell", "shared_by": "site", "server": "test-gpu"}}
    camera = data["arms"]["cloud"]
    data["arms"] |= {"edge": {**camera, "infer": "edge"},
                     "sensor": {"device": "test-ai", "model": "tiny"}}  # fmt: skip
    return {**data, **changes}


@pytest.mark.parametrize("arm", ["cloud", "edge", "sensor"])
def test_an_estimate_is_near_a_run(arm: str) -> None:
    plan = worlds.plan(street(), arm)
    one, run = estimate(plan), summarise(worlds.run(plan))
    assert not one.growing
    for name, near in (
        ("latency_ms.mean", 0.1), ("latency_ms.p50", 0.12), ("latency_ms.p99", 0.2),
        ("power_w.total", 0.02), ("frames.results", 0.01), ("carbon_kg_per_sensor_year", 0.02),
        ("bandwidth_mbit_s.wan.mean", 0.05), ("load.cell.busiest_offered", 0.1),
    ):  # fmt: skip
        assert expects(name)
        expected, measured = (known(name).value(numbers) for numbers in (one.numbers, run))
        assert expected == pytest.approx(measured, rel=near), name
    told = {row.name: row for row in beside(one, [run])}
    assert not told["power_w.total"].disagrees
    assert told["latency_ms.mean"].measured == run["latency_ms"]["mean"]


def test_shares_lost_and_queues_that_grow() -> None:
    data = street()
    data["cloud"]["servers"] = 1
    one = estimate(worlds.plan(data, "cloud"))
    assert one.growing == ["servers of cloud"]
    assert one.binds is not None
    assert one.binds["name"] == "servers of cloud"
    assert one.binds["load"] > 1
    assert one.numbers["latency_ms"]["p99"] is None
    lost = known("lost").value(one.numbers)
    assert lost == pytest.approx(1 - 1 / one.binds["load"], rel=0.01)
    data = street()
    data["links"]["wan"]["rate"] = "8 Mbit/s"
    row = estimate(worlds.plan(data, "cloud")).busiest
    grows = [each["name"] for each in row if each["grows"]]
    assert grows == ["wan"]  # what it does not carry does not come to the servers


def test_alike_links_are_one_and_each_sensor_has_its_way() -> None:
    data = street()
    data["sensors"]["cam"] |= {"cells": 3}
    one = estimate(worlds.plan(data, "cloud"))
    cell = [link for link in one.ways.links if link.name == "cell"]
    assert [len(link.links) for link in cell] == [3]
    assert cell[0].sensors == 20
    assert (one.ways.at[1] != NOWHERE).all()
    assert (one.ways.served == 0).all()
    assert sum(len(pool.pools) for pool in one.ways.pools) == 1


def test_what_is_not_expected() -> None:
    for name in ("accuracy.recall", "service.map_error", "bandwidth_mbit_s.wan.peak_1s"):
        assert not expects(name)
    with pytest.raises(fleet.InputError, match="no arm 'nobody'"):
        fleet.estimate(worlds.load(street()), arms=["nobody"])


def test_the_command_and_a_run_beside_it(tmp_path: Path) -> None:
    runner, scenario = CliRunner(), str(ROOT / "scenarios" / "smoke.yaml")
    told = runner.invoke(app, ["estimate", scenario])
    assert told.exit_code == 0
    assert "in closed form" in told.stdout
    assert "is the busiest, at" in told.stdout
    folder = tmp_path / "run"
    fleet.run(worlds.load(street()), executor="local", output=folder, figures=False)
    beside_run = runner.invoke(app, ["estimate", str(folder)])
    assert "expected beside the run" in beside_run.stdout
    assert "numbers agree to 10 %" in beside_run.stdout
    facts = json.loads(runner.invoke(app, ["estimate", str(folder), "--json"]).stdout)
    for arm in facts.values():
        rows = {row["name"]: row for row in arm["beside_run"]}
        assert rows["power_w.total"]["apart"] == pytest.approx(0.0, abs=0.05)
    changed = runner.invoke(app, ["estimate", str(folder), "--set", "cloud.servers=9", "--json"])
    assert all("beside_run" not in arm for arm in json.loads(changed.stdout).values())


def test_check_says_in_short_what_is_expected() -> None:
    scenario = str(ROOT / "scenarios" / "smoke.yaml")
    told = CliRunner().invoke(app, ["check", scenario]).stdout
    assert "expected (fleet estimate tells more)" in told
    facts = json.loads(CliRunner().invoke(app, ["check", scenario, "--json"]).stdout)
    arms = fleet.estimate(scenario)
    for arm, short in facts["expected"].items():
        assert short == {key: arms[arm][key] for key in ("binds", "growing")} | {
            "latency_ms_p99": arms[arm]["latency_ms"]["p99"],
            "power_w": arms[arm]["power_w"]["total"],
            "batteries": [],
        }


def test_estimates_tell_each_rung_of_a_ladder(tmp_path: Path) -> None:
    """A rung is as an arm that stands there for good; the last of a short ladder stays."""
    data = worlds.pool_of_instant_cameras(4, "10 fps")
    camera = data["arms"]["cloud"]
    adaptive = {
        "rule": "back-pressure", "queue": 3, "every": "1 s",
        "ladder": [{"rate": "5 fps"}, {"rate": "2 fps"}],
    }  # fmt: skip
    data["arms"] |= {
        "slow": {**camera, "rate": "5 fps"},
        "slower": {**camera, "rate": "2 fps"},
        "adapts": {**camera, "adaptive": adaptive},
        "less": {**camera, "adaptive": {**adaptive, "ladder": [{"rate": "5 fps"}]}},
        "both": {"place": {"cam": "less"}},
    }
    arms = fleet.estimate(worlds.load(data))
    assert "rungs" not in arms["slow"]
    for rung, like in enumerate(("cloud", "slow", "slower")):
        told = arms["adapts"]["rungs"][rung]
        assert told["rung"] == rung
        names = ("latency_ms", "lost", "bandwidth_mbit_s", "power_w", "binds")
        assert {name: told[name] for name in names} == {name: arms[like][name] for name in names}
    for arm in ("less", "both"):
        assert [one["rung"] for one in arms[arm]["rungs"]] == [0, 1]
    path = tmp_path / "made-up.yaml"
    path.write_text(json.dumps(data))
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    told = CliRunner().invoke(app, ["estimate", str(path), "--arm", "adapts"]).stdout
    assert "adapts: if all stood on one rung of the ladder all the time" in told
    assert "over the 3 rungs of its ladder it draws" in told
