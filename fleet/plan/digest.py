"""The SHA-256 of everything in a dataclass: arrays, numbers, text, and more such in tuples."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from fleet.catalog import Row
from fleet.catalog.rows import COLUMNS
from fleet.texts import Texts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def digest(whole: DataclassInstance) -> str:
    """Return the SHA-256 of the names and values of all fields, as 64 hexadecimal digits."""
    sha = hashlib.sha256()
    for field in dataclasses.fields(whole):
        sha.update(field.name.encode())
        _feed(sha, getattr(whole, field.name))
    return sha.hexdigest()


def _feed(sha: hashlib._Hash, value: object) -> None:
    if isinstance(value, np.ndarray):
        sha.update(f"{value.dtype}{value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | Texts):
        sha.update(f"({len(value)}".encode())
        if set(map(type, value)) == {str}:  # a million names at once
            sha.update((":".join(map(str, map(len, value))) + ":").encode())
            sha.update("".join(value).encode())
        else:
            for part in value:
                _feed(sha, part)
    elif isinstance(value, Row):
        sha.update(_row(value))
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _feed(sha, getattr(value, field.name))
    else:
        sha.update(_scalar(value))


def _scalar(value: object) -> bytes:
    return f"{type(value).__name__}:{value!r};".encode()


@functools.lru_cache(maxsize=10_000)
def _row(row: Row) -> bytes:
    """Return what is fed of a row of the catalogue, of which plans have the same by the hundred."""
    return b"".join(_scalar(getattr(row, name)) for name in COLUMNS)
