"""From a YAML file to a checked scenario, with errors that name the file and the line."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import typing
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from fleet import above, paths
from fleet.errors import InputError
from fleet.scenario import strict_yaml
from fleet.scenario.override import added_by, dotted, named_by, replaced
from fleet.scenario.quantities import FORMS
from fleet.scenario.schema import ScenarioModel
from fleet.scenario.strict_yaml import Document, Keys, Value


@dataclass(frozen=True)
class Scenario:
    """A checked scenario and where it was written.

    Attributes:
        model: what it says.
        document: the file, for the line numbers of errors.
        overrides: what replaced values of the file, as `key.path=value`.
        data: what it says as plain data, with the overrides.
        digest: SHA-256 of what it says (with overrides), whatever its layout and comments.
        asks: who asks for what is being planned, if that is not the file; for errors.
    """

    model: ScenarioModel
    document: Document
    overrides: tuple[str, ...]
    data: dict[str, Value]
    digest: str
    asks: str = ""

    def _repr_html_(self) -> str:
        """Return a short table and a chart, for notebooks."""
        return str(above.call("reports.notebook.scenario_html", self))

    @property
    def labels(self) -> dict[str, str]:
        """Return by arm what it is called where results are shown."""
        return {name: arm.label or name for name, arm in self.model.arms.items()}

    @property
    def folder(self) -> Path:
        """Return the folder that file names in the scenario are relative to."""
        return self.document.path.parent

    def changed(self, *overrides: str) -> Scenario:
        """Return the scenario with further values replaced, each as `key.path=value`.

        Those of the last points of a study are kept, of which each is asked for several times.
        """
        key = id(self.document), (*self.overrides, *overrides)
        made = _changed.pop(key, None)
        if made is None or made.document is not self.document:
            made = _checked(self.document, key[1])
        _changed[key] = made  # the last used is the last to go
        while len(_changed) > _KEPT:
            _changed.popitem(last=False)
        return made

    def happening(self, events: Sequence[Mapping[str, Value]], asks: str) -> Scenario:
        """Return the scenario with further events.

        Args:
            events: as the scenario's own are written.
            asks: who asks for the last of them, for errors.

        Raises:
            InputError: one of them is none.
        """
        own: Any = self.data.get("events") or []
        data: dict[str, Value] = {**self.data, "events": [*own, *map(dict, events)]}
        try:
            model = ScenarioModel.model_validate(data)
        except ValidationError as error:
            first = _first(error)
            keys = tuple(_real_keys(data, first["loc"]))
            raise InputError(f"{asks}: {_problem(first, keys)}") from None
        return replace(self, model=model, data=data, asks=asks)

    def error(self, keys: Keys, problem: str) -> InputError:
        """Return an error about a place in the file, or about what stands for it."""
        place = self.asks or _place(self.document, keys, self.overrides)
        return InputError(f"{place}: {problem}")

    def file(self, name: str, *keys: str | int) -> Path:
        """Return the path of a file that the scenario names; see `path`.

        Raises:
            InputError: the file is missing or outside the scenario's folder.
        """
        path = self.path(name, *keys)
        if not paths.is_file(path):
            raise self.error(keys, f"file '{name}' not found beside the scenario")
        return path

    def files(self, name: str, ends: Sequence[str], *keys: str | int) -> list[Path]:
        """Return the files of a folder whose names end so, in either case, in order; see `path`.

        Raises:
            InputError: the folder is missing, or it or a file is outside the scenario's folder.
        """
        folder = self.path(name, *keys)
        if not paths.is_dir(folder):
            raise self.error(keys, f"folder '{name}' not found beside the scenario")
        files = [file for file in folder.iterdir() if file.suffix.lower() in ends]
        for file in files:
            self.path(str(file), *keys)
        return sorted(files)

    def path(self, name: str, *keys: str | int) -> Path:
        """Return the path of a file or folder that the scenario names, links followed.

        It lies inside the scenario's folder, as the scenario may be a stranger's, or is named by an
        override, and so by the caller.

        Raises:
            InputError: it is neither.
        """
        path = (self.folder / name).resolve()
        inside = path.is_relative_to(self.folder.resolve())
        if not inside and named_by(self.overrides, dotted(keys)) is None:
            raise self.error(
                keys, f"'{name}' is outside the scenario's folder; move it inside, or name it"
                f" yourself: --set {dotted(keys)}={name}"
            )  # fmt: skip
        return path


_KEPT = 64
_changed: OrderedDict[tuple[int, tuple[str, ...]], Scenario] = OrderedDict()


def load(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario.

    Args:
        path: a YAML file, or a folder of results, which holds the scenario that was run.
        overrides: `key.path=value` texts that replace values before checking; a value is YAML.

    Raises:
        InputError: the file or an override cannot be used.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"a scenario is read from the path of its file, not from a {type(path).__name__}; write"
            " it as YAML first, as 'fleet new' does"
        )
    file = Path(path)
    file = file / "scenario.yaml" if paths.is_dir(file) else file
    return _checked(strict_yaml.load(file), overrides)


def loads(text: str, name: str, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario from a text; files that it names lie beside `name`.

    Raises:
        InputError: the text or an override cannot be used.
    """
    return _checked(strict_yaml.loads(text, name), overrides)


def _checked(document: Document, overrides: Sequence[str]) -> Scenario:
    data = document.data
    for override in overrides:
        data = replaced(data, override)
    try:
        model = ScenarioModel.model_validate(data)
    except ValidationError as error:
        raise _input_error(document, data, error, overrides) from None
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Scenario(model, document, tuple(overrides), data, digest)


def _place(document: Document, keys: Keys, overrides: Sequence[str]) -> str:
    """Return where a value stands: the file and its line, or the option that replaced it."""
    place = dotted(keys)
    override = named_by(overrides, place)
    if override is not None:
        return f"--set {override}: {place}"
    for k in range(1, len(keys) + 1):
        inside = _inside(document.data, keys[: k - 1])
        added = None if keys[k - 1] in inside else added_by(overrides, dotted(keys[:k]))
        if added is not None:
            return f"--set {added}: {_not_there(document, keys[:k], [*map(str, inside)])}{place}"
    return f"{document.path}:{document.line_of(keys)} {place}"


def _inside(data: Any, keys: Keys) -> Mapping[Any, Any]:
    """Return what stands below a place: nothing, if that is no mapping."""
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _not_there(document: Document, keys: Keys, known: Sequence[str]) -> str:
    """Return that an override adds something of which it says a part; nothing of a top key."""
    if len(keys) == 1 or not known:
        return ""
    hint = did_you_mean(str(keys[-1]), known) or f" ({', '.join(known[:_NAMED])})"
    return (
        f"'{dotted(keys[:-1])}' of {document.path} has no '{keys[-1]}'{hint}, and a new one needs"
        " more: "
    )


_NAMED = 8


def _input_error(
    document: Document, data: Any, error: ValidationError, overrides: Sequence[str]
) -> InputError:
    """Return the first mistake; a key that is not known first, as it may be one that is missing."""
    first = _first(error)
    keys = tuple(_real_keys(data, first["loc"]))
    return InputError(f"{_place(document, keys, overrides)}: {_problem(first, keys)}")


def _first(error: ValidationError) -> Any:
    """Return the mistake to tell of."""
    # Of a choice of kinds each has its say: heed those that got furthest into what is written.
    return min(
        error.errors(),
        key=lambda mistake: (mistake["type"] != "extra_forbidden", _not_meant(mistake)),
    )


def _not_meant(error: Any) -> bool:
    """Return whether a mistake is that there is no word, where more than a word may stand."""
    kind = "".join(map(str, error["loc"][-1:]))
    is_word = kind.startswith(_READ_FIRST) or error["type"] != "value_error"
    return _is_kind(kind) and is_word and isinstance(error["input"], dict)


_READ_FIRST = "function-before["
"""How pydantic calls the kind of a value that is read from a word, such as a rate."""


def _is_kind(part: object) -> bool:
    """Return whether a part of an error's place names one of several kinds of values."""
    return "[" in str(part) or str(part) == "constrained-str"


def _real_keys(data: Any, loc: tuple[int | str, ...]) -> Iterator[int | str]:
    """Yield the parts of an error's place that are keys of the file, not names of types."""
    node = data
    for part in loc:
        if isinstance(node, dict):
            inside = part in node
        else:
            inside = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if inside:
            node = node[part]
        elif part != loc[-1] or _is_kind(part):
            continue
        yield part


def _problem(error: Any, keys: Keys) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return _unknown_key(str(keys[-1]), _allowed_keys(keys[:-1]))
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "string_pattern_mismatch":
        return f"{_short(given)} is not {FORMS[error['ctx']['pattern']]}"
    return f"{_short(given)}: {error['msg'].lower()}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown_key(key: str, allowed: list[str]) -> str:
    return f"unknown key '{key}'{did_you_mean(key, allowed)}; allowed: {', '.join(allowed)}"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ' (did you mean ...?)' for the known word closest to a word, or nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _allowed_keys(keys: Keys) -> list[str]:
    """Return the keys that the model at a place takes."""
    kinds: list[Any] = [ScenarioModel]
    for key in keys:
        kinds = [k for kind in kinds for k in _below(kind, key)]
    return sorted({f for kind in kinds for f in _fields(kind)})


def _below(kind: Any, key: int | str) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = _fields(kind).get(str(key))
        return [] if field is None else _models(field.annotation)
    return kind.inside if isinstance(kind, _Container) else []


def _fields(kind: Any) -> dict[str, Any]:
    """Return the fields of a model by the keys that state them."""
    fields = getattr(kind, "model_fields", {})
    return {field.alias or name: field for name, field in fields.items()}


def _models(annotation: Any) -> list[Any]:
    """Return the models in an annotation; a mapping or list stands for itself and its values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (dict, list):
        return [_Container(_models(parts[-1]))]
    return [m for part in parts for m in _models(part)]


class _Container:
    """A mapping or list of models: any key leads to them."""

    def __init__(self, inside: list[Any]) -> None:
        self.inside = inside
