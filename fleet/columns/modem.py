"""What waits at a radio cell waits in the modems below it, each of which has a buffer of its own.

A cell holds nothing: a frame that the cell has not sent is still in its sensor's modem. It fits if

    what of its own modem waits or is being sent + its service <= buffer · 10⁹ / rate of the cell

and is lost otherwise, whatever other modems hold. Frames that reach a cell from another link come
out of a box in front of it, which has one such buffer for all of them.

The frames of a modem leave it in the order in which they came, so each has a list: it is made anew
from the frames in ports whenever many frames are taken through a hop, and nothing of it is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import inlined

_NONE = -1


class Modems(NamedTuple):
    """The frames in the ports of radio cells, by modem; frames are known by their places in a call.

    Attributes:
        oldest: place of the first frame that may not have left; shape (modems,).
        newest: place of the last frame; shape (modems,).
        held_ns: service of all frames from the oldest on; shape (modems,).
        behind: place of the frame behind each; shape (places,).
        leaves_ns: when each has been sent; shape (places,).
        service_ns: how long sending it takes; shape (places,).
    """

    oldest: Ints
    newest: Ints
    held_ns: Ints
    behind: Ints
    leaves_ns: Ints
    service_ns: Ints


def empty(modems: int, places: int) -> Modems:
    """Return so many modems that hold nothing, and room for so many frames."""
    oldest, newest = np.full((2, modems), _NONE, dtype=np.int64)
    behind, leaves_ns, service_ns = np.empty((3, places), dtype=np.int64)
    return Modems(oldest, newest, np.zeros(modems, np.int64), behind, leaves_ns, service_ns)


@inlined
def take(modems: Modems, m: int, place: int, leaves_ns: int, service_ns: int) -> None:
    """Put a frame behind all others of modem `m`, in place."""
    oldest, newest, held_ns, behind, leaves, service = modems
    behind[place], leaves[place], service[place] = -1, leaves_ns, service_ns
    if oldest[m] < 0:
        oldest[m] = place
    else:
        behind[newest[m]] = place
    newest[m] = place
    held_ns[m] += service_ns


@inlined
def held(modems: Modems, m: int, now: int, down_until: int) -> int:
    """Return how long sending takes of what modem `m` holds now; ns. Forgets what has left it.

    A frame that is half sent counts half, also where its cell is down until a time.
    """
    oldest, _, held_ns, behind, leaves, service = modems
    first = oldest[m]
    while first >= 0 and leaves[first] <= now:
        held_ns[m] -= service[first]
        first = behind[first]
    oldest[m] = first
    if first < 0:
        return 0
    return int(held_ns[m] - max(0, service[first] - (leaves[first] - max(now, down_until))))
