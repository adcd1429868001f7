"""A frame of the reference: who it is, what it carries, and when it passed each stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from fleet.model.frames import COLUMNS, FREE, WIDTH, Rows

NOT_YET = -1


@dataclass(slots=True)
class Frame:
    """A frame under way; times in ns, NOT_YET where it has not come to.

    Attributes:
        sensor: index of its sensor.
        number: at its sensor, from 0.
        objects: in view at its capture.
        sight: what the eye sees of it: a row of the plan's traces (`fleet.model.sight`).
        payload_bytes: to send.
        wire_bits: the same with the protocol around it.
        arrived_ns: when it came to the station where it is.
        setup: which inferred or encoded it at its sensor.
        capture_ns: end of exposure; the others are as the columns of `fleet.model.frames`.
        fate: what has become of it.
    """

    sensor: int
    number: int
    objects: int
    sight: int
    payload_bytes: int = 0
    wire_bits: int = 0
    arrived_ns: int = NOT_YET
    setup: int = NOT_YET
    capture_ns: int = NOT_YET
    sensed_ns: int = NOT_YET
    ready_ns: int = NOT_YET
    access_ns: int = NOT_YET
    uplink_ns: int = NOT_YET
    backhaul_ns: int = NOT_YET
    wan_ns: int = NOT_YET
    decoded_ns: int = NOT_YET
    start_ns: int = NOT_YET
    infer_ns: int = NOT_YET
    done_ns: int = NOT_YET
    fate: int = FREE

    def behind(self, level: int, now_ns: int) -> None:
        """Note when it is behind the links of a level."""
        setattr(self, _BEHIND[level], now_ns)

    def came_ns(self, level: int) -> int:
        """Return when it was behind the level below, or ready at its sensor."""
        return int(getattr(self, _BEHIND[level - 1])) if level else self.ready_ns


_BEHIND = ("access_ns", "uplink_ns", "backhaul_ns", "wan_ns")
_NAMES = {"frame": "number", "clock_ns": "arrived_ns"}
_values = attrgetter(*(_NAMES.get(name, name) for name in COLUMNS))


def as_rows(frames: Iterable[Frame]) -> Rows:
    """Return frames as rows, as both engines give them; shape (frames, WIDTH)."""
    return np.array([_values(frame) for frame in frames], dtype=np.int64).reshape(-1, WIDTH)
