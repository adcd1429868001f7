"""Adaptive arms: known looks, words and frames by hand; ladders that change nothing; same bits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.engine.feedback import Watch
from fleet.engine.window import Window
from fleet.errors import InputError, RunError
from fleet.model.frames import CAPTURE, FATE, FRAME, RESULT, SENSOR, SETUP
from fleet.model.ladder import (
    Counts,
    Numbers,
    Seen,
    awstream,
    back_pressure,
    seen_of,
    threshold,
)
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.partition import partition
from fleet.plan.plan import Plan
from fleet.results.metrics import summarise
from fleet.running.local_executor import LocalExecutor
from fleet.running.run import Outcome
from fleet.scenario.load import loads
from fleet.scenario.policy import Policy
from fleet.simulation import Simulation

MS = 1_000_000
WORD_BITS = 8 * (64 + 20 + 4)  # of 64 B by the tests' `mqtt-tls`, in one segment


def down_ns(rate_bps: int) -> int:
    """Return how long a word is sent over a link, rounded down."""
    return WORD_BITS * 10**9 // rate_bps


def planned(folder: Path, text: str, **more: Any) -> Plan:
    """Return the plan of instant cameras whose controller has a rule written in a file."""
    if not (folder / "catalogue").exists():
        shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    (folder / "rule.py").write_text(text)
    reads = more.pop("reads", [])
    changes = more.pop("changes", {})
    count, rate, phase = more.pop("cameras", (1, "10 fps", "synchronised"))
    data = worlds.pool_of_instant_cameras(count, rate, **{"duration": "2 s", **changes})
    data["sensors"]["cam"]["phase"] = phase
    adaptive = {
        "rule": {"file": "rule.py", "function": "rule", "reads": reads},
        "every": "250 ms", "ladder": [{"rate": "5 fps"}], **more,
    }  # fmt: skip
    data["arms"]["cloud"]["adaptive"] = adaptive
    loaded = loads(json.dumps(data), str(folder / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), "cloud")


def captures(outcome: Outcome) -> list[int]:
    rows = worlds.captured(outcome)
    return [row[CAPTURE] for row in rows]


ONCE = "def rule(seen):\n    return 1\n"


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_the_first_frame_at_the_new_rate_by_hand(engine: str, tmp_path: Path) -> None:
    """A word that is said at 250 ms goes down two links of 5 Mbit/s; the last frame was at 200."""
    made = planned(tmp_path, ONCE)
    comes = 250 * MS + 2 * (down_ns(5_000_000) + 0)
    assert made.links.table.propagation_ns.tolist() == [0, 0]
    assert made.lookahead_ns == comes
    outcome = worlds.run(made, engine=engine)
    later = [400 * MS + k * 200 * MS for k in range(8)]
    assert captures(outcome) == [0, 100 * MS, 200 * MS, *later]
    assert outcome.told.words.tolist() == [(comes, 12, 0, 1, 1)]
    assert outcome.told.said_ns.tolist() == [250 * MS]
    told = summarise(outcome)["adaptive"]
    assert told["time_on_rung"] == {"0": comes / 2e9, "1": 1 - comes / 2e9}
    assert (told["changes_per_sensor"], told["looks"], told["oscillating"]) == (1.0, 7, 0)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_at_the_site_a_word_is_there_in_the_next_nanosecond(engine: str, tmp_path: Path) -> None:
    outcome = worlds.run(planned(tmp_path, ONCE, at="site"), engine=engine)
    assert outcome.plan.lookahead_ns == 250 * MS + 1
    assert outcome.told.words.time_ns.tolist() == [250 * MS + 1]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_word_waits_for_a_link_that_is_down(engine: str, tmp_path: Path) -> None:
    """It has been sent for 30 µs when the lower link fails, and goes on behind the outage."""
    sent = down_ns(5_000_000)
    begin = 250 * MS + sent + 30_000
    events = [{"at": f"{begin} ns", "outage": "cell", "lasts": "100 ms"}]
    outcome = worlds.run(planned(tmp_path, ONCE, changes={"events": events}), engine=engine)
    assert outcome.told.words.time_ns.tolist() == [begin + 100 * MS + sent - 30_000]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_the_lower_of_the_rung_and_what_is_asked_for_counts(engine: str, tmp_path: Path) -> None:
    """At 1 s 2 fps are asked for, at 1.5 s 8 fps again, of which the rung leaves 5."""
    events = [
        {"at": "1 s", "profile": "cam", "rate": "2 fps"},
        {"at": "1500 ms", "profile": "cam", "rate": "8 fps"},
    ]
    made = planned(tmp_path, ONCE, at="site", changes={"events": events})
    fives = [400 * MS, 600 * MS, 800 * MS]
    expected = [0, 100 * MS, 200 * MS, *fives, 1000 * MS, 1500 * MS, 1700 * MS, 1900 * MS]
    assert captures(worlds.run(made, engine=engine)) == expected


TO_AND_FRO = "def rule(seen):\n    return 1 - seen.rung\n"


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize("phase", ["synchronised", "staggered", "random"])
@pytest.mark.parametrize(("rates", "every"), [((1.0, 0.9), "300 ms"), ((10.0, 4.0), "35 ms")])
def test_words_to_and_fro_neither_starve_nor_flood(
    rates: tuple[float, float], every: str, phase: str, engine: str, tmp_path: Path
) -> None:
    """Frames are never closer than at the higher rate, nor further apart than at the lower."""
    made = planned(
        tmp_path, TO_AND_FRO, at="site", every=every, ladder=[{"rate": f"{rates[1]} fps"}],
        changes={"duration": "20 s"}, cameras=(8, f"{rates[0]} fps", phase),
    )  # fmt: skip
    outcome = worlds.run(made, engine=engine)
    assert len(outcome.told.words) > 8 * 60
    longest, shortest = 1e9 / rates[1], 1e9 / rates[0]
    for sensor in range(8):
        mine = [row[CAPTURE] for row in worlds.captured(outcome) if row[SENSOR] == sensor]
        gaps = np.diff([*mine, made.end_ns])
        assert gaps[:-1].min() > shortest - 1
        assert mine[0] <= longest
        assert gaps.max() <= longest
        assert 20 * rates[1] - 1 <= len(mine) <= 20 * rates[0] + 1


TWICE_THEN_BACK = """
def rule(seen):
    said = sum(seen.memory) + 1
    if said < 3:
        return 1, said
    return 0, said
"""


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_higher_rate_is_there_at_once_if_its_frame_is_over(engine: str, tmp_path: Path) -> None:
    """At 250 ms the next frame moves from 300 ms to a second; at 750 ms it is late at 10 fps."""
    made = planned(
        tmp_path, TWICE_THEN_BACK, at="site", ladder=[{"rate": "1.25 fps"}],
        changes={"duration": "1500 ms"},
    )  # fmt: skip
    at = 750 * MS + 1
    expected = [0, 100 * MS, 200 * MS, *(at + k * 100 * MS for k in range(8))]
    assert captures(worlds.run(made, engine=engine)) == expected


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_the_first_frame_of_new_periods_by_hand(engine: str, tmp_path: Path) -> None:
    """Half a period from the start one is due, and a word leaves it; one far off it brings near."""
    changes: dict[str, Any] = {
        "duration": "1 s",
        "events": [
            {"at": "300 ms", "profile": "cam", "rate": "0.5 fps"},
            {"at": "600 ms", "profile": "cam", "rate": "10 fps"},
        ],
    }
    more: dict[str, Any] = {"at": "site", "cameras": (2, "10 fps", "staggered")}
    early = planned(tmp_path, ONCE, every="20 ms", changes={"duration": "1 s"}, **more)
    second = [
        row[CAPTURE]
        for row in worlds.captured(worlds.run(early, engine=engine))
        if row[SENSOR] == 1
    ]
    assert second == [k * MS for k in (50, 250, 450, 650, 850)]
    slow = [{"rate": "1 fps"}]
    late = planned(tmp_path, TWICE_THEN_BACK, ladder=slow, changes=changes, **more)
    second = [
        row[CAPTURE] for row in worlds.captured(worlds.run(late, engine=engine)) if row[SENSOR] == 1
    ]
    assert second == [50 * MS, 150 * MS, 250 * MS, 850 * MS + 1, 950 * MS + 1]


SEES = """
def rule(seen):
    return seen.rung, seen.{field}
"""


@pytest.mark.parametrize(
    ("field", "at", "value"),
    [
        ("results", "region", 3), ("expected", "region", 2), ("missing_ppm", "region", 0),
        ("waiting", "region", 0), ("dropped", "region", 0), ("captured", "site", 3),
        ("sent_bits", "site", 3 * worlds.FRAME_BITS), ("waiting", "site", 0),
        ("waiting_bits", "site", 0), ("backlog_ns", "site", 0), ("period_ns", "site", 250 * MS),
    ],
)  # fmt: skip
def test_what_is_seen_at_the_first_look(field: str, at: str, value: int, tmp_path: Path) -> None:
    """Frames at 0, 100 and 200 ms are answered within 250 ms; memory shows what was seen."""
    made = planned(tmp_path, SEES.format(field=field), at=at, reads=[field])
    executor = LocalExecutor(made, partition(made, 1), 100 * MS)
    assert not executor.watch.is_due(249 * MS)
    executor.advance(251 * MS)
    assert executor.watch.save()["memory"].tolist() == [1, value]


def test_rates_of_rungs_are_those_of_frames(tmp_path: Path) -> None:
    """Frames of `fixed-codec` have one size: a rung brings its rate times their bits."""
    made = planned(tmp_path, SEES.format(field="period_ns"), reads=["period_ns", "rung_bps"])
    assert made.feedback.bps.tolist() == [[10 * worlds.FRAME_BITS, 5 * worlds.FRAME_BITS]]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_nothing_is_expected_of_who_is_away(engine: str, tmp_path: Path) -> None:
    """Two sensors of 10 fps bring 4 frames in a look; a word says so by being a rung lower."""
    text = "def rule(seen):\n    if seen.expected < 4:\n        return 1\n    return 0\n"
    events = [{"at": "800 ms", "leave": "cam-1"}, {"at": "1400 ms", "join": "cam-1"}]
    made = planned(
        tmp_path, text, reads=["expected"], cameras=(2, "10 fps", "synchronised"),
        shared_by="city", ladder=[{}], changes={"events": events},
    )  # fmt: skip
    said = worlds.run(made, engine=engine).told
    assert sorted(set(said.said_ns.tolist())) == [1000 * MS, 1500 * MS]


def test_a_backlog_of_what_never_leaves_stays_in_64_bits() -> None:
    seen = seen_of(Counts(waiting_bits=10**12), 10**9, (1,), 0, ())
    assert seen.backlog_ns == 2**62
    np.array([seen.backlog_ns], dtype=np.int64)


# Rules ----------------------------------------------------------------------------------------


def at(
    rung: int, memory: tuple[int, ...] = (), bps: tuple[int, ...] = (4, 3, 2), **counts: int
) -> Seen:
    return seen_of(Counts(**counts), 1_000_000_000, bps, rung, memory)


def test_the_threshold_rule_by_hand() -> None:
    numbers = Numbers(high=10, low=4, calm=2)
    assert threshold(at(0, waiting=11), "waiting", numbers) == (1, (0,))
    assert threshold(at(1, (1,), waiting=10), "waiting", numbers) == (1, (0,))
    assert threshold(at(1, (0,), waiting=4), "waiting", numbers) == (1, (1,))
    assert threshold(at(1, (1,), waiting=0), "waiting", numbers) == (0, (0,))
    nothing = at(1, (1,), latency_ns=0, results=0)
    assert threshold(nothing, "latency_ns", numbers) == (1, (1,))
    some = at(1, (1,), latency_ns=80, results=4, expected=5)
    assert (some.latency_ns, some.missing_ppm) == (20, 200_000)
    assert threshold(some, "latency_ns", numbers) == (2, (0,))


def test_back_pressure_by_hand() -> None:
    assert [back_pressure(at(0, waiting=n), Numbers(queue=4))[0] for n in (0, 3, 4, 9)] == [
        0,
        0,
        1,
        2,
    ]


def test_awstream_by_hand() -> None:
    """Congestion, then what fits in 0.9 of 3000 bit/s, drain, steady, probe, congestion again."""
    numbers = Numbers(high=500_000_000, low=0, calm=1)
    bps = (5000, 2701, 2700, 900)
    steady, degrade, probe = 0, 1, 2
    full, none = {"sent_bits": 3000, "waiting_bits": 1501}, {"sent_bits": 900}
    assert awstream(at(0, (), bps, **full), numbers) == (2, (degrade, 0))
    assert awstream(at(2, (degrade, 0), bps, sent_bits=3000, waiting_bits=1), numbers) == (
        2,
        (1, 0),
    )
    assert awstream(at(2, (degrade, 0), bps, **none), numbers) == (2, (steady, 0))
    assert awstream(at(2, (steady, 0), bps, **none), numbers) == (2, (steady, 1))
    assert awstream(at(2, (steady, 1), bps, **none), numbers) == (1, (probe, 0))
    assert awstream(at(1, (probe, 0), bps, **full), numbers) == (2, (steady, 0))
    assert awstream(at(1, (probe, 0), bps, **none), numbers) == (1, (steady, 0))
    assert awstream(at(0, (steady, 9), bps, **none), numbers) == (0, (steady, 0))
    assert awstream(at(3, (), bps, waiting_bits=9), numbers)[0] == 3  # nothing is sent at all


# What changes nothing -------------------------------------------------------------------------

NEVER = {
    "rule": "threshold", "at": "site", "watch": "waiting", "high": 1_000_000, "every": "100 ms",
}  # fmt: skip
NOTHING: list[dict[str, Any]] = [
    {**NEVER, "ladder": [{"rate": "5 fps"}]},
    {"rule": "back-pressure", "queue": 1, "every": "90 ms", "at": "site", "ladder": [{}]},
]


@given(world=worlds.scenarios(), arm=worlds.ARMS, adaptive=st.sampled_from(NOTHING))
@settings(max_examples=10)
def test_a_ladder_that_changes_nothing_is_no_ladder(
    world: dict[str, Any], arm: str, adaptive: dict[str, Any]
) -> None:
    traced = any(isinstance(group["capture"], dict) for group in world["sensors"].values())
    for one in world["arms"].values():
        one.pop("adaptive", None)
    world["events"] = [e for e in world["events"] if not {"rewrite", "ladder"} & set(e)]
    plain = worlds.run(worlds.plan(world, arm))
    for one in world["arms"].values():
        if "place" not in one:
            one["adaptive"] = {**adaptive, "ladder": [{}]} if traced else adaptive
            one.pop("rate", None) if "rate" in adaptive["ladder"][0] else None
    made = worlds.plan(world, arm)
    outcome = worlds.run(made)
    if not any("rate" in one for one in world["arms"].values()):
        plain = worlds.run(worlds.plan(_without(world), arm))
    assert outcome.tally.fingerprint() == plain.tally.fingerprint()
    assert worlds.captured(outcome) == worlds.captured(plain)


def _without(world: dict[str, Any]) -> dict[str, Any]:
    arms = {
        k: {f: v for f, v in arm.items() if f != "adaptive"} for k, arm in world["arms"].items()
    }
    return {**world, "arms": arms}


def test_plans_without_controllers_are_known_by_the_same_digest() -> None:
    made = worlds.plan(worlds.scenario(), "cloud")
    assert not made.feedback.is_there
    assert made.lookahead_ns == made.end_ns


# The same bits --------------------------------------------------------------------------------


def busy(**more: Any) -> dict[str, Any]:
    """Return cameras whose cell cannot carry them, and controllers by cell."""
    data = worlds.scenario(warm_up="650 ms", events=[
        {"at": "900 ms", "outage": "metro", "lasts": "150 ms"},
        {"at": "1100 ms", "profile": "cam", "rate": "8 fps", "lasts": "300 ms"},
    ])  # fmt: skip
    data["links"]["cell"]["rate"] = "1 Mbit/s"
    data["arms"]["cloud"]["adaptive"] = {
        "rule": "threshold", "every": "70 ms", "high": "60 ms", "calm": 2, "shared_by": "cell",
        "ladder": [{"rate": "10 fps"}, {"rate": "3 fps"}], **more,
    }  # fmt: skip
    return data


@given(stops=st.lists(st.integers(1, 1999), max_size=5), window=st.booleans())
@settings(max_examples=8)
def test_stepping_changes_nothing(stops: list[int], window: bool) -> None:
    """Nor does counting from a moment on, which is forgotten behind what controllers know."""
    whole = worlds.run(worlds.plan(busy(), "cloud"))
    with Simulation(worlds.load(busy()), "cloud") as sim:
        for stop in sorted(set(stops)):
            sim.run(until=f"{stop} ms")
            if window and sim.now_ns > sim.plan.warm_up_ns:
                sim.begin_window()
        sim.run(until=sim.plan.end_ns)
        told = sim._executor.told()
    assert told.words.tolist() == whole.told.words.tolist()
    assert len(told.words) > 4


def test_an_event_on_the_way_leaves_words_as_they_are() -> None:
    """A script's event makes a new plan; what was said before comes all the same."""
    data = busy(word="20 kB")  # which takes 96 ms from the region to a sensor
    said = {
        **data,
        "events": [*data["events"], {"at": "440 ms", "crash": "cam-1", "lasts": "20 ms"}],
    }
    whole = worlds.run(worlds.plan(said, "cloud"), keep=False)
    with Simulation(worlds.load(data), "cloud") as sim:
        sim.run(until="440 ms")
        assert len(sim._executor.watch.pending(sim.now_ns))  # type: ignore[attr-defined]
        sim.event(crash="cam-1", lasts="20 ms")
        sim.run(until=sim.plan.end_ns)
        assert sim._executor.tally().fingerprint() == whole.tally.fingerprint()


def told_by_hours() -> dict[str, Any]:
    """Return the same by a clock at the region, on rung 1 from the start, and by two events."""
    data = busy()
    data["arms"]["cloud"]["adaptive"] = {
        "rule": "clock", "at": "region", "hours": {"17:00": 1}, "word": "20 kB",
        "ladder": [{"rate": "10 fps"}, {"rate": "3 fps"}],
    }  # fmt: skip
    data["events"] += [
        {"at": "300 ms", "ladder": "cam", "rung": 0, "every": "900 ms"},
        {"at": "770 ms", "ladder": "cam", "rung": 2},
    ]
    return data


def told_by_the_grid() -> dict[str, Any]:
    """Return the same by what the grid is as an hour begins in the midst of the run."""
    data = busy(word="20 kB")
    old = data["arms"]["cloud"]["adaptive"]
    kept = {key: old[key] for key in ("every", "shared_by", "ladder", "word")}
    data["arms"]["cloud"]["adaptive"] = {
        "rule": "carbon", "high": ["20 g/kWh", "30 g/kWh"], **kept
    }  # fmt: skip
    return {**data, "start": "2024-05-16T16:59:59", "grid": {"g_per_kwh": [25] * 17 + [35] * 7}}


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("ray_started")
@pytest.mark.parametrize("make", [None, told_by_hours, told_by_the_grid])
def test_ray_says_the_same_and_survives(make: Any, tmp_path: Path) -> None:
    """Two shards and a region; then a shard dies between a look and the words of it."""
    import ray

    from fleet.running.checkpoint import Checkpoints
    from fleet.running.ray_executor import RayExecutor

    made = worlds.plan(make() if make else busy(word="20 kB"), "cloud")
    local = worlds.run(made)
    assert len(local.told.words) > 5
    assert local.told.words.tolist() == worlds.run(made, engine="reference").told.words.tolist()
    split = worlds.run(made, executor="ray", shards=2, window_ns=50 * MS)
    assert split.tally.fingerprint() == local.tally.fingerprint()
    assert split.told.words.tolist() == local.told.words.tolist()
    assert worlds.captured(split) == worlds.captured(local)
    for every_s in (0.0, 1e9):
        kept = Checkpoints(tmp_path / f"{every_s}", every_s)
        executor = RayExecutor(made, partition(made, 2), 100 * MS, 50 * MS, checkpoints=kept)
        try:
            executor.advance(790 * MS)
            ray.kill(executor._all[0])
            executor.advance(made.end_ns)
            assert executor.tally().fingerprint() == local.tally.fingerprint()
            assert executor.told().words.tolist() == local.told.words.tolist()
            assert executor.restarts == 1
        finally:
            executor.close()


def test_lookahead_is_asserted() -> None:
    made = worlds.plan(busy(), "cloud")
    watch = Watch(made)
    watch.check(Window(70 * MS, 140 * MS))
    with pytest.raises(RunError, match="longer than the lookahead"):
        watch.check(Window(70 * MS, 141 * MS))
    with pytest.raises(RunError, match="longer than the lookahead"):
        watch.check(Window(69 * MS, 71 * MS))


# Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def rule(seen):\n    return seen.results\n", r"rule.py:2: 'rule' reads 'results', which"),
        ("import os\n", "rule.py:1: Import has no place"),
        ("def rule(seen):\n    return open('x')\n", "rule.py:2: 'open' cannot be called"),
        (
            "def rule(seen):\n    return seen.__class__\n",
            "reads '__class__', which it does not say",
        ),
        ("def rule(seen):\n    return (1).real\n", "only what is seen has fields"),
        ("def other(seen):\n    return 1\n", "has no function 'rule'; functions: other"),
        ("def rule(seen)\n    return 1\n", "rule.py:1: is no Python"),
        ("def rule(seen):\n    return 'a'\n", "'a' is no number"),
        ("def rule(seen, more):\n    return 1\n", "takes one thing"),
        ("rule = lambda seen: 1\n", "Lambda has no place"),
        ("def rule(seen):\n    return 2 ** 9\n", "Pow has no place"),
        ("@abs\ndef rule(seen):\n    return 1\n", "no decorators"),
        ("def rule(seen):\n    return rule(seen)\n", "'rule' cannot be called here"),
        ("def rule(seen):\n    return abs(seen)\n", "'seen' is read by its fields"),
    ],
)
def test_a_rule_that_may_not_be_is_refused_before_the_run(
    text: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=why):
        planned(tmp_path, text)


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def rule(seen):\n    return 1 // seen.rung\n", "rule.py:2: ZeroDivisionError"),
        ("def rule(seen):\n    while 1 < 2:\n        pass\n    return 1\n", "does not answer"),
        ("def rule(seen):\n    return 0.5\n", "answers with 0.5: a rung is a whole number"),
        ("def rule(seen):\n    pass\n", "ends without 'return'"),
        ("def rule(seen):\n    return seen.memory[3]\n", "IndexError"),
        ("def rule(seen):\n    return 1, (2, 3)\n", "a row of rows"),
    ],
)
def test_a_rule_that_goes_wrong_says_where_who_and_when(
    text: str, why: str, engine: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"{why}.*\(controller of 'cam-0', look at 250 ms\)"):
        worlds.run(planned(tmp_path, text), engine=engine)


def test_rules_are_plain_python() -> None:
    """What the small part gives is what Python gives."""
    text = (worlds.HERE / "follow.py").read_text()
    names: dict[str, Any] = {}
    exec(text, names)
    chance = np.random.default_rng(1)
    reads = [f for f in Seen._fields if f not in ("rung", "rungs", "memory")]
    small = {name: Policy(text, "follow.py", name, reads) for name in ("region", "site")}
    for _ in range(300):
        numbers = chance.integers(0, 1000, 8).tolist()
        seen = seen_of(
            Counts(*numbers), 90 * MS, tuple(chance.integers(0, 10**6, 3).tolist()),
            int(chance.integers(3)), tuple(chance.integers(0, 9, 2).tolist()),
        )  # fmt: skip
        for name, one in small.items():
            said = names[name](seen)
            row = said if isinstance(said, tuple) else (said,)
            assert one(seen) == (row[0], row[1:])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"high": None}, "'threshold' needs 'high'"),
        ({"high": "5 %"}, "'high' of 'latency' is a time level"),
        ({"high": 5}, "'high' of 'latency' is a time level"),
        ({"low": "90 ms"}, "'low' lies above 'high'; a"),
        (
            {"rule": "awstream", "high": None, "low": "501 ms"},
            r"'low' lies above 'high' \(500 ms where it is left out\)",
        ),
        ({"watch": "missing", "high": "0.00001 %"}, "high: '0.00001 %' is below 1 ppm"),
        ({"watch": "missing", "high": "1 %", "low": "0.9 ppm"}, "'0.9 ppm' is below 1 ppm"),
        (
            {"ladder": [{"rate": "5 fps"}, {}, {"rate": "6 fps"}]},
            r"its rung 3 has a higher 'rate' \(6 fps\) than rung 1 \(5 fps\)",
        ),
        ({"rule": "treshold"}, r"rule: 'treshold' is no rule; .*clock, or .*{file: follow.py"),
        ({"rule": 5}, r"rule: 5 is no rule; write .*{file: follow.py, function: follow, reads:"),
        ({"rule": {"file": "follow.py", "function": "a b"}}, "'a b' is not the name of a function"),
        ({"rule": {"file": "follow.py"}}, "rule.function: is missing"),
        ({"watch": "backlog"}, "at the region cannot watch 'backlog'"),
        ({"queue": 3}, "'threshold' takes no 'queue'"),
        ({"ladder": []}, "ladder"),
        ({"ladder": [{"rate": "50 fps"}]}, "which a rung can only lower"),
        ({"ladder": [{"codec": "no-codec"}]}, "no codec 'no-codec'"),
        ({"ladder": [{"when": "found"}]}, "the arm passes none on"),
        ({"ladder": [{"publish": "on change"}]}, "'publish' is for AI sensors"),
        ({"every": "1 us"}, "is below 1 ms"),
        ({"rule": "awstream", "high": None, "low": None, "at": "region"}, "remove 'at'"),
        ({"rule": "back-pressure", "high": None, "calm": None}, "needs 'queue'"),
        ({"rule": {"file": "none.py", "function": "f"}, "high": None, "calm": None}, "not found"),
        (
            {"rule": {"file": "follow.py", "function": "site", "reads": ["captured"]},
             "high": None, "calm": None},
            "a controller at the region does not see 'captured'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(change: dict[str, Any], why: str) -> None:
    data = busy(**change)
    adaptive = data["arms"]["cloud"]["adaptive"]
    data["arms"]["cloud"]["adaptive"] = {k: v for k, v in adaptive.items() if v is not None}
    with pytest.raises(InputError, match=f"arms.cloud.adaptive.*{why}"):
        worlds.plan(data, "cloud")


def test_what_lies_at_the_edge_is_taken() -> None:
    for change in (
        {"rule": "awstream", "high": None, "low": "500 ms", "shared_by": "site"},
        {"watch": "missing", "high": "1 ppm", "low": "0 %"},
        {"ladder": [{"rate": "5 fps"}, {"rate": "5 fps"}, {}]},
    ):
        data = busy(**change)
        adaptive = data["arms"]["cloud"]["adaptive"]
        data["arms"]["cloud"]["adaptive"] = {k: v for k, v in adaptive.items() if v is not None}
        assert worlds.plan(data, "cloud").feedback.is_there


def test_no_rule_at_all_is_told_with_all_that_may_stand_there() -> None:
    data = busy()
    data["arms"]["cloud"]["adaptive"]["rule"] = None
    with pytest.raises(InputError, match=r"rule: None is no rule; .*{file: follow.py"):
        worlds.load(data)


def test_a_region_reads_only_what_comes_to_it() -> None:
    data = busy()
    data["sensors"]["cam"]["consumer"] = "site"
    why = "adaptive.at: .*reads 'latency_ns', but results of 'cam' are for the site; use 'at: site'"
    with pytest.raises(InputError, match=why):
        worlds.plan(data, "cloud")
    data = busy(watch="waiting", high=3)
    worlds.plan(data, "cloud")
    data["edges"] = {"box": {"server": "test-gpu", "after": "cell", "shared_by": "cell"}}
    data["arms"]["cloud"]["infer"] = "edge"
    with pytest.raises(
        InputError, match=r"reads 'waiting' of servers, but those of 'cam-0' are at"
    ):
        worlds.plan(data, "cloud")


@pytest.mark.parametrize("size", ["cell", "city"])
def test_a_controller_at_a_site_sees_no_more_than_that(size: str) -> None:
    data = busy(at="site", shared_by=size)
    why = f"adaptive.shared_by: a controller at the site sees one site, not all sensors of a {size}"
    with pytest.raises(InputError, match=why):
        worlds.plan(data, "cloud")
    data["arms"]["cloud"]["adaptive"]["shared_by"] = "site"
    worlds.plan(data, "cloud")


def test_looks_are_not_too_many() -> None:
    data = {**busy(every="1 ms"), "duration": "2 h", "events": []}
    with pytest.raises(InputError, match=r"adaptive\.every: 1 ms makes 7,199,999 looks of a run"):
        worlds.plan(data, "cloud")


def test_sensors_of_a_ladder_are_not_rewritten() -> None:
    data = worlds.scenario(events=[{"at": "1 s", "rewrite": "cam", "model": "slow"}])
    data["arms"]["on_sensor"]["adaptive"] = {**NEVER, "ladder": [{"publish": "on change"}]}
    with pytest.raises(InputError, match="a model is written into 'cam-0'"):
        worlds.plan(data, "on_sensor")


def test_a_controller_that_goes_to_and_fro_is_told(tmp_path: Path) -> None:
    made = planned(tmp_path, TO_AND_FRO)
    told = summarise(worlds.run(made))["adaptive"]
    assert told["oscillating"] == 1
    assert told["turns_per_look"]["max"] == 6 / 7


def test_frames_say_on_which_rung_they_were_made() -> None:
    """The route, too: a cascade that passes on all, then nothing that is not found."""
    data = worlds.scenario(inference="constant", links=worlds.scenario()["links"])
    data["arms"]["asks"] = {
        "device": "test-ai", "model": "tiny", "mode": "small",
        "ask": {"when": "every inference", "model": "cloudy", "codec": "fixed-codec",
                "encoder": "test-camera"},
        "adaptive": {"rule": "back-pressure", "at": "site", "queue": 1, "every": "300 ms",
                     "ladder": [{"when": "every 1000 inferences"}]},
    }  # fmt: skip
    data["links"]["cell"]["rate"] = "200 kbit/s"
    made = worlds.plan(data, "asks")
    rows = worlds.table(worlds.run(made))
    rows = rows[rows[:, FATE] == RESULT]
    names = {made.sensors.setup_names[k] for k in np.unique(rows[:, SETUP])}
    assert any("(rung 1)" in name for name in names)
    first = rows[(rows[:, SENSOR] == 0) & (rows[:, FRAME] < 5)]
    assert {made.sensors.setup_names[k] for k in first[:, SETUP]} == {"test-ai tiny → fixed-codec"}
