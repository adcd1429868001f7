"""What results were made of, kept with them: files of the scenario, and placements in Python."""

from __future__ import annotations

import functools
import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fleet.scenario.adaptive import Own
from fleet.scenario.battery import SunFile
from fleet.scenario.by_hour import OwnGrid, Tariff
from fleet.scenario.link_rate import RateTrace
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Capture

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
        about[name] = {"sha256": _sha256(source), "copied": copied}
    return about


def digests(scenarios: Iterable[Scenario]) -> dict[str, str | None]:
    """Return by name the SHA-256 of the files that scenarios of a folder name, None if gone."""
    files = {name: one.folder / name for one in scenarios for name in _named(one)}
    return {name: _sha256(files[name]) for name in sorted(files)}


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def source_of(rule: Callable[..., object]) -> str | None:
    """Return the text of the file or notebook cell in which a rule is written, None without one."""
    while isinstance(rule, functools.partial):
        rule = rule.func
    written = rule if inspect.isroutine(rule) or inspect.isclass(rule) else type(rule)
    try:
        lines, _ = inspect.findsource(inspect.unwrap(written))
    except (OSError, TypeError):  # typed at a prompt, or not written in Python
        return None
    return "".join(lines)


def write_placements(sources: Mapping[str, str | None], folder: Path) -> dict[str, dict[str, Any]]:
    """Write the text of each placement that is a Python function into `placements/`.

    Args:
        sources: by arm, what `source_of` gave.
        folder: the result folder.

    Returns:
        by arm the file and its SHA-256, or why there is none.
    """
    about: dict[str, dict[str, Any]] = {}
    for arm, text in sources.items():
        if text is None:
            about[arm] = {"file": None, "why": "it was typed in, or is not written in Python"}
            continue
        path = folder / "placements" / f"{arm}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        about[arm] = {"file": f"placements/{arm}.py", "sha256": sha256}
    return about


def _named(scenario: Scenario) -> Iterator[str]:
    """Yield the files that a scenario names, relative to its folder; of folders what is in them."""
    model = scenario.model
    if model.city is not None:
        yield from (name for name in (model.city.sites, model.city.demand) if name is not None)
    for solar in (battery.solar for battery in model.batteries.values() if battery.solar):
        for sun in (solar.clearness, solar.irradiance):
            if isinstance(sun, SunFile):
                yield sun.file
    for by_hour in (model.grid, model.tariff):
        if isinstance(by_hour, OwnGrid | Tariff) and by_hour.file is not None:
            yield by_hour.file
    for link in model.links.values():
        if isinstance(link.rate, RateTrace):
            yield link.rate.named[1]
    for group in model.sensors.values():
        if isinstance(group.capture, Capture):
            yield group.capture.trace.file
    for arm in model.arms.values():
        if arm.adaptive is not None and isinstance(arm.adaptive.rule, Own):
            yield arm.adaptive.rule.file
    for name, ends in ((model.catalogue, _CATALOGUE), (model.traces, _TRACES)):
        if name is not None and (scenario.folder / name).is_dir():
            files = sorted((scenario.folder / name).iterdir())
            yield from (f"{name}/{file.name}" for file in files if file.suffix.lower() in ends)
        elif name is not None:
            yield name
