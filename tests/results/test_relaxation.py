"""Runs that are too short for their tails are told of, by how long a busy queue remembers."""

from __future__ import annotations

from typing import Any

import pytest
import worlds

import fleet
from fleet.results.relaxation import MANY, relaxation_s, too_short


def numbers(offered: float, *, grows: bool = False, servers: float | None = 1.0) -> dict[str, Any]:
    """Return what is read of the numbers of an arm: a server of a frame a millisecond."""
    load = {"busiest_offered": offered, "rate": 1000 * offered, "servers": servers, "grows": grows}
    return {"load": {"servers of cloud": load}, "frames": {"captured": 10, "skipped": {"dsp": 2}},
            "bytes": {"image": 1_000_000}}  # fmt: skip


def test_a_queue_remembers_for_the_relaxation_time_of_m_m_1() -> None:
    assert relaxation_s(0.8, 1000) == pytest.approx(0.0897, rel=1e-3)
    assert relaxation_s(0.95, 1000) == pytest.approx(1.5595, rel=1e-3)


@pytest.mark.parametrize(
    ("offered", "seconds", "replications", "short"),
    [
        (0.8, 20, 5, False), (0.8, 17, 5, True), (0.95, 20, 5, True), (0.95, 200, 5, True),
        (0.95, 200, 1, False), (0.95, 50, 1, True), (0.6, 1, 5, False), (1.1, 20, 5, False),
    ],
)  # fmt: skip
def test_what_is_needed_grows_with_the_replications(
    offered: float, seconds: float, replications: int, short: bool
) -> None:
    found = too_short([numbers(offered)] * replications, seconds)
    assert (found is not None) == short
    if found is not None:
        needed_s = MANY * replications * relaxation_s(offered, 1000)
        assert found["needed_s"] == pytest.approx(needed_s)
        assert found["resource"] == "servers of cloud"


def test_a_link_serves_frames_of_the_arm_and_a_queue_that_grows_is_told_of_elsewhere() -> None:
    run = numbers(0.9, servers=None)  # 1000 Mbit/s of frames of 1 Mbit
    found = too_short([run], 0.1)
    assert found is not None
    assert found["relaxation_s"] == pytest.approx(relaxation_s(0.9, 1000))
    assert too_short([numbers(0.9, grows=True)], 0.1) is None


def test_it_is_told_in_the_digest_and_stands_in_the_summary() -> None:
    record = fleet.run(worlds.load(worlds.scenario(duration="500 ms")), executor="local")
    assert set(record.summary["too_short"]) <= set(record.arms)
    record.summary["too_short"] = {
        "cloud": {"resource": "wan", "offered": 0.95, "relaxation_s": 1.56, "needed_s": 62.4}
    }
    (line,) = (each for each in fleet.digest(record).splitlines() if each.startswith("Mind: "))
    assert "cloud: the 99th percentile of latency is not to be trusted" in line
    assert "it takes runs of 62.4 s, not 0.5" in line
