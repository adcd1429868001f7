"""Damaged and odd input at every door that reads: each answers, or raises one of our own errors.

What it takes as a scenario, or as a file beside one, can be carried out in three ways too (`ways`).
A trial is a door, and bytes for it: a sound input with a few mutations that know its structure. It
is known by its door and its bytes; `minimised` makes it smaller, `as_test` prints it as a test.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import random
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ways
import worlds

from fleet.catalog import rows
from fleet.engine import snapshot
from fleet.errors import FleetError
from fleet.eyes import trace_file, user_traces
from fleet.lab.convert import onnx_file
from fleet.lab.measures.video import open_clip
from fleet.plan.table_file import read_columns
from fleet.reports.write import chapter_of
from fleet.results.record import Record, fitting
from fleet.running import sealed
from fleet.running.runner import Runner
from fleet.running.unfinished import SCHEMA, VERSION, asked_in
from fleet.scenario import city, strict_yaml, user_rows
from fleet.scenario.load import Scenario, load, loads
from fleet.show import folders, tables
from fleet.show.digest import digest
from fleet.study import artifact
from fleet.study.experiment import execute
from fleet.study.job import prepare
from fleet.study.slo import objectives

MOST_S = 10.0
"""What an input may take of the processor; more is a fault."""

Door = Callable[[bytes, Path], object]


def _file(name: str, read: Callable[[Path], object]) -> Door:
    def door(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return door


def _scenario(data: bytes, folder: Path) -> object:
    _catalogue(folder)
    (folder / "world.yaml").write_bytes(data)
    found = load(folder / "world.yaml")
    objectives(found)
    return found


def _catalogue(folder: Path, name: str = "catalogue") -> None:
    if not (folder / name).exists():
        shutil.copytree(worlds.HERE / "catalogue", folder / name)


def _override(data: bytes, _: Path) -> object:
    text = data.decode("utf-8", "surrogateescape")
    return loads(_sound("scenario").decode(), str(worlds.HERE / "made-up.yaml"), [text])


def _beside(name: str, read: Callable[[Path], object], **changes: Any) -> Door:
    """Return the door of a file, behind which stands a small scenario that says something."""

    def door(data: bytes, folder: Path) -> object:
        path = folder / name
        _catalogue(folder, changes.get("catalogue", "catalogue"))
        path.write_bytes(data)
        read(path)
        world = worlds.scenario(duration="300 ms", **changes)
        (folder / "beside.yaml").write_text(json.dumps(world))
        return load(folder / "beside.yaml")

    return door


def _timed(name: str) -> dict[str, Any]:
    trace = {"trace": {"file": name, "column": "t_ms"}}
    return {"sensors": {"cam": {"count": 2, "app": "watch", "uplink": "cell", "cells": 1,
                                "capture": trace}}}  # fmt: skip


def _times(path: Path) -> object:
    return read_columns(path, ["t_ms", "who"])


def _unfinished(data: bytes, folder: Path) -> object:
    """Read what was asked for; what is JSON is sealed anew, so that more is met than the seal."""
    there = folder / "out.unfinished"
    there.mkdir(exist_ok=True)
    (there / "run.json").write_bytes(data)
    with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
        asked = {name: said for name, said in json.loads(data).items() if name != "sha256"}
        sealed.write(there / "run.json", asked)
    return asked_in(there)


def _state(data: bytes, folder: Path) -> object:
    """Read a state; what numpy reads of it is sealed anew."""
    path = folder / "state.npz"
    path.write_bytes(data)
    with contextlib.suppress(Exception), np.load(path, allow_pickle=False) as held:
        snapshot.write(path, {name: held[name] for name in held.files if name != "sha256"})
    return snapshot.read(path)


@cache
def _results() -> Path:
    """Make a result folder, once."""
    made = Path(tempfile.mkdtemp(prefix="fuzz-results-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    scenario = worlds.load(worlds.scenario(duration="300 ms", replications=1))
    execute(prepare(scenario), Runner(worlds.LOCAL), output=made / "out")
    return made / "out"


def _record_with(name: str) -> Door:
    def door(data: bytes, folder: Path) -> object:
        there = folder / "record"
        shutil.rmtree(there, ignore_errors=True)
        shutil.copytree(_results(), there, copy_function=os.link)
        _catalogue(there)
        (there / name).unlink()
        (there / name).write_bytes(data)
        record = Record.load(there)
        with fitting(record):  # what loads can be shown, or is refused then
            digest(record)
            chapter_of(record, "r1")
        return record

    return door


def _shown(name: str, data: bytes, folder: Path, **beside: bytes) -> object:
    """Read a folder of results in which one file is the input, and make a chapter and tables."""
    place = folder / f"of-{name}"
    place.mkdir(exist_ok=True)
    for other, held in beside.items():
        (place / other.replace("_", ".")).write_bytes(held)
    (place / name).write_bytes(data)
    shown = folders.opened(place)
    with folders.fitting_folder(shown):
        return chapter_of(shown, "r1"), tables.grids(shown)


def _plan(data: bytes, folder: Path) -> object:
    return _shown("plan.json", data, folder)


def _worth(data: bytes, folder: Path) -> object:
    about = b"{schema: fleet-sensitivity/1, scenario: a, replications: 1}"
    return _shown("sensitivity.json", data, folder, study_yaml=about)


def _study(data: bytes, folder: Path) -> object:
    out = pa.BufferOutputStream()
    row = {"point": "p", "k": 1, "arm": "a", "replication": 0, "metric": "lost", "value": 0.5,
           "unit": "share", "error": None}  # fmt: skip
    schema = pa.schema([*((k, pa.array([v]).type) for k, v in row.items() if v is not None),
                        ("error", pa.string())])  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row], schema=schema), out)
    return _shown("study.yaml", data, folder, results_parquet=bytes(out.getvalue()))


def _claims(data: bytes, folder: Path) -> object:
    (folder / "a.yaml").write_text("a: 1\n")
    (folder / "claims.yaml").write_bytes(data)
    return artifact.read(folder / "claims.yaml")


def _rows(path: Path) -> object:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return rows.read("links", text, "links.csv")


def _onnx(data: bytes, _: Path) -> object:
    return onnx_file.clean(data, "net.onnx", foreign=True)


DOORS: dict[str, Door] = {
    "scenario": _scenario,
    "yaml": _file("any.yaml", strict_yaml.load),
    "set": _override,
    "sites": _beside("sites.csv", city.read_sites, city={"sites": "sites.csv"}),
    "demand": _beside("demand.csv", city.read_demand, city={"demand": "demand.csv"}),
    "times-csv": _beside("times.csv", _times, **_timed("times.csv")),
    "times-parquet": _beside("times.parquet", _times, **_timed("times.parquet")),
    "trace": _file("trace.parquet", lambda path: user_traces.joined([path])),
    "trace-columns": _file("trace.parquet", trace_file.columns_of),
    "rows": _beside("tables/links.csv", _rows, catalogue="tables"),
    "user-rows": _beside("mine/links.yaml", user_rows.read, catalogue="mine"),
    "state": _state,
    "unfinished": _unfinished,
    "record": _record_with("summary.json"),
    "record-table": _record_with("sensors.parquet"),
    "plan": _plan,
    "worth": _worth,
    "study": _study,
    "claims": _claims,
    "onnx": _onnx,
    "video-mp4": _file("clip.mp4", lambda path: len(open_clip(path))),
    "video-mkv": _file("clip.mkv", lambda path: len(open_clip(path))),
}


def _table() -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"t_ms": [1.0, 2.5], "who": ["a", "b"]}), out)
    return bytes(out.getvalue())


def _video(kind: str, codec: str) -> bytes:
    """Return a clip of a few frames of noise."""
    chance, out = np.random.default_rng(1), io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(5):
            picture = chance.integers(0, 255, (32, 48, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return out.getvalue()


@cache
def _sound(door: str) -> bytes:
    """Return an input that a door takes, or nearly."""
    here = worlds.HERE
    if door in ("scenario", "yaml"):
        events = [{"at": "100 ms", "outage": "wan", "lasts": "1 ms"}]
        world = worlds.scenario(duration="300 ms", events=events, slo=["lost < 5 %"])
        return json.dumps(world, indent=1).encode()
    if door == "set":
        return b"events[0].at=200 ms"
    if door in ("sites", "demand"):
        return (here / {"sites": "no-sites.csv", "demand": "demand.csv"}[door]).read_bytes()
    if door == "times-csv":
        return b"t_ms,who\n1.5,a\n2.5,b\n"
    if door == "times-parquet":
        return _table()
    if door in ("trace", "trace-columns"):
        return Path(worlds.traces()).read_bytes()
    if door == "rows":
        return (here / "catalogue" / "links.csv").read_bytes()
    if door == "user-rows":
        return (
            b"test-wan:\n  rate: {value: 90 Mbit/s, low: 20 Mbit/s, high: 200 Mbit/s,\n"
            b"         source: mine, year: 2026, confidence: measured}\n"
        )
    if door == "unfinished":
        asked = {name: [] for name in ("overrides", "arms", "placements", "until")}
        rest = {"schema": SCHEMA, "version": VERSION, "scenario": "a", "digest": "b",
                "output": "c", "frames": None}  # fmt: skip
        values = {**rest, **asked}
        return json.dumps({**values, "sha256": sealed._sum(values)}).encode()
    if door == "claims":
        return b"""artifact: fleet-artifact/1
title: t
claims:
  one: {claim: c, scenario: a.yaml, minutes: 1, expect: ["a: lost < 1 %", "fingerprint = 00000000"]}
"""
    if door == "study":
        return b"""schema: fleet-study/1
scenario: a
replications: 1
metrics: [lost]
says: {name: n, arms: {a: {label: b}}}
"""
    if door in ("plan", "worth"):
        return json.dumps(_SHOWN[door]).encode()
    if door == "state":
        out = io.BytesIO()
        np.savez(out, sensors=np.arange(4), now=np.asarray(3))
        return out.getvalue()
    if door.startswith("record"):
        name = "summary.json" if door == "record" else "sensors.parquet"
        return (_results() / name).read_bytes()
    if door.startswith("video"):
        return _video("mp4", "mpeg4") if door == "video-mp4" else _video("matroska", "libvpx")
    import eyes_nets

    return eyes_nets.relu()


_SHOWN: dict[str, Any] = {
    "worth": {
        "schema": "fleet-sensitivity/1", "scenario": "s", "arms": ["a", "b"], "held": {"x": "y"},
        "varied": {"i.p": {"value": 1, "low": 0, "high": 2, "unit": "W", "confidence": "estimate"}},
        "draws": 4, "ranges": [{"metric": "lost", "arm": "a", "p5": 0.1, "p50": 0.2, "p95": 0.3}],
        "findings": [
            {"metric": "lost", "arm": "a", "baseline": "b", "values": [0.1, 0.2], "why": None,
             "same_sign_in": 1.0, "noise": 0.1, "indices": {}, "flips": [
                {"number": "i.p", "above": 1.5, "unit": "W", "difference": 0.1}]}
        ],
    },
    "plan": {
        "schema": "fleet-plan/1", "scenario": {"name": "n", "digest": "d"}, "labels": {"a": "A"},
        "seed": 1, "objectives": ["lost < 1 %"], "looked_for": {"k": "1 to 2"}, "most": False,
        "headroom": 0.0, "survive": None, "enough": True, "runs": 2,
        "answers": [
            {"arm": "a", "given": [], "enough": True, "values": {"k": "1"}, "verdict": "meets",
             "p_meets": 0.99, "replications": 5, "one_less": {}, "figures": {"lost": 0.1},
             "objectives": [{"objective": "lost < 1 %", "mean": 0.1, "ci95": [0.0, 0.2],
                             "unit": "share", "p_meets": 0.9}],
             "binds": {"busiest": {"name": "wan", "why": "is busy"}}, "refused": [],
             "slack": [{"name": "wan", "load": 0.5, "more": 1.0}], "dominated_by": None,
             "file": "plan.yaml", "catalogue_rows": []}
        ],
    },
}  # fmt: skip
_TOKENS = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"nan", b"inf", b"-1", b"0", b"1e99", b"1e-99",
    b"9223372036854775808", b"4" * 400, b"null", b"true", b"~", b"[]", b"{}", b"[", b"{", b"- ",
    b"\n", b"\r", b"\t", b",", b":", b'"', b"'", b"#", b"&a", b"*a", b"!!python/object", b"<<",
    b"%", b"=", b"..", b"/", b"../../etc/passwd", b"\xe2\x80\xae", b"\x1b[2J", b"\xc2\xb2",
    b"\xed\xa0\x80", b"A" * 300, b"." * 300, b"[" * 300, b"2024-02-30T25:61", b"0x10", b"1_000",
    b"\x80\x80\x80\x80\x10", b"\xea\x80\x80\x80\x10", b"\xff" * 9,
)  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return some bytes with a few mutations: of bits, of words, of lines, of their order."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        kind, size = chance.randrange(7), len(data)
        at = chance.randrange(size + 1)
        to = min(size, at + chance.choice((1, 1, 2, 4, 16, 64)))
        if kind == 0 and size:
            at = min(at, size - 1)
            data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + chance.choice(_TOKENS) + data[to:]
        elif kind == 2:
            data = data[:at] + data[to:]
        elif kind == 3:
            data = data[:at] + data[at:to] * chance.choice((2, 3, 9)) + data[to:]
        elif kind == 4:
            data = _word_changed(data, chance)
        elif kind == 5:
            lines = data.split(b"\n")
            a, b = (chance.randrange(len(lines)) for _ in range(2))
            lines[a], lines[b] = lines[b], lines[a] if chance.random() < 0.5 else lines[b]
            data = b"\n".join(lines)
        else:
            data = data[:at] if chance.random() < 0.3 else data[:at] + data[to:] + data[at:to]
    return data[:1_000_000]


def _word_changed(data: bytes, chance: random.Random) -> bytes:
    """Put an odd word where a word or a number stands."""
    words = list(re.finditer(rb"[\w.\-]+", data[:20_000]))
    if not words:
        return data
    word = chance.choice(words)
    return data[: word.start()] + chance.choice(_TOKENS) + data[word.end() :]


@dataclass(frozen=True)
class Trial:
    """Bytes for a door."""

    door: str
    data: bytes


def drawn(chance: random.Random) -> Trial:
    """Return a mutated input for some door."""
    door = chance.choice(list(DOORS))
    return Trial(door, mutated(_sound(door), chance))


def fault(trial: Trial, folder: Path, *, runs: bool = False) -> str | None:
    """Return what is wrong with how a door took an input, None if nothing is.

    Args:
        trial: which input, for which door.
        folder: an empty folder; what was put there is left.
        runs: carry out what is taken, in three ways.
    """
    return met(trial, folder, runs=runs)[1]


def met(trial: Trial, folder: Path, *, runs: bool) -> tuple[str, str | None]:
    """Return "refused", "taken" or "run" in three ways, and what is wrong with that."""
    began, how = time.process_time(), "refused"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            taken = _taken(trial, folder)
            if taken is not None:
                how = "taken"
            if runs and isinstance(taken, Scenario):
                arms, said = ways.difference(taken, random.Random(trial.data))
                how = "run" if arms else how
                if said:
                    return how, f"differs: {said}"
    except Exception as error:
        return how, f"{type(error).__name__}: {error}"
    took_s = time.process_time() - began
    return how, f"took {took_s:.1f} s" if took_s > MOST_S else None


def _taken(trial: Trial, folder: Path) -> object:
    """Return what a door makes of an input; None if it is refused."""
    try:
        return DOORS[trial.door](trial.data, folder) or "something"
    except FleetError:
        return None


def minimised(trial: Trial, folder: Path) -> Trial:
    """Return a smaller input that is the same kind of fault."""
    found = fault(trial, folder, runs=True)
    kind, step = str(found).split(":")[0], max(1, len(trial.data) // 2)
    runs = kind == "differs" or fault(trial, folder) is None
    while step:
        at = 0
        while at < len(trial.data):
            less = Trial(trial.door, trial.data[:at] + trial.data[at + step :])
            if str(fault(less, folder, runs=runs)).split(":")[0] == kind:
                trial = less
            else:
                at += step
        step //= 2
    return trial


def as_test(trial: Trial, why: str) -> str:
    """Return a trial as an entry of `tests/fuzz/doors.txt`."""
    return f"{trial.door} {trial.data.hex() or '-'}  # {why[:150]}"


def trial_of(line: str) -> Trial:
    """Return the trial of an entry."""
    door, data = line.split("#")[0].split()
    return Trial(door, bytes.fromhex(data.replace("-", "")))
