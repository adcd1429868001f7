"""A metric is one row beside its formula: everybody who tells of metrics selects from these."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
import worlds

import fleet
from fleet.errors import InputError
from fleet.results import latency, metrics
from fleet.results.metric import SHARE, Better, Metric, Over, Part, Scope, Section, at, number
from fleet.results.metric import value as metric_value
from fleet.results.metric_table import metric_table
from fleet.results.metrics import find, flat, known, look_up, named, names_in
from fleet.running.run import Outcome
from fleet.show.rows import sections
from fleet.study.slo import judge, objectives

ROOT = Path(__file__).parents[2]


def data(**changes: Any) -> dict[str, Any]:
    """Return a world in which every metric of frames, links, pools, eyes and money has a value."""
    found = worlds.scenario(
        duration="4 s", replications=2, city={"demand": "demand.csv"}, prices="test-book",
        traces=worlds.traces(), events=[{"at": "300 ms", "rewrite": "cam", "model": "slow"}],
        edges={"box": {"server": "test-gpu", "after": "cell", "shared_by": "cell"}}, **changes,
    )  # fmt: skip
    adaptive = {"rule": "back-pressure", "queue": 9, "every": "1 s", "at": "site",
                "ladder": [{"rate": "5 fps"}]}  # fmt: skip
    found["arms"]["edge"] = {**found["arms"]["cloud"], "infer": "edge", "adaptive": adaptive}
    return found


@pytest.fixture(scope="module")
def record() -> fleet.Record:
    return fleet.run(worlds.load(data()), executor="local")


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metric]:
    """Write one metric beside its formula, in one module."""
    metric = Metric(
        "halves.late", SHARE, "Results that are later than half of the latest", Better.LESS,
        Section.LATENCY, "later than half of the latest", "of results",
        group="halves.by_group.{}",
    )  # fmt: skip

    def halves(outcome: Outcome) -> dict[str, Any]:
        late = outcome.tally.latency.sum(axis=1) / 1e9
        return {
            "late": 0.25,
            "by_group": dict(zip(outcome.plan.sensors.group_names, late, strict=True)),
        }

    halves.__module__ = latency.__name__
    monkeypatch.setattr(latency, "halves", Part("halves", halves, (metric,)), raising=False)
    metrics.parts.cache_clear()
    yield metric
    monkeypatch.undo()
    metrics.parts.cache_clear()


def test_one_metric_more_is_seen_at_every_door(another: Metric) -> None:
    slo = ["halves.late < 20 %", "edge: halves.by_group.cam > 0"]
    found = fleet.run(worlds.load(data(slo=slo)), executor="local")
    assert {arm["halves"]["late"] for arm in found.summary["arms"].values()} == {0.25}
    rows = {title: {label: (unit, cells) for label, unit, cells in rows}
            for title, rows in sections(found.numbers)}  # fmt: skip
    assert rows["Latency of results"][another.label] == ("of results", ["25.0%"] * 3)
    compared = found.summary["comparison"]["arms"]["edge"]["halves.late"]
    assert compared["difference"] == 0.0
    assert {
        (row["metric"], row["arm"]): (row["measured"], row["unit"], row["kept"])
        for row in found.summary["slo"]
    } == {
        **{("halves.late", arm): (0.25, "share", False) for arm in found.arms},
        ("halves.by_group.cam", "edge"): (
            min(run["halves"]["by_group"]["cam"] for run in found.numbers["edge"]), "share", True,
        ),
    }  # fmt: skip
    table = metric_table(found.numbers)
    mine = table.filter(pc.equal(table["metric"], another.key)).to_pylist()
    assert {(row["group"], row["unit"]) for row in mine} == {(None, "share"), ("cam", "share")}
    assert len(mine) == 2 * 2 * 3
    (line,) = (line for line in glossary() if another.key in line)
    assert another.meaning in line
    assert "`halves.by_group.GROUP`" in line


def glossary() -> list[str]:
    """Return the lines that would stand in the glossary."""
    path = ROOT / "scripts" / "render_metrics.py"
    spec = importlib.util.spec_from_file_location("render_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))
        spec.loader.exec_module(script)
    return list(script.lines())


def test_every_metric_is_in_the_numbers(record: fleet.Record) -> None:
    """A path that leads nowhere would be a number that is never known."""
    known_somewhere = set()
    for runs in record.numbers.values():
        for one in named(names_in(runs[0]), lambda _: True):
            if one.value(runs[0]) is not None:
                known_somewhere.add((one.metric.key, one.scope))
    told = {(one.metric.key, one.scope) for one in everything(record)}
    told = {(key, scope) for key, scope in told if not key.startswith("battery.")}  # on mains
    tasks = {key for key, _ in told if key.startswith("service.")}
    assert {key for key, _ in told - known_somewhere} <= tasks
    for key, scope in told - known_somewhere:  # this world has one use, and runs for seconds
        where = at(record.arms["cloud"], key if scope is Scope.ARM else "service.groups.cam")
        assert where is None or scope is Scope.GROUP
        assert key.removeprefix("service.") in record.arms["cloud"]["service"]


def everything(record: fleet.Record) -> list[metrics.Named]:
    return list(named(names_in(record.arms["cloud"]), lambda _: True))


def test_names_are_unique_and_lead_back(record: fleet.Record) -> None:
    every = everything(record)
    assert len({one.text for one in every}) == len(every)
    for one in every:
        assert find(one.text) == one
    assert find("latency_ms") is None
    assert find("groups..latency_ms.p99") is None
    assert find("load.servers of box.busiest_busy") == (
        known("load.servers of cloud.busiest_busy").metric, Scope.POOL, "box",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "scope", "name", "path"),
    [
        ("latency_ms.p99", Scope.GROUP, "cam", "groups.cam.latency_ms.p99"),
        ("load.busiest_busy", Scope.POOL, "cloud", "load.servers of cloud.busiest_busy"),
        ("load.busiest_busy", Scope.LINK, "wan", "load.wan.busiest_busy"),
        ("bandwidth_mbit_s.mean", Scope.LINK, "wan", "bandwidth_mbit_s.wan.mean"),
        ("power_w.total", Scope.ARM, "", "power_w.total"),
        ("cost_usd_per_sensor_month.total", Scope.ARM, "", "cost_usd_per_sensor_month.total"),
        ("carbon_kg_per_sensor_year", Scope.ARM, "", "carbon_kg_per_sensor_year"),
        ("rollout.blind_s.max", Scope.ARM, "", "rollout.blind_s.max"),
        ("accuracy.recall", Scope.GROUP, "cam", "accuracy.by_group.cam.recall"),
    ],
)
def test_values_are_looked_up_by_metric_scope_and_name(
    record: fleet.Record, key: str, scope: Scope, name: str, path: str
) -> None:
    values = [look_up(arm, key, scope, name) for arm in record.arms.values()]
    assert values == [at(arm, path) for arm in record.arms.values()]
    assert any(values)
    assert find(path) == (known(path).metric, scope, name)


def test_what_a_scope_has_not_is_not_known(record: fleet.Record) -> None:
    arm = record.arms["cloud"]
    assert look_up(arm, "power_w.total", Scope.GROUP, "cam") is None
    assert look_up(arm, "bandwidth_mbit_s.mean") is None
    assert look_up(arm, "latency_ms.p99", Scope.GROUP, "nobody") is None


def test_groups_links_and_pools_have_objectives(record: fleet.Record) -> None:
    demands = [
        "edge: groups.cam.latency_ms.p99 < 1 min", "edge: load.servers of box.busiest_busy < 99 %",
        "cloud: load.wan.busiest_busy < 1 ppm", "cloud: accuracy.by_group.cam.recall > 1 %",
        "on_sensor: rollout.blind_s.max < 1 h", "on_sensor: load.servers of cloud.busiest_busy < 1",
    ]  # fmt: skip
    loaded = record.scenario.changed(f"slo={json.dumps(demands)}")
    rows = judge(objectives(loaded), record.numbers)
    assert [row["kept"] for row in rows] == [True, True, False, True, True, False]
    assert [row["metric"] for row in rows][:2] == [
        "groups.cam.latency_ms.p99", "load.servers of box.busiest_busy",
    ]  # fmt: skip
    assert rows[-1]["why"] == "no sensor's path leads there"
    with pytest.raises(InputError) as caught:
        objectives(record.scenario.changed('slo=["groups.cams.latency_ms.p99 < 1"]'))
    assert "no metric 'groups.cams.latency_ms.p99' (did you mean 'groups.cam." in str(caught.value)
    assert "docs/GLOSSARY.md lists all" in str(caught.value)


def test_numbers_are_written_in_full() -> None:
    shown = {
        0: "0",
        1234567: "1,234,567",
        0.00005: "0.00005",
        -0.00012346: "-0.0001235",
        2.5: "2.5",
    }
    for value, text in shown.items():
        assert number(value) == text


def test_rows_say_what_the_doors_need() -> None:
    for metric in metrics.metrics():
        assert not metric.meaning[0].islower(), metric.key
        assert not metric.meaning.endswith("."), metric.key
        assert (metric.section is None) == (not metric.label), metric.key
        assert metric.whole or metric.link, metric.key
        for path in (metric.link, metric.pool, metric.group):
            assert path.count("{}") in (0, 1), metric.key
        assert metric.whole or metric.compared is not Over.SITES, metric.key


def test_numbers_side_by_side_are_those_in_their_places(record: fleet.Record) -> None:
    """By whole paths too, in which names of links may hold dots: so rows of studies are read."""
    (run,) = record.numbers["cloud"][:1]
    run = json.loads(json.dumps(run))
    for part in ("bandwidth_mbit_s", "bytes_by_link"):
        run[part]["wan.old"] = run[part]["wan"]
    rows = flat(run)
    assert rows["bandwidth_mbit_s.wan.old.mean"] == rows["bandwidth_mbit_s.wan.mean"]
    assert len(rows) > 100
    beside = {name: value for name, (value, _) in rows.items()}
    for name, (value, unit) in rows.items():
        one = known(name).metric
        assert unit == one.unit.name
        assert value == (one.read(beside) if one.read else metric_value(beside, name))
        assert value == metric_value(run, name) or one.read
    for name in ("lost", "delivered.never"):
        metric = known(name).metric
        frames = [metric.frames(partial(metric_value, of)) for of in (beside, run)]
        assert frames[0] == frames[1] > 0
