"""How far cloud regions are from each other: round-trip times (`round_trips.csv`), as rows.

Each region is an item of `distances`, with a parameter `rtt_to_REGION` for each other one. The
numbers are the 95th percentiles of round trips between regions of one cloud over its backbone, by
probes each minute of the 30 days to 30 July 2026: Microsoft, "Azure network round-trip latency
statistics" (documentation, CC BY 4.0; names in lower case with hyphens, nothing else changed).
"""

from __future__ import annotations

import csv
import functools
import io
from importlib import resources

from fleet.catalog.rows import Key, Row

KIND = "distances"
SOURCE = (
    'Microsoft, "Azure network round-trip latency statistics" (CC BY 4.0): P95 of 30 days to 30'
    " July 2026 between regions over the backbone, without the way to a region; range: both"
    " directions"
)


def parameter(to: str) -> str:
    """Return the parameter of a place that holds the round trip to another."""
    return f"rtt_to_{to}"


@functools.cache
def round_trips_ms() -> dict[tuple[str, str], str]:
    """Return the 95th percentile of round trips by the regions from and to which; ms."""
    text = resources.files(__package__).joinpath("round_trips.csv").read_text("utf-8")
    _, *regions = next(lines := csv.reader(io.StringIO(text, newline="")))
    return {
        (start, end): ms
        for start, *numbers in lines
        for end, ms in zip(regions, numbers, strict=True)
        if ms
    }


def rows() -> dict[Key, Row]:
    """Return the rows of all pairs by kind, item and parameter."""
    known = round_trips_ms()
    made: dict[Key, Row] = {}
    for (start, end), ms in known.items():
        low, high = sorted((ms, known[end, start]), key=int)
        row = Row(start, parameter(end), ms, "ms", low, high, SOURCE, "2026", "measured")
        made[KIND, row.item, row.parameter] = row
    return made
