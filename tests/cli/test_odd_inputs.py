"""Files as nobody should write them, and names that no file can have: a clear word, exit code 2."""

from __future__ import annotations

import json
import random
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import worlds
from test_cli import fleet

from fleet.errors import InputError
from fleet.eyes import replay
from fleet.eyes.compact import NUMBERS
from fleet.eyes.trace_file import SCHEMA as TRACE
from fleet.plan.table_file import read_columns

av = pytest.importorskip("av", reason="needs the extra 'eyes'")
LONG = "n" * 300


# Capture times --------------------------------------------------------------------------------


def scenario(folder: Path, **changes: Any) -> str:
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue", dirs_exist_ok=True)
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(worlds.scenario(duration="300 ms", **changes)))
    return str(path)


def timed(folder: Path, table: pa.Table, **trace: str) -> str:
    """Return a scenario whose sensors capture at the times of a Parquet file."""
    pq.write_table(table, folder / "times.parquet")
    capture = {"trace": {"file": "times.parquet", "column": "t_ns", **trace}}
    return scenario(
        folder, sensors={"cam": {"count": 1, "app": "watch", "uplink": "cell", "capture": capture}}
    )


DATES = pa.array([1_700_000_000_123_456_789, 1_700_000_001_000_000_001], pa.timestamp("ns"))
ODD = {
    "what pandas writes": (DATES, "t_ns in row 1 is '2023-11-14 22:13:20.123456789'; times are"),
    "with a zone": (DATES.cast(pa.timestamp("ns", "UTC")), "t_ns in row 1 is '2023-11-14 22:13:20"),
    "in a zone that nobody knows": (
        pa.array([1, 2], pa.timestamp("us", "Nowhere/Land")), "t_ns",
    ),
    "dates": (DATES.cast(pa.date32(), safe=False), "t_ns in row 1 is '2023-11-14'; times are"),
    "times of day": (pa.array([1, 2], pa.time64("ns")), "t_ns in row 1 is '00:00:00.000000001'"),
    "durations": (pa.array([1, 2], pa.duration("ns")), "t_ns in row 1 is '1'; times are numbers"),
    "truth": (pa.array([True, False]), "t_ns in row 1 is 'True'; times are numbers"),
    "lists": (pa.array([[1], [2]]), "column t_ns holds list<"),
    "structs": (pa.array([{"a": 1}, {"a": 2}]), "column t_ns holds struct<a: int64>; write one"),
    "maps": (
        pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), "column t_ns holds map<",
    ),
    "texts": (pa.array(["1", "2"]), "t_ns in row 1 is '1'; times are numbers"),
    "bytes": (pa.array([b"1", b"2"]), "t_ns in row 1 is \"b'1'\"; times are numbers"),
    "nothing": (pa.array([None, None]), "t_ns in row 1 is empty or not a number"),
    "a gap": (pa.array([1, None]), "t_ns in row 2 is empty or not a number"),
    "no number": (pa.array([1.0, float("nan")]), "t_ns in row 2 is 'nan'"),
    "without end": (pa.array([1.0, float("inf")]), "t_ns in row 2 is 'inf'"),
    "too large": (pa.array([1, 2**64 - 1], pa.uint64()), "t_ns in row 2 is '18446744073709551615'"),
    "negative": (pa.array([-1, 2]), "t_ns in row 1 is -1; times count from the start"),
    "empty": (pa.array([], pa.int64()), "needs 1 to 2,000,000 rows, has 0"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "words"), ODD.values(), ids=ODD)
def test_capture_times_that_are_none(
    column: pa.Array, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("check", timed(tmp_path, pa.table({"t_ns": column}))) == 2
    said = capsys.readouterr().err
    assert "times.parquet: " in said
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0, 100_000_000], pa.int32()), pa.array([0, 100_000_000], pa.uint64()),
        pa.array([0.0, 1e8], pa.float32()), pa.array([0, 100_000_000]).dictionary_encode(),
        pa.array([Decimal("0"), Decimal("100000000.0")]),
    ],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_capture_times_of_any_kind_of_number(column: pa.Array, tmp_path: Path) -> None:
    assert fleet("check", timed(tmp_path, pa.table({"t_ns": column}))) == 0


def test_columns_that_stand_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = pa.table([pa.array([1]), pa.array([2])], names=["t_ns", "t_ns"])
    assert fleet("check", timed(tmp_path, twice)) == 2
    assert "has two columns t_ns; rename or remove one" in capsys.readouterr().err
    other = pa.table([pa.array([1])] * 3, names=["t_ns", "who", "who"])
    assert fleet("check", timed(tmp_path, other, sensor="who")) == 2
    assert "has two columns who; rename or remove one" in capsys.readouterr().err
    assert fleet("check", timed(tmp_path, other)) == 0  # the other is not asked for


@pytest.mark.parametrize("who", [DATES, pa.array([["cam-0"], ["cam-0"]]), pa.array([b"\xff", b""])])
def test_names_of_sensors_that_are_none(
    who: pa.Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"t_ns": pa.array([1, 2]), "who": who})
    assert fleet("check", timed(tmp_path, table, sensor="who")) == 2
    assert "who" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["", "\n", "t_ns\n", "t_ns,a\n1\n", "t_ns\n2024-01-01T00:00:00.123456789\n", "t_ns\n\xff\n",
     "t_ns\n1_000\n", "t_ns\n12:30:00\n", "t_ns\n1e400\n", 't_ns\n"1\n'],
)  # fmt: skip
def test_tables_of_text_that_are_none(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = timed(tmp_path, pa.table({"t_ns": pa.array([1])}), file="times.csv")
    (tmp_path / "times.csv").write_bytes(text.encode("latin-1"))
    assert fleet("check", path) == 2
    said = capsys.readouterr().err
    assert "times.csv" in said
    assert said.count("\n") == 1


def test_damaged_tables_are_refused_or_read(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"t_ns": list(range(50)), "who": ["cam-0"] * 50}), tmp_path / "t.parquet"
    )
    whole, chance = (tmp_path / "t.parquet").read_bytes(), random.Random(8)
    refused = 0
    for _ in range(400):
        some = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            some[chance.randrange(len(some))] = chance.randrange(256)
        (tmp_path / "t.parquet").write_bytes(some)
        try:
            read_columns(tmp_path / "t.parquet", ["t_ns", "who"])
        except InputError:
            refused += 1
    assert refused > 100


# A user's own traces --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compacted() -> pa.Table:
    return pq.read_table(worlds.traces())


def own(folder: Path, table: pa.Table) -> str:
    pq.write_table(table, folder / "own.parquet")
    return scenario(folder, traces="own.parquet")


def changed(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


@pytest.mark.parametrize("name", ["view", "light", "scene", "objects", "wanted", "i_ppm"])
@pytest.mark.parametrize(
    "value",
    [None, True, -1, 2**40, 1.5, float("nan"), "x", b"\xff", [1], {"a": 1}, "\x1b[31m" + "y" * 300,
     np.datetime64(1, "ns"), Decimal("1.5")],
    ids=repr,
)  # fmt: skip
def test_odd_columns_in_own_traces(
    name: str, value: Any, compacted: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in a column can be replayed, or is told with the name of the file."""
    column = pa.array([value] * len(compacted))
    code = fleet("check", own(tmp_path, changed(compacted, name, column)))
    said = capsys.readouterr()
    if code == 0:
        assert "is fine" in said.out
        return
    assert code == 2
    assert "own.parquet" in said.err
    assert said.err.count("\n") == 1
    assert said.err.strip().isprintable()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-(2**31), 2**31 - 1])
def test_numbers_in_own_traces_have_ranges(
    name: str, value: int, compacted: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    column = pa.array([value] * len(compacted), pa.int32())
    assert fleet("check", own(tmp_path, changed(compacted, name, column))) == 2
    assert f"own.parquet: {name} is {value:,} in a row, and can be " in capsys.readouterr().err


def test_a_column_that_stands_twice_in_own_traces(compacted: pa.Table, tmp_path: Path) -> None:
    twice = compacted.append_column("view", compacted["view"])
    for table in (twice, TRACE.empty_table().append_column("clip", pa.array([], pa.string()))):
        pq.write_table(table, tmp_path / "own.parquet")
        with pytest.raises(
            InputError, match=r"own\.parquet: has column (view|clip) more than once"
        ):
            replay.known(tmp_path / "own.parquet")


# Videos ---------------------------------------------------------------------------------------


def video(path: Path, library: str, **tags: str) -> bytes:
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream(library, rate=10)
        stream.width, stream.height = 64, 64
        stream.pix_fmt = "yuvj420p" if library == "mjpeg" else "yuv420p"
        for k in range(3):
            picture = np.full((64, 64, 3), 40 * k, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "library", "old", "new", "code"),
    [
        ("a.avi", "mpeg4", b"FMP4", b"XXXX", 2),
        ("a.avi", "mpeg4", b"FMP4", b"png ", 2),
        ("a.mkv", "mjpeg", b"V_MJPEG", b"V_XJPEG", 2),
        ("a.mkv", "mjpeg", b"harmless", b"\xff\xfe\x1b[31m\x00", 0),
        ("a.mp4", "mpeg4", b"harmless", b"\xff\xfe\x1b[31m\x00", 0),
    ],
)
def test_unknown_codecs_and_broken_tags(
    name: str, library: str, old: bytes, new: bytes, code: int, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / name
    whole = video(path, library, title="harmless")
    assert old in whole
    path.write_bytes(whole.replace(old, new))
    assert fleet("trace", str(path), "--models", "eye-small") == code
    said = capsys.readouterr()
    assert (said.out + said.err).replace("\n", "").isprintable()
    if code:
        assert f"{name}: " in said.err


# Names ----------------------------------------------------------------------------------------


LONG_NAMES = {
    "scenario": ["check", LONG],
    "scenario to run": ["run", LONG],
    "scenario of a catalogue": ["catalog", "--scenario", LONG],
    "catalogue": ["check", "{}", "--set", f"catalogue={LONG}"],
    "traces": ["check", "{}", "--set", f"traces={LONG}"],
    "sites": ["check", "{}", "--set", f"city={{sites: {LONG}}}"],
    "results": ["run", "{}", "--executor", "local", "-o", LONG],
    "results with an ending": ["run", "{}", "--executor", "local", "-o", "m" * 250],
    "results of the reference": ["run", "{}", "--engine", "reference", "-o", "m" * 250],
    "a folder above results": ["run", "{}", "--executor", "local", "-o", f"{LONG}/x"],
    "frames": ["run", "{}", "--executor", "local", "-o", "x", "--frames", LONG],
    "an unfinished run": ["run", "--resume", LONG],
    "clip": ["trace", LONG],
    "trace": ["trace", "rendered:street/day", "--models", "eye-small", "-o", f"{LONG}.parquet"],
    "networks": ["trace", "rendered:street/day", "--models", f"{LONG}.onnx"],
    "network": ["profile", f"{LONG}.onnx"],
    "rows": ["profile", "mine.onnx", "-o", f"{LONG}/models.yaml"],
    "pictures": ["profile", "eye-small", "--pictures", LONG],
    "measurements": ["bench", "--size", "smoke", "-o", LONG],
    "arm": ["run", "{}", "--arm", LONG],
    "item": ["catalog", "show", LONG],
    "place": ["check", "{}", "--set", f"{LONG}=1"],
    "value": ["check", "{}", "--set", f"name={LONG}"],
}


@pytest.mark.parametrize("arguments", LONG_NAMES.values(), ids=LONG_NAMES)
def test_names_that_are_too_long(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = scenario(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert fleet(*(path if argument == "{}" else argument for argument in arguments)) == 2
    said = capsys.readouterr().err
    assert "fault of fleet" not in said
    assert "nnnnn" in said or "mmmmm" in said
    left = {"catalogue", "scenario.yaml"}
    assert {entry.name for entry in tmp_path.iterdir()} == left


def test_a_name_of_two_hundred_bytes_is_fine(tmp_path: Path) -> None:
    out = tmp_path / ("ü" * 100)
    where = ["--executor", "local", "--figures", "-o", str(out)]
    assert fleet("run", scenario(tmp_path), *where) == 0
    assert (out / "summary.json").is_file()
