"""What would take too long or too much is refused before it is begun, and says how much."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet import memory, telling
from fleet.errors import InputError
from fleet.plan import roster, sun
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.memo import Memo
from fleet.plan.place import Place
from fleet.running import bounds
from fleet.running.options import Options
from fleet.running.run import simulate
from fleet.study.job import prepare

SENSORS = {"count": 6, "cells": 2, "rate": "25 fps", "app": "watch", "uplink": "cell"}
ROLL = {"at": "300 ms", "rewrite": "cam", "model": "slow"}
FAILS = {"crash": "cam", "mtbf": "400 ms", "mttr": "60 ms"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"events": [{"crash": "cam", "mtbf": "1 us", "mttr": "1 us"}]},
            r"events\[0\].mtbf: would happen some 1,000,001 times to 6 of 'cam', 6,000,006 times in"
            r" all, more than 1,000,000; make it longer",
        ),
        (
            {"events": [{"at": "0 s", "outage": "cell", "lasts": "1 us", "every": "1 ns"}]},
            "would happen 2,000,000,000 times, more than 10,000",
        ),
        (
            {
                "sensors": {"cam": {**SENSORS, "count": 1000}},
                "events": [{"at": "0 s", "crash": "cam", "lasts": "1 us", "every": "1 ms"}],
            },
            "would happen some 2,000 times to 1,000 of 'cam', 2,000,000 times in all",
        ),
        ({"duration": "36500 d"}, r"3,153,600,000 seconds .* which takes 151 GB for each arm"),
        (
            {"sensors": {f"g{k}": {**SENSORS, "count": 6_000_000} for k in range(2)}},
            "12,000,000 sensors in all, more than 10,000,000",
        ),
    ],
)
def test_what_would_be_too_much_is_refused_before_it_is_built(
    changes: dict[str, Any], words: str
) -> None:
    began = time.process_time()
    with pytest.raises(InputError, match=words):
        worlds.plan(worlds.scenario(**changes), "on_sensor")
    assert time.process_time() - began < 3


def test_windows_are_counted_first() -> None:
    made = worlds.plan(worlds.scenario(), "cloud")
    words = "--window 1 ns would make 2,000,000,000 windows, which take some 56 hours"
    with pytest.raises(InputError, match=words):
        simulate(made, Options(executor="local", window_ns=1))


def test_looks_at_the_load_are_counted_first() -> None:
    rule = {"min": 1, "max": 2, "target": "70 %", "every": "1 ms", "cooldown": "1 s"}
    cloud = {"server": "test-gpu", "autoscale": rule}
    made = worlds.plan(worlds.scenario(cloud=cloud, duration="30 min"), "cloud")
    words = "'autoscale' of 'cloud' with 'every' of 1,000,000 ns would look 1,800,000 times"
    with pytest.raises(InputError, match=words):
        simulate(made, Options(executor="local"))


def test_counts_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = worlds.plan(worlds.scenario(), "cloud")
    bounds.check(made, 10**8, 3, on_ray=False)
    monkeypatch.setattr(memory, "limit_bytes", lambda: 1000)
    with pytest.raises(InputError, match=r"counts of 2 seconds and 6 sensors in 3 processes would"):
        bounds.check(made, 10**8, 3, on_ray=False)


def test_many_sensors_are_told_of_and_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "TOLD", 5)
    heard: list[str] = []
    with telling.heard_by(heard.append):
        worlds.plan(worlds.scenario(), "cloud")
    assert heard == ["planning for 6 sensors, some 0 s an arm ..."]
    monkeypatch.setattr(memory, "limit_bytes", lambda: 1000)
    with pytest.raises(InputError, match=r"the plan of 6 sensors would take about 0.0 GB"):
        worlds.plan(worlds.scenario(), "cloud")


def test_a_limit_of_the_process_is_a_limit() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    assert memory.limit_bytes() > 10**8
    resource.setrlimit(resource.RLIMIT_AS, (2**40 + 1, before[1]))
    try:
        assert memory.limit_bytes() <= 2**40 + 1
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_plans_of_all_replications_are_those_made_one_by_one(arm: str) -> None:
    loaded = worlds.load(worlds.scenario(replications=3, events=[ROLL, FAILS]))
    known = catalogue(loaded)
    alone = [compile_plan(loaded, known, arm, replication=r).digest() for r in range(3)]
    assert len(set(alone)) == 3
    memo = Memo()
    together = [compile_plan(loaded, known, arm, replication=r, memo=memo) for r in range(3)]
    assert [plan.digest() for plan in together] == alone


def test_inputs_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    for name, module in (("read_sites", roster), ("read_demand", "fleet.plan.people")):
        where = module if not isinstance(module, str) else __import__(module, fromlist=["x"])
        whole = getattr(where, name)

        def counted(path: Path, whole: Any = whole) -> Any:
            read.append(path)
            return whole(path)

        monkeypatch.setattr(where, name, counted)
    city = {"sites": "no-sites.csv", "demand": "demand.csv"}
    job = prepare(worlds.load(worlds.scenario(city=city, replications=5)))
    assert len(job.trials) == 10
    names = [path.name for path in read]
    assert "demand.csv" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("latitude", [0.0, 45.0, 60.2, 66.6, -89.0])
def test_light_changes_where_the_sun_of_every_minute_says(latitude: float) -> None:
    minutes = 400 * 1440 + 7
    at, light = sun._by_sun(minutes, 17.5, Place(latitude, 24.9, "a test"))
    every = sun.sun_elevation_deg(np.arange(minutes) + 17.5, latitude, 24.9)
    expected = np.where(every > sun.SUNSET_DEG, sun.DAY, sun.NIGHT)
    expected[(every <= sun.SUNSET_DEG) & (every > sun.CIVIL_TWILIGHT_DEG)] = sun.DUSK
    assert len(at) < minutes / 3
    found = light[np.searchsorted(at, np.arange(minutes), side="right") - 1]
    assert (found == expected).all()
