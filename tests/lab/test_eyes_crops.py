"""Crops: what is cut out, what it takes, and what a second network sees in it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from test_eyes_trace import HEIGHT, WIDTH, Bright, Squares

from fleet.cli import trace as cli_trace
from fleet.cli.exit import code_of
from fleet.errors import InputError
from fleet.eyes import replay, trace_file, user_traces
from fleet.eyes.boxes import Detections
from fleet.eyes.compact import BEFORE, SCHEMA, compact
from fleet.eyes.crops import WHOLE_PPM
from fleet.eyes.summary import column, groups
from fleet.lab.measures import codec, crops, trace

av = pytest.importorskip("av", reason="needs the extra 'eyes'")

JPEG = codec.setting("jpeg-q60")
SOURCE = "crops:bright:20%:jpeg-q60"


class Nobody(Bright):
    """Finds nothing."""

    def of(self, pixels: np.ndarray) -> Detections:
        return super().of(np.zeros_like(pixels))


def cut(clip: Squares, *, first: Bright | None = None, margin_ppm: int = 200_000) -> pa.Table:
    """Return what a second finder sees of crops, and what both see else."""
    first = first or Bright()
    second = Bright("second")
    cuts = [trace.Cut(first, margin_ppm, JPEG)]
    batches = trace.watch(clip, [first, second], [JPEG], cuts)
    return pa.Table.from_batches(batches, trace_file.SCHEMA)


def rows_of(table: pa.Table, source: str, model: str) -> dict[str, list[object]]:
    return dict(groups(table))[source, model].to_pydict()


boxes_of = st.lists(
    st.tuples(*(st.floats(0, 100, width=32) for _ in range(2)),
              *(st.floats(0, 60, width=32) for _ in range(2))),
    max_size=8,
).map(lambda some: np.array([(x, y, x + w, y + h) for x, y, w, h in some],
                            np.float32).reshape(-1, 4))  # fmt: skip


@given(boxes=boxes_of, margin_ppm=st.sampled_from([0, 100_000, 1_000_000]))
def test_crops_hold_all_boxes_and_never_overlap(boxes: np.ndarray, margin_ppm: int) -> None:
    made = crops.rectangles(boxes, margin_ppm, HEIGHT, WIDTH)
    hits = np.zeros((HEIGHT, WIDTH), int)
    for left, top, right, bottom in made.tolist():
        assert 0 <= left < right <= WIDTH
        assert 0 <= top < bottom <= HEIGHT
        hits[top:bottom, left:right] += 1
    assert hits.max(initial=0) <= 1
    for x0, y0, x1, y1 in np.clip(boxes, 0, (WIDTH, HEIGHT, WIDTH, HEIGHT)).tolist():
        if x1 > x0 and y1 > y0:
            inside = hits[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))]
            assert inside.all()
    again = crops.rectangles(boxes[::-1], margin_ppm, HEIGHT, WIDTH)
    assert made.tolist() == again.tolist()


def test_two_that_touch_stay_two_and_two_that_overlap_become_one() -> None:
    apart = np.array([(0, 0, 10, 10), (10, 0, 20, 10)], np.float32)
    assert len(crops.rectangles(apart, 0, HEIGHT, WIDTH)) == 2
    assert crops.rectangles(apart, 100_000, HEIGHT, WIDTH).tolist() == [[0, 0, 21, 11]]


def test_what_is_pasted_is_the_decoded_crop_and_grey_elsewhere() -> None:
    pixels = next(Squares().frames()).pixels
    made = crops.pasted(pixels, np.array([(4, 4, 24, 24)], np.float32), 0, JPEG)
    alone = np.ascontiguousarray(pixels[4:24, 4:24])
    decoded = next(iter(codec.encode([np.tile(alone, (4, 4, 1))], JPEG, 1.0))).pixels[:20, :20]
    assert np.abs(made.pixels[4:24, 4:24].astype(int) - decoded).mean() < 3
    outside = made.pixels.copy()
    outside[4:24, 4:24] = crops.GREY
    assert (outside == crops.GREY).all()
    assert made.sizes.tolist() == [len(codec.jpeg(alone, 60)) + crops.PLACE_BYTES]
    assert made.area_ppm == 400 * WHOLE_PPM // (WIDTH * HEIGHT)


def test_a_row_tells_what_was_sent_and_what_the_second_sees_in_it() -> None:
    table = cut(Squares())
    mine, first = rows_of(table, SOURCE, "second"), rows_of(table, "raw", "bright")
    whole = rows_of(table, "jpeg-q60", "second")
    assert (SOURCE, "bright") not in dict(groups(table))
    for k, frame in enumerate(Squares().frames()):
        boxes = np.array(first["boxes"][k], np.float32)
        made = crops.pasted(frame.pixels, boxes, 200_000, JPEG)
        assert mine["crops"][k] == made.crops.tolist()
        assert mine["crop_bytes"][k] == made.sizes.tolist()
        assert mine["frame_bytes"][k] == made.sizes.sum()
        assert mine["area_ppm"][k] == made.area_ppm
    assert mine["whole_bytes"] == whole["frame_bytes"] == whole["whole_bytes"]
    assert mine["true_positives"] == first["true_positives"]
    assert mine["persons"] == first["persons"]
    assert whole["area_ppm"] == [WHOLE_PPM] * 20
    assert whole["crops"] == [None] * 20


def test_nothing_found_is_nothing_sent_and_nothing_seen() -> None:
    mine = rows_of(cut(Squares(), first=Nobody()), SOURCE, "second")
    assert mine["area_ppm"] == mine["frame_bytes"] == mine["found"] == [0] * 20
    assert mine["crops"] == [[]] * 20
    assert min(mine["whole_bytes"]) > 0


def test_bytes_replayed_are_those_of_crops(tmp_path: Path) -> None:
    """By the law of pictures: the mean of the bucket and what the row adds to it."""
    table = cut(Squares())
    pq.write_table(table, tmp_path / "whole.parquet")
    pq.write_table(compact(table), tmp_path / "small.parquet")
    for name in ("whole.parquet", "small.parquet"):
        mine = replay.load("street", SOURCE, "second", tmp_path / name)
        rows = dict(groups(table))[SOURCE, "second"]
        order = np.argsort(column(rows, "present"), kind="stable")
        present = column(rows, "present")[order]
        whole = column(rows, "whole_bytes")[order]
        mean = np.array([whole[present == n].mean() for n in present])
        sent = mean * (1 + 1e-6 * mine.i_ppm)
        assert np.abs(sent - column(rows, "frame_bytes")[order]).max() < 0.01
        assert mine.area_ppm.tolist() == column(rows, "area_ppm")[order].tolist()


def test_traces_of_before_are_of_whole_pictures(tmp_path: Path) -> None:
    table = cut(Squares())
    table = pa.concat_tables(
        rows for names, rows in groups(table) if not names[0].startswith("crops")
    )
    small = compact(table)
    pq.write_table(table.drop_columns(list(trace_file.LATER)), tmp_path / "old.parquet")
    pq.write_table(small.select(BEFORE.names), tmp_path / "old-small.parquet")
    assert trace_file.read(tmp_path / "old.parquet").select(
        ["whole_bytes", "area_ppm"]
    ) == table.select(["whole_bytes", "area_ppm"])
    for name in ("old.parquet", "old-small.parquet"):
        read = user_traces.joined([tmp_path / name])
        assert read.schema == SCHEMA
        assert read == small


def test_less_than_all_needs_a_source_of_crops(tmp_path: Path) -> None:
    table = compact(cut(Squares())).to_pydict()
    table["source"] = ["x" if name == SOURCE else name for name in table["source"]]
    pq.write_table(pa.table(table, schema=SCHEMA), tmp_path / "odd.parquet")
    with pytest.raises(InputError, match="which is no source of crops"):
        user_traces.joined([tmp_path / "odd.parquet"])


@pytest.mark.parametrize(
    ("margin_ppm", "name", "said"),
    [
        (-1, "jpeg-q60", "a margin of -0.0001 % around crops; it is 0 % to 100 %"),
        (1_000_001, "jpeg-q60", "it is 0 % to 100 %"),
        (0, "h264-crf28", "'h264-crf28' cannot encode crops"),
    ],
)
def test_crops_that_nobody_can_send_are_refused(margin_ppm: int, name: str, said: str) -> None:
    cuts = [trace.Cut(Bright(), margin_ppm, codec.setting(name))]
    with pytest.raises(InputError, match=said):
        list(trace.watch(Squares(), [Bright()], [], cuts))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--models", "eye-small", "--codec", "jpeg-q60", "--crops", "20%"], "names none; write"),
        (["--crops", "20%"], "--crops needs a --codec"),
        (["--codec", "h264-crf28", "--crops", "20%"], "--crops needs a --codec"),
        (["--codec", "jpeg-q60", "--crops", "150 %"], "it is 0 % to 100 %"),
        (["--codec", "jpeg-q60", "--crops", "wide"], "--crops 'wide'"),
        (["--codec", "jpeg-q60", "--crops", "20%", "--crops", "20 %"], "source of crops stands"),
    ],
)
def test_the_command_says_what_crops_need(
    more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()
    app.command()(cli_trace.trace)
    code = code_of(lambda: app(["rendered:entrance/day", "--frames", "2", *more]))
    assert code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_the_command_measures_crops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    app, out = typer.Typer(), tmp_path / "made.parquet"
    app.command()(cli_trace.trace)
    asked = ["rendered:entrance/day", "--frames", "4", "--codec", "jpeg-q60", "--crops", "20%"]
    assert code_of(lambda: app([*asked, "--json", "-o", str(out)])) == 0
    told = {(row["source"], row["model"]): row for row in json.loads(capsys.readouterr().out)}
    crops_row = told["crops:eye-small:20%:jpeg-q60", "eye-large"]
    assert 0 < crops_row["frame_bytes"] < told["jpeg-q60", "eye-large"]["frame_bytes"]
    assert trace_file.read(out).num_rows == 5 * 4


def test_packaged_crops_are_of_the_frames_of_the_others() -> None:
    """And of none in which the small network found something there is no crop."""
    there = [names for names in replay.known() if names[1].startswith("crops:")]
    assert {names[0] for names in there} >= {"street", "entrance", "ceiling", "shelf"}
    empty = 0
    for view, source, model in there:
        mine, own = replay.load(view, source, model), replay.load(view, "raw", "eye-small")
        for name in ("start", "rows", "scene", "objects", "wanted"):
            assert np.array_equal(getattr(mine, name), getattr(own, name)), (view, source, name)
        found = own.true_positives + own.false_positives
        assert (mine.area_ppm[found > 0] > 0).all()
        none = mine.area_ppm == 0
        empty += int(none.sum())
        assert (mine.i_ppm[none] == -1_000_000).all()
        assert (mine.true_positives[none] == 0).all()
        assert (mine.false_positives[none] == 0).all()
    assert empty > 100
