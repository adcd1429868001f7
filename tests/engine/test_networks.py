"""Groups with different networks that share one pool of servers: a batch is of one network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.errors import InputError
from fleet.model import frames
from fleet.model.books import BATCHES, LOOKED_AT, SERVED_NS, STARTED
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.expected import flows
from fleet.results.load import loads
from fleet.results.metrics import summarise
from fleet.sizing.books import tally
from fleet.sizing.ways import walk
from fleet.study.expected import load_facts

TIMES = {"a": (2_000_000, 1_000_000), "b": (0, 1_000_000)}
"""a and c of `cloudy` and `single` on `test-gpu`."""


def world(**groups: dict[str, Any]) -> dict[str, Any]:
    """Return two groups of instant cameras whose frames are for two networks of one pool."""
    data = worlds.pool_of_instant_cameras(3, "100 fps", duration="2 s")
    cam = data["sensors"].pop("cam")
    data["sensors"] = {name: {**cam, **groups.get(name, {})} for name in ("a", "b")}
    data["inference"] = "constant"
    data["cloud"] = {"server": "test-gpu", "servers": 1, "batch": {"max": 4, "wait": "3 ms"}}
    data["arms"]["cloud"]["per"] = {"b": {"model": "single"}}
    return data


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("servers", [1, 2])
def test_a_batch_is_of_one_network(engine: str, servers: int) -> None:
    data = world()
    data["cloud"]["servers"] = servers
    plan = worlds.plan(data, "cloud")
    assert [one.model for one in plan.pool(0).networks] == ["cloudy", "single"]
    outcome = worlds.run(plan, engine=engine)
    rows = np.array(worlds.captured(outcome), dtype=np.int64)
    rows = rows[rows[:, frames.START] >= 0]
    group = plan.sensors.group_of[rows[:, frames.SENSOR]]
    spent = rows[:, frames.INFER] - rows[:, frames.START]
    sizes: dict[str, set[int]] = {"a": set(), "b": set()}
    for g, name in enumerate(plan.sensors.group_names):
        a, c = TIMES[name]
        mine = (group == g) & (rows[:, frames.INFER] >= 0)
        many = (spent[mine] - a) // c
        assert (a + c * many == spent[mine]).all()
        sizes[name] = set(many.tolist())
        assert sizes[name] <= {1, 2, 3, 4}
        if servers == 1:
            for began, size in zip(rows[mine, frames.START].tolist(), many.tolist(), strict=True):
                together = rows[:, frames.START] == began
                assert together.sum() == size
                assert (group[together] == g).all()
    assert max(len(one) for one in sizes.values()) > 1


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_books_are_kept_by_network(engine: str) -> None:
    outcome = worlds.run(worlds.plan(world(), "cloud"), engine=engine)
    plan, books = outcome.plan, outcome.tally.servers
    assert books.shape[0] == plan.server_rows == 2
    rows = np.array(worlds.captured(outcome), dtype=np.int64)
    began = rows[rows[:, frames.START] >= 0]
    by_group = np.bincount(plan.sensors.group_of[began[:, frames.SENSOR]])
    assert books[:, STARTED].tolist() == by_group.tolist()
    work = [(TIMES[n][0] * b, TIMES[n][1] * s) for n, b, s in zip(
        ("a", "b"), books[:, BATCHES].tolist(), books[:, STARTED].tolist(), strict=True
    )]  # fmt: skip
    end = np.unique(
        rows[(rows[:, frames.START] >= 0) & (rows[:, frames.INFER] < 0)][:, frames.START]
    )
    assert len(end) <= 1
    held = sum(map(sum, work))
    if not len(end):
        assert books[0, SERVED_NS] == held
    assert 0 <= held - int(books[0, SERVED_NS]) < 6_000_000
    assert books[1, SERVED_NS] == 0
    kind = plan.pool(0).kinds[0]
    busy = summarise(outcome)["power_states_w"]["cloud"]["busy"]
    spent = min(int(books[0, SERVED_NS]), sum(c for _, c in work))
    assert busy == pytest.approx(spent * kind.busy_uw * kind.pue_ppm * 1e-21 / 2)


def test_without_a_second_network_nothing_changes() -> None:
    """A pool of one network that is named twice is the pool that it was."""
    one, two = world(), world()
    one["arms"]["cloud"].pop("per")
    two["arms"]["cloud"]["per"] = {"b": {"model": "cloudy"}}
    runs = [worlds.run(worlds.plan(data, "cloud")) for data in (one, two)]
    assert runs[0].tally.fingerprint() == runs[1].tally.fingerprint()
    assert worlds.captured(runs[0]) == worlds.captured(runs[1])


_SHARE = st.fixed_dictionaries(
    {},
    optional={"priority": st.sampled_from([0, 1, 7]), "weight": st.sampled_from([1, 2, 3, 70])},
)


@given(
    world=worlds.scenarios(),
    shares=st.tuples(_SHARE, _SHARE, _SHARE),
    models=st.permutations(["cloudy", "shaky", "piped"]),
)
@settings(max_examples=max(15, worlds.MANY // 10))
def test_engines_agree_on_networks_that_share(
    world: dict[str, Any], shares: tuple[dict[str, Any], ...], models: list[str]
) -> None:
    """Three groups, two or three networks, priorities and weights, and any pool and events."""
    cloud = worlds.unadapted(world)["arms"]["cloud"]
    world["sensors"]["c"] = {**world["sensors"]["b"], "count": 2}
    for name, share in zip("abc", shares, strict=True):
        world["sensors"][name] = {
            **{k: v for k, v in world["sensors"][name].items() if k not in ("priority", "weight")},
            **share,
        }
    for link in world["links"].values():
        link["to"] = "cloud" if link["to"] == "far" else link["to"]
    own = {name: {"model": model} for name, model in zip("abc", models, strict=True)}
    world["arms"] = {"cloud": {**cloud, "per": own}}
    plan = worlds.plan(world, "cloud")
    assert len(plan.pool(0).networks) == 3
    columns, reference = worlds.run(plan), worlds.run(plan, engine="reference")
    assert worlds.captured(columns) == worlds.captured(reference)
    assert columns.tally.fingerprint() == reference.tally.fingerprint()
    assert columns.tally.servers.tolist() == reference.tally.servers.tolist()
    assert worlds.by_second(columns.tally) == worlds.by_second(reference.tally)
    shards = worlds.run(plan, shards=2, window_ns=90_000_000)
    assert shards.tally.fingerprint() == columns.tally.fingerprint()


def test_an_estimate_knows_the_networks() -> None:
    data = world()
    data["sensors"]["a"]["count"] = 1
    data["cloud"]["servers"] = 2
    data["duration"] = "20 s"
    plan = worlds.plan(data, "cloud")
    outcome = worlds.run(plan)
    guessed, ran = tally(plan, (of := flows(plan)), walk(plan, of)).servers, outcome.tally.servers
    assert guessed[:, STARTED].tolist() == pytest.approx(ran[:, STARTED].tolist(), rel=0.02)
    assert guessed[:, LOOKED_AT].tolist() == [0, 0]
    told = load_facts(plan)["servers"]["cloud"]
    full = 0.25 * 6_000_000 + 0.75 * 4_000_000
    assert told["possible_per_s"] == pytest.approx(2 * 4 / full * 1e9)
    assert loads(outcome)["servers of cloud"]["offered"] == pytest.approx(told["busiest"], rel=0.02)


def test_sensors_of_a_group_have_one_network_at_a_pool() -> None:
    data = world()
    data["arms"]["cloud"].pop("per")
    data["arms"]["other"] = {**data["arms"]["cloud"], "model": "single"}
    loaded = worlds.load(data)
    with pytest.raises(InputError, match=r"would send frames for .* make two groups of them"):
        compile_plan(
            loaded, catalogue(loaded), "odd",
            placement=lambda placed: "cloud" if placed.name.endswith("0") else "other",
        )  # fmt: skip
