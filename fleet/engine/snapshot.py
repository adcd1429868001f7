"""The state of a run as named arrays: what a process must remember to go on where it was.

Everything is plain arrays, so a state can be written to a file without pickle and read by anybody.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import as_table
from fleet.errors import InputError

State = dict[str, NDArray[Any]]
_SUM = "sha256"


def nest(name: str, state: Mapping[str, NDArray[Any]]) -> State:
    """Return a state with its names below another name."""
    return {f"{name}/{key}": value for key, value in state.items()}


def below(name: str, state: Mapping[str, NDArray[Any]]) -> State:
    """Return what `nest` put below a name."""
    start = f"{name}/"
    return {key[len(start) :]: value for key, value in state.items() if key.startswith(start)}


def fields(thing: object, names: tuple[str, ...]) -> State:
    """Return some attributes of a thing, arrays or whole numbers, as a state."""
    return {name: np.asarray(getattr(thing, name)) for name in names}


def set_fields(thing: object, state: State, names: tuple[str, ...]) -> None:
    """Set what `fields` returned; arrays become the thing's own."""
    for name in names:
        value = state[name]
        setattr(thing, name, value.copy() if value.ndim else int(value))


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Give the place of a draft, which becomes the file when the block is done: all or nothing."""
    draft = path.with_name(f".{path.name}")
    yield draft
    draft.replace(path)


def write(path: Path, state: State) -> None:
    """Write a state to a file with a sum of it, all or nothing."""
    summed = {**state, _SUM: np.asarray(_sum(state))}
    with drafted(path) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **summed)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text to a file that is on the disk when this returns."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Have what a folder lists on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _restored(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.dtype.names is None else as_table(array)


def _sum(state: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of the names, kinds, shapes and values of a state."""
    sha = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        sha.update(f"{name}:{array.dtype.descr}{state[name].shape};".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def read(path: Path) -> State:
    """Read a state from a file.

    Raises:
        InputError: the file is not there, not whole, or not as it was written.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            state = {name: held[name] for name in held.files}
    except OSError as error:
        raise InputError(f"{path}: cannot read this checkpoint: {error}") from None
    except Exception as error:  # zipfile, zlib and the reader of headers have their own kinds
        raise InputError(f"{path}: this checkpoint is damaged: {error}") from None
    if str(state.pop(_SUM, "")) != _sum(state):
        raise InputError(f"{path}: this checkpoint is damaged: its sha256 is of something else")
    return {name: _restored(array) for name, array in state.items()}
