"""What `--set` takes: the paths that errors print, and clear words for everything else."""

from __future__ import annotations

from typing import Any

import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import InputError
from fleet.scenario.load import Scenario
from fleet.scenario.override import named_by, replaced

DATA: dict[str, Any] = {
    "name": "x",
    "cloud": {"servers": 1, "batch": {"max": 2}, "more": None},
    "events": [{"at": "1 s", "crash": "cam"}, {"at": "2 s"}],
    "arms": {"a": {"device": "d"}, "a.b": {"device": "e"}, "1": {"device": "f"}},
}


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("events[0].at=2 s", ("events", 0, "at"), "2 s"),
        ("events.0.at=2 s", ("events", 0, "at"), "2 s"),
        ("events[1]={at: 3 s}", ("events", 1), {"at": "3 s"}),
        (" cloud.servers =4", ("cloud", "servers"), 4),
        ("cloud.batch.max=8", ("cloud", "batch", "max"), 8),
        ("cloud.more.t4=2", ("cloud", "more"), {"t4": 2}),
        ("cloud.new.deep=[1, 2]", ("cloud", "new"), {"deep": [1, 2]}),
        ("arms.a.device=g", ("arms", "a", "device"), "g"),
        ("arms.a.b.device=g", ("arms", "a.b", "device"), "g"),
        ("arms.1.device=g", ("arms", "1", "device"), "g"),
        ("name=a=b", ("name",), "a=b"),
        ("name='a: b'", ("name",), "a: b"),
        ("cloud=", ("cloud",), None),
    ],
)
def test_a_value_is_replaced_where_the_path_says(
    override: str, place: tuple[Any, ...], value: Any
) -> None:
    found: Any = replaced(DATA, override)
    *above, last = place
    node: Any = DATA
    for key in above:
        found, node = found[key], node[key]
    assert found[last] == value
    others = set(node if isinstance(node, dict) else range(len(node))) - {last}
    assert all(found[k] == node[k] for k in others)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("cloud.servers", "write key.path=value, such as cloud.servers=4"),
        ("=4", "write key.path=value"),
        ("cloud.batch[max]=3", "--set cloud.batch[max]=3: '[max]' is no key; write keys with dots"),
        ("events.²=3", "'²' is not one of the 2 positions, which are written as [0], [1]"),
        ("events.\u0660.at=3", "is not one of the 2 positions"),
        ("events[2].at=3", "'[2]' is not one of the 2 positions"),
        ("events[-1].at=3", "is not one of the 2 positions"),
        ("events[99999999999999999999]=3", "is not one of the 2 positions"),
        ("events.at=3", "'at' is not one of the 2 positions"),
        ("events[0]at=3", "'at' is no key; write keys with dots between"),
        ("events[0=3", "is not one of the 2 positions"),
        ("name[0]=3", "there is nothing below 'x' to set '[0]' in"),
        ("name.first=3", "there is nothing below 'x' to set 'first' in"),
        ("cloud..servers=3", "'.servers' is no key"),
        ("cloud.=3", "it ends where a key should be"),
        (".cloud=3", "'.cloud' is no key"),
        ("]=3", "']' is no key"),
        (f"{'.'.join('a' * 3000)}=1", "...: is deeper than 32 levels; shorten it"),
        (f"{'.' * 3000}=1", "is no key"),
        (f"events{'[0]' * 3000}=1", "is no key"),
        ("cloud.servers=4\nseed: 7", "--set cloud.servers: the value has a line break; write it"),
        ("cloud.servers=4\rseed: 7", "has a line break"),
        ("cloud.servers=4\u2028seed: 7", "has a line break"),
        ("cloud.servers=[", "--set cloud.servers:1: not valid YAML"),
        ("cloud.servers=&a 3", "anchor '&a' is not allowed"),
        ("cloud.servers=\x00", "U+0000 is not allowed"),
    ],
)  # fmt: skip
def test_what_is_no_such_text_is_told_clearly(override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        replaced(DATA, override)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200 + len(override)


@given(st.text(max_size=40) | st.text(alphabet="cloudevents[]0123.=²\n", max_size=40))
def test_any_text_is_an_override_or_a_clear_error(text: str) -> None:
    said = "--set "
    try:
        replaced(DATA, text)
    except InputError as error:
        said = str(error)
    assert said.startswith("--set ")


def load(*overrides: str) -> Scenario:
    events = [{"at": "1 s", "crash": "cam"}]
    return worlds.load(worlds.scenario(events=events)).changed(*overrides)


def test_the_form_that_errors_print_is_taken() -> None:
    with pytest.raises(InputError) as caught:
        load("events[0].at=soon")
    assert str(caught.value).startswith("--set events[0].at=soon: events[0].at: 'soon' is not")
    assert load("events[0].at=1500 ms").model.events[0].at == 1_500_000_000


def test_the_last_option_that_says_a_value_is_named() -> None:
    asked = ("events.0={at: 1 s}", "arms.a.b.rate=3 fps", "seed=3")
    assert named_by(asked, "events[0].at") == asked[0]
    assert named_by(asked, "arms.a.b.rate") == asked[1]
    assert named_by(asked, "seeds") is None
    assert named_by(asked, "arms.a") is None


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sensors.cams.rate=5 fps", "--set sensors.cams.rate=5 fps: 'sensors' of .* has no 'cams'"
         r" \(did you mean 'cam'\?\), and a new one needs more: sensors.cams.app: is missing"),
        ("links.x.rate=5 Mbit/s", r"'links' of .* has no 'x' \(cell, metro, wan\)"),
        ("clod.servers=3", r"--set clod.servers=3: clod: unknown key 'clod' \(did you mean"),
        ("cloud.serers=3", "--set cloud.serers=3: cloud.serers: unknown key 'serers'"),
    ],
)  # fmt: skip
def test_who_names_what_is_not_there_is_told_so(override: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        worlds.load(worlds.scenario()).changed(override)


def test_something_new_can_be_added_in_pieces() -> None:
    new = "sensors.new={count: 1, rate: 5 fps, app: watch, uplink: port}"
    changed = worlds.load(worlds.scenario()).changed(new, "sensors.new.rate=7 fps")
    assert changed.model.sensors["new"].rate == 7
