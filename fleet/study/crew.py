"""A crew: processes on this machine that carry tasks of a study out, without Ray."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, overload

from fleet.child import held
from fleet.interrupt import LOOK_S, check
from fleet.scenario.load import Scenario
from fleet.study.task import Answer, Task
from fleet.study.uncertain.draws import DrawAnswer, DrawTask

_SHORT_S = 2.0
"""So long a task may wait behind another while somebody is free, at the end."""


class _Worker(NamedTuple):
    """A process, our end of the way to it, and what ends it."""

    process: subprocess.Popen[bytes]
    way: Connection
    until_then: contextlib.ExitStack


class Crew:
    """Processes that carry tasks out, as long as a `with` block lasts.

    They start when there is something to do. One that dies is replaced, and its task is answered
    with how it died. As long as tasks are short, each process has its next one before it is done
    with the last, so that none waits for who makes something of the answers.

    Args:
        scenario: the study's.
        size: how many processes at most.
    """

    def __init__(self, scenario: Scenario, size: int) -> None:
        self._scenario, self._size = scenario, size
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, deque[Any]]] = {}
        self._left: deque[Any] = deque()
        self._last_s = math.inf

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (*self._idle, *(worker for worker, _ in self._busy.values())):
            _end(worker)

    @overload
    def carry_out(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Answer]]: ...
    @overload
    def carry_out(self, tasks: Sequence[DrawTask]) -> Iterator[tuple[DrawTask, DrawAnswer]]: ...
    def carry_out(self, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield what comes of tasks as they are done; they are begun in order.

        Raises:
            Interrupted: the command was interrupted.
        """
        self._left = deque(tasks)
        self._deal()
        while self._busy:
            check()
            done = [self._answer(way) for way in wait([*self._busy], LOOK_S)]  # type: ignore[arg-type]
            self._deal()  # before anybody makes something of the answers
            yield from done

    def _deal(self) -> None:
        """Give tasks to who has none, and short ones to who has one only."""
        while self._left and len(self._busy) < self._size:
            worker = self._idle.pop() if self._idle else self._start()
            self._busy[worker.way] = worker, deque()
            self._give(worker.way)
        if self._last_s > _SHORT_S or not (self._left and isinstance(self._left[0], Task)):
            return  # what is large would be waited for until it is read
        for way, (_, tasks) in self._busy.items():
            if len(tasks) < 2 and len(self._left) > self._size:  # the last ones are for who is free
                self._give(way)

    def _give(self, way: Connection) -> None:
        task = self._left.popleft()
        self._busy[way][1].append(task)
        with contextlib.suppress(OSError):  # it has died, which is seen where we wait for it
            way.send(task)

    def _start(self) -> _Worker:
        with contextlib.ExitStack() as until_then:
            ours, theirs = Pipe()
            until_then.enter_context(ours)
            fd = theirs.fileno()
            process = subprocess.Popen(
                [sys.executable, "-m", "fleet.study.worker", str(fd), str(os.getpid())],
                pass_fds=[fd], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            theirs.close()
            until_then.enter_context(held(process))
            until_then.callback(process.kill)
            with contextlib.suppress(OSError):
                ours.send(self._scenario)
            return _Worker(process, ours, until_then.pop_all())

    def _answer(self, way: Connection) -> tuple[Any, Any]:
        worker, tasks = self._busy[way]
        task = tasks.popleft()
        try:
            answer = way.recv()
        except (EOFError, OSError):
            del self._busy[way]
            self._left.extendleft(tasks)  # which it had not begun
            _end(worker, kill=False)
            death = _death(worker.process.returncode)
            if isinstance(task, DrawTask):
                return task, DrawAnswer({}, error=death, died=True)
            return task, Answer(error=death, died=True)
        self._last_s = getattr(answer, "seconds", 0.0)
        if not tasks:
            del self._busy[way]
            self._idle.append(worker)
        return task, answer


def _end(worker: _Worker, *, kill: bool = True) -> None:
    if not kill:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=1.0)
    worker.until_then.close()


def _death(code: int) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"its process {how}; it is run again when the study is gone on with"
