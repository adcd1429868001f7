"""The WAN by place: numbers of the table, half of a round trip in both engines, which region."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
import worlds

from fleet.catalog.round_trips import round_trips_ms, rows
from fleet.catalog.rows import check
from fleet.model import frames
from fleet.plan.compile import catalogue, compile_plan

PUBLISHED = {
    ("france-central", "west-europe"): 15, ("sweden-central", "west-europe"): 31,
    ("east-us", "west-europe"): 89, ("west-europe", "east-us"): 91, ("east-us", "east-us-2"): 11,
    ("uk-south", "east-us"): 80, ("japan-east", "west-us"): 109, ("uk-south", "uk-west"): 9,
    ("denmark-east", "indonesia-central"): 194, ("indonesia-central", "denmark-east"): 248,
    ("brazil-south", "west-europe"): 191, ("west-us-3", "west-us-2"): 42,
}  # fmt: skip
"""Of the page, P95 in ms: read off its tables by region, not off the list that was derived from."""


def test_round_trips_are_those_that_were_published() -> None:
    known = round_trips_ms()
    regions = {start for start, _ in known}
    assert len(regions) == 54
    assert set(known) == {(a, b) for a in regions for b in regions if a != b}
    assert {pair: int(known[pair]) for pair in PUBLISHED} == PUBLISHED
    apart = [abs(int(known[a, b]) - int(known[b, a])) for a, b in known if a < b]
    assert (statistics.median(apart), max(apart)) == (1, 54)  # as docs/MODEL.md says


def test_rows_made_of_the_table_are_sound() -> None:
    """They are not checked each time that they are read."""
    for row in rows().values():
        check(row, "here")
    assert len(rows()) == 54 * 53


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_time_on_the_wire_is_half_of_a_round_trip(engine: str) -> None:
    """From East US to West Europe the 95th percentile is 89 ms: 44.5 ms one way, frame by frame."""
    data = worlds.pool_of_instant_cameras(2, "25 fps", duration="400 ms")
    ends = {"from": "east-us", "to": "west-europe"}
    data["links"]["wan"] |= {"propagation": None, "distance": ends}
    plan = worlds.plan(data, "cloud")
    table = worlds.table(worlds.run(plan, engine=engine))
    service_ns = worlds.FRAME_BITS * 10**9 // (100 * 10**9)
    wire = table[:, frames.WAN] - table[:, frames.BACKHAUL]
    assert len(wire) > 10
    assert (wire >= 44_500_000 + service_ns).all()  # two may come at one time
    assert int(wire.min()) == 44_500_000 + service_ns


def test_half_is_rounded_down_and_own_rows_are_places_too(tmp_path: Path) -> None:
    """Of a user's own row of 15.000001 ms; it is among the numbers that a run used, with source."""
    row = "office,rtt_to_west-europe,15.000001,ms,10,20,own probes,2026,measured"
    (tmp_path / "distances.csv").write_text(
        f"item,parameter,value,unit,low,high,source,year,confidence\n{row}\n"
    )
    data = worlds.scenario()
    data["links"]["wan"]["distance"] = {"from": "office", "to": "west-europe"}
    for file in (worlds.HERE / "catalogue").glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    made = worlds.plan({**data, "catalogue": str(tmp_path)}, "cloud")
    assert made.links.table.propagation_ns[made.links.names.index("wan")] == 7_500_000
    used = {(row.item, row.parameter): row.source for row in made.notes.assumptions}
    assert used["office", "rtt_to_west-europe"] == "own probes"


def test_which_region_is_a_value_that_may_be_set() -> None:
    """As a sweep does: of one scenario planned again and again, what else it uses stays."""
    data = worlds.scenario()
    data["links"]["wan"]["distance"] = {"from": "sweden-central", "to": "west-europe"}
    loaded = worlds.load(data)
    ways = {}
    for to in ("norway-east", "west-europe", "east-us"):
        there = loaded.changed(f"links.wan.distance.to={to}")
        plan = compile_plan(there, catalogue(there), "cloud")
        ways[to] = int(plan.links.table.propagation_ns[plan.links.names.index("wan")])
    assert ways == {"norway-east": 7_500_000, "west-europe": 15_500_000, "east-us": 54_000_000}
