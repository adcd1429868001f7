"""Which sensors stand in which tile, and the table of bytes that their frames take."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, Keys, as_table, bare
from fleet.columns.device import States
from fleet.engine.tally import Tally
from fleet.kernel import kernel
from fleet.lanes.levels import Ways
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
    IDLE,
    LANES,
    LAST,
    LEAST,
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
    SINCE,
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
from fleet.model.camera import gop_start, message_part, payload_of
from fleet.model.capture import NEVER_NS
from fleet.model.link import LinkTable, Ports
from fleet.model.scene import SECOND_NS
from fleet.model.setup import Setups
from fleet.model.sight import LIGHTS, MOST_OBJECTS, Sights, found
from fleet.plan.plan import Plan

_MOST_ENTRIES = 1 << 20


def lay_out(plan: Plan, states: States, ways: Ways, part_of: Ints) -> Tiles:
    """Return tiles of all sensors of a plan, to be filled, those of a part side by side.

    In order of when their next frames are due, so that few tiles have frames due and others not.

    Args:
        plan: the plan; its sensors are plain (`fleet.lanes.plain`).
        states: of the sensors.
        ways: the links.
        part_of: part of each.
    """
    rules_of_kind, kind_of = _kinds(_rules(plan, states, as_table(ways.table), part_of))
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
        table=table,
        first=first,
        names=plan.sensors.name_hash,
        size_keys=plan.sensors.size_keys,
        sight_keys=plan.sensors.sight_keys,
        setups=bare(plan.sensors.setups),
        sights=plan.eyes.sights,
        odd=_odd(plan, states, ways),
    )


def _odd(plan: Plan, states: States, ways: Ways) -> Odd:
    """Return what only some sensors need; what changes of it is for these tiles alone."""
    return Odd(
        clocks=bare(states.clocks.copy()),
        dsp=bare(states.dsp.copy()),
        capture_keys=plan.sensors.capture_keys,
        trace_ns=plan.sensors.trace_ns,
        port_of=plan.links.of[0],
        links=ways.table,
        loss_keys=plan.sensors.loss_keys[0],
        salt=ways.salt,
        carried=ways.carried,
    )


def _kinds(rows: Ints) -> tuple[Ints, Ints]:
    """Return (the row of each kind, which kind each row is)."""
    kind = np.zeros(len(rows), dtype=np.int64)
    for values in rows.T:
        if (values != values[0]).any():
            _, of_value = np.unique(values, return_inverse=True)
            kind = kind * len(rows) + of_value.reshape(-1)
            _, kind = np.unique(kind, return_inverse=True)
    _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
    return rows[first], kind.reshape(-1)


def _rules(plan: Plan, states: States, links: LinkTable, part_of: Ints) -> Ints:
    """Return the rules of the tile of each sensor; shape (sensors, RULES)."""
    k, clocks = states.setup_of, states.clocks
    setups = plan.sensors.setups
    port = plan.links.of[0]
    after = ready_after(setups)
    rules = np.zeros((plan.size, RULES), dtype=np.int64)
    rules[:, SETUP], rules[:, SENSE], rules[:, AFTER] = k, setups.sense_ns[k], after[k]
    rules[:, OCCUPY] = np.where(setups.on_sensor[k] == 1, setups.occupy_ns[k], 0)
    rules[:, GOP], rules[:, TRACE] = setups.gop[k], setups.sight[k]
    rules[:, SEGMENT], rules[:, PER_MESSAGE] = setups.segment[k], setups.per_message[k]
    rules[:, PER_SEGMENT] = setups.per_segment[k]
    rules[:, RATE], rules[:, BUFFER] = links.rate_bps[port], links.buffer_ns[port]
    rules[:, PROPAGATION] = links.propagation_ns[port]
    rules[:, BIN_ROW] = plan.stations.bin_of[port]
    rules[:, PERIOD], rules[:, PERIOD_PART] = np.divmod(clocks.num, clocks.den)
    rules[:, PARTS], rules[:, TAIL] = clocks.den, plan.timers.tail_ns
    rules[:, AT_SITE], rules[:, WHERE] = plan.ends_at_site, part_of
    rules[:, CLOCK], rules[:, RULED] = clocks.kind, setups.publish_every[k] != 1
    tricky = (links.loss_ppb[port] > 0) | (links.cap_bits[port] > 0)
    rules[:, TRICKY] = tricky & ~plan.ends_at_site
    return rules


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
    gop = plan.sensors.setups.gop[states.setup_of]
    starts = np.zeros(plan.size, dtype=np.int64)
    _starts(plan.sensors.size_keys, gop, starts)
    for which, values in (
        (NEXT, clocks.next_ns), (NUMBER, clocks.next_frame), (START, starts),
        (PART, (clocks.next_frame - clocks.first) * clocks.num % clocks.den),
        (PHASE, (clocks.next_frame + starts) % gop), (DSP, states.dsp.free_ns),
        (PORT, ports.free_ns[port]), (IDLE, tally.links[port, IDLE_NS]),
        (BEFORE, tally.sensors[:, LAST_SENT_NS]), (LAST, last_ns),
        (DOWN, states.down_until_ns), (BLIND, states.dsp.blind_until_ns),
    ):  # fmt: skip
        set_column(tiles, which, values)
    tiles.rules[:, SINCE] = tally.since_ns
    state = tiles.state.reshape(-1, STATE, LANES)
    tiles.rules[:, LEAST] = state[:, int(NEXT) // LANES].min(axis=1)
    tiles.rules[:, SECOND] = tiles.rules[:, LEAST] // SECOND_NS - 1


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
