"""What must hold for every run: books that balance, and metamorphic relations."""

from __future__ import annotations

import copy
import json
import math
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.engine.audit import audit
from fleet.engine.energy import account, present_ns, radio_ns
from fleet.errors import RunError
from fleet.model.books import CAPTURED, FATE_0, SENDING_NS
from fleet.model.frames import (
    DONE,
    FATE,
    FRAME,
    OBJECTS,
    READY,
    RESULT,
    SENSED,
    SENSOR,
    SKIP_MODEL_WRITE,
)
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.people import mean_in_view
from fleet.results.metrics import summarise
from fleet.scenario.city import read_demand
from fleet.scenario.load import loads


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=60)
def test_frames_and_stages_add_up(world: dict[str, Any], arm: str) -> None:
    outcome = worlds.run(worlds.plan(world, arm))
    numbers = summarise(outcome)
    frames = numbers["frames"]
    ended = frames["results"] + sum(frames["skipped"].values()) + sum(frames["lost"].values())
    assert frames["captured"] + frames["in_flight_before"] == ended + frames["in_flight"]
    assert frames["captured"] + frames["in_flight_before"] == len(outcome.frames())
    if frames["results"]:
        stages = sum(numbers["stages_ms"].values())
        assert stages == pytest.approx(numbers["latency_ms"]["mean"], rel=1e-12)
    parts = numbers["power_w"]
    assert parts["total"] == pytest.approx(sum(v for k, v in parts.items() if k != "total"))
    for state in account(outcome.plan, outcome.tally):
        assert state.time_ns >= 0
        assert state.energy_fj >= 0


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=40)
def test_radio_states_cover_the_run(world: dict[str, Any], arm: str) -> None:
    outcome = worlds.run(worlds.plan(world, arm))
    energy = account(outcome.plan, outcome.tally)
    states = {s.state: s for s in energy if s.component == "uplink"}
    assert set(states) == {"sending", "promotion", "tail", "idle", "bits sent"}
    assert states["bits sent"].time_ns == 0
    total = sum(s.time_ns for s in states.values())
    sending = outcome.tally.sensors[:, SENDING_NS]
    assert total == np.maximum(present_ns(outcome.plan), sending).sum()
    for spent in radio_ns(outcome.plan, outcome.tally).values():
        assert (spent >= 0).all()


def test_a_lost_frame_is_noticed() -> None:
    outcome = worlds.run(worlds.plan(worlds.scenario(), "cloud"))
    queued = np.zeros(len(outcome.plan.links.table), dtype=np.int64)
    outcome.tally.sensors[0, CAPTURED] += 1
    with pytest.raises(RunError, match="frames captured"):
        audit(outcome.plan, outcome.tally, outcome.in_flight, queued, outcome.plan.end_ns)
    outcome.tally.sensors[0, CAPTURED] -= 1
    outcome.tally.links[0, 0] += 8
    with pytest.raises(RunError, match="bits into"):
        audit(outcome.plan, outcome.tally, outcome.in_flight, queued, outcome.plan.end_ns)


def results(data: dict[str, Any], arm: str = "cloud") -> dict[tuple[int, int], int]:
    """Return when each result was there, by (sensor, frame)."""
    rows = worlds.finished(worlds.run(worlds.plan(data, arm)))
    return {(r[SENSOR], r[FRAME]): r[DONE] for r in rows if r[FATE] == RESULT}


ROOMY = {"buffer": "1 GB"}


def roomy(rate: str) -> dict[str, Any]:
    data = worlds.scenario()
    for link in data["links"].values():
        link.update(ROOMY)
    data["links"]["metro"]["rate"] = data["links"]["wan"]["rate"] = "1 Tbit/s"
    data["links"]["cell"]["rate"] = rate
    data["cloud"] = {"server": "test-gpu", "servers": 50}
    return data


def test_a_faster_link_delays_no_frame() -> None:
    slow, fast = results(roomy("4 Mbit/s")), results(roomy("9 Mbit/s"))
    assert len(slow) > 100
    assert set(slow) <= set(fast)
    # On the trunks behind, a frame may now meet another one first: that costs below 1 µs.
    assert all(fast[key] <= slow[key] + 1000 for key in slow)
    assert any(fast[key] < slow[key] - 1_000_000 for key in slow)


def test_a_link_of_ones_own_is_no_slower_than_a_shared_one() -> None:
    two = roomy("4 Mbit/s")
    one = copy.deepcopy(two)
    one["links"]["cell"]["shared_by"] = "sensor"
    alone, shared = results(one), results(two)
    assert all(alone[key] <= shared[key] + 1000 for key in set(alone) & set(shared))


def test_an_outage_delays_and_forgets_nothing() -> None:
    calm = roomy("9 Mbit/s")
    cut = {**calm, "events": [{"at": "1 s", "outage": "cell", "lasts": "200 ms"}]}
    before, after = results(calm), results(cut)
    assert set(after) <= set(before)
    assert all(after[key] >= before[key] for key in after)
    assert max(after[key] - before[key] for key in after) > 100_000_000


def test_a_blind_sensor_skips_and_then_uses_the_new_model() -> None:
    data = worlds.scenario(events=[{"at": "500 ms", "rewrite": "cam", "model": "slow"}])
    outcome = worlds.run(worlds.plan(data, "on_sensor"))
    rows = np.array(worlds.finished(outcome))
    blind = rows[rows[:, FATE] == SKIP_MODEL_WRITE]
    assert len(blind) > 0
    # Writing 5 kB at 1 Mbit/s takes 40 ms; the models take 10 ms and 40 ms.
    compute = rows[:, READY] - rows[:, SENSED] - 100_000
    done = rows[:, FATE] == RESULT
    first_blind = blind[:, SENSED].min()
    assert set(compute[done & (rows[:, SENSED] < first_blind)]) == {10_000_000}
    assert set(compute[done & (rows[:, SENSED] > first_blind + 2e8)]) == {40_000_000}


def test_autoscaling_follows_the_load() -> None:
    data = worlds.scenario(duration="6 s")
    data["sensors"]["cam"].update(count=40, rate="50 fps")
    for link in data["links"].values():
        link.update(rate="1 Gbit/s", buffer="1 GB")
    data["cloud"] = {
        "server": "test-gpu", "servers": 1, "batch": {"max": 4, "wait": "3 ms"},
        "autoscale": {
            "min": 1, "max": 6, "target": "70 %", "every": "200 ms", "cooldown": "400 ms",
        },
    }  # fmt: skip
    data["events"] = [{"at": "4 s", "profile": "cam", "rate": "2 fps"}]
    servers = worlds.run(worlds.plan(data, "cloud")).tally.server_bins[0]
    assert servers[0] > 1
    assert servers.max() > 3
    assert servers[-1] < servers.max()


def test_zero_demand_sees_nobody() -> None:
    outcome = worlds.run(worlds.plan(worlds.scenario(), "on_sensor"))
    assert {row[OBJECTS] for row in worlds.finished(outcome)} == {0}
    assert outcome.tally.sensors[:, FATE_0 + RESULT].sum() > 0


def test_people_of_a_group_are_those_of_a_table_that_says_the_same() -> None:
    """The busiest counter of the tests' table, hour by hour, makes the same scenes and frames."""
    table = read_demand(worlds.HERE / "demand.csv")
    data = worlds.scenario(start="2024-05-16T17:59", duration="90 s")
    data["sensors"]["cam"] |= {"count": 1, "rate": "1 fps"}
    (people,) = table.people_per_h[table.profiles(np.array([0.5]))]
    days = {
        day: {f"{hour:02d}:00": f"{float(people[first + hour])!r} /h" for hour in range(24)}
        for day, first in (("weekday", 0), ("weekend", 24))
    }
    own = copy.deepcopy(data)
    own["sensors"]["cam"]["demand"] = days
    data["city"] = {"demand": "demand.csv"}
    by_table, by_group = (worlds.run(worlds.plan(d, "on_sensor")) for d in (data, own))
    assert worlds.finished(by_table) == worlds.finished(by_group)
    assert by_table.plan.notes.remarks == by_group.plan.notes.remarks == ()


def test_people_of_a_group_are_those_of_queueing_theory() -> None:
    """The mean in view is people an hour · share · dwell (M/G/inf), within four standard errors."""
    data = worlds.scenario(duration="400 s")
    data["sensors"]["cam"] |= {"count": 200, "rate": "0.1 fps", "demand": "9000 /h"}
    made = worlds.plan(data, "on_sensor")
    seen = np.array([row[OBJECTS] for row in worlds.finished(worlds.run(made))])
    expected = mean_in_view(made)["cam"]
    assert expected == pytest.approx(9000 * made.scene.share[0] / 3600 / (1 - made.scene.stay[0]))
    assert abs(seen.mean() - expected) < 4 * math.sqrt(expected / len(seen))


def test_an_empty_world_is_told() -> None:
    assert (
        worlds.plan(worlds.scenario(), "on_sensor")
        .notes.remarks[0]
        .startswith("Nobody ever is any")
    )
    data = worlds.scenario()
    data["sensors"]["door"] = {**data["sensors"]["cam"], "demand": "3 /h"}
    assert worlds.plan(data, "on_sensor").notes.remarks[0].startswith("Nobody ever is before cam: ")


def shuffled(node: Any, chance: random.Random) -> Any:
    """Return plain data with the keys of every mapping in another order, and its events."""
    if not isinstance(node, dict):
        return node
    keys = chance.sample(list(node), len(node))
    out = {key: shuffled(node[key], chance) for key in keys}
    if "events" in out:
        out["events"] = chance.sample(out["events"], len(out["events"]))
    return out


def shuffled_files(folder: Path, chance: random.Random) -> None:
    """Write the tables of the tests, their rows in another order."""
    tables = [worlds.HERE / name for name in ("demand.csv", "times.csv")]
    for path in (*(worlds.HERE / "catalogue").glob("*.csv"), *tables):
        head, *rows = path.read_text("utf-8").splitlines(keepends=True)
        copy = folder / path.relative_to(worlds.HERE)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text("".join([head, *chance.sample(rows, len(rows))]), encoding="utf-8")
    for name in ("no-sites.csv", "follow.py", "rates.csv", "packets.up"):  # whose order counts
        shutil.copy(worlds.HERE / name, folder)


@given(world=worlds.scenarios(), arm=worlds.ARMS, chance=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_in_a_file_changes_nothing(
    world: dict[str, Any], arm: str, chance: random.Random
) -> None:
    """All but `more` of a pool, which says who works first: its kinds keep their order."""
    other = shuffled(world, chance)
    for name in ("cloud", "edges"):
        other[name] = world[name]
    with tempfile.TemporaryDirectory() as folder:
        shuffled_files(Path(folder), chance)
        data = {**other, "traces": Path(worlds.traces()).name}
        shutil.copy(worlds.traces(), folder)
        loaded = loads(json.dumps(data), str(Path(folder) / "made-up.yaml"))
        made = compile_plan(loaded, catalogue(loaded), arm)
    one, two = worlds.run(worlds.plan(world, arm)), worlds.run(made)
    assert worlds.finished(one) == worlds.finished(two)
    assert one.tally.fingerprint() == two.tally.fingerprint()


def test_the_order_of_sites_changes_nothing(tmp_path: Path) -> None:
    head = "id,kind,subtype,size,lon,lat,cell,footfall_rank\n"
    rows = [f"s{i},shop,,,{20 + i},60,c{i % 3},{i / 7:.2f}\n" for i in range(7)]
    data = worlds.scenario(city={"sites": "sites.csv", "demand": "demand.csv"})
    del data["sensors"]["cam"]["count"], data["sensors"]["cam"]["cells"]
    data["sensors"]["cam"].update(at={"kind": "shop"}, phase="staggered", per_site=2)
    prints = set()
    for name, order in (("a", rows), ("b", rows[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
        shutil.copy(worlds.HERE / "demand.csv", folder)
        (folder / "sites.csv").write_text(head + "".join(order))
        loaded = loads(json.dumps(data), str(folder / "made-up.yaml"))
        made = compile_plan(loaded, catalogue(loaded), "cloud")
        prints.add(worlds.run(made).tally.fingerprint())
    assert len(prints) == 1
