"""Controllers that go by the clock, the grid and the tariff, and planned rungs: by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import worlds

from fleet.errors import InputError
from fleet.model.frames import CAPTURE, SENSOR
from fleet.model.ladder import Counts, Numbers, Outside, seen_of, stepped
from fleet.plan.bare import bare
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.partition import partition
from fleet.plan.plan import Plan
from fleet.plan.talking import LocalClock
from fleet.results.metrics import summarise
from fleet.running.local_executor import LocalExecutor
from fleet.running.run import Outcome
from fleet.scenario.load import loads
from fleet.simulation import Simulation

MS, HOUR_NS = 1_000_000, 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
WORD_NS = 2 * (8 * (64 + 20 + 4) * 10**9 // 5_000_000)  # down two links of 5 Mbit/s


def cameras(adaptive: dict[str, Any], count: int = 1, **changes: Any) -> dict[str, Any]:
    """Return instant cameras a second before 18:00, whose grid and tariff change then."""
    data = worlds.pool_of_instant_cameras(count, "10 fps", duration="3 s")
    data["sensors"]["cam"]["phase"] = "synchronised"
    data |= {
        "start": "2024-05-31T17:59:59",
        "grid": {"g_per_kwh": [100] * 18 + [300] * 6},
        "prices": "test-book",
        "tariff": {"usd_per_kwh": [0.3] * 18 + [0.1] * 6},
        **changes,
    }
    data["arms"]["cloud"]["adaptive"] = {"ladder": [{"rate": "5 fps"}], **adaptive}
    return data


def words(outcome: Outcome) -> list[tuple[int, int, int]]:
    """Return (when it comes, to whom, the rung) of all that is said."""
    return [(at, s, rung) for at, _, s, rung, _ in outcome.told.words.tolist()]


# Rules that look ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_rule_of_carbon_is_told_by_the_hour_that_begins(engine: str) -> None:
    """Looks are at 500 ms, 1 s, ...; at 1 s it is 18:00 and 300 g hold, which is above 200."""
    rule = {"rule": "carbon", "every": "500 ms", "high": "200 g/kWh"}
    outcome = worlds.run(worlds.plan(cameras(rule), "cloud"), engine=engine)
    assert words(outcome) == [(1000 * MS + WORD_NS, 0, 1)]
    at = [row[CAPTURE] // MS for row in worlds.captured(outcome)]
    assert at == [*range(0, 1100, 100), *range(1200, 3000, 200)]


@pytest.mark.parametrize("rule", ["carbon", "price"])
def test_what_controllers_read_is_part_of_what_is_counted(rule: str) -> None:
    """Though no hour begins in the run, so that the account of hours does not keep it."""
    steady = {"duration": "900 ms", "grid": {"g_per_kwh": [300] * 24}}
    high = {"carbon": "200 g/kWh", "price": "0.2 USD/kWh"}[rule]
    made = worlds.plan(cameras({"rule": rule, "every": "500 ms", "high": high}, **steady), "cloud")
    assert made.marks_ns == ()
    told = [words(worlds.run(plan)) for plan in (made, bare(made))]
    assert told[0] == told[1] != []


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_rule_of_the_price_goes_up_as_it_falls(engine: str) -> None:
    rule = {"rule": "price", "every": "400 ms", "high": "0.2 USD/kWh", "at": "site"}
    outcome = worlds.run(worlds.plan(cameras(rule), "cloud"), engine=engine)
    assert words(outcome) == [(400 * MS + 1, 0, 1), (1200 * MS + 1, 0, 0)]


@pytest.mark.parametrize(
    ("value", "rung", "wanted"),
    [(200, 0, 0), (201, 0, 1), (400, 0, 1), (401, 0, 2), (151, 1, 1), (150, 1, 0), (301, 2, 2),
     (300, 2, 1), (150, 2, 0), (10**6, 2, 2), (0, 2, 0)],
)  # fmt: skip
def test_each_rung_has_a_level_at_which_it_is_taken_and_one_at_which_it_is_left(
    value: int, rung: int, wanted: int
) -> None:
    numbers = Numbers(highs=(200, 400), lows=(150, 300))
    seen = seen_of(Counts(), 1, (0, 0, 0), rung, (), Outside(grid_mg_per_kwh=value))
    assert stepped(seen, "grid_mg_per_kwh", numbers) == (wanted, ())


READS = """
def rule(seen):
    return 0, seen.clock_s, seen.weekday, seen.grid_mg_per_kwh, seen.price_usd_per_gwh
"""


def own(folder: Path, **changes: Any) -> Plan:
    """Return the plan of a camera whose controller remembers what it reads from outside."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    (folder / "rule.py").write_text(READS)
    reads = ["clock_s", "weekday", "grid_mg_per_kwh", "price_usd_per_gwh"]
    rule = {"rule": {"file": "rule.py", "function": "rule", "reads": reads}, "every": "700 ms"}
    loaded = loads(json.dumps(cameras(rule, **changes)), str(folder / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), "cloud")


def remembered(made: Plan, until_ns: int) -> list[int]:
    executor = LocalExecutor(made, partition(made, 1), made.end_ns)
    executor.advance(until_ns)
    memory: list[int] = executor.watch.save()["memory"].tolist()
    return memory[1:]


def test_a_rule_of_ones_own_reads_the_clock_the_grid_and_the_price(tmp_path: Path) -> None:
    """31 May 2024 was a Friday; 700 ms behind 17:59:59 it is still that second."""
    made = own(tmp_path)
    assert remembered(made, 701 * MS) == [64_799, 4, 100_000, 300_000]
    assert remembered(made, 1401 * MS) == [64_800, 4, 300_000, 100_000]


def test_what_holds_always_is_read_where_nothing_goes_by_the_hour(tmp_path: Path) -> None:
    made = own(tmp_path, grid=None, tariff=None)
    assert made.money.prices is not None
    grid = round(made.money.grid.g_per_kwh * 1000)
    assert remembered(made, 701 * MS)[2:] == [grid, round(made.money.prices.kwh * 1e6)] != [0, 0]


def test_the_clock_of_rules_is_that_on_the_wall() -> None:
    """At 3:00 on Sunday 31 March 2024 Finland's clocks go to 4:00; it is Monday at midnight."""
    rule = {"rule": "clock", "hours": {"04:00": 1}, "at": "site"}
    data = cameras(rule, start="2024-03-31T02:59:30", timezone="Europe/Helsinki")
    data |= {"duration": "60 s"}
    clock = worlds.plan(data, "cloud").feedback.clock
    assert clock.at(29 * 10**9) == (2 * 3600 + 59 * 60 + 59, 6)
    assert clock.at(30 * 10**9) == (4 * 3600, 6)
    assert LocalClock((0,), (HOUR_NS,), 6).at(DAY_NS - HOUR_NS) == (0, 0)


# What is planned ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("at", ["site", "region"])
def test_a_clock_says_its_rungs_at_its_hours(engine: str, at: str) -> None:
    """Rung 1 holds from the first frame on; at 18:00 the other, a word's way later."""
    rule = {"rule": "clock", "hours": {"07:00": 1, "18:00": 0}, "at": at}
    made = worlds.plan(cameras(rule), "cloud")
    assert made.lookahead_ns == made.end_ns
    outcome = worlds.run(made, engine=engine)
    later = 1 if at == "site" else WORD_NS
    assert words(outcome) == [(0, 0, 1), (1000 * MS + later, 0, 0)]
    times = [row[CAPTURE] // MS for row in worlds.captured(outcome)]
    assert times == [*range(0, 1000, 200), *range(1000, 3000, 100)]
    told = summarise(outcome)["adaptive"]
    assert told["changes_per_sensor"] == 1.0  # what holds from the start is no change
    assert told["time_on_rung"]["1"] == pytest.approx((1000 * MS + later) / 3e9)
    assert (told["looks"], told["oscillating"]) == (0, 0)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_events_say_rungs_to_whom_they_name(engine: str) -> None:
    """An hour comes before an event of its time; one that is on the rung is told nothing."""
    rule = {"rule": "clock", "hours": {"07:00": 0, "18:00": 1}}
    events = [
        {"at": "500 ms", "ladder": "cam-1", "rung": 1, "every": "1 s"},
        {"at": "1 s", "ladder": "cam-0", "rung": 0},
        {"at": "2 s", "ladder": "cam", "rung": 0},
    ]
    outcome = worlds.run(worlds.plan(cameras(rule, 2, events=events), "cloud"), engine=engine)
    second = 1000 * MS + 1
    assert words(outcome) == [
        (500 * MS + 1, 1, 1), (second, 0, 1), (second, 0, 0), (2000 * MS + 1, 1, 0),
        (2500 * MS + 1, 1, 1),
    ]  # fmt: skip
    first = [row[CAPTURE] // MS for row in worlds.captured(outcome) if row[SENSOR] == 0]
    assert first == [*range(0, 3000, 100)]


def test_hours_go_by_the_kind_of_day_and_special_days() -> None:
    """Friday the 31st; as a day of the weekend it has rung 1, and as itself rung 2 from 18:00."""
    hours = {"weekday": {"00:00": 0, "18:00": 2}, "weekend": 1}
    rule = {"rule": "clock", "hours": hours, "ladder": [{"rate": "5 fps"}, {"rate": "2 fps"}]}
    said = worlds.plan(cameras(rule), "cloud").feedback.planned.tolist()
    assert said == [(1000 * MS, 0, 2)]
    data = cameras(rule, days={"2024-05-31": "weekend"})
    assert worlds.plan(data, "cloud").feedback.planned.tolist() == [(0, 0, 1)]


def test_an_hour_that_is_there_twice_says_its_rung_twice() -> None:
    rule = {"rule": "clock", "hours": {"03:00": 1, "04:00": 0}}
    data = cameras(rule, start="2024-10-27T02:00", timezone="Europe/Helsinki", duration="4 h")
    data["sensors"]["cam"]["rate"] = "5 fps"
    said = worlds.plan(data, "cloud").feedback.planned.tolist()
    assert said == [(HOUR_NS, 0, 1), (3 * HOUR_NS, 0, 0)]  # from 3:00 to 4:00, and again


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_script_says_a_rung_now(engine: str) -> None:
    """What a script says at an hour counts behind what that hour says, as if it stood there."""
    rule = {"rule": "clock", "hours": {"07:00": 0, "18:00": 1}}
    data = cameras(rule, 2)
    said = [
        {"at": "0 ns", "ladder": "cam-0", "rung": 1}, {"at": "1 s", "ladder": "cam", "rung": 0},
        {"at": "1700 ms", "ladder": "cam-1", "rung": 1},
    ]  # fmt: skip
    whole = worlds.run(worlds.plan({**data, "events": said}, "cloud"), engine=engine)
    options = worlds.LOCAL if engine == "columns" else worlds.Options(engine=engine)
    with Simulation(worlds.load(data), "cloud", options=options) as sim:
        sim.event(ladder="cam-0", rung=1)
        sim.run(until="1 s")
        sim.event(ladder="cam", rung=0)
        sim.run(until="1700 ms")
        sim.event(ladder="cam-1", rung=1)
        sim.run(until=sim.plan.end_ns)
        assert sim._executor.told().words.tolist() == whole.told.words.tolist()
        assert sim._executor.tally().fingerprint() == whole.tally.fingerprint()


def test_an_arm_without_a_clock_hears_no_event() -> None:
    rule = {"rule": "clock", "hours": {"18:00": 1, "19:00": 0}}
    data = cameras(rule, events=[{"at": "2 s", "ladder": "cam", "rung": 1}])
    data["arms"]["plain"] = {k: v for k, v in data["arms"]["cloud"].items() if k != "adaptive"}
    assert not worlds.plan(data, "plain").feedback.is_there
    assert len(worlds.plan(data, "cloud").feedback.planned) == 2


# Bad input ------------------------------------------------------------------------------------

CARBON = {"rule": "carbon", "every": "500 ms", "high": "200 g/kWh"}
TWO = [{"rate": "5 fps"}, {"rate": "2 fps"}]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({**CARBON, "high": None}, "'carbon' needs 'high', above which it takes a rung down"),
        ({**CARBON, "low": "201 g/kWh"}, "'low' of rung 1 lies above its 'high'"),
        ({**CARBON, "high": "0.2 USD/kWh"}, "is a carbon level, such as 300 g/kWh"),
        ({**CARBON, "rule": "price"}, "is a price level, such as 0.25 USD/kWh"),
        ({**CARBON, "ladder": TWO}, "has 1 of the 2 levels that the ladder needs"),
        (
            {**CARBON, "ladder": TWO, "high": ["200 g/kWh", "100 g/kWh"]},
            "'high' of rung 2 lies below that of rung 1",
        ),
        ({**CARBON, "high": "0.0001 g/kWh"}, "is finer than 1 mg/kWh"),
        ({**CARBON, "high": "2000000 g/kWh"}, "is above 1,000,000 g/kWh"),
        ({**CARBON, "high": "clean"}, "a level is a time, a share in %, a number of frames"),
        ({**CARBON, "calm": 3}, "'carbon' takes no 'calm'"),
        ({**CARBON, "every": None}, "'carbon' needs 'every'"),
        ({"rule": "clock", "every": "1 s"}, "looks at nothing; remove 'every'"),
        ({"rule": "clock", "shared_by": "cell"}, "in each sensor by itself; remove 'shared_by'"),
        ({"rule": "clock", "hours": {"07:00": 2}}, "'hours' has rung 2, and the last of the"),
        ({"rule": "clock", "hours": {"07:00": -1}}, "07:00 -1 is no rung"),
        ({"rule": "clock", "hours": {"7:00": 1}}, "'7:00' is not a whole hour of the clock"),
        ({"rule": "clock", "hours": {"07:30": 1}}, "'07:30' is not a whole hour of the clock"),
        ({"rule": "clock", "hours": {}}, "a clock names no hour"),
        ({"rule": "clock", "hours": {"weekday": 1}}, "a clock by day needs both weekday and"),
        ({"rule": "clock", "high": "200 ms"}, "'clock' takes no 'high'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(rule: dict[str, Any], why: str) -> None:
    rule = {k: v for k, v in rule.items() if v is not None}
    with pytest.raises(InputError, match=f"arms.cloud.adaptive.*{why}"):
        worlds.plan(cameras(rule), "cloud")


def test_a_price_that_nobody_states_is_not_read() -> None:
    data = cameras({**CARBON, "rule": "price", "high": "0.2 USD/kWh"})
    data = {k: v for k, v in data.items() if k not in ("prices", "tariff")}
    with pytest.raises(InputError, match="reads the price of electricity, and nothing says what"):
        worlds.plan(data, "cloud")


def test_events_that_no_clock_hears_are_refused() -> None:
    said = {"at": "2 s", "ladder": "cam", "rung": 1}
    with pytest.raises(InputError, match=r"events\[0\].ladder: .*no arm has 'adaptive' with"):
        worlds.plan(cameras(CARBON, events=[said]), "cloud")
    clock = {"rule": "clock"}
    with pytest.raises(InputError, match=r"events\[0\].rung: 2 is not on the ladder of 'cloud'"):
        worlds.plan(cameras(clock, events=[{**said, "rung": 2}]), "cloud")
    with pytest.raises(InputError, match=r"events\[0\].ladder: no sensor or group 'cma'"):
        worlds.plan(cameras(clock, events=[{**said, "ladder": "cma"}]), "cloud")
    with pytest.raises(InputError, match="ladder needs rung"):
        worlds.plan(cameras(clock, events=[{"at": "2 s", "ladder": "cam"}]), "cloud")


@pytest.mark.parametrize(
    ("rule", "changes", "why"),
    [
        (CARBON, {"grid": "world"}, "is as clean at all times of this run, so 'cloud' does not"),
        (CARBON, {"grid": {"g_per_kwh": [9] * 24}}, "is as clean at all times of this run"),
        ({**CARBON, "rule": "price", "high": "1 USD/kWh"}, {"tariff": None}, "price of electricit"),
        ({"rule": "clock", "hours": {"20:00": 1, "21:00": 0}}, {}, "never says another rung"),
        ({"rule": "clock"}, {}, "The clock of 'cloud' never says another rung"),
    ],
)
def test_what_never_changes_is_told(rule: dict[str, Any], changes: Any, why: str) -> None:
    data = {k: v for k, v in cameras(rule, **changes).items() if v is not None}
    assert any(why in one for one in worlds.plan(data, "cloud").notes.remarks)
