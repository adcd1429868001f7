"""A process that does one task after the other: `python -m fleet.study.worker FD PID`.

It is a program of its own, so that a script which starts a study is not begun again in it. It
talks with who started it over a socket, and goes when that is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection

from fleet.study.team import Tell, Told

_EVERY_S = 0.1
"""Wall time from one word on how far it is to the next, at least."""


def main(fd: int, parent: int) -> None:
    """Do what comes over a socket until it is closed.

    Args:
        fd: of the socket, over which first the work and what tasks share comes, then tasks.
        parent: the process that sends them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who waits for us
    with Connection(fd) as asked:
        try:
            work, given = asked.recv()
            while True:
                asked.send(work(given, asked.recv(), _teller(asked, parent)))
        except (EOFError, OSError):
            return


def _teller(asked: Connection, parent: int) -> Tell:
    """Return what tells over a socket how far a task is, and ends this process without parent."""
    last_s = time.monotonic()

    def tell(share: float) -> None:
        nonlocal last_s
        if os.getppid() != parent:
            os._exit(1)
        now_s = time.monotonic()
        if now_s - last_s >= _EVERY_S:
            last_s = now_s
            asked.send(Told(share))

    return tell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
