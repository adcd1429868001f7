"""The committed data tables: their form, their counts, and whether their numbers make sense."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
SITES = SCENARIOS / "helsinki" / "sites.csv"
DEMAND = SCENARIOS / "demand" / "pedestrians.csv"
LIMIT_BYTES = 300_000

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def sites() -> Rows:
    return read(SITES)


@pytest.fixture(scope="module")
def demand() -> Rows:
    return read(DEMAND)


def means(demand: Rows, day: str, hours: range) -> dict[str, float]:
    found = defaultdict(list)
    for row in demand:
        if row["day"] == day and int(row["hour"]) in hours:
            found[row["counter"]].append(float(row["mean_per_h"]))
    return {counter: sum(values) / len(values) for counter, values in found.items()}


@pytest.mark.parametrize("path", [SITES, DEMAND], ids=lambda path: path.stem)
def test_file_is_small_and_plain(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) < LIMIT_BYTES
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert not content.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (SITES, ["© OpenStreetMap contributors", "Open Database License 1.0"]),
        (DEMAND, ["Heart of the City Auckland", "CC BY 4.0"]),
    ],
    ids=["sites", "demand"],
)
def test_table_has_its_attribution(path: Path, words: list[str]) -> None:
    text = (path.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(word in text for word in words)


def test_sites_columns(sites: Rows) -> None:
    want = ["id", "kind", "subtype", "size", "name", "lon", "lat", "cell", "footfall_rank"]
    assert list(sites[0]) == want
    assert all(None not in row and None not in row.values() for row in sites)


def test_sites_counts_by_kind(sites: Rows) -> None:
    want = {"surveillance": 223, "traffic_signals": 135, "crossing": 620, "shop": 508}
    assert Counter(row["kind"] for row in sites) == want


def test_site_ids_are_unique_sorted_and_carry_the_kind(sites: Rows) -> None:
    ids = [row["id"] for row in sites]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert all(re.fullmatch(row["kind"] + r"-\d+", row["id"]) for row in sites)


def test_sites_lie_in_the_extract(sites: Rows) -> None:
    assert all(24.935 <= float(row["lon"]) <= 24.954 for row in sites)
    assert all(60.164 <= float(row["lat"]) <= 60.1795 for row in sites)
    places = [row[axis] for row in sites for axis in ("lon", "lat")]
    assert all(re.fullmatch(r"\d+\.\d{6}", place) for place in places)


def test_only_shops_have_a_size(sites: Rows) -> None:
    sizes = defaultdict(set)
    for row in sites:
        sizes[row["kind"] == "shop"].add(row["size"])
    assert sizes == {True: {"large", "small"}, False: {""}}


def test_a_kind_of_shop_has_one_size(sites: Rows) -> None:
    sizes = {(row["subtype"], row["size"]) for row in sites if row["kind"] == "shop"}
    assert len(sizes) == len({subtype for subtype, _ in sizes})
    assert {("supermarket", "large"), ("kiosk", "small")} <= sizes


def test_cells_are_the_grid_the_sites_need(sites: Rows) -> None:
    cells = {row["cell"] for row in sites}
    found = [re.fullmatch(r"c(\d\d)-(\d\d)", cell) for cell in cells]
    places = [(int(match[1]), int(match[2])) for match in found if match]
    assert len(places) == len(cells)
    assert {min(axis) for axis in zip(*places, strict=True)} == {0}
    assert tuple(max(axis) for axis in zip(*places, strict=True)) == (6, 10)


def test_a_cell_is_no_wider_than_its_squares(sites: Rows) -> None:
    by_cell = defaultdict(list)
    for row in sites:
        by_cell[row["cell"]].append((float(row["lon"]), float(row["lat"])))
    for places in by_cell.values():
        lons, lats = zip(*places, strict=True)
        assert (max(lons) - min(lons)) * 55_600 < 152
        assert (max(lats) - min(lats)) * 111_400 < 152


def test_footfall_ranks_fill_the_unit_range_of_each_kind(sites: Rows) -> None:
    by_kind = defaultdict(list)
    for row in sites:
        assert re.fullmatch(r"[01]\.\d{4}", row["footfall_rank"])
        by_kind[row["kind"]].append(float(row["footfall_rank"]))
    for ranks in by_kind.values():
        assert (min(ranks), max(ranks)) == (0, 1)
        assert sum(ranks) / len(ranks) == pytest.approx(0.5, abs=1e-3)


def test_demand_columns(demand: Rows) -> None:
    want = ["counter", "name", "lat", "lon", "day", "hour", "mean_per_h", "sd_per_h", "hours"]
    assert list(demand[0]) == want
    assert all(None not in row and "" not in row.values() for row in demand)


def test_demand_is_complete_and_sorted(demand: Rows) -> None:
    keys = [(row["counter"], row["day"], int(row["hour"])) for row in demand]
    counters = sorted({row["counter"] for row in demand})
    assert len(counters) == 21
    assert len(keys) == 1008
    assert keys == [(c, d, h) for c in counters for d in ("weekday", "weekend") for h in range(24)]


def test_a_counter_has_one_name_and_place(demand: Rows) -> None:
    about = {(row["counter"], row["name"], row["lat"], row["lon"]) for row in demand}
    assert len(about) == 21
    assert all(-36.86 < float(lat) < -36.84 for _, _, lat, _ in about)
    assert all(174.76 < float(lon) < 174.77 for *_, lon in about)


def test_demand_numbers_are_positive(demand: Rows) -> None:
    assert all(0 < float(row["mean_per_h"]) < 5000 for row in demand)
    assert all(0 < float(row["sd_per_h"]) < 5000 for row in demand)


def test_demand_rests_on_most_of_three_years(demand: Rows) -> None:
    days = {"weekday": 783, "weekend": 313}
    # the last night of the period reaches into one more day
    assert all(0.9 <= int(row["hours"]) / days[row["day"]] <= 1.01 for row in demand)


def test_days_are_busier_than_nights(demand: Rows) -> None:
    noon, night = (means(demand, "weekday", hours) for hours in (range(11, 15), range(3, 6)))
    assert all(noon[counter] > 5 * night[counter] for counter in noon)
    # single streets of bars stay busy all night at weekends, the town as a whole does not
    noon, night = (means(demand, "weekend", hours) for hours in (range(11, 15), range(3, 6)))
    assert sum(noon.values()) > 5 * sum(night.values())


def test_small_hours_are_busier_at_weekends(demand: Rows) -> None:
    weekday, weekend = (means(demand, day, range(3)) for day in ("weekday", "weekend"))
    assert sum(weekend.values()) > 2 * sum(weekday.values())


def test_weekday_mornings_are_busier_than_weekend_mornings(demand: Rows) -> None:
    weekday, weekend = (means(demand, day, range(7, 9)) for day in ("weekday", "weekend"))
    assert sum(weekday.values()) > 2 * sum(weekend.values())
