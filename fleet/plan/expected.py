"""What a plan is expected to bring, before it is run: frames, bits, load of links and servers.

Means only: of frames from rates, DSPs and publishing rules; of bytes from frames that are drawn by
the model's own laws, in scenes of the stationary mean of their hour. Profile events, rewrites,
outages and losses on the way are left out, and `on change` counts as if every answer were sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model import capture
from fleet.model.dsp import periods, taken
from fleet.model.events import DEMAND, LINK_RATE, RATE, SENSOR_JOINS, SENSOR_LEAVES
from fleet.model.frames import LEVELS
from fleet.plan.caps import terms
from fleet.plan.drawn import NEARLY_NONE, Drawn, Rules, drawn, means, taken_by
from fleet.plan.lossy import sendings
from fleet.plan.pipelines import Networks, law_of
from fleet.plan.plan import Plan
from fleet.plan.plant import Pool
from fleet.plan.rates import mean_bps
from fleet.plan.roster import counts
from fleet.scenario.load import Scenario


@dataclass(frozen=True)
class Flows:
    """What each sensor brings on average; every field but the last has shape (sensors,).

    Attributes:
        fps: frames that it captures a second.
        answered_fps: those that its DSP takes; all of a camera.
        sent_fps: those that leave it.
        served_fps: those of them that go to servers.
        told_bps: bits a second of the others.
        home_fps: of a sensor that passes frames on, those that it answers at its site.
        payload_bytes: of a frame that leaves.
        bits: of it on the wire.
        bits_square: mean of their square.
        kind: which frames were drawn for it.
        drawn: the frames of each kind of sensors.
    """

    fps: Floats
    answered_fps: Floats
    sent_fps: Floats
    served_fps: Floats
    told_bps: Floats
    home_fps: Floats
    payload_bytes: Floats
    bits: Floats
    bits_square: Floats
    kind: Ints
    drawn: tuple[Drawn, ...]

    @property
    def served_share(self) -> Floats:
        """Return the share of what leaves each sensor that goes to servers; shape (sensors,)."""
        return self.served_fps / np.maximum(self.sent_fps, NEARLY_NONE)

    @property
    def served_area(self) -> Floats:
        """Return the mean share of a picture that goes to servers of each sensor; (sensors,)."""
        of_kind: Floats = np.array([one.served_area for one in self.drawn])[self.kind]
        return of_kind


def flows(plan: Plan) -> Flows:
    """Return what the sensors of a plan are expected to bring."""
    fps = capture.frames_per_ns(plan.sensors.clocks) * 1e9
    kinds = np.stack([plan.sensors.group_of, plan.sensors.setup_of], axis=1)
    _, kind_of = np.unique(kinds, axis=0, return_inverse=True)
    members = [np.flatnonzero(kind_of == kind) for kind in range(int(kind_of.max()) + 1)]
    taken = [taken_by(plan, mine, fps[mine[0]]) for mine in members]
    answered = _answered_fps(plan, fps)
    for mine, its in zip(members, taken, strict=True):
        if its is not None:
            answered[mine] = fps[mine] * its.share.mean()
    published = _published(plan, answered)
    mean, frames_of = np.zeros((plan.size, 6)), []
    for mine, its in zip(members, taken, strict=True):
        first = mine[0]
        rule = Rules(fps[first], answered[first], published[first], its)
        frames_of.append(drawn(plan, mine, rule))
        mean[mine] = means(frames_of[-1])
    payload, bits, square, share, served, told_bits = mean.T
    sent = answered * share
    home = np.where(plan.asks & (plan.sensors.to_site == 1), (answered - sent) * published, 0.0)
    return Flows(
        fps, answered, sent, sent * served, sent * told_bits, home, payload, bits, square, kind_of,
        tuple(frames_of),
    )  # fmt: skip


def frames(plan: Plan) -> float:
    """Return the frames that the sensors are expected to capture, with all changes on the way."""
    events = plan.control.timetable
    rate = capture.frames_per_ns(plan.sensors.clocks)
    there = np.ones(plan.size)
    total = float(rate.sum()) * plan.end_ns
    rows = events[np.isin(events.kind, (RATE, SENSOR_LEAVES, SENSOR_JOINS))]
    for at_ns, kind, s, num, den in rows.tolist():
        before = rate[s] * there[s]
        if kind == RATE:
            rate[s] = den / num
        else:
            there[s] = kind == SENSOR_JOINS
        total += (rate[s] * there[s] - before) * (plan.end_ns - at_ns)
    return total


def frames_asked(scenario: Scenario) -> float:
    """Return the frames that a scenario asks for, without a plan: by the rates of its groups.

    What an arm lowers, events change and traces say is left out.

    Raises:
        InputError: a group has no sensors, or too many.
    """
    model = scenario.model
    per_s = sum(n * float(model.sensors[group].rate) for group, n in counts(scenario).items())
    return per_s * model.duration / 1e9


def changes(plan: Plan) -> bool:
    """Return whether rates, demand, rungs or who is there change on the way: loads leave that out.

    Batteries may run out.

    Of links whose rate changes they take the mean over the run.
    """
    happens = (RATE, DEMAND, LINK_RATE, SENSOR_LEAVES)
    return bool(np.isin(plan.control.timetable.kind, happens).any()) or plan.is_watched


def _answered_fps(plan: Plan, fps: Floats) -> Floats:
    """Return the frames a second that each sensor's DSP takes, or its camera sends."""
    occupy_ns = plan.sensors.setups.occupy_ns[plan.sensors.setup_of]
    kind = plan.sensors.clocks.kind
    drawn = fps / (1 + fps * occupy_ns * 1e-9)  # Erlang's loss formula for one place
    taken_fps = np.where(kind == capture.POISSON, drawn, fps / periods(occupy_ns, fps))
    infers = (plan.on_sensor == 1) & (occupy_ns > 0)
    shares: dict[tuple[int, ...], float] = {}  # of the traces that many sensors take
    for s in np.flatnonzero(infers & (kind == capture.TRACE)):
        clock = plan.sensors.clocks[s]
        begin, end, tick_ns = int(clock.first), int(clock.trace_end), int(clock.tick_ns)
        trace = (begin, end, tick_ns, int(occupy_ns[s]))
        if trace not in shares:
            count = taken(plan.sensors.trace_ns[begin:end], *trace[2:])
            shares[trace] = count / max(1, end - begin)
        taken_fps[s] = fps[s] * shares[trace]
    answered: Floats = np.where(infers, taken_fps, fps)
    return answered


def _published(plan: Plan, answered: Floats) -> Floats:
    """Return the share of answers that sensors send, at most."""
    rules = plan.sensors.setups
    every = rules.publish_every[plan.sensors.setup_of].astype(np.float64)
    interval_ns = rules.publish_interval_ns[plan.sensors.setup_of]
    by_time = periods(interval_ns, answered)
    by_time[rules.publish_change[plan.sensors.setup_of] == 1] = 1.0
    share: Floats = np.where(every < 0, 0.0, 1.0 / np.where(every > 0, every, by_time))
    return share


def link_bps(plan: Plan, of: Flows) -> Floats:
    """Return what is expected to come to each link; bit/s, shape (links,).

    Behind an edge a result goes on in the place of a frame, if its consumer is in the cloud.
    """
    offered, times = np.zeros(len(plan.links.table)), sendings(plan.links.table)
    behind = of.told_bps + of.served_fps * np.where(
        plan.sensors.to_site == 1, 0, plan.pools.result_bits
    )
    travels = ~plan.ends_at_site
    for level in range(LEVELS):
        link = plan.links.of[level]
        mine = (link >= 0) & travels
        served = (plan.pools.of >= 0) & (plan.pools.level < level)
        bps = np.where(served, behind, of.sent_fps * of.bits)
        again = np.where(plan.links.cell_level == level, 1.0, times[link])
        np.add.at(offered, link[mine], (bps * again)[mine])
    return offered


def link_possible_bps(plan: Plan, offered_bps: Floats) -> tuple[Floats, Floats]:
    """Return (what links can carry in the mean of the run, when their caps are spent).

    Behind a spent cap a link is slower, until that starts anew. The first in bit/s, the second in s
    from time 0, infinite without a cap or for one that lasts; both have shape (links,).
    """
    links, events, end_s = plan.links.table, plan.control.timetable, plan.end_ns * 1e-9
    rate, slow = (mean_bps(links, events, 0, plan.end_ns, capped=c) for c in (False, True))
    full_s, spent_s = np.where(links.cap_bits > 0, 0.0, end_s), np.full(len(rate), np.inf)
    carried_bps = np.minimum(offered_bps, rate)
    for mine, begin_ns, until_ns, cap in terms(links, events, plan.end_ns):
        lasts_s, after_s = (until_ns - begin_ns) * 1e-9, np.full(len(mine), np.inf)
        np.divide(cap, carried_bps[mine], out=after_s, where=carried_bps[mine] > 0)
        is_spent = after_s < lasts_s
        full_s[mine] += np.where(is_spent, cap / rate[mine], lasts_s)
        first_s = np.where(is_spent, begin_ns * 1e-9 + after_s, np.inf)
        spent_s[mine] = np.minimum(spent_s[mine], first_s)
    return (rate * full_s + slow * (end_s - full_s)) / end_s, spent_s


def pool_fps(plan: Plan, of: Flows) -> Floats:
    """Return the frames a second that are expected to come to each pool; shape (pools,)."""
    fps = np.zeros(len(plan.pools.names))
    np.add.at(fps, plan.pools.of[plan.pools.of >= 0], of.served_fps[plan.pools.of >= 0])
    return fps


def objects_law(of: Flows, sensors: Ints) -> Floats:
    """Return the chances of 0, 1, ... objects of a frame that second networks on servers look at.

    Args:
        of: what sensors bring.
        sensors: those whose frames come to the servers.
    """
    objects, weight = [np.zeros(1)], [np.array([NEARLY_NONE])]
    for kind in np.unique(of.kind[sensors]):
        drawn_of, fps = of.drawn[kind], of.served_fps[sensors][of.kind[sensors] == kind].sum()
        share = drawn_of.weight * drawn_of.served
        objects.append(drawn_of.objects)
        weight.append(share * (fps / max(float(share.sum()), NEARLY_NONE)))
    return law_of(np.concatenate(objects), np.concatenate(weight))


def networks_of(plan: Plan, of: Flows, pool: Pool, sensors: Ints) -> Networks:
    """Return what comes to a pool from some sensors for each network that it runs."""
    network = np.zeros(len(sensors), dtype=np.int64)
    if pool.tenants is not None:
        network = pool.tenants.network[plan.sensors.group_of[sensors]]
    mine = [sensors[network == w] for w in range(len(pool.networks))]
    laws = [
        objects_law(of, some) if one.then is not None else np.ones(1)
        for one, some in zip(pool.networks, mine, strict=True)
    ]
    return Networks(pool, laws, np.array([of.served_fps[some].sum() for some in mine]))


def pool_px(plan: Plan, of: Flows) -> Floats:
    """Return the pixels a second that are expected to be decoded in each pool; shape (pools,)."""
    px = np.zeros(len(plan.pools.names))
    mine = plan.pools.of >= 0
    each = of.served_fps * plan.pools.decode_px * of.served_area
    np.add.at(px, plan.pools.of[mine], each[mine])
    return px


def first_hops(plan: Plan, of: Flows) -> tuple[Floats, Floats, Floats]:
    """Return (use, mean wait in the port, mean wait for the radio) at sensors' first hops; s.

    The wait is that of frames that come at random (Pollaczek and Khinchine), infinite at full load:
    frames of periodic clocks wait less, and alone on their port hardly at all. A radio is promoted
    for each message if these are further apart than its tail is long.
    """
    link = np.full(plan.size, -1)
    for level in reversed(range(LEVELS)):
        link = np.where(plan.links.of[level] >= 0, plan.links.of[level], link)
    link[plan.ends_at_site] = -1
    mine = link >= 0
    rate, sums = (
        mean_bps(plan.links.table, plan.control.timetable, 0, plan.end_ns),
        np.zeros((2, len(plan.links.table))),
    )
    for k, moment in enumerate((of.bits, of.bits_square)):
        np.add.at(sums[k], link[mine], (of.sent_fps * moment)[mine])
    use, square = sums / np.array([rate, rate**2])
    with np.errstate(divide="ignore"):
        wait = np.where(use < 1, square / (2 * (1 - use)), np.inf)
        gap_ns = 1e9 / of.sent_fps  # infinite if nothing is sent
    gap_ns -= np.where(
        plan.links.of[0] >= 0, of.bits * 1e9 / rate[link], 0.0
    )  # timers begin behind it
    timers = plan.timers
    dozes = np.where(gap_ns > timers.drx_after_ns, timers.drx_wait_ns / 2, 0.0)
    wake = np.where(gap_ns > timers.tail_ns, timers.promotion_ns, dozes) * 1e-9
    use_of, wait_of = np.where(mine, use[link], 0.0), np.where(mine, wait[link], 0.0)
    return use_of, wait_of, np.where(mine, wake, 0.0)
