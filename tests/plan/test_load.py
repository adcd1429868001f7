"""Overload is told: what is asked of a resource, since when its queue grows, what would hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds

import fleet
from fleet.model.frames import CAPTURE, DONE, FATE, RESULT
from fleet.results.load import loads
from fleet.results.steady import batches, differs, steadiness
from fleet.show.remarks import load_remarks

FPS_EACH = 50
SINGLE = {"server": "test-gpu", "batch": {"max": 1, "wait": "0 ns"}}  # 3 ms for a frame


def pool(servers: int, seconds: int = 20, **changes: Any) -> dict[str, Any]:
    """Return 66 cameras of 50 fps: 9.9 servers of 3 ms would be at work all the time."""
    cloud = {**SINGLE, "servers": servers, "queue": 1_000_000}
    made = worlds.pool_of_instant_cameras(66, f"{FPS_EACH} fps", cloud=cloud, **changes)
    return {**made, "duration": f"{seconds} s"}


def remarks(data: dict[str, Any]) -> list[str]:
    return list(load_remarks(fleet.run(worlds.load(data), executor="local")))


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_nine_servers_where_it_takes_ten(engine: str) -> None:
    seconds = 20 if engine == "columns" else 2
    outcome = worlds.run(worlds.plan(pool(9, seconds), "cloud"), engine=engine)
    load = loads(outcome)["servers of cloud"]
    assert load["busiest_offered"] == pytest.approx(1.1, rel=0.01)
    assert load["busiest_busy"] == pytest.approx(1.0, abs=0.02)
    assert load["grows"]
    assert load["since_s"] < 0.1
    assert load["enough"] == 10
    assert load["target_servers"] == 13
    assert load["rate"] == pytest.approx(3300, rel=0.01)
    waiting = outcome.in_flight - 9
    assert load["waiting"] == pytest.approx(waiting, abs=70)
    assert load["waiting"] == pytest.approx(300 * seconds, rel=0.1)


def test_the_remark_on_nine_servers() -> None:
    told, unsteady = remarks(pool(9))
    assert told.startswith(
        "cloud: servers of cloud is asked for 110% of what it can do: its queue has not been empty"
        " since 0.0"
    )
    assert "by 300 frames a second, to 6,0" in told
    assert "It takes 10 servers instead of 9, and 13 for 80% use." in told
    assert "Latencies then say how long the run was." in told
    assert unsteady.startswith("cloud: the latency of 'cam' was not steady: mean 45")


def test_a_warm_up_does_not_hide_since_when() -> None:
    data = pool(9, warm_up="8 s")
    load = loads(worlds.run(worlds.plan(data, "cloud")))["servers of cloud"]
    assert load["grows"]
    assert load["since_s"] < 0.1
    assert load["busiest_offered"] == pytest.approx(1.1, rel=0.01)
    assert load["waiting"] == pytest.approx(300 * 12, rel=0.05)  # more than when it ended


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert remarks(pool(14)) == []


def test_busy_but_holding_is_said_so() -> None:
    told, doubt = remarks(pool(10))
    assert "99% of what it can do: busy, but its queue does not grow (last empty" in told
    assert "the 99th percentile of latency is not to be trusted" in doubt


def test_a_full_queue_tells_its_losses() -> None:
    data = pool(9, 5)
    data["cloud"]["queue"] = 50
    told = remarks(data)[0]
    assert "since 0." in told
    assert ", and 8.8% is lost. Latencies" in told
    assert "It takes 10 servers instead of 9" in told


def test_more_decoders_are_asked_for() -> None:
    cloud = {"server": "test-npu", "servers": 2, "queue": 1_000_000}
    camera = {"device": "test-camera", "codec": "test-codec", "model": "single"}
    data = worlds.pool_of_instant_cameras(11, "50 fps", cloud=cloud, arms={"cloud": camera})
    load = loads(worlds.run(worlds.plan({**data, "duration": "10 s"}, "cloud")))
    # 550 frames of 10,000 px a second; two servers decode 4.8 Mpx/s.
    found = load["decoders of cloud"]
    assert found["busiest_offered"] == pytest.approx(5.5 / 4.8, rel=0.01)
    assert found["grows"]
    assert (found["enough"], found["target_servers"]) == (3, 3)
    assert found["waiting"] == pytest.approx(70 * 10, rel=0.05)


def link(technology: str, rate: str, **changes: str) -> dict[str, Any]:
    """Return 20 cameras of 25 fps behind one link that is shared by all: 5.096 Mbit/s."""
    made = worlds.pool_of_instant_cameras(20, "25 fps", cloud={"server": "test-gpu", "servers": 50})
    made["links"]["cell"] = {
        "technology": technology, "shared_by": "city", "to": "wan", "rate": rate,
        "buffer": "1 GB", **changes,
    }  # fmt: skip
    return {**made, "duration": "20 s"}


OFFERED = 20 * 25 * worlds.FRAME_BITS


@pytest.mark.parametrize(
    ("technology", "changes"), [("test-cell", {}), ("test-radio", {"loss": worlds.NO_LOSS})]
)
def test_a_link_and_a_radio_cell_that_are_too_slow(
    technology: str, changes: dict[str, str]
) -> None:
    rate = OFFERED / 1.2
    data = link(technology, f"{round(rate)} bit/s", **changes)
    load = loads(worlds.run(worlds.plan(data, "cloud")))["cell"]
    assert load["busiest_offered"] == pytest.approx(1.2, rel=0.01)
    assert load["grows"]
    assert load["since_s"] < 0.2
    assert load["rate"] == pytest.approx(OFFERED / 1e6, rel=0.01)
    told = remarks(data)[0]
    assert "cell is asked for 120% of what it can do: its queue has not been empty since 0." in told
    assert "by 0.85" in told
    assert "Mbit a second, to 17.0" in told
    assert "It takes 5." in told
    assert f" Mbit/s, and {OFFERED / 0.8e6:.3g} for 80% use." in told


def test_two_of_three_cells_are_told_with_their_names() -> None:
    data = link("test-cell", f"{OFFERED // 4} bit/s", shared_by="cell")
    data["sensors"]["cam"]["cells"] = 3
    told = remarks(data)[0]
    assert "cell-" in told
    assert "the busiest of 3, is asked for 140% of what it can do" in told
    assert "So do 2 more." in told


def test_frames_that_a_dsp_skips() -> None:
    data = worlds.scenario(duration="4 s")
    data["arms"] = {"on_sensor": {"device": "test-ai", "model": "slow"}}
    data["sensors"]["cam"]["rate"] = "50 fps"
    (told,) = remarks(data)
    assert told == (
        "on_sensor: 'cam' answers 25 of 50 fps, 50.0% skipped: test-ai slow takes 40 ms a frame, so"
        " 25 fps at most."
    )


def test_latency_by_second_is_that_of_the_frames() -> None:
    outcome = worlds.run(worlds.plan(worlds.scenario(duration="3 s"), "cloud"))
    rows = worlds.table(outcome)
    rows = rows[rows[:, FATE] == RESULT]
    for second in range(3):
        mine = rows[rows[:, DONE] // 10**9 == second]
        spent = (mine[:, DONE] - mine[:, CAPTURE]).sum()
        assert outcome.tally.latency_bins[0, second] == spent > 0


def waits(load: float, service_s: float, seconds: int, seed: int) -> np.ndarray:
    """Return the mean sojourn in each second of a steady queue of M/M/1 (Lindley)."""
    rng = np.random.default_rng(seed)
    before_s = 50 * service_s / (1 - load) ** 2
    count = int((before_s + seconds) * load / service_s * 1.2) + 100
    gaps, times = rng.exponential(service_s / load, count), rng.exponential(service_s, count)
    walk = np.cumsum(np.append(0, times[:-1] - gaps[1:]))
    stay = walk - np.minimum.accumulate(walk) + times
    done = np.cumsum(gaps) + stay - before_s
    kept = (done >= 0) & (done < seconds)
    second = done[kept].astype(np.int64)
    counts = batches(np.bincount(second, minlength=seconds))
    means: np.ndarray = batches(np.bincount(second, stay[kept], minlength=seconds)) / counts
    return means


@pytest.mark.parametrize("load", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("service_s", "seconds"), [(0.001, 20), (0.01, 60), (0.05, 300)])
def test_steady_queues_are_not_called_unsteady(load: float, service_s: float, seconds: int) -> None:
    false = sum(differs(waits(load, service_s, seconds, seed)) for seed in range(200))
    assert false <= 10  # 5 %


def test_a_ramp_is_told_and_scatter_is_not() -> None:
    rng = np.random.default_rng(1)
    ramp = 10.0 + np.arange(20)
    assert differs(ramp)
    assert differs(ramp + rng.normal(0, 2, 20))
    assert not differs(np.full(20, 3.0))
    assert not differs(20 + rng.normal(0, 5, 20))
    assert not differs(100.0 + 0.1 * np.arange(20))  # for sure, but by 1 %


def test_short_runs_say_nothing() -> None:
    assert steadiness(worlds.run(worlds.plan(worlds.scenario(duration="10 s"), "cloud"))) == {}
