"""What came to each link and pool over what it could do, and whether its queue grew.

Work counts when it arrives, also what is lost then. A resource that is offered more than it can do
has a queue that grows: from some time on it is never idle again. Then a percentile of latency
says how long the run was. Possible is what it does at its rate, in the mean over what is measured
if that changes, servers with full batches; outages are not taken off.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model.books import (
    ACCEPTED_BEFORE_BITS,
    ARRIVED,
    ARRIVED_PX,
    BUSY_NS,
    CAPTURED,
    DECODERS_IDLE_NS,
    DECODING_NS,
    DROPPED_BITS,
    FATE_0,
    IDLE_NS,
    LOOKED_AT,
    OFFERED_BITS,
    SENT_BEFORE_BITS,
    SENT_LINK_BITS,
    SERVED_NS,
    SERVER_NS,
    SERVERS_IDLE_NS,
    STARTED,
)
from fleet.model.frames import (
    LOST_CLOUD_QUEUE,
    LOST_DEADLINE,
    LOST_DECODE_QUEUE,
    LOST_EDGE_QUEUE,
    LOST_SERVER_DOWN,
    SKIP_DSP_BUSY,
)
from fleet.plan import pipelines
from fleet.plan.caps import Term, terms
from fleet.plan.plan import Plan
from fleet.plan.plant import Pool
from fleet.plan.rates import mean_bps
from fleet.results.metric import SHARE, Better, Metric, part
from fleet.running.run import Outcome

BUSY = 0.9
"""Share of what it can do above which a resource is told of."""
SERVERS_OF = "servers of "
"""Name of the servers of a region or edge, before its own."""
TARGET = 0.8
"""Share of what it can do at which a resource is said to hold with room to spare."""
_POOL_LOST = (
    LOST_DECODE_QUEUE, LOST_CLOUD_QUEUE, LOST_EDGE_QUEUE, LOST_DEADLINE, LOST_SERVER_DOWN,
)  # fmt: skip


@dataclass(frozen=True)
class Load:
    """How much came to links or pools of one kind; `busiest` to the one that had most of it.

    Attributes:
        count: how many there are.
        offered: mean over them of what came, over what they could do.
        growing: queues that grew.
        busiest: its name.
        busiest_offered, busiest_busy: what came to it, and what it did, over what it could do.
        lost: share of what came to it that it lost.
        grows: whether its queue grew: it was never idle in the second half or longer.
        since_s: when it was last idle; s from time 0.
        waiting: what waited when the run ended; of servers how many more than when it began.
        unit: of `rate` and `waiting`.
        rate: what came to it a second.
        servers: of the first kind, None for links.
        enough, target_servers: how many of these would just do, and would be busy for TARGET.
    """

    count: int
    offered: float
    growing: int
    busiest: str
    busiest_offered: float
    busiest_busy: float
    lost: float
    grows: bool
    since_s: float
    waiting: float
    unit: str
    rate: float
    servers: float | None = None
    enough: int | None = None
    target_servers: int | None = None


def _of_busiest(name: str, meaning: str) -> Metric:
    return Metric(
        f"load.busiest_{name}", SHARE, meaning, Better.LESS, compared=None, whole=False,
        link=f"load.{{}}.busiest_{name}", pool=f"load.{SERVERS_OF}{{}}.busiest_{name}",
        why="no sensor's path leads there",
    )  # fmt: skip


@part(
    "load",
    _of_busiest(
        "busy", "How busy the link of a class, or the servers of a pool, were to which most came"
    ),
    _of_busiest("offered", "What came there, over what they could do"),
)
def loads(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return the load of each class of links, and of servers and decoders by region or edge."""
    by_name = {**dict(_links(outcome)), **dict(_pools(outcome))}
    return {name: asdict(load) for name, load in by_name.items()}


def _grows(plan: Plan, offered: Floats, idle_ns: Ints, waiting: Any, lost: Floats) -> Any:
    """Return which queues grew: as much came as could be done, and nobody was idle for long."""
    half = plan.warm_up_ns + plan.measured_ns // 2
    return (offered >= BUSY) & (idle_ns <= half) & ((waiting > 0) | (lost > 0))


def _links(outcome: Outcome) -> Iterator[tuple[str, Load]]:
    plan, counts = outcome.plan, outcome.tally.links
    offered_bits = counts[:, OFFERED_BITS].astype(np.float64)
    carried = counts[:, ACCEPTED_BEFORE_BITS] + counts[:, OFFERED_BITS] - counts[:, DROPPED_BITS]
    span_s = plan.measured_ns * 1e-9
    offered = offered_bits / _possible_bits(plan, counts, carried, span_s)
    busy = counts[:, BUSY_NS] / plan.measured_ns
    gone = counts[:, [SENT_BEFORE_BITS, SENT_LINK_BITS]].sum(axis=1)
    waiting = (carried - gone).astype(np.float64)
    lost = counts[:, DROPPED_BITS] / np.maximum(offered_bits, 1)
    grows = _grows(plan, offered, counts[:, IDLE_NS], waiting, lost)
    grows |= _throttled(plan, counts, carried, offered_bits / span_s) & ((waiting > 0) | (lost > 0))
    for c, name in enumerate(plan.links.class_names):
        mine = np.flatnonzero(plan.links.class_of == c)
        most = mine[np.argmax(offered[mine])]
        yield (
            name,
            Load(
                count=len(mine),
                offered=float(offered[mine].mean()),
                growing=int(grows[mine].sum()),
                busiest=plan.links.names[most],
                busiest_offered=float(offered[most]),
                busiest_busy=float(busy[most]),
                lost=float(lost[most]),
                grows=bool(grows[most]),
                since_s=int(counts[most, IDLE_NS]) * 1e-9,
                waiting=float(waiting[most]) / 1e6,
                unit="Mbit",
                rate=float(offered_bits[most]) / span_s / 1e6,
            ),
        )


def _mean_bps(plan: Plan, *, capped: bool = False) -> Floats:
    """Return the mean rate of each link behind the warm-up, or what its spent cap leaves of it."""
    events = plan.control.timetable
    return mean_bps(plan.links.table, events, plan.warm_up_ns, plan.end_ns, capped=capped)


def _throttled(plan: Plan, counts: Ints, carried: Ints, offered_bps: Floats) -> Any:
    """Return which links end with a spent cap and are asked for more than they have left."""
    is_spent = np.zeros(len(carried), dtype=bool)
    for term in terms(plan.links.table, plan.control.timetable, plan.end_ns):
        is_spent[term.links] = _carried_in(plan, term, counts, carried)[1] >= term.cap_bits
    return is_spent & (offered_bps >= BUSY * _mean_bps(plan, capped=True))


def _possible_bits(plan: Plan, counts: Ints, carried: Ints, span_s: float) -> Floats:
    """Return what each link could have carried in a span; after its cap is spent it is slower.

    A cap is spent when as much has been carried, which at the link's full rate would be soonest.
    """
    rate, slow = _mean_bps(plan), _mean_bps(plan, capped=True)
    possible = np.where(plan.links.table.cap_bits > 0, 0.0, rate * span_s)
    for term in terms(plan.links.table, plan.control.timetable, plan.end_ns):
        mine = term.links
        lasts_s = max(0, term.end_ns - max(term.begin_ns, plan.warm_up_ns)) * 1e-9
        before, by_its_end = _carried_in(plan, term, counts, carried)
        full = rate[mine] * lasts_s
        left = np.clip(term.cap_bits - before, 0, full)
        throttled = slow[mine] * (lasts_s - left / rate[mine])
        possible[mine] += np.where(by_its_end >= term.cap_bits, left + throttled, full)
    return possible


def _carried_in(plan: Plan, term: Term, counts: Ints, carried: Ints) -> tuple[Floats, Floats]:
    """Return what the links of a term carried in it before the warm-up ended, and by its end; bit.

    Books hold it for the run: before the warm-up and behind it each term has its part by its time.
    """
    early = counts[term.links, ACCEPTED_BEFORE_BITS].astype(np.float64)
    late = carried[term.links] - early
    split_ns, end_ns = plan.warm_up_ns, plan.end_ns
    early_ns = max(0, min(term.end_ns, split_ns) - term.begin_ns)
    late_ns = max(0, term.end_ns - max(term.begin_ns, split_ns))
    before = early * (early_ns / split_ns if split_ns else 0.0)
    return before, before + late * (late_ns / (end_ns - split_ns))


def _pools(outcome: Outcome) -> Iterator[tuple[str, Load]]:
    plan = outcome.plan
    for entry, pool in enumerate(plan.pools.entries):
        mine = np.flatnonzero(plan.pools.entry == entry)
        if pool is None or not len(mine):
            continue
        rows = plan.pools.row[mine]
        first, px = outcome.tally.servers[rows], outcome.tally.servers[rows, ARRIVED_PX]
        lost = _lost(outcome, mine, _POOL_LOST)
        taken = _of_networks(outcome, pool, mine)
        waiting = first[:, ARRIVED] - taken[:, :, 0].sum(axis=1) - lost
        crew = Crew(
            first[:, ARRIVED], _fps_of(pool, taken.sum(axis=0)), heads=np.ones(len(pool.kinds)),
            spent=SERVED_NS, idle_ns=first[:, SERVERS_IDLE_NS], lost=lost, waiting=waiting,
        )  # fmt: skip
        yield f"{SERVERS_OF}{pool.name}", _load(outcome, pool, mine, crew)
        if px.any():
            px_s = np.array([kind.decode_px_s for kind in pool.kinds], dtype=np.float64)
            heads = np.array([kind.decoders for kind in pool.kinds], dtype=np.float64)
            taken_px = _kinds(outcome, pool, mine, DECODING_NS) * 1e-9 @ px_s
            lost = _lost(outcome, mine, (LOST_DECODE_QUEUE,))
            frame_px = px / np.maximum(first[:, ARRIVED], 1)
            waiting = ((px - taken_px) / np.maximum(frame_px, 1)).astype(np.int64) - lost
            crew = Crew(
                px, px_s * heads, heads, DECODING_NS, first[:, DECODERS_IDLE_NS], lost, waiting
            )
            yield f"decoders of {pool.name}", _load(outcome, pool, mine, crew)


class Crew(NamedTuple):
    """Servers or decoders of some pools.

    Attributes:
        work: what came, in frames or pixels; shape (pools,), as are the last three.
        speed: how much of it a server of each kind does a second; shape (kinds,).
        heads: how many a server of each kind has of them; shape (kinds,).
        spent: column of the time that they were at work.
        idle_ns: when one of them was last idle.
        lost: frames.
        waiting: frames that came and were neither taken up nor lost.
    """

    work: Ints
    speed: Floats
    heads: Floats
    spent: int
    idle_ns: Ints
    lost: Ints
    waiting: Ints


def server_fps(pool: Pool) -> Floats:
    """Return the frames a second of a server of each kind that has full batches; shape (kinds,)."""
    times_ns = [max(1, int(kind.hold_ns[pool.max_batch])) for kind in pool.kinds]
    return pool.max_batch * 1e9 / np.array(times_ns, dtype=np.float64)


def _fps_of(pool: Pool, taken: Ints) -> Floats:
    """Return the same of a pool that took frames for some networks, and looked at objects in them.

    Args:
        pool: the pool.
        taken: (frames, objects) of each network; shape (networks, 2).
    """
    laws = [
        pipelines.law_with_mean(objects / max(1, many), 0 if of.then is None else of.then.most)
        for of, (many, objects) in zip(pool.networks, taken.tolist(), strict=True)
    ]
    return server_fps(pipelines.Networks(pool, laws, taken[:, 0]).mean)


def _of_networks(outcome: Outcome, pool: Pool, mine: Ints) -> Ints:
    """Return (frames taken, objects looked at) of pools; shape (pools, networks, 2)."""
    kinds, many = len(pool.kinds), len(pool.networks)
    rows = outcome.plan.pools.row[mine][:, None] + np.arange(kinds * many)
    counts = outcome.tally.servers[rows][:, :, [STARTED, LOOKED_AT]]
    of: Ints = counts.reshape(len(mine), many, kinds, 2).sum(axis=2)
    return of


def servers_for(work_s: float, speed: Floats, others: float, use: float) -> int:
    """Return how many servers of the first kind would be busy for a share of their time.

    Args:
        work_s: what comes a second.
        speed: what a server of each kind does a second.
        others: servers of the other kinds times their speed.
        use: the share.
    """
    return max(1, math.ceil((work_s / use - others) / speed[0] - 1e-9)) if speed[0] else 0


def _load(outcome: Outcome, pool: Pool, mine: Ints, crew: Crew) -> Load:
    """Return the load of servers or decoders of some pools with one entry."""
    plan = outcome.plan
    paid_s = _kinds(outcome, pool, mine, SERVER_NS) * 1e-9
    offered = crew.work / np.maximum(paid_s @ crew.speed, 1e-9)
    spent_s = _kinds(outcome, pool, mine, crew.spent).sum(axis=1) * 1e-9
    busy = spent_s / np.maximum(paid_s @ crew.heads, 1e-9)
    arrived = outcome.tally.servers[plan.pools.row[mine], ARRIVED]
    lost = crew.lost / np.maximum(arrived, 1)
    grows = _grows(plan, offered, crew.idle_ns, crew.waiting, lost)
    most, span_s = int(np.argmax(offered)), plan.measured_ns * 1e-9
    needed = functools.partial(
        servers_for, float(crew.work[most]) / span_s, crew.speed,
        float(paid_s[most, 1:] @ crew.speed[1:]) / span_s,
    )  # fmt: skip
    return Load(
        count=len(mine),
        offered=float(offered.mean()),
        growing=int(grows.sum()),
        busiest=plan.pools.names[mine[most]],
        busiest_offered=float(offered[most]),
        busiest_busy=float(busy[most]),
        lost=float(lost[most]),
        grows=bool(grows[most]),
        since_s=int(crew.idle_ns[most]) * 1e-9,
        waiting=float(crew.waiting[most]),
        unit="frames",
        rate=float(arrived[most]) / span_s,
        servers=float(paid_s[most, 0]) / span_s,
        enough=needed(1.0),
        target_servers=needed(TARGET),
    )


def _kinds(outcome: Outcome, pool: Pool, mine: Ints, column: int) -> Ints:
    """Return a column of the books of each kind of servers of pools; shape (pools, kinds)."""
    rows = outcome.plan.pools.row[mine][:, None] + np.arange(len(pool.kinds))
    counts: Ints = outcome.tally.servers[rows, column]
    return counts


def _lost(outcome: Outcome, mine: Ints, fates: tuple[int, ...]) -> Ints:
    """Return the frames that each pool lost."""
    lost = outcome.tally.sensors[:, [FATE_0 + fate for fate in fates]].sum(axis=1)
    pool_of = outcome.plan.pools.of
    return np.array([lost[pool_of == p].sum() for p in mine], dtype=np.int64)


@part("dsp_skips")
def dsp_skips(outcome: Outcome) -> dict[str, float]:
    """Return the share of the frames of each group that came while the DSP was busy."""
    plan, counts = outcome.plan, outcome.tally.sensors
    out = {}
    for g, name in enumerate(plan.sensors.group_names):
        mine = counts[(plan.sensors.group_of == g) & (plan.on_sensor == 1)].sum(axis=0)
        if mine[CAPTURED]:
            out[name] = int(mine[FATE_0 + SKIP_DSP_BUSY]) / int(mine[CAPTURED])
    return out
