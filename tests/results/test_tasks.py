"""How well tasks are done: visitors, gaps, places, from what was measured and what the run did."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.engine.crowd import newcomers
from fleet.eyes import task_tables as measured
from fleet.eyes.task_names import DELAYS_S, TIMES
from fleet.eyes.task_tables import SITES, Measured
from fleet.model.books import FATE_0, VISITORS
from fleet.model.frames import DONE, FATE, RESULT, SENSOR, SKIP_NOT_PUBLISHED
from fleet.model.scene import nobody
from fleet.model.sight import LIGHTS
from fleet.results import tasks
from fleet.results.interval import interval95
from fleet.results.task_measures import Windows, answered_fps
from fleet.running.run import Outcome
from fleet.study.compare import compare

BUSY = {"sites": "no-sites.csv", "demand": "demand.csv"}
RATES = np.array([0.0, 1.0, 10.0])
SHAPE = len(LIGHTS), SITES, len(RATES)


def table(**changes: Any) -> Measured:
    """Return a made-up table: at ten frames a second all is perfect, at one nothing is."""
    times, within = np.zeros((*SHAPE, TIMES)), np.zeros((*SHAPE, len(DELAYS_S)))
    times[:, :, :2, 0] = times[:, :, 2, 1] = 1.0
    within[:, :, 2] = 1.0
    made = Measured(
        np.arange(len(LIGHTS)), RATES, times, np.zeros(SHAPE), np.zeros(SHAPE), within,
        np.full(SHAPE[:2], 0.25), np.full(SHAPE[:2], 0.5),
    )  # fmt: skip
    return made._replace(**changes)


@pytest.fixture(scope="module")
def made() -> Outcome:
    return outcome()


NOTHING: dict[str, Any] = {"groups": {}, "bandwidth_mbit_s": {}, "load": {}}
"""Numbers of an arm without groups, links and pools."""


def outcome(**changes: Any) -> Outcome:
    cam = {"count": 9, "cells": 1, "rate": "10 fps", "app": "watch", "uplink": "cell"}
    data = worlds.scenario(
        **{"city": BUSY, "duration": "11 min", "traces": worlds.traces(), "light": "night",
           "sensors": {"cam": cam}, **changes}
    )  # fmt: skip
    return worlds.run(worlds.plan(data, "on_sensor"))


def served(
    monkeypatch: pytest.MonkeyPatch, found: Outcome, tables: Measured | None, task: str = "visitors"
) -> dict[str, Any]:
    monkeypatch.setattr(measured, "load", lambda *_: tables)
    eyes = found.plan.eyes
    eyes = dataclasses.replace(eyes, tasks=tuple(task for _ in eyes.tasks))
    plan = dataclasses.replace(found.plan, eyes=eyes)
    told = tasks.tasks(dataclasses.replace(found, plan=plan))
    json.dumps(told, allow_nan=False)
    return told


def answering(found: Outcome, fps: float) -> Outcome:
    """Return a run in which so many frames a second of each sensor became results."""
    tally, seconds = copy.copy(found.tally), found.plan.end_ns / 1e9
    tally.sensors = tally.sensors.copy()
    tally.sensors[:, FATE_0:] = 0
    tally.sensors[:, FATE_0 + RESULT] = round(fps * seconds)
    tally.result_bins = np.full_like(tally.result_bins, round(100 * fps * found.plan.size))
    return dataclasses.replace(found, tally=tally)


def by_site(values: np.ndarray, found: Outcome) -> list[float]:
    """Return the mean of values by window and sensor at each site where a sensor stands."""
    site = (found.plan.sensors.sight_keys % np.uint64(SITES)).astype(int)
    return [values[:, site == k].mean() for k in range(SITES) if (site == k).any()]


def test_newcomers_are_those_of_the_run() -> None:
    """With a change of demand between two full seconds, and an hour that begins."""
    found = outcome(
        start="2024-03-20T18:55",
        events=[
            {"at": "100.5 s", "profile": "cam", "demand": 5},
            {"at": "200.25 s", "profile": "cam", "demand": 1},
        ],
    )
    plan, mine = found.plan, np.array([1, 4, 7])
    came = newcomers(plan, mine, np.array([0, 90, 101, 102, 300, 660]))
    assert came.shape == (5, 3)
    assert came.sum(axis=0).tolist() == found.tally.sensors[mine, VISITORS].tolist()
    everybody = newcomers(plan, np.arange(plan.size), np.array([0, 101, 201, 660]))
    assert everybody[1].sum() > 2 * everybody[0].sum()
    assert (everybody[:, mine].sum(axis=0) == came.sum(axis=0)).all()


def test_frames_are_answered_by_sensor_and_by_window() -> None:
    """One sensor is down in the first window, the link of all for half of the second."""
    found = outcome(
        duration="10 min",
        events=[
            {"at": "0 s", "crash": "cam-2", "lasts": "300 s"},
            {"at": "300 s", "crash": "cam-2", "lasts": "1 ms"},
            {"at": "400 s", "outage": "cell", "lasts": "100 s"},
        ],
    )
    windows = Windows(np.array([0, 300]), 300)
    fps = answered_fps(found, 0, np.arange(9), windows)
    rows = worlds.table(found)
    results = rows[rows[:, FATE] == RESULT]
    of_all = [((results[:, DONE] >= a) & (results[:, DONE] < b)).sum() / 300 / 9
              for a, b in ((0, 300 * 10**9), (300 * 10**9, 600 * 10**9))]  # fmt: skip
    assert fps.mean(axis=1) == pytest.approx(of_all)
    each = np.bincount(results[:, SENSOR], minlength=9) / 600
    assert fps.mean(axis=0) == pytest.approx(each)
    assert each[2] < 0.7 * each[1]


def test_no_news_is_an_answer() -> None:
    """A sensor that publishes on change has looked at what it kept to itself."""
    arm = {"device": "test-ai", "model": "tiny", "publish": "on change"}
    found = outcome(arms={"on_sensor": arm}, duration="10 min")
    fates = found.tally.sensors[:, FATE_0:]
    assert (fates[:, SKIP_NOT_PUBLISHED] > 300).all()
    fps = answered_fps(found, 0, np.arange(9), Windows(np.array([0, 300]), 300))
    looked = (fates[:, RESULT] + fates[:, SKIP_NOT_PUBLISHED]) / 600
    assert fps == pytest.approx(np.tile(looked, (2, 1)))


def test_perfect_eyes_make_no_errors(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    found = served(monkeypatch, answering(made, 10.0), table())
    group = found["groups"]["cam"]
    assert (group["window_s"], group["windows"], group["sensors"]) == (300, 18, 9)
    assert group["miscount_per_5_min"]["mean"] == 0.0
    assert group["miscount_per_5_min"]["ci95"] == [0.0, 0.0]
    assert group["counted_per_window"] == group["came_per_window"] > 5
    assert list(group["by_light"]) == ["night"]
    night = group["by_light"]["night"]
    assert night["miscount_per_5_min"] == group["miscount_per_5_min"]
    assert night["answered_fps"] == pytest.approx(10.0)
    assert (found["miscount_per_5_min"], found["ap50"], found["map_error"]) == (0.0, 0.5, None)
    assert served(monkeypatch, answering(made, 10.0), table(), "places")["map_error"] == 0.25


def test_eyes_that_answer_nothing_miss_all(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    still = answering(made, 0.0)
    came = newcomers(made.plan, np.arange(9), np.array([0, 300, 600]))
    group = served(monkeypatch, still, table(ghosts_per_s=np.full(SHAPE, 0.0)))["groups"]["cam"]
    assert group["counted_per_window"] == 0
    sites = by_site(came, made)
    assert group["miscount_per_5_min"]["mean"] == pytest.approx(np.mean(sites))
    assert group["miscount_per_5_min"]["ci95"] == pytest.approx(interval95(sites))
    assert served(monkeypatch, still, table(), "places")["map_error"] == 1.0
    told = served(monkeypatch, still, table(), "gaps")
    assert told["gaps_alerted_within_30_s"] == 0.0
    assert told["time_to_alert_s"] >= 30.0


@pytest.mark.parametrize("task", ["visitors", "gaps", "places"])
def test_where_nothing_ever_is_nothing_is_told(monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    found = outcome(city=None)  # no demand
    told = served(monkeypatch, found, table(), task)
    group = told["groups"]["cam"]
    assert {told[measure] for measure in tasks.MEASURES} == {None}
    assert {group[m] for m in tasks.MEASURES if m in group} == {None}
    assert {group["by_light"]["night"][m] for m in tasks.MEASURES if m in group} == {None}
    assert group["covered"] == 1.0
    arms = {arm: [{**NOTHING, "service": told}] for arm in "ab"}
    assert compare(arms, "b")["arms"]["a"] == {}


def test_between_two_rates_lies_a_mixture(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    """Half way on the logarithmic scale half of the visitors are counted."""
    half = answering(made, float(np.sqrt(10.0)))
    group = served(monkeypatch, half, table())["groups"]["cam"]
    came = group["came_per_window"] * group["windows"]
    error = np.sqrt(came * 0.25)
    assert error < 0.1 * came
    assert abs(group["counted_per_window"] * group["windows"] - came / 2) < 4 * error
    assert served(monkeypatch, answering(made, 30.0), table())["miscount_per_5_min"] == 0.0


def test_below_the_lowest_rate_lies_a_mixture_with_nothing(
    monkeypatch: pytest.MonkeyPatch, made: Outcome
) -> None:
    """All is reported at one frame a second, so a quarter is at a quarter."""
    within = np.zeros((*SHAPE, len(DELAYS_S)))
    within[:, :, 1:] = 1.0
    told = served(monkeypatch, answering(made, 0.25), table(within=within), "gaps")
    latency_s = made.tally.stages_ns.sum() / made.tally.latency.sum() * 1e-9
    assert told["gaps_alerted_within_30_s"] == pytest.approx(0.25, rel=0.01)
    # All at once within half a second: down to three quarters by then.
    area = 30 - 0.25 * 30 + 0.25 * 0.25
    assert told["time_to_alert_s"] == pytest.approx(area + latency_s, rel=0.01)


def test_visitors_of_nobody_are_counted_too(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    """Some with those who pass, some with time."""
    ghosts = table(nobody=np.full(SHAPE, 0.3), ghosts_per_s=np.full(SHAPE, 0.02))
    group = served(monkeypatch, answering(made, 10.0), ghosts)["groups"]["cam"]
    extra = (group["counted_per_window"] - group["came_per_window"]) * group["windows"]
    expected = (0.3 * group["came_per_window"] + 0.02 * 300) * group["windows"]
    assert abs(extra - expected) < 4 * np.sqrt(expected)


def test_time_to_alert_is_the_area_of_what_is_not_confirmed(
    monkeypatch: pytest.MonkeyPatch, made: Outcome
) -> None:
    """Half within a second, three quarters from ten on, none else: by hand."""
    shares = np.array([0.5 if d < 10 else 0.75 for d in DELAYS_S]) * (np.array(DELAYS_S) >= 1)
    within = np.tile(shares, (*SHAPE, 1))
    told = served(monkeypatch, answering(made, 10.0), table(within=within), "gaps")
    latency_s = made.tally.stages_ns.sum() / made.tally.latency.sum() * 1e-9
    # 0.5 s, then down to a half by 1 s, a half to 5 s, down to a quarter by 10 s, that to 30 s.
    area = 0.5 + 0.375 + 4 * 0.5 + 5 * 0.375 + 20 * 0.25
    assert told["time_to_alert_s"] == pytest.approx(area + latency_s)
    assert told["gaps_alerted_within_30_s"] == 0.75


def test_what_is_late_is_not_in_time(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    """Confirmed evenly from 20 s to 30 s; results take 4 s: six of ten are in time."""
    within = np.zeros((*SHAPE, len(DELAYS_S)))
    within[..., -1] = 1.0
    monkeypatch.setattr(tasks, "_latency_s", lambda *_: 4.0)
    told = served(monkeypatch, answering(made, 10.0), table(within=within), "gaps")
    assert told["gaps_alerted_within_30_s"] == pytest.approx(0.6)


def test_what_no_site_could_tell_is_not_known(
    monkeypatch: pytest.MonkeyPatch, made: Outcome
) -> None:
    blind = np.full(SHAPE[:2], np.nan)
    assert (
        served(monkeypatch, answering(made, 9.0), table(map_error=blind), "places")["map_error"]
        is None
    )
    no_gaps = np.full((*SHAPE, len(DELAYS_S)), np.nan)
    told = served(monkeypatch, answering(made, 9.0), table(within=no_gaps), "gaps")
    assert told["time_to_alert_s"] is None


@pytest.mark.parametrize(("duration", "window_s"), [("20 s", 20), ("20500 ms", 20)])
def test_a_short_run_has_no_miscount_of_five_minutes(
    monkeypatch: pytest.MonkeyPatch, duration: str, window_s: int
) -> None:
    found = served(monkeypatch, outcome(duration=duration), table())
    assert found["groups"]["cam"]["window_s"] == window_s
    assert found["miscount_per_5_min"] is None
    assert found["ap50"] == 0.5


def test_nothing_is_told_of_less_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, outcome(duration="500 ms"), table())["groups"] == {}


def test_what_nobody_measured_is_not_known(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    for tables, task in ((None, "visitors"), (table(), "")):
        found = served(monkeypatch, made, tables, task)
        assert found == {**dict.fromkeys(tasks.MEASURES), "groups": {}}


def test_each_window_has_its_light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Day turns to dusk before the second window; at dusk nobody is counted."""
    found = outcome(start="2024-03-20T18:08", light="sun", duration="10 min")
    assert found.plan.scene.light_then.tolist() == [0, 1]
    times = table().times.copy()
    times[1] = np.eye(TIMES)[0]
    group = served(monkeypatch, answering(found, 10.0), table(times=times))["groups"]["cam"]
    came = newcomers(found.plan, np.arange(9), np.array([0, 300, 600]))
    assert 0 < found.plan.scene.light_from_s[1] <= 300
    lights = group["by_light"]
    assert lights["day"]["miscount_per_5_min"]["mean"] == 0.0
    assert lights["dusk"]["miscount_per_5_min"]["mean"] == pytest.approx(
        np.mean(by_site(came[1:], found))
    )


def test_after_a_rewrite_another_network_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second window on: the first is perfect, in the second nobody is counted."""
    found = outcome(events=[{"at": "200 s", "rewrite": "cam", "model": "slow"}])
    plan = found.plan
    assert len(plan.eyes.networks) == 1
    (eye,) = plan.eyes.networks
    eyes = dataclasses.replace(plan.eyes, networks=(eye, eye._replace(name="eye-blind")))
    setups = plan.sensors.setups.copy()
    setups.sight[1:] = 1
    plan = dataclasses.replace(
        plan, eyes=eyes, sensors=dataclasses.replace(plan.sensors, setups=setups)
    )
    good, blind = table(), table(times=np.zeros((*SHAPE, TIMES)) + np.eye(TIMES)[0])
    loads = {"eye-blind": blind}
    monkeypatch.setattr(measured, "load", lambda _v, _s, name, _k: loads.get(name, good))
    changed = answering(dataclasses.replace(found, plan=plan), 10.0)
    group = tasks.tasks(changed)["groups"]["cam"]
    came = newcomers(plan, np.arange(9), np.array([0, 300, 600]))
    assert group["counted_per_window"] * group["windows"] == pytest.approx(came[0].sum())
    assert group["covered"] == 1.0
    loads["eye-blind"] = None  # type: ignore[assignment]
    group = tasks.tasks(changed)["groups"]["cam"]
    assert (group["covered"], group["windows"]) == (0.5, 9)
    assert group["miscount_per_5_min"]["mean"] == 0.0


def test_arms_are_compared_site_by_site() -> None:
    """Only in groups that both know; where a site is not known in one, it is left out of both."""

    def arm(door: list[float | None] | None, shelf: list[float | None] | None) -> dict[str, Any]:
        groups = {
            name: {"sensors": many, "ap50": {"by_site": sites}}
            for name, many, sites in (("door", 3, door), ("shelf", 1, shelf))
            if sites is not None
        }
        return {**NOTHING, "service": {"groups": groups}}

    one = arm([0.5, 0.7, 0.9, None, 0.4, 0.6], [0.1] * SITES)
    other = arm([0.4, 0.5, 0.6, 0.5, None, 0.5], None)
    monkey = {"a": [one], "b": [other]}
    row = compare(monkey, "b")["arms"]["a"]["service.ap50"]
    differences = [0.1, 0.2, 0.3, 0.1]
    assert row["difference"] == pytest.approx(np.mean(differences))
    assert row["ci95"] == pytest.approx(interval95(differences))
    assert row["ratio"] == pytest.approx((0.5 + 0.7 + 0.9 + 0.6) / (0.4 + 0.5 + 0.6 + 0.5))


def test_counts_are_drawn_by_their_shares() -> None:
    keys = np.arange(1, 9, dtype=np.uint64)
    came = np.full((500, 8), 4)
    shares = np.cumsum(np.tile([0.1, 0.6, 0.2, 0.1], (500, 8, 1)), axis=2)
    counted = np.zeros_like(came)
    tasks.count(keys, came, shares, nobody(np.full(4000, 0.3)).reshape(500, 8), counted)
    mean, variance = 4 * 1.3 + 0.3, 4 * (0.6 + 0.8 + 0.9 - 1.3**2) + 0.3
    error = np.sqrt(variance / 4000)
    assert error < 0.02 * mean
    assert abs(counted.mean() - mean) < 4 * error
    assert abs(counted.var() - variance) < 0.15 * variance


def test_arms_that_see_other_sensors_are_not_compared() -> None:
    def arm(recall: float, **unseen_of: int) -> dict[str, Any]:
        return {
            **NOTHING,
            "accuracy": {"recall": recall, "without_scene": {}},
            "service": {"groups": {}},
            "groups": {
                name: {"sensors": 2, "unseen": unseen} for name, unseen in unseen_of.items()
            },
        }

    def compared(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        arms = compare({"a": [one], "b": [other]}, "b")["arms"]["a"]
        return arms.get("accuracy.recall")

    for door, shelf in ((0, 0), (0, 2), (2, 0)):
        found = compared(arm(0.7, door=door, shelf=shelf), arm(0.5, door=door, shelf=shelf))
        assert found["difference"] == pytest.approx(0.2)
    assert compared(arm(0.7, door=0, shelf=2), arm(0.5, door=0, shelf=0)) is None
    # Half a group may be another half in the other arm.
    assert compared(arm(0.7, door=0, shelf=1), arm(0.5, door=0, shelf=1)) is None


def test_intervals_stay_within_what_is_possible() -> None:
    sites = np.arange(SITES)
    for values, measure, cut, bound in (
        ([0.0, 0.0, 0.0, 0.0, 0.0, 6.0], "miscount_per_5_min", 0, 0.0),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 0.4], "ap50", 1, 1.0),
        ([30.2, 30.2, 30.2, 2.0, 2.0, 2.0], "time_to_alert_s", 0, 0.2),
    ):
        possible = tasks._possible(measure, 0.2)
        found = tasks._estimate(np.array([values]), sites, np.ones((1, SITES), bool), possible)
        assert found is not None
        whole = interval95(values)
        assert whole is not None
        assert not possible[0] <= whole[cut] <= possible[1]
        assert found["ci95"][cut] == bound
        assert found["ci95"][1 - cut] == (whole[1 - cut] if measure != "time_to_alert_s" else 30.2)
