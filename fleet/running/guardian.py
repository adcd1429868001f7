"""A guardian of what this process has started: when this process is gone it ends the rest.

It is a small process of its own that nothing else depends on, as what kills this one may be what
nobody can catch. Whom to end it knows by a variable in their environment, which children inherit.
Where a process has written another title over that, it goes by files that it has open; whoever only
reads a log there has an environment to show, and is spared.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MARK = "FLEET_GUARDED"
"""The variable; its value is the folder of their files, which no two have in common."""
_WAIT_S = 10

# It reads until the other end is closed, by whatever; then looks for what has the mark until there
# is nothing more, and removes the folder. Without `/proc` (on a Mac) it removes the folder only.
_CODE = """
import os, shutil, signal, sys, time
mark, folder = sys.argv[1:]
spared = os.getpid(), os.getppid()
sys.stdin.read()
def marked():
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                first, *rest = file.read().split(b"\\0")
            files = (f"/proc/{name}/fd/{number}" for number in os.listdir(f"/proc/{name}/fd"))
            if f"{mark}={folder}".encode() in (first, *rest) or b"=" not in first and any(
                os.readlink(file).startswith(folder + "/") for file in files
            ):
                yield int(name)
        except OSError:
            pass
for _ in range(50):
    marks = [number for number in marked() if number not in spared]
    for number in marks:
        try:
            os.kill(number, signal.SIGKILL)
        except OSError:
            pass
    shutil.rmtree(folder, ignore_errors=True)
    if not marks and not os.path.exists(folder):
        break
    time.sleep(0.1)
"""


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Have all processes that are started within the block end with it, or with this process.

    Args:
        folder: of their files; it is removed then.
    """
    # Without the mark in its own environment, and in a session of its own, so that no signal for
    # the command's group reaches it.
    guardian = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CODE, MARK, str(folder)], stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
    )  # fmt: skip
    os.environ[MARK] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(MARK, None)
        assert guardian.stdin is not None
        guardian.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            guardian.wait(_WAIT_S)
