"""The wall clock of a command: how long it is since it began."""

from __future__ import annotations

import functools
import time


@functools.cache
def _began_s() -> float:
    return time.perf_counter()


def since_began_s() -> float:
    """Return the wall time since this was first called, with which a command begins; s."""
    began_s = _began_s()
    return time.perf_counter() - began_s
