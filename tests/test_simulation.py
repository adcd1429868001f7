"""Stepping through a run: sensors by name, their state, and models written by hand."""

from __future__ import annotations

from typing import Any

import pytest
import worlds

import fleet
from fleet import units
from fleet.model.frames import CAPTURE, DONE, FATE, RESULT
from fleet.results.metrics import summarise
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


HAPPENS: dict[str, list[dict[str, Any]]] = {
    "servers go and come": [
        {"at": "400 ms", "resize": "cloud", "servers": 1},
        {"at": "1100 ms", "resize": "cloud", "servers": 4},
    ],
    "all sorts": [
        {"at": "300 ms", "resize": "cloud", "servers": 5},
        {"at": "300 ms", "crash": "cam-3", "lasts": "100 ms"},
        {"at": "700 ms", "profile": "cam", "rate": "40 fps", "demand": "200 %"},
        {"at": "1 s", "outage": "cell", "lasts": "150 ms", "every": "400 ms"},
        {"at": "1 s", "rewrite": "cam", "model": "slow"},
        {"at": "1300 ms", "resize": "cloud", "servers": 1},
        {"at": "1400 ms", "link": "cell", "rate": "700 kbit/s"},
        {"at": "1400 ms", "leave": "cam-1"},
        {"at": "1600 ms", "link": "cell", "rate": "2 Mbit/s"},
        {"at": "1700 ms", "join": "cam-1"},
        {"at": "1800 ms", "leave": "cam", "cell": "cell-1"},
    ],
}


def happens(data: dict[str, Any], options: Options, arm: str) -> dict[str, Any]:
    """Return the numbers of a run in which a script has the events of a scenario happen."""
    events = data.pop("events")
    with fleet.Simulation(worlds.load(data), arm, options=options) as sim:
        for event in events:
            at_ns = units.time_ns(event["at"])
            if at_ns > sim.now_ns:
                sim.run(until=at_ns)
            sim.event(**{key: value for key, value in event.items() if key != "at"})
        sim.run(until=data["duration"])
        return sim.summary()


BUSY = {"server": "test-gpu", "servers": 2, "batch": {"max": 2, "wait": "3 ms"}}


@pytest.mark.parametrize("what", HAPPENS)
def test_what_a_script_has_happen_is_what_a_scenario_says(what: str) -> None:
    for arm in ("on_sensor", "cloud"):
        data = worlds.scenario(events=HAPPENS[what], cloud=BUSY)
        stated = worlds.plan(data, arm)
        numbers = [summarise(worlds.run(stated, engine=engine)) for engine in worlds.ENGINES]
        numbers += [happens(dict(data), options, arm) for options in ENGINES]
        without = summarise(worlds.run(worlds.plan({**data, "events": []}, arm)))
        prints = [one["fingerprint"] for one in numbers]
        assert len(set(prints)) == 1, prints
        assert all(one == numbers[0] for one in numbers)
        asleep = arm == "on_sensor" and what == "servers go and come"  # there nobody serves
        assert (without["fingerprint"] == prints[0]) == asleep


@pytest.mark.parametrize("options", ENGINES, ids=["columns", "three shards", "reference"])
@pytest.mark.parametrize("begins", [["900 ms"], ["300 ms", "900 ms"]], ids=["once", "twice"])
def test_a_window_is_what_a_warm_up_leaves(options: Options, begins: list[str]) -> None:
    events = [*HAPPENS["all sorts"], {"crash": "cam", "mtbf": "400 ms", "mttr": "60 ms"}]
    data = worlds.scenario(events=events, cloud=BUSY, sensors=OVERLOADED)
    for arm in ("on_sensor", "cloud"):
        stated = summarise(worlds.run(worlds.plan({**data, "warm_up": begins[-1]}, arm)))
        with fleet.Simulation(worlds.load(data), arm, options=options) as sim:
            for begin in begins:
                sim.run(until=begin)
                sim.begin_window()
                with pytest.raises(fleet.InputError, match="nothing has been run in this window"):
                    sim.summary()
            sim.run(until="2 s")
            assert sim.summary() == stated


OVERLOADED = {"cam": {"count": 6, "cells": 2, "rate": "40 fps", "app": "watch", "uplink": "cell"}}


@pytest.mark.ray
def test_a_script_on_ray_gives_the_same() -> None:
    data = worlds.scenario(events=HAPPENS["all sorts"], cloud=BUSY)
    stated = summarise(worlds.run(worlds.plan({**data, "warm_up": "300 ms"}, "cloud")))
    options = Options(executor="ray", shards=2)
    with fleet.Simulation(worlds.load(dict(data)), "cloud", options=options) as sim:
        sim.run(until="300 ms")
        sim.begin_window()
        sim.run(until="2 s")
        assert sim.summary() == stated
    stated = summarise(worlds.run(worlds.plan(data, "cloud")))
    assert happens(dict(data), options, "cloud") == stated


@pytest.mark.parametrize("options", ENGINES, ids=["columns", "three shards", "reference"])
def test_only_who_has_left_can_join(options: Options) -> None:
    events = [{"at": "1500 ms", "join": "cam-0"}, {"at": "1500 ms", "leave": "cam-5"}]
    data = worlds.scenario(events=events)
    with fleet.Simulation(worlds.load(data), "cloud", options=options) as sim:
        assert [sim.sensor(f"cam-{k}").state.there for k in (0, 1)] == [False, True]
        for at, event, words in (
            ("0 s", {"join": "cam-1"}, "everybody of 'cam-1' is there, so nobody can join"),
            ("0 s", {"leave": "cam-0"}, "nobody of 'cam-0' is there, so nobody can leave"),
            ("1 s", {"join": "cam-1"}, "sensor 'cam-1' has not left, so it cannot join"),
            ("1 s", {"join": "cam-5"}, "sensor 'cam-5' has not left, so it cannot join"),
            ("1 s", {"join": "cam"}, "sensor 'cam-1', like 4 more, has not left, so it cannot"),
            ("1 s", {"leave": "cam-0"}, "sensor 'cam-0' is not there, so it cannot leave"),
            ("1 s", {"leave": "cam-9"}, r"no sensor or group 'cam-9' \(did you mean 'cam-"),
        ):
            if sim.now_ns < units.time_ns(at):
                sim.run(until=at)
            with pytest.raises(fleet.InputError, match=words):
                sim.event(**event)
        sim.event(leave="cam-1")
        assert not sim.sensor("cam-1").state.there
        sim.run(until="1200 ms")
        state = sim.sensor("cam-1").state
        assert (state.there, state.up) == (False, False)
        with pytest.raises(
            fleet.InputError, match="nobody of 'cam-1' is there, so nobody can leave"
        ):
            sim.event(leave="cam-1")
        sim.event(join="cam-1")
        sim.run(until="2 s")
        assert [sim.sensor(f"cam-{k}").state.up for k in (0, 1, 5)] == [True, True, False]
        changed = [{"at": "1 s", "leave": "cam-1"}, {"at": "1200 ms", "join": "cam-1"}]
        stated = worlds.plan(worlds.scenario(events=[*events, *changed]), "cloud")
        assert sim.summary() == summarise(worlds.run(stated))


def test_what_cannot_happen_is_refused_and_leaves_no_trace() -> None:
    data = worlds.scenario(regions={"far": {"autoscale": AUTOSCALE}})
    whole = summarise(worlds.run(worlds.plan(data, "cloud")))
    with fleet.Simulation(worlds.load(data), "cloud") as sim:
        sim.run(until="1 s")
        for event, words in (
            ({"outage": "metr", "lasts": "1 s"}, r"event\(outage='metr', lasts='1 s'\): no link"),
            ({"outage": "metro"}, "outage needs lasts"),
            ({"outage": "metro", "lasts": "3"}, "has no unit"),
            ({"outage": "metro", "last": "3 s"}, r"unknown key 'last' \(did you mean 'lasts'"),
            ({"resize": "clod", "servers": 3}, r"no region 'clod' \(did you mean 'cloud'"),
            ({"resize": "cloud", "servers": 0}, "servers"),
            ({"resize": "far", "servers": 2}, "the servers of 'far' follow load"),
            ({"crash": "cam", "mtbf": "1 s", "mttr": "1 s"}, "happens now; leave out at, mtbf"),
        ):
            with pytest.raises(fleet.InputError, match=words):
                sim.event(**event)
        sim.run(until="2 s")
        assert sim.summary() == whole


AUTOSCALE = {"max": 4, "target": "70 %", "every": "1 s", "cooldown": "1 s"}
