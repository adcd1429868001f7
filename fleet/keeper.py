"""The keeper of a command: a small process that hears signals for it and tells how it ended.

A command is two processes. The one that works may be ended by what none of its own lines sees:
libraries in C++ that quit without a word, as Ray does where its servers die, or a system that is
short of memory. Its parent has loaded nothing and only waits: it says so then, with a code that
means it, and how to go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

FAILED = 3
"""The exit code of a command that failed."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

CLEAN = "\r\x1b[2K\x1b[?25h"
"""Makes the line of a terminal empty, and its cursor seen."""

_to_keeper, _presses = -1, -1
"""Ends of pipes: where this process tells news, and where it reads which signals were heard."""
_blamed: list[str] = []


def keep() -> None:
    """Go on in a process of its own, kept by this one, which does not come back from here.

    For commands only, before there are other threads. A signal that is ignored stays so.
    """
    global _to_keeper, _presses
    heard = {number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    news, to_keeper = os.pipe()
    presses, to_kept = os.pipe()
    kept = os.fork()
    if kept:
        os.close(to_keeper)
        os.close(presses)
        keeper = _Keeper(kept, to_kept)
        for number in heard:
            signal.signal(number, keeper.press)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        os._exit(keeper.code_at_end(news))
    os.close(news)
    os.close(to_kept)
    _to_keeper, _presses = to_keeper, presses


def is_kept() -> bool:
    """Return whether this process has a keeper."""
    return _to_keeper >= 0


def next_press() -> int:
    """Wait until the keeper has heard a signal; return its number. Without a keeper, die."""
    if sys.platform == "linux":  # at once then, whatever this process is at
        import ctypes  # takes as long as all the rest of this

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    heard = os.read(_presses, 1)
    if not heard:
        os.kill(os.getpid(), signal.SIGKILL)
    return heard[0]


def forget() -> None:
    """Have no keeper: for processes that are forked off from the one that has it."""
    global _to_keeper, _presses
    if is_kept():
        os.close(_to_keeper)
        os.close(_presses)
        _to_keeper, _presses = -1, -1


def ends(code: int) -> None:
    """Tell the keeper that this process is about to end, and with which code."""
    _tell(end=code)


def last_words(code: int, lines: Sequence[str]) -> None:
    """Say some lines in which this process ends; if it has a keeper, once however it ends then."""
    if is_kept():
        _tell(said=lines, end=code)
    else:
        _say(lines)


def say_if_lost(lines: Sequence[str]) -> None:
    """Have these lines said, not others, if this process is ended by what it does not see."""
    _tell(if_lost=lines)


@contextlib.contextmanager
def blaming(why: str) -> Iterator[None]:
    """Have that said if this process is ended within the block by what it does not see."""
    _blamed.append(why)
    _tell(blamed=_blamed)
    try:
        yield
    finally:
        _blamed.remove(why)
        _tell(blamed=_blamed)


def watch(process: int, why: str) -> None:
    """Have that said instead if this process is ended so after another one, which is watched."""
    _tell(watch=[process, why])


def unwatch() -> None:
    """Let those that are watched end."""
    _tell(watch=None)


def say(text: str) -> None:
    """Write to stderr past all buffers and locks, if it is there."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            os.write(2, text.encode())


def _say(lines: Sequence[str]) -> None:
    say("".join(f"fleet: {line}\n" for line in lines))


def _tell(**news: Any) -> None:
    if is_kept():
        with contextlib.suppress(OSError):
            os.write(_to_keeper, json.dumps(news).encode() + b"\n")


class _Keeper:
    """What a keeper knows of the process that it keeps.

    Args:
        kept: its number.
        presses: where it reads which signals were heard.
    """

    def __init__(self, kept: int, presses: int) -> None:
        self._kept, self._presses = kept, presses
        self._pressed: int | None = None
        self._end: int | None = None
        self._if_lost: list[str] = []
        self._blamed: list[str] = []
        self._first_dead: str | None = None
        self._unread = b""
        self._events = selectors.DefaultSelector()

    def press(self, number: int, _: object) -> None:
        """Hear a signal."""
        self._pressed = self._pressed or number
        with contextlib.suppress(OSError):
            os.write(self._presses, bytes([number]))

    def code_at_end(self, news: int) -> int:
        """Wait for the end; return the exit code, and say how it ended if nobody else has.

        Args:
            news: what the kept process tells is read there.
        """
        self._events.register(news, selectors.EVENT_READ)
        is_there = True
        while is_there:
            # Linux gives events in the order in which they were: who died first stands first.
            for key, _ in self._events.select():
                if key.data is None:
                    is_there = self._read(news)
                    if not is_there:
                        break
                else:
                    self._events.unregister(key.fileobj)
                    self._first_dead = self._first_dead or key.data
        code = os.waitstatus_to_exitcode(os.waitpid(self._kept, 0)[1])
        if self._end is not None:
            return self._end
        if sys.stderr is not None and os.isatty(2):
            say(CLEAN)
        if self._pressed is not None:
            _say(["interrupted", *self._if_lost])
            return 128 + self._pressed
        _say([f"the run failed: {self._why(code)}", *self._if_lost])
        return FAILED

    def _read(self, news: int) -> bool:
        """Take up what there is to read; return whether there will be more."""
        data = os.read(news, 1 << 16)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._take_up(json.loads(line))
        return bool(data)

    def _take_up(self, news: dict[str, Any]) -> None:
        self._if_lost = news.get("if_lost", self._if_lost)
        self._blamed = news.get("blamed", self._blamed)
        self._end = news.get("end", self._end)
        _say(news.get("said", ()))
        if "watch" in news:
            self._watch(*news["watch"] or ())

    def _watch(self, process: int | None = None, why: str = "") -> None:
        """Watch a process, or nobody any more."""
        if process is None:
            for key in [*self._events.get_map().values()]:
                if key.data is not None:
                    self._events.unregister(key.fileobj)
            self._first_dead = None
            return
        try:
            self._events.register(os.pidfd_open(process), selectors.EVENT_READ, why)
        except ProcessLookupError:
            self._first_dead = self._first_dead or why
        except (OSError, AttributeError):
            pass  # none on a Mac

    def _why(self, code: int) -> str:
        """Return why the process ended, as far as that is known."""
        if self._first_dead is not None:
            return self._first_dead
        if self._blamed:
            return self._blamed[-1]
        if code == -signal.SIGKILL:
            return "its process was killed, as a system does that is short of memory"
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"by a library, with code {code}"
        return f"its process was ended {how}"
