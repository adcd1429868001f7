"""The catalogue as tables for people and as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Table

from fleet.catalog import Catalog


def tables(known: Catalog, kind: str | None, item: str | None) -> Iterator[Table]:
    """Yield a table for each kind, or one kind's, or one item's with its sources."""
    if kind is not None and item is not None:
        yield _item_table(known, kind, item)
        return
    for name in [kind] if kind else known.kinds():
        table = Table(title=name, box=box.SIMPLE_HEAD, title_style="bold", title_justify="left")
        table.add_column("item")
        table.add_column("parameters", justify="right")
        table.add_column("confidence")
        for found in known.items(name):
            rows = known.rows(name, found)
            shares = {c: sum(r.confidence == c for r in rows) for c in _CONFIDENCE}
            text = ", ".join(f"{n} {c}" for c, n in shares.items() if n)
            table.add_row(found, str(len(rows)), text)
        yield table


_CONFIDENCE = ("measured", "vendor", "derived", "estimate")


def _item_table(known: Catalog, kind: str, item: str) -> Table:
    table = Table(
        title=f"{kind}: {item}", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left"
    )
    for name in ("parameter", "value", "unit", "range", "confidence", "source", "year"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for row in known.rows(kind, item):
        span = f"{row.low} – {row.high}" if row.low or row.high else ""
        table.add_row(
            row.parameter, str(row.value), row.unit, span, row.confidence, row.source, str(row.year)
        )
    return table


def as_data(known: Catalog, kind: str | None, item: str | None) -> list[dict[str, Any]]:
    """Return the rows of everything, of a kind or of an item."""
    return [
        {"kind": k, **dataclasses.asdict(row)}
        for k in ([kind] if kind else known.kinds())
        for i in ([item] if item else known.items(k))
        for row in known.rows(k, i)
    ]
