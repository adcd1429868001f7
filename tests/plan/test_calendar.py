"""Clocks that are changed in a run, days that are not as others, demand at places for a time."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.errors import InputError
from fleet.model.books import VISITORS
from fleet.model.events import DEMAND, HOUR, RATE
from fleet.plan.calendar import moments_ns
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.local_time import begins, clock_of
from fleet.plan.plan import Plan
from fleet.results.series import event_table
from fleet.scenario.load import loads

HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
SPRING = {"timezone": "Europe/Helsinki", "start": "2024-03-31T00:00"}
AUTUMN = {"timezone": "Europe/Helsinki", "start": "2024-10-27T00:00"}
ONCE_AT_THREE = {"00:00": "0 /h", "03:00": "3600 /h", "04:00": "0 /h"}


def planned(arm: str = "on_sensor", **changes: Any) -> Plan:
    return worlds.plan(worlds.scenario(**changes), arm)


def columns(made: Plan) -> list[int]:
    """Return the columns of the demand table that hold from hour to hour."""
    events = made.control.timetable
    return [made.scene.first_hour, *events.a[events.kind == HOUR].tolist()]


def hours(made: Plan) -> list[float]:
    events = made.control.timetable
    return (events.time_ns[events.kind == HOUR] / HOUR_NS).tolist()


# Clocks that are changed ------------------------------------------------------------------------


def test_an_hour_that_is_not_there() -> None:
    made = planned(**SPRING, duration="6 h")
    assert columns(made) == [24, 25, 26, 28, 29, 30]  # a Sunday; at three it is four
    assert hours(made) == [1, 2, 3, 4, 5]
    assert made.marks_ns == tuple(k * HOUR_NS for k in range(1, 6))


def test_an_hour_that_is_there_twice() -> None:
    made = planned(**AUTUMN, duration="6 h")
    assert columns(made) == [24, 25, 26, 27, 27, 28]
    assert hours(made) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("when", "hours_of_day"),
    [(SPRING, 23), (AUTUMN, 25), ({**AUTUMN, "start": "2024-10-28T00:00"}, 24)],
)
def test_a_day_has_the_hours_that_it_has(when: dict[str, str], hours_of_day: int) -> None:
    made = planned(**when, duration="30 h")
    own = [column % 24 for column in columns(made)]
    assert own.index(0, 1) == hours_of_day
    assert own[hours_of_day:] == list(range(30 - hours_of_day))


def test_half_an_hour_and_a_start_within_an_hour() -> None:
    """On Lord Howe clocks go back by half an hour, at 2:00."""
    made = planned(timezone="Australia/Lord_Howe", start="2024-04-07T00:20", duration="4 h")
    assert columns(made) == [24, 25, 25, 26, 27]
    assert hours(made) == [pytest.approx(h) for h in (2 / 3, 5 / 3, 13 / 6, 19 / 6)]


def test_without_a_zone_clocks_go_on() -> None:
    made = planned(start="2024-03-31T00:00", duration="6 h")
    assert columns(made) == [24, 25, 26, 27, 28, 29]
    elsewhere = planned(start="2024-03-31T00:00", duration="6 h", timezone="Etc/UTC")
    assert columns(elsewhere) == columns(made)


def test_a_century_of_changes() -> None:
    """Two a year as the rules stand; the last day of the run is told by the clock in force then."""
    data = worlds.scenario(**{**SPRING, "start": "2100-01-01T00:00"}, duration="36500 d")
    clock = clock_of(worlds.load(data))
    assert len(clock.says) == 201
    assert {(moment.month, moment.weekday(), moment.hour) for moment in clock.says[1:]} == {
        (3, 6, 4), (10, 6, 3),
    }  # fmt: skip
    assert clock.latest(36500 * DAY_NS) == dt.datetime(2199, 12, 8)


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(("start", "times"), [("2024-03-31T02:30", 0), ("2024-10-27T02:30", 2)])
def test_who_comes_from_three_to_four(start: str, times: int, engine: str) -> None:
    data = worlds.scenario(timezone="Europe/Helsinki", start=start, duration="3 h")
    data["sensors"]["cam"] |= {"count": 6, "rate": "0.5 frame/min", "demand": ONCE_AT_THREE}
    outcome = worlds.run(worlds.plan(data, "on_sensor"), engine=engine)
    expected = 6 * 3600 * outcome.plan.scene.share[0] * times
    came = int(outcome.tally.sensors[:, VISITORS].sum())
    assert abs(came - expected) <= 5 * np.sqrt(expected)
    assert (came == 0) == (times == 0)


@pytest.mark.parametrize(
    ("start", "utc"),
    [
        ("2024-10-27T03:30+03:00", "2024-10-27T00:30"),
        ("2024-10-27T03:30+02:00", "2024-10-27T01:30"),
        ("2024-10-27T03:59+02:00", "2024-10-27T01:59"),
        ("2024-10-27T02:59", "2024-10-26T23:59"),
        ("2024-10-27T04:00", "2024-10-27T02:00"),
        ("2024-03-31T02:59", "2024-03-31T00:59"),
        ("2024-03-31T04:00", "2024-03-31T01:00"),
        ("2024-05-16T17:00+03:00", "2024-05-16T14:00"),
    ],
)
def test_when_a_run_begins(start: str, utc: str) -> None:
    scenario = worlds.load(worlds.scenario(start=start, timezone="Europe/Helsinki"))
    assert begins(scenario, dt.UTC) == dt.datetime.fromisoformat(f"{utc}+00:00")


def test_the_second_time_round_clocks_are_not_changed_again() -> None:
    start = "2024-10-27T03:30"
    first = planned(start=f"{start}+03:00", timezone="Europe/Helsinki", duration="3 h")
    second = planned(start=f"{start}+02:00", timezone="Europe/Helsinki", duration="3 h")
    assert columns(first) == [27, 27, 28, 29]
    assert columns(second) == [27, 28, 29, 30]


def test_the_sun_does_not_know_of_clocks() -> None:
    """Light changes when it does, whether clocks were changed before or in the run."""
    before = planned(**SPRING, duration="24 h", light="sun").scene
    after = planned(
        **{**SPRING, "start": "2024-03-31T06:00"}, duration="19 h", light="sun"
    ).scene  # five hours later: an hour was left out
    shifted = [at - 5 * 3600 for at in before.light_from_s.tolist()]
    then = zip(shifted, before.light_then.tolist(), strict=True)
    later = [(at, light) for at, light in then if at > 0]
    own = list(zip(after.light_from_s.tolist(), after.light_then.tolist(), strict=True))
    assert len(own) > 3
    assert own[1:] == later


# Tariffs and grids ------------------------------------------------------------------------------


def tariff(folder: Path, when: dict[str, str], own: dict[str, Any], **changes: Any) -> Any:
    data = worlds.scenario(
        catalogue=str(worlds.HERE / "catalogue"), prices="test-book", tariff=own,
        **{**when, "duration": "6 h", **changes},
    )  # fmt: skip
    asked = [f"catalogue={data['catalogue']}"]
    scenario = loads(json.dumps(data), str(folder / "made-up.yaml"), asked)
    prices = compile_plan(scenario, catalogue(scenario), "cloud").money.prices
    assert prices is not None
    return prices.kwh_by_hour


def test_a_tariff_goes_by_the_clock(tmp_path: Path) -> None:
    day = {"usd_per_kwh": [h / 100 for h in range(24)]}
    spring, autumn = (tariff(tmp_path, when, day) for when in (SPRING, AUTUMN))
    assert spring.values == (0, 0.01, 0.02, 0.04, 0.05, 0.06)
    assert autumn.values == (0, 0.01, 0.02, 0.03, 0.03, 0.04)
    assert spring.starts_ns == autumn.starts_ns == tuple(k * HOUR_NS for k in range(6))


def hour_after_hour(folder: Path, *times: str) -> dict[str, str]:
    rows = [f"{time},{k / 10}" for k, time in enumerate(times)]
    (folder / "tariff.csv").write_text("\n".join(["time,usd_per_kwh", *rows]) + "\n")
    return {"file": "tariff.csv"}


def test_hour_after_hour_with_offsets_tells_both_apart(tmp_path: Path) -> None:
    own = hour_after_hour(
        tmp_path, *(f"2024-10-27T0{h}:00+03:00" for h in range(4)),
        *(f"2024-10-27T0{h}:00+02:00" for h in range(3, 6)),
    )  # fmt: skip
    assert tariff(tmp_path, AUTUMN, own).values == (0, 0.1, 0.2, 0.3, 0.4, 0.5)
    with pytest.raises(InputError, match="so the scenario must name its 'timezone'"):
        tariff(tmp_path, {"start": "2024-10-27T00:00"}, own)
    with pytest.raises(InputError, match=r"holds 2024-10-27T00:00\+03:00 to 2024-10-27T07:00"):
        tariff(tmp_path, AUTUMN, own, duration="8 h")


def test_hour_after_hour_of_the_clock_holds_both_times(tmp_path: Path) -> None:
    own = hour_after_hour(tmp_path, *(f"2024-10-27T0{h}:00" for h in range(5)))
    assert tariff(tmp_path, AUTUMN, own).values == (0, 0.1, 0.2, 0.3, 0.3, 0.4)
    short = hour_after_hour(tmp_path, *(f"2024-03-31T0{h}:00" for h in range(6)))
    with pytest.raises(InputError, match="the run is from 2024-03-31T00:00 to 2024-03-31T07:00"):
        tariff(tmp_path, SPRING, short)


def test_offsets_of_some_rows_only(tmp_path: Path) -> None:
    own = hour_after_hour(tmp_path, "2024-10-27T00:00+03:00", "2024-10-27T01:00")
    with pytest.raises(InputError, match=r"either all times have an offset from UTC or none"):
        tariff(tmp_path, AUTUMN, own)


# When events happen -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "at", "every", "hours_on"),
    [
        ("2024-03-30T12:00", "18:30", "24 h", [6.5, 29.5, 53.5]),
        ("2024-10-26T12:00", "18:30", "24 h", [6.5, 31.5, 55.5]),
        ("2024-10-26T12:00", "18:30", "48 h", [6.5, 55.5]),
        ("2024-03-30T12:00", "18:30", "12 h", [6.5, 18.5, 30.5, 42.5, 54.5, 66.5]),
        ("2024-03-30T12:00", "03:30", "24 h", [15, 38.5, 62.5]),  # left out: as clocks go on
        ("2024-10-26T12:00", "03:30", "24 h", [15.5, 40.5, 64.5]),  # the first time
        ("2024-10-27T03:45+03:00", "03:30", "24 h", [0.75, 24.75, 48.75]),  # the second is left
        ("2024-10-27T03:45+02:00", "03:30", "24 h", [23.75, 47.75, 71.75]),
        ("2024-05-16T17:00", "17:00", "24 h", [0, 24, 48]),
        ("2024-05-16T17:00", "16:59", None, [24 - 1 / 60]),
        ("2024-05-16T17:00", "2 h", "24 h", [2, 26, 50]),
    ],
)
def test_a_time_of_day_is_that_of_the_clock(
    start: str, at: str, every: str | None, hours_on: list[float]
) -> None:
    event = {"at": at, "profile": "cam", "demand": "150 %"} | ({"every": every} if every else {})
    data = worlds.scenario(start=start, timezone="Europe/Helsinki", duration="72 h", events=[event])
    scenario = worlds.load(data)
    moments = [at / HOUR_NS for at in moments_ns(scenario, scenario.model.events[0])]
    assert moments == [pytest.approx(h) for h in hours_on]


# Special days -----------------------------------------------------------------------------------


def test_days_that_are_as_others_or_so_many_times() -> None:
    days = {
        "2024-05-16": "weekend", "2024-05-17": "150 %", "2024-05-18": "weekday at 20 %",
        "2024-05-19": 0, "2024-12-24": "300 %",
    }  # fmt: skip
    data = worlds.scenario(start="2024-05-15T23:00", duration="98 h", days=days)
    data["sensors"]["cam"]["demand"] = {"weekday": "100 /h", "weekend": "10 /h"}
    made = worlds.plan(data, "on_sensor")
    people = made.scene.demand[made.scene.profile_of[0]][columns(made)].tolist()
    expected = [100] + [10] * 24 + [150] * 24 + [pytest.approx(20)] * 24 + [0] * 24 + [100]
    assert people == expected
    assert made.scene.demand.shape == (made.scene.demand.shape[0], 4 * 48)  # not the 300 %


def test_special_days_are_told_in_words() -> None:
    data = worlds.scenario(
        start="2024-05-16T23:59", duration="61 s", days={"2024-05-17": "weekend at 150 %"}
    )
    (row,) = event_table(worlds.run(worlds.plan(data, "on_sensor"))).to_pylist()
    assert row["change"] == "people as at 0:00, weekend, 1.5 times"


def test_days_that_the_run_does_not_come_to() -> None:
    told = "The run comes to none of the dates of 'days'."
    assert told in planned(days={"2024-05-15": "weekend"}).notes.remarks
    assert told not in planned(days={"2024-05-16": "weekend"}).notes.remarks
    late = {"start": "2024-05-16T23:00", "duration": "1 h", "days": {"2024-05-17": "weekend"}}
    assert told in planned(**late).notes.remarks


# Demand at places for a time --------------------------------------------------------------------


def changes(made: Plan, kind: int, sensor: int = 0) -> list[tuple[float, float]]:
    """Return (s, number) of each change of a kind at a sensor."""
    events = made.control.timetable
    mine = events[(events.kind == kind) & (events.target == sensor)]
    return [(row.time_ns / 1e9, row.a / row.b) for row in mine]


def test_what_a_profile_changes_is_as_before_when_it_is_over() -> None:
    events = [{"at": "1 s", "profile": "cam", "demand": "2", "rate": "10 fps", "lasts": "3 s"}]
    made = planned(duration="10 s", events=events)
    assert changes(made, DEMAND) == [(1, 2), (4, 1)]
    assert [(at, 1e9 / ns) for at, ns in changes(made, RATE)] == [(1, 10), (4, 25)]


def test_of_several_changes_the_one_that_began_last_holds() -> None:
    events = [
        {"at": "1 s", "profile": "cam", "demand": "2", "lasts": "6 s"},
        {"at": "2 s", "profile": "cam", "demand": "3", "lasts": "2 s"},
        {"at": "5 s", "profile": "cam-1", "demand": "4"},
        {"at": "5 s", "profile": "cam-2", "demand": "5", "lasts": "2 s"},
        {"at": "5 s", "profile": "cam-3", "demand": "6", "lasts": "9 s"},
    ]
    made = planned(duration="10 s", events=events)
    first = [(1, 2), (2, 3), (4, 2)]
    assert changes(made, DEMAND, 0) == [*first, (7, 1)]
    assert changes(made, DEMAND, 1) == [*first, (5, 4), (7, 4)]
    assert changes(made, DEMAND, 2) == [*first, (5, 5), (7, 1)]
    assert changes(made, DEMAND, 3) == [*first, (5, 6), (7, 6)]


def test_again_before_it_is_over_goes_on() -> None:
    events = [{"at": "1 s", "every": "2 s", "profile": "cam", "demand": "2", "lasts": "3 s"}]
    made = planned(duration="6 s", events=events)
    assert changes(made, DEMAND) == [(1, 2), (3, 2), (4, 2), (5, 2)]


def test_a_concert_doubles_the_people_near_it(tmp_path: Path) -> None:
    rows = ["hall,shop,,,24.930,60.200,c,0.5", "near,shop,,,24.934,60.201,c,0.5",
            "far,shop,,,24.940,60.200,c,0.5"]  # fmt: skip
    header = "id,kind,subtype,size,lon,lat,cell,footfall_rank"
    (tmp_path / "sites.csv").write_text("\n".join([header, *rows]) + "\n")
    concert = {"at": "19:00", "profile": "door", "demand": "200 %", "lasts": "4 h"}
    here = {"lat": 60.2, "lon": 24.93, "km": 0.3}
    data = worlds.scenario(
        catalogue=str(worlds.HERE / "catalogue"), city={"sites": "sites.csv"}, duration="8 h",
        sensors={"door": {"at": {"kind": "shop"}, "app": "watch", "uplink": "cell",
                          "demand": "100 /h"}},
        events=[{**concert, "near": here}],
    )  # fmt: skip
    asked = [f"catalogue={data['catalogue']}"]
    scenario = loads(json.dumps(data), str(tmp_path / "made-up.yaml"), asked)
    made = compile_plan(scenario, catalogue(scenario), "cloud")
    assert made.sensors.names == ("far-door", "hall-door", "near-door")
    evening = [(2 * 3600, 2), (6 * 3600, 1)]
    assert [changes(made, DEMAND, s) for s in range(3)] == [[], evening, evening]
    nobody = scenario.changed("events[0].near.km=0.001", "events[0].near.lat=61")
    with pytest.raises(InputError, match=r"near: no sensor of 'door' stands within 0.001 km of 61"):
        compile_plan(nobody, catalogue(nobody), "cloud")


# Both engines -----------------------------------------------------------------------------------


@st.composite
def turning(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a world in which another hour begins after a minute, as clocks are changed or not."""
    world = draw(worlds.scenarios())
    world |= draw(
        st.sampled_from(
            [
                {"timezone": "Europe/Helsinki", "start": "2024-03-31T02:59"},
                {"timezone": "Europe/Helsinki", "start": "2024-10-27T03:59+03:00"},
                {"timezone": "Europe/Helsinki", "start": "2024-10-27T03:59+02:00"},
                {"timezone": "Australia/Lord_Howe", "start": "2024-10-06T01:59"},
                {"start": "2024-05-16T23:59"},
            ]
        )
    )
    day = st.sampled_from(["weekday", "weekend", "40 %", "weekday at 250 %", "0 %"])
    dates = ("2024-03-31", "2024-10-06", "2024-10-27", "2024-05-17")
    world["days"] = draw(st.dictionaries(st.sampled_from(dates), day))
    world |= {"duration": "62 s", "warm_up": draw(st.sampled_from([None, "59 s"]))}
    people = {"02:00": "900 /h", "03:00": "9000 /h", "04:00": "0 /h"}
    ends = st.sampled_from([None, "1500 ms", "59500 ms"])
    for group in world["sensors"].values():
        group |= {"rate": "0.9 fps", "demand": people}
    for arm in world["arms"].values():
        arm.pop("rate", None)
        for rung in arm.get("adaptive", {}).get("ladder", ()):
            rung.pop("rate", None)
    for event in world["events"]:
        if "profile" in event:
            event["rate"] = "2 fps"
            event |= {"lasts": lasts} if (lasts := draw(ends)) else {}
        if "every" in event:
            event["every"] = "9 s"
        if "mtbf" in event:
            event["mtbf"] = "20 s"
    return {key: value for key, value in world.items() if value is not None}


@given(world=turning(), arm=worlds.ARMS)
@settings(max_examples=12)
def test_engines_agree_through_changes_of_clocks(world: dict[str, Any], arm: str) -> None:
    made = worlds.plan(world, arm)
    assert (made.control.timetable.kind == HOUR).any()
    fast, reference = worlds.run(made), worlds.run(made, engine="reference")
    assert worlds.captured(fast) == worlds.captured(reference)
    assert fast.tally.fingerprint() == reference.tally.fingerprint()


def test_a_day_without_words_is_refused() -> None:
    with pytest.raises(InputError, match=r"days\.2024-05-17: .*write 'weekend' or 'weekday'"):
        planned(days={"2024-05-17": None})
