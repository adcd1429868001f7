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

from fleet.kernel import inlined, kernel
from fleet.model.frames import IN_FLIGHT, SKIP_DSP_BUSY, SKIP_MODEL_WRITE

# Columns of the DSP table, one row a sensor. SEEN is one more than the objects last published,
# TICK_NS how early a frame may seem; it does not change.
FREE_NS, BLIND_UNTIL_NS, INFERENCES, NEXT_PUBLISH_NS, SEEN, TICK_NS = range(6)
DSP_WIDTH = 6


@inlined
def occupy(dsp: NDArray[np.int64], s: int, now_ns: int, occupy_ns: int) -> int:
    """Give a frame to the DSP of sensor `s`, for a time, if it is free; return the frame's fate.

    The inference starts `occupy_ns` before FREE_NS: now, or up to a tick later.

    Args:
        dsp: the DSP table, changed in place; shape (sensors, DSP_WIDTH).
        s: row of the table.
        now_ns: when the frame's pixels are there.
        occupy_ns: until the next inference may start.
    """
    if now_ns < dsp[s, BLIND_UNTIL_NS]:
        return SKIP_MODEL_WRITE
    if now_ns < dsp[s, FREE_NS] - dsp[s, TICK_NS]:
        return SKIP_DSP_BUSY
    dsp[s, FREE_NS] = max(now_ns, dsp[s, FREE_NS]) + occupy_ns
    dsp[s, INFERENCES] += 1
    return IN_FLIGHT


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
    dsp: NDArray[np.int64], s: int, now_ns: int, objects: int, every: int, interval_ns: int,
    change: int,
) -> bool:  # fmt: skip
    """Return whether the inference that starts now is sent, and remember that it was.

    Args:
        dsp: the DSP table, changed in place; INFERENCES counts this inference too.
        s: row of the table.
        now_ns: when the frame's pixels were there.
        objects: objects that it finds.
        every: send every n-th inference, or 0.
        interval_ns: send the first inference of each such time, or 0; with `change` the longest
            silence, or 0.
        change: 1: send when the number of objects is not the one sent last.
    """
    if every == 1:
        return True
    if every > 0:
        return bool((dsp[s, INFERENCES] - 1) % every == 0)
    on_time = now_ns >= dsp[s, NEXT_PUBLISH_NS] - dsp[s, TICK_NS]
    due = on_time
    if change == 1:
        due = dsp[s, SEEN] != objects + 1 or (interval_ns > 0 and on_time)
    if due:
        since = max(now_ns, dsp[s, NEXT_PUBLISH_NS]) if on_time else now_ns
        dsp[s, NEXT_PUBLISH_NS] = since + interval_ns
        dsp[s, SEEN] = objects + 1
    return bool(due)
