"""The folder of a plan: `plan.json`, and for each answer a scenario that runs as it is.

`plan.yaml` is the cheapest of the answers that are enough (by power, without prices), the others
are `plan-ARM.yaml`, with a number where something was varied. Files that the scenario names are
kept beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fleet import doors, paths
from fleet.errors import InputError
from fleet.passing import becoming
from fleet.results.inputs import copy_inputs
from fleet.results.replaced import take_along
from fleet.sizing.answer import Answer
from fleet.sizing.planning import Planned

PLAN, CHOSEN = "plan.json", "plan.yaml"


def write(path: Path, planned: Planned) -> dict[int, str]:
    """Write the folder of a plan, whole or not at all; return the file of each answer.

    A folder of a plan that is there is replaced.

    Raises:
        InputError: it cannot be written there.
    """
    check_place(path)
    names = dict(_names(planned))
    with becoming(path, "a plan", check_place) as folder:
        for k, name in names.items():
            text = yaml.safe_dump(_scenario(planned, k), sort_keys=False, allow_unicode=True)
            (folder / name).write_text(f"# {_says(planned.answers[k])}\n{text}", encoding="utf-8")
        copy_inputs(planned.scenario, folder)
        data = planned.data
        for k, answer in enumerate(data["answers"]):
            answer["file"] = names.get(k)
        text = json.dumps(data, indent=1, ensure_ascii=False)
        (folder / PLAN).write_text(f"{text}\n", encoding="utf-8")
        plans = (file.name for file in path.glob("plan*"))
        take_along(path, folder, {*plans, "figures", "report.html"})
    return names


def check_place(path: Path) -> None:
    """Refuse a place at which no plan may be written.

    Raises:
        InputError: something else stands there.
    """
    if not path.name:
        raise InputError(f"'{path}' is no name for a folder; choose another place")
    paths.check_name(path)
    if paths.exists(path) and not (path / PLAN).is_file():
        raise InputError(f"'{path}' is there and is no plan; choose another folder with -o")


def chosen(planned: Planned) -> int | None:
    """Return the place of the cheapest answer that is enough, None if there is none."""
    places = [k for k, answer in enumerate(planned.answers) if answer.enough]
    priced = planned.scenario.model.prices is not None
    figure = "cost_usd_per_sensor_month" if priced else "power_w_per_sensor"
    return min(places, key=lambda k: (planned.answers[k].figures[figure] or 0.0, k), default=None)


def _names(planned: Planned) -> Iterator[tuple[int, str]]:
    """Yield the file of each answer that is enough."""
    best, cells = chosen(planned), list(dict.fromkeys(answer.cell for answer in planned.answers))
    for k, answer in enumerate(planned.answers):
        if answer.enough:
            number = f"-{cells.index(answer.cell) + 1}" if len(cells) > 1 else ""
            yield k, CHOSEN if k == best else f"plan-{answer.arm}{number}.yaml"


def _scenario(planned: Planned, k: int) -> dict[str, Any]:
    """Return a scenario of the answer's arm alone, and of those that it is placed by."""
    answer = planned.answers[k]
    data: dict[str, Any] = dict(answer.scenario.data)
    place = answer.scenario.model.arms[answer.arm].place or {}
    data["arms"] = {
        name: arm for name, arm in data["arms"].items() if name in (answer.arm, *place.values())
    }
    data.pop("baseline", None)
    data.pop("claim", None)
    data["replications"] = max(answer.found.stands.runs, 1)
    mine = (text for text in data["slo"] if not _of_another(text, planned, answer))
    own = f"{answer.arm}: "
    data["slo"] = [text if text.startswith(own) else f"{own}{text}" for text in mine]
    return data


def _of_another(text: str, planned: Planned, answer: Answer) -> bool:
    before = text.partition(": ")[0]
    return before in planned.scenario.model.arms and before != answer.arm


def _says(answer: Answer) -> str:
    plant = ", ".join(f"{key}={value}" for key, value in answer.values.items() if value) or "as is"
    given = ", ".join(answer.cell)
    return doors.terminal(f"{answer.arm}: {plant}" + (f" with {given}" if given else ""))
