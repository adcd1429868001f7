"""The JSON Schema of scenario files, made from the models that read them, for editors and others.

It is of draft 7, which editors know best. What the catalogue names is an enumeration, unless the
scenario has a catalogue of its own. Whatever a model takes is valid; what follows from several keys
or files, such as whether a link leads to the cloud, is for `fleet check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from fleet.catalog import Catalog
from fleet.scenario.quantities import LISTED, OTHERWISE, RANGE, UNIT, given
from fleet.scenario.schema import ScenarioModel

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
TITLE = "fleet scenario"
FILE = "fleet.schema.json"
"""How the file is called that editors are shown."""

_REF = "#/definitions/"
_NOTHING: Schema = {"type": "null"}


class _InOrder(GenerateJsonSchema):
    """Leaves keys in the order in which the models have them."""

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        """Return what would be sorted, as it is."""
        return value


def json_schema() -> Schema:
    """Return the JSON Schema of scenario files."""
    whole = ScenarioModel.model_json_schema(
        ref_template=f"{_REF}{{model}}", schema_generator=_InOrder
    )
    definitions = {name: _tidy(model) for name, model in whole.pop("$defs").items()}
    top = _tidy(whole)
    names = _Names(Catalog.load(), definitions)
    listed = names.below(top)
    top["allOf"] = [*top.get("allOf", ()), {"if": {"not": given("catalogue")}, "then": listed}]
    _say_all({"": top, **definitions})
    order = ("title", "description", "type", "properties", "required")
    return {
        "$schema": DRAFT, "title": TITLE, **{key: top[key] for key in order if key != "title"},
        **{key: value for key, value in top.items() if key not in order},
        "definitions": definitions | {name: one for name, one in names.definitions.items() if one},
    }  # fmt: skip


def keys(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield (definition, key, what is said of it) of every key; the whole scenario is ''."""
    for name, model in {"": schema, **schema["definitions"]}.items():
        for key, said in model.get("properties", {}).items():
            if "description" in said:
                yield name, key, said


def _tidy(node: Any) -> Any:
    """Return a schema without titles and empty defaults, with closed maps and plain null."""
    if isinstance(node, list):
        return [_tidy(one) for one in node]
    if not isinstance(node, dict):
        return node
    out = {
        key: {name: _tidy(one) for name, one in value.items()} if key == "properties"
        else value if key in ("default", "examples") else _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }  # fmt: skip
    if "default" in out and out["default"] is None:
        del out["default"]
    if patterns := out.pop("patternProperties", None):
        ((pattern, values),) = patterns.items()
        names = {**out.get("propertyNames", {}), "pattern": pattern}
        out |= {"propertyNames": names, "additionalProperties": values}
    if "anyOf" in out:
        out = _with_null(out)
    if "$ref" in out and len(out) > 1:  # whose neighbours draft 7 does not heed
        out["allOf"] = [{"$ref": out.pop("$ref")}]
    return out


def _with_null(node: Schema) -> Schema:
    """Return a choice between a plain schema and null as that schema, which null passes too."""
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    kinds = [one for one in node["anyOf"] if one != _NOTHING]
    plain = len(kinds) == 1 and "type" in kinds[0] and len(node["anyOf"]) == 2
    if not plain:
        return node
    (kind,) = kinds
    types = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
    values = {"enum": [*kind["enum"], None]} if "enum" in kind else {}
    return {**kind, **rest, **values, "type": [*types, "null"]}


class _Names:
    """Finds where names of the catalogue stand, and says which there may be."""

    def __init__(self, known: Catalog, models: dict[str, Schema]) -> None:
        self.known, self.models = known, models
        self.definitions: dict[str, Schema] = {}

    def below(self, node: Schema) -> Schema:
        """Return a schema that says nothing but names of the catalogue in what a node holds."""
        out: Schema = {}
        for key, said in node.get("properties", {}).items():
            if inside := self._of(said):
                out[key] = inside
        return {"properties": out} if out else {}

    def _of(self, said: Schema) -> Schema:
        if kinds := said.get(LISTED):
            return self._listed(kinds)
        if "propertyNames" in said:
            names = self._of(said["propertyNames"])
            inside = self._of(said["additionalProperties"])
            return ({"propertyNames": names} if names else {}) | (
                {"additionalProperties": inside} if inside else {}
            )
        if "items" in said:
            inside = self._of(said["items"])
            return {"items": inside} if inside else {}
        models = [
            one["$ref"].removeprefix(_REF)
            for one in (said, *said.get("allOf", ()), *said.get("anyOf", ()))
            if "$ref" in one
        ]
        return self._model(models[0]) if models else {}

    def _model(self, name: str) -> Schema:
        own = f"names-{name}"
        if own not in self.definitions:
            self.definitions[own] = self.below(self.models[name])
        return {"$ref": _REF + own} if self.definitions[own] else {}

    def _listed(self, kinds: list[str]) -> Schema:
        own = "-or-".join(kinds)
        if own not in self.definitions:
            items = [item for kind in kinds for item in self._items(kind)]
            self.definitions[own] = {"enum": [*items, None]}
        return {"$ref": _REF + own}

    def _items(self, kind: str) -> list[str]:
        if kind != "modes":
            return self.known.items(kind)
        rows = (self.known.row("sensors", item, "modes") for item in self.known.items("sensors"))
        return list(dict.fromkeys(mode for row in rows for mode in row.value.split()))


def _say_all(models: dict[str, Schema]) -> None:
    """Write into each key's description all that a reader asks: unit, range and what else holds."""
    for model in models.values():
        for said in model.get("properties", {}).values():
            if "description" in said:
                said["description"] = "; ".join(_told(said))


def _told(said: Schema) -> Iterator[str]:
    yield said["description"]
    if UNIT in said:
        yield said[UNIT]
    if RANGE in said:
        yield said[RANGE]
    if OTHERWISE in said:
        yield f"left out: {said[OTHERWISE]}"
