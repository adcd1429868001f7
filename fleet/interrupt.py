"""Ctrl-C and SIGTERM: a press sets a flag, and whoever works for long looks at it.

`check` raises `Interrupted` where somebody looks, between two pieces of work, so that nothing is
cut in two; what it passes on its way out puts things in order. A second press, or a first one that
nobody has looked at for `GRACE_S`, ends the process at once, after what was asked for `in_haste`.

The signals are blocked in all threads and taken by one that waits for them. A handler would run in
the main thread only, after a call into C that may be long; what it raises is dropped in callbacks;
and Ray replaces it by one of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

GRACE_S = 1.0
"""How long a first press waits for somebody to look."""

LOOK_S = 0.2
"""How long to wait for others at a time before looking."""

FAILED = 3
"""The exit code of a run that failed."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_pressed: int | None = None
_seen = _told = _deaf = False
_whole = threading.RLock()
_in_haste: list[Callable[[], str | None]] = []


class Interrupted(BaseException):
    """Somebody wants the command to end: no error, so that nobody takes it for a failure."""


def listen() -> None:
    """Listen for the signals from now on; for commands only, before there are other threads.

    A signal that is ignored stays so, as behind `nohup` or for a shell's jobs in the background.
    """
    mine = {number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, mine)
    os.register_at_fork(after_in_child=lambda: _apart(mine))
    threading.Thread(target=_hear, args=(mine,), name="interrupt", daemon=True).start()


def check() -> None:
    """Look whether the command was interrupted.

    Raises:
        Interrupted: it was.
    """
    global _seen
    if _pressed is not None:
        with _whole:
            _seen = True
        raise Interrupted


def pressed() -> bool:
    """Return whether the command was interrupted, whatever else has gone wrong since."""
    return _pressed is not None


def end(notes: Iterable[str] = ()) -> int:
    """Say that the command was interrupted, once for all presses; return the exit code for that.

    Args:
        notes: further lines, such as how to go on.
    """
    global _told
    with _whole:
        if not _told:
            _told = pressed()
            say("".join(f"fleet: {line}\n" for line in ("interrupted", *notes)))
    return 128 + (_pressed or signal.SIGINT)


def end_failed(why: str) -> NoReturn:
    """End the process at once from any thread, after what was asked for in haste.

    Args:
        why: in a line.
    """
    _whole.acquire()
    notes = _done_in_haste()
    say("".join(f"fleet: {line}\n" for line in (why, *notes)))
    os._exit(FAILED)


def say(text: str) -> None:
    """Write to stderr past all buffers and locks, if it is there."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            os.write(2, text.encode())


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """Guard what must not be cut in two, even by a second press; for short pieces of work."""
    with _whole:
        yield


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Have the first press end the process at once, where nobody can look and all is in order."""
    global _deaf
    check()
    _deaf = True
    try:
        yield
    finally:
        _deaf = False
    check()


@contextlib.contextmanager
def in_haste(do: Callable[[], str | None]) -> Iterator[None]:
    """Have something done even if the process ends at once within the block.

    Args:
        do: does it, beside the main thread, and may return a line to be said.
    """
    _in_haste.append(do)
    try:
        yield
    finally:
        _in_haste.remove(do)


def _apart(mine: set[signal.Signals]) -> None:
    """Let a process forked off, such as Ray's, be ended by itself, but not by what is for us all.

    Where it could not be told of our end by the system, as on Linux, it must stay in our group.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, mine)
    if sys.platform == "linux":
        os.setpgid(0, 0)


def _hear(mine: set[signal.Signals]) -> None:
    """Hear the first two presses."""
    global _pressed
    _pressed = signal.sigwait(mine)
    if not _deaf:
        timer = threading.Timer(GRACE_S, _end_at_once, (False,))
        timer.daemon = True
        timer.start()
        signal.sigwait(mine)
    _end_at_once(True)


def _end_at_once(seen_too: bool) -> None:
    """End the process, or only if nobody has seen the first press."""
    _whole.acquire()  # not given back: from here on the main thread comes no further than a look
    if _seen and not seen_too:
        _whole.release()
        return
    os._exit(end(_done_in_haste()))


def _done_in_haste() -> list[str]:
    """Do what was asked for; return the lines to be said."""
    notes = []
    for do in reversed(tuple(_in_haste)):
        with contextlib.suppress(Exception):
            notes.append(do())
    return [note for note in notes if note]
