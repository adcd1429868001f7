"""Arms called as the scenario's `label` says, in whatever is shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pyarrow as pa

from fleet.results.record import Record
from fleet.results.tables import Tables

T = TypeVar("T")


def labelled(record: Record) -> Record:
    """Return a record in which each arm is called by its label, if any has one.

    It is for showing: it has no outcomes, and its scenario still has the names.
    """
    labels = record.scenario.labels
    if all(name == label for name, label in labels.items()):
        return record
    summary = record.summary
    compared = summary["comparison"]
    called = {
        **summary,
        **{key: keyed(summary[key], labels) for key in ("arms", "intervals", "too_short")},
        "comparison": {
            "baseline": labels.get(compared["baseline"], compared["baseline"]),
            "arms": keyed(compared["arms"], labels),
        },
        "slo": [_objective(row, labels) for row in summary["slo"]],
    }
    tables = Tables(*(in_column(table, "arm", labels) for table in record.tables))
    return replace(
        record, summary=called, numbers=keyed(record.numbers, labels), outcomes={}, read=tables,
        placements=keyed(record.placements, labels),
    )  # fmt: skip


def keyed(by_arm: Mapping[str, T], labels: Mapping[str, str]) -> dict[str, T]:
    """Return what is by arm by what arms are called."""
    return {labels.get(arm, arm): value for arm, value in by_arm.items()}


def _objective(row: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    arm, demand = row["arm"], row["objective"]
    name = labels.get(arm, arm)
    if demand.startswith(f"{arm}: "):
        demand = f"{name}: {demand.removeprefix(f'{arm}: ')}"
    return {**row, "arm": name, "objective": demand}


def in_column(table: pa.Table, column: str, labels: Mapping[str, str]) -> pa.Table:
    """Return a table in which the names of arms in a column are what they are called."""
    values = table[column].combine_chunks()
    k = table.column_names.index(column)
    if pa.types.is_dictionary(values.type):
        names = [labels.get(name, name) for name in values.dictionary.to_pylist()]
        called = pa.DictionaryArray.from_arrays(values.indices, pa.array(names, pa.string()))
    else:
        called = pa.array([labels.get(name, name) for name in values.to_pylist()], pa.string())
    return table.set_column(k, column, called)
