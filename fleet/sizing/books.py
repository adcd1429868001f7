"""The books of a run as theory expects them: told by the same formulas as those of a run.

What is counted in a run is here what its plan is expected to bring (`fleet.plan.expected`) and what
becomes of it on its ways (`fleet.sizing.ways`). So watts, dollars and shares follow from the
formulas of `fleet.results`, and have their names. Latency is the sum of what a frame meets, whose
laws are taken as independent (Kleinrock 1976, Queueing Systems 2, section 4.5): times at the
sensor, of sending a frame of its size over each hop, in the wire, waits, decoding, a batch, the way
back.

Not expected: seconds, what eyes see, uses, rewrites. Where a queue on its way grows, the latency of
a group says how long a run is, and there is none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleet.arrays import Bools, Floats, Ints
from fleet.engine.counting import BACK, COMPUTE, DECODE, FAR, QUEUE, RETURN, SENSE, SERVE, UP
from fleet.engine.energy import present_ns
from fleet.engine.tally import Tally
from fleet.model import books as b
from fleet.model.frames import (
    LEVEL_LOST,
    LEVELS,
    LOST_CLOUD_QUEUE,
    LOST_DEADLINE,
    LOST_EDGE_QUEUE,
    RESULT,
    SKIP_DSP_BUSY,
    SKIP_NOT_PUBLISHED,
    STAGES,
)
from fleet.model.setup import Setups
from fleet.plan.expected import Flows
from fleet.plan.plan import Plan
from fleet.sizing.part import Part
from fleet.sizing.pools import Served
from fleet.sizing.waiting import GRID, NO_WAIT, Sum, Wait
from fleet.sizing.ways import NOWHERE, Walk
from fleet.sketch import bucket_of

_STAGE_OF_LEVEL = (UP, UP, BACK, FAR)


def tally(plan: Plan, of: Flows, ways: Walk) -> Tally:
    """Return what a run of a plan is expected to count behind its warm-up."""
    made = Tally.empty(plan)
    _sensors(plan, of, ways, made)
    _links(plan, of, ways, made)
    _pools(plan, of, ways, made)
    _latency(plan, of, ways, made)
    return made


def _sensors(plan: Plan, of: Flows, ways: Walk, made: Tally) -> None:
    span_s, counts, setups = present_ns(plan) * 1e-9, made.sensors, plan.sensors.setups
    setup = plan.sensors.setup_of
    captured, answered, sent, served, home = (
        np.round(fps * span_s).astype(np.int64)
        for fps in (of.fps, of.answered_fps, of.sent_fps, of.served_fps, of.home_fps)
    )
    leaves = np.where(plan.ends_at_site, 0, sent)
    pixels = np.array([np.average(d.pixels, weights=d.weight) for d in of.drawn])[of.kind]
    counts[:, b.CAPTURED] = captured
    counts[:, b.SENSE_NS] = captured * setups.read_ns[setup]
    counts[:, b.SENT_FRAMES] = leaves
    counts[:, b.SENT_PAYLOAD] = leaves * of.payload_bytes
    counts[:, b.SENT_METADATA] = leaves * (of.payload_bytes - pixels)
    counts[:, b.SENT_BITS] = leaves * of.bits
    with_pixels = np.where(pixels > 0, leaves, 0)
    counts[:, b.SENT_PIXEL_FRAMES] = np.where(plan.asks, served, with_pixels)
    counts[:, b.FATE_0 + SKIP_DSP_BUSY] = captured - answered
    counts[:, b.FATE_0 + SKIP_NOT_PUBLISHED] = np.maximum(0, answered - sent - home)
    _fates(plan, of.served_share, ways, sent, counts)
    counts[:, b.FATE_0 + RESULT] += home
    _compute(plan, made, np.arange(plan.size), setup, answered)
    asks = np.flatnonzero(plan.asks)
    _compute(plan, made, asks, setups.ask[setup[asks]], served[asks], of.served_area[asks])
    twice = np.flatnonzero(setups.then[setup] >= 0)
    looked = np.round(answered * np.array([d.mean_objects for d in of.drawn])[of.kind])
    _compute(plan, made, twice, setups.then[setup[twice]], looked[twice].astype(np.int64))
    _radios(plan, of, ways, made)


def _compute(
    plan: Plan, made: Tally, sensors: Ints, setup: Ints, frames: Ints, area: float | Floats = 1.0
) -> None:
    """Count that some sensors infer or encode some frames, or a share of each, by a setup each."""
    whole = frames * plan.sensors.setups.compute_ns[setup]
    spent = np.round(whole * area).astype(np.int64)
    made.sensors[sensors, b.COMPUTE_NS] += spent
    many = len(made.computing_ns)
    for counts, values in ((made.computing_ns, spent), (made.computed, frames)):
        counts += np.bincount(setup, values, many).astype(np.int64).astype(object)


def _fates(plan: Plan, share: Floats, ways: Walk, sent: Ints, counts: Ints) -> None:
    """Count what is lost where, and what becomes a result; `share` of a sensor's is served."""
    left = sent.copy()
    bearing = np.ones(plan.size)

    def lose(mine: Ints, passed: float | Floats, fate: int) -> None:
        bearing[mine] *= passed
        lost = np.minimum(left[mine], sent[mine] - np.round(sent[mine] * bearing[mine]))
        lost = np.maximum(0, lost - (sent[mine] - left[mine])).astype(np.int64)
        counts[mine, b.FATE_0 + fate] += lost
        left[mine] -= lost

    done = np.zeros(plan.size, dtype=bool)
    for level in range(LEVELS):
        for k in np.unique(ways.at[level][ways.at[level] != NOWHERE]):
            link, mine = ways.links[k], np.flatnonzero((ways.at[level] == k) & ~done)
            lose(mine, (1 - link.lost) / max(1.0, link.load), LEVEL_LOST[level])
        here = (plan.pools.of >= 0) & (plan.pools.level == level)
        for k in np.unique(ways.served[here & (ways.served != NOWHERE)]):
            pool, mine = ways.pools[k], np.flatnonzero(ways.served == k)
            queue = LOST_EDGE_QUEUE if pool.pool.edge else LOST_CLOUD_QUEUE
            passed = 1.0 - share[mine] * (1.0 - pool.passed)
            lose(mine, passed, LOST_DEADLINE if pool.pool.deadline_ns else queue)
        done |= here
    counts[:, b.FATE_0 + RESULT] = left


def _radios(plan: Plan, of: Flows, ways: Walk, made: Tally) -> None:
    """Count what radios and ports at the sensors do: a frame after the other, alike apart."""
    counts, timers = made.sensors, plan.timers
    first = np.full(plan.size, NOWHERE)
    for level in reversed(range(LEVELS)):
        first = np.where(ways.at[level] != NOWHERE, ways.at[level], first)
    frames = counts[:, b.SENT_FRAMES]
    mine = np.flatnonzero((first != NOWHERE) & (frames > 0))
    rates = np.array([link.rate_bps for link in ways.links] or [1.0])[first[mine]]
    sending_ns = of.bits[mine] * 1e9 / rates
    gap_ns = np.maximum(1e9 / of.sent_fps[mine] - sending_ns, 0.0)
    promoted = gap_ns > timers.tail_ns[mine]
    counts[mine, b.SENDING_NS] = np.minimum(frames[mine] * sending_ns, plan.measured_ns)
    counts[mine, b.RADIO_BITS] = frames[mine] * of.bits[mine]
    counts[mine, b.TAIL_NS] = frames[mine] * np.minimum(gap_ns, timers.tail_ns[mine])
    counts[mine, b.PROMOTION_NS] = np.where(promoted, frames[mine] * timers.promotion_ns[mine], 0)
    counts[mine, b.LAST_SENT_NS] = plan.end_ns - plan.timers.tail_ns[mine]


def _there(present: Floats, mine: Bools, brought: Floats) -> float:
    """Return the share of the time for which some sensors are there, by what each brings then."""
    return float(np.average(present[mine], weights=brought[mine])) if brought[mine].any() else 1.0


def _present(plan: Plan) -> Floats:
    """Return the share of the time for which each sensor is there; shape (sensors,)."""
    return present_ns(plan) / plan.measured_ns


def _links(plan: Plan, of: Flows, ways: Walk, made: Tally) -> None:
    present, bins = _present(plan), made.link_bins.shape[1]
    for k, one in enumerate(ways.links):
        share = _there(present, (ways.at == k).any(axis=0), of.sent_fps)
        span_s = plan.measured_ns * 1e-9 * share
        offered = one.offered_bps * span_s
        sent = offered * (1.0 - one.lost) / max(1.0, one.load)
        row = made.links[one.links]
        row[:, b.OFFERED_BITS] += round(offered)
        row[:, b.SENT_LINK_BITS] += round(sent)
        row[:, b.DROPPED_BITS] += round(offered - sent)
        row[:, b.BUSY_NS] += round(min(1.0, one.load) * plan.measured_ns * share)
        row[:, b.IDLE_NS] = 0 if one.grows else plan.end_ns
        made.links[one.links] = row
        np.add.at(made.link_bins, plan.stations.bin_of[one.links], round(sent / bins))


def _pools(plan: Plan, of: Flows, ways: Walk, made: Tally) -> None:
    present = _present(plan)
    for k, one in enumerate(ways.pools):
        there = _there(present, ways.served == k, of.served_fps)
        span_s = plan.measured_ns * 1e-9 * there
        first = plan.pools.row[one.pools]
        done = one.rate * span_s * one.passed
        made.servers[first, b.ARRIVED] = round(one.rate * span_s)
        made.servers[first, b.ARRIVED_PX] = round(one.px * span_s)
        made.servers[first[:, None], b.POOL_IDLE] = 0 if one.grows else plan.end_ns
        for nth, (share, count) in enumerate(_kinds(one)):
            rows, kind = first + nth, one.pool.kinds[nth]
            held_ns = float(np.interp(one.size, np.arange(len(kind.hold_ns)), kind.hold_ns))
            paid_ns = count * plan.measured_ns
            for w, taken in enumerate(one.taken):
                at, its = rows + w * len(one.pool.kinds), done * share * taken.share
                made.servers[at, b.STARTED] = round(its)
                made.servers[at, b.LOOKED_AT] = round(its * taken.objects)
                made.servers[at, b.BATCHES] = round(its / one.size)
            made.servers[rows, b.SERVED_NS] = round(min(paid_ns, done * share / one.size * held_ns))
            made.servers[rows, b.SERVER_NS] = round(paid_ns)
            px_ns = one.px * span_s * one.passed * share / kind.decode_px_s * 1e9
            made.servers[rows, b.DECODING_NS] = round(px_ns) if kind.decoders else 0


def _kinds(one: Served) -> list[tuple[float, float]]:
    """Return of each kind of servers its share of the work, and how many are paid for."""
    counts = np.array([kind.count for kind in one.pool.kinds], dtype=np.float64)
    counts[0] = one.servers
    speed = counts / np.array([max(1, int(kind.hold_ns[-1])) for kind in one.pool.kinds])
    return list(zip((speed / speed.sum()).tolist(), counts.tolist(), strict=True))


def _latency(plan: Plan, of: Flows, ways: Walk, made: Tally) -> None:
    """Count the latencies of results, by group; of groups on whose ways a queue grows nothing."""
    keys = np.column_stack([
        plan.sensors.group_of, of.kind, *ways.at, ways.served, plan.pools.return_ns,
    ])  # fmt: skip
    combos, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    results = made.sensors[:, b.FATE_0 + RESULT]
    growing = {int(g) for g in np.unique(plan.sensors.group_of[_grows(ways)])}
    parts = [
        part
        for c, s in enumerate(first[: len(combos)])
        if int(plan.sensors.group_of[s]) not in growing
        for part in _parts(plan, of, ways, int(s), int(results[which == c].sum()))
        if part.results > 0
    ]
    for g in {part.group for part in parts}:
        _count(plan, [part for part in parts if part.group == g], made)


def _grows(ways: Walk) -> Ints:
    """Return the sensors on whose ways a queue grows."""
    links = np.array([link.grows for link in ways.links] + [False])
    pools = np.array([pool.grows for pool in ways.pools] + [False])
    growing: Ints = np.flatnonzero(links[ways.at].any(axis=0) | pools[ways.served])
    return growing


def _parts(plan: Plan, of: Flows, ways: Walk, s: int, results: int) -> Iterator[Part]:
    """Yield what frames meet that servers answer, and those that the sensor does."""
    share = float(of.served_share[s])
    if not plan.asks[s]:
        yield _part(plan, of, ways, s, results)
        return
    home = of.home_fps[s] / max(of.home_fps[s] + of.sent_fps[s], 1e-300)
    asked = round(results * (1.0 - home) * share)
    yield _part(plan, of, ways, s, asked, only=1)
    if home:
        setups, k = plan.sensors.setups, int(plan.sensors.setup_of[s])
        yield _at_home(plan, s, results - asked, _made_s(setups, k))
    else:
        yield _part(plan, of, ways, s, results - asked, only=0)


def _made_s(setups: Setups, k: int) -> Floats:
    """Return by stage what a sensor takes for a frame; shape (stages,)."""
    fixed = np.zeros(len(STAGES))
    fixed[SENSE] = float(setups.sense_ns[k]) * 1e-9
    fixed[COMPUTE] = float(setups.compute_ns[k] + setups.fetch_ns[k]) * 1e-9
    return fixed


def _at_home(plan: Plan, s: int, results: int, fixed: Floats) -> Part:
    """Return what frames meet that are answered where they are captured."""
    nothing = np.zeros((len(STAGES), 1))
    return Part(int(plan.sensors.group_of[s]), results, fixed, nothing, np.ones(1), [])


def _part(plan: Plan, of: Flows, ways: Walk, s: int, results: int, only: int | None = None) -> Part:
    """Return what frames of a sensor meet: all, or only those for servers (1) or not (0)."""
    setups, k, drawn = plan.sensors.setups, int(plan.sensors.setup_of[s]), of.drawn[of.kind[s]]
    fixed, sizes = _made_s(setups, k), np.zeros((len(STAGES), len(drawn.bits)))
    weight = drawn.weight if only is None else drawn.weight * (drawn.served == only)
    if setups.then[k] >= 0:
        sizes[COMPUTE] += drawn.objects * (float(setups.compute_ns[setups.then[k]]) * 1e-9)
    if only == 1:
        encode_s = float(setups.compute_ns[setups.ask[k]]) * 1e-9
        fixed[COMPUTE] += encode_s
        sizes[COMPUTE] = encode_s * (drawn.area - 1.0)  # crops take less
    waits: list[tuple[int, Wait]] = []
    served = False
    for level, stage in enumerate(_STAGE_OF_LEVEL):
        at = int(ways.at[level, s])
        if at != NOWHERE and not (served and plan.sensors.to_site[s]):
            link, row = ways.links[at], plan.links.table[int(plan.links.of[level, s])]
            bits = plan.pools.result_bits[s] if served else drawn.bits
            sizes[stage] += 0.0 if link.air else bits / link.rate_bps
            fixed[stage] += float(row.propagation_ns) * 1e-9 + link.again_s
            waits.append((stage, link.wait))
        if only != 0 and ways.served[s] != NOWHERE and plan.pools.level[s] == level:
            pool, served = ways.pools[ways.served[s]], True
            fixed[DECODE] += pool.decode_s
            fixed[SERVE] += pool.taken[plan.network_of(s)].service_s
            waits += [(DECODE, pool.decoder_wait), *((QUEUE, wait) for wait in pool.waits)]
            fixed[RETURN] += float(plan.pools.return_ns[s]) * 1e-9
    fixed[UP] += _wakes_s(plan, of, ways, s)
    return Part(
        int(plan.sensors.group_of[s]), results, fixed, sizes, weight,
        [(stage, wait) for stage, wait in waits if wait is not NO_WAIT],
    )  # fmt: skip


def _wakes_s(plan: Plan, of: Flows, ways: Walk, s: int) -> float:
    """Return what a frame waits for the radio in the mean."""
    if not of.sent_fps[s] or not (ways.at[:, s] != NOWHERE).any():
        return 0.0
    gap_ns, timers = 1e9 / of.sent_fps[s], plan.timers
    if gap_ns > timers.tail_ns[s]:
        return float(timers.promotion_ns[s]) * 1e-9
    return float(timers.drx_wait_ns[s]) / 2e9 if gap_ns > timers.drx_after_ns[s] else 0.0


def _count(plan: Plan, parts: list[Part], made: Tally) -> None:
    """Count the latencies of the results of a group."""
    sums = Sum(max(part.longest_s for part in parts))
    wave = np.zeros(GRID // 2 + 1, dtype=np.complex128)
    for part in parts:
        one = sums.wave_of(part.sizes_s.sum(axis=0) + part.fixed_s.sum(), part.weight)
        for _, wait in part.waits:
            one = one * sums.wave(wait)
        wave = wave + part.results * one
    results = sum(part.results for part in parts)
    group, law = parts[0].group, sums.law(wave)
    ends = np.round(np.cumsum(law) * results).astype(np.int64)
    many = np.diff(np.concatenate([[0], ends]))
    times_ns = np.maximum(1, np.round(np.arange(GRID) * sums.step_s * 1e9)).astype(np.int64)
    for place in np.flatnonzero(many):
        made.latency[group, bucket_of(int(times_ns[place]))] += many[place]
    longest = int(times_ns[np.flatnonzero(many)[-1]]) if many.any() else 0
    mine = (plan.sensors.group_of == group) & (made.sensors[:, b.FATE_0 + RESULT] > 0)
    made.sensors[mine, b.LATENCY_MAX_NS] = longest
    for part in parts:
        spent = np.round(part.stages_s * 1e9 * part.results).astype(np.int64)
        made.stages_ns[group] += spent.astype(object)
