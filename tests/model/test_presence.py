"""Sensors that join and leave: what they capture, what they draw, whom they miss, what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import api
from fleet.engine.energy import account, present_ns, radio_ns
from fleet.lanes.when import Lanes
from fleet.model.books import CAPTURED, LAST_SENT_NS, SENDING_NS, TAIL_NS
from fleet.model.events import SENSOR_LEAVES
from fleet.model.frames import CAPTURE, DONE, FATE, FRAME, LOST_SENSOR_CRASH, RESULT, SENSOR
from fleet.plan import expected
from fleet.plan.plan import Plan
from fleet.plan.presence import absences, absent_ns, by_sensor, down_while_there, share_there
from fleet.results.metrics import summarise
from fleet.results.tables import event_table
from fleet.running.run import Outcome
from fleet.show.digest import digest
from fleet.show.remarks import load_remarks
from fleet.sizing.estimate import estimate

MS, SECOND = 10**6, 10**9
HALF = [{"at": "2 s", "join": "cam-1"}]


def data(events: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return two cameras of 10 fps for four seconds, of which events say when they are there."""
    cam = {"count": 2, "rate": "10 fps", "phase": "synchronised", "app": "watch", "uplink": "cell"}
    return worlds.scenario(
        **{"sensors": {"cam": cam}, "duration": "4 s", "events": events, **changes}
    )


def planned(*events: dict[str, Any], arm: str = "on_sensor", **changes: Any) -> Plan:
    return worlds.plan(data(list(events), **changes), arm)


def of(outcome: Outcome, sensor: int) -> np.ndarray:
    rows = np.array(worlds.captured(outcome))
    return rows[rows[:, SENSOR] == sensor]


# Half of the time ------------------------------------------------------------------------------

POWER_W = {"base": 0.1, "sense": 0.2788, "idle": 0.167, "port": 0.2}  # rpi-ai-camera, poe


def one_camera(event: dict[str, Any]) -> dict[str, Any]:
    """Return an AI camera on its own port, of which an event says when it is there."""
    return {
        "name": "half", "seed": 1, "start": "2024-05-16T12:00", "duration": "200 s",
        "inference": "constant",
        "sensors": {"cam": {"count": 1, "rate": "1 fps", "phase": "synchronised", "app": "watch",
                            "uplink": "port"}},
        "links": {"port": {"technology": "poe", "shared_by": "sensor", "to": "cloud",
                           "downlink_rate": "100 Mbit/s"}},
        "cloud": {"server": "t4"},
        "arms": {"a": {"device": "rpi-ai-camera", "mode": "binned", "model": "yolo11n",
                       "host": "none"}},
        "events": [event],
    }  # fmt: skip


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("event", [{"at": "100 s", "join": "cam"}, {"at": "100 s", "leave": "cam"}])
def test_who_is_there_for_half_of_the_time_draws_half(engine: str, event: dict[str, Any]) -> None:
    """A crash for half of the time leaves the host, 0.1 W, and the port, 0.2 W, on all the time."""
    outcome = worlds.run(worlds.plan(one_camera(event), "a"), engine=engine)
    setups = outcome.plan.sensors.setups
    frames = 100
    read, compute = int(setups.read_ns[0]) * 1e-9, int(setups.compute_ns[0]) * 1e-9
    sensing = 100 * POWER_W["idle"] + frames * read * (POWER_W["sense"] - POWER_W["idle"])
    computing = frames * compute * int(setups.compute_uw[0]) * 1e-6
    power = summarise(outcome)["power_w"]
    assert power["sensor"] == pytest.approx((100 * 0.1 + sensing + computing) / 200, abs=1e-9)
    assert power["sensor"] == pytest.approx(0.136, abs=5e-4)
    assert power["uplink"] == pytest.approx(0.1, abs=1e-12)
    crash = {"at": "0 s", "crash": "cam", "lasts": "100 s"}
    down = summarise(worlds.run(worlds.plan(one_camera(crash), "a"), engine=engine))["power_w"]
    assert down["sensor"] == pytest.approx(power["sensor"] + 0.05, abs=1e-6)
    assert down["uplink"] == pytest.approx(0.2, abs=1e-12)


# What is captured ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_who_is_not_there_captures_nothing(engine: str, arm: str) -> None:
    made = planned({"at": "2050 ms", "join": "cam-1"}, {"at": "3 s", "leave": "cam-1"}, arm=arm)
    outcome = worlds.run(made, engine=engine)
    mine = of(outcome, 1)
    assert mine[:, CAPTURE].tolist() == [2050 * MS + k * SECOND // 10 for k in range(10)]
    assert mine[:, FRAME].tolist() == list(range(10))
    assert len(of(outcome, 0)) == 40
    assert expected.frames(made) == pytest.approx(40 + 9.5)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_what_is_in_a_sensor_that_leaves_is_lost(engine: str) -> None:
    """The frame of 1 s is being sensed at 1.001 s; those before have left."""
    outcome = worlds.run(planned({"at": "1001 ms", "leave": "cam-1"}), engine=engine)
    mine = of(outcome, 1)
    assert mine[:, FATE].tolist() == [RESULT] * 10 + [LOST_SENSOR_CRASH]
    assert mine[-1, DONE] == 1001 * MS


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_another_rate_counts_from_joining_on(engine: str) -> None:
    events = [
        {"at": "1 s", "leave": "cam-1"}, {"at": "1500 ms", "profile": "cam", "rate": "5 fps"},
        {"at": "3 s", "join": "cam-1"},
    ]  # fmt: skip
    made = planned(*events)
    times = of(worlds.run(made, engine=engine), 1)[:, CAPTURE].tolist()
    assert times == [k * 100 * MS for k in range(10)] + [
        3 * SECOND + k * 200 * MS for k in range(5)
    ]
    assert expected.frames(made) == pytest.approx(10 + 5 + 15 + 12.5)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_trace_goes_on_with_what_lies_behind_joining(engine: str, tmp_path: Path) -> None:
    times = [k * 100 * MS for k in range(30)]
    events = [{"at": "450 ms", "leave": "cam-0"}, {"at": "2 s", "join": "cam-0"}]
    port = {"technology": "test-port"}
    made = worlds.lone(tmp_path, times, port, duration="4 s", events=events)
    mine = of(worlds.run(made, engine=engine), 0)
    assert mine[:, CAPTURE].tolist() == [*times[:5], *times[20:]]
    assert mine[:, FRAME].tolist() == list(range(15))


# What is drawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_who_is_not_there_draws_no_power(engine: str) -> None:
    """At half time one of two joins: three quarters of every state of a sensor are left."""
    both, half = (worlds.run(planned(*events), engine=engine) for events in ([], HALF))
    assert present_ns(half.plan).tolist() == [4 * SECOND, 2 * SECOND]
    whole, less = ({(s.component, s.state): s for s in account(o.plan, o.tally)}
                   for o in (both, half))  # fmt: skip
    for state in ("host", "sensing", "sense_idle", "computing"):
        energy = less["sensor", state].energy_fj, whole["sensor", state].energy_fj
        assert energy[0] * 4 == energy[1] * 3 > 0, state
    nobody = summarise(worlds.run(planned({"at": "0 s", "leave": "cam"}), engine=engine))
    assert nobody["frames"]["captured"] == 0
    assert nobody["power_w"]["sensor"] == nobody["power_w"]["uplink"] == 0
    assert nobody["utilisation"]["dsp"] is None


def test_a_tail_ends_as_its_sensor_leaves() -> None:
    """The port of `test-port` has a tail of 20 ms: a sensor leaves in it, another behind it."""
    links = worlds.scenario()["links"] | {
        "cell": {"technology": "test-port", "shared_by": "sensor", "to": "metro"}
    }
    whole = worlds.run(planned(links=links))
    sent_ns = int(whole.tally.sensors[0, LAST_SENT_NS]) - 2900 * MS  # of the frame of 1 s
    for away_ns, tail_ns in ((5 * MS, 5 * MS), (30 * MS, 20 * MS)):
        event = {"at": f"{sent_ns + away_ns} ns", "leave": "cam-0"}
        for engine in worlds.ENGINES:
            books = worlds.run(planned(event, links=links), engine=engine).tally.sensors
            assert books[0, LAST_SENT_NS] == 0
            assert books[0, TAIL_NS] == 10 * 20 * MS + tail_ns


def test_an_estimate_counts_the_time_for_which_sensors_are_there() -> None:
    for arm in ("on_sensor", "cloud"):
        made = planned(*HALF, arm=arm)
        run, told = summarise(worlds.run(made)), estimate(made)
        assert told.before_changes
        assert told.numbers["frames"]["captured"] == run["frames"]["captured"] == 60
        for part, watts in run["power_w"].items():
            assert told.numbers["power_w"][part] == pytest.approx(watts, rel=0.03), part


# In parts, in lanes, by hour -------------------------------------------------------------------


@st.composite
def comings_and_goings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a world of which groups, cells or sensors join and leave, and a few other events."""
    world = draw(worlds.scenarios())
    groups = st.sampled_from(list(world["sensors"]))
    when = st.sampled_from(["0 ns", "1 ns", "40 ms", "100 ms", "123456789 ns", "250 ms"])
    mine = st.fixed_dictionaries(
        {"at": when, "what": st.sampled_from(["join", "leave", "leave"]), "who": groups},
        optional={"every": st.sampled_from(["70 ms", "310 ms"]), "cell": st.just("cell-0")},
    )
    said = [
        {
            ("join" if e["what"] == "join" else "leave") if k == "who" else k: v
            for k, v in e.items()
            if k != "what"
        }
        for e in draw(st.lists(mine, min_size=1, max_size=5))
    ]
    world["events"] = [*world["events"], *said]
    return world


@given(world=comings_and_goings(), arm=worlds.ARMS, shards=st.sampled_from([2, 7]),
       window_ns=st.sampled_from([30_000_001, 100_000_000]))  # fmt: skip
@settings(max_examples=8)
def test_both_engines_and_any_split_agree(
    world: dict[str, Any], arm: str, shards: int, window_ns: int
) -> None:
    made = worlds.plan(world, arm)
    whole = worlds.run(made, shards=1)
    reference = worlds.run(made, engine="reference")
    assert worlds.captured(reference) == worlds.captured(whole)
    parts = worlds.run(made, shards=shards, window_ns=window_ns)
    lanes = worlds.run(made, keep=False, lanes=Lanes.always)
    numbers = summarise(whole)
    assert summarise(reference) == summarise(parts) == numbers
    assert summarise(lanes) == numbers
    spent = radio_ns(made, whole.tally)
    there = np.maximum(present_ns(made), whole.tally.sensors[:, SENDING_NS])
    assert (sum(spent.values()) == there).all()
    assert not whole.tally.sensors[present_ns(made) == 0, CAPTURED].any()


# What is said ----------------------------------------------------------------------------------


def test_absences() -> None:
    end = 25
    each = [(5, True), (9, False), (7, True), (12, True), (12, False), (20, False)]
    assert absences({0: sorted(each)}, end) == {0: [(0, 5), (9, 12), (20, 25)]}
    assert absences({1: [(3, False), (3, True)]}, end) == {1: []}
    assert absences({2: [(0, True)]}, end) == {2: []}
    assert absences({3: [(0, False)]}, end) == {3: [(0, 25)]}
    assert by_sensor([]) == {}
    assert down_while_there({0: [(0, 4), (6, 9)], 1: [(1, 2)]}, {0: [(1, 2), (3, 7)]}) == {
        0: [(0, 1), (2, 3), (7, 9)], 1: [(1, 2)]
    }  # fmt: skip


def test_how_long_somebody_is_away_in_spans() -> None:
    table = planned(
        {"at": "1 s", "leave": "cam-1"}, {"at": "3 s", "join": "cam-1"}
    ).control.timetable
    starts = np.array([0, 500 * MS, 2 * SECOND, 3 * SECOND])
    both = np.array([0, 1])
    away = absent_ns(table, both, starts, starts + SECOND)
    assert away.T.tolist() == [[0, 0, 0, 0], [0, 500 * MS, SECOND, 0]]
    assert share_there(table, both, starts, SECOND).tolist() == [1.0, 0.75, 0.5, 1.0]
    assert absent_ns(table, both[:1], starts, starts + SECOND).tolist() == [[0]] * 4


def test_events_tell_until_when_a_sensor_is_not_there() -> None:
    rows = event_table(worlds.run(planned({"at": "1 s", "leave": "cam-1"}, *HALF))).to_pylist()
    assert [(r["kind"], r["time_s"], r["until_s"], r["target"]) for r in rows] == [
        ("sensor_leaves", 1.0, 2.0, "cam-1"), ("sensor_joins", 2.0, None, "cam-1"),
    ]  # fmt: skip
    (row,) = event_table(worlds.run(planned({"at": "1 s", "leave": "cam-1"}))).to_pylist()
    assert (row["time_s"], row["until_s"]) == (1.0, 4.0)


def said(*events: dict[str, Any]) -> str:
    return "\n".join(planned(*events).notes.remarks)


def test_what_may_not_be_meant_is_said() -> None:
    leave = {"at": "1 s", "leave": "cam-1"}
    assert "events[" not in said(leave, *HALF)
    assert "events[0]: 'join: cam' changes nothing, as all are there" in said(
        {"at": "0 s", "join": "cam"}
    )
    assert "events[2]: 'join: cam-1' changes nothing, as all are there" in said(
        leave, *HALF, {"at": "3 s", "join": "cam-1"}
    )
    assert "events[1]: 'leave: cam-1' changes nothing, as nobody is there" in said(
        leave, {"at": "2 s", "leave": "cam-1"}
    )
    assert "events[1]: 1 of the 2 sensors of 'cam' have not left before they join" in said(
        leave, {"at": "2 s", "join": "cam"}
    )
    assert "Nobody of 'cam' is ever there" in said({"at": "0 s", "leave": "cam"})
    both = planned({"at": "1 s", "leave": "cam"}, {"at": "1 s", "join": "cam"})
    assert not (both.control.timetable.kind == SENSOR_LEAVES).any()


def test_an_answer_says_that_nobody_was_there() -> None:
    record = api.run(worlds.load(data([{"at": "0 s", "leave": "cam"}])), executor="local")
    assert "Nobody of 'cam' is ever there, as 'events' have it." in record.summary["remarks"]
    assert record.numbers["cloud"][0]["groups"]["cam"]["there"] == 0.0
    for arm in ("on_sensor", "cloud"):
        told = f"{arm}: nobody of 'cam' is there in the 4 s that count, as 'events' have it."
        assert told in list(load_remarks(record))
    assert "Mind: on_sensor: nobody of 'cam' is there" in digest(record)


POISSON = {"count": 300, "capture": "poisson", "app": "watch", "uplink": "cell"}


@pytest.mark.parametrize(
    ("rate", "events", "mean_s"),
    [
        ("1 fps", [{"at": "2 s", "leave": "cam", "every": "4 s"},
                   {"at": "4 s", "join": "cam", "every": "4 s"}], 10.0),
        ("0.2 fps", [{"at": "2 s", "leave": "cam", "every": "4 s"},
                     {"at": "4 s", "join": "cam", "every": "4 s"}], 2.0),
        ("0.2 fps", [{"at": "2 s", "profile": "cam", "rate": "0.1 fps", "lasts": "2 s",
                      "every": "4 s"}], 3.0),
        ("0.2 fps", [{"at": "2 s", "leave": "cam"}, {"at": "10 s", "join": "cam"},
                     {"at": "5 s", "profile": "cam", "rate": "1 fps"}], 10.4),
    ],
)  # fmt: skip
def test_random_clocks_have_no_memory(
    rate: str, events: list[dict[str, Any]], mean_s: float
) -> None:
    """Stops, starts and other rates leave a Poisson process one: as many as its rate adds up to."""
    data = worlds.scenario(
        sensors={"cam": {**POISSON, "rate": rate}}, duration="20 s", events=events
    )
    found = worlds.run(worlds.plan(data, "on_sensor"))
    expected = 300 * mean_s
    assert abs(len(worlds.captured(found)) - expected) < 4 * expected**0.5
