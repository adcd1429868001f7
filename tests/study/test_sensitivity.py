"""How sure an answer is: draws of the catalogue, indices and flips, and what they refuse."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import LOCAL

import fleet
from fleet.catalog import Catalog
from fleet.catalog.rows import check
from fleet.catalog.spread import Shape, Spread, spreads
from fleet.cli import main as cli
from fleet.errors import InputError
from fleet.plan.bare import bare
from fleet.plan.compile import catalogue, compile_plan
from fleet.results.metrics import summarise
from fleet.running.run import simulate
from fleet.scenario.load import Scenario, loads
from fleet.show.sensitivity import effort, words
from fleet.study.uncertain.door import question, sensitivity
from fleet.study.uncertain.draws import counted
from fleet.study.uncertain.findings import Flip, Sensitivity
from fleet.study.uncertain.flips import Search, search
from fleet.study.uncertain.indices import (
    morris_design,
    mu_star,
    sobol_design,
    sobol_indices,
)
from fleet.study.uncertain.sensitivity import noise_share

HERE = Path(__file__).parents[1]
PACKAGED = spreads(Catalog.load(), Catalog.load().all_rows().values())
RANGES = {
    ("network", "average", "mobile_energy_per_bit"): ("0.0001", "0.2", "estimate"),
    ("cameras", "test-camera", "base_power"): ("0.5", "6", "vendor"),
    ("sensors", "test-ai", "base_power"): ("100", "60000", "estimate"),
    ("servers", "test-gpu", "idle_power"): ("8", "12", "measured"),
    ("links", "test-wan", "propagation"): ("0", "4", "estimate"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Return a small scenario of which five numbers have a range, and others one without effect."""
    tmp_path = tmp_path_factory.mktemp("small")
    shutil.copytree(HERE / "catalogue", tmp_path / "catalogue")
    for (kind, item, parameter), (low, high, confidence) in RANGES.items():
        path = tmp_path / "catalogue" / f"{kind}.csv"
        rows = list(csv.DictReader(path.read_text().splitlines()))
        for row in rows:
            if (row["item"], row["parameter"]) == (item, parameter):
                row |= {"low": low, "high": high, "confidence": confidence}
        with path.open("w", newline="") as file:
            out = csv.DictWriter(file, rows[0])
            out.writeheader()
            out.writerows(rows)
    data = worlds.scenario(duration="1 s", replications=2)
    (tmp_path / "small.yaml").write_text(json.dumps(data))
    return loads(json.dumps(data), str(tmp_path / "small.yaml"))


HELD = [
    "world.intensity", "convention.fixed_energy_per_bit", "convention.mobile_energy_per_bit",
    "marginal.fixed_energy_per_bit", "marginal.mobile_energy_per_bit",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(small: Scenario) -> Sensitivity:
    return fleet.sensitivity(
        small, metrics=["power_w.total", "latency_ms.p50"], hold=HELD, trajectories=2, samples=8,
        workers=1,
    )  # fmt: skip


# Numbers of the catalogue as distributions.


@given(st.sampled_from(PACKAGED), st.floats(0, 1))
def test_draws_of_every_packaged_number_are_rows_of_a_catalogue(spread: Spread, u: float) -> None:
    drawn = spread.at(spread.quantile(u))
    check(drawn, "a draw")  # a number in its unit, inside its range
    assert (drawn.item, drawn.parameter) == spread.key[1:]


@pytest.mark.parametrize("spread", PACKAGED, ids=lambda spread: "-".join(spread.key))
def test_quantiles_go_from_end_to_end_and_rise(spread: Spread) -> None:
    found = [spread.quantile(k / 20) for k in range(21)]
    assert (found[0], found[-1]) == pytest.approx(spread.ends)
    assert found == sorted(found)


def made(low: str, value: str, high: str, confidence: str) -> Spread:
    row = replace(PACKAGED[0].row, low=low, value=value, high=high, confidence=confidence, unit="1")
    return Spread(PACKAGED[0].key, row)


@pytest.mark.parametrize(
    ("spread", "shape", "median"),
    [
        (made("1", "2", "5", "estimate"), Shape.UNIFORM, 3.0),
        (made("1", "2", "100", "estimate"), Shape.LOG_UNIFORM, 10.0),
        (made("0", "2", "100", "estimate"), Shape.UNIFORM, 50.0),
        # (x - 1)² / ((5 - 1) (5 - 2)) = ½ from the right: 5 - √6
        (made("1", "2", "5", "vendor"), Shape.TRIANGULAR, 5 - math.sqrt(6)),
        (made("1", "1", "3", "measured"), Shape.TRIANGULAR, 3 - math.sqrt(2)),
        (made("1", "10", "100", "derived"), Shape.LOG_TRIANGULAR, 10.0),
    ],
)
def test_shapes_follow_from_confidence_and_width(
    spread: Spread, shape: Shape, median: float
) -> None:
    assert spread.shape is shape
    assert spread.quantile(0.5) == pytest.approx(median)


def test_numbers_are_drawn_to_the_finest_step_of_their_unit() -> None:
    rows = {spread.row.unit: spread for spread in PACKAGED}
    watts = rows["W"].at(1.23456789)
    assert (watts.value, watts.unit) == ("1234568", "uW")
    assert rows["MAC"].at(1e9 + 0.4).value == "1000000000"


# Counts do not depend on what only the account reads.


@settings(max_examples=15)
@given(worlds.scenarios())
def test_without_powers_and_prices_a_run_counts_the_same(data: dict[str, object]) -> None:
    scenario = worlds.load(data)
    for arm in scenario.model.arms:
        plan = compile_plan(scenario, catalogue(scenario), arm)
        without = simulate(bare(plan), LOCAL)
        whole = simulate(plan, LOCAL)
        assert without.tally.fingerprint() == whole.tally.fingerprint()
        found, expected = summarise(replace(without, plan=plan)), summarise(whole)
        assert repr(found) == repr(expected)
        kept = plan.marks_ns or plan.batteries.is_there or plan.feedback.reads_money
        assert kept or not summarise(without)["power_w"]["total"]


def test_where_the_account_is_taken_by_the_hour_each_power_is_simulated() -> None:
    data = worlds.scenario(
        start="2024-05-16T11:59", duration="2 min",
        grid={"g_per_kwh": [100] * 12 + [500] * 12},
    )  # fmt: skip
    plan = worlds.plan(data, "cloud")
    _, shared = counted(plan, lambda _: None)
    expected = summarise(worlds.run(plan))
    assert expected["carbon_g"] > 0
    assert repr(summarise(shared)) == repr(expected)


def test_runs_that_differ_in_the_account_only_are_simulated_once(found: Sensitivity) -> None:
    # base, ends of five numbers, two trajectories, 8 (5 + 2) draws; two arms, two replications
    assert found.runs >= 4 * (1 + 10 + 2 * 6 + 8 * 7) * 0.8  # some draws are the same twice
    assert found.simulated < found.runs / 2
    assert {spread.key for spread in found.varied} == set(RANGES)


# Indices: SALib's estimators behind what it does not check itself.


def ishigami(u: np.ndarray) -> np.ndarray:
    x = (2 * u - 1) * np.pi
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_indices_of_ishigami_are_those_of_theory() -> None:
    groups, samples = ["a", "b", "c"], 4096
    found = sobol_indices(groups, by_row(ishigami(sobol_design(groups, samples, 3))), samples)
    for name, first, total in (("a", 0.3139, 0.5576), ("b", 0.4424, 0.4424), ("c", 0.0, 0.2437)):
        assert found[name].first == pytest.approx(first, abs=0.02)
        assert found[name].total == pytest.approx(total, abs=0.02)
        assert found[name].told
        assert found[name].total_ci95[0] <= total <= found[name].total_ci95[1]


def by_row(values: Sequence[float] | np.ndarray) -> dict[int, float]:
    return dict(enumerate(np.asarray(values).tolist()))


def test_numbers_in_one_group_move_together() -> None:
    groups = ["x", "alone", "x", "none"]
    design = sobol_design(groups, 256, 0)
    found = sobol_indices(groups, by_row(design @ [1.0, 2.0, 1.0, 0.0]), 256)
    assert found["x"].total == pytest.approx(1 / 3, abs=0.03)  # (1 + 1) of 1 + 4 + 1
    assert found["alone"].total == pytest.approx(2 / 3, abs=0.03)
    assert found["none"].total == 0


def test_rows_in_any_order_give_the_same() -> None:
    values = by_row(ishigami(sobol_design(["a", "b", "c"], 64, 1)))
    shuffled = dict(sorted(values.items(), key=lambda item: item[0] * 7919 % 320))
    assert list(shuffled) != list(values)
    assert sobol_indices(["a", "b", "c"], shuffled, 64) == sobol_indices(
        ["a", "b", "c"], values, 64
    )


@pytest.mark.parametrize("gone", [{7: math.nan}, {7: math.inf}, {7: None}])
def test_a_run_that_is_missing_is_refused(gone: dict[int, float | None]) -> None:
    values = by_row(ishigami(sobol_design(["a", "b", "c"], 64, 1)))
    broken = {k: x for k, x in {**values, **gone}.items() if x is not None}
    with pytest.raises(InputError, match="1 of 320 runs of the design have no number, first run 7"):
        sobol_indices(["a", "b", "c"], broken, 64)
    design = morris_design(3, 4, 0)
    moved = by_row(ishigami(design))
    del moved[3]
    with pytest.raises(InputError, match="1 of 16 runs of the design have no number, first run 3"):
        mu_star(design, moved)


@pytest.mark.parametrize(("samples", "near"), [(100, "64 or 128"), (3, "2 or 4"), (0, "2 or 4")])
def test_samples_are_a_power_of_two(samples: int, near: str) -> None:
    with pytest.raises(InputError, match=f"must be a power of two.*take {near}"):
        sobol_design(["a"], samples, 0)


def test_seed_zero_is_a_seed() -> None:
    assert (sobol_design(["a", "b"], 8, 0) == sobol_design(["a", "b"], 8, 0)).all()
    assert (morris_design(3, 4, 0) == morris_design(3, 4, 0)).all()
    design = sobol_design(["a", "b", "c"], 16, 0)
    one, other = (sobol_indices(["a", "b", "c"], by_row(ishigami(design)), 16) for _ in range(2))
    assert one == other


def test_what_nothing_moves_has_no_indices() -> None:
    assert sobol_indices(["a", "b"], dict.fromkeys(range(16), 3.0), 4) == {}
    assert not mu_star(morris_design(2, 4, 0), dict.fromkeys(range(12), 3.0)).any()


def test_screening_of_a_sum_is_its_slopes() -> None:
    design = morris_design(4, 10, 5)
    assert mu_star(design, by_row(design @ [1.0, -2.0, 0.0, 0.5])) == pytest.approx([1, 2, 0, 0.5])


def test_wide_intervals_are_not_told() -> None:
    few = sobol_indices(["a", "b", "c"], by_row(ishigami(sobol_design(["a", "b", "c"], 8, 1))), 8)
    assert not all(index.told for index in few.values())


def test_noise_is_what_replications_do_not_share() -> None:
    rng = np.random.default_rng(1)
    draws, shared = rng.normal(size=(400, 1)), rng.normal(size=(1, 5))
    assert noise_share(draws + 10 * shared) == pytest.approx(0, abs=1e-12)
    noisy = draws + shared + 0.5 * rng.normal(size=(400, 5))
    chance = 0.5**2 / 5  # of the mean of five
    expected = chance / (draws.var() + chance)
    assert noise_share(noisy) == pytest.approx(expected, rel=0.1)
    assert noise_share(draws) is None


# What flips an answer.


def found_flips(spread: Spread, end: float, difference: Callable[[float], float]) -> list[Flip]:
    def run(wanted: Sequence[tuple[Spread, float]]) -> list[list[float]]:
        return [[difference(x)] for _, x in wanted]

    return search([Search(0, spread, spread.value, end)], [difference(spread.value) > 0], run)[0]


@pytest.mark.parametrize("confidence", ["estimate", "vendor"])
@pytest.mark.parametrize("high", ["5", "900"])
def test_flips_are_found_to_three_digits_and_hold_there(confidence: str, high: str) -> None:
    spread = made("0.1", "1", high, confidence)
    (above,) = found_flips(spread, float(high), lambda x: 3.14159 - x)
    assert above.above
    assert 3.14159 < above.at <= 3.15 * 1.01
    assert above.difference == pytest.approx(3.14159 - above.at)
    (below,) = found_flips(spread, 0.1, lambda x: 0.31459 - x)
    assert not below.above
    assert 0.31459 * 0.97 <= below.at < 0.31459


def test_what_a_run_does_not_show_is_no_flip() -> None:
    spread = made("0", "1", "6", "estimate")
    (flip,) = found_flips(spread, 6.0, lambda x: 3.14159 - x)
    assert found_flips(spread, 6.0, lambda x: 1.0 if x == flip.at else 3.14159 - x) == []


def test_a_flip_of_power_is_where_two_runs_say(found: Sensitivity) -> None:
    """Power is linear in what the body of a sensor draws: so its zero follows from two points."""
    power = next(f for f in found.findings if f.metric == "power_w.total")
    body = next(e for e in power.effects if e.spread.name == "test-ai.base_power")
    assert power.difference < 0 < body.at_high  # the sensor saves, unless its body draws as a lamp
    value, high = body.spread.value, body.spread.ends[1]
    zero = high - (high - value) * body.at_high / (body.at_high - power.difference)
    (flip,) = power.flips
    assert flip.spread == body.spread
    assert flip.above
    assert zero <= flip.at <= zero * 1.03
    assert flip.difference > 0
    assert 0 < power.share < 1


def test_the_answer_is_in_words(found: Sensitivity) -> None:
    first, second, *_ = words(found)
    assert first.startswith("on_sensor draws less than cloud (")
    assert "% of what the sources allow (" in first
    assert "; it flips if test-ai.base_power >= " in first
    assert "of its spread rests on estimates" in second
    power = found.findings[0]
    assert power.estimates == {
        "average.mobile_energy_per_bit", "test-wan.propagation", "test-ai.base_power"
    }  # fmt: skip
    assert 0.5 < (power.on_estimates or 0) <= 1
    assert "5 numbers of the catalogue vary" in next(effort(found))


def test_numbers_at_whose_ends_a_scenario_cannot_be_are_held() -> None:
    cut = fleet.load(HERE.parent / "scenarios" / "smoke.yaml").changed(
        "duration=1 s", "warm_up=0 s", "events=[]"
    )
    names = {spread.name for spread in question(cut).spreads} - {"poe.buffer", "t4.pue"}
    found = fleet.sensitivity(
        cut, hold=sorted(names), metrics=["power_w.total"], trajectories=2, samples=2, workers=1,
        arms=["on_sensor", "cloud"],
    )  # fmt: skip
    assert "never holds a frame of" in found.held["poe.buffer"]
    assert [spread.name for spread in found.varied] == ["t4.pue"]


# The command, and going on.


def test_killed_and_asked_again_it_goes_on(small: Scenario, tmp_path: Path) -> None:
    path, folder = small.document.path, tmp_path / "kept"
    options = [*(x for name in HELD for x in ("--hold", name)), "--trajectories", "2"]
    command = [sys.executable, "-m", "fleet", "sensitivity", str(path), "-o", str(folder)]
    command += [*options, "--samples", "4", "--workers", "1", "--no-figures"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 300
        journal = folder / "journal.jsonl"
        while time.monotonic() < until and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    before = len(journal.read_bytes().splitlines())
    assert before
    assert not (folder / "sensitivity.json").exists()
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "draws less" in again.stdout
    lines = journal.read_text().splitlines()
    runs = [
        tuple(json.loads(line)[key] for key in ("point", "arm", "replication")) for line in lines
    ]
    assert len(set(runs)) == len(runs)  # nothing is done twice
    asked = question(path, hold=HELD)
    sensitivity(asked, trajectories=2, samples=4, output=tmp_path / "at once", workers=1)
    whole = (tmp_path / "at once" / "sensitivity.json").read_bytes()
    assert (folder / "sensitivity.json").read_bytes() == whole


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--samples", "100"], "take 64 or 128"),
        (["--hold", "test-gpu.idle_powr"], "did you mean 'test-gpu.idle_power'?"),
        (["--metric", "powr"], "--metric powr: there is no such metric"),
        (["--arm", "cloud"], "one arm cannot be compared"),
        (["--arm", "clod"], "no arm 'clod'"),
        (["--set", "clod=3"], "unknown key 'clod'"),
    ],
)
def test_bad_input_is_one_line(
    small: Scenario, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["sensitivity", str(small.document.path), *arguments])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert told in " ".join(err.split())
    assert "Traceback" not in err


def test_run_prints_ranges_beside_values(
    small: Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = ["run", str(small.document.path), "--executor", "local", "--uncertain"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--no-figures", "-o", str(folder)])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "What the sources allow: 90 % of the draws" in out
    rows = list(csv.DictReader((folder / "uncertain.csv").read_text().splitlines()))
    power = next(r for r in rows if (r["arm"], r["metric"]) == ("cloud", "power_w.total"))
    assert float(power["p5"]) < float(power["p50"]) < float(power["p95"])
