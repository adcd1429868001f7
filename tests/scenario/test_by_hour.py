"""Numbers by the hour: which files are read, and what is wrong with the others."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
import worlds

from fleet.catalog import Catalog
from fleet.catalog.hours import ZONES, by_hour, year_mean
from fleet.errors import InputError
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.scenario.by_hour import read
from fleet.scenario.load import loads

DAY = [f"{hour},{100 + hour}" for hour in range(24)]
START = dt.datetime(2024, 5, 16, 17)


def table(folder: Path, *lines: str) -> Path:
    path = folder / "grid.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_a_day_a_year_and_hour_after_hour(tmp_path: Path) -> None:
    moment = dt.datetime(2024, 11, 3, 5, 59)
    day = read(table(tmp_path, "hour,g_per_kwh", *reversed(DAY)), "g_per_kwh")
    assert day.at(moment) == 105.0
    rows = [f"{m},{h},{100 * m + h}" for m in range(1, 13) for h in range(24)]
    year = read(table(tmp_path, "month,hour,g_per_kwh", *rows), "g_per_kwh")
    assert year.at(moment) == 1105.0
    series = ["2024-11-03T04:00,1.5", "2024-11-03T05:00,2.5"]
    after = read(table(tmp_path, "time,g_per_kwh", *series), "g_per_kwh")
    assert after.at(moment) == 2.5


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["hour,g_per_kwh", *DAY[:7], *DAY[9:]], "has 22 of 24 hours; it lacks hour 7, 8"),
        (["hour,g_per_kwh", *DAY, "3,9"], ":26 hour 3 stands twice, first in line 5; keep one"),
        (["hour,g_per_kwh", "24,1"], ":2 hour 24 is not between 0 and 23"),
        (["hour,g_per_kwh", "1.5,1"], ":2 hour 1.5 is not a whole number from 0 to 23"),
        (["hour,g_per_kwh", "1,nan"], ":2 g_per_kwh nan is not between 0 and 1e+06"),
        (["hour,g_per_kwh", "1,-3"], ":2 g_per_kwh -3 is not between 0 and 1e+06"),
        (["hour,g_per_kwh", "1,"], ":2 g_per_kwh '' is not a number"),
        (["month,hour,g_per_kwh", "1,0,5"], "has 1 of 288 hours; it lacks month 1 hour 1, month"),
        (["hour;g_per_kwh", "1;2"], ":1 is cut at ';', not at commas"),
        (["hour,g", "1,2"], ":1 has no column g_per_kwh; it has hour, g"),
        (["day,g_per_kwh", "1,2"], ":1 has no column time or hour; write 'hour' from 0 to 23"),
        (["hour,g_per_kwh"], "has no row; write one for each hour"),
        (
            ["time,g_per_kwh", "2024-05-16T17:00,1", "2024-05-16T19:00,1"],
            ":3 time 2024-05-16T19:00 follows on 2024-05-16T17:00; add the hours from"
            " 2024-05-16T18:00 on, which are missing",
        ),
        (
            ["time,g_per_kwh", "2024-05-16T17:00,1", "2024-05-16T16:00,1"],
            ":3 time 2024-05-16T16:00 comes behind 2024-05-16T17:00; hours go on, one after",
        ),
        (
            ["time,g_per_kwh", "2024-05-16T17:00,1", "2024-05-16T17:00,1"],
            ":3 time 2024-05-16T17:00 stands twice; hours go on",
        ),
        (["time,g_per_kwh", "2024-05-16T17:30,1"], ":2 time '2024-05-16T17:30' is not the"),
        (["time,g_per_kwh", "2024-05-16T17:00Z,1"], ": its times have an offset from UTC, so"),
        (["time,g_per_kwh", "noon,1"], ":2 time 'noon' is no moment; write such as 2024-05-16T17"),
        (
            ["time,g_per_kwh", "2024-05-16T18:00,1"],
            "holds 2024-05-16T18:00 to 2024-05-16T19:00, and the run is from 2024-05-16T17:00 to"
            " 2024-05-16T17:00; add the hours that are missing",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, lines: list[str], said: str) -> None:
    path = table(tmp_path, *lines)
    with pytest.raises(InputError, match=re.escape(said)) as told:
        planned(tmp_path, grid={"file": "grid.csv"})
    assert str(told.value).startswith(str(tmp_path / "made-up.yaml"))
    assert f"grid.file: {path}" in str(told.value)


def planned(folder: Path, **changes: Any) -> Plan:
    """Return a plan of a scenario that lies in a folder."""
    data = worlds.scenario(catalogue=str(worlds.HERE / "catalogue"), **changes)
    asked = [f"catalogue={data['catalogue']}"]
    scenario = loads(json.dumps(data), str(folder / "made-up.yaml"), asked)
    return compile_plan(scenario, catalogue(scenario), "cloud")


def test_over_midnight_and_several_days(tmp_path: Path) -> None:
    day = {"g_per_kwh": list(range(24))}
    made = planned(tmp_path, start="2024-05-16T22:30", duration="50 h", warm_up="1 h", grid=day)
    steps = made.money.grid.by_hour
    assert steps is not None
    assert steps.values == (*map(float, (22, 23, *range(24), *range(24))), 0.0)
    half_ns = 1800 * 10**9
    assert steps.starts_ns[:3] == (0, half_ns, 3 * half_ns)
    assert made.marks_ns == steps.starts_ns[2:]  # behind the warm-up, which ends within an hour
    assert made.cuts_ns[0] == 2 * half_ns
    assert made.money.grid.g_per_kwh == pytest.approx(
        steps.mean(made.warm_up_ns, made.end_ns), rel=1e-12
    )


def test_grids_of_the_catalogue_go_with_the_clock_of_the_time_zone(tmp_path: Path) -> None:
    known = Catalog.load()
    for grid, zone in ZONES.items():
        assert float(known.row("carbon", grid, "intensity").value) == year_mean(grid)
        own = planned(tmp_path, grid=grid, start="2024-07-16T17:00", duration="1 h")
        there = planned(
            tmp_path, grid=grid, start="2024-07-16T17:00", duration="1 h", timezone=zone
        )
        assert own.money.grid == there.money.grid
        utc = 16 if zone == "Europe/London" else 15
        assert own.money.grid.g_per_kwh == by_hour()[grid][6][utc]
    india = planned(
        tmp_path, grid="deu-2020", start="2024-07-16T17:00", duration="1 h",
        timezone="Asia/Kolkata",
    )  # fmt: skip
    steps, july = india.money.grid.by_hour, by_hour()["deu-2020"][6]
    assert steps is not None
    assert steps.values == (july[11], july[12])  # at 17:30 there another hour begins in UTC
    assert steps.starts_ns == (0, 1800 * 10**9)
    assert india.marks_ns == steps.starts_ns[1:]


def test_constants_are_as_before(tmp_path: Path) -> None:
    made = planned(tmp_path, grid="test-grid", prices="test-book")
    assert made.money.by_hour == ()
    assert made.money.grid.g_per_kwh == 300
    assert planned(tmp_path, duration="2 h").marks_ns == (3600 * 10**9,)


def test_price_by_the_hour(tmp_path: Path) -> None:
    table(tmp_path, "hour,usd_per_kwh", *(f"{h},{0.1 if h < 18 else 0.3}" for h in range(24)))
    made = planned(
        tmp_path, prices="test-book", tariff={"file": "grid.csv"}, duration="2 h",
        start="2024-05-16T17:00",
    )  # fmt: skip
    assert made.money.prices is not None
    assert made.money.prices.kwh_by_hour is not None
    assert made.money.prices.kwh_by_hour.values == (0.1, 0.3)
    assert made.money.prices.kwh == pytest.approx(0.2)
