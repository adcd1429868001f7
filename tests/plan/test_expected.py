"""What `fleet check` expects of a plan is what a run then has, and what can be computed by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds
from typer.testing import CliRunner

import fleet
from fleet.cli.main import app
from fleet.model.books import CAPTURED, SENT_FRAMES, SENT_PAYLOAD
from fleet.model.frames import READY, UPLINK
from fleet.plan import expected
from fleet.plan.compile import catalogue, compile_plan
from fleet.results import load as asked
from fleet.results.traffic import sent_bytes
from fleet.scenario.load import loads
from fleet.show.expected import AS_IT_BEGINS, load_lines
from fleet.show.remarks import load_remarks
from fleet.study.expected import boxes, load_facts


def busy(**changes: Any) -> dict[str, Any]:
    """Return the small scenario with people in view, seen by networks, on links that hold."""
    data = worlds.scenario(
        duration="20 s", city={"demand": "demand.csv"}, traces=worlds.traces(), light="day",
        edges={
            "box": {"after": "cell", "shared_by": "site", "server": "test-npu", "servers": 2,
                    "batch": {"max": 2, "wait": "3 ms"}},
        },
    )  # fmt: skip
    data["sensors"]["cam"] |= {"count": 20, "rate": "10 fps"}
    data["cloud"]["server"] = "test-npu"
    for link in data["links"].values():
        link.update(rate="100 Mbit/s", buffer="1 GB")
    camera = data["arms"]["cloud"]
    data["arms"]["edge"] = {**camera, "infer": "edge"}
    data["arms"]["message"] = {**data["arms"]["on_sensor"], "publish": "every 3 inferences"}
    data["arms"]["crops"] = {
        **data["arms"]["on_sensor"],
        "output": "roi",
        "publish": "every 250 ms",
    }
    return {**data, **changes}


@pytest.mark.parametrize("arm", ["on_sensor", "message", "crops", "cloud", "edge"])
def test_expected_load_is_that_of_a_run(arm: str) -> None:
    plan = worlds.plan(busy(), arm)
    facts, outcome = load_facts(plan), worlds.run(plan)
    measured, span_s = asked.loads(outcome), 20.0
    tolerance = 0.1 if arm == "crops" else 0.05  # who is in view differs from run to run
    for name, fact in facts["links"].items():
        found = measured[name]["offered"]
        assert fact["offered_mbit_s"] / fact["possible_mbit_s"] == pytest.approx(
            found, rel=tolerance
        )
    for kind in ("servers", "decoders"):
        for name, fact in facts[kind].items():
            found = measured[f"{kind} of {name}"]["offered"]
            assert fact["offered_per_s"] / fact["possible_per_s"] == pytest.approx(found, rel=0.03)
    assert bool(facts["decoders"]) == (arm in ("cloud", "edge"))
    counts = outcome.tally.sensors.sum(axis=0)
    group = facts["groups"]["cam"]
    assert 20 * group["sent_fps"] * span_s == pytest.approx(counts[SENT_FRAMES], rel=0.03)
    mean_bytes = counts[SENT_PAYLOAD] / counts[SENT_FRAMES]
    assert group["payload_bytes"] == pytest.approx(mean_bytes, rel=tolerance)
    assert sum(sent_bytes(outcome).values()) > 0


def test_boxes_are_counted_and_told() -> None:
    found = boxes(worlds.plan(busy(), "edge"))["box"]
    assert (found["boxes"], found["where"], found["sensors"]) == (20, "one a site", 20)
    assert found["servers_each"] == {"test-npu": 2}
    record = fleet.run(worlds.load(busy(duration="1 s")), arms=["edge"], executor="local")
    told = next(iter(load_remarks(record)))
    assert (
        told == "edge: 'box' is 20 boxes, one a site (20 sites, 20 sensors), with 2 test-npu each."
    )
    by_cell = busy()
    by_cell["edges"]["box"]["shared_by"] = "cell"
    assert boxes(worlds.plan(by_cell, "edge"))["box"]["where"] == "one a cell"
    by_cell["edges"]["box"]["shared_by"] = "city"
    assert boxes(worlds.plan(by_cell, "edge"))["box"]["where"] == "for all"


@pytest.mark.parametrize(
    ("rate", "model", "answered"),
    [("25 fps", "slow", 25.0), ("50 fps", "slow", 25.0), ("30 fps", "slow", 15.0),
     ("50 fps", "tiny", 50.0)],
)  # fmt: skip
def test_what_a_dsp_answers(rate: str, model: str, answered: float) -> None:
    """`slow` takes 40 ms: of 30 fps it answers every second frame, of 25 fps all."""
    data = worlds.scenario()
    data["sensors"]["cam"]["rate"] = rate
    data["arms"] = {"on_sensor": {"device": "test-ai", "model": model}}
    facts = load_facts(worlds.plan(data, "on_sensor"))["groups"]["cam"]
    assert facts["answered_fps"] == pytest.approx(answered)
    assert bool(facts["why_skipped"]) == (answered < facts["captured_fps"])


def test_frames_at_random_meet_a_busy_dsp() -> None:
    data = worlds.scenario(duration="60 s")
    data["sensors"]["cam"] |= {"capture": "poisson", "rate": "20 fps"}
    data["arms"] = {"on_sensor": {"device": "test-ai", "model": "slow"}}
    plan = worlds.plan(data, "on_sensor")
    of = expected.flows(plan)
    assert of.answered_fps[0] == pytest.approx(20 / (1 + 20 * 0.04))
    results = worlds.run(plan).tally.latency.sum() / 60
    assert of.answered_fps.sum() == pytest.approx(results, rel=0.04)


def test_the_wait_of_a_first_hop_is_that_of_a_queue_at_random() -> None:
    """Ten cameras with frames of one size, together half of what the link can do: M/D/1."""
    data = worlds.pool_of_instant_cameras(10, "10 fps")
    data["sensors"]["cam"]["capture"] = "poisson"
    rate = 100 * worlds.FRAME_BITS * 2
    data["links"]["cell"] |= {"shared_by": "city", "rate": f"{rate} bit/s"}
    plan = worlds.plan({**data, "duration": "100 s"}, "cloud")
    hops = expected.first_hops(plan, expected.flows(plan))
    use, wait_s, wake_s = (float(values[0]) for values in hops)
    assert use == pytest.approx(0.5)
    service_s = worlds.FRAME_BITS / rate
    assert wait_s == pytest.approx(service_s / 2)  # rho / (2 (1 - rho)) of a service
    assert wake_s == 0.0
    rows = worlds.table(worlds.run(plan))
    waits = (rows[:, UPLINK] - rows[:, READY]) * 1e-9 - service_s
    assert wait_s == pytest.approx(float(np.mean(waits)), rel=0.06)


def test_what_a_scenario_asks_for_is_known_without_a_plan() -> None:
    data = worlds.scenario(duration="7 s")
    data["sensors"] |= {"pair": {**data["sensors"]["cam"], "per_site": 2, "rate": "3 fps"}}
    asked = expected.frames_asked(worlds.load(data))
    assert asked == pytest.approx(7 * (6 * 25 + 12 * 3))
    assert asked == pytest.approx(expected.frames(worlds.plan(data, "cloud")))
    by_site = fleet.load("scenarios/helsinki.yaml").changed("events=[]")
    plan = compile_plan(by_site, catalogue(by_site), "on_sensor")
    assert expected.frames_asked(by_site) == pytest.approx(expected.frames(plan))


def test_expected_frames_know_of_changes_of_rate() -> None:
    data = busy(events=[
        {"at": "5 s", "profile": "cam", "rate": "20 fps"},
        {"at": "15 s", "profile": "cam-03", "rate": "40 fps"},
    ])  # fmt: skip
    plan = worlds.plan(data, "cloud")
    assert expected.frames(plan) == pytest.approx(20 * (5 * 10 + 15 * 20) + 5 * 20)
    captured = worlds.run(plan).tally.sensors[:, CAPTURED].sum()
    assert captured == pytest.approx(expected.frames(plan), abs=3 * plan.size)
    lines = list(load_lines("cloud", load_facts(plan)))
    assert f"cloud: {AS_IT_BEGINS}" in lines
    assert not any(AS_IT_BEGINS in line for line in load_lines("cloud", load_facts(
        worlds.plan(busy(), "cloud")
    )))  # fmt: skip


def test_a_sensor_that_sends_nothing_waits_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t_s,id\n1,cam-0\n2,cam-0\n")
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    trace = {"file": "t.csv", "column": "t_s", "sensor": "id"}
    data = worlds.scenario()
    data["sensors"]["cam"] |= {"count": 2, "capture": {"trace": trace}}
    del data["sensors"]["cam"]["rate"]
    loaded = loads(json.dumps(data), str(tmp_path / "s.yaml"))
    facts = load_facts(compile_plan(loaded, catalogue(loaded), "cloud"))
    assert facts["groups"]["cam"]["first_hop_wait_ms"] < 1


def test_check_prints_it(tmp_path: Any) -> None:
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    shutil.copy(worlds.HERE / "demand.csv", tmp_path)
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps(busy()))
    check = ["check", str(path), "--set", f"traces={worlds.traces()}"]
    said = CliRunner().invoke(app, check)
    assert said.exit_code == 0
    assert "edge, edge: 'box' is 20 boxes, one a site" in said.output
    assert "cloud, servers of cloud: 200 of " in said.output
    asked = CliRunner().invoke(app, [*check, "--json"])
    facts = json.loads(asked.output)["expected_load"]
    assert facts["cloud"]["servers"]["cloud"]["offered_per_s"] == pytest.approx(200)
    assert list(load_lines("cloud", facts["cloud"]))
