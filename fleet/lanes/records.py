"""A frame as a record of 64 bytes, which is a cache line, and where many of them are kept.

A record has what a link, a pool or a count asks of a frame that has left its sensor. What follows
from these numbers is not kept: when pixels were there, how many bytes were sent. `WORD` is what is
known of the frame's hash (`fleet.engine.counting.frame_word`), which is a sum before it is mixed.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.engine.counting import weights
from fleet.kernel import inlined
from fleet.model.books import BIN_NS
from fleet.model.frames import DECODED, INFER, LEVEL_COLUMN, START
from fleet.model.link import service_ns
from fleet.model.scene import SECOND_NS

WORD = 0  # of the hash: all terms up to READY, and of the links behind it
TAKEN = 1  # when it was captured; ns
INFO = 2  # bits, row of the traces, objects in view: see `packed`
WHO = 3  # sensor << 32 | frame: in the order in which ties are broken
BEHIND = 4  # and the next three: when it is at the far end of each level of links; ns
RECORD = 8

# Of frames at servers, in a table of its own with the same slots.
DECODED_AT, STARTED_AT, INFERRED_AT, DONE_AT = range(4)
SERVED_TIMES = 4

MANY_BITS = 9_000_000
"""From so many on, bits · 10⁹ is no more exact as a float."""

_LOW = (1 << 32) - 1
_ROW_BITS = 20
MOST_ROWS = (1 << _ROW_BITS) - 8
MOST_OBJECTS = (1 << 11) - 1
_UNSEEN = 4  # added to a row, of which `unseen` ones are negative

SLOT_BITS = 32
"""A key is a time since the block began, above a slot."""


def wrapped(number: int) -> int:
    """Return a number modulo 2**64, as kernels have it."""
    return (number + 2**63) % 2**64 - 2**63


WEIGHTS = tuple(int(w) for w in weights().view(np.int64))
"""Of the terms of a frame's hash, by its columns."""
NEVER_SERVED = wrapped(-sum(WEIGHTS[c] for c in (DECODED, START, INFER)))
"""Terms of a frame that met no servers, whose times there are -1."""
NEVER_SENT = wrapped(-sum(WEIGHTS[c] for c in LEVEL_COLUMN))
"""Terms of a frame that met no links."""
BEHIND_WEIGHTS = np.array([WEIGHTS[c] for c in LEVEL_COLUMN])
"""Of the times behind the levels of links."""


@inlined
def packed(bits: int, row: int, objects: int) -> int:
    """Return bits below 2**32, a row and objects in view as one number."""
    return bits | (row + _UNSEEN) << 32 | objects << (32 + _ROW_BITS)


@inlined
def bits_of(info: int) -> int:
    """Return the bits on the wire."""
    return info & _LOW


@inlined
def row_of(info: int) -> int:
    """Return the row of the traces."""
    return ((info >> 32) & ((1 << _ROW_BITS) - 1)) - _UNSEEN


@inlined
def objects_of(info: int) -> int:
    """Return the objects in view."""
    return info >> (32 + _ROW_BITS)


@inlined
def sensor_of(who: int) -> int:
    """Return the sensor of a frame."""
    return who >> 32


@inlined
def frame_of(who: int) -> int:
    """Return the number of a frame at its sensor."""
    return who & _LOW


@inlined
def bin_at(time_ns: int, bins: Ints) -> np.uint64:
    """Return the column of a book of bins for a time; what is behind its end goes to the last.

    That is booked back before anybody sees it (`fleet.lanes.unfold`).
    """
    return min(np.uint64(time_ns) // np.uint64(BIN_NS), np.uint64(bins.shape[1] - 1))


@inlined
def second_end(at_ns: int) -> int:
    """Return the end of the second in which a time is; ns."""
    return (at_ns // SECOND_NS + 1) * SECOND_NS


@inlined
def service_of(bits: int, rate_bps: int) -> int:
    """Return what `fleet.model.link.service_ns` does; as a float where that is exact, and faster.

    A quotient of whole numbers below 2**53 is never rounded up to the next.
    """
    if bits < MANY_BITS:
        return max(1, int((bits * 1_000_000_000) / float(rate_bps)))
    return service_ns(bits, rate_bps)
