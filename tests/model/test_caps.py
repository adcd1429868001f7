"""Data caps that start anew: by hand at a month's end, by brute force, by the clock, in loads."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.errors import InputError
from fleet.model.events import CAP_RENEWED
from fleet.model.frames import ACCESS, CAPTURE
from fleet.plan import caps
from fleet.results.load import loads
from fleet.results.series import event_table
from fleet.show.expected import load_lines
from fleet.study.expected import load_facts

MS, SECOND, HOUR = 10**6, 10**9, 3600 * 10**9
WIRE = 1_000_000  # of `test-port`
BITS = worlds.FRAME_BITS
FAST, SLOW = BITS * SECOND // 10_000_000, BITS * SECOND // 200_000
PORT: dict[str, Any] = {
    "technology": "test-port", "rate": "10 Mbit/s", "buffer": "100 MB", "cap_renews": "monthly",
    "throttled_rate": "200 kbit/s",
}  # fmt: skip
EVE = "2024-05-31T23:59:59"
"""A second before the month ends."""


def sent_ns(times_ns: list[int], folder: Path, engine: str, **changes: Any) -> list[int]:
    """Return when frames that are captured at given times have been sent by their capped port."""
    uplink = PORT | changes.pop("uplink")
    plan = worlds.lone(folder, times_ns, uplink, **{"duration": "3 s", "start": EVE, **changes})
    rows = worlds.table(worlds.run(plan, engine=engine))
    assert rows[:, CAPTURE].tolist() == times_ns
    return (rows[:, ACCESS] - WIRE).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_cap_is_whole_again_as_the_month_begins(engine: str, tmp_path: Path) -> None:
    """32,000 of 160,000 bit are left: 3.1 frames. In June there is room for 15.7."""
    times = [k * 100 * MS for k in range(30)]
    uplink = {"cap": "20 kB", "cap_used": "80 %"}
    sent = sent_ns(times, tmp_path, engine, uplink=uplink)
    took = [end - begin for begin, end in zip(times, sent, strict=True)]
    assert took == [FAST] * 4 + [SLOW] * 6 + [FAST] * 16 + [SLOW] * 4


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_what_is_in_the_port_at_midnight_goes_on_in_the_new_month(
    engine: str, tmp_path: Path
) -> None:
    """Of the first of three 4,000 bit are sent at 200 kbit/s by then, 6,192 at 10 Mbit/s.

    It is the first of two that the new cap of 10,400 bit lets through, as it departs in June.
    """
    times = [980 * MS, 985 * MS, 990 * MS]
    sent = sent_ns(times, tmp_path, engine, uplink={"cap": "1300 B", "cap_used": "100 %"})
    assert sent[0] == 980 * MS + FAST  # of a cap that is spent one bit is left

    times = [900 * MS, *times]
    (tmp_path / "again").mkdir()
    uplink = {"cap": "1300 B", "cap_used": "100 %"}
    _, *sent = sent_ns(times, tmp_path / "again", engine, uplink=uplink)
    first = SECOND + (BITS - 4_000) * 100
    assert sent == [first, first + FAST, first + FAST + SLOW]


def by_brute_force(
    times_ns: list[int], cap_bits: int, left_bits: int, anew: list[int]
) -> list[int]:
    """Return when frames have been sent, reckoned frame by frame from one renewal to the next."""
    free_ns, sent, used = 0, [], 0
    for arrives in times_ns:
        at, left = max(arrives, free_ns), BITS * SECOND
        if bisect_right(anew, at) > bisect_right(anew, free_ns):
            used = 0  # nothing was in the port as it started anew
        cap = cap_bits if bisect_right(anew, at) else left_bits
        while True:
            rate = 200_000 if used >= cap else 10_000_000
            k = bisect_right(anew, at)
            until = anew[k] if k < len(anew) else 2**62
            if at + left // rate < until:
                break
            left, at, used, cap = left - (until - at) * rate, until, 0, cap_bits
        free_ns = at + left // rate
        used += BITS
        sent.append(free_ns)
    return sent


def test_crowds_about_midnights_are_as_brute_force_has_them(tmp_path: Path) -> None:
    """In the evening of each day so much comes that its last frames are sent the next day."""
    chance, midnights = np.random.default_rng(5), [60 * SECOND + 24 * HOUR * k for k in range(3)]
    times: list[int] = []
    for midnight in midnights:
        at = midnight - int(chance.integers(SECOND // 5, 2 * SECOND))
        times += (at + np.sort(chance.integers(0, SECOND, size=120))).tolist()
    times = sorted(set(times))
    uplink = {"cap": "52 kB", "cap_used": "30 %", "cap_renews": "daily"}
    changes = {"start": "2024-05-29T23:59", "duration": "49 h", "uplink": uplink}
    sent = sent_ns(times, tmp_path, "columns", **changes)
    over = sum(a < m <= b for m in midnights for a, b in zip(times, sent, strict=True))
    assert over > 60  # were in the port as a day began
    assert sent == by_brute_force(times, 416_000, 291_200, midnights)


@pytest.mark.parametrize(
    "options", [{"window_ns": 70_000_000}, {"shards": 3, "window_ns": 400_000_000}]
)
def test_windows_and_shards_do_not_matter(options: dict[str, Any]) -> None:
    data = worlds.scenario(start=EVE)
    for link, cap in (("cell", "20 kB"), ("metro", "60 kB")):
        data["links"][link] |= {
            "rate": "3 Mbit/s", "cap": cap, "throttled_rate": "200 kbit/s", "cap_renews": "daily",
        }  # fmt: skip
    plan = worlds.plan(data, "cloud")
    assert (plan.control.timetable.kind == CAP_RENEWED).sum() == 3  # two cells and one backhaul
    whole = worlds.run(plan).tally.fingerprint()
    assert worlds.run(plan, engine="reference").tally.fingerprint() == whole
    assert worlds.run(plan, **options).tally.fingerprint() == whole


@pytest.mark.parametrize(
    ("start", "zone", "monthly", "hours"),
    [
        ("2024-05-31T12:00", None, False, [12, 36, 60]),
        ("2024-05-31T12:00", None, True, [12]),
        ("2024-06-01T00:00", None, True, []),  # which is the start, of which `cap_used` speaks
        ("2024-03-30T12:00", "Europe/Helsinki", True, [35]),  # a day of 23 hours
        ("2024-10-26T12:00", "Europe/Helsinki", False, [12, 37, 61]),
        ("2018-11-03T12:00", "America/Sao_Paulo", False, [12, 35, 59]),  # 0:00 is left out
        ("2017-02-18T12:00", "America/Sao_Paulo", False, [13, 37, 61]),  # 23:00 is there twice
    ],
)
def test_days_and_months_begin_by_the_local_clock(
    start: str, zone: str | None, monthly: bool, hours: list[int]
) -> None:
    made = worlds.load(worlds.scenario(start=start, timezone=zone, duration="72 h", light="day"))
    assert caps.midnights_ns(made, monthly=monthly) == [h * HOUR for h in hours]


def test_each_radio_below_a_cell_gets_its_own_cap_again() -> None:
    data = worlds.scenario(start=EVE)
    data["links"]["cell"] = {
        "technology": "test-radio", "shared_by": "cell", "to": "metro", "cap": "20 kB",
        "cap_used": "50 %", "cap_renews": "monthly", "throttled_rate": "100 kbit/s",
    }  # fmt: skip
    plan = worlds.plan(data, "cloud")
    events = plan.control.timetable
    anew = events[events.kind == CAP_RENEWED]
    names = [plan.links.names[link] for link in anew.target]
    assert names == [f"cell radio/cam-{i}" for i in range(6)]
    assert (set(anew.time_ns.tolist()), set(anew.a.tolist())) == ({SECOND}, {160_000})
    told = event_table(worlds.run(plan)).to_pylist()
    assert {t["change"] for t in told if t["kind"] == "cap_renewed"} == {"20 kB"}


def test_what_links_can_carry_takes_each_term_by_itself(tmp_path: Path) -> None:
    """20 frames a second spend 160,000 bit in 0.785 s; a second later there are as many again."""
    times = [k * 50 * MS for k in range(60)]
    uplink = {**PORT, "cap": "20 kB"}
    plan = worlds.lone(tmp_path, times, uplink, duration="3 s", start=EVE)
    rate, slow, cap = 10_000_000, 200_000, 160_000
    possible = 2 * cap + slow * (3 - 2 * cap / rate)  # of the two terms each has its cap
    load = loads(worlds.run(plan))["first"]
    assert load["busiest_offered"] == pytest.approx(60 * BITS / possible, rel=1e-9)
    facts = load_facts(plan)["links"]["first"]
    assert facts["cap_spent_s"] == pytest.approx(cap / (20 * BITS), rel=0.01)
    assert facts["possible_mbit_s"] == pytest.approx(possible / 3 / 1e6, rel=1e-6)
    (told,) = [line for line in load_lines("cloud", load_facts(plan)) if "data cap" in line]
    assert told.endswith("from then on 0.2 Mbit/s, until it starts anew after 1 s")


def test_a_cap_that_lasts_each_day_never_slows(tmp_path: Path) -> None:
    """In the run as a whole twice as much is sent as the cap holds."""
    times = [k * 100 * MS for k in range(20)]
    uplink = {**PORT, "cap": "14 kB", "cap_renews": "daily"}
    plan = worlds.lone(tmp_path, times, uplink, duration="2 s", start=EVE)
    load = loads(worlds.run(plan))["first"]
    assert not load["grows"]
    assert load["busiest_offered"] == pytest.approx(20 * BITS / 2 / 10_000_000, rel=1e-9)
    assert "cap_spent_s" not in load_facts(plan)["links"]["first"]


def test_too_many_renewals_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(caps, "MOST_RENEWALS", 1)
    uplink = {**PORT, "cap": "1 MB", "cap_renews": "daily"}
    words = r"links\.first\.cap_renews: the caps of 1 links would start anew 2 times each"
    with pytest.raises(InputError, match=words):
        worlds.lone(tmp_path, [0], uplink, duration="40 h", start=EVE)


def test_a_start_may_say_seconds() -> None:
    made = worlds.load(worlds.scenario(start=EVE))
    assert made.model.start_time == dt.datetime(2024, 5, 31, 23, 59, 59)
