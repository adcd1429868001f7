"""The memory of a process and of all that it started."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

_PROC = Path("/proc")


def tree_bytes(pid: int) -> int | None:
    """Return the memory of a process and its descendants; bytes, None where nobody says.

    Pages that several of them share count once (the proportional set size of Linux).
    """
    if not (_PROC / "self/smaps_rollup").exists():
        return None
    return sum(_own_bytes(each) for each in _descendants(pid))


def _own_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(ln.split()[1]) * 1024 for ln in lines if ln.startswith("Pss:")), 0)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir(_PROC):  # noqa: PTH208 - names are all that is wanted
        if entry.isdigit():
            try:
                parent = (_PROC / entry / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            children.setdefault(int(parent), []).append(int(entry))
    pids, new = [], [pid]
    while new:
        pids += new
        new = [child for parent in new for child in children.get(parent, [])]
    return pids


_SHARE = 0.02
"""What looking takes of a core at most: the kernel walks all pages of a process for it."""


class Watch:
    """Looks at the memory of a process and its descendants from time to time."""

    def __init__(self, pid: int, every_s: float = 0.25) -> None:
        """Begin to look, as often as stated or as one core has time for.

        A peak that is over before the next look is not seen.
        """
        self.pid, self.every_s, self.peak_bytes = pid, every_s, 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        wait_s = self.every_s
        while not self._done.wait(wait_s):
            began = time.thread_time()
            self.peak_bytes = max(self.peak_bytes, tree_bytes(self.pid) or 0)
            wait_s = max(self.every_s, (time.thread_time() - began) / _SHARE)

    def stop(self) -> int | None:
        """Stop looking; return the most that was seen, None where nobody says."""
        self._done.set()
        self._thread.join()
        return self.peak_bytes or None
