"""Stepping through a run: sensors by name, their state, and models written by hand."""

from __future__ import annotations

import pytest
import worlds

import fleet
from fleet.model.frames import CAPTURE, DONE, FATE, RESULT
from fleet.running.options import Options

ENGINES = [
    Options(executor="local"),
    Options(executor="local", shards=3),
    Options(engine="reference"),
]


@pytest.mark.parametrize("options", ENGINES, ids=["columns", "three shards", "reference"])
def test_a_model_written_by_hand(options: Options) -> None:
    scenario = worlds.load(worlds.scenario(duration="3 s"))
    with fleet.Simulation(scenario, "on_sensor", options=options) as sim:
        sensor = sim.sensor("cam-2")
        sim.run(until="1 s")
        before = sensor.counters
        sensor.deploy("slow")
        assert sensor.state.setup == "test-ai tiny"
        blind = []
        for ms in range(1005, 1300, 5):
            sim.run(until=f"{ms} ms")
            blind.append(sensor.state.blind)
        assert 5 * sum(blind) == pytest.approx(40, abs=6)  # 5 kB at 1 Mbit/s
        assert sensor.state.setup == "test-ai slow"
        assert sim.sensor("cam-1").state.setup == "test-ai tiny"
        sim.run(until="3 s")
        after = sensor.counters
        assert after["frames_model_write"] >= 1
        assert after["captured"] == 75
        assert after["compute_ns"] - before["compute_ns"] > 40_000_000 * 20
        assert sum(v for k, v in after.items() if k.startswith("frames_")) == after["captured"]


def test_both_engines_agree_after_a_deployment() -> None:
    """Also where other control events fall on the very moment of the deployment."""
    events = [
        {"at": "700 ms", "outage": "metro", "lasts": "300 ms"},
        {"at": "700 ms", "crash": "cam-3", "lasts": "100 ms"},
        {"at": "1 s", "profile": "cam", "demand": "300 %"},
    ]
    scenario = worlds.load(worlds.scenario(duration="2 s", events=events))
    prints = set()
    for options in ENGINES:
        with fleet.Simulation(scenario, "on_sensor", options=options) as sim:
            sim.run(until="700 ms")
            sim.sensor("cam-0").deploy("slow")
            sim.sensor("cam-5").deploy("slow")
            sim.run(until="1 s")
            sim.sensor("cam-4").deploy("slow")
            sim.run(until="2 s")
            prints.add(sim.summary()["fingerprint"])
    assert len(prints) == 1


def test_an_outage_at_a_stop_counts_once() -> None:
    event = {"at": "700 ms", "outage": "metro", "lasts": "300 ms"}
    scenario = worlds.load(worlds.scenario(duration="2 s", events=[event]))
    whole = worlds.run(worlds.plan(worlds.scenario(duration="2 s", events=[event]), "on_sensor"))
    with fleet.Simulation(scenario, "on_sensor") as sim:
        sim.run(until="700 ms")
        sim.sensor("cam-0").deploy("tiny")
        sim.run(until="2 s")
        delays = sim.summary()["latency_ms"]["max"]
    longest = max(r[DONE] - r[CAPTURE] for r in worlds.finished(whole) if r[FATE] == RESULT)
    assert delays == pytest.approx(longest * 1e-6, abs=20)


@pytest.mark.parametrize("window_ms", [1, 50, 300, 1000])
def test_reference_does_not_depend_on_its_windows(window_ms: int) -> None:
    data = {**worlds.scenario(), "city": {"demand": "demand.csv"}}
    made = worlds.plan(data, "cloud")
    whole = worlds.run(made).tally.fingerprint()
    stepped = worlds.run(made, engine="reference", window_ns=window_ms * 1_000_000)
    assert stepped.tally.fingerprint() == whole


def test_numbers_up_to_now() -> None:
    with fleet.Simulation(worlds.load(worlds.scenario()), "cloud") as sim:
        sim.run(until="500 ms")
        half = sim.summary()
        sim.run(until="1 s")
        whole = sim.summary()
    assert 0 < half["frames"]["results"] < whole["frames"]["results"]
    assert half["power_w"]["sensor"] == pytest.approx(whole["power_w"]["sensor"], rel=0.1)


def test_mistakes() -> None:
    with fleet.Simulation(worlds.load(worlds.scenario()), "cloud") as sim:  # noqa: SIM117
        with pytest.raises(fleet.InputError, match="nothing has been run yet"):
            sim.summary()
    with fleet.Simulation(worlds.load(worlds.scenario()), "cloud") as sim:
        with pytest.raises(fleet.InputError, match=r"no sensor 'cam-9' \(did you mean 'cam-"):
            sim.sensor("cam-9")
        with pytest.raises(fleet.InputError, match="does not infer in arm 'cloud'"):
            sim.deploy("cam-1", "tiny")
        with pytest.raises(fleet.InputError, match="the scenario ends at 2 s"):
            sim.run(until="3 s")
        sim.run(until="1 s")
        with pytest.raises(fleet.InputError, match="it is now 1 s"):
            sim.run(until="1 s")
    with fleet.Simulation(worlds.load(worlds.scenario()), "on_sensor") as sim:
        with pytest.raises(fleet.InputError, match="no model 'tinny'"):
            sim.deploy("cam-1", "tinny")
        sim.deploy("cam-1", "tiny")
        sim.run(until="2 s")
