"""Work that others do and threads of this process see to, some pieces of it at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import TypeVar

from fleet.interrupt import LOOK_S, check, wanted_until

Task = TypeVar("Task")
Answer = TypeVar("Answer")
Tell = Callable[[float], None]


def side_by_side(
    tasks: Sequence[Task],
    do: Callable[[Task, Tell], Answer],
    at_a_time: int,
    told: Callable[[Task, float], None],
) -> Iterator[tuple[Task, Answer]]:
    """Yield what comes of tasks as they are done; they are begun in order.

    If one fails the others end where they next look (`fleet.interrupt.check`), and none is begun.

    Args:
        tasks: what to do.
        do: does a task, in a thread; tells there what share of it is done.
        at_a_time: how many run at a time.
        told: is called here with a task and the share of it that is done.

    Raises:
        Interrupted: the command was interrupted.
        Exception: what a task has failed with.
    """
    news: SimpleQueue[tuple[Task, float]] = SimpleQueue()
    unwanted = threading.Event()

    def doing(task: Task) -> Answer:
        with wanted_until(unwanted):
            return do(task, lambda share: news.put((task, share)))

    with ThreadPoolExecutor(at_a_time, thread_name_prefix="beside") as threads:
        task_of: dict[Future[Answer], Task] = {}
        try:
            task_of = {threads.submit(doing, task): task for task in tasks}
            while task_of:
                check()
                done = wait(task_of, LOOK_S, FIRST_COMPLETED).done
                _pass_on(news, told)
                yield from [(task_of.pop(one), one.result()) for one in done]
        finally:
            unwanted.set()
            threads.shutdown(wait=False, cancel_futures=True)


def _pass_on(news: SimpleQueue[tuple[Task, float]], told: Callable[[Task, float], None]) -> None:
    while True:
        try:
            task, share = news.get_nowait()
        except Empty:
            return
        told(task, share)
