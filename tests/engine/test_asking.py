"""Frames that a sensor has inferred and passes on to servers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.chance import mix64, uniform
from fleet.columns.shard import Shard
from fleet.engine.window import Window
from fleet.errors import InputError
from fleet.model import frames
from fleet.model.sight import I_PPM, RIGHT, SURE_PPM, WANTED, WRONG
from fleet.plan.expected import flows
from fleet.plan.partition import partition
from fleet.plan.plan import Plan
from fleet.plan.share import share_of
from fleet.results.utilisation import utilisation
from fleet.running.live_eyes import open_eyes
from fleet.running.options import Options
from fleet.running.run import Outcome
from fleet.scenario.load import loads
from fleet.simulation import Simulation
from fleet.sizing.books import tally
from fleet.sizing.ways import walk

RULES = worlds.ASK


def world(when: str | None, /, consumer: str = "cloud", **arm: Any) -> dict[str, Any]:
    """Return sensors of which each frame may be passed on by a rule, to servers with room."""
    ask = {"when": when, "model": "cloudy", "codec": "fixed-codec", "encoder": "test-camera"}
    base = {"device": "test-ai", "mode": "small", "model": "tiny"}
    return worlds.scenario(
        traces=worlds.traces(),
        light="day",
        duration="4 s",
        sensors={
            "cam": {
                "count": 4, "rate": "20 fps", "app": "watch", "uplink": "cell",
                "demand": "9000 /h", "consumer": consumer,
            }
        },
        cloud={"server": "test-gpu", "servers": 4},
        arms={"asks": {**base, **({"ask": ask} if when else {}), **arm}},
    )  # fmt: skip


def made(when: str | None, /, **about: Any) -> tuple[Plan, Outcome, np.ndarray]:
    """Return (plan, outcome, frames that became results or were held back)."""
    plan = worlds.plan(world(when, **about), "asks")
    outcome = worlds.run(plan)
    rows = worlds.table(outcome)
    return plan, outcome, rows[np.isin(rows[:, frames.FATE], (frames.RESULT, 5))]


def passed(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """Return which frames were passed on."""
    return plan.sensors.setups.asked_by[rows[:, frames.SETUP]] >= 0


def own_rows(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """Return what the sensors' own eyes saw of frames, by where theirs lies in the whole table."""
    starts, sight = plan.eyes.sights.start, plan.sensors.setups.sight
    first = starts.min(axis=(1, 2))
    k = rows[:, frames.SETUP]
    own = plan.sensors.setups.asked_by[k]
    return np.where(
        own < 0, rows[:, frames.SIGHT], rows[:, frames.SIGHT] - first[sight[k]] + first[sight[own]]
    )


def test_every_third_inference_is_passed_on() -> None:
    plan, _, rows = made("every 3 inferences")
    for s in range(plan.size):
        mine = rows[rows[:, frames.SENSOR] == s]
        mine = mine[np.argsort(mine[:, frames.FRAME])]
        first = int(plan.sensors.turn[s] * 3)
        assert passed(plan, mine).tolist() == [(i + first) % 3 == 0 for i in range(len(mine))]


@pytest.mark.parametrize("least", [1, 3])
def test_what_is_found_is_passed_on(least: int) -> None:
    plan, _, rows = made(f"found {least}")
    table = plan.eyes.sights.rows[own_rows(plan, rows)]
    found = table[:, RIGHT] + table[:, WRONG]
    assert (passed(plan, rows) == (found >= least)).all()
    assert 0 < passed(plan, rows).sum() < len(rows)


def test_what_the_sensor_is_unsure_of_is_passed_on() -> None:
    plan, _, rows = made("unsure below 50 %")
    sure = plan.eyes.sights.rows[own_rows(plan, rows), SURE_PPM]
    assert (passed(plan, rows) == (sure < 500_000)).all()
    assert 0 < passed(plan, rows).sum() < len(rows)


def test_chance_passes_its_share_on_whatever_is_in_view() -> None:
    plan, _, rows = made("random 30 %")
    drawn = [
        uniform(np.uint64(mix64(plan.sensors.size_keys[s])), k) < 0.3
        for s, k in rows[:, [frames.SENSOR, frames.FRAME]].tolist()
    ]
    assert passed(plan, rows).tolist() == drawn
    expected, spread = 0.3 * len(rows), (0.3 * 0.7 * len(rows)) ** 0.5
    assert abs(sum(drawn) - expected) < 4 * spread


def test_a_change_is_passed_on_and_only_that() -> None:
    plan, _, rows = made("on change", publish="never")
    table = plan.eyes.sights.rows
    for s in range(plan.size):
        mine = rows[rows[:, frames.SENSOR] == s]
        mine = mine[np.argsort(mine[:, frames.FRAME])]
        last = None
        for row, at in zip(mine, own_rows(plan, mine), strict=True):
            found = int(table[at, RIGHT] + table[at, WRONG])
            assert passed(plan, row[None])[0] == (found != last)
            last = found if found != last else last
    held = rows[rows[:, frames.FATE] == frames.SKIP_NOT_PUBLISHED]
    assert len(held)
    assert (held[:, frames.BITS] == 0).all()
    assert passed(plan, rows[rows[:, frames.FATE] == frames.RESULT]).all()


def errors(plan: Plan, rows: np.ndarray) -> int:
    table = plan.eyes.sights.rows[rows[:, frames.SIGHT]]
    return int((table[:, WANTED] - table[:, RIGHT] + table[:, WRONG]).sum())


def early(rows: np.ndarray) -> np.ndarray:
    """Return the frames that no rule has in flight when the run ends."""
    return rows[rows[:, frames.CAPTURE] < 3 * 10**9]


def test_nobody_makes_fewer_mistakes_than_the_oracle() -> None:
    """Nor does it pass on more frames than it must for that."""
    plan, _, rows = made("oracle")
    by_rule = {rule: made(rule) for rule in (None, "every inference", *RULES[:-1])}
    bound = errors(plan, early(rows))
    for rule, (other, _, seen) in by_rule.items():
        assert len(early(seen)) == len(early(rows))
        assert errors(other, early(seen)) >= bound, rule
    assert errors(by_rule[None][0], early(by_rule[None][2])) > bound
    alone, everything = (early(by_rule[rule][2]) for rule in (None, "every inference"))
    plans = by_rule[None][0], by_rule["every inference"][0]
    for own, there, row in zip(alone, everything, early(rows), strict=True):
        needed = errors(plans[0], own[None]) > errors(plans[1], there[None])
        assert passed(plan, row[None])[0] == needed


def test_servers_see_the_same_frame_of_the_clip() -> None:
    plan, _, rows = made("random 30 %")
    asked = rows[passed(plan, rows)]
    table = plan.eyes.sights.rows
    assert (table[asked[:, frames.SIGHT], WANTED] == table[own_rows(plan, asked), WANTED]).all()
    assert (asked[:, frames.SIGHT] != own_rows(plan, asked)).all()


def test_a_frame_that_is_passed_on_is_encoded_behind_its_inference() -> None:
    plan, _, rows = made("every inference")
    _, _, before = made(None)
    both = {(row[frames.SENSOR], row[frames.FRAME]): row for row in before.tolist()}
    setups = plan.sensors.setups
    ask = int(setups.ask[0])
    for row in rows.tolist():
        own = both[row[frames.SENSOR], row[frames.FRAME]]
        assert row[frames.READY] == own[frames.READY] + int(setups.compute_ns[ask])
        apart = 1e-6 * plan.eyes.sights.rows[row[frames.SIGHT], I_PPM]
        picture = setups.i_bytes[ask, 0] * (1 + apart)  # each by itself, as its row says
        assert row[frames.PAYLOAD] == max(64, int(picture + 0.5))
        assert min(row[frames.DECODED], row[frames.START], row[frames.INFER]) > 0
    assert (before[:, frames.INFER] == -1).all()


def test_both_networks_are_paid_for() -> None:
    plan, outcome, _ = made("every 3 inferences")
    setups, tally = plan.sensors.setups, outcome.tally
    ask = int(setups.ask[0])
    for k in (0, ask):
        assert tally.computing_ns[k] == tally.computed[k] * int(setups.compute_ns[k])
    assert tally.computed[ask] == pytest.approx(tally.computed[0] / 3, abs=plan.size)


def test_results_for_the_site_come_back_or_are_there() -> None:
    """Those of the sensor at once, those of servers behind the way back."""
    plan, _, rows = made("every 3 inferences", consumer="site")
    asked = passed(plan, rows)
    assert (rows[~asked, frames.DONE] == rows[~asked, frames.READY]).all()
    assert (rows[~asked, frames.ACCESS] == -1).all()
    back = rows[asked, frames.DONE] - rows[asked, frames.INFER]
    assert (back == plan.pools.return_ns[0]).all()
    assert asked.any()
    assert not asked.all()


@given(when=st.sampled_from(RULES), world=worlds.scenarios())
@settings(max_examples=max(10, worlds.MANY // 6))
def test_engines_agree_on_what_is_passed_on(when: str, world: dict[str, Any]) -> None:
    asking = world["arms"]["asking"]
    told = "found" if "crop_margin" in asking["ask"] else ("found", "on change")
    if asking["publish"] == "never" and not when.startswith(told):
        asking["publish"] = "on change"
    if world["inference"] == "constant" and when in RULES[-2:]:
        when = "found"
    asking["ask"]["when"] = when
    plan = worlds.plan(world, "asking")
    columns, reference = worlds.run(plan), worlds.run(plan, engine="reference")
    shards = worlds.run(plan, shards=3)
    assert worlds.captured(columns) == worlds.captured(reference)
    fingerprints = {one.tally.fingerprint() for one in (columns, reference, shards)}
    assert len(fingerprints) == 1
    for one in (reference, shards):
        assert one.tally.computed.tolist() == columns.tally.computed.tolist()
        assert worlds.by_second(one.tally) == worlds.by_second(columns.tally)


@pytest.mark.parametrize("when", ["every 3 inferences", "random 30 %", "found", "oracle"])
def test_an_estimate_is_about_what_a_run_brings(when: str) -> None:
    plan, outcome, _ = made(when)
    guessed, ran = tally(plan, (of := flows(plan)), walk(plan, of)), outcome.tally
    ask = int(plan.sensors.setups.ask[0])
    assert guessed.computed[ask] == pytest.approx(ran.computed[ask], rel=0.3)
    assert guessed.links[:, 0].sum() == pytest.approx(ran.links[:, 0].sum(), rel=0.3)


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"publish": "never"}, "'never' with ask.when 'random 30 %'"),
        ({"output": "raw"}, "'raw' sends pixels of every frame"),
        ({"device": "test-camera", "codec": "test-codec", "mode": None}, "'ask' is for AI sensors"),
    ],
)
def test_what_does_not_go_together_is_refused(arm: dict[str, Any], said: str) -> None:
    data = world("random 30 %", **arm)
    with pytest.raises(InputError, match=said):
        worlds.plan(data, "asks")


def test_a_rule_that_is_none_is_refused() -> None:
    for text, said in (
        ("sometimes", "does not say which frames"), ("random 0 %", "1 ppm to 100 %"),
        ("unsure below 101 %", "1 ppm to 100 %"), ("found 0", "always 0 objects"),
        ("every 0 inferences", "at least every"), ("never", "does not say which frames"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            worlds.load(world(text))


def test_never_alone_is_refused() -> None:
    with pytest.raises(InputError, match="nobody would hear of anything"):
        worlds.plan(world(None, publish="never"), "asks")


def test_rules_by_what_networks_find_need_measured_ones() -> None:
    data = world("oracle")
    data["inference"] = "constant"
    with pytest.raises(InputError, match="was never measured"):
        worlds.plan(data, "asks")
    data = world("oracle")
    data["arms"]["asks"]["ask"]["codec"] = "test-codec"
    data["arms"]["asks"]["ask"]["eye"] = "eye-dim"
    with pytest.raises(InputError, match="not of the same frames"):
        worlds.plan(data, "asks")


def slow_encoder() -> dict[str, Any]:
    """Return sensors whose encoder takes longer than it is from frame to frame."""
    data = world("random 50 %")
    data["arms"]["asks"]["ask"]["encoder"] = "slow-camera"
    data["sensors"]["cam"]["rate"] = "50 fps"
    return data


def test_no_frame_leaves_a_sensor_before_one_that_was_inferred_before() -> None:
    plan = worlds.plan(slow_encoder(), "asks")
    whole, reference = worlds.run(plan), worlds.run(plan, engine="reference")
    rows = worlds.table(whole)
    waited = 0
    for s in range(plan.size):
        mine = rows[(rows[:, frames.SENSOR] == s) & (rows[:, frames.READY] > 0)]
        mine = mine[np.argsort(mine[:, frames.FRAME])]
        assert (np.diff(mine[:, frames.READY]) >= 0).all()
        waited += int((np.diff(mine[:, frames.READY]) == 0).sum())
    assert waited > 0
    assert whole.tally.fingerprint() == reference.tally.fingerprint()
    for how in ({"window_ns": 7_000_000}, {"shards": 3, "window_ns": 30_000_000}):
        split = worlds.run(plan, **how)
        assert split.tally.fingerprint() == whole.tally.fingerprint()
        assert worlds.captured(split) == worlds.captured(whole)


@pytest.mark.parametrize("when", ["on change or every 200 ms", "every 3 inferences"])
def test_what_was_passed_on_is_remembered_from_window_to_window(when: str) -> None:
    """With crashes, a rewrite and a warm-up; and after every window in a process of its own."""
    data = world(when, publish="every 2 inferences")
    data |= {"warm_up": "650 ms", "events": [
        {"at": "900 ms", "crash": "cam", "lasts": "300 ms"},
        {"at": "1500 ms", "rewrite": "cam", "model": "slow"},
        {"at": "800 ms", "leave": "cam-1"}, {"at": "1600 ms", "join": "cam-1"},
    ]}  # fmt: skip
    plan = worlds.plan(data, "asks")
    whole, reference = worlds.run(plan), worlds.run(plan, engine="reference")
    split = worlds.run(plan, window_ns=110_000_000, shards=2)
    for other in (reference, split):
        assert other.tally.fingerprint() == whole.tally.fingerprint()
        assert other.tally.computing_ns.tolist() == whole.tally.computing_ns.tolist()
        assert other.tally.computed.tolist() == whole.tally.computed.tolist()
    shard = one_shard(plan)
    again = one_shard(plan)
    at_ns = 0
    while at_ns < plan.end_ns:
        window = Window(at_ns, min(plan.end_ns, at_ns + 130_000_000))
        if at_ns < plan.warm_up_ns < window.end_ns:
            window = Window(at_ns, plan.warm_up_ns)
        shard.advance(window)
        again = one_shard(plan)
        again.load(shard.save())
        shard, at_ns = again, window.end_ns
    shard.close(plan.end_ns)
    assert shard.tally.fingerprint() == whole.tally.fingerprint()


def one_shard(plan: Plan) -> Shard:
    own, territory = share_of(plan, partition(plan, 1).shards[0])
    return Shard(own, territory, open_eyes, keep=True)


def test_dsps_are_not_busy_with_what_encoders_do() -> None:
    _, outcome, _ = made("every inference")
    alone = worlds.run(worlds.plan(world(None), "asks"))
    assert utilisation(outcome)["dsp"] == pytest.approx(utilisation(alone)["dsp"])


def test_another_network_cannot_look_while_frames_are_under_way() -> None:
    ask = {"when": "oracle", "model": "eye-large", "codec": "jpeg-q60"}
    ask |= {"encoder": "ip-camera-1080p"}
    data = {
        "name": "two", "start": "2024-05-16T17:00", "light": "day", "duration": "3 s",
        "place": {"lat": 45, "lon": 0},
        "sensors": {"cam": {"count": 1, "rate": "5 fps", "app": "watch", "uplink": "port"}},
        "links": {
            "port": {"technology": "poe", "shared_by": "sensor", "to": "wan"},
            "wan": {"technology": "wan", "shared_by": "city", "to": "cloud"},
        },
        "cloud": {"server": "l4"},
        "arms": {"asks": {"device": "imx500", "mode": "binned", "model": "eye-small", "ask": ask}},
    }  # fmt: skip
    with Simulation(
        loads(json.dumps(data), "two.yaml"), "asks", options=Options(executor="local")
    ) as sim:
        sim.run(until="1 s")
        with pytest.raises(InputError, match="state it in the scenario's 'events'"):
            sim.deploy("cam-0", "ssd-mobilenet-v2")
        sim.run(until="2 s")
