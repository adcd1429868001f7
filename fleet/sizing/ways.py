"""What comes to each distinct link and pool of a plan, how long it waits, and what is lost.

Sensors go up their ways level by level. Links of a class to which the same comes are one distinct
link, and so are pools: each law is worked out once. What a link loses or cannot carry does not come
to the next. A buffer loses what would wait longer than it holds.

Left out: that a queue smooths what comes behind it, bursts of I frames that come at one time,
outages and other events. Sensors that capture in phase are taken as if their phases were random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fleet.arrays import Bools, Floats, Ints
from fleet.model import capture
from fleet.model.frames import LEVELS
from fleet.model.link import SEGMENT_BITS
from fleet.plan import expected
from fleet.plan.expected import Flows
from fleet.plan.lossy import in_bursts, sendings
from fleet.plan.plan import Plan
from fleet.proof import theory
from fleet.sizing.pools import Served, serve
from fleet.sizing.waiting import Source, Wait, load_of, wait_for

_DIGITS = 9
NOWHERE = -1


@dataclass(frozen=True)
class Crossed:
    """A distinct link: links of a class to which the same comes.

    Attributes:
        name: of the class.
        level: place on the way.
        links: which of the plan's they are.
        sensors: how many share each.
        offered_bps: what comes to each.
        load: that over what it can carry.
        wait: the law of the wait in its port.
        again_s: mean time that segments which are sent again take.
        lost: share of the frames that its buffer or its losses lose.
        rate_bps: what it can carry in the mean.
        air: whether bits cross it while the sensor's own radio sends them.
    """

    name: str
    level: int
    links: Ints
    sensors: float
    offered_bps: float
    load: float
    wait: Wait
    again_s: float
    lost: float
    rate_bps: float
    air: bool

    @property
    def grows(self) -> bool:
        """Return whether more comes than it can carry."""
        return self.load >= 1.0


@dataclass
class Walk:
    """The ways of all sensors.

    Attributes:
        links: the distinct links; pools: the distinct pools.
        at: distinct link of each sensor at each level, NOWHERE for none; shape (LEVELS, sensors).
        served: distinct pool of each sensor, NOWHERE for none.
        came: share of the frames sent that come to each level, and to the pool at last; shape
            (LEVELS + 1, sensors).
        arrived: share that becomes results.
    """

    links: list[Crossed]
    pools: list[Served]
    at: Ints
    served: Ints
    came: Floats
    arrived: Floats


def walk(plan: Plan, of: Flows) -> Walk:
    """Return what comes to the links and pools of a plan, from the sensors up."""
    ways = Walk(
        [], [], np.full((LEVELS, plan.size), NOWHERE), np.full(plan.size, NOWHERE),
        np.ones((LEVELS + 1, plan.size)), np.ones(plan.size),
    )  # fmt: skip
    possible, _ = expected.link_possible_bps(plan, expected.link_bps(plan, of))
    bearing = np.ones(plan.size)  # share of what was sent that is still on its way
    bearing[plan.ends_at_site] = 0.0
    done = np.zeros(plan.size, dtype=bool)
    for level in range(LEVELS):
        ways.came[level] = bearing
        for one, mine in _links(plan, of, level, bearing, done, possible):
            ways.at[level, mine] = len(ways.links)
            ways.links.append(one)
            passed = min(1.0, 1.0 / one.load) * (1.0 - one.lost) if one.load else 1.0
            bearing[mine] *= passed
            ways.arrived[mine[~done[mine]]] *= passed
        here = (plan.pools.of >= 0) & (plan.pools.level == level)
        ways.came[LEVELS, here] = bearing[here]
        for pool, mine in _pools(plan, of, here, bearing):
            ways.served[mine] = len(ways.pools)
            ways.pools.append(pool)
            left = 1.0 - of.served_share[mine] * (1.0 - pool.passed)
            bearing[mine] *= left
            ways.arrived[mine] *= left
        done |= here
        bearing[here & (plan.sensors.to_site == 1)] = 0.0
    return ways


def _alike(
    number: Ints, sort: Ints, kinds: Ints, rates: Floats
) -> Iterator[tuple[Ints, Ints, list[tuple[int, float, float]]]]:
    """Yield things to which the same comes: (the things, places of who uses them, what comes).

    What comes is (kind, how many of it, frames a second of one).

    Args:
        number: the thing that each user has.
        sort: what each user's thing is, such as its class.
        kinds: of the users.
        rates: frames a second of each user.
    """
    things, which = np.unique(number, return_inverse=True)
    table = np.stack([kinds, np.round(rates, _DIGITS)], axis=1)
    flows, flow_of = np.unique(table, axis=0, return_inverse=True)
    counts = np.zeros((len(things), len(flows)))
    np.add.at(counts, (which, flow_of), 1.0)
    sorts = np.zeros(len(things))
    sorts[which] = sort
    rows, row_of = np.unique(np.column_stack([sorts, counts]), axis=0, return_inverse=True)
    for r, row in enumerate(rows):
        mine = row_of == r
        comes = [
            (int(flows[f, 0]), float(row[1 + f]), float(flows[f, 1]))
            for f in np.flatnonzero(row[1:])
            if flows[f, 1] > 0
        ]
        yield things[mine], np.flatnonzero(mine[which]), comes


def _links(
    plan: Plan, of: Flows, level: int, bearing: Floats, done: Ints, possible: Floats
) -> Iterator[tuple[Crossed, Ints]]:
    """Yield the distinct links of a level and whose they are."""
    users = np.flatnonzero((plan.links.of[level] >= 0) & (bearing > 0))
    if not len(users):
        return
    number = plan.links.of[level, users]
    kinds = of.kind[users] * 2 + done[users]  # behind servers at an edge results go on
    steps = np.round(possible[number] / possible[number].max(), 6) + plan.links.class_of[number]
    for links, places, comes in _alike(number, steps, kinds, (of.sent_fps * bearing)[users]):
        mine = users[places]
        yield _crossed(plan, of, level, links, mine, comes, possible), mine


def _crossed(
    plan: Plan, of: Flows, level: int, links: Ints, mine: Ints,
    comes: list[tuple[int, float, float]], possible: Floats,
) -> Crossed:  # fmt: skip
    first = int(links[0])
    row, rate = plan.links.table[first], float(possible[first])
    own = bool(plan.links.cell_level[mine[0]] == level)
    loss = 0.0 if own else float(row.loss_ppb) * 1e-9
    through = 1.0 if own else 1.0 / float(sendings(plan.links.table[first : first + 1])[0])
    sources = [
        _source(*_bits(plan, of, kind, mine), many, fps, rate * through, _regular(plan, mine))
        for kind, many, fps in comes
    ]
    load = load_of(sources, 1)
    mean_bits = load * rate * through / max(sum(s.many * s.rate for s in sources), 1e-30)
    wait = wait_for(sources, 1)
    buffer_s = float(row.buffer_ns) * 1e-9 - mean_bits / rate
    lost = 0.0 if own or load >= 1.0 else wait.above(max(buffer_s, 0.0))
    again_s = 0.0
    if loss:
        segments = max(1, round(mean_bits / SEGMENT_BITS))
        fails, _, rounds = (
            in_bursts(row, segments)
            if row.burst_ns
            else theory.resent(segments, loss, int(row.retries))
        )
        lost, again_s = 1.0 - (1.0 - lost) * (1.0 - fails), rounds * row.retry_ns * 1e-9
    return Crossed(
        plan.links.class_names[plan.links.class_of[first]], level, links,
        sum(many for _, many, _ in comes), load * rate, load, wait, again_s, lost, rate,
        own and bool(row.air_bps),
    )  # fmt: skip


def _regular(plan: Plan, mine: Ints) -> bool:
    return bool((plan.sensors.clocks.kind[mine] == capture.PERIODIC).all())


def _bits(plan: Plan, of: Flows, kind: int, mine: Ints) -> tuple[Floats, Floats]:
    """Return bits and weights of what comes of a kind: frames, or results behind an edge."""
    drawn = of.drawn[kind // 2]
    if kind % 2 == 0:
        return drawn.bits, drawn.weight
    first = mine[of.kind[mine] == kind // 2][:1]
    result = np.maximum(plan.pools.result_bits[first].astype(np.float64), 1.0)
    return np.where(drawn.served == 1.0, result, drawn.bits), drawn.weight


def _source(
    bits: Floats, weights: Floats, many: float, fps: float, rate: float, periodic: bool
) -> Source:
    times = bits / rate
    mean = float(np.average(times, weights=weights))
    variance = float(np.average((times - mean) ** 2, weights=weights))
    return Source(many, fps, mean, variance, float(times.max()), periodic)


def _pools(plan: Plan, of: Flows, here: Ints, bearing: Floats) -> Iterator[tuple[Served, Ints]]:
    """Yield the distinct pools behind a level and whose they are."""
    users = np.flatnonzero(here & (bearing > 0))
    if not len(users):
        return
    number, rates = plan.pools.of[users], (of.served_fps * bearing)[users]
    decoded_px = np.round(plan.pools.decode_px * of.served_area).astype(np.int64)
    uneven = _uneven(plan)[number]
    looks = np.stack([decoded_px[users], np.where(uneven, of.kind[users], -1)], axis=1)
    _, kinds = np.unique(looks, axis=0, return_inverse=True)
    for pools, places, comes in _alike(number, plan.pools.entry[number], kinds, rates):
        mine = users[places]
        px = {int(k): int(p) for k, p in zip(kinds[places], decoded_px[mine], strict=True)}
        frames = [(px[kind], many, fps) for kind, many, fps in comes]
        comes_for = expected.networks_of(plan, of, plan.pool(int(pools[0])), mine)
        yield serve(comes_for, pools, frames, _regular(plan, mine)), mine


def _uneven(plan: Plan) -> Bools:
    """Return of each pool whether what frames take goes by what is in them, or by their network."""
    entries = [
        pool is not None and any(of.then is not None or pool.others for of in pool.networks)
        for pool in plan.pools.entries
    ]
    has: Bools = np.array(entries)[plan.pools.entry]
    return has
