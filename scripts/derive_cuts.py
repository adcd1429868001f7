"""Write the catalogue's cuts of our own networks: where each can be, and what lies before it.

Run it as ``python scripts/derive_cuts.py`` after training (`scripts/train_eyes.py`). It counts what
`fleet profile` counts. With names of other networks, such as those that `fleet eyes fetch` gets, it
prints their cuts and writes nothing: ``python scripts/derive_cuts.py ssd nanodet yolox``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import astuple

from registry import ROOT, write_table

from fleet.catalog.rows import COLUMNS, Row
from fleet.lab.costs import graph
from fleet.lab.costs.cuts import cuts
from fleet.lab.costs.profile import measure
from fleet.lab.costs.rows import cuts_of
from fleet.lab.networks import apart
from fleet.lab.networks.detector import file_of
from fleet.lab.networks.prepared import prepared
from fleet.lab.networks.session import read

TABLE = ROOT / "fleet" / "catalog" / "cuts.csv"
NAMES = ("eye-small", "eye-large")


def rows(name: str) -> Iterator[Row]:
    """Yield the rows of a network's cuts."""
    path = file_of(name)
    yield from cuts_of(measure(read(path), name, path.name, repeats=1))


def table(name: str) -> Iterator[str]:
    """Yield the cuts of a network as lines of a table: of all, shares in percent."""
    path = file_of(name)
    whole = graph.read(prepared(read(path), path.name, None).data, path.name, apart.THOROUGH)
    macs = whole.total("macs")
    for cut in cuts(whole):
        share = f"{cut.macs / macs:.1%}"
        yield f"{name:10} {cut.after:20} {cut.tensor:>10,} B {share:>7} {cut.layers:>4} layers"


def main() -> None:
    """Replace the table, or print the cuts of the networks that are named."""
    if sys.argv[1:]:
        for name in sys.argv[1:]:
            print(*table(name), sep="\n")
        return
    new = [astuple(row) for name in NAMES for row in rows(name)]
    write_table(TABLE, COLUMNS, new)
    print(f"{len(new)} rows of {', '.join(NAMES)} written to {TABLE}")


if __name__ == "__main__":
    main()
