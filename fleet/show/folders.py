"""What stands in a folder: the results of a run, a study, what an answer is worth, or a plan."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fleet import paths
from fleet.errors import InputError, in_a_line
from fleet.results.metrics import find
from fleet.results.record import Record, fitting
from fleet.show.labels import in_column
from fleet.sizing.planning import SCHEMA as PLAN_SCHEMA
from fleet.sizing.written import PLAN
from fleet.study.demands import called
from fleet.study.study import ASKED
from fleet.study.study import SCHEMA as STUDY_SCHEMA
from fleet.study.tidy import RESULTS
from fleet.study.uncertain import kept
from fleet.study.uncertain.door import SCHEMA as SENSITIVITY_SCHEMA
from fleet.study.uncertain.findings import Finding, Sensitivity

_SENSITIVITY = "sensitivity.json"
_COLUMNS = {"arm", "replication", "metric", "value", "unit", "error"}


@dataclass(frozen=True)
class StudyFolder:
    """A study that is done.

    Attributes:
        folder: where it is.
        name: of its scenario.
        about: the contents of its `study.yaml`.
        table: its results, arms called by their labels.
    """

    folder: Path
    name: str
    about: Mapping[str, Any]
    table: pa.Table


@dataclass(frozen=True)
class SensitivityFolder:
    """What an answer is worth.

    Attributes:
        folder: where it is.
        about: the contents of its `study.yaml`.
        answer: what was found, arms called by their labels.
    """

    folder: Path
    about: Mapping[str, Any]
    answer: Sensitivity


@dataclass(frozen=True)
class PlanFolder:
    """A plan.

    Attributes:
        folder: where it is.
        data: the contents of its `plan.json`, arms called by their labels.
    """

    folder: Path
    data: Mapping[str, Any]


Shown: TypeAlias = Record | StudyFolder | SensitivityFolder | PlanFolder


def opened(folder: str | Path) -> Shown:
    """Return what stands in a folder.

    Raises:
        InputError: it is nothing that can be shown, of another version, or damaged.
    """
    path = Path(folder)
    readers: dict[str, Callable[[Path], Shown]] = {
        PLAN: _plan, _SENSITIVITY: _sensitivity, ASKED: _study,
    }  # fmt: skip
    for name, read in readers.items():
        if not paths.is_file(path / "summary.json") and paths.is_file(path / name):
            try:
                return read(path)
            except InputError:
                raise
            except (
                OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
                pa.ArrowException, yaml.YAMLError,
            ) as error:  # fmt: skip
                raise InputError(
                    f"'{path}' cannot be read, it is damaged or not whole"
                    f" ({in_a_line(error)}); make it again"
                ) from None
    return Record.load(path)


def check_numbers(shown: Shown) -> None:
    """Refuse to show numbers of a study that has none.

    Raises:
        InputError: all of its runs failed; says why the first did.
    """
    if not isinstance(shown, StudyFolder) or not shown.table.num_rows:
        return
    errors = shown.table["error"]
    if errors.null_count == 0:
        raise InputError(
            f"'{shown.folder}' has no numbers, as all of its {len(errors):,} runs failed; the first"
            f" because: {errors[0].as_py()}"
        )


def check_run(folder: Path) -> None:
    """Refuse a folder of something else where that of a run is asked for.

    Raises:
        InputError: it is of a study, a sensitivity or a plan.
    """
    if paths.is_file(folder / "summary.json"):
        return
    for name, what in ((PLAN, "plan"), (_SENSITIVITY, "sensitivity"), (ASKED, "study")):
        if paths.is_file(folder / name):
            raise InputError(
                f"'{folder}' is a {what}, and here one run is asked for; 'fleet table' and 'fleet"
                " report' show it, and the command that made it makes it again in another folder"
            )


def _study(path: Path) -> StudyFolder:
    about = _asked(path, STUDY_SCHEMA)
    if not paths.is_file(path / RESULTS):
        raise InputError(
            f"'{path}' is a study that is not done: it has no {RESULTS}; go on with:"
            f" fleet sweep --resume {path}"
        )
    table, says = pq.read_table(path / RESULTS), about["says"]
    if table.column_names[0] != "point" or not set(table.column_names) >= _COLUMNS:
        raise ValueError(f"{RESULTS} has other columns than a study")
    labels = {name: str(arm.get("label") or name) for name, arm in says["arms"].items()}
    for metric in about.get("metrics") or ():
        if not isinstance(metric, str) or find(metric) is None:
            raise ValueError(f"{ASKED} names a metric {metric!r}, which there is not")
    return StudyFolder(
        path, str(says["name"]), about, called(in_column(table, "arm", labels), labels)
    )


def _asked(path: Path, *schemas: str) -> dict[str, Any]:
    about: dict[str, Any] = yaml.safe_load((path / ASKED).read_text("utf-8"))
    if about["schema"] == SENSITIVITY_SCHEMA and about["schema"] not in schemas:
        raise InputError(
            f"'{path}' is a sensitivity that is not done: it has no {_SENSITIVITY}; the same"
            " 'fleet sensitivity' goes on with it"
        )
    _check(path / ASKED, about["schema"], schemas[0])
    return about


def _check(path: Path, schema: object, wanted: str) -> None:
    if schema != wanted:
        raise InputError(
            f"'{path}' is in the form {schema}, and this version reads {wanted}; make it again"
        )


def _sensitivity(path: Path) -> SensitivityFolder:
    about = _asked(path, SENSITIVITY_SCHEMA)
    written = json.loads((path / _SENSITIVITY).read_text("utf-8"))
    _check(path / _SENSITIVITY, written["schema"], SENSITIVITY_SCHEMA)
    answer, labels = kept.read(path), about.get("labels") or {}

    def called(one: Finding) -> Finding:
        arm, baseline = (labels.get(name, name) for name in (one.arm, one.baseline))
        return replace(one, arm=arm, baseline=baseline)

    return SensitivityFolder(
        path, about,
        replace(
            answer, arms=tuple(labels.get(arm, arm) for arm in answer.arms),
            findings=tuple(called(one) for one in answer.findings),
            ranges={(m, labels.get(arm, arm)): x for (m, arm), x in answer.ranges.items()},
        ),
    )  # fmt: skip


def _plan(path: Path) -> PlanFolder:
    data = json.loads((path / PLAN).read_text("utf-8"))
    _check(path / PLAN, data["schema"], PLAN_SCHEMA)
    labels = data.get("labels") or {}

    def called(one: Mapping[str, Any]) -> dict[str, Any]:
        return {**one, "arm": labels.get(one["arm"], one["arm"])}

    answers = [
        {**called(one), "dominated_by": one["dominated_by"] and called(one["dominated_by"])}
        for one in data["answers"]
    ]
    return PlanFolder(path, {**data, "answers": answers})


@contextlib.contextmanager
def fitting_folder(shown: Shown) -> Iterator[None]:
    """Refuse a folder whose files do not fit together, once the block stumbles over it.

    Raises:
        InputError: they do not.
    """
    if isinstance(shown, Record):
        with fitting(shown):
            yield
        return
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"'{shown.folder}' cannot be shown, it is damaged ({in_a_line(error)}); make it again"
        ) from error
