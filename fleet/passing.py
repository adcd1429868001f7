"""Files and folders that go with a block, however it ends: also when the process ends in haste."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fleet.interrupt import in_haste, whole


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
            folder = _made(parent, prefix) if parent else Path(tempfile.mkdtemp(prefix=prefix))
            until_then.enter_context(passing(folder))
        yield folder


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
