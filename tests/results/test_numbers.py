"""The numbers of an arm, counted once more from the frames of random runs and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings

import fleet
from fleet.model import frames as column
from fleet.model import sight
from fleet.model.books import CAPTURED, SENT_LINK_BITS
from fleet.results.accuracy import measures
from fleet.results.latency import RANKS, WITHIN_NS
from fleet.results.metric import value
from fleet.results.metrics import summarise
from fleet.running.run import Outcome
from fleet.sketch import step_ns


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=40)
def test_numbers_are_those_of_the_frames(world: dict[str, Any], arm: str) -> None:
    outcome = worlds.run(worlds.plan(world, arm))
    rows, numbers = worlds.table(outcome), summarise(outcome)
    captured = numbers["frames"]["captured"] + numbers["frames"]["in_flight_before"]
    held = rows[:, column.FATE] == column.SKIP_NOT_PUBLISHED
    answered = rows[:, column.FATE] == column.RESULT
    latency = np.sort((rows[:, column.DONE] - rows[:, column.CAPTURE])[answered])

    told = numbers["delivered"]
    due = captured - held.sum()
    assert told["due_frames"] == due
    for name, limit_ns in WITHIN_NS.items():
        assert told[name] == ((latency <= limit_ns).sum() / due if due else None)
    assert told["never"] == ((len(rows) - held.sum() - answered.sum()) / due if due else None)

    check_percentiles(latency, numbers)
    check_inferences(outcome, rows, numbers)
    check_sights(outcome, rows, answered | held, numbers["accuracy"])
    bits = outcome.tally.links[:, SENT_LINK_BITS]
    for c, name in enumerate(outcome.plan.links.class_names):
        of = outcome.plan.links.class_of == c
        assert numbers["bytes_by_link"][name] == bits[of].sum() // 8
        sent_bits = numbers["bandwidth_mbit_s"][name]["mean"] * outcome.plan.measured_ns / 1e3
        assert sent_bits == pytest.approx(bits[of].sum(), abs=1)


def check_percentiles(latency: np.ndarray, numbers: dict[str, Any]) -> None:
    """Percentiles lie less than a step from the nearest rank, and have no other digits."""
    if not len(latency):
        assert set(numbers["latency_ms"].values()) == {None}
        assert numbers["mean_latency_share_of_slowest_permille"] is None
        return
    for name, rank in RANKS.items():
        exact = latency[max(1, int(np.ceil(rank * len(latency)))) - 1]
        found = round(numbers["latency_ms"][name] * 1e6)
        assert abs(found - exact) < step_ns(int(exact)) or found == exact == latency[-1]
        assert found <= latency[-1]
        assert found == latency[-1] or float(f"{found / 1e6:.4g}") == numbers["latency_ms"][name]
    assert numbers["latency_ms"]["max"] == latency[-1] / 1e6
    slow = 0.001 * len(latency) * latency[-1] / latency.sum()  # a part of one: fewer than 1,000
    assert numbers["mean_latency_share_of_slowest_permille"] == pytest.approx(slow, rel=1e-3)
    cut = 0.01 * len(latency)
    whole = int(cut)
    slow = latency[len(latency) - whole :].sum() + (cut - whole) * latency[-1 - whole]
    share = numbers["mean_latency_share_of_slowest_percent"]
    assert share == pytest.approx(slow / latency.sum(), rel=1e-3)


def check_inferences(outcome: Outcome, rows: np.ndarray, numbers: dict[str, Any]) -> None:
    """Those of frames in flight are in no row, and those of the warm-up are not counted.

    A frame that a sensor has inferred and passed on is inferred twice.
    """
    since_ns = outcome.plan.warm_up_ns
    own = outcome.plan.on_sensor[rows[:, column.SENSOR]] == 1
    crashed = rows[:, column.FATE] == column.LOST_SENSOR_CRASH
    inferred = int((own & ~crashed & (rows[:, column.READY] >= since_ns)).sum())
    inferred += int((rows[:, column.START] >= max(since_ns, 0)).sum())
    twice = 1 + outcome.plan.asks.any()
    assert 0 <= numbers["inferences"] - inferred <= twice * outcome.in_flight
    watts, seconds = numbers["power_w"]["total"], outcome.plan.measured_ns / 1e9
    for of, many in (("captured_frame", numbers["frames"]["captured"]),
                     ("inference", numbers["inferences"]),
                     ("result", numbers["frames"]["results"])):  # fmt: skip
        mj = numbers[f"energy_mj_per_{of}"]
        assert mj == (pytest.approx(watts * seconds * 1e3 / many) if many else None)


def check_sights(
    outcome: Outcome, rows: np.ndarray, known: np.ndarray, told: dict[str, Any]
) -> None:
    """What a sensor holds back it has seen; a sensor counts by its time, not by its frames."""
    plan, looked = outcome.plan, rows[:, column.SIGHT] >= 0
    every = np.bincount(plan.sensors.group_of, outcome.tally.sensors[:, CAPTURED])
    of_frame = np.bincount(plan.sensors.group_of) / np.maximum(every, 1)  # by group, up to a factor
    seen = np.array([sight.numbers(plan.eyes.sights.rows, r) for r in rows[looked, column.SIGHT]])
    light, wanted, right, wrong = seen.reshape(-1, 4).T
    known, group = known[looked], plan.sensors.group_of[rows[looked, column.SENSOR]]
    weight = of_frame[group]
    found = (weight * right)[known].sum()
    assert told["recall"] == _about(found, (weight * wanted)[known].sum())
    assert told["recall_of_all"] == _about(found, (weight * wanted).sum())
    for g, name in enumerate(plan.sensors.group_names):
        mine = known & (group == g)
        if (group == g).any():
            of_group = _about(right[mine].sum(), wanted[mine].sum())
            assert told["by_group"][name]["recall"] == of_group
    sums = np.zeros(3)
    for cell in np.unique(group * 10 + light):
        here = group * 10 + light == cell
        if (here & known).any():
            each = weight[here][0] * here.sum() / (here & known).sum()
            sums += [each * x[here & known].sum() for x in (wanted, right, wrong)]
    alike = told["frames_alike"]
    assert alike["recall"] == (pytest.approx(sums[1] / sums[0]) if sums[0] else None)
    if sums[0] and sums[1] + sums[2]:
        assert alike["precision"] == pytest.approx(sums[1] / (sums[1] + sums[2]))


def _about(part: float, whole: float) -> object:
    return pytest.approx(part / whole, rel=1e-9) if whole else None


def test_what_is_held_back_is_not_missed() -> None:
    """A sensor that sends every third frame sees as much as one that sends all."""
    told = {}
    for publish in ("every inference", "every 3 inferences"):
        arm = {"device": "test-ai", "model": "tiny", "publish": publish}
        data = worlds.scenario(
            city={"sites": "no-sites.csv", "demand": "demand.csv"}, traces=worlds.traces(),
            arms={"on_sensor": arm},
        )  # fmt: skip
        told[publish] = summarise(worlds.run(worlds.plan(data, "on_sensor")))
    every, third = told.values()
    assert third["frames"]["skipped"]["not_published"] > third["frames"]["results"] > 0
    assert third["accuracy"]["recall_of_all"] == pytest.approx(
        every["accuracy"]["recall_of_all"], abs=0.01
    )
    assert third["delivered"]["never"] == every["delivered"]["never"] == 0.0
    # By result it seems to need more, though its radio sends less.
    assert third["energy_mj_per_captured_frame"] < every["energy_mj_per_captured_frame"]
    assert third["energy_mj_per_result"] > every["energy_mj_per_result"]


def test_late_and_lost_are_told_apart() -> None:
    """An outage of one second: frames that wait move the mean, frames that are lost do not."""
    told = {}
    for kind, buffer in (("late", "1 GB"), ("lost", "20 kB")):
        data = worlds.scenario(duration="20 s", events=[
            {"at": "5 s", "outage": "cell", "lasts": "1 s"},
        ])  # fmt: skip
        for link in data["links"].values():
            link |= {"rate": "1 Gbit/s", "buffer": buffer}
        told[kind] = summarise(worlds.run(worlds.plan(data, "cloud")))
    late, lost = told["late"], told["lost"]
    assert late["latency_ms"]["mean"] > lost["latency_ms"]["mean"]
    assert late["delivered"]["never"] == 0.0 < 0.02 < lost["delivered"]["never"]
    assert late["delivered"]["within_1_s"] > lost["delivered"]["within_1_s"]
    assert late["delivered"]["within_100_ms"] == pytest.approx(
        lost["delivered"]["within_100_ms"], abs=0.01
    )
    share = late["mean_latency_share_of_slowest_permille"]
    assert share > 10 * 0.001  # a thousandth of the results, and far more of the mean


def test_an_edge_shows_in_the_links_behind_it() -> None:
    """What leaves the sensors is the same; what the WAN carries is not."""
    camera = {"device": "test-camera", "codec": "test-codec", "model": "cloudy"}
    data = worlds.scenario(
        edges={"box": {"after": "cell", "shared_by": "cell", "server": "test-gpu", "servers": 2}},
        arms={"edge": {**camera, "infer": "edge"}, "cloud": camera}, replications=3,
        city={"sites": "no-sites.csv", "demand": "demand.csv"},
        slo=["bandwidth_mbit_s.wan.mean < 500 kbit/s", "bytes_by_link.wan < 0.1 MB"],
    )  # fmt: skip
    for link in data["links"].values():
        link |= worlds.WIDE
    record = fleet.run(worlds.load(data), executor="local")
    rows = record.summary["comparison"]["arms"]["edge"]
    assert rows["bytes"]["difference"] == rows["bytes_by_link.cell"]["difference"] == 0.0
    assert rows["bytes"]["why_no_ci95"] == "the same in every replication"
    for metric in ("bandwidth_mbit_s.wan.mean", "bytes_by_link.wan"):
        assert rows[metric]["ratio"] < 0.5
        assert rows[metric]["ci95"][1] < 0.0
    kept = {
        (row["metric"], row["arm"]): (row["kept"], row["unit"]) for row in record.summary["slo"]
    }
    assert kept == {
        ("bandwidth_mbit_s.wan.mean", "edge"): (True, "Mbit/s"),
        ("bandwidth_mbit_s.wan.mean", "cloud"): (False, "Mbit/s"),
        ("bytes_by_link.wan", "edge"): (True, "B"),
        ("bytes_by_link.wan", "cloud"): (False, "B"),
    }


def test_nothing_to_be_found_is_no_measure() -> None:
    """Neither a miscount of 0, nor a precision of what was found where nothing was."""
    counts = np.zeros(sight.SIGHT_COUNTS, dtype=np.int64)
    counts[sight.ANSWERED] = 100
    assert set(measures(counts).values()) == {None}
    counts[[sight.SUM_WRONG, sight.SUM_MISCOUNT]] = 5
    told = measures(counts)
    assert told["miscount_per_frame"] == 0.05  # false alarms are errors
    assert {told[m] for m in ("recall", "precision", "f1", "recall_of_all")} == {None}


def test_links_may_have_dots_in_their_names() -> None:
    arm = {"bandwidth_mbit_s": {"a": {"mean": 1.0}, "a.b": {"mean": 2.0}}, "x": None}
    assert value(arm, "bandwidth_mbit_s.a.mean") == 1.0
    assert value(arm, "bandwidth_mbit_s.a.b.mean") == 2.0
    assert value(arm, "x.y") is None
    assert value(arm, "no.such") is None
