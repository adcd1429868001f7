"""Which files a scenario may reach, and who may read what is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds
from test_cli import fleet

HOME, AWAY = "home", "away"


def demand(place: Path) -> dict[str, Any]:
    return {"city": {"demand": f"{place}/demand.csv"}}


def times(place: Path) -> dict[str, Any]:
    trace = {"trace": {"file": f"{place}/times.csv", "column": "t_s"}}
    cam = {"count": 1, "app": "watch", "uplink": "cell", "capture": trace}
    return {"sensors": {"cam": cam}}


def rows(place: Path) -> dict[str, Any]:
    return {"catalogue": f"{place}/catalogue"}


def traces(place: Path) -> dict[str, Any]:
    return {"traces": f"{place}/traces.parquet"}


def traces_of_a_folder(place: Path) -> dict[str, Any]:
    return {"traces": f"{place}/seen"}


NAMES = {
    "city.demand": demand, "sensors.cam.capture.trace.file": times, "catalogue": rows,
    "traces": traces, "traces ": traces_of_a_folder,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with files in it, at home and away, and links at home that lead away."""
    top = tmp_path_factory.mktemp("places")
    for place in (top / HOME, top / AWAY):
        shutil.copytree(worlds.HERE / "catalogue", place / "catalogue")
        shutil.copy(worlds.HERE / "demand.csv", place)
        (place / "times.csv").write_text("t_s\n0.5\n")
        (place / "seen").mkdir()
        for at in (place, place / "seen"):
            shutil.copy(worlds.traces(), at / "traces.parquet")
    (top / HOME / "link").symlink_to(top / AWAY)
    linked = top / HOME / "linked"
    (linked / "seen").mkdir(parents=True)
    (linked / "seen" / "traces.parquet").symlink_to(top / AWAY / "traces.parquet")
    for name in ("catalogue", "demand.csv", "times.csv", "traces.parquet"):
        (linked / name).symlink_to(top / AWAY / name)
    return top


def written(folder: Path, changes: dict[str, Any]) -> str:
    path = folder / HOME / "scenario.yaml"
    path.write_text(json.dumps({**worlds.scenario(), **changes}))
    return str(path)


@pytest.mark.parametrize(("key", "named"), NAMES.items())
@pytest.mark.parametrize("place", ["../away", "link", "linked", None])
def test_a_scenario_reaches_into_its_own_folder_only(
    key: str, named: Callable[[Any], dict[str, Any]], place: str | None, folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    key, place = key.strip(), place or str(folder / AWAY)
    assert fleet("check", written(folder, named(place))) == 2
    said = capsys.readouterr().err
    assert f"scenario.yaml:1 {key}: '" in said
    assert f"is outside the scenario's folder; move it inside, or name it yourself: --set {key}=" \
        in said  # fmt: skip


@pytest.mark.parametrize("named", NAMES.values())
def test_what_lies_there_is_read(named: Callable[[Any], dict[str, Any]], folder: Path) -> None:
    assert fleet("check", written(folder, named("."))) == 0


@pytest.mark.parametrize("named", NAMES.values())
def test_what_the_caller_names_is_read_from_anywhere(
    named: Callable[[Any], dict[str, Any]], folder: Path
) -> None:
    ((key, value),) = named(folder / AWAY).items()
    option = f"{key}={json.dumps(value)}"
    assert fleet("check", written(folder, {}), "--set", option) == 0


def test_a_link_in_a_folder_of_rows_leads_nowhere_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows_at = folder / HOME / "mixed"
    shutil.copytree(worlds.HERE / "catalogue", rows_at)
    (rows_at / "apps.csv").unlink()
    (rows_at / "apps.csv").symlink_to(folder / AWAY / "catalogue" / "apps.csv")
    assert fleet("check", written(folder, {"catalogue": "mixed"})) == 2
    assert "apps.csv' is outside the scenario's folder" in capsys.readouterr().err


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_results_are_open_to_whom_the_caller_says(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    path.write_text(json.dumps(worlds.scenario(duration="200 ms")))
    asked = [str(path), "--executor", "local", "--figures", "--frames", str(tmp_path / "frames")]
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "run", *asked, "-o", str(tmp_path / "out")],
        capture_output=True, text=True, umask=umask, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for top in ("out", "frames"):
        for one in (tmp_path / top, *(tmp_path / top).rglob("*")):
            wanted = (0o777 if one.is_dir() else 0o666) & ~umask
            assert one.stat().st_mode & 0o777 == wanted, one
