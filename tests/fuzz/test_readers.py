"""Every door that reads takes damaged input or refuses it; many more by `scripts/fuzz.py`."""

from __future__ import annotations

import random
from pathlib import Path

import doors
import pytest

CORPUS = (Path(__file__).parent / "doors.txt").read_text().splitlines()
TRIED = 400


@pytest.mark.parametrize("line", [line for line in CORPUS if line and not line.startswith("#")])
def test_what_was_a_fault_is_none_any_more(line: str, tmp_path: Path) -> None:
    assert doors.fault(doors.trial_of(line), tmp_path, runs=True) is None


WORLDS = {"scenario", "set", "sites", "demand", "times-csv", "times-parquet", "rows", "user-rows"}


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
