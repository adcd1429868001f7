"""One run at a time in a folder: who is there holds it, and says who it is.

The folder itself is locked, which ends with the process however that ends. Where a file system
knows no locks, what the holder has written down is believed, as far as it can be checked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fleet.errors import InputError
from fleet.passing import remove

HOLDER = "holder.json"
PATIENCE_S = 3.0
"""How long to wait for a folder: who was killed holds it until the system has taken it apart."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EBADF)


Holder = Mapping[str, object]
"""What is known of who holds a folder: `host`, `pid`, `began`, `since`; empty if nothing is."""


def of_a_run(folder: Path, who: Holder) -> str:
    """Return how it is told that the folder of a run is held."""
    told = "another process"
    if who:
        told = f"process {who.get('pid')} on {who.get('host')}, since {who.get('since')}"
    return (
        f"'{folder}' is of a run that is going on: {told}; wait for it, end it, or choose another"
        " place with -o"
    )


@contextlib.contextmanager
def held(folder: Path, told: Callable[[Path, Holder], str] = of_a_run) -> Iterator[None]:
    """Hold a folder that is there within the block.

    Args:
        folder: which one.
        told: says that somebody else holds it.

    Raises:
        InputError: somebody else holds it, who, where and since when; or it cannot be read.
    """
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"cannot use '{folder}': {error.strerror}") from None
    try:
        try:
            if not _locked(number):
                raise InputError(told(folder, _holder(folder)))
        except OSError:
            _check_holder(folder, told)
        _check_same(folder, number)
        _sign(folder)
        try:
            yield
        finally:
            remove(folder / HOLDER)
    finally:
        os.close(number)


def _locked(number: int) -> bool:
    """Lock an open folder; return whether that was possible.

    Raises:
        OSError: the file system knows no locks.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise
        if time.monotonic() >= until:
            return False
        time.sleep(PATIENCE_S / 100)


def _sign(folder: Path) -> None:
    """Write down who holds a folder; where that cannot be written others are told less."""
    who = {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid()),
           "since": time.strftime("%Y-%m-%d %H:%M:%S")}  # fmt: skip
    with contextlib.suppress(OSError):
        (folder / HOLDER).write_text(json.dumps(who), encoding="utf-8")


def _check_same(folder: Path, number: int) -> None:
    """Refuse a folder that went while it was being locked, as at the end of who held it."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(number), folder.stat()):
            return
    raise InputError(f"'{folder}' was removed by a run that has just ended; try again")


def _holder(folder: Path) -> Holder:
    try:
        who = json.loads((folder / HOLDER).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return who if isinstance(who, dict) else {}


def _check_holder(folder: Path, told: Callable[[Path, Holder], str]) -> None:
    """Refuse a folder whose holder is not known to be gone, where there are no locks."""
    who = _holder(folder)
    here = who.get("host") == socket.gethostname()
    if not who or (here and _began(who.get("pid")) != who.get("began")):
        return  # nobody, or a process of that number that began at another time
    sure = "" if here else f"; if it is not running any more, remove '{folder / HOLDER}'"
    raise InputError(told(folder, who) + sure)


def _began(pid: object) -> str | None:
    """Return when a process of this machine began, as the system counts; None if it is gone."""
    if not isinstance(pid, int) or pid <= 0:
        return None
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "unknown"
