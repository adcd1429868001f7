"""A window is a half-open span of simulated time, and the only door to SimPy's clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Window(NamedTuple):
    """The span start_ns <= t < end_ns, in Python ints: SimPy's clock must never see numpy's."""

    start_ns: int
    end_ns: int


def windows(
    start_ns: int, end_ns: int, length_ns: int, cuts_ns: Sequence[int] = ()
) -> Iterator[Window]:
    """Yield consecutive windows that cover [start, end), none across a cut; some are shorter.

    Args:
        start_ns: where the first begins.
        end_ns: where the last ends.
        length_ns: of a window.
        cuts_ns: ascending.
    """
    at = int(start_ns)
    while at < end_ns:
        cut = bisect_right(cuts_ns, at)
        stop_ns = min(int(end_ns), int(cuts_ns[cut])) if cut < len(cuts_ns) else int(end_ns)
        until = min(at + int(length_ns), stop_ns)
        yield Window(at, until)
        at = until
