"""Run a plan from start to end."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fleet.arrays import Ints, as_table
from fleet.engine.audit import audit
from fleet.engine.battery import as_it_went
from fleet.engine.hours import Hours
from fleet.engine.tally import Tally
from fleet.engine.told import Told
from fleet.errors import InputError
from fleet.model import capture
from fleet.model.events import Timetable
from fleet.model.frames import FRAME, SENSOR, WIDTH, Rows
from fleet.model.scene import SECOND_NS
from fleet.plan.partition import Partition, partition
from fleet.plan.plan import Plan
from fleet.running import bounds
from fleet.running.checkpoint import Checkpoints, passing
from fleet.running.choice import settled, shards_for
from fleet.running.executor import NO_EFFORT, Effort, Executor
from fleet.running.options import Engine, ExecutorKind, Options

_FRAMES_PER_SLICE, _LIVE_FRAMES_PER_SLICE = 25_000, 64
_SLICES_PER_WINDOW = 4
_LONGEST_WINDOW_NS = 60 * SECOND_NS
_SHORTEST_WINDOW_NS = SECOND_NS // 10


@dataclass(frozen=True)
class Outcome:
    """What running a plan gave.

    Attributes:
        plan: what was run.
        tally: the counts.
        in_flight: frames under way at the end.
        queued_bits: bits in the port of each link then; shape (links,).
        under_way: these frames, if frames are kept; shape (in_flight, WIDTH).
        hours: the energy account as it stood when hours began.
        told: what controllers have said, and what became of batteries.
        shards: shards in use.
        window_ns: length of a window.
        wall_s: time that the run took, without starting Ray.
        effort: what carrying it out took.
    """

    plan: Plan
    tally: Tally
    in_flight: int
    queued_bits: Ints
    shards: int
    window_ns: int
    wall_s: float
    effort: Effort = NO_EFFORT
    under_way: Rows = field(default_factory=lambda: np.empty((0, WIDTH), dtype=np.int64))
    hours: Hours = field(default_factory=Hours)
    told: Told = field(default_factory=Told.nothing)

    @cached_property
    def reckoned(self) -> dict[str, Any]:
        """Return what several formulas need and one has reckoned, by the name of it."""
        return {}

    @cached_property
    def as_it_went(self) -> Plan:
        """Return the plan with who was off when: of this the account is made."""
        return as_it_went(self.plan, self.told.charged.switched, self.plan.end_ns)

    @cached_property
    def happened(self) -> Timetable:
        """Return the events of the run before its end: those planned, and what was said in it."""
        planned, words = self.plan.control.timetable, self.told.words
        switched = self.told.charged.switched
        if len(words) or len(switched):
            both = np.concatenate([planned, words, switched])
            planned = as_table(both[np.argsort(both["time_ns"], kind="stable")])
        happened: Timetable = planned[planned.time_ns < self.plan.end_ns]
        return happened

    def frames(self) -> Rows:
        """Return all frames, if they were kept, by (sensor, frame); shape (captured, WIDTH).

        A frame in flight has the times that came before the end.
        """
        rows = np.concatenate([self.tally.rows(), self.under_way])
        ordered: Rows = rows[np.lexsort((rows[:, FRAME], rows[:, SENSOR]))]
        return ordered


def simulate(
    plan: Plan,
    options: Options,
    progress: Callable[[float], None] = lambda _: None,
    checkpoints: Checkpoints | None = None,
) -> Outcome:
    """Run a plan to its end, from the start or the last checkpoint, and check its books.

    Args:
        plan: what to run.
        options: how.
        progress: is called with the share of simulated time that is done.
        checkpoints: where to keep the state from time to time; under Ray, None is a place that is
            removed in the end.

    Raises:
        InputError: the options do not go together.
        RunError: the run broke a promise.
    """
    began = time.perf_counter()
    executor, window_ns = start(plan, options, checkpoints)
    try:
        ready = time.perf_counter()
        progress(0.0)
        executor.advance(plan.end_ns, lambda done_ns: progress(done_ns / plan.end_ns))
        advance_s = time.perf_counter() - ready
        tally, in_flight = executor.tally(), executor.in_flight()
        queued_bits = executor.queued_bits()
        audit(plan, tally, in_flight, queued_bits, plan.end_ns)
        kept: dict[str, Any] = {"under_way": executor.under_way()} if options.keep else {}
        effort = executor.effort()._replace(advance_s=advance_s)
    finally:
        executor.close()
    wall_s = time.perf_counter() - began
    if checkpoints is not None:
        wall_s += checkpoints.wall_before_s
    return Outcome(
        plan, tally, in_flight, queued_bits, executor.shards, window_ns, wall_s, effort,
        hours=executor.hours, told=executor.told(), **kept,
    )  # fmt: skip


def start(
    plan: Plan, options: Options, checkpoints: Checkpoints | None = None
) -> tuple[Executor, int]:
    """Return an executor, at time zero or at the last checkpoint, and its window length.

    Raises:
        InputError: the options do not go together.
    """
    # Looks of controllers need no check here: windows end at them, however long they are asked for.
    if options.window_ns is not None and options.window_ns > plan.control.lookahead_ns:
        raise InputError(
            f"--window {options.window_ns} ns is longer than the lookahead of the plan,"
            f" {plan.control.lookahead_ns} ns; use a shorter window"
        )
    if options.engine is Engine.reference:
        from fleet.running.reference_executor import ReferenceExecutor  # engines take a while

        window_ns = options.window_ns or default_window_ns(plan)
        bounds.check(plan, window_ns, 1, on_ray=False)
        return ReferenceExecutor(plan, window_ns, keep=options.keep), window_ns
    held = None if checkpoints is None else checkpoints.shards()  # one goes on as it was split
    if settled(options, [plan]).executor is ExecutorKind.local:
        from fleet.running.local_executor import LocalExecutor

        parts = partition(plan, held or _shards(plan, options, 1))
        window_ns, span_ns = _lengths(plan, options, parts)
        bounds.check(plan, span_ns, len(parts.territories), on_ray=False)
        local = LocalExecutor(
            plan, parts, span_ns, keep=options.keep, checkpoints=checkpoints, lanes=options.lanes
        )
        return local, window_ns
    from fleet.running import ray_cluster, ray_executor

    cpus = ray_cluster.connect(options.ray_address).get("CPU", 1.0) / options.beside
    wanted = _shards(plan, options, shards_for(plan, int(cpus)))
    parts = partition(plan, held or wanted)
    window_ns, span_ns = _lengths(plan, options, parts)
    bounds.check(plan, window_ns, len(parts.territories), on_ray=True)
    executor = ray_executor.RayExecutor(
        plan,
        parts,
        window_ns,
        span_ns,
        keep=options.keep,
        checkpoints=checkpoints or passing(),
        lanes=options.lanes,
        beside=options.beside,
    )
    return executor, window_ns


def _shards(plan: Plan, options: Options, default: int) -> int:
    if options.shards is not None:
        return options.shards
    if options.sensors_per_actor is not None:
        return -(-plan.size // options.sensors_per_actor)
    return default


def _lengths(plan: Plan, options: Options, parts: Partition) -> tuple[int, int]:
    """Return (window, slice); ns."""
    alone = 1 if parts.regions else len(parts.shards)
    window_ns = options.window_ns or default_window_ns(plan, alone)
    return window_ns, min(window_ns, slice_ns(plan, alone))


def default_window_ns(plan: Plan, alone: int = 1) -> int:
    """Return a window of four slices, at most 60 s; ns.

    So many frames make a transfer between Ray actors worth its overhead.
    """
    return min(_SLICES_PER_WINDOW * slice_ns(plan, alone), _LONGEST_WINDOW_NS)


def slice_ns(plan: Plan, alone: int = 1) -> int:
    """Return a span that holds some 25,000 frames, or one of each sensor, from 0.1 s to 60 s; ns.

    So many frames and their copies stay in the cache of a core: more at a time run slower. But
    every sensor is looked at in every span, which should not be for nothing. Where networks look
    live it holds some 64, so that a user sees how far the run is, but whole seconds: before a codec
    a second is encoded from its start.

    Args:
        plan: the plan.
        alone: processes among which all frames are dealt; 1 if one region has them all.
    """
    per_ns = float(capture.frames_per_ns(plan.sensors.clocks).sum())
    if plan.eyes.looks_live:
        seconds = int(np.ceil(_LIVE_FRAMES_PER_SLICE / per_ns / SECOND_NS))
        return min(max(1, seconds) * SECOND_NS, _LONGEST_WINDOW_NS)
    frames = max(alone * _FRAMES_PER_SLICE, plan.size)
    return int(np.clip(frames / per_ns, _SHORTEST_WINDOW_NS, _LONGEST_WINDOW_NS))


def peak_rss_mb() -> float:
    """Return the highest resident memory of this process so far; MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
