"""How a command ends: its exit code, a line about what went wrong, readers that go before."""

from __future__ import annotations

import errno
import io
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import typer

from fleet import doors, interrupt, keeper
from fleet.errors import FleetError, InputError, in_a_line

BAD_INPUT, FAILED, INTERRUPTED = 2, keeper.FAILED, 130
_CLICK_ERROR: Any = typer.BadParameter.__mro__[2]
"""What typer raises of command lines that are none, of which it exports descendants only."""
TRACEBACK = "FLEET_TRACEBACK"
"""The variable that has tracebacks shown."""


class _Output(io.FileIO):
    """An output whose reader may go before its end: what is written from then on goes nowhere.

    Attributes:
        matters: whether it is a failure if it is lost in another way, such as on a full disk.
    """

    matters = True

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if self.matters and not isinstance(error, BrokenPipeError):
                raise
            return memoryview(data).nbytes


class _Remarks(_Output):
    """An output that is no reason to fail."""

    matters = False


def patient(stream: Any) -> Any:
    """Return an output that takes letters that a terminal does not know, and may lose its reader.

    What is not the process's own, such as that of a test, only takes the letters.
    """
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="replace")
    if stream not in (sys.__stdout__, sys.__stderr__):
        return stream
    stream.flush()
    kind = _Remarks if stream is sys.__stderr__ else _Output
    return io.TextIOWrapper(
        io.BufferedWriter(kind(stream.fileno(), "wb", closefd=False)), encoding=stream.encoding,
        errors="replace", line_buffering=stream.line_buffering or stream.write_through,
    )  # fmt: skip


def told(text: str) -> None:
    """Say to who waits what is being done, where no progress is shown."""
    if sys.stderr is not None:
        print(f"fleet: {doors.terminal(text)}", file=sys.stderr, flush=True)  # noqa: T201


def code_of(call: Callable[[], Any]) -> int:
    """Return the exit code of a call; what goes wrong is told in a line, not with a traceback."""
    try:
        try:
            answer = call()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here it can still be told that the disk is full
    except BaseException as error:
        notes = getattr(error, "__notes__", ())
        if interrupt.pressed() or _is_interrupt(error):
            return interrupt.end(notes)
        if isinstance(error, SystemExit) and isinstance(error.__context__, OSError):
            error = error.__context__  # a pipe that broke inside, which typer ends with 1 for
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else BAD_INPUT
        if isinstance(error, _CLICK_ERROR):  # a command line that is none; it says why itself
            error.show()
            return BAD_INPUT
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        code, said = _verdict(error)
        if sys.stderr is not None:
            for line in (said, *notes):
                print(f"fleet: {doors.terminal(line)}", file=sys.stderr)  # noqa: T201
        return code
    if interrupt.pressed() or answer == INTERRUPTED:  # into which typer turns Ctrl-C
        return interrupt.end()
    return answer if isinstance(answer, int) else 0  # of `typer.Exit`, which is no error here


def leave(code: int) -> NoReturn:
    """Exit; after an interrupt at once, without what libraries still want to tidy."""
    keeper.ends(code)
    if interrupt.pressed():
        os._exit(code)
    sys.exit(code)


def _is_interrupt(error: BaseException) -> bool:
    """Return whether somebody pressed Ctrl-C where nobody listens for it, as in a test."""
    if isinstance(error, SystemExit):
        return error.code == INTERRUPTED
    return isinstance(error, KeyboardInterrupt)


def _verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code of an error, and what to say about it."""
    if isinstance(error, InputError):
        return BAD_INPUT, str(error)
    if isinstance(error, FleetError):
        return FAILED, f"the run failed: {error}"
    what = in_a_line(error)
    if _is_of_memory(error):
        return FAILED, f"there is not enough memory: {what}; use fewer sensors, shards or seconds"
    if isinstance(error, OSError):  # such as a full disk behind the answer
        return FAILED, str(error)
    report = _reported(error)
    rest = f"{TRACEBACK}=1 shows where" if report is None else f"send '{report}'"
    return FAILED, f"a fault of fleet, please report it: {what}; {rest}"


def _is_of_memory(error: BaseException) -> bool:
    """Return whether there was no memory: for an object, a process, or a library to be loaded."""
    if isinstance(error, ImportError):
        return "failed to map segment" in str(error)
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM


def _reported(error: BaseException) -> Path | None:
    """Write down what somebody needs who looks for a fault; return where, None if that failed.

    It holds the command line, versions and where in the code it was, and nothing out of files.
    """
    lines = [
        f"fleet {_version('sensor-fleet')}, Python {platform.python_version()},"
        f" {platform.platform()}",
        *(f"{name} {_version(name)}" for name in ("numba", "numpy", "pyarrow", "ray", "typer")),
        f"command: {shlex.join(sys.argv)}",
        "",
        *traceback.format_exception(error),
    ]
    try:
        number, path = tempfile.mkstemp(prefix="fleet-report-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(lines))
    except OSError:
        return None
    return Path(path)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"
