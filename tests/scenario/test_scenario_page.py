"""docs/SCENARIO.md: its tables are what the schema says, its snippets run and leave out no key."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import fleet
from fleet.eyes.clip import VIEWS
from fleet.scenario import strict_yaml
from fleet.scenario.json_schema import json_schema, keys

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "SCENARIO.md").read_text("utf-8")
_BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets() -> list[dict[str, Any]]:
    """Return what the blocks of YAML on the page say, the whole scenario first."""
    blocks = [text for kind, title, text in _BLOCK.findall(PAGE) if (kind, title) == ("yaml", "")]
    data = [strict_yaml.loads(text, "SCENARIO.md").data for text in blocks]
    return [one for one in data if one != {"name": "shop"}]  # which shows a line for editors


@cache
def schema() -> dict[str, Any]:
    return json_schema()


def merged(below: Any, above: Any) -> Any:
    """Return a mapping in which another one adds and replaces."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


def used(node: Any, said: dict[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    """Yield (definition, key) of every key of the schema that some data has."""
    for choice in (*said.get("anyOf", ()), *said.get("allOf", ())):
        yield from used(node, choice, name)
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        yield from used(node, schema()["definitions"][name], name)
    elif isinstance(node, list):
        for one in node:
            yield from used(one, said.get("items", {}), name)
    elif isinstance(node, dict):
        more = said.get("additionalProperties") or {}
        for key, value in node.items():
            if key in said.get("properties", {}):
                yield name, key
            yield from used(value, said.get("properties", {}).get(key, more), name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the page names."""
    made = tmp_path_factory.mktemp("page")
    for table in ("helsinki/sites.csv", "demand/pedestrians.csv"):
        (made / table).parent.mkdir()
        shutil.copy(ROOT / "scenarios" / table, made / table)
    for _, title, text in _BLOCK.findall(PAGE):
        if title:
            (made / title).parent.mkdir(exist_ok=True)
            (made / title).write_text(text, "utf-8")
    (made / "traces").mkdir()
    table = pq.read_table(ROOT / "fleet" / "eyes" / "traces" / "own.parquet")
    places = pa.array(VIEWS, pa.string())
    rendered = pc.is_in(table["view"].cast(pa.string()), places)
    pq.write_table(table.filter(rendered), made / "traces" / "own.parquet")
    return made


@pytest.mark.parametrize("number", range(len(snippets())))
def test_what_is_shown_runs(number: int, folder: Path) -> None:
    whole, *rest = snippets()
    data = merged(whole, rest[number - 1]) if number else whole
    path = folder / f"shown-{number}.yaml"
    path.write_text(json.dumps(data), "utf-8")
    record = fleet.run(path, executor="local")
    assert record.arms.keys() == data["arms"].keys()
    assert all(arm["frames"]["captured"] for arm in record.arms.values())


def test_every_key_is_shown() -> None:
    seen = {one for data in snippets() for one in used(data, schema())}
    seen |= {("Equipment", key) for name, key in seen if name == "Arm"}  # which is equipment, too
    assert {(name, key) for name, key, _ in keys(schema())} - seen == set()


def test_tables_are_what_the_schema_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/render_scenario.py", "--check"], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
