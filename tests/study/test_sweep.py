"""Studies: what may vary, and that every run is done once, whatever stops it on the way."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import worlds
from rich.console import Console

import fleet
from fleet.errors import InputError
from fleet.results.interval import interval95
from fleet.running.options import ExecutorKind
from fleet.scenario.load import Scenario, loads
from fleet.show.folders import opened
from fleet.show.sweep import chosen, tables
from fleet.show.tables import grids
from fleet.study.crew import Crew
from fleet.study.design import design
from fleet.study.hands import Hands
from fleet.study.journal import Journal, Run, locked
from fleet.study.sweep import Progress
from fleet.study.task import Task
from fleet.study.vary import parse
from fleet.study.where import condition

LONG_S = 120.0
FINAL = ("design.parquet", "results.csv", "results.parquet")
SERVERS = ["cloud.servers=1,2", "sensors.*.rate=10,25 fps"]


def made_up(**changes: Any) -> Scenario:
    return worlds.load(worlds.scenario(**{"duration": "1 s", "replications": 2, **changes}))


@pytest.mark.parametrize(
    ("spec", "texts", "column", "cells"),
    [
        ("1..4", ["1", "2", "3", "4"], "k", [1, 2, 3, 4]),
        ("1..20*3", ["1", "3", "9"], "k", [1, 3, 9]),
        ("0.5..2+0.5", ["0.5", "1", "1.5", "2"], "k", [0.5, 1.0, 1.5, 2.0]),
        ("0.1..0.4*2", ["0.1", "0.2", "0.4"], "k", [0.1, 0.2, 0.4]),
        ("100..300+100", ["100", "200", "300"], "k", [100, 200, 300]),
        ("5,10, 15 fps", ["5 fps", "10 fps", "15 fps"], "k (fps)", [5, 10, 15]),
        ("10..70+30,90 Mbit/s", [f"{n} Mbit/s" for n in (10, 40, 70, 90)], "k (Mbit/s)", None),
        ("90 %, 95 %", ["90 %", "95 %"], "k (%)", [90, 95]),
        ("500 ms,1 s", ["500 ms", "1 s"], "k", ["500 ms", "1 s"]),
        ("t4,l4", ["t4", "l4"], "k", ["t4", "l4"]),
        ("-1,+1.5", ["-1", "+1.5"], "k", [-1.0, 1.5]),
        ("true, false", ["true", "false"], "k", ["true", "false"]),
        ("2024-05-16T12:00", ["2024-05-16T12:00"], "k", ["2024-05-16T12:00"]),
    ],
)
def test_specs(spec: str, texts: list[str], column: str, cells: list[Any] | None) -> None:
    varied = parse(f"k={spec}")
    assert varied.key == "k"
    assert varied.texts == texts
    assert varied.column == column
    assert cells is None or varied.cells == cells


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("k", "write KEY=SPEC"), ("k=", "write KEY=SPEC"), ("=1", "write KEY=SPEC"),
        ("k=1,,2", "a value is empty"), ("k=1..", "neither a value nor a range"),
        ("k=1..4..5", "neither a value nor a range"), ("k=-1..4", "neither a value nor a range"),
        ("k=8..1", "is empty; write 1..8"), ("k=0.5..2", "needs a step"),
        ("k=1..4*1", "a factor is more than 1"), ("k=0..8*2", "begins above 0"),
        ("k=1..4+0", "the step is 0"), ("k=1,2,1", "1 stands twice"),
        ("k=5 fps,10", "others none"), ("k=5,10 ms,3 s", "others none"),
        ("k=[1, 2]", "neither a value nor a range"), ("k={a: 1}", "neither a value nor a range"),
        ("k=1..8x2", "did you mean 1..8*2?"),
        ("k=1;2", "neither a value nor a range"), ("k=1..100000", "more than 10,000 values"),
        ("k=0..1+0.00001", "more than 10,000 values"),
    ],
)  # fmt: skip
def test_specs_that_are_none(text: str, why: str) -> None:
    with pytest.raises(InputError, match=f"^--vary .*{why.replace('..', '[.][.]')}"):
        parse(text)


@pytest.mark.parametrize(
    ("vary", "where", "why"),
    [
        ([], None, "say what varies"),
        (["cloud.serverz=1,2"], None, "cloud.serverz=1,2: .*unknown key 'serverz'.*'server'"),
        (["cloud.servers=2,-1"], None, "cloud.servers=-1: .*greater than or equal to 1"),
        (["sensors.*.rate=5 fpz"], None, "sensors.cam.rate: '5 fpz': unknown unit 'fpz'"),
        (["sensors.*=1"], None, "stands for every key"),
        (["name.*.rate=1"], None, "'name' holds no keys"),
        (["nothing.*.rate=1"], None, "'nothing' holds no keys"),
        (["seed=1..3"], None, "'seed' cannot vary"),
        (["replications=1..3"], None, "'replications' cannot vary: use --replications"),
        (["cloud.servers=1", "cloud.servers=2"], None, "stands twice"),
        (["sensors.*.rate=5 fps", "sensors.cam.rate=6 fps"], None, "the same place"),
        (["sensors.cam.count=1..1000", "cloud.servers=1..1000"], None, "1,000,000 points is more"),
        (["cloud.servers=1..4"], "cloud.servers > 9", "holds at none of 4 points"),
        (["cloud.servers=1..4"], "", "it ends where something should follow"),
        (["cloud.servers=1..4"], "cloud.servers", "it ends"),
        (["cloud.servers=1..4"], "cloud.servers = 1", "'= 1' is no part"),
        (["cloud.servers=1..4"], "cloud.servers < < 1", "stands where a key"),
        (["cloud.servers=1..4"], "cloud.servers and 1", "'and' is none of"),
        (["cloud.servers=1..4"], "cloud.servers == 1 1", "'1' is too much"),
        (["cloud.servers=1..4"], "(cloud.servers == 1", "a bracket is not closed"),
        (["cloud.servers=1..4"], "cloud.batch == 1", "neither 'cloud.batch' nor '1' varies"),
        (["cloud.servers=1..4"], "cloud.servers < t4", "with == and != only"),
        (["cloud.servers=1..4"], "cloud.servers < 3 ms", "not of one kind"),
        (["cloud.servers=1..4"], "__import__('os')", "is no part of an expression"),
        (["cloud.servers=1..4"], "not " * 60 + "cloud.servers == 1", "deeper than 20"),
        (["cloud.servers=1..4"], "(" * 600, "longer than 500"),
    ],
)
def test_designs_that_are_none(vary: list[str], where: str | None, why: str) -> None:
    with pytest.raises(InputError, match=why):
        design(made_up(), vary, where)


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("a < 3", [1, 2]), ("3 > a", [1, 2]), ("a >= 3 and a != 4", [3]),
        ("a == 1 or a == 2 and b == t4", [1, 2]), ("(a == 1 or a == 2) and b == l4", []),
        ("not a <= 3", [4]), ("not (a == 1 or a == 2)", [3, 4]), ("c < 1500 us", [1]),
        ("a == c.a", [2]), ("c <= 3 ms and c >= 0.002 s", [2, 3]),
    ],
)  # fmt: skip
def test_conditions(expression: str, kept: list[int]) -> None:
    holds = condition(expression, ["a", "b", "c", "c.a"])
    points = [{"a": f"{n}", "b": "t4", "c": f"{n} ms", "c.a": "2"} for n in range(1, 5)]
    assert [int(point["a"]) for point in points if holds(point)] == kept


def test_points_are_known_by_what_they_say() -> None:
    scenario = made_up()
    found = design(scenario, SERVERS, "cloud.servers == 1 or sensors.*.rate < 20 fps")
    assert found.table().select([1, 2]).to_pydict() == {
        "cloud.servers": [1, 1, 2], "sensors.*.rate (fps)": [10, 25, 10],
    }  # fmt: skip
    assert found.points[1].overrides == ("cloud.servers=1", "sensors.cam.rate=25 fps")
    for point in found.points:
        assert scenario.changed(*point.overrides).digest.startswith(point.id)
    assert len({point.id for point in found.points}) == 3
    others = design(scenario, {"sensors.*.rate": ["25 fps"], "cloud.servers": [1]})
    assert others.points[0].id == found.points[1].id  # in whatever study and order
    with pytest.raises(InputError, match="must be a text"):
        design(scenario, {"cloud.servers": [object()]})


def numbers(table: pa.Table, metric: str, **at: Any) -> list[float]:
    for column, value in at.items():
        table = table.filter(pc.equal(table[column.replace("__", ".")], value))
    found: list[float] = table.filter(pc.equal(table["metric"], metric))["value"].to_pylist()
    return found


def test_points_share_their_random_numbers() -> None:
    """What a point changes is not the world: as many frames and objects in each replication."""
    table = fleet.sweep(
        made_up(replications=3, duration="2 s", light="day"), SERVERS[:1], workers=1,
        overrides=["sensors.cam.capture=poisson"],
    )  # fmt: skip
    one, two = (
        numbers(table, "frames.captured", arm="cloud", cloud__servers=servers)
        for servers in (1, 2)
    )  # fmt: skip
    assert one == two
    assert len(set(one)) > 1  # replications differ


ASKED: dict[str, Any] = {"vary": SERVERS, "where": "cloud.servers < 2 or sensors.*.rate < 20 fps"}
RUNS = 3 * 2 * 2


def scenario_file(folder: Path) -> Path:
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    path = folder / "small.yaml"
    path.write_text(json.dumps(worlds.scenario(duration="1 s", replications=2)))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a scenario and the folder of a study of it that nobody cut short, by one process."""
    path = scenario_file(tmp_path_factory.mktemp("whole"))
    fleet.sweep(path, **ASKED, output=path.with_name("study"), workers=1)
    return path, path.with_name("study")


def command(path: Path, output: Path) -> list[str]:
    options = [text for one in ASKED["vary"] for text in ("--vary", one)]
    return [
        sys.executable, "-m", "fleet", "sweep", str(path), *options, "--where", ASKED["where"],
        "-o", str(output), "--workers", "2",
    ]  # fmt: skip


def lines(folder: Path) -> list[str]:
    path = folder / "journal.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def wait_for(running: subprocess.Popen[str], folder: Path, size: int) -> None:
    until = time.monotonic() + LONG_S
    while running.poll() is None and len(lines(folder)) < size:
        assert time.monotonic() < until
        time.sleep(0.002)


def workers_of(parent: int) -> list[str]:
    texts = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            texts.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [t for t in texts if "fleet.study.worker" in t and t.endswith(f"\0{parent}\0")]


def test_killed_at_many_moments(whole: tuple[Path, Path], tmp_path: Path) -> None:
    """The same command goes on, runs nothing twice, and leaves the same bytes."""
    path, study = whole
    output = tmp_path / "study"
    kills = 0
    for size in (0, 1, 3, 6, 10):
        running = subprocess.Popen(command(path, output), stderr=subprocess.DEVNULL, text=True)
        wait_for(running, output, size)
        running.send_signal(signal.SIGKILL)
        kills += running.wait() == -signal.SIGKILL
        until = time.monotonic() + LONG_S
        while workers_of(running.pid):
            assert time.monotonic() < until
            time.sleep(0.01)
        if output.exists():
            with (output / "journal.jsonl").open("a") as file:
                file.write('{"point": "cut in the mid')
    assert kills >= 4
    done = subprocess.run(command(path, output), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in lines(output)]
    assert len(rows) == RUNS == len({(r["point"], r["arm"], r["replication"]) for r in rows})
    assert len({row["trial"] for row in rows}) == RUNS
    for name in FINAL:
        assert (output / name).read_bytes() == (study / name).read_bytes(), name
    assert sorted(p.name for p in output.iterdir()) == sorted(p.name for p in study.iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(whole: tuple[Path, Path], tmp_path: Path, number: int, code: int) -> None:
    path, study = whole
    output = tmp_path / "a study"
    running = subprocess.Popen(
        command(path, output), stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    wait_for(running, output, 1)
    os.killpg(running.pid, number)  # as a terminal does
    said = running.communicate(timeout=LONG_S)[1]
    assert running.returncode == code
    assert f"go on with: fleet sweep --resume '{output}'" in said
    assert "Traceback" not in said
    assert not workers_of(running.pid)
    before = lines(output)
    assert 1 <= len(before) < RUNS
    table = fleet.sweep(resume=output)
    assert lines(output)[: len(before)] == before
    assert len(lines(output)) == RUNS
    assert (output / "results.csv").read_bytes() == (study / "results.csv").read_bytes()
    assert table.equals(pq.read_table(study / "results.parquet"))


def test_what_is_done_is_not_done_again(whole: tuple[Path, Path]) -> None:
    path, study = whole
    before, told = (study / "journal.jsonl").read_bytes(), list[Progress]()
    table = fleet.sweep(path, **ASKED, output=study, progress=told.append)
    assert (study / "journal.jsonl").read_bytes() == before
    assert told == []
    assert table.column_names == [
        "point", "cloud.servers", "sensors.*.rate (fps)", "arm", "replication", "metric", "value",
        "unit", "error",
    ]  # fmt: skip
    first = fleet.run(path, overrides=["cloud.servers=1", "sensors.cam.rate=25 fps"],
                      executor="local")  # fmt: skip
    at: dict[str, Any] = {"cloud__servers": 1, "sensors.*.rate (fps)": 25, "arm": "cloud"}
    for metric in ("latency_ms.p99", "power_w.total", "bandwidth_mbit_s.wan.mean"):
        found = numbers(table, metric, **at)
        assert found == [fleet_value(run, metric) for run in first.numbers["cloud"]]


def test_the_answer_on_a_screen(whole: tuple[Path, Path]) -> None:
    """A table a metric: points × arms, mean and interval over replications."""
    table = pq.read_table(whole[1] / "results.parquet")
    shown = list(tables(table, chosen(table), Console(width=200)))
    assert [one.above for one in shown] == [
        "latency_ms.p99 (ms)", "lost (%)", "power_w.total (W)",
        "bandwidth_mbit_s.wan.mean (Mbit/s)",
    ]  # fmt: skip
    cells = {
        str(column.header).replace("\n", ""): list(column.cells) for column in shown[2].columns
    }
    assert cells["cloud.servers"] == ["1", "1", "2"]
    assert cells["sensors.*.rate (fps)"] == ["10", "25", "10"]
    values = numbers(
        table, "power_w.total", arm="cloud", cloud__servers=1, **{"sensors.*.rate (fps)": 25}
    )
    ends = interval95(values)
    assert ends is not None
    mean, half = (float(part) for part in cells["cloud"][1].split("±"))
    assert mean == pytest.approx(sum(values) / 2, abs=(ends[1] - ends[0]) / 20)
    assert half == pytest.approx((ends[1] - ends[0]) / 2, rel=0.1)


def fleet_value(run: Any, metric: str) -> float | None:
    from fleet.results.metrics import known

    return known(metric).value(run)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"vary": SERVERS[:1], "where": None}, "another --vary"),
        ({"where": "cloud.servers < 2"}, "another --where"),
        ({"arms": ["cloud"]}, "other arms"),
        ({"replications": 3}, "another number of replications"),
        ({"overrides": {"cloud.batch.max": 2}}, "the scenario has changed"),
        ({"arms": ["clod"]}, "no arm 'clod' .did you mean 'cloud'"),
        ({"replications": 0}, "replications"),
        ({"workers": 0}, "--workers 0: must be at least 1"),
    ],
)
def test_another_study(whole: tuple[Path, Path], changes: dict[str, Any], why: str) -> None:
    path, study = whole
    with pytest.raises(InputError, match=why):
        fleet.sweep(path, **{**ASKED, "output": study, **changes})


def test_what_changes_under_a_study_is_refused(tmp_path: Path) -> None:
    path, study = scenario_file(tmp_path), tmp_path / "study"
    asked: dict[str, Any] = {"vary": ["cloud.servers=1"], "arms": ["cloud"], "workers": 1}
    fleet.sweep(path, **asked, output=study)
    with (tmp_path / "catalogue" / "servers.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"files .* have changed .*catalogue/servers.csv"):
        fleet.sweep(resume=study)
    path.write_text(path.read_text().replace('"seed": 3', '"seed": 4'))
    with pytest.raises(InputError, match="the scenario has changed since the study began"):
        fleet.sweep(resume=study)
    with pytest.raises(InputError, match="--resume goes on with what was asked before"):
        fleet.sweep(resume=study, vary=["cloud.servers=2"])
    about = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(about.replace("fleet-study/1", "fleet-study/0"))
    with pytest.raises(InputError, match="in the form fleet-study/0"):
        fleet.sweep(resume=study)
    with pytest.raises(InputError, match=r"is no study: it has no study.yaml"):
        fleet.sweep(resume=tmp_path)
    with pytest.raises(InputError, match="is there and is no study"):
        fleet.sweep(path, **asked, output=tmp_path)


def test_one_process_holds_a_study(whole: tuple[Path, Path]) -> None:
    path, study = whole
    code = "import sys, time\nfrom pathlib import Path\nfrom fleet.study.journal import locked\n"
    code += (
        f"with locked(Path({str(study)!r})):\n    print('held', flush=True)\n    time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"is held by process {holder.pid} since 20"):
            fleet.sweep(path, **ASKED, output=study)
    finally:
        holder.kill()
        holder.communicate()
    with locked(study):  # what a dead process held is free
        pass


def test_a_point_that_fails_is_a_row(tmp_path: Path) -> None:
    """What can be said but not be planned fails by itself; all else goes on."""
    path, study = scenario_file(tmp_path), tmp_path / "study"
    asked: dict[str, Any] = {
        "vary": {"arms.cloud.model": ["cloudy", "nothing"]}, "output": study, "replications": 1,
    }  # fmt: skip
    table = fleet.sweep(path, **asked, workers=2)
    wrong = table.filter(pc.is_valid(table["error"])).to_pylist()
    assert [(row["arms.cloud.model"], row["arm"]) for row in wrong] == [("nothing", "cloud")]
    assert "nothing" in wrong[0]["error"]
    assert wrong[0]["metric"] is wrong[0]["value"] is None
    right = {(row["arms.cloud.model"], row["arm"]) for row in table.to_pylist() if row["metric"]}
    assert right == {("cloudy", "on_sensor"), ("cloudy", "cloud"), ("nothing", "on_sensor")}
    statuses = [json.loads(line)["status"] for line in lines(study)]
    assert sorted(statuses) == ["done", "done", "done", "failed"]
    command = [sys.executable, "-m", "fleet", "sweep", "--resume", str(study)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "failed" in done.stdout
    assert "1 of the runs failed: " in done.stderr
    assert len(lines(study)) == 4  # it is not tried again


def test_a_worker_that_dies_is_replaced() -> None:
    with Crew(made_up(), 1) as crew:
        tasks = [Task((), "cloud", k) for k in range(3)]
        answers = []
        for _, answer in crew.carry_out(tasks):
            answers.append(answer)
            if len(answers) == 1:
                (worker,) = [worker for worker, _ in crew._busy.values()]
                worker.process.kill()
    assert [answer.died for answer in answers] == [False, True, False]
    assert "was ended by SIGKILL" in answers[1].error
    assert answers[2].values


def test_a_full_disk_is_told_and_costs_nothing(whole: tuple[Path, Path], tmp_path: Path) -> None:
    path, study = whole
    output = tmp_path / "study"
    most = len((study / "journal.jsonl").read_bytes()) // 2
    full = subprocess.run(
        command(path, output), capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )  # fmt: skip
    assert full.returncode == 3
    said = " ".join(full.stderr.split())
    assert f"cannot write '{output / 'journal.jsonl'}': File too large; make room there" in said
    assert "go on with: fleet sweep --resume" in said
    assert "Traceback" not in said
    assert not (output / "results.parquet").exists()
    before = len(lines(output))
    assert 1 <= before < RUNS
    fleet.sweep(resume=output, workers=1)
    assert len(lines(output)) == RUNS
    for name in FINAL:
        assert (output / name).read_bytes() == (study / name).read_bytes(), name


@pytest.mark.ray
@pytest.mark.slow
def test_ray_gives_the_same_bytes(whole: tuple[Path, Path], tmp_path: Path) -> None:
    path, study = whole
    output = tmp_path / "study"
    fleet.sweep(path, **ASKED, output=output, executor="ray")
    for name in FINAL:
        assert (output / name).read_bytes() == (study / name).read_bytes(), name


def test_ray_is_for_much_work_or_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    ray, local = ExecutorKind.ray, ExecutorKind.local
    assert Hands().checked().for_work(1e6, 12).executor is local
    assert Hands().checked().for_work(1e9, 12).executor is ray
    assert Hands().checked().for_work(1e6, 5000).executor is ray
    assert Hands(workers=2).checked().for_work(1e9, 12).executor is local
    assert Hands(local).checked().for_work(1e9, 12).executor is local
    assert Hands(ray_address="10.0.0.1:6379").checked().executor is ray
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert Hands().checked().executor is ray
    for wrong in (Hands(ray, workers=2), Hands(local, ray_address="x"), Hands(workers=0)):
        with pytest.raises(InputError, match=r"--workers|--ray-address"):
            wrong.checked()


def test_short_tasks_wait_beside_their_process() -> None:
    """All are done once, also those that a process had but not begun when it died."""
    with Crew(made_up(duration="100 ms"), 1) as crew:
        tasks = [Task((), "cloud", k % 2) for k in range(8)]
        answers, ahead = [], 0
        for _, answer in crew.carry_out(tasks):
            answers.append(answer)
            ((worker, given),) = crew._busy.values() if crew._busy else ((None, ()),)
            ahead = max(ahead, len(given))
            if len(answers) == 4 and worker is not None:
                worker.process.kill()
    assert ahead == 2
    assert len(answers) == 8
    assert sum(answer.died for answer in answers) == 1


def test_journals(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    run = Run("a", "cloud", 0)
    journal.add(run, {"status": "died", "error": "x"})
    journal.add(run, {"status": "done", "values": {"m": [0.1, "s"]}})
    assert Journal(path).rows[run]["values"] == {"m": [0.1, "s"]}  # the last line counts
    path.write_bytes(path.read_bytes() + b'{"point": "b"')
    assert list(Journal(path).rows) == [run]
    assert path.read_bytes().endswith(b"}\n")
    path.write_text(f"rubbish\n{path.read_text()}")
    with pytest.raises(InputError, match=r"journal.jsonl:1: is no line of a journal"):
        Journal(path)


def test_scenarios_that_no_file_holds() -> None:
    text = json.dumps(worlds.scenario(duration="500 ms"))
    scenario = loads(text, str(worlds.HERE / "nowhere.yaml"))
    table = fleet.sweep(scenario, "cloud.servers=1", arms=["cloud"])
    assert table["replication"].to_pylist()[0] == 0
    assert len(numbers(table, "power_w.total")) == 1


def test_what_no_point_can_be_is_refused_before_any_runs(tmp_path: Path) -> None:
    late = made_up(events=[{"at": "5 s", "outage": "wan", "lasts": "1 s"}])
    with pytest.raises(InputError, match=r"leave events out: --set 'events=\[\]'"):
        fleet.sweep(late, {"cloud.servers": [1, 2]}, output=tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
    table = fleet.sweep(late, {"duration": ["1 s", "8 s"]}, arms="cloud", workers=1)
    errors = table["error"].to_pylist()
    assert "is not before the end of the run" in errors[0]
    assert errors[-1] is None


def test_a_study_of_which_all_failed_is_not_shown(tmp_path: Path) -> None:
    late = made_up(events=[{"at": "5 s", "outage": "wan", "lasts": "1 s"}])
    fleet.sweep(late, {"duration": ["1 s", "8 s"]}, arms=["cloud"], output=tmp_path, workers=1)
    rows = pq.read_table(tmp_path / "results.parquet")
    failed = rows.filter(pc.is_valid(rows["error"]))
    pq.write_table(failed, tmp_path / "results.parquet")
    for show in (lambda: fleet.figures(tmp_path, tmp_path / "f"), lambda: grids(opened(tmp_path))):
        with pytest.raises(InputError, match="has no numbers, as all of its 2 runs failed"):
            show()
    with pytest.raises(InputError, match="not of a dict"):
        fleet.figures({}, tmp_path)  # type: ignore[arg-type]
