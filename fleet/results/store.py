"""A run's folder: written under a temporary name, then renamed, so a reader sees all or nothing."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fleet import paths
from fleet.catalog import Catalog
from fleet.errors import InputError
from fleet.interrupt import check, whole
from fleet.passing import becoming, passing_folder
from fleet.results.inputs import copy_inputs, write_placements
from fleet.results.metric_table import metric_table
from fleet.results.record import FILES, Record
from fleet.results.replaced import take_along
from fleet.results.tables import frame_table
from fleet.running.run import Outcome

_OF = b"scenario"
"""Where a file of frames says whose they are."""
_PACKAGES = ("sensor-fleet", "ray", "simpy", "numpy", "numba", "pyarrow", "pydantic")


def check_place(path: Path, scenario: str | None = None) -> None:
    """Refuse a place at which no result folder may appear.

    Args:
        path: the place.
        scenario: whose results shall appear there; None: those of any other may be replaced.

    Raises:
        InputError: something else stands there.
    """
    if not path.name:
        raise InputError(f"'{path}' is no name for a result folder; choose another place")
    paths.check_name(path)
    if not paths.exists(path):
        return
    if not (path / "summary.json").is_file():
        raise InputError(f"'{path}' is there and is not a result folder; choose another place")
    if scenario is not None:
        _check_own(path, _scenario_in(path), scenario)


def check_frames_place(path: Path, scenario: str | None = None) -> None:
    """Refuse a folder in which no frames may be written; see `check_place`.

    Raises:
        InputError: it is no folder, or has frames that are not the scenario's.
    """
    paths.check_name(path)
    if paths.exists(path) and not path.is_dir():
        raise InputError(f"--frames '{path}' is there and is not a folder; choose another place")
    if scenario is None:
        return
    for file in sorted(path.glob("*.parquet")):
        _check_own(file, _frames_of(file), scenario)


def _frames_of(file: Path) -> str:
    """Return of which scenario a file has frames; empty if it has none."""
    try:
        return str((pq.read_schema(file).metadata or {}).get(_OF, b"").decode())
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError):
        return ""


def _scenario_in(path: Path) -> str:
    """Return whose results a folder holds; empty if it does not say."""
    try:
        return str(json.loads((path / "summary.json").read_text("utf-8"))["scenario"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _check_own(path: Path, of: str, scenario: str) -> None:
    if of != scenario:
        holds = f"scenario '{of}'" if of else "a scenario that it does not name"
        raise InputError(
            f"'{path}' is of {holds}, not of '{scenario}'; choose another place, or remove it, as"
            " 'fleet run --force' and 'fleet.run(..., force=True)' do"
        )


def write(path: Path, record: Record) -> None:
    """Write a result folder, from which `Record.load` gives the record back.

    Args:
        path: the folder.
        record: its contents; the scenario is written as YAML with its overrides in place.
    """
    with becoming(path, "results", check_place) as folder:
        _write_json(folder / "summary.json", record.summary)
        _write_json(folder / "replications.json", record.numbers)
        text = yaml.safe_dump(record.scenario.data, sort_keys=False, allow_unicode=True)
        (folder / "scenario.yaml").write_text(text, encoding="utf-8")
        for name, table in record.tables._asdict().items():
            check()
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        metrics = metric_table(record.numbers)
        pq.write_table(metrics, folder / "metrics.parquet", compression="zstd")
        kept = {
            "inputs": copy_inputs(record.scenario, folder),
            "placements": write_placements(record.placements, folder),
        }
        _write_json(folder / "run.json", {**provenance(record), **kept})
        take_along(path, folder, _ours(path))


_OURS = {*FILES, "metrics.parquet", "placements", "figures", "report.html"}
"""What stands in a result folder, besides its inputs; figures are of what was there."""


def _ours(folder: Path) -> set[str]:
    """Return what in a result folder is of the run in it."""
    try:
        inputs = [str(name) for name in json.loads((folder / "run.json").read_text())["inputs"]]
    except (OSError, ValueError, LookupError, TypeError):
        inputs = []
    return {*_OURS, *(name.partition("/")[0] for name in inputs)}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def provenance(record: Record) -> dict[str, Any]:
    """Return what made a result: what was asked, when, what ran it, and where.

    `catalogue` is the SHA-256 of all packaged rows; those used are in `summary.json`.
    """
    summary, scenario = record.summary, record.scenario
    return {
        "run_id": summary["run_id"],
        "scenario": summary["scenario"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command(),
        "scenario_file": str(scenario.document.path),
        "overrides": list(scenario.overrides),
        "seed": summary["seed"],
        "replications": summary["replications"],
        "fingerprint": summary["fingerprint"],
        "plans": {arm: [o.plan.digest() for o in runs] for arm, runs in record.outcomes.items()},
        "chance": "SplitMix64 by (seed, replication, stream, BLAKE2b of the name)",
        "catalogue": Catalog.load().digest(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_commit": _git_commit(),
        "host": summary["host"],
    }


def command() -> str:
    """Return the command line of this process, without where its program is installed."""
    program, *arguments = sys.argv or [""]
    path = Path(program)
    return shlex.join([path.parent.name if path.name == "__main__.py" else path.name, *arguments])


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of the source tree that this package is in, None if it is in none."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def write_frames(folder: Path, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Write every frame as Parquet, a file for each arm and replication, all of them or none.

    Each is in order of (sensor, frame). Frames of a run before go; other files stay.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with passing_folder(".frames-", folder) as draft:
            for arm, runs in outcomes.items():
                for replication, outcome in enumerate(runs):
                    check()
                    name = outcome.plan.scenario.encode()
                    table = frame_table(outcome).replace_schema_metadata({_OF: name})
                    pq.write_table(table, draft / f"{arm}-{replication}.parquet")
            with whole():
                for old in folder.glob("*.parquet"):
                    if _frames_of(old):
                        old.unlink()
                for new in draft.iterdir():
                    new.replace(folder / new.name)
    except OSError as error:
        raise InputError(f"cannot write frames to '{folder}': {error.strerror}") from None
