"""Where two roundings of one number meet, a nanosecond decides nothing."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.catalog import Catalog
from fleet.engine.looker import moment
from fleet.errors import InputError
from fleet.model import capture
from fleet.model.frames import FATE, FRAME, READY, RESULT, SENSED, SENSOR, SKIP_DSP_BUSY
from fleet.plan.capture_times import tick_ns
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.expected import flows
from fleet.results.metrics import summarise
from fleet.running.run import Outcome
from fleet.scenario.load import loads

SECOND = 1_000_000_000
RATES = {
    model: int(Catalog.load().reader().frame_rate("models", model, "rate_max"))
    for model in Catalog.load().reader().items("models")
    if Catalog.load().has("models", model, "rate_max")
}  # fmt: skip


def watching(model: str, rate: str, seconds: int = 5, **arm: Any) -> dict[str, Any]:
    """Return one AI camera on a wide port, in phase with the start."""
    sensors = {
        "count": 1, "rate": rate, "phase": "synchronised", "app": "watch", "uplink": "port",
    }  # fmt: skip
    return {
        "name": "at-rate", "seed": 1, "start": "2024-05-16T12:00", "duration": f"{seconds} s",
        "light": "day",
        "sensors": {"cam": sensors},
        "links": {
            "port": {
                "technology": "poe", "shared_by": "sensor", "to": "wan", "rate": "10 Gbit/s",
            },
            "wan": {"technology": "wan", "shared_by": "city", "to": "cloud"},
        },
        "cloud": {"server": "t4"},
        "arms": {"a": {"device": "rpi-ai-camera", "model": model, "mode": "binned", **arm}},
    }  # fmt: skip


def traced(folder: Path, data: dict[str, Any], rate: int, column: str) -> dict[str, Any]:
    """Have a camera take its times from a file, rounded to the unit of a column."""
    unit = {"t_ms": 10**6, "t_us": 10**3}[column]
    frames = rate * int(data["duration"].split()[0])
    times = [round(Fraction(k * SECOND, rate) / unit) for k in range(frames)]
    (folder / "times.csv").write_text(f"{column}\n" + "".join(f"{t}\n" for t in times))
    data["sensors"]["cam"]["capture"] = {"trace": {"file": "times.csv", "column": column}}
    return data


def outcome(data: dict[str, Any], folder: Path = worlds.HERE, engine: str = "columns") -> Outcome:
    loaded = loads(json.dumps(data), str(folder / "made-up.yaml"))
    return worlds.run(compile_plan(loaded, catalogue(loaded), "a"), engine=engine)


def answered(found: Outcome) -> int:
    """Return the inferences that were begun: results and what is under way behind the DSP."""
    skipped = int((worlds.table(found)[:, FATE] == SKIP_DSP_BUSY).sum())
    return int(summarise(found)["frames"]["captured"]) - skipped


# The published rate of a network --------------------------------------------------------------


@pytest.mark.parametrize("column", [None, "t_us", "t_ms"])
@pytest.mark.parametrize(("model", "rate"), RATES.items())
def test_a_network_gives_its_published_rate(
    model: str, rate: int, column: str | None, tmp_path: Path
) -> None:
    """Also where a clock reported the times, rounded to a microsecond or a millisecond."""
    data = watching(model, f"{rate} fps")
    if column is not None:
        data = traced(tmp_path, data, rate, column)
    found = outcome(data, tmp_path)
    assert answered(found) == 5 * rate
    rows = worlds.table(found)
    assert set(rows[:, FATE]) == {RESULT}
    assert len(rows) + found.in_flight == 5 * rate
    expected = flows(found.plan)
    assert expected.answered_fps[0] == expected.fps[0]


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(
    ("rate", "column", "given"),
    [(25, None, 25), (26, None, 26), (30, None, 15), (30, "t_ms", 15), (26, "t_ms", 26),
     (27, None, 13.6), (27, "t_us", 13.6)],
)  # fmt: skip
def test_above_it_every_second_frame_is_skipped(
    rate: int, column: str | None, given: float, engine: str, tmp_path: Path
) -> None:
    """26 fps are published; of 135 frames at 27 fps 67 find the DSP busy."""
    data = watching("ssd-mobilenet-v2", f"{rate} fps")
    if column is not None:
        data = traced(tmp_path, data, rate, column)
    found = outcome(data, tmp_path, engine)
    assert answered(found) == round(5 * given)
    assert flows(found.plan).answered_fps[0] == pytest.approx(given, rel=0.01)


def test_a_trace_may_begin_and_end_with_a_frame(tmp_path: Path) -> None:
    """150 frames at 30 fps take 4.97 s, and a run of 4.99 s has them all: 30.06 a second."""
    data = traced(tmp_path, watching("posenet", "30 fps"), 30, "t_us") | {"duration": "4990 ms"}
    assert answered(outcome(data, tmp_path)) == 150
    data["duration"] = "4 s"  # 30 fps and a frame too much
    (tmp_path / "times.csv").write_text("t_ms\n" + "".join(f"{32 * k}\n" for k in range(125)))
    data["sensors"]["cam"]["capture"]["trace"]["column"] = "t_ms"
    with pytest.raises(InputError, match="captures at most 30 fps"):
        outcome(data, tmp_path)


def test_jitter_adds_no_frames(tmp_path: Path) -> None:
    """A camera that is faster by less than a tick gets the published rate and not more."""
    data = watching("ssd-mobilenet-v2", "26 fps", seconds=20)
    times = [round(k * 38.1) for k in range(525)]  # 26.2 fps
    (tmp_path / "times.csv").write_text("t_ms\n" + "".join(f"{t}\n" for t in times))
    data["sensors"]["cam"]["capture"] = {"trace": {"file": "times.csv", "column": "t_ms"}}
    assert 13 * 20 < answered(outcome(data, tmp_path)) <= 26 * 20 + 1


def test_a_frame_that_seems_early_waits_for_the_dsp() -> None:
    """Its inference begins when the one before is due to end: they do not overlap."""
    data = worlds.scenario(duration="2 s")
    data["sensors"]["cam"] |= {
        "count": 1, "capture": {"trace": {"file": "times.csv", "column": "t_ms"}},
    }  # fmt: skip
    data["arms"] = {"a": {"device": "test-ai", "model": "capped", "mode": "small"}}
    for engine in worlds.ENGINES:
        rows = worlds.table(outcome(data, engine=engine))
        starts = rows[:, READY] - 10_100_000  # 10 ms of DSP, 0.1 ms of reading the result
        waits = starts - rows[:, SENSED]
        assert (rows[:, FATE] != SKIP_DSP_BUSY).all()
        assert set(waits) == {0, 1_000_000}
        assert np.diff(starts).min() == 25_000_000


@pytest.mark.parametrize(
    ("times", "unit", "tick"),
    [([0, 33_000_000, 67_000_000], 10**6, 10**6), ([0, 33_333_000], 10**3, 10**3),
     ([0, 33_300_000], 10**6, 100_000), ([0, 40_000_000], 10**9, 10**6), ([5, 7], 1, 1),
     ([0, 2 * SECOND], 10**9, 10**6), ([0, 33_333_333], 10**9, 1)],
)  # fmt: skip
def test_the_tick_of_a_clock_is_a_unit_of_its_last_place(
    times: list[int], unit: int, tick: int
) -> None:
    assert tick_ns(times, unit) == tick


# Publishing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("phase", ["random", "staggered"])
@pytest.mark.parametrize("rule", ["every 100 ms", "on change or every 100 ms"])
def test_every_third_of_30_fps_is_every_100_ms(rule: str, phase: str, engine: str) -> None:
    data = watching("posenet", "30 fps", publish=rule)
    data["sensors"]["cam"] |= {"count": 7, "phase": phase}
    rows = worlds.table(outcome(data, engine=engine))
    for s in range(7):
        sent = rows[(rows[:, SENSOR] == s) & (rows[:, FATE] == RESULT), FRAME]
        assert set(np.diff(sent[rule.startswith("on") :])) == {3}  # one says what is there
        assert sent.max() >= rows[:, FRAME].max() - 3


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_publishing_does_not_wait_for_a_coarse_clock(engine: str, tmp_path: Path) -> None:
    """16 fps are every 62.5 ms, which a clock of milliseconds reports as 62 and 63."""
    data = traced(tmp_path, watching("posenet", "16 fps", publish="every 62500 us"), 16, "t_ms")
    rows = worlds.table(outcome(data, tmp_path, engine))
    assert set(rows[:, FATE]) == {RESULT}


# Links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("kind", ["camera", "many"])
def test_a_link_that_is_asked_for_its_rate_keeps_up(kind: str, engine: str) -> None:
    """Frames of 33,333,333.3 ns, one every 33,333,333.3 ns, and a buffer for just one."""
    many = 1 if kind == "camera" else 7
    data = worlds.pool_of_instant_cameras(many, "30 fps", duration="3 s")
    data["sensors"]["cam"]["phase"] = "staggered" if many > 1 else "random"
    data["links"]["cell"] |= {
        "shared_by": "city", "rate": f"{30 * many * worlds.FRAME_BITS} bit/s", "buffer": "1274 B",
    }  # fmt: skip
    found = worlds.run(worlds.plan(data, "cloud"), engine=engine)
    assert set(worlds.table(found)[:, FATE]) == {RESULT}


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("rate", ["3 Mbit/s", "7 Mbit/s", "299 kbit/s"])
def test_frames_that_fill_a_buffer_to_the_bit_fit(rate: str, engine: str) -> None:
    """Five frames of 1274 B come at once; one takes no whole number of ns."""
    data = worlds.pool_of_instant_cameras(5, "1 fps", duration="900 ms")
    data["sensors"]["cam"]["phase"] = "synchronised"
    for buffer, lost in ((5 * 1274, 0), (5 * 1274 - 1, 1)):
        data["links"]["cell"] |= {"shared_by": "city", "rate": rate, "buffer": f"{buffer} B"}
        found = worlds.run(worlds.plan(data, "cloud"), engine=engine)
        fates = worlds.table(found)[:, FATE]
        assert (fates != RESULT).sum() == lost
        assert found.in_flight == 0


# Phases, readout, frames of a second ----------------------------------------------------------


def test_staggered_sensors_are_whole_parts_of_a_period_apart() -> None:
    """29/100 of 100 ms as floats are 28,999,999.999999996 ns."""
    data = worlds.pool_of_instant_cameras(100, "10 fps")
    data["sensors"]["cam"]["phase"] = "staggered"
    anchors = worlds.plan(data, "cloud").sensors.clocks.anchor
    assert anchors.tolist() == [k * 1_000_000 for k in range(100)]
    for num, den in ((SECOND, 30), (SECOND, 7), (SECOND * 1001, 30_000)):
        for total in range(1, 120):
            exact = [int(Fraction(k, total) * Fraction(num, den)) for k in range(total)]
            assert [capture.anchor_ns(k / total, num, den) for k in range(total)] == exact


@pytest.mark.parametrize(("readout", "fits"), [("33333333", 1), ("33333334", 1), ("33333335", 0)])
def test_a_readout_may_be_the_period_rounded(readout: str, fits: int, tmp_path: Path) -> None:
    rows = (worlds.HERE / "catalogue" / "sensors.csv").read_text("utf-8").splitlines()
    changed = [
        f"{row.rsplit(',', 7)[0]},{readout},ns,,,made up,2026,estimate"
        if row.startswith("test-ai,readout_small,")
        else row
        for row in rows
    ]
    folder = tmp_path / "catalogue"
    folder.mkdir()
    for file in (worlds.HERE / "catalogue").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "sensors.csv").write_text("\n".join(changed) + "\n", "utf-8")
    data = worlds.scenario(arms={"a": {"device": "test-ai", "model": "tiny", "mode": "small"}})
    data["sensors"]["cam"]["rate"] = "30 fps"
    if fits:
        assert worlds.table(outcome(data, tmp_path))[0, SENSED] >= int(readout)
    else:
        with pytest.raises(InputError, match=r"captures at most 29\.999999 fps .* asked 30 fps"):
            outcome(data, tmp_path)


@pytest.mark.parametrize(("num", "den"), [(SECOND, 30), (SECOND, 7), (SECOND, 26), (SECOND, 4)])
def test_live_eyes_look_at_each_frame_of_a_second_once(num: int, den: int) -> None:
    made = worlds.plan(worlds.scenario(), "on_sensor")
    clock = made.sensors.clocks[0].copy()
    clock.num, clock.den = num, den
    looked = [moment(made, 0, 0, clock, k * num // den, 1, 0) for k in range(3 * den)]
    assert [(m.second, m.frame) for m in looked] == [divmod(k, den) for k in range(3 * den)]
