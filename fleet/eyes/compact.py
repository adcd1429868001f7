"""Traces made small: their rows sorted into buckets of a light and a number of objects in view."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fleet.arrays import Floats, Ints
from fleet.errors import InputError
from fleet.eyes.clip import LIGHTS
from fleet.eyes.crops import WHOLE_PPM
from fleet.eyes.eye import RAW_NAME
from fleet.eyes.summary import column, groups, wanted

WORDS = ("view", "source", "model", "light")
NUMBERS = (
    "objects", "wanted", "true_positives", "false_positives", "message_bytes", "roi_bytes", "i_ppm",
    "p_ppm", "sure_ppm", "area_ppm",
)  # fmt: skip
SCHEMA = pa.schema(
    [(word, pa.string()) for word in (*WORDS, "scene")]
    + [(number, pa.int32()) for number in NUMBERS]
)
"""The scene is the clip that a row is of, or a rendered site in whatever light: rows of one scene
are alike, so that it counts once where an interval is told. `sure_ppm` is the least confidence of
what was found in a raw frame, all if that was nothing; behind a codec, where nobody asks, it is
`NOT_TOLD`. `area_ppm` is the share of the picture that was sent: all, or crops."""
NOT_TOLD = -1
BEFORE = SCHEMA.remove(SCHEMA.get_field_index("area_ppm"))
"""What tables were like when only whole pictures were sent."""


def all_sent(table: pa.Table) -> pa.Table:
    """Return a table, with all of each picture sent where it is one of before."""
    if "area_ppm" in table.column_names:
        return table
    whole_ppm = pa.array([WHOLE_PPM] * len(table), pa.int32())
    return table.append_column(SCHEMA.field("area_ppm"), whole_ppm)


def compact(trace: pa.Table) -> pa.Table:
    """Return the rows to replay of a trace of one or more clips, sorted into buckets.

    Raises:
        InputError: the truth of a frame is not known.
    """
    if trace["true_positives"].null_count:
        raise InputError("a trace without known truth cannot be replayed")
    trace = trace.sort_by([(name, "ascending") for name in (*WORDS, "clip", "frame")])
    by_name = groups(trace, WORDS[:3])
    return pa.concat_tables(_bucketed(names, rows) for names, rows in by_name).cast(SCHEMA)


def _bucketed(names: tuple[str, ...], rows: pa.Table) -> pa.Table:
    """Return the rows of one view, source and model; in a bucket they stay as they came."""
    lights = np.array([LIGHTS.index(light) for light in rows["light"].to_pylist()])
    values = [column(rows, "present"), wanted(rows)]
    values += [column(rows, name) for name in NUMBERS[2:6]]
    values += _differences(rows, np.unique([lights, values[0]], axis=1, return_inverse=True)[1])
    values += [_sure_ppm(rows), column(rows, "area_ppm")]
    order = np.lexsort((values[0], lights))
    words = [*([name] * len(order) for name in names), [LIGHTS[k] for k in lights[order]]]
    clips = zip(rows["clip"].to_pylist(), rows["light"].to_pylist(), strict=True)
    scenes = np.array([clip.replace(f"-{light}-", "-") for clip, light in clips])
    words.append(scenes[order].tolist())
    whole = [np.rint(np.nan_to_num(value[order])).astype(np.int32) for value in values]
    return pa.table([*words, *whole], names=SCHEMA.names)


def _differences(rows: pa.Table, bucket: Ints) -> list[Floats]:
    """Return how the last I frame and P frame of each row differ from the means of its bucket.

    In millionths of the bucket's mean I frame; their means over a bucket are 0, but where crops are
    sent: these differ from the whole pictures. A clip whose frames are all I frames has no P frames
    of its own: theirs are the same.
    """
    sizes, intra = column(rows, "frame_bytes"), column(rows, "is_intra") > 0
    whole = column(rows, "whole_bytes")
    many, i_mean, apart = np.bincount(bucket), None, []
    for kind in (intra, ~intra if not intra.all() else intra):
        last = np.empty(len(sizes), np.int64)
        clips = np.flatnonzero(np.diff(column(rows, "frame"), prepend=np.inf) <= 0)
        for begin, end in zip(clips, [*clips[1:], len(sizes)], strict=True):
            at = np.flatnonzero(kind[begin:end] if kind[begin:end].any() else intra[begin:end])
            before = np.searchsorted(at, np.arange(end - begin), side="right") - 1
            last[begin:end] = begin + at[np.maximum(before, 0)]
        mean = (np.bincount(bucket, whole[last]) / many)[bucket]
        i_mean = mean if i_mean is None else i_mean
        apart.append(1e6 * (sizes[last] - mean) / i_mean)
    return apart


def _sure_ppm(rows: pa.Table) -> Floats:
    """Return the least score of what was found in each raw frame, in millionths."""
    sources, scores = rows["source"].to_pylist(), rows["scores"].to_pylist()
    return np.array(
        [
            1e6 * min([1.0, *one]) if source == RAW_NAME else NOT_TOLD
            for source, one in zip(sources, scores, strict=True)
        ]
    )
