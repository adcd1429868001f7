"""Parts of plans that are taken again: the same as made anew, and only what has changed is made."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import random
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import extremes
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from fleet.catalog import Catalog
from fleet.errors import InputError
from fleet.plan import steps
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.digest import digest
from fleet.plan.draft import Draft
from fleet.plan.groups import Frozen
from fleet.plan.memo import Maker, Memo, Step, stated
from fleet.plan.plan import Plan
from fleet.scenario.load import Scenario, loads

GROUPS = [f.name for f in dataclasses.fields(Plan) if f.name not in ("seed", "replication")][6:]


@functools.cache
def _rows(folder: str | None) -> Catalog:
    return catalogue(worlds.load(worlds.scenario(catalogue=folder)))


def rows_of(scenario: Scenario) -> Catalog:
    return _rows(scenario.model.catalogue)


def planned(data: dict[str, Any], arm: str, memo: Memo | None, replication: int = 0) -> Any:
    """Return what a plan is, bit by bit: the digests of its groups made anew; or why there is none.

    A group's own digest is kept, so that it would not show that somebody had changed the group.
    """
    try:
        scenario = worlds.load(data)
        plan = compile_plan(scenario, rows_of(scenario), arm, memo=memo, replication=replication)
    except InputError as error:
        return str(error)
    made = {f.name: getattr(plan, f.name) for f in dataclasses.fields(plan)}
    anew = {name: digest(v) if isinstance(v, Frozen) else v for name, v in made.items()}
    assert {name: v.digest if isinstance(v, Frozen) else v for name, v in made.items()} == anew
    return anew


def same(data: dict[str, Any], arm: str, memo: Memo, replication: int = 0) -> bool:
    """Check that a memo changes nothing of a plan; return whether there is a plan."""
    anew = planned(data, arm, None, replication)
    assert planned(data, arm, memo, replication) == anew
    return not isinstance(anew, str)


def places(node: Any, *above: Any) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands in a scenario, mappings and lists too."""
    for key, one in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*above, key)
        if isinstance(one, dict | list):
            yield from places(one, *above, key)


def changed(data: dict[str, Any], where: tuple[Any, ...], chance: random.Random) -> dict[str, Any]:
    """Return a scenario with something left out at a place, or with another number there."""
    out = copy.deepcopy(data)
    *above, last = where
    node: Any = out
    for key in above:
        node = node[key]
    units = dict(extremes.numbers({"": node[last]}))
    unit = units.get(("",), "none")
    if unit == "none" or chance.random() < 0.3:
        del node[last]
    else:
        node[last] = chance.choice([1, 2, 3]) if unit is None else f"{chance.randint(1, 9)} {unit}"
    return out


@pytest.mark.parametrize("world", [extremes.made_up, extremes.packaged])
def test_any_key_may_change(world: Any) -> None:
    """Each key of a scenario that says a number wherever one can, one after the other."""
    base, memo, chance = world(), Memo(), random.Random(20_261_129)
    arms, plans = list(base["arms"]), 0
    anew = {(arm, n): planned(base, arm, None, n) for arm in arms for n in (0, 1)}
    for k, where in enumerate(places(base)):
        arm, n = arms[k % len(arms)], k % 2
        plans += same(changed(base, where, chance), arm, memo, n)
        assert planned(base, arm, memo, n) == anew[arm, n]
    assert plans > 25


@settings(max_examples=15)
@given(worlds.scenarios(), worlds.scenarios(), worlds.ARMS, st.data())
def test_worlds_may_share_any_keys(one: Any, other: Any, arm: str, data: st.DataObject) -> None:
    memo = Memo()
    same(one, arm, memo)
    keys = data.draw(st.sets(st.sampled_from(sorted(one))))
    same({key: (other if key in keys else one).get(key, one[key]) for key in one}, arm, memo)
    same(other, data.draw(worlds.ARMS), memo)
    same(one, arm, memo)


def test_files_are_known_by_what_they_hold(tmp_path: Path) -> None:
    """A file that is written again under its name is read again; so are a user's traces."""
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    trace = {"trace": {"file": "times.csv", "column": "t_ms"}}
    group = {"at": {"kind": "shop"}, "app": "watch", "uplink": "cell", "capture": trace}
    data = worlds.scenario(
        sensors={"cam": group}, city={"sites": "sites.csv", "demand": "demand.csv"}
    )
    columns = "id,kind,subtype,size,lon,lat,cell,footfall_rank\n"
    demand = (worlds.HERE / "demand.csv").read_text()
    texts = {
        "sites.csv": [columns + f"s{n},shop,,,24.9,60.{n},c,0.5\n" for n in (1, 2)],
        "times.csv": ["t_ms\n10\n50\n", "t_ms\n10\n60\n"],
        "demand.csv": [demand, demand.rpartition(",")[0] + ",777\n"],
    }
    memo, seen = Memo(), set()
    for name, both in (("sites.csv", texts["sites.csv"]), *texts.items()):
        for text in both:
            for file, (first, _) in texts.items():
                (tmp_path / file).write_text(first)
            (tmp_path / name).write_text(text)
            loaded = loads(json.dumps(data), str(tmp_path / "world.yaml"))
            plans = [compile_plan(loaded, catalogue(loaded), "cloud", memo=m) for m in (memo, None)]
            assert plans[0].digest() == plans[1].digest()
            seen.add(plans[0].digest())
    assert len(seen) == 4


def test_other_servers_make_only_the_pools_again() -> None:
    memo = Memo()
    first, second = (
        compile_plan(loaded, catalogue(loaded), "cloud", memo=memo)
        for loaded in (
            worlds.load(extremes.made_up()).changed(f"cloud.servers={n}") for n in (1, 2)
        )
    )
    again = {name for name in GROUPS if getattr(first, name) is not getattr(second, name)}
    assert again == {"pools", "stations", "notes"}  # of these, stations and notes are as they were
    other = {n for n in GROUPS if getattr(first, n).digest != getattr(second, n).digest}
    assert other == {"pools"}
    assert first.digest() != second.digest()


def test_arms_and_replications_share_what_they_have_in_common() -> None:
    loaded = worlds.load(extremes.made_up())
    catalog, memo = catalogue(loaded), Memo()
    one, arm, replication = (
        compile_plan(loaded, catalog, name, replication=n, memo=memo)
        for name, n in (("cloud", 0), ("on_sensor", 0), ("cloud", 1))
    )
    assert one.scene is arm.scene is replication.scene
    assert one.links is arm.links is replication.links
    assert one.pools is replication.pools
    assert one.sensors.scene_keys is arm.sensors.scene_keys
    assert one.sensors.digest != replication.sensors.digest


def test_only_the_last_parts_are_kept() -> None:
    """A city of a million sensors is kept once, however many there were."""
    memo, data = Memo(), worlds.scenario()
    for seed in range(70):
        planned({**data, "seed": seed}, "cloud", memo)
    kept = {name: len(parts) for name, parts in memo._made.items()}
    assert kept["draws"] == kept["sensors"] == 64
    assert kept["roster"] == kept["pools"] == 1
    step = memo._made["draws"]
    memo.keep("draws", "of a million", next(iter(step.values())), 1_000_000)
    assert list(step) == ["of a million"]


def test_another_catalogue_is_no_reason_for_what_was() -> None:
    loaded, memo = worlds.load(worlds.scenario()), Memo()
    catalog = catalogue(loaded)
    first = compile_plan(loaded, catalog, "cloud", memo=memo)
    again = compile_plan(loaded, catalogue(loaded), "cloud", memo=memo)
    assert again.links is first.links
    rows = dict(catalog._rows)
    key = ("links", "test-wan", "propagation")
    rows[key] = dataclasses.replace(rows[key], value="77")
    other = compile_plan(loaded, type(catalog)(rows), "cloud", memo=memo)
    assert other.links.digest != first.links.digest


def test_a_placement_that_is_a_function_is_asked_each_time() -> None:
    loaded, memo = worlds.load(worlds.scenario()), Memo()
    for arm in ("cloud", "on_sensor", "cloud"):
        plan = compile_plan(
            loaded, catalogue(loaded), "own", placement=lambda _, a=arm: a, memo=memo
        )
        assert bool(plan.on_sensor.all()) == (arm == "on_sensor")


# What steps state --------------------------------------------------------------------------------


class Watched:
    """A part of a scenario that notes the places at which it is read."""

    def __init__(self, real: Any, place: tuple[str, ...], read: set[tuple[str, ...]]) -> None:
        self.__dict__ |= {"_real": real, "_place": place, "_read": read}

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return type(self._real)

    def __getattr__(self, name: str) -> Any:
        own = getattr(type(self._real), name, None)
        if isinstance(own, property) and own.fget is not None:
            return own.fget(self)
        if name not in type(self._real).model_fields and name not in type(self._real).__dict__:
            self._read.add(self._place)  # such as `model_copy`, which reads all of it
            return getattr(self._real, name)
        return own.__get__(self) if callable(own) else self._below(name, getattr(self._real, name))

    def _below(self, key: str, value: Any) -> Any:
        return watched(value, (*self._place, key), self._read)


class WatchedItems(Mapping[str, Any]):
    """A mapping or list of a scenario that does the same."""

    def __init__(self, real: Any, place: tuple[str, ...], read: set[tuple[str, ...]]) -> None:
        self._real, self._place, self._read = real, place, read

    def __getitem__(self, key: Any) -> Any:
        return watched(self._real[key], (*self._place, "*"), self._read)

    def __iter__(self) -> Iterator[Any]:
        self._read.add((*self._place, "*"))
        if isinstance(self._real, dict):
            return iter(self._real)
        return iter([self[k] for k in range(len(self._real))])

    def __len__(self) -> int:
        self._read.add((*self._place, "*"))
        return len(self._real)


def watched(value: Any, place: tuple[str, ...], read: set[tuple[str, ...]]) -> Any:
    if isinstance(value, BaseModel):
        return Watched(value, place, read)
    if isinstance(value, dict) or (isinstance(value, list) and place == ("events",)):
        return WatchedItems(value, place, read)
    if value is not None or len(place) > 1:  # what is left out holds nothing further down
        read.add(place)
    return value


class WatchedDraft(Draft):
    """A draft that notes which of its parts are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in PARTS:
            object.__getattribute__(self, "parts_read").add(PARTS[name])
        return object.__getattribute__(self, name)


PARTS = {
    "roster": "roster", "place": "place", "arms": "arms", "arm_of": "arms", "net": "network",
    "times": "times", "setup_of": "first setups", "draws": "draws", "links": "links",
    "pools": "pools", "replication": "replication", "placement": "placement",
    "deployments": "deployments",
}  # fmt: skip


def reads_of(step: Step[Any], draft: Draft) -> tuple[set[tuple[str, ...]], set[str]]:
    """Make a part; return the places of the scenario, and the other parts, that were read."""
    read: set[tuple[str, ...]] = set()
    spy = copy.copy(draft)
    spy.__class__ = WatchedDraft
    spy.__dict__["parts_read"] = set()
    model = watched(draft.scenario.model, (), read)
    spy.__dict__["scenario"] = dataclasses.replace(draft.scenario, model=model)
    step.make(spy)
    draft.__dict__ |= {n: v for n, v in spy.__dict__.items() if n in ("setups", "remarks")}
    return read, spy.__dict__["parts_read"]


def covers(said: str, place: tuple[str, ...]) -> bool:
    """Return whether what a step says it reads holds a place."""
    keys = said.split(".")
    if place[-1] == "*":  # only which keys there are, which stands with what they hold too
        return tuple(keys[: len(place)]) == place or place[: len(keys)] == tuple(keys)
    return place[: len(keys)] == tuple(keys) and keys[-1] != "*"


class Watching(Maker):
    """Makes all parts anew, and checks that each reads no more than it says."""

    def part(self, step: Step[Any]) -> Any:
        self.draft.reader, self.draft.remarks = self._catalog.reader(), []
        before = list(getattr(self.draft, "setups", []))
        read, parts = reads_of(step, self.draft)
        after = self._all_after(step)
        allowed = (*step.says, *step.files)
        unsaid = {p for p in read if not any(covers(said, p) for said in allowed)}
        assert not unsaid, (step.name, unsaid)
        assert parts <= after, (step.name, parts - after)
        if before:
            self.draft.setups = before
        return super().part(step)

    def _all_after(self, step: Step[Any]) -> set[str]:
        known = {s.name: s for s in vars(steps).values() if isinstance(s, Step)}
        out = set(step.after)
        for name in step.after:
            out |= self._all_after(known[name]) if name in known else set()
        return out


def watch(scenario: Scenario, arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.plan.compile.Maker", Watching)
    compile_plan(scenario, rows_of(scenario), arm)


@pytest.mark.parametrize("world", [extremes.made_up, extremes.packaged])
def test_steps_read_no_more_than_they_say(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = world()
    for arm in data["arms"]:
        for change in ({}, {"light": "night"}, {"inference": "constant"}):
            if change.get("inference") and arm == "cut_out":
                continue  # crops go by what networks find
            watch(worlds.load({**data, **change}), arm, monkeypatch)


@settings(max_examples=15)
@given(worlds.scenarios(), worlds.ARMS)
def test_steps_of_random_worlds_read_no_more_than_they_say(data: Any, arm: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        watch(worlds.load(data), arm, monkeypatch)


def test_what_data_say_at_a_place() -> None:
    data: Any = {"a": {"x": {"n": 1, "m": 2}, "y": {"n": 3}}, "b": [{"n": 4}, {}]}
    assert stated(data, ["a", "*", "n"]) == [["x", 1], ["y", 3]]
    assert stated(data, ["a", "*"]) == ["x", "y"]
    assert stated(data, ["b", "*", "n"]) == [[0, 4], [1, None]]
    assert stated(data, ["a", "x"]) == {"n": 1, "m": 2}
    assert stated(data, ["c", "d"]) is None
