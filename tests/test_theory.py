"""Queues against theory: |measured - theory| < 4 standard errors, and the error itself is small."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.stages.frames import CAPTURE, INFER, START, UPLINK, WAN

FRAME_BITS = 8 * (1250 + 2 * 12)  # a fixed frame and the headers of its two segments
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
    served_ns, paid_ns = outcome.tally.pools[0][:2]
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
