"""With a warm-up, statistics are those of the same run from its end on: counted again by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings

import fleet
from fleet.engine.energy import account
from fleet.errors import InputError
from fleet.model import frames
from fleet.model.books import CAPTURED, LATENCY_MAX_NS, LATENCY_SUM_NS, SENT_BITS
from fleet.model.frames import (
    ACCESS,
    BITS,
    CAPTURE,
    DONE,
    FATE,
    INFER,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    START,
    UPLINK,
    WAN,
)
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.results.metrics import summarise
from fleet.results.tables import series_table
from fleet.running.options import Options
from fleet.scenario.load import loads
from fleet.sketch import bucket_of

MS = 1_000_000
FROM_NS, END_NS = 1_003_700_000, 3_000_000_000


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=40)
def test_a_warm_up_changes_no_frame(world: dict[str, Any], arm: str) -> None:
    """The frames behind the numbers are those that meet their fate when it is over."""
    warm_up = world.pop("warm_up", None) or "100 ms"
    whole = worlds.table(worlds.run(worlds.plan(world, arm)))
    outcome = worlds.run(worlds.plan({**world, "warm_up": warm_up}, arm))
    measured = worlds.table(outcome)
    since_ns = outcome.plan.warm_up_ns
    assert measured.tolist() == whole[whole[:, DONE] >= since_ns].tolist()
    counts = outcome.tally.sensors[:, -frames.FATES :]
    for fate in range(1, frames.FATES):
        assert counts[:, fate].sum() == (measured[:, FATE] == fate).sum()
    results = measured[measured[:, FATE] == RESULT]
    spent = results[:, DONE] - results[:, CAPTURE]
    assert outcome.tally.stages_ns.sum() == spent.sum()
    assert outcome.tally.sensors[:, LATENCY_SUM_NS].sum() == spent.sum()
    assert outcome.tally.sensors[:, LATENCY_MAX_NS].max() == spent.max(initial=0)
    by_bucket = np.bincount([bucket_of(int(ns)) for ns in spent], minlength=1)
    assert outcome.tally.latency.sum(axis=0)[: len(by_bucket)].tolist() == by_bucket.tolist()


def quiet_plan(folder: Path, arm: str, warm_up: bool) -> Plan:
    """Return sensors that capture now and then, and nothing in the last half second."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    rng = np.random.default_rng(7)
    times = np.unique(
        np.concatenate([rng.integers(0, 2500 * MS, 60), FROM_NS - np.arange(40) * MS])
    )
    (folder / "times.csv").write_text("t_ns\n" + "".join(f"{t}\n" for t in times.tolist()))
    capture = {"trace": {"file": "times.csv", "column": "t_ns"}}
    cam = {"count": 3, "capture": capture, "app": "watch", "uplink": "first"}
    data = worlds.scenario(
        duration=f"{END_NS} ns",
        warm_up=f"{FROM_NS} ns" if warm_up else None,
        sensors={"cam": cam},
        links={
            "first": {
                "technology": "test-port", "shared_by": "sensor", "to": "cell",
                "rate": "1 Mbit/s", "buffer": "1 GB",
            },
            "cell": {
                "technology": "test-cell", "shared_by": "city", "to": "wan",
                "rate": "3 Mbit/s", "buffer": "1 GB",
            },
            "wan": {
                "technology": "test-wan", "shared_by": "city", "to": "cloud", "buffer": "1 GB",
            },
        },
        cloud={"server": "test-gpu", "servers": 2, "batch": {"max": 3, "wait": "2 ms"}},
        events=[
            {"at": "900 ms", "crash": "cam-1", "lasts": "200 ms"},
            {"at": "1500 ms", "outage": "cell", "lasts": "30 ms"},
        ],
    )  # fmt: skip
    loaded = loads(json.dumps(data), str(folder / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), arm)


def behind(begin: np.ndarray, end: np.ndarray) -> int:
    """Return how much of some spans lies behind the warm-up; ns."""
    return int(np.maximum(end - np.maximum(begin, FROM_NS), 0).sum())


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_every_book_is_that_of_the_rest_of_the_run(tmp_path: Path, arm: str, engine: str) -> None:
    plan = quiet_plan(tmp_path, arm, warm_up=True)
    outcome = worlds.run(plan, engine=engine, window_ns=250 * MS)
    (tmp_path / "whole").mkdir()
    rows = worlds.table(worlds.run(quiet_plan(tmp_path / "whole", arm, warm_up=False)))
    tally, numbers = outcome.tally, summarise(outcome)
    assert outcome.in_flight == 0

    assert tally.sensors[:, CAPTURED].sum() == (rows[:, CAPTURE] >= FROM_NS).sum() > 100
    under_way = (rows[:, CAPTURE] < FROM_NS) & (rows[:, DONE] >= FROM_NS)
    assert numbers["frames"]["in_flight_before"] == under_way.sum() > 0
    sent = rows[rows[:, ACCESS] >= 0]
    assert tally.sensors[:, SENT_BITS].sum() == sent[sent[:, READY] >= FROM_NS, BITS].sum()

    spent = {(s.component, s.state): s.time_ns for s in account(plan, tally)}
    computed = rows[rows[:, READY] >= FROM_NS]
    fetch_ns = 100_000 if arm == "on_sensor" else 0
    computing = behind(computed[:, SENSED], computed[:, READY] - fetch_ns)
    assert spent["sensor", "computing"] == computing > 0
    span_ns = END_NS - FROM_NS
    assert spent["sensor", "host"] == 3 * span_ns
    down_ns = 1100 * MS - FROM_NS
    idle_ns = 3 * span_ns - down_ns - spent["sensor", "sensing"]
    assert spent["sensor", "sense_idle"] == idle_ns > 0

    departed = sent[:, ACCESS] - MS  # propagation
    began = departed - -(-sent[:, BITS] * 1000)  # at 1 Mbit/s
    left = departed >= FROM_NS
    assert spent["uplink", "sending"] == behind(began[left], departed[left]) > 0
    tails = 0
    for sensor in range(3):
        mine = np.flatnonzero(sent[:, SENSOR] == sensor)
        mine = mine[np.argsort(departed[mine])]
        after = np.append(began[mine][1:], END_NS)
        tails += behind(departed[mine], np.minimum(departed[mine] + 20 * MS, after))
    assert spent["uplink", "tail"] == tails > 0
    assert spent["uplink", "idle"] == 3 * span_ns - spent["uplink", "sending"] - tails

    carried = numbers["bandwidth_mbit_s"]
    assert carried["first"]["mean"] * span_ns == pytest.approx(sent[left, BITS].sum() * 1e3)
    arrived = sent[sent[:, WAN] >= FROM_NS + MS]  # a margin: nobody is on the last wire then
    assert carried["wan"]["mean"] * span_ns >= arrived[:, BITS].sum() * 1e3
    assert (sent[:, UPLINK] >= 0).all()
    if arm == "cloud":
        batches = np.unique(sent[:, [START, INFER]], axis=0)
        assert spent["cloud", "busy"] + spent["cloud", "idle"] == 2 * span_ns
        served = tally.servers[0, 0]
        assert served == behind(batches[:, 0], batches[:, 1]) > 0
        assert numbers["utilisation"]["servers of cloud"] == pytest.approx(served / span_ns / 2)


def test_series_begin_where_it_ends() -> None:
    data = worlds.scenario(duration="5 s", warm_up="2500 ms")
    outcome = worlds.run(worlds.plan(data, "cloud"))
    series = series_table(outcome).to_pylist()
    assert sorted({row["start_s"] for row in series}) == [2.0, 3.0, 4.0]
    results = sum(row["value"] for row in series if row["kind"] == "results")
    assert results == summarise(outcome)["frames"]["results"]


@pytest.mark.parametrize("engine", ["columns", "reference"])
def test_stepping_through_it(engine: str) -> None:
    scenario = worlds.load(worlds.scenario(duration="3 s", warm_up="1 s"))
    options = Options(engine=engine, executor="local")
    with fleet.Simulation(scenario, "cloud", options=options) as sim:
        sim.run(until="800 ms")
        assert sim.sensor("cam-1").counters["captured"] == 20
        sim.run(until="1 s")
        with pytest.raises(InputError, match="the warm-up lasts until 1 s and nothing is counted"):
            sim.summary()
        sim.run(until="1400 ms")
        counters = sim.sensor("cam-1").counters
        assert counters["captured"] == 10
        ended = sum(v for k, v in counters.items() if k.startswith("frames_"))
        before = counters["captured_in_warm_up"] - counters["ended_in_warm_up"]
        assert ended == counters["captured"] + before
        assert counters["captured_in_warm_up"] == 25
        assert sim.summary()["frames"]["captured"] == 60
        sim.run(until="3 s")
        stepped = sim.summary()["fingerprint"]
    made = worlds.plan(worlds.scenario(duration="3 s", warm_up="1 s"), "cloud")
    assert stepped == worlds.run(made).tally.fingerprint()


def test_the_summary_says_what_is_measured() -> None:
    record = fleet.run(worlds.load(worlds.scenario(warm_up="500 ms")), executor="local")
    summary = record.summary
    assert [summary[k] for k in ("simulated_s", "warm_up_s", "measured_s")] == [2.0, 0.5, 1.5]
    captured = record.arms["cloud"]["frames"]["captured"]
    assert captured == pytest.approx(6 * 25 * 1.5, abs=6)
    speed = summary["host"]["frames_per_s"] * summary["host"]["engine_s"]
    assert speed == pytest.approx(2 * 6 * 25 * 2.0, abs=12)
