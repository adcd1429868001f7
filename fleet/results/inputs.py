"""The files that a scenario names, copied into its results, which then run anywhere."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet.scenario.load import Scenario
from fleet.scenario.schema import Capture

_CATALOGUE, _TRACES = (".csv", ".yaml", ".yml"), (".parquet",)


def copy_inputs(scenario: Scenario, folder: Path) -> dict[str, dict[str, Any]]:
    """Copy the files that a scenario names into a folder, at the same places beside it.

    Files outside the scenario's own folder, files that are gone and files in the place of results
    stay where they are.

    Returns:
        by name of the file, its SHA-256 (None if it is gone) and whether it was copied.
    """
    taken = {entry.name for entry in folder.iterdir()} | {"figures", "run.json"}  # still to come
    about = {}
    for name in dict.fromkeys(_named(scenario)):
        source = scenario.folder / name
        inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        copied = inside and source.is_file() and Path(name).parts[0] not in taken
        if copied:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else None
        about[name] = {"sha256": sha256, "copied": copied}
    return about


def _named(scenario: Scenario) -> Iterator[str]:
    """Yield the files that a scenario names, relative to its folder; of folders what is in them."""
    model = scenario.model
    if model.city is not None:
        yield from (name for name in (model.city.sites, model.city.demand) if name is not None)
    for group in model.sensors.values():
        if isinstance(group.capture, Capture):
            yield group.capture.trace.file
    for name, ends in ((model.catalogue, _CATALOGUE), (model.traces, _TRACES)):
        if name is not None and (scenario.folder / name).is_dir():
            files = sorted((scenario.folder / name).iterdir())
            yield from (f"{name}/{file.name}" for file in files if file.suffix.lower() in ends)
        elif name is not None:
            yield name
