"""The warm-up of a steady scenario is found in a pilot and cut; nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds

import fleet
from fleet.errors import InputError
from fleet.results.mser import BATCH_S, mser5
from fleet.scenario.load import Scenario


def scenario(**changes: Any) -> Scenario:
    return worlds.load(worlds.scenario(**{"duration": "60 s", "warm_up": "auto", **changes}))


def test_mser_5_cuts_a_transient_and_leaves_what_is_steady() -> None:
    noise = np.random.default_rng(5).standard_normal((200, 300))
    steady = [mser5(10 + row) for row in noise]
    assert np.median([found.seconds for found in steady]) <= 3 * BATCH_S
    assert np.mean([found.past_half for found in steady]) < 0.1
    start = 20 * np.exp(-np.arange(300) / 15)
    cut = [mser5(10 - start + row) for row in noise]
    assert 30 <= np.median([found.seconds for found in cut]) <= 90
    assert not any(found.past_half for found in cut if found.seconds < 150)


def test_what_never_settles_is_cut_by_half_and_told() -> None:
    found = mser5(np.arange(300) ** 1.5)
    assert found == (150, True)


def test_a_series_by_hand() -> None:
    """Ten batches: the first is far off, so that cutting it leaves no error at all."""
    series = np.array([9.0] * 5 + [1.0] * 45)
    assert mser5(series) == (5, False)


def test_the_longest_warm_up_is_cut_of_all_arms_and_frames_stay_the_same() -> None:
    record = fleet.run(scenario(), replications=2, executor="local")
    found = record.summary["warm_up"]
    assert found["by"] == "MSER-5"
    assert found["pilots"] == 2
    assert record.summary["warm_up_s"] == found["seconds"]
    by_hand = fleet.run(scenario(warm_up=f"{found['seconds']} s"), replications=2, executor="local")
    assert by_hand.summary["fingerprint"] == record.summary["fingerprint"]
    assert by_hand.summary["warm_up"] is None


def test_a_warm_up_past_half_is_told_first() -> None:
    record = fleet.run(scenario(), arms=["cloud"], executor="local")
    record.summary["warm_up"] = {
        "by": "MSER-5", "metric": "m", "arm": "cloud", "seconds": 30, "past_half": True,
    }  # fmt: skip
    assert "Mind: the warm-up that was looked for (MSER-5) did not end within half" in fleet.digest(
        record
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"events": [{"at": "1 s", "crash": "cam-1", "lasts": "1 s"}]}, "'events' at stated times"),
        ({"duration": "49 s"}, "takes a 'duration' of 50 s or more"),
        ({"warm_up": "automatic"}, "warm_up"),
    ],
)
def test_what_is_not_steady_or_too_short_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        fleet.run(scenario(**changes), executor="local")


def test_studies_and_steps_take_a_time() -> None:
    with pytest.raises(InputError, match="give the points of a study a time"):
        fleet.sweep(scenario(), {"cloud.servers": "1..2"})
    with pytest.raises(InputError, match=r"found by fleet\.run"):
        fleet.Simulation(scenario(), "cloud")
