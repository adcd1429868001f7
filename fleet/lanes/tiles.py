"""Which sensors stand in which tile, and the table of bytes that their frames take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleet.arrays import Ints, Keys, bare
from fleet.columns.device import States
from fleet.engine.tally import Tally
from fleet.kernel import kernel
from fleet.lanes.records import WEIGHTS
from fleet.lanes.spell import ready_after
from fleet.lanes.tile import (
    AFTER,
    AT_SITE,
    BEFORE,
    BIN_ROW,
    BLIND,
    BUFFER,
    CLOCK,
    DOWN,
    DSP,
    ENTRY,
    GOP,
    HASH,
    IDLE,
    LANES,
    LAST,
    NEXT,
    NUMBER,
    OCCUPY,
    PART,
    PARTS,
    PER_MESSAGE,
    PER_SEGMENT,
    PERIOD,
    PERIOD_PART,
    PHASE,
    PORT,
    PROPAGATION,
    RATE,
    ROUND,
    RULED,
    RULES,
    SECOND,
    SEGMENT,
    SENSE,
    SENSOR,
    SETUP,
    SIGHT_KEY,
    SINCE,
    SIZE_KEY,
    START,
    STATE,
    TABLED,
    TAIL,
    TRACE,
    TRICKY,
    WHERE,
    WIDTH,
    Odd,
    Tiles,
    set_column,
)
from fleet.model.books import IDLE_NS, LAST_SENT_NS
from fleet.model.bursts import burst_salt
from fleet.model.camera import gop_start, message_part, payload_of
from fleet.model.capture import NEVER_NS, PERIODIC
from fleet.model.frames import READY, SENSED
from fleet.model.link import LinkTable, Ports
from fleet.model.setup import Setups
from fleet.model.sight import LIGHTS, MOST_OBJECTS, Sights, found
from fleet.plan.plan import Plan

_MOST_ENTRIES = 1 << 20


def lay_out(plan: Plan, states: States, links: LinkTable, part_of: Ints) -> Tiles:
    """Return tiles of all sensors of a plan, to be filled, those of a part side by side.

    In order of when their next frames are due, so that few tiles have frames due and others not.

    Args:
        plan: the plan; its sensors are plain (`fleet.lanes.plain`).
        states: of the sensors.
        links: what links are now.
        part_of: part of each.
    """
    rules_of_kind, kind_of = _kinds(plan, states, links, part_of)
    table, first, tabled = _table(plan, np.unique(states.setup_of))
    sensors = np.argsort(states.clocks.next_ns, kind="stable")
    sensors = sensors[np.argsort(kind_of[sensors], kind="stable")]
    ends = np.cumsum(np.bincount(kind_of))
    parts = [
        (rules, part)
        for rules, mine in zip(rules_of_kind, np.split(sensors, ends[:-1]), strict=True)
        for part in np.array_split(mine, -(-len(mine) // LANES))
    ]
    rules = np.array([kind for kind, _ in parts])
    rules[:, WIDTH] = [len(part) for _, part in parts]
    rules[:, TABLED] = tabled[rules[:, SETUP]]
    state = np.zeros((len(parts), STATE, LANES), dtype=np.int64)
    state[:, int(NEXT) // LANES] = NEVER_NS
    for c, (_, part) in enumerate(parts):
        state[c, int(SENSOR) // LANES, : len(part)] = part
    return Tiles(
        state=state.reshape(-1),
        round=np.zeros(ROUND * LANES, dtype=np.int64),
        rules=rules,
        ready_ns=np.zeros(len(parts), dtype=np.int64),
        table=table,
        first=first,
        setups=bare(plan.sensors.setups),
        sights=plan.eyes.sights,
        odd=_odd(plan, states, links),
    )


def _odd(plan: Plan, states: States, links: LinkTable) -> Odd:
    """Return what only some sensors need; what changes of it is for these tiles alone."""
    clocks, ruled = states.clocks, plan.sensors.setups.publish_every[states.setup_of] != 1
    return Odd(
        clocks=bare(clocks[: len(clocks) * (clocks.kind != PERIODIC).any()].copy()),
        dsp=bare(states.dsp[: len(ruled) * ruled.any()].copy()),
        capture_keys=plan.sensors.capture_keys,
        trace_ns=plan.sensors.trace_ns,
        port_of=plan.links.of[0],
        links=bare(links),
        loss_keys=plan.sensors.loss_keys,
        salt=burst_salt(plan.seed, plan.replication),
        carried=np.zeros(len(links), dtype=np.int64),
    )


def _kinds(plan: Plan, states: States, links: LinkTable, part_of: Ints) -> tuple[Ints, Ints]:
    """Return (the rules of each kind, which kind each sensor is of)."""
    kind, first = np.zeros(plan.size, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for _, values in _rules(plan, states, links, part_of):
        if (values != values[0]).any():
            _, of_value = np.unique(values, return_inverse=True)
            kind = kind * plan.size + of_value.reshape(-1)
            _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
            kind = kind.reshape(-1)
    rules = np.zeros((len(first), RULES), dtype=np.int64)
    for rule, values in _rules(plan, states, links, part_of):
        rules[:, rule] = values[first]
    return rules, kind


def _rules(
    plan: Plan, states: States, links: LinkTable, part_of: Ints
) -> Iterator[tuple[int, Ints]]:
    """Yield rules of tiles and what they are for each sensor; one at a time takes least memory."""
    k, clocks, setups = states.setup_of, states.clocks, plan.sensors.setups
    port = plan.links.of[0]
    yield SETUP, k
    yield SENSE, setups.sense_ns[k]
    yield AFTER, ready_after(setups)[k]
    yield OCCUPY, np.where(setups.on_sensor == 1, setups.occupy_ns, 0)[k]
    yield GOP, setups.gop[k]
    yield TRACE, setups.sight[k]
    yield SEGMENT, setups.segment[k]
    yield PER_MESSAGE, setups.per_message[k]
    yield PER_SEGMENT, setups.per_segment[k]
    yield RATE, links.rate_bps[port]
    yield BUFFER, links.buffer_ns[port]
    yield PROPAGATION, links.propagation_ns[port]
    yield BIN_ROW, plan.stations.bin_of[port]
    yield PERIOD, clocks.num // clocks.den
    yield PERIOD_PART, clocks.num % clocks.den
    yield PARTS, clocks.den
    yield TAIL, plan.timers.tail_ns
    yield AT_SITE, plan.ends_at_site.astype(np.int64)
    yield WHERE, part_of
    yield CLOCK, clocks.kind
    yield RULED, (setups.publish_every != 1).astype(np.int64)[k]
    tricky = (links.loss_ppb > 0) | (links.cap_bits > 0)
    yield TRICKY, (tricky[port] & ~plan.ends_at_site).astype(np.int64)


def fill(
    tiles: Tiles, plan: Plan, states: States, tally: Tally, ports: Ports, last_ns: Ints
) -> None:
    """Set sensors into the lanes of their tiles.

    Args:
        tiles: the tiles.
        plan: the plan.
        states: how the sensors stand; nothing is in them.
        tally: what is counted of their ports.
        ports: how these stand.
        last_ns: when the last frame departs from each, which may be to come.
    """
    clocks, port = states.clocks, plan.links.of[0]
    setups, k = plan.sensors.setups, states.setup_of
    gop = setups.gop[k]
    still = (WEIGHTS[SENSED] * setups.sense_ns + WEIGHTS[READY] * ready_after(setups))[k]
    starts = np.zeros(plan.size, dtype=np.int64)
    _starts(plan.sensors.size_keys, gop, starts)
    for which, values in (
        (NEXT, clocks.next_ns), (NUMBER, clocks.next_frame), (START, starts),
        (PART, (clocks.next_frame - clocks.first) * clocks.num % clocks.den),
        (PHASE, (clocks.next_frame + starts) % gop), (DSP, states.dsp.free_ns),
        (PORT, ports.free_ns[port]), (IDLE, tally.links[port, IDLE_NS]),
        (BEFORE, tally.sensors[:, LAST_SENT_NS]), (LAST, last_ns),
        (DOWN, states.down_until_ns), (BLIND, states.dsp.blind_until_ns),
        (HASH, plan.sensors.name_hash.view(np.int64) + still),
        (SIZE_KEY, plan.sensors.size_keys.view(np.int64)),
        (SIGHT_KEY, plan.sensors.sight_keys.view(np.int64)),
    ):  # fmt: skip
        set_column(tiles, which, values)
    tiles.rules[:, SINCE] = tally.since_ns
    state = tiles.state.reshape(-1, STATE, LANES)
    tiles.ready_ns[:] = state[:, int(NEXT) // LANES].min(axis=1) + tiles.rules[:, AFTER]
    tiles.rules[:, SECOND] = -1


@kernel
def _starts(keys: Keys, gop: Ints, starts: Ints) -> None:
    for i in range(len(keys)):
        starts[i] = gop_start(keys[i], gop[i])


def _table(plan: Plan, used: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (table of bytes, where buckets begin in it, which of them is of each setup).

    It holds the setups whose bytes follow from the row alone: others are drawn frame by frame.
    """
    setups, sights = plan.sensors.setups, plan.eyes.sights
    tabled = np.full(len(setups), -1, dtype=np.int64)
    shape = (len(LIGHTS), MOST_OBJECTS + 1)
    firsts: list[Ints] = []
    many: list[int] = []
    total = 0
    for k in used.tolist():
        by_row = setups.traced_bytes[k] == 1 or setups.i_bytes[k, 0] <= 0.0
        if setups.sight[k] < 0 or not by_row:
            continue
        lengths = sights.many[setups.sight[k]]
        if total + int(lengths.sum()) > _MOST_ENTRIES:
            continue
        tabled[k] = len(firsts)
        firsts.append(total + (np.cumsum(lengths) - lengths.reshape(-1)).reshape(shape))
        many.append(k)
        total += int(lengths.sum())
    table = np.zeros(max(1, total) * ENTRY, dtype=np.int64)
    first = np.array(firsts, dtype=np.int64).reshape(-1, *shape)
    for k, begins in zip(many, first, strict=True):
        _fill_table(table, begins, k, setups, sights)
    return table, first, tabled


@kernel
def _fill_table(table: Ints, first: Ints, k: int, setups: Setups, sights: Sights) -> None:
    """Write the bytes of all rows of the trace of a setup; see `fleet.lanes.device.ENTRY`."""
    trace, no_key = setups.sight[k], np.uint64(0)
    for light in range(first.shape[0]):
        for bucket in range(first.shape[1]):
            for offset in range(sights.many[trace, light, bucket]):
                row = sights.start[trace, light, bucket] + offset
                at = ENTRY * (first[light, bucket] + offset)
                table[at] = payload_of(setups, sights, k, no_key, 0, 1, bucket, row)
                table[at + 1] = payload_of(setups, sights, k, no_key, 0, 0, bucket, row)
                told = found(sights.rows, row, bucket)
                table[at + 2] = message_part(setups, k, told)
