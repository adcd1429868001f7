"""What figures of a study show: averages with intervals, who wins, knees and fronts."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pyarrow as pa
import pytest

import fleet
from fleet.reports.study import _upwards, chapter
from fleet.results.interval import interval95
from fleet.results.metrics import known
from fleet.show.folders import StudyFolder
from fleet.show.study_figures import regimes
from fleet.show.sweep import bounds
from fleet.show.tables import grids
from fleet.study.averages import (
    Average,
    averages,
    front,
    interval,
    knee,
    places,
    scaled,
    varied,
    winner,
)

ARMS = ("on_sensor", "cloud")
VALUES = {  # by servers and rate: of both arms, by replication
    (1, 5): ([20.0, 21.0, 22.0], [90.0, 95.0, 100.0]),
    (1, 10): ([20.0, 21.0, 22.0], [190.0, 195.0, 200.0]),
    (2, 5): ([20.0, 21.0, 22.0], [19.0, 22.0, 21.0]),
    (2, 10): ([20.0, 21.0, 22.0], [15.0, 16.1, 16.9]),
}


@pytest.fixture
def table() -> pa.Table:
    rows = [
        {
            "point": f"p{servers}{rate}", "cloud.servers": servers, "sensors.*.rate (fps)": rate,
            "arm": arm, "replication": k, "metric": metric, "value": value * scale,
            "unit": unit, "error": None,
        }
        for (servers, rate), values in VALUES.items()
        for arm, numbers in zip(ARMS, values, strict=True)
        for k, value in enumerate(numbers)
        for metric, unit, scale in (("latency_ms.p99", "ms", 1.0), ("power_w.total", "W", -1.0))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def test_averages_are_over_replications(table: pa.Table) -> None:
    assert varied(table) == ["cloud.servers", "sensors.*.rate (fps)"]
    assert [row["point"] for row in places(table)] == ["p15", "p110", "p25", "p210"]
    found = averages(table, "latency_ms.p99")[("p15", "cloud")]
    assert found.mean == 95.0
    assert found.ci95 == interval95([90.0, 95.0, 100.0])
    assert len(averages(table, "latency_ms.p99")) == 8


def test_intervals_of_percentiles_are_as_wide_as_their_steps() -> None:
    assert interval([12.34, 12.34, 12.34], stepped=True) == pytest.approx((12.33, 12.35))
    assert interval([12.34, 12.34, 12.34], stepped=False) is None
    assert interval([12.34], stepped=True) is None


def test_what_is_not_known_in_a_replication_has_no_average(table: pa.Table) -> None:
    values = table["value"].to_pylist()
    values[0] = None
    broken = table.set_column(table.column_names.index("value"), "value", [values])
    assert ("p15", "on_sensor") not in averages(broken, "latency_ms.p99")


def test_a_share_of_which_there_is_nothing_is_told_as_a_bound() -> None:
    """Below three over the frames of all replications, without those that were held back."""
    numbers = {
        "lost": (0.0, 0.0), "delivered.never": (0.0, 0.0), "skipped": (0.0, 0.5),
        "frames.captured": (900.0, 1000.0), "frames.in_flight_before": (50.0, 50.0),
        "frames.skipped.not_published": (0.0, 500.0),
    }  # fmt: skip
    rows = [
        {"point": "p1", "cloud.servers": 1, "arm": "cloud", "replication": k, "metric": metric,
         "value": values[k], "unit": known(metric).metric.unit.name, "error": None}
        for metric, values in numbers.items() for k in range(2)
    ]  # fmt: skip
    table, key = pa.Table.from_pylist(rows), ("p1", "cloud")
    for name, frames in (("lost", 2000), ("delivered.never", 1500)):
        one = averages(table, name)[key]
        assert one.is_bound
        assert one.ci95 == (0.0, 3 / frames)
        assert scaled(name, {key: one})[key].ci95 == (0.0, 300 / frames)
    assert not averages(table, "skipped")[key].is_bound
    (grid,) = grids(StudyFolder(Path("s"), "s", {"replications": 2}, table), ["lost"])
    assert grid.lines[0].cells[0] == ("<0.15", 0.0, 0.0, pytest.approx(0.15))
    assert grid.notes[-1].startswith("<: there was none; with 95 %")
    assert [one[0] for one in bounds(table, ["skipped"])] == []
    assert list(bounds(table, ["lost"])) == [grid.notes[-1]]
    early = table.slice(0, 2)  # of a program that did not write frames down
    assert averages(early, "lost")[key].ci95 is None


@pytest.mark.parametrize(
    ("point", "arm", "shown"),
    [
        ("p15", "on_sensor", True), ("p25", "cloud", False), ("p210", "cloud", True),
    ],
)  # fmt: skip
def test_winners_are_shown_where_the_paired_difference_is(
    table: pa.Table, point: str, arm: str, shown: bool
) -> None:
    found = averages(table, "latency_ms.p99")
    at = {name: found[point, name] for name in ARMS}
    assert winner("latency_ms.p99", at) == (arm, shown)
    alone = {name: one._replace(values=one.values[:1]) for name, one in at.items()}
    best = winner("latency_ms.p99", alone)
    assert best is not None
    assert not best.shown  # one replication tells nothing
    assert winner("latency_ms.p99", {"cloud": at["cloud"]}) is None
    assert winner("frames.captured", at) is None  # neither more nor less is better


def test_knees_are_where_a_curve_bends() -> None:
    x = [1.0, 2, 3, 4, 5, 6, 7, 8]
    assert knee(x, [100, 50, 10, 9, 8, 7, 6, 5]) == 2
    assert knee(x, [1, 1, 1, 1, 2, 20, 60, 120]) == 4
    assert knee(x, x) is None
    assert knee(x, [1, 5, 1, 5, 1, 5, 1, 5]) is None
    assert knee(x[:3], [9, 1, 0]) is None


def test_nothing_beats_a_front() -> None:
    points = [(1.0, 9.0), (2.0, 5.0), (3.0, 6.0), (4.0, 1.0), (4.0, 2.0), (9.0, 9.0)]
    assert front(points, (1, 1)) == [0, 1, 3]
    assert front([(x, -y) for x, y in points], (1, -1)) == [0, 1, 3]
    for k, (x, y) in enumerate(points):
        beaten = any(a <= x and b <= y and (a, b) != (x, y) for a, b in points)
        assert beaten != (k in front(points, (1, 1)))


def test_figures_come_from_the_table(table: pa.Table, tmp_path: Path) -> None:
    fleet.figures(table, tmp_path, ["latency_ms.p99", "power_w.total"])
    names = (
        "curve_latency_ms.p99",
        "regimes_latency_ms.p99",
        "pareto_latency_ms.p99_power_w.total",
    )
    for name, kind in itertools.product(names, ("png", "pdf", "csv")):
        assert (tmp_path / f"{name}.{kind}").stat().st_size, name
    regimes = (tmp_path / "regimes_latency_ms.p99.csv").read_text().splitlines()
    assert regimes[1:] == [
        "1,5,on_sensor,1,", "1,10,on_sensor,1,", "2,5,cloud,0,", "2,10,cloud,1,",
    ]  # fmt: skip
    curve = (tmp_path / "curve_latency_ms.p99.csv").read_text().splitlines()
    assert len(curve) == 9
    low, high = interval95([90.0, 95.0, 100.0]) or (math.nan, math.nan)
    assert f"1,5,cloud,95,{low:.6g},{high:.6g},0" in curve


def test_where_nobody_is_better_a_map_says_so(table: pa.Table, tmp_path: Path) -> None:
    values = [20.0 if k < 12 else x for k, x in enumerate(table["value"].to_pylist())]
    alike = table.set_column(table.column_names.index("value"), "value", [values])
    figure, rows = regimes(alike, "latency_ms.p99")
    assert rows[1:] == [
        (1, 5, "", 0, "nobody is better"), (1, 10, "on_sensor", 1, ""), (2, 5, "cloud", 0, ""),
        (2, 10, "cloud", 1, ""),
    ]  # fmt: skip
    (legend,) = figure.legends
    assert [one.get_text() for one in legend.get_texts()][-1] == "= nobody is better"
    assert [one.get_text() for one in figure.axes[0].texts] == ["="]
    (legend,) = regimes(table, "latency_ms.p99")[0].legends
    assert "nobody" not in str([one.get_text() for one in legend.get_texts()])


def test_a_page_of_a_study_tells_bounds_and_shows_what_is_small(table: pa.Table) -> None:
    none = [
        {**row, "metric": metric, "value": value, "unit": known(metric).metric.unit.name}
        for row in table.slice(0, 12).to_pylist()[::2]
        for metric, value in (("lost", 0.0), ("frames.captured", 1000.0))
    ]
    shown = StudyFolder(
        Path("s"), "s", {"replications": 3, "scenario": "s.yaml", "metrics": ["lost"]},
        pa.Table.from_pylist(none, table.schema),
    )  # fmt: skip
    answer = str(chapter(shown, "r1").sections[0].body)
    assert "lost: none at any point; with 95 % the share is &lt;0.10%." in answer
    few = [Average(1.0, (0.5, 1.5), (1.0,)), Average(100.0, (-50.0, 250.0), (100.0,))]
    assert _upwards(few).log
    assert _upwards(few).place(1.0) > 0.1
    assert not _upwards([few[0], Average(20.0, None, (20.0,))]).log
    assert _upwards([Average(-1.0, None, (-1.0,)), few[1]]).low <= -50.0


def test_figures_of_drawn_points_are_fronts(table: pa.Table, tmp_path: Path) -> None:
    """Each point has values of its own: no curve goes through them."""
    servers = [float(k) + 0.37 * i for i, k in enumerate(table["cloud.servers"].to_pylist())]
    point = [f"p{k}" for k in range(len(servers))]
    scattered = table.set_column(1, "cloud.servers", [servers]).set_column(0, "point", [point])
    fleet.figures(scattered, tmp_path, ["latency_ms.p99", "power_w.total"])
    assert not list(tmp_path.glob("curve*"))
    assert not list(tmp_path.glob("regimes*"))
