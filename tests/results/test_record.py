"""Records that are read from a folder show what the run showed."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import worlds
from rich.console import Console

import fleet
from fleet import telling
from fleet.errors import InputError
from fleet.results.record import Record
from fleet.results.tables import Tables
from fleet.scenario.load import loads
from fleet.show import figures, terminal


def scenario() -> dict[str, Any]:
    """Return two arms of sensors, a box and skips, in two replications."""
    data = worlds.scenario(duration="4 s", replications=2, city={"demand": "demand.csv"})
    data["sensors"]["cam"]["rate"] = "60 fps"
    data["edges"] = {"box": {"server": "test-gpu", "after": "cell", "shared_by": "cell"}}
    data["arms"]["edge"] = {**data["arms"]["cloud"], "infer": "edge"}
    data["slo"] = ["latency_ms.p99 < 500"]
    return data


@pytest.fixture(scope="module")
def run_and_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    folder = tmp_path_factory.mktemp("record") / "out"
    return fleet.run(worlds.load(scenario()), executor="local", output=folder), folder


def shown(record: Record) -> str:
    """Return all that is printed of a record."""
    out = Console(width=120, record=True, file=None, force_terminal=False)
    with out.capture() as captured:
        for table in terminal.comparison_tables(record, out):
            out.print(table)
        for line in terminal.verdicts(record.summary["slo"], record.summary["replications"]):
            out.print(line)
        for text in terminal.remarks(record):
            out.print(text, markup=False)
    return captured.get()


def test_a_record_that_was_read_shows_what_the_run_showed(
    run_and_folder: tuple[Record, Path], tmp_path: Path
) -> None:
    fresh, folder = run_and_folder
    read = Record.load(folder)
    assert read.outcomes == {}
    assert repr(read) == f"<Record of {fresh.summary['run_id']}: on_sensor, cloud, edge>"
    assert shown(read) == shown(fresh)
    assert "with 1 test-gpu each" in shown(read)
    figures.draw_all(read, tmp_path)
    tables = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert len(tables) > 3
    for name in tables:
        assert (tmp_path / name).read_text() == (folder / "figures" / name).read_text()


def test_of_too_many_arms_no_figure_is_drawn(
    run_and_folder: tuple[Record, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST_ARMS", 2)
    said = figures.draw_all(run_and_folder[0], tmp_path / "figures")
    assert [str(error) for error in said.values()] == [
        "3 arms are more than 2; choose some of them with --arm"
    ]
    assert not (tmp_path / "figures").exists()


def test_a_record_that_was_read_can_be_compared(run_and_folder: tuple[Record, Path]) -> None:
    fresh, folder = run_and_folder
    read = Record.load(folder)
    for base in ("cloud", "edge"):
        assert fleet.compare(read, base) == fleet.compare(fresh, base)
    assert {arm: len(runs) for arm, runs in read.numbers.items()} == dict.fromkeys(fresh.arms, 2)
    for name in Tables._fields:
        for arm in fresh.arms:
            for replication in range(2):
                one, other = (of.tables.of(name, arm, replication) for of in (read, fresh))
                assert one.schema == other.schema
                assert repr(one.to_pydict()) == repr(other.to_pydict())  # NaN is NaN
    counts = fresh.outcomes["cloud"][1].tally.sensors
    assert read.tables.of("sensors", "cloud", 1)["captured"].to_pylist() == counts[:, 0].tolist()


def test_the_long_table_has_every_number_of_every_replication(
    run_and_folder: tuple[Record, Path],
) -> None:
    fresh, folder = run_and_folder
    rows = pq.read_table(folder / "metrics.parquet").to_pylist()
    key = itemgetter("arm", "replication", "group", "metric")
    assert len({key(row) for row in rows}) == len(rows)
    told = {key(row): (row["value"], row["unit"]) for row in rows}
    for arm, runs in fresh.numbers.items():
        for replication, run in enumerate(runs):
            of = (arm, replication, None)
            assert told[*of, "power_w.total"] == (run["power_w"]["total"], "W")
            wan = run["bandwidth_mbit_s"]["wan"]["mean"]
            assert told[*of, "bandwidth_mbit_s.wan.mean"] == (wan, "Mbit/s")
            assert told[*of, "cost_usd_per_sensor_month.total"] == (None, "USD")
            p99 = run["groups"]["cam"]["latency_ms"]["p99"]
            assert told[arm, replication, "cam", "latency_ms.p99"] == (p99, "ms")
    assert {row["unit"] for row in rows} >= {"share", "frames", "mJ", "B", "objects"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: shutil.rmtree(folder), "is not there; 'fleet run' makes such a folder"),
        (lambda folder: (folder / "series.parquet").unlink(), "it has no series.parquet; run its"),
        (lambda folder: (folder / "latencies.parquet").unlink(), "it has no latencies.parquet; ru"),
        (lambda folder: (folder / "summary.json").write_text("{"), "cannot be read: "),
        (lambda folder: (folder / "sensors.parquet").write_text("x"), "cannot be read: "),
        (lambda folder: changed(folder, "fleet-summary/1"), "results in the form fleet-summary/1"),
    ],
)
def test_other_folders_are_refused(
    spoil: Any, said: str, run_and_folder: tuple[Record, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run_and_folder[1], folder)
    spoil(folder)
    with pytest.raises(InputError) as caught:
        Record.load(folder)
    assert said in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_result_folder_can_be_checked_and_run_anywhere(tmp_path: Path) -> None:
    """It holds the files that its scenario names, with their SHA-256, and gives the same bits."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copytree(worlds.HERE / "catalogue", home / "own")
    shutil.copy(worlds.HERE / "demand.csv", home / "people.csv")
    (home / "times.csv").write_text("t_ms\n" + "".join(f"{40 * k}\n" for k in range(50)))
    data = worlds.scenario(catalogue="own", city={"demand": "people.csv"}, traces=worlds.traces())
    data["sensors"]["cam"]["capture"] = {"trace": {"file": "times.csv", "column": "t_ms"}}
    del data["sensors"]["cam"]["rate"]
    asked = [f"traces={worlds.traces()}"]  # they lie elsewhere
    loaded = loads(json.dumps(data), str(home / "mine.yaml"), asked)
    first = fleet.run(loaded, executor="local", output=home / "out")
    inputs = json.loads((home / "out" / "run.json").read_text())["inputs"]
    assert set(inputs) >= {"people.csv", "times.csv", "own/links.csv", worlds.traces()}
    assert [name for name, one in inputs.items() if not one["copied"]] == [worlds.traces()]
    digest = hashlib.sha256((home / "people.csv").read_bytes()).hexdigest()
    assert inputs["people.csv"]["sha256"] == digest
    shutil.move(home / "out", tmp_path / "elsewhere")
    shutil.rmtree(home)
    again = fleet.run(
        tmp_path / "elsewhere", overrides={"traces": worlds.traces()}, executor="local"
    )
    assert again.summary["fingerprint"] == first.summary["fingerprint"]
    assert again.summary["run_id"] == first.summary["run_id"]


def first_half(sensor: fleet.Placed, other: str = "cloud") -> str:
    """Place the first three cameras elsewhere."""
    return other if sensor.name < "cam-3" else "on_sensor"


class Half:
    """A placement that is no function."""

    def __call__(self, sensor: fleet.Placed) -> str:
        return first_half(sensor)


def test_placements_in_python_are_kept_by_their_text(tmp_path: Path) -> None:
    typed: dict[str, Any] = {}
    exec("def rule(sensor): return 'cloud'", typed)
    rules = {
        "half": first_half, "bound": functools.partial(first_half, other="on_sensor"),
        "thing": Half(), "typed": typed["rule"],
    }  # fmt: skip
    loaded = worlds.load(worlds.scenario(duration="500 ms"))
    first = fleet.run(
        loaded, placements=rules, executor="local", output=tmp_path / "out", figures=False
    )
    mine = Path(__file__).read_text("utf-8")
    assert first.placements == {"half": mine, "bound": mine, "thing": mine, "typed": None}
    told = json.loads((tmp_path / "out" / "run.json").read_text())["placements"]
    for arm in ("half", "bound", "thing"):
        kept = (tmp_path / "out" / told[arm]["file"]).read_bytes()
        assert kept.decode() == mine
        assert told[arm]["sha256"] == hashlib.sha256(kept).hexdigest()
    assert told["typed"] == {"file": None, "why": "it was typed in, or is not written in Python"}
    read = Record.load(tmp_path / "out")
    assert list(read.arms) == ["on_sensor", "cloud", *rules]
    assert read.made["placements"] == told
    assert read.made["fingerprint"] == first.summary["fingerprint"]
    again = fleet.run(tmp_path / "out", executor="local")
    assert list(again.arms) == ["on_sensor", "cloud"]
    for arm in again.arms:
        assert again.arms[arm]["fingerprint"] == first.arms[arm]["fingerprint"]


def test_an_arm_of_a_placement_needs_a_name() -> None:
    with pytest.raises(
        InputError, match=r"placements: '\.\./half' is not a name: up to 64 letters"
    ):
        fleet.run(worlds.load(worlds.scenario()), placements={"../half": first_half})


def changed(folder: Path, schema: str) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({**summary, "schema": schema}))


def test_who_replaces_results_keeps_what_others_put_there(tmp_path: Path) -> None:
    made, out = worlds.load(worlds.scenario(duration="300 ms")), tmp_path / "out"
    fleet.run(made, arms=["cloud"], executor="local", output=out)
    (out / "notes.txt").write_text("mine")
    (out / "sub").mkdir()
    (out / "sub" / "more.txt").write_text("mine, too")
    (out / "report.html").write_text("of what was there")
    heard: list[str] = []
    with telling.heard_by(heard.append):
        fleet.run(made, arms=["cloud"], seed=2, executor="local", output=out, figures=False)
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "sub" / "more.txt").read_text() == "mine, too"
    assert not (out / "report.html").exists()
    assert f"replaced what was in '{out}'; kept: notes.txt, sub" in heard
    assert fleet.Record.load(out).summary["seed"] == 2
