"""Radios that sleep, cells that are shared, data caps: times and energy by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.chance import uniform
from fleet.engine.energy import account, radio_ns
from fleet.errors import InputError
from fleet.model.books import PROMOTION_NS
from fleet.model.frames import (
    ACCESS,
    DONE,
    FATE,
    FRAME,
    LOST_ACCESS_BUFFER,
    LOST_CELL_BUFFER,
    LOST_LINK,
    READY,
    RESULT,
    SENSOR,
    UPLINK,
)
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.results import load as loaded
from fleet.scenario.load import loads
from fleet.show.expected import load_lines
from fleet.study.expected import load_facts

MS = 1_000_000
# The made-up radio: what `tests/catalogue/links.csv` says.
PROMOTION, DRX_AFTER, DRX, TAIL, WIRE = (n * MS for n in (30, 15, 8, 60, 1))
SERVICE = worlds.FRAME_BITS * 1_000_000_000 // 2_000_000  # 5.096 ms at its 2 Mbit/s
RADIO = {"technology": "test-radio", "loss": worlds.NO_LOSS}
PORT = {"technology": "test-port"}


def waits_ns(plan: Plan, engine: str) -> list[int]:
    """Return how long each frame took to its radio's far end, beyond sending and the wire."""
    rows = worlds.table(worlds.run(plan, engine=engine))
    return [int(w) for w in rows[:, ACCESS] - rows[:, READY] - SERVICE - WIRE]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_message_after_silence_waits_for_the_promotion(engine: str, tmp_path: Path) -> None:
    # The radio takes the first frame at 30 ms; its tail ends 60 ms after that is sent.
    times = [0, 90 * MS + SERVICE + 1, 300 * MS, 310 * MS + PROMOTION, 1000 * MS]
    plan = worlds.lone(tmp_path, times, RADIO)
    assert waits_ns(plan, engine) == [PROMOTION, PROMOTION, PROMOTION, 0, PROMOTION]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_dozing_radio_wakes_within_its_cycle(engine: str, tmp_path: Path) -> None:
    sent = PROMOTION + SERVICE
    awake, doze, end_of_tail = sent + DRX_AFTER, sent + DRX_AFTER + 1, sent + TAIL
    for number, (second, draws) in enumerate([(awake, False), (doze, True), (end_of_tail, True)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = worlds.lone(folder, [0, second], RADIO)
        drawn = int(uniform(plan.sensors.radio_keys[0], 1) * DRX)
        assert 0 < drawn < DRX
        assert waits_ns(plan, engine) == [PROMOTION, drawn if draws else 0]


def test_draws_of_the_cycle_are_uniform(tmp_path: Path) -> None:
    times = [k * 35 * MS for k in range(2000)]
    plan = worlds.lone(tmp_path, times, RADIO, duration="80 s")
    waits = np.array(waits_ns(plan, "columns")[2:])  # the second frame comes before it dozes
    assert waits.min() >= 0
    assert waits.max() < DRX
    error = waits.std(ddof=1) / np.sqrt(len(waits))
    assert abs(waits.mean() - DRX / 2) < 4 * error
    assert abs(waits.std() - DRX / np.sqrt(12)) < 0.05 * DRX


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_second_frame_never_overtakes(engine: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    gaps = rng.choice([1, 100_000, 14 * MS, 20 * MS, 61 * MS, 95 * MS], 200)
    plan = worlds.lone(tmp_path, [int(t) for t in np.cumsum(gaps)], RADIO, duration="20 s")
    rows = worlds.table(worlds.run(plan, engine=engine))
    assert len(rows) == 200
    assert (np.diff(rows[:, FRAME]) == 1).all()
    assert (np.diff(rows[:, ACCESS]) >= SERVICE).all()


def test_a_frame_during_the_promotion_follows_at_once(tmp_path: Path) -> None:
    rows = worlds.table(worlds.run(worlds.lone(tmp_path, [0, 10 * MS], RADIO)))
    assert rows[0, ACCESS] == PROMOTION + SERVICE + WIRE
    assert rows[1, ACCESS] == rows[0, ACCESS] + SERVICE


@pytest.mark.parametrize("options", [{}, {"window_ns": 700_000}, {"engine": "reference"}])
def test_a_radio_that_sends_is_awake(options: dict[str, Any], tmp_path: Path) -> None:
    """Sending takes 101.92 ms, longer than its tail: who comes meanwhile, or soon after, goes on.

    Its port is down for longer than a tail and again when it has nothing to send, which is no
    activity.
    """
    uplink = {**RADIO, "rate": "100 kbit/s"}
    times = [0, 125 * MS, 300 * MS, 500 * MS]
    outage = {"outage": "first", "lasts": "80 ms"}
    events = [{"at": "60 ms", **outage}, {"at": "420 ms", **outage}]
    plan = worlds.lone(tmp_path, times, uplink, events=events)
    rows = worlds.table(worlds.run(plan, **options))
    sending = worlds.FRAME_BITS * 10_000
    first = PROMOTION + sending + 80 * MS
    ends = [first, first + sending, first + 2 * sending, 500 * MS + PROMOTION + sending]
    assert (rows[:, ACCESS] - WIRE).tolist() == ends
    states = radio_ns(plan, worlds.run(plan, **options).tally)
    assert states["promotion"][0] == 2 * PROMOTION


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_promotion_is_cut_at_the_end(engine: str, tmp_path: Path) -> None:
    plan = worlds.lone(tmp_path, [0, 190 * MS], RADIO, duration="200 ms")
    states = radio_ns(plan, worlds.run(plan, engine=engine).tally)
    assert states["promotion"][0] == PROMOTION + 10 * MS
    assert states["tail"][0] == TAIL


# Energy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_states_of_a_radio_by_hand(engine: str, tmp_path: Path) -> None:
    """Frames at 0, 40 and 200 ms of 2 s: powers of 500, 700, 100 and 10 mW."""
    outcome = worlds.run(worlds.lone(tmp_path, [0, 40 * MS, 200 * MS], RADIO), engine=engine)
    tails = (40 * MS - (PROMOTION + SERVICE)) + TAIL + TAIL
    spent = {
        "sending": 3 * SERVICE,
        "promotion": 2 * PROMOTION,
        "tail": tails,
        "idle": 2000 * MS - 3 * SERVICE - 2 * PROMOTION - tails,
    }
    milliwatts = {"sending": 500, "promotion": 700, "tail": 100, "idle": 10}
    states = {s.state: s for s in account(outcome.plan, outcome.tally) if s.component == "uplink"}
    assert {n: states[n].time_ns for n in spent} == spent
    assert {n: states[n].energy_fj for n in spent} == {
        n: time * milliwatts[n] * 1000 for n, time in spent.items()
    }
    assert outcome.tally.sensors[0, PROMOTION_NS] == 2 * PROMOTION
    assert {k: int(v.sum()) for k, v in radio_ns(outcome.plan, outcome.tally).items()} == spent


def test_sending_costs_energy_for_each_bit_too(tmp_path: Path) -> None:
    """LTE: 80.2 nJ a bit beside its base power."""
    uplink = {"technology": "lte", "loss": worlds.NO_LOSS}
    outcome = worlds.run(worlds.lone(tmp_path, [0, 500 * MS, 600 * MS], uplink))
    states = {s.state: s for s in account(outcome.plan, outcome.tally) if s.component == "uplink"}
    assert states["bits sent"].energy_fj == 3 * worlds.FRAME_BITS * 80_200_000
    assert states["promotion"].time_ns == 270 * MS


def test_a_tail_is_cut_at_the_end(tmp_path: Path) -> None:
    plan = worlds.lone(tmp_path, [0], RADIO, duration="50 ms")
    outcome = worlds.run(plan)
    assert radio_ns(plan, outcome.tally)["tail"][0] == 50 * MS - PROMOTION - SERVICE
    assert radio_ns(plan, outcome.tally)["idle"][0] == 0


# Loss on the way ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_what_is_sent_again_takes_the_port_and_a_round_trip(engine: str, tmp_path: Path) -> None:
    """One segment, lost with 40 %, sent again twice at most: 3 ms and a service for each."""
    times = [k * 500 * MS for k in range(300)]
    uplink = {"technology": "test-radio", "loss": "40 %"}
    plan = worlds.lone(tmp_path, times, uplink, duration="160 s")
    outcome = worlds.run(plan, engine=engine)
    rows = worlds.table(outcome)
    good = rows[rows[:, FATE] == RESULT]
    extra = good[:, ACCESS] - good[:, READY] - SERVICE - WIRE - PROMOTION
    assert set(extra) == {0, SERVICE + 3 * MS, 2 * (SERVICE + 3 * MS)}
    lost = int((rows[:, FATE] == LOST_LINK).sum())
    assert lost == 300 - len(good)
    again = int(extra.sum()) // (SERVICE + 3 * MS) + 2 * lost
    links = dict(zip(plan.links.names, outcome.tally.links[:, 1], strict=True))
    assert links["first/cam-0"] == worlds.FRAME_BITS * (300 + again)
    share, theory = lost / 300, 0.4**3
    assert abs(share - theory) < 4 * np.sqrt(theory * (1 - theory) / 300)


# Data caps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(("used", "full"), [(None, 16), ("30 %", 11)])
def test_a_spent_cap_slows_the_sender_down(
    engine: str, used: str | None, full: int, tmp_path: Path
) -> None:
    """160,000 bit are 15.7 frames, 70 % of them 10.99: whoever has some left sends a whole one."""
    uplink = {**PORT, "cap": "20 kB", "throttled_rate": "200 kbit/s"}
    if used:
        uplink["cap_used"] = used
    plan = worlds.lone(tmp_path, [k * 100 * MS for k in range(20)], uplink, duration="3 s")
    rows = worlds.table(worlds.run(plan, engine=engine))
    service = rows[:, ACCESS] - rows[:, READY] - WIRE
    fast = worlds.FRAME_BITS * 1_000_000_000 // 10_000_000
    slow = worlds.FRAME_BITS * 1_000_000_000 // 200_000
    assert service.tolist() == [fast] * full + [slow] * (20 - full)


def test_a_link_can_carry_its_cap_at_full_rate_and_then_less(tmp_path: Path) -> None:
    """Of 3 s: 160,000 bit at 10 Mbit/s, in 16 ms, then 200 kbit/s."""
    uplink = {**PORT, "cap": "20 kB", "throttled_rate": "200 kbit/s"}
    plan = worlds.lone(tmp_path, [k * 100 * MS for k in range(20)], uplink, duration="3 s")
    load = loaded.loads(worlds.run(plan))["first"]
    possible = 160_000 + 200_000 * (3 - 0.016)
    assert load["busiest_offered"] == pytest.approx(20 * worlds.FRAME_BITS / possible, rel=1e-9)


def test_a_cap_that_is_spent_late_is_expected_and_told() -> None:
    """Ten frames of 10,192 bit a second spend 70 kB in 5.5 of 8 s; then 50 kbit/s are too few."""
    data = worlds.pool_of_instant_cameras(1, "10 fps", duration="8 s")
    data["sensors"]["cam"] |= {"uplink": "port", "phase": "staggered"}
    data["links"]["port"] = {
        **PORT, "shared_by": "sensor", "to": "wan", "cap": "70 kB", "throttled_rate": "50 kbit/s",
    }  # fmt: skip
    plan = worlds.plan(data, "cloud")
    facts = load_facts(plan)["links"]["port"]
    spent_s = 560_000 / (10 * worlds.FRAME_BITS)
    assert facts["cap_spent_s"] == pytest.approx(spent_s, rel=0.01)
    full_s = 560_000 / 10_000_000
    assert facts["possible_mbit_s"] == pytest.approx((0.56 + 0.05 * (8 - full_s)) / 8, rel=1e-6)
    told = [line for line in load_lines("cloud", load_facts(plan)) if "data cap" in line]
    assert len(told) == 1
    assert "; the first data cap is spent after 5.49 s, from then on 0.05 Mbit/s" in told[0]
    port = loaded.loads(worlds.run(plan))["port"]
    assert port["grows"]
    assert port["since_s"] == pytest.approx(spent_s, abs=0.21)


def test_a_cap_belongs_to_each_sender_of_a_shared_cell() -> None:
    data = shared_cell(3, cap="20 kB", throttled_rate="100 kbit/s")
    plan = worlds.plan(data, "cloud")
    caps = dict(zip(plan.links.names, plan.links.table.cap_bits, strict=True))
    assert {name: int(cap) for name, cap in caps.items() if cap} == {
        f"cell radio/cam-{i}": 160_000 for i in range(3)
    }
    rows = worlds.table(worlds.run(plan))
    slow = worlds.FRAME_BITS * 1_000_000_000 // 100_000
    gaps = [np.diff(rows[rows[:, 0] == s, ACCESS])[-1] for s in range(3)]
    assert gaps == [slow] * 3


# Shared radio cells ---------------------------------------------------------------------------


def shared_cell(count: int, **cell: Any) -> dict[str, Any]:
    """Return instant cameras in phase, on radios of 2 Mbit/s below a cell of 10 Mbit/s."""
    data = worlds.pool_of_instant_cameras(count, "40 fps")
    data["sensors"]["cam"]["phase"] = "synchronised"
    data["links"]["cell"] = {
        "technology": "test-radio", "loss": worlds.NO_LOSS, "shared_by": "cell", "to": "wan",
        **cell,
    }  # fmt: skip
    return data


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_lone_sender_has_only_its_own_radio_to_wait_for(engine: str) -> None:
    """The cell has taken the bits while the radio sent them: what is left is 1 ns."""
    rows = worlds.table(worlds.run(worlds.plan(shared_cell(1), "cloud"), engine=engine))
    assert len(rows) > 50
    assert set(rows[:, UPLINK] - rows[:, ACCESS]) == {WIRE + 1}
    first = rows[0]
    assert first[ACCESS] - first[READY] == PROMOTION + SERVICE


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_many_senders_share_the_rate_of_the_cell(engine: str) -> None:
    """Twenty frames leave their radios at once; one follows the other at the cell's 10 Mbit/s."""
    data = shared_cell(20)
    data["duration"], data["sensors"]["cam"]["rate"] = "100 ms", "1 fps"
    rows = worlds.table(worlds.run(worlds.plan(data, "cloud"), engine=engine))
    assert len(rows) == 20
    assert set(rows[:, ACCESS]) == {PROMOTION + SERVICE}
    each = worlds.FRAME_BITS * 1_000_000_000 // 10_000_000
    after = np.sort(rows[:, UPLINK]) - (PROMOTION + SERVICE + WIRE + 1)
    assert after.tolist() == [k * each for k in range(20)]


def test_a_full_cell_carries_its_rate() -> None:
    """Twenty-four senders of 0.41 Mbit/s ask for 9.8, thirty for 12.2 of 10 Mbit/s."""
    carried = {}
    for count in (24, 30):
        data = shared_cell(count, buffer="1 MB")
        data["duration"] = "4 s"
        outcome = worlds.run(worlds.plan(data, "cloud"))
        cell = outcome.plan.links.names.index("cell/cell-0")
        carried[count] = outcome.tally.links[cell, 1] / 4
    assert carried[24] == pytest.approx(24 * 40 * worlds.FRAME_BITS, rel=0.02)
    assert 0.98 * 10e6 < carried[30] <= 10e6


CELL = worlds.FRAME_BITS * 1_000_000_000 // 10_000_000  # 1.0192 ms at the cell's 10 Mbit/s


def traced(folder: Path, times_ns: dict[str, list[int]], **changes: Any) -> Plan:
    """Return the plan of instant cameras on one cell, each of which captures at times of its own.

    Groups are given by the part of their sensors' names before the dash.
    """
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    rows = [f"{name},{t}\n" for name, times in times_ns.items() for t in times]
    (folder / "times.csv").write_text("sensor,t_ns\n" + "".join(rows))
    trace = {"trace": {"file": "times.csv", "column": "t_ns", "sensor": "sensor"}}
    data = shared_cell(1, **changes)
    cam = data["sensors"].pop("cam")
    for group in sorted({name.split("-")[0] for name in times_ns}):
        count = sum(name.startswith(group) for name in times_ns)
        data["sensors"][group] = {**cam, "count": count, "capture": trace}
    if "box" in data["sensors"]:
        data["sensors"]["box"]["uplink"] = "port"
        data["links"]["port"] = {**PORT, "shared_by": "sensor", "to": "cell"}
    data["events"] = [{"at": "50 ms", "outage": "cell", "lasts": "100 ms"}]
    loaded = loads(json.dumps(data), str(folder / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), "cloud")


@pytest.mark.parametrize(
    "options", [{}, {"window_ns": 700_000}, {"shards": 2}, {"engine": "reference"}]
)
def test_what_waits_for_a_cell_waits_in_its_own_modem(
    options: dict[str, Any], tmp_path: Path
) -> None:
    """Modems of 2 kB hold 1.57 frames; the cell is down from 50 to 150 ms.

    Each modem keeps one frame through the outage, whatever the other holds, and loses what comes
    while that one waits. A frame half sent counts half: with 0.5192 ms of one left another fits
    into 1.6 ms, with 0.7384 ms left it does not.
    """
    captured_us = {
        "cam-0": [0, 40_000, 50_000, 60_000, 75_000, 90_000, 105_000, 120_000, 135_000, 145_404],
        "cam-1": [12_000, 55_000, 70_000, 85_000, 100_000, 115_000, 130_000, 140_000, 146_204],
    }
    times_ns = {name: [1000 * t for t in times] for name, times in captured_us.items()}
    plan = traced(tmp_path, times_ns, buffer="2 kB")
    rows = worlds.table(worlds.run(plan, **options))
    first, second = (rows[rows[:, SENSOR] == s] for s in (0, 1))
    at = {s: np.array(times_ns[f"cam-{s}"]) + SERVICE for s in (0, 1)}
    at[0][0] += PROMOTION
    at[1][0] += PROMOTION
    assert first[:, ACCESS].tolist() == at[0].tolist()
    assert second[:, ACCESS].tolist() == at[1].tolist()
    kept = {0: [0, 1, 2, 9], 1: [0, 1]}
    for s, mine in enumerate((first, second)):
        lost = np.setdiff1d(np.arange(len(mine)), kept[s])
        assert set(mine[kept[s], FATE]) == {RESULT}
        assert set(mine[lost, FATE]) == {LOST_ACCESS_BUFFER}
        assert mine[lost, DONE].tolist() == at[s][lost].tolist()
        assert set(mine[lost, UPLINK]) == {-1}
    up = 150 * MS + WIRE
    assert first[kept[0], UPLINK].tolist() == [
        at[0][0] + 1 + WIRE, at[0][1] + 1 + WIRE, up + CELL, up + 3 * CELL
    ]  # fmt: skip
    assert second[kept[1], UPLINK].tolist() == [at[1][0] + 1 + WIRE, up + 2 * CELL]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_frames_that_come_to_a_cell_by_a_line_wait_in_one_box(engine: str, tmp_path: Path) -> None:
    """Two cameras on ports share a box of 2 kB before the cell; a third has its own modem.

    Nothing is sent to the cell while the frame is on the port: it is sent in full after it.
    """
    times_ns = {"box-0": [0, 60 * MS], "box-1": [70 * MS], "cam-0": [60 * MS]}
    plan = traced(tmp_path, times_ns, buffer="2 kB")
    rows = worlds.table(worlds.run(plan, engine=engine))
    fates = [RESULT, RESULT, LOST_CELL_BUFFER, RESULT]
    assert rows[:, FATE].tolist() == fates
    assert rows[0, UPLINK] - rows[0, ACCESS] == CELL + WIRE
    up = 150 * MS + WIRE
    assert rows[[1, 3], UPLINK].tolist() == [up + CELL, up + 2 * CELL]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_box_loses_what_it_would_lose_without_radios_beside_it(engine: str) -> None:
    """Cameras on ports lose the same frames on a cell, whether others reach it by radio or not."""
    data = shared_cell(1, loss="40 %")
    cam = {**data["sensors"]["cam"], "count": 3, "rate": "2 fps", "uplink": "port"}
    data["links"]["port"] = {**PORT, "shared_by": "sensor", "to": "cell"}
    lost = []
    for beside in ({}, {"z": {**data["sensors"]["cam"], "rate": "1 fps"}}):
        plan = worlds.plan({**data, "sensors": {"box": cam, **beside}, "duration": "20 s"}, "cloud")
        rows = worlds.table(worlds.run(plan, engine=engine))
        gone = rows[(rows[:, SENSOR] < 3) & (rows[:, FATE] == LOST_LINK)]
        lost.append(gone[:, [SENSOR, FRAME]].tolist())
    assert len(lost[0]) > 3
    assert lost[0] == lost[1]


def test_a_cap_on_a_cell_of_boxes_and_radios_is_refused() -> None:
    data = shared_cell(2, cap="1 MB", throttled_rate="100 kbit/s")
    data["links"]["port"] = {**PORT, "shared_by": "sensor", "to": "cell"}
    data["sensors"]["box"] = {**data["sensors"]["cam"], "uplink": "port"}
    with pytest.raises(InputError, match=r"links\.cell\.cap: .* 'box' comes from 'port', a box"):
        worlds.plan(data, "cloud")


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_frame_cut_off_in_its_last_moment_needs_no_more_room(engine: str, tmp_path: Path) -> None:
    """The port goes down when the first frame would depart; its buffer holds one frame more."""
    uplink = {**PORT, "buffer": "1274 B"}
    down = {"at": f"{CELL} ns", "outage": "first", "lasts": "10 ms"}
    plan = worlds.lone(tmp_path, [0, 5 * MS, 6 * MS], uplink, events=[down])
    rows = worlds.table(worlds.run(plan, engine=engine))
    assert rows[:, FATE].tolist() == [RESULT, RESULT, LOST_ACCESS_BUFFER]
    up = CELL + 10 * MS + WIRE
    assert rows[:2, ACCESS].tolist() == [up, up + CELL]


def test_a_cell_whose_modems_hold_no_frame_is_named() -> None:
    with pytest.raises(InputError, match=r"links\.cell: its buffer of 100 B never holds a frame"):
        worlds.plan(shared_cell(2, buffer="100 B"), "cloud")
