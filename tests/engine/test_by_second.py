"""What is counted second by second is what frames did, whoever counts and however it is split."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.engine import by_second
from fleet.engine.by_second import BySecond, note
from fleet.model.books import BIN_NS, SENT_BEFORE_BITS, SENT_LINK_BITS
from fleet.model.frames import (
    CAPTURE,
    DONE,
    FATE,
    FATE_NAMES,
    IN_FLIGHT,
    LOST_CAUSES,
    RESULT,
    SENSOR,
    SKIP_CAUSES,
)
from fleet.plan import stations
from fleet.reference.life import Reference
from fleet.results.tables import Tables, tables
from fleet.running.live_eyes import open_eyes
from fleet.running.run import Outcome
from fleet.simulation import Simulation
from fleet.sketch import RESOLUTION, bucket_of, coarse_of, coarse_upper_ns, upper_ns

BUSY: dict[str, Any] = {
    "duration": "6 s",
    "events": [
        {"at": "1900 ms", "outage": "metro", "lasts": "1500 ms"},
        {"at": "2800 ms", "crash": "cam", "lasts": "700 ms"},
    ],
}
"""An outage and a crash that last from second to second."""


def of(kind: str, found: Tables, arm: str) -> dict[str, list[float]]:
    """Return the series of a kind by name."""
    rows = found.of("series", arm)
    series: dict[str, list[float]] = {}
    for row in rows.filter(pc.equal(rows["kind"], kind)).to_pylist():
        series.setdefault(row["name"], []).append(row["value"])
    return series


def run(data: dict[str, Any], arm: str = "cloud") -> tuple[Outcome, Tables]:
    outcome = worlds.run(worlds.plan(data, arm))
    return outcome, tables({arm: [outcome]})


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=40)
def test_what_waits_is_what_the_reference_holds(world: dict[str, Any], arm: str) -> None:
    """Links that lose segments are left out: what is to be sent again waits, and holds no port."""
    made = worlds.plan({**world, "duration": "4 s"}, arm)
    reference = Reference(made, open_eyes)
    told = BySecond(made).stations
    held: list[list[int]] = []
    for second in range(4):
        links = [reference.links[i] for i in told.links]
        pools = [reference.pools[i] for i in told.pools]
        held.append(
            [len(link.queue) + (link.serving is not None) for link in links]
            + [len(p.waiting) + len(p.decoders.waiting) + len(p.decoders.under_way) for p in pools]
        )
        if second * BIN_NS < made.warm_up_ns < (second + 1) * BIN_NS:
            reference.advance(made.warm_up_ns)
        reference.advance((second + 1) * BIN_NS)
    waiting = worlds.run(made).tally.seconds.waiting()
    sound = [made.links.table.loss_ppb[i] == 0 for i in told.links] + [True] * len(told.pools)
    assert waiting[sound].tolist() == np.array(held).T[sound].tolist()


def test_links_and_pools_that_hold_frames_are_told() -> None:
    _, found = run(worlds.scenario(**BUSY))
    queues = of("queue of link", found, "cloud")
    assert set(queues) == {"cell/cell-0", "cell/cell-1", "metro", "wan"}
    assert queues["metro"][:2] == [0, 0]
    assert queues["metro"][2] > 0 < queues["metro"][3]
    assert set(of("queue of pool", found, "cloud")) == {"cloud"}


@pytest.mark.parametrize("warm_up", ["0 s", "2500 ms"])
def test_ends_by_second_are_those_of_the_frames(warm_up: str) -> None:
    outcome, found = run(worlds.scenario(**BUSY, warm_up=warm_up))
    plan, rows = outcome.plan, worlds.table(outcome)
    latencies: Counter[tuple[float, str, int]] = Counter()
    ends: Counter[tuple[str, str, int]] = Counter()
    for row in rows[rows[:, FATE] != IN_FLIGHT]:
        group, second = (
            plan.sensors.group_names[plan.sensors.group_of[row[SENSOR]]],
            int(row[DONE]) // BIN_NS,
        )
        if row[FATE] == RESULT:
            spent = int(row[DONE] - row[CAPTURE])
            upper = int(coarse_upper_ns(np.array(coarse_of(bucket_of(spent)))))
            assert spent <= upper <= spent * (1 + 10 * RESOLUTION)
            latencies[second, group, upper] += 1
        else:
            told = "lost" if row[FATE] in LOST_CAUSES else "skipped"
            ends[f"{told}: {FATE_NAMES[row[FATE]]}", group, second] += 1
    told_rows = found.of("latencies", "cloud").to_pylist()
    assert {
        (r["start_s"], r["group"], r["latency_ns_upper"]): r["results"] for r in told_rows
    } == latencies
    first = plan.warm_up_ns // BIN_NS
    assert ends
    assert {
        (kind, name, first + k): n
        for told, causes in (("lost", LOST_CAUSES), ("skipped", SKIP_CAUSES))
        for kind in (f"{told}: {cause}" for cause in causes.values())
        for name, values in of(kind, found, "cloud").items()
        for k, n in enumerate(values)
        if n
    } == ends
    results = of("results", found, "cloud")["cam"]
    assert results == [
        sum(r["results"] for r in told_rows if r["start_s"] == first + k)
        for k in range(len(results))
    ]


@pytest.mark.parametrize("warm_up", ["0 s", "2500 ms"])
@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_bits_of_each_link_are_those_of_its_book(engine: str, warm_up: str) -> None:
    made = worlds.plan(worlds.scenario(**BUSY, warm_up=warm_up), "cloud")
    outcome = worlds.run(made, engine=engine)
    series = of("one link", tables({"cloud": [outcome]}), "cloud")
    sent = outcome.tally.links[:, SENT_LINK_BITS]
    told = {name: sum(bits) for name, bits in series.items()}
    assert told == dict(zip(made.links.names, sent.tolist(), strict=True))
    assert (outcome.tally.links[:, SENT_BEFORE_BITS] > 0).any() == (warm_up != "0 s")


def test_a_link_of_one_sensor_counts_with_its_class() -> None:
    data = worlds.scenario()
    data["sensors"]["cam"]["uplink"] = "port"
    data["links"]["port"] = {"technology": "test-port", "shared_by": "sensor", "to": "cell"}
    outcome, found = run(data)
    told = outcome.tally.seconds.stations
    assert set(of("one link", found, "cloud")) == {"cell/cell-0", "cell/cell-1", "metro", "wan"}
    sent = outcome.tally.links[outcome.plan.links.class_of == told.bin_of[0], SENT_LINK_BITS]
    assert outcome.plan.links.class_names[told.bin_of[0]] == "port"
    assert sum(of("link", found, "cloud")["port"]) == sent.sum() > 0


def test_where_room_is_short_classes_with_few_links_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = run(worlds.scenario(**BUSY))
    monkeypatch.setattr(stations, "_ROOM", 3 * 6)  # three links, and there are four
    outcome, found = run(worlds.scenario(**BUSY))
    assert set(of("one link", found, "cloud")) == {"metro", "wan"}
    assert set(of("queue of link", found, "cloud")) == {"metro", "wan"}
    assert (outcome.tally.class_bins() == whole.tally.class_bins()).all()
    assert outcome.tally.fingerprint() == whole.tally.fingerprint()


def test_long_runs_have_longer_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(worlds.scenario(**BUSY))
    monkeypatch.setattr(stations, "SPANS", 4)
    outcome, found = run(worlds.scenario(**BUSY))
    seconds, each = whole.tally.seconds, outcome.tally.seconds
    assert (each.each_s, each.spans) == (2, 3)
    assert (each.waiting() == seconds.waiting()[:, ::2]).all()
    starts = {row["start_s"] for row in found.of("latencies", "cloud").to_pylist()}
    assert starts == {0.0, 2.0, 4.0}
    lost, by_second_lost = (
        of("lost: backhaul_buffer", one, "cloud")["cam"]
        for one in (found, tables({"cloud": [whole]}))
    )
    assert lost == np.reshape(by_second_lost, (3, 2)).sum(axis=1).tolist()


@given(seed=st.integers(0, 2**32), kinds=st.sampled_from([3, 500, 20_000]))
@settings(max_examples=10)
def test_any_number_of_kinds_of_ends_is_counted(seed: int, kinds: int) -> None:
    """Some in spans under way, which are fewer than those of the run, and some elsewhere."""
    made = worlds.plan(worlds.scenario(duration="30 s"), "cloud")
    seconds, told = BySecond(made), Counter[tuple[int, int]]()
    rng = np.random.default_rng(seed)
    for since_s in (0, 3, 25, 10, 10):
        book = seconds.book(made, since_s * BIN_NS)
        drawn = rng.integers(0, kinds, by_second.AT_ONCE)
        for k in drawn.tolist():
            note(book, 0, k % 30, k // 30)
            told[k % 30, k // 30] += 1
    ends = seconds.ends()
    found = zip(ends.span.tolist(), ends.end.tolist(), strict=True)
    assert dict(zip(found, ends.frames.tolist(), strict=True)) == told
    assert set(ends.group.tolist()) == {0}


def test_what_was_told_stays_when_the_run_goes_on() -> None:
    with Simulation(worlds.load(worlds.scenario(**BUSY)), "cloud") as sim:
        sim.run(until="3 s")
        early = sim._executor.tally()
        before = worlds.by_second(early)[1:]
        sim.run(until="6 s")
        late = sim._executor.tally()
    assert worlds.by_second(early)[1:] == before != worlds.by_second(late)[1:]
    whole = worlds.run(worlds.plan(worlds.scenario(**BUSY), "cloud"))
    assert worlds.by_second(late) == worlds.by_second(whole.tally)


def test_coarse_buckets_hold_ten_others() -> None:
    last = bucket_of(2**62 - 1)
    uppers = upper_ns(np.arange(last + 1))
    coarse = np.array([coarse_of(bucket) for bucket in range(last + 1)])
    told = coarse_upper_ns(coarse)
    assert (told[:-10] >= uppers[:-10]).all()
    assert (told[1001:-10] <= uppers[1001:-10] * 1.0091).all()
    assert (np.diff(coarse) <= 1).all()
    assert np.bincount(coarse)[1:-1].tolist() == [10] * (coarse[-1] - 1)


def test_events_are_told_in_words() -> None:
    data = worlds.scenario(**BUSY, start="2024-05-17T23:59", city={"demand": "demand.csv"})
    data["duration"] = "61 s"
    data["events"] += [
        {"at": "1 s", "profile": "cam", "rate": "40 fps", "demand": 3},
        {"at": "1 s", "rewrite": "cam", "model": "slow"},
    ]
    _, found = run(data, "on_sensor")
    rows = found.of("events", "on_sensor").to_pylist()
    assert [row["time_s"] for row in rows] == sorted(row["time_s"] for row in rows)
    told = {(r["kind"], r["target"]): (r["time_s"], r["until_s"], r["change"]) for r in rows}
    assert told["hour", None] == (60.0, None, "people as at 0:00, weekend")
    assert told["link_down", "metro"] == (1.9, 3.4, None)
    assert told["sensor_down", "cam-0"] == (2.8, 3.5, None)
    assert told["rate", "cam-5"] == (1.0, None, "40 fps")
    assert told["demand", "cam-5"] == (1.0, None, "3 times the people")
    time_s, until_s, model = told["model_write", "cam-0"]
    assert 1.0 < time_s < until_s
    assert "slow" in model
