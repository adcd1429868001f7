"""Write the tables of keys in `docs/SCENARIO.md` from the JSON Schema of scenarios.

With `--check` it compares. Run it from the root of the project:
python scripts/render_scenario.py [--check]
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page import between, write_or_check

from fleet.scenario.json_schema import json_schema, keys
from fleet.scenario.quantities import FORMS

PAGE = Path(__file__).parents[1] / "docs" / "SCENARIO.md"
TOP = "scenario"
_MARK = re.compile(r"<!-- keys of (\w+), .*? -->")
_MARKED = "<!-- keys of {}, made by scripts/render_scenario.py -->"
_END = "<!-- end of keys of {} -->"
_MODELS = {
    "City": "city", "Place": "place", "SensorGroup": "sensors", "At": "at", "Capture": "capture",
    "TraceCapture": "trace", "Link": "links", "RateTrace": "rate", "Distance": "distance",
    "Bursts": "loss",
    "Cloud": "cloud", "Batch": "batch", "Autoscale": "autoscale", "Edge": "edges",
    "Region": "regions", "Domain": "domains", "Arm": "arms", "Ask": "ask", "Split": "split",
    "Pipeline": "pipeline",
    "Adaptive": "adaptive", "Rung": "ladder", "Own": "rule",
    "Equipment": "arms", "Event": "events", "Near": "near", "Claim": "claim",
    "OwnGrid": "grid", "Tariff": "tariff",
    "Battery": "batteries", "Solar": "solar", "SunFile": "sun",
}  # fmt: skip
"""Where on the page the keys of a model stand."""
_WORDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true`, `false`",
}


def lines(model: str) -> Iterator[str]:
    """Yield the table of a model's keys, in their order."""
    schema = json_schema()
    needed = schema["definitions"].get(model, schema).get("required", ())
    yield "| Key | Is | Left out | Meaning | Such as |"
    yield "|---|---|---|---|---|"
    for name, key, said in keys(schema):
        if (name or TOP) == model:
            left_out = "needed" if key in needed else _default(said)
            meaning = said["description"].partition(";")[0]
            example = f"`{key}: {_yaml(said['examples'][0])}`"
            yield f"| `{key}` | {_kind(said)} | {left_out} | {meaning} | {example} |"


def _default(said: Any) -> str:
    """Return what holds if a key is left out."""
    if "default" in said:
        return f"`{_yaml(said['default'])}`" if said["default"] not in ({}, [], "") else "none"
    return str(said["x-otherwise"])


def _kind(said: Any) -> str:
    """Return what may stand there, in some words."""
    if "x-unit" in said:
        unit = said["x-unit"].removeprefix("in ")
        return f"{unit}; {said['x-range']}" if "x-range" in said else unit
    if "x-catalogue" in said:
        return f"name of the catalogue's {' or '.join(said['x-catalogue'])}"
    if "anyOf" in said or "allOf" in said:
        inside = [*said.get("anyOf", ()), *said.get("allOf", ())]
        return " or ".join(_kind(one) for one in inside if one != {"type": "null"})
    if "$ref" in said:
        place = _MODELS[said["$ref"].rpartition("/")[2]]
        return f"[{place}](#{place})"
    if "enum" in said:
        return ", ".join(f"`{word}`" for word in said["enum"] if word is not None)
    if "items" in said:
        return f"list of {_kind(said['items'])}"
    if "propertyNames" in said:
        return f"map of {_kind(said['additionalProperties'])}"
    return _plain(said)


def _plain(said: Any) -> str:
    """Return what may stand there if it is a word or a number."""
    kinds = said["type"] if isinstance(said["type"], list) else [said["type"]]
    word = next(word for kind, word in _WORDS.items() if kind in kinds)
    if said.get("pattern") in FORMS:
        return FORMS[said["pattern"]].partition(":")[0].partition(",")[0]
    least, most = said.get("minimum"), said.get("maximum")
    if most is None:
        return word
    return f"{word}, {least:,} to {most:,}" if least is not None else f"{word} up to {most:,}"


def _yaml(value: object) -> str:
    """Return a value as a scenario states it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    plain = isinstance(value, str) and re.fullmatch(r"[\w./+ %₂-]*[\w%/]", value)
    if plain and not re.fullmatch(r"[0-9]{2}:[0-9]{2}", str(value)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    """Write or compare; return 1 if the page is not what the schema gives."""
    text = PAGE.read_text("utf-8")
    for model in _MARK.findall(text):
        text = between(text, _MARKED.format(model), _END.format(model), lines(model))
    return write_or_check(PAGE, text)


if __name__ == "__main__":
    sys.exit(main())
