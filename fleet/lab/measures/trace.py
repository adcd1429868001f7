"""What models see of a clip, before and behind codecs, frame by frame: the trace table.

A trace has one row for each (clip, frame, source, model), kept as Parquet:

| column | type | holds |
|---|---|---|
| clip, view, light | text | whose frames these are |
| frame | int32 | number of the frame, from 0 |
| time_ns | int64 | since frame 0 |
| source | text | `raw`, the codec whose decoded frame the model saw, or `crops:OF:MARGIN:CODEC` |
| model | text | which model |
| frame_bytes | int32 | what the frame took on the wire; raw: 24 bits a pixel |
| is_intra | bool | whether the frame needs no other |
| psnr_db | float32 | luma against the original; null for raw |
| present | int16 | people and vehicles in view, hidden or not; null if nobody knows |
| persons, vehicles, gaps | int16 | in view and to be found; null if nobody knows |
| newcomers | int16 | people and vehicles among them never seen before; null if nobody knows |
| true_boxes | lists of 4 float32 | x0, y0, x1, y1 of everything in view, px; null if nobody knows |
| true_kinds, true_identities | lists | what each is (0 person, 1 vehicle, 2 gap), and who |
| found | int16 | detections |
| boxes, scores, kinds | lists | place, confidence and kind of each detection, best first |
| of | list of int32 | whom each lies on, -1 for nobody; null if nobody knows |
| true_positives, false_positives | int16 | of these; null if nobody knows |
| confidence | float32 | mean score of the detections; null if there are none |
| message_bytes | int32 | a message about them, as the sensor would send |
| roi_bytes | int32 | their places cut out of the raw frame, each as JPEG; null behind a codec |
| tracks | int16 | confirmed tracks that go on |
| visitors | int16 | tracks confirmed in this frame: visitors counted, to compare with newcomers |
| whole_bytes | int32 | what the whole picture takes behind the same codec |
| area_ppm | int32 | share of its pixels that were sent, in millionths |
| crops, crop_bytes | lists | left, top, right, bottom of each crop, px, and bytes; null if whole |

Objects that are nearly hidden or very small are neither asked for nor held against who finds them;
`fleet.lab.measures.accuracy` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, tee
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet import paths
from fleet.catalog import Catalog
from fleet.errors import InputError
from fleet.eyes.boxes import GAP, KINDS, NOTHING, Detections
from fleet.eyes.clip import Clip, Frame, Pixels, Truth
from fleet.eyes.crops import WHOLE_PPM, Crops
from fleet.eyes.trace_file import COUNTS, SCHEMA
from fleet.lab.measures.accuracy import judged, matters
from fleet.lab.measures.codec import RAW, Coded, Setting, encode, jpeg
from fleet.lab.measures.crops import check, pasted
from fleet.lab.measures.tasks import identities
from fleet.lab.measures.tracker import Tracker
from fleet.model.camera import metadata_bytes
from fleet.passing import passing

ROI_MARGIN = 0.1
"""Of a box's side, added on each side of a crop."""
ROI_QUALITY = 85
BATCH = 8
"""Frames that a model takes at once."""
MESSAGE_LIKE = "ssd-mobilenet-v2"
"""The model of the catalogue whose message others send too: it is the sensor's own format."""


class Finder(Protocol):
    """What a trace asks of a detector: a name, and the least score of what it finds."""

    name: str
    threshold: float

    def find(self, pixels: list[Pixels]) -> list[Detections]:
        """Return what is in each picture."""


class Message(NamedTuple):
    """Sizes of a model's messages in bytes, and the most objects that one reports."""

    base: int
    per_object: int
    envelope: int
    most: int

    def bytes_of(self, objects: int) -> int:
        """Return the size of a message about some objects: base64 in an envelope."""
        objects = min(objects, self.most)
        return int(metadata_bytes(objects, self.base, self.per_object, 1, self.envelope))


def message_of(model: str, catalog: Catalog) -> Message:
    """Return the messages of a model; one that the catalogue does not know sends the usual."""
    reader = catalog.reader()
    known = catalog.has("models", model, "flatbuffer_base")
    of = model if known else MESSAGE_LIKE
    return Message(
        base=reader.data_bit("models", of, "flatbuffer_base") // 8,
        per_object=reader.data_bit("models", of, "flatbuffer_per_object") // 8,
        envelope=reader.data_bit("models", of, "envelope") // 8,
        most=reader.count("models", of, "max_detections"),
    )


def judge(detections: Detections, truth: Truth, height: int) -> tuple[int, int]:
    """Return how many detections are right and how many are false, in a frame so many px high."""
    verdict = judged(detections, truth.boxes, truth.kinds, matters(truth, height))
    right = verdict.of >= 0
    return int(right.sum()), int((~right & verdict.counts).sum())


def roi_bytes(pixels: Pixels, detections: Detections) -> int:
    """Return the bytes of a JPEG of each box with a margin around."""
    height, width, _ = pixels.shape
    total = 0
    for x0, y0, x1, y1 in detections.boxes.astype(np.float64):
        dx, dy = ROI_MARGIN * (x1 - x0), ROI_MARGIN * (y1 - y0)
        left, right = max(0, int(x0 - dx)), min(width, int(np.ceil(x1 + dx)))
        top, bottom = max(0, int(y0 - dy)), min(height, int(np.ceil(y1 + dy)))
        if left < right and top < bottom:
            total += len(jpeg(np.ascontiguousarray(pixels[top:bottom, left:right]), ROI_QUALITY))
    return total


_Row = dict[str, Any]


class Cut(NamedTuple):
    """Crops that are sent in place of whole pictures.

    Attributes:
        first: the network whose boxes they are.
        margin_ppm: of a box's side, added on each side; millionths.
        how: what encodes them.
    """

    first: Finder
    margin_ppm: int
    how: Setting

    @property
    def name(self) -> str:
        """Return what the source is called."""
        return Crops(self.first.name, self.margin_ppm, self.how.name).name


class _Sent(NamedTuple):
    """A frame as a model gets it, and what was sent of it.

    Attributes:
        pixels: that it looks at.
        row: the columns that tell what was sent.
    """

    pixels: Pixels
    row: _Row


def _whole(coded: Coded) -> _Sent:
    """Return a frame all of which was sent."""
    size = len(coded.data)
    row = {
        "frame_bytes": size, "is_intra": coded.is_intra, "whole_bytes": size,
        "psnr_db": coded.psnr_db if np.isfinite(coded.psnr_db) else None, "area_ppm": WHOLE_PPM,
    }  # fmt: skip
    return _Sent(coded.pixels, row)


def _cropped(pixels: Pixels, detections: Detections, cut: Cut) -> _Sent:
    """Return a frame of which crops were sent."""
    made = pasted(pixels, detections.boxes, cut.margin_ppm, cut.how)
    row = {
        "frame_bytes": int(made.sizes.sum()), "is_intra": True, "psnr_db": None,
        "whole_bytes": len(jpeg(pixels, cut.how.quality)), "area_ppm": made.area_ppm,
        "crops": made.crops.tolist(), "crop_bytes": made.sizes.tolist(),
    }  # fmt: skip
    return _Sent(made.pixels, row)


class _Watcher:
    """One model behind one source: its tracker and its rows."""

    def __init__(self, source: str, finder: Finder, message: Message, rate_fps: float) -> None:
        self.source, self.finder, self.message = source, finder, message
        self.tracker = Tracker.at(rate_fps, finder.threshold)

    def rows(self, sent: Sequence[_Sent], truths: Sequence[Truth | None]) -> Iterator[_Row]:
        finds = iter(self.finder.find([one.pixels for one in sent if one.row["area_ppm"]]))
        for (pixels, row), truth in zip(sent, truths, strict=True):
            # of what nobody sent nobody finds anything
            detections = next(finds) if row["area_ppm"] else NOTHING
            before = self.tracker.confirmed
            self.tracker.step(detections.those(detections.kinds != GAP))
            right, false = (None, None) if truth is None else judge(detections, truth, len(pixels))
            yield row | {
                "source": self.source,
                "model": self.finder.name,
                "found": len(detections.scores),
                "boxes": detections.boxes.tolist(),
                "scores": detections.scores.tolist(),
                "kinds": detections.kinds.tolist(),
                "of": None if truth is None else identities(detections, truth).tolist(),
                "true_positives": right,
                "false_positives": false,
                "confidence": float(detections.scores.mean()) if len(detections.scores) else None,
                "message_bytes": self.message.bytes_of(len(detections.scores)),
                # What is cut out, a sensor cuts out, before any codec.
                "roi_bytes": roi_bytes(pixels, detections) if self.source == RAW.name else None,
                "tracks": self.tracker.alive,
                "visitors": self.tracker.confirmed - before,
            }


class _Door:
    """Tells who is truly in view, and who for the first time."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def counts(self, truth: Truth | None, height: int) -> _Row:
        if truth is None:
            return dict.fromkeys(
                ("present", *COUNTS, "newcomers", "true_boxes", "true_kinds", "true_identities")
            )
        shown, moves = matters(truth, height), truth.kinds != GAP
        new = set(truth.identities[shown & moves].tolist()) - self._known
        self._known |= new
        kinds = np.bincount(truth.kinds[shown], minlength=len(KINDS)).tolist()
        return {
            "present": int(moves.sum()),
            "newcomers": len(new),
            **dict(zip(COUNTS, kinds, strict=True)),
            "true_boxes": truth.boxes.tolist(),
            "true_kinds": truth.kinds.tolist(),
            "true_identities": truth.identities.tolist(),
        }


def watch(
    clip: Clip, finders: Sequence[Finder], settings: Sequence[Setting], cuts: Sequence[Cut] = (), *,
    frames: int | None = None, catalog: Catalog | None = None,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Yield the rows of a trace, some frames at a time; holds no more frames than these.

    Args:
        clip: whose frames.
        finders: models; their names differ.
        settings: codecs whose decoded frames the models see, beside the raw ones.
        cuts: crops that all but whoever found them look at, too.
        frames: how many at most; None for all.
        catalog: where sizes of messages stand; None for the packaged one.

    Raises:
        InputError: a name stands twice, a codec does not take the clip's frames, or crops cannot
            be cut.
    """
    sources = [RAW, *(s for s in settings if s != RAW)]
    for what, names in (
        ("codec", [s.name for s in sources]), ("model", [f.name for f in finders]),
        ("source of crops", [cut.name for cut in cuts]),
    ):  # fmt: skip
        if len(set(names)) < len(names):
            raise InputError(f"a {what} stands twice among {', '.join(names)}; leave one out")
    for cut in cuts:
        check(cut.margin_ppm, cut.how)
    known = Catalog.load() if catalog is None else catalog
    watchers = [
        [
            _Watcher(name, finder, message_of(finder.name, known), clip.rate_fps)
            for finder in finders
            if finder.name != of
        ]
        for name, of in [
            *((s.name, None) for s in sources),
            *((c.name, c.first.name) for c in cuts),
        ]
    ]
    door, number = _Door(), 0
    for batch, coded in _batches(islice(clip.frames(), frames), sources, clip.rate_fps):
        truths = [frame.truth for frame in batch]
        firsts = [
            _first(clip, number + k, door.counts(truth, clip.height))
            for k, truth in enumerate(truths)
        ]
        sent = [[_whole(one) for one in of_source] for of_source in coded]
        sent += [_of_cut([frame.pixels for frame in batch], cut) for cut in cuts]
        by_watcher = (
            watcher.rows(seen, truths)
            for of_source, seen in zip(watchers, sent, strict=True)
            for watcher in of_source
        )
        rows = [first | row for rows in by_watcher for first, row in zip(firsts, rows, strict=True)]
        number += len(batch)
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def _of_cut(pictures: Sequence[Pixels], cut: Cut) -> list[_Sent]:
    """Return some frames of which crops are sent."""
    finds = cut.first.find(list(pictures))
    return [_cropped(p, of_it, cut) for p, of_it in zip(pictures, finds, strict=True)]


def _first(clip: Clip, number: int, counts: _Row) -> _Row:
    time_ns = round(number * 1e9 / clip.rate_fps)
    named = {"clip": clip.name, "view": clip.view, "light": clip.light}
    return {**named, "frame": number, "time_ns": time_ns, **counts}


def _batches(
    frames: Iterable[Frame], sources: Sequence[Setting], rate_fps: float
) -> Iterator[tuple[list[Frame], list[list[Coded]]]]:
    """Yield some frames and what each source makes of them; each frame is drawn once only."""
    originals, *copies = tee(frames, 1 + len(sources))
    streams = [
        encode((frame.pixels for frame in copy), source, rate_fps)
        for copy, source in zip(copies, sources, strict=True)
    ]
    while batch := list(islice(originals, BATCH)):
        yield batch, [list(islice(stream, len(batch))) for stream in streams]


def write(path: Path, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Write a trace as Parquet, whole or not at all, and return it.

    Raises:
        InputError: the file cannot be written.
    """
    paths.check_name(path)
    if path.is_dir():
        raise InputError(
            f"{path}: is a folder; name a file in it, such as {path / 'trace.parquet'}"
        )
    part = path.with_name(path.name + ".part")
    with passing(part):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.touch()  # before hours of work
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        table = pa.Table.from_batches(list(batches), SCHEMA)
        pq.write_table(table, part, compression="zstd")
        part.replace(path)
    return table
