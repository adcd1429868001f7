"""The table of `fleet trace` for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from fleet.eyes.summary import Summary

_EMPTY = "–"
_NUMBERS = ("kbit/s", "PSNR", "found", "recall", "prec.", "msg B", "crops B", "visitors")


def table(title: str, rows: Sequence[Summary], *, visitors: bool = True) -> Table:
    """Return a line for each source and model; bytes and detections are means of a frame.

    Args:
        title: above it.
        rows: see `summarise`.
        visitors: whether visitors are what the clip is about.
    """
    shown = Table(
        box=box.SIMPLE_HEAD, title=title, title_style="bold", title_justify="left",
        padding=0,
    )  # fmt: skip
    shown.add_column("seen")
    shown.add_column("model")
    for name in _NUMBERS if visitors else _NUMBERS[:-1]:
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            row.source, row.model, f"{row.rate_kbps:,.0f}", _number(row.psnr_db, ".1f"),
            f"{row.found:.2f}", _number(row.recall, ".3f"), _number(row.precision, ".3f"),
            f"{row.message_bytes:,.0f}", _number(row.roi_bytes, ",.0f"),
            *([_visitors(row)] if visitors else []),
        )  # fmt: skip
    return shown


def _visitors(row: Summary) -> str:
    """Return how many were counted, and of how many if that is known."""
    return f"{row.visitors}" if row.newcomers is None else f"{row.visitors} of {row.newcomers}"


def _number(x: float | None, form: str) -> str:
    return _EMPTY if x is None else format(x, form)
