"""The numbers of a record as one long table: a row a number, with its unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from fleet.results.measures import FRAMES, MS, NUMBERS, SERVED, SHARES, measured, of_links, unit_of

SCHEMA = pa.schema(
    [("arm", pa.string()), ("replication", pa.int32()), ("group", pa.string()),
     ("metric", pa.string()), ("value", pa.float64()), ("unit", pa.string())]
)  # fmt: skip
Row = tuple[str | None, str, float | None, str]


def metric_table(numbers: Mapping[str, Sequence[Mapping[str, Any]]]) -> pa.Table:
    """Return every number that can be compared or demanded, of each arm and replication.

    Columns: arm, replication, group (null: all sensors of the arm), metric, value (null where it is
    not known) and unit; shares are shares of one.
    """
    rows = [
        (arm, replication, *row)
        for arm, runs in numbers.items()
        for replication, run in enumerate(runs)
        for row in _rows(run)
    ]
    return pa.table(list(zip(*rows, strict=True)), schema=SCHEMA)


def _rows(run: Mapping[str, Any]) -> Iterator[Row]:
    for name in (*SHARES, *NUMBERS, *SERVED, *of_links(run["bandwidth_mbit_s"])):
        yield None, name, measured(run, name), unit_of(name).name
    for group, found in run["groups"].items():
        for name in ("captured", "results"):
            yield group, f"frames.{name}", float(found[name]), FRAMES.name
        for rank, ms in found["latency_ms"].items():
            yield group, f"latency_ms.{rank}", ms, MS.name
