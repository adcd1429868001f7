"""What results were made of, and which of that is another in other results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fleet import paths
from fleet.errors import InputError
from fleet.results.inputs import digests
from fleet.results.record import Record
from fleet.results.store import provenance

INPUTS, CATALOGUE, VERSIONS, CODE = "inputs", "catalogue", "versions", "code"
KINDS = (INPUTS, CATALOGUE, VERSIONS, CODE)
OF_STUDIES = (INPUTS, CATALOGUE, VERSIONS)
"""Kinds that a study tells of itself."""


class Change(NamedTuple):
    """Something that is another in one of two records.

    Attributes:
        kind: one of `KINDS`.
        name: what it is, such as a key of the scenario.
        was, now: as texts; None: there is no such thing.
    """

    kind: str
    name: str
    was: str | None
    now: str | None


def changes(one: Record, other: Record) -> list[Change]:
    """Return what two records were made of that is not the same, kind by kind."""
    return changed(_origin(one), _origin(other))


Origin = Mapping[str, Mapping[str, str | None]]
"""What results were made of: texts by name, by kind."""


def changed(was: Origin, now: Origin) -> list[Change]:
    """Return what is not the same, kind by kind."""
    return [
        Change(kind, name, was[kind].get(name), now[kind].get(name))
        for kind in KINDS
        if kind in was
        for name in {**was[kind], **now[kind]}
        # A row that only one of them used is no other row.
        if kind != CATALOGUE or (name in was[kind] and name in now[kind])
        if was[kind].get(name) != now[kind].get(name)
    ]


def _origin(record: Record) -> Origin:
    made = record.made or provenance(record)
    return {
        INPUTS: _inputs(record, made),
        CATALOGUE: _catalogue(record, made),
        VERSIONS: _versions(made),
        CODE: {"commit": made.get("git_commit")},
    }


def of_study(about: Mapping[str, Any]) -> Origin:
    """Return what a study was made of, by what its `study.yaml` says; not by which code.

    Raises:
        LookupError, TypeError, ValueError: it does not say that.
    """
    files = {f"file {name}": _short(sha256) for name, sha256 in dict(about["inputs"]).items()}
    return {
        INPUTS: {**dict(_leaves("", about["says"])), **files},
        CATALOGUE: {"all rows": _short(about["catalogue"])},
        VERSIONS: {name: str(version) for name, version in dict(about["versions"]).items()},
    }


def _inputs(record: Record, made: Mapping[str, Any]) -> dict[str, str | None]:
    if "inputs" in made:
        kept = {name: about["sha256"] for name, about in dict(made["inputs"]).items()}
    else:  # it was not written
        kept = digests([record.scenario])
    files = {f"file {name}": _short(sha256) or "gone" for name, sha256 in kept.items()}
    return {**dict(_leaves("", record.scenario.data)), **files}


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the values of a scenario by their places, such as `cloud.servers` or `events[0].at`."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _leaves(f"{place}.{key}" if place else str(key), below)
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for k, below in enumerate(value):
            yield from _leaves(f"{place}[{k}]", below)
    else:
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield place, said


def _catalogue(record: Record, made: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the rows that were used, and the digest of all packaged ones."""
    used = {
        str(row["name"]): f"{row['value']} {row['unit']}" for row in record.summary["assumptions"]
    }
    return {**used, "all packaged rows": _short(made.get("catalogue"))}


def _versions(made: Mapping[str, Any]) -> dict[str, str | None]:
    of = dict(made.get("packages") or {})
    return {**of, "python": made.get("python"), "platform": made.get("platform")}


def _short(digest: object) -> str | None:
    return None if digest is None else str(digest)[:12]


def check_kept(record: Record) -> None:
    """Refuse a folder of results that does not hold what was run.

    Raises:
        InputError: its scenario or a file of it is another than that which was run, or is gone.
    """
    folder, made = record.folder or Path(), record.made
    if record.scenario.digest != record.summary["scenario"]["digest"]:
        raise InputError(
            f"'{folder / 'scenario.yaml'}' is not the scenario that was run: it was changed since;"
            " put it back, or run it with 'fleet run'"
        )
    for name, about in dict(made["inputs"]).items():
        path = folder / name
        if not about["copied"]:
            raise InputError(
                f"'{folder}' does not hold '{name}', which its scenario names and which lay outside"
                " its folder; run that scenario from its own place, and compare with 'fleet diff'"
            )
        if not paths.is_file(path):
            raise InputError(f"'{path}' is gone, of which the scenario was run; put it back")
        if hashlib.sha256(path.read_bytes()).hexdigest() != about["sha256"]:
            raise InputError(
                f"'{path}' is not the file that was run: its SHA-256 is another; put it back, or"
                " run the scenario with 'fleet run'"
            )
