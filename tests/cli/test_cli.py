"""The command line as a user meets it: output, exit codes, files."""

from __future__ import annotations

import csv
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import worlds
from matplotlib.figure import Figure

from fleet import __version__, api
from fleet.cli import main as cli
from fleet.cli.exit import code_of
from fleet.cli.figures import drawn
from fleet.errors import InputError
from fleet.proof.account import compared
from fleet.results.record import Record
from fleet.scenario.load import load
from fleet.show.remarks import load_remarks

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
GOLDEN = Path(__file__).parents[1] / "golden"


def fleet(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the result folder of the smoke scenario."""
    folder = tmp_path_factory.mktemp("smoke") / "run"
    where = ["--executor", "local", "--figures", "-o", str(folder)]
    assert fleet("run", "scenarios/smoke.yaml", *where) == 0
    return folder


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_shipped_scenarios_are_fine_and_open_with_their_question(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("check", str(path)) == 0
    assert "is fine" in capsys.readouterr().out
    comment = " ".join(
        line.lstrip("# ") for line in path.read_text().split("\n\n")[0].splitlines()
        if line.startswith("#")
    )  # fmt: skip
    assert "?" in comment


def test_the_flagship_is_a_city() -> None:
    from fleet.study.job import prepare

    made = {arm: each[0] for arm, each in prepare("scenarios/helsinki.yaml").plans.items()}
    for arm, plan in made.items():
        assert plan.size >= 2500
        assert plan.end_ns == 600_000_000_000
        rates = 1e9 * plan.sensors.clocks.den / plan.sensors.clocks.num
        assert (rates == 5).all() if arm.endswith("_5fps") else (rates >= 10).all()
        assert plan.money.grid.name == "fin"
    # What differs between the first two is where inference runs.
    inside, outside = made["on_sensor"], made["cloud"]
    assert {eye.name for eye in (*inside.eyes.networks, *outside.eyes.networks)} == {"eye-large"}
    for column in ("sense_ns", "read_ns", "base_uw", "sense_uw", "sense_idle_uw"):
        of = [
            getattr(plan.sensors.setups, column)[plan.sensors.setup_of]
            for plan in (inside, outside)
        ]
        assert (of[0] == of[1]).all(), column
    assert inside.on_sensor.all()
    assert not outside.on_sensor.any()


def test_an_answer_that_nobody_reads_is_kept(tmp_path: Path) -> None:
    """As with `fleet run ... | head -1`: the reader goes while the figures are drawn."""
    command = [sys.executable, "-m", "fleet", "run", "scenarios/smoke.yaml", "--executor", "local",
               "--figures", "-o", str(tmp_path / "run")]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
    assert (tmp_path / "run" / "summary.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_nothing_captured_is_told_and_drawn(tmp_path: Path) -> None:
    data = worlds.scenario()
    data["sensors"]["cam"] |= {"rate": "1 frame/d", "phase": "random"}
    record = api.run(worlds.load(data), executor="local", output=tmp_path / "out")
    told = [line for line in load_remarks(record) if "captured no frame" in line]
    assert len(told) == len(data["arms"])
    assert told[0].startswith("on_sensor: 'cam' captured no frame in the 2 s that count, so there")
    with pytest.raises(InputError, match=r"of scenario 'test', not of 'other'; .*force=True"):
        api.run(worlds.load({**data, "name": "other"}), executor="local", output=tmp_path / "out")
    api.run(
        worlds.load({**data, "name": "other"}),
        executor="local",
        output=tmp_path / "out",
        force=True,
    )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["scenario"]["name"] == "other"


def test_the_answer_comes_before_the_figures_and_nothing_is_lost_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The numbers are written before both, and figures are drawn even if there is no answer."""
    folder, there = tmp_path / "run", []

    def show(*_: object, **__: object) -> None:
        there.append(((folder / "run.json").is_file(), (folder / "figures").exists()))
        raise ZeroDivisionError("a mistake in the table")

    monkeypatch.setattr("fleet.cli.run._show", show)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    where = ["--executor", "local", "--figures", "-o", str(folder)]
    assert fleet("run", "scenarios/smoke.yaml", *where) == 3
    assert "ZeroDivisionError: a mistake in the table; send '" in capsys.readouterr().err
    assert there == [(True, False)]
    assert sorted(path.name[:13] for path in tmp_path.iterdir()) == ["fleet-report-", "run"]
    assert (folder / "figures" / "power.png").is_file()


def test_a_figure_that_cannot_be_drawn_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def savefig(self: Figure, path: Path, **_: object) -> None:
        if "power" in path.name:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"drawn")

    monkeypatch.setattr(Figure, "savefig", savefig)
    where = ["--executor", "local", "--figures", "--full", "-o", str(tmp_path / "run")]
    assert fleet("run", "scenarios/smoke.yaml", *where) == 0
    told = capsys.readouterr()
    assert "fleet: no figure 'power', all numbers are there: OSError: [Errno 28] No" in told.err
    assert "Power by component" in told.out
    drawn = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn == {
        "latency_cdf", "latency_ccdf", "latency_stages", "bandwidth", "boundaries", "tasks",
        "timeline",
    }  # fmt: skip
    with pytest.warns(UserWarning, match=r"no figure 'power': OSError\(28"):
        api.run(worlds.load(worlds.scenario()), executor="local", output=tmp_path / "python")
    assert (tmp_path / "python" / "figures" / "power.png").exists() is False
    assert Record.load(tmp_path / "python").arms


@pytest.mark.parametrize(("is_terminal", "asked"), [(False, []), (True, ["--no-figures"])])
def test_figures_are_for_who_looks_or_asks(
    is_terminal: bool, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert [drawn(each) for each in (None, True, False)] == [is_terminal, True, False]
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)  # as with `>&-`
        assert not drawn(None)
    where = ["--executor", "local", "-o", str(tmp_path / "run"), *asked]
    assert fleet("run", "scenarios/smoke.yaml", *where) == 0
    assert (tmp_path / "run" / "summary.json").is_file()
    assert not (tmp_path / "run" / "figures").exists()


def test_a_terminal_of_few_letters_is_no_reason_to_fail(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fleet", "catalog", "show", "imx500"]
    done = subprocess.run(
        command, capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_answer_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "schema"], stdout=full, stderr=subprocess.PIPE,
            cwd=ROOT, text=True,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("fleet: ")
    assert "Traceback" not in done.stderr


def test_folder_holds_everything(smoke: Path) -> None:
    names = {str(p.relative_to(smoke)) for p in smoke.rglob("*") if p.is_file()}
    assert {
        "summary.json", "run.json", "scenario.yaml", "sensors.parquet", "series.parquet",
        "histograms.parquet", "latencies.parquet", "events.parquet", "metrics.parquet",
        "replications.json",
    } <= names  # fmt: skip
    for figure in ("latency_cdf", "latency_stages", "bandwidth", "power", "tasks"):
        assert {f"figures/{figure}.{kind}" for kind in ("png", "pdf", "csv")} <= names
    summary = json.loads((smoke / "summary.json").read_text())
    run = json.loads((smoke / "run.json").read_text())
    assert run["fingerprint"] == summary["fingerprint"]
    assert run["command"] == shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    age = datetime.now(UTC) - datetime.fromisoformat(run["date"])
    assert timedelta(seconds=-1) <= age < timedelta(hours=1)
    assert re.fullmatch("[0-9a-f]{64}", run["catalogue"])
    sensors = pq.read_table(smoke / "sensors.parquet")
    assert sensors.num_rows == 2 * 12
    captured = sum(a["frames"]["captured"] for a in summary["arms"].values())
    assert sum(sensors["captured"].to_pylist()) == captured
    histogram = pq.read_table(smoke / "histograms.parquet")
    results = sum(a["frames"]["results"] for a in summary["arms"].values())
    assert sum(histogram["results"].to_pylist()) == results
    assert not list(smoke.parent.glob(".run-*"))


def test_figures_embed_truetype_and_hold_what_their_csv_says(smoke: Path) -> None:
    for pdf in (smoke / "figures").glob("*.pdf"):
        content = pdf.read_bytes()
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
    with (smoke / "figures" / "power.csv").open() as file:
        rows = list(csv.DictReader(file))
    summary = json.loads((smoke / "summary.json").read_text())
    for row in rows:
        watts = summary["arms"][row["arm"]]["power_w"][row["component"]]
        assert float(row["mean_w"]) == pytest.approx(watts, rel=1e-5)
    with (smoke / "figures" / "tasks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["group"], row["arm"]) for row in rows} == {("door", "on_sensor")}
    for row in rows:
        found = summary["arms"][row["arm"]]["service"]["groups"][row["group"]][row["measure"]]
        told = [float(row[key]) for key in ("mean", "ci95_low", "ci95_high")]
        assert told == pytest.approx([found["mean"], *found["ci95"]], rel=1e-5)


def test_golden_numbers_of_the_smoke_scenario(smoke: Path) -> None:
    """Renew with UPDATE_GOLDEN=1 and say in the commit why the numbers changed."""
    summary = json.loads((smoke / "summary.json").read_text())
    found = {
        "fingerprint": summary["fingerprint"],
        "frames": {arm: numbers["frames"] for arm, numbers in summary["arms"].items()},
        "latency_ms": {arm: numbers["latency_ms"] for arm, numbers in summary["arms"].items()},
        "power_w": {arm: numbers["power_w"] for arm, numbers in summary["arms"].items()},
    }
    path = GOLDEN / "smoke.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(path.read_text())


def test_json_is_the_summary(
    smoke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "again")
    assert fleet("run", "scenarios/smoke.yaml", "--executor", "local", "--json", "-o", out) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((smoke / "summary.json").read_text())
    for summary in (printed, written):
        del summary["host"]
    assert printed == written


def test_table_names_its_units(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    where = ["--executor", "local", "--full", "-o", str(tmp_path / "x")]
    assert fleet("run", "scenarios/smoke.yaml", *where) == 0
    shown = capsys.readouterr()
    for words in ("Mbit/s", "ms", "W", "mJ", "frames", "p99.9", "skipped: sensor down", "Results"):
        assert words in shown.out + shown.err
    assert "One replication: no intervals over replications" in shown.out
    told = " ".join(shown.out.split())
    assert "on_sensor (door, lamp): ssd-mobilenet-v2 (COCO mAP 21.8, 320 px) sees as" in told
    assert "cloud (door, lamp): nobody stands for the sight of yolo11m (COCO mAP 51.5" in told
    assert "Electricity is that of grid fin, 79.16 gCO2e/kWh (by the time zone" in told


def test_an_interrupt_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fleet.study.job.prepare", stopped)
    with pytest.raises(SystemExit) as stop:
        cli.main(["check", "any.yaml"])
    assert stop.value.code == 130
    assert code_of(stopped) == 130  # before typer takes over
    assert "fleet: interrupted" in capfd.readouterr().err


def test_missed_objective_exits_with_1(tmp_path: Path) -> None:
    arguments = ["--executor", "local", "-o", str(tmp_path / "x"), "--set", "slo=['lost < 0 %']"]
    assert fleet("run", "scenarios/smoke.yaml", *arguments) == 1
    assert (tmp_path / "x" / "summary.json").is_file()


@pytest.mark.parametrize("engine", ["columns", "reference"])
def test_frames_as_parquet(engine: str, tmp_path: Path) -> None:
    arguments = ["--executor", "local", "--engine", engine, "--frames", str(tmp_path / "f")]
    assert fleet("run", "scenarios/smoke.yaml", *arguments, "-o", str(tmp_path / "x")) == 0
    table = pq.read_table(tmp_path / "f" / "cloud-0.parquet")
    names = {"sensor", "setup", "frame", "capture_ns", "wan_ns", "done_ns", "fate"}
    assert names <= set(table.column_names)
    summary = json.loads((tmp_path / "x" / "summary.json").read_text())
    frames = summary["arms"]["cloud"]["frames"]
    assert table["fate"].to_pylist().count("result") == frames["results"]
    assert table.num_rows == frames["captured"]
    assert table["fate"].to_pylist().count("in_flight") == frames["in_flight"]
    for arm, numbers in summary["arms"].items():
        frames = pq.read_table(tmp_path / "f" / f"{arm}-0.parquet")
        lines = compared(numbers, frames, load("scenarios/smoke.yaml"), arm)
        assert [line for line in lines if not line.agrees] == []


def test_a_crash_from_the_start_is_not_taken_for_absence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remark = "while 'door' is down its host and its radio or port draw power"
    for event, told in (
        ("{at: 0 s, crash: door, lasts: 5 s}", True),
        ("{at: 12:00, crash: door}", True),
        ("{at: 5 s, crash: door, lasts: 1 h}", True),
        ("{at: 1 s, crash: door, lasts: 5 s}", False),
        ("{crash: door, mtbf: 5 s, mttr: 1 h}", False),
    ):
        events = ["--set", f"events=[{event}]"]
        assert fleet("check", "scenarios/smoke.yaml", *events) == 0
        assert (remark in " ".join(capsys.readouterr().out.split())) == told, event
    where = ["--executor", "local", "--full", "-o", str(tmp_path / "x")]
    events = ["--set", "events=[{at: 0 s, crash: door}]"]
    assert fleet("run", "scenarios/smoke.yaml", *events, *where) == 0
    assert remark in " ".join(capsys.readouterr().out.split())


def test_what_is_new_is_there_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fleet("new", "shop.yaml") == 0
    assert "fleet run shop.yaml" in capsys.readouterr().out
    first, _, question, *_ = Path("shop.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=fleet.schema.json"
    assert json.loads(Path("fleet.schema.json").read_text())["title"] == "fleet scenario"
    assert "?" in question
    assert fleet("check", "shop.yaml") == 0
    Path("fleet.schema.json").write_text("mine")
    assert fleet("new", "other") == 0
    assert fleet("check", "other.yaml") == 0
    assert Path("fleet.schema.json").read_text() == "mine"
    for name, words in (
        ("shop.yaml", "'shop.yaml' is there already; name another file"),
        ("a b.yaml", "'a b' is not a name"),
        ("nowhere/shop.yaml", "cannot write 'nowhere/shop.yaml': No such file or directory"),
    ):
        capsys.readouterr()
        assert fleet("new", name) == 2
        assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fleet.schema.json", "other.yaml", "shop.yaml",
    ]  # fmt: skip


def test_version_and_completion(capfd: pytest.CaptureFixture[str]) -> None:
    assert fleet("--version") == 0
    assert capfd.readouterr().out == f"fleet {__version__}\n"
    asked = {"_FLEET_COMPLETE": "complete_bash", "COMP_WORDS": "fleet s", "COMP_CWORD": "1"}
    code = "import sys; sys.argv = ['fleet']\nfrom fleet.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["show", "sweep", "sensitivity", "schema", "selftest"]


def test_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert {"sensors", "links", "cloud", "arms"} <= set(schema["properties"])


def test_catalogue_is_printed_with_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet("catalog", "sensors", "imx500", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["source"] and row["confidence"] for row in rows)
    assert fleet("catalog", "sensors") == 0
    assert "imx500" in capsys.readouterr().out
    assert fleet("catalog", "sensors", "imx5000") == 2
    assert fleet("catalog", "sensor") == 2


FIGURES = {"matplotlib", "pyarrow.compute"}
RUNNING = {"ray", "onnxruntime", "fleet.reference.life"}
COMPUTING = {"numba", "numpy", "pyarrow", "pydantic", "simpy"}


@pytest.mark.parametrize(
    ("command", "without"),
    [
        ("--help", FIGURES | RUNNING | COMPUTING),
        ("catalog sensors", (FIGURES | RUNNING | COMPUTING) - {"pydantic"}),
        ("check scenarios/smoke.yaml", FIGURES | RUNNING | {"simpy", "fleet.columns.shard"}),
        ("run scenarios/smoke.yaml --executor local --no-figures", FIGURES | RUNNING),
    ],
)
def test_what_takes_long_to_import_waits_until_it_is_needed(
    command: str, without: set[str], tmp_path: Path
) -> None:
    words = [*command.split(), *(["-o", str(tmp_path / "out")] if "run" in command else [])]
    code = (
        "import sys\nclass Without:\n    @staticmethod\n    def find_spec(name, *_):\n"
        "        if name == 'pandas':\n            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without)\n"  # pyarrow imports it wherever it is
        "from fleet.cli.exit import code_of\nfrom fleet.cli.main import app\n"
        f"assert code_of(lambda: app({words})) == 0\nprint('@', *sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not set(found.stdout.rpartition("@")[2].split()) & without


def test_a_link_is_cut_in_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "scenarios" / "cut_fibre.py"), run_name="__main__")
    _, *rows = capsys.readouterr().out.splitlines()
    second, cut, after = (float(rows[s - 1].split()[-1]) for s in (2, 3, 4))
    assert after > 1000 > 5 * cut > second  # what waits is late when the link is there again


def test_the_example_script_runs() -> None:
    found = subprocess.run(
        [sys.executable, "scenarios/own_placement.py"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "own" in found.stdout
    assert "skipped while blind" in found.stdout


@pytest.mark.ray
def test_ray_run_from_the_shell(smoke: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "fleet", "run", str(ROOT / "scenarios/smoke.yaml"), "--json",
        "-o", str(tmp_path / "x"), "--shards", "2",
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    summary = json.loads(found.stdout)
    assert summary["host"]["executor"] == "ray"
    assert summary["fingerprint"] == json.loads((smoke / "summary.json").read_text())["fingerprint"]
