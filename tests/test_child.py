"""Other processes are given all of their input, and end when their time is over."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from fleet import child

MUCH = b"x" * 300_000  # more than a pipe holds


def test_who_reads_late_is_given_all() -> None:
    code = "import sys, time; time.sleep(0.5); print(len(sys.stdin.read()))"
    assert child.run([sys.executable, "-c", code], MUCH, wall_s=60).stdout == b"300000\n"


@pytest.mark.parametrize("given", [None, b"", MUCH])
def test_who_reads_nothing_ends_as_it_likes(given: bytes | None) -> None:
    assert child.run([sys.executable, "-c", "print(1)"], given, wall_s=60).stdout == b"1\n"


def test_who_takes_too_long_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        child.run([sys.executable, "-c", "import time; time.sleep(60)"], MUCH, wall_s=0.5)
    assert time.monotonic() - began < 30
