"""Write where the time zones are, and what electricity costs the air there.

Run it as ``python scripts/derive_places.py``. `fleet/catalog/places.csv` has a row for each time
zone of an area and its main city, from the zone tables of the time zone database, which are in the
public domain; names that were renamed or merged lead to the same city. The rows of countries in
`fleet/catalog/carbon.csv` are yearly means.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator

from registry import ROOT, fetch, write_table

from fleet.catalog.places import COLUMNS as PLACES
from fleet.catalog.rows import COLUMNS

CATALOG = ROOT / "fleet" / "catalog"
TZDATA, CODECARBON, ISO3166 = "tzdata==2026.6", "codecarbon==3.3.2", "iso3166==2.1.1"
ZONES = {
    "tzdata/zoneinfo/zone.tab": "e2e8e31c4e10f44576c79345e76060591dbb3eef6ce14e006afc8a373caa9593",
    "tzdata/zoneinfo/tzdata.zi": "76f36b09780cd03f8d0576d0208813395e01bbc9bd861e9bdeadb4db35721fda",
}
MIX = "codecarbon/data/private_infra/global_energy_mix.json"
CODES = "iso3166/__init__.py"
OLDEST = 2021
SPREAD = 0.2
"""Of the intensity, our allowance for other years."""

_PLACE = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?([+-])(\d{3})(\d{2})(\d{2})?")


def degrees(text: str) -> tuple[float, float]:
    """Return latitude and longitude of such as +6010+02458; degrees."""
    found = _PLACE.fullmatch(text)
    assert found is not None, text
    values = []
    for sign, whole, minutes, seconds in (found.groups()[:4], found.groups()[4:]):
        value = int(whole) + int(minutes) / 60 + int(seconds or 0) / 3600
        values.append(round(value if sign == "+" else -value, 4))
    return values[0], values[1]


def zones() -> Iterator[tuple[str, str, str, float, float]]:
    """Yield (zone, country in two letters, city, latitude, longitude), renamed zones too."""
    files = {path.rsplit("/", 1)[1]: data.decode() for path, data in fetch(TZDATA, ZONES).items()}
    known = {}
    for line in files["zone.tab"].splitlines():
        if not line.startswith("#"):
            country, place, zone = line.split("\t")[:3]
            city = zone.rsplit("/", 1)[1].replace("_", " ")
            known[zone] = (country, city, *degrees(place))
    targets = (line.split() for line in files["tzdata.zi"].splitlines() if line[:2] == "L ")
    links = {name: zone for _, zone, name in targets}
    for zone in sorted({*known, *links}):
        target = zone if zone in known else links[zone]
        if "/" in zone and target in known:
            yield (zone, *known[target])


def intensities() -> Iterator[tuple[str, str, float, int]]:
    """Yield (country in three letters, its name, gCO2e/kWh, year)."""
    digest = "8f1053800210aa07cc6019cc422b0d34f47dd092f6351dd873445c2b8199a107"
    table = json.loads(fetch(CODECARBON, {MIX: digest})[MIX])
    for code, row in sorted(table.items()):
        if row["carbon_intensity"] and int(row["year"]) >= OLDEST:
            yield code.lower(), row["country_name"], row["carbon_intensity"], int(row["year"])


def three_letters() -> dict[str, str]:
    """Return the three letters of countries by their two."""
    digest = "80a9de50721463983ec67072a54e8b3ad9bfaccb6b8cc3468836899a4c5cf615"
    text = fetch(ISO3166, {CODES: digest})[CODES].decode()
    return {two: three.lower() for two, three in re.findall(r'"([A-Z]{2})",\s*"([A-Z]{3})"', text)}


def main() -> None:
    """Write both tables."""
    with (CATALOG / "carbon.csv").open(encoding="utf-8", newline="") as file:
        before = list(csv.reader(file))[1:]
    grids = {
        code: (
            code, "intensity", f"{value:g}", "gCO2e/kWh",
            f"{value * (1 - SPREAD):.1f}", f"{value * (1 + SPREAD):.1f}",
            f"{name}, year's mean; mlco2/codecarbon global_energy_mix.json (3.3.2), from Our World"
            " in Data; range: 20 % either way, our allowance for other years; hours differ more",
            year, "derived",
        )
        for code, name, value, year in intensities()
    }  # fmt: skip
    kept = [row for row in before if row[0] not in grids]  # no country, such as the world
    write_table(CATALOG / "carbon.csv", COLUMNS, [*grids.values(), *kept])
    codes = three_letters()
    rows = [
        (zone, codes[country], codes[country] if codes[country] in grids else "", city, lat, lon)
        for zone, country, city, lat, lon in zones()
    ]
    write_table(CATALOG / "places.csv", PLACES, rows)
    print(
        f"{len(grids)} grids, {len(rows)} zones, {sum(not row[2] for row in rows)} without a grid"
    )


if __name__ == "__main__":
    main()
