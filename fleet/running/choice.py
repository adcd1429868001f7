"""How much work a run is, and so where it runs if nobody says: in this process, in several, in Ray.

A run of seconds is done before Ray has started, and processes of our own start in a second or two.
None of it changes a result.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fleet import memory
from fleet.model import capture
from fleet.plan import expected
from fleet.plan.plan import Plan
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.trial import Trial

CITY = 1_000
"""Sensors from which on a run is spread over shards in Ray."""
LONG_S = 60.0
"""Time of a core from which on one run is."""
WORTH_S = 4.0
"""Time of a core from which on several runs are worth processes of their own, which take a second
or two to start."""
LIVE_FRAME_S = {"eye-small": 0.02, "eye-large": 0.05}
"""Time of a core for a frame at which a network looks live, rendering and codec included."""
_FRAME_S = {Engine.columns: 7e-7, Engine.reference: 6e-5}
"""Time of a core for any frame: 1.5 million a second, as `docs/SCALING.md` has it of a process."""
_RUN_S = 0.03
"""Time of a core for a run beside its frames: its plan, its account."""
_PROCESS_BYTES, _SENSOR_BYTES = 350e6, 50e3
"""Memory of a process that runs something, and of a sensor in it; from above."""
_CLUSTER = "RAY_ADDRESS"
"""The variable by which Ray is told of a cluster."""


def live_core_s(plan: Plan) -> float:
    """Return about how long the networks of an arm look, on a core of a usual machine; s."""
    per_s = capture.frames_per_ns(plan.sensors.clocks) * 1e9
    costs = [
        *(LIVE_FRAME_S.get(eye.name, 0.0) for eye in plan.eyes.networks),
        0.0,
    ]  # the last: of none
    of_sensor = np.array(costs)[plan.sensors.setups.sight[plan.sensors.setup_of]]
    return float((per_s * of_sensor).sum()) * plan.end_ns / 1e9


def core_s(plan: Plan, engine: Engine) -> float:
    """Return about how long a plan takes on a core of a usual machine; s."""
    return frames_s(expected.frames(plan), 1, engine) + _live_s(plan)


def _live_s(plan: Plan) -> float:
    return live_core_s(plan) if plan.eyes.looks_live else 0.0


def frames_s(frames: float, runs: int, engine: Engine = Engine.columns) -> float:
    """Return about how long some runs take on a core of a usual machine if none looks live; s.

    Args:
        frames: of all of them.
        runs: how many there are.
        engine: that carries them out.
    """
    return frames * _FRAME_S[engine] + runs * _RUN_S


def longest_first(trials: Sequence[Trial], engine: Engine) -> list[Trial]:
    """Return trials in an order in which some at a time are done soon.

    A frame of a sensor that sends to servers takes about twice as long as another's.
    """

    def work(trial: Trial) -> float:
        plan = trial.plan
        to_servers = float((plan.pools.of >= 0).mean())
        return frames_s(expected.frames(plan), 1, engine) * (1.0 + to_servers) + _live_s(plan)

    return sorted(trials, key=work, reverse=True)


def settled(options: Options, plans: Sequence[Plan]) -> Options:
    """Return options that say where some plans run, if these do not.

    That is Ray for a city, for a run of more than a minute of one core, and where a cluster or
    several shards are named; else here.
    """
    if options.executor is not ExecutorKind.auto:
        return options
    named = cluster(options.ray_address) or options.sensors_per_actor or (options.shards or 1) > 1
    large = any(plan.size >= CITY or core_s(plan, options.engine) > LONG_S for plan in plans)
    return replace(options, executor=ExecutorKind.ray if named or large else ExecutorKind.local)


def cluster(address: str | None) -> str | None:
    """Return the Ray cluster that is named: by an address, or else in the environment."""
    return address or os.environ.get(_CLUSTER) or None


def processes(options: Options, plans: Sequence[Plan]) -> int:
    """Return in how many processes some plans run at a time, each of them in one.

    One under Ray, which spreads each of them, where frames are kept, and where it is not worth it.
    No more than there are CPUs, and than half of the memory holds.

    Args:
        options: settled ones.
        plans: what is to run.
    """
    if options.runs_on is ExecutorKind.ray or options.keep or len(plans) < 2:
        return 1
    if sum(core_s(plan, options.engine) for plan in plans) < WORTH_S:
        return 1
    each = _PROCESS_BYTES + _SENSOR_BYTES * max(plan.size for plan in plans)
    return max(1, min(cpus(), len(plans), int(memory.limit_bytes() / 2 / each)))


def beside(options: Options, plans: Sequence[Plan], cpus: int, memory_bytes: float) -> int:
    """Return how many of some plans run at a time on Ray, side by side.

    One where a plan alone has work for all CPUs: as many regions, or shards that somebody asked
    for. And one where frames are kept.

    Args:
        options: settled ones.
        plans: what is to run.
        cpus: of Ray.
        memory_bytes: of Ray.
    """
    if options.keep or len(plans) < 2:
        return 1
    each = min(regions(plan) for plan in plans)
    if options.shards is not None:
        each = options.shards
    elif options.sensors_per_actor is not None:
        each = -(-max(plan.size for plan in plans) // options.sensors_per_actor)
    held = each * _PROCESS_BYTES + _SENSOR_BYTES * max(plan.size for plan in plans)
    return max(1, min(len(plans), cpus // each, int(memory_bytes / 2 / held)))


def shards_for(plan: Plan, cpus: int) -> int:
    """Return a shard for each CPU if there are as many regions, else for each that none needs."""
    many = regions(plan)
    return cpus if many >= cpus > 0 else max(1, cpus - many)


def regions(plan: Plan) -> int:
    """Return how many regions have sensors."""
    return len(np.unique(plan.links.region_of))


def cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
