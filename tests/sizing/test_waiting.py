"""Waits in closed form are what queueing theory says where it says something."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.proof import theory
from fleet.sizing.waiting import NO_WAIT, Source, Sum, at_most, batches, load_of, wait_for


def at_random(rate: float, mean: float, variance: float = 0.0) -> list[Source]:
    return [Source(1.0, rate, mean, variance, 20 * mean, periodic=False)]


@pytest.mark.parametrize("servers", [1, 3, 20])
@pytest.mark.parametrize("load", [0.5, 0.8, 0.95])
def test_exponential_services_wait_as_in_mmc(servers: int, load: float) -> None:
    rate = load * servers
    wait = wait_for(at_random(rate, 1.0, 1.0), servers)
    assert wait.mean_s == pytest.approx(theory.mmc_wait(servers, rate, 1.0), rel=0.01)
    for time in (0.5, 3.0):
        assert wait.above(time) == pytest.approx(
            theory.mmc_tail(servers, rate, 1.0, time), rel=0.02, abs=1e-4
        )
    if wait.above(0.0) > 0.01:
        assert wait.above(wait.quantile_s(0.99)) == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_constant_services_wait_half_as_long(load: float) -> None:
    assert wait_for(at_random(load, 1.0), 1).mean_s == pytest.approx(
        theory.pollaczek_khinchine(load, theory.Moments(1, 1)), rel=0.01
    )
    assert wait_for(at_random(load * 8, 1.0), 8).mean_s == pytest.approx(
        theory.mdc_wait(8, load * 8, 1.0), rel=0.2, abs=0.002
    )


@pytest.mark.parametrize(("many", "period"), [(40, 50.0), (40, 80.0), (60, 65.0)])
def test_periodic_sources_wait_less(many: int, period: float) -> None:
    """Less than at random, and at most a third more than Roberts and Virtamo have it."""
    wait = wait_for([Source(many, 1 / period, 1.0, 0.0, 1.0, periodic=True)], 1).mean_s
    exact = theory.periodic_wait(many - 1, period)
    assert 0.9 * exact < wait < 1.35 * exact
    assert wait < theory.pollaczek_khinchine(many / period, theory.Moments(1, 1))


def test_who_never_meets_does_not_wait() -> None:
    sources = [Source(3, 0.1, 1.0, 0.0, 1.0, periodic=True)]
    assert wait_for(sources, 3) is NO_WAIT
    assert wait_for(sources, 2).mean_s > 0
    assert wait_for([], 1) is NO_WAIT
    assert load_of(sources, 3) == pytest.approx(0.1)


def test_batches_gather_while_a_server_is_free_and_fill_when_none_is() -> None:
    hold = 2.0 + np.arange(9.0)
    idle = batches(0.1, 4, 8, 1.0, hold)
    assert idle.size == pytest.approx(1.1)
    assert idle.gather.mean_s == pytest.approx(1 / 1.1 + 0.1 / 1.1 / 2, rel=0.01)
    full = batches(2.0, 4, 8, 1.0, hold)  # b = 2 (2 + b) / 4
    assert full.size == pytest.approx(
        3.0
    )  # which has gathered in 1 s, longer than that fixed point
    crowded = batches(3.0, 4, 8, 1.0, hold)  # b = 3 (2 + b) / 4: 6 frames
    assert crowded.size == pytest.approx(6.0)
    assert crowded.turn.mean_s == pytest.approx((2 + 6) / 4 / 2)
    assert batches(5.0, 1, 1, 1.0, hold[:2]).size == 1


def test_sums_of_waits() -> None:
    one, two = at_most(1.0), at_most(2.0)
    sums = Sum(4.0)
    law = sums.law(sums.wave(one) * sums.wave(two) * sums.wave_of(np.array([0.5]), np.ones(1)))
    times = np.arange(len(law)) * sums.step_s
    assert float(law @ times) == pytest.approx(2.0, rel=1e-3)
    assert float(law @ (times - 2.0) ** 2) == pytest.approx(1 / 12 + 4 / 12, rel=1e-2)
