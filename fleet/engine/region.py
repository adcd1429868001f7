"""A region: the shared links on the way to it, its pool of servers, and the way back."""

from __future__ import annotations

import heapq

import numpy as np

from fleet.engine.control import Environment, autoscale, walk
from fleet.engine.network import DONE_LEVEL, Network
from fleet.engine.process import advance
from fleet.engine.tally import BATCHES, BOOTS, SERVED_NS, SERVER_NS, Tally
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.plan.columns import TARGET, A, Ints, Plan, Pool
from fleet.plan.partition import Part
from fleet.stages import cloud, frames
from fleet.stages.frames import (
    CLOCK,
    DONE,
    FATE,
    INFER,
    NOBODY,
    RESULT,
    SENSOR,
    Index,
    Rows,
    Store,
)


class Servers:
    """The servers of a pool: which are up, and the server time that is paid for."""

    def __init__(self, pool: Pool, region: int, tally: Tally, plan: Plan) -> None:
        """Take up the first servers at time zero."""
        self.pool, self.region, self.tally = pool, region, tally
        self.bin_ns, self.end_ns = plan.bin_ns, plan.end_ns
        self.free_ns = np.zeros(pool.servers, dtype=np.int64)
        self.ending_ns: list[int] = []
        self.handed_out_ns = 0
        self.paid = pool.servers
        self.accrued_ns = 0

    def running(self) -> int:
        """Return the number of servers that are up."""
        return len(self.free_ns)

    def busy_ns(self, now_ns: int) -> int:
        """Return the server time spent on frames up to now."""
        ahead = int(np.maximum(self.free_ns - now_ns, 0).sum())
        self.ending_ns = [end for end in self.ending_ns if end > now_ns]
        ahead += sum(end - now_ns for end in self.ending_ns)
        return self.handed_out_ns - ahead

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""
        self.accrue(now_ns)
        self.paid += 1
        self.tally.pools[self.region, BOOTS] += 1

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted."""
        self.free_ns = _heap(np.append(self.free_ns, now_ns))

    def retire_server(self, now_ns: int) -> None:
        """Give back the server that is free first; it ends its batch."""
        self.accrue(now_ns)
        free = np.sort(self.free_ns)
        self.free_ns = free[1:].copy()
        self.paid -= 1
        if free[0] > now_ns:
            self.ending_ns.append(int(free[0]))
            ends_ns = min(int(free[0]), self.end_ns)
            self.tally.pools[self.region, SERVER_NS] += ends_ns - now_ns

    def accrue(self, now_ns: int) -> None:
        """Book the server time since the last change."""
        if now_ns > self.accrued_ns:
            bins = self.tally.server_bins[self.region]
            span = slice(self.accrued_ns // self.bin_ns, -(-now_ns // self.bin_ns))
            bins[span] = np.maximum(bins[span], self.paid)
        self.tally.pools[self.region, SERVER_NS] += self.paid * (now_ns - self.accrued_ns)
        self.accrued_ns = now_ns


def _heap(values: Ints) -> Ints:
    heap = [int(v) for v in values]
    heapq.heapify(heap)
    return np.array(heap, dtype=np.int64)


class Region:
    """A logical process of shared links and servers."""

    def __init__(self, plan: Plan, part: Part, region: int, *, keep: bool = False) -> None:
        """Set up a region at time zero.

        Args:
            plan: the plan.
            part: which links are this region's.
            region: its index.
            keep: keep the finished frames, not just their counts.
        """
        self.plan, self.part, self.region = plan, part, region
        self.tally = Tally.empty(plan, keep=keep)
        self.store = Store()
        self.network = Network(plan, self.tally, self.store, part.enter, part.leave)
        self.arriving, self.waiting, self.serving, self.returning = (NOBODY,) * 4
        self.env = Environment()
        self._walk()
        self.pool = plan.pools[region]
        if self.pool is not None:
            self.servers = Servers(self.pool, region, self.tally, plan)
            if self.pool.autoscaling is not None:
                self.env.process(autoscale(self.env, self.pool.autoscaling, self.servers))

    def advance(self, window: Window, *transfers: Rows) -> None:
        """Run a window, given the frames that the shards sent in it, one array a shard.

        Raises:
            RunError: a shard handed over a frame from before the window (lookahead broken).
        """
        self._receive(np.concatenate(transfers), window)
        advance(self.env, window, self._flow)

    def _receive(self, rows: Rows, window: Window) -> None:
        if len(self.plan.region_names) > 1:
            rows = rows[self.plan.region_of[rows[:, SENSOR]] == self.region]
        if not len(rows):
            return
        # In order of time the stations find the frames one behind the other in memory.
        rows = rows[np.argsort(rows[:, CLOCK])]
        if rows[0, CLOCK] < window.start_ns:
            raise RunError(
                f"a frame reached region '{self.plan.region_names[self.region]}' at"
                f" {rows[0, CLOCK]} ns, before its window at {window.start_ns} ns"
            )
        index = self.store.adopt(rows)
        here = self.part.enter[rows[:, SENSOR]] == DONE_LEVEL
        self._arrive(index[here])
        self.network.put(index[~here])

    def amend(self, plan: Plan) -> None:
        """Take over a plan with other control events after now."""
        self.plan = self.network.plan = plan
        self._walk()

    def in_flight(self) -> int:
        """Return the number of frames on links, in the pool and on their way back."""
        held = (self.arriving, self.waiting, self.serving, self.returning)
        return self.network.in_flight() + sum(map(len, held))

    def _walk(self) -> None:
        mine = self.part.concerns(self.plan.timetable)
        plan = self.plan
        events = walk(self.env, plan.timetable[mine], self._apply, lambda: self.plan is plan)
        self.env.process(events)

    def _apply(self, event: Ints) -> None:
        """Apply a timetable row: links going down are all that concerns a region."""
        self.network.outage(int(event[TARGET]), self.env.now, int(event[A]))

    # Frames -----------------------------------------------------------------------------------

    def _flow(self, until_ns: int) -> Index:
        """Take every frame as far as it comes before a time; none leaves a region."""
        self._arrive(self.network.advance(until_ns))
        if self.pool is not None:
            self._serve(self.pool, until_ns)
            self.servers.accrue(until_ns)
        rows = self.store.rows
        done, self.returning = frames.before(rows, self.returning, DONE, until_ns)
        rows[done, FATE] = RESULT
        self._end(done)
        return NOBODY

    def _end(self, index: Index) -> None:
        self.tally.finish(self.plan, self.store.rows, index)
        self.store.free(index)

    def _arrive(self, index: Index) -> None:
        """Take frames at the region's door: results of sensors, and frames to infer."""
        if not len(index):
            return
        rows = self.store.rows
        inferred, raw = frames.split(
            index, self.plan.on_sensor[self.store.column(index, SENSOR)] == 1
        )
        rows[inferred, DONE] = rows[inferred, CLOCK]
        self.returning = frames.join([self.returning, inferred])
        self.arriving = frames.join([self.arriving, raw])

    def _serve(self, pool: Pool, until_ns: int) -> None:
        rows, queued = self.store.rows, len(self.waiting)
        due, self.arriving = frames.before(rows, self.arriving, CLOCK, until_ns)
        index = frames.join([self.waiting, frames.in_order(rows, due, self.plan.size)])
        order = np.empty(len(index), dtype=np.int64)
        started, lost, handed_out_ns, batches = cloud.serve(
            rows, index, queued, until_ns, self.servers.free_ns, pool.max_batch, pool.wait_ns,
            pool.queue_max, pool.service_ns, order,
        )  # fmt: skip
        self.serving = frames.join([self.serving, order[:started]])
        self.waiting = order[started : len(index) - lost].copy()
        if lost:
            self._end(frames.fated(rows, index)[0])
        self.servers.handed_out_ns += handed_out_ns
        self.tally.pools[self.region, BATCHES] += batches
        self._answer(until_ns)

    def _answer(self, until_ns: int) -> None:
        """Send the results of ended batches on their way to their consumers."""
        rows = self.store.rows
        ended, self.serving = frames.before(rows, self.serving, INFER, until_ns)
        sensor = self.store.column(ended, SENSOR)
        rows[ended, DONE] = rows[ended, INFER] + self.plan.return_ns[sensor]
        self.returning = frames.join([self.returning, ended])

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end: server time spent up to now."""
        if self.pool is not None:
            self.tally.pools[self.region, SERVED_NS] = self.servers.busy_ns(now_ns)
