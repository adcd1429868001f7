"""Traces: every column against a painted clip, and a finder of bright blobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer

from fleet.catalog import Catalog
from fleet.cli import trace as cli_trace
from fleet.cli.exit import code_of
from fleet.errors import InputError
from fleet.eyes import trace_file
from fleet.eyes.boxes import GAP, PERSON, VEHICLE, Detections
from fleet.eyes.clip import Clip, Frame, Pixels, Truth
from fleet.eyes.summary import groups, summarise
from fleet.lab.measures import codec, trace
from fleet.lab.measures.accuracy import matters
from fleet.lab.scenes.render import scene

av = pytest.importorskip("av", reason="needs the extra 'eyes'")

WIDTH, HEIGHT = 160, 96


class Squares:
    """White squares of 20 px that walk to the right over grey noise, in lanes of their own.

    Square k comes in frame `comes[k]`; `hidden` are painted over but stay in the truth.
    """

    name, view, light, width, height, rate_fps = "squares", "street", "day", WIDTH, HEIGHT, 10.0

    def __init__(
        self, comes: Sequence[int] = (0, 0, 5), frames: int = 20, hidden: Sequence[int] = (),
        known: bool = True, kind: int = PERSON,
    ) -> None:  # fmt: skip
        self.comes, self.count, self.hidden, self.known = comes, frames, hidden, known
        self.kind = kind
        noise = np.random.default_rng(3).integers(90, 110, (HEIGHT, WIDTH, 1), dtype=np.uint8)
        self.still = noise.repeat(3, axis=2)

    def __len__(self) -> int:
        return self.count

    def frames(self) -> Iterator[Frame]:
        for k in range(self.count):
            pixels, here = self.still.copy(), [n for n, t in enumerate(self.comes) if t <= k]
            boxes = np.array([self.box(n, k) for n in here], np.float32).reshape(-1, 4)
            for n, (x0, y0, x1, y1) in zip(here, boxes.astype(int), strict=True):
                if n not in self.hidden:
                    pixels[y0:y1, x0:x1] = 255
            seen = np.array([0.1 if n in self.hidden else 1.0 for n in here], np.float32)
            truth = Truth(
                boxes, np.full(len(here), self.kind, np.int8), np.array(here, np.int64), seen
            )
            yield Frame(pixels, truth if self.known else None)

    def box(self, n: int, k: int) -> tuple[int, int, int, int]:
        x, y = 4 + 4 * (k - self.comes[n]), 4 + 30 * n
        return (x, y, x + 20, y + 20)


class Bright:
    """Finds what is nearly white, lane by lane; one false box too where asked."""

    threshold = 0.1

    def __init__(self, name: str = "bright", false: bool = False, kind: int = PERSON) -> None:
        self.name, self.false, self.kind, self.most = name, false, kind, 0

    def find(self, pixels: list[Pixels]) -> list[Detections]:
        self.most = max(self.most, len(pixels))
        return [self.of(p) for p in pixels]

    def of(self, pixels: Pixels) -> Detections:
        boxes = []
        for top in range(0, HEIGHT, 30):
            rows, columns = np.nonzero(pixels[top : top + 30, :, 1] > 200)
            if len(rows) > 100:
                boxes.append((columns.min(), top + rows.min(), columns.max() + 1,
                              top + rows.max() + 1))  # fmt: skip
        if self.false:
            boxes.append((130, 70, 150, 90))
        scores = np.linspace(0.9, 0.6, len(boxes), dtype=np.float32)
        kinds = np.full(len(boxes), self.kind, np.int8)
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, kinds)


def traced(clip: Squares, *finders: Bright, codecs: Sequence[str] = (), **more: int) -> pa.Table:
    settings = [codec.setting(name) for name in codecs]
    return pa.Table.from_batches(trace.watch(clip, finders, settings, **more), trace_file.SCHEMA)


def only(table: pa.Table, source: str = "raw", model: str = "bright") -> dict[str, list[object]]:
    return dict(groups(table))[source, model].to_pydict()


def test_raw_rows_hold_what_was_painted() -> None:
    rows = only(traced(Squares(), Bright()))
    assert rows["frame"] == list(range(20))
    assert rows["time_ns"] == [k * 100_000_000 for k in range(20)]
    assert rows["persons"] == rows["found"] == rows["true_positives"] == [2] * 5 + [3] * 15
    assert rows["vehicles"] == rows["gaps"] == rows["false_positives"] == [0] * 20
    assert rows["newcomers"] == [2] + [0] * 4 + [1] + [0] * 14
    # Believed when followed for 0.4 s.
    assert rows["visitors"] == [0] * 4 + [2] + [0] * 4 + [1] + [0] * 10
    boxes = [list(map(float, Squares((0, 0, 5)).box(n, 7))) for n in range(3)]
    assert rows["true_boxes"][7] == boxes
    assert rows["true_identities"][7] == [0, 1, 2]
    assert sorted(rows["of"][7]) == [0, 1, 2]
    assert [boxes[who] for who in rows["of"][7]] == rows["boxes"][7]
    assert rows["kinds"][7] == rows["true_kinds"][7] == [PERSON] * 3
    assert len(rows["scores"][7]) == 3
    assert rows["tracks"] == [0] * 4 + [2] * 5 + [3] * 11
    assert rows["frame_bytes"] == [WIDTH * HEIGHT * 3] * 20
    assert rows["is_intra"] == [True] * 20
    assert rows["psnr_db"] == [None] * 20
    assert rows["confidence"][0] == pytest.approx(0.75)
    assert {rows[name][0] for name in ("clip", "view", "light")} == {"squares", "street", "day"}


def test_messages_are_as_long_as_the_catalogue_says() -> None:
    """387 B with two boxes is what Sony's sample of this sensor's message has."""
    rows = only(traced(Squares(), Bright()))
    assert rows["message_bytes"][0] == 387
    assert rows["message_bytes"][-1] == 183 + 4 * -(-(64 + 3 * 44) // 3)
    known = Catalog.load()
    most = int(known.row("models", trace.MESSAGE_LIKE, "max_detections").value)
    message = trace.message_of("nobody-knows-this", known)
    assert message == trace.message_of(trace.MESSAGE_LIKE, known)
    assert message.bytes_of(most + 5) == message.bytes_of(most) > message.bytes_of(most - 1)


def test_false_positives_and_a_second_model_have_rows_of_their_own() -> None:
    table = traced(Squares(), Bright(), Bright("nervous", false=True), codecs=["jpeg-q85"])
    assert table.num_rows == 20 * 2 * 2
    for source in ("raw", "jpeg-q85"):
        assert sum(only(table, source)["false_positives"]) == 0
        assert only(table, source, "nervous")["false_positives"] == [1] * 20
        assert only(table, source, "nervous")["true_positives"] == [2] * 5 + [3] * 15


def test_behind_a_codec_the_frames_are_those_decoded() -> None:
    clip, name = Squares(), "h264-crf30-gop8"
    table = traced(clip, Bright(), codecs=[name])
    coded = list(
        codec.encode((f.pixels for f in clip.frames()), codec.setting(name), clip.rate_fps)
    )
    rows = only(table, name)
    assert rows["frame_bytes"] == [len(c.data) for c in coded]
    assert rows["is_intra"] == [k % 8 == 0 for k in range(20)]
    assert rows["psnr_db"] == pytest.approx([c.psnr_db for c in coded])
    assert rows["true_positives"] == [2] * 5 + [3] * 15


def test_the_hidden_are_neither_asked_for_nor_held_against_who_finds_them() -> None:
    clip = Squares(hidden=[1])
    rows = only(traced(clip, Bright()))
    assert rows["present"] == [2] * 5 + [3] * 15
    assert rows["persons"] == rows["found"] == [1] * 5 + [2] * 15
    assert rows["newcomers"] == [1] + [0] * 4 + [1] + [0] * 14
    truth = next(clip.frames()).truth
    assert truth is not None
    both = Detections(truth.boxes, np.array([0.9, 0.8], np.float32), truth.kinds)
    assert trace.judge(both, truth, HEIGHT) == (1, 0)
    other_kind = both._replace(kinds=np.array([VEHICLE, GAP], np.int8))
    assert trace.judge(other_kind, truth, HEIGHT) == (0, 2)
    twice = Detections(truth.boxes[[0, 0]], both.scores, both.kinds)
    assert trace.judge(twice, truth, HEIGHT) == (1, 1)


def test_gaps_are_found_and_are_no_visitors() -> None:
    rows = only(traced(Squares(kind=GAP), Bright(kind=GAP)))
    assert rows["gaps"] == rows["true_positives"] == [2] * 5 + [3] * 15
    for name in ("present", "persons", "newcomers", "visitors", "tracks"):
        assert rows[name] == [0] * 20


def test_where_nobody_knows_the_truth_nothing_is_judged() -> None:
    table = traced(Squares(known=False), Bright())
    rows = only(table)
    for name in ("present", "persons", "newcomers", "true_positives", "false_positives"):
        assert rows[name] == [None] * 20
    (line,) = summarise(table)
    assert (line.recall, line.precision, line.newcomers) == (None, None, None)
    assert line.visitors == 3


def test_crops_have_a_margin_and_stay_in_the_picture() -> None:
    pixels = next(Squares().frames()).pixels
    one = np.array([[40.0, 30.0, 60.0, 50.0]], np.float32)

    def bytes_of(boxes: np.ndarray) -> int:
        found = Detections(boxes, np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.int8))
        return trace.roi_bytes(pixels, found)

    assert bytes_of(one) == len(codec.jpeg(pixels[28:52, 38:62].copy(), trace.ROI_QUALITY))
    assert bytes_of(np.concatenate([one, one])) == 2 * bytes_of(one)
    edge = np.array([[-10.0, -10.0, 10.0, 10.0]], np.float32)
    assert bytes_of(edge) == len(codec.jpeg(pixels[:12, :12].copy(), trace.ROI_QUALITY))
    nowhere = np.array([[500.0, 10.0, 510.0, 20.0], [5.0, 5.0, 5.0, 5.0]], np.float32)
    assert bytes_of(nowhere[:1]) == 0
    assert bytes_of(np.empty((0, 4), np.float32)) == 0


def test_crops_are_cut_from_raw_frames_only() -> None:
    table = traced(Squares(), Bright(), codecs=["jpeg-q85"])
    first = next(Squares().frames()).pixels
    assert only(table)["roi_bytes"][0] == trace.roi_bytes(first, Bright().of(first)) > 0
    assert only(table, "jpeg-q85")["roi_bytes"] == [None] * 20
    raw, coded = summarise(table)
    assert coded.roi_bytes is None
    assert raw.roi_bytes == pytest.approx(np.mean(only(table)["roi_bytes"]))


def test_frames_are_taken_few_at_a_time_and_as_many_as_asked() -> None:
    finder = Bright()
    table = traced(Squares(frames=300), finder, codecs=["h264-crf30"], frames=11)
    assert table.num_rows == 22
    assert finder.most == trace.BATCH


def test_the_same_trace_twice() -> None:
    one, two = (traced(Squares(), Bright(), codecs=["h264-crf30", "av1-crf40"]) for _ in range(2))
    assert one.equals(two)


def test_a_summary_adds_up() -> None:
    table = traced(Squares(), Bright("nervous", false=True), codecs=["h264-crf30"])
    raw, coded = summarise(table)
    assert (raw.source, coded.source, raw.frames) == ("raw", "h264-crf30", 20)
    assert raw.rate_kbps == pytest.approx(WIDTH * HEIGHT * 24 * 10 / 1e3)
    assert raw.psnr_db is None
    assert raw.recall == 1.0
    assert raw.precision == pytest.approx(55 / 75)
    assert raw.found == pytest.approx(75 / 20)
    assert (raw.visitors, raw.newcomers) == (4, 3)  # the false box stands and is counted
    assert coded.frame_bytes < raw.frame_bytes / 20


def test_a_trace_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trace.parquet"
    batches = list(trace.watch(Squares(), [Bright()], []))
    written = trace.write(path, batches)
    assert trace_file.read(path).equals(written)
    assert [p.name for p in path.parent.iterdir()] == ["trace.parquet"]


def test_a_trace_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from trace.watch(Squares(frames=3), [Bright()], [])
        raise InputError("the file is damaged")

    with pytest.raises(InputError, match="the file is damaged"):
        trace.write(tmp_path / "trace.parquet", broken())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read as a trace"):
        trace_file.read(tmp_path / "text.parquet")
    with pytest.raises(InputError, match="cannot be read as a trace"):
        trace_file.read(tmp_path / "none.parquet")
    pa.parquet.write_table(pa.table({"frame": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="not a trace: no column clip, view"):
        trace_file.read(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="a model stands twice among bright, bright"):
        traced(Squares(), Bright(), Bright())
    with pytest.raises(InputError, match="a codec stands twice"):
        traced(Squares(), Bright(), codecs=["jpeg-q85", "jpeg-q85"])
    with pytest.raises(InputError, match="cannot be written"):
        trace.write(tmp_path / "text.parquet" / "a.parquet", [])


def command(*arguments: str) -> int:
    """Run `fleet trace` as the command line does and return its exit code."""
    app = typer.Typer()
    app.command()(cli_trace.trace)
    return code_of(lambda: app(list(arguments), standalone_mode=True))


@pytest.fixture
def filmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a video file of the squares; models are finders of bright blobs."""
    monkeypatch.setattr("fleet.lab.networks.detector.load", lambda name: Bright(name))
    path = tmp_path / "squares.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in Squares().frames():
            picture = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return str(path)


def test_the_command_prints_a_table_and_writes_a_trace(
    filmed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.parquet"
    asked = ("--models", "one,two", "--codec", "h264-crf30", "--light", "night")
    assert command(filmed, *asked, "-o", str(out)) == 0
    shown = capsys.readouterr()
    assert "squares: 20 frames at 10 fps, street, night" in shown.out
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    for word in ("h264-crf30", "one", "two", "visitors"):
        assert word in shown.out
    assert shown.err.strip()
    table = trace_file.read(out)
    assert table.num_rows == 20 * 2 * 2
    assert set(table["light"].to_pylist()) == {"night"}
    assert only(table, model="one")["found"] == [2] * 5 + [3] * 15


def test_the_command_prints_json(filmed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(filmed, "--models", "one", "--frames", "7", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["source"], row["model"], row["frames"], row["recall"]) == ("raw", "one", 7, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mp4"], "none.mp4: there is no such file"),
        (["rendered:roof/day"], "'rendered:roof/day' is no drawn scene; write rendered:VIEW/LIGHT"),
        (["rendered:street/noon"], "a light of day, dusk, night, rain"),
        (["rendered:street/day/x"], "is no drawn scene"),
        (["rendered:street"], "is no drawn scene"),
        (["rendered:street/day", "--light", "night"], "leave out --view and --light"),
        (["rendered:street/day", "--codec", "h264"], "codec 'h264' is not known"),
        (["rendered:street/day", "--models", ","], "--models names no network"),
        (["rendered:street/day", "--models", "one,one"], "a model stands twice"),
    ],
)
def test_commands_that_are_refused(
    filmed: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_drawn_scene_is_traced(filmed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("rendered:ceiling/day/3", "--models", "one", "--frames", "3", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["frames"] == 3
    assert row["newcomers"] is not None


class Shortsighted:
    """Finds what is truly there but every fifth object, a little off; counts its frames."""

    name, threshold = "shortsighted", 0.1

    def __init__(self, clip: Clip) -> None:
        self.truths = iter([frame.truth for frame in clip.frames()])
        self.rng = np.random.default_rng(2)

    def find(self, pixels: list[Pixels]) -> list[Detections]:
        return [self.of(next(self.truths)) for _ in pixels]

    def of(self, truth: Truth | None) -> Detections:
        assert truth is not None
        seen = matters(truth, 480) & (self.rng.random(len(truth.kinds)) < 0.8)
        boxes = truth.boxes[seen] + self.rng.normal(0, 1.5, (seen.sum(), 4)).astype(np.float32)
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32), truth.kinds[seen])


def test_visitors_of_drawn_scenes_are_counted_within_a_seventh() -> None:
    counted = came = 0
    for seed in (1, 2, 3):
        clip = scene("entrance", "day", seed=seed, frames=150, rate_fps=10.0)
        batches = trace.watch(clip, [Shortsighted(clip)], [])
        (line,) = summarise(pa.Table.from_batches(batches, trace_file.SCHEMA))
        assert line.newcomers is not None
        counted, came = counted + line.visitors, came + line.newcomers
    assert came > 30
    assert abs(counted - came) <= came / 7
