"""The SHA-256 of everything in a dataclass: arrays, numbers, text, and more such in tuples."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import numpy as np

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
    elif isinstance(value, tuple):
        sha.update(f"({len(value)}".encode())
        if value and all(type(part) is str for part in value):  # a million names at once
            sha.update("".join(f"{len(part)}:" for part in value).encode())
            sha.update("".join(value).encode())
        else:
            for part in value:
                _feed(sha, part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _feed(sha, getattr(value, field.name))
    else:
        sha.update(f"{type(value).__name__}:{value!r};".encode())
