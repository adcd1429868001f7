"""Fairness over sensors: by hand, by what Jain's index is, and of runs that starve somebody."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

import fleet
from fleet.model.books import FATE_0, LATENCY_SUM_NS
from fleet.model.frames import RESULT
from fleet.results.fairness import due_frames, jain_index, jain_of_shares, worst_tenth
from fleet.results.metrics import summarise

COUNTS = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)).map(lambda p: (min(p), max(p))),
    min_size=1, max_size=30,
)  # fmt: skip


def jain(pairs: list[tuple[int, int]]) -> float:
    parts, wholes = np.array(pairs, dtype=np.int64).T
    index = jain_of_shares(parts, wholes)
    assert index is not None
    return index


def test_by_hand() -> None:
    assert jain([(1, 2), (1, 1)]) == 0.9  # (3/2)² / (2 · 5/4)
    assert jain([(0, 5), (0, 5), (0, 5), (2, 5)]) == 0.25
    assert jain([(1, 3), (1, 3), (2, 6)]) == 1.0
    assert jain([(0, 7), (0, 9)]) == 1.0  # all have the same: nothing
    assert jain([(3, 4)]) == 1.0
    assert jain_of_shares(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) is None
    assert worst_tenth(np.arange(20.0)) == 0.5  # of 0 and 1
    assert worst_tenth(np.arange(15.0)) == pytest.approx(1 / 3)  # 0, and half of 1, over 1.5
    assert worst_tenth(np.array([7.0])) == 7.0
    assert worst_tenth(-np.array([1.0, 9.0]), sign=-1) == 9.0
    assert worst_tenth(np.array([])) is None


@given(pairs=COUNTS)
def test_it_is_jains_index_exactly_while_integers_allow(pairs: list[tuple[int, int]]) -> None:
    shares = [Fraction(*pair) for pair in pairs]
    squares = len(shares) * sum(x * x for x in shares)
    exact = sum(shares) ** 2 / squares if squares else Fraction(1)
    found = jain(pairs)
    assert found == pytest.approx(float(exact), rel=1e-12)
    if math.lcm(*(x.denominator for x in shares)) < 2**63:
        assert found == float(exact)
    assert 1 / len(pairs) <= found <= 1.0


@given(
    values=st.lists(st.floats(0, 1e200), min_size=1, max_size=30),
    scale=st.integers(-200, 200).map(lambda e: 2.0**e),
)
def test_the_index_has_bounds_and_no_unit(values: list[float], scale: float) -> None:
    some = np.array(values)
    index = jain_index(some)
    assert 1 / len(some) <= index <= 1.0
    scaled = some * scale
    if np.isfinite(scaled).all() and np.array_equal(scaled / scale, some):
        assert jain_index(scaled) == index
    assert jain_index(np.full(len(some), values[0])) == pytest.approx(1.0, rel=1e-14)


@given(values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_the_worst_tenth_is_between_the_least_and_the_mean(values: list[float]) -> None:
    least, mean = min(values), math.fsum(values) / len(values)
    found = worst_tenth(np.array(values))
    assert found is not None
    assert least - 1e-3 <= found <= mean + 1e-3


def starved(**changes: Any) -> dict[str, Any]:
    """Return two groups at one cell, of which one is down for most of the time."""
    group = {"rate": "25 fps", "app": "watch", "uplink": "cell"}
    return worlds.scenario(
        sensors={"fed": {**group, "count": 3}, "poor": {**group, "count": 1}},
        events=[{"at": "500 ms", "crash": "poor", "lasts": "5 s"}], **changes,
    )  # fmt: skip


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_of_a_run_it_is_what_its_frames_say(engine: str, arm: str) -> None:
    outcome = worlds.run(worlds.plan(starved(), arm), engine=engine)
    numbers, counts = summarise(outcome)["fairness"], outcome.tally.sensors
    shares = [
        Fraction(int(counts[s, FATE_0 + RESULT]), int(due_frames(counts)[s])) for s in range(4)
    ]
    exact = sum(shares) ** 2 / (4 * sum(x * x for x in shares))
    assert numbers["jain"] == float(exact) < 1.0
    assert numbers["answered_worst_tenth"] == float(min(shares)) < 0.5
    late = [int(counts[s, LATENCY_SUM_NS]) / int(counts[s, FATE_0 + RESULT]) for s in range(4)]
    assert numbers["latency_ms_worst_tenth"] == pytest.approx(max(late) / 1e6)
    assert numbers["by_group"]["poor"]["jain"] == 1.0
    assert numbers["by_group"]["poor"]["answered_worst_tenth"] == float(min(shares))
    assert numbers["by_group"]["fed"]["answered_worst_tenth"] == float(min(shares[:3]))


def test_it_counts_what_was_under_way_when_the_warm_up_ended() -> None:
    outcome = worlds.run(worlds.plan(starved(warm_up="400 ms"), "cloud"))
    counts = outcome.tally.sensors
    assert (counts[:, FATE_0 + RESULT] <= due_frames(counts)).all()
    delivered = summarise(outcome)["delivered"]["due_frames"]
    assert int(due_frames(counts).sum()) == delivered


def test_nothing_due_is_not_known_and_objectives_may_demand_it() -> None:
    data = starved(slo=["fairness.jain > 0.99", "fairness.by_group.fed.jain > 99 %"])
    found = fleet.run(worlds.load(data), executor="local")
    rows = {(row["metric"], row["arm"]): row["kept"] for row in found.summary["slo"]}
    for arm in found.arms:
        assert not rows["fairness.jain", arm]
        assert rows["fairness.by_group.fed.jain", arm]
    for group in data["sensors"].values():
        group["rate"] = "1 frame/d"
    found = fleet.run(worlds.load(data), executor="local")
    for arm in found.arms.values():
        measures = {k: v for k, v in arm["fairness"].items() if k != "by_group"}
        assert set(measures.values()) == {None}
    assert {row["why"] for row in found.summary["slo"]} == {"no frames were captured"}
