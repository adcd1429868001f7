"""What a plan has besides sensors and links: servers, radios, prices."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.arrays import Floats, Ints
from fleet.plan.hours import Steps


@dataclass(frozen=True)
class Autoscaling:
    """How a pool follows its load; times in ns, target in parts per million of busy time.

    `tolerance_ppm` is in parts per million of the target, `queue` frames that may wait for each
    server, 0 if as many as will.
    """

    least: int
    most: int
    target_ppm: int
    every_ns: int
    boot_ns: int
    cooldown_ns: int
    stabilise_ns: int = 0
    tolerance_ppm: int = 0
    queue: int = 0


@dataclass(frozen=True)
class ServerKind:
    """Like servers of a pool: times in ns, power in µW for each server or decoder.

    Attributes:
        server: catalogue item.
        count: how many at the start.
        service_ns: t(b) for b = 0..max_batch: until the results of a batch are there.
        hold_ns: h(b), likewise: until the server can take the next batch; at most t(b).
        then_base_ns, then_hold_ns, then_per_ns: of the second network, that of a batch of objects,
            that of it for which the server is held, and that of each object; 0 without one.
        idle_uw: paid and not serving; host included.
        busy_uw: while it computes; host included.
        decoders: of each server; 0 if decoding is left out.
        decode_px_s: pixels a second of each decoder.
        decode_uw: more, for each decoder that works.
        pue_ppm: energy of the building over that of its servers, in parts per million.
        hourly_usd: price of an hour.
        monthly_usd: purchase, spread over its life; for each month of 30 days.
    """

    server: str
    count: int
    service_ns: Ints
    hold_ns: Ints
    idle_uw: int
    busy_uw: int
    decoders: int
    decode_px_s: int
    decode_uw: int
    pue_ppm: int
    hourly_usd: float
    monthly_usd: float
    then_base_ns: int = 0
    then_hold_ns: int = 0
    then_per_ns: int = 0


@dataclass(frozen=True)
class Then:
    """The second network of a pool, which looks at what the first finds in each frame.

    Attributes:
        most: objects of a frame that it looks at.
        batch: objects in a batch of it, at most.
    """

    most: int
    batch: int


@dataclass(frozen=True)
class Tenants:
    """In which order a pool takes the frames of the groups that share it; by group of the scenario.

    Attributes:
        priority: of each; the higher is served first.
        cost: of a frame of each, which is in proportion to one over its weight; 0 of all where
            nobody has one, so that who comes first is served first.
        network: of each, which of the pool's networks its frames are for.
    """

    priority: Ints
    cost: Ints
    network: Ints


@dataclass(frozen=True)
class Pool:
    """Servers with one queue, or all such pools of an edge.

    Attributes:
        name: of the region or edge.
        edge: whether it is at the edge.
        model: what it runs.
        kinds: its servers; autoscaling changes the number of the first.
        max_batch: frames in a batch.
        wait_ns: longest time that an incomplete batch waits.
        queue_max: frames that may wait.
        deadline_ns: longest time that a frame may wait, 0 without limit.
        law: how service times vary (`fleet.columns.serving`).
        variation: coefficient of variation of the service time, for the law near normal.
        autoscaling: the rule, if it has one.
        tenants: whose frames go first, and which network they are for; None: who comes first is
            served first, and there is one network.
        then: the second network that it runs on what the first finds; None without one.
        others: the same servers with each further network that they run, and its times.
    """

    name: str
    edge: bool
    model: str
    kinds: tuple[ServerKind, ...]
    max_batch: int
    wait_ns: int
    queue_max: int
    deadline_ns: int
    law: int
    variation: float
    autoscaling: Autoscaling | None
    tenants: Tenants | None
    then: Then | None = None
    others: tuple[Pool, ...] = ()

    @property
    def networks(self) -> tuple[Pool, ...]:
        """Return the servers with each network that they run, in the order of their books."""
        return (self, *self.others)


@dataclass(frozen=True)
class Radio:
    """The radio or port at a first hop: µW by state, ns; sending draws fJ for each bit too."""

    idle_uw: int
    promotion_uw: int
    active_uw: int
    fj_per_bit: int
    tail_uw: int
    tail_ns: int
    promotion_ns: int
    drx_after_ns: int
    drx_wait_ns: int
    drx_cycle_ns: int
    paging_cycle_ns: int


@dataclass(frozen=True)
class Prices:
    """What things cost; US dollars.

    Attributes:
        book: name of the price book.
        kwh: of electricity, in the mean over the time that is measured.
        mobile_gb: of data over mobile access.
        fixed_gb: of data over a fixed line.
        stored_gb_month: of storage for a month.
        retention_ns: how long pictures are kept in the cloud.
        device_month: of each setup, its price spread over its life; shape (setups,).
        kwh_by_hour: price of electricity as it changes by the hour; None if it does not.
    """

    book: str
    kwh: float
    mobile_gb: float
    fixed_gb: float
    stored_gb_month: float
    retention_ns: int
    device_month: Floats
    kwh_by_hour: Steps | None = None
