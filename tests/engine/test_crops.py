"""Crops of what a sensor found, passed on in place of whole pictures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.errors import InputError
from fleet.eyes.crops import Crops, crops_named
from fleet.model import books, frames
from fleet.model.sight import AREA_PPM, I_PPM, LIVE, ROW_WIDTH, of_area, of_areas, unseen
from fleet.plan.expected import flows
from fleet.plan.plan import Plan
from fleet.running.run import Outcome
from fleet.scenario.load import loads
from fleet.sizing.books import tally
from fleet.sizing.ways import walk

MARGIN = "12.5 %"


def world(when: str = "every inference", /, consumer: str = "cloud", **ask: Any) -> dict[str, Any]:
    """Return sensors that pass crops on, to servers with room that decode."""
    crops = {"when": when, "model": "cloudy", "codec": "fixed-codec", "encoder": "test-camera"}
    return worlds.scenario(
        traces=worlds.traces(), light="day", duration="4 s",
        sensors={
            "cam": {
                "count": 4, "rate": "20 fps", "app": "watch", "uplink": "cell",
                "demand": "9000 /h", "consumer": consumer,
            }
        },
        cloud={"server": "test-npu", "servers": 4},
        arms={
            "asks": {
                "device": "test-ai", "mode": "small", "model": "tiny",
                "ask": {**crops, "crop_margin": MARGIN, **ask},
            }
        },
    )  # fmt: skip


def made(when: str = "every inference", /, **about: Any) -> tuple[Plan, Outcome, np.ndarray]:
    """Return (plan, outcome, frames that were passed on, or answered by the sensor)."""
    plan = worlds.plan(world(when, **about), "asks")
    outcome = worlds.run(plan)
    rows = worlds.table(outcome)
    return plan, outcome, rows[np.isin(rows[:, frames.FATE], (frames.RESULT, 5))]


def passed(plan: Plan, rows: np.ndarray) -> np.ndarray:
    return plan.sensors.setups.asked_by[rows[:, frames.SETUP]] >= 0


def test_a_frame_without_a_crop_is_not_passed_on() -> None:
    plan, _, rows = made()
    asked, table = passed(plan, rows), plan.eyes.sights.rows
    crops, own = (int(plan.sensors.setups.sight[k]) for k in (plan.sensors.setups.ask[0], 0))
    first = plan.eyes.sights.start.min(axis=(1, 2))
    at_servers = rows[:, frames.SIGHT] + np.where(asked, 0, first[crops] - first[own])
    assert (asked == (table[at_servers, AREA_PPM] > 0)).all()
    assert 0 < asked.sum() < len(rows)


def test_bytes_encoding_and_decoding_are_those_of_the_crops() -> None:
    plan, outcome, rows = made()
    setups, table = plan.sensors.setups, plan.eyes.sights.rows
    rows, ask = rows[passed(plan, rows)], int(setups.ask[0])
    area = table[rows[:, frames.SIGHT], AREA_PPM]
    apart = 1.0 + 1e-6 * table[rows[:, frames.SIGHT], I_PPM]
    size = np.maximum(64, np.floor(setups.i_bytes[ask, 0] * apart + 0.5))
    assert rows[:, frames.PAYLOAD].tolist() == size.astype(int).tolist()
    encode_ns = int(setups.compute_ns[ask]) * area // 1_000_000
    inferred = rows[:, frames.SENSED] + int(setups.compute_ns[0] + setups.fetch_ns[0])
    assert (rows[:, frames.READY] == inferred + encode_ns).all()
    assert len({*encode_ns.tolist()}) > 2
    px = int(plan.pools.decode_px[0]) * area // 1_000_000
    kind = plan.pool(int(plan.pools.of[0])).kinds[0]
    least = np.maximum(1, px * 10**9 // kind.decode_px_s)
    assert (rows[:, frames.DECODED] - rows[:, frames.WAN] >= least).all()
    assert (rows[:, frames.DECODED] - rows[:, frames.WAN] == least).any()
    arrived = worlds.table(outcome)
    arrived = arrived[passed(plan, arrived) & (arrived[:, frames.WAN] >= 0)]
    px = int(plan.pools.decode_px[0]) * table[arrived[:, frames.SIGHT], AREA_PPM] // 1_000_000
    assert outcome.tally.servers[:, books.ARRIVED_PX].sum() == px.sum()
    spent_ns = int(setups.compute_ns[ask]) * 4 * 20 * 4
    assert 0 < outcome.tally.computing_ns[ask] < spent_ns


@given(
    when=st.sampled_from(worlds.ASK), margin=st.sampled_from(worlds.CROP_MARGINS),
    world=worlds.scenarios(),
)  # fmt: skip
@settings(max_examples=max(10, worlds.MANY // 6))
def test_engines_agree_on_crops(when: str, margin: str, world: dict[str, Any]) -> None:
    worlds.unadapted(world)  # rungs may have rules that do not go with 'never'
    asking, world["inference"] = world["arms"]["asking"], "trace"
    if asking["publish"] == "never" and not when.startswith("found"):
        asking["publish"] = "on change"
    asking["ask"] |= {"when": when, "crop_margin": margin}
    plan = worlds.plan(world, "asking")
    columns, reference = worlds.run(plan), worlds.run(plan, engine="reference")
    shards = worlds.run(plan, shards=3, window_ns=70_000_000)
    assert worlds.captured(columns) == worlds.captured(reference)
    assert len({one.tally.fingerprint() for one in (columns, reference, shards)}) == 1
    for one in (reference, shards):
        assert one.tally.computed.tolist() == columns.tally.computed.tolist()
        assert one.tally.computing_ns.tolist() == columns.tally.computing_ns.tolist()
        assert one.tally.servers.tolist() == columns.tally.servers.tolist()


@pytest.mark.parametrize("when", ["every inference", "found", "random 30 %"])
def test_an_estimate_knows_what_crops_bring(when: str) -> None:
    data = world(when) | {"duration": "20 s"}
    data["sensors"]["cam"]["count"], data["cloud"]["servers"] = 60, 40
    plan = worlds.plan(data, "asks")
    outcome = worlds.run(plan)
    guessed, ran = tally(plan, (of := flows(plan)), walk(plan, of)), outcome.tally
    ask = int(plan.sensors.setups.ask[0])
    assert guessed.computed[ask] == pytest.approx(ran.computed[ask], rel=0.05)
    assert guessed.computing_ns[ask] == pytest.approx(ran.computing_ns[ask], rel=0.05)
    assert guessed.links[:, 0].sum() == pytest.approx(ran.links[:, 0].sum(), rel=0.05)
    px = [one.servers[:, books.ARRIVED_PX].sum() for one in (guessed, ran)]
    assert px[0] == pytest.approx(px[1], rel=0.05)


def test_only_plans_with_crops_have_the_column_of_areas() -> None:
    whole = worlds.plan(world(crop_margin=None), "asks")
    assert whole.eyes.sights.rows.shape[1] == ROW_WIDTH
    assert worlds.plan(world(), "asks").eyes.sights.rows.shape[1] == ROW_WIDTH + 1


def test_what_no_row_tells_is_whole() -> None:
    rows = np.arange(3 * (ROW_WIDTH + 1)).reshape(3, -1)
    rows[:, AREA_PPM] = 0, 250_000, 1_000_000
    taken = np.array([unseen(0), unseen(3), LIVE + 7, 0, 1, 2])
    assert of_areas(rows, taken, np.full(6, 1001)).tolist() == [1001] * 3 + [0, 250, 1001]
    assert [of_area(rows, int(row), 1001) for row in taken] == [1001] * 3 + [0, 250, 1001]
    assert of_areas(rows[:, :ROW_WIDTH], taken, np.full(6, 9)).tolist() == [9] * 6
    assert of_area(rows[:, :ROW_WIDTH], 0, 9) == 9


@pytest.mark.parametrize("margin_ppm", [0, 1, 125_000, 200_000, 1_000_000])
def test_names_of_crops_are_read_as_they_are_written(margin_ppm: int) -> None:
    crops = Crops("my:own.net", margin_ppm, "jpeg-q60")
    assert crops_named(crops.name) == crops


@pytest.mark.parametrize(
    "source", ["raw", "jpeg-q60", "crops", "crops:a:b", "crops:a:20:b", "crops:a:x%:b",
               "crops:a:1.23456%:b", "crops:a:²%:b"]
)  # fmt: skip
def test_other_sources_are_no_crops(source: str) -> None:
    assert crops_named(source) is None


def packaged(**ask: Any) -> dict[str, Any]:
    """Return an entrance with networks of the package."""
    crops = {"when": "found", "model": "eye-large", "codec": "jpeg-q60", "crop_margin": "20 %"}
    crops |= {"encoder": "ip-camera-1080p"}
    arm = {"device": "lucid-triton", "mode": "binned3", "model": "eye-small"}
    arm |= {name: ask.pop(name) for name in ("model_of_sensor", "publish") if name in ask}
    arm["model"] = arm.pop("model_of_sensor", arm["model"])
    return {
        "name": "crops", "start": "2024-05-16T17:00", "light": "day", "duration": "3 s",
        "place": {"lat": 45, "lon": 0}, "inference": ask.pop("inference", "trace"),
        "sensors": {
            "cam": {"count": 1, "rate": "5 fps", "app": ask.pop("app", "count_visitors"),
                    "uplink": "port"}
        },
        "links": {
            "port": {"technology": "poe", "shared_by": "sensor", "to": "wan"},
            "wan": {"technology": "wan", "shared_by": "city", "to": "cloud"},
        },
        "cloud": {"server": "l4"},
        "arms": {"roi": {**arm, "ask": {**crops, **ask}}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"model_of_sensor": "mobilenet-v2"}, "'mobilenet-v2' is for classification and gives no"),
        ({"model": "resnet50"}, "'resnet50' is for classification and does not say where"),
        ({"codec": "h264-crf28"}, "'h264-crf28' predicts pictures from those before"),
        ({"crop_margin": "150 %"}, "above 100 %"),
        ({"crop_margin": "33 %"}, r"no trace tells what is sent and found where crops of what"),
        ({"model": "yolo11m"}, r"and 'yolo11m' looks at them; there are eye-large on crops:"),
        ({"inference": "constant"}, "crops are of what a measured network finds"),
        ({"when": "on change", "publish": "never"}, "'never' with ask.when 'on change' and crops"),
    ],
)
def test_bad_input_is_refused(ask: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        worlds.compile_plan(scenario := loads(json.dumps(packaged(**ask)), "crops.yaml"),
                            worlds.catalogue(scenario), "roi")  # fmt: skip
