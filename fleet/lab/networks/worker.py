"""The process in which a stranger's model is loaded and run: `python -m fleet.lab.networks.worker`.

It sets itself limits, goes where no file is, and answers what it is asked (`apart`), until nobody
asks any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fleet.errors import InputError
from fleet.lab.networks import quantise
from fleet.lab.networks.messages import Line, Message, arrays_of, described
from fleet.lab.networks.session import Port, Session, TooLargeError, blank, runtime_version

_WARM_UP = 2
_MOST_FILE_BYTES = 512 * 2**20
"""What may be written, and only by the tools that make networks of eight bits."""


class _Answers:
    """Answers to what is asked of a network."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._session: Session

    def open(self, head: dict[str, Any], blocks: list[bytes]) -> Message:
        """Load a model."""
        self._session = Session(blocks[0], self._name, optimised=head["optimised"])
        return {
            "inputs": [_port(port) for port in self._session.inputs],
            "outputs": [_port(port) for port in self._session.outputs],
            "metadata": self._session.metadata,
        }, []

    def run(self, head: dict[str, Any], blocks: list[bytes]) -> Message:
        """Run it."""
        arrays, outputs = described(self._session.run(*arrays_of(head["arrays"], blocks)))
        return {"arrays": arrays}, outputs

    def time(self, head: dict[str, Any], _: list[bytes]) -> Message:
        """Time it, with each of some numbers of pictures."""
        return {"times_ns": [self._timed(b, head["repeats"]) for b in head["batches"]]}, []

    def _timed(self, batch: int, repeats: int) -> list[int]:
        inputs = blank(self._session.inputs, batch)
        for _ in range(_WARM_UP):
            self._session.run(*inputs)
        times = []
        for _ in range(repeats):
            begin = time.perf_counter_ns()
            self._session.run(*inputs)
            times.append(time.perf_counter_ns() - begin)
        return times

    def quantise(self, head: dict[str, Any], blocks: list[bytes]) -> Message:
        """Make a model in eight bits, in a folder for files that pass."""
        *samples, data = blocks
        tempfile.tempdir = head["folder"]
        _limit(resource.RLIMIT_FSIZE, _MOST_FILE_BYTES)
        made = quantise.quantised(data, self._name, arrays_of(head["arrays"], samples))
        _limit(resource.RLIMIT_FSIZE, 0)
        return {}, [made]


def _port(port: Port) -> tuple[str, Sequence[int | None], str]:
    return port.name, port.shape, port.dtype.name


def _restrain(memory_bytes: int) -> None:
    """Set limits on this process; what is loaded by now does not count."""
    runtime_version()  # loads the runtime
    most = _used_bytes() + memory_bytes
    for kind, limit in (
        (resource.RLIMIT_AS, most), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _MOST_FILE_BYTES),
    ):  # fmt: skip
        # Some systems refuse some limits; the limit of time by the clock holds everywhere.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))
    _limit(resource.RLIMIT_FSIZE, 0)


def _go_where_no_file_is() -> None:
    """Go into a folder that is there no more: nothing can be found in it, nor put into it."""
    nowhere = tempfile.mkdtemp()
    os.chdir(nowhere)
    Path(nowhere).rmdir()


def _limit(kind: int, limit: int) -> None:
    """Set a limit that can be raised again."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))


def _used_bytes() -> int:
    """Return the address space that this process takes, 0 if the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _end_with(parent: int) -> None:
    """End this process when the one that asks is gone, even in the middle of a run."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main() -> None:
    """Answer until nobody asks any more."""
    limits = json.loads(sys.argv[1])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _go_where_no_file_is()
    _restrain(limits["memory_bytes"])
    line, answers = Line(socket.socket(fileno=0)), _Answers(limits["name"])
    with contextlib.suppress(EOFError):
        while True:
            head, blocks = line.receive()
            _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + limits["cpu_s"])
            try:
                said, outputs = getattr(answers, head["do"])(head, blocks)
            except (TooLargeError, MemoryError):
                problem = f"needs more than {limits['memory_bytes']:,} B of memory"
                said, outputs = _refusal(f"{limits['name']}: {problem}; give a smaller model", True)
            except InputError as error:
                said, outputs = _refusal(str(error), False)
            line.send(said, outputs)


def _refusal(problem: str, is_large: bool) -> Message:
    return {"error": problem, "is_large": is_large}, []


if __name__ == "__main__":
    main()
