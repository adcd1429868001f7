"""The JSON Schema takes what the loader takes, and refuses the mistakes that people make."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import extremes
import jsonschema
import pytest
import worlds
from hypothesis import given, settings
from pydantic import ValidationError

from fleet.errors import InputError
from fleet.scenario import strict_yaml
from fleet.scenario.json_schema import json_schema, keys
from fleet.scenario.schema import ScenarioModel
from fleet.study.job import prepare

ROOT = Path(__file__).parents[2]
Change = Callable[[dict[str, Any]], Any]


@cache
def checker() -> Any:
    schema = json_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def complaints(data: Any) -> list[str]:
    return [f"{one.json_path}: {one.message}" for one in checker().iter_errors(data)]


def minimal() -> dict[str, Any]:
    text = resources.files("fleet.scenario").joinpath("minimal.yaml").read_text("utf-8")
    return strict_yaml.loads(text, "minimal.yaml").data


EVENT = {"at": "5 s", "outage": "wan", "lasts": "1 s"}
MISTAKES: dict[str, tuple[Change, str]] = {
    "a unit of another kind": (
        lambda s: s["links"]["fibre"].update(rate="50 ms"), "is a time, not a rate",
    ),
    "a unit in the wrong case": (
        lambda s: s["links"]["fibre"].update(rate="50 mbit/s"), "did you mean 'Mbit/s'",
    ),
    "a number without its unit": (
        lambda s: s["sensors"]["camera"].update(rate=10), "has no unit",
    ),
    "a number without its unit, as a text": (
        lambda s: s["cloud"]["batch"].update(wait="5"), "has no unit",
    ),
    "a negative time": (lambda s: s.update(duration="-10 s"), "is negative"),
    "nothing where something is due": (
        lambda s: s["links"]["fibre"].update(rate="0 bit/s"), "must be more than zero",
    ),
    "per cent without the sign": (
        lambda s: s["links"]["fibre"].update(loss=5), "is above 50 %",
    ),
    "a misspelt key at the top": (
        lambda s: s.update(sensor=s.pop("sensors")), "did you mean 'sensors'",
    ),
    "a misspelt key of a group": (
        lambda s: s["sensors"]["camera"].update(fps="10 fps"), "unknown key 'fps'",
    ),
    "a misspelt key deep down": (
        lambda s: s["cloud"]["batch"].update(size=8), "unknown key 'size'",
    ),
    "a device that is not in the catalogue": (
        lambda s: s["arms"]["on_sensor"].update(device="imx-500"), "did you mean 'imx500'",
    ),
    "a server that is not in the catalogue": (
        lambda s: s["cloud"].update(more={"h100": 2}), "h100",
    ),
    "one where a list is due": (
        lambda s: s.update(slo="lost < 1 %"), "list",
    ),
    "keys of another kind of event": (
        lambda s: s.update(events=[{**EVENT, "rate": "5 fps"}]), "takes no rate",
    ),
    "two kinds of event in one": (
        lambda s: s.update(events=[{**EVENT, "crash": "camera"}]), "exactly one of",
    ),
    "an event without its time": (
        lambda s: s.update(events=[{"outage": "wan", "lasts": "1 s"}]), "needs 'at'",
    ),
    "both of two keys that exclude each other": (
        lambda s: s["sensors"]["camera"].update(at={"kind": "shop"}), "give either 'at'",
    ),
    "equipment in an arm that takes others'": (
        lambda s: s["arms"].update(mixed={"place": {"default": "cloud"}, "device": "imx500"}),
        "an arm with 'place' takes",
    ),
    "one of two keys that go together": (
        lambda s: s["links"]["fibre"].update(cap="10 GB"), "'cap' and 'throttled_rate' go",
    ),
    "a word that is none of a few": (
        lambda s: s["links"]["fibre"].update(shared_by="shop"), "'sensor', 'site', 'cell'",
    ),
    "nothing named": (lambda s: s.update(arms={}), "'arms' is empty"),
    "a name with a blank": (
        lambda s: s["arms"].update({"on sensor": s["arms"]["cloud"]}), "a name: up to 64",
    ),
    "a date without its time": (lambda s: s.update(start="2024-05-16"), "a local date and time"),
    "a rule of publishing that is none": (
        lambda s: s["arms"]["on_sensor"].update(publish="each second"), "is not a publishing rule",
    ),
    "an objective without a bound": (
        lambda s: s.update(slo=["latency_ms.p99"]), "is not an objective",
    ),
    "a true that is quoted": (lambda s: s["cloud"].update(decode="no"), "valid boolean"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_common_mistakes_fail_the_schema_and_the_loader(what: str) -> None:
    change, words = MISTAKES[what]
    data = minimal()
    assert complaints(data) == []
    change(data)
    assert complaints(data) != []
    with pytest.raises(InputError) as caught:
        prepare(worlds.load(data))
    assert words in str(caught.value)


def test_committed_scenarios_are_valid() -> None:
    files = [*ROOT.glob("scenarios/*.yaml"), *ROOT.glob("results/*/scenario.yaml")]
    assert len(files) >= 10
    for file in files:
        assert complaints(strict_yaml.load(file).data) == [], file


def test_names_are_those_of_the_catalogue_unless_it_is_the_scenarios_own() -> None:
    data = minimal()
    data["sensors"]["camera"]["app"] = "count_dogs"
    assert complaints(data) == [f"$.sensors.camera.app: 'count_dogs' is not one of {APPS}"]
    assert complaints({**data, "catalogue": "mine"}) == []


APPS = json_schema()["definitions"]["apps"]["enum"]


@settings(max_examples=20)
@given(worlds.scenarios())
def test_random_scenarios_are_valid(data: dict[str, Any]) -> None:
    assert complaints(data) == []


def test_what_the_loader_takes_of_unlucky_numbers_is_valid() -> None:
    """Every place of a number in the worlds of `extremes`, with a few of what it may be made."""
    chance, taken = random.Random(18), 0
    for make in extremes.WORLDS.values():
        assert complaints(make()) == []
        for where, unit in extremes.numbers(make()):
            for text in chance.sample(list(extremes.texts(unit)), 2):
                value = strict_yaml.loads(f"value: {text}", "text").data["value"]
                data = copy.deepcopy(make())
                *above, last = where
                node: Any = data
                for key in above:
                    node = node[key]
                node[last] = value
                try:
                    ScenarioModel.model_validate(data)
                except ValidationError:
                    continue
                taken += 1
                assert complaints(data) == [], (where, text)
    assert taken > 40


def test_every_key_says_what_it_means_and_its_default_and_example_are_valid() -> None:
    schema = json_schema()
    all_keys = list(keys(schema))
    assert len(all_keys) > 90
    properties = [
        (name, key)
        for name, model in {"": schema, **schema["definitions"]}.items()
        if not name.startswith("names-")
        for key in model.get("properties", ())
    ]
    assert properties == [(name, key) for name, key, _ in all_keys]
    for name, key, said in all_keys:
        own = jsonschema.Draft7Validator({**said, "definitions": schema["definitions"]})
        values = [*said["examples"], *([said["default"]] if "default" in said else [])]
        for value in values:
            assert list(own.iter_errors(value)) == [], (name, key, value)
        needed = key in (schema["definitions"].get(name) or schema).get("required", ())
        assert needed or "default" in said or "x-otherwise" in said, (name, key)


def test_maps_are_closed() -> None:
    schema = json_schema()
    for name, model in {"": schema, **schema["definitions"]}.items():
        if model.get("type") == "object":
            assert model["additionalProperties"] is False, name
