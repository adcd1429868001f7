"""Links whose rate changes: a hand calculation, and the integral of the curve by brute force."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import worlds

from fleet.errors import InputError
from fleet.model.books import BUSY_NS, SENDING_NS
from fleet.model.frames import ACCESS, CAPTURE, FATE, LOST_ACCESS_BUFFER, RESULT
from fleet.plan.rates import mean_bps
from fleet.results.load import loads

MS, SECOND = 10**6, 10**9
WIRE = MS
BITS = worlds.FRAME_BITS
PORT = {"technology": "test-port", "rate": "1 Mbit/s", "buffer": "100 MB"}
SLOW = [
    {"at": "2 s", "link": "first", "rate": "500 kbit/s"},
    {"at": "4 s", "link": "first", "rate": "1 Mbit/s"},
]


class Part(NamedTuple):
    """A part of a capacity curve: from when on there is which rate."""

    from_ns: int
    bps: int


def departure_ns(curve: Sequence[Part], start_ns: int, bits: int) -> int:
    """Return the last nanosecond until which a curve, added up since a start, is at most bits."""
    left = Fraction(bits)
    for part, behind in zip(curve, [*curve[1:], Part(10**18, 0)], strict=True):
        begin, end = max(start_ns, part.from_ns), behind.from_ns
        room = Fraction(part.bps * max(0, end - begin), SECOND)
        if room > left:
            return max(start_ns + 1, begin + int(left * SECOND / part.bps))
        left -= room
    raise AssertionError("the curve ends")


def sent_ns(curve: Sequence[Part], arrivals: Sequence[int]) -> list[tuple[int, int]]:
    """Return when frames that come to a port begin to be sent and have been sent."""
    free, out = 0, []
    for at in arrivals:
        start = max(at, free)
        free = departure_ns(curve, start, BITS)
        out.append((start, free))
    return out


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_half_the_rate_for_two_seconds(engine: str, tmp_path: Path) -> None:
    """A frame of 20.384 ms every 20 ms waits 0.384 ms longer than the one before; then it is gone.

    The frame of 3.96 s waits most, and is being sent when the rate comes back at 4 s. If it were
    sent to its end at the rate with which it began, the next would wait 99 times 0.384 ms, 38.0.
    """
    times = [k * 20 * MS for k in range(300)]
    plan = worlds.lone(tmp_path, times, PORT, duration="7 s", events=SLOW)
    rows = worlds.table(worlds.run(plan, engine=engine))
    assert set(rows[:, FATE]) == {RESULT}
    left = rows[:, ACCESS] - WIRE
    wait = [max(0, int(before - at)) for before, at in zip(left, times[1:], strict=False)]
    assert max(wait) == 98 * 384_000
    assert [k + 1 for k, ns in enumerate(wait) if ns] == list(range(101, 202))
    assert wait[197:202] == [37_632_000, 29_008_000, 19_200_000, 9_392_000, 0]


@pytest.mark.parametrize("seed", range(4))
def test_frames_depart_when_the_integral_of_the_curve_says(seed: int, tmp_path: Path) -> None:
    """Steps and outages at odd times, many of them while one frame is being sent."""
    chance = random.Random(seed)
    times = sorted(chance.sample(range(3 * SECOND), 120))
    steps = sorted(chance.sample(range(SECOND // 10, 3 * SECOND), 150))
    rates = [chance.choice([12_345, 400_000, 1_000_003, 7 * 10**6, 10**12]) for _ in steps]
    events: list[dict[str, Any]] = [
        {"at": f"{at} ns", "link": "first", "rate": f"{bps} bit/s"}
        for at, bps in zip(steps, rates, strict=True)
    ]
    curve = [Part(0, 10**6)]
    for k, (at, bps) in enumerate(zip(steps, rates, strict=True)):
        following = steps[k + 1] if k + 1 < len(steps) else at + 10
        if k % 7 == 3:  # down for a part of the step
            down = [chance.randrange(at, following - 1) for _ in range(2)]
            begin, end = min(down), max(down) + 1
            events.append({"at": f"{begin} ns", "outage": "first", "lasts": f"{end - begin} ns"})
            curve += [Part(at, bps), Part(begin, 0), Part(end, bps)]
        else:
            curve.append(Part(at, bps))
    chance.shuffle(events)
    plan = worlds.lone(tmp_path, times, PORT, duration="300 s", events=events)
    expected = sent_ns(curve, times)
    spent = sum(
        min(end, behind.from_ns) - max(start, part.from_ns)
        for start, end in expected
        for part, behind in zip(curve, [*curve[1:], Part(10**18, 0)], strict=True)
        if part.bps and min(end, behind.from_ns) > max(start, part.from_ns)
    )
    for engine in worlds.ENGINES:
        found = worlds.run(plan, engine=engine)
        rows = worlds.table(found)
        assert rows[:, CAPTURE].tolist() == times
        assert (rows[:, ACCESS] - WIRE).tolist() == [end for _, end in expected]
        assert found.tally.links[plan.links.of[0][0], BUSY_NS] == spent
        assert found.tally.sensors[0, SENDING_NS] == spent


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_buffer_holds_bits(engine: str, tmp_path: Path) -> None:
    """Three frames fit whatever the rate; at a lower one they leave later, and others are lost."""
    times = [0, 1, 2, 3, 1000 * MS]
    uplink = {**PORT, "buffer": f"{3 * BITS // 8} B"}
    events = [{"at": "2 ms", "link": "first", "rate": "100 kbit/s"}]
    plan = worlds.lone(tmp_path, [*times[:4], 3 * MS, 1000 * MS], uplink, events=events)
    rows = worlds.table(worlds.run(plan, engine=engine))
    assert rows[:, FATE].tolist() == [RESULT] * 3 + [LOST_ACCESS_BUFFER] * 2 + [RESULT]
    first = 2 * MS + (BITS - 2000) * 10_000
    left = [first + k * BITS * 10_000 for k in range(3)]
    assert (rows[:3, ACCESS] - WIRE).tolist() == left


@pytest.mark.parametrize("arm", ["cloud", "edge", "on_sensor"])
def test_a_change_to_the_rate_there_is_changes_nothing(arm: str) -> None:
    data = worlds.scenario(duration="1 s")
    data["arms"]["edge"] = data["arms"]["cloud"]
    data["links"]["cell"] |= {
        "technology": "test-radio", "rate": "3 Mbit/s", "cap": "30 kB",
        "throttled_rate": "1 Mbit/s",
    }  # fmt: skip
    data["links"]["metro"]["loss"] = "10 %"
    outage = {"at": "310 ms", "outage": "cell", "lasts": "70 ms"}
    same = [
        {"at": "1 ms", "every": "7 ms", "link": "cell", "rate": "3 Mbit/s"},
        {"at": "1 ms", "every": "3 ms", "link": "metro", "rate": "10 Mbit/s"},
    ]
    plain = worlds.plan({**data, "events": [outage]}, arm)
    assert plain.links.table.rate_bps[plain.links.names.index("metro")] == 10**7
    changed = worlds.plan({**data, "events": [outage, *same]}, arm)
    assert len(changed.control.timetable) > 300
    prints = {
        worlds.run(made, engine=engine).tally.fingerprint()
        for made in (plain, changed)
        for engine in worlds.ENGINES
    }
    assert len(prints) == 1


def test_behind_a_cap_the_lower_rate_counts(tmp_path: Path) -> None:
    cap = {"cap": f"{BITS // 8} B", "throttled_rate": "500 kbit/s"}
    events = [
        {"at": "1 s", "link": "first", "rate": "200 kbit/s"},
        {"at": "2 s", "link": "first", "rate": "800 kbit/s"},
    ]
    times = [0, 500 * MS, 1500 * MS, 2500 * MS]
    plan = worlds.lone(tmp_path, times, {**PORT, **cap}, duration="4 s", events=events)
    for engine in worlds.ENGINES:
        rows = worlds.table(worlds.run(plan, engine=engine))
        took = (rows[:, ACCESS] - WIRE - rows[:, CAPTURE]).tolist()
        assert took == [BITS * 1000, BITS * 2000, BITS * 5000, BITS * 2000]


def test_what_a_link_could_do_is_the_mean_of_its_rates(tmp_path: Path) -> None:
    times = [k * 20 * MS for k in range(200)]
    plan = worlds.lone(tmp_path, times, PORT, duration="4001 ms", warm_up="1 s", events=SLOW)
    own = plan.links.of[0][0]
    rates = mean_bps(plan.links.table, plan.control.timetable, plan.warm_up_ns, plan.end_ns)
    assert rates[own] == pytest.approx((1001 * 10**6 + 2000 * 500_000) / 3001)
    load = loads(worlds.run(plan))["first"]
    assert load["busiest_offered"] == pytest.approx(150 * BITS / (3.001 * rates[own]))


def test_radios_below_a_cell_keep_their_rate() -> None:
    data = worlds.scenario(events=[{"at": "1 s", "link": "cell/cam-0", "rate": "1 Mbit/s"}])
    with pytest.raises(InputError, match="no link 'cell/cam-0'"):
        worlds.plan(data, "cloud")
    data["links"]["cell"]["technology"] = "test-radio"
    data["events"][0]["link"] = "cell radio"
    with pytest.raises(InputError, match="not a name"):
        worlds.plan(data, "cloud")
    slow = {"at": "1 s", "link": "cell", "rate": "1 bit/s"}
    data["links"]["cell"]["buffer"] = "100 MB"
    with pytest.raises(InputError, match=r"links\.cell\.buffer.* are sent in .* d, more than"):
        worlds.plan({**data, "events": [slow]}, "cloud")


@pytest.mark.parametrize("buffer", ["100 MB", "1000 GB"])
def test_the_buffer_of_a_radio_is_sent_at_its_own_rate(buffer: str) -> None:
    data = worlds.scenario()
    data["links"]["cell"] |= {"technology": "test-radio", "user_rate": "1 bit/s", "buffer": buffer}
    with pytest.raises(InputError, match=r"links\.cell\.buffer.* at 1 bit/s are sent in .* d"):
        worlds.plan(data, "cloud")
