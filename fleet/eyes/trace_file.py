"""The file of a trace: what a network saw, frame by frame, before and behind codecs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.errors import InputError
from fleet.eyes.boxes import KINDS
from fleet.eyes.crops import WHOLE_PPM

COUNTS = tuple(f"{kind}s" for kind in KINDS)
_BOXES = pa.list_(pa.list_(pa.float32(), 4))
SCHEMA = pa.schema(
    [("clip", pa.string()), ("view", pa.string()), ("light", pa.string()), ("frame", pa.int32()),
     ("time_ns", pa.int64()), ("source", pa.string()), ("model", pa.string()),
     ("frame_bytes", pa.int32()), ("is_intra", pa.bool_()), ("psnr_db", pa.float32())]
    + [(count, pa.int16()) for count in ("present", *COUNTS, "newcomers")]
    + [("true_boxes", _BOXES), ("true_kinds", pa.list_(pa.int8())),
       ("true_identities", pa.list_(pa.int32())), ("found", pa.int16()), ("boxes", _BOXES),
       ("scores", pa.list_(pa.float32())), ("kinds", pa.list_(pa.int8())),
       ("of", pa.list_(pa.int32()))]
    + [(count, pa.int16()) for count in ("true_positives", "false_positives")]
    + [("confidence", pa.float32()), ("message_bytes", pa.int32()), ("roi_bytes", pa.int32()),
       ("tracks", pa.int16()), ("visitors", pa.int16())]
    + [("whole_bytes", pa.int32()), ("area_ppm", pa.int32()),
       ("crops", pa.list_(pa.list_(pa.int32(), 4))), ("crop_bytes", pa.list_(pa.int32()))]
)  # fmt: skip
LATER = ("whole_bytes", "area_ppm", "crops", "crop_bytes")
"""Columns that traces of before do not have: there all of each picture was sent."""


def read(path: Path) -> pa.Table:
    """Return a trace that was written before.

    Raises:
        InputError: the file is none; says what is missing.
    """
    names = columns_of(path)
    missing = [name for name in SCHEMA.names if name not in names]
    if missing == list(LATER):
        before = pa.schema([field for field in SCHEMA if field.name not in LATER])
        return _all_sent(read_as(path, before))
    if missing:
        raise InputError(f"{path}: not a trace: no column {', '.join(missing)}; see fleet trace")
    return read_as(path, SCHEMA)


def _all_sent(table: pa.Table) -> pa.Table:
    """Return a trace without the later columns as one of which all of each picture was sent."""
    whole_ppm = pa.array([WHOLE_PPM] * len(table), pa.int32())
    nothing = [pa.nulls(len(table), SCHEMA.field(name).type) for name in LATER[2:]]
    values = [table["frame_bytes"], whole_ppm, *nothing]
    for name, column in zip(LATER, values, strict=True):
        table = table.append_column(SCHEMA.field(name), column)
    return table


def columns_of(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file.

    Raises:
        InputError: it is none, or a column stands twice.
    """
    try:
        names: list[str] = pq.read_schema(path).names
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: cannot be read as a trace: {_line(error)}; trace it anew"
        ) from None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: has column {', '.join(twice)} more than once; keep one")
    return names


def read_as(path: Path, schema: pa.Schema) -> pa.Table:
    """Return the columns of a schema from a Parquet file.

    Raises:
        InputError: they cannot be read, or hold something else.
    """
    try:
        table = pq.read_table(path, columns=schema.names).select(schema.names).cast(schema)
        table.validate(full=True)  # that text is UTF-8 is not looked at before
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: is no trace as fleet writes it: {_line(error)}; trace it anew"
        ) from None
    return table


_UNREADABLE = (OSError, pa.ArrowException, LookupError, ValueError, TypeError)
"""What Arrow raises at files and columns that are not as they should be."""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
