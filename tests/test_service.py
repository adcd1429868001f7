"""How uses are served: visitors, gaps and places from what was measured and what the run did."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.engine.crowd import newcomers
from fleet.engine.run import Outcome
from fleet.eyes import measured
from fleet.eyes.measured import Measured
from fleet.eyes.tasks import DELAYS_S, TIMES
from fleet.results import service
from fleet.results.interval import interval95
from fleet.stages.books import VISITORS
from fleet.stages.scene import nobody
from fleet.stages.sight import ANSWERED, LIGHTS

BUSY = {"sites": "no-sites.csv", "demand": "demand.csv"}
RATES = np.array([1.0, 10.0])


def table(sites: int = 4, **changes: Any) -> Measured:
    """Return a made-up table: at ten frames a second all is perfect, at one nothing is."""
    shape = len(LIGHTS), sites, len(RATES)
    times, within = np.zeros((*shape, TIMES)), np.zeros((*shape, len(DELAYS_S)))
    times[:, :, 0, 0] = times[:, :, 1, 1] = 1.0
    within[:, :, 1] = 1.0
    error = np.broadcast_to([1.0, 0.0], shape).copy()
    made = Measured(
        np.arange(len(LIGHTS)), RATES, times, np.zeros(shape), within, error,
        np.full(shape[:2], 0.5),
    )  # fmt: skip
    return made._replace(**changes)


@pytest.fixture
def made() -> Iterator[Outcome]:
    return outcome()


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
    plan = dataclasses.replace(found.plan, tasks=tuple(task for _ in found.plan.tasks))
    return service.service(dataclasses.replace(found, plan=plan))


def answering(found: Outcome, fps: float) -> Outcome:
    """Return a run in which so many frames a second of each sensor became results."""
    sights = np.zeros_like(found.tally.sights)
    night = LIGHTS.index("night")
    sights[0, night, ANSWERED] = round(fps * found.plan.size * found.plan.end_ns / 1e9)
    return dataclasses.replace(found, tally=dataclasses.replace(found.tally, sights=sights))


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


def test_perfect_eyes_make_no_errors(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    found = served(monkeypatch, answering(made, 10.0), table())
    group = found["groups"]["cam"]
    assert (group["window_s"], group["windows"]) == (300, 18)
    assert group["visitor_mae_per_5_min"] == {"mean": 0.0, "ci95": [0.0, 0.0]}
    assert group["counted_per_window"] == group["visitors_per_window"] > 5
    assert list(group["by_light"]) == ["night"]
    assert group["by_light"]["night"]["visitor_mae_per_5_min"] == group["visitor_mae_per_5_min"]
    assert group["by_light"]["night"]["answered_fps"] == pytest.approx(10.0)
    assert found["visitor_mae_per_5_min"] == 0.0
    assert found["ap50"] == 0.5
    assert found["map_error"] is None


def test_eyes_that_answer_nothing_miss_all(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    still = answering(made, 0.0)
    came = newcomers(made.plan, np.arange(9), np.array([0, 300, 600]))
    group = served(monkeypatch, still, table())["groups"]["cam"]
    assert group["counted_per_window"] == 0
    site = (made.plan.sight_keys % np.uint64(4)).astype(int)
    by_site = [came[:, site == k].mean() for k in range(4) if (site == k).any()]
    assert group["visitor_mae_per_5_min"]["mean"] == pytest.approx(np.mean(by_site))
    assert group["visitor_mae_per_5_min"]["ci95"] == pytest.approx(interval95(by_site))
    assert served(monkeypatch, still, table(), "places")["map_error"] == 1.0
    told = served(monkeypatch, still, table(), "gaps")
    assert told["gaps_alerted_within_30_s"] == 0.0
    assert told["time_to_alert_s"] >= 30.0


def test_between_two_rates_lies_a_mixture(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    """Half way on the logarithmic scale: half of the visitors are counted."""
    half = answering(made, float(np.sqrt(10.0)))
    group = served(monkeypatch, half, table())["groups"]["cam"]
    came = group["visitors_per_window"] * group["windows"]
    counted = group["counted_per_window"] * group["windows"]
    error = np.sqrt(came * 0.25)
    assert error < 0.1 * came
    assert abs(counted - came / 2) < 4 * error
    assert served(monkeypatch, half, table(), "places")["map_error"] == pytest.approx(0.5, abs=1e-3)
    # Beyond the ends of what was measured it is as at the end.
    assert served(monkeypatch, answering(made, 0.2), table(), "places")["map_error"] == 1.0
    assert served(monkeypatch, answering(made, 30.0), table(), "places")["map_error"] == 0.0


def test_visitors_of_nobody_are_counted_too(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    shape = len(LIGHTS), 4, 2
    found = served(monkeypatch, answering(made, 10.0), table(nobody_per_s=np.full(shape, 0.02)))
    group = found["groups"]["cam"]
    extra = (group["counted_per_window"] - group["visitors_per_window"]) * group["windows"]
    expected = 0.02 * 300 * group["windows"]
    assert abs(extra - expected) < 4 * np.sqrt(expected)


def test_time_to_alert_is_the_area_of_what_is_not_reported(
    monkeypatch: pytest.MonkeyPatch, made: Outcome
) -> None:
    """Half within a second, three quarters from ten on, none else: by hand."""
    shares = np.array([0.5 if d < 10 else 0.75 for d in DELAYS_S]) * (np.array(DELAYS_S) >= 1)
    within = np.tile(shares, (len(LIGHTS), 4, 2, 1))
    group = served(monkeypatch, answering(made, 10.0), table(within=within), "gaps")["groups"][
        "cam"
    ]
    latency_s = made.tally.stages_ns.sum() / made.tally.latency.sum() * 1e-9
    # 0.5 s, then down to a half by 1 s, a half to 5 s, down to a quarter by 10 s, that to 30 s.
    area = 0.5 + 0.375 + 4 * 0.5 + 5 * 0.375 + 20 * 0.25
    assert group["time_to_alert_s"]["mean"] == pytest.approx(area + latency_s)
    assert group["time_to_alert_s_p50"] == pytest.approx(1.0 + latency_s)
    assert group["gaps_alerted_within_30_s"]["mean"] == 0.75


def test_a_site_that_could_not_tell_is_as_the_others(
    monkeypatch: pytest.MonkeyPatch, made: Outcome
) -> None:
    error = np.tile([[0.2], [0.4], [0.6], [np.nan]], (len(LIGHTS), 1, 2))
    group = served(monkeypatch, made, table(map_error=error), "places")["groups"]["cam"]
    assert group["map_error"]["mean"] == pytest.approx(0.4)
    blind = np.full_like(error, np.nan)
    assert served(monkeypatch, made, table(map_error=blind), "places")["map_error"] is None


def test_a_short_run_has_no_error_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = served(monkeypatch, outcome(duration="20 s"), table())
    assert found["groups"]["cam"]["window_s"] == 20
    assert found["visitor_mae_per_5_min"] is None


def test_what_nobody_measured_is_not_known(monkeypatch: pytest.MonkeyPatch, made: Outcome) -> None:
    for tables, task in ((None, "visitors"), (table(), "")):
        found = served(monkeypatch, made, tables, task)
        assert found == {**dict.fromkeys(service.MEASURES), "groups": {}}


def test_after_a_rewrite_another_network_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second window on: the first is perfect, in the second nobody is counted."""
    found = outcome(events=[{"at": "200 s", "rewrite": "cam", "model": "slow"}])
    plan = found.plan
    assert len(plan.eyes) == 1
    keys = {"eyes": (*plan.eyes, plan.eyes[0]._replace(name="eye-blind"))}
    ints = plan.setups.sight.copy()
    ints[1:] = 1
    plan = dataclasses.replace(plan, setups=plan.setups._replace(sight=ints), **keys)
    good, blind = table(), table(times=np.zeros((len(LIGHTS), 4, 2, TIMES)) + np.eye(TIMES)[0])
    monkeypatch.setattr(measured, "load", lambda _v, _s, name: blind if "blind" in name else good)
    changed = answering(dataclasses.replace(found, plan=plan), 10.0)
    group = service.service(changed)["groups"]["cam"]
    came = newcomers(plan, np.arange(9), np.array([0, 300, 600]))
    assert group["counted_per_window"] * group["windows"] == pytest.approx(came[0].sum())


def test_counts_are_drawn_by_their_shares() -> None:
    keys = np.arange(1, 9, dtype=np.uint64)
    came = np.full((500, 8), 4)
    shares = np.cumsum(np.tile([0.1, 0.6, 0.2, 0.1], (500, 8, 1)), axis=2)
    counted = np.zeros_like(came)
    service.count(keys, came, shares, nobody(np.full(4000, 0.3)).reshape(500, 8), counted)
    mean, variance = 4 * 1.3 + 0.3, 4 * (0.6 + 0.8 + 0.9 - 1.3**2) + 0.3
    error = np.sqrt(variance / 4000)
    assert error < 0.02 * mean
    assert abs(counted.mean() - mean) < 4 * error
    assert abs(counted.var() - variance) < 0.15 * variance
