"""Plans: the smallest plant that keeps objectives, what binds it, and that nothing is made up."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import worlds
import yaml
from typer.testing import CliRunner

import fleet
from fleet.cli.main import app
from fleet.errors import InputError
from fleet.plan.compile import catalogue
from fleet.results.metric import MS, SHARE
from fleet.scenario.load import Scenario, load
from fleet.show import sizing
from fleet.sizing import door, planning, ranges, written
from fleet.sizing.conditions import conditions, reserve
from fleet.sizing.kept import Kept, kept
from fleet.sizing.keys import ladders
from fleet.sizing.planning import Planned, question
from fleet.sizing.refusal import refusal
from fleet.sizing.search import _least, _smallest
from fleet.sizing.verdict import FAR, Judged, Verdict, judge
from fleet.study.slo import objectives
from fleet.study.uncertain.draws import draw_of

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import plans as known_plants  # noqa: E402

LATE, LOST = "latency_ms.p99 < 40 ms", "lost < 1 %"


def street(**changes: Any) -> dict[str, Any]:
    """Return cameras that bring 3,800 frames a second, before servers that do 333 each: 11.4."""
    data = worlds.pool_of_instant_cameras(190, "20 fps", duration="5 s", warm_up="1 s")
    data["cloud"] = {"server": "test-gpu", "servers": 8, "batch": {"max": 1}}
    data["arms"]["sensor"] = {"device": "test-ai", "model": "tiny"}
    return {**data, "slo": [LATE], **changes}


def planned(data: dict[str, Any], *keys: str, **asked: Any) -> Planned:
    scenario = worlds.load(data)
    return planning.answer(question(scenario, keys, **asked), known_plants.Here(scenario))


# Keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "count", "first", "last"),
    [
        ("cloud.servers", 100_000, "1", "100000"), ("sensors.cam.per_site", 64, "1", "64"),
        ("cloud.servers=4..16+4", 4, "4", "16"),
        ("links.wan.rate", 540, "0.1 Mbit/s", "99000 Mbit/s"),
        ("links.wan.rate=10,5,20 Mbit/s", 3, "5 Mbit/s", "20 Mbit/s"),
        ("sensors.*.rate", 360, "0.01 fps", "99 fps"),
    ],
)  # fmt: skip
def test_ranges_of_keys(key: str, count: int, first: str, last: str) -> None:
    scenario = worlds.load(street())
    (up,), (down,) = ladders(scenario, [key]), ladders(scenario, [key], "--most")
    assert (len(up.texts), up.texts[0], up.texts[-1]) == (count, first, last)
    assert down.texts == up.texts[::-1]
    assert up.ends == down.ends
    assert up.overrides(0) == [f"{place}={first}" for place in up.places]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"wanted": []}, "say what is looked for"),
        ({"wanted": ["cloud.servers"], "most": ["sensors.cam.count"]}, "not both"),
        ({"wanted": ["cloud.serverz"]}, "--find cloud.serverz: .*did you mean 'server'"),
        ({"wanted": ["cloud.server"]}, "--find cloud.server: is neither a whole number nor a rate"),
        ({"wanted": ["cloud.servers=9..1"]}, "--find cloud.servers=9..1: the range 9..1 is empty"),
        ({"wanted": ["cloud.servers=a,b"]}, "must be whole numbers or rates"),
        ({"wanted": ["cloud.servers="]}, "write KEY or KEY=RANGE"),
        ({"wanted": ["links.wan.rate=1..3"]}, "--find links.wan.rate: .*has no unit"),
        ({"wanted": ["links.wan.rate=1..3 fps"]}, "--find links.wan.rate: .*is a frame rate"),
        ({"wanted": ["seed"]}, "is no part of a plant"),
        ({"wanted": ["cloud.servers", "cloud.servers=1..2"]}, "asked for twice"),
        ({"most": ["nothing.*.count"]}, "--most nothing.*.count: 'nothing' holds no keys"),
        ({"slo": ["latency < 5"]}, "--slo 'latency < 5': no metric 'latency'"),
        ({"slo": ["latency_ms.p99 < 5 fps"]}, "--slo .*is a frame rate, not a time"),
        ({"slo": ["nobody: lost < 1 %"]}, "--slo .*no arm 'nobody'"),
        ({"slo": ["quick"]}, "--slo 'quick': 'quick' is not an objective"),
        ({"slo": ["accuracy.recall > 50 %"]}, "accuracy.recall is not measured in arm 'cloud'"),
        ({"slo": ["cost_usd_per_sensor_month.total < 5"]}, "is not measured .*'prices'"),
        ({"vary": ["cloud.servers=1,2"]}, "--vary cloud.servers: is looked for"),
        ({"arms": ["nobody"]}, "no arm 'nobody'"),
        ({"headroom": "much"}, "--headroom 'much' is not a fraction"),
        ({"headroom": "2000 %"}, "is more than 1000 %"),
        ({"survive": "2 servers"}, "write '1 server' or '1 link'"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned(asked: dict[str, Any], why: str) -> None:
    scenario = worlds.load(street(duration="1 s", warm_up="0 s"))
    asked = {"wanted": ["cloud.servers=20..30"], **({} if "most" not in asked else {"wanted": ()}),
             **asked}  # fmt: skip
    with pytest.raises(InputError, match=why.replace("..", "[.][.]").replace(".*[", ".*[")):
        planning.answer(
            question(scenario, asked.pop("wanted"), **asked), known_plants.Here(scenario)
        )


def test_workers_are_needed() -> None:
    with pytest.raises(InputError, match="--workers 0: must be at least 1"):
        door.plan(question(worlds.load(street()), ["cloud.servers"]), workers=0)


def test_objectives_are_needed() -> None:
    with pytest.raises(InputError, match="--slo: say what shall be kept"):
        planned(street(slo=[]), "cloud.servers")


# Verdicts -----------------------------------------------------------------------------------------


def runs(*latencies: float, offered: float = 0.7, lost: float = 0.0) -> list[dict[str, Any]]:
    return [
        {
            "latency_ms.p99": (ms, "ms"), "lost": (lost, "share"),
            "frames.captured": (1000.0, "frames"), "load.wan.busiest_offered": (offered, "share"),
        }
        for ms in latencies
    ]  # fmt: skip


def judged(found: list[dict[str, Any]]) -> Judged:
    scenario = worlds.load(street(slo=[LATE, LOST]))
    return judge(objectives(scenario), "cloud", found)


def test_what_is_sure() -> None:
    assert judged(runs(30, 31, 29, 30, 31)).verdict is Verdict.MEETS
    assert judged(runs(30, 30, 30, 30, 30)).verdict is Verdict.MEETS
    assert judged(runs(39, 41, 40, 38, 43)).verdict is Verdict.UNDECIDED
    assert judged(runs(50, 51, 50, 52, 50)).verdict is Verdict.MISSES
    assert judged(runs(40, 40, 40, 40, 40)).meets == 0.0  # not below
    assert judged(runs(30, 31)).verdict is Verdict.UNDECIDED
    assert judged(runs(40 * (1 + FAR) + 1, 90)).verdict is Verdict.MISSES
    found = judged(runs(39.5, 39.7, 39.3, 39.6, 39.4))
    assert found.meets == pytest.approx(1 - 0.00105, abs=2e-4)  # t = 7.07, four degrees


def test_nothing_lost_is_not_never_lost() -> None:
    """Of 1,000 frames none was lost: a share above 0.1 % would still be likely."""
    few = judged(runs(30, 30, 30, 30, 30))
    lost = next(one for one in few.standings if one.name == "lost")
    assert lost.chance == pytest.approx(1 - 0.99**5000)
    assert judged(runs(30, 30)).standings[1].chance == pytest.approx(1 - 0.99**2000)
    assert judged(runs(30, 31, 30, 31, 30, lost=0.02)).verdict is Verdict.MISSES


def test_a_queue_that_grows_is_not_enough_however_short_the_run_is() -> None:
    found = judged(runs(30, 31, 29, 30, 31, offered=1.01))
    assert found.verdict is Verdict.MISSES
    assert [one.text for one in found.standings if one.grows] == ["no queue of wan grows"]


# Searches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("near", [False, True])
def test_the_least_place_at_which_something_holds(near: bool) -> None:
    for answer in range(40):
        asked: list[int] = []

        def holds(i: int, answer: int = answer, asked: list[int] = asked) -> bool:
            asked.append(i)
            return i >= answer

        assert _least(holds, 39, near) == answer
        assert len(asked) <= 13


class Fixed:
    """Plants of which those from a value on are enough."""

    def __init__(self, answer: int) -> None:
        self.answer = answer
        self.asked = 0

    def judged(self, overrides: tuple[str, ...]) -> Any:
        self.asked += 1
        enough = int(overrides[0].partition("=")[2]) >= self.answer
        yield []
        return Judged(Verdict.MEETS if enough else Verdict.MISSES, float(enough), [], 5)


@pytest.mark.parametrize("start", [0, 5, 30, 63])
def test_a_search_from_anywhere(start: int) -> None:
    keys = ladders(worlds.load(street()), ["cloud.servers=1..64"])
    for answer in (1, 2, 6, 31, 64, 99):
        plants: Any = Fixed(answer)
        steps = _smallest(plants, keys, [start], 0)
        found = None
        while found is None:
            try:
                next(steps)
            except StopIteration as done:
                found = done.value
        assert found == min(answer, 64) - 1
        assert plants.asked <= 14


def test_a_plan_of_servers() -> None:
    found = planned(street(), "cloud.servers=1..40")
    cloud, sensor = found.answers
    assert cloud.values == {"cloud.servers": "12"}
    assert cloud.found.below[0].verdict is Verdict.MISSES
    assert cloud.binds[0].name == "servers of cloud"
    assert cloud.room[0].name == "servers of cloud"
    assert cloud.room[0].more == pytest.approx(12 / 11.4 - 1, rel=0.05)
    assert sensor.values == {"cloud.servers": None}
    assert sensor.found.stands.verdict is Verdict.MEETS
    assert found.enough
    assert cloud.found.odd == []
    assert set(found.dominated) == {0, 1}
    assert found.data["answers"][0]["one_less"]["cloud.servers"]["value"] == "11"
    assert found.data["looked_for"] == {"cloud.servers": "1 to 40"}


def test_the_most_that_a_plant_carries() -> None:
    found = planned(street(), most=["sensors.cam.count"], arms=["cloud"])
    assert found.answers[0].values == {"sensors.cam.count": "133"}  # 2,660 of 2,667 a second
    assert found.answers[0].found.below[0].verdict is Verdict.MISSES


def test_two_keys_are_found_one_after_the_other() -> None:
    data = street()
    data["links"]["wan"]["rate"] = "20 Mbit/s"
    found = planned(data, "cloud.servers", "links.wan.rate", arms=["cloud"]).answers[0]
    assert found.values["cloud.servers"] == "12"
    rate = Fraction((found.values["links.wan.rate"] or "").removesuffix(" Mbit/s"))
    bits = 3800 * worlds.FRAME_BITS / Fraction(10**6)
    assert bits < rate < bits * Fraction(6, 5)
    assert found.binds[1].name == "wan"


def test_reserves() -> None:
    more = planned(street(), "cloud.servers=1..40", arms=["cloud"], headroom="25 %")
    assert more.answers[0].values == {"cloud.servers": "15"}
    assert more.answers[0].room[0].load == pytest.approx(11.4 / 15, rel=0.01)  # at the load that is
    less = planned(street(), "cloud.servers=1..40", arms=["cloud"], survive="1 server")
    assert less.answers[0].values == {"cloud.servers": "13"}
    scenario = worlds.load(street())
    cut = conditions(scenario, "cloud", reserve(None, "1 link"))(())
    assert cut == [()]  # one of each in all
    alone = conditions(scenario, "cloud", reserve(None, "1 server"))(("cloud.servers=1",))
    assert alone is None


def test_a_refusal_names_the_nearest_objective() -> None:
    found = planned(street(slo=["latency_ms.p99 < 2 ms"]), "cloud.servers=14..16", arms=["cloud"])
    assert not found.enough
    (missed,) = refusal(found.answers[0])
    assert missed.objective == "latency_ms.p99 < 2 ms"
    bound = float(missed.nearest.removeprefix("latency_ms.p99 < ").removesuffix(" ms"))
    again = planned(street(slo=[missed.nearest]), "cloud.servers=14..16", arms=["cloud"])
    assert 3 < bound < 6
    assert again.enough
    full = planned(street(), "cloud.servers=1..9", arms=["cloud"])
    (missed,) = refusal(full.answers[0])
    assert missed.why.startswith("servers of cloud is asked for 127% of what it can do")
    assert full.answers[0].frames == 0


def test_what_is_not_monotone_is_told() -> None:
    """With a batch of many, and nobody to fill it, frames wait longer than with a small one."""
    data = street()
    data["cloud"] = {"server": "test-gpu", "servers": 60, "batch": {"max": 1, "wait": "60 ms"}}
    found = planned(data, "cloud.batch.max=1..512", arms=["cloud"]).answers[0]
    assert found.values == {"cloud.batch.max": "1"}
    assert found.found.odd


def test_alternatives_and_who_is_beaten() -> None:
    found = planned(
        street(), "cloud.servers=1..40", vary=["cloud.batch.max=1,2"], arms=["cloud", "sensor"]
    )
    cells = [(answer.cell, answer.arm) for answer in found.answers]
    assert cells == [
        (("cloud.batch.max=1",), "cloud"), (("cloud.batch.max=1",), "sensor"),
        (("cloud.batch.max=2",), "cloud"), (("cloud.batch.max=2",), "sensor"),
    ]  # fmt: skip
    beaten = {cells[k]: cells[by] for k, by in found.dominated.items() if by is not None}
    for (_, arm), (_, by) in beaten.items():
        assert (arm, by) == ("cloud", "sensor")


def test_the_range_of_a_plan_over_draws_of_the_catalogue() -> None:
    """A batch of one takes 3 ms, with draws 2, 6 and 61 ms, and 3,800 frames come a second."""
    scenario = worlds.load(street(duration="2 s", warm_up="500 ms"))
    key = ("models", "cloudy", "test-gpu_batch_base")
    row = catalogue(scenario).row(*key)
    draws = [draw_of({key: replace(row, value=base)}) for base in ("1", "5", "60")]
    asked = question(scenario, ["cloud.servers=5..30"], arms=["cloud"])
    crew = known_plants.Here(scenario, {draw.id: draw.rows for draw in draws})
    planned = planning.answer(asked, crew, drawing=ranges.Drawing(draws, {"a.b": "it is small"}))
    (one,) = planned.ranges
    assert planned.answers[0].values == {"cloud.servers": "12"}
    assert (one.draws, one.impossible, one.without) == (3, 0, 1)
    assert one.values == {"cloud.servers": ("8", "23", "more than 30")}
    power = one.figures["power_w_per_sensor"]
    assert power[0] < (planned.answers[0].figures["power_w_per_sensor"] or 0.0) < power[2]
    told = planned.data["answers"][0]["uncertain"]
    assert told["values"]["cloud.servers"] == {"p5": "8", "p50": "23", "p95": "more than 30"}
    (said,) = (line for line in sizing.lines(planned) if "draws" in line)
    assert "cloud.servers 23 (8 to more than 30)" in said
    assert "1 of them have no plant in the range" in said
    assert next(sizing.held(planned)).endswith("at an end of their ranges: a.b.")


def test_draws_are_of_what_the_arms_use(shops: Scenario) -> None:
    """And what an arm cannot be with is held: of the array too few pixels would be left."""
    some, held = ranges.drawing(shops, [()], ["on_sensor"], 4)
    assert len({draw.id for draw in some}) == 4
    assert {key[1] for draw in some for key in draw.rows} >= {"lucid-triton", "wan"}
    assert not {key for draw in some for key in draw.rows if key[1] == "l4"}
    assert all("'lucid-triton' gives at most" in why for why in held.values())
    assert not {".".join(key[1:]) for draw in some for key in draw.rows} & set(held)


# The command --------------------------------------------------------------------------------------


def test_the_command_writes_scenarios_that_run(tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "plan"
    made = tmp_path / "made-up.yaml"
    data = street(duration="2 s", warm_up="500 ms")
    shutil.copytree(Path(worlds.__file__).parent / "catalogue", tmp_path / "catalogue")
    made.write_text(yaml.safe_dump(data))
    asked = ["plan", str(made), "--find", "cloud.servers=10..15", "--arm", "cloud", "-o", str(out)]
    done = runner.invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "cloud: cloud.servers=12 is enough" in done.stdout
    assert "11 is not" in done.stdout
    assert "servers of cloud binds" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["catalogue", "plan.json", "plan.yaml"]
    answer = json.loads((out / "plan.json").read_text())["answers"][0]
    assert answer["file"] == "plan.yaml"
    record = fleet.run(out / "plan.yaml", executor="local")
    assert record.kept_all
    assert list(record.arms) == ["cloud"]
    assert record.arms["cloud"]["latency_ms"]["p99"] == pytest.approx(
        answer["figures"]["latency_ms_p99"]
    )
    again = runner.invoke(app, [*asked, "--json", "--slo", "latency_ms.p99 < 1 ms"])
    assert again.exit_code == 1
    assert json.loads(again.stdout)["answers"][0]["refused"][0]["nearest"]
    other = runner.invoke(app, [*asked[:-1], str(tmp_path)])
    assert other.exit_code != 0


class Mortal:
    """Carries tasks out until it has done so many, and counts what it did."""

    def __init__(self, scenario: Scenario, lives: int) -> None:
        self._here, self.lives, self.done = known_plants.Here(scenario), lives, list[Any]()

    def carry_out(self, tasks: Any) -> Any:
        for task, one in self._here.carry_out(tasks):
            if len(self.done) == self.lives:
                raise KeyboardInterrupt
            self.done.append(task)
            yield task, one


def test_a_plan_that_is_killed_goes_on_and_runs_nothing_twice(tmp_path: Path) -> None:
    scenario = worlds.load(street(duration="2 s", warm_up="500 ms"))
    asked = question(scenario, ["cloud.servers=10..15"], headroom="5 %")
    whole, done = Mortal(scenario, 1000), list[Any]()
    written.write(tmp_path / "whole", planning.answer(asked, whole))
    for lives in (1, 3, 1000):
        crew = Mortal(scenario, lives)
        lived = contextlib.nullcontext() if lives > 3 else pytest.raises(KeyboardInterrupt)
        with lived as died, kept(tmp_path / "cut", asked) as journal:
            written.write(tmp_path / "cut", planning.answer(asked, Kept(crew, journal)))
        if died is not None:
            assert "the same command goes on" in str(died.value.__notes__)
            assert (tmp_path / "cut.unfinished").is_dir()
        done += crew.done
    assert len(done) == len(set(done)) == len(set(whole.done))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]
    for path in (tmp_path / "whole").glob("*.*"):
        assert path.read_bytes() == (tmp_path / "cut" / path.name).read_bytes()


def test_runs_that_are_kept_are_of_the_same_scenario(tmp_path: Path) -> None:
    for servers in (1, 2):
        scenario = worlds.load(street()).changed(f"cloud.servers={servers}")
        asked = question(scenario, ["sensors.cam.rate=1..5 fps"])
        if servers == 2:
            with pytest.raises(InputError, match=r"the scenario has changed .* or remove it"):
                kept(tmp_path / "plan", asked).__enter__()
            return
        with pytest.raises(KeyboardInterrupt), kept(tmp_path / "plan", asked):
            raise KeyboardInterrupt


def test_places_that_hold_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is there and is no plan"):
        written.check_place(tmp_path)
    with pytest.raises(InputError, match="is no name for a folder"):
        written.check_place(Path("/"))


def test_what_numbers_are_shown_as() -> None:
    assert MS.show(231.0) == "231 ms"
    assert SHARE.show(0.001) == "0.1 %"


@pytest.fixture(scope="module")
def shops() -> Scenario:
    return load(ROOT / "scenarios" / "shops.yaml")


def test_the_shops_have_objectives_and_a_key_for_each_arm(shops: Scenario) -> None:
    assert [one.text for one in objectives(shops)] == ["latency_ms.p99 < 200 ms", "lost < 0.1 %"]
    assert len(ladders(shops, ["cloud.servers", "links.shop-line.rate", "edges.box.servers"])) == 3


@pytest.mark.parametrize("number", range(2, 6))
def test_plants_whose_answer_theory_knows(number: int) -> None:
    """A short version of `scripts/plans.py`."""
    plant, scenario = known_plants.drawn(3, number)
    answer = known_plants.planned(plant, scenario)
    right = known_plants.truth(plant, scenario)
    assert right is not None
    assert answer.found.index[0] - right in (0, 1)
    assert answer.frames <= 0.25 * known_plants.brute_frames(plant, scenario)


@pytest.mark.parametrize("number", [1, 7, 12, 15, 19])
def test_what_binds(number: int) -> None:
    resource, data, key, most, slo = known_plants.BOUND[number]
    scenario = known_plants.loads(json.dumps(data | {"slo": [slo]}), str(known_plants.PLACE))
    plant = known_plants.Plant("", data, key, slo, None, most)
    assert known_plants.planned(plant, scenario).binds[0].name == resource
