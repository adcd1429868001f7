"""Comparisons are paired, intervals are honest, objectives are judged."""

from __future__ import annotations

import copy
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import worlds

import fleet
from fleet.errors import InputError
from fleet.results.interval import interval95, t95
from fleet.results.metric import BYTES, FRAMES, MBIT_S, MS, SHARE, Over, Unit, W
from fleet.results.metrics import known, named, names_in
from fleet.show import terminal
from fleet.study.compare import compare
from fleet.study.slo import judge, objectives


def test_student_t() -> None:
    assert t95(1) == 12.706
    assert t95(9) == 2.262
    assert t95(30) == 2.042
    assert t95(35) == 2.042
    assert t95(50) == 2.021
    assert t95(10_000) == 1.980


def test_an_arm_without_a_result_is_written_like_the_others(tmp_path: Path) -> None:
    data = worlds.scenario(duration="1 s")
    data["arms"]["on_sensor"]["rate"] = "0.01 fps"
    fleet.run(worlds.load(data), executor="local", output=tmp_path / "out", figures=False)
    table = pq.read_table(tmp_path / "out" / "histograms.parquet")
    assert set(table["arm"].to_pylist()) == {"cloud"}


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
    return fleet.run(worlds.load(data), executor="local")


def test_replications_give_intervals(record: fleet.Record) -> None:
    comparison = record.summary["comparison"]
    assert comparison["baseline"] == "cloud"
    rows = comparison["arms"]["on_sensor"]
    names, priced = names_in(record.arms["cloud"]), "cost_usd_per_sensor_month.total"
    compared = named(names, lambda metric: metric.compared not in (None, Over.SITES))
    told = {one.text for one in compared if one.scope != "group"}
    on_mains = {name for name in told if not name.startswith("battery.")}
    assert set(rows) == on_mains - {priced}
    for row in rows.values():
        if row["ci95"] is None:
            assert row["why_no_ci95"] == "the same in every replication"
        else:
            low, high = row["ci95"]
            assert low <= row["difference"] <= high
            assert low < high
            assert row["why_no_ci95"] is None
    assert rows["pixels_leaving_sensor_frames"]["ratio"] == 0.0
    assert rows["bytes"]["difference"] < 0


def test_an_interval_is_no_narrower_than_what_is_known(record: fleet.Record) -> None:
    """139.5 ms in every replication says that a percentile is within 0.1 ms of that, no more."""
    runs = copy.deepcopy(record.numbers)["on_sensor"]
    for arm in runs:
        arm["latency_ms"] |= {"p99": 139.5, "mean": 120.0}
    base = copy.deepcopy(runs)
    for arm in base:
        arm["latency_ms"] |= {"p99": 31.72, "mean": 31.0}
    rows = compare({"a": runs, "b": base}, "b")["arms"]["a"]
    assert rows["latency_ms.p99"]["ci95"] == pytest.approx([107.68, 107.88])
    assert rows["latency_ms.mean"]["ci95"] is None
    assert rows["latency_ms.mean"]["why_no_ci95"] == "the same in every replication"


@pytest.mark.parametrize(("text", "unit", "bound"), [
    ("0.1 %", SHARE, Fraction(1, 1000)), ("0.25", SHARE, Fraction(1, 4)), ("200", MS, 200),
    ("200 ms", MS, 200), ("0.2 s", MS, 200), ("1.5 kW", W, 1500), ("20", MBIT_S, 20),
    ("300 kbit/s", MBIT_S, Fraction(3, 10)), ("7 frames", FRAMES, 7), ("1 MB", BYTES, 10**6),
    ("1 B", BYTES, 1),
])  # fmt: skip
def test_bounds_are_read_in_the_metrics_own_unit(text: str, unit: Unit, bound: Fraction) -> None:
    assert unit.read(text) == bound


def told(record: fleet.Record, *slo: str) -> list[str]:
    """Return what is printed of some objectives on the cloud's arm."""
    loaded = record.scenario.changed(f"slo={json.dumps([f'cloud: {o}' for o in slo])}")
    runs = copy.deepcopy(record.numbers)
    rows = judge(objectives(loaded), runs)
    return [str(line) for line in terminal.verdicts(rows, len(runs["cloud"]))]


def test_objectives_speak_their_own_unit(record: fleet.Record) -> None:
    arms = copy.deepcopy(record.numbers)["cloud"]
    flying = max(a["frames"]["in_flight"] / a["frames"]["captured"] for a in arms)
    p99 = max(a["latency_ms"]["p99"] for a in arms)
    assert flying > 0.001
    assert told(record, "in_flight < 0.1 %", "latency_ms.p99 < 0.2 s", "service.ap50 > 3 %") == [
        f"✗ cloud: in_flight < 0.1 %  (is {100 * flying:.4g} %, worst of 4)",
        f"{'✓' if p99 < 200 else '✗'} cloud: latency_ms.p99 < 0.2 s  (is {p99:.4g} ms, worst of 4)",
        "✗ cloud: service.ap50 > 3 %  (was not measured: nobody measured what its networks see)",
    ]
    rows = {row["metric"]: row["unit"] for row in record.summary["slo"]}
    assert rows == {"latency_ms.p99": "ms", "lost": "share", "results": "share"}


def test_what_was_not_measured_says_why(record: fleet.Record) -> None:
    assert told(record, "cost_usd_per_sensor_month.total < 9 USD") == [
        "✗ cloud: cost_usd_per_sensor_month.total < 9 USD  (was not measured: the scenario names no"
        " price book, 'prices')"
    ]
    for metric, change, why in (
        ("latency_ms.p99", {"latency_ms": {"p99": None}}, "no results"),
        ("energy_mj_per_inference", {"energy_mj_per_inference": None}, "nothing was inferred"),
        ("accuracy.recall", {"accuracy": {"by_light": {}}},
         "nobody measured what its networks see"),
        ("accuracy.recall", {"accuracy": {"by_light": {"day": {}}}}, "nothing was to be found"),
        ("service.ap50", {"service": {"groups": {"a": {"ap50": None}}}},
         "nothing ever came into view"),
        ("service.miscount_per_5_min", {"service": {"groups": {"a": {"window_s": 60}}}},
         "the run is shorter than five minutes"),
        ("service.map_error", {"service": {"groups": {"a": {}}}}, "no group has this task"),
        ("delivered.within_1_s", {"delivered": {"within_1_s": None}},
         "every frame was held back by a publishing rule"),
        ("lost", {"frames": {"captured": 0}}, "no frames were captured"),
    ):  # fmt: skip
        assert known(metric).metric.why_unknown({**record.arms["cloud"], **change}) == why


def test_remarks_are_honest_about_intervals() -> None:
    """Nothing is told with an interval of no width, and no links are left out."""
    data = worlds.scenario(replications=3, city=None)
    found = fleet.run(worlds.load(data), executor="local")
    lines = [line for line in terminal.remarks(found) if line.startswith("on_sensor − cloud")]
    assert any("bandwidth_mbit_s.wan.mean" in line for line in lines)
    assert any("bytes leaving sensors" in line for line in lines)
    for line in lines:
        if "[95 % CI " in line and "within" not in line:
            low, high = line.split("[95 % CI ")[1].split("]")[0].split(" .. ")
            assert low != high
        else:
            assert "the same in every replication" in line or "within the last digit" in line
    blank = copy.deepcopy(found)
    for row in blank.summary["comparison"]["arms"].values():
        del row["latency_ms.p99"]
    blank.arms["cloud"]["latency_ms"]["p99"] = None
    assert any(
        "latency_ms.p99: not compared (cloud: no results)" in line
        for line in terminal.remarks(blank)
    )


def test_costs_are_compared_where_there_are_prices() -> None:
    data = worlds.scenario(duration="500 ms", prices="test-book", replications=2)
    found = fleet.run(worlds.load(data), executor="local")
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
    found = fleet.run(worlds.load(data), executor="local")
    rows = found.summary["comparison"]["arms"]["on_sensor"]
    assert all(row["ci95"] is None for row in rows.values())
    assert {row["why_no_ci95"] for row in rows.values()} == {"one replication only"}


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
    assert set(arm["frames"]) == {
        "captured", "in_flight_before", "results", "in_flight", "skipped", "lost",
    }  # fmt: skip
    assert list(arm["latency_ms"]) == ["mean", "p50", "p95", "p99", "p999", "max"]
    assert list(arm["stages_ms"]) == [
        "sense", "compute", "uplink", "backhaul", "wan", "decode", "queue", "infer", "return",
    ]  # fmt: skip
    assert set(arm["bytes"]) == {"metadata", "roi", "image", "protocol"}
    assert list(arm["power_w"]) == ["sensor", "uplink", "network", "edge", "cloud", "total"]
    assert all(set(rate) == {"mean", "peak_1s"} for rate in arm["bandwidth_mbit_s"].values())
    assert {
        "utilisation", "energy_mj_per_result", "accuracy", "pixels_leaving_sensor_frames",
        "energy_mj_per_captured_frame", "energy_mj_per_inference", "inferences", "delivered",
        "mean_latency_share_of_slowest_permille", "bytes_by_link",
        "pixels_to_cloud_frames", "power_states_w", "carbon_kg_per_sensor_year",
        "cost_usd_per_sensor_month", "rollout", "groups",
    } <= set(arm)  # fmt: skip
    assert set(arm["frames"]["lost"]) == {
        "sensor_crash", "access_buffer", "cell_buffer", "backhaul_buffer", "wan_buffer",
        "link_errors", "decode_queue", "cloud_queue", "edge_queue", "deadline",
        "server_down",
    }  # fmt: skip


def test_own_placement_is_between_the_arms() -> None:
    found = fleet.run(
        worlds.load(worlds.scenario()),
        placements={"half": lambda sensor: "cloud" if sensor.name < "cam-3" else "on_sensor"},
        executor="local",
    )
    pixels = {arm: numbers["pixels_leaving_sensor_frames"] for arm, numbers in found.arms.items()}
    assert 0 == pixels["on_sensor"] < pixels["half"] < pixels["cloud"]
    with pytest.raises(fleet.InputError, match="placement of sensor 'cam-0' gave 'moon'"):
        fleet.run(worlds.load(worlds.scenario()), placements={"bad": lambda _: "moon"})


def test_python_replaces_what_the_command_line_does(tmp_path: Path) -> None:
    data = worlds.scenario(duration="1 s")
    changes = {"cloud.servers": 1, "sensors.cam.rate": "5 fps", "slo": ["lost < 5 %"]}
    record = fleet.run(
        worlds.load(data), executor="local", seed=9, replications=2, overrides=changes,
        frames=tmp_path / "frames",
    )  # fmt: skip
    data["cloud"]["servers"], data["sensors"]["cam"]["rate"] = 1, "5 fps"
    same = fleet.run(
        worlds.load({**data, "seed": 9, "replications": 2, "slo": ["lost < 5 %"]}),
        executor="local",
    )
    assert record.summary["fingerprint"] == same.summary["fingerprint"]
    assert record.summary["slo"] == same.summary["slo"]
    assert record.scenario.overrides == (
        "cloud.servers=1", 'sensors.cam.rate="5 fps"', 'slo=["lost < 5 %"]', "seed=9",
        "replications=2",
    )  # fmt: skip
    assert {path.name for path in (tmp_path / "frames").iterdir()} == {
        f"{arm}-{r}.parquet" for arm in data["arms"] for r in (0, 1)
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"overrides": {"cloud.serverz": 1}}, "--set cloud.serverz=1: cloud.serverz: unknown key"),
        ({"overrides": {"seed": {1, 2}}}, r"overrides: seed is \{1, 2\}, must be what a scenario"),
        ({"overrides": {"seed": float("nan")}}, "overrides: seed is nan, must be what a scenario"),
        ({"engine": "fast"}, "engine 'fast' is not one of columns, reference"),
        ({"executor": "threads"}, "executor 'threads' is not one of auto, ray, local"),
    ],
)
def test_what_python_asks_for_is_checked(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fleet.run(worlds.load(worlds.scenario()), **changes)
