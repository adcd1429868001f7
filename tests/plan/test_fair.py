"""What makes arms comparable: rates of their own, the grid of the place, a baseline by name."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

import fleet
from fleet.catalog import Catalog
from fleet.catalog.places import nearest, places
from fleet.errors import InputError
from fleet.model import frames, sight
from fleet.model.books import CAPTURED
from fleet.plan.compile import catalogue, compile_plan
from fleet.results import scenes
from fleet.results.accuracy import accuracy
from fleet.results.interval import interval95
from fleet.results.power import power_states_w
from fleet.scenario.load import loads

# The rate of an arm ------------------------------------------------------------------------------


def captured_ns(data: dict[str, Any], arm: str, engine: str = "columns") -> list[int]:
    """Return when the first sensor captured the frames that it finished, in order; ns."""
    rows = worlds.table(worlds.run(worlds.plan(data, arm), engine=engine))
    mine = rows[rows[:, frames.SENSOR] == 0]
    return mine[:, frames.CAPTURE].tolist()  # type: ignore[no-any-return]


def slow(**changes: Any) -> dict[str, Any]:
    """Return two arms at 25 fps, and one of the same cameras at 4."""
    data = worlds.scenario(duration="3 s", **changes)
    data["arms"]["slow"] = {**data["arms"]["cloud"], "rate": "4 fps"}
    return data


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_an_arm_captures_at_its_own_rate(engine: str) -> None:
    """Frame k at floor(phase · T) + k · T with the arm's T, whatever the other arms do."""
    data = slow()
    for arm, period_ns in (("cloud", 40_000_000), ("slow", 250_000_000)):
        plan = worlds.plan(data, arm)
        first = int(plan.sensors.phase[0] * period_ns)
        times = captured_ns(data, arm, engine)
        assert len(times) > 2e9 / period_ns
        assert times == [first + k * period_ns for k in range(len(times))]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_the_lower_of_the_arm_s_rate_and_an_event_s_holds(engine: str) -> None:
    """At 4 of 25 fps; from 1 s an event asks for 2 fps, from 2 s for 50."""
    events = [{"at": "1 s", "profile": "cam", "rate": "2 fps"},
              {"at": "2 s", "profile": "cam", "rate": "50 fps"}]  # fmt: skip
    data = slow(events=events)
    phase, second = worlds.plan(data, "slow").sensors.phase[0], 10**9
    expected = []
    for begin, period_ns in ((0, 250_000_000), (second, 500_000_000), (2 * second, 250_000_000)):
        first = begin + int(phase * period_ns)
        expected += range(first, begin + second, period_ns)
    times = captured_ns(data, "slow", engine)
    assert times == expected[: len(times)]
    assert len(times) >= len(expected) - 1


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("capture", ["periodic", "poisson"])
def test_an_event_that_asks_for_the_rate_there_is_disturbs_nothing(
    capture: str, engine: str
) -> None:
    """Neither for the group's own rate nor for more than an arm can."""
    for arm, rate in (("cloud", "25 fps"), ("slow", "50 fps")):
        times = []
        for events in ([], [{"at": "1010 ms", "profile": "cam", "rate": rate}]):
            data = slow(events=events)
            data["sensors"]["cam"]["capture"] = capture
            times.append(captured_ns(data, arm, engine))
        assert times[0] == times[1]


def test_frames_of_a_slow_arm_are_larger() -> None:
    """P frames follow the arm's own period, as if the group had that rate: (T / T0)^e."""
    alone = worlds.scenario(inference="constant")
    alone["sensors"]["cam"]["rate"] = "4 fps"
    capped, other = worlds.plan(slow(inference="constant"), "slow"), worlds.plan(alone, "cloud")
    assert capped.sensors.setups.still_bytes[0, 0] == other.sensors.setups.still_bytes[0, 0]
    fast = worlds.plan(slow(inference="constant"), "cloud")
    assert capped.sensors.setups.still_bytes[0, 0] > fast.sensors.setups.still_bytes[0, 0]
    assert np.array_equal(capped.sensors.phase, other.sensors.phase)


def test_a_rate_may_be_of_one_group_and_of_sensors_that_are_placed() -> None:
    data = worlds.scenario()
    cam = data["sensors"]["cam"]
    data["sensors"] = {"cam": cam, "eye": dict(cam)}
    data["arms"]["cloud"]["per"] = {"eye": {"rate": "5 fps"}}
    data["arms"]["mixed"] = {"place": {"cam": "cloud", "eye": "cloud"}}
    for arm in ("cloud", "mixed"):
        plan = worlds.plan(data, arm)
        clocks = plan.sensors.clocks
        fps = [Fraction(10**9 * int(c.den), int(c.num)) for c in clocks]
        names = [plan.sensors.group_names[g] for g in plan.sensors.group_of]
        assert set(zip(names, fps, strict=True)) == {("cam", 25), ("eye", 5)}


def test_times_of_a_trace_have_no_rate(tmp_path: Path) -> None:
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    (tmp_path / "t.csv").write_text("t_s\n0.5\n")
    data = slow()
    data["sensors"]["cam"]["capture"] = {"trace": {"file": "t.csv", "column": "t_s"}}
    loaded = loads(json.dumps(data), str(tmp_path / "s.yaml"))
    with pytest.raises(InputError, match=r"arms\.slow\.rate: 'cam' captures at the times of a tr"):
        compile_plan(loaded, catalogue(loaded), "slow")


# The grid of the place ---------------------------------------------------------------------------


def grid(**changes: Any) -> tuple[str, str]:
    found = worlds.plan(
        worlds.scenario(**{"place": None, "light": "day", **changes}), "cloud"
    ).money.grid
    assert found.g_per_kwh > 0
    return found[:2]


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """Return the folder of the tests' catalogue and of a table of two sites in the north."""
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    header = "id,kind,subtype,size,lon,lat,cell,footfall_rank\n"
    (tmp_path / "sites.csv").write_text(header + "a,shop,,,24.9,60.1,c,0\nb,shop,,,25.0,60.2,c,1\n")
    (tmp_path / "far.csv").write_text(header + "a,shop,,,-30,40,c,0\n")
    return tmp_path


def test_the_grid_is_that_of_the_place(sites: Path) -> None:
    assert grid() == ("world", "for nothing says where the sensors are")
    assert grid(grid="deu", timezone="Asia/Tokyo") == ("deu", "named by the scenario")
    assert grid(timezone="Asia/Tokyo") == ("jpn", "by the time zone Asia/Tokyo")
    assert grid(timezone="Europe/Kiev")[0] == "ukr"  # renamed since
    assert grid(timezone="Arctic/Longyearbyen") == (
        "world", "for none is known of sjm, by the time zone Arctic/Longyearbyen"
    )  # fmt: skip
    assert grid(timezone="Etc/UTC")[0] == "world"
    tokyo = {"place": {"lat": 35.7, "lon": 139.7}, "timezone": "Europe/Helsinki"}
    assert grid(**tokyo) == ("jpn", "by the scenario's place, 6 km from Tokyo")
    lost = {"place": {"lat": 0, "lon": -30}, "timezone": "Europe/Helsinki"}
    assert grid(**lost)[0] == "fin"

    def at(table: str) -> tuple[str, str]:
        data = worlds.scenario(city={"sites": table}, place=None)
        data["sensors"]["cam"] = {"at": {"kind": "shop"}, "app": "watch", "uplink": "cell"}
        loaded = loads(json.dumps(data), str(sites / "s.yaml"))
        return compile_plan(loaded, catalogue(loaded), "cloud").money.grid[:2]

    assert at("sites.csv") == ("fin", "by the middle of the sites, 2 km from Helsinki")
    assert at("far.csv")[0] == "world"
    assert "km from the nearest city known here" in at("far.csv")[1]


def test_a_clock_that_is_far_from_the_sun_is_told() -> None:
    def remarks(timezone: str, lon: float) -> list[str]:
        data = worlds.scenario(place={"lat": 40, "lon": lon}, timezone=timezone, light="sun")
        del data["catalogue"]
        data["sensors"]["cam"]["uplink"] = "port"
        data["links"] = {"port": {"technology": "poe", "shared_by": "sensor", "to": "cloud"}}
        data["cloud"] = {"server": "t4"}
        data["arms"] = {
            "cloud": {"device": "ip-camera-1080p", "codec": "h264-crf28", "model": "yolo11n"}
        }
        return [
            one for one in worlds.plan(data, "cloud").notes.remarks if one.startswith("The clock")
        ]

    assert remarks("Asia/Shanghai", 75.0) == []  # Kashgar
    assert remarks("Europe/Helsinki", 25.0) == []
    assert len(remarks("Europe/Helsinki", 139.7)) == 1
    assert (
        "The clock of Europe/Helsinki is 6.3 h behind the sun"
        in remarks("Europe/Helsinki", 139.7)[0]
    )
    assert "6.3 h behind" not in remarks("Europe/Helsinki", -50)[0]
    assert len(remarks("Pacific/Auckland", -175.0)) == 0


def test_places_are_where_they_are() -> None:
    """Coordinates and countries of a few cities, from an atlas."""
    for zone, country, lat, lon in (
        ("Europe/Helsinki", "fin", 60.17, 24.94), ("Asia/Tokyo", "jpn", 35.68, 139.77),
        ("America/New_York", "usa", 40.71, -74.01), ("Australia/Sydney", "aus", -33.87, 151.21),
        ("Europe/Stockholm", "swe", 59.33, 18.07), ("US/Pacific", "usa", 34.05, -118.24),
    ):  # fmt: skip
        place = places()[zone]
        assert place.country == place.grid == country
        assert place.lat == pytest.approx(lat, abs=0.1)
        assert place.lon == pytest.approx(lon, abs=0.2)
        assert nearest(lat, lon)[0].city == place.city
        assert nearest(lat, lon)[1] < 12
    # A degree of latitude is 111 km.
    helsinki = places()["Europe/Helsinki"]
    assert nearest(helsinki.lat - 0.1, helsinki.lon)[1] == pytest.approx(11.12, abs=0.01)
    grids = set(Catalog.load().items("carbon"))
    assert {place.grid for place in places().values()} - {""} <= grids
    assert len(places()) > 400


# Over scenes -------------------------------------------------------------------------------------


def ratio(counts: np.ndarray) -> dict[str, float | None]:
    """Return the share of column 0 in column 1 of a book; shape (groups, lights, 2)."""
    right, whole = counts.sum(axis=(0, 1))
    return {"x": right / whole if whole else None}


def book(*scenes_of: list[tuple[int, int]]) -> np.ndarray:
    """Return a book of one light in which each group has its own scenes, as (right, whole)."""
    many = sum(map(len, scenes_of))
    made = np.zeros((len(scenes_of), 1, many, 2), dtype=np.int64)
    at = 0
    for g, of in enumerate(scenes_of):
        made[g, 0, at : at + len(of)] = of
        at += len(of)
    return made


def test_equal_scenes_give_student_s_interval() -> None:
    """With as many objects in each scene the ratio is a mean, and the jackknife its variance."""
    rates = [0.5, 0.7, 0.6, 0.9]
    made = book([(int(1000 * r), 1000) for r in rates])
    names = [("street", str(k)) for k in range(4)]
    found = scenes.interval(0.675, scenes.without_each(made, names, ratio), "x")
    assert found == pytest.approx(interval95(rates), rel=1e-12)


def test_views_are_strata() -> None:
    """Each view keeps its weight when one of its scenes is left out; variances add up.

    Two views with equal weight and means of two scenes each: var = (s1² / 2 + s2² / 2) / 4, with
    one degree of freedom from each.
    """
    street, door = [0.4, 0.6], [0.7, 0.9]
    made = book(*([(int(1000 * r), 1000) for r in view] for view in (street, door)))
    names = [("street", "a"), ("street", "b"), ("entrance", "a"), ("entrance", "b")]
    without = scenes.without_each(made, names, ratio)
    assert without["street/a"]["x"] == pytest.approx((0.6 + 0.8) / 2)
    half = 4.303 * np.sqrt((np.var(street, ddof=1) / 2 + np.var(door, ddof=1) / 2) / 4)
    assert scenes.interval(0.65, without, "x") == pytest.approx([0.65 - half, 0.65 + half])
    assert scenes.interval(0.65, without, "x", most=0.7) == pytest.approx([0.65 - half, 0.7])


def test_one_scene_of_a_view_tells_nothing_of_others() -> None:
    made = book([(1, 2), (1, 3)], [(3, 4)])
    names = [("street", "a"), ("street", "b"), ("entrance", "a")]
    without = scenes.without_each(made, names, ratio)
    assert scenes.interval(0.5, without, "x") is None
    assert scenes.interval(None, {}, "x") is None
    # A scene that no frame took counts as none, and where nothing was to be found nothing is known.
    made = book([(1, 2), (1, 3), (0, 0)])
    names = [("street", name) for name in "abc"]
    assert set(scenes.without_each(made, names, ratio)) == {"street/a", "street/b"}


def test_what_is_hard_for_both_drops_out_of_a_difference() -> None:
    """One arm finds a tenth less in every scene, however much these differ."""
    one, other = ([(round(1000 * (r - d)), 1000) for r in (0.3, 0.5, 0.9)] for d in (0.1, 0.0))
    names = [("street", name) for name in "abc"]
    without = tuple(scenes.without_each(book(of), names, ratio) for of in (one, other))
    apart, degrees = scenes.difference((1.4 / 3, 1.7 / 3), without, "x")  # type: ignore[arg-type]
    assert apart == pytest.approx([-0.1, -0.1])
    assert degrees == 2
    few = {scene: found for scene, found in without[1].items() if scene != "street/a"}
    assert scenes.difference((0.4, 0.5), (without[0], few), "x") == (None, 0)


def test_coverage_over_scenes() -> None:
    """Of scenes with a spread of their own, the interval holds the true mean in about 95 %."""
    draw, held = np.random.default_rng(5), 0
    names = [("street", str(k)) for k in range(6)]
    for _ in range(400):
        rates = np.clip(draw.normal(0.6, 0.1, 6), 0, 1)
        whole = draw.integers(400, 600, 6)
        made = book([(int(r * n), int(n)) for r, n in zip(rates, whole, strict=True)])
        mean = float(ratio(made.sum(axis=2))["x"] or 0)
        low, high = scenes.interval(mean, scenes.without_each(made, names, ratio), "x") or (1, 0)
        held += low <= 0.6 <= high
    assert 0.92 < held / 400 < 0.98


def test_arms_are_compared_scene_by_scene() -> None:
    """The trace of the tests has three scenes; one replication is enough for an interval."""
    data = worlds.scenario(
        duration="20 s", light="night", traces=worlds.traces(), replications=1,
        city={"sites": "no-sites.csv", "demand": "demand.csv"},
    )  # fmt: skip
    data["arms"]["cloud"]["eye"] = "eye-dim"
    record = fleet.run(worlds.load(data), executor="local")
    seen = {arm: numbers["accuracy"] for arm, numbers in record.arms.items()}
    for found in seen.values():
        low, high = found["ci95"]["recall"]
        assert 0 <= low < found["recall"] < high <= 1
        assert set(found["without_scene"]) == {f"street/scene-{k}" for k in range(worlds.SCENES)}
    row = record.summary["comparison"]["arms"]["on_sensor"]["accuracy.recall"]
    assert row["difference"] == seen["on_sensor"]["recall"] - seen["cloud"]["recall"]
    assert row["ci95"][0] < row["difference"] < row["ci95"][1]
    assert "power_w.total" in record.summary["comparison"]["arms"]["on_sensor"]
    assert record.summary["comparison"]["arms"]["on_sensor"]["power_w.total"]["ci95"] is None


# The same body, inside or outside ----------------------------------------------------------------


def bodies(**changes: Any) -> dict[str, Any]:
    """Return one body with the network inside, and with an encoder instead."""
    body = {"device": "test-ai", "mode": "small"}
    outside = {"infer": "cloud", "encoder": "test-camera", "codec": "test-codec", "model": "cloudy"}
    return worlds.scenario(
        duration="20 s", inference="constant",
        arms={"inside": {**body, "model": "tiny"}, "outside": {**body, **outside}}, **changes,
    )  # fmt: skip


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_one_body_senses_alike_inside_and_outside(engine: str) -> None:
    """Same capture, readout and processing; same power of host, sensing and waiting."""
    watts, sensed = {}, {}
    for arm in ("inside", "outside"):
        plan = worlds.plan(bodies(), arm)
        outcome = worlds.run(plan, engine=engine)
        rows = worlds.table(outcome)
        sensed[arm] = {
            (int(s), int(c)): int(t - c)
            for s, c, t in rows[:, [frames.SENSOR, frames.CAPTURE, frames.SENSED]]
            if t >= 0
        }
        watts[arm] = power_states_w(outcome)["sensor"]
    common = set(sensed["inside"]) & set(sensed["outside"])
    assert len(common) > 1000
    assert all(sensed["inside"][key] == sensed["outside"][key] for key in common)
    for state in ("host", "sensing", "sense_idle"):
        assert watts["inside"][state] == pytest.approx(watts["outside"][state], rel=2e-3)
    assert watts["inside"]["computing"] != watts["outside"]["computing"]


def test_the_encoder_is_that_of_a_camera_scaled_by_the_pixels() -> None:
    plan, reader = (
        worlds.plan(bodies(), "outside"),
        Catalog.load(sorted((worlds.HERE / "catalogue").glob("*.csv"))).reader(),
    )

    def pixels(kind: str, item: str, mode: str) -> int:
        return reader.count(kind, item, f"width{mode}") * reader.count(kind, item, f"height{mode}")

    here, there = pixels("sensors", "test-ai", "_small"), pixels("cameras", "test-camera", "")
    family = reader.text("codecs", "test-codec", "family")
    encode = reader.time_ns("cameras", "test-camera", f"encode_{family}")
    assert plan.sensors.setups.compute_ns[0] == encode * here // there
    assert plan.sensors.setups.compute_uw[0] == reader.power_uw(
        "cameras", "test-camera", f"power_{family}"
    )
    assert plan.pools.decode_px[0] == here
    assert not plan.on_sensor.any()
    assert plan.sensors.names == worlds.plan(bodies(), "inside").sensors.names


def test_the_baseline_is_the_one_that_is_named() -> None:
    from fleet.show.console import console
    from fleet.show.terminal import comparison_tables

    data = bodies()
    data["duration"] = "200 ms"
    for named, expected in ((None, "inside"), ("outside", "outside")):
        own = {"baseline": named} if named else {}
        record = fleet.run(worlds.load({**data, **own}), executor="local")
        assert record.summary["comparison"]["baseline"] == expected
        (table,) = comparison_tables(record, console())
        headers = [str(column.header) for column in table.columns]
        assert f"{expected}\n(baseline)" in headers
    alone = fleet.run(
        worlds.load({**data, "baseline": "outside"}), arms=["inside"], executor="local"
    )
    assert alone.summary["comparison"]["baseline"] == "inside"


def test_a_sensor_counts_by_its_time_not_by_its_frames() -> None:
    """Two groups that see unlike, at ten times the rate: as if both had the lower one."""
    data = worlds.scenario(
        duration="20 s", traces=worlds.traces(),
        city={"sites": "no-sites.csv", "demand": "demand.csv"},
    )  # fmt: skip
    cam = {**data["sensors"]["cam"], "rate": "2 fps"}
    data["sensors"] = {"one": dict(cam), "other": {**cam, "rate": "20 fps"}}
    sharp = {"per": {"other": {"eye": "eye-sharp"}}}
    data["arms"]["cloud"] = {**data["arms"]["cloud"], "eye": "eye-dim", **sharp}
    outcome = worlds.run(worlds.plan(data, "cloud"))
    book = outcome.tally.sights.sum(axis=(1, 2)).astype(float)
    captured = np.bincount(outcome.plan.sensors.group_of, outcome.tally.sensors[:, CAPTURED])
    assert captured[1] > 9 * captured[0]
    right, wanted = (book[:, c] / captured for c in (sight.SUM_RIGHT, sight.SUM_WANTED))
    recall = accuracy(outcome)["recall"]
    assert recall == pytest.approx(right.sum() / wanted.sum(), rel=1e-12)
    pooled = book[:, sight.SUM_RIGHT].sum() / book[:, sight.SUM_WANTED].sum()
    assert abs(pooled - recall) > 3e-3
