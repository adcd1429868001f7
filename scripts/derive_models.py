"""Write the catalogue's rows of our own networks: what `fleet profile` counts, and server times.

Run it as ``python scripts/derive_models.py`` after training (`scripts/train_eyes.py`). Nobody has
measured these networks on a GPU. Their times there are those of SSD-MobileNetV1, the part for each
frame scaled by the multiplications; so are those of a sensor's network that an arm may run on both
sides.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import astuple, replace

from registry import ROOT, write_table

from fleet.catalog import Catalog
from fleet.catalog.rows import COLUMNS, Row
from fleet.lab.costs.profile import measure
from fleet.lab.costs.rows import rows_of
from fleet.lab.networks.detector import file_of
from fleet.lab.networks.session import read

TABLE = ROOT / "fleet" / "catalog" / "models.csv"
NAMES = ("eye-small", "eye-large")
SENSORS = ("ssd-mobilenet-v2",)
"""Models of sensors that servers may run too."""
LIKE = "ssd-mobilenet-v1"
BASE, EACH, HOLD = "_batch_base", "_batch_per_frame", "_batch_hold"
LOW, HIGH = 0.5, 3.0
"""Of the time of a frame: small networks use a GPU worse, and these have fewer layers."""


def rows(catalog: Catalog, name: str) -> Iterator[Row]:
    """Yield the rows of a network."""
    path = file_of(name)
    profile = measure(read(path), name, path.name, repeats=1)
    for row in rows_of(catalog, profile):
        if row.parameter == "eye":
            yield replace(row, source="itself (scripts/train_eyes.py)")
        elif row.unit != "text" and not row.low:
            yield replace(row, low=row.value, high=row.value)
        else:
            yield row
    yield from served(catalog, name, profile.graph.total("macs"))


def served(catalog: Catalog, name: str, macs: int) -> Iterator[Row]:
    """Yield the times of a network on all servers on which the other was measured."""
    share = macs / catalog.reader().count("models", LIKE, "macs")
    for row in catalog.rows("models", LIKE):
        if row.parameter == "variation" or row.parameter.endswith((BASE, HOLD)):
            yield replace(row, item=name, source=f"as {LIKE}: {row.source}", confidence="estimate")
        elif row.parameter.endswith(EACH):
            value, low, high = (
                f"{round(float(row.value) * share * factor, 6):.4g}" for factor in (1.0, LOW, HIGH)
            )
            yield replace(
                row, item=name, value=value, low=low, high=high, confidence="estimate",
                source=f"assumption: {LIKE} ({row.value} ms) times {share:.3f}, the ratio of"
                f" multiplications; low, high: {LOW:g} and {HIGH:g} times that",
            )  # fmt: skip


def main() -> None:
    """Replace the rows of our networks in the table of models."""
    catalog = Catalog.load()
    kept = [
        row for row in _table()
        if row[0] not in NAMES and not (row[0] in SENSORS and _of_server(row[1]))
    ]  # fmt: skip
    new = [astuple(row) for name in NAMES for row in rows(catalog, name)]
    new += [astuple(row) for name in SENSORS for row in on_servers(catalog, name)]
    write_table(TABLE, COLUMNS, [*kept, *new])
    print(f"{len(new)} rows of {', '.join((*NAMES, *SENSORS))} written to {TABLE}")


def on_servers(catalog: Catalog, name: str) -> Iterator[Row]:
    """Yield what a model of sensors needs to run on servers."""
    row = catalog.row("models", LIKE, "result")
    yield replace(row, item=name, source=f"as {LIKE}: {row.source}")
    yield from served(catalog, name, catalog.reader().count("models", name, "macs"))


def _of_server(parameter: str) -> bool:
    return parameter in ("result", "variation") or "_batch_" in parameter


def _table() -> list[tuple[str, ...]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


if __name__ == "__main__":
    main()
