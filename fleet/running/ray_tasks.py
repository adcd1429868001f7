"""Tasks on Ray: functions that run somewhere in a cluster, some more at once than it has CPUs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from fleet.interrupt import LOOK_S, check
from fleet.running import ray_cluster

_AHEAD = 2


class RayTasks:
    """Carries tasks out on Ray, as long as a `with` block lasts.

    Ray is left at its end, unless the caller was in Ray before.

    Args:
        work: takes what all tasks share and a task; a function of a module.
        shared: what all tasks share.
        address: of a cluster to join; None: Ray on this machine.
    """

    def __init__(
        self, work: Callable[[Any, Any], Any], shared: object, address: str | None
    ) -> None:
        self._work, self._shared, self._address = work, shared, address
        self._under_way: dict[Any, Any] = {}

    def __enter__(self) -> RayTasks:
        self._leaves = not ray_cluster.connected()
        self.cpus = max(1, int(ray_cluster.connect(self._address).get("CPU", 1.0)))
        self._function = ray.remote(self._work).options(num_cpus=1, max_retries=0)
        self._put = ray.put(self._shared)
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._under_way:
            ray.cancel(running, force=True)
        self._under_way.clear()
        if self._leaves:
            ray_cluster.disconnect()

    def carry_out(self, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any, str]]:
        """Yield each task as it is done: with what came of it, or with why its process died.

        They are begun in order.

        Raises:
            Interrupted: the command was interrupted.
        """
        left = deque(tasks)
        self._begin(left)
        while self._under_way:
            check()
            with ray_cluster.deaths_told():
                done, _ = ray.wait([*self._under_way], timeout=LOOK_S)
                ended = [(self._under_way.pop(one), one) for one in done]
                self._begin(left)  # before anybody makes something of the answers
            for task, one in ended:
                yield task, *_answer(one)

    def _begin(self, left: deque[Any]) -> None:
        while left and len(self._under_way) < _AHEAD * self.cpus:
            task = left.popleft()
            self._under_way[self._function.remote(self._put, task)] = task


def _answer(done: Any) -> tuple[Any, str]:
    try:
        return ray.get(done), ""
    except ray.exceptions.RayError as error:
        return None, f"{type(error).__name__}: {str(error).splitlines()[0]}"
