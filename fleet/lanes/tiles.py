"""Which sensors stand in which tile, and the table of bytes that their frames take."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import kernel
from fleet.lanes.device import (
    AFTER,
    BIN_ROW,
    BUFFER,
    ENTRY,
    GOP,
    LANES,
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
    PROPAGATION,
    RATE,
    ROUND,
    RULES,
    SECOND,
    SEGMENT,
    SENSE,
    SENSOR,
    SETUP,
    START,
    STATE,
    TABLED,
    TRACE,
    WIDTH,
    Tiles,
)
from fleet.lanes.spell import ready_after
from fleet.model.camera import gop_start, message_part, payload_of
from fleet.model.capture import NEVER_NS
from fleet.model.setup import Setups
from fleet.model.sight import LIGHTS, MOST_OBJECTS, Sights, found
from fleet.plan.plan import Plan

_MOST_ENTRIES = 1 << 20


def lay_out(plan: Plan, sensors: Ints) -> Tiles:
    """Return tiles of sensors that have not captured a frame yet.

    Args:
        plan: the plan.
        sensors: their indices; they are plain (`fleet.lanes.plain`).
    """
    rules_of = _rules(plan, sensors)
    kinds, kind_of = np.unique(rules_of, axis=0, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    table, first, tabled = _table(plan, np.unique(plan.sensors.setup_of[sensors]))
    parts = [
        (kind, part)
        for k, kind in enumerate(kinds)
        for part in np.array_split(
            sensors[kind_of == k], -(-np.count_nonzero(kind_of == k) // LANES)
        )
    ]
    rules = np.array([kind for kind, _ in parts])
    rules[:, WIDTH] = [len(part) for _, part in parts]
    rules[:, TABLED] = tabled[rules[:, SETUP]]
    state = np.zeros((len(parts), STATE, LANES), dtype=np.int64)
    for c, (kind, part) in enumerate(parts):
        rules[c, LEAST] = _fill(plan, state[c], part, int(kind[SETUP]))
    return Tiles(
        state=state.reshape(-1),
        round=np.zeros(ROUND * LANES, dtype=np.int64),
        rules=rules,
        table=table,
        first=first,
        names=plan.sensors.name_hash,
        size_keys=plan.sensors.size_keys,
        sight_keys=plan.sensors.sight_keys,
        setups=plan.sensors.setups,
        sights=plan.eyes.sights,
    )


def column(tiles: Tiles, which: np.uint64) -> tuple[Ints, Ints]:
    """Return (sensors, their numbers in a column of all tiles)."""
    state = tiles.state.reshape(-1, STATE, LANES)
    used = np.arange(LANES) < tiles.rules[:, WIDTH, None]
    sensors, values = (state[:, int(c) // LANES][used] for c in (SENSOR, which))
    return sensors, values


def set_column(tiles: Tiles, which: np.uint64, by_sensor: Ints) -> None:
    """Set a column of all tiles, given a number for each sensor of the plan."""
    state = tiles.state.reshape(-1, STATE, LANES)
    used = np.arange(LANES) < tiles.rules[:, WIDTH, None]
    state[:, int(which) // LANES][used] = by_sensor[column(tiles, SENSOR)[0]]


def _rules(plan: Plan, sensors: Ints) -> Ints:
    """Return the rules of the tile of each sensor; shape (sensors, RULES)."""
    k, clocks = plan.sensors.setup_of[sensors], plan.sensors.clocks[sensors]
    setups, links = plan.sensors.setups, plan.links.table
    port = plan.links.of[0, sensors]
    after = ready_after(setups)
    rules = np.zeros((len(sensors), RULES), dtype=np.int64)
    rules[:, SETUP], rules[:, SENSE], rules[:, AFTER] = k, setups.sense_ns[k], after[k]
    rules[:, OCCUPY] = np.where(setups.on_sensor[k] == 1, setups.occupy_ns[k], 0)
    rules[:, GOP], rules[:, TRACE], rules[:, SECOND] = setups.gop[k], setups.sight[k], -1
    rules[:, SEGMENT], rules[:, PER_MESSAGE] = setups.segment[k], setups.per_message[k]
    rules[:, PER_SEGMENT] = setups.per_segment[k]
    rules[:, RATE], rules[:, BUFFER] = links.rate_bps[port], links.buffer_ns[port]
    rules[:, PROPAGATION] = links.propagation_ns[port]
    rules[:, BIN_ROW] = plan.stations.bin_of[port]
    rules[:, PERIOD], rules[:, PERIOD_PART] = np.divmod(clocks.num, clocks.den)
    rules[:, PARTS] = clocks.den
    return rules


def _fill(plan: Plan, state: Ints, sensors: Ints, setup: int) -> int:
    """Set some sensors into the lanes of a tile at time zero; return when the first is due."""
    width = len(sensors)
    clocks = plan.sensors.clocks[sensors]
    starts = np.zeros(width, dtype=np.int64)
    _starts(plan.sensors.size_keys[sensors], int(plan.sensors.setups.gop[setup]), starts)
    state[int(NEXT) // LANES] = NEVER_NS
    for which, values in (
        (NEXT, clocks.anchor), (PART, 0), (NUMBER, 0), (PHASE, starts), (START, starts),
        (SENSOR, sensors),
    ):  # fmt: skip
        state[int(which) // LANES, :width] = values
    return int(clocks.anchor.min())


@kernel
def _starts(keys: Ints, gop: int, starts: Ints) -> None:
    for i in range(len(keys)):
        starts[i] = gop_start(keys[i], gop)


def _table(plan: Plan, used: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (table of bytes, where buckets begin in it, which of them is of each setup).

    It holds the setups whose bytes follow from the row alone: others are drawn frame by frame.
    """
    setups, sights = plan.sensors.setups, plan.eyes.sights
    tabled = np.full(len(setups), -1, dtype=np.int64)
    shape = (len(LIGHTS), MOST_OBJECTS + 1)
    firsts, many, total = [], [], 0
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
