"""What an AI sensor puts out and when: bytes from mode and model, publishing rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds

from fleet.model.books import SENT_FRAMES
from fleet.model.frames import (
    FATE,
    FRAME,
    OBJECTS,
    PAYLOAD,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    SKIP_DSP_BUSY,
    SKIP_NOT_PUBLISHED,
)
from fleet.results.metrics import summarise

MS = 1_000_000
MOST = 10  # objects in a message of `tiny`
PIXELS = {"full": 100 * 100, "small": 50 * 50}


def message(objects: np.ndarray) -> np.ndarray:
    """Return the bytes of a message: FlatBuffers in base64 in an envelope."""
    content = 32 + 40 * np.minimum(objects, MOST)
    return 150 + 4 * -(-content // 3)  # type: ignore[no-any-return]


def run(output: str, mode: str, **arm: str) -> tuple[np.ndarray, dict[str, Any], int]:
    """Return (frames that were sent, numbers, frames sent up to the end) of a busy scene."""
    data = worlds.scenario(city={"demand": "demand.csv"}, duration="4 s")
    data["arms"]["on_sensor"] |= {"output": output, "mode": mode, **arm}
    for link in data["links"].values():
        link |= worlds.WIDE
    outcome = worlds.run(worlds.plan(data, "on_sensor"))
    rows = worlds.table(outcome)
    sent = rows[rows[:, FATE] == RESULT]
    assert len(np.unique(sent[:, OBJECTS])) > 5
    assert outcome.tally.sensors[:, SENT_FRAMES].sum() == len(sent)  # none is on its way
    return sent, summarise(outcome), len(sent)


@pytest.mark.parametrize("mode", PIXELS)
def test_bytes_of_pictures_and_crops(mode: str) -> None:
    """RAW10 is 10 bit a pixel, YUV 4:2:0 12 bit; a crop is 5 % of the picture."""
    for output, size in (("raw", 10 * PIXELS[mode] // 8), ("image", 12 * PIXELS[mode] // 8)):
        rows, numbers, sent = run(output, mode)
        assert set(rows[:, PAYLOAD]) == {size}
        assert numbers["bytes"]["image"] == size * sent
        assert numbers["bytes"]["metadata"] == numbers["bytes"]["roi"] == 0
        assert numbers["pixels_leaving_sensor_frames"] == sent
    rows, numbers, _ = run("roi", mode)
    seen = rows[rows[:, OBJECTS] > 0]
    crop = PIXELS[mode] * 12 // 8 // 20
    assert (seen[:, PAYLOAD] == crop * np.minimum(seen[:, OBJECTS], MOST)).all()
    assert numbers["bytes"]["roi"] == rows[:, PAYLOAD].sum()
    assert numbers["bytes"]["metadata"] == numbers["bytes"]["image"] == 0
    assert numbers["pixels_leaving_sensor_frames"] >= len(seen)


def test_bytes_of_messages_and_tensors_do_not_depend_on_the_mode() -> None:
    for mode in PIXELS:
        rows, numbers, _ = run("message", mode)
        assert (rows[:, PAYLOAD] == message(rows[:, OBJECTS])).all()
        assert numbers["bytes"]["metadata"] == rows[:, PAYLOAD].sum()
        rows, numbers, sent = run("tensor", mode)
        assert set(rows[:, PAYLOAD]) == {1000}
        assert numbers["bytes"]["metadata"] == 1000 * sent
        assert numbers["bytes"]["roi"] == numbers["bytes"]["image"] == 0
        assert numbers["pixels_leaving_sensor_frames"] == 0


@pytest.mark.parametrize("mode", PIXELS)
def test_a_picture_with_its_message_is_both(mode: str) -> None:
    rows, numbers, sent = run("image + message", mode)
    picture = 12 * PIXELS[mode] // 8
    assert (rows[:, PAYLOAD] == picture + message(rows[:, OBJECTS])).all()
    assert numbers["bytes"]["image"] == picture * sent
    assert numbers["bytes"]["metadata"] == message(rows[:, OBJECTS]).sum()
    assert numbers["pixels_leaving_sensor_frames"] == sent


@pytest.mark.parametrize(("mode", "size"), [("full", 1250), ("small", 313)])
def test_an_encoded_picture_has_the_bytes_of_its_codec(mode: str, size: int) -> None:
    """1250 B at 100 x 100 px; a quarter of the pixels takes a quarter, rounded."""
    rows, numbers, sent = run("image", mode, codec="fixed-codec")
    assert set(rows[:, PAYLOAD]) == {size}
    assert numbers["bytes"]["image"] == size * sent


def test_bytes_of_the_protocol_are_what_is_left_on_the_wire() -> None:
    """MQTT of the tests adds 20 B, and 4 B for each 1000 B."""
    _, numbers, sent = run("raw", "full")
    assert numbers["bytes"]["protocol"] == (20 + 13 * 4) * sent
    _, numbers, _ = run("raw", "full", protocol="bare")
    assert numbers["bytes"]["protocol"] == 0


@pytest.mark.parametrize(
    ("output", "arm", "bits"),
    [
        ("message", {}, 0), ("tensor", {}, 0), ("roi", {}, 0), ("raw", {}, 100_000),
        ("image", {}, 120_000), ("image", {"codec": "fixed-codec"}, 120_000),
    ],
)  # fmt: skip
def test_a_picture_crosses_the_lanes(output: str, arm: dict[str, str], bits: int) -> None:
    """Fetching takes 0.1 ms and the bits of the picture over 2 Gbit/s; a result is 10 ms away."""
    rows, _, _ = run(output, "full", **arm)
    assert set(rows[:, READY] - rows[:, SENSED]) == {10 * MS + 100_000 + bits // 2}


def test_a_mode_has_its_own_readout_and_rate() -> None:
    from fleet.catalog import Catalog
    from fleet.plan.compile import compile_plan

    data = worlds.scenario(catalogue=None, arms={"a": {"device": "imx500", "model": "tinytracker"}})
    del data["cloud"]["batch"]
    data["cloud"]["server"] = "t4"
    data["sensors"]["cam"] |= {"rate": "20 fps", "uplink": "poe"}
    data["links"] = {"poe": {"technology": "poe", "shared_by": "sensor", "to": "cloud"}}
    taken = {}
    for mode in ("full", "binned", "uhd"):
        data["arms"]["a"]["mode"] = mode
        taken[mode] = int(
            compile_plan(worlds.load(data), Catalog.load(), "a").sensors.setups.sense_ns[0]
        )
    assert taken == {"full": 17_900_000, "binned": 6_900_000, "uhd": 13_120_000}


def test_a_capped_model_keeps_its_distance() -> None:
    """40 inferences a second at most, though one takes 10 ms: of 50 fps every second frame."""
    data = worlds.scenario()
    data["sensors"]["cam"]["rate"] = "50 fps"
    data["arms"]["on_sensor"]["model"] = "capped"
    rows = worlds.table(worlds.run(worlds.plan(data, "on_sensor")))
    for sensor in range(6):
        mine = rows[rows[:, SENSOR] == sensor]
        assert (mine[mine[:, FATE] == SKIP_DSP_BUSY, FRAME] % 2 == 1).all()
        assert (mine[mine[:, FATE] == RESULT, FRAME] % 2 == 0).all()
        assert set(np.diff(mine[mine[:, FATE] == RESULT, SENSED])) == {40 * MS}


# When it is published -------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(
    ("rule", "silence"),
    [("on change", None), ("on change or every 200 ms", 200), ("on change or every 3 s", 3000)],
)
def test_a_change_is_published(rule: str, silence: int | None, engine: str) -> None:
    data = worlds.scenario(city={"demand": "demand.csv"}, duration="8 s")
    data["sensors"]["cam"] |= {"rate": "10 fps", "phase": "synchronised"}
    data["arms"]["on_sensor"]["publish"] = rule
    rows = worlds.table(worlds.run(worlds.plan(data, "on_sensor"), engine=engine))
    changes, repeats = 0, 0
    for sensor in range(6):
        last, when = None, 0
        for row in rows[rows[:, SENSOR] == sensor]:
            seen, now = min(int(row[OBJECTS]), MOST), int(row[SENSED])
            quiet = silence is not None and last is not None and now >= when + silence * MS
            expected = RESULT if seen != last or quiet else SKIP_NOT_PUBLISHED
            assert row[FATE] == expected, row
            if expected == RESULT:
                changes += seen != last
                repeats += seen == last
                last, when = seen, now
    assert changes > 12
    if silence is None:
        assert repeats == 0
    elif silence == 200:
        assert repeats > 150


def test_an_empty_street_is_published_once() -> None:
    data = worlds.scenario()
    data["arms"]["on_sensor"]["publish"] = "on change"
    numbers = summarise(worlds.run(worlds.plan(data, "on_sensor")))
    assert numbers["frames"]["results"] == 6
    assert numbers["bytes"]["metadata"] == 6 * int(message(np.array(0)))
