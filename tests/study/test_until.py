"""Replications are added until intervals are narrow enough, and coverage holds all the same."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import worlds

import fleet
from fleet.errors import InputError
from fleet.results.interval import ERROR_A_LOOK, chance, interval95, t95
from fleet.results.means import estimate
from fleet.results.metrics import known
from fleet.study import averages
from fleet.study.until import looks, read

WIDTH = "cloud: latency_ms.mean ± 2 %"


def scenario(**changes: Any) -> fleet.Scenario:
    return worlds.load(worlds.scenario(duration="500 ms", **changes))


def test_looks_are_planned_and_the_last_is_the_most() -> None:
    assert list(looks(114)) == [10, 15, 23, 35, 53, 80, 114]
    assert list(looks(10)) == [10]
    assert list(looks(20)) == [10, 15, 20]


def test_each_look_spends_less_and_the_quantile_is_that() -> None:
    for degrees in (9, 14, 22, 100):
        assert chance(t95(degrees, looked=True), degrees) == pytest.approx(ERROR_A_LOOK)
        assert t95(degrees, looked=True) > t95(degrees)


@pytest.mark.parametrize("width", [0.3, 0.5, 0.7, 1.0])
def test_coverage_holds_at_any_width_for_normal_values(width: float) -> None:
    """By sums of squares, of 20,000 studies at a time; plain intervals fail at the worst width."""
    at = np.array([*looks(500)])
    values = np.random.default_rng(3).standard_normal((20_000, 500))
    mean = values.cumsum(axis=1)[:, at - 1] / at
    variance = ((values**2).cumsum(axis=1)[:, at - 1] - at * mean**2) / (at - 1)
    shares = {}
    for looked in (False, True):
        half = np.array([t95(int(n) - 1, looked=looked) for n in at]) * np.sqrt(variance / at)
        narrow = half <= width
        narrow[:, -1] = True
        stop = narrow.argmax(axis=1)
        each = np.arange(len(stop))
        shares[looked] = float((np.abs(mean[each, stop]) <= half[each, stop]).mean())
    assert 0.945 <= shares[True] <= 0.968
    if width == 0.5:
        assert shares[False] < 0.942


def test_replications_are_added_until_it_is_narrow_and_no_further() -> None:
    record = fleet.run(scenario(), until=WIDTH, executor="local")
    until, many = record.summary["until"], record.summary["replications"]
    assert until["reached"]
    assert until["looks"] == [n for n in looks(114) if n <= many]
    assert len(until["looks"]) > 1
    runs, (row,) = record.numbers["cloud"], until["intervals"]
    metric = known("latency_ms.mean").metric
    for n in until["looks"]:
        found = estimate(runs[:n], metric, "latency_ms.mean", looked=True)
        assert found.ci95 is not None
        assert found.mean is not None
        narrow = (found.ci95[1] - found.ci95[0]) / 2 <= 0.02 * found.mean
        assert narrow == (n == many)
    told = record.summary["intervals"]["cloud"]["latency_ms.mean"]["ci95"]
    assert told == pytest.approx(found.ci95)
    assert row["half_width"] == pytest.approx((told[1] - told[0]) / 2)
    plain = interval95([run["latency_ms"]["mean"] for run in runs])
    assert plain is not None
    assert told[0] < plain[0] < plain[1] < told[1]
    as_many = fleet.run(scenario(), replications=many, executor="local")
    assert as_many.summary["fingerprint"] == record.summary["fingerprint"]
    assert as_many.summary["until"] is None
    assert f"✓ {WIDTH}: reached after {many} replications" in fleet.digest(record)


def test_what_is_not_reached_is_told() -> None:
    record = fleet.run(scenario(), until="bytes ± 1 B", replications=12, executor="local")
    assert record.summary["until"]["looks"] == [10, 12]
    assert not record.summary["until"]["reached"]
    assert "✗ bytes ± 1 B: not reached after 12 replications, the most allowed: " in fleet.digest(
        record
    )


def test_a_run_until_is_gone_on_with(tmp_path: Path) -> None:
    straight = fleet.run(scenario(), until=WIDTH, executor="local")

    def stop(arm: str, share: float) -> None:
        if arm == "cloud" and share == 1.0:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fleet.run(scenario(), until=WIDTH, output=tmp_path / "out", executor="local", progress=stop)
    record = fleet.run(scenario(), resume=tmp_path / "out", executor="local", figures=False)
    assert record.summary["until"] == straight.summary["until"]
    assert record.summary["fingerprint"] == straight.summary["fingerprint"]


@pytest.mark.parametrize(
    ("text", "width", "relative"),
    [
        ("latency_ms.p99 ± 5 %", 0.05, True),
        ("latency_ms.p99 +- 3 ms", 3.0, False),
        ("latency_ms.p99 +/- 3000 us", 3.0, False),
        ("lost ± 10 %", 0.1, True),
        ("lost ± 0.1 % points", 0.001, False),
    ],
)
def test_widths_are_relative_in_units_or_in_points(text: str, width: float, relative: bool) -> None:
    (one,) = read(scenario(), [text])
    assert (float(one.width), one.relative) == (pytest.approx(width), relative)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("latency_ms.p99 5 %", "write such as 'latency_ms.p99 ± 5 %'"),
        ("latency_ms.p98 ± 5 %", "no metric 'latency_ms.p98' (did you mean"),
        ("other: bytes ± 5 %", "no arm 'other'; arms: "),
        ("accuracy.recall ± 5 %", "is over scenes, which more replications do not make narrower"),
        ("bytes ± 0 B", "the width must be more than zero"),
        ("bytes ± 5 ms", "--until 'bytes ± 5 ms': "),
    ],
)
def test_what_cannot_be_asked_is_told(text: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        read(scenario(), [text])
    assert told in str(error.value)


def test_the_first_look_is_allowed() -> None:
    with pytest.raises(InputError, match=r"the first look is after 10"):
        fleet.run(scenario(), until=WIDTH, replications=9, executor="local")


STUDY: dict[str, Any] = {
    "vary": ["cloud.servers=1,2"], "until": "cloud: latency_ms.mean ± 2 %", "replications": 40,
}  # fmt: skip
FINAL = ("study.yaml", "design.parquet", "results.parquet", "results.csv", "until.csv")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a scenario, and a study of it that ended when its intervals were narrow enough."""
    folder = tmp_path_factory.mktemp("until")
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    (folder / "small.yaml").write_text(json.dumps(worlds.scenario(duration="500 ms")))
    fleet.sweep(folder / "small.yaml", **STUDY, output=folder / "whole", workers=1)
    return folder / "small.yaml", folder / "whole"


def test_each_point_and_arm_has_as_many_replications_as_it_needs(
    study: tuple[Path, Path],
) -> None:
    table = pq.read_table(study[1] / "results.parquet")
    means = averages.averages(table, "latency_ms.mean")
    counts = {key: len(mean.values) for key, mean in means.items()}
    assert {n for (_, arm), n in counts.items() if arm != "cloud"} == {10}
    assert max(counts.values()) > 10
    for (point, arm), mean in means.items():
        if arm == "cloud":
            for n in (n for n in looks(40) if n <= counts[point, arm]):
                low, high = interval95(mean.values[:n], looked=True) or (0.0, np.inf)
                narrow = (high - low) / 2 <= 0.02 * sum(mean.values[:n]) / n
                assert narrow == (n == counts[point, arm]) or n == 40
            assert mean.ci95 == pytest.approx((low, high))
    at = {arm: mean for (point, arm), mean in means.items() if point == table["point"][0].as_py()}
    assert averages.winner("latency_ms.mean", at) is not None  # over those that both have


def test_a_study_until_is_the_same_however_it_was_stopped(
    study: tuple[Path, Path], tmp_path: Path
) -> None:
    """As if killed with any runs done, in any order: so may several processes have left them."""
    path, whole = study
    lines = (whole / "journal.jsonl").read_text().splitlines(keepends=True)
    chance = random.Random(4)
    for share in (0.3, 0.9):
        cut = tmp_path / str(share)
        shutil.copytree(whole, cut)
        for name in FINAL[2:]:
            (cut / name).unlink()
        kept = chance.sample(lines, round(share * len(lines)))
        (cut / "journal.jsonl").write_text("".join(kept))
        fleet.sweep(resume=cut, workers=1)
        for name in FINAL:
            assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
        done = (cut / "journal.jsonl").read_text().splitlines()
        assert len(done) == len(lines)
    with pytest.raises(InputError, match="another --until"):
        fleet.sweep(path, **{**STUDY, "until": "bytes ± 1 %"}, output=cut)


def test_a_study_tells_what_is_not_reached(study: tuple[Path, Path], tmp_path: Path) -> None:
    from rich.console import Console

    from fleet.show.sweep import how_sure, tables
    from fleet.study.sweep import sweep

    path = tmp_path / "study.yaml"
    path.write_text(
        f"scenario: {study[0]}\nvary: {{cloud.servers: [1]}}\narms: [cloud]\nreplications: 11\n"
        "until: [lost ± 50 %, bytes ± 1 B]\n"
    )
    swept = sweep(path)
    assert [row["reached"] for row in swept.intervals] == [False, False]
    told = [*how_sure(swept)]
    assert told[0].startswith("Mean ± 95 % interval over 11 to 11 replications")
    assert "✗ bytes ± 1 B: not reached in 1 of 1 after 11 replications" in told[2]
    assert pc.max(swept.table["replication"]).as_py() == 10
    assert [*tables(swept.table, ["bytes"], Console(width=100))]
