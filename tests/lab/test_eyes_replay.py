"""Replay: what a simulated frame takes over is what the trace holds, in every mean."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_eyes_trace import Bright, Squares, traced

from fleet.chance import bits64
from fleet.errors import InputError
from fleet.eyes import replay
from fleet.eyes.clip import LIGHTS
from fleet.eyes.compact import compact
from fleet.eyes.crops import Crops
from fleet.eyes.summary import column
from fleet.model import sight
from fleet.plan.traced import one_of

CODEC = "h264-crf30-gop8"
COPIED = ("true_positives", "false_positives", "message_bytes", "roi_bytes")


@pytest.fixture(scope="module")
def whole() -> pa.Table:
    """Return traces of two days and a night, the night with a nervous model."""
    clips = []
    for name, light, comes in (
        ("a", "day", (0, 0, 5)), ("b", "day", (0, 8)), ("c", "night", (0, 3, 6)),
    ):  # fmt: skip
        clip = Squares(comes)
        clip.name, clip.light = name, light
        clips.append(traced(clip, Bright(false=light == "night"), codecs=[CODEC, "jpeg-q85"]))
    return pa.concat_tables(clips)


@pytest.fixture(scope="module")
def path(whole: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "replay.parquet"
    pq.write_table(compact(whole), path)
    return path


def pick(found: replay.Replay, light: int, objects: int, key: int, second: int, frame: int) -> int:
    """Return the row that a frame takes, by the kernel."""
    return int(sight.picked(one_of(found, False), 0, light, objects, key, second, frame))


def buckets(whole: pa.Table, source: str) -> Iterator[tuple[int, int, pa.Table]]:
    """Yield (light, objects, rows of the trace) of a source."""
    rows = whole.filter(pa.compute.equal(whole["source"], source))
    lights, objects = np.array(rows["light"].to_pylist()), column(rows, "present")
    for light, n in sorted(set(zip(lights.tolist(), objects.tolist(), strict=True))):
        yield LIGHTS.index(light), int(n), rows.filter((lights == light) & (objects == n))


@pytest.mark.parametrize("source", ["raw", CODEC])
def test_means_by_bucket_are_those_of_the_trace(whole: pa.Table, path: Path, source: str) -> None:
    found = replay.load("street", source, "bright", path)
    seen = 0
    for light, n, rows in buckets(whole, source):
        begin, many = found.start[light, n], found.rows[light, n]
        assert many == rows.num_rows
        assert (found.objects[begin : begin + many] == n).all()
        for name in COPIED:
            mine = getattr(found, name)[begin : begin + many]
            assert mine.sum() == np.nan_to_num(column(rows, name)).sum(), (light, n, name)
        assert found.wanted[begin : begin + many].sum() == column(rows, "persons").sum()
        seen += rows.num_rows
    assert seen == len(found.objects) == 60


def test_rows_know_their_scene(path: Path) -> None:
    """A clip is a scene; so is a rendered site, in all lights."""
    found = replay.load("street", "raw", "bright", path)
    assert found.scenes == ("a", "b", "c")
    night = slice(int(found.start[2].min()), None)
    assert {found.scenes[k] for k in found.scene[night]} == {"c"}
    assert {found.scenes[k] for k in found.scene} == {"a", "b", "c"}
    clips = []
    for light in ("day", "night"):
        clip = Squares((0, 4))
        clip.name, clip.light = f"street-{light}-7", light
        clips.append(traced(clip, Bright(), codecs=[CODEC]))
    assert set(compact(pa.concat_tables(clips))["scene"].to_pylist()) == {"street-7"}


def test_picked_rows_have_these_means(path: Path) -> None:
    """Every row of a bucket is as likely as any other, whichever frame of the second."""
    found = replay.load("street", CODEC, "bright", path)
    day = LIGHTS.index("day")
    begin, many = int(found.start[day, 2]), int(found.rows[day, 2])
    for frame in (0, 7):
        rows = np.array([
            pick(found, day, 2, 99, second, frame)
            for second in range(200 * many)
        ])  # fmt: skip
        counts = np.bincount(rows - begin, minlength=many)
        assert len(counts) == many
        chi2 = float(((counts - 200) ** 2 / 200).sum())
        assert chi2 < many - 1 + 4 * np.sqrt(2 * (many - 1))
        for name in COPIED:
            values = getattr(found, name)
            spread = values[begin : begin + many].std() / np.sqrt(len(rows))
            apart = values[rows].mean() - values[begin : begin + many].mean()
            assert abs(apart) <= 4 * spread + 1e-9, name


def test_frames_of_a_second_follow_one_another_and_wrap(path: Path) -> None:
    found = replay.load("street", CODEC, "bright", path)
    day = LIGHTS.index("day")
    begin, many = int(found.start[day, 2]), int(found.rows[day, 2])
    rows = [pick(found, day, 2, 7, 3, k) - begin for k in range(2 * many)]
    assert rows[0] == int(bits64(7, 3)) % many
    assert [(b - a) % many for a, b in pairwise(rows)] == [1] * (2 * many - 1)


def test_a_number_that_was_never_seen_takes_the_nearest(path: Path) -> None:
    found = replay.load("street", "raw", "bright", path)
    day, night, dusk = (LIGHTS.index(light) for light in ("day", "night", "dusk"))
    assert set(found.objects.tolist()) == {1, 2, 3}
    assert found.start[day, 0] == found.start[day, 1]
    assert found.start[day, 50] == found.start[day, 3]
    assert found.start[night, 1] != found.start[day, 1]
    assert pick(found, day, 10**6, 1, 1, 0) == pick(found, day, 3, 1, 1, 0)
    assert (found.rows[dusk] == 0).all()  # never traced


def test_bytes_differ_from_the_mean_of_their_bucket(whole: pa.Table, path: Path) -> None:
    """By hand: the last I frame and P frame of each row, in millionths of a mean I frame."""
    found = replay.load("street", CODEC, "bright", path)
    rows = whole.filter(pa.compute.equal(whole["source"], CODEC))
    sizes, intra = column(rows, "frame_bytes"), column(rows, "is_intra") > 0
    clips = np.array(rows["clip"].to_pylist())
    in_bucket = [("a", k) for k in range(5)] + [("b", k) for k in range(8, 20)]  # two by day
    last: list[list[float]] = [[], []]
    for clip, frame in in_bucket:
        at = np.flatnonzero(clips == clip)
        for kind, of in enumerate((intra[at], ~intra[at])):
            before = [k for k in range(frame + 1) if of[k]]
            last[kind].append(sizes[at[before[-1] if before else np.flatnonzero(of)[0]]])
    begin, many = int(found.start[0, 2]), int(found.rows[0, 2])
    assert many == len(in_bucket)
    of_i = np.mean(last[0])
    for values, kind in ((found.i_ppm, 0), (found.p_ppm, 1)):
        expected = 1e6 * (np.array(last[kind]) - np.mean(last[kind])) / of_i
        assert values[begin : begin + many] == pytest.approx(expected, abs=0.51)
        assert values[begin : begin + many].std() > 0
    for light, objects in np.argwhere(found.rows > 0):  # and so in every bucket
        begin = int(found.start[light, objects])
        bucket = slice(begin, begin + int(found.rows[light, objects]))
        for values in (found.i_ppm, found.p_ppm):
            assert abs(values[bucket].mean()) < 0.51


def test_each_row_tells_its_scene(path: Path) -> None:
    """Clips, and rendered sites in whatever light; numbered in order of their names."""
    found = replay.load("street", CODEC, "bright", path)
    begin, many = int(found.start[0, 2]), int(found.rows[0, 2])
    assert found.scene[begin : begin + many].tolist() == [0] * 5 + [1] * 12
    assert set(found.scene[int(found.start[LIGHTS.index("night")].min()) :]) == {2}
    packaged = replay.load("street", "h264-crf28", "eye-small")
    sites = []
    for light in range(len(LIGHTS)):
        begin = packaged.start[light].min()
        end = (packaged.start[light] + packaged.rows[light]).max()
        sites.append(set(packaged.scene[begin:end].tolist()))
    assert sites == [set(range(len(sites[0])))] * len(LIGHTS)


def test_where_every_frame_stands_alone_both_are_the_same(path: Path) -> None:
    found = replay.load("street", "jpeg-q85", "bright", path)
    assert (found.i_ppm == found.p_ppm).all()
    assert found.i_ppm[: int(found.rows[0, 1])].std() > 0


def test_what_cannot_be_replayed_is_refused(whole: pa.Table, path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without known truth"):
        compact(traced(Squares(known=False), Bright()))
    with pytest.raises(InputError, match=f"street/raw/dim; there are .*street/{CODEC}/bright"):
        replay.load("street", "raw", "dim", path)
    with pytest.raises(InputError, match="there is no such file"):
        replay.load("street", "raw", "bright", tmp_path / "none.parquet")


def without(table: pa.Table, column: str) -> pa.Table:
    return table.drop_columns([column])


def with_light(table: pa.Table, light: str) -> pa.Table:
    at = table.column_names.index("light")
    return table.set_column(at, "light", pa.array([light] * len(table)))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda whole: without(whole, "false_positives"), "no column false_positives"),
        (lambda whole: without(whole, "view"), "no column view"),
        (lambda whole: whole.slice(0, 0), "has no rows"),
        (lambda whole: with_light(whole, "fog"), "light 'fog' is not one of day, dusk"),
        (lambda whole: with_light(compact(whole), "fog"), "light 'fog' is not one of day, dusk"),
        (lambda whole: compact(whole).take(list(range(len(compact(whole)))[::-1])), "not in order"),
        (lambda _: traced(Squares(known=False), Bright()), "nobody knows what is truly in"),
        (lambda _: pa.table({"x": [1]}), "not a trace: no column clip"),
    ],
)
def test_traces_of_a_user_that_cannot_be_replayed(
    whole: pa.Table, made: Callable[[pa.Table], pa.Table], words: str, tmp_path: Path
) -> None:
    pq.write_table(made(whole), tmp_path / "own.parquet")
    with pytest.raises(InputError, match=words) as error:
        replay.known(tmp_path / "own.parquet")
    assert "own.parquet" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_stands_in_two_files_is_refused(whole: pa.Table, tmp_path: Path) -> None:
    pq.write_table(whole, tmp_path / "a.parquet")
    pq.write_table(whole.slice(0, 40), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: a/raw/bright .* stands in a\.parquet too"):
        replay.known(tmp_path)
    pq.write_table(compact(whole), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"street/.*/bright .* stands in b\.parquet too; keep one"):
        replay.known(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty.*: there is no such file; write it with fleet tr"):
        replay.known(tmp_path / "empty")


def test_a_trace_that_is_written_again_is_read_again(whole: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    for codec in ("jpeg-q85", CODEC):
        pq.write_table(whole.filter(pa.compute.equal(whole["source"], codec)), path)
        assert set(replay.known(path)) - set(replay.known()) == {("street", codec, "bright")}


def test_a_folder_of_whole_traces_is_as_one_compact_table(
    whole: pa.Table, path: Path, tmp_path: Path
) -> None:
    """A user may name what `fleet trace` has written; the packaged traces are there beside it."""
    for clip in dict.fromkeys(whole["clip"].to_pylist()):
        mine = whole.filter(pa.compute.equal(whole["clip"], clip))
        pq.write_table(mine, tmp_path / f"{clip}.parquet")
    assert len(list(tmp_path.glob("*.parquet"))) > 1
    own = {names for names in replay.known(path) if names not in replay.known()}
    assert own
    assert set(replay.known(tmp_path)) == own | set(replay.known())
    for names in own:
        one, other = replay.load(*names, path), replay.load(*names, tmp_path)
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a, b)


PACKAGED = sorted((Path(replay.__file__).parent / "traces").glob("*.parquet"))


@pytest.mark.parametrize("table", PACKAGED, ids=lambda path: path.stem)
def test_packaged_traces_are_those_that_their_note_tells_of(table: Path) -> None:
    note = json.loads(table.with_suffix(".json").read_text())
    assert note["sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    rows = pq.read_table(table)
    assert rows.num_rows == note["rows"]
    finders, lookers, sources = [], list(note["models"]), {"raw", *note["codecs"]}
    if "margins_ppm" in note:  # of crops, which the first network has found
        finders, lookers = lookers[:1], lookers[1:]
        sources = {
            Crops(finder, margin, codec).name
            for finder in finders for margin in note["margins_ppm"] for codec in note["codecs"]
        }  # fmt: skip
    assert set(rows["model"].to_pylist()) == set(lookers)
    assert set(rows["source"].to_pylist()) == sources
    for view in note["views"]:
        for model, source in itertools.product(lookers, sources if finders else ["raw"]):
            found = replay.load(view, source, model)
            assert (found.rows > 0).all()
            most = max(int(n) for n in note["rendered"]["objects_by_second"][view].split())
            assert set(range(most)) <= set(found.objects.tolist())
            assert (found.true_positives <= found.wanted).all()


def test_packaged_traces_are_small() -> None:
    assert sum(path.stat().st_size for path in PACKAGED) < 450_000
