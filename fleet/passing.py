"""Files and folders that go with a block, however it ends: also when the process ends in haste.

What a process that is killed leaves in the system's place for such, the next that makes one there
removes: a folder is locked as long as its process lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fleet.errors import InputError
from fleet.interrupt import in_haste, whole

_MARK = "at-work-"
"""Stands in the names of folders that are locked as long as their process lives."""
_YOUNG_S = 60.0
"""So old must a folder be that nobody holds: a younger one may be about to be locked."""


@contextlib.contextmanager
def passing(path: Path) -> Iterator[Path]:
    """Remove a file or a folder with all in it behind the block, if it is still there then."""
    with in_haste(lambda: remove(path)):
        try:
            yield path
        finally:
            remove(path)


@contextlib.contextmanager
def passing_folder(prefix: str = "fleet-", parent: Path | None = None) -> Iterator[Path]:
    """Give an empty folder that goes with the block.

    Args:
        prefix: its name begins so.
        parent: where it is made, open to whom the caller's umask says, as what is in it may move
            to a place that stays; None: where the system keeps such, open to nobody else.
    """
    with contextlib.ExitStack() as until_then:
        with whole():
            if parent is None:
                folder, number = temporary(prefix)
                until_then.callback(os.close, number)
            else:
                folder = _made(parent, prefix)
            until_then.enter_context(passing(folder))
        yield folder


@contextlib.contextmanager
def becoming(path: Path, what: str, check: Callable[[Path], None]) -> Iterator[Path]:
    """Give a temporary folder that becomes `path` if the block ends well, and vanishes if not.

    A folder of that name from before is replaced.

    Args:
        path: the place.
        what: is written there, in words.
        check: refuses a place at which it may not appear; called before anything is replaced.

    Raises:
        InputError: the place cannot be written.
    """
    with contextlib.ExitStack() as until_then:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = until_then.enter_context(passing_folder(f".{path.name}-", path.parent))
        except OSError as error:
            raise InputError(f"cannot write {what} to '{path}': {error.strerror}") from None
        yield folder
        check(path)
        with passing(folder.with_name(f"{folder.name}-old")) as old, whole():
            if path.exists():
                path.replace(old)
            folder.replace(path)


def temporary(prefix: str = "fleet-") -> tuple[Path, int]:
    """Make an empty folder where the system keeps such, open to nobody else, and lock it.

    Those of processes that are gone are removed first.

    Returns:
        the folder, which the caller removes, and the number of the file that holds its lock as long
        as it is open.
    """
    _sweep(prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{_MARK}"))
    number = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):  # where there are no locks nothing is swept either
        fcntl.flock(number, fcntl.LOCK_SH)
    return folder, number


def _sweep(prefix: str) -> None:
    """Remove folders of the system's place for such that nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}{_MARK}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < _YOUNG_S:
                continue
            number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(number)


def _made(parent: Path, prefix: str) -> Path:
    """Make a folder of a new name."""
    folder = parent / f"{prefix}{secrets.token_hex(4)}"
    folder.mkdir()
    return folder


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, if it is there and that can be done."""
    for _ in range(100):  # in haste, the main thread may still be writing there
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if not path.exists():
            return
