"""The third account: the numbers of a run once more, from its frames, the scenario and the rows."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import worlds
from hypothesis import assume, given, settings

from fleet.plan.compile import catalogue, compile_plan
from fleet.proof.account import Line, compared
from fleet.results.metrics import summarise
from fleet.results.tables import frame_table
from fleet.running.options import Options
from fleet.simulation import Simulation


def account(data: dict[str, Any], arm: str) -> tuple[list[Line], int]:
    """Return the lines of a run by the columns engine, and its frames in flight at the end.

    Sensors live on mains: what batteries give is held against the books in `test_batteries`.
    """
    data = worlds.on_mains(data)
    outcome = worlds.run(worlds.plan(data, arm))
    lines = compared(summarise(outcome), frame_table(outcome), worlds.load(data), arm)
    return lines, outcome.in_flight


def wrong(lines: list[Line]) -> list[Line]:
    return [line for line in lines if not line.agrees]


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=max(20, worlds.MANY // 6))
def test_frames_and_books_agree(world: dict[str, Any], arm: str) -> None:
    assume(not worlds.asks(world, arm))
    assert wrong(account(world, arm)[0]) == []


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=max(20, worlds.MANY // 6))
def test_frames_and_books_are_equal_where_no_frame_is_under_way(
    world: dict[str, Any], arm: str
) -> None:
    """Sensors all but cease to capture after a second, and the run goes on for a minute."""
    assume(not worlds.asks(world, arm))
    still = [{"at": "1 s", "profile": group, "rate": "1 frame/d"} for group in world["sensors"]]
    events = [e for e in world["events"] if "profile" not in e]
    for group in world["sensors"].values():
        if isinstance(group["capture"], dict):  # given times have no rate that could change
            group["capture"] = "poisson"
    lines, in_flight = account({**world, "duration": "60 s", "events": events + still}, arm)
    assume(in_flight == 0)
    assert wrong(lines) == []
    assert [line for line in lines if line.low != line.high] == []
    names = {line.name for line in lines}
    assert names >= {f"power_states_w.sensor.{s}" for s in ("host", "sensing", "computing")}
    if arm == "on_sensor":
        assert names >= {"bytes.metadata", "bytes.roi", "bytes.image", "bytes.protocol"}


# The energy of a network is that of the one that ran ------------------------------------------

SSD, LITE, SMALL, LARGE = "ssd-mobilenet-v2", "efficientdet-lite0", "mobilenet-v2", "yolo11n"


def rewritten(first: str, second: str) -> dict[str, Any]:
    """Return ten sensors that get another network after a second."""
    return {
        "name": "rewritten", "seed": 1, "start": "2024-05-16T12:00", "duration": "200 s",
        "inference": "constant",
        "sensors": {"s": {"count": 10, "rate": "10 fps", "app": "watch", "uplink": "port"}},
        "links": {
            "port": {
                "technology": "poe", "shared_by": "sensor", "to": "cloud",
                "downlink_rate": "100 Mbit/s",
            }
        },
        "cloud": {"server": "t4"},
        "arms": {"on_sensor": {"device": "lucid-triton", "mode": "binned", "model": first}},
        "events": [{"at": "1 s", "rewrite": "s", "model": second}],
    }  # fmt: skip


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(
    ("first", "second", "watts"),
    [(SSD, LITE, 0.113829), (LITE, SSD, 0.093251), (SMALL, LARGE, 0.263533),
     (LARGE, SMALL, 0.029358)],
)  # fmt: skip
def test_the_power_of_a_dsp_follows_a_rewrite(
    first: str, second: str, watts: float, engine: str
) -> None:
    """Right is energy of a frame times frames, network by network; powers are whole µW."""
    data = rewritten(first, second)
    outcome = worlds.run(worlds.plan(data, "on_sensor"), engine=engine)
    summary, frames = summarise(outcome), frame_table(outcome)
    computing = summary["power_states_w"]["sensor"]["computing"]
    assert computing == pytest.approx(watts, abs=1e-6)
    assert set(frames["setup"].to_pylist()) == {
        f"lucid-triton {first}", f"lucid-triton {second}", None,
    }  # fmt: skip
    assert wrong(compared(summary, frames, worlds.load(data), "on_sensor")) == []


def test_a_write_does_not_change_what_is_under_way() -> None:
    """The inference of `slow` ends with its own time, power and message, though `tiny` is there."""
    data = worlds.scenario(duration="1 s", inference="constant")
    data["sensors"]["cam"] = {
        "count": 1, "rate": "1 fps", "phase": "synchronised", "app": "watch", "uplink": "cell",
    }  # fmt: skip
    data["arms"] = {"a": {"device": "test-ai", "model": "slow", "mode": "small"}}
    plain = worlds.table(worlds.run(worlds.plan(data, "a")))
    data["events"] = [{"at": "1 ms", "rewrite": "cam", "model": "tiny"}]
    for engine in worlds.ENGINES:
        made = worlds.plan(data, "a")
        during = made.control.timetable[-1]
        outcome = worlds.run(made, engine=engine)
        (frame,) = worlds.table(outcome)
        assert plain.tolist() == [frame.tolist()], during
        assert outcome.tally.computing_ns.tolist() == [40_000_000, 0]


def test_deployed_networks_draw_their_own_power() -> None:
    """Two networks are written by hand; the second was not known when the run began."""
    data = worlds.scenario(duration="6 s", inference="constant")
    data["arms"] = {"a": {"device": "test-ai", "model": "slow", "mode": "small"}}
    loaded = worlds.load(data)
    for engine in worlds.ENGINES:
        options = Options(engine=engine, executor="local", keep=True)
        with Simulation(loaded, "a", options=options) as city:
            for model in ("tiny", "capped", None):
                city.run(until=city.now_ns + 2_000_000_000)
                if model:
                    for name in city.sensors:
                        city.deploy(name, model)
            tally, setups = city._executor.tally(), city.plan.sensors.setups
            assert len(tally.computing_ns) == len(city.plan.sensors.setup_names) == 3
            assert (tally.computing_ns > 0).all()
            energy = sum((tally.computing_ns * setups.compute_uw).tolist())
            found = city.summary()["power_states_w"]["sensor"]["computing"]
            assert found == pytest.approx(energy * 1e-6 / city.now_ns, rel=1e-12)


def test_the_account_tells_what_is_wrong() -> None:
    data = rewritten(SSD, LITE) | {"duration": "20 s"}
    loaded = worlds.load(data)
    made = compile_plan(loaded, catalogue(loaded), "on_sensor")
    outcome = worlds.run(made)
    summary, frames = summarise(outcome), frame_table(outcome)

    def names(summary: dict[str, Any], frames: Any = frames) -> list[str]:
        return [x.name for x in wrong(compared(summary, frames, loaded, "on_sensor"))]

    assert names(summary) == []
    other = copy.deepcopy(summary)
    other["power_states_w"]["sensor"]["computing"] *= 1.01
    other["frames"]["skipped"]["model_write"] += 1
    other["bytes"]["metadata"] -= 1
    assert names(other) == [
        "frames.skipped.model_write", "bytes.metadata", "power_states_w.sensor.computing",
    ]  # fmt: skip
    swapped = [s and s.replace(SSD, LITE) for s in frames["setup"].to_pylist()]
    at = frames.column_names.index("setup")
    odd = names(summary, frames.set_column(at, "setup", [swapped]))
    assert "frames with another time in their sensor" in odd
