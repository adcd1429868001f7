"""Numbers over replications are means with intervals, and what has none says why."""

from __future__ import annotations

import copy
import io
import math
from types import ModuleType
from typing import Any

import by_path
import numpy as np
import pytest
import worlds
from rich.console import Console

import fleet
from fleet.results.interval import chance, holm, interval95, most_of_none, t95
from fleet.results.means import FRAMES, estimate, intervals, means
from fleet.results.metric import Metric, number
from fleet.results.metrics import known, named, names_in
from fleet.show import terminal
from fleet.show.rows import sections
from fleet.study.compare import compare

MANY = 4


@pytest.fixture(scope="module")
def record() -> fleet.Record:
    """Return a run of three arms, one of them as another is."""
    data = worlds.scenario(
        replications=MANY, duration="3 s", city={"sites": "no-sites.csv", "demand": "demand.csv"},
        traces=worlds.traces(), slo=["lost < 0.001 %"],
    )  # fmt: skip
    data["arms"]["again"] = data["arms"]["cloud"]
    return fleet.run(worlds.load(data), executor="local")


@pytest.mark.parametrize("degrees", range(1, 31))
def test_the_chance_of_a_tabled_quantile_is_five_percent(degrees: int) -> None:
    assert chance(t95(degrees), degrees) == pytest.approx(0.05, abs=1e-4)
    assert chance(0.0, degrees) == 1.0
    assert chance(-2.0, degrees) == chance(2.0, degrees)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.02]) == [0.02]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("frames", [1, 3, 10, 1000, 10**6])
def test_three_over_frames_is_a_bound(frames: int) -> None:
    """Were the share as large, no frame of so many would be seen in at most one run of twenty."""
    share = most_of_none(frames)
    assert share is not None
    assert (1 - share) ** frames <= 0.05
    assert (1 - 0.98 * share) ** frames >= 0.05 or frames < 100
    assert most_of_none(0) is None


def test_means_of_numbers() -> None:
    one = {"a": 1, "b": 2, "c": None, "name": "x", "who": "x", "ends": [0.0, 1.0], "on": True,
           "by": {"day": 1.0}}  # fmt: skip
    other = {"a": 1, "b": 5, "c": 3.0, "name": "x", "who": "y", "ends": [1.0, 2.0], "on": False,
             "by": {"day": 2.0, "night": 4.0}}  # fmt: skip
    assert means([one, other]) == {
        "a": 1, "b": 3.5, "c": 3.0, "name": "x", "who": None, "ends": [0.5, 1.5], "on": None,
        "by": {"day": 1.5, "night": 4.0},
    }  # fmt: skip
    assert means([one]) == one


def test_the_summary_has_the_mean_of_every_metric(record: fleet.Record) -> None:
    for arm, runs in record.numbers.items():
        told = record.summary["intervals"][arm]
        every = list(named(names_in(runs[0]), lambda _: True))
        assert list(told) == [one.text for one in every]
        for one in every:
            values, row = [one.value(run) for run in runs], told[one.text]
            found = [x for x in values if x is not None]
            assert row["known"] == len(found)
            assert (row["ci95"] is None) == (row["why_no_ci95"] is not None)
            if not found:
                assert row["mean"] is None
                continue
            assert row["mean"] == pytest.approx(sum(found) / len(found))
            if one.metric.read is None:
                assert one.value(record.arms[arm]) == pytest.approx(row["mean"])
            if row["over"] == "replications" and row["ci95"]:
                low, high = row["ci95"]
                plain = interval95(found)
                assert plain is not None
                assert low <= plain[0] <= row["mean"] <= plain[1] <= high
                assert low < high
    told = record.summary["intervals"]["cloud"]
    assert told["power_w.total"]["over"] == "replications"
    assert told["bytes"]["ci95"] is not None


def test_numbers_of_one_replication_are_these() -> None:
    found = fleet.run(worlds.load(worlds.scenario(duration="500 ms")), executor="local")
    for arm, runs in found.numbers.items():
        assert {key: found.arms[arm][key] for key in runs[0]} == runs[0]
        whys = {row["why_no_ci95"] for row in found.summary["intervals"][arm].values()}
        assert "one replication only" in whys
    shown = text(found)
    assert "±" not in shown.split("What eyes see")[0]
    assert "mean of" not in shown.splitlines()[0]
    assert "are means over" not in shown


def changed(record: fleet.Record, path: str, *values: object) -> list[dict[str, Any]]:
    """Return the numbers of the cloud's replications with other ones at a path."""
    runs = copy.deepcopy(list(record.numbers["cloud"]))
    *before, last = path.split(".")
    for run, x in zip(runs, values, strict=True):
        node: Any = run
        for key in before:
            node = node[key]
        node[last] = x
    return runs  # type: ignore[return-value]


def of(record: fleet.Record, path: str, *values: object) -> Any:
    metric: Metric = known(path).metric
    return estimate(changed(record, path, *values), metric, path)


def test_what_has_no_interval_says_why(record: fleet.Record) -> None:
    one = of(record, "latency_ms.mean", None, 3.0, None, None)
    assert (one.mean, one.ci95, one.known) == (3.0, None, 1)
    assert one.why_no_ci95 == f"known in one of {MANY} replications"
    none = of(record, "latency_ms.mean", None, None, None, None)
    assert (none.mean, none.ci95, none.why_no_ci95) == (None, None, "no results")
    same = of(record, "latency_ms.mean", 3.0, 3.0, 3.0, 3.0)
    assert (same.mean, same.why_no_ci95) == (3.0, "the same in every replication")
    some = of(record, "latency_ms.mean", 3.0, 5.0, None, None)
    assert (some.mean, some.known) == (4.0, 2)
    assert some.ci95 == pytest.approx([4.0 - 12.706, 4.0 + 12.706])


def test_percentiles_are_known_to_steps(record: fleet.Record) -> None:
    found = of(record, "latency_ms.p99", 139.5, 139.5, 139.5, 139.5)
    assert found.ci95 == pytest.approx([139.4, 139.6])


def test_intervals_of_sight_are_over_scenes(record: fleet.Record) -> None:
    """The same scenes are in every replication: their share of doubt does not go away with more."""
    told = record.summary["intervals"]["cloud"]["service.ap50"]
    assert told["over"] == "sites"
    told = record.summary["intervals"]["on_sensor"]["accuracy.recall"]
    ends = [run["accuracy"]["ci95"]["recall"] for run in record.numbers["on_sensor"]]
    assert told["over"] == "scenes"
    assert told["ci95"] == (None if None in ends else pytest.approx(np.mean(ends, axis=0)))


def test_no_loss_is_a_bound(record: fleet.Record) -> None:
    runs = changed(record, "frames.lost", *[dict.fromkeys(run["frames"]["lost"], 0)
                                            for run in record.numbers["cloud"]])  # fmt: skip
    frames = sum(run["frames"]["captured"] for run in runs)
    told = intervals(runs)["lost"]
    assert told["mean"] == 0.0
    assert told["over"] == FRAMES
    assert told["ci95"] == pytest.approx([0.0, 3 / frames])
    first = next(iter(runs[0]["frames"]["lost"]))
    runs[0]["frames"]["lost"][first] = 1
    assert intervals(runs)["lost"]["over"] == "replications"


def text(record: fleet.Record, width: int = 120) -> str:
    """Return all that is printed of a record."""
    out = Console(width=width, file=io.StringIO(), highlight=False)
    with out.capture() as shown:
        for table in terminal.comparison_tables(record, out):
            out.print(table, markup=False)
        for line in terminal.verdicts(record.summary["slo"], record.summary["replications"]):
            out.print(line)
        for remark in terminal.remarks(record):
            out.print(remark, markup=False, soft_wrap=True)
    return shown.get()


def test_the_table_shows_means_and_intervals(record: fleet.Record) -> None:
    shown = text(record)
    assert f"mean of {MANY} replications ± 95 % interval" in shown
    rows = {
        (title, label): cells
        for title, rows in sections(record.numbers)
        for label, _, cells in rows
    }
    for arm, cell in zip(record.arms, rows["Power by component", "total"], strict=True):
        row = record.summary["intervals"][arm]["power_w.total"]
        mean, half = (float(x.replace(",", "")) for x in cell.split("±"))
        assert mean == pytest.approx(row["mean"], abs=half)
        assert half == pytest.approx((row["ci95"][1] - row["ci95"][0]) / 2, rel=0.06)
    assert rows["Frames by fate", "captured"] == [
        number(record.arms[arm]["frames"]["captured"]) for arm in record.arms
    ]
    assert "±0 " not in shown
    assert "compared with the baseline in a metric (Holm)" in shown


def test_no_loss_is_told_with_its_bound() -> None:
    data = worlds.scenario(duration="1 s", slo=["cloud: lost < 10 %"], replications=2)
    for link in data["links"].values():
        link |= worlds.WIDE
    found = fleet.run(worlds.load(data), executor="local")
    told = found.summary["intervals"]["cloud"]["lost"]
    assert told["over"] == FRAMES
    (row,) = found.summary["slo"]
    assert row["at_most"] == told["ci95"][1]
    shown = text(found)
    assert f"(is 0 %, worst of 2, below {100 * row['at_most']:.4g} % with 95 %)" in shown
    assert f"cloud (below {100 * row['at_most']:.4g} %)" in shown


def test_equal_arms_differ_in_nothing(record: fleet.Record) -> None:
    rows = record.summary["comparison"]["arms"]["again"]
    assert {row["difference"] for row in rows.values()} == {0.0}
    assert {row["differs"] for row in rows.values()} <= {None, False}


def test_more_arms_need_more_to_differ(record: fleet.Record) -> None:
    """One difference that alone is shown is not, beside another that is as doubtful."""
    base = changed(record, "power_w.total", 10.0, 10.0, 10.0, 10.0)
    close = changed(record, "power_w.total", 10.6, 11.4, 10.3, 11.3)
    clear = changed(record, "power_w.total", 20.0, 20.1, 20.2, 19.9)

    def row(name: str, **arms: Any) -> Any:
        return compare({"base": base, **arms}, "base")["arms"][name]["power_w.total"]

    alone = row("close", close=close)
    assert 0.025 < alone["p"] < 0.05
    assert alone["p_holm"] == alone["p"]
    assert alone["differs"]
    beside = row("close", close=close, other=close)
    assert beside["p_holm"] == pytest.approx(2 * alone["p"])
    assert beside["ci95"] == alone["ci95"]
    assert not beside["differs"]
    assert row("close", close=close, clear=clear)["differs"]  # what is clear takes nothing away
    assert row("clear", close=close, clear=clear)["differs"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return by_path.script("scripts/count_coverage.py")


def test_intervals_hold_the_truth_of_a_queue(script: ModuleType) -> None:
    """Give or take four standard errors; the full count is in docs/MODEL.md."""
    world = script.World("M/M/1", load=0.6, seconds=5)
    runs = script.replications(world, 400)
    for row in (*script.coverage(runs, world, 5), *script.until(runs, world, 80)):
        if "within" in row.what:
            assert row.studies == 80
            assert row.share > 0.95 - 4 * math.sqrt(0.95 * 0.05 / row.studies), row
    for arms in (2, 4):
        row = script.differences(runs["mean"], world, 5, arms)
        assert row.share < 0.05 + 4 * math.sqrt(0.95 * 0.05 / row.studies), row


def test_the_queue_of_the_bench_is_m_m_1_and_its_city_has_the_load_that_it_says(
    script: ModuleType,
) -> None:
    queue = script.World("M/M/1", load=0.6, seconds=20)
    runs = script.replications(queue, 100)
    for name, truth in script.truths(queue, runs).items():
        error = runs[name].std() / 10
        assert abs(runs[name].mean() - truth) < 4 * error + 0.005 * truth, name
    assert runs["offered"].mean() == pytest.approx(0.6, rel=0.01)
    for load in script._CITY:
        small = script.replications(script.World("city", load, 5), 2)
        assert small["offered"].mean() == pytest.approx(load, rel=0.01)
