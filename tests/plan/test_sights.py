"""What eyes see: light by the sun, rows of traces, and the accuracy that comes of them."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.catalog import Catalog
from fleet.errors import InputError
from fleet.eyes import replay
from fleet.model import frames, sight
from fleet.plan import standins
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan
from fleet.plan.sun import DAY, DUSK, NIGHT, RAIN, sun_elevation_deg
from fleet.results.accuracy import accuracy, measures
from fleet.results.tables import frame_table

BUSY = {"sites": "no-sites.csv", "demand": "demand.csv"}


def minutes(utc: str) -> np.ndarray:
    when = dt.datetime.fromisoformat(utc)
    return np.array([(when - dt.datetime(when.year, 1, 1)).total_seconds() / 60.0])


@pytest.mark.parametrize(
    ("utc", "latitude", "longitude", "expected"),
    [
        ("2024-06-20T12:00", 0.0, 0.0, 90 - 23.44),  # northern solstice, noon on the equator
        ("2024-12-21T12:00", 51.48, 0.0, 90 - 51.48 - 23.44),  # southern solstice, Greenwich
        ("2024-03-20T12:07", 40.0, 0.0, 50.0),  # equinox; the clock is seven minutes ahead
        ("2024-06-20T00:02", 66.56, 0.0, 0.0),  # midnight sun at the arctic circle
        ("2024-06-20T00:00", 0.0, 180.0, 90 - 23.44),  # noon at the date line
    ],
)
def test_the_sun_stands_where_it_should(
    utc: str, latitude: float, longitude: float, expected: float
) -> None:
    assert sun_elevation_deg(minutes(utc), latitude, longitude)[0] == pytest.approx(
        expected, abs=0.6
    )


def lit(**changes: Any) -> Plan:
    return worlds.plan(worlds.scenario(**changes), "cloud")


def test_an_evening_is_day_then_dusk_then_night() -> None:
    plan = lit(start="2024-03-20T12:00", duration="10 h", sensors=one_camera("0.01 fps"))
    assert plan.scene.light_then.tolist() == [DAY, DUSK, NIGHT]
    _, dusk_s, night_s = plan.scene.light_from_s.tolist()
    # At 45° N the sun of an equinox sinks 90° - 45° in an hour by 10.6°; it is 6 h from noon to
    # the horizon, and sets 5 minutes later for its size and refraction.
    assert dusk_s / 60 == pytest.approx(6 * 60 + 7 + 5, abs=4)
    assert (night_s - dusk_s) / 60 == pytest.approx((6 - 0.833) / 10.6 * 60, abs=3)
    assert light_by_second(plan, dusk_s - 1, 2).tolist() == [DAY, DUSK]


def one_camera(rate: str) -> dict[str, Any]:
    return {"cam": {"count": 1, "rate": rate, "app": "watch", "uplink": "cell"}}


def test_light_and_weather_may_be_given() -> None:
    assert lit(light="night").scene.light_then.tolist() == [NIGHT]
    assert lit(weather="rain").scene.light_then.tolist() == [RAIN]
    assert lit(light="day", weather="rain").scene.light_then.tolist() == [RAIN]
    assert lit(light="dusk", weather="rain").scene.light_then.tolist() == [DUSK]


def test_local_time_is_that_of_the_zone() -> None:
    noon = {"start": "2024-05-16T12:00"}
    assert lit(**noon).scene.light_then.tolist() == [DAY]
    assert lit(**noon, timezone="Pacific/Auckland").scene.light_then.tolist() == [NIGHT]
    with pytest.raises(InputError, match=r"'Europe/Helsinky' \(did you mean 'Europe/Hel"):
        lit(**noon, timezone="Europe/Helsinky")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"timezone": "Asia/Tokyo"}, "It is day, by the sun at 35.65° N, 139.74° E (Tokyo, for"),
        ({"timezone": "Europe/London"}, "It is day, by the sun at 51.51° N, 0.13° W (London, for"),
        ({"place": {"lat": -36.8, "lon": 174}}, "It is day, by the sun at 36.80° S, 174.00° E (t"),
        ({"light": "night"}, "It is night throughout, as the scenario says."),
        ({"start": "2025-06-14T20:00", "duration": "1 h", "place": {"lat": 45, "lon": 0}},
         "It is dusk, night from 0:25 h on, by the sun at 45.00° N, 0.00° E (the scenario's pla"),
    ],
)  # fmt: skip
def test_noon_is_day_wherever_the_scenario_says_that_it_is(
    changes: dict[str, Any], told: str
) -> None:
    noon = {"start": "2025-06-14T12:00", "place": None, "traces": worlds.traces()}
    plan = worlds.plan(worlds.scenario(**{**noon, **changes}), "on_sensor")
    assert any(remark.startswith(told) for remark in plan.notes.remarks), plan.notes.remarks


def test_a_light_that_decides_must_be_known() -> None:
    nowhere = worlds.scenario(place=None, traces=worlds.traces())
    with pytest.raises(InputError, match="nothing says where the sensors are: add a 'timezone'"):
        worlds.plan(nowhere, "on_sensor")
    blind = worlds.plan(worlds.scenario(place=None), "on_sensor")  # nobody was ever traced
    assert blind.scene.light_then.tolist() == [DAY]
    assert not any("by the sun" in remark for remark in blind.notes.remarks)


def seen(arm: str, **changes: Any) -> tuple[Plan, np.ndarray, Any]:
    data = worlds.scenario(
        **{"city": BUSY, "duration": "40 s", "traces": worlds.traces(), "light": "night", **changes}
    )
    plan = worlds.plan(data, arm)
    outcome = worlds.run(plan)
    return plan, worlds.table(outcome), outcome


def test_a_frame_takes_a_row_of_its_light_and_objects() -> None:
    plan, rows, _ = seen("on_sensor")
    taken = plan.eyes.sights.rows[rows[:, frames.SIGHT]]
    assert (taken[:, sight.LIGHT] == NIGHT).all()
    for objects, bucket in ((0, 0), (1, 1), (2, 1), (3, 3), (5, 3), (8, 9), (20, 9)):
        mine = rows[:, frames.OBJECTS] == objects
        if not mine.any():
            continue
        begin = plan.eyes.sights.start[0, NIGHT, bucket]
        many = plan.eyes.sights.many[0, NIGHT, bucket]
        assert many == 1 + bucket
        assert set(rows[mine, frames.SIGHT]) <= set(range(begin, begin + many))


def test_means_are_those_of_the_trace() -> None:
    """Seconds are independent draws, frames of one second are not: standard errors by second."""
    plan, rows, _ = seen("on_sensor", sensors={
        "cam": {"count": 40, "cells": 2, "rate": "2 fps", "app": "watch", "uplink": "cell"}
    })  # fmt: skip
    for bucket in (1, 3, 9):
        near = rows[rows[:, frames.OBJECTS] == bucket]
        second = near[:, frames.CAPTURE] // 10**9 * plan.size + near[:, frames.SENSOR]
        right = plan.eyes.sights.rows[near[:, frames.SIGHT], sight.RIGHT]
        _, of = np.unique(second, return_inverse=True)
        by_second = np.bincount(of, weights=right) / np.bincount(of)
        begin, many = (
            int(t[0, NIGHT, bucket]) for t in (plan.eyes.sights.start, plan.eyes.sights.many)
        )
        expected = plan.eyes.sights.rows[begin : begin + many, sight.RIGHT].mean()
        error = by_second.std(ddof=1) / np.sqrt(len(by_second))
        assert error < 0.35 * max(1.0, expected)
        assert abs(by_second.mean() - expected) < 4 * error + 1e-9


def test_arms_share_the_draw() -> None:
    """Buckets of one size in two traces: a frame takes the same place in both."""
    drawn = []
    for arm in ("on_sensor", "cloud"):
        plan, rows, _ = seen(arm, arms={
            "on_sensor": {"device": "test-ai", "model": "tiny"},
            "cloud": {"device": "test-camera", "codec": "test-codec", "model": "shaky"},
        })  # fmt: skip
        bucket = np.minimum(rows[:, frames.OBJECTS], sight.MOST_OBJECTS)
        begin = plan.eyes.sights.start[0, NIGHT, bucket]
        keys = zip(rows[:, frames.SENSOR], rows[:, frames.FRAME], strict=True)
        drawn.append(dict(zip(keys, rows[:, frames.SIGHT] - begin, strict=True)))
    common = set(drawn[0]) & set(drawn[1])
    assert len(common) > 1000
    assert all(drawn[0][key] == drawn[1][key] for key in common)


def test_every_frame_is_counted_once_and_the_measures_follow() -> None:
    plan, rows, outcome = seen("on_sensor", events=[{"at": "5 s", "crash": "cam"}])
    by_scene = outcome.tally.sights
    book = by_scene.sum(axis=2)
    taken = plan.eyes.sights.rows[rows[:, frames.SIGHT]]
    answered = rows[:, frames.FATE] == frames.RESULT
    assert 0 < answered.sum() < len(rows)
    assert book[0, NIGHT, sight.ANSWERED] == answered.sum()
    assert book[0, NIGHT, sight.UNANSWERED] == (~answered).sum()
    wanted, right, wrong = (taken[answered, c].sum() for c in (
        sight.WANTED, sight.RIGHT, sight.WRONG
    ))  # fmt: skip
    found = accuracy(outcome)
    assert found["recall"] == right / wanted
    assert found["precision"] == right / (right + wrong)
    assert found["f1"] == pytest.approx(
        2 / (1 / found["recall"] + 1 / found["precision"]), rel=1e-12
    )
    assert found["recall_of_all"] == right / taken[:, sight.WANTED].sum() < found["recall"]
    apart = np.abs(taken[:, sight.RIGHT] + taken[:, sight.WRONG] - taken[:, sight.WANTED])
    assert found["miscount_per_frame"] == apart[answered].mean()
    assert list(found["by_light"]) == ["night"]
    assert plan.eyes.scenes == tuple(("street", f"scene-{k}") for k in range(worlds.SCENES))
    for k in range(worlds.SCENES):
        mine = answered & (taken[:, sight.SCENE] == k)
        assert by_scene[0, NIGHT, k, sight.SUM_RIGHT] == taken[mine, sight.RIGHT].sum()
        assert by_scene[0, NIGHT, k, sight.ANSWERED] == mine.sum() > 0
    table = frame_table(outcome)
    ended = [fate != "in_flight" for fate in table["fate"].to_pylist()]
    told = np.array(table["objects_right"].to_pylist())
    assert told[ended].sum() == taken[:, sight.RIGHT].sum()


def test_messages_follow_the_row() -> None:
    plan, rows, _ = seen("on_sensor")
    taken = plan.eyes.sights.rows[rows[:, frames.SIGHT]]
    sent = rows[:, frames.PAYLOAD] > 0
    told = np.minimum(taken[:, sight.RIGHT] + taken[:, sight.WRONG], 10)
    content = 32 + 40 * told
    expected = 150 + 4 * -(-content // 3)
    assert (rows[sent, frames.PAYLOAD] == expected[sent]).all()


def test_without_a_trace_accuracy_is_not_known() -> None:
    for changes in ({"inference": "constant"}, {"traces": None, "catalogue": "catalogue"}):
        plan, rows, outcome = seen("on_sensor", **changes)
        assert (rows[:, frames.SIGHT] == sight.unseen(NIGHT)).all()
        assert len(plan.eyes.sights.rows) == 0
        assert accuracy(outcome)["recall"] is None
        assert set(frame_table(outcome)["objects_right"].to_pylist()) == {-1}
    assert measures(np.zeros(sight.SIGHT_COUNTS, dtype=np.int64))["precision"] is None


def test_traces_that_are_not_there() -> None:
    with pytest.raises(InputError, match=r"none\.parquet: there is no such file"):
        lit(traces="none.parquet")


@pytest.mark.parametrize(("parameter", "word", "allowed"), [
    ("view", "roof", "street, entrance, ceiling, shelf"), ("indoors", "maybe", "yes, no"),
    ("task", "dance", "visitors, vehicles, gaps, places, none"),
])  # fmt: skip
def test_words_of_an_app_that_nobody_knows(
    tmp_path: Path, parameter: str, word: str, allowed: str
) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(worlds.HERE / "catalogue", folder)
    table = folder / "apps.csv"
    lines = [
        ",".join([*line.split(",")[:2], word, *line.split(",")[3:]])
        if line.startswith(f"watch,{parameter},") else line
        for line in table.read_text("utf-8").splitlines()
    ]  # fmt: skip
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"{parameter} of app watch is '{word}'.*{allowed}"):
        lit(catalogue=str(folder))


def test_engines_agree_over_a_sunset() -> None:
    """Day turns to dusk within the run."""
    data = worlds.scenario(
        start="2024-03-20T18:10", duration="5 min", city=BUSY, traces=worlds.traces(),
        sensors={"cam": {"count": 3, "cells": 1, "rate": "1 fps", "app": "watch",
                         "uplink": "cell"}},
    )  # fmt: skip
    plan = worlds.plan(data, "cloud")
    assert plan.scene.light_then.tolist() == [DAY, DUSK]
    fast, slow = worlds.run(plan, window_ns=7 * 10**9), worlds.run(plan, engine="reference")
    assert worlds.finished(fast) == worlds.finished(slow)
    assert fast.tally.fingerprint() == slow.tally.fingerprint()
    # The eye of this arm was traced at dusk and in rain only: rows of dusk stand for the day.
    assert fast.tally.sights[0, DUSK, :, sight.ANSWERED].sum() > 500


# Which network stands for a model ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "stands"),
    [
        ("ssd-mobilenet-v2", ["ssd", "nanodet"]),  # 21.8: 22.0 of its family, 22.9
        ("ssd-mobilenet-v1", ["ssd", "nanodet", "yolox"]),  # 23.2
        ("efficientdet-lite0", ["yolox", "nanodet"]),  # 25.2: 25.8, 22.9; 22.0 is too far
        ("efficientdet-lite0-no-pp", ["yolox"]),  # 27.4
        ("nanodet-plus-416", []),  # 32.0: its family does not help
        ("yolov8n", []),  # 27.9, but 640 px
        ("ssd-resnet34", []),  # 20.0, but 1200 px
        ("yolo11m", []),
        ("eye-large", ["eye-large"]),  # measured itself
        ("mobilenet-v2", []),  # no detector
    ],
)
def test_who_is_fair_follows_from_published_figures(model: str, stands: list[str]) -> None:
    assert standins.names(Catalog.load().reader(), model, None) == stands
    assert standins.names(Catalog.load().reader(), model, "ssd") == ["ssd"]


CAMERA = {"device": "ip-camera-1080p", "codec": "h264-crf28"}


def packaged(**arm: str) -> dict[str, Any]:
    """Return a street before two sensors, with packaged hardware and traces."""
    return worlds.scenario(
        catalogue=None,
        sensors={"cam": {"count": 2, "rate": "10 fps", "app": "watch", "uplink": "cell"}},
        links={
            "cell": {"technology": "poe", "shared_by": "sensor", "to": "wan"},
            "wan": {"technology": "wan", "shared_by": "city", "to": "cloud"},
        },
        cloud={"server": "t4"},
        arms={"cloud": {**({} if "device" in arm else CAMERA), **arm}},
        city={"demand": "demand.csv"},
    )


def test_an_arm_says_whose_sight_it_has_and_why() -> None:
    def told(**arm: str) -> tuple[str, float | None, str]:
        (found,) = worlds.plan(packaged(**arm), "cloud").eyes.stand_ins
        return found.eye, found.map_apart, found.text

    eye, apart, text = told(model="efficientdet-lite0", device="imx500")
    figures, worse = {
        "yolox": ("YOLOX-Nano 416 (COCO mAP 25.8, 416 px)", "0.6 points better"),
        "nanodet": ("NanoDet-g 416 (COCO mAP 22.9, 416 px)", "2.3 points worse"),
    }[eye]
    assert text == (
        f"efficientdet-lite0 (COCO mAP 25.2, 320 px) sees as {figures}; by published mAP {worse}"
        " than its model"
    )
    assert apart == pytest.approx({"yolox": 0.006, "nanodet": -0.023}[eye])
    eye, apart, text = told(model="yolo11m")
    assert (eye, apart) == ("", None)
    assert "nobody stands for the sight of yolo11m (COCO mAP 51.5, 640 px)" in text
    assert "no measured network is within 3 points of its mAP, 1.5 times its input" in text
    assert "its accuracy is not known, and it reports all that is in view" in text
    eye, apart, text = told(model="yolo11m", eye="nanodet")
    assert eye == "nanodet"
    assert "because the scenario says so; by published mAP 28.6 points worse than" in text
    assert told(model="eye-large")[0::2] == ("eye-large", "eye-large was measured itself")
    _, _, text = told(model="yolo11m", eye="eye-large")
    assert text.endswith(
        "nobody has published mAP on COCO of both, so which sees better is not known"
    )
    # Behind this codec nobody looked what the fair ones would see.
    _, _, text = told(model="ssd-mobilenet-v1", codec="jpeg-q85")
    assert "was not measured there (street, jpeg-q85)" in text


def test_a_model_sees_alike_wherever_it_runs() -> None:
    """Not as the best network before a sensor and as another behind a codec."""
    data = packaged(model="ssd-mobilenet-v1")
    data["arms"]["on_sensor"] = {"device": "imx500", "model": "ssd-mobilenet-v2"}
    eyes = {arm: worlds.plan(data, arm).eyes.stand_ins[0].eye for arm in data["arms"]}
    traced = {name for _, how, name in replay.known() if how == "h264-crf28"}
    assert eyes["on_sensor"] == ("ssd" if "ssd" in traced else "nanodet")
    assert eyes["on_sensor"] == eyes["cloud"]
    data["arms"] = {"on_sensor": data["arms"]["on_sensor"]}
    assert worlds.plan(data, "on_sensor").eyes.stand_ins[0].eye == "ssd"


def test_a_larger_network_sees_no_better_by_its_name() -> None:
    """Whoever is asked for gives the same sight to every model; without it large ones have none."""
    recall = {}
    for model, eye in (("yolo11m", ""), ("yolo11m", "nanodet"), ("yolo11x", "nanodet")):
        plan = worlds.plan(packaged(model=model, **({"eye": eye} if eye else {})), "cloud")
        recall[model, eye] = accuracy(worlds.run(plan))["recall"]
    assert recall["yolo11m", ""] is None
    assert recall["yolo11m", "nanodet"] == recall["yolo11x", "nanodet"] > 0


def test_our_own_networks_were_traced_wherever_an_app_looks() -> None:
    catalog, traced = Catalog.load(), set(replay.known())
    for name in ("eye-small", "eye-large"):
        coded = {source for _, source, model in traced if model == name}
        assert {"raw", "h264-crf28"} <= coded
        apps = {catalog.row("apps", a, "view").value for a in catalog.items("apps")
                if catalog.has("apps", a, "view")}  # fmt: skip
        assert {(view, how, name) for view in apps for how in coded} <= traced
