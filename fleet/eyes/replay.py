"""Traces made small, so that a simulated frame can take over what was measured on a real one.

A simulated sensor has a light and, in each second, a drawn number of objects in view. It takes a
row of the trace with this light and this number: what the model found there, right and wrong, the
bytes of the message and of the crops, and how the frame's bytes differed from the mean.

Which row is said in `fleet.model.sight`: all rows of a bucket are equally likely, so means by
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

from fleet.arrays import Ints
from fleet.errors import InputError
from fleet.eyes import user_traces
from fleet.eyes.clip import LIGHTS
from fleet.eyes.compact import NUMBERS, SCHEMA, WORDS, all_sent
from fleet.eyes.summary import groups
from fleet.model.sight import MOST_OBJECTS


class Replay(NamedTuple):
    """Rows of one view, source and model, by light and objects; columns of shape (rows,).

    Attributes:
        start: first row of each bucket; shape (lights, MOST_OBJECTS + 1).
        rows: how many each bucket has, 0 in a light that was not traced; same shape.
        scenes: names of the scenes that rows are of, sorted.
        scene: which of them each row is of.
        objects: people and vehicles in view, hidden or not: what a scene draws.
        wanted: of these and of gaps on shelves, how many are to be found.
        true_positives: found and there.
        false_positives: found and not there.
        message_bytes: of a message about what was found.
        roi_bytes: of crops of what was found; 0 behind a codec.
        i_ppm: by how much the last I frame is larger than the mean of its bucket, in millionths of
            that mean.
        p_ppm: the same of the last P frame and the mean of those, in millionths of an I frame too.
        sure_ppm: the least confidence of what was found, in millionths; `NOT_TOLD` behind a codec.
        area_ppm: the share of the picture that was sent, in millionths; 0 where there was no crop.
    """

    start: Ints
    rows: Ints
    scenes: tuple[str, ...]
    scene: Ints
    objects: Ints
    wanted: Ints
    true_positives: Ints
    false_positives: Ints
    message_bytes: Ints
    roi_bytes: Ints
    i_ppm: Ints
    p_ppm: Ints
    sure_ppm: Ints
    area_ppm: Ints


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
    rows = _by_name(path).get((view, source, model))
    if rows is not None:
        return _indexed(rows)
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


def _by_name(path: Path | None) -> dict[tuple[str, ...], pa.Table]:
    """Return the rows of each (view, source, model), a user's own before the packaged ones."""
    if path is None:
        return _packaged()
    marks = ((file, file.stat()) for file in user_traces.files_of(path))
    return {
        **_packaged(), **_own(tuple((file, at.st_size, at.st_mtime_ns) for file, at in marks))
    }  # fmt: skip


@functools.cache
def _packaged() -> dict[tuple[str, ...], pa.Table]:
    files = sorted(folder().glob("*.parquet"))
    tables = [all_sent(pq.ParquetFile(file).read()) for file in files]
    return dict(groups(pa.concat_tables([SCHEMA.empty_table(), *tables]), WORDS[:3]))


@functools.lru_cache(maxsize=4)
def _own(marks: tuple[tuple[Path, int, int], ...]) -> dict[tuple[str, ...], pa.Table]:
    """Return those of files; size and time of change are there to tell when they are others."""
    return dict(groups(user_traces.joined([file for file, *_ in marks]), WORDS[:3]))


def _indexed(rows: pa.Table) -> Replay:
    """Index sorted rows; a number of objects that has none points at the nearest that has."""
    lights = np.array([LIGHTS.index(light) for light in rows["light"].to_pylist()])
    columns = {name: rows[name].to_numpy().astype(np.int64) for name in NUMBERS}
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
    scenes, scene = np.unique(np.array(rows["scene"].to_pylist()), return_inverse=True)
    return Replay(start, count, tuple(scenes.tolist()), scene.astype(np.int64), **columns)
