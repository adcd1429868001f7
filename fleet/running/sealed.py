"""Small JSON files that hold a sum of themselves, which says whether they were changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet.engine.snapshot import write_text

_SUM = "sha256"


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write values that JSON holds to a file that is on the disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    write_text(path, json.dumps({**values, _SUM: _sum(values)}, indent=1))


def read(path: Path) -> dict[str, Any]:
    """Return what `write` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not as it was written; says how.
    """
    try:
        held = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(held, dict) or _SUM not in held:
        raise ValueError(f"it has no {_SUM}")
    if held.pop(_SUM) != _sum(held):
        raise ValueError("it was changed since it was written, as its sha256 says")
    return held


def _sum(values: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(values))  # as they are read again: tuples are lists
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
