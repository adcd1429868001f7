"""What a study gave as one long table: a row a number, in the order of the design.

A table whose replications were added until intervals were narrow says so in the metadata of its
schema, as intervals of it are then wider (`fleet.results.interval`). There, too, stands what the
scenario demands (`fleet.study.demands`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fleet import doors
from fleet.engine.snapshot import drafted
from fleet.study import looking
from fleet.study.demands import bounding, said
from fleet.study.journal import Row, Run
from fleet.study.slo import objectives
from fleet.study.study import Study
from fleet.study.until import FIRST

RESULTS, UNTIL = "results.parquet", "until.csv"
_SAYS_UNTIL = b"fleet.until"
_INTERVALS = [
    ("point", pa.string()), ("arm", pa.string()), ("asked", pa.string()), ("metric", pa.string()),
    ("unit", pa.string()), ("replications", pa.int32()), ("mean", pa.float64()),
    ("half_width", pa.float64()), ("at_most", pa.float64()), ("reached", pa.bool_()),
    ("why_no_ci95", pa.string()),
]  # fmt: skip
_LAST = [
    ("arm", pa.string()), ("replication", pa.int32()), ("metric", pa.string()),
    ("value", pa.float64()), ("unit", pa.string()), ("error", pa.string()),
]  # fmt: skip


def tidy(study: Study, rows: Mapping[Run, Row]) -> pa.Table:
    """Return the numbers of all runs.

    Columns: point, one for each varied key (with its unit in brackets, if all values have one),
    arm, replication, metric, value (null where it is not known), unit and error. A run that failed
    is a row with its error, and without a metric.
    """
    design = study.design.table().schema
    scenario = study.design.scenario
    about = said(objectives(scenario)) | bounding(scenario.model, study.arms)
    if study.enough.asked:
        asked = {"asked": [one.text for one in study.enough.asked], "most": study.enough.most}
        about[_SAYS_UNTIL] = json.dumps(asked, ensure_ascii=False).encode()
    schema = pa.schema([*design, *_LAST], about or None)
    columns: list[list[Any]] = [[] for _ in schema]
    cells = {point.id: point.cells for point in study.design.points}
    for run in looking.runs(study, rows):
        for numbers in _numbers(rows[run]):
            values = (run.point, *cells[run.point], run.arm, run.replication, *numbers)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    return pa.table(columns, schema=schema)


def _numbers(row: Row) -> Iterator[tuple[str | None, float | None, str | None, str | None]]:
    if row["status"] != looking.DONE:
        yield None, None, None, row["error"]
        return
    for metric, (value, unit) in row["values"].items():
        yield metric, value, unit, None


def replications(about: Mapping[str, Any]) -> str:
    """Return how many replications a study has, in words, given its `study.yaml`."""
    many = about["replications"]
    if about.get("until"):
        return f"{FIRST} to {many} replications"
    return f"{many} replication{'s' if many > 1 else ''}"


def looked(table: pa.Table) -> bool:
    """Return whether the number of replications was chosen by looking at intervals."""
    return _SAYS_UNTIL in (table.schema.metadata or {})


def write(table: pa.Table, folder: Path) -> None:
    """Write the table into the folder of a study, as Parquet and as CSV."""
    with drafted(folder / RESULTS) as draft:
        pq.write_table(table, draft, compression="zstd")
    with drafted(folder / "results.csv") as draft:
        draft.write_text(csv_text(table), encoding="utf-8")


def write_until(intervals: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write how wide the intervals are that a study was asked for into its folder."""
    table = pa.Table.from_pylist(list(intervals), schema=pa.schema(_INTERVALS))
    with drafted(folder / UNTIL) as draft:
        draft.write_text(csv_text(table), encoding="utf-8")


def csv_text(table: pa.Table) -> str:
    """Return a table as CSV, with a header."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(doors.csv_cell(name) for name in table.column_names)
    columns = [column.to_pylist() for column in table.columns]
    out.writerows(map(doors.csv_cell, row) for row in zip(*columns, strict=True))
    return text.getvalue()
