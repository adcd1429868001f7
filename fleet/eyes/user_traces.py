"""A user's own traces: one file or a folder of them, checked before they are replayed.

A file is a trace as `fleet trace` writes it, or a table that was made compact before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from fleet import paths
from fleet.errors import InputError
from fleet.eyes import trace_file
from fleet.eyes.clip import LIGHTS, VIEWS
from fleet.eyes.compact import BEFORE, NOT_TOLD, SCHEMA, WORDS, all_sent, compact
from fleet.eyes.crops import WHOLE_PPM, crops_named
from fleet.eyes.summary import groups


def files_of(path: Path) -> list[Path]:
    """Return a file, or the files of a folder, resolved and in order.

    Raises:
        InputError: there are none.
    """
    files = sorted(path.glob("*.parquet")) if paths.is_dir(path) else [path]
    for file in files or [path / "*.parquet"]:
        if not paths.is_file(file):
            raise InputError(f"traces {file}: there is no such file; write it with fleet trace -o")
    return [file.resolve() for file in files]


def joined(files: Sequence[Path]) -> pa.Table:
    """Return the rows of some files to replay, sorted into buckets.

    Raises:
        InputError: a file cannot be read or replayed, or two tell of the same.
    """
    read = {file: _read(file) for file in files}
    ready = {file: table for file, table in read.items() if table.schema == SCHEMA}
    whole = {file: table for file, table in read.items() if file not in ready}
    _check_once(whole, ("clip", "source", "model"))
    tables = dict(ready)
    if whole:
        tables[next(iter(whole))] = compact(pa.concat_tables(whole.values()))
    _check_once(tables, WORDS[:3])
    return pa.concat_tables(tables.values())


def _read(file: Path) -> pa.Table:
    """Return a trace or a compact table, whose words are known and that has no gaps."""
    try:
        names = trace_file.columns_of(file)
        form = next((one for one in (SCHEMA, BEFORE) if one.names == names), None)
        ready = form is not None
        table = all_sent(trace_file.read_as(file, form)) if form else trace_file.read(file)
    except InputError as error:
        raise InputError(f"traces {error}") from None
    if not ready and table["true_positives"].null_count:
        raise InputError(
            f"traces {file}: nobody knows what is truly in its clip, so it cannot be replayed;"
            " trace rendered scenes"
        )
    needed = (
        SCHEMA.names if ready else [*WORDS, "clip", "frame", "present", "whole_bytes", "area_ppm"]
    )
    if not len(table) or any(table[name].null_count for name in needed):
        raise InputError(f"traces {file}: has no rows, or a row without a value; trace it anew")
    for name, known in (("light", LIGHTS), ("view", VIEWS)):
        other = set(table[name].to_pylist()) - set(known)
        if other:
            raise InputError(
                f"traces {file}: {name} '{min(other)}' is not one of {', '.join(known)}"
            )
    _check_numbers(file, table, _RANGES if ready else _TRACE_RANGES)
    _check_sources(file, table)
    if ready and not all(_sorted(rows) for _, rows in groups(table, WORDS[:3])):
        raise InputError(f"traces {file}: rows are not in order of light and objects; sort them")
    return table


_MOST_BYTES = 100_000_000
_RANGES = {
    **dict.fromkeys(("objects", "wanted", "true_positives", "false_positives"), (0, 10_000)),
    **dict.fromkeys(("message_bytes", "roi_bytes"), (0, _MOST_BYTES)),
    **dict.fromkeys(("i_ppm", "p_ppm"), (-1_000_000, 4_000_000)),
    "sure_ppm": (NOT_TOLD, 1_000_000),
    "area_ppm": (0, WHOLE_PPM),
}
_TRACE_RANGES = {
    **dict.fromkeys(("present", *trace_file.COUNTS, "true_positives", "false_positives"),
                    (0, 10_000)),
    **dict.fromkeys(("message_bytes", "roi_bytes"), (0, _MOST_BYTES)),
    "frame": (0, 2**31 - 1), "frame_bytes": (0, _MOST_BYTES), "whole_bytes": (1, _MOST_BYTES),
    "area_ppm": (0, WHOLE_PPM),
}  # fmt: skip
"""What numbers of a table that was made compact, and of a whole trace, can be."""


def _check_numbers(file: Path, table: pa.Table, ranges: Mapping[str, tuple[int, int]]) -> None:
    for name, (least, most) in ranges.items():
        values = table[name].combine_chunks().drop_null().to_numpy(zero_copy_only=False)
        for value in (values.min(), values.max()) if len(values) else ():
            if not least <= value <= most:
                raise InputError(
                    f"traces {file}: {name} is {value:,} in a row, and can be {least:,} to"
                    f" {most:,}; trace it anew"
                )


def _check_sources(file: Path, table: pa.Table) -> None:
    """Check that only of crops less is sent than all of a picture."""
    areas = table["area_ppm"].to_pylist()
    sources = {
        one
        for one, area in zip(table["source"].to_pylist(), areas, strict=True)
        if area != WHOLE_PPM
    }
    for source in sorted(sources):
        if crops_named(source) is None:
            raise InputError(
                f"traces {file}: area_ppm is less than all in a row of '{source}', which is no"
                " source of crops; trace it anew"
            )


def _sorted(rows: pa.Table) -> bool:
    """Return whether the rows of one network in its place are in the order of buckets."""
    lights = np.array([LIGHTS.index(light) for light in rows["light"].to_pylist()])
    steps = np.diff(lights * (1 << 32) + rows["objects"].to_numpy())
    return bool((steps >= 0).all())


def _check_once(tables: dict[Path, pa.Table], names: tuple[str, ...]) -> None:
    """Check that no two files tell of the same."""
    seen: dict[tuple[str, ...], Path] = {}
    for file, table in tables.items():
        for key, _ in groups(table, names):
            if key in seen:
                raise InputError(
                    f"traces {file}: {'/'.join(key)} ({'/'.join(names)}) stands in"
                    f" {seen[key].name} too; keep one of them"
                )
            seen[key] = file
