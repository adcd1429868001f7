"""Shards and regions as Ray actors: the only module that imports Ray.

A window is what actors exchange; inside they work in slices, so that the frames at hand stay in the
cache. Shards run ahead: while the regions take window k, the shards compute window k + 1. At most
`AHEAD` windows are under way, so the object store holds a bounded number of transfers.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

import numpy as np
import ray

from fleet.engine.executor import Progress, merged, no_progress, shard_of
from fleet.engine.region import Region
from fleet.engine.shard import Shard
from fleet.engine.tally import Tally
from fleet.engine.window import Window, windows
from fleet.errors import InputError, RunError
from fleet.plan.columns import Ints, Plan
from fleet.plan.partition import Part, Partition
from fleet.stages.frames import Columns

AHEAD = 3
_OBJECT_STORE_BYTES = 512 * 1024 * 1024
# The C library gives large blocks back to the system at once, and each window takes them again: the
# page faults cost a third of an actor's time. These let its processes keep what they have had.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
}
_ACTOR_BYTES = 130_000_000
"""Resident memory of a bare actor process (measured, Ray 2.60 on Linux)."""


def connect(address: str | None) -> dict[str, float]:
    """Start Ray on this machine, or join a cluster; return its resources.

    A local Ray listens on loopback only and has no dashboard.

    Raises:
        InputError: the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # the actors are the run, not its background
    for name, size in _KEEP_MEMORY.items():
        os.environ.setdefault(name, size)
    address = address or os.environ.get("RAY_ADDRESS")
    if not ray.is_initialized():
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if address:
                ray.init(address=address, **common)
            else:
                ray.init(
                    include_dashboard=False,
                    _node_ip_address="127.0.0.1",
                    object_store_memory=_OBJECT_STORE_BYTES,
                    **common,
                )
        except (ConnectionError, ValueError, RuntimeError) as error:
            first = str(error).splitlines()[0]
            raise InputError(f"--ray-address {address}: cannot join Ray: {first}") from None
    return dict(ray.cluster_resources())


def disconnect() -> None:
    """Leave Ray; a local one ends."""
    ray.shutdown()


def check_memory(actors: int) -> None:
    """Refuse more actors than memory can hold.

    Raises:
        InputError: names how many fit.
    """
    memory = float(ray.cluster_resources().get("memory", 0.0))
    fit = int(memory // _ACTOR_BYTES)
    if actors > fit:
        raise InputError(
            f"{actors} actors need about {actors * _ACTOR_BYTES / 1e9:.1f} GB and Ray has"
            f" {memory / 1e9:.1f} GB, enough for {fit}; use --shards {fit} or fewer, or more"
            " sensors per actor"
        )


class _ShardActor:
    """A shard in a process of its own."""

    def __init__(self, plan: Plan, part: Part, slice_ns: int, *, keep: bool) -> None:
        self._shard, self._slice_ns = Shard(plan, part, keep=keep), slice_ns

    def advance(self, window: Window) -> list[list[Columns]]:
        return [self._shard.advance(part) for part in windows(*window, self._slice_ns)]

    def call(self, method: str, *args: Any) -> Any:
        return getattr(self._shard, method)(*args)

    def tally(self, now_ns: int) -> Tally:
        self._shard.close(now_ns)
        return self._shard.tally

    def queued_bits(self) -> Ints:
        return self._shard.queued_bits()


class _RegionActor:
    """A region in a process of its own."""

    def __init__(self, plan: Plan, part: Part, region: int, slice_ns: int, *, keep: bool) -> None:
        self._region, self._slice_ns = Region(plan, part, region, keep=keep), slice_ns

    def advance(self, window: Window, *transfers: list[list[Columns]]) -> int:
        for k, part in enumerate(windows(*window, self._slice_ns)):
            self._region.advance(
                part, *(transfer[k][self._region.region] for transfer in transfers)
            )
        return window.end_ns

    def call(self, method: str, *args: Any) -> Any:
        return getattr(self._region, method)(*args)

    def tally(self, now_ns: int) -> Tally:
        self._region.close(now_ns)
        return self._region.tally

    def queued_bits(self) -> Ints:
        return self._region.queued_bits()


class RayExecutor:
    """Runs shards and regions as Ray actors, windows in a pipeline."""

    def __init__(
        self,
        plan: Plan,
        partition: Partition,
        window_ns: int,
        slice_ns: int,
        *,
        keep: bool = False,
    ) -> None:
        """Start one actor for each shard and region, at time zero."""
        check_memory(len(partition.shards) + len(partition.regions))
        self.plan, self.partition, self.window_ns = plan, partition, window_ns
        self.shards = len(partition.shards)
        self.now_ns = 0
        cpus = float(ray.cluster_resources().get("CPU", 1.0))
        share = min(1.0, cpus / (self.shards + 1))
        held = ray.put(plan)
        shard, region = ray.remote(_ShardActor), ray.remote(_RegionActor)
        self._shards: list[Any] = [  # Ray makes the methods of its handles at run time
            shard.options(num_cpus=share).remote(held, part, slice_ns, keep=keep)
            for part in partition.shards
        ]
        self._regions: list[Any] = [
            region.options(num_cpus=0).remote(held, part, r, slice_ns, keep=keep)
            for r, part in enumerate(partition.regions)
        ]

    @property
    def _all(self) -> list[Any]:
        return [*self._shards, *self._regions]

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time.

        Raises:
            RunError: an actor failed.
        """
        under_way: deque[list[Any]] = deque()

        def wait_for_one() -> None:
            progress(min(_get(under_way.popleft())))

        for window in windows(self.now_ns, until_ns, self.window_ns):
            transfers = [shard.advance.remote(window) for shard in self._shards]
            under_way.append([r.advance.remote(window, *transfers) for r in self._regions])
            if len(under_way) >= AHEAD:
                wait_for_one()
        while under_way:
            wait_for_one()
        self.now_ns = until_ns

    def tally(self) -> Tally:
        """Return the counts up to now, merged."""
        return merged(self.plan, _get([a.tally.remote(self.now_ns) for a in self._all]))

    def in_flight(self) -> int:
        """Return the number of frames under way."""
        return sum(_get([a.call.remote("in_flight") for a in self._all]))

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        parts = _get([a.queued_bits.remote() for a in self._all])
        bits: Ints = np.sum(parts, axis=0, dtype=np.int64)
        return bits

    def amend(self, plan: Plan) -> None:
        """Go on with a plan that has further setups and other control events after now."""
        self.plan = plan
        held = ray.put(plan)
        _get([a.call.remote("amend", held) for a in self._all])

    def sensor_state(self, sensor: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        shard = self._shards[shard_of(self.partition, sensor)]
        state: dict[str, int] = _get([shard.call.remote("sensor_state", sensor)])[0]
        return state

    def close(self) -> None:
        """End the actors."""
        for actor in self._all:
            ray.kill(actor)
        self._shards, self._regions = [], []


def _get(refs: list[Any]) -> Any:
    """Return results, with an actor's own error rather than Ray's wrapping of it."""
    try:
        return ray.get(refs)
    except ray.exceptions.RayTaskError as error:
        raise RunError(f"an actor failed: {error.cause!r}") from error
    except ray.exceptions.RayActorError as error:
        raise RunError(f"an actor died: {str(error).splitlines()[0]}") from error
