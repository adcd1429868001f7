"""What dies in the middle of a run goes on from a checkpoint and gives the same bits."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.engine.window import windows
from fleet.errors import InputError, RunError
from fleet.model.events import SENSOR_OFF, SENSOR_ON
from fleet.passing import temporary
from fleet.plan.partition import partition
from fleet.running import sealed
from fleet.running.checkpoint import Checkpoints
from fleet.running.local_executor import LocalExecutor
from fleet.running.options import Options
from fleet.running.ray_executor import RayExecutor
from fleet.running.run import simulate

ALWAYS = 0.0
SELDOM = 1e9
BUSY = {
    "cloud": {
        "server": "test-gpu",
        "servers": 1,
        "batch": {"max": 4, "wait": "3 ms"},
        "autoscale": {
            "min": 1, "max": 3, "target": "30 %", "every": "100 ms", "boot": "330 ms",
            "cooldown": "100 ms",
        },
    },
    "warm_up": "750 ms",
    "events": [
        {"at": "700 ms", "outage": "metro", "lasts": "200 ms"},
        {"at": "900 ms", "crash": "cam", "lasts": "300 ms"},
        {"at": "1100 ms", "profile": "cam", "rate": "40 fps"},
        {"at": "500 ms", "leave": "cam-1"}, {"at": "1300 ms", "join": "cam-1"},
    ],
}  # fmt: skip


@given(
    world=worlds.scenarios(),
    arm=worlds.ARMS,
    shards=st.sampled_from([1, 2, 7]),
    window_ns=st.sampled_from([30_000_001, 100_000_000, 300_000_000]),
)
@settings(max_examples=15)
def test_every_window_in_a_process_that_begins_anew(
    tmp_path_factory: pytest.TempPathFactory,
    world: dict[str, Any],
    arm: str,
    shards: int,
    window_ns: int,
) -> None:
    made = worlds.plan(world, arm)
    whole = worlds.run(made, shards=shards, window_ns=window_ns)
    folder = tmp_path_factory.mktemp("checkpoints")
    for window in windows(0, made.end_ns, window_ns):
        kept = Checkpoints(folder, ALWAYS)
        parts = partition(made, shards)
        executor = LocalExecutor(made, parts, window_ns, keep=True, checkpoints=kept)
        assert executor.now_ns == window.start_ns
        executor.advance(window.end_ns)
        assert 1 <= len(list(folder.iterdir())) <= 2  # the last one and that before it
    tally = executor.tally()
    assert tally.fingerprint() == whole.tally.fingerprint()
    assert worlds.by_second(tally) == worlds.by_second(whole.tally)
    assert executor.in_flight() == whole.in_flight
    assert sum(map(len, tally.kept or [])) == len(worlds.finished(whole))
    charged, at_once = executor.told().charged, whole.told.charged
    assert charged.table.tolist() == at_once.table.tolist()
    assert charged.switched.tolist() == at_once.switched.tolist()


ray_test = pytest.mark.usefixtures("ray_started")


def kill(actor: Any, by_ray: bool = False) -> None:
    """End an actor and wait until it is gone: one that is only asked to end still answers."""
    import ray

    victim = psutil.Process(ray.get(actor.pid.remote()))
    if by_ray:
        ray.kill(actor)
    else:
        victim.kill()
    victim.wait(60.0)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@ray_test
@pytest.mark.parametrize("case", range(4))
def test_killed_actors(case: int, tmp_path: Path) -> None:
    """A shard or the region dies at a random window, and another one when all is done."""
    chance = random.Random(case)
    made = worlds.plan(worlds.scenario(**BUSY), "cloud")
    local = worlds.run(made)
    kept = Checkpoints(tmp_path, chance.choice([ALWAYS, SELDOM]))
    executor = RayExecutor(made, partition(made, 2), 100_000_000, 50_000_000, checkpoints=kept)
    victim, at, seen = case % 3, chance.randrange(1, 18), 0
    by_ray = not case % 2

    def progress(done_ns: int) -> None:
        nonlocal seen
        seen += 1
        if seen == at:
            kill(executor._all[victim], by_ray)

    try:
        executor.advance(made.end_ns, progress)
        if case >= 3:
            kill(executor._all[(victim + 1) % 3], by_ray)
        assert executor.tally().fingerprint() == local.tally.fingerprint()
        assert executor.in_flight() == local.in_flight
        assert executor.restarts == 1 + (case >= 3)
    finally:
        executor.close()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@ray_test
@pytest.mark.parametrize("every_s", [ALWAYS, SELDOM])
def test_batteries_go_on_when_an_actor_has_died(every_s: float, tmp_path: Path) -> None:
    """Sensors share the cell, which the region has: what its radios spent is booked there."""
    solar = {"peak": "2 W", "clearness": "50 %"}
    cell = {"capacity": "1 J", "cut_off": "10 %", "recovery": "25 %", "every": "90 ms"}
    data = worlds.scenario(**BUSY, batteries={"cell": {**cell, "solar": solar}})
    data["sensors"]["cam"]["battery"] = "cell"
    made = worlds.plan(data, "cloud")
    local = worlds.run(made)
    kinds = local.told.charged.switched.kind.tolist()
    assert min(kinds.count(SENSOR_OFF), kinds.count(SENSOR_ON)) > 3
    kept = Checkpoints(tmp_path, every_s)
    executor = RayExecutor(made, partition(made, 2), 100_000_000, 50_000_000, checkpoints=kept)
    windows_done = 0

    def progress(done_ns: int) -> None:
        nonlocal windows_done
        windows_done += 1
        if windows_done == 11:
            kill(executor._all[0])

    try:
        executor.advance(made.end_ns, progress)
        assert executor.restarts == 1
        assert executor.tally().fingerprint() == local.tally.fingerprint()
        charged, at_once = executor.told().charged, local.told.charged
        assert charged.table.tolist() == at_once.table.tolist()
        assert charged.switched.tolist() == at_once.switched.tolist()
    finally:
        executor.close()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@ray_test
def test_a_model_is_deployed_and_then_an_actor_dies() -> None:
    import ray

    from fleet.simulation import Simulation

    prints = []
    for executor in ("local", "ray"):
        with Simulation(
            worlds.load(worlds.scenario()), "on_sensor", options=Options(executor=executor)
        ) as sim:
            sim.run(until="700 ms")
            if executor == "ray":  # it dies while it is told of the new plan
                ray.kill(sim._executor._all[-1])  # type: ignore[attr-defined]
            sim.sensor(sim.sensors[2]).deploy("slow")
            sim.run(until="1 s")
            if executor == "ray":
                kill(sim._executor._all[0], by_ray=True)  # type: ignore[attr-defined]
            sim.run(until=sim.plan.end_ns)
            prints.append(sim._executor.tally().fingerprint())
    assert prints[0] == prints[1]


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@ray_test
def test_actors_that_die_again_and_again_end_the_run(tmp_path: Path) -> None:
    made = worlds.plan(worlds.scenario(), "cloud")
    kept = Checkpoints(tmp_path, SELDOM)
    executor = RayExecutor(made, partition(made, 1), 100_000_000, 50_000_000, checkpoints=kept)

    with pytest.raises(RunError, match="actors died 4 times in the same place"):
        executor.advance(made.end_ns, lambda done_ns: kill(executor._all[0]))
    executor.close()


def scenario_file(folder: Path) -> Path:
    """Write a scenario that takes some seconds in 200 windows."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    for name in ("demand.csv", "no-sites.csv"):
        shutil.copy(worlds.HERE / name, folder)
    path = folder / "busy.yaml"
    path.write_text(json.dumps(worlds.scenario(**BUSY, duration="40 s")))
    return path


def fleet(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "fleet", *map(str, arguments)]


def fingerprint_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    found: str = json.loads(done.stdout)["fingerprint"]
    return found


def run_cut_short(path: Path, output: Path, *more: str) -> None:
    """Begin a run and kill it with SIGKILL when its second arm has a checkpoint."""
    command = fleet("run", path, "-o", output, "--checkpoint", "0 s", "--window", "200 ms", *more)
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = output.with_name(f"{output.name}.unfinished")
    until = time.monotonic() + 60
    while not list(folder.glob("now/cloud-0/at-*")):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_killed_driver_and_resume(tmp_path: Path, executor: str) -> None:
    path, output = scenario_file(tmp_path), tmp_path / "out"
    run_cut_short(path, output, "--executor", executor)
    folder = tmp_path / "out.unfinished"
    assert not output.exists()
    done = [p.name for p in folder.glob("done/[!.]*")]
    assert done == ["on_sensor-0.npz"] or (executor == "ray" and not done)  # beside each other
    assert len(list(folder.glob("now/cloud-0/at-*"))) <= 3
    again = fleet("run", "--resume", output, "--executor", executor, "--json")
    found = fingerprint_of(subprocess.run(again, capture_output=True, text=True))
    assert output.is_dir()
    assert not folder.exists()
    whole = fleet("run", path, "-o", tmp_path / "whole", "--executor", "local", "--json")
    assert found == fingerprint_of(subprocess.run(whole, capture_output=True, text=True))


def test_what_cannot_be_resumed_says_why(tmp_path: Path) -> None:
    path, output = scenario_file(tmp_path), tmp_path / "out"

    def resumed(*more: str | Path) -> str:
        command = fleet("run", "--resume", output, "--executor", "local", *more)
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "no unfinished run here" in resumed()
    run_cut_short(path, output, "--executor", "local")
    assert "leave out --arm, --set" in resumed("--seed", "4")
    text = path.read_text()
    path.write_text(text.replace('"seed": 3', '"seed": 4'))
    assert "has changed since the run began" in resumed()
    path.write_text(text)
    folder = tmp_path / "out.unfinished"
    for about in folder.glob("now/cloud-0/at-*/about.json"):
        rewrite(about, plan="0" * 64)
    assert "of another plan than arm 'cloud' has now" in resumed()
    for about in folder.glob("now/cloud-0/at-*/about.json"):
        about.write_text("{")
    assert "this checkpoint is damaged" in resumed()
    assert "to begin this arm anew" in resumed()
    (folder / "run.json").write_text("[]")
    assert "cannot be read" in resumed()


def rewrite(path: Path, **values: Any) -> None:
    """Change what a sealed file says and seal it again, as only its own writer does."""
    sealed.write(path, {**sealed.read(path), **values})


def test_places_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    path = scenario_file(tmp_path)

    def refused(*arguments: str | Path, folder: Path = tmp_path) -> str:
        command = fleet("run", *arguments, "--executor", "local")
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    mine = tmp_path / "notes.unfinished"
    mine.mkdir()
    (mine / "thesis.txt").write_text("do not lose")
    assert "is no unfinished run; move it away" in refused(path, "-o", tmp_path / "notes")
    assert (mine / "thesis.txt").read_text() == "do not lose"
    (tmp_path / "file").write_text("")
    assert "cannot write results" in refused(path, "-o", tmp_path / "file" / "out")
    assert "is no name for a result folder" in refused(path, "-o", "/")
    output = tmp_path / "out"
    run_cut_short(path, output, "--executor", "local")
    assert "holds a run that was cut short" in refused(path, "-o", output)
    assert "--resume needs the columns engine" in refused(
        "--resume", output, "--engine", "reference"
    )
    folder = tmp_path / "out.unfinished"
    run_json = folder / "run.json"
    version = sealed.read(run_json)["version"]
    rewrite(run_json, version="0")
    assert "it is of fleet 0" in refused("--resume", output)
    rewrite(run_json, version=version)
    again = fleet("run", "--resume", ".", "--executor", "local", "--json")
    done = subprocess.run(again, capture_output=True, text=True, cwd=folder)
    host = json.loads(done.stdout)["host"]
    assert host["engine_s"] > 0
    assert output.is_dir()


def test_a_full_disk_does_not_end_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleet.running import checkpoint

    def full(path: Path, state: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write", full)
    made = worlds.plan(worlds.scenario(duration="300 ms"), "cloud")
    kept = Checkpoints(tmp_path, ALWAYS)
    with pytest.warns(UserWarning, match="no checkpoint.*No space left"):
        outcome = simulate(made, Options(executor="local"), checkpoints=kept)
    assert outcome.tally.fingerprint() == worlds.run(made).tally.fingerprint()
    assert list(tmp_path.iterdir()) == []


def test_wall_time_of_a_run_in_two_parts_is_the_sum(tmp_path: Path) -> None:
    made, began = worlds.plan(worlds.scenario(), "cloud"), time.monotonic()
    kept = Checkpoints(tmp_path, ALWAYS)
    kept._began_s -= 100.0
    executor = LocalExecutor(made, partition(made, 1), 500_000_000, checkpoints=kept)
    executor.advance(1_000_000_000)
    again = simulate(made, Options(executor="local"), checkpoints=Checkpoints(tmp_path, SELDOM))
    assert 100 < again.wall_s < 100 + time.monotonic() - began


def test_checkpoints_carry_no_pickle_and_do_not_grow(tmp_path: Path) -> None:
    import numpy as np

    sizes = []
    for seconds in (5, 20):
        folder = tmp_path / str(seconds)
        made = worlds.plan(worlds.scenario(**{**BUSY, "events": []}, duration="30 s"), "cloud")
        kept = Checkpoints(folder, ALWAYS)
        executor = LocalExecutor(made, partition(made, 1), 1_000_000_000, checkpoints=kept)
        executor.advance(seconds * 1_000_000_000)
        files = list(folder.glob("at-*/*.npz"))
        for path in files:
            with np.load(path, allow_pickle=False) as held:
                assert all(held[name].dtype != object for name in held.files)
        sizes.append(sum(path.stat().st_size for path in files))
    assert sizes[1] < 1.05 * sizes[0]


def test_a_finished_run_leaves_nothing_behind() -> None:
    made = worlds.plan(worlds.scenario(), "cloud")
    folder, lock = temporary()
    kept = Checkpoints(folder, ALWAYS, lock=lock)
    outcome = simulate(made, Options(executor="local"), checkpoints=kept)
    assert list(folder.glob("at-*"))
    del outcome, kept
    assert not folder.exists()


def test_a_checkpoint_of_another_plan_is_refused(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, ALWAYS)
    simulate(worlds.plan(worlds.scenario(), "cloud"), Options(executor="local"), checkpoints=kept)
    other = worlds.plan(worlds.scenario(seed=4), "cloud")
    with pytest.raises(InputError, match="is of another plan"):
        simulate(other, Options(executor="local"), checkpoints=kept)
