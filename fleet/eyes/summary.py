"""A trace in a few lines: what each model behind each source cost and found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fleet.arrays import Floats
from fleet.eyes.boxes import KINDS


@dataclass(frozen=True)
class Summary:
    """One model behind one source over a whole trace; None for what nobody knows.

    Attributes:
        source: raw or a codec setting.
        model: which.
        frames: of the trace.
        frame_bytes: mean over frames.
        rate_kbps: what the frames take at the clip's rate; kbit/s.
        psnr_db: mean luma PSNR; None for raw.
        found: mean detections of a frame.
        recall: share of what is to be found that is.
        precision: share of what is found that is right.
        message_bytes: mean bytes of a message about a frame.
        roi_bytes: mean bytes of a frame's crops; None behind a codec.
        visitors: counted by the tracker.
        newcomers: who truly came.
    """

    source: str
    model: str
    frames: int
    frame_bytes: float
    rate_kbps: float
    psnr_db: float | None
    found: float
    recall: float | None
    precision: float | None
    message_bytes: float
    roi_bytes: float | None
    visitors: int
    newcomers: int | None


def summarise(trace: pa.Table) -> list[Summary]:
    """Return a summary of each source and model of a trace of one clip, in the trace's order."""
    return [_summary(source, model, rows) for (source, model), rows in groups(trace)]


def groups(
    trace: pa.Table, words: Sequence[str] = ("source", "model")
) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """Yield the rows of each combination of some columns of text, in the table's order.

    They stand together in long stretches, which are cut out and joined: pyarrow's own filters are
    quicker but take longer to import than this takes.
    """
    columns = [trace[word].to_pylist() for word in words]
    parts: dict[tuple[str, ...], list[pa.Table]] = {}
    begin = 0
    for names, stretch in itertools.groupby(zip(*columns, strict=True)):
        size = sum(1 for _ in stretch)
        parts.setdefault(names, []).append(trace.slice(begin, size))
        begin += size
    for names, tables in parts.items():
        yield names, pa.concat_tables(tables)


def column(trace: pa.Table, name: str) -> Floats:
    """Return a column as numbers; NaN where it is null."""
    values: Floats = trace[name].cast(pa.float64()).to_numpy()
    return values


def wanted(trace: pa.Table) -> Floats:
    """Return how many objects are to be found; NaN where nobody knows."""
    counts: Floats = np.sum([column(trace, f"{kind}s") for kind in KINDS], axis=0)
    return counts


def _summary(source: str, model: str, rows: pa.Table) -> Summary:
    sums = {
        name: float(column(rows, name).sum())
        for name in ("frame_bytes", "found", "message_bytes", "roi_bytes", "visitors",
                     "newcomers", "true_positives", "false_positives")
    }  # fmt: skip
    frames, psnr = rows.num_rows, column(rows, "psnr_db")
    right, known = sums["true_positives"], float(wanted(rows).sum())
    return Summary(
        source=source,
        model=model,
        frames=frames,
        frame_bytes=sums["frame_bytes"] / frames,
        rate_kbps=sums["frame_bytes"] * 8 / 1e3 / _seconds(rows),
        psnr_db=None if np.isnan(psnr).all() else float(np.nanmean(psnr)),
        found=sums["found"] / frames,
        recall=_share(right, known),
        precision=_share(right, right + sums["false_positives"]),
        message_bytes=sums["message_bytes"] / frames,
        roi_bytes=_known(sums["roi_bytes"] / frames),
        visitors=int(sums["visitors"]),
        newcomers=None if np.isnan(sums["newcomers"]) else int(sums["newcomers"]),
    )


def _known(x: float) -> float | None:
    return None if np.isnan(x) else x


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _seconds(rows: pa.Table) -> float:
    """Return how long the frames last, the last one as long as the others."""
    times = column(rows, "time_ns")
    frames = len(times)
    return float(frames / 1e9 * (times[-1] - times[0]) / (frames - 1)) if frames > 1 else 1.0
