"""Who carries the tasks of a study out: processes on this machine, or tasks on Ray."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from fleet.errors import InputError
from fleet.running.choice import LONG_S, cluster, cpus, frames_s
from fleet.running.options import ExecutorKind
from fleet.scenario.load import Scenario
from fleet.study.crew import AGAIN, Crew
from fleet.study.task import Answer, Shared, Task, carry_out


class Carrier(Protocol):
    """Carries tasks out, as long as a `with` block lasts."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None, /,
    ) -> None:  # fmt: skip
        """End all that is under way."""

    def carry_out(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Answer]]:
        """Yield what comes of tasks as they are done; they are begun in order."""


class Hands(NamedTuple):
    """Who is to carry tasks out.

    Attributes:
        executor: 'ray' or 'local'; None: Ray if a cluster is named or there is much to do.
        workers: how many processes on this machine; None: one for each CPU.
        ray_address: a Ray cluster to join.
    """

    executor: ExecutorKind | None = None
    workers: int | None = None
    ray_address: str | None = None

    def checked(self) -> Hands:
        """Return them with what follows from what is said.

        Raises:
            InputError: it does not go together.
        """
        if self.workers is not None and self.workers < 1:
            raise InputError(f"--workers {self.workers}: must be at least 1")
        kind = self.executor and ExecutorKind(self.executor)
        if kind is None and self.workers is None and cluster(self.ray_address):
            kind = ExecutorKind.ray
        if kind is None and self.workers is not None:
            kind = ExecutorKind.local
        if kind is ExecutorKind.ray and self.workers is not None:
            raise InputError("--workers is of --executor local; a Ray cluster says what it has")
        if kind is ExecutorKind.local and self.ray_address is not None:
            raise InputError("--ray-address is of --executor ray; leave one of them out")
        return self._replace(executor=kind)

    def for_work(self, frames: float, runs: int) -> Hands:
        """Return them with an executor, chosen by how much there is to do if none is said."""
        if self.executor is not None:
            return self
        small = frames_s(frames, runs) <= LONG_S
        return self._replace(executor=ExecutorKind.local if small else ExecutorKind.ray)

    def open(self, scenario: Scenario, most: int) -> Carrier:
        """Return who carries the tasks of a scenario out, of which there are so many."""
        if self.executor is ExecutorKind.ray:
            return RayCrew(scenario, self.ray_address)
        return Crew(scenario, min(self.workers or cpus(), most))


class RayCrew:
    """Ray tasks that carry tasks of a study out, wherever the cluster has room.

    Args:
        scenario: the study's; files that it names lie at the same places on every machine.
        address: of a cluster to join; None: Ray on this machine.
    """

    def __init__(self, scenario: Scenario, address: str | None) -> None:
        from fleet.running.ray_tasks import RayTasks  # Ray takes a while

        self._tasks = RayTasks(_work, (uuid.uuid4().hex, scenario), address)

    def __enter__(self) -> RayCrew:
        self._tasks.__enter__()
        return self

    def __exit__(self, *how: object) -> None:
        self._tasks.__exit__(*how)

    def carry_out(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Answer]]:
        """Yield what comes of tasks as they are done; they are begun in order.

        Raises:
            Interrupted: the command was interrupted.
        """
        for task, answer, died in self._tasks.carry_out(tasks):
            yield task, Answer(error=f"{died}; {AGAIN}", died=True) if died else answer


_last: dict[str, Shared] = {}  # of a process in the cluster: what the tasks of one crew share


def _work(crew: tuple[str, Scenario], task: Task) -> Any:
    name, scenario = crew
    if name not in _last:
        _last.clear()
        _last[name] = Shared(scenario)
    return carry_out(_last[name], task, lambda _: None)
