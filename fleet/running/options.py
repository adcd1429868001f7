"""How a plan may be carried out; none of it changes a result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleet.errors import InputError


class Engine(StrEnum):
    """The two engines; they give the same result."""

    columns = "columns"
    reference = "reference"


class Place(StrEnum):
    """Where shards run; the result is the same."""

    ray = "ray"
    local = "local"


@dataclass(frozen=True)
class Options:
    """How to run, which never changes the result.

    Attributes:
        engine: an `Engine`, or its name.
        executor: a `Place`, or its name; the reference engine runs locally.
        shards: number of shards; None: under Ray one for each CPU that no region needs, else 1.
        sensors_per_actor: the same, said by size.
        window_ns: length of a window; None: chosen from the frame rate.
        ray_address: a Ray cluster to join.
        keep: keep every finished frame.

    Raises:
        InputError: there is no such engine or place.
    """

    engine: str = Engine.columns
    executor: str = Place.ray
    shards: int | None = None
    sensors_per_actor: int | None = None
    window_ns: int | None = None
    ray_address: str | None = None
    keep: bool = False

    def __post_init__(self) -> None:
        """Refuse names that are none."""
        for field, value, known in (
            ("engine", self.engine, Engine), ("executor", self.executor, Place),
        ):  # fmt: skip
            if value not in list(known):
                raise InputError(f"{field} {value!r} is not one of {', '.join(known)}")
