"""How a command ends: its exit code, a line about what went wrong, readers that go before."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from fleet import doors, interrupt
from fleet.errors import FleetError, InputError

BAD_INPUT, FAILED, INTERRUPTED = 2, 3, 130
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
            call()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here it can still be told that the disk is full
    except BaseException as error:
        notes = getattr(error, "__notes__", ())
        if interrupt.pressed() or _is_interrupt(error):
            return interrupt.end(notes)
        if isinstance(error, SystemExit):  # typer has said why
            return error.code if isinstance(error.code, int) else BAD_INPUT
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        code, said = _verdict(error)
        if sys.stderr is not None:
            for line in (said, *notes):
                print(f"fleet: {doors.terminal(line)}", file=sys.stderr)  # noqa: T201
        return code
    return 0


def leave(code: int) -> NoReturn:
    """Exit; after an interrupt at once, without what libraries still want to tidy."""
    if interrupt.pressed():
        os._exit(code)
    sys.exit(code)


def _is_interrupt(error: BaseException) -> bool:
    """Return whether somebody pressed Ctrl-C where nobody listens for it, as in a test."""
    if isinstance(error, SystemExit):
        return error.code == INTERRUPTED  # into which typer turns it
    return isinstance(error, KeyboardInterrupt)


def _verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code of an error, and what to say about it."""
    if isinstance(error, InputError):
        return BAD_INPUT, str(error)
    if isinstance(error, FleetError):
        return FAILED, f"the run failed: {error}"
    if isinstance(error, OSError):  # such as a full disk behind the answer
        return FAILED, str(error)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return FAILED, f"a fault of fleet, please report it: {what}; {TRACEBACK}=1 shows where"
