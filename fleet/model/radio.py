"""A radio that sleeps: what a frame waits before its sender may use the first hop.

Timers start anew with every frame handed to the modem and with the end of every transmission; of a
radio that shares its port with others only the former is known to it. A frame that comes

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

from fleet.arrays import Ints, Keys
from fleet.chance import uniform
from fleet.kernel import inlined
from fleet.model.books import GAVE_PROMOTION_NS, LAST_SENT_NS, PROMOTION_NS, Books
from fleet.model.frames import CLOCK, FRAME, Columns

NEVER_NS = -1


class Timers(NamedTuple):
    """Timers of each sensor's radio; every field has shape (sensors,), ns."""

    promotion_ns: Ints
    drx_after_ns: Ints
    drx_wait_ns: Ints
    tail_ns: Ints


@inlined
def active_ns(now: int, handed: int, sent: int, sending: bool) -> int:
    """Return when a radio was last active, NEVER_NS if it never was; ns.

    Args:
        now: the time.
        handed: when the frame before was handed over, which may be later, NEVER_NS without one.
        sent: end of the last transmission, 0 if there was none.
        sending: whether it has frames that are not yet sent.
    """
    if handed == NEVER_NS:
        return NEVER_NS
    return max(handed, now if sending else sent)


@inlined
def wait_ns(
    now: int, last: int, drx: float, promotion: int, drx_after: int, drx_cycle: int, tail: int
) -> int:
    """Return how long a frame waits for a radio; ns.

    Args:
        now: when the frame is ready.
        last: when the radio was last active (`active_ns`).
        drx: where in a DRX cycle the frame comes, in [0, 1).
        promotion: time from idle to connected.
        drx_after: quiet time after which the connected radio begins to doze.
        drx_cycle: time between its wake-ups.
        tail: quiet time after which it is idle.
    """
    if last == NEVER_NS or now - last > tail:
        return promotion
    return int(drx * drx_cycle) if now - last > drx_after else 0


class Radios(NamedTuple):
    """The radios of sensors as kernels take them.

    Attributes:
        keys: radio keys of the sensors.
        timers: of the radios.
        used_ns: when each took its last frame, changed in place.
        end_ns: end of the run.
    """

    keys: Keys
    timers: Timers
    used_ns: Ints
    end_ns: int


@inlined
def awake_ns(
    now: int, handed: int, last: int, key: int | np.uint64, frame: int, timers: Timers, s: int
) -> tuple[int, int]:
    """Return (when a radio takes a frame, how long it is in promotion for that); ns.

    The arguments are those of `wait_ns` and `active_ns`, with `key`, the sensor's radio key, the
    frame's number for the draw, and the sensor's row of the timers.
    """
    tail = timers.tail_ns[s]
    waits = wait_ns(
        now, last, uniform(key, frame), timers.promotion_ns[s], timers.drx_after_ns[s],
        timers.drx_wait_ns[s], tail,
    )  # fmt: skip
    asleep = last == NEVER_NS or now - last > tail
    return max(now + waits, handed + 1), waits if asleep else 0


@inlined
def wake(
    columns: Columns, i: int, s: int, radios: Radios, own: bool, sending: bool, books: Books
) -> None:
    """Have frame `i` of sensor `s` wait for its radio, if that sleeps.

    Args:
        columns: the store's columns, changed in place.
        i: slot of the frame.
        s: its sensor.
        radios: of all sensors, changed in place.
        own: whether the radio has its port alone.
        sending: whether it has frames there that are not yet sent.
        books: what is counted, changed in place.
    """
    timers, used, sensors = radios.timers, radios.used_ns, books.sensors
    if timers.promotion_ns[s] > 0 or timers.drx_wait_ns[s] > 0:
        now = columns[CLOCK, i]
        last = active_ns(now, used[s], sensors[s, LAST_SENT_NS] if own else 0, own and sending)
        at, promoting = awake_ns(now, used[s], last, radios.keys[s], columns[FRAME, i], timers, s)
        columns[CLOCK, i] = used[s] = at
        promoting = min(promoting, radios.end_ns - now)
        sensors[s, PROMOTION_NS] += promoting
        if len(books.gave):
            books.gave[s, GAVE_PROMOTION_NS] += promoting
