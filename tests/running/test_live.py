"""Networks that look while the simulation runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import worlds

from fleet.bench import workloads
from fleet.eyes import replay
from fleet.eyes.eye import FIRST_SITE, SITES, Eye, Moment
from fleet.lab.live import Eyes
from fleet.model import frames, sight
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.running.run import slice_ns
from fleet.scenario.load import loads

RAW = Eye("street", "raw", "eye-small", False)
DAY, NIGHT = 0, 2


def moments(count: int, light: int = DAY) -> list[Moment]:
    """Return frames of some seconds of some sensors, with one to twelve objects in view."""
    return [Moment(0, light, 1 + k // 12, 5 + k, 1 + k % 12, k % 2, 2.0) for k in range(count)]


def test_what_is_seen_is_packed_into_a_number() -> None:
    rows = np.zeros((0, sight.ROW_WIDTH), dtype=np.int64)
    for light, wanted, right, wrong in ((0, 0, 0, 0), (3, 12, 7, 2), (2, 255, 255, 255)):
        scene = wanted % 40
        number = sight.packed(light, wanted, right, wrong, scene)
        assert sight.scene_of(rows, number) == scene
        assert number > sight.LIVE - 1
        assert sight.numbers(rows, number) == (light, wanted, right, wrong)
        assert sight.found(rows, number, 99) == right + wrong
    assert sight.packed(1, 999, 300, 1) == sight.packed(1, 255, 255, 1)
    assert sight.found(rows, sight.UNSEEN, 4) == 4


def test_what_is_seen_does_not_depend_on_what_else_is_looked_at() -> None:
    eyes, asked = Eyes([RAW]), moments(14)
    together = eyes.look(asked)
    assert [Eyes([RAW]).look([moment])[0] for moment in asked[:4]] == together[:4]
    assert eyes.look(asked[::-1]) == together[::-1]
    assert len(set(together)) > 3
    for light in (DAY, NIGHT):
        nobody = asked[0]._replace(eye=-1, light=light)
        assert eyes.look([nobody]) == [sight.unseen(light)]


def test_the_codec_stands_before_a_server() -> None:
    pytest.importorskip("av")
    coded = Eye("street", "h264-crf36", "eye-small", False)
    asked = [moment._replace(frame=3, rate_fps=4.0) for moment in moments(12)]
    raw, behind = Eyes([RAW]).look(asked), Eyes([coded]).look(asked)
    wanted = [number >> 16 for number in raw]
    assert wanted == [number >> 16 for number in behind]  # the same scene
    assert raw != behind


def live(arm: str) -> Plan:
    city = {"sites": "no-sites.csv", "demand": "demand.csv"}
    data = {**workloads.live(4, 2, "3 s"), "city": city}
    loaded = loads(json.dumps(data), str(worlds.HERE / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), arm)


@pytest.mark.parametrize(("sensors", "rate_fps", "seconds"), [(4, 2, 8), (64, 10, 1), (500, 1, 1)])
def test_a_slice_is_of_whole_seconds(sensors: int, rate_fps: int, seconds: int) -> None:
    """Before a codec a second is encoded from its start, so it should not be cut."""
    data = workloads.live(sensors, rate_fps, "1 min")
    loaded = loads(json.dumps(data), str(worlds.HERE / "made-up.yaml"))
    plan = compile_plan(loaded, catalogue(loaded), "cloud")
    assert slice_ns(plan) == seconds * 10**9


def test_engines_and_splits_agree() -> None:
    plan = live("on_sensor")
    assert [eye[:4] for eye in plan.eyes.networks] == [RAW[:4]]
    assert len(plan.eyes.sights.rows) == 0
    one = worlds.run(plan)
    rows = worlds.table(one)
    assert (rows[:, frames.SIGHT] >= sight.LIVE).all()
    assert one.tally.sights[..., sight.SUM_WANTED].sum() > 0
    seen = {plan.eyes.scenes[k] for k in np.flatnonzero(one.tally.sights.any(axis=(0, 1, 3)))}
    sites = {FIRST_SITE + int(key) % SITES for key in plan.sensors.sight_keys}
    assert seen == {("street", f"street-{site}") for site in sites}
    slow = worlds.run(plan, engine="reference")
    split = worlds.run(plan, shards=3, window_ns=700_000_000)
    assert worlds.finished(one) == worlds.finished(slow)
    prints = {run.tally.fingerprint() for run in (one, slow, split)}
    assert len(prints) == 1


@pytest.mark.parametrize("light", [DAY, NIGHT])
def test_live_and_trace_give_the_same_statistics(light: int) -> None:
    """Recall over the same sites and numbers in view; seconds are the independent draws."""
    asked = moments(96, light)
    rows = np.zeros((0, sight.ROW_WIDTH), np.int64)
    seen = np.array([sight.numbers(rows, n) for n in Eyes([RAW]).look(asked)])
    traced = replay.load(*RAW[:3])
    sites = [f"street-{site}" for site in range(FIRST_SITE, FIRST_SITE + SITES)]
    wanted, right = [], []
    for objects in range(1, 13):
        begin = int(traced.start[light, objects])
        rows = slice(begin, begin + int(traced.rows[light, objects]))
        there = np.isin(np.array(traced.scenes)[traced.scene[rows]], sites)
        of_scene = traced.scene[rows][there]  # frames of one are alike
        wanted.append(np.bincount(of_scene, traced.wanted[rows][there]))
        right.append(np.bincount(of_scene, traced.true_positives[rows][there]))
    alive, error = recall(seen[:, 1], seen[:, 2])
    then, error_then = recall(np.concatenate(wanted), np.concatenate(right))
    assert error < 0.06
    assert error_then < 0.06
    assert abs(alive - then) < 4 * np.hypot(error, error_then)


def recall(wanted: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return a ratio of sums and its standard error, by the delta method."""
    ratio = right.sum() / wanted.sum()
    spread = (right - ratio * wanted).std(ddof=1)
    return ratio, spread / wanted.mean() / np.sqrt(len(wanted))
