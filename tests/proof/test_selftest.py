"""The selftest: its closed forms against known values, its cases, and that wrong theory fails."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from fleet.chance import spread
from fleet.errors import RunError
from fleet.proof import selftest, theory
from fleet.proof.selftest_run import Case, Identity, plans
from fleet.proof.selftest_run import run as run_plan

CASES = {case.name: case for case in selftest.CASES}
FAST = [
    "M/D/1/1 (DSP)", "loss and sending again (link)", "radio that sleeps",
    "20 sensors in phase (link)", "20 sensors staggered (link)",
    "burst of 23 on 2 servers, batches of 4", "saturated pool, batches of 4",
    "energy = Σ power · time", "model rewrite",
]  # fmt: skip


def stationary(rates: np.ndarray) -> np.ndarray:
    """Return the stationary law of a Markov chain in continuous time, by linear algebra."""
    generator = rates - np.diag(rates.sum(axis=1))
    system = np.vstack([generator.T, np.ones(len(rates))])
    return np.linalg.lstsq(system, np.append(np.zeros(len(rates)), 1.0), rcond=None)[0]


# Closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("servers", "load", "lost"),
    [(1, 0.5, 1 / 3), (2, 1.0, 0.2), (5, 3.0, 0.110054), (10, 5.0, 0.018385), (20, 15.0, 0.045593)],
)
def test_erlang_b_is_as_in_the_tables(servers: int, load: float, lost: float) -> None:
    assert theory.erlang_b(servers, load) == pytest.approx(lost, abs=1e-6)


def test_erlang_c_and_what_follows() -> None:
    assert theory.erlang_c(1, 0.7) == pytest.approx(0.7)
    assert theory.erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert theory.mmc_wait(1, 0.5, 1.0) == pytest.approx(1.0)
    assert theory.mmc_wait(2, 1.0, 1.0) == pytest.approx(1 / 3)
    assert theory.mmc_tail(1, 0.5, 2.0 / 2, 0.0) == pytest.approx(0.5)
    assert theory.mmc_tail(3, 1.8, 1.0, 0.0) == theory.erlang_c(3, 1.8)


def test_priorities_keep_what_is_waited_in_all() -> None:
    """One alone is Pollaczek and Khinchine's queue; of several, Σ load · wait is that of all."""
    service = theory.Moments(1.0, 2.0)
    assert theory.cobham((0.6,), service) == [pytest.approx(1.5)]
    assert theory.cobham((0.3, 0.4), service) == pytest.approx([1.0, 0.7 / (0.7 * 0.3)])
    rates = (0.1, 0.3, 0.25)
    kept = sum(rate * wait for rate, wait in zip(rates, theory.cobham(rates, service), strict=True))
    assert kept == pytest.approx(0.65 * theory.pollaczek_khinchine(0.65, service))


def test_finite_queue_is_erlang_b_and_a_markov_chain() -> None:
    assert theory.mmck(4, 4, 3.0, 1.0).lost == pytest.approx(theory.erlang_b(4, 3.0))
    rates = np.zeros((5, 5))
    for n in range(4):
        rates[n, n + 1], rates[n + 1, n] = 2.6, min(n + 1, 3)
    law = stationary(rates)
    found = theory.mmck(3, 4, 2.6, 1.0)
    assert found.lost == pytest.approx(law[4])
    assert found.wait == pytest.approx(law[4] / (2.6 * (1 - law[4])))


def test_pollaczek_khinchine_knows_exponential_and_constant_service() -> None:
    exponential, constant = theory.Moments(1.0, 2.0), theory.Moments(1.0, 1.0)
    assert theory.pollaczek_khinchine(0.6, exponential) == pytest.approx(1.5)
    assert theory.pollaczek_khinchine(0.6, constant) == pytest.approx(0.75)


def test_md1_tail_integrates_to_the_mean_wait() -> None:
    assert theory.md1_tail(0.6, 0.0) == pytest.approx(0.6)
    grid = np.linspace(0.0, 14.0, 14_001)
    area = np.trapezoid([theory.md1_tail(0.6, float(x)) for x in grid], grid)
    assert area == pytest.approx(0.75, rel=1e-4)


def test_mdc_wait_is_md1_and_close_to_cosmetatos() -> None:
    """Cosmetatos 1975: W(M/D/c) / W(M/M/c) within some percent."""
    assert theory.mdc_wait(1, 0.6, 1.0) == pytest.approx(0.75, rel=1e-9)
    assert theory.mdc_wait(2, 0.6, 2.0) == pytest.approx(2 * theory.mdc_wait(2, 1.2, 1.0))
    for c, share in ((2, 0.6), (3, 0.8), (5, 0.9)):
        more = (1 - share) * (c - 1) * (math.sqrt(4 + 5 * c) - 2) / (16 * share * c)
        near = 0.5 * (1 + more) * theory.mmc_wait(c, c * share, 1.0)
        assert theory.mdc_wait(c, c * share, 1.0) == pytest.approx(near, rel=0.02)


@pytest.mark.parametrize("places", [1, 2, 3, 5])
def test_md1k_is_the_embedded_chain(places: int) -> None:
    load = 0.9
    arrive = [math.exp(-load) * load**k / math.factorial(k) for k in range(places)]
    steps = np.zeros((places, places))  # the number left behind by a departure
    for n in range(places):
        for k, p in enumerate(arrive):
            steps[n, min(max(n - 1, 0) + k, places - 1)] += p
        steps[n, places - 1] += 1 - sum(arrive)
    idle = stationary(steps)[0]
    assert theory.md1k_lost(load, places) == pytest.approx(1 - 1 / (idle + load))


def test_nobody_waits_forever_or_not_at_all() -> None:
    assert theory.impatient_lost(0.8, 1.0, 0.0) == pytest.approx(theory.erlang_b(1, 0.8))
    assert theory.impatient_lost(0.8, 1.0, 500.0) == pytest.approx(0.0, abs=1e-12)


def test_bulk_service_is_mm1_and_a_markov_chain() -> None:
    single = theory.bulk_service(0.6, 1.0, 1)
    assert (single.idle, single.wait, single.batch) == pytest.approx((0.4, 1.5, 1.0))
    most, size = 3, 120
    rates = np.zeros((size + 1, size + 1))  # 0: idle; n + 1: busy and n wait
    rates[0, 1] = 1.5
    for n in range(size):
        if n + 2 <= size:
            rates[n + 1, n + 2] = 1.5
        rates[n + 1, 0 if n == 0 else 1 + max(0, n - most)] += 1.0
    law = stationary(rates)
    found = theory.bulk_service(1.5, 1.0, most)
    assert found.idle == pytest.approx(law[0])
    assert found.wait == pytest.approx(law[1:] @ np.arange(size) / 1.5)


def test_two_periodic_sources_by_hand_and_four_by_drawing() -> None:
    assert theory.periodic_tail(1, 10.0, 0.25) == pytest.approx(0.075)
    assert theory.periodic_wait(1, 10.0) == pytest.approx(0.05)
    draw = np.random.default_rng(5)
    phases = np.sort(draw.uniform(0, 5.0, (40_000, 4)), axis=1)
    twice = np.hstack([phases, phases + 5.0])
    wait = np.zeros(len(phases))
    for k in range(1, 8):
        wait = np.maximum(wait + 1.0 - (twice[:, k] - twice[:, k - 1]), 0.0)
        if k >= 4:
            phases[:, k - 4] = wait
    assert phases.mean() == pytest.approx(theory.periodic_wait(3, 5.0), rel=0.02)
    for x in (0.0, 0.5, 1.2):
        assert (phases > x).mean() == pytest.approx(theory.periodic_tail(3, 5.0, x), rel=0.04)


def test_time_in_two_queues_integrates_to_its_mean() -> None:
    grid = np.linspace(0.0, 80.0, 80_001)
    area = np.trapezoid([theory.tandem_tail(0.5, 0.4, float(t)) for t in grid], grid)
    assert area == pytest.approx(1 / 0.5 + 1 / 0.4, rel=1e-5)


@pytest.mark.parametrize(("loss", "retries"), [(0.2, 2), (0.4, 1), (0.3, 0)])
def test_resending_is_as_enumerated(loss: float, retries: int) -> None:
    """Each of two segments is sent 1..retries + 1 times, or given up after as many."""
    ways = [(n, True, loss ** (n - 1) * (1 - loss)) for n in range(1, retries + 2)]
    ways.append((retries + 1, False, loss ** (retries + 1)))
    lost = sent = rounds = 0.0
    for (n, good, p), (m, fine, q) in itertools.product(ways, ways):
        lost += p * q * (not (good and fine))
        sent += p * q * (2 + n - 1 + (m - 1 if good else 0))
        rounds += p * q * (good and fine) * (max(n, m) - 1)
    found = theory.resent(2, loss, retries)
    assert found == pytest.approx((lost, sent, rounds / (1 - lost)))


def test_radio_without_waits_is_the_exponential_law() -> None:
    found = theory.radio(2.0, 0.1, 1.0, 0.0, 0.0)
    assert found == pytest.approx((math.exp(-2.0), math.exp(-0.2) - math.exp(-2.0), 0.0))


def test_moments_of_what_is_drawn() -> None:
    values = np.arange(5000)
    above = np.exp(-np.maximum(values + 1 - 0.5, 0) / 20.0)  # P(N > n) without a least size
    above[:8] = 1.0
    found = theory.whole_exponential(20.0, 8, 0.5)
    assert found.mean == pytest.approx(above.sum())
    assert found.square == pytest.approx(((2 * values + 1) * above).sum())
    near = theory.four_lanes(1e6, 0.25)
    assert near.square - near.mean**2 == pytest.approx(0.0625e12, rel=1e-6)
    draws = np.array([spread(7, i) for i in range(20_000)])
    assert (draws**4).mean() == pytest.approx(2.7, rel=0.05)  # of four uniforms


def test_steps_of_a_burst() -> None:
    assert [theory.burst_steps(k, 11, 2, 4) for k in (0, 3, 4, 8, 10)] == [
        (0, 4), (0, 4), (0, 4), (1, 3), (1, 3),
    ]  # fmt: skip


# Cases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAST)
def test_case(name: str) -> None:
    checks = selftest.run(cases=[CASES[name]])
    assert [check for check in checks if not check.passed] == []
    assert {check.engine for check in checks} == {"columns", "reference", "both"}


def test_queue_by_columns_alone_twice_the_same() -> None:
    heard: list[tuple[str, float]] = []
    case = dataclasses.replace(CASES["M/M/3/4 (pool)"], long="4 s")

    def run() -> list[selftest.Check]:
        return selftest.run(
            ["columns"], cases=[case], progress=lambda name, share: heard.append((name, share))
        )

    checks = run()
    assert all(check.passed for check in checks)
    assert checks == run()
    assert heard[:2] == [(case.name, 0.0), ("", 1.0)]


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_wrong_theory_fails(factor: float) -> None:
    case = CASES["radio that sleeps"]
    laws = tuple(dataclasses.replace(law, theory=law.theory * factor) for law in case.laws)
    wrong = dataclasses.replace(case, laws=laws)
    checks = selftest.run(["columns"], cases=[wrong])[: len(laws)]
    assert [check.passed for check in checks] == [False] * len(laws)


def test_identity_fails_by_one_nanosecond() -> None:
    case = CASES["20 sensors in phase (link)"]
    one = case.identities[1]

    def off(run: object) -> tuple[int, int]:
        left, right = one.pair(run)  # type: ignore[arg-type]
        return left, right + 1

    wrong: Case = dataclasses.replace(case, identities=(Identity(one.quantity, "nobody", off),))
    assert not selftest.run(["columns"], cases=[wrong])[0].passed


def test_too_large_an_error_is_no_proof() -> None:
    case = dataclasses.replace(CASES["M/M/1 (link)"], long="0.2 s", replications=(5, 5))
    check = selftest.run(["columns"], cases=[case])[0]
    assert check.standard_error is not None
    assert check.standard_error > 0.05 * check.theory
    assert not check.passed


def test_frames_under_way_are_not_left_out_silently() -> None:
    case = CASES["saturated pool, batches of 4"]
    run = run_plan(case, plans(case, "0.5 s", 1)[0], "columns")
    with pytest.raises(RunError, match="still under way"):
        _ = run.steady
