"""Sensors on batteries: hand calculations, conservation, the account, and the same bits anyhow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleet.engine.battery import CHARGE, GAVE, LEAST, SHORT, SPILLED, STORED, SUN
from fleet.engine.energy import off_grid
from fleet.engine.window import Window
from fleet.errors import InputError, RunError
from fleet.model.events import SENSOR_OFF, SENSOR_ON
from fleet.model.frames import (
    CAPTURE,
    FATE,
    LOST_SENSOR_CRASH,
    SENSOR,
    SKIP_NO_POWER,
    SKIP_SENSOR_DOWN,
)
from fleet.plan.bare import bare
from fleet.plan.partition import partition
from fleet.plan.plan import Plan
from fleet.results.energy import account_of
from fleet.results.metrics import summarise
from fleet.results.tables import event_table, sensor_table
from fleet.running.local_executor import LocalExecutor
from fleet.running.run import Outcome
from fleet.simulation import Simulation

MS, S = 1_000_000, 1_000_000_000
BATTERY: dict[str, Any] = {
    "capacity": "10 J", "cut_off": "20 %", "recovery": "50 %", "every": "100 ms",
}  # fmt: skip


def fed(arm: str = "on_sensor", changes: dict[str, Any] | None = None, **battery: Any) -> Plan:
    """Return the plan of two sensors with a battery each."""
    data = worlds.scenario(**{"duration": "5 s", **(changes or {})})
    data["batteries"] = {"cell": {**BATTERY, **battery}}
    data["sensors"]["cam"] |= {"count": 2, "battery": "cell"}
    return worlds.plan(data, arm)


def table(outcome: Outcome) -> np.ndarray:
    return outcome.told.charged.table


def switched(outcome: Outcome) -> list[tuple[int, ...]]:
    return [tuple(row)[:4] for row in outcome.told.charged.switched.tolist()]


def check_conserved(outcome: Outcome) -> None:
    """Check that what batteries held and took is what they gave, spilled and hold."""
    of, became = outcome.plan.batteries, table(outcome)
    mine = of.kind_of >= 0
    start = np.zeros(outcome.plan.size, dtype=np.int64)
    if of.is_there:
        start[mine] = of.column("start_nj")
    gave = became[:, GAVE] - became[:, SHORT]
    left = start + became[:, STORED] - became[:, SPILLED] - gave
    assert left.tolist() == became[:, CHARGE].tolist()
    assert (became[mine, LEAST] <= np.minimum(start[mine], became[mine, CHARGE])).all()
    assert (became[:, STORED] <= became[:, SUN]).all()


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_when_a_constant_drain_empties_a_battery(engine: str) -> None:
    """2 W of a host and 10 mW of idle pixels take 8 of 10 J in 3.98 s: the look at 4 s sees it."""
    data = worlds.pool_of_instant_cameras(1, "0.001 frame/d", duration="5 s")
    data["sensors"]["cam"] |= {"phase": "random", "battery": "cell"}
    data["batteries"] = {"cell": BATTERY}
    made = worlds.plan(data, "cloud")
    radio_uw = made.links.radios[made.links.radio_of[0]].idle_uw
    outcome = worlds.run(made, engine=engine)
    assert outcome.tally.sensors[0, 0] == 0  # it never captures
    each_nj = (2_000_000 + 10_000 + radio_uw) * 100  # of 100 ms
    looks = -(-8 * 10**9 // each_nj)
    assert looks == 40
    assert switched(outcome) == [(4 * S, SENSOR_OFF, 0, 0)]
    became = [0] * 7
    became[CHARGE] = became[LEAST] = 10 * 10**9 - 40 * each_nj
    became[GAVE] = 40 * each_nj
    assert table(outcome).tolist() == [became]
    assert summarise(outcome)["battery"]["time_on"] == 0.8


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_charge_that_is_just_the_cut_off_is_not_enough(engine: str) -> None:
    """With 500 mW of sun, all stored, less is drawn; with a cut-off of what is left it goes off."""
    data = worlds.pool_of_instant_cameras(1, "0.001 frame/d", duration="1 s")
    data["sensors"]["cam"] |= {"battery": "cell"}
    made = worlds.plan({**data, "batteries": {"cell": BATTERY}}, "cloud")
    radio_uw = made.links.radios[made.links.radio_of[0]].idle_uw
    left_nj = 10**10 - 5 * (2_010_000 + radio_uw) * 100
    share = f"{left_nj / 10**8:.10f} %"
    data["batteries"] = {"cell": {**BATTERY, "cut_off": share, "recovery": "99.9 %"}}
    assert switched(worlds.run(worlds.plan(data, "cloud"), engine=engine)) == [
        (500 * MS, SENSOR_OFF, 0, 0)
    ]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_who_is_off_captures_nothing_and_comes_on_when_charged(engine: str) -> None:
    """From the look on; behind that it boots, and what was in it is lost."""
    outcome = worlds.run(fed(capacity="1 J", charge="60 %", solar={"peak": "1 W"}), engine=engine)
    rows, boot = worlds.table(outcome), 300 * MS
    turns = switched(outcome)
    assert len([t for t in turns if t[1] == SENSOR_OFF]) > 4
    for sensor in range(2):
        mine = [t for t in turns if t[2] == sensor]
        assert [t[1] for t in mine] == [SENSOR_OFF, SENSOR_ON] * (len(mine) // 2) + (
            [SENSOR_OFF] if len(mine) % 2 else []
        )
        spans = [
            (t[0], (*mine, (5 * S,))[k + 1][0]) for k, t in enumerate(mine) if t[1] == SENSOR_OFF
        ]
        booting = [(t[0], t[3]) for t in mine if t[1] == SENSOR_ON]
        assert all(until == at + boot for at, until in booting)
        of = rows[rows[:, SENSOR] == sensor]
        at = of[:, CAPTURE]
        off = np.any([(at >= a) & (at < b) for a, b in spans], axis=0)
        boots = np.any([(at >= a) & (at < b) for a, b in booting], axis=0) & ~off
        assert ((of[:, FATE] == SKIP_NO_POWER) == off).all()
        assert ((of[:, FATE] == SKIP_SENSOR_DOWN) == boots).all()
    lost = rows[rows[:, FATE] == LOST_SENSOR_CRASH]
    assert {t[0] for t in turns if t[1] == SENSOR_OFF} >= set(lost[:, -2].tolist())
    check_conserved(outcome)


def drawn_in_account_nj(outcome: Outcome) -> float:
    return sum(off_grid(outcome.as_it_went, outcome.tally)) / 1e6


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=worlds.MANY // 3)
def test_batteries_give_what_the_account_says_and_no_energy_is_lost(
    world: dict[str, Any], arm: str
) -> None:
    world.pop("warm_up", None)
    made = worlds.plan(world, arm)
    assume(made.batteries.is_there)
    columns, reference = worlds.run(made), worlds.run(made, engine="reference")
    assert table(columns).tolist() == table(reference).tolist()
    assert switched(columns) == switched(reference)
    check_conserved(columns)
    gave = int(table(columns)[:, GAVE].sum())
    assert 0 <= drawn_in_account_nj(columns) - gave < made.size + 1
    mains = {s.component for s in account_of(columns)} - {"sensor", "uplink"}
    assert mains == {"network", *(p for p in mains if p in ("edge", "cloud"))}


@given(world=worlds.scenarios(), arm=worlds.ARMS, shards=st.integers(1, 5))
@settings(max_examples=worlds.MANY // 3)
def test_batteries_do_not_depend_on_shards_windows_and_warm_up(
    world: dict[str, Any], arm: str, shards: int
) -> None:
    made = worlds.plan(world, arm)
    assume(made.batteries.is_there)
    one = worlds.run(made)
    other = worlds.run(made, shards=shards, window_ns=37 * MS)
    assert table(one).tolist() == table(other).tolist()
    assert one.tally.fingerprint() == other.tally.fingerprint()
    world.pop("warm_up", None)
    without = worlds.run(worlds.plan(world, arm))
    assert table(one).tolist() == table(without).tolist()
    assert switched(one) == switched(without)


@pytest.mark.parametrize("capacities", [("300 mJ", "600 mJ"), ("1 J", "2 J"), ("2 J", "4 J")])
def test_double_the_capacity_lasts_no_shorter(capacities: tuple[str, str]) -> None:
    small, large = (worlds.run(fed(capacity=one)) for one in capacities)
    for sensor in range(2):
        first = [
            next((t[0] for t in switched(o) if t[2] == sensor), o.plan.end_ns)
            for o in (small, large)
        ]
        assert first[0] <= first[1]
    assert first[0] < 5 * S


def test_a_battery_that_never_comes_to_its_cut_off_changes_nothing() -> None:
    data = worlds.scenario(duration="5 s")
    mains = worlds.run(worlds.plan(data, "on_sensor"))
    data["batteries"] = {"cell": {**BATTERY, "capacity": "1 kWh"}}
    data["sensors"]["cam"]["battery"] = "cell"
    large = worlds.run(worlds.plan(data, "on_sensor"))
    assert mains.tally.fingerprint() == large.tally.fingerprint()
    assert [s.energy_fj for s in account_of(mains)] == [s.energy_fj for s in account_of(large)]
    told = summarise(large)
    assert (told["battery"]["went_off"], told["battery"]["time_on"]) == (0, 1.0)
    assert told["carbon_g"] < summarise(mains)["carbon_g"]


def test_the_grid_does_not_give_what_batteries_give() -> None:
    """CO2e and the price of electricity are of what is drawn from the grid, by the hour too."""
    changes = {"prices": "deu-2025", "grid": {"g_per_kwh": [100] * 17 + [500] * 7}}
    data = {"start": "2024-05-16T17:59:58", "timezone": "Europe/Berlin", "place": None, **changes}
    outcome = worlds.run(fed(changes=data, capacity="1 kWh"))
    data["batteries"] = None
    everything, told = sum(s.energy_fj for s in account_of(outcome)), summarise(outcome)
    fed_fj = sum(off_grid(outcome.as_it_went, outcome.tally))
    assert 0 < fed_fj < everything
    assert told["carbon_g"] == pytest.approx((everything - fed_fj) / 3.6e21 * 500)
    assert sum(told["by_hour"]["carbon_g"]) == pytest.approx(told["carbon_g"])
    year = told["carbon_kg_per_sensor_year"]
    assert year == pytest.approx(told["carbon_g"] / 1000 / (5 / 3600) * 8766 / 2)
    assert told["power_w"]["total"] == pytest.approx(everything / 5e9 * 1e-6)
    assert told["cost_usd_per_sensor_month"]["energy"] == 0.0  # all that is paid is on batteries


def test_what_is_told_of_batteries() -> None:
    outcome = worlds.run(fed(capacity="1 J", charge="60 %", solar={"peak": "1 W"}))
    told, became = summarise(outcome)["battery"], table(outcome)
    assert (told["sensors"], told["went_off"]) == (2, 2)
    assert told["first_off_s"] == min(t[0] for t in switched(outcome)) / 1e9
    kept = told["start_wh"] + told["stored_wh"] - told["spilled_wh"]
    assert told["end_wh"] == pytest.approx(kept - told["drawn_wh"] + told["short_wh"])
    assert told["charge_least"] == became[:, LEAST].min() / 1e9
    rows = sensor_table(outcome).to_pydict()
    on = 1 - np.array(rows["off_s"]) / 5
    assert told["time_on"] == pytest.approx(on.mean())
    assert 0 < on.mean() < 1
    kinds = event_table(outcome).column("kind").to_pylist()
    assert kinds.count("sensor_off") == sum(t[1] == SENSOR_OFF for t in switched(outcome))
    mains = sensor_table(worlds.run(worlds.plan(worlds.scenario(), "cloud"))).to_pydict()
    assert set(mains["off_s"]) == set(mains["battery_charge_end"]) == {None}


def test_a_window_across_a_look_is_refused() -> None:
    made = fed()
    local = LocalExecutor(made, partition(made, 1), S)
    with pytest.raises(RunError, match="batteries are looked at within the window"):
        local.watch.check(Window(50 * MS, 150 * MS))
    local.watch.check(Window(0, 100 * MS))


def test_powers_are_part_of_what_is_counted() -> None:
    assert bare(fed()).sensors.setups.base_uw.any()


def test_a_simulation_knows_who_is_off() -> None:
    data = worlds.scenario(duration="5 s", batteries={"cell": {**BATTERY, "capacity": "300 mJ"}})
    data["sensors"]["cam"]["battery"] = "cell"
    with Simulation(worlds.load(data), "on_sensor") as sim:
        sim.run("50 ms")
        assert sim.sensor("cam-0").state.up
        sim.run("4 s")
        assert not sim.sensor("cam-0").state.up
        assert sim.summary()["battery"]["went_off"] == 6
        with pytest.raises(InputError, match="which lives on battery 'cell'"):
            sim.deploy("cam-0", "slow")


REFUSED = {
    "capacity of nothing": ({"capacity": "0 Wh"}, "must be more than zero"),
    "cut-off above recovery": ({"cut_off": "60 %"}, "is not above the 'cut_off' of 0.6"),
    "no hysteresis": ({"cut_off": "50 %"}, "raise 'recovery'"),
    "both kinds of sun": (
        {"solar": {"peak": "1 W", "clearness": "50 %", "irradiance": {"file": "sun.csv"}}},
        "leave out 'clearness'",
    ),
    "too many looks": ({"every": "1 ms", "capacity": "1 kWh"}, "look less often"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused(why: str) -> None:
    battery, told = REFUSED[why]
    changes = {"duration": "20 min"} if why == "too many looks" else {}
    with pytest.raises(InputError, match=told):
        fed(changes=changes, **battery)


def test_a_name_that_is_not_there_and_rewrites_are_refused() -> None:
    data = worlds.scenario(batteries={"cell": BATTERY})
    data["sensors"]["cam"]["battery"] = "cel"
    with pytest.raises(InputError, match=r"no battery 'cel' \(did you mean 'cell'\?\)"):
        worlds.plan(data, "cloud")
    with pytest.raises(InputError, match="'mains' says that a sensor has no battery"):
        worlds.load(worlds.scenario(batteries={"mains": BATTERY}))
    events = [{"at": "1 s", "rewrite": "cam", "model": "slow"}]
    with pytest.raises(InputError, match="a model is written into 'cam-0'"):
        fed(changes={"events": events})


def test_an_arm_may_have_mains_where_its_group_has_a_battery() -> None:
    data = worlds.scenario(batteries={"cell": BATTERY})
    data["sensors"]["cam"]["battery"] = "cell"
    data["arms"]["cloud"]["battery"] = "mains"
    assert worlds.plan(data, "on_sensor").batteries.is_there
    assert not worlds.plan(data, "cloud").batteries.is_there


def test_a_panel_without_a_place_is_refused() -> None:
    with pytest.raises(InputError, match="nobody knows where the panel stands"):
        fed(changes={"place": None, "light": "day"}, solar={"peak": "1 W"})
