"""A network that is cut in two: the sensor runs its first layers, servers the others."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.catalog import Catalog
from fleet.errors import InputError
from fleet.model import frames
from fleet.model.books import STARTED
from fleet.model.sight import RIGHT, WANTED, WRONG
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.expected import flows
from fleet.plan.plan import Plan
from fleet.results.metrics import summarise
from fleet.running.run import Outcome
from fleet.scenario.load import loads
from fleet.simulation import Simulation
from fleet.sizing.books import tally
from fleet.sizing.ways import walk

MACS, MOVED, RESIZED, LAYERS = "macs", "moved", "resized", "layers"
BEFORE = {
    "input": {MACS: 0, MOVED: 0, RESIZED: 0, LAYERS: 0},
    "first": {MACS: 1000, MOVED: 1500, RESIZED: 0, LAYERS: 1},
    "second.a": {MACS: 5000, MOVED: 2500, RESIZED: 500, LAYERS: 3},
    "last": {MACS: 8000, MOVED: 4000, RESIZED: 500, LAYERS: 5},
}
"""What `halved` of the test catalogue has before its cuts; behind the last one it is all."""
TENSOR = {"input": 9000, "first": 3000, "second.a": 1001, "last": 300}
WHOLE_NS = [2_000_000 + b * 1_000_000 for b in range(1, 5)]


def world(split: Any = None, **arm: Any) -> dict[str, Any]:
    """Return sensors of which each frame that is taken goes on to servers with room."""
    own = {"device": "test-ai", "mode": "small", "model": "halved"}
    own |= {"split": split} if split else {}
    cam = {"count": 6, "rate": "25 fps", "app": "watch", "uplink": "cell", "demand": "9000 /h"}
    return worlds.scenario(
        traces=worlds.traces(),
        light="day",
        sensors={"cam": {**cam, "cells": 2}},
        links={
            "cell": {"technology": "test-cell", "shared_by": "cell", "to": "wan", **worlds.WIDE},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud", **worlds.WIDE},
        },
        cloud={"server": "test-gpu", "servers": 4, "batch": {"max": 4, "wait": "3 ms"}},
        arms={"split": {**own, **arm}},
    )


def made(split: Any = None, **arm: Any) -> tuple[Plan, Outcome, np.ndarray]:
    """Return (plan, outcome, frames that became results)."""
    plan = worlds.plan(world(split, **arm), "split")
    outcome = worlds.run(plan)
    rows = worlds.table(outcome)
    return plan, outcome, rows[rows[:, frames.FATE] == frames.RESULT]


@pytest.mark.parametrize("after", BEFORE)
def test_a_sensor_computes_what_lies_before_the_cut(after: str) -> None:
    """By hand: one MAC unit of 1 MHz that works half of the time, 1 GB/s for both, 1 us a layer."""
    plan = worlds.plan(world(after), "split")
    own, rest = plan.sensors.setups
    done = BEFORE[after]
    ns = done[MACS] * 2000 + done[MOVED] + done[RESIZED] + done[LAYERS] * 1000
    assert own["compute_ns"] == own["occupy_ns"] == max(1, ns)
    busy = Fraction(done[MACS] * 1000, max(1, ns))  # of the MAC unit
    assert own["compute_uw"] == 100_000 + int(200_000 * busy)
    assert (rest["compute_ns"], rest["compute_uw"], rest["decode_px"]) == (0, 0, 0)
    assert rest["pixels_base"] == TENSOR[after]
    assert own["fetch_ns"] == 100_000 + TENSOR[after] * 8 // 2  # 2 lanes of 1 Gbit/s


@pytest.mark.parametrize("after", BEFORE)
def test_servers_take_the_share_of_the_time_that_is_left(after: str) -> None:
    (pool,) = (p for p in worlds.plan(world(after), "split").pools.entries if p is not None)
    left = 8 - BEFORE[after][MACS] // 1000
    assert pool.kinds[0].service_ns[1:].tolist() == [ns * left // 8 for ns in WHOLE_NS]
    held = [1_000_000 + b * 1_000_000 for b in range(1, 5)]  # half of the base overlaps
    assert pool.kinds[0].hold_ns[1:].tolist() == [ns * left // 8 for ns in held]
    assert pool.model == f"halved behind {after}"


def test_a_cut_behind_the_last_layer_computes_what_the_whole_network_does() -> None:
    (whole, _, alone), (cut, _, both) = made(), made("last")
    for name in ("compute_ns", "compute_uw", "occupy_ns", "sense_ns", "base_uw"):
        assert getattr(cut.sensors.setups, name)[0] == getattr(whole.sensors.setups, name)[0]
    assert (both[:, frames.PAYLOAD] == 300).all()  # the catalogue's `tensor` of the model
    once = {(s, k) for s, k in alone[:, [frames.SENSOR, frames.FRAME]].tolist()}
    assert {(s, k) for s, k in both[:, [frames.SENSOR, frames.FRAME]].tolist()} <= once
    served = both[:, frames.INFER] - both[:, frames.START]
    assert (served <= 1).all()  # nothing is left, which takes as long as can be told apart


def test_a_cut_before_all_layers_sends_the_picture_as_the_network_takes_it() -> None:
    plan, _, rows = made("input")
    assert (rows[:, frames.PAYLOAD] == 9000).all()
    spent = rows[:, frames.READY] - rows[:, frames.SENSED]
    assert (spent == 1 + int(plan.sensors.setups.fetch_ns[0])).all()


@pytest.mark.parametrize(("bits", "sent"), [(8, 1001), (4, 501), (1, 126), (32, 4004)])
def test_numbers_are_sent_in_some_bits(bits: int, sent: int) -> None:
    plan = worlds.plan(world({"after": "second.a", "bits": bits}), "split")
    told = any("what they cost in accuracy is not" in remark for remark in plan.notes.remarks)
    assert told == (bits < 8)
    assert plan.sensors.setups.pixels_base.tolist() == [sent, sent]


def test_frames_are_sent_once_computed_and_counted_once() -> None:
    plan, outcome, rows = made("second.a")
    setups, numbers = plan.sensors.setups, summarise(outcome)
    spent = rows[:, frames.READY] - rows[:, frames.SENSED]
    assert (spent == int(setups.compute_ns[0] + setups.fetch_ns[0])).all()
    assert (plan.pools.decode_px == 0).all()
    assert numbers["inferences"] == int(outcome.tally.servers[:, STARTED].sum())
    assert numbers["inferences"] < outcome.tally.computed.sum()
    assert plan.sensors.cuts == ("second.a", "second.a")
    kept = outcome.tally
    assert kept.computing_ns[0] == kept.computed[0] * int(setups.compute_ns[0])
    assert kept.computing_ns[1] == 0


def test_what_is_found_is_what_the_whole_network_finds() -> None:
    (whole, _, alone), (cut, _, both) = made(), made("second.a")
    sees: list[dict[Any, list[int]]] = []
    for plan, rows in ((whole, alone), (cut, both)):
        table = plan.eyes.sights.rows[rows[:, frames.SIGHT]][:, [WANTED, RIGHT, WRONG]]
        who = map(tuple, rows[:, [frames.SENSOR, frames.FRAME]].tolist())
        sees.append(dict(zip(who, table.tolist(), strict=True)))
    common = sees[0].keys() & sees[1].keys()
    assert len(common) > 100
    assert all(sees[0][k] == sees[1][k] for k in common)
    assert sum(map(sum, sees[1].values())) > 0


def _crossed(world: dict[str, Any], arm: dict[str, Any]) -> dict[str, Any]:
    """Return a random world with an arm that is cut; rewrites of it are refused."""
    events = [event for event in world["events"] if "rewrite" not in event]
    own = {"device": "test-ai", "mode": "small", "model": "halved", **arm}
    return {**world, "events": events, "arms": {**world["arms"], "split": own}}


@given(
    world=worlds.scenarios(),
    after=st.sampled_from(list(BEFORE)),
    bits=st.sampled_from([1, 4, 8]),
    mixed=st.booleans(),
)
@settings(max_examples=max(10, worlds.MANY // 20))
def test_engines_agree_on_what_is_cut(
    world: dict[str, Any], after: str, bits: int, mixed: bool
) -> None:
    edge = {"infer": world["arms"]["edge"].get("infer", "cloud")}
    world = _crossed(world, {"split": {"after": after, "bits": bits, **edge}})
    if mixed:
        world["arms"]["half"] = {"place": {"a": "split", "default": "on_sensor"}}
    plan = worlds.plan(world, "half" if mixed else "split")
    columns, reference = worlds.run(plan), worlds.run(plan, engine="reference")
    assert worlds.captured(columns) == worlds.captured(reference)
    assert columns.tally.fingerprint() == reference.tally.fingerprint()
    assert columns.tally.computed.tolist() == reference.tally.computed.tolist()
    assert worlds.by_second(columns.tally) == worlds.by_second(reference.tally)
    shards = worlds.run(plan, shards=3, window_ns=90_000_000)
    assert shards.tally.fingerprint() == columns.tally.fingerprint()


def test_an_estimate_is_about_what_a_run_brings() -> None:
    plan, outcome, _ = made("second.a")
    guessed, ran = tally(plan, (of := flows(plan)), walk(plan, of)), outcome.tally
    assert guessed.computed[0] == pytest.approx(ran.computed[0], rel=0.05)
    assert guessed.links[:, 0].sum() == pytest.approx(ran.links[:, 0].sum(), rel=0.05)
    assert guessed.servers[:, STARTED].sum() == pytest.approx(
        ran.servers[:, STARTED].sum(), rel=0.05
    )


CUTS = "cuts that fit: input, first, second.a, last"


@pytest.mark.parametrize(
    ("split", "arm", "said"),
    [
        ("secnd.a", {}, r"'halved' cannot be cut behind 'secnd.a' \(did you mean 'second.a'\?\)"),
        ("secnd.a", {}, CUTS),
        ("first", {"device": "test-ai-small"}, "needs 160,000 B and 'test-ai-small' has 1,000 B"),
        ("first", {"device": "test-ai-small"}, "no cut of it fits"),
        ("first", {"model": "tiny"}, "where 'tiny' can be cut is not known; take one of eye-small"),
        ("first", {"publish": "on change"}, "arms.split.publish: with 'split' the sensor has no"),
        ("first", {"output": "raw"}, "arms.split.output: with 'split' the sensor has no answer"),
        ("first", {"ask": {"when": "found", "model": "cloudy", "codec": "fixed-codec",
                           "encoder": "test-camera"}}, "arms.split.ask: with 'split'"),
        ("first", {"codec": "fixed-codec"}, "is not encoded; remove the codec"),
        ("first", {"device": "test-camera", "codec": "fixed-codec", "mode": None},
         "'split' is for AI sensors"),
        ({"after": "first", "bits": 0}, {}, "0: input should be greater than or equal to 1"),
        ({"bits": 8}, {}, "arms.split.split.after: is missing"),
        ({"after": "first", "bit": 8}, {}, "unknown key 'bit'"),
        ("a b", {}, "'a b' is not the name of a layer"),
    ],
)  # fmt: skip
def test_what_cannot_be_cut_is_refused(split: Any, arm: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        worlds.plan(world(split, **arm), "split")


def test_a_cut_with_more_than_the_network_is_refused() -> None:
    rows = Catalog.load(sorted((worlds.HERE / "catalogue").glob("*.csv")))
    key = ("models", "halved", "macs")
    less = rows.changed({key: replace(rows.row(*key), value="4000")})
    with pytest.raises(
        InputError, match=r"says 5,000 multiplications before the cut, and 'halved' 4"
    ):
        compile_plan(worlds.load(world("second.a")), less, "split")


def test_two_cuts_of_one_network_are_two_things_to_servers() -> None:
    data = world("first", per={"far": {"split": "last"}})
    data["sensors"]["far"] = {**data["sensors"]["cam"], "count": 1}
    pool = worlds.plan(data, "split").pool(0)
    assert [one.model for one in pool.networks] == ["halved behind first", "halved behind last"]


def test_rewrites_and_live_eyes_do_not_go_with_a_cut() -> None:
    data = world("first")
    data["events"] = [{"at": "1 s", "rewrite": "cam", "model": "tiny"}]
    with pytest.raises(InputError, match=r"events\[0\].*hold the first layers of 'halved'"):
        worlds.plan(data, "split")
    with (
        Simulation(worlds.load(world("first")), "split", options=worlds.LOCAL) as sim,
        pytest.raises(InputError, match="hold the first layers"),
    ):
        sim.deploy("cam-0", "tiny")
    data = world("first", model="eye-small", device="imx500", mode="binned")
    data |= {"catalogue": None, "inference": "live"}
    del data["traces"]
    data["arms"]["split"]["split"] = "down8.conv"
    data["links"]["cell"]["technology"] = "gpon"
    data["links"]["wan"]["technology"] = "wan"
    data["cloud"]["server"] = "t4"
    with pytest.raises(InputError, match="does not look live"):
        worlds.plan(data, "split")


@pytest.mark.parametrize("key", ["arms.split.split", "arms.split.split.after"])
def test_where_to_cut_can_be_varied(key: str) -> None:
    written = {"after": "first"} if key.endswith("after") else "first"
    text = json.dumps(world(written))
    sent = []
    for after in BEFORE:
        paths = [f"traces={worlds.traces()}", f"{key}={after}"]
        loaded = loads(text, str(worlds.HERE / "made-up.yaml"), paths)
        plan = compile_plan(loaded, catalogue(loaded), "split")
        sent.append(int(plan.sensors.setups.pixels_base[0]))
    assert sent == list(TENSOR.values())
