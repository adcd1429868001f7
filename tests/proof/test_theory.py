"""Queues against theory: |measured - theory| < 4 standard errors, and the error itself is small."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.model.frames import BITS, CAPTURE, INFER, START, UPLINK, WAN
from fleet.model.link import SEGMENT_BITS, resent

FRAME_BITS = worlds.FRAME_BITS
BATCHES = 40


def lone_link(capture: str, load: float, **changes: Any) -> dict[str, Any]:
    """Return twenty instant cameras on one cell link that sends a frame in 1 ms, and no more."""
    wide = {"rate": "100 Gbit/s", "propagation": "0 ns", "buffer": "1 GB"}
    data = worlds.scenario(
        duration="60 s",
        sensors={
            "cam": {
                "count": 20,
                "rate": f"{50 * load:g} fps",
                "capture": capture,
                "app": "watch",
                "uplink": "cell",
            }
        },
        links={
            "cell": {
                "technology": "test-cell", "shared_by": "city", "to": "wan",
                "rate": f"{FRAME_BITS * 1000} bit/s", "propagation": "0 ns", "buffer": "1 GB",
            },
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud", **wide},
        },
        cloud={"server": "test-gpu", "servers": 20},
        arms={"cloud": {"device": "instant-camera", "codec": "fixed-codec", "model": "single"}},
    )  # fmt: skip
    return {**data, **changes}


def waits_ms(data: dict[str, Any], begin: int, end: int, service_ms: float) -> np.ndarray:
    """Return the waiting times before a station of the frames that left it, in order of arrival."""
    rows = np.array(worlds.finished(worlds.run(worlds.plan(data, "cloud"))))
    rows = rows[np.argsort(rows[:, begin], kind="stable")]
    return (rows[:, end] - rows[:, begin]) * 1e-6 - service_ms  # type: ignore[no-any-return]


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean without the first tenth, and its standard error by batch means."""
    steady = values[len(values) // 10 :]
    means = np.array([batch.mean() for batch in np.array_split(steady, BATCHES)])
    return float(steady.mean()), float(means.std(ddof=1) / math.sqrt(BATCHES))


@pytest.mark.parametrize("load", [0.3, 0.7, 0.85])
def test_link_is_m_d_1(load: float) -> None:
    """Pollaczek and Khinchine: W = ρ S / (2 (1 - ρ)) for constant service S."""
    measured, error = mean_and_error(waits_ms(lone_link("poisson", load), CAPTURE, UPLINK, 1.0))
    theory = load / (2 * (1 - load))
    assert error < 0.12 * theory
    assert abs(measured - theory) < 4 * error


def test_link_in_phase_is_exact() -> None:
    """N synchronised sources: the k-th of them waits k services, (N - 1)/2 on average."""
    data = lone_link("periodic", 0.8)
    data["sensors"]["cam"]["phase"] = "synchronised"
    waits = waits_ms(data, CAPTURE, UPLINK, 1.0)
    assert waits.mean() == pytest.approx(9.5, rel=1e-12)


def test_random_phases_wait_less_than_poisson_and_in_phase() -> None:
    """Periodic sources: far below M/D/1 and in-phase waits (Roberts and Virtamo 1991)."""
    random_phase = waits_ms(lone_link("periodic", 0.8), CAPTURE, UPLINK, 1.0).mean()
    assert 0 < random_phase < 0.8 / (2 * 0.2)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (3, 0.8)])
def test_pool_keeps_the_utilisation_law_and_littles_law(servers: int, load: float) -> None:
    """Busy servers = λ S; frames in the pool = λ W, counted two ways."""
    data = lone_link("poisson", load * servers)
    data["links"]["cell"]["rate"] = "100 Gbit/s"
    data["cloud"] = {"server": "test-gpu", "servers": servers}
    outcome = worlds.run(worlds.plan(data, "cloud"))
    rows = np.array(worlds.finished(outcome))
    assert (rows[:, INFER] - rows[:, START] == 1_000_000).all()
    rate_per_ns = len(rows) / outcome.plan.end_ns
    served_ns, paid_ns = outcome.tally.servers[0][:2]
    assert served_ns / paid_ns == pytest.approx(rate_per_ns * 1e6 / servers, rel=1e-3)
    spent = (rows[:, INFER] - rows[:, WAN]).mean()
    moments = np.concatenate([rows[:, WAN], rows[:, INFER]])
    change = np.concatenate([np.ones(len(rows)), -np.ones(len(rows))])
    order = np.argsort(moments, kind="stable")
    inside = np.cumsum(change[order])[:-1]
    area = (inside * np.diff(moments[order])).sum() / outcome.plan.end_ns
    assert area == pytest.approx(rate_per_ns * spent, rel=1e-9)


def test_pool_is_m_d_1() -> None:
    data = lone_link("poisson", 0.7)
    data["links"]["cell"]["rate"] = "100 Gbit/s"
    data["cloud"] = {"server": "test-gpu", "servers": 1}
    measured, error = mean_and_error(waits_ms(data, WAN, INFER, 1.0))
    theory = 0.7 / (2 * 0.3)
    assert error < 0.12 * theory
    assert abs(measured - theory) < 4 * error


def test_pool_is_m_m_1() -> None:
    """Exponential service: W = ρ S / (1 - ρ), twice that of constant service."""
    data = lone_link("poisson", 0.6)
    data["links"]["cell"]["rate"] = "100 Gbit/s"
    data["cloud"] = {"server": "test-gpu", "servers": 1}
    data["arms"]["cloud"]["model"] = "memoryless"
    rows = np.array(worlds.finished(worlds.run(worlds.plan(data, "cloud"))))
    rows = rows[np.argsort(rows[:, WAN], kind="stable")]
    measured, error = mean_and_error((rows[:, START] - rows[:, WAN]) * 1e-6)
    theory = 0.6 / 0.4
    assert error < 0.12 * theory
    assert abs(measured - theory) < 4 * error
    spent = (rows[:, INFER] - rows[:, START]) * 1e-6
    assert abs(spent.mean() - 1) < 4 / math.sqrt(len(spent))
    assert spent.std() == pytest.approx(1, rel=0.05)


def test_link_with_exponential_frames_is_m_g_1() -> None:
    """Pollaczek and Khinchine: W = λ E[S²] / (2 (1 - ρ)), with the moments of what was sent."""
    data = lone_link("poisson", 0.6)
    data["arms"]["cloud"]["codec"] = "wild-codec"
    data["links"]["cell"]["rate"] = f"{8 * 126_500 * 1000} bit/s"
    rows = np.array(worlds.finished(worlds.run(worlds.plan(data, "cloud"))))
    rows = rows[np.argsort(rows[:, CAPTURE], kind="stable")]
    service_ms = rows[:, BITS] / (8 * 126_500)
    assert service_ms.std() == pytest.approx(service_ms.mean(), rel=0.03)
    rate_per_ms = len(rows) / 60_000
    load = rate_per_ms * service_ms.mean()
    theory = rate_per_ms * (service_ms**2).mean() / (2 * (1 - load))
    measured, error = mean_and_error((rows[:, UPLINK] - rows[:, CAPTURE]) * 1e-6 - service_ms)
    assert error < 0.12 * theory
    assert abs(measured - theory) < 4 * error


LOST = [(0.01, 50), (0.1, 50), (0.1, 2), (0.3, 1), (0.5, 0)]


@pytest.mark.parametrize(("loss", "retries"), LOST)
def test_segments_are_sent_again_as_often_as_they_are_lost(loss: float, retries: int) -> None:
    """Each of n segments: p + p² + ... + p^r times again, p / (1 - p) without a limit.

    A frame is lost if one of them is lost r + 1 times: 1 - (1 - p^(r+1))^n, about n · p^(r+1).
    """
    segments, frames = 4, 20_000
    bits = segments * SEGMENT_BITS
    key, ppb = np.uint64(0x1234_5678_9ABC_DEF1), int(loss * 1e9)
    again, good = np.empty(frames), np.empty(frames, dtype=bool)
    for frame in range(frames):
        extra, rounds, came = resent(key, frame, bits, ppb, retries)
        again[frame], good[frame] = extra / SEGMENT_BITS, came
        assert extra % SEGMENT_BITS == 0
        assert (rounds == 0) == (extra == 0)
        assert rounds <= min(retries, extra // SEGMENT_BITS)
        assert came or rounds == retries
    lost = 1 - (1 - loss ** (retries + 1)) ** segments
    bound = segments * loss ** (retries + 1)
    assert lost <= bound
    assert lost == pytest.approx(bound, rel=0.002, abs=1e-12) or loss > 0.1
    error = math.sqrt(max(lost * (1 - lost), 1e-12) / frames)
    assert abs((~good).mean() - lost) <= 4 * error
    # What follows a segment that never comes through is not sent: look at whole frames alone.
    if retries == 50:
        assert good.all()
        error = float(again.std(ddof=1)) / math.sqrt(frames)
        assert error < 0.05 * again.mean()
        assert abs(again.mean() / segments - loss / (1 - loss)) < 4 * error / segments


def test_loss_depends_on_key_and_frame_alone() -> None:
    bits = 10 * SEGMENT_BITS
    key = np.uint64(77)
    first = [resent(key, frame, bits, 300_000_000, 9) for frame in range(50)]
    assert first == [resent(key, frame, bits, 300_000_000, 9) for frame in range(50)]
    assert first != [resent(np.uint64(78), frame, bits, 300_000_000, 9) for frame in range(50)]
    assert len(set(first)) > 5
