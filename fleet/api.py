"""The two calls of the Python API that run and compare; `fleet` re-exports them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fleet.units as units
from fleet.errors import InputError
from fleet.plan.placing import Placement
from fleet.results import store
from fleet.results.record import Record
from fleet.running.options import Engine, Options, Place
from fleet.scenario.load import Scenario, load
from fleet.study import experiment
from fleet.study.compare import compare as compare_runs


def run(
    scenario: Scenario | str | Path,
    *,
    arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None,
    seed: int | None = None,
    replications: int | None = None,
    overrides: Mapping[str, object] | None = None,
    engine: str = Engine.columns,
    executor: str = Place.ray,
    shards: int | None = None,
    window: str | None = None,
    ray_address: str | None = None,
    save: str | Path | None = None,
    frames: str | Path | None = None,
    force: bool = False,
) -> Record:
    """Run all arms and replications of a scenario.

    Args:
        scenario: what `load` gave, or the path of a scenario file.
        arms: arms to run; None: all.
        placements: further arms by name: each a function that takes a sensor (`name`, `group`,
            `site`) and returns the name of the arm whose equipment it gets.
        seed: replaces the scenario's seed.
        replications: replaces the scenario's number of replications.
        overrides: replaces values of the scenario by the paths of their keys, such as
            `{"cloud.servers": 4, "links.wan.rate": "1 Gbit/s"}`.
        engine: 'columns' or 'reference'.
        executor: 'ray', or 'local' for this process; the result is the same.
        shards: number of shards; None: under Ray one for each CPU that no region needs, else
            one.
        window: length of a window, such as '2 s'; None: chosen.
        ray_address: a Ray cluster to join.
        save: folder to write the results and figures to.
        frames: folder to write every frame to, as Parquet.
        force: replace results of another scenario that are there.

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
        RunError: a run broke a promise.
    """
    own = {"seed": seed, "replications": replications}
    asked = {**(overrides or {}), **{key: value for key, value in own.items() if value is not None}}
    changes = [_override(key, value) for key, value in asked.items()]
    if isinstance(scenario, Scenario):
        loaded = scenario.changed(*changes) if changes else scenario
    else:
        loaded = load(scenario, changes)
    options = Options(
        engine=engine,
        executor=executor,
        shards=shards,
        window_ns=None if window is None else units.time_ns(window),
        ray_address=ray_address,
        keep=frames is not None,
    )
    _check_places(save, frames, None if force else loaded.model.name)
    record = experiment.run(loaded, arms=arms, placements=placements, options=options)
    _write(record, save, frames)
    return record


def _check_places(save: str | Path | None, frames: str | Path | None, name: str | None) -> None:
    """Refuse places at which nothing may be written."""
    if save is not None:
        store.check_place(Path(save), name)
    if frames is not None:
        store.check_frames_place(Path(frames), name)


def _write(record: Record, save: str | Path | None, frames: str | Path | None) -> None:
    if save is not None:
        from fleet.show.folder import write_folder

        write_folder(record, Path(save))
    if frames is not None:
        store.write_frames(Path(frames), record.outcomes)


def _override(key: str, value: object) -> str:
    """Return a replaced value as the command line takes it."""
    try:
        return f"{key}={json.dumps(value, allow_nan=False)}"
    except (TypeError, ValueError):
        raise InputError(
            f"overrides: {key} is {value!r}, must be what a scenario file can hold: text, numbers,"
            " true, false, lists and mappings"
        ) from None


def compare(record: Record, baseline: str | None = None) -> dict[str, Any]:
    """Return every arm of a record against a baseline, paired by replication.

    Args:
        record: what `run` gave.
        baseline: an arm; None: the scenario's, else 'cloud', else the first arm.

    Returns:
        see `fleet.study.compare.compare`.

    Raises:
        InputError: the baseline is not an arm of the record.
    """
    chosen = baseline or record.summary["comparison"]["baseline"]
    if chosen not in record.numbers:
        raise InputError(f"no arm '{chosen}'; arms: {', '.join(record.numbers)}")
    return compare_runs(record.numbers, chosen)
