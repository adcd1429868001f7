"""Chance and the sketch: published vectors, moments, bounds, and merging."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import chance
from fleet.chance import Stream
from fleet.model import scene
from fleet.sketch import (
    BUCKETS,
    bucket_of,
    quantiles_ns,
    step_ns,
    sum_of_slowest_ns,
    upper_ns,
    within,
)

# First outputs of SplitMix64 for seed 1234567, from its public reference implementation (Vigna).
SPLITMIX64 = [
    6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
    16408922859458223821,
]  # fmt: skip
DRAWS = 40_000


def test_bits_are_splitmix64() -> None:
    assert [chance.bits64(1234567, i) for i in range(5)] == SPLITMIX64


@pytest.mark.parametrize(
    ("draw", "mean", "variance"),
    [
        (chance.uniform, 0.5, 1 / 12),
        (chance.exponential, 1.0, 1.0),
        (chance.spread, 0.0, 1.0),
    ],
)
def test_moments(draw: object, mean: float, variance: float) -> None:
    values = np.array([draw(99, i) for i in range(DRAWS)])  # type: ignore[operator]
    error = values.std() / math.sqrt(DRAWS)
    assert abs(values.mean() - mean) < 4 * error
    assert values.var() == pytest.approx(variance, rel=0.05)


@given(st.floats(1e-300, 1e300))
def test_logarithm(x: float) -> None:
    assert chance.ln(x) == pytest.approx(math.log(x), rel=2e-15, abs=1e-16)


@given(st.floats(0, 700))
def test_exponential_function(x: float) -> None:
    assert chance.exp_minus(x) == pytest.approx(math.exp(-x), rel=2e-15)


def test_streams_and_names_have_their_own_keys() -> None:
    hashes = chance.name_hashes(["a", "b"])
    keys = {
        int(key)
        for seed in (1, 2)
        for replication in (0, 1)
        for stream in Stream
        for key in chance.stream_keys(hashes, seed, replication, stream)
    }
    assert len(keys) == 2 * 2 * len(Stream) * 2


@given(st.integers(0, 2**62 - 1) | st.integers(0, 10**9))
def test_bucket_holds_its_value(value: int) -> None:
    bucket = bucket_of(value)
    assert 0 <= bucket < BUCKETS
    upper = int(upper_ns(np.array([bucket]))[0])
    assert value <= upper <= value + value // 1000
    assert step_ns(value) <= max(1, upper // 1000)
    if bucket:
        assert int(upper_ns(np.array([bucket - 1]))[0]) == upper - step_ns(value) < value


@pytest.mark.parametrize(("value_ns", "upper"), [
    (0, 0), (1, 1), (1999, 1999), (2001, 2002), (9_999, 10_000), (10_001, 10_010),
    (31_719_423, 31_720_000), (31_720_000, 31_720_000), (31_720_001, 31_740_000),
    (138_400_001, 138_500_000), (558_893_213, 559_000_000),
])  # fmt: skip
def test_buckets_end_at_round_numbers(value_ns: int, upper: int) -> None:
    """At a step of 1, 2 or 5 in the fourth digit."""
    assert upper_ns(np.array([bucket_of(value_ns)])).tolist() == [upper]


def histogram(values: list[int], parts: int = 1) -> np.ndarray:
    merged = np.zeros(BUCKETS, dtype=np.int64)
    for k in range(parts):
        for value in values[k::parts]:
            merged[bucket_of(value)] += 1
    return merged


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.integers(1, 5))
def test_quantiles_of_merged_histograms(values: list[int], parts: int) -> None:
    merged, ordered = histogram(values, parts), sorted(values)
    assert quantiles_ns(merged, [1.0], ordered[-1]) == [ordered[-1]]
    for rank in (0.0, 0.5, 0.9):
        exact = ordered[max(1, math.ceil(rank * len(values))) - 1]
        found = quantiles_ns(merged, [rank], ordered[-1])[0]
        assert found is not None
        assert found <= ordered[-1]
        assert abs(found - exact) <= exact // 1000
    for limit in (0, 10**6, 2 * 10**8, 5 * 10**11):
        assert within(merged, limit) == sum(value <= limit for value in values)
    tenth = len(values) / 10
    whole = int(tenth)
    slowest = sum(ordered[len(values) - whole :]) + (tenth - whole) * ordered[-1 - whole]
    assert sum_of_slowest_ns(merged, 0.1) == pytest.approx(slowest, rel=1e-3, abs=1)


def test_percentiles_that_differ_are_told_apart() -> None:
    """Within what was one bucket of 131 us: 31.59, 31.65 and 31.70 ms."""
    values = [31_590_000] * 96 + [31_650_000] * 3 + [31_700_000]
    found = quantiles_ns(histogram(values * 10), [0.95, 0.99, 0.999], 31_700_500)
    assert found == [31_600_000, 31_660_000, 31_700_000]


def test_no_values_no_quantile() -> None:
    assert quantiles_ns(histogram([]), [0.5], 0) == [None]
    assert sum_of_slowest_ns(histogram([]), 0.1) == 0.0


def test_scene_is_stationary() -> None:
    """INAR(1): Poisson with mean arrivals / (1 - stay), and correlation `stay` after a second."""
    rate, stay = 0.8, 0.75
    sensors = np.arange(400)
    keys = chance.stream_keys(chance.name_hashes(map(str, sensors)), 1, 0, Stream.SCENE)
    present = np.zeros(400, dtype=np.int64)
    none = scene.nobody(np.full(400, rate))
    scene.begin(keys, sensors, scene.nobody(np.full(400, rate / (1 - stay))), present)
    view = np.zeros((300, 400), dtype=np.int64)
    visitors = np.zeros(400, dtype=np.int64)
    first = present.copy()
    scene.advance(keys, sensors, 0, present, np.full(400, stay), none, view, visitors)
    mean = rate / (1 - stay)
    # Seconds are correlated, sensors are not: the error comes from the means of the sensors.
    error = view.mean(axis=0).std() / 20
    assert abs(view.mean() - mean) < 4 * error
    assert view.var() == pytest.approx(mean, rel=0.05)
    assert abs(first.mean() - mean) < 4 * math.sqrt(mean / 400)
    lagged = np.corrcoef(view[:-1].ravel(), view[1:].ravel())[0, 1]
    assert lagged == pytest.approx(stay, abs=0.02)
    assert visitors.sum() == pytest.approx(rate * 300 * 400, rel=0.02)
