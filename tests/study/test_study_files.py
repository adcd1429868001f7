"""Study files: what they say, the points that come of it, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import worlds

import fleet
from fleet.cli import main as cli
from fleet.errors import InputError
from fleet.study import study_file
from fleet.study.points import Drawing, drawn
from fleet.study.sweep import asked_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small scenario."""
    folder = tmp_path_factory.mktemp("studies")
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    (folder / "small.yaml").write_text(json.dumps(worlds.scenario(duration="1 s")))
    return folder


def written(place: Path, text: str, name: str = "study.yaml") -> Path:
    path = place / name
    path.write_text(f"scenario: small.yaml\n{text}")
    return path


def cells(path: Path) -> list[tuple[object, ...]]:
    return [point.cells for point in asked_of(path).design.points]


def test_a_grid(place: Path) -> None:
    path = written(
        place,
        "vary: {cloud.servers: 1..3, sensors.*.rate: '5,10 fps'}\nwhere: cloud.servers < 3\n"
        "set: {seed: 5}\narms: [cloud]\nmetrics: [lost]\nreplications: 2\n",
    )
    asked = asked_of(path)
    assert cells(path) == [(1, 5), (1, 10), (2, 5), (2, 10)]
    assert (asked.arms, asked.metrics, asked.replications) == (("cloud",), ("lost",), 2)
    assert asked.design.scenario.model.seed == 5


@pytest.mark.parametrize("design", ["latin-hypercube", "sobol"])
def test_drawn_points_fill_every_slice(place: Path, design: str) -> None:
    text = f"design: {design}\npoints: 16\nvary:\n  cloud.servers: 1..16\n"
    text += "  links.wan.rate: 10..90 Mbit/s\n"
    found = cells(written(place, text))
    assert len(found) == 16
    servers, rates = ([one[k] for one in found] for k in (0, 1))
    assert sorted(servers) == list(range(1, 17))  # one in each of 16 slices
    assert sorted(int((float(rate) - 10) / 5) for rate in rates) == list(range(16))  # type: ignore[arg-type]
    assert found == cells(written(place, text))
    assert found != cells(written(place, text.replace("points: 16", "points: 16\nseed: 2")))


def test_values_are_as_likely_as_each_other() -> None:
    (words,) = drawn(["k=a,b,c,d"], Drawing("latin-hypercube", 40))
    assert sorted(words.texts) == sorted([*"abcd"] * 10)
    (steps,) = drawn(["k=1..8*2"], Drawing("sobol", 16))
    assert sorted(steps.texts) == sorted(["1", "2", "4", "8"] * 4)


def test_a_list_is_read_from_a_table(place: Path) -> None:
    table = "cloud.servers,links.wan.rate (Mbit/s)\n1,20\n4,50\n2,20\n"
    (place / "points.csv").write_text(table)
    path = written(place, "design: list\nfile: points.csv\n")
    assert cells(path) == [(1, 20), (4, 50), (2, 20)]
    overrides = asked_of(path).design.points[1].overrides
    assert overrides == ("cloud.servers=4", "links.wan.rate=50 Mbit/s")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vari: {a: 1}", ":2 vari: unknown key (did you mean 'vary'?)"),
        ("", ":1 vary: say what varies"),
        ("vary: [a]", ":2 vary: \"['a']\" must be a mapping"),
        ("design: gird\nvary: {cloud.servers: 1}", "'gird' is not one of grid, latin-hypercube"),
        ("design: sobol\nvary: {cloud.servers: 1..4}", "'sobol' needs 'points'"),
        ("design: sobol\npoints: 12\nvary: {cloud.servers: 1..4}", "take 8 or 16"),
        ("points: 4\nvary: {cloud.servers: 1..4}", ":2 points: is for the designs latin-hypercube"),
        ("file: a.csv\nvary: {cloud.servers: 1..4}", ":2 file: is for the design 'list'"),
        ("design: list\nfile: none.csv", "none.csv: is no list of points"),
        ("design: list\nfile: empty.csv", "empty.csv: is no list of points: it is empty"),
        ("design: list\nfile: bare.csv", "bare.csv: has no points"),
        ("design: list\nfile: ragged.csv", "ragged.csv:3: has 1 values for 2 keys"),
        ("design: list\nfile: wrong.csv", "cloud.servers=-1"),
        ("design: list\nvary: {a: 1}", "a list has 'file'"),
        ("design: latin-hypercube\npoints: 4\nvary: {cloud.servers: 4..1}", "the range is empty"),
        ("design: latin-hypercube\npoints: 4\nvary: {clod.servers: 1..4}", "unknown key 'clod'"),
        ("vary: {cloud.servers: 1..4}\nwhere: cloud.servers > 9", "holds at none of 4 points"),
        ("vary: {cloud.servers: 1..4}\nmetrics: [lots]", ":3 metrics: no metric 'lots'"),
        ("vary: {cloud.servers: 1..4}\narms: [clod]", "no arm 'clod'"),
        ("vary: {cloud.servers: 1..4}\nreplications: 0", ":3 replications: '0' must be a whole"),
        ("vary: {cloud.servers: 1..4}\nset: {clod: 1}", "unknown key 'clod'"),
    ],
)
def test_bad_files_are_told_in_one_line(
    place: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in (
        ("empty", ""), ("bare", "cloud.servers\n"), ("ragged", "cloud.servers,seed\n1,2\n3\n"),
        ("wrong", "cloud.servers\n-1\n"),
    ):  # fmt: skip
        (place / f"{name}.csv").write_text(rows)
    with pytest.raises(SystemExit) as ended:
        cli.main(["sweep", str(written(place, text)), "-o", str(place / "never")])
    assert ended.value.code == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (place / "never").exists()


def test_the_scenario_is_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("scenario: gone.yaml\nvary: {cloud.servers: 1}\n")
    with pytest.raises(InputError, match=r"study.yaml:1 scenario: file 'gone.yaml' not found"):
        fleet.sweep(path)
    path.write_text("vary: {cloud.servers: 1}\n")
    with pytest.raises(InputError, match=r"study.yaml:1 scenario: is missing"):
        study_file.read(path)


def test_a_file_that_changed_is_told(place: Path) -> None:
    text = "vary: {cloud.servers: '1,2'}\narms: [cloud]\n"
    path, output = written(place, text, "changing.yaml"), place / "kept"
    table = fleet.sweep(path, output=output, workers=1)
    written(place, f"# only a remark\n{text}", "changing.yaml")
    assert fleet.sweep(resume=output).equals(table)
    assert fleet.sweep(path, output=output).equals(table)
    written(place, text.replace("1,2", "1,3"), "changing.yaml")
    with pytest.raises(InputError, match=r"changing.yaml' has changed since the study began"):
        fleet.sweep(resume=output)
    with pytest.raises(InputError, match=r"it holds a study of another --vary"):
        fleet.sweep(path, output=output)
    path.unlink()  # the folder says all that was asked
    assert fleet.sweep(resume=output).equals(table)


def test_what_a_file_says_is_not_said_twice(place: Path) -> None:
    path = written(place, "vary: {cloud.servers: '1,2'}\n")
    with pytest.raises(InputError, match="is a study file and says what varies: leave out --vary"):
        fleet.sweep(path, "cloud.servers=1..4")


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*.yaml")), ids=lambda p: p.stem)
def test_committed_studies_run_when_small(path: Path) -> None:
    asked = asked_of(path)
    point = asked.design.points[0]
    table = fleet.sweep(
        asked.design.scenario.changed(*point.overrides, "duration=1 s"), "cloud.servers=1",
        replications=1, arms=["cloud"], workers=1,
    )  # fmt: skip
    assert table["error"].null_count == table.num_rows
    assert set(asked.metrics) <= set(table["metric"].to_pylist())
