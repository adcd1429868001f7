"""Model rewrites: waves, the cache, times of day, repetition, cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds

from fleet.model.events import MODEL_WRITE, SENSOR_DOWN
from fleet.model.frames import FATE, SENSED, SENSOR, SKIP_MODEL_WRITE
from fleet.plan.plan import Plan
from fleet.results.metrics import summarise

MS = 1_000_000
SECOND = 1000 * MS
TINY_BITS = 8 * (2000 + 20 + 2 * 4)  # 2 kB of firmware by MQTT, two segments
FRESH, CACHED = 16 * MS, 4 * MS  # 2 kB at 1 and at 4 Mbit/s


def plan(events: list[dict[str, Any]], **changes: Any) -> Plan:
    return worlds.plan(worlds.scenario(events=events, **changes), "on_sensor")


def test_waves_are_apart_and_hold_every_sensor_once() -> None:
    event = {"at": "300 ms", "rewrite": "cam", "model": "capped", "waves": 3}
    made = plan([{**event, "wave_every": "400 ms"}])
    asked = sorted((int(r.asked_ns), int(r.sensor)) for r in made.control.rollout)
    assert asked == [(300 * MS + s // 2 * 400 * MS, s) for s in range(6)]


def test_waves_of_unequal_size_differ_by_one() -> None:
    event = {"at": "100 ms", "rewrite": "cam", "model": "capped", "waves": 4}
    made = plan([{**event, "wave_every": "100 ms"}])
    sizes = np.unique(made.control.rollout.asked_ns, return_counts=True)[1]
    assert sorted(sizes.tolist()) == [1, 1, 2, 2]
    assert sorted(made.control.rollout.sensor.tolist()) == list(range(6))
    # More waves than sensors: one sensor a wave.
    made = plan([{**event, "waves": 50, "wave_every": "100 ms"}])
    assert sorted(made.control.rollout.asked_ns.tolist()) == [k * 100 * MS for k in range(1, 7)]


def test_a_model_comes_down_and_is_written() -> None:
    """Over wan, metro and cell at 5 Mbit/s with 1 ms of wire each, then 1 Mbit/s into the chip."""
    (row,) = plan([{"at": "1 s", "rewrite": "cam-0", "model": "capped"}]).control.rollout
    hop = TINY_BITS * 1000 // 5 + MS
    assert row.arrived_ns == SECOND + 3 * hop
    assert row.write_from_ns == row.arrived_ns
    assert row.written_ns - row.write_from_ns == FRESH
    assert row.down_bits == TINY_BITS


def test_a_cached_model_takes_no_downlink_and_is_written_faster() -> None:
    events = [
        {"at": "200 ms", "rewrite": "cam-0", "model": "capped"},
        {"at": "600 ms", "rewrite": "cam-0", "model": "tiny"},
        {"at": "900 ms", "rewrite": "cam-0", "model": "capped"},
        {"at": "900 ms", "rewrite": "cam-1", "model": "capped"},
    ]
    made = plan(events)
    rows = made.control.rollout[
        np.lexsort((made.control.rollout.asked_ns, made.control.rollout.sensor))
    ]
    assert rows.down_bits.tolist() == [TINY_BITS, 0, 0, TINY_BITS]
    assert (rows.written_ns - rows.write_from_ns).tolist() == [FRESH, CACHED, CACHED, FRESH]
    assert (rows.arrived_ns[1:3] == rows.asked_ns[1:3]).all()
    outcome = worlds.run(made)
    found = summarise(outcome)["rollout"]
    assert found["requests"] == found["written"] == 4
    assert found["from_cache"] == 2
    assert found["downlink_bytes"] == 2 * TINY_BITS // 8
    assert found["blind_s"]["max"] == pytest.approx(FRESH * 1e-9)
    assert found["blind_s"]["mean"] == pytest.approx((FRESH + CACHED) / 2 * 1e-9)
    assert found["wait_s"]["max"] == pytest.approx((rows.arrived_ns - rows.asked_ns).max() * 1e-9)
    last = rows.written_ns.max()
    assert found["complete_s"] == pytest.approx((last - 200 * MS) * 1e-9)


def test_bytes_that_come_after_the_end_are_not_sent() -> None:
    """The way takes 3 hops of 2.7 ms: of a request a millisecond before the end nothing arrives."""
    at_ms = worlds.scenario()["duration"].split()[0] + "000"
    events = [{"at": f"{int(at_ms) - 1} ms", "rewrite": "cam-0", "model": "capped"}]
    found = summarise(worlds.run(plan(events)))["rollout"]
    assert found["requests"] == 1
    assert found["written"] == found["downlink_bytes"] == 0


def test_a_model_that_fell_out_of_the_cache_comes_down_again() -> None:
    """The cache has 6 kB: 5 kB of `slow` push out 2 kB of `capped`."""
    events = [
        {"at": f"{at} ms", "rewrite": "cam-0", "model": model}
        for at, model in ((100, "capped"), (400, "slow"), (800, "capped"), (1200, "capped"))
    ]
    down = plan(events).control.rollout.down_bits
    assert down[0] == TINY_BITS
    assert down[1] > 2 * TINY_BITS
    assert down[2:].tolist() == [TINY_BITS, 0]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_sensor_is_blind_while_it_is_written_and_no_longer(engine: str) -> None:
    events = [
        {"at": "200 ms", "rewrite": "cam", "model": "capped"},
        {"at": "1 s", "rewrite": "cam", "model": "tiny"},
    ]
    data = worlds.scenario(events=events)
    data["sensors"]["cam"]["rate"] = "200 fps"
    made = worlds.plan(data, "on_sensor")
    rows = worlds.table(worlds.run(made, engine=engine))
    rows = rows[rows[:, SENSED] >= 0]
    blind = np.zeros(len(rows), dtype=bool)
    for row in made.control.timetable[made.control.timetable.kind == MODEL_WRITE]:
        blind |= (
            (rows[:, SENSOR] == row.target)
            & (rows[:, SENSED] >= row.time_ns)
            & (rows[:, SENSED] < row.a)
        )
    assert blind.sum() > 20
    assert ((rows[:, FATE] == SKIP_MODEL_WRITE) == blind).all()


def test_a_time_of_day_is_counted_from_the_start() -> None:
    """The scenario starts at 17:00: half past six is 90 minutes on, four o'clock is tomorrow."""
    sparse = worlds.scenario()["sensors"]["cam"] | {"rate": "1 frame/min", "count": 1}
    for clock, minutes in (("18:30", 90), ("17:00", 0), ("16:00", 23 * 60)):
        event = {"at": clock, "rewrite": "cam", "model": "capped"}
        made = plan([event], sensors={"cam": sparse}, duration="1 d")
        assert made.control.rollout.asked_ns.tolist() == [minutes * 60 * SECOND]


def test_a_time_of_day_can_come_every_day() -> None:
    sparse = worlds.scenario()["sensors"]["cam"] | {"rate": "1 frame/min", "count": 1}
    event = {"at": "18:30", "every": "1 d", "crash": "cam", "lasts": "1 min"}
    made = plan([event], sensors={"cam": sparse}, duration="3 d")
    down = made.control.timetable[made.control.timetable.kind == SENSOR_DOWN]
    day = 86_400 * SECOND
    assert down.time_ns.tolist() == [5400 * SECOND + k * day for k in range(3)]


def test_every_repeats_up_to_the_end() -> None:
    event = {"at": "250 ms", "every": "500 ms", "crash": "cam-2", "lasts": "20 ms"}
    made = plan([event])
    down = made.control.timetable[made.control.timetable.kind == SENSOR_DOWN]
    assert down.time_ns.tolist() == [250 * MS, 750 * MS, 1250 * MS, 1750 * MS]
    assert set(down.target) == {2}
    assert set(down.a - down.time_ns) == {20 * MS}


def test_a_cell_narrows_a_group() -> None:
    events = [
        {"at": "1 s", "rewrite": "cam", "model": "capped", "cell": "cell-1"},
        {"at": "1 s", "crash": "cam", "lasts": "1 ms", "cell": "cell-0"},
    ]
    made = plan(events)
    link = {int(s): made.links.names[made.links.of[1][s]] for s in range(6)}
    written = set(made.control.rollout.sensor.tolist())
    down = made.control.timetable[made.control.timetable.kind == SENSOR_DOWN]
    assert {link[s] for s in written} == {"cell/cell-1"}
    assert {link[int(s)] for s in down.target} == {"cell/cell-0"}
    assert written | set(down.target.tolist()) == set(range(6))
