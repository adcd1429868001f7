"""A second network that looks at each object that the first has found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.errors import InputError
from fleet.model import frames
from fleet.model.books import LOOKED_AT, SERVED_NS, STARTED
from fleet.model.sight import RIGHT, WRONG
from fleet.plan.expected import flows
from fleet.plan.pipelines import law_with_mean
from fleet.plan.plan import Plan
from fleet.proof.account import compared
from fleet.results.load import loads
from fleet.results.metrics import summarise
from fleet.results.tables import frame_table
from fleet.running.run import Outcome
from fleet.simulation import Simulation
from fleet.sizing.books import tally
from fleet.sizing.ways import walk
from fleet.study.expected import load_facts

FIRST_NS, SECOND_NS, FETCH_NS = 10_000_000, 2_003_000, 100_000
"""Of `tiny` and `glance` on `test-ai`: 5000 MAC at 0.5 MMAC/s; 1000, and 3 layers of 1 us."""
A, C, HELD = 2_000_000, 1_000_000, 500_000  # of `piped` on `test-gpu`, which holds a quarter of a
A2, C2, HELD2 = 500_000, 250_000, 100_000  # of `glance` there, a fifth
ARMS = ("dsp", "servers", "crops", "asks")


def world(arm: str, pipeline: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return sensors in a busy street with a pipeline, on links and servers with room."""
    own: dict[str, Any] = {"device": "test-ai", "mode": "small", "model": "tiny"}
    said = {"model": "glance", "most": 3, **(pipeline or {})}
    arms = {
        "dsp": {**own, "pipeline": said},
        "servers": {
            "device": "test-camera", "codec": "test-codec", "model": "piped", "pipeline": said,
        },
        "crops": {**own, "pipeline": {**said, "infer": "cloud"}},
        "asks": {
            **own,
            "ask": {
                "when": "every inference", "model": "piped", "codec": "fixed-codec",
                "encoder": "test-camera", "pipeline": said,
            },
        },
    }  # fmt: skip
    cam = {"count": 6, "rate": "25 fps", "app": "watch", "uplink": "cell", "demand": "9000 /h"}
    base = worlds.scenario(
        traces=worlds.traces(),
        light="day",
        duration="4 s",
        sensors={"cam": {**cam, "cells": 2}},
        links={
            "cell": {"technology": "test-cell", "shared_by": "cell", "to": "wan", **worlds.WIDE},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud", **worlds.WIDE},
        },
        cloud={"server": "test-gpu", "servers": 2, "batch": {"max": 4, "wait": "3 ms"}},
        arms={arm: arms[arm]},
    )
    return {**base, **more}


def made(data: dict[str, Any], arm: str, **options: Any) -> tuple[Plan, Outcome, np.ndarray]:
    """Return (plan, outcome, all frames)."""
    plan = worlds.plan(data, arm)
    outcome = worlds.run(plan, **options)
    return plan, outcome, np.array(worlds.captured(outcome), dtype=np.int64)


def found(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """Return how many objects are found on frames: right and wrong ones, by their traces."""
    table = plan.eyes.sights.rows
    if not len(table):
        return rows[:, frames.OBJECTS]
    told: np.ndarray = table[rows[:, frames.SIGHT]][:, [RIGHT, WRONG]].sum(axis=1)
    return told


# On the sensor --------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("most", [1, 3, 100])
def test_a_dsp_takes_the_second_network_for_each_object(engine: str, most: int) -> None:
    plan, outcome, rows = made(world("dsp", {"most": most}), "dsp", engine=engine)
    times = np.minimum(found(plan, rows), min(most, 10))  # `tiny` tells of ten at most
    ready = rows[:, frames.READY] >= 0
    spent = rows[:, frames.READY] - rows[:, frames.SENSED]
    assert (spent == FIRST_NS + times * SECOND_NS + FETCH_NS)[ready].all()
    assert len(set(times[ready].tolist())) >= min(most, 3)
    own, second = outcome.tally.computing_ns.tolist()
    counted = outcome.tally.computed.tolist()
    assert counted == [int(ready.sum()), int(times[ready].sum())]
    assert (own, second) == (counted[0] * FIRST_NS, counted[1] * SECOND_NS)


def test_a_busy_dsp_skips_by_what_is_in_view() -> None:
    data = world("dsp", {"most": 100})
    data["sensors"]["cam"]["rate"] = "60 fps"
    plan, _, rows = made(data, "dsp")
    spent = FIRST_NS + np.minimum(found(plan, rows), 10) * SECOND_NS
    skipped = 0
    for s in range(plan.size):
        free = 0
        mine = rows[:, frames.SENSOR] == s
        for row, busy in zip(rows[mine].tolist(), spent[mine].tolist(), strict=True):
            sensed, fate = row[frames.SENSED], row[frames.FATE]
            if sensed < 0:
                continue
            assert (fate == frames.SKIP_DSP_BUSY) == (sensed < free)
            skipped += sensed < free
            free = free if sensed < free else sensed + busy
    assert skipped > 20


def test_energy_is_that_of_both_networks() -> None:
    plan, outcome, _ = made(world("dsp"), "dsp")
    first, second = outcome.tally.computed.tolist()
    power = [
        100_000 + 200_000 * macs * 1000 // ns for macs, ns in ((5000, FIRST_NS), (1000, SECOND_NS))
    ]
    assert plan.sensors.setups.compute_uw.tolist() == power
    watts = summarise(outcome)["power_states_w"]["sensor"]["computing"]
    joule = (first * FIRST_NS * power[0] + second * SECOND_NS * power[1]) * 1e-15
    assert watts == pytest.approx(joule / 4)
    assert summarise(outcome)["inferences"] == first
    assert summarise(outcome)["looked_at"] == second > 0


@pytest.mark.parametrize(
    ("output", "adds"), [("message", 8), ("tensor", 100), ("roi", 0), ("raw", 0)]
)
def test_the_second_network_adds_to_what_is_sent(output: str, adds: int) -> None:
    one, two = world("dsp"), world("dsp")
    one["arms"]["dsp"] |= {"output": output, "pipeline": None}
    two["arms"]["dsp"] |= {"output": output}
    alone, both = (worlds.plan(data, "dsp").sensors.setups for data in (one, two))
    assert both.metadata_base[0] - alone.metadata_base[0] == (300 if output == "tensor" else 0)
    more = both.metadata_per_object[0] - alone.metadata_per_object[0]
    assert more == (adds if output == "message" else 0)


@pytest.mark.parametrize("trace", [True, False])
def test_the_third_account_knows_pipelines(trace: bool) -> None:
    for arm in ("dsp", "servers"):
        data = world(arm, inference="trace" if trace else "constant")
        _, outcome, _ = made(data, arm)
        lines = compared(summarise(outcome), frame_table(outcome), worlds.load(data), arm)
        assert [line for line in lines if not line.agrees] == []
        assert "power_states_w.sensor.computing" in {line.name for line in lines}


# On servers -----------------------------------------------------------------------------------


def batches(rows: np.ndarray) -> list[np.ndarray]:
    """Return the frames of each batch, by when it began and by the server: two begin at a time."""
    served = rows[rows[:, frames.START] >= 0]
    keys = served[:, [frames.START, frames.INFER]]
    return [served[(keys == key).all(axis=1)] for key in np.unique(keys, axis=0)]


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(("most", "batch"), [(3, None), (1, 2), (100, 5)])
def test_a_batch_takes_the_second_network_for_all_its_objects(
    engine: str, most: int, batch: int | None
) -> None:
    data = world("servers", {"most": most, "batch": batch})
    plan, outcome, rows = made(data, "servers", engine=engine)
    size, looked, held, seen = batch or 4, 0, 0, set()
    for frames_of in batches(rows):
        many = int(np.minimum(found(plan, frames_of), min(most, 10)).sum())
        groups = -(-many // size)
        spent = A + C * len(frames_of) + groups * A2 + C2 * many
        began, ended = frames_of[0, [frames.START, frames.INFER]].tolist()
        if ended >= 0:
            assert ended - began == spent
        looked += many
        held += min(4_000_000_000 - began, HELD + C * len(frames_of) + groups * HELD2 + C2 * many)
        seen.add(many)
    counts = outcome.tally.servers[0]
    assert counts[LOOKED_AT] == looked == summarise(outcome)["looked_at"]
    assert counts[SERVED_NS] == held
    assert len(seen) > 3
    busy = summarise(outcome)["power_states_w"]["cloud"]["busy"]
    work = min(held, int(counts[STARTED]) * C + looked * C2)
    kind = plan.pool(0).kinds[0]
    assert busy == pytest.approx(work * kind.busy_uw * kind.pue_ppm * 1e-21 / 4)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_servers_of_crops_run_the_second_network_alone(engine: str) -> None:
    plan, outcome, rows = made(world("crops"), "crops", engine=engine)
    told = found(plan, rows)
    asked = rows[:, frames.START] >= 0
    assert (told[asked] > 0).all()
    assert asked.sum() > 50
    at_home = (rows[:, frames.FATE] == frames.RESULT) & ~asked
    assert (told[at_home] == 0).all()
    crop = int(0.05 * 50 * 50 * 12 / 8)
    assert (rows[asked, frames.PAYLOAD] == crop * np.minimum(told[asked], 3)).all()
    for frames_of in batches(rows):
        many = int(np.minimum(found(plan, frames_of), 3).sum())
        began, ended = frames_of[0, [frames.START, frames.INFER]].tolist()
        assert ended < 0 or ended - began == -(-many // 4) * A2 + C2 * many
    assert plan.sensors.setup_names == ("test-ai tiny", "test-ai tiny → glance")
    assert summarise(outcome)["passed_on"] == outcome.tally.computed[1]


def test_servers_that_are_asked_may_have_a_pipeline() -> None:
    plan, outcome, rows = made(world("asks"), "asks")
    assert plan.pool(0).model == "piped, then glance on 3 objects of a frame at most"
    for frames_of in batches(rows):
        many = int(np.minimum(found(plan, frames_of), 3).sum())
        began, ended = frames_of[0, [frames.START, frames.INFER]].tolist()
        spent = A + C * len(frames_of) + -(-many // 4) * A2 + C2 * many
        assert ended < 0 or ended - began == spent
    assert outcome.tally.servers[0, LOOKED_AT] > 50


# However it is run ----------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ARMS)
def test_shards_windows_and_engines_give_the_same(arm: str) -> None:
    data = world(arm)
    data["sensors"]["cam"]["count"] = 9
    plan = worlds.plan(data, arm)
    whole = worlds.run(plan)
    for how in ({"shards": 3, "window_ns": 70_000_001}, {"engine": "reference"}):
        other = worlds.run(plan, **how)
        assert other.tally.fingerprint() == whole.tally.fingerprint()
        assert worlds.captured(other) == worlds.captured(whole)
        assert other.tally.computing_ns.tolist() == whole.tally.computing_ns.tolist()


@pytest.mark.parametrize("arm", ["dsp", "servers", "asks"])
def test_with_nobody_in_view_it_is_the_detector_alone(arm: str) -> None:
    both = world(arm, inference="constant")
    both["sensors"]["cam"]["demand"] = "0 /h"
    alone = world(arm, inference="constant")
    alone["sensors"]["cam"]["demand"] = "0 /h"
    spec = alone["arms"][arm]
    (spec["ask"] if arm == "asks" else spec).pop("pipeline")
    runs = [made(data, arm) for data in (both, alone)]
    assert runs[0][2].tolist() == runs[1][2].tolist()
    assert runs[0][1].tally.fingerprint() == runs[1][1].tally.fingerprint()


@given(most=st.integers(1, 12), arm=st.sampled_from(["dsp", "servers", "crops"]))
@settings(max_examples=12)
def test_more_objects_are_never_less_work(most: int, arm: str) -> None:
    """Each frame that both take takes no less; so does every batch of one frame."""
    runs = []
    for at_most in (most, most + 1):
        data = world(arm, {"most": at_most}, duration="1 s")
        data["cloud"] = {"server": "test-gpu", "servers": 40}
        _, _, rows = made(data, arm)
        begun, ended = (
            (frames.SENSED, frames.READY) if arm == "dsp" else (frames.START, frames.INFER)
        )
        there = rows[:, ended] >= 0
        who = map(tuple, rows[there][:, [frames.SENSOR, frames.FRAME]].tolist())
        spent = rows[there, ended] - rows[there, begun]
        runs.append(dict(zip(who, spent.tolist(), strict=True)))
    common = runs[0].keys() & runs[1].keys()
    assert len(common) > 20
    assert all(runs[0][k] <= runs[1][k] for k in common)


# Before it is run -----------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ["dsp", "servers", "crops"])
@pytest.mark.parametrize("most", [2, 8])
def test_an_estimate_is_about_what_a_run_brings(arm: str, most: int) -> None:
    data = world(arm, {"most": most}, duration="60 s")
    data["sensors"]["cam"]["count"] = 12
    data["cloud"]["servers"] = 4
    plan, outcome, _ = made(data, arm)
    of = flows(plan)
    guessed, ran = tally(plan, of, walk(plan, of)), outcome.tally
    assert guessed.computed[0] == pytest.approx(ran.computed[0], rel=0.02)
    assert guessed.computed.tolist() == pytest.approx(ran.computed.tolist(), rel=0.12)
    if arm != "dsp":
        for column in (STARTED, LOOKED_AT, SERVED_NS):
            said, was = guessed.servers[0, column], ran.servers[0, column]
            assert said == pytest.approx(was, rel=0.15)
        told = load_facts(plan)["servers"]["cloud"]["busiest"]
        assert told == pytest.approx(loads(outcome)["servers of cloud"]["offered"], rel=0.1)


def test_an_estimate_knows_what_a_busy_dsp_skips() -> None:
    data = world("dsp", {"most": 10}, duration="60 s")
    data["sensors"]["cam"] |= {"count": 12, "rate": "60 fps"}
    plan, outcome, _ = made(data, "dsp")
    guessed, ran = tally(plan, (of := flows(plan)), walk(plan, of)), outcome.tally
    assert ran.computed[0] < 0.8 * 12 * 60 * 60
    assert guessed.computed[0] == pytest.approx(ran.computed[0], rel=0.03)
    assert guessed.computed[1] == pytest.approx(ran.computed[1], rel=0.06)


def test_a_plan_that_ignored_the_second_network_would_be_wrong() -> None:
    alone, both = world("servers"), world("servers", {"most": 10})
    alone["arms"]["servers"].pop("pipeline")
    busy = [
        load_facts(worlds.plan(data, "servers"))["servers"]["cloud"]["busiest"]
        for data in (alone, both)
    ]
    assert busy[1] > 1.3 * busy[0]
    busy_dsp = world("dsp", {"most": 10})
    busy_dsp["sensors"]["cam"]["rate"] = "60 fps"
    told = load_facts(worlds.plan(busy_dsp, "dsp"))["groups"]["cam"]
    assert told["answered_fps"] < told["captured_fps"]
    assert "2.003 ms more for each of" in told["why_skipped"]


def test_the_law_of_objects_has_its_mean() -> None:
    for most, mean in ((1, 0.3), (8, 8.0), (37, 1.25), (1000, 3.0)):
        law = law_with_mean(mean, most)
        assert law.sum() == pytest.approx(1.0)
        assert law @ np.arange(len(law)) == pytest.approx(mean)


# What does not go -----------------------------------------------------------------------------

_GLANCE = {"model": "glance", "most": 2}
_ASK = {"when": "found", "model": "piped", "codec": "fixed-codec", "encoder": "test-camera"}


@pytest.mark.parametrize(
    ("arm", "pipeline", "more", "said"),
    [
        ("dsp", {"most": 0}, {}, "pipeline.most: 0: input should be greater than or equal to 1"),
        ("dsp", {"model": "glanse"}, {}, "no model 'glanse' (did you mean 'glance'?)"),
        ("dsp", {"model": "wide-glance"}, {}, "'wide-glance' takes 224 px, and crops are cut from"
         " 50 × 50 px"),
        ("servers", {"model": "glimpse"}, {}, "the time of 'glimpse' on server 'test-gpu' is not"),
        ("dsp", {}, {"model": "glance"}, "'glance' finds no objects that could be counted"
         " (classification); take a first network that does"),
        ("servers", {"infer": "cloud"}, {}, "'test-camera' sends video and has no DSP at work"),
        ("dsp", {"model": "slow"}, {}, "'tiny' needs 600,000 B and 'slow' 600,000 B, together"
         " 1,200,000 B, and 'test-ai' has 1,000,000 B: 200,000 B too many. Changing them"),
        ("dsp", {"model": "single"}, {}, "'single' is a cloud model"),
        ("dsp", {"batch": 2}, {}, "the DSP of 'test-ai' takes one object after another"),
        ("dsp", {}, {"ask": _ASK}, "arms.dsp.ask: with 'pipeline' what the sensor finds goes"),
        ("dsp", {}, {"split": "first", "model": "halved"}, "arms.dsp.split: with 'pipeline'"),
        ("crops", {}, {"output": "raw"}, "arms.crops.output: 'raw' sends pixels of every frame"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    arm: str, pipeline: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    data = world(arm, pipeline)
    data["arms"][arm] |= more
    if arm == "servers":
        data["arms"][arm]["device"] = "test-camera"
    with pytest.raises(InputError) as refused:
        worlds.plan(data, arm)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_who_holds_two_networks_is_not_rewritten() -> None:
    data = world("dsp")
    data["events"] = [{"at": "1 s", "rewrite": "cam", "model": "capped"}]
    with pytest.raises(InputError, match=r"events\[0\].*hold 'tiny' and send what it finds"):
        worlds.plan(data, "dsp")
    with (
        Simulation(worlds.load(world("dsp")), "dsp", options=worlds.LOCAL) as sim,
        pytest.raises(InputError, match="that one of two networks can be rewritten"),
    ):
        sim.deploy("cam-0", "capped")


def test_two_pipelines_are_two_things_to_servers() -> None:
    data = world("servers", {"most": 2})
    data["sensors"]["far"] = {**data["sensors"]["cam"], "count": 1}
    data["arms"]["servers"]["per"] = {"far": {"pipeline": {**_GLANCE, "most": 4}}}
    pool = worlds.plan(data, "servers").pool(0)
    assert [one.then.most for one in pool.networks if one.then is not None] == [2, 4]
    plan, reference = worlds.plan(data, "servers"), {"engine": "reference"}
    runs = [worlds.run(plan, **how) for how in ({}, reference)]
    assert runs[0].tally.fingerprint() == runs[1].tally.fingerprint()
    assert (runs[0].tally.servers[:, LOOKED_AT] > 0).all()


def test_crops_do_not_look_live() -> None:
    data = world("crops", inference="live")
    del data["traces"]
    data["arms"]["crops"]["eye"] = "eye-small"
    with pytest.raises(InputError, match="live only one can"):
        worlds.plan(data, "crops")


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_pipeline_may_look_live(engine: str) -> None:
    data = world("dsp", inference="live", duration="1 s")
    del data["traces"]
    data["sensors"]["cam"] |= {"count": 1, "rate": "5 fps"}
    data["arms"]["dsp"] |= {"eye": "eye-small"}
    plan, _, rows = made(data, "dsp", engine=engine)
    told = ((rows[:, frames.SIGHT] >> 8) & 255) + (rows[:, frames.SIGHT] & 255)
    spent = rows[:, frames.READY] - rows[:, frames.SENSED]
    assert plan.eyes.looks_live
    assert (spent == FIRST_NS + np.minimum(told, 3) * SECOND_NS + FETCH_NS).all()
