"""What fails together: at the same nanosecond, for what share of the time, and what is refused."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.errors import InputError
from fleet.model.books import SERVED_NS, SERVER_NS
from fleet.model.events import LINK_DOWN, SENSOR_DOWN, SERVERS_DOWN
from fleet.model.frames import (
    CAPTURE,
    DONE,
    FATE,
    INFER,
    LOST_SENSOR_CRASH,
    LOST_SERVER_DOWN,
    RESULT,
    SENSOR,
    SKIP_SENSOR_DOWN,
    START,
    UPLINK,
)
from fleet.plan.plan import Plan

MS, SECOND, DAY = 10**6, 10**9, 86_400 * 10**9
REBOOT_NS = 300 * MS  # of test-ai
SITES = 6
PORT = {"technology": "test-port", "shared_by": "sensor", "to": "metro"}
CABINET = {"cabinet": {"shared_by": "site", "holds": ["cam", "port"]}}


def data(events: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return two sensors at each of six sites, three sites a cell, each with its port."""
    links = worlds.scenario()["links"]
    links["cell"]["to"] = "wan"
    links["port"] = PORT | {"to": "cell"}
    cam = {"count": SITES, "cells": 2, "per_site": 2, "rate": "20 fps", "app": "watch"}
    base = {
        "sensors": {"cam": {**cam, "uplink": "port"}}, "links": links, "domains": CABINET,
        "events": events,
    }  # fmt: skip
    return worlds.scenario(**base | changes)


def planned(*events: dict[str, Any], **changes: Any) -> Plan:
    return worlds.plan(data(list(events), **changes), "on_sensor")


def down(plan: Plan, kind: int) -> dict[int, list[tuple[int, int]]]:
    """Return when each link or sensor is down, by its index."""
    out: dict[int, list[tuple[int, int]]] = {}
    for row in plan.control.timetable[plan.control.timetable.kind == kind]:
        out.setdefault(int(row.target), []).append((int(row.time_ns), int(row.a)))
    return out


def test_one_cabinet_takes_its_sensors_and_their_ports() -> None:
    plan = planned({"at": "500 ms", "failure": "cabinet/cam-2", "lasts": "200 ms"})
    mine = [plan.sensors.names.index(name) for name in ("cam-2-1", "cam-2-2")]
    assert down(plan, SENSOR_DOWN) == {s: [(500 * MS, 700 * MS + REBOOT_NS)] for s in mine}
    ports = [plan.links.names.index(f"port/cam-2-{k}") for k in (1, 2)]
    assert down(plan, LINK_DOWN) == {p: [(500 * MS, 700 * MS)] for p in ports}


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_its_frames_are_those_of_crashes(engine: str) -> None:
    outcome = worlds.run(
        planned({"at": "500 ms", "failure": "cabinet/cam-2", "lasts": "200 ms"}), engine=engine
    )
    rows = worlds.table(outcome)
    lost = np.isin(rows[:, FATE], (LOST_SENSOR_CRASH, SKIP_SENSOR_DOWN))
    names = {outcome.plan.sensors.names[s] for s in rows[lost, SENSOR]}
    assert names == {"cam-2-1", "cam-2-2"}
    skipped = rows[rows[:, FATE] == SKIP_SENSOR_DOWN, CAPTURE]
    assert skipped.min() >= 500 * MS
    assert skipped.max() < 700 * MS + REBOOT_NS
    assert len(skipped) == 2 * 10  # half a second of 20 fps each


def test_what_one_holds_fails_at_one_nanosecond_and_others_at_others() -> None:
    street = {"street": {"shared_by": "cell", "holds": ["cam", "port", "cell"]}}
    plan = planned({"failure": "street", "mtbf": "300 ms", "mttr": "50 ms"}, domains=street)
    links, sensors = down(plan, LINK_DOWN), down(plan, SENSOR_DOWN)
    begins: dict[str, set[tuple[int, ...]]] = {"cell-0": set(), "cell-1": set()}
    for c, cell in enumerate(begins):
        mine = [s for s in range(plan.size) if plan.links.names[plan.links.of[1, s]][-1] == str(c)]
        assert len(mine) == SITES
        shared = plan.links.names.index(f"cell/{cell}")
        for link in {shared, *plan.links.of[0, mine].tolist()}:
            begins[cell].add(tuple(begin for begin, _ in links[link]))
        for s in mine:  # a span of sensors begins where one of the street does, or goes on
            assert {begin for begin, _ in sensors[s]} <= {begin for begin, _ in links[shared]}
    assert all(len(each) == 1 for each in begins.values())
    (first,), (second,) = begins.values()
    assert len(first) > 2
    assert not set(first) & set(second)


def test_the_draws_are_those_of_the_instance_and_not_of_its_place() -> None:
    event = {"failure": "cabinet", "mtbf": "400 ms", "mttr": "30 ms"}
    every = planned(event)
    alone = planned({**event, "failure": "cabinet/cam-3"})
    fewer = planned(event, domains={"cabinet": {"shared_by": "site", "holds": ["port/cam-3-1"]}})
    link = every.links.names.index("port/cam-3-1")
    assert down(every, LINK_DOWN)[link] == down(alone, LINK_DOWN)[link]
    assert down(fewer, LINK_DOWN) == {link: down(every, LINK_DOWN)[link]}


def test_availability_is_that_of_renewal_theory() -> None:
    """Of 12 sites over ten years, within four standard errors, and these are small.

    An alternating renewal process of exponential times with means m and r is up for m / (m + r) of
    the time, and its up time in T has the variance 2 m² r² T / (m + r)³ (Takács, 1957). A sensor is
    up behind its boot only if nothing fails meanwhile.
    """
    many, end_ns, mtbf, mttr = 12, 3650 * DAY, 30, 1
    year = {
        "duration": "3650 d", "sensors": {"cam": {
            "count": many, "rate": "1 frame/d", "app": "watch", "uplink": "port"}},
    }  # fmt: skip
    plan = planned({"failure": "cabinet", "mtbf": "30 d", "mttr": "1 d"}, **year)
    error = sqrt(2 * mtbf**2 * mttr**2 / (mtbf + mttr) ** 3 / 3650 / many)
    boot = exp(-REBOOT_NS / (mtbf * DAY))
    for kind, share in ((LINK_DOWN, 1.0), (SENSOR_DOWN, boot)):
        spans = [span for each in down(plan, kind).values() for span in each]
        failed = sum(min(end, end_ns) - begin for begin, end in spans)
        up = 1 - failed / (many * end_ns)
        assert abs(up - share * mtbf / (mtbf + mttr)) < 4 * error
    assert 4 * error < 0.01


def test_booting_takes_its_share_of_the_time() -> None:
    """A sensor that boots for as long as it is up in the mean is up for 1 / e of that."""
    long = {
        "duration": "400 s", "sensors": {"cam": {
            "count": 40, "rate": "1 frame/min", "app": "watch", "uplink": "port"}},
    }  # fmt: skip
    plan = planned({"failure": "cabinet", "mtbf": "300 ms", "mttr": "100 ms"}, **long)
    spans = [span for each in down(plan, SENSOR_DOWN).values() for span in each]
    up = 1 - sum(min(end, 400 * SECOND) - begin for begin, end in spans) / (40 * 400 * SECOND)
    assert up == pytest.approx(exp(-1) * 300 / 400, rel=0.03)


def test_a_failure_without_an_end_is_one_and_a_thing_named_twice_is_held_once() -> None:
    pole = {"pole": {"shared_by": "city", "holds": ["cam-0-1", "cam", "port/cam-0-1"]}}
    plan = planned({"at": "1 s", "failure": "pole"}, domains=pole)
    assert set(down(plan, SENSOR_DOWN)) == set(range(plan.size))
    assert down(plan, LINK_DOWN) == {
        plan.links.names.index("port/cam-0-1"): [(SECOND, 2 * SECOND)]
    }  # fmt: skip


def test_who_is_stolen_leaves_and_who_stands_in_its_place_joins() -> None:
    """It captures nothing meanwhile, and is there behind that, whatever its cabinet did."""
    plan = planned(
        {"at": "500 ms", "leave": "cam-2-1"}, {"at": "1500 ms", "join": "cam-2-1"},
        {"at": "400 ms", "failure": "cabinet", "lasts": "200 ms"},
    )  # fmt: skip
    stolen = plan.sensors.names.index("cam-2-1")
    assert down(plan, SENSOR_DOWN)[stolen] == [(400 * MS, 500 * MS)]
    rows = np.array(worlds.captured(worlds.run(plan)))
    captured = rows[rows[:, SENSOR] == stolen, CAPTURE]
    assert not ((captured >= 500 * MS) & (captured < 1500 * MS)).any()
    assert (captured >= 1500 * MS).any()


FAILS = {"at": "1 s", "failure": "cabinet"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"domains": {"cabinet": {"shared_by": "site", "holds": []}}}, "domains.cabinet.holds"),
        ({"domains": {"cabinet": {"holds": ["cam"]}}}, "shared_by"),
        (
            {"domains": {"cabinet": {"shared_by": "site", "holds": ["cam", "prt"]}}},
            "domains.cabinet.holds[1]: no group, link, edge or one of them 'prt' (did you",
        ),
        (
            {"domains": {"cabinet": {"shared_by": "site", "holds": ["cell"]}}},
            "domains.cabinet.holds[0]: 'cell' is of a cell, and each 'cabinet' of a site, so that"
            " several would hold it; say 'shared_by: cell', or leave 'cell' out",
        ),
        (
            {"domains": {"cabinet": {"shared_by": "cell", "holds": ["wan"]}}},
            "'wan' is of a city",
        ),
        ({"domains": {}}, "events[0].failure: no domain, edge or region 'cabinet'; known: cloud"),
        (
            {"events": [{**FAILS, "failure": "cabinet/cam-9"}]},
            "events[0].failure: no domain, edge or region 'cabinet/cam-9' (did you mean",
        ),
        (
            {"events": [{**FAILS, "failure": "cam"}]},
            "events[0].failure: no domain, edge or region 'cam'",
        ),
        ({"events": [{"failure": "cabinet", "mtbf": "1 d"}]}, "failure needs 'at', or 'mtbf'"),
        ({"events": [{**FAILS, "cell": "cell-0"}]}, "failure at a stated time takes no cell"),
        ({"events": [{**FAILS, "at": "3 s"}]}, "is not before the end of the run"),
        (
            {"events": [{"failure": "cabinet", "mtbf": "1 ns", "mttr": "1 ns"}]},
            "events[0].mtbf: would happen some",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        worlds.plan(data([FAILS]) | changes, "on_sensor")
    assert words in str(caught.value)


def test_what_changes_nothing_is_told() -> None:
    links = data([])["links"]
    spare = {"spare": {**PORT, "to": "cell"}}
    plan = planned(
        FAILS, links=links | spare,
        domains=CABINET | {"attic": {"shared_by": "site", "holds": ["spare"]}},
    )  # fmt: skip
    told = [remark for remark in plan.notes.remarks if "attic" in remark]
    assert told == [
        "Nothing that the domain 'attic' holds is used, so its failures change nothing.",
        "No event lets the domain 'attic' fail; add one with 'failure: attic'.",
    ]
    assert not any("cabinet" in remark for remark in plan.notes.remarks)


# Servers ---------------------------------------------------------------------------------------

BOOT_NS = 400 * MS  # of test-gpu
CUT_NS = 496 * MS
BOXES = {"box": {"server": "test-gpu", "after": "cell", "shared_by": "cell",
                 "batch": {"max": 40, "wait": "30 ms"}}}  # fmt: skip
EDGE = {
    "arms": {
        "edge": {"device": "instant-camera", "codec": "fixed-codec", "model": "cloudy",
                 "infer": "edge"},
    }
}  # fmt: skip


def boxes(*events: dict[str, Any], **changes: Any) -> Plan:
    """Return cameras whose frames a box of each cell infers."""
    return worlds.plan(data(list(events), edges=BOXES, **EDGE, **changes), "edge")


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_box_that_is_down_loses_what_is_in_it_and_what_comes(engine: str) -> None:
    """From 500 ms until 600 ms and the boot; nothing of the other cell's, and no result before."""
    outcome = worlds.run(
        boxes({"at": "500 ms", "failure": "box/cell-0", "lasts": "100 ms"}), engine=engine
    )
    plan, rows = outcome.plan, worlds.table(outcome)
    until_ns, pool = 600 * MS + BOOT_NS, plan.pools.names.index("box/cell-0")
    mine = rows[plan.pools.of[rows[:, SENSOR]] == pool]
    lost = mine[:, FATE] == LOST_SERVER_DOWN
    assert lost.sum() == (rows[:, FATE] == LOST_SERVER_DOWN).sum() > 50
    came, done = mine[lost, UPLINK], mine[lost, DONE]
    inside = came < 500 * MS
    assert inside.any()
    assert (done == np.where(inside, 500 * MS, came)).all()
    assert (came < until_ns).all()
    assert (mine[lost, INFER] == -1).all()
    served = mine[mine[:, FATE] == RESULT]
    away = (served[:, INFER] >= 500 * MS) & (served[:, UPLINK] < until_ns)
    assert not away.any()
    assert (served[:, UPLINK] >= until_ns).any()


def test_what_servers_have_done_is_counted_up_to_the_failure() -> None:
    """One busy server, whose batches are cut off: it works until 496 ms and no more."""
    slow = {"cloud": {"server": "test-gpu", "servers": 1, "decode": False}}
    arms = {"cloud": {"device": "instant-camera", "codec": "fixed-codec", "model": "cloudy"}}
    event = {"at": "496 ms", "failure": "cloud"}
    whole, cut = (
        worlds.run(worlds.plan(data(events, arms=arms, **slow), "cloud"))
        for events in ([], [event])
    )
    rows = worlds.table(whole)
    row = int(whole.plan.pools.row[0])
    begun = rows[(rows[:, START] >= 0) & (rows[:, START] < CUT_NS)]
    begins = np.unique(begun[:, [START, INFER]], axis=0)  # nothing overlaps without `batch_hold`
    worked = np.minimum(begins[:, 1], CUT_NS) - begins[:, 0]
    assert cut.tally.servers[row, SERVED_NS] == worked.sum()
    assert cut.tally.servers[row, SERVER_NS] == 2 * SECOND  # it is paid for
    assert begins[:, 1].max() > CUT_NS  # one was cut


def test_a_domain_takes_its_box_at_the_same_instant() -> None:
    street = {"street": {"shared_by": "cell", "holds": ["cam", "cell", "box"]}}
    plan = boxes({"failure": "street", "mtbf": "700 ms", "mttr": "50 ms"}, domains=street)
    links, pools = down(plan, LINK_DOWN), down(plan, SERVERS_DOWN)
    assert len(pools) == 2
    for pool, spans in pools.items():
        cell = plan.pools.names[pool].removeprefix("box/")
        outages = links[plan.links.names.index(f"cell/{cell}")]
        assert {begin for begin, _ in spans} <= {begin for begin, _ in outages}
        ends = {end + BOOT_NS for _, end in outages}
        assert {end for _, end in spans} <= ends
        assert spans[0][0] == outages[0][0]


def test_boxes_fail_each_by_its_own_draws_and_are_up_for_their_share() -> None:
    """By the share of renewal theory above, where a box boots for 400 ms of a mean of 2 s."""
    cam = {"count": 30, "cells": 30, "rate": "1 frame/min", "app": "watch", "uplink": "port"}
    long = {"duration": "1000 s", "sensors": {"cam": cam}}
    plan = boxes({"failure": "box", "mtbf": "2 s", "mttr": "1 s"}, **long)
    pools = down(plan, SERVERS_DOWN)
    assert len(pools) == 30
    assert len({spans[0] for spans in pools.values()}) == 30
    failed = sum(min(end, 1000 * SECOND) - begin for s in pools.values() for begin, end in s)
    share = exp(-0.4 / 2) * 2 / 3
    assert 1 - failed / (30 * 1000 * SECOND) == pytest.approx(share, rel=0.03)


def test_frames_that_fail_with_their_servers_are_a_share_of_all() -> None:
    """Poisson captures meet servers that are down in proportion to the time for which they are.

    They see time averages (Wolff, "Poisson arrivals see time averages", 1982): of n frames the
    share lost is that of the time, within four standard errors of independent frames and of one
    that is cut off by each failure.
    """
    cam = {"count": 2, "rate": "30 fps", "capture": "poisson", "app": "watch", "uplink": "cell"}
    made = worlds.pool_of_instant_cameras(
        2, "30 fps", sensors={"cam": cam}, duration="60 s",
        events=[{"at": f"{k} s", "failure": "cloud", "lasts": "100 ms"} for k in range(5, 60, 5)],
        cloud={"server": "test-gpu", "servers": 40},
    )  # fmt: skip
    outcome = worlds.run(worlds.plan(made, "cloud"))
    rows = worlds.table(outcome)
    share, down_share = (rows[:, FATE] == LOST_SERVER_DOWN).mean(), 11 * 0.5 / 60
    error = sqrt(down_share / len(rows))
    assert share > down_share - 4 * error
    assert share < down_share + 4 * error + 11 * 3 / len(rows)


@pytest.mark.parametrize("servers", [{"resize": "cloud"}, {"autoscale": True}])
def test_pools_that_change_fail_alike_in_both_engines(servers: dict[str, Any]) -> None:
    """Also while servers that were given back end their batches, which are lost as well."""
    rule = {"min": 1, "max": 6, "target": "30 %", "every": "100 ms", "boot": "50 ms",
            "cooldown": "100 ms"}  # fmt: skip
    changes = [
        {"at": "499 ms", "resize": "cloud", "servers": 1},
        {"at": "530 ms", "resize": "cloud", "servers": 3},
    ]
    failing = [{"at": f"{at} ms", "failure": "cloud", "lasts": "20 ms"} for at in (500, 1100)]
    pool = {"server": "test-gpu", "servers": 4, "batch": {"max": 4, "wait": "3 ms"}}
    scaled = "autoscale" in servers
    made = worlds.plan(
        worlds.pool_of_instant_cameras(
            8, "50 fps", duration="2 s", events=failing + ([] if scaled else changes),
            cloud=pool | ({"autoscale": rule} if scaled else {}),
        ),
        "cloud",
    )  # fmt: skip
    one, other = (worlds.run(made, engine=engine) for engine in worlds.ENGINES)
    assert worlds.captured(one) == worlds.captured(other)
    assert one.tally.servers.tolist() == other.tally.servers.tolist()
    assert one.tally.fingerprint() == other.tally.fingerprint()


def test_what_an_arm_does_not_use_fails_there_without_a_word_of_error() -> None:
    """So that arms with and without boxes can be compared while one box fails."""
    arms = {**EDGE["arms"], "sensor": {"device": "instant-ai", "model": "tiny"}}
    street = {"street": {"shared_by": "cell", "holds": ["box/cell-0"]}}
    for name in ("box", "box/cell-0", "street/cell-0"):
        made = data([{"at": "1 s", "failure": name}], edges=BOXES, domains=street, arms=arms)
        plan = worlds.plan(made, "sensor")
        assert len(plan.control.timetable) == len(worlds.plan({**made, "events": []}, "sensor")
                                                  .control.timetable)  # fmt: skip
        told = f"Nothing of '{name}' is used, so its failure changes nothing."
        assert (told in plan.notes.remarks) == ("/" in name)
        assert len(worlds.plan(made, "edge").control.timetable) > 0
    made["events"][0]["failure"] = "street/cell-9"
    with pytest.raises(InputError, match="no domain, edge or region 'street/cell-9'"):
        worlds.plan(made, "sensor")


def test_names_of_servers_that_are_none_are_refused() -> None:
    for name, words in (
        ("box/cell-7", "events[0].failure: no domain, edge or region 'box/cell-7' (did you mean"),
        ("clowd", "(did you mean 'cloud'?)"),
    ):
        with pytest.raises(InputError) as caught:
            boxes({"at": "1 s", "failure": name})
        assert words in str(caught.value)
    with pytest.raises(InputError) as caught:
        boxes(domains={"box": {"shared_by": "cell", "holds": ["cam"]}})
    assert "'box' names a domain and an edge or a region; rename one" in str(caught.value)
    with pytest.raises(InputError) as caught:
        boxes(domains={"hut": {"shared_by": "site", "holds": ["box"]}})
    assert "domains.hut.holds[0]: 'box' is of a cell, and each 'hut' of a site" in str(caught.value)
