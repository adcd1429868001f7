"""A folder whose results are replaced: what others have put there stays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from fleet.telling import tell


def take_along(old: Path, new: Path, ours: Collection[str]) -> None:
    """Put what is not ours in a folder into the one that replaces it, and say that it is replaced.

    Args:
        old: the folder; where there is none, nothing is done.
        new: the other.
        ours: names in the folder that are of what is replaced.
    """
    if not old.is_dir():
        return
    there = [one for one in old.iterdir() if one.name not in ours]
    others = [one for one in there if not (new / one.name).exists()]
    for one in others:
        if one.is_dir() and not one.is_symlink():
            shutil.copytree(one, new / one.name, symlinks=True, copy_function=_linked)
        else:
            _linked(one, new / one.name)
    kept = f"; kept: {', '.join(sorted(one.name for one in others))}" if others else ""
    tell(f"replaced what was in '{old}'{kept}")


def _linked(source: str | Path, target: str | Path) -> None:
    """Put a file at a second place, without a copy where the system can do that."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
