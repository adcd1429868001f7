"""The two calls of the Python API that run and compare; `fleet` re-exports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fleet.units as units
from fleet.errors import InputError
from fleet.plan.placing import Placement
from fleet.results.record import Record
from fleet.running.run import Options
from fleet.scenario.load import Scenario, load
from fleet.study import experiment
from fleet.study.compare import compare as compare_runs


def run(
    scenario: Scenario | str | Path,
    *,
    arms: Sequence[str] | None = None,
    placements: Mapping[str, Placement] | None = None,
    seed: int | None = None,
    engine: str = "columns",
    executor: str = "ray",
    shards: int | None = None,
    window: str | None = None,
    ray_address: str | None = None,
    save: str | Path | None = None,
    force: bool = False,
) -> Record:
    """Run all arms and replications of a scenario.

    Args:
        scenario: what `load` gave, or the path of a scenario file.
        arms: arms to run; None: all.
        placements: further arms by name: each a function that takes a sensor (`name`, `group`,
            `site`) and returns the name of the arm whose equipment it gets.
        seed: replaces the scenario's seed.
        engine: 'columns' or 'reference'.
        executor: 'ray', or 'local' for this process; the result is the same.
        shards: number of shards; None: under Ray one for each CPU that no region needs, else
            one.
        window: length of a window, such as '2 s'; None: chosen.
        ray_address: a Ray cluster to join.
        save: folder to write the results and figures to.
        force: replace results of another scenario that are there.

    Raises:
        InputError: something in the scenario or the arguments cannot be used.
        RunError: a run broke a promise.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    if seed is not None:
        loaded = loaded.changed(f"seed={seed}")
    for name, value, known in (
        ("engine", engine, ("columns", "reference")),
        ("executor", executor, ("ray", "local")),
    ):
        if value not in known:
            raise InputError(f"{name} {value!r} is not one of {', '.join(known)}")
    options = Options(
        engine=engine,
        executor=executor,
        shards=shards,
        window_ns=None if window is None else units.time_ns(window),
        ray_address=ray_address,
    )
    if save is not None:
        from fleet.results.store import check_place

        check_place(Path(save), None if force else loaded.model.name)
    record = experiment.run(loaded, arms=arms, placements=placements, options=options)
    if save is not None:
        from fleet.show.folder import write_folder

        write_folder(record, Path(save))
    return record


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
