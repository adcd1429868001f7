"""How a plan may be carried out; none of it changes a result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from fleet.errors import InputError
from fleet.lanes.when import Lanes


class Engine(StrEnum):
    """The two engines; they give the same result. `Engine(name)` refuses a name of none."""

    columns = "columns"
    reference = "reference"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InputError(f"engine {value!r} is not one of {', '.join(cls)}")


class ExecutorKind(StrEnum):
    """Where shards run; the result is the same. `ExecutorKind(name)` refuses a name of none.

    `auto` is one of the others, by how much there is to do (`fleet.running.choice`).
    """

    auto = "auto"
    ray = "ray"
    local = "local"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InputError(f"executor {value!r} is not one of {', '.join(cls)}")


@dataclass(frozen=True)
class Options:
    """How to run, which never changes the result.

    Attributes:
        engine: which of the two; its name will do.
        executor: where shards run; its name will do. The reference engine runs in this process.
        shards: number of shards; None: under Ray one for each CPU that no region needs, else 1.
        beside: how many runs share the CPUs of Ray, this one among them; it is set by who carries
            several out.
        sensors_per_actor: the same, said by size.
        window_ns: length of a window; None: chosen from the frame rate.
        ray_address: a Ray cluster to join.
        keep: keep every finished frame.
        lanes: when plain shards run in vector lanes; its name will do.

    Raises:
        InputError: there is no such engine or executor, or the number of shards is said twice.
    """

    engine: Engine = Engine.columns
    executor: ExecutorKind = ExecutorKind.auto
    shards: int | None = None
    sensors_per_actor: int | None = None
    window_ns: int | None = None
    ray_address: str | None = None
    keep: bool = False
    lanes: Lanes = Lanes.worth
    beside: int = 1

    def __post_init__(self) -> None:
        """Take names for what they name."""
        object.__setattr__(self, "engine", Engine(self.engine))
        object.__setattr__(self, "executor", ExecutorKind(self.executor))
        object.__setattr__(self, "lanes", Lanes(self.lanes))
        if self.shards and self.sensors_per_actor:
            raise InputError("give --shards or --sensors-per-actor, not both")

    @property
    def runs_on(self) -> ExecutorKind:
        """Return where it really runs: the reference engine is one process, which is this one."""
        return ExecutorKind.local if self.engine is Engine.reference else self.executor
