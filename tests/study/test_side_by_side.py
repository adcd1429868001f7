"""Work that others do and threads see to: order, failures, interrupts, and runs on Ray."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import ray
import worlds

from fleet import interrupt
from fleet.errors import RunError
from fleet.running import choice, runner
from fleet.running.executor import Progress, no_progress
from fleet.running.options import ExecutorKind, Options
from fleet.running.ray_executor import RayExecutor
from fleet.running.runner import Runner
from fleet.study.experiment import execute
from fleet.study.job import prepare
from fleet.study.side_by_side import side_by_side

Tell = Callable[[float], None]


def test_two_tasks_at_a_time_and_no_more() -> None:
    at_work, most = 0, 0
    both, lock = threading.Barrier(2, timeout=30), threading.Lock()
    shares: list[tuple[int, float]] = []

    def do(task: int, tell: Tell) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        both.wait()
        tell(0.5)
        tell(1.0)
        with lock:
            at_work -= 1
        return 10 * task

    done = dict(side_by_side(range(4), do, 2, lambda task, share: shares.append((task, share))))
    assert done == {0: 0, 1: 10, 2: 20, 3: 30}
    assert most == 2
    assert sorted(shares) == [(task, share) for task in range(4) for share in (0.5, 1.0)]


def test_where_one_fails_the_others_end_and_none_is_begun() -> None:
    begun: list[int] = []
    ended, failing = threading.Event(), threading.Event()

    def do(task: int, tell: Tell) -> None:
        begun.append(task)
        if task == 1:
            failing.wait(30)
            raise RunError("task 1 broke a promise")
        try:
            while True:
                tell(0.1)
                failing.set()
                interrupt.check()
                time.sleep(0.01)
        finally:
            ended.set()

    with pytest.raises(RunError, match="task 1 broke"):
        list(side_by_side(range(9), do, 2, lambda *_: None))
    assert ended.is_set()
    assert sorted(begun) == [0, 1]


def test_an_interrupt_ends_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def do(task: int, tell: Tell) -> None:
        while True:
            tell(0.0)
            interrupt.check()
            time.sleep(0.01)

    def press(*_: object) -> None:
        monkeypatch.setattr(interrupt, "_pressed", 2)

    with pytest.raises(interrupt.Interrupted):
        list(side_by_side(range(3), do, 2, press))
    assert not [one for one in threading.enumerate() if one.name.startswith("beside")]


def test_arms_run_beside_each_other_where_one_alone_leaves_cores_idle() -> None:
    (plan, *_) = [trial.plan for trial in prepare("scenarios/smoke.yaml").trials]
    assert choice.regions(plan) == 1
    ray = Options(executor=ExecutorKind.ray)

    def at_a_time(plans: int, cpus: int, options: Options = ray, memory: float = 1e12) -> int:
        return choice.beside(options, [plan] * plans, cpus, memory)

    assert [at_a_time(5, cpus) for cpus in (1, 2, 8)] == [1, 2, 5]
    assert at_a_time(1, 8) == 1
    assert at_a_time(5, 8, Options(executor=ExecutorKind.ray, shards=3)) == 2
    assert at_a_time(5, 8, Options(executor=ExecutorKind.ray, sensors_per_actor=1)) == 1
    assert at_a_time(5, 8, Options(executor=ExecutorKind.ray, keep=True)) == 1
    assert at_a_time(5, 8, memory=1e9) == 1
    assert [choice.shards_for(plan, cpus) for cpus in (0, 1, 2, 3, 8)] == [1, 1, 1, 2, 7]


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_an_actor_that_dies_beside_another_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = prepare(worlds.load(worlds.scenario(duration="20 s")))
    local = execute(job, Runner(Options(executor=ExecutorKind.local)))
    monkeypatch.setattr(runner, "beside", lambda *_: 2)  # on one core too
    killed: list[int] = []
    advance = RayExecutor.advance

    def killing(self: RayExecutor, until_ns: int, progress: Progress = no_progress) -> None:
        def kill(done_ns: int) -> None:
            progress(done_ns)
            if not killed:  # here and at once: what is told elsewhere is told when all may be done
                killed.append(ray.get(self._shards[0].pid.remote()))
                os.kill(killed[0], signal.SIGKILL)

        advance(self, until_ns, kill)

    monkeypatch.setattr(RayExecutor, "advance", killing)
    options = Options(executor=ExecutorKind.ray, shards=1, window_ns=200_000_000)
    with Runner(options) as on_ray:
        record = execute(job, on_ray)
    assert killed
    host: dict[str, Any] = record.summary["host"]
    assert host["processes"] == 2
    assert host["restarts"] >= 1
    assert record.summary["fingerprint"] == local.summary["fingerprint"]
