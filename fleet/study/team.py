"""A team: processes on this machine that carry tasks out, without Ray."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Generic, NamedTuple, Self, TypeVar

from fleet.child import held
from fleet.interrupt import LOOK_S, check


class Told(NamedTuple):
    """How far a task is: the share of it that is done."""

    share: float


Tell = Callable[[float], None]
"""Takes the share of a task that is done; does not return if nobody waits for it any more."""
Given = TypeVar("Given")
Task = TypeVar("Task")
Answer = TypeVar("Answer")
Work = Callable[[Given, Task, Tell], Answer]
"""Does a task, given what all of them share."""


class _Worker(NamedTuple):
    """A process, our end of the way to it, and what ends it."""

    process: subprocess.Popen[bytes]
    way: Connection
    until_then: contextlib.ExitStack


class Team(Generic[Given, Task, Answer]):
    """Processes that carry tasks out, as long as a `with` block lasts.

    They start when there is something to do. One that dies is replaced.

    Args:
        work: does a task; a function of a module, which is imported there.
        given: what all tasks share.
        died: gives the answer of a task whose process died, told how.
        size: how many processes at most.
        short: says by an answer whether each process is given a second task while it is at work, so
            that it does not wait for who makes something of its answers.
    """

    def __init__(
        self,
        work: Work[Given, Task, Answer],
        given: Given,
        died: Callable[[Task, str], Answer],
        size: int,
        short: Callable[[Answer], bool] = lambda _: False,
    ) -> None:
        self._work, self._given, self._died, self._size = work, given, died, size
        self._short, self._ahead = short, False
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, deque[Task]]] = {}
        self._left: deque[Task] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (*self._idle, *(worker for worker, _ in self._busy.values())):
            _end(worker)

    def carry_out(
        self, tasks: Sequence[Task], told: Callable[[Task, float], None] = lambda _, __: None
    ) -> Iterator[tuple[Task, Answer]]:
        """Yield what comes of tasks as they are done; they are begun in order.

        Args:
            tasks: what to do.
            told: is called with a task and the share of it that is done.

        Raises:
            Interrupted: the command was interrupted.
        """
        self._left, self._ahead = deque(tasks), False
        self._deal()
        while self._busy:
            check()
            heard = [self._hear(way, told) for way in wait([*self._busy], LOOK_S)]  # type: ignore[arg-type]
            self._deal()  # before anybody makes something of the answers
            yield from (done for done in heard if done is not None)

    def _deal(self) -> None:
        """Give tasks to who has none, and short ones to who has one only."""
        while self._left and len(self._busy) < self._size:
            worker = self._idle.pop() if self._idle else self._start()
            self._busy[worker.way] = worker, deque()
            self._give(worker.way)
        for way, (_, tasks) in self._busy.items() if self._ahead else ():
            if len(tasks) < 2 and len(self._left) > self._size:  # the last are for who is free
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
                ours.send((self._work, self._given))
            return _Worker(process, ours, until_then.pop_all())

    def _hear(
        self, way: Connection, told: Callable[[Task, float], None]
    ) -> tuple[Task, Answer] | None:
        """Return an answer with its task; None if a worker only tells how far it is."""
        worker, tasks = self._busy[way]
        try:
            said = way.recv()
        except (EOFError, OSError):
            del self._busy[way]
            task = tasks.popleft()
            self._left.extendleft(tasks)  # which it had not begun
            _end(worker, kill=False)
            return task, self._died(task, _death(worker.process.returncode))
        if isinstance(said, Told):
            told(tasks[0], said.share)
            return None
        task = tasks.popleft()
        self._ahead = self._short(said)
        if not tasks:
            del self._busy[way]
            self._idle.append(worker)
        return task, said


def _end(worker: _Worker, *, kill: bool = True) -> None:
    if not kill:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=1.0)
    worker.until_then.close()


def _death(code: int) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"its process {how}"
