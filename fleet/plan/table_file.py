"""Columns of a table that a scenario names: a CSV or a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from fleet.errors import InputError
from fleet.scenario.city import MAX_ROWS

TIME_UNITS_NS = {"_ns": 1, "_us": 1_000, "_ms": 1_000_000, "_s": 1_000_000_000}
"""Ends of names of columns of times, and what one is; ns."""


def unit_of(column: str, units: Mapping[str, int]) -> int:
    """Return what one is of a column whose name ends in its unit.

    Raises:
        InputError: it does not.
    """
    for end, unit in units.items():
        if column.endswith(end):
            return unit
    raise InputError(f"'{column}' must end in its unit: {', '.join(units)}")


def exact(value: object, unit: int) -> Decimal | None:
    """Return a number of a column times its unit, by the digits that stand in the file.

    None if it is not a number, or too far from zero for whole numbers of 64 bits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    if not number.is_finite():
        return None
    at = number * unit
    return at if abs(at) < 2**62 else None


def read_columns(
    path: Path, columns: list[str], counts: str = "count from the begin of the file"
) -> dict[str, list[object]]:
    """Return some columns of a CSV or Parquet file.

    Args:
        path: the file.
        columns: which.
        counts: from when times in it count, in words.

    Raises:
        InputError: the file or a column cannot be read, or it is too long.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            held = pyarrow.parquet.read_schema(path)
            _check_columns(path, held, columns, pyarrow.parquet.read_metadata(path).num_rows)
            table = pyarrow.parquet.read_table(path, columns=columns)
        elif path.suffix == ".csv":
            table = pyarrow.csv.read_csv(path)
            _check_columns(path, table.schema, columns, table.num_rows)
        else:
            raise InputError(f"{path}: a trace is a .csv or a .parquet file")
        _check_kinds(path, table, columns, counts)
        return {c: table.column(c).to_pylist() for c in columns}
    except InputError:
        raise
    except (pa.ArrowException, LookupError, OSError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: cannot read {', '.join(columns)}: {first}") from None


def _check_columns(path: Path, schema: Any, columns: Sequence[str], rows: int) -> None:
    """Refuse a table that lacks a column, has it twice, or is empty or too long."""
    missing = [c for c in columns if c not in schema.names]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; it has {', '.join(schema.names)}"
            " (columns are cut at commas)"
        )
    twice = [c for c in columns if schema.names.count(c) > 1]
    if twice:
        raise InputError(f"{path}: has two columns {twice[0]}; rename or remove one")
    if not 0 < rows <= MAX_ROWS:
        raise InputError(f"{path}: needs 1 to {MAX_ROWS:,} rows, has {rows:,}")


def _check_kinds(path: Path, table: Any, columns: Sequence[str], counts: str) -> None:
    """Refuse columns of dates, which are no numbers, and of lists and the like."""
    import pyarrow as pa

    for name in columns:
        kind = table.schema.field(name).type
        if pa.types.is_nested(kind):
            raise InputError(
                f"{path}: column {name} holds {str(kind)[:60]}; write one number or name in a row"
            )
        if pa.types.is_temporal(kind):
            first = table.column(name).slice(0, 1).cast(pa.string())[0].as_py()
            raise InputError(
                f"{path}: {name} in row 1 is '{first}'; times are numbers that {counts}; of {kind}"
                " make whole ns, in pandas:"
                f" table['{name.rpartition('_')[0] or 'at'}_ns'] = dates.astype('int64')"
            )
