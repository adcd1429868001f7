"""The numbers of a record as one long table: a row a number, with its unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from fleet.results.metric import Numbers, Scope
from fleet.results.metrics import named, names_in

SCHEMA = pa.schema(
    [("arm", pa.string()), ("replication", pa.int32()), ("group", pa.string()),
     ("metric", pa.string()), ("value", pa.float64()), ("unit", pa.string())]
)  # fmt: skip
Row = tuple[str | None, str, float | None, str]


def metric_table(numbers: Mapping[str, Sequence[Numbers]]) -> pa.Table:
    """Return the value of every metric in each arm and replication.

    Columns: arm, replication, group (null: all sensors of the arm), metric, value (null where it is
    not known) and unit; shares are shares of one. A metric of a class of links or of a pool has
    their name in its own, as in objectives.
    """
    rows = [
        (arm, replication, *row)
        for arm, runs in numbers.items()
        for replication, run in enumerate(runs)
        for row in _rows(run)
    ]
    return pa.table(list(zip(*rows, strict=True)), schema=SCHEMA)


def _rows(run: Numbers) -> Iterator[Row]:
    for one in named(names_in(run), lambda _: True):
        unit = one.metric.unit.name
        if one.scope is Scope.GROUP:
            yield one.name, one.metric.key, one.value(run), unit
        else:
            yield None, one.text, one.value(run), unit
