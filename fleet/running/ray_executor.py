"""Shards and regions as Ray actors.

Shards run ahead: while the regions take window k, the shards compute window k + 1. At most
`AHEAD` windows are under way, so the object store holds a bounded number of transfers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import ray

from fleet.arrays import Ints
from fleet.engine.hours import Hours
from fleet.engine.onlookers import Onlookers, View
from fleet.engine.tally import Tally
from fleet.engine.told import Told
from fleet.engine.window import windows
from fleet.errors import RunError
from fleet.interrupt import LOOK_S, check, pressed
from fleet.lanes.when import Lanes
from fleet.model.events import Timetable
from fleet.model.frames import Rows
from fleet.plan.partition import Partition, Territory
from fleet.plan.plan import Plan
from fleet.plan.share import share_of
from fleet.running import ray_cluster
from fleet.running.actors import RegionActor, ShardActor
from fleet.running.checkpoint import FEEDBACK, HOURS, Checkpoints
from fleet.running.executor import Effort, Progress, in_ports, merged, no_progress, shard_of

AHEAD = 3
"""Windows under way at most: what bounds the transfers in the object store."""

MOST_RESTARTS = 3
"""How often actors are restarted without getting further than they had been."""

T = TypeVar("T")


class RayExecutor:
    """Runs shards and regions as Ray actors, windows in a pipeline.

    When an actor dies all of them go back to the last checkpoint, or to the start, and do the
    windows since then again: the same state and the same windows give the same bits.
    """

    def __init__(
        self,
        plan: Plan,
        partition: Partition,
        window_ns: int,
        slice_ns: int,
        *,
        keep: bool = False,
        checkpoints: Checkpoints,
        lanes: Lanes = Lanes.worth,
        beside: int = 1,
    ) -> None:
        """Start one actor for each shard and region, at time zero or at the last checkpoint.

        Args:
            plan: the plan.
            partition: who has what.
            window_ns: length of a window.
            slice_ns: length of the spans in which actors work through a window.
            keep: keep the finished frames.
            checkpoints: where to keep the state from time to time.
            lanes: when plain shards run in lanes.
            beside: how many executors share the CPUs, this one among them.
        """
        ray_cluster.check_memory(len(partition.territories))
        self.plan, self.partition, self.window_ns = plan, partition, window_ns
        self.shards, self.checkpoints = len(partition.shards), checkpoints
        self.restarts, self.peak_transfer_bytes = 0, 0
        self.hours, self.watch = Hours(), Onlookers(plan)
        self._slice_ns, self._keep, self._lanes = slice_ns, keep, lanes
        self._beside = beside
        with ray_cluster.deaths_told():
            self._start()

    def _start(self) -> None:
        """Start the actors where the last checkpoint is."""
        last = self.checkpoints.latest(self.plan)
        self.now_ns, states = last or (0, {})
        self.hours.forget()
        if HOURS in states:
            self.hours.load(states[HOURS])
        self.watch = Onlookers(self.plan)
        if FEEDBACK in states:
            self.watch.load(states[FEEDBACK])
        cpus = float(ray.cluster_resources().get("CPU", 1.0)) / self._beside

        def held(territory: Territory) -> tuple[Any, ...]:
            share, own = share_of(self.plan, territory)
            return ray.put(share), own, self._slice_ns, states.get(territory.name)

        processes = len(self.partition.territories)
        # After a death the sum may still hold a node that is gone: nothing may wait for its cores.
        each = 0.0 if self.restarts else min(1.0, cpus / processes)
        shard = ray.remote(ShardActor).options(num_cpus=each)
        region = ray.remote(RegionActor).options(num_cpus=0)
        self._shards: list[Any] = [  # Ray makes the methods of its handles at run time
            shard.remote(*held(part), keep=self._keep, lanes=self._lanes)
            for part in self.partition.shards
        ]
        self._regions: list[Any] = [
            region.remote(*held(part), keep=self._keep) for part in self.partition.regions
        ]
        words = self.watch.pending(self.now_ns)
        if len(words):  # nobody waits, as nobody here survives a death: an actor hears them first
            for actor in self._all:
                actor.call.remote("hear", words)

    @property
    def _all(self) -> list[Any]:
        return [*self._shards, *self._regions]

    def _hear(self, words: Timetable) -> None:
        if len(words):
            _answers([actor.call.remote("hear", words) for actor in self._all])

    def _looks(self) -> list[View]:
        if not self.plan.is_watched:
            return []
        looks = _answers([actor.call.remote("look") for actor in self._all])
        return [one for one in looks if one is not None]

    def advance(self, until_ns: int, progress: Progress = no_progress) -> None:
        """Run everything up to a time.

        Raises:
            RunError: an actor failed, or actors died again and again.
        """
        self._surviving(lambda: self._advance(until_ns, progress), 0)

    def _advance(self, until_ns: int, progress: Progress) -> None:
        under_way: deque[tuple[int, list[Any], list[Any]]] = deque()
        sizes: deque[int] = deque(maxlen=AHEAD)

        def wait_for_one() -> None:
            end_ns, bytes_sent, regions = under_way.popleft()
            sizes.append(sum(_answers(bytes_sent)))
            self.peak_transfer_bytes = max(self.peak_transfer_bytes, sum(sizes))
            _answers(regions)
            self.now_ns = end_ns
            progress(self.now_ns)

        for window in windows(self.now_ns, until_ns, self.window_ns, self.plan.cuts_ns):
            self.watch.check(window)
            done = [shard.advance.options(num_returns=2).remote(window) for shard in self._shards]
            transfers = [tables for tables, _ in done]
            regions = [
                region.advance.remote(window, place, *transfers)
                for place, region in enumerate(self._regions)
            ]
            under_way.append((window.end_ns, [bytes_sent for _, bytes_sent in done], regions))
            if len(under_way) >= AHEAD:
                wait_for_one()
            begins, due = self.hours.is_due(self.plan, window.end_ns), self.checkpoints.due()
            looks = self.watch.is_due(window.end_ns)
            while under_way and (begins or due or looks):
                wait_for_one()
            if begins:
                counted = _answers([a.call.remote("counted") for a in self._all])
                self.hours.note(self.watch.as_it_went(self.now_ns), self.now_ns, counted)
            if looks:
                self._hear(self.watch.hear(self.now_ns, self._looks()))
            if due:
                self._checkpoint(self.plan)
        while under_way:
            wait_for_one()

    def _checkpoint(self, plan: Plan) -> None:
        states = _answers([a.call.remote("save") for a in self._all])
        named = {**self._named(states), HOURS: self.hours.save()}
        if plan.is_watched:
            named[FEEDBACK] = self.watch.save()
        self.checkpoints.keep(plan, self.now_ns, named)

    def _surviving(self, work: Callable[[], T], until_ns: int) -> T:
        """Do something with the actors; after a crash restart them, run up to a time, and retry.

        Raises:
            RunError: an actor failed, or actors died again and again.
        """
        with ray_cluster.deaths_told():
            return self._retried(work, until_ns)

    def _retried(self, work: Callable[[], T], until_ns: int) -> T:
        tries, crashed_ns = 0, -1
        while True:
            try:
                if self.now_ns < until_ns and tries > 0:
                    self._advance(until_ns, no_progress)
                return work()
            except ray.exceptions.RayError as error:
                check()  # what interrupts this process may have ended actors too
                if not _is_a_crash(error):
                    raise RunError(f"an actor failed: {_cause(error)}") from error
                self.close()
                tries = 1 if self.now_ns > crashed_ns else tries + 1
                crashed_ns = max(crashed_ns, self.now_ns)
                if tries > MOST_RESTARTS:
                    raise RunError(
                        f"actors died {tries} times in the same place, the last time because:"
                        f" {_cause(error)}; a system that is short of memory kills them: use fewer"
                        " --shards, or '--executor local'"
                    ) from error
                self.restarts += 1
                self._start()

    def _named(self, answers: list[T]) -> dict[str, T]:
        """Return what the actors said, by the names of their parts."""
        return {
            part.name: said for part, said in zip(self.partition.territories, answers, strict=True)
        }

    def _ask(self, ask: Callable[[Any], Any], of: slice = slice(None)) -> list[Any]:
        """Return the answers of all actors, or of some; they are asked again if one dies."""
        answers: list[Any] = self._surviving(
            lambda: _answers([ask(actor) for actor in self._all[of]]), self.now_ns
        )
        return answers

    def tally(self) -> Tally:
        """Return the counts up to now, merged."""
        return merged(self.plan, self._ask(lambda a: a.tally.remote(self.now_ns)))

    def in_flight(self) -> int:
        """Return the number of frames under way."""
        return sum(self._ask(lambda a: a.call.remote("in_flight")))

    def under_way(self) -> Rows:
        """Return these frames, with the times that have come; shape (frames, WIDTH)."""
        return np.concatenate(self._ask(lambda a: a.call.remote("under_way")))

    def queued_bits(self) -> Ints:
        """Return the bits in each link's port; shape (links,)."""
        return in_ports(self.plan, self._ask(lambda a: a.call.remote("queued_bits")))

    def told(self) -> Told:
        """Return what controllers have said, and what became of batteries."""
        return self.watch.told()

    def effort(self) -> Effort:
        """Return what it took: how actors spent their time since they were last started."""
        spent = self._ask(lambda a: a.spent.remote())
        return Effort(self._named(spent), self.restarts, self.peak_transfer_bytes)

    def amend(self, plan: Plan) -> None:
        """Go on with a plan that has further setups and other control events after now."""

        def amend() -> None:
            shares = [ray.put(share_of(plan, part)[0]) for part in self.partition.territories]
            pairs = zip(self._all, shares, strict=True)
            _answers([actor.call.remote("amend", share) for actor, share in pairs])
            self._hear(self.watch.amend(plan, self.now_ns))
            if self.now_ns:  # what was is of another plan: this is where to begin again
                self._checkpoint(plan)

        self._surviving(amend, self.now_ns)
        self.plan = plan

    def forget(self) -> None:
        """Count from now on."""

        def forget() -> None:
            self.watch.forget(self._looks())
            _answers([actor.call.remote("forget") for actor in self._all])
            self.hours.forget()
            self._checkpoint(self.plan)  # whoever begins again must not count what was forgotten

        self._surviving(forget, self.now_ns)

    def sensor_state(self, sensor: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        shard, number = shard_of(self.partition, sensor)
        answers = self._ask(
            lambda a: a.call.remote("sensor_state", number), slice(shard, shard + 1)
        )
        state: dict[str, int] = answers[0]
        return state

    def close(self) -> None:
        """End the actors; after an interrupt they end as `disconnect` says."""
        if not pressed():
            for actor in self._all:
                ray.kill(actor)
        self._shards, self._regions = [], []


def _answers(asked: list[Any]) -> list[Any]:
    """Return what actors answer; while they work is the time to end an interrupted run."""
    waiting = asked
    while waiting:
        check()
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=LOOK_S)
    return list(ray.get(asked))


def _is_a_crash(error: ray.exceptions.RayError) -> bool:
    """Return whether a process or a node died, rather than that our own code failed."""
    died = (
        ray.exceptions.RayActorError,
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.ObjectLostError,
        ray.exceptions.OutOfMemoryError,
        ray.exceptions.NodeDiedError,
    )
    return isinstance(error, died) or isinstance(getattr(error, "cause", None), died)


def _cause(error: ray.exceptions.RayError) -> str:
    cause = getattr(error, "cause", None)
    return repr(cause) if cause is not None else str(error).splitlines()[0]
