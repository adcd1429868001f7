"""The journal of a study: a line for each run that is done, on the disk before the next is told.

What was cut off in the middle of a line is dropped; a study that is killed loses at most the runs
that were under way. One process at a time holds a study: a lock says which, and goes with it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fleet.errors import InputError, RunError
from fleet.interrupt import whole
from fleet.running.lock import Holder, held


class Run(NamedTuple):
    """A run of a study: a point, an arm and a replication."""

    point: str
    arm: str
    replication: int


Row = dict[str, Any]
"""A line: point, arm, replication, trial, status, frames, seconds, error or values."""


class Journal:
    """The journal in a file, and what stands in it.

    Attributes:
        rows: by run, the last line of it.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there, and drop a last line that is not whole.

        Raises:
            InputError: it is damaged, or cannot be read or written.
        """
        self.path, self.rows = path, dict[Run, Row]()
        try:
            path.touch()
            text = path.read_bytes()
            size = text.rfind(b"\n") + 1
            if size < len(text):
                os.truncate(path, size)
        except OSError as error:
            raise InputError(f"cannot use '{path}': {error.strerror}") from None
        for number, line in enumerate(text[:size].splitlines(), start=1):
            try:
                row = json.loads(line)
                self.rows[Run(row["point"], row["arm"], row["replication"])] = row
            except (ValueError, TypeError, KeyError):
                raise InputError(
                    f"{path}:{number}: is no line of a journal; remove it, and its run is done anew"
                ) from None

    def add(self, run: Run, row: Row) -> None:
        """Write a line that is on the disk when this returns.

        Raises:
            RunError: it cannot be written, as on a full disk; what stands there stays.
        """
        self.extend([(run, row)])

    def extend(self, rows: Iterable[tuple[Run, Row]]) -> None:
        """Write lines that are on the disk when this returns.

        Raises:
            RunError: they cannot be written, as on a full disk; what stands there stays.
        """
        lines = {
            run: json.dumps({**run._asdict(), **row}, ensure_ascii=False) + "\n"
            for run, row in rows
        }
        with written(self.path), whole(), self.path.open("ab") as file:
            file.write("".join(lines.values()).encode())
            file.flush()
            os.fsync(file.fileno())
        self.rows |= {run: json.loads(line) for run, line in lines.items()}


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Tell what cannot be written in the block in words.

    Raises:
        RunError: of an error of the system, such as a full disk.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write '{path}': {error.strerror}; make room there") from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which nobody else does until the end of the block or of this process.

    Raises:
        InputError: somebody else does; says who, and since when.
    """
    with held(folder, _in_use):
        yield


def _in_use(folder: Path, who: Holder) -> str:
    told = f"{who.get('pid')} since {who.get('since')}" if who else "(starting)"
    return f"'{folder}' is held by process {told}; wait for it, or choose another folder with -o"
