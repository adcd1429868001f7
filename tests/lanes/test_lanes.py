"""Lanes and columns give the same, whenever one is changed for the other."""

from __future__ import annotations

import re
from pathlib import Path
from platform import machine
from typing import Any

import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding as llvm
from numba import njit

from fleet.bench import workloads
from fleet.columns.shard import Shard
from fleet.engine.tally import Tally
from fleet.engine.window import windows
from fleet.errors import InputError
from fleet.kernel import kernel
from fleet.lanes import device, results
from fleet.lanes.fold import fold
from fleet.lanes.frames import grown
from fleet.lanes.plain import is_plain
from fleet.lanes.records import MANY_BITS, service_of
from fleet.lanes.shard import LaneShard, shard
from fleet.lanes.tile import Span
from fleet.lanes.when import Lanes
from fleet.model.books import BOOTS, CAPTURED
from fleet.model.frames import CLOCK
from fleet.plan.light import light_by_second
from fleet.plan.partition import partition
from fleet.plan.plan import Plan
from fleet.running.live_eyes import open_eyes
from fleet.running.options import Options
from fleet.running.run import Outcome
from fleet.simulation import Simulation

WINDOWS = st.sampled_from([9_999_999, 100_000_000, 250_000_000, None])
PLAIN = {"world": worlds.plain_scenarios(), "arm": worlds.PLAIN_ARMS}


def run(made: Plan, lanes: str, **options: Any) -> Outcome:
    return worlds.run(made, keep=False, lanes=lanes, **options)


def tables(tally: Tally) -> list[Any]:
    """Return all that is counted but for the time computing, which is by setup."""
    parts = [getattr(tally, name).tolist() for name in ("sensors", "links", "servers")]
    return [*parts, tally.fingerprint(), worlds.by_second(tally)]


def counted(outcome: Outcome) -> list[Any]:
    """Return all that a run counts."""
    return [
        *tables(outcome.tally), outcome.in_flight, outcome.tally.computing_ns.tolist(),
    ]  # fmt: skip


@given(**PLAIN, window_ns=WINDOWS, least=st.sampled_from([1, 1000]))
@settings(max_examples=30)
def test_lanes_and_columns_agree(
    world: dict[str, Any], arm: str, window_ns: int | None, least: int
) -> None:
    """Also where each region, or each link that leads nowhere else, is a part of its own."""
    made = worlds.plan(world, arm)
    columns = counted(run(made, "never", window_ns=window_ns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.lanes.parts._LEAST", least)
        assert counted(run(made, "always", window_ns=window_ns)) == columns
        assert counted(run(made, "worth")) == columns


@given(**PLAIN)
@settings(max_examples=20)
def test_lanes_and_the_reference_agree(world: dict[str, Any], arm: str) -> None:
    made = worlds.plan(world, arm)
    lanes = run(made, "always")
    reference = worlds.run(made, keep=False, engine="reference")
    assert lanes.tally.fingerprint() == reference.tally.fingerprint()
    assert worlds.by_second(lanes.tally) == worlds.by_second(reference.tally)
    assert lanes.in_flight == reference.in_flight


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=20)
def test_lanes_may_be_asked_of_any_world(world: dict[str, Any], arm: str) -> None:
    made = worlds.plan(world, arm)
    assert counted(run(made, "always", shards=2)) == counted(run(made, "never", shards=2))


@given(**PLAIN, window_ns=st.sampled_from([33_333_333, 250_000_000]))
@settings(max_examples=20)
def test_what_is_asked_between_windows_is_the_same(
    world: dict[str, Any], arm: str, window_ns: int
) -> None:
    """Where every frame is, what is in ports, how sensors stand, what is counted; on a copy too."""
    look_between_windows(worlds.plan(world, arm), window_ns)


def look_between_windows(made: Plan, window_ns: int) -> None:
    """Assert that lanes and columns stand the same at the end of every window."""
    whole = partition(made, 1).shards[0]
    lanes = shard(made, whole, open_eyes, lanes=Lanes.always)
    again, columns = (
        shard(made, whole, open_eyes, lanes=Lanes.always),
        Shard(made, whole, open_eyes),
    )
    for window in windows(0, made.end_ns, window_ns, made.cuts_ns):
        lanes.advance(window)
        columns.advance(window)
        again.load(lanes.save())
        for one in (lanes, again):
            assert standing(one, made) == standing(columns, made)
        lanes, again = again, lanes


def standing(one: Shard, made: Plan) -> list[Any]:
    """Return all that can be asked of a shard between windows."""
    rows = one.under_way()
    rows[:, CLOCK] = 0
    one.close(one.env.now)
    states = [one.sensor_state(sensor) for sensor in range(made.size)]
    return [
        sorted(rows.tolist()), one.in_flight(), one.queued_bits()[1].tolist(), states,
        tables(one.counts()),
    ]  # fmt: skip


@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
@pytest.mark.parametrize(("sensors", "rate", "seconds"), [(700, 10, 3), (300, 1, 9)])
def test_the_city_of_the_bench_runs_in_lanes(
    arm: str, sensors: int, rate: int, seconds: int
) -> None:
    """At one frame a second its links lose half of the frames."""
    made = workloads.plan(workloads.city(sensors, rate, f"{seconds} s"), arm)
    assert counted(run(made, "worth")) == counted(run(made, "never"))
    lanes = shard(made, partition(made, 1).shards[0], open_eyes)
    assert isinstance(lanes, LaneShard)


BURSTS = {"gap": "60 ms", "burst": "40 ms", "bad": "70 %", "good": "1 %"}
ODD: dict[str, dict[str, Any]] = {
    "clocks without a period": {"capture": "poisson"},
    "every third": {"publish": "every 3 inferences"},
    "once in a time": {"publish": "every 300 ms", "capture": "poisson"},
    "on change": {"publish": "on change or every 2 s"},
    "losses at ports": {"loss": {"port": "5 %"}},
    "losses at shared links": {"loss": {"fibre": "5 %", "wan": "1 %"}},
    "bursts of losses": {"loss": {"port": BURSTS, "metro": BURSTS}},
    "caps of ports": {"cap": {"port": {"cap": "20 kB", "throttled_rate": "200 kbit/s"}}},
    "caps of shared links": {
        "cap": {"metro": {"cap": "300 kB", "throttled_rate": "2 Mbit/s"}}, "loss": {"fibre": "1 %"},
    },
    "all at once": {
        "publish": "on change", "capture": "poisson",
        "loss": {"port": "40 %", "fibre": BURSTS, "metro": "2 %", "wan": BURSTS},
        "cap": {"port": {"cap": "6 kB", "throttled_rate": "100 kbit/s"}},
    },
}  # fmt: skip


def odd_city(odd: dict[str, Any], sensors: int = 200, duration: str = "2500 ms") -> Any:
    """Return the city of the bench with something that not all cities have."""
    data = workloads.city(sensors, 10, duration)
    for group in data["sensors"].values():
        group |= {"capture": odd.get("capture", "periodic"), "consumer": "cloud"}
    for kind, loss in odd.get("loss", {}).items():
        for name in data["links"]:
            if name.startswith(kind):
                data["links"][name]["loss"] = loss
    for kind, cap in odd.get("cap", {}).items():
        for name in data["links"]:
            if name.startswith(kind):
                data["links"][name] |= {**cap, "cap_used": "30 %"}
    data["arms"]["on_sensor"]["publish"] = odd.get("publish", "every inference")
    return data


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_odd_cities_run_in_lanes(odd: str, arm: str) -> None:
    """They do from time zero on, and all of the time, with what each part of them costs or not."""
    made = workloads.plan(odd_city(ODD[odd]), arm)
    columns = counted(run(made, "never"))
    assert counted(run(made, "always")) == columns
    assert counted(run(made, "worth", window_ns=333_333_333)) == columns
    lanes = shard(made, partition(made, 1).shards[0], open_eyes)
    assert isinstance(lanes, LaneShard)
    assert is_plain(lanes)


@pytest.mark.parametrize("odd", ["on change", "bursts of losses", "caps of ports", "all at once"])
def test_odd_lanes_can_be_asked_and_taken_up_at_any_time(odd: str) -> None:
    """What is in sensors, in ports, and doomed on a wire stands the same; so does who published."""
    made = workloads.plan(odd_city(ODD[odd], 12, "900 ms"), "on_sensor")
    look_between_windows(made, 17_000_001)


def test_more_frames_may_come_at_once_than_there_is_room_for(tmp_path: Path) -> None:
    """A camera that lists its times takes ten thousand pictures within ten milliseconds."""
    port = {"technology": "test-port", **worlds.WIDE}
    times = [1_000_000 + 1000 * k for k in range(10_000)]
    made = worlds.lone(tmp_path, times, port, duration="1 s")
    lanes = run(made, "always")
    assert lanes.tally.sensors[:, CAPTURED].sum() == len(times)
    assert counted(lanes) == counted(run(made, "never"))


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return when shards begin to run in lanes, as they do."""
    begun: list[int] = []

    def counting(one: Shard) -> Any:
        begun.append(one.env.now)
        return fold(one)

    monkeypatch.setattr("fleet.lanes.shard.fold", counting)
    return begun


def test_lanes_go_on_at_another_rate(folds: list[int]) -> None:
    """They are taken up again as soon as nothing is sent half at one rate and half at the other."""
    change = {"at": "1 s", "link": "metro", "rate": "300 kbit/s"}
    again = {"at": "3 s", "link": "port", "rate": "8 Mbit/s"}
    made = worlds.plan(on_ports(events=[change, again]), "on_sensor")
    every = {"window_ns": 50_000_000}
    assert counted(run(made, "always", **every)) == counted(run(made, "never", **every))
    assert folds[0] == 0
    assert [at for at in folds if 1_000_000_000 <= at < 3_000_000_000]
    assert [at for at in folds if at >= 3_000_000_000]


FAILURES = [
    {"at": "1234 ms", "outage": "metro", "lasts": "300 ms"},
    {"at": "1300 ms", "crash": "cam", "lasts": "400 ms"},
    {"at": "2 s", "rewrite": "cam", "model": "slow"},
]


def on_ports(**changes: Any) -> dict[str, Any]:
    """Return a small scenario whose sensors have ports of their own."""
    data = worlds.scenario(duration="4 s", **changes)
    data["sensors"]["cam"]["uplink"] = "port"
    data["links"]["port"] = {"technology": "test-port", "shared_by": "sensor", "to": "cell"}
    return data


def test_a_model_is_deployed_while_lanes_run() -> None:
    scenario, found = worlds.load(on_ports()), []
    for lanes in Lanes:
        options = Options(executor="local", lanes=lanes)
        with Simulation(scenario, "on_sensor", options=options) as simulation:
            simulation.run(until="700 ms")
            simulation.sensor("cam-0").deploy("slow")
            simulation.run(until="1900 ms")
            states = [simulation.sensor(name).state for name in simulation.sensors]
            counters = simulation.sensor("cam-0").counters
            simulation.run(until="4 s")
            found.append((states, counters, simulation.summary()["fingerprint"]))
    assert found[0] == found[1] == found[2]


def test_links_and_sensors_fail_while_lanes_run(folds: list[int]) -> None:
    """Lanes are left for each event, and taken up again."""
    made = worlds.plan(on_ports(events=FAILURES, warm_up="500 ms"), "on_sensor")
    assert counted(run(made, "always")) == counted(run(made, "never"))
    assert len(folds) > len(FAILURES)
    folds.clear()
    assert counted(run(made, "worth")) == counted(run(made, "never"))
    assert folds == [2_000_000_000] or not [at for at in folds if at < 2_000_000_000]


def test_frames_keep_the_setup_that_made_them_where_the_next_takes_as_long() -> None:
    """What the first model made is on its way for long behind the change."""
    events = [{"at": "600 ms", "rewrite": "cam", "model": "capped"}]
    data = on_ports(events=events)
    data["links"]["cell"]["rate"] = "100 kbit/s"
    made = worlds.plan(data, "on_sensor")
    assert len(made.sensors.setups.ask) == 2
    look_between_windows(made, 10_000_000)


def test_lanes_run_while_a_sensor_is_away(folds: list[int]) -> None:
    events = [{"at": "1 s", "leave": "cam-1"}, {"at": "2 s", "join": "cam-1"}]
    made = worlds.plan(on_ports(events=events), "on_sensor")
    every = {"window_ns": 100_000_000}
    assert counted(run(made, "always", **every)) == counted(run(made, "never", **every))
    assert folds[0] == 0
    assert [at for at in folds if 1_000_000_000 <= at < 2_000_000_000]
    assert [at for at in folds if at >= 2_000_000_000]


@given(bits=st.integers(1, 2**33 - 1), rate=st.integers(1, 10**12))
def test_sending_takes_the_same_time_in_floats(bits: int, rate: int) -> None:
    """Also where the quotient is a whole number, or just below one."""
    for size in (bits % MANY_BITS + 1, bits):
        for other in (rate, size, max(1, rate // size) * size):
            assert taken(size, other) == max(1, size * 10**9 // other)


@kernel
def taken(bits: int, rate: int) -> int:
    return service_of(bits, rate)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(InputError, match="'sometimes' is not one of worth, always, never"):
        Options(lanes="sometimes")


@pytest.mark.skipif(machine() != "x86_64", reason="looks at instructions of x86-64")
def test_lanes_are_vector_instructions() -> None:
    """Sensors side by side: divisions of four or eight floats at once, and shared hashes."""
    if "avx2" not in features():
        pytest.skip("this processor has no AVX2")
    for loop in at_work():  # of what is kept on disk no code is told
        anew = njit(error_model="numpy", _nrt=False)(loop.py_func)
        anew.compile(loop.signatures[0])
        (code,) = anew.inspect_asm().values()
        assert re.search(r"vdivpd\s.*[yz]mm", code)
        assert len(re.findall(r"[yz]mm", code)) > 100


def at_work() -> list[Any]:
    """Return the kernels of sensors and of results, each called by itself once."""
    made = workloads.plan(workloads.city(20, 10, "1 s"), "cloud")
    blocks = fold(Shard(made, partition(made, 1).shards[0], open_eyes))
    part, (first, view) = blocks.parts[0], blocks.devices.crowd.look(0, 10**9)
    lights = light_by_second(made, first, len(view))
    span = Span(0, 10**9, first, view, lights, blocks.tally.link_bins)
    part.frames = grown(part.frames, 1000)
    assert device.advance(part.tiles, span, part.frames, blocks.to)
    results.count(part.frames.done[:0], 0, results.SERVERS, part.frames, blocks.to)
    return [device.advance, results.count]


def features() -> str:
    """Return what the compiler knows of this processor."""
    return str(llvm.get_host_cpu_features().flatten())


def test_autoscalers_see_the_frames_that_wait_in_lanes() -> None:
    """Thirty frames come at once; of those that wait at a look each six want a server."""
    data = worlds.pool_of_instant_cameras(30, "1 fps", duration="3 s")
    data["sensors"]["cam"] |= {"uplink": "port", "phase": "synchronised"}
    data["links"] = {
        "port": {"technology": "test-port", "shared_by": "sensor", "to": "wan", **worlds.WIDE},
        "wan": data["links"]["wan"],
    }
    data["arms"]["cloud"]["model"] = "piped"
    data["cloud"] = {
        "server": "test-gpu", "servers": 1, "decode": False, "batch": {"max": 1},
        "autoscale": {"min": 1, "max": 9, "target": "100 %", "every": "20 ms", "boot": "1 ns",
                      "cooldown": "10 s", "queue": 6},
    }  # fmt: skip
    made = worlds.plan(data, "cloud")
    in_lanes = run(made, "always")
    assert in_lanes.tally.servers[0, BOOTS] > 1
    assert counted(in_lanes) == counted(run(made, "never"))
