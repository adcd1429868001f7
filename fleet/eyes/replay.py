"""Traces made small, so that a simulated frame can take over what was measured on a real one.

A simulated sensor has a light and, in each second, a drawn number of objects in view. It takes a
row of the trace with this light and this number: what the model found there, right and wrong, the
bytes of the message and of the crops, and how the frame's bytes stood to the usual.

Which row is said in `fleet.stages.sight`: all rows of a bucket are equally likely, so means by
light and number of objects are those of the trace.

What is lost:

- Rows of one bucket are exchangeable: who is in view, where, and how large is forgotten from one
  second to the next, so a person who is hard to see is not missed for as long as in the trace.
- Rows follow one another at the trace's frame rate, whatever that of the sensor is.
- A number of objects that no row has takes the nearest one that has rows, the smaller of two: what
  is found in a crowd beyond the trace is what is found in its largest.
- The bytes of a P frame are those of a whole group's P frames, wherever the sensor's own group of
  pictures stands.
"""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleet.errors import InputError
from fleet.eyes.clip import LIGHTS
from fleet.eyes.summary import Floats, column, groups, wanted
from fleet.stages.sight import MOST_OBJECTS

Ints = NDArray[np.int64]

_WORDS = ("view", "source", "model", "light")
_NUMBERS = (
    "objects", "wanted", "true_positives", "false_positives", "message_bytes", "roi_bytes",
    "i_permille", "p_permille",
)  # fmt: skip
_COUNTED = {"clip", "frame", "present", "frame_bytes", "is_intra", "true_positives"}
"""Columns by which a trace as `fleet trace` writes it is known."""
SCHEMA = pa.schema(
    [(word, pa.string()) for word in _WORDS] + [(number, pa.int32()) for number in _NUMBERS]
)


class Replay(NamedTuple):
    """Rows of one view, source and model, by light and objects; columns of shape (rows,), int64.

    Attributes:
        start: first row of each bucket; shape (lights, MOST_OBJECTS + 1).
        rows: how many each bucket has, 0 in a light that was not traced; same shape.
        objects: people and vehicles in view, hidden or not: what a scene draws.
        wanted: of these and of gaps on shelves, how many are to be found.
        true_positives: found and there.
        false_positives: found and not there.
        message_bytes: of a message about what was found.
        roi_bytes: of crops of what was found; 0 behind a codec.
        i_permille: bytes of the last I frame, over the mean of this column by day.
        p_permille: bytes of the last P frame, over the mean of this column by day.
    """

    start: Ints
    rows: Ints
    objects: Ints
    wanted: Ints
    true_positives: Ints
    false_positives: Ints
    message_bytes: Ints
    roi_bytes: Ints
    i_permille: Ints
    p_permille: Ints


def compact(trace: pa.Table) -> pa.Table:
    """Return the rows to replay of a trace of one or more clips, sorted into buckets.

    Raises:
        InputError: the truth of a frame is not known.
    """
    if trace["true_positives"].null_count:
        raise InputError("a trace without known truth cannot be replayed")
    trace = trace.sort_by([(name, "ascending") for name in (*_WORDS, "clip", "frame")])
    by_name = groups(trace, _WORDS[:3])
    return pa.concat_tables(_bucketed(names, rows) for names, rows in by_name).cast(SCHEMA)


def _bucketed(names: tuple[str, ...], rows: pa.Table) -> pa.Table:
    """Return the rows of one view, source and model; in a bucket they stay as they came."""
    lights = np.array([LIGHTS.index(light) for light in rows["light"].to_pylist()])
    values = [column(rows, "present"), wanted(rows)]
    values += [column(rows, name) for name in _NUMBERS[2:6]]
    values += _permille(rows, lights)
    order = np.lexsort((values[0], lights))
    words = [*([name] * len(order) for name in names), [LIGHTS[k] for k in lights[order]]]
    whole = [np.rint(np.nan_to_num(value[order])).astype(np.int32) for value in values]
    return pa.table([*words, *whole], names=SCHEMA.names)


def _permille(rows: pa.Table, lights: Ints) -> list[Floats]:
    """Return the bytes of each row's last I frame and last P frame, over their means by day.

    So by day, over all that was traced, both are 1000 in the mean. Where nothing was traced by day
    the first light that was stands for it. A clip whose frames are all I frames has no P frames of
    its own: theirs are the same.
    """
    sizes, intra = column(rows, "frame_bytes"), column(rows, "is_intra") > 0
    usual = lights == lights.min()
    found = []
    for kind in (intra, ~intra if not intra.all() else intra):
        last = np.empty(len(sizes), np.int64)
        clips = np.flatnonzero(np.diff(column(rows, "frame"), prepend=np.inf) <= 0)
        for begin, end in zip(clips, [*clips[1:], len(sizes)], strict=True):
            at = np.flatnonzero(kind[begin:end] if kind[begin:end].any() else intra[begin:end])
            before = np.searchsorted(at, np.arange(end - begin), side="right") - 1
            last[begin:end] = begin + at[np.maximum(before, 0)]
        found.append(1000 * sizes[last] / sizes[last[usual]].mean())
    return found


def load(view: str, source: str, model: str, path: Path | None = None) -> Replay:
    """Return what to replay for a view, a source and a model.

    Args:
        view: one of `VIEWS`.
        source: raw or a codec setting.
        model: name of a network.
        path: of a user's own traces, a file or a folder of them, beside the packaged ones; None:
            there are none.

    Raises:
        InputError: there are no such rows; lists what there is.
    """
    found = _by_name(path).get((view, source, model))
    if found is not None:
        return _indexed(found)
    there = ", ".join("/".join(names) for names in known(path)) or "none"
    raise InputError(f"no trace of view/source/model {view}/{source}/{model}; there are {there}")


def known(path: Path | None = None) -> list[tuple[str, ...]]:
    """Return what there is to replay, as (view, source, model), sorted.

    Raises:
        InputError: the table cannot be read.
    """
    return sorted(_by_name(path))


def folder() -> Path:
    """Return the folder of packaged traces and of tables of tasks."""
    return Path(str(resources.files("fleet.eyes").joinpath("traces")))


@functools.lru_cache(maxsize=4)
def _by_name(path: Path | None) -> dict[tuple[str, ...], pa.Table]:
    """Return the rows of each (view, source, model); kept, as every plan asks for some."""
    if path is not None:
        return {**_by_name(None), **dict(groups(_own(path), _WORDS[:3]))}
    tables = [_compact(packaged) for packaged in sorted(folder().glob("*.parquet"))]
    return dict(groups(pa.concat_tables([SCHEMA.empty_table(), *tables]), _WORDS[:3]))


def _own(path: Path) -> pa.Table:
    """Return a compact table of a file, or of all in a folder: traces as they are, or compact."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: holds no .parquet file; write some with fleet trace -o")
    tables = {file: _read(file) for file in files}
    whole = [table for table in tables.values() if set(table.column_names) >= _COUNTED]
    rest = [_compact(file) for file, t in tables.items() if not set(t.column_names) >= _COUNTED]
    try:
        made = [compact(pa.concat_tables(whole))] if whole else []
    except (InputError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: cannot be replayed: {error}") from None
    return pa.concat_tables([*made, *rest])


def _compact(path: Path) -> pa.Table:
    table = _read(path)
    if table.column_names != SCHEMA.names:
        raise InputError(
            f"{path}: no table to replay: write it with fleet trace -o, or have the columns"
            f" {', '.join(SCHEMA.names)}"
        )
    return table.cast(SCHEMA)


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except OSError as error:
        raise InputError(f"traces {path}: cannot be read: {error.strerror or error}") from None
    except pa.ArrowInvalid as error:
        raise InputError(f"traces {path}: cannot be read: {error}") from None


def _indexed(rows: pa.Table) -> Replay:
    """Index sorted rows; a number of objects that has none points at the nearest that has."""
    lights = np.array([LIGHTS.index(light) for light in rows["light"].to_pylist()])
    columns = {name: rows[name].to_numpy().astype(np.int64) for name in _NUMBERS}
    start = np.zeros((len(LIGHTS), MOST_OBJECTS + 1), np.int64)
    count = np.zeros_like(start)
    for light in np.unique(lights):
        mine = np.flatnonzero(lights == light)
        there, firsts, many = np.unique(
            columns["objects"][mine], return_index=True, return_counts=True
        )
        # argmin takes the first, hence the smaller, of two that are equally near
        apart = np.abs(there[None, :] - np.arange(MOST_OBJECTS + 1)[:, None])
        nearest = np.argmin(apart, axis=1)
        start[light], count[light] = mine[0] + firsts[nearest], many[nearest]
    return Replay(start, count, **columns)
