"""Every door that reads takes damaged input or refuses it; many more by `scripts/fuzz.py`."""

from __future__ import annotations

import random
from pathlib import Path

import doors
import extremes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CORPUS = (Path(__file__).parent / "doors.txt").read_text().splitlines()
TRIED = 400


@pytest.fixture(scope="module")
def compiled() -> None:
    """Have kernels compiled, which is not what an input takes."""
    extremes.compiled()


@pytest.mark.parametrize("line", [line for line in CORPUS if line and not line.startswith("#")])
def test_what_was_a_fault_is_none_any_more(line: str, tmp_path: Path) -> None:
    assert doors.fault(doors.trial_of(line), tmp_path, runs=True) is None


WORLDS = {"scenario", "set", "sites", "demand", "times-csv", "times-parquet", "rows", "user-rows"}


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("door", doors.DOORS)
def test_sound_input_is_taken_and_gives_the_same_in_three_ways(door: str, tmp_path: Path) -> None:
    how = "run" if door in WORLDS else "taken"
    assert doors.met(doors.Trial(door, doors._sound(door)), tmp_path, runs=True) == (how, None)


@pytest.mark.slow
def test_damaged_input_is_taken_or_refused(tmp_path: Path) -> None:
    chance = random.Random(20_261_129)
    for _ in range(TRIED):
        trial = doors.drawn(chance)
        why = doors.fault(trial, tmp_path)
        assert why is None, doors.as_test(trial, why)


def test_a_fault_is_made_small_and_comes_back_from_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def door(data: bytes, folder: Path) -> None:
        if b"bad" in data:
            raise ZeroDivisionError("here")

    monkeypatch.setitem(doors.DOORS, "yaml", door)
    trial = doors.Trial("yaml", b"much that is not to the point, bad, and more of it")
    small = doors.minimised(trial, tmp_path)
    assert small.data == b"bad"
    assert doors.trial_of(doors.as_test(small, "ZeroDivisionError: here")) == small


@pytest.mark.parametrize("door", ["trace", "times-parquet", "record-table"])
def test_text_in_parquet_that_is_no_utf_8_is_refused(door: str, tmp_path: Path) -> None:
    table = pq.read_table(pa.BufferReader(doors._sound(door)))
    texts = [k for k, field in enumerate(table.schema) if field.type == pa.string()]
    assert texts
    for k in texts:
        ends = pa.py_buffer(np.arange(len(table) + 1, dtype=np.int32))
        bytes_ = pa.py_buffer(b"\x80" * len(table))
        bad = pa.Array.from_buffers(pa.string(), len(table), [None, ends, bytes_])
        out = pa.BufferOutputStream()
        pq.write_table(table.set_column(k, table.schema[k], bad), out, store_schema=False)
        trial = doors.Trial(door, bytes(out.getvalue()))
        assert doors.met(trial, tmp_path, runs=False) == ("refused", None), table.schema[k]
