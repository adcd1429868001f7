"""Comparisons are paired, intervals are honest, objectives are judged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import worlds

import fleet
from fleet.engine.run import Options
from fleet.results.interval import interval95, t95
from fleet.study.compare import COMPARED
from fleet.study.experiment import run


def test_student_t() -> None:
    assert t95(1) == 12.706
    assert t95(9) == 2.262
    assert t95(30) == 2.042
    assert t95(35) == 2.042
    assert t95(50) == 2.021
    assert t95(10_000) == 1.980


def test_intervals_cover() -> None:
    """Ninety-five of a hundred intervals hold the true mean, give or take four errors."""
    rng = np.random.default_rng(1)
    inside = 0
    trials = 4000
    for _ in range(trials):
        found = interval95(list(rng.normal(3.0, 2.0, 6)))
        assert found is not None
        inside += found[0] <= 3.0 <= found[1]
    error = math.sqrt(0.95 * 0.05 / trials)
    assert abs(inside / trials - 0.95) < 4 * error


@pytest.fixture(scope="module")
def record() -> fleet.Record:
    data = worlds.scenario(
        replications=4,
        duration="3 s",
        city={"sites": "no-sites.csv", "demand": "demand.csv"},
        traces=worlds.traces(),
        slo=["latency_ms.p99 < 1", "on_sensor: lost < 50 %", "results > 10 %"],
    )
    return run(worlds.load(data), options=Options(executor="local"))


def test_replications_give_intervals(record: fleet.Record) -> None:
    comparison = record.summary["comparison"]
    assert comparison["baseline"] == "cloud"
    rows = comparison["arms"]["on_sensor"]
    assert set(rows) == set(COMPARED) - {"cost_usd_per_sensor_month.total"}  # no price book
    for row in rows.values():
        low, high = row["ci95"]
        assert low <= row["difference"] <= high
    assert rows["pixels_leaving_sensor_frames"]["ratio"] == 0.0
    assert rows["bytes"]["difference"] < 0


def test_costs_are_compared_where_there_are_prices() -> None:
    data = worlds.scenario(duration="500 ms", prices="test-book", replications=2)
    found = run(worlds.load(data), options=Options(executor="local"))
    row = found.summary["comparison"]["arms"]["on_sensor"]["cost_usd_per_sensor_month.total"]
    low, high = row["ci95"]
    assert low <= row["difference"] <= high < 0  # two servers cost more than six hosts


def test_another_baseline(record: fleet.Record) -> None:
    there = fleet.compare(record)["arms"]["on_sensor"]["bytes"]
    back = fleet.compare(record, baseline="on_sensor")["arms"]["cloud"]["bytes"]
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["ratio"] == pytest.approx(1 / back["ratio"])
    with pytest.raises(fleet.InputError, match="no arm 'edge'"):
        fleet.compare(record, baseline="edge")


def test_objectives(record: fleet.Record) -> None:
    judged = {(row["objective"], row["arm"]): row["kept"] for row in record.summary["slo"]}
    assert judged == {
        ("latency_ms.p99 < 1", "on_sensor"): False,
        ("latency_ms.p99 < 1", "cloud"): False,
        ("on_sensor: lost < 50 %", "on_sensor"): True,
        ("results > 10 %", "on_sensor"): True,
        ("results > 10 %", "cloud"): True,
    }
    assert not record.kept_all


def test_one_replication_has_no_interval() -> None:
    data = worlds.scenario(duration="500 ms")
    found = run(worlds.load(data), options=Options(executor="local"))
    rows = found.summary["comparison"]["arms"]["on_sensor"]
    assert all(row["ci95"] is None for row in rows.values())


def test_summary_keeps_its_contract(record: fleet.Record) -> None:
    summary: dict[str, Any] = record.summary
    assert {
        "schema", "run_id", "scenario", "seed", "fingerprint", "sensors", "simulated_s", "host",
        "assumptions", "arms", "comparison",
    } <= set(summary)  # fmt: skip
    assert {"engine", "executor", "shards", "wall_s", "frames_per_s", "peak_rss_mb"} <= set(
        summary["host"]
    )
    assert {"name", "value", "unit", "source", "confidence"} <= set(summary["assumptions"][0])
    arm = summary["arms"]["cloud"]
    assert set(arm["frames"]) == {"captured", "results", "in_flight", "skipped", "lost"}
    assert list(arm["latency_ms"]) == ["mean", "p50", "p95", "p99", "p999", "max"]
    assert list(arm["stages_ms"]) == [
        "sense", "compute", "uplink", "backhaul", "wan", "decode", "queue", "infer", "return",
    ]  # fmt: skip
    assert set(arm["bytes"]) == {"metadata", "roi", "image", "protocol"}
    assert list(arm["power_w"]) == ["sensor", "uplink", "network", "edge", "cloud", "total"]
    assert all(set(rate) == {"mean", "peak_1s"} for rate in arm["bandwidth_mbit_s"].values())
    assert {
        "utilisation", "energy_mj_per_result", "accuracy", "pixels_leaving_sensor_frames",
        "pixels_to_cloud_frames", "power_states_w", "carbon_kg_per_sensor_year",
        "cost_usd_per_sensor_month", "rollout", "groups",
    } <= set(arm)  # fmt: skip
    assert set(arm["frames"]["lost"]) == {
        "sensor_crash", "access_buffer", "cell_buffer", "backhaul_buffer", "wan_buffer",
        "link_errors", "decode_queue", "cloud_queue", "edge_queue", "deadline",
    }  # fmt: skip


def test_own_placement_is_between_the_arms() -> None:
    found = run(
        worlds.load(worlds.scenario()),
        placements={"half": lambda sensor: "cloud" if sensor.name < "cam-3" else "on_sensor"},
        options=Options(executor="local"),
    )
    pixels = {arm: numbers["pixels_leaving_sensor_frames"] for arm, numbers in found.arms.items()}
    assert 0 == pixels["on_sensor"] < pixels["half"] < pixels["cloud"]
    with pytest.raises(fleet.InputError, match="placement of sensor 'cam-0' gave 'moon'"):
        run(worlds.load(worlds.scenario()), placements={"bad": lambda _: "moon"})
