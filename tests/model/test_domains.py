"""What fails together: at the same nanosecond, for what share of the time, and what is refused."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.errors import InputError
from fleet.model.events import LINK_DOWN, SENSOR_DOWN
from fleet.model.frames import CAPTURE, FATE, LOST_SENSOR_CRASH, SENSOR, SKIP_SENSOR_DOWN
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
        "duration": "2000 s", "sensors": {"cam": {
            "count": 40, "rate": "1 frame/min", "app": "watch", "uplink": "port"}},
    }  # fmt: skip
    plan = planned({"failure": "cabinet", "mtbf": "300 ms", "mttr": "100 ms"}, **long)
    spans = [span for each in down(plan, SENSOR_DOWN).values() for span in each]
    up = 1 - sum(min(end, 2000 * SECOND) - begin for begin, end in spans) / (40 * 2000 * SECOND)
    assert up == pytest.approx(exp(-1) * 300 / 400, rel=0.02)


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
            "domains.cabinet.holds[1]: no group, sensor or link 'prt' (did you mean 'port'?)",
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
        ({"domains": {}}, "events[0].failure: no domain 'cabinet'; known: none; 'domains' says"),
        (
            {"events": [{**FAILS, "failure": "cabinet/cam-9"}]},
            "events[0].failure: no domain 'cabinet/cam-9' (did you mean",
        ),
        ({"events": [{**FAILS, "failure": "cam"}]}, "events[0].failure: no domain 'cam'"),
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
