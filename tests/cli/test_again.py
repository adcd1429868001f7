"""Results run again and set beside others: what is the same, what differs, what is damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cities
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import worlds
from scipy import stats
from test_cli import fleet

import fleet as api
from fleet.results.interval import welch95
from fleet.results.origin import Change, changed
from fleet.study.study_again import StudyAgain

Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of a result folder, that may be damaged."""
    kept = cities.small().folder
    assert kept is not None
    return Path(shutil.copytree(kept, tmp_path / "kept"))


def edited(path: Path, change: Callable[[Any], None]) -> None:
    """Change what a JSON file holds."""
    held = json.loads(path.read_text("utf-8"))
    change(held)
    path.write_text(json.dumps(held))


def again(folder: Path, *more: str) -> int:
    return fleet("reproduce", str(folder), "--executor", "local", *more)


def test_a_folder_gives_the_same_again_from_what_it_holds(
    folder: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert again(folder, "-o", "new") == 0
    said = capsys.readouterr().out
    assert "✓ fingerprint" in said
    assert "numbers as they were, to the last bit" in said
    assert "The same inputs, catalogue, versions and code." in said
    assert fleet("diff", str(folder), "new") == 0
    assert "0 differ." in capsys.readouterr().out
    assert again(folder, "-o", str(folder)) == 2


def test_what_is_not_as_it_was_is_told_and_fails(folder: Path, capsys: Said) -> None:
    def other(held: Any) -> None:
        held["cloud"][1]["power_w"]["total"] *= 1.5
        held["cloud"][0]["latency_ms"]["p50"] *= 1 + 1e-12

    edited(folder / "replications.json", other)
    edited(folder / "summary.json", lambda held: held["arms"]["edge"].update(fingerprint="f" * 64))
    assert again(folder) == 1
    said = capsys.readouterr().out
    assert "✗ edge: fingerprint ffffffffffffffff then" in said
    rest = [arm for arm in cities.small().arms if arm != "edge"]
    assert f"✓ fingerprints: every frame of {', '.join(rest)} as it was" in said
    assert "✗ 1 of " in said
    assert "cloud, replication 1: power_w.total" in said
    assert again(folder, "--arm", "on_sensor") == 0
    assert again(folder, "--arm", "nobody") == 2


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("scenario.yaml", "name: small-city\n", "is missing"),
        ("sites.csv", "id\n", "SHA-256"),
        ("sites.csv", None, "put it back"),
        ("run.json", "{}", "run its scenario again"),
        ("run.json", '{"inputs": [1]}', "do not fit together"),
        ("summary.json", '{"schema": "fleet-summary/9"}', "fleet-summary/9"),
        ("summary.json", None, "not a result folder"),
        ("summary.json", '{"schema": "fleet-summary/3"}', "do not fit together"),
        ("replications.json", "[]", "do not fit together"),
        ("sensors.parquet", "PAR1", "cannot be read"),
    ],
)
def test_a_damaged_folder_is_bad_input(
    name: str, text: str | None, why: str, folder: Path, capsys: Said
) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    assert again(folder) == 2
    assert why in capsys.readouterr().err
    if name in ("summary.json", "replications.json"):
        assert fleet("diff", str(folder), str(folder)) == 2


def test_another_scenario_in_its_place_is_bad_input(folder: Path, capsys: Said) -> None:
    text = (folder / "scenario.yaml").read_text("utf-8")
    (folder / "scenario.yaml").write_text(text.replace("seed: ", "seed: 1"))
    assert again(folder) == 2
    assert "is not the scenario that was run" in capsys.readouterr().err


def test_folders_of_others_are_bad_input(tmp_path: Path, capsys: Said) -> None:
    for command in (["reproduce", str(tmp_path)], ["diff", str(tmp_path), "nowhere"]):
        assert fleet(*command) == 2
        assert "not a result folder" in capsys.readouterr().err


def test_a_study_is_no_run(tmp_path: Path, capsys: Said) -> None:
    both = ["reproduce", str(tmp_path)], ["diff", str(tmp_path), str(tmp_path)]
    for name, what, commands in (("study.yaml", "study", both[1:]), ("plan.json", "plan", both)):
        (tmp_path / name).write_text("{}")
        for command in commands:
            assert fleet(*command) == 2
            assert f"is a {what}, and here one run is asked for" in capsys.readouterr().err


def test_what_a_function_places_is_left_out(tmp_path: Path, capsys: Said) -> None:
    scenario = cities.city(tmp_path / "city", ("a", "b"), replications=1)
    out = tmp_path / "out"
    api.run(
        scenario, placements={"own": lambda sensor: "cloud"}, executor="local", output=out,
        figures=False, overrides={"baseline": "own"},
    )  # fmt: skip
    assert again(out) == 1
    assert "✗ own was not run: a Python function places it" in capsys.readouterr().out
    assert again(out, "--arm", "cloud") == 0


def test_two_results_differ_where_replications_show_it(
    folder: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    other = tmp_path / "b"
    rest = [arm for arm in cities.small().arms if arm != "cloud"]
    scenario = folder / "scenario.yaml"
    for seed, how in (("3", "replication by replication"), ("9", "(Welch)")):
        assert fleet(
            "run", str(scenario), "--executor", "local", "--no-figures", "-o", str(other),
            "--seed", seed, "--set", "links.wan.rate=3 Mbit/s", "--arm", "cloud",
        ) == 1  # fmt: skip
        capsys.readouterr()
        assert fleet("diff", str(folder), str(other)) == 0
        said = capsys.readouterr().out
        assert "links.wan.rate" in said
        assert f"Only A has {', '.join(rest)}." in said
        assert how in said.replace("\n", " ")
    assert len(said.splitlines()) < 30
    assert fleet("diff", str(folder), str(other), "--full") == 0
    assert len(capsys.readouterr().out.splitlines()) > 30


def test_hostile_names_stand_in_a_diff(capsys: Said) -> None:
    hostile = cities.hostile().folder
    assert fleet("diff", str(cities.small().folder), str(hostile)) == 0
    said = capsys.readouterr()
    assert (said.out + said.err).replace("\n", "").isprintable()


def test_an_interval_of_independent_samples_is_that_of_welch() -> None:
    one, other = [1.0, 2.0, 4.0, 4.5], [3.0, 3.1, 2.9, 3.3, 3.0, 3.2]
    told = welch95(one, other)
    assert told is not None
    (low, high), degrees = told
    theirs = stats.ttest_ind(one, other, equal_var=False)
    assert degrees == int(theirs.df)
    half = stats.t.ppf(0.975, degrees) * theirs._standard_error
    middle = theirs._estimate
    assert (low, high) == pytest.approx((middle - half, middle + half), rel=1e-3)
    assert welch95([1.0], other) is None
    assert welch95([1.0, 1.0], [2.0, 2.0]) is None


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that has a scenario and a study of it."""
    there = tmp_path_factory.mktemp("studied")
    shutil.copytree(worlds.HERE / "catalogue", there / "catalogue")
    made = worlds.scenario(duration="300 ms")
    (there / "s.yaml").write_text(json.dumps(made))
    vary = {"cloud.servers": [1, 2]}
    api.sweep(there / "s.yaml", vary, arms=["cloud"], output=there / "study", workers=1)
    return there


def test_a_study_gives_the_same_again(study: Path, tmp_path: Path, capsys: Said) -> None:
    assert fleet("reproduce", str(study / "study"), "-o", str(tmp_path / "new")) == 0
    said = capsys.readouterr().out
    assert "numbers as they were, to the last bit" in said
    assert "The same inputs, catalogue and versions." in said
    new, old = (place / "results.parquet" for place in (tmp_path / "new", study / "study"))
    assert new.read_bytes() == old.read_bytes()
    for more in (["-o", str(study / "study")], ["--arm", "cloud"]):
        assert fleet("reproduce", str(study / "study"), *more) == 2


def test_a_study_that_is_another_now_says_so(study: Path, tmp_path: Path, capsys: Said) -> None:
    there = tmp_path / "there"
    shutil.copytree(study, there)
    about = (there / "study" / "study.yaml").read_text().replace(str(study), str(there))
    (there / "study" / "study.yaml").write_text(about)
    made = json.loads((there / "s.yaml").read_text())
    (there / "s.yaml").write_text(json.dumps({**made, "duration": "200 ms"}))
    table = pq.read_table(there / "study" / "results.parquet")
    rows = table.to_pylist()
    rows[0] |= {"metric": None, "value": None, "unit": None, "error": "it was late"}
    pq.write_table(pa.Table.from_pylist(rows, table.schema), there / "study" / "results.parquet")
    answer = api.reproduce(there / "study", executor="local")
    assert not answer.same
    assert isinstance(answer, StudyAgain)
    assert [(one.run, one.was, one.now) for one in answer.failures] == [
        ("cloud.servers=1, cloud, replication 0", "it was late", None)
    ]
    assert Change("inputs", "duration", "300 ms", "200 ms") in answer.changes
    assert {other.key.point for other in answer.numbers.others} == {
        "cloud.servers=1",
        "cloud.servers=2",
    }
    assert fleet("reproduce", str(there / "study")) == 1
    said = capsys.readouterr().out
    assert "✗ cloud.servers=1, cloud, replication 0: it was late then, did not fail now" in said
    assert "cloud.servers=2, cloud, replication 0: " in said
    assert "Other inputs: duration 300 ms → 200 ms" in said


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("study.yaml", "schema: fleet-study/1\n", "it is damaged"),
        ("study.yaml", "schema: fleet-study/0\n", "fleet-study/0"),
        ("results.parquet", "PAR1", "it is damaged"),
        ("results.parquet", None, "go on with: fleet sweep --resume"),
    ],
)
def test_a_damaged_study_is_bad_input(
    name: str, text: str | None, why: str, study: Path, tmp_path: Path, capsys: Said
) -> None:
    there = Path(shutil.copytree(study / "study", tmp_path / "study"))
    (there / name).unlink()
    if text is not None:
        (there / name).write_text(text)
    assert fleet("reproduce", str(there)) == 2
    assert why in capsys.readouterr().err


def test_results_are_compared_from_python(folder: Path) -> None:
    one, other = api.Record.load(folder), api.diff(folder, folder)
    assert other.rows == []
    assert other.same_frames == list(one.numbers)
    assert api.diff(one, folder).same == other.same
    answer = api.reproduce(folder, arms=["cloud"], executor="local")
    assert answer.same
    assert answer.numbers.many > 100


def test_rows_that_only_one_has_used_are_no_other_rows() -> None:
    was = {"catalogue": {"a.x": "1 W", "b.y": "2 W"}, "versions": {}}
    now = {"catalogue": {"a.x": "3 W", "c.z": "2 W"}, "versions": {"numpy": "2"}}
    assert changed(was, now) == [
        Change("catalogue", "a.x", "1 W", "3 W"), Change("versions", "numpy", None, "2"),
    ]  # fmt: skip
