"""A window is a half-open span of simulated time, and the only door to SimPy's clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Window(NamedTuple):
    """The span start_ns <= t < end_ns, in Python ints: SimPy's clock must never see numpy's."""

    start_ns: int
    end_ns: int


def windows(start_ns: int, end_ns: int, length_ns: int, cut_ns: int = 0) -> Iterator[Window]:
    """Yield consecutive windows that cover [start, end), none across a cut; some are shorter."""
    at = int(start_ns)
    while at < end_ns:
        until = min(at + int(length_ns), int(cut_ns if at < cut_ns < end_ns else end_ns))
        yield Window(at, until)
        at = until
