"""A study: points × replications × arms, and the folder in which it is written down.

`study.yaml` says what was asked, `design.parquet` which points there are, `journal.jsonl` what is
done (`fleet.study.journal`); `results.parquet` and `results.csv` come last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from fleet import paths
from fleet.engine.snapshot import drafted, sync_folder, write_text
from fleet.errors import InputError
from fleet.plan.compile import catalogue
from fleet.plan.placing import check_arm
from fleet.results.inputs import digests
from fleet.running.checkpoint import VERSION
from fleet.running.lock import HOLDER
from fleet.scenario.load import Scenario, load
from fleet.scenario.schema import AUTO
from fleet.study import study_file
from fleet.study.design import Design, design
from fleet.study.journal import written
from fleet.study.points import LIST, Drawing
from fleet.study.slo import objectives
from fleet.study.until import ONCE, Enough, enough
from fleet.study.vary import Vary

SCHEMA = "fleet-study/1"
ASKED, DESIGN, JOURNAL = "study.yaml", "design.parquet", "journal.jsonl"
_PACKAGES = ("numpy", "numba", "simpy")
CHANGED = {
    "versions": "the study was begun with other versions",
    "digest": "the scenario has changed since the study began",
    "inputs": "files that the scenario names have changed since the study began",
    "catalogue": "the catalogue has changed since the study began",
}
"""What every study depends on, and what is told where it has changed."""
_CHANGED = {
    **CHANGED,
    "vary": "it holds a study of another --vary",
    "where": "it holds a study of another --where",
    "drawing": "it holds a study of another design",
    "file": "its study file has changed since the study began",
    "arms": "it holds a study of other arms",
    "replications": "it holds a study of another number of replications",
    "until": "it holds a study of another --until",
}


@dataclass(frozen=True)
class Study:
    """What a study is of.

    Attributes:
        design: the scenario and its points.
        arms: which arms run, in order.
        replications: how many of each; if intervals are looked at, how many at most.
        file: path and digest of the study file that says so, if one does.
        metrics: those that are shown; none for the usual ones.
        enough: how long replications are added, of each point and arm by itself.
    """

    design: Design
    arms: tuple[str, ...]
    replications: int
    file: tuple[str, str] | None = None
    metrics: tuple[str, ...] = ()
    enough: Enough = ONCE

    @property
    def name(self) -> str:
        """Return a name that follows from what was asked."""
        keys = ["digest", "vary", "where", "arms"]
        keys += [] if self.design.drawing.is_grid else ["drawing"]
        keys += ["until"] if self.enough.asked else []
        asked = {key: self.about[key] for key in keys}
        text = json.dumps([asked, self.replications], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{self.design.scenario.model.name}-study-{digest[:10]}"

    def _vary(self) -> list[str]:
        """Return what varies as `--vary` takes it; of a list the values of all points."""
        if self.design.drawing.kind == LIST:
            return [f"{one.key}={','.join(one.texts)}" for one in self.design.varied]
        return [one.text for one in self.design.varied]

    @cached_property
    def about(self) -> dict[str, Any]:
        """Return the contents of `study.yaml`."""
        scenario = self.design.scenario
        points = (scenario.changed(*point.overrides) for point in self.design.points)
        return {
            "schema": SCHEMA,
            "scenario": str(scenario.document.path.resolve()),
            "overrides": list(scenario.overrides),
            "vary": self._vary(),
            "drawing": list(self.design.drawing),
            "metrics": list(self.metrics),
            "file": None if self.file is None else list(self.file),
            "where": self.design.where,
            "arms": list(self.arms),
            "replications": self.replications,
            "until": [one.text for one in self.enough.asked],
            **depends_on(scenario, points),
            "says": scenario.data,
        }


def depends_on(scenario: Scenario, points: Iterable[Scenario]) -> dict[str, Any]:
    """Return what stands in `study.yaml` for what runs depend on (`CHANGED`).

    Args:
        scenario: what does not vary.
        points: all scenarios that run.
    """
    return {
        "digest": scenario.digest,
        "inputs": digests(points),
        "catalogue": catalogue(scenario).digest(),
        "versions": {"fleet": VERSION, **{name: metadata.version(name) for name in _PACKAGES}},
    }


def study(
    scenario: Scenario | str | Path,
    vary: Vary,
    *,
    where: str | None = None,
    arms: Sequence[str] | None = None,
    replications: int | None = None,
    overrides: Sequence[str] = (),
    drawing: Drawing | None = None,
    file: tuple[str, str] | None = None,
    metrics: Sequence[str] | None = None,
    until: Sequence[str] = (),
) -> Study:
    """Return the study that is asked for.

    Args:
        scenario: what does not vary, or its path.
        vary: which keys do, and what values they take.
        where: an expression over these keys, which holds at the points there are.
        arms: arms to run; None: all of the scenario.
        replications: how many of each; None: as the scenario says. With `until` how many there are
            at most; None: `fleet.study.until.MOST`.
        overrides: `key.path=value`, what replaces values of the scenario.
        drawing: which points there are of what varies; None: all of the grid.
        file: path and digest of the study file that says so.
        metrics: those that are shown; None: the usual ones.
        until: how narrow intervals are to be (`fleet.study.until`); replications are added until
            they are, of each point and arm by itself.

    Raises:
        InputError: something in it cannot be used.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    loaded = loaded.changed(*overrides) if overrides else loaded
    if loaded.model.warm_up == AUTO:
        raise InputError(
            "warm_up: auto is found by 'fleet run', for one scenario; give the points of a study a"
            " time, such as --set 'warm_up=10 s'"
        )
    if replications is not None:
        loaded.changed(f"replications={replications}")  # refuses what is none
    objectives(loaded)  # refuses what cannot be demanded, before anything runs
    known = list(loaded.model.arms)
    for arm in arms or ():
        check_arm(arm, known)
    added = enough(loaded, until, replications) if until else ONCE
    return Study(
        design(loaded, vary, where, drawing),
        tuple(dict.fromkeys(arms or known)),
        added.most if until else replications or loaded.model.replications,
        file,
        tuple(metrics or ()),
        added,
    )


def asked_in(folder: Path, scenario: Scenario | str | Path | None = None) -> Study:
    """Return the study that a folder was made for.

    Args:
        folder: of a study.
        scenario: its scenario or the path of that; None: it is read again from where it was.

    Raises:
        InputError: it is no such folder, or its scenario cannot be read.
    """
    about = read_about(folder)
    try:
        return study(
            scenario or about["scenario"], about["vary"], where=about["where"],
            arms=about["arms"], replications=about["replications"], overrides=about["overrides"],
            drawing=Drawing(*about["drawing"]), file=_same_file(folder, about["file"]),
            metrics=about["metrics"], until=about["until"],
        )  # fmt: skip
    except KeyError as error:
        raise InputError(f"'{folder / ASKED}' does not say its {error}; begin anew") from None


def _same_file(folder: Path, file: Sequence[str] | None) -> tuple[str, str] | None:
    """Return the study file of a folder; refuse one that says something else by now."""
    if file is None:
        return None
    path, digest = file
    if paths.is_file(Path(path)) and study_file.read(path).digest != digest:
        raise InputError(
            f"'{folder}': its study file '{path}' has changed since the study began; put it back as"
            " it was, or begin anew: fleet sweep with that file and another folder, -o"
        )
    return path, digest


def read_about(folder: Path, wanted: str = SCHEMA) -> dict[str, Any]:
    """Return what `study.yaml` of a folder says.

    Raises:
        InputError: there is none, it cannot be read, or it is in another form.
    """
    path = folder / ASKED
    if not paths.is_file(path):
        raise InputError(f"'{folder}' is no study: it has no {ASKED}; name the folder of one")
    try:
        about = yaml.safe_load(path.read_text("utf-8"))
        schema = about["schema"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"'{path}' cannot be read: {what}; begin anew elsewhere") from None
    if schema != wanted:
        raise InputError(f"'{path}' is in the form {schema}, and here is read {wanted}")
    return dict(about)


def make_folder(folder: Path) -> None:
    """Make the folder of a study, if there is none.

    Raises:
        InputError: it cannot be made, or something else is there.
    """
    paths.check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [p.name for p in folder.iterdir() if p.name not in (HOLDER, f".{ASKED}")]
    except OSError as error:
        raise InputError(f"cannot write a study to '{folder}': {error.strerror}") from None
    if others and ASKED not in others:
        raise InputError(
            f"'{folder}' is there and is no study; choose another folder with -o, or move it away"
        )


def begin(folder: Path, of: Study) -> None:
    """Write down what a study is of, or check that a folder is of the same.

    Raises:
        InputError: it is of another.
    """
    settle(folder, of.about, _CHANGED)
    if not (folder / DESIGN).exists():
        with written(folder / DESIGN), drafted(folder / DESIGN) as draft:
            pq.write_table(of.design.table(), draft)


def settle(folder: Path, about: Mapping[str, Any], changed: Mapping[str, str]) -> None:
    """Write `study.yaml` into a folder, or check that the one there says the same.

    Args:
        folder: of a study.
        about: what it says, its `schema` among it.
        changed: by key that must be the same, what is told where it is not.

    Raises:
        InputError: one of these is another.
    """
    if not (folder / ASKED).exists():
        text = yaml.safe_dump(dict(about), sort_keys=False, allow_unicode=True)
        with written(folder / ASKED):
            _write_whole(folder / ASKED, text)
    held = read_about(folder, about["schema"])
    for key, problem in changed.items():
        if held.get(key) != about[key]:
            raise InputError(
                f"'{folder}': {problem}{_difference(held.get(key), about[key])}; put it back as it"
                " was, or choose another folder with -o"
            )


def _difference(was: object, now: object) -> str:
    """Return what differs, if that is short."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        names = [key for key in {**was, **now} if was.get(key) != now.get(key)]
        return f" ({', '.join(names)})"
    text = f" ({was} then, {now} now)"
    return text if len(text) < 200 else ""


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, and on the disk when this returns."""
    with drafted(path) as draft:
        write_text(draft, text)
    sync_folder(path.parent)
