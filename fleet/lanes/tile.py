"""What a tile holds: sensors of one kind, a lane each, in columns that vector instructions take.

Columns are so far apart that their distances are known to the compiler, and places in them are
unsigned: otherwise it would make no vector instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Bools, Ints, Keys
from fleet.model.capture import Clocks
from fleet.model.dsp import Dsps
from fleet.model.link import LinkTable
from fleet.model.setup import Setups
from fleet.model.sight import Sights

LANES = 128
"""Sensors in a tile: its columns and those of a round stay in the first level of the cache."""


def _columns(many: int) -> tuple[np.uint64, ...]:
    return tuple(np.uint64(LANES * c) for c in range(many))


STATE = 32
(
    NEXT, PART, NUMBER,  # when its next frame is due, what was cut off from that, and its number
    START, PHASE,  # where in a group of pictures a sensor began, and where its next frame is
    OFFSET, MANY,  # the row of its bucket that it takes, and how many there are
    BASE, TABLE,  # where the bucket begins: among the rows, in the table of bytes
    HASH, VIEW,  # what all hashes of a second have in common, of which so many are in view
    DSP, PORT,  # when they are free
    IDLE,  # when a frame last found the port empty
    LAST, BEFORE,  # when the last frame departs, and the one before that which found it empty
    DOWN, BLIND,  # until when it is down, and its model is being written
    SEEN, INFERRED,  # frames read out; inferred or encoded
    PAYLOADS, MESSAGES, WITH_PIXELS,  # bytes sent, those of metadata, frames with pixels
    OFFERED, ACCEPTED, BUSY, IN_TAIL,  # bits for the port, that fit; time of sending, of tails
    UNSAID, AGAIN,  # frames not published; bits for the port that are sent again
    SENSOR,  # its number
    SIZE_KEY, SIGHT_KEY,  # its keys, here so that they are at hand
) = _columns(STATE)  # fmt: skip
"""Columns of a tile: how sensors stand, and sums over their frames."""

ROUND = 17
(
    ROW, AT,  # the row, and the place in the table of bytes
    BYTES, MESSAGE, WIRE,  # bytes, what a message about what is found has; bits on the wire
    SENDING,  # how long sending takes
    CAPTURED, DEPARTS, FAR,  # when the frame is captured, departs or ends, is at the far end
    HASHED, ABOUT, WHOSE,  # of its record: its hash so far, what it holds, whose it is
    SAID, AIR, HELD, FITS,  # of odd tiles: see `fleet.lanes.odd.prepare`
    ENDS,  # its fate; NOBODY: no frame is due
) = _columns(ROUND)  # fmt: skip
"""Columns of a round, which takes one frame of each lane."""
NOBODY = -1

RULES = 28
(
    WHERE,  # the part of the shard
    SETUP, AT_SITE,  # the setup; 1 if results are used where they are made
    SENSE, AFTER,  # from capture until pixels are there, and until the end of computing
    OCCUPY,  # how long the DSP is taken
    PERIOD, PERIOD_PART, PARTS,  # of captures: whole ns, and the rest in parts
    GOP, SEGMENT, PER_MESSAGE, PER_SEGMENT,  # of the setup
    RATE, BUFFER, PROPAGATION, TAIL,  # of the port and its radio
    BIN_ROW,  # of the port in the book of bins
    TRACE, TABLED,  # the trace; which part of the table of bytes has the setup, -1 for none
    WIDTH,  # lanes in use
    SINCE,  # the end of the warm-up
    CLOCK,  # the kind of its clocks (`fleet.model.capture`)
    RULED, TRICKY,  # 1 if it publishes by a rule; 1 if its ports lose segments or have caps
    SECOND, LIGHT, DRAWN,  # the second that it is in; its light; whether bytes are drawn one by one
) = range(RULES)  # fmt: skip
"""Rules of a tile, which are the same for all its sensors; the last three change."""

ENTRY = 4
"""Numbers in the table of bytes for each row of a bucket: of a P frame, of an I frame, metadata."""


class Odd(NamedTuple):
    """What only sensors need that have no period, publish by a rule, lose segments or have a cap.

    Attributes:
        clocks, dsp: tables of their own (`fleet.model.capture`, `fleet.model.dsp`), by sensor: of
            clocks that have no period, and of what is published by a rule; empty if none is.
        capture_keys, trace_ns: of such clocks.
        port_of: its port, by sensor.
        links: the link table.
        loss_keys: of segments at ports, by sensor.
        salt: of all links of the run, for bursts of losses.
        carried: bits that links had accepted when lanes were taken up.
    """

    clocks: Clocks
    dsp: Dsps
    capture_keys: Keys
    trace_ns: Ints
    port_of: Ints
    links: LinkTable
    loss_keys: Keys
    salt: np.uint64
    carried: Ints


class Tiles(NamedTuple):
    """Sensors in tiles, and what is the same for all of them.

    Attributes:
        state: columns of all tiles, one tile after the other.
        round: columns of a round.
        rules: shape (tiles, RULES).
        ready_ns: when the next frame of each tile is ready that nothing delays; shape (tiles,).
        table: bytes by setup, light, objects in view and row; see `ENTRY`.
        first: where a bucket begins in it, in entries; shape (setups in it, lights, buckets).
        setups, sights: the plan's.
        odd: what only some sensors need.
    """

    state: Ints
    round: Ints
    rules: Ints
    ready_ns: Ints
    table: Ints
    first: Ints
    setups: Setups
    sights: Sights
    odd: Odd


class Span(NamedTuple):
    """A block of time, and what is before the sensors.

    Attributes:
        from_ns, until_ns: the block.
        first_second: second of `in_view[0]` and `lights[0]`.
        in_view: objects in view; shape (seconds, sensors).
        lights: shape (seconds,) at least.
        bins: the book of bits by row and second.
    """

    from_ns: int
    until_ns: int
    first_second: int
    in_view: Ints
    lights: Ints
    bins: Ints


def between(tiles: Tiles, first: int, end: int) -> Tiles:
    """Return the tiles from one to another."""
    state = tiles.state[first * STATE * LANES : end * STATE * LANES]
    return tiles._replace(
        rules=tiles.rules[first:end], ready_ns=tiles.ready_ns[first:end], state=state
    )


def column(tiles: Tiles, which: np.uint64) -> Ints:
    """Return a column of all tiles, lane by lane."""
    state = tiles.state.reshape(-1, STATE, LANES)
    values: Ints = state[:, int(which) // LANES][_used(tiles)]
    return values


def set_column(tiles: Tiles, which: np.uint64, by_sensor: Ints) -> None:
    """Set a column of all tiles, given a number for each sensor of the plan."""
    state = tiles.state.reshape(-1, STATE, LANES)
    state[:, int(which) // LANES][_used(tiles)] = by_sensor[column(tiles, SENSOR)]


def _used(tiles: Tiles) -> Bools:
    """Return which lanes are in use; shape (tiles, LANES)."""
    used: Bools = np.arange(LANES) < tiles.rules[:, WIDTH, None]
    return used
