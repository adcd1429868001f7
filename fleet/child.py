"""Processes of other programs, which are waited for and end when the command is interrupted."""

from __future__ import annotations

import contextlib
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, AnyStr

from fleet.interrupt import LOOK_S, check, in_haste


def run(
    command: Sequence[str], given: bytes | None = None, *, wall_s: float = float("inf"),
    **options: Any,
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    """Run a command to its end and return its code and what it said.

    Args:
        command: and its arguments.
        given: its input; None: it has none.
        wall_s: time by the clock that it may take.
        options: further ones of `subprocess.Popen`.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it took longer.
    """
    source = subprocess.DEVNULL if given is None else subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )
    out, said = finish(process, given, wall_s=wall_s)
    return subprocess.CompletedProcess(command, process.returncode, out, said)


def finish(
    process: subprocess.Popen[AnyStr], given: AnyStr | None = None, *, wall_s: float = float("inf")
) -> tuple[AnyStr, AnyStr]:
    """Return what a process says up to its end.

    Args:
        process: with pipes.
        given: its input.
        wall_s: time by the clock that it may take; then it is ended.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    until_s = time.monotonic() + wall_s
    with _fed(process, given), held(process):
        while True:
            check()
            left_s = until_s - time.monotonic()
            try:
                return process.communicate(timeout=max(0.0, min(LOOK_S, left_s)))
            except subprocess.TimeoutExpired:
                if left_s <= LOOK_S:
                    raise


@contextlib.contextmanager
def _fed(process: subprocess.Popen[AnyStr], given: AnyStr | None) -> Iterator[None]:
    """Write the input of a process from beside: `communicate`, asked again, forgets the rest."""
    pipe, process.stdin = process.stdin, None
    if pipe is None:
        yield
        return

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), pipe:  # it may end before it has read all
            if given is not None:
                pipe.write(given)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield
    finally:
        feeder.join()


def first_words(process: subprocess.Popen[Any]) -> None:
    """Wait until a process says something on its stdout, or ends."""
    assert process.stdout is not None
    while not select.select([process.stdout], [], [], LOOK_S)[0]:
        check()


@contextlib.contextmanager
def held(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process with the block if that fails, and even in haste."""
    with process, in_haste(process.kill):  # it may have inherited that it hears nothing else
        try:
            yield
        except BaseException:
            process.kill()
            raise
