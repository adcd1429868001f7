"""How much memory this process may take, and a word before something takes more."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

from fleet.errors import InputError

_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def limit_bytes() -> int:
    """Return what the machine, its container and the process's own limit let it take at most."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # none there, or "max"
            limits.append(int(path.read_text()))
    own = resource.getrlimit(resource.RLIMIT_AS)[0]
    return min(limits if own == resource.RLIM_INFINITY else [*limits, own])


def require(needed: int, what: str, remedy: str) -> None:
    """Refuse what takes more memory than there is.

    Args:
        needed: bytes that it takes, about.
        what: takes them, in words.
        remedy: what to do instead.

    Raises:
        InputError: there is less; says both.
    """
    most = limit_bytes()
    if needed > most:
        raise InputError(
            f"{what} would take about {needed / 1e9:,.1f} GB, and there are {most / 1e9:,.1f} GB"
            f" for this process; {remedy}"
        )
