"""Ctrl-C and SIGTERM: a press sets a flag, and whoever works for long looks at it.

`check` raises `Interrupted` where somebody looks, between two pieces of work, so that nothing is
cut in two; what it passes on its way out puts things in order. A second press, or a first one that
nobody has looked at for `GRACE_S`, ends the process at once, after what was asked for `in_haste`.

The signals are blocked in all threads, and one waits for them, or for the keeper that hears them. A
handler would run in the main thread only, after a call into C that may be long; what it raises is
dropped in callbacks; and Ray replaces it by one of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from fleet import keeper

GRACE_S = 1.0
"""How long a first press waits for somebody to look."""

LOOK_S = 0.2
"""How long to wait for others at a time before looking."""

_pressed: int | None = None
_seen = _told = _deaf = False
_whole = threading.RLock()
_in_haste: list[tuple[Callable[[], str | None], str | None]] = []


class Interrupted(BaseException):
    """Somebody wants the command to end: no error, so that nobody takes it for a failure."""


def listen() -> None:
    """Listen for the signals from now on; for commands only, before there are other threads.

    A signal that is ignored stays so, as behind `nohup` or for a shell's jobs in the background.
    """
    mine = {number for number in keeper.SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, mine)
    os.register_at_fork(after_in_child=lambda: _apart(mine))
    wait = keeper.next_press if keeper.is_kept() else lambda: signal.sigwait(mine)
    threading.Thread(target=_hear, args=(wait,), name="interrupt", daemon=True).start()


class Unwanted(BaseException):
    """Nobody waits any more for what this thread does: no error, for the same reason."""


_here = threading.local()


@contextlib.contextmanager
def wanted_until(unwanted: threading.Event) -> Iterator[None]:
    """Have what this thread does within the block end where it looks, once nobody waits for it."""
    _here.unwanted = unwanted
    try:
        yield
    finally:
        del _here.unwanted


def check() -> None:
    """Look whether the command was interrupted.

    Raises:
        Interrupted: it was.
        Unwanted: nobody waits for what this thread does.
    """
    global _seen
    unwanted: threading.Event | None = getattr(_here, "unwanted", None)
    if unwanted is not None and unwanted.is_set():
        raise Unwanted
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
    code = 128 + (_pressed or signal.SIGINT)
    with _whole:
        if not _told:
            _told = pressed()
            keeper.last_words(code, ("interrupted", *notes))
    return code


def end_failed(why: str) -> NoReturn:
    """End the process at once from any thread, after what was asked for in haste.

    Args:
        why: in a line.
    """
    _whole.acquire()
    keeper.last_words(keeper.FAILED, (why, *_done_in_haste()))
    os._exit(keeper.FAILED)


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
def in_haste(do: Callable[[], str | None], if_lost: str | None = None) -> Iterator[None]:
    """Have something done even if the process ends at once within the block.

    Args:
        do: does it, beside the main thread, and may return a line to be said.
        if_lost: a line that the keeper says if the process is ended by what it does not see.
    """
    mine = (do, if_lost)
    _in_haste.append(mine)
    _tell_lines()
    try:
        yield
    finally:
        _in_haste.remove(mine)
        _tell_lines()


def _tell_lines() -> None:
    keeper.say_if_lost([line for _, line in reversed(_in_haste) if line is not None])


def _apart(mine: set[signal.Signals]) -> None:
    """Let a process forked off, such as Ray's, be ended by itself, but not by what is for us all.

    Where it could not be told of our end by the system, as on Linux, it must stay in our group.
    """
    keeper.forget()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, mine)
    if sys.platform == "linux":
        os.setpgid(0, 0)


def _hear(wait: Callable[[], int]) -> None:
    """Hear the first two presses, of each of which a call gives the number."""
    global _pressed
    _pressed = wait()
    if not _deaf:
        timer = threading.Timer(GRACE_S, _end_at_once, (False,))
        timer.daemon = True
        timer.start()
        wait()
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
    for do, _ in reversed(tuple(_in_haste)):
        with contextlib.suppress(Exception):
            notes.append(do())
    return [note for note in notes if note]
