"""A radio that sleeps: what a frame waits before its sender may use the first hop.

Timers start anew with every frame handed to the modem. A frame that comes

    while the radio is awake (gap <= drx after)      goes on at once,
    in its tail (gap <= tail)                        waits for the next wake-up of the connected
                                                     DRX cycle: uniform in [0, cycle),
    later, or first of all                           waits for the promotion to the connected state,

and never overtakes one that waits before it. The states are those of Huang et al., "A Close
Examination of Performance and Power Characteristics of 4G LTE Networks", MobiSys 2012.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleet.chance import uniform
from fleet.stages.frames import CLOCK, FRAME, SENSOR

Ints = NDArray[np.int64]

NEVER_NS = -1


class Timers(NamedTuple):
    """Timers of each sensor's radio; every field has shape (sensors,), ns."""

    promotion_ns: Ints
    drx_after_ns: Ints
    drx_wait_ns: Ints
    tail_ns: Ints


@njit(cache=True, error_model="numpy")
def wait_ns(
    now: int, last: int, drx: float, promotion: int, drx_after: int, drx_cycle: int, tail: int
) -> int:
    """Return how long a frame waits for a radio; ns.

    Args:
        now: when the frame is ready.
        last: when the one before it was handed over, NEVER_NS if there was none.
        drx: where in a DRX cycle the frame comes, in [0, 1).
        promotion: time from idle to connected.
        drx_after: quiet time after which the connected radio begins to doze.
        drx_cycle: time between its wake-ups.
        tail: quiet time after which it is idle.
    """
    if last == NEVER_NS or now - last > tail:
        return promotion
    return int(drx * drx_cycle) if now - last > drx_after else 0


@njit(cache=True, error_model="numpy")
def wake(
    rows: Ints, index: Ints, timers: Timers, keys: NDArray[np.uint64], last: Ints, promoting: Ints
) -> None:
    """Move the CLOCK of frames on to when their radios take them, in place.

    Args:
        rows: the store's rows.
        index: frames that are ready, each sensor's in time order.
        timers: of all radios.
        keys: radio keys; shape (sensors,).
        last: when each radio took its last frame, changed in place; shape (sensors,).
        promoting: time in promotion is added; shape (sensors,).
    """
    promotion_ns, drx_after_ns = timers.promotion_ns, timers.drx_after_ns
    drx_wait_ns, tail_ns = timers.drx_wait_ns, timers.tail_ns
    for i in index:
        s, now = rows[i, SENSOR], rows[i, CLOCK]
        if promotion_ns[s] == 0 and drx_wait_ns[s] == 0:
            continue
        waits = wait_ns(
            now, last[s], uniform(keys[s], rows[i, FRAME]), promotion_ns[s], drx_after_ns[s],
            drx_wait_ns[s], tail_ns[s],
        )  # fmt: skip
        if last[s] == NEVER_NS or now - last[s] > tail_ns[s]:
            promoting[s] += waits
        last[s] = rows[i, CLOCK] = max(now + waits, last[s] + 1)
