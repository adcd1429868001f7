"""On the sensor: the DSP infers or skips, or the camera encodes; then the frame is ready to send.

The DSP takes one frame at a time and has no queue: a frame whose pixels arrive while it is busy is
skipped (`dsp_busy`), and so is one that arrives while the model memory is written (`model_write`).
An encoder is a pipeline: it delays every frame by the same time and skips none.

Where times of capture come from a file they are only known to a tick of the clock that reported
them. A frame that is early by no more is not early: it is taken as if it came on time, and what
follows is reckoned from then. So jitter within a tick neither costs frames nor adds any.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints, Table
from fleet.kernel import inlined, kernel
from fleet.model.frames import IN_FLIGHT, SKIP_DSP_BUSY, SKIP_MODEL_WRITE
from fleet.model.setup import Setups


class Dsps(Table):
    """How the DSPs of sensors stand: one row a sensor."""

    free_ns: Ints
    blind_until_ns: Ints  # its model is being written
    inferences: Ints
    next_publish_ns: Ints
    seen: Ints  # one more than the objects last published
    tick_ns: Ints  # how early a frame may seem; does not change
    turn: Floats  # where in a rule's time, or number, it begins; in [0, 1), does not change


@inlined
def runs_again(setups: Setups, k: int, told: int) -> int:
    """Return how often the DSP of a setup runs its second network on a frame.

    Args:
        setups: table of setups.
        k: row of it.
        told: objects that the first network finds.
    """
    return min(told, setups.then_most[k]) if setups.then[k] >= 0 else 0


@inlined
def occupy(dsp: Dsps, s: int, now_ns: int, occupy_ns: int) -> int:
    """Give a frame to the DSP of sensor `s`, for a time, if it is free; return the frame's fate.

    The inference starts `occupy_ns` before `free_ns`: now, or up to a tick later.

    Args:
        dsp: the DSP table, changed in place; shape (sensors,).
        s: row of the table.
        now_ns: when the frame's pixels are there.
        occupy_ns: until the next inference may start.
    """
    if now_ns < dsp.blind_until_ns[s]:
        return SKIP_MODEL_WRITE
    if now_ns < dsp.free_ns[s] - dsp.tick_ns[s]:
        return SKIP_DSP_BUSY
    dsp.free_ns[s] = max(now_ns, dsp.free_ns[s]) + occupy_ns
    dsp.inferences[s] += 1
    return IN_FLIGHT


_TIE_NS = 2
"""What takes a period, but for rounding, takes one."""


def periods(spent_ns: Ints | int, fps: Floats | float) -> Floats:
    """Return how many periods of a clock something takes from frame to frame: one at least.

    Args:
        spent_ns: for how long nothing more is taken or sent.
        fps: rate of the clock.
    """
    whole: Floats = np.maximum(1.0, np.ceil((spent_ns - _TIE_NS) * fps * 1e-9))
    return whole


@kernel
def taken(times_ns: NDArray[np.int64], tick_ns: int, occupy_ns: int) -> int:
    """Return how many of some frames a DSP takes that does nothing else.

    Args:
        times_ns: when their pixels are there, not negative, ascending; shape (frames,).
        tick_ns: how early a frame may seem.
        occupy_ns: until the next inference may start.
    """
    count, free = 0, 0
    for now in times_ns:
        if now >= free - tick_ns:
            free = max(now, free) + occupy_ns
            count += 1
    return count


@inlined
def published(
    dsp: Dsps, s: int, now_ns: int, objects: int, every: int, interval_ns: int,
    change: int,
) -> bool:  # fmt: skip
    """Return whether the inference that starts now is sent, and remember that it was.

    Args:
        dsp: the DSP table, changed in place; `inferences` counts this inference too.
        s: row of the table.
        now_ns: when the frame's pixels were there.
        objects: objects that it finds.
        every: send every n-th inference, or 0; -1: send none.
        interval_ns: send the first inference of each such time, or 0; with `change` the longest
            silence, or 0.
        change: 1: send when the number of objects is not the one sent last.
    """
    if every == 1:
        return True
    if every < 0:
        return False
    if every > 0:
        return bool((dsp.inferences[s] - 1 + int(dsp.turn[s] * every)) % every == 0)
    on_time = now_ns >= dsp.next_publish_ns[s] - dsp.tick_ns[s]
    due = on_time
    if change == 1:
        due = dsp.seen[s] != objects + 1 or (interval_ns > 0 and on_time)
    if due:
        is_first = change == 1 and dsp.seen[s] == 0 and not on_time
        since = max(now_ns, dsp.next_publish_ns[s]) if on_time else now_ns
        if not is_first:  # after which silence is as long as its turn says
            dsp.next_publish_ns[s] = since + interval_ns
        dsp.seen[s] = objects + 1
    return bool(due)
