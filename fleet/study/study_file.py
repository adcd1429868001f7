"""Study files: what is studied, in strict YAML, so that a study has a name and can be asked again.

::

    scenario: ../scenarios/shopping-street.yaml   # relative to this file
    set: {duration: 10 s}                         # replaced in it, by the paths of keys
    design: latin-hypercube                       # grid (usual), latin-hypercube, sobol or list
    points: 32                                    # of the two that are drawn
    vary: {cloud.servers: 1..8, links.wan.rate: 0.5..2 Gbit/s}
    where: cloud.servers >= 2
    arms: [on_sensor, cloud]
    metrics: [latency_ms.p99, power_w.total]      # those that are shown
    replications: 5
    until: latency_ms.p99 ± 5 %                   # then `replications` says how many at most

A design `list` has `file:` instead of `vary:`, a CSV whose header names keys, a row a point.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fleet import paths
from fleet.errors import InputError
from fleet.results.metrics import find
from fleet.scenario import strict_yaml
from fleet.scenario.load import did_you_mean
from fleet.scenario.strict_yaml import Document, Value
from fleet.study.points import DRAWN, GRID, LIST, Drawing

_KEYS = (
    "scenario", "set", "design", "points", "seed", "vary", "file", "where", "arms", "metrics",
    "replications", "until",
)  # fmt: skip
_DESIGNS = (GRID, *DRAWN, LIST)
_MOST_POINTS = 100_000


class StudyFile(NamedTuple):
    """What a study file says.

    Attributes:
        path: where it stands.
        digest: SHA-256 of what it says, whatever its layout.
        scenario: path of the scenario.
        overrides: what replaces values of it.
        vary: by key a spec or a list of values; of a `list` all have as many values as points.
        drawing: how points come of these.
        where: which of them there are.
        arms: which arms run; None: all.
        metrics: which are shown; None: the usual ones.
        replications: how many of each; None: as the scenario says.
        until: how narrow intervals are to be; None: it is not looked.
    """

    path: Path
    digest: str
    scenario: Path
    overrides: dict[str, Any]
    vary: dict[str, Any]
    drawing: Drawing
    where: str | None
    arms: list[str] | None
    metrics: list[str] | None
    replications: int | None
    until: list[str] | None


def is_study(path: str | Path) -> bool:
    """Return whether a file is a study file, not a scenario; what cannot be read is none."""
    file = Path(path)
    if not paths.is_file(file):
        return False
    try:
        return "scenario" in strict_yaml.load(file).data
    except InputError:
        return False


def read(path: str | Path) -> StudyFile:
    """Return what a study file says.

    Raises:
        InputError: it is none; says file and line.
    """
    document = strict_yaml.load(path)
    for key in document.data:
        if key not in _KEYS:
            raise _error(
                document, key, f"unknown key{did_you_mean(key, _KEYS)}; allowed: {', '.join(_KEYS)}"
            )
    take = _Taker(document)
    drawing = _drawing(take)
    text = json.dumps(document.data, sort_keys=True, ensure_ascii=False)
    vary = take("vary", _mapping) or {}
    if drawing.kind == LIST:
        if vary or take("file", _word) is None:
            raise _error(document, "design", "a list has 'file', a CSV, and no 'vary'")
        vary, listed = _listed(document.path.parent / str(take("file", _word)))
        text += listed
    elif "file" in document.data:
        raise _error(document, "file", "is for the design 'list'")
    elif not vary:
        raise _error(document, "vary", "say what varies, such as {cloud.servers: 1..8}")
    return StudyFile(
        document.path, hashlib.sha256(text.encode()).hexdigest(), _scenario(take),
        take("set", _mapping) or {}, vary, drawing, take("where", _word), take("arms", _words),
        _metrics(take), take("replications", _count), _until(take),
    )  # fmt: skip


class _Taker:
    """Takes values of a document, each checked."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def __call__(self, key: str, check: Callable[[Value], str]) -> Any:
        """Return what stands there, None if nothing does.

        Raises:
            InputError: it is not what `check` wants.
        """
        value = self.document.data.get(key)
        if value is None:
            return None
        problem = check(value)
        if problem:
            raise _error(self.document, key, f"{str(value)[:60]!r} {problem}")
        return value


def _error(document: Document, key: str, problem: str) -> InputError:
    return InputError(f"{document.path}:{document.line_of((key,))} {key}: {problem}")


def _word(value: Value) -> str:
    return "" if isinstance(value, str) else "must be a text"


def _words(value: Value) -> str:
    good = isinstance(value, list) and value and all(isinstance(x, str) for x in value)
    return "" if good else "must be a list of names, such as [on_sensor, cloud]"


def _mapping(value: Value) -> str:
    return "" if isinstance(value, dict) else "must be a mapping of keys to values"


def _count(value: Value) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_POINTS
    return "" if good else f"must be a whole number from 1 to {_MOST_POINTS:,}"


def _seed(value: Value) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return "" if good else "must be a whole number, zero or more"


def _drawing(take: _Taker) -> Drawing:
    kind = take("design", _word) or GRID
    if kind not in _DESIGNS:
        raise _error(
            take.document, "design",
            f"'{kind}' is not one of {', '.join(_DESIGNS)}{did_you_mean(kind, _DESIGNS)}",
        )  # fmt: skip
    points, seed = take("points", _count), take("seed", _seed)
    if kind in DRAWN:
        if points is None:
            raise _error(take.document, "design", f"'{kind}' needs 'points', how many are drawn")
        return Drawing(kind, points, seed or 0)
    for key, value in (("points", points), ("seed", seed)):
        if value is not None:
            raise _error(take.document, key, f"is for the designs {' and '.join(DRAWN)}")
    return Drawing(kind)


def _scenario(take: _Taker) -> Path:
    named = take("scenario", _word)
    if named is None:
        raise InputError(f"{take.document.path}:1 scenario: is missing; name a scenario file")
    path = Path(take.document.path.parent / str(named))
    if not paths.is_file(path):
        raise _error(take.document, "scenario", f"file '{named}' not found; it is relative to this")
    return path


def _metrics(take: _Taker) -> list[str] | None:
    metrics: list[str] | None = take("metrics", _words)
    for name in metrics or ():
        if find(name) is None:
            raise _error(
                take.document, "metrics", f"no metric '{name}'; docs/GLOSSARY.md lists all"
            )
    return metrics


def _until(take: _Taker) -> list[str] | None:
    """Return what is written as a text, or as a list of several."""
    if isinstance(take.document.data.get("until"), str):
        return [str(take("until", _word))]
    texts: list[str] | None = take("until", _demands)
    return texts


def _demands(value: Value) -> str:
    return "must be such as 'latency_ms.p99 ± 5 %', or a list of such" if _words(value) else ""


def _listed(path: Path) -> tuple[dict[str, Any], str]:
    """Return the values of each key of a list of points, and its text.

    A header may have a unit in brackets, as tables of studies do: `links.wan.rate (Mbit/s)`.
    """
    try:
        text = path.read_text("utf-8-sig")
        header, *rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        what = "it is empty" if isinstance(error, ValueError) else error
        raise InputError(f"{path}: is no list of points: {what}") from None
    if not rows:
        raise InputError(f"{path}: has no points; write one a line below the keys")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}:{number}: has {len(row)} values for {len(header)} keys")
    columns: dict[str, Any] = {}
    for k, name in enumerate(header):
        key, _, unit = name.strip().removesuffix(")").partition(" (")
        if key in columns:
            raise InputError(f"{path}:1: '{key}' stands twice; keep one column of it")
        columns[key] = [f"{row[k].strip()} {unit}".strip() for row in rows]
    return columns, text


def as_options(file: StudyFile) -> Mapping[str, Any]:
    """Return what a study file says as arguments of `fleet.study.study.study`."""
    return {
        "vary": file.vary, "drawing": file.drawing, "where": file.where, "arms": file.arms,
        "replications": file.replications, "metrics": file.metrics, "until": file.until or (),
    }  # fmt: skip
