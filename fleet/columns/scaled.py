"""Pools whose number of servers changes: by an autoscaler, or by events."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.columns import frame_store
from fleet.columns.pools import Pools, ahead_ns
from fleet.engine.snapshot import State, fields, set_fields
from fleet.model.books import BIN_NS, BOOTS, DECODING_NS, SERVED_NS, SERVER_NS
from fleet.model.frames import SENSOR
from fleet.model.servers import KINDS

_SCALED = ("up", "paid", "paid_ns", "accrued_ns", "boots", "leaving", "decoders_leaving")


class Scaled:
    """One pool whose first kind of servers an autoscaler or an event changes."""

    def __init__(self, pools: Pools, row: int) -> None:
        """Take up the first servers at time zero.

        Args:
            pools: the pools.
            row: which of them.
        """
        self.pools, self.row, self.name = pools, row, pools.spec[row].name
        self.first = pools.spec[row].kinds[0]
        self.region = int(pools.ids[row])
        self.counts = pools.tally.servers[int(pools.plan.pools.row[self.region])]
        self.up, self.paid = self.first.count, self.first.count
        self.paid_ns, self.accrued_ns, self.boots = 0, 0, 0
        self.leaving: list[int] = []  # until when servers that were given back still work
        self.decoders_leaving: list[int] = []
        self.in_lanes = 0  # frames that wait there

    def began(self, since_ns: int) -> None:
        """Take what was paid up to a time as booked: nothing has changed before."""
        self.paid_ns, self.accrued_ns = self.paid * since_ns, since_ns

    def save(self) -> State:
        """Return the state as arrays, for `load`; the pools save the servers themselves."""
        return fields(self, _SCALED)

    def load(self, state: State) -> None:
        """Take a state up again."""
        set_fields(self, state, _SCALED)
        self.leaving, self.decoders_leaving = (
            [int(ns) for ns in state[name]] for name in ("leaving", "decoders_leaving")
        )

    def queued(self) -> int:
        """Return the number of frames that have come before now and wait for it."""
        pools = self.pools
        here = frame_store.join([pools.pending, pools.waiting])
        of = pools.plan.pools.of[pools.store.column(here, SENSOR)]
        return int(np.count_nonzero(of == self.region)) + self.in_lanes

    def running(self) -> int:
        """Return the number of servers that are up."""
        return self.up

    def busy_ns(self, now_ns: int) -> tuple[int, int]:
        """Return the time spent up to now: of servers, and of decoders for each that they have."""
        pools, p = self.pools, self.row
        served = int(pools.served_ns[p, 0]) - self._ahead(pools.rings, pools.sizes, now_ns)
        served -= _left(self.leaving, now_ns)
        decoding = int(pools.decoding_ns[p, 0]) - _left(self.decoders_leaving, now_ns)
        decoding -= self._ahead(pools.decoders, pools.decoder_sizes, now_ns)
        return served, decoding // max(1, self.first.decoders)

    def _ahead(self, rings: Ints, sizes: Ints, now_ns: int) -> int:
        return int(ahead_ns(rings[self.row, 1 : 1 + sizes[self.row]], now_ns)[0])

    def order_server(self, now_ns: int) -> None:
        """Start to pay for a server; it boots."""
        self.accrue(now_ns)
        self.paid += 1
        self.boots += 1

    def add_server(self, now_ns: int) -> None:
        """Take up a server that has booted, with its decoders."""
        pools, p = self.pools, self.row
        self.up += 1
        pools.rings = _pushed(pools.rings, pools.sizes, p, now_ns * KINDS, 1)
        pools.decoders = _pushed(
            pools.decoders, pools.decoder_sizes, p, now_ns * KINDS, self.first.decoders
        )

    def retire_server(self, now_ns: int) -> None:
        """Give back the server that is free first, and decoders; they end what they are at."""
        pools, p = self.pools, self.row
        self.accrue(now_ns)
        self.up -= 1
        self.paid -= 1
        ends = _pulled(pools.rings[p], pools.sizes, p, 1)[0]
        if ends > now_ns:
            self.leaving.append(ends)
            self.paid_ns += ends - now_ns
        gone = _pulled(pools.decoders[p], pools.decoder_sizes, p, self.first.decoders)
        self.decoders_leaving += [at for at in gone if at > now_ns]

    def cut(self, now_ns: int) -> None:
        """End what servers that were given back are at, as the pool goes down."""
        pools, p, left_ns = self.pools, self.row, _left(self.leaving, now_ns)
        pools.served_ns[p, 0] -= left_ns
        pools.decoding_ns[p, 0] -= _left(self.decoders_leaving, now_ns)
        self.paid_ns -= left_ns
        self.leaving, self.decoders_leaving = [], []

    def accrue(self, now_ns: int) -> None:
        """Book the server time since the last change."""
        if now_ns > self.accrued_ns:
            bins = self.pools.tally.server_bins[self.region]
            span = slice(self.accrued_ns // BIN_NS, -(-now_ns // BIN_NS))
            bins[span] = np.maximum(bins[span], self.paid)
        self.paid_ns += self.paid * (now_ns - self.accrued_ns)
        self.accrued_ns = now_ns

    def close(self, now_ns: int) -> None:
        """Book the time spent and paid up to now."""
        self.accrue(now_ns)
        served, _ = self.busy_ns(now_ns)
        decoding = int(self.pools.decoding_ns[self.row, 0]) - _left(self.decoders_leaving, now_ns)
        decoding -= self._ahead(self.pools.decoders, self.pools.decoder_sizes, now_ns)
        self.counts[SERVED_NS], self.counts[DECODING_NS] = served, decoding
        self.counts[SERVER_NS] = self.paid_ns - _left(self.leaving, now_ns)
        self.counts[BOOTS] = self.boots


def _left(ends_ns: list[int], now_ns: int) -> int:
    return sum(max(0, end - now_ns) for end in ends_ns)


def _pushed(rings: Ints, sizes: Ints, row: int, value: int, count: int) -> Ints:
    """Return rings with a number added to one of them so many times; its size grows in place."""
    size = int(sizes[row]) + count
    if 1 + size > rings.shape[1]:
        wider = np.zeros((len(rings), 1 + 2 * size), dtype=np.int64)
        wider[:, : rings.shape[1]] = rings
        rings = wider
    rings[row, 1 + int(sizes[row]) : 1 + size] = value
    sizes[row] = size
    rings[row, 0] = 0
    rings[row, 1 : 1 + size].sort()
    return rings


def _pulled(ring: Ints, sizes: Ints, row: int, count: int) -> list[int]:
    """Return the times of the numbers of the first kind that are free first; they are taken out."""
    size = int(sizes[row])
    numbers = np.sort(ring[1 : 1 + size])
    gone = np.flatnonzero(numbers % KINDS == 0)[:count]
    sizes[row] -= len(gone)
    ring[0] = 0
    ring[1 : 1 + int(sizes[row])] = np.delete(numbers, gone)
    return [int(at) for at in numbers[gone] // KINDS]
