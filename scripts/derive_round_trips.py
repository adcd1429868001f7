"""Write the round trips between cloud regions out of the page that publishes them.

Run it as ``python scripts/derive_round_trips.py PAGE``. The page is "Azure network round-trip
latency statistics" (`articles/networking/azure-network-latency.md` of Microsoft's documentation,
CC BY 4.0), as it was on 30 July 2026: in its repository `mbender-ms/azure-docs`, commit
5b3e2055edde. All of its numbers stand at its end as CSV; `fleet/catalog/round_trips.csv` is that,
with the names of regions in lower case and with hyphens.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from registry import ROOT, write_table

TABLE = ROOT / "fleet" / "catalog" / "round_trips.csv"
_BEGIN, _END = "```csv\n", "```"


def name(region: str) -> str:
    """Return a region's name as scenarios write it: West Europe is west-europe."""
    return region.lower().replace(" ", "-")


def main() -> None:
    """Write the table."""
    text = Path(sys.argv[1]).read_text("utf-8").partition(_BEGIN)[2].partition(_END)[0]
    (_, *regions), *rows = csv.reader(text.splitlines())
    assert regions == [row[0] for row in rows], "rows and columns are the same regions"
    write_table(TABLE, ("from", *map(name, regions)), ((name(row[0]), *row[1:]) for row in rows))


if __name__ == "__main__":
    main()
