"""The catalogue as tables for people and as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from fleet import doors
from fleet.catalog import Catalog, Row
from fleet.catalog.rows import CONFIDENCES, TEXT

_HEADLINES = {
    "sensors": ("memory", "host", "price", "modes"),
    "cameras": ("width", "base_power", "power_h264", "encode_h264", "price"),
    "hosts": ("power", "price"),
    "codecs": ("family", "i_frame", "p_frame", "gop", "static_share"),
    "links": ("rate", "user_rate", "propagation", "tail", "promotion"),
    "network": ("fixed_energy_per_bit", "mobile_energy_per_bit"),
    "servers": ("idle_power", "busy_power", "decoders", "price", "purchase"),
    "models": ("task", "macs", "map", "top1", "rate_max"),
    "protocols": ("per_message", "segment", "per_segment"),
    "apps": ("share", "dwell", "crop_share"),
    "carbon": ("intensity",),
    "prices": ("electricity", "mobile_data", "storage"),
    "eyes": ("family", "input", "macs", "map"),
    "cuts": ("macs", "layers", "weights", "working", "tensor"),
    "distances": ("rtt_to_west-europe", "rtt_to_east-us", "rtt_to_southeast-asia"),
}


def tables(known: Catalog, kind: str | None, item: str | None) -> Iterator[Table | Text]:
    """Yield a table for each kind, or one kind's, or one item's and its sources."""
    if kind is not None and item is not None:
        yield from _item(known, kind, item)
        return
    for name in [kind] if kind else known.kinds():
        yield _table_of(name, known)


def _table_of(kind: str, known: Catalog) -> Table:
    items = known.items(kind)
    chosen = [p for p in _HEADLINES[kind] if any(known.has(kind, i, p) for i in items)]
    table = Table(
        title=kind, box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False,
        collapse_padding=True,
    )  # fmt: skip
    table.add_column("item", no_wrap=True)
    for parameter in chosen:
        title = Text(parameter.replace("_", "\n"))
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    for item in items:
        rows = known.rows(kind, item)
        cells = [
            _short(known.row(kind, item, p)) if known.has(kind, item, p) else "–" for p in chosen
        ]
        sure = sum(row.confidence != "estimate" for row in rows)
        table.add_row(item, *cells, f"{sure / len(rows):.0%}")
    table.caption = "sure: share of the values that are not estimates"
    table.caption_justify = "left"
    return table


def _item(known: Catalog, kind: str, item: str) -> Iterator[Table | Text]:
    table = Table(
        title=f"{kind}: {item}", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left"
    )
    for name in ("parameter", "value", "range", "confidence", "source"):
        table.add_column(name, justify="right" if name in ("value", "source") else "left")
    rows = known.rows(kind, item)
    sources = list(dict.fromkeys(f"{row.source} ({row.year})" for row in rows))
    for row in rows:
        span = f"{row.low} – {row.high}" if row.low != row.high else ""
        number = sources.index(f"{row.source} ({row.year})") + 1
        table.add_row(row.parameter, _value(row), span, row.confidence, f"[{number}]")
    yield table
    for number, source in enumerate(sources, 1):
        yield Text(f"[{number}] {doors.terminal(source)}")
    counts = ((c, sum(row.confidence == c for row in rows)) for c in CONFIDENCES)
    yield Text("\n" + ", ".join(f"{n} {c}" for c, n in counts if n), style="dim")


def _value(row: Row) -> str:
    """Return a value with its unit, long numbers in groups of three."""
    number = f"{int(row.value):,}" if row.value.isdigit() and len(row.value) > 4 else row.value
    if row.unit in ("1", TEXT, "count"):
        return number
    return f"{number} {row.unit}"


def _short(row: Row) -> str:
    """Return a value in few digits, for a column of its like."""
    if row.unit in ("MAC", "B") and float(row.value) >= 1e6:
        return f"{float(row.value) / 1e6:,.0f} M{row.unit}"
    return _value(row)


def as_data(known: Catalog, kind: str | None, item: str | None) -> list[dict[str, str]]:
    """Return the rows of everything, of a kind or of an item."""
    return [
        {"kind": k, **dataclasses.asdict(row)}
        for k in ([kind] if kind else known.kinds())
        for i in ([item] if item else known.items(k))
        for row in known.rows(k, i)
    ]
