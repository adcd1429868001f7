"""A clear sky against published numbers, panels by hand, and files of what falls on them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.errors import InputError
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.irradiance import MINUTE_NS, by_look_nj, clear_sky, on_plane_mw_m2
from fleet.plan.place import Place
from fleet.plan.plan import Plan
from fleet.plan.sun import sun_direction, sun_elevation_deg
from fleet.scenario.load import loads

ATLANTA = Place(33.7, -84.4, "an example")
ASHRAE = {
    "flux": [1230, 1215, 1186, 1136, 1104, 1088, 1085, 1107, 1151, 1192, 1221, 1233],
    "depth": [0.142, 0.144, 0.156, 0.180, 0.196, 0.205, 0.207, 0.201, 0.177, 0.160, 0.149, 0.142],
    "sky": [0.058, 0.060, 0.071, 0.097, 0.121, 0.134, 0.136, 0.122, 0.092, 0.073, 0.063, 0.057],
}
"""Apparent flux (W/m2), optical depth and share of the sky, for the 21st of each month: ASHRAE
(1993), as in Masters, "Renewable and Efficient Electric Power Systems" (2004), table 7.6."""


def minutes(day: int, hour: float) -> np.ndarray:
    """Return minutes since the year began of a day, from 1, and hour; UTC."""
    return np.array([(day - 1) * 1440 + hour * 60.0])


def test_the_example_of_the_book() -> None:
    """Example 7.8: Atlanta on 21 May at solar noon, 902 W/m2 with the sun at 76.4 degrees."""
    noon = minutes(141, 12 - ATLANTA.lon / 15 - 3.5 / 60)  # clocks are 3.5 minutes late in May
    east, north, up = sun_direction(noon, ATLANTA.lat, ATLANTA.lon)
    assert np.degrees(np.arcsin(up)) == pytest.approx(76.4, abs=0.2)
    assert abs(east[0]) < 0.01
    assert north[0] < 0
    beam, _ = clear_sky(np.array([141.0]), np.sin(np.radians(np.array([76.4]))))
    assert beam[0] == pytest.approx(902, abs=1)
    assert clear_sky(np.array([141.0]), up)[0] == pytest.approx(902, abs=1)


@pytest.mark.parametrize("month", range(12))
def test_the_table_of_ashrae(month: int) -> None:
    """The fits are within 1.1 % of the flux, 0.009 of the depth, 0.016 of the share of the sky.

    Straight up the beam is A e^-k, and twice as much air gives k.
    """
    day = np.array([float((dt.date(2023, month + 1, 21) - dt.date(2022, 12, 31)).days)])
    once, twice = (clear_sky(day, np.array([up]))[0][0] for up in (1.0, 0.5))
    depth = np.log(once / twice)
    assert once * np.exp(depth) == pytest.approx(ASHRAE["flux"][month], rel=0.011)
    assert depth == pytest.approx(ASHRAE["depth"][month], abs=0.009)
    beam, diffuse = clear_sky(day, np.array([1.0]))
    assert diffuse[0] / beam[0] == pytest.approx(ASHRAE["sky"][month], abs=0.016)


def test_the_direction_of_the_sun_is_one_long_and_as_high_as_it_says() -> None:
    when = np.linspace(0, 525_600, 5000)
    for lat, lon in ((60.17, 24.94), (-33.9, 151.2), (0.0, 0.0), (89.0, 10.0)):
        east, north, up = sun_direction(when, lat, lon)
        assert np.allclose(east**2 + north**2 + up**2, 1)
        assert np.allclose(np.degrees(np.arcsin(up)), sun_elevation_deg(when, lat, lon))
    morning = sun_direction(minutes(80, 6.5), 50.0, 0.0)
    assert morning[0] > 0.9  # in the east, at an equinox


def test_planes_by_hand() -> None:
    """Flat there is beam, sky and no ground; upright half the sky, half the ground; south beats."""
    noon = minutes(355, 10.3)
    place = Place(60.17, 24.94, "")
    _, north, up = sun_direction(noon, place.lat, place.lon)
    beam, sky = clear_sky(np.array([355.0]), up)
    flat = on_plane_mw_m2(noon, place, 0, 180, 0.9)
    assert flat[0] == pytest.approx(1000 * (beam * up + sky)[0], abs=1)
    wall = on_plane_mw_m2(noon, place, 90, 180, 0.5)
    by_hand = beam * -north + sky / 2 + 0.5 * (beam * up + sky) / 2
    assert wall[0] == pytest.approx(1000 * by_hand[0], abs=1)
    back = on_plane_mw_m2(noon, place, 90, 0, 0.5)
    assert back[0] == pytest.approx(1000 * (by_hand - beam * -north)[0], abs=1)
    assert on_plane_mw_m2(minutes(355, 0), place, 45, 180, 0.2)[0] == 0


def test_energy_from_look_to_look_is_exact() -> None:
    """What has come up to a look is the sum of power times ns in whole nJ, rounded down."""
    rng = np.random.default_rng(4)
    power = rng.integers(0, 10**9, 7)
    for every, end in (
        (MINUTE_NS, 7 * MINUTE_NS),
        (33_333_333_333, 400_000_000_001),
        (10**10, 10**9),
    ):
        looks = by_look_nj(power, every, end)
        times = [*range(every, end, every), end]
        sums = []
        for at in times:
            whole = sum(int(p) * MINUTE_NS for p in power[: at // MINUTE_NS])
            rest = at % MINUTE_NS
            whole += int(power[at // MINUTE_NS]) * rest if rest else 0
            sums.append(int(Fraction(whole, 10**6)))
        assert np.cumsum(looks).tolist() == sums


def planned(folder: Path, solar: dict[str, Any], **changes: Any) -> Plan:
    if not (folder / "catalogue").exists():
        shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    battery = {"capacity": "1 kWh", "cut_off": "0 %", "recovery": "10 %", "every": "60 s"}
    data = worlds.scenario(
        **{"duration": "2 h", "batteries": {"b": {**battery, "solar": solar}}, **changes}
    )
    data["sensors"]["cam"]["battery"] = "b"
    loaded = loads(json.dumps(data), str(folder / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), "cloud")


def hours(values: list[float], column: str) -> str:
    return f"hour,{column}\n" + "".join(f"{h},{v}\n" for h, v in enumerate(values))


def test_files_of_clearness_and_of_irradiance(tmp_path: Path) -> None:
    """From 17:00 a quarter comes through, from 18:00 a half; W/m2 need neither place nor sky."""
    (tmp_path / "sky.csv").write_text(hours([0.25] * 18 + [0.5] * 6, "clearness"))
    (tmp_path / "panel.csv").write_text(hours([100] * 18 + [250] * 6, "w_per_m2"))
    clear = planned(tmp_path, {"peak": "10 W"}).batteries.sun_nj[0]
    cloudy = planned(tmp_path, {"peak": "10 W", "clearness": {"file": "sky.csv"}}).batteries.sun_nj[
        0
    ]
    assert np.allclose(cloudy[:60], clear[:60] / 4, rtol=1e-5)
    assert np.allclose(cloudy[60:], clear[60:] / 2, rtol=1e-5)
    half = planned(tmp_path, {"peak": "10 W", "clearness": "50 %"}).batteries.sun_nj[0]
    assert np.array_equal(half[60:], cloudy[60:])
    file = {"file": "panel.csv", "attribution": "measured by nobody"}
    made = planned(
        tmp_path,
        {"peak": "10 W", "irradiance": file, "performance": "80 %"},
        place=None,
        light="day",
    )
    assert made.batteries.sun_nj[0].tolist() == [800_000 * 60_000] * 60 + [2_000_000 * 60_000] * 60
    assert made.batteries.stored_nj[0].tolist() == made.batteries.sun_nj[0].tolist()
    assert any("measured by nobody (panel.csv)" in remark for remark in made.notes.remarks)


def test_more_sun_than_can_be_booked_is_refused(tmp_path: Path) -> None:
    battery = {"capacity": "1 kWh", "cut_off": "0 %", "recovery": "10 %", "every": "1 h"}
    large = {"b": {**battery, "solar": {"peak": "1 kW"}}}
    with pytest.raises(InputError, match="make the run shorter, or the panel smaller"):
        planned(tmp_path, {}, duration="900 d", batteries=large)


GONE = {
    "a gap": (hours([0.5] * 24, "clearness").replace("17,0.5\n", ""), "lacks hour 17"),
    "an end": ("time,clearness\n2024-05-16T17:00,0.5\n", "add the hours that are missing"),
    "more than all": (hours([1.5] * 24, "clearness"), "is above 1"),
    "another column": (hours([0.5] * 24, "cloud"), "clearness"),
}


@pytest.mark.parametrize("why", GONE)
def test_files_that_cannot_be_used(why: str, tmp_path: Path) -> None:
    text, told = GONE[why]
    (tmp_path / "sky.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        planned(tmp_path, {"peak": "10 W", "clearness": {"file": "sky.csv"}})
