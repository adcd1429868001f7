"""How a command ends: a code for each kind, and a line instead of a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from fleet.cli import exit as door
from fleet.cli.main import app
from fleet.errors import InputError, RunError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports of faults go where the test's files do."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def raising(error: BaseException) -> Callable[[], Any]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("cloud.servers: '-1'"), 2, "fleet: cloud.servers: '-1'\n"),
        (RunError("an actor failed"), 3, "fleet: the run failed: an actor failed\n"),
        (OSError(errno.ENOSPC, "No space left"), 3, "fleet: [Errno 28] No space left\n"),
        (OSError(errno.EPIPE, "Broken pipe"), 3, "fleet: [Errno 32] Broken pipe\n"),
        (MemoryError("Unable to allocate 3 TiB"), 3, "fleet: there is not enough memory: Memory"),
        (OSError(errno.ENOMEM, "Cannot allocate"), 3, "fleet: there is not enough memory: OSErr"),
        (ImportError("x.so: failed to map segment"), 3, "fleet: there is not enough memory: Impo"),
        (KeyboardInterrupt(), 130, "fleet: interrupted\n"),
        (SystemExit(1), 1, ""),
        (SystemExit("words"), 2, ""),
        (ZeroDivisionError(), 3, "fleet: a fault of fleet, please report it: ZeroDivisionError:;"),
    ],
)
def test_each_kind_of_error_has_its_code(
    error: BaseException, code: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert door.code_of(raising(error)) == code
    said = capfd.readouterr().err
    assert said.startswith(words)
    assert "Traceback" not in said


def test_a_fault_leaves_a_report_to_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert door.code_of(raising(ZeroDivisionError("by\nnothing"))) == 3
    (report,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert said == (
        "fleet: a fault of fleet, please report it: ZeroDivisionError: by nothing; send"
        f" '{report}'\n"
    )
    text = report.read_text()
    assert "raise error" in text
    assert "numba " in text
    assert "command: " in text
    assert report.stat().st_mode & 0o077 == 0
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert door.code_of(raising(ZeroDivisionError())) == 3
    assert "FLEET_TRACEBACK=1 shows where" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--help"], 0),
        (["nothing"], 2),
        (["run"], 2),
        (["run", "--nothing"], 2),
        (["run", "a.yaml", "b.yaml"], 2),
        (["run", "scenarios/smoke.yaml", "--replications", "0"], 2),
        (["check", "nowhere.yaml"], 2),
        (["check", "scenarios/smoke.yaml"], 0),
        (["check", "scenarios/smoke.yaml", "--set", "nothing"], 2),
    ],
)
def test_command_lines_have_their_codes(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(ROOT)
    assert door.code_of(lambda: app(arguments, standalone_mode=False)) == code
    out, said = capfd.readouterr()
    assert "Traceback" not in out + said
    assert out or said


def test_the_code_of_a_missed_objective_is_that_of_the_command_only() -> None:
    """A pipe that breaks inside of a command is no missed objective, as typer would have it."""
    own = typer.Typer(add_completion=False)

    @own.command()
    def command(how: str) -> None:
        if how == "missed":
            raise typer.Exit(1)
        raise {"pipe": OSError(errno.EPIPE, "gone"), "eof": EOFError()}[how]

    def code(how: str) -> int:
        return door.code_of(lambda: own([how], standalone_mode=False))

    assert code("missed") == 1
    assert code("pipe") == 3
    assert code("eof") == 3


def test_a_reader_that_is_gone_before_the_first_letter_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "catalog"], stdout=writing, stderr=subprocess.PIPE,
        cwd=ROOT, text=True,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_installation_that_is_not_whole_says_so(tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('no numba here')\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "check", "scenarios/smoke.yaml"], capture_output=True,
        cwd=ROOT, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("fleet: ")
    assert "no numba here" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_encoding_that_is_not_utf_8_changes_no_name(tmp_path: Path) -> None:
    path = tmp_path / "smöke.yaml"
    path.write_bytes((ROOT / "scenarios" / "smoke.yaml").read_bytes())
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "check", path], capture_output=True, cwd=ROOT,
        env={**env, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 2  # its table of demand does not lie beside it
    assert "smöke.yaml" in done.stderr.decode()
    assert "file 'demand/pedestrians.csv' not found" in done.stderr.decode()
