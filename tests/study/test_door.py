"""One door for running: a job is made ready, a runner carries it out; scripts are gone on with."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import worlds

import fleet
from fleet.catalog import rows, table
from fleet.errors import InputError
from fleet.running import ray_cluster
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.runner import Runner
from fleet.running.unfinished import asked_in
from fleet.scenario.load import loads
from fleet.study.experiment import execute
from fleet.study.job import prepare

LONG_S = 60.0
CHANGES: dict[str, Any] = {"replications": 2, "overrides": {"cloud.servers": 1}}
OWN = "lambda sensor: 'cloud' if sensor.name < 'cam-3' else 'on_sensor'"
LOCAL = Options(executor=ExecutorKind.local)


def scenario_file(folder: Path) -> Path:
    """Write a scenario that takes some seconds in many windows."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    for name in ("demand.csv", "no-sites.csv"):
        shutil.copy(worlds.HERE / name, folder)
    path = folder / "busy.yaml"
    path.write_text(json.dumps(worlds.scenario(duration="20 s")))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the fingerprints of runs that nobody cuts short, without and with a placement."""
    path = scenario_file(tmp_path_factory.mktemp("whole"))
    placements = (None, {"own": eval(OWN)})
    runs = [fleet.run(path, placements=p, executor="local", **CHANGES) for p in placements]
    return dict(zip(("plain", "placed"), (r.summary["fingerprint"] for r in runs), strict=True))


def cut_short(path: Path, output: Path, more: str = "") -> Path:
    """Begin a run in a script and kill it in the second replication of its second arm."""
    code = (
        f"import fleet\nfleet.run({str(path)!r}, output={str(output)!r}, executor='local',"
        f" window='200 ms', checkpoint='0 s', **{CHANGES!r}{more})"
    )
    running = subprocess.Popen([sys.executable, "-c", code])
    folder, until = output.with_name(f"{output.name}.unfinished"), time.monotonic() + LONG_S
    while not list(folder.glob("now/cloud-1/at-*")):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return folder


def resumed_by_command(output: Path) -> subprocess.CompletedProcess[str]:
    command = ["run", "--resume", str(output), "--executor", "local", "--no-figures", "--json"]
    return subprocess.run(
        [sys.executable, "-m", "fleet", *command], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("by", ["script", "command", "script with its scenario", "moved"])
def test_a_script_that_is_killed_is_gone_on_with(
    by: str, whole: dict[str, str], tmp_path: Path
) -> None:
    path, output = scenario_file(tmp_path), tmp_path / "out"
    folder = cut_short(path, output)
    assert not output.exists()
    done = {"on_sensor-0.npz", "on_sensor-1.npz", "cloud-0.npz"}
    assert {file.name for file in folder.glob("done/*")} == done
    told: list[tuple[str, float]] = []
    if by == "command":
        found = json.loads(resumed_by_command(output).stdout)["fingerprint"]
    else:
        scenario: Any = None
        if by == "moved":
            path, output = path.rename(tmp_path / "moved.yaml"), tmp_path / "else"
            folder.rename(tmp_path / "else.unfinished")
            scenario = path
        elif "scenario" in by:
            scenario = fleet.load(path)
        record = fleet.run(
            scenario, resume=output, executor="local", figures=False,
            progress=lambda *of: told.append(of),
        )  # fmt: skip
        found = record.summary["fingerprint"]
        assert told[:3] == [("on_sensor", 0.5), ("on_sensor", 1.0), ("cloud", 0.5)]
        assert told[-1] == ("cloud", 1.0)
        assert record.folder == output
    assert found == whole["plain"]
    assert fleet.Record.load(output).summary["fingerprint"] == found
    assert not folder.exists()
    assert not output.with_name(f"{output.name}.unfinished").exists()


def test_placements_are_gone_on_with_from_a_script_only(
    whole: dict[str, str], tmp_path: Path
) -> None:
    path, output = scenario_file(tmp_path), tmp_path / "out"
    cut_short(path, output, f", placements={{'own': {OWN}}}")
    refused = resumed_by_command(output)
    assert refused.returncode == 2
    assert "has arms that a script places: own; go on from that script" in refused.stderr
    with pytest.raises(InputError, match="arms that a script places: own"):
        fleet.run(resume=output, executor="local")
    done = output.with_name("out.unfinished") / "done"
    shutil.copy(done / "cloud-0.npz", done / "own-0.npz")
    with pytest.raises(InputError, match="is of another plan than arm 'own' has now"):
        fleet.run(resume=output, placements={"own": eval(OWN)}, executor="local")
    (done / "own-0.npz").unlink()
    record = fleet.run(
        resume=output, placements={"own": eval(OWN)}, executor="local", figures=False
    )
    assert record.summary["fingerprint"] == whole["placed"]


class StopError(Exception):
    pass


def test_an_error_says_how_to_go_on(tmp_path: Path) -> None:
    """Where the scenario is no file, only a script can."""
    scenario = worlds.load(worlds.scenario())

    def stop(arm: str, share: float) -> None:
        if arm == "cloud" and share:
            raise StopError

    output = tmp_path / "out"
    with pytest.raises(StopError) as caught:
        fleet.run(scenario, executor="local", output=output, progress=stop)
    folder = f"{output}.unfinished"
    assert caught.value.__notes__ == [
        f"go on with: fleet.run(..., resume='{folder}'), from the script"
    ]
    with pytest.raises(
        InputError, match=rf"cut short; go on with: .*fleet\.run\(resume='{folder}'"
    ):
        fleet.run(scenario, executor="local", output=output)
    with pytest.raises(InputError, match="has changed since the run began"):
        fleet.run(scenario.changed("seed=4"), executor="local", resume=output)
    with pytest.raises(InputError, match=r"made-up\.yaml"):
        fleet.run(executor="local", resume=output)
    with pytest.raises(InputError, match="--resume needs the columns engine"):
        fleet.run(scenario, engine="reference", resume=output)
    record = fleet.run(scenario, executor="local", resume=output, figures=False)
    straight = fleet.run(scenario, executor="local")
    assert record.summary["fingerprint"] == straight.summary["fingerprint"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_asked_with_the_frames(tmp_path: Path) -> None:
    """Frames are kept with what is done, and the limit on them holds for scripts too."""
    scenario, output = worlds.load(worlds.scenario()), tmp_path / "out"

    def stop(arm: str, share: float) -> None:
        if arm == "cloud":
            raise StopError

    where = {"output": output, "frames": tmp_path / "frames"}
    with pytest.raises(StopError):
        fleet.run(scenario, executor="local", progress=stop, **where)
    assert asked_in(output).frames == str(tmp_path / "frames")
    fleet.run(scenario, executor="local", resume=output, figures=False)
    assert {f.name for f in (tmp_path / "frames").iterdir()} == {
        "on_sensor-0.parquet", "cloud-0.parquet",
    }  # fmt: skip
    with pytest.raises(InputError, match="--frames would keep about 432,000,000 frames for each"):
        fleet.run(scenario, overrides={"duration": "800 h"}, frames=tmp_path / "more")


def test_a_runner_carries_many_jobs(tmp_path: Path) -> None:
    scenario = worlds.load(worlds.scenario(duration="500 ms"))
    jobs = [prepare(scenario, overrides={"cloud.servers": n}) for n in (1, 2, 3)]
    with Runner(LOCAL, results=tmp_path) as runner:
        records = [execute(job, runner) for job in jobs]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(job.id for job in jobs)
    for job, record in zip(jobs, records, strict=True):
        assert record.folder == tmp_path / job.id
        alone = fleet.run(job.scenario, executor="local")
        assert record.summary["fingerprint"] == alone.summary["fingerprint"]
        assert record.summary["run_id"] == alone.summary["run_id"] == job.id
    again = execute(jobs[0], Runner(LOCAL), output=tmp_path / "named")
    assert again.folder == tmp_path / "named"
    assert execute(jobs[0], Runner(LOCAL)).folder is None


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_runner_opens_ray_once_and_leaves_what_it_has_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    started: list[Any] = []
    init = ray.init
    monkeypatch.setattr(ray, "init", lambda **more: started.append(more) or init(**more))
    job = prepare(worlds.load(worlds.scenario(duration="300 ms")))
    local = execute(job, Runner(LOCAL)).summary["fingerprint"]
    with Runner(Options(executor=ExecutorKind.ray, shards=1)) as runner:
        assert not ray_cluster.connected()
        for _ in range(2):
            assert execute(job, runner).summary["fingerprint"] == local
        assert len(started) == 1
        with Runner(Options(shards=2)) as inner:
            assert execute(job, inner).summary["fingerprint"] == local
        assert ray_cluster.connected()
    assert not ray_cluster.connected()
    assert len(started) == 1


def test_nothing_runs_while_a_job_is_made_ready() -> None:
    data = worlds.scenario(replications=2, slo=["lost < 5 %"])
    job = prepare(worlds.load(data), placements={"own": eval(OWN)}, arms=["own", "cloud", "own"])
    assert [trial.name for trial in job.trials] == ["own-0", "own-1", "cloud-0", "cloud-1"]
    assert [one.text for one in job.objectives] == ["lost < 5 %"]
    assert {arm: len(plans) for arm, plans in job.plans.items()} == {"own": 2, "cloud": 2}


def test_a_catalogue_is_read_once_for_all_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    own = rows.read

    def reading(kind: str, *more: Any) -> Any:
        read.append(kind)
        return own(kind, *more)

    monkeypatch.setattr(table, "read", reading)
    table.Catalog.load()  # the packaged one, if no test has read it before
    read.clear()
    job = prepare(worlds.load(worlds.scenario(replications=3)))
    assert len(job.trials) == 6
    assert sorted(read) == sorted(file.stem for file in (worlds.HERE / "catalogue").iterdir())


def test_a_cell_is_known_by_what_it_depends_on(tmp_path: Path) -> None:
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    data = worlds.scenario(replications=2)

    def identities(changes: dict[str, Any] | None = None) -> list[str]:
        text = json.dumps({**data, **(changes or {})})
        return [trial.identity for trial in prepare(loads(text, str(tmp_path / "a.yaml"))).trials]

    before = identities()
    assert len(set(before)) == 4
    other_layout = loads(
        json.dumps(dict(reversed(data.items())), indent=3), str(tmp_path / "b.yaml")
    )
    assert [trial.identity for trial in prepare(other_layout).trials] == before
    for changes in ({"seed": 4}, {"warm_up": "100 ms"}, {"cloud": {**data["cloud"], "servers": 3}}):
        assert not set(identities(changes)) & set(before), changes
    cameras = tmp_path / "catalogue" / "cameras.csv"
    text = cameras.read_text()
    assert "test-camera,base_power,2,W" in text
    cameras.write_text(text.replace("test-camera,base_power,2,W", "test-camera,base_power,3,W"))
    after = identities()
    assert after[:2] == before[:2]  # an arm that uses no camera
    assert not set(after[2:]) & set(before)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"window": "0 s"}, "--window '0 s' must be more than zero"),
        ({"window": "5"}, "--window: '5'"),
        ({"checkpoint": "soon"}, "--checkpoint: 'soon'"),
        ({"placements": {"cloud": lambda _: "cloud"}}, "placements: 'cloud' is an arm of the scen"),
        ({"placements": {"a/b": lambda _: "cloud"}}, "placements: 'a/b' is not a name: up to 64"),
        ({"arms": ["clowd"]}, r"no arm 'clowd' \(did you mean 'cloud'\?\); arms: on_sensor, cloud"),
        ({"replications": 0}, "--set replications=0"),
        ({"overrides": ["cloud.servers"]}, "--set cloud.servers: write key.path=value"),
        ({"resume": "nowhere", "seed": 1}, "leave out --arm, --set, --seed, --replications"),
        ({"resume": "nowhere"}, "nowhere: no unfinished run here"),
        ({"scenario": None}, "name a scenario file, or an unfinished run with --resume DIR"),
    ],
)
def test_what_a_script_asks_for_is_checked(asked: dict[str, Any], said: str) -> None:
    scenario = asked.pop("scenario", worlds.load(worlds.scenario()))
    with pytest.raises(InputError, match=said):
        fleet.run(scenario, executor="local", **asked)


def test_names_are_taken_for_what_they_name() -> None:
    options = Options(engine="reference", executor="ray")
    assert options.engine is Engine.reference
    assert options.executor is ExecutorKind.ray
    assert options.runs_on is ExecutorKind.local
    assert Options().runs_on is ExecutorKind.auto
    with pytest.raises(InputError, match="not both"):
        Options(shards=1, sensors_per_actor=1)
