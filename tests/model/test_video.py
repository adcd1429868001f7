"""Bytes of encoded frames: one law over light, objects, rate and size, worked out here by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.catalog import Catalog
from fleet.chance import mix64, spread
from fleet.errors import InputError
from fleet.eyes import replay
from fleet.eyes.crops import crops_named
from fleet.model import camera, frames, sight
from fleet.model.sight import LIGHTS
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.plan.quality import between
from fleet.plan.traced import one_of
from fleet.scenario.load import loads

DAY, DUSK, NIGHT, RAIN = range(4)
CODEC = "h264-crf28"
CLIP_PX, PX = 768 * 576, 1920 * 1080


def number(item: str, parameter: str, kind: str = "codecs") -> float:
    return float(Catalog.load().row(kind, item, parameter).value)


def data(light: str = "day", **changes: Any) -> dict[str, Any]:
    """Return cameras in a light, as plain data; changes of the arm."""
    arm = {"device": "ip-camera-1080p", "codec": CODEC, "model": "yolo11n", **changes}
    rain = {"light": "day", "weather": "rain"}
    return {
        "name": "video", "seed": 2, "start": "2024-05-16T12:00", "duration": "12 s",
        "inference": "constant", **(rain if light == "rain" else {"light": light}),
        "sensors": {"cam": {"count": 8, "rate": "10 fps", "app": "watch", "uplink": "port"}},
        "links": {"port": {"technology": "poe", "shared_by": "sensor", "to": "cloud"}},
        "cloud": {"server": "l4", "servers": 50}, "arms": {"test": arm},
    }  # fmt: skip


def planned(scenario: dict[str, Any], catalog: Catalog | None = None) -> Plan:
    loaded = loads(json.dumps(scenario), str(worlds.HERE / "made-up.yaml"))
    return compile_plan(loaded, catalog or catalogue(loaded), "test")


def means(plan: Plan, light: int) -> tuple[float, float, float]:
    """Return mean bytes of (I frame, P frame with nobody in view, an object more) in a light."""
    row = plan.sensors.setups[0]
    return float(row.i_bytes[light]), float(row.still_bytes[light]), float(row.moving_bytes[light])


def test_by_day_bytes_are_those_of_the_clip_scaled() -> None:
    i, still, moving = means(planned(data()), DAY)
    p = number(CODEC, "p_frame") * (PX / CLIP_PX) ** number(CODEC, "p_pixel_exponent")
    share = number(CODEC, "static_share")
    assert i == pytest.approx(
        number(CODEC, "i_frame") * (PX / CLIP_PX) ** number(CODEC, "i_pixel_exponent"), rel=1e-9
    )
    assert still == pytest.approx(p * share, rel=1e-9)
    assert moving * number(CODEC, "reference_objects") == pytest.approx(p * (1 - share), rel=1e-9)


def test_a_slower_camera_has_larger_frames() -> None:
    fast, slow = data(), data()
    slow["sensors"]["cam"]["rate"] = "5 fps"
    before, after = means(planned(fast), DAY), means(planned(slow), DAY)
    assert after[0] / before[0] == pytest.approx(2 ** number(CODEC, "i_rate_exponent"), rel=1e-9)
    for k in (1, 2):
        assert after[k] / before[k] == pytest.approx(2 ** number(CODEC, "rate_exponent"), rel=1e-9)


@pytest.mark.parametrize("light", LIGHTS[1:])
def test_light_leaves_a_share_and_adds_bits_to_every_pixel(light: str) -> None:
    plan = planned(data())
    kept = 1.0 if light == "rain" else number("ip-camera-1080p", "noise_kept", "cameras")
    day, other = means(plan, DAY), means(plan, LIGHTS.index(light))
    for k, kind, added in ((0, "i", "i"), (1, "still", "p"), (2, "moving", None)):
        expected = number(CODEC, f"{kind}_share_{light}") * day[k]
        if added is not None:
            expected += number(CODEC, f"{added}_added_{light}") * kept * PX / 8
        assert other[k] == pytest.approx(expected, rel=1e-9)


def test_a_camera_that_removes_no_noise_sends_all_of_it() -> None:
    row = Catalog.load().row("cameras", "ip-camera-1080p", "noise_kept")
    own = Catalog.load(own={"cameras": [("here", replace(row, value="1"))]})
    few, all_of_it = planned(data()), planned(data(), own)
    kept = number("ip-camera-1080p", "noise_kept", "cameras")
    for light in (DUSK, NIGHT):
        more = means(all_of_it, light)[1] - means(few, light)[1]
        bits = number(CODEC, f"p_added_{LIGHTS[light]}")
        assert more == pytest.approx((1 - kept) * bits * PX / 8, rel=1e-9)
    for light in (DAY, RAIN):
        assert means(few, light) == means(all_of_it, light)


def test_a_lower_rate_is_a_better_quality_to_noise() -> None:
    """An octave lower lies between two codecs that were measured, 2.4 crf nearer to the better."""
    slow = data()
    slow["sensors"]["cam"]["rate"] = "5 fps"
    plan, name = planned(slow), "p_added_night"
    better, own = number("h264-crf23", name), number(CODEC, name)
    added = math.exp(math.log(own) + 2.4 / 5 * math.log(better / own))
    kept = number("ip-camera-1080p", "noise_kept", "cameras")
    still = number(CODEC, "still_share_night") * means(plan, DAY)[1] + added * kept * PX / 8
    assert means(plan, NIGHT)[1] == pytest.approx(still, rel=1e-9)
    assert added > own


def test_between_points() -> None:
    points = [(1.0, 8.0), (4.0, 2.0), (16.0, 2.0)]
    assert between(points, 2.0) == pytest.approx(4.0, rel=1e-12)
    assert between(points, 8.0) == pytest.approx(2.0, rel=1e-12)
    assert between(points, 0.1) == 8.0
    assert between(points, 99.0) == 2.0
    assert between([(3.0, 5.0)], 7.0) == 5.0


@pytest.mark.parametrize("app", ["heat_map", "stock_shortage"])
def test_indoors_it_is_always_day(app: str) -> None:
    scenario = data("night")
    scenario["sensors"]["cam"]["app"] = app
    plan = planned(scenario)
    assert all(means(plan, light) == means(plan, DAY) for light in (DUSK, NIGHT, RAIN))


def drawn(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Return (frames, whether each is an I frame) of a run, by the cameras' own starts."""
    rows = worlds.table(worlds.run(plan))
    gop = int(number(CODEC, "gop"))
    starts = np.array([(int(mix64(key)) >> 33) % gop for key in plan.sensors.size_keys])
    return rows, (rows[:, frames.FRAME] + starts[rows[:, frames.SENSOR]]) % gop == 0


@pytest.mark.parametrize("light", LIGHTS)
def test_frames_vary_about_the_mean_of_their_light(light: str) -> None:
    plan = planned(data(light))
    rows, is_intra = drawn(plan)
    assert (rows[:, frames.SIGHT] == sight.unseen(LIGHTS.index(light))).all()
    i, still, moving = means(plan, LIGHTS.index(light))
    for row, intra in list(zip(rows, is_intra, strict=True))[::37]:
        z = spread(plan.sensors.size_keys[row[frames.SENSOR]], int(row[frames.FRAME]))
        mean = i if intra else still + moving * row[frames.OBJECTS]
        variation = number(CODEC, "i_variation" if intra else "p_variation")
        assert row[frames.PAYLOAD] == max(64, math.floor(mean * (1 + variation * z) + 0.5))


@pytest.mark.parametrize("light", ["day", "night"])
def test_a_traced_frame_differs_from_the_mean_as_its_row_does(light: str) -> None:
    plan = planned({**data(light, eye="nanodet"), "inference": "trace"})
    rows, is_intra = drawn(plan)
    i, still, moving = means(plan, LIGHTS.index(light))
    for row, intra in list(zip(rows, is_intra, strict=True))[::37]:
        taken = plan.eyes.sights.rows[row[frames.SIGHT]]
        mean = i if intra else still + moving * row[frames.OBJECTS]
        more = 1e-6 * taken[sight.I_PPM if intra else sight.P_PPM] * i
        assert row[frames.PAYLOAD] == max(64, math.floor(mean + more + 0.5))


@pytest.mark.parametrize("inference", ["constant", "trace"])
def test_engines_agree_from_dusk_to_night(inference: str) -> None:
    """A frame has the bytes of the light in which it was taken."""
    sees = {"eye": "nanodet"} if inference == "trace" else {}
    scenario = {**data(**sees), "inference": inference, "light": "sun"}
    scenario |= {"start": "2024-03-20T18:41", "place": {"lat": 45, "lon": 0}}
    scenario["duration"], scenario["sensors"]["cam"]["rate"] = "3 min", "1 fps"
    plan = planned(scenario)
    assert len(plan.scene.light_then) == 2
    one, slow = worlds.run(plan), worlds.run(plan, engine="reference")
    assert worlds.finished(one) == worlds.finished(slow)
    assert one.tally.fingerprint() == slow.tally.fingerprint()


def test_live_frames_are_as_large_as_those_that_nobody_sees() -> None:
    plan = planned(data("night"))
    setups = plan.sensors.setups
    for frame in (0, 7, 50):
        sizes = {
            camera.payload_bytes(setups, plan.eyes.sights, 0, np.uint64(5), frame, 3, row)
            for row in (sight.unseen(NIGHT), sight.packed(NIGHT, 3, 2, 0))
        }
        assert len(sizes) == 1


def test_traces_leave_the_means_as_they_are() -> None:
    """So `constant`, `trace` and `live` send the same at the same light and number in view."""
    for name in replay.known():
        if crops_named(name[1]) is not None:
            continue  # whose bytes are measured ones, and which nobody else sends
        traced = replay.load(*name)
        for light, objects in np.argwhere(traced.rows > 0):
            begin = traced.start[light, objects]
            rows = slice(begin, begin + traced.rows[light, objects])
            assert abs(traced.i_ppm[rows].mean()) < 1
            assert abs(traced.p_ppm[rows].mean()) < 1


def test_a_light_that_was_not_traced_still_shines() -> None:
    """The sight is that of the first light traced, the bytes are those of the frame's own."""
    traced = replay.load("street", CODEC, "eye-small")
    only = traced.start[DAY], traced.rows[DAY]
    by_day = traced._replace(
        start=np.array([only[0]] + [np.zeros_like(only[0])] * 3),
        rows=np.array([only[1]] + [np.zeros_like(only[1])] * 3),
    )
    sights = one_of(by_day, False)
    for light in range(4):
        row = int(sight.picked(sights, 0, light, 2, 9, 4, 0))
        assert sight.light_of(sights.rows, row) == light
        assert sights.rows[row, sight.LIGHT] == DAY
    assert len(one_of(by_day, True).rows) * 4 == len(sights.rows)


def test_nobody_in_view_cannot_be_the_usual() -> None:
    row = Catalog.load().row("codecs", CODEC, "reference_objects")
    own = Catalog.load(own={"codecs": [("here", replace(row, value="0", low="0"))]})
    with pytest.raises(InputError, match="h264-crf28 reference_objects: is 0, must be above"):
        planned(data(), own)


BITRATES = ["500 kbit/s", "2 Mbit/s", "8 Mbit/s"]


@pytest.mark.parametrize("codec", [CODEC, "h265-crf30", "jpeg-q60"])
@pytest.mark.parametrize("bitrate", BITRATES)
def test_the_mean_meets_the_bitrate_in_every_light(codec: str, bitrate: str) -> None:
    plan = planned(data("night", codec=codec, bitrate=bitrate))
    gop = int(number(codec, "gop"))
    target = int(bitrate.split()[0]) * (1e3 if "kbit" in bitrate else 1e6) / 8 / 10
    for light in range(4):
        i, still, moving = means(plan, light)
        assert (i + (gop - 1) * still) / gop == pytest.approx(target, rel=1e-9)
        assert moving == 0


def test_i_frames_are_smaller_at_higher_rates_and_bounded() -> None:
    ratios, most = [], number(CODEC, "i_most")
    for bitrate in BITRATES:
        i, p, _ = means(planned(data(bitrate=bitrate)), DAY)
        ratios.append(i / p)
        rate = float(Fraction(bitrate.split()[0]) * (1000 if "kbit" in bitrate else 10**6))
        assert i <= most * rate / 8 * (1 + 1e-9)
    assert ratios == sorted(ratios, reverse=True)


def test_a_4k_camera_at_16_mbit_s_fits_a_port() -> None:
    plan = planned(data(device="ip-camera-4k", bitrate="16 Mbit/s"))
    assert means(plan, DAY)[0] < 1e6


def test_frames_of_slow_cameras_are_bounded() -> None:
    """A frame a minute is as large as one a second, and no P frame is larger than an I frame."""
    found = []
    for rate in ("1 fps", "1 frame/min"):
        slow = data("night")
        slow["sensors"]["cam"]["rate"] = rate
        found.append([means(planned(slow), light) for light in range(4)])
    assert found[0] == found[1]
    plan = planned(data())
    setups = plan.sensors.setups
    key, gop = plan.sensors.size_keys[0], int(number(CODEC, "gop"))
    start, mean = camera.gop_start(key, gop), means(plan, DAY)[0]
    frame = (gop - start) % gop + 1  # the first P frame of a group
    size = camera.video_bytes(
        setups, plan.eyes.sights, 0, key, start, frame, 100_000, sight.unseen(DAY)
    )
    law = 1.0 + number(CODEC, "p_variation") * spread(key, frame)
    assert size == math.floor(mean * law + 0.5)


def test_no_frame_is_larger_than_the_picture() -> None:
    slow = data(bitrate="8 Mbit/s")
    slow["sensors"]["cam"]["rate"] = "1 frame/min"
    slow["links"]["port"]["buffer"] = "10 MB"
    assert means(planned(slow), DAY)[0] == PX * 1.5


@pytest.mark.parametrize(
    ("bitrate", "codec"),
    [("300 kbit/s", "h264-crf36"), ("1.2 Mbit/s", CODEC), ("16 Mbit/s", "h264-crf18")],
)
def test_a_held_encoder_is_seen_through_the_nearest_quality(bitrate: str, codec: str) -> None:
    scenario = data(bitrate=bitrate, eye="eye-large")
    scenario["inference"] = "trace"
    plan = planned(scenario)
    assert [eye.source for eye in plan.eyes.networks] == [codec]
    assert any(f"is taken to see as behind {codec}" in remark for remark in plan.notes.remarks)
    assert not any("taken to see" in remark for remark in planned(data()).notes.remarks)


def test_frames_keep_their_size_when_the_rate_changes_and_say_so() -> None:
    scenario = data(bitrate="2 Mbit/s")
    scenario["events"] = [{"at": "5 s", "profile": "cam", "rate": "5 fps"}]
    remark = "Frames of 'cam' in arm 'test' stay as large as at 10 fps when events change the rate"
    assert any(
        one.startswith(f"{remark}, so the bitrate is not held")
        for one in planned(scenario).notes.remarks
    )
    scenario["events"][0]["rate"] = "10 fps"
    assert not any("stay as large" in one for one in planned(scenario).notes.remarks)
