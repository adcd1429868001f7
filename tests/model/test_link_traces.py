"""Rates of links that follow files: steps by hand, the same as events, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.errors import InputError
from fleet.model.events import LINK_DOWN, LINK_RATE
from fleet.plan.plan import Plan
from fleet.plan.rates import mean_bps
from fleet.results.series import event_table

MS, SECOND = 10**6, 10**9
PORT = {"technology": "test-port", "buffer": "100 MB"}
TABLE = "t_ms,up_kbit_s\n1000,1000\n1250,0\n1400,500\n1401,2000.0005\n1900,1000\n"
BY_TABLE = {"file": "rates.csv", "time": "t_ms", "column": "up_kbit_s"}
AS_EVENTS: list[dict[str, Any]] = [
    {"at": "250 ms", "outage": "first", "lasts": "150 ms"},
    {"at": "400 ms", "link": "first", "rate": "500 kbit/s"},
    {"at": "401 ms", "link": "first", "rate": "2000000 bit/s"},
    {"at": "900 ms", "link": "first", "rate": "1000 kbit/s"},
]


def follows(folder: Path, rate: dict[str, Any], text: str, **changes: Any) -> Plan:
    """Return the plan of a camera of 100 fps whose port follows a file."""
    folder.mkdir(exist_ok=True)
    (folder / str(rate.get("file") or rate["packets"])).write_text(text, "utf-8")
    times = list(range(0, SECOND, 10 * MS))
    return worlds.lone(folder, times, {**PORT, "rate": rate}, **changes)


def steps(plan: Plan, link: int = 0) -> list[tuple[int, int]]:
    """Return when a link has which rate, 0 where it is down, to where it is repaired."""
    events = plan.control.timetable
    mine = events[events.target == link]
    rates = [(int(e.time_ns), int(e.a)) for e in mine[mine.kind == LINK_RATE]]
    return sorted(rates + [(int(e.time_ns), 0) for e in mine[mine.kind == LINK_DOWN]])


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_table_is_the_events_that_it_stands_for(engine: str, tmp_path: Path) -> None:
    """Times count from its first row; a rate is rounded down to bit/s; 0 is an outage."""
    asked = follows(tmp_path / "file", BY_TABLE, TABLE, duration="1 s")
    (tmp_path / "events").mkdir()
    times = list(range(0, SECOND, 10 * MS))
    stated = worlds.lone(
        tmp_path / "events", times, {**PORT, "rate": "1 Mbit/s"}, duration="1 s", events=AS_EVENTS
    )
    rows = [worlds.captured(worlds.run(plan, engine=engine)) for plan in (asked, stated)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 100
    port = asked.links.of[0][0]
    assert steps(asked, port)[1:] == steps(stated, port)


def test_packets_are_counted_in_bins(tmp_path: Path) -> None:
    """Bins of 4 ms of a file of 10 ms, the last 2 ms long; what stands at 10 ms is in it."""
    text = "".join(f"{ms}\n" for ms in (0, 0, 3, 4, 7, 7, 7, 10))
    plan = follows(tmp_path, {"packets": "a.up", "every": "4 ms", "repeat": True}, text,
                   duration="25 ms")  # fmt: skip
    bps = [3 * 12_000 * 250, 4 * 12_000 * 250, 1 * 12_000 * 500]
    at = [k * 10 * MS + bin_ms * MS for k in range(3) for bin_ms in (0, 4, 8)]
    assert steps(plan, plan.links.of[0][0]) == list(zip(at, bps * 3, strict=True))[:8]
    assert sum(bps[:2]) * 4 + bps[2] * 2 == 8 * 12_000 * 1000
    assert plan.links.table.rate_bps[plan.links.of[0][0]] == max(bps)


def test_what_is_skipped_and_what_begins_anew(tmp_path: Path) -> None:
    rate = BY_TABLE | {"skip": "300 ms", "repeat": True}
    plan = follows(tmp_path, rate, TABLE, duration="2 s")  # of a file of 1.399 s
    told = [(100, 500_000), (101, 2_000_000), (600, 1_000_000), (1349, 0), (1499, 500_000),
            (1500, 2_000_000), (1999, 1_000_000)]  # fmt: skip
    first = [(0, 0), (0, 500_000)]  # nothing, and what a buffer would be sent with
    assert steps(plan, plan.links.of[0][0]) == first + [(ms * MS, bps) for ms, bps in told]


def test_links_begin_anywhere_and_have_the_same_rates_in_turn(tmp_path: Path) -> None:
    """Each has the steps of the file, rotated; another replication has other places."""
    data = worlds.scenario(duration="700 ms")
    data["sensors"]["cam"] |= {"uplink": "port", "count": 5}
    data["links"]["port"] = {
        "technology": "test-port", "shared_by": "sensor", "to": "metro",
        "rate": {"file": "rates.csv", "time": "t_ms", "column": "up_kbit_s", "repeat": True,
                 "begin": "random"},
    }  # fmt: skip
    plan, again, other = (worlds.plan(data, "cloud", replication=n) for n in (0, 0, 1))
    assert plan.digest() == again.digest()
    mine = [steps(plan, link) for link in plan.links.of[0]]
    assert len({tuple(each) for each in mine}) == 5
    assert mine != [steps(other, link) for link in other.links.of[0]]
    for each in mine:
        whole = np.diff(np.unique([at for at, _ in each])).tolist()[1:-1]
        assert set(whole) <= {113 * MS, 67 * MS, 131 * MS, 189 * MS}
        assert len(whole) in (3, 4)


CANNOT: list[tuple[dict[str, Any], str, str]] = [
    (BY_TABLE, "t_ms,up_kbit_s\n0,1\n9,1\n", "is 0.018 s long and ends before the run of 2 s"),
    (BY_TABLE, "t_ms,up_kbit_s\n0,1\n", "has one row; a rate that stays is"),
    (BY_TABLE, "t_ms,up_kbit_s\n5,1\n5,2\n", "t_ms in row 2 is 5, and that in the row before 5"),
    (BY_TABLE, "t_ms,up_kbit_s\n5,1\n3,2\n", "times go on, from row to row"),
    (BY_TABLE, "t_ms,up_kbit_s\n0,1\n9000,-2\n", "up_kbit_s in row 2 is '-2'; write rates of 0"),
    (BY_TABLE, "t_ms,up_kbit_s\n0,1\n9000,\n", "up_kbit_s in row 2 is empty or not a number"),
    (BY_TABLE, "t_ms,up_kbit_s\n0,0\n9000,5\n", "has no rate above 0 in the run"),
    (BY_TABLE, "t_ms,down\n0,0\n9000,5\n", "has no column up_kbit_s; it has t_ms, down"),
    (BY_TABLE, "", "cannot read t_ms, up_kbit_s"),
    ({"file": "rates.csv", "time": "t"}, "t,rate_mbit_s\n0,1\n9,1\n", "'t' must end in its unit"),
    (BY_TABLE | {"skip": "1 h"}, TABLE, "is 1.399 s long, of which 'skip' leaves nothing"),
    (BY_TABLE | {"begin": "random"}, TABLE, "'begin: random' needs 'repeat: true'"),
    (BY_TABLE | {"every": "1 s"}, TABLE, "'every' says nothing of 'file'; remove it"),
    (BY_TABLE | {"packets": "a.up"}, TABLE, "give either 'file'"),
    ({"packets": "a.up"}, "3\n1\n", "a.up:2 is 1, before 3 in the line above"),
    ({"packets": "a.up"}, "3\n\n4\n", "a.up:2 is ''; write whole milliseconds, one a line"),
    ({"packets": "a.up"}, "3.5\n", "a.up:1 is '3.5'"),
    ({"packets": "a.up"}, "", "needs 1 to 2,000,000 lines, has 0"),
    ({"packets": "a.up"}, "30\n", "is 0.03 s long and ends before the run of 2 s; run shorter"),
    ({"packets": "a.up", "every": "1 ms", "skip": "1 s"}, "10000\n", "no rate above 0 in the run"),
    # What stands for much: refused before it is laid out.
    ({"packets": "a.up"}, "0\n9999999999\n", "in steps of 'every' 100 ms are more than 2,000,000"),
    (
        {"file": "r.csv", "time": "t_ns"},
        f"t_ns,rate_mbit_s\n{-(4 * 10**18)},1\n{4 * 10**18},2\n",
        "too long",
    ),
    (
        {"file": "r.csv", "time": "t_ns", "repeat": True},
        "t_ns,rate_mbit_s\n0,1\n1,2\n",
        "changes too often",
    ),
    (BY_TABLE, "t_ms,up_kbit_s\n0,1\n9000,2e12\n", "rates of 0 to 1000 Tbit/s"),
]


@pytest.mark.parametrize(("rate", "text", "why"), CANNOT)
def test_files_that_hold_no_run_say_why(
    rate: dict[str, Any], text: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        follows(tmp_path, rate, text)
    assert why in str(caught.value)
    assert "links.first.rate" in str(caught.value)


def test_a_packet_a_millisecond_for_a_month_is_one_rate(tmp_path: Path) -> None:
    plan = follows(tmp_path, {"packets": "a.up", "repeat": True}, "0\n", duration="30 d")
    assert steps(plan, plan.links.of[0][0]) == [(0, 12_000_000)]


def test_load_counts_what_a_file_has_in_the_run(tmp_path: Path) -> None:
    """1, 0 and 3 Mbit/s for a second each; what comes later counts nowhere."""
    text = "t_ms,up_kbit_s\n0,0\n1000,1000\n2000,0\n3000,3000\n4000,900000\n"
    plan = follows(tmp_path, BY_TABLE, text, duration="4 s")
    port = plan.links.of[0][0]
    links, events = plan.links.table, plan.control.timetable
    assert links.rate_bps[port] == 3_000_000
    means = [mean_bps(links, events, from_s * SECOND, until_s * SECOND)[port]
             for from_s, until_s in ((0, 4), (0, 1), (1, 2), (1, 3), (3, 4))]  # fmt: skip
    assert means == pytest.approx([1e6, 1.0, 1e6, 5e5, 3e6])


def test_what_else_does_not_go_with_a_file(tmp_path: Path) -> None:
    events = [{"at": "500 ms", "link": "first", "rate": "1 Mbit/s"}]
    with pytest.raises(InputError, match=r"events\[0\]\.link.* follows a file; leave the event"):
        follows(tmp_path / "a", BY_TABLE, TABLE, duration="1 s", events=events)
    data = worlds.scenario()
    data["links"]["metro"]["rate"] = {"file": "no.csv"}
    with pytest.raises(InputError, match=r"rate\.file: file 'no.csv' not found"):
        worlds.plan(data, "cloud")
    many = {"packets": "a.up", "every": "1 ms", "repeat": True}
    with pytest.raises(InputError, match=r"first\.rate: changes too often: for 1 links more"):
        follows(tmp_path / "b", many, "0\n0\n2\n", duration="2000 s")


def test_what_happens_all_the_time_is_told_once(tmp_path: Path) -> None:
    packets = "".join(f"{ms}\n" for ms in (0, 0, 1, 4, 4, 4))  # 2, 1, 0 and 3 packets
    rate = {"packets": "a.up", "every": "1 ms", "repeat": True}
    outage = [{"at": "100 ms", "outage": "wan", "lasts": "50 ms"}]
    plan = follows(tmp_path, rate, packets, duration="1 s", events=outage)
    told = event_table(worlds.run(plan)).to_pylist()
    assert [(e["time_s"], e["kind"], e["change"]) for e in told] == [
        (0.0, "link_rate", "the first of 750 times"),
        (0.002, "link_down", "the first of 250 times"),
        (0.1, "link_down", None),
    ]
