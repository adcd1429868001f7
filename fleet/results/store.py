"""A run's folder: written under a temporary name, then renamed, so a reader sees all or nothing."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fleet.engine.run import Outcome
from fleet.engine.tally import SENSOR_COLUMNS
from fleet.errors import InputError
from fleet.interrupt import check, whole
from fleet.passing import passing, passing_folder
from fleet.plan.columns import Ints
from fleet.results.setups import setups_at
from fleet.scenario.load import Scenario
from fleet.sketch import upper_ns
from fleet.stages import sight
from fleet.stages.books import BIN_NS, FATE_0
from fleet.stages.frames import COLUMNS, FATE, FATE_NAMES, SENSOR, SETUP, SIGHT

_OF = b"scenario"
"""Where a file of frames says whose they are."""
_PACKAGES = ("sensor-fleet", "ray", "simpy", "numpy", "numba", "pyarrow", "pydantic")


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `path` if the block ends well, and vanishes if not.

    A folder of that name from before is replaced.

    Raises:
        InputError: the place cannot be written.
    """
    with contextlib.ExitStack() as until_then:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = until_then.enter_context(passing_folder(f".{path.name}-", path.parent))
        except OSError as error:
            raise InputError(f"cannot write results to '{path}': {error.strerror}") from None
        yield temporary
        temporary.chmod(0o755)
        _swap(temporary, path)


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
    if not path.exists():
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
    if path.exists() and not path.is_dir():
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


def _swap(temporary: Path, path: Path) -> None:
    check_place(path)
    with passing(temporary.with_name(temporary.name + "-old")) as old, whole():
        if path.exists():
            path.replace(old)
        temporary.replace(path)


def write(
    path: Path,
    summary: Mapping[str, Any],
    outcomes: Mapping[str, Sequence[Outcome]],
    scenario: Scenario,
    draw: Callable[[Path], None] | None = None,
) -> None:
    """Write a result folder.

    Args:
        path: the folder.
        summary: the contents of `summary.json`.
        outcomes: by arm, the outcome of each replication.
        scenario: what was run; written as YAML with its overrides in place.
        draw: draws figures into a folder.
    """
    with new_folder(path) as folder:
        _write_json(folder / "summary.json", summary)
        _write_json(folder / "run.json", provenance(summary, outcomes, scenario))
        text = yaml.safe_dump(scenario.data, sort_keys=False, allow_unicode=True)
        (folder / "scenario.yaml").write_text(text, encoding="utf-8")
        for name, make in (
            ("sensors", sensor_table),
            ("series", series_table),
            ("histograms", histogram_table),
        ):
            check()
            parts = [
                _tagged(make(outcome), arm, replication)
                for arm, runs in outcomes.items()
                for replication, outcome in enumerate(runs)
            ]
            pq.write_table(pa.concat_tables(parts), folder / f"{name}.parquet")
        if draw is not None:
            (folder / "figures").mkdir()
            draw(folder / "figures")


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tagged(table: pa.Table, arm: str, replication: int) -> pa.Table:
    n = table.num_rows
    table = table.add_column(0, "replication", pa.array(np.full(n, replication, dtype=np.int32)))
    return table.add_column(0, "arm", pa.array([arm] * n, pa.string()).dictionary_encode())


def provenance(
    summary: Mapping[str, Any], outcomes: Mapping[str, Sequence[Outcome]], scenario: Scenario
) -> dict[str, Any]:
    """Return what made a result: what was asked, what ran it, and where."""
    return {
        "run_id": summary["run_id"],
        "scenario": summary["scenario"],
        "scenario_file": str(scenario.document.path),
        "overrides": list(scenario.overrides),
        "seed": summary["seed"],
        "replications": summary["replications"],
        "fingerprint": summary["fingerprint"],
        "plans": {arm: [o.plan.digest() for o in runs] for arm, runs in outcomes.items()},
        "chance": "SplitMix64 by (seed, replication, stream, BLAKE2b of the name)",
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_commit": _git_commit(),
        "host": summary["host"],
    }


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


def sensor_table(outcome: Outcome) -> pa.Table:
    """Return one row a sensor: where it is, what stands there first and last, and its counts."""
    plan, counts = outcome.plan, outcome.tally.sensors
    (last,) = setups_at(plan, np.arange(plan.size), np.array([plan.end_ns]))
    columns: dict[str, Any] = {
        "sensor": list(plan.names),
        "group": [plan.group_names[g] for g in plan.group_of],
        "site": list(plan.site_of),
        "lon": plan.lon,
        "lat": plan.lat,
        "setup": [plan.setup_names[k] for k in plan.setup_of],
        "setup_at_end": [plan.setup_names[k] for k in last],
        "region": [plan.region_names[r] for r in plan.region_of],
    }
    columns |= {name: counts[:, c] for c, name in enumerate(SENSOR_COLUMNS)}
    columns |= {
        f"frames_{name}": counts[:, FATE_0 + fate] for fate, name in FATE_NAMES.items() if fate
    }
    return pa.table(columns)


def series_table(outcome: Outcome) -> pa.Table:
    """Return the time series in long form: start of the bin, kind, name, value, unit.

    They begin with the bin in which the warm-up ends.
    """
    plan, tally = outcome.plan, outcome.tally
    first = plan.warm_up_ns // BIN_NS
    parts = [
        ("link", plan.class_names, tally.link_bins, "bit"),
        ("results", plan.group_names, tally.result_bins, "frames"),
        ("sum of latencies", plan.group_names, tally.latency_bins, "ns"),
        ("servers", plan.region_names, tally.server_bins, "servers"),
    ]
    starts = np.arange(first, tally.link_bins.shape[1]) * (BIN_NS / 1e9)
    return pa.concat_tables(
        pa.table(
            {
                "start_s": starts,
                "kind": [kind] * len(starts),
                "name": [name] * len(starts),
                "value": bins[i, first:],
                "unit": [unit] * len(starts),
            }
        )
        for kind, names, bins, unit in parts
        for i, name in enumerate(names)
    )


def histogram_table(outcome: Outcome) -> pa.Table:
    """Return the latency histograms: group, highest latency of the bucket in ns, results."""
    plan, latency = outcome.plan, outcome.tally.latency
    group, bucket = np.nonzero(latency)
    return pa.table(
        {
            "group": pa.array([plan.group_names[g] for g in group], pa.string()),
            "latency_ns_upper": upper_ns(bucket.astype(np.int64)),
            "results": latency[group, bucket],
        }
    )


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


def frame_table(outcome: Outcome) -> pa.Table:
    """Return every frame: names, times in ns (-1: not reached), what was seen and fate.

    `setup` is what inferred or encoded the frame at its sensor, null if nothing did.
    """
    rows = outcome.frames()
    ran = pa.array(rows[:, SETUP], mask=rows[:, SETUP] < 0)
    columns: dict[str, Any] = {
        "sensor": pa.array(outcome.plan.names).take(pa.array(rows[:, SENSOR])).dictionary_encode(),
        "setup": pa.array(outcome.plan.setup_names).take(ran).dictionary_encode(),
    }
    columns |= {
        name: rows[:, c]
        for c, name in enumerate(COLUMNS)
        if name not in ("sensor", "setup", "sight", "clock_ns", "fate")
    }
    columns |= _seen(outcome, rows[:, SIGHT])
    fates = pa.array([FATE_NAMES[f] for f in range(len(FATE_NAMES))])
    columns["fate"] = fates.take(pa.array(rows[:, FATE])).dictionary_encode()
    return pa.table(columns)


def _seen(outcome: Outcome, sights: Ints) -> dict[str, Ints]:
    """Return the objects to be found, found, and found wrongly on frames; -1: nobody looked."""
    rows, nobody = outcome.plan.sights.rows, (-1, -1, -1, -1)
    kinds, kind = np.unique(sights, return_inverse=True)
    seen = [nobody if row < 0 else sight.numbers(rows, row) for row in kinds]
    _, *columns = np.array(seen, dtype=np.int64).reshape(-1, 4)[kind].T
    return dict(zip(("objects_wanted", "objects_right", "objects_wrong"), columns, strict=True))
