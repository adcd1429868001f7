"""Trials of a job in several processes: the same numbers, gone on with, told of when one dies."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import worlds

import fleet
from fleet.errors import RunError
from fleet.running import choice
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.trial import Trial
from fleet.running.unfinished import asked_in
from fleet.study import trials
from fleet.study.job import prepare

LONG_S = 60.0
MANY = 3


@pytest.fixture
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have processes be worth it for anything, and two of them on any machine."""
    monkeypatch.setattr(choice, "WORTH_S", 0.0)
    monkeypatch.setattr(choice, "cpus", lambda: 2)


def run(**options: Any) -> fleet.Record:
    scenario = worlds.load(worlds.scenario(duration="1 s"))
    return fleet.run(scenario, replications=MANY, executor="local", figures=False, **options)


@pytest.mark.parametrize("engine", ["columns", "reference"])
def test_processes_change_no_number(
    engine: str, worth: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: dict[str, list[float]] = {}
    several = run(engine=engine, progress=lambda arm, x: shares.setdefault(arm, []).append(x))
    monkeypatch.setattr(choice, "cpus", lambda: 1)
    alone = run(engine=engine)
    assert [r.summary["host"]["processes"] for r in (several, alone)] == [2, 1]
    for record in (several, alone):
        record.summary["host"] = {}
    assert several.summary == alone.summary
    assert several.numbers == alone.numbers
    assert all(each[-1] == 1.0 and each == sorted(each) for each in shares.values())
    assert set(shares) == set(several.arms)


def test_what_some_processes_finished_is_not_run_again(
    worth: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = run()
    folder = tmp_path / "out.unfinished"

    def stop(arm: str, share: float) -> None:
        if len([*(folder / "done").glob("[!.]*")]) >= 2:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        run(output=tmp_path / "out", progress=stop)
    kept = {path.name for path in (folder / "done").glob("[!.]*")}
    assert len(kept) >= 2
    before = trials._at_once
    ran: list[str] = []

    def at_once(left: Any, *more: Any) -> None:
        ran.extend(f"{trial.name}.npz" for trial in left)
        before(left, *more)

    monkeypatch.setattr(trials, "_at_once", at_once)
    asked_in(folder)
    record = fleet.run(
        worlds.load(worlds.scenario(duration="1 s")), resume=folder, executor="local", figures=False
    )
    assert not set(ran) & kept
    assert len(ran) + len(kept) == MANY * len(record.arms)
    assert record.summary["fingerprint"] == straight.summary["fingerprint"]


def test_a_process_that_dies_is_told_and_nothing_is_left_behind(
    worth: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        if any((tmp_path / "out.unfinished" / "done").glob("*")):
            for child in psutil.Process().children():
                child.send_signal(signal.SIGKILL)

    with pytest.raises(RunError, match="its process was ended by SIGKILL") as error:
        run(output=tmp_path / "out", progress=kill)
    assert "go on with" in error.value.__notes__[0]
    assert not psutil.Process().children()


def test_an_interrupted_command_leaves_no_process_and_can_be_gone_on_with(tmp_path: Path) -> None:
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    for name in ("demand.csv", "no-sites.csv"):
        shutil.copy(worlds.HERE / name, tmp_path)
    path = tmp_path / "long.yaml"
    path.write_text(json.dumps(worlds.scenario(duration="10 min")))
    code = (
        "from fleet import interrupt\ninterrupt.listen()\n"
        "from fleet.running import choice\nchoice.WORTH_S = 0.0\nchoice.cpus = lambda: 2\n"
        "from fleet.cli.main import main\nmain()"
    )
    command = ["run", str(path), "--executor", "local", "--replications", "2", "--checkpoint",
               "0 s", "--window", "200 ms", "-o", str(tmp_path / "out")]  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, "-c", code, *command], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(fleet.__file__).parents[1])},
    )  # fmt: skip
    until = time.monotonic() + LONG_S
    while len(list((tmp_path / "out.unfinished").glob("now/*/at-*"))) < 2:
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    workers = psutil.Process(running.pid).children()
    assert len(workers) == 2
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=LONG_S)
    assert running.returncode == 143
    assert "go on with: fleet run --resume" in said
    assert not any(worker.is_running() for worker in workers)


def test_a_trial_that_was_sent_cannot_be_written() -> None:
    (trial, *_) = prepare(worlds.load(worlds.scenario(duration="1 s"))).trials
    arrived = pickle.loads(pickle.dumps(trials._Sent(trial))).trial
    assert arrived.identity == trial.identity
    assert not trial.plan.sensors.ids.flags.writeable
    assert not arrived.plan.sensors.ids.flags.writeable
    assert np.array_equal(arrived.plan.sensors.ids, trial.plan.sensors.ids)


def test_where_a_run_runs_follows_from_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (plan, *_) = [trial.plan for trial in prepare("scenarios/smoke.yaml").trials]
    auto, local, ray = ExecutorKind.auto, ExecutorKind.local, ExecutorKind.ray

    def chosen(**said: Any) -> ExecutorKind:
        return choice.settled(Options(**said), [plan]).runs_on

    assert Options().executor is auto
    assert chosen() is local
    assert chosen(shards=2) is chosen(sensors_per_actor=4) is chosen(ray_address="auto") is ray
    assert chosen(shards=1) is chosen(executor=local, ray_address="auto") is local
    assert chosen(engine=Engine.reference, shards=2) is local
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert chosen() is ray
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setattr(choice, "CITY", plan.size)
    assert chosen() is ray
    monkeypatch.setattr(choice, "CITY", plan.size + 1)
    assert chosen() is local
    monkeypatch.setattr(choice, "LONG_S", 0.99 * choice.core_s(plan, Engine.columns))
    assert chosen() is ray


def test_processes_are_as_many_as_are_worth_it_and_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [trial.plan for trial in prepare("scenarios/smoke.yaml").trials]
    local = Options(executor=ExecutorKind.local)
    monkeypatch.setattr(choice, "cpus", lambda: 8)
    assert choice.processes(local, plans) == 1  # seconds
    monkeypatch.setattr(choice, "WORTH_S", 0.0)
    assert choice.processes(local, plans) == 2
    assert choice.processes(local, plans * 10) == 8
    assert choice.processes(local, plans[:1]) == 1
    assert choice.processes(Options(executor=ExecutorKind.ray), plans) == 1
    assert choice.processes(Options(executor=ExecutorKind.local, keep=True), plans) == 1
    monkeypatch.setattr(choice, "_PROCESS_BYTES", 1e18)
    assert choice.processes(local, plans) == 1  # memory


def test_the_longest_are_begun_first() -> None:
    data = worlds.scenario(duration="2 s")
    short = worlds.scenario(duration="1 s")
    plans = [
        worlds.plan(short, "on_sensor"), worlds.plan(data, "on_sensor"), worlds.plan(data, "cloud"),
        worlds.plan(short, "cloud"),
    ]  # fmt: skip
    given = [Trial(plan) for plan in plans]
    order = [given.index(trial) for trial in choice.longest_first(given, Engine.columns)]
    assert order[0] == 2
    assert order[-1] == 0
