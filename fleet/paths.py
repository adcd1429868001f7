"""What stands at a path; where a name is longer than any file's may be, nothing does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from fleet.errors import InputError

LONGEST_NAME = 200
"""Bytes of a name that we make others from, with endings; file systems take 255."""


def is_file(path: Path) -> bool:
    """Return whether a file stands there."""
    return _asked(path.is_file)


def is_dir(path: Path) -> bool:
    """Return whether a folder stands there."""
    return _asked(path.is_dir)


def exists(path: Path) -> bool:
    """Return whether anything stands there."""
    return _asked(path.exists)


def check_name(path: Path) -> None:
    """Refuse a path of which the name is too long for drafts and endings.

    Raises:
        InputError: it is; says by how much.
    """
    size = len(os.fsencode(path.name))
    if size > LONGEST_NAME:
        raise InputError(
            f"'{path.name[:20]}...' is a name of {size} bytes, more than {LONGEST_NAME}; choose a"
            " shorter one"
        )


def _asked(what: Callable[[], bool]) -> bool:
    try:
        return what()
    except (OSError, ValueError):  # such as too long a name, or a zero byte in it
        return False
