"""Energy by the hour: the same marks in both engines, however a run is split, and whole in sum."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.engine.energy import network_bits
from fleet.engine.hours import Hours, Mark
from fleet.engine.window import Window, windows
from fleet.lanes.when import Lanes
from fleet.model import sight
from fleet.model.frames import (
    CAPTURE,
    DONE,
    FATE,
    LEVELS,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    SIGHT,
    SKIP_NOT_PUBLISHED,
)
from fleet.model.sight import SUM_RIGHT, SUM_UNSEEN, SUM_WANTED
from fleet.plan.hours import Steps
from fleet.plan.partition import partition
from fleet.plan.plan import Plan
from fleet.results.by_hour import KWH_FJ, carbon_g, spans_of, weighted, whole_fj
from fleet.results.energy import account_of
from fleet.results.metrics import summarise
from fleet.running.checkpoint import Checkpoints
from fleet.running.local_executor import LocalExecutor
from fleet.running.run import Outcome

S, MS = 10**9, 10**6


def hourly(made: Plan, starts_ns: tuple[int, ...], g_per_kwh: tuple[float, ...]) -> Plan:
    """Return a plan whose grid changes at any times, as if hours were short."""
    grid = made.money.grid._replace(by_hour=Steps(starts_ns, g_per_kwh))
    return replace(made, money=replace(made.money, grid=grid))


def marks(outcome: Outcome) -> list[Mark]:
    return outcome.hours.marks


def check_whole(outcome: Outcome) -> None:
    """All hours together are the account of the run, and cover what is measured."""
    spans, plan = spans_of(outcome), outcome.plan
    assert [s.begin_ns for s in spans] == [plan.warm_up_ns, *plan.marks_ns]
    assert [s.end_ns for s in spans] == [*plan.marks_ns, plan.end_ns]
    for component in spans[0].energy_fj:
        of = [row.energy_fj for row in account_of(outcome) if row.component == component]
        assert sum(s.energy_fj[component] for s in spans) == sum(of)
    check_flows(outcome)


def check_flows(outcome: Outcome) -> None:
    """All hours together have the bits, frames and objects of the run, exactly."""
    numbers, plan = summarise(outcome), outcome.plan
    hours = numbers["by_hour"]
    fates = {"results": numbers["frames"]["results"], "captured": numbers["frames"]["captured"]}
    fates |= {fate: sum(numbers["frames"][fate].values()) for fate in ("skipped", "lost")}
    assert {name: sum(of) for name, of in hours["frames"].items()} == fates
    sent = outcome.tally.class_bins().sum(axis=1).tolist()
    assert [sum(hours["link_bits"][name]) for name in plan.links.class_names] == sent
    assert [sum(hours["network_bits"][k]) for k in ("fixed", "written", "mobile")] == list(
        network_bits(plan, outcome.tally)
    )
    sights = outcome.tally.sights.sum(axis=(0, 1, 2)).tolist()
    assert {name: sum(of) for name, of in hours["objects"].items()} == {
        "wanted": sights[SUM_WANTED], "right": sights[SUM_RIGHT], "unanswered": sights[SUM_UNSEEN],
    }  # fmt: skip
    if len(hours["start_s"]) == 1:
        whole = numbers["accuracy"]["recall"]
        assert hours["recall"] == [None if whole is None else pytest.approx(whole, rel=1e-12)]
    for k, recall in enumerate(hours["recall"]):
        if len(plan.sensors.group_names) == 1 and recall is not None:
            assert recall == pytest.approx(
                hours["objects"]["right"][k] / hours["objects"]["wanted"][k], rel=1e-12
            )


@given(
    world=worlds.plain_scenarios(),
    arm=worlds.PLAIN_ARMS,
    shards=st.sampled_from([2, 7]),
    window_ns=st.sampled_from([30_000_001, 100_000_000]),
    starts_ms=st.lists(st.integers(1, 1900), min_size=1, max_size=3, unique=True),
)
@settings(max_examples=4)
def test_the_same_marks_however_it_is_run(
    tmp_path_factory: pytest.TempPathFactory, world: dict[str, Any], arm: str, shards: int,
    window_ns: int, starts_ms: list[int],
) -> None:  # fmt: skip
    starts = (0, *(ms * MS for ms in sorted(starts_ms)))
    plain = worlds.plan(world, arm)
    made = hourly(plain, starts, (100.0, 500.0, 20.0, 300.0)[: len(starts)])
    whole = worlds.run(made, shards=1, keep=False, lanes=Lanes.never)
    assert [mark.at_ns for mark in marks(whole)] == list(made.marks_ns)
    check_whole(whole)
    constant = worlds.run(plain, shards=1, keep=False)
    assert whole.tally.fingerprint() == constant.tally.fingerprint()
    for how in (
        {"shards": shards, "window_ns": window_ns, "lanes": Lanes.never},
        {"shards": 1, "window_ns": window_ns, "lanes": Lanes.always},
        {"engine": "reference"},
    ):
        other = worlds.run(made, keep=False, **how)
        assert marks(other) == marks(whole), how
    folder = tmp_path_factory.mktemp("checkpoints")
    for window in windows(0, made.end_ns, 400 * MS):
        kept = Checkpoints(folder, 0.0)
        executor = LocalExecutor(made, partition(made, shards), window_ns, checkpoints=kept)
        executor.advance(window.end_ns)
    assert executor.hours.marks == marks(whole)


def test_windows_end_at_cuts() -> None:
    assert list(windows(0, 10, 4, (0, 3, 5, 12))) == [
        Window(0, 3), Window(3, 5), Window(5, 9), Window(9, 10)
    ]  # fmt: skip


def test_marks_are_kept_as_arrays() -> None:
    outcome = worlds.run(hourly(worlds.plan(worlds.scenario(), "cloud"), (0, S), (1.0, 2.0)))
    huge = replace_energy(marks(outcome)[0], 10**25)
    before, after = Hours(), Hours()
    before.marks = [huge, *marks(outcome)]
    after.load(before.save())
    assert after.marks == before.marks
    after.load(Hours().save())
    assert after.marks == []


def replace_energy(mark: Mark, fj: int) -> Mark:
    return mark._replace(energy_fj=(fj, *mark.energy_fj[1:]))


@given(world=worlds.scenarios(), arm=worlds.ARMS, at_ms=st.integers(1, 1900))
@settings(max_examples=int(os.environ.get("FLEET_WORLDS", "12")))
def test_both_engines_count_the_same_in_each_hour(
    world: dict[str, Any], arm: str, at_ms: int
) -> None:
    plain = worlds.plan({**world, "warm_up": "100 ms"}, arm)
    made = hourly(plain, (0, at_ms * MS), (1.0, 2.0))
    columns, reference = (worlds.run(made, engine=engine, keep=False) for engine in worlds.ENGINES)
    assert marks(columns) == marks(reference)
    check_flows(columns)


def test_recall_and_frames_of_each_hour_are_those_of_the_frames_that_ended_in_it() -> None:
    """Of an hour that is a second; a crash loses and skips frames in the second of them."""
    data = worlds.scenario(
        duration="3 s", traces=worlds.traces(), city={"demand": "demand.csv"},
        events=[{"at": "1200 ms", "crash": "cam", "lasts": "300 ms"}],
    )  # fmt: skip
    made = hourly(worlds.plan(data, "cloud"), (0, S, 2 * S), (1.0, 2.0, 3.0))
    outcome = worlds.run(made)
    hours, rows = summarise(outcome)["by_hour"], np.array(worlds.finished(outcome))
    check_flows(outcome)
    answered = np.isin(rows[:, FATE], (RESULT, SKIP_NOT_PUBLISHED))
    sights = made.eyes.sights.rows
    seen = np.array([sight.numbers(sights, row) for row in rows[:, SIGHT].tolist()])
    results = []
    for k in range(3):
        mine = rows[:, DONE] // S == k
        results.append((rows[mine, FATE] == RESULT).sum())
        _, wanted, right, _ = seen[mine & answered].T
        assert hours["objects"]["wanted"][k] == wanted.sum()
        assert hours["objects"]["right"][k] == right.sum()
        assert hours["recall"][k] == pytest.approx(right.sum() / wanted.sum(), rel=1e-12)
    assert hours["frames"]["results"] == results
    assert hours["frames"]["skipped"][1] > 0 == hours["frames"]["skipped"][0]
    assert len(set(hours["recall"])) == 3


# The account of a grid by the hour -------------------------------------------------------------

TWO_SERVERS = {"server": "test-npu", "servers": 2}  # idle 3 W and host 1 W each, PUE 1


def test_420_g_not_the_540_of_the_mean() -> None:
    """100 W from 0 to 12 h at 100 g/kWh, then 50 W at 500 g/kWh."""
    outcome = worlds.run(worlds.plan(worlds.scenario(), "cloud"))
    (whole,) = spans_of(outcome)
    half_ns = 12 * 3600 * S

    def drawn(watts: int) -> dict[str, int]:
        return {**dict.fromkeys(whole.energy_fj, 0), "cloud": watts * half_ns * MS}

    day = [
        whole._replace(begin_ns=0, end_ns=half_ns, energy_fj=drawn(100)),
        whole._replace(begin_ns=half_ns, end_ns=2 * half_ns, energy_fj=drawn(50)),
    ]
    steps = Steps((0, half_ns), (100.0, 500.0))
    assert weighted(day, steps, whole_fj) == 420.0
    together = [day[0]._replace(end_ns=2 * half_ns, energy_fj=drawn(150))]
    assert weighted(together, steps, whole_fj) == 540.0  # nobody has told hours apart


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_power_that_halves_as_the_grid_turns_dirty(engine: str) -> None:
    """The same in a run: 8 W of servers for a minute at 100 g/kWh, 4 W for one at 500 g/kWh."""
    data = worlds.scenario(
        start="2024-05-16T11:59", duration="2 min", cloud=TWO_SERVERS,
        sensors={"cam": {"count": 1, "rate": "1 frame/d", "app": "watch", "uplink": "cell"}},
        events=[{"at": "1 min", "resize": "cloud", "servers": 1}],
        grid={"g_per_kwh": [100] * 12 + [500] * 12},
    )  # fmt: skip
    outcome = worlds.run(worlds.plan(data, "cloud"), engine=engine)
    grams = carbon_g(outcome, lambda span: span.energy_fj["cloud"])
    assert grams == pytest.approx(420 * (8 / 100) * (2 / (24 * 60)), rel=1e-9)
    numbers = summarise(outcome)
    hours = numbers["by_hour"]
    assert (hours["start_s"], hours["length_s"]) == ([0.0, 60.0], [60.0, 60.0])
    assert hours["power_w"]["cloud"] == [8.0, 4.0]
    assert sum(hours["carbon_g"]) == pytest.approx(numbers["carbon_g"], rel=1e-12)
    kilograms = numbers["carbon_g"] / 1000 / 120 * 8766 * 3600
    assert numbers["carbon_kg_per_sensor_year"] == pytest.approx(kilograms, rel=1e-12)
    of = numbers["carbon_by_boundary_kg_per_sensor_year"]["average"]
    assert of["everything"] == pytest.approx(kilograms, rel=1e-12)
    servers = of["network and servers"] - of["network"]
    assert servers == pytest.approx(grams / 1000 / 120 * 8766 * 3600, rel=1e-9)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_who_leaves_as_an_hour_ends_draws_nothing_in_the_next(engine: str) -> None:
    data = worlds.scenario(
        start="2024-05-16T11:59", duration="2 min",
        sensors={"cam": {"count": 2, "rate": "1 fps", "app": "watch", "uplink": "cell"}},
        events=[{"at": "1 min", "leave": "cam-1"}],
        grid={"g_per_kwh": [100] * 12 + [500] * 12},
    )  # fmt: skip
    numbers = summarise(worlds.run(worlds.plan(data, "on_sensor"), engine=engine))
    first, second = numbers["by_hour"]["power_w"]["sensor"]
    assert second == pytest.approx(first / 2, rel=1e-3)
    assert numbers["power_w"]["sensor"] == pytest.approx((first + second) / 2, rel=1e-12)
    assert sum(numbers["by_hour"]["carbon_g"]) == pytest.approx(numbers["carbon_g"], rel=1e-12)


def test_accounted_another_way_second_by_second() -> None:
    """Sensors by when frames were sensed and inferred, the network by what links sent a second."""
    starts, g_per_kwh = (0, 2 * S, 3 * S, 5 * S), (100.0, 500.0, 20.0, 300.0)
    events = [{"at": "3500 ms", "profile": "cam", "rate": "5 fps"}]
    data = worlds.scenario(duration="6 s", events=events, warm_up="1 s")
    made = hourly(worlds.plan(data, "on_sensor"), starts, g_per_kwh)
    outcome = worlds.run(made)
    seconds = np.arange(1, 6)
    grid = np.array([g_per_kwh[int(np.searchsorted(starts, s * S, "right")) - 1] for s in seconds])
    rows, setups, of = outcome.frames(), made.sensors.setups, made.sensors.setup_of

    def overlap_ns(begin: np.ndarray, end: np.ndarray, second: int) -> np.ndarray:
        return np.clip(np.minimum(end, (second + 1) * S) - np.maximum(begin, second * S), 0, None)

    sensed, ready = rows[rows[:, SENSED] >= 0], rows[rows[:, READY] >= 0]
    watts = []
    for second in seconds:
        k = of[sensed[:, SENSOR]]
        read = overlap_ns(sensed[:, CAPTURE], sensed[:, CAPTURE] + setups.read_ns[k], second)
        fj = int((read * (setups.sense_uw[k] - setups.sense_idle_uw[k])).sum())
        k = of[ready[:, SENSOR]]
        began = ready[:, READY] - setups.compute_ns[k]
        fj += int((overlap_ns(began, ready[:, READY], second) * setups.compute_uw[k]).sum())
        fj += int((setups.base_uw[of] + setups.sense_idle_uw[of]).sum()) * S
        watts.append(fj)
    grams = float(np.dot(watts, grid)) / KWH_FJ
    booked = carbon_g(outcome, lambda span: span.energy_fj["sensor"])
    # What begins before another hour and ends in it is booked there: one state a sensor and hour.
    k = of
    longest = setups.read_ns[k] * setups.sense_uw[k] + setups.compute_ns[k] * setups.compute_uw[k]
    bound = float(longest.sum()) * float(np.abs(np.diff(g_per_kwh)).sum()) / KWH_FJ
    assert abs(booked - grams) <= bound
    assert bound < 0.02 * grams
    in_the_mean = sum(watts) / KWH_FJ * float(grid.mean())
    assert abs(in_the_mean - grams) > bound

    wan = outcome.tally.class_bins()[made.links.class_names.index("wan")]
    pj = made.money.fixed_pj_per_bit * 1000
    fixed = float(np.dot(wan[seconds], grid)) * pj / KWH_FJ
    booked = carbon_g(outcome, lambda span: span.bits.energy_fj(made.money.fixed_pj_per_bit, 0)[0])
    assert booked == pytest.approx(fixed, rel=1e-12)
    assert made.links.level_of.max() == LEVELS - 1


def test_steps_are_exact_inside_one_and_means_over_several() -> None:
    steps = Steps((0, 10, 30), (1.0, 2.0, 4.0))
    assert [steps.mean(*span) for span in ((0, 10), (3, 4), (10, 30), (30, 99))] == [1, 1, 2, 4]
    assert steps.mean(5, 40) == pytest.approx((5 * 1 + 20 * 2 + 10 * 4) / 35)
    assert steps.within(0, 10) == (1.0,)
    assert steps.within(5, 31) == (1.0, 2.0, 4.0)
